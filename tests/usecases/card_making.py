"""An organisation whose bills are told week by week, and runs that make its spend cards."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from finops.domain.allocations import PartKind
from finops.domain.audit import Deed
from finops.domain.bills import Bill
from finops.domain.card_runs import Mondays, WeekTally
from finops.domain.delegations import Signature
from finops.domain.organisation_settings import ALL, OrganisationSettings
from finops.domain.spend_cards import (
    CardCommand,
    CardKey,
    CardLine,
    CardSettings,
    Spend,
    SpendCard,
)
from finops.usecases.make_spend_cards import Press, make_cards
from finops.usecases.plan_spend_cards import Item, Planned, Sources, Timing, plan
from finops.usecases.ports import Save
from finops.usecases.tell_spend_cards import Told, tell
from tests.card_fakes import InMemoryCardSpending, InMemorySpendCards, in_memory_settings
from tests.fakes import FolderLedger, InMemoryBills
from tests.usecases.organisation import WEB_SHOP, Organisation, act

AUGUST, SEPTEMBER = "2026-08", "2026-09"
MONDAY = datetime(2026, 8, 10, 6, 0, tzinfo=UTC)  # the first whole week of August is over
PAYER = "999988887777"
TIMING = Timing(Mondays(6, "UTC"), None, retry_minutes=30, retry_hours=24)
DEED = Deed(action="Test")
OF_AUGUST = [date(2026, 8, day) for day in (1, 2, 9, 16, 23, 30)]


def lines(**services: int) -> tuple[CardLine, ...]:
    """What each service costs, by one split of one account."""
    return tuple(
        CardLine(
            account_id="444455556666",
            kind=PartKind.SHARE,
            rule="1",
            service=service,
            amount=amount,
        )
        for service, amount in services.items()
        if amount
    )


class Works:
    """All that cards are made with, on fakes; what bills say is told by `bill`."""

    def __init__(self, folder: Path) -> None:
        self.organisation = Organisation()
        self.organisation.drop()
        self.records = self.organisation.records
        self.cards = InMemorySpendCards(self.records)
        self.spending = InMemoryCardSpending()
        self.settings = in_memory_settings(self.records)
        self.bills = InMemoryBills()
        self.ledger = FolderLedger(folder)
        self.open_from = date(2000, 1, 1)
        self.timing = TIMING
        self.currency = "USD"
        self._loads = 0

    def bill(
        self,
        month: str,
        weeks: Mapping[date, Mapping[str, int]],
        *,
        product: str = WEB_SHOP,
        currency: str | None = "USD",
        through: date | None = None,
        is_final: bool = False,
        revision: int = 1,
    ) -> str:
        """A bill comes and is allocated: what a product pays in each week, by service; the run."""
        self._loads += 1
        run = f"run-{self._loads}"
        self.expect(month)
        spends = dict(self.spending.spend(month).spends)
        spends[product, currency] = {
            start: Spend(lines=lines(**services), runs=(run,), revision=revision)
            for start, services in weeks.items()
            if any(services.values())
        }
        again = {
            of: {
                start: one.model_copy(update={"runs": (run,), "revision": revision})
                for start, one in told.items()
            }
            for of, told in spends.items()
        }
        self.spending.tell(
            month,
            again,
            runs={PAYER: run},
            revision=revision,
            complete_through=through,
            is_final=is_final,
        )
        return run

    def expect(self, month: str) -> None:
        """There is a bill of *month*."""
        if self.bills.find(PAYER, month) is None:
            self.bills.publish(
                [
                    Bill(
                        billing_account_id=PAYER,
                        billing_period=month,
                        load_id=f"load-{month}",
                        delivered_at=MONDAY,
                        published_at=MONDAY,
                        lineage=(f"load-{month}",),
                        totals=(),
                    )
                ]
            )

    def choose(self, settings: CardSettings) -> None:
        known = self.settings.find(ALL)
        after = (known or OrganisationSettings()).changed(cards=settings)
        self.settings.save([Save(known, after, DEED)], act())

    @property
    def sources(self) -> Sources:
        return Sources(
            bills=self.bills,
            spending=self.spending,
            cards=self.cards,
            charts=self.organisation.charts,
            budgets=self.organisation.budgets,
            settings=self.settings,
            fiscal_start=1,
            currency=self.currency,
            open_from=self.open_from,
        )

    @property
    def press(self) -> Press:
        return Press(self.cards, self.spending, self.ledger, lambda: self.open_from)

    def plan(
        self,
        at: datetime = MONDAY,
        period: str | None = None,
        *,
        now: datetime | None = None,
        run_id: str = "run",
    ) -> Planned:
        return plan(
            run_id,
            at,
            period,
            now=now or at,
            timing=self.timing,
            sources=self.sources,
            ledger=self.ledger,
            bucket="ledger",
        )

    def items(self, planned: Planned) -> list[Item]:
        return [Item(**item) for item in self.ledger.get_json(planned.items_key)]

    def make(
        self, at: datetime = MONDAY, period: str | None = None, *, run_id: str | None = None
    ) -> Told:
        """A whole run."""
        planned = self.plan(at, period, run_id=run_id or f"run-{at:%m%d%H%M%S}")
        for item in self.items(planned):
            make_cards(item, press=self.press)
        return tell(planned, ledger=self.ledger)

    def card(self, start: date, product: str = WEB_SHOP, currency: str | None = "USD") -> SpendCard:
        found = self.cards.find(CardKey(product, start, currency))
        assert found is not None
        return found

    def give(
        self, start: date, *commands: CardCommand, at: datetime = MONDAY, product: str = WEB_SHOP
    ) -> SpendCard:
        """What people do to a card, each of them somebody else."""
        return self.give_in("USD", start, *commands, at=at, product=product)

    def give_in(
        self,
        currency: str,
        start: date,
        *commands: CardCommand,
        at: datetime = MONDAY,
        product: str = WEB_SHOP,
    ) -> SpendCard:
        for number, command in enumerate(commands):
            before = self.card(start, product, currency)
            after = before.decided(
                command, by=Signature(by=f"{number}@example.com"), at=at, reason="because"
            )
            self.cards.save([Save(before, after, DEED)], act())
        return self.card(start, product, currency)

    def remap(self, start: date, revision: int, at: datetime = MONDAY) -> SpendCard:
        """A disputed card's rules are changed."""
        before = self.card(start)
        after = before.remapped(revision, by=Signature(by="judge@example.com"), at=at)
        return self.cards.save([Save(before, after, DEED)], act())[0]


def week_tallies(told: Told) -> list[tuple[int, int, int, int, int]]:
    """By the week's first day: made, restated, reopened, settled."""
    return [
        (week.start.day, week.made, week.restated, week.reopened, week.settled)
        for week in told.weeks
        if not week.is_quiet
    ]


def waiting(weeks: tuple[WeekTally, ...]) -> dict[int, str]:
    return {week.start.day: week.waiting for week in weeks if week.waiting is not None}


def later(days: float) -> datetime:
    """So many days after the first Monday."""
    return MONDAY + timedelta(days)
