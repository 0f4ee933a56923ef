"""Months of spend with bills, runs, cards and schedules that fit together, on fakes."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from finops.domain.allocation_runs import Allocation, AllocationTotal, rollups
from finops.domain.allocations import PartKind, Reason
from finops.domain.audit import Deed
from finops.domain.bills import Bill, BillTotal
from finops.domain.class_policies import CostBasis
from finops.domain.delegations import Signature
from finops.domain.loads import Costs
from finops.domain.month_closes import CloseStatus, MonthClose
from finops.domain.paces import Pace
from finops.domain.periods import BillingPeriod, billed_period
from finops.domain.restatements import restated
from finops.domain.spend_cards import (
    CardCommand,
    CardKey,
    CardLine,
    Cause,
    Spend,
    SpendCard,
)
from finops.usecases.grounds import Book
from finops.usecases.month_sums import ViewSources
from finops.usecases.ports import AccountTotals, Rollup, Save
from tests.card_fakes import InMemoryCardSpending
from tests.fakes import InMemoryBills
from tests.usecases.organisation import UNIT, Organisation, act

PAYER, OTHER = "999988887777", "888877776666"
AT = datetime(2026, 9, 21, 6, tzinfo=UTC)
OLA, PIA = "ola@example.com", "pia@example.com"


class Entry(NamedTuple):
    """Spend of a day in units; of nobody without a product; *is_credit*: AWS credited it."""

    day: str
    amount: int
    product: str | None = None
    payer: str = PAYER
    currency: str | None = "USD"
    month: str | None = None  # of the bill, where it is another one than that of the day
    is_credit: bool = False

    @property
    def of(self) -> tuple[str, str]:
        return self.payer, self.month or self.day[:7]

    @property
    def ticks(self) -> int:
        return self.amount * UNIT


class SpendWorld:
    """An organisation with its chart of 2026, and what is published of its months."""

    def __init__(self, organisation: Organisation | None = None) -> None:
        self.organisation = organisation or Organisation()
        if organisation is None:
            self.organisation.drop()
        self.bills = InMemoryBills()
        self.card_spending = InMemoryCardSpending()
        self.loads = 0
        self._allocated: dict[tuple[str, str], list[Entry]] = {}

    @property
    def sources(self) -> ViewSources:
        one = self.organisation
        return ViewSources(
            cards=one.spend_cards,
            card_spending=self.card_spending,
            closes=one.closes,
            settings=one.settings_kept,
            people=one.people,
            bills=self.bills,
            allocations=one.allocations,
            planning=one.planning,
            book=Book(one.rulebook, one.grounds, CostBasis.BILLED),
            first_month=one.first_month,
            currency="USD",
        )

    # Bills and runs -----------------------------------------------------------------------------

    def load(
        self,
        entries: Iterable[Entry],
        *,
        through: str | None = None,
        is_final: bool = False,
        is_allocated: bool = True,
    ) -> None:
        """The bills that hold *entries* take the place of what was there, and are allocated."""
        self.loads += 1
        by_bill: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
        for one in entries:
            by_bill[one.of].append(one)
        for (payer, month), listed in by_bill.items():
            self._publish(payer, month, listed, through, is_final)
            if is_allocated:
                self._allocate(payer, month, listed)
                self._allocated[payer, month] = listed
        for month in {month for _, month in by_bill}:
            self._tell(month)
        self._spend()

    def _publish(
        self, payer: str, month: str, entries: list[Entry], through: str | None, is_final: bool
    ) -> None:
        load_id = f"load-{self.loads}"
        known = self.bills.find(payer, month)
        days: defaultdict[str | None, dict[str, dict[str, list[int]]]] = defaultdict(dict)
        for one in entries:
            day = days[one.currency].setdefault(one.day, {})
            sums = day.setdefault("Credit" if one.is_credit else "Usage", [0, 0, 0, 0, 0, 0])
            for place, ticks in ((0, 1), (1, one.ticks), (2, one.ticks), (3, one.ticks)):
                sums[place] += ticks
        last = through or max(one.day for one in entries)
        self.bills.write_totals(
            payer,
            month,
            [AccountTotals("1", name, load_id, load_id, told) for name, told in days.items()],
        )
        costs = Costs(lines=1, unblended_cost=0, billed_cost=0, effective_cost=0)
        bill = Bill(
            billing_account_id=payer,
            billing_period=month,
            load_id=load_id,
            # A day counts once another one is over.
            delivered_at=datetime.fromisoformat(f"{last}T00:00+00:00") + timedelta(2),
            published_at=AT,
            lineage=(load_id,),
            totals=(
                BillTotal(
                    billing_currency="USD",
                    costs=costs,
                    last_usage_day=last,
                    lines_without_invoice=0 if is_final else 1,
                ),
            ),
            version=known.version if known else 0,
        )
        self.bills.publish([bill])

    def _allocate(self, payer: str, month: str, entries: list[Entry]) -> None:
        run_id = f"run-{self.loads}-{payer}-{month}"
        known = self.organisation.allocations.find(payer, month)
        spend = [one for one in entries if not one.is_credit]
        owned, nobodys = Counter[str | None](), Counter[str | None]()
        for one in spend:
            (owned if one.product else nobodys)[one.currency] += one.ticks
        made = Allocation(
            billing_account_id=payer,
            billing_period=month,
            run_id=run_id,
            load_id=f"load-{self.loads}",
            basis=CostBasis.BILLED,
            revision=10**6,
            made_at=AT,
            lineage=(run_id,),
            totals=tuple(
                AllocationTotal(
                    currency=currency,
                    allocated=owned[currency],
                    unallocated={Reason.NO_SHARE: nobodys[currency]} if nobodys[currency] else {},
                )
                for currency in {**owned, **nobodys}
            ),
            version=known.version if known else 0,
        )
        rolled = rollups(
            (
                one.currency,
                one.product,
                None if one.product else Reason.NO_SHARE,
                one.day,
                one.ticks,
            )
            for one in spend
        )
        allocations = self.organisation.allocations
        allocations.write_rollups(made, [Rollup.of(of, days) for of, days in rolled.items()])
        allocations.publish(made)

    def _tell(self, month: str) -> None:
        """What cards are made of."""
        weeks: defaultdict[tuple[str, str | None], Counter[date]] = defaultdict(Counter)
        for (_, of), entries in self._allocated.items():
            for one in entries:
                if one.product and not one.is_credit and of == month:
                    start = billed_period(BillingPeriod(month), date.fromisoformat(one.day)).start
                    weeks[one.product, one.currency][start] += one.ticks
        found = self.organisation.allocations.in_period(month)
        runs = {one.billing_account_id: one.run_id for one in found}
        spends = {
            of: {start: _spend(ticks, tuple(runs.values())) for start, ticks in sums.items()}
            for of, sums in weeks.items()
        }
        self.card_spending.tell(month, spends, runs=runs)

    def _spend(self) -> None:
        """What plans are compared with."""
        places: defaultdict[str, list[int]] = defaultdict(lambda: [0] * 12)
        for (_, month), entries in self._allocated.items():
            for one in entries:
                is_plans = one.currency in (None, "USD") and month[:4] == "2026"
                if one.product and not one.is_credit and is_plans:
                    places[one.product][int(month[5:]) - 1] += one.ticks
        told = {product: tuple(months) for product, months in places.items()}
        self.organisation.spending.products = dict(told)

    # Cards --------------------------------------------------------------------------------------

    def make_cards(
        self, *months: str, until: str = "2199-12-31", is_provisional: bool = False
    ) -> list[SpendCard]:
        """What a run of the cards does: cards of weeks up to a day, and open ones follow the bill."""
        found = []
        of = {of for month in months for of in self.card_spending.spend(month).spends}
        for product, currency in sorted(of, key=str):
            latest = {
                start: spend
                for month in months
                for start, spend in self.card_spending.spend(month)
                .spends.get((product, currency), {})
                .items()
            }
            found += self._make(product, currency, latest, until, is_provisional)
        return found

    def _make(
        self,
        product: str,
        currency: str | None,
        latest: dict[date, Spend],
        until: str,
        is_provisional: bool,
    ) -> list[SpendCard]:
        cards = self.organisation.spend_cards
        known = {one.start: one for one in cards.of_product(product, currency, date.min)}
        outcome = restated(known.values(), latest, cause=Cause.BILL, by="run", at=AT)
        saves = [Save(known[one.start], one, Deed(action="Restate")) for one in outcome.cards]
        due = outcome.due
        for start in sorted(latest):
            if start not in known and start.isoformat() < until:
                new = SpendCard.made(
                    CardKey(product, start, currency),
                    latest[start],
                    due=due,
                    pace=Pace(),
                    is_provisional=is_provisional,
                    at=AT,
                )
                saves.append(Save(None, new, Deed(action="Make")))
                due = ()
        return cards.save(saves, act()) if saves else []

    def give(self, card: SpendCard, *commands: CardCommand, at: datetime = AT) -> SpendCard:
        """*card* after some commands of its owners."""
        kept = self.organisation.spend_cards.find(card.key)
        assert kept is not None
        after = kept
        for command in commands:
            by = PIA if command in (CardCommand.APPROVE, CardCommand.REJECT) else OLA
            after = after.decided(command, by=Signature(by=by), at=at, reason="because")
        [saved] = self.organisation.spend_cards.save(
            [Save(kept, after, Deed(action="Decide"))], act()
        )
        return saved

    def close(self, month: str, status: CloseStatus = CloseStatus.CLOSED) -> None:
        """*month* is closed, or being closed, however that came about."""
        closed = MonthClose(
            month=month,
            status=status,
            closed_at=AT if status is CloseStatus.CLOSED else None,
            begun_at=AT,
            changed_at=AT,
        )
        self.organisation.closes.save([Save(None, closed, Deed(action="Close"))], act())


def _spend(ticks: int, runs: tuple[str, ...]) -> Spend:
    line = CardLine(
        account_id="1", kind=PartKind.SHARE, rule="1", service="AmazonEC2", amount=ticks
    )
    return Spend(lines=(line,) if ticks else (), runs=runs, revision=1)
