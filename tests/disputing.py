"""A bill that is allocated, with its spend cards, and the people who sign or dispute them."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from finops.domain.audit import Deed, Receipt
from finops.domain.delegations import Delegation, Signature
from finops.domain.paces import Pace
from finops.domain.people import Person, Role
from finops.domain.restatements import restated
from finops.domain.rule_changes import Change
from finops.domain.spend_cards import (
    CardCommand,
    CardKey,
    Cause,
    RemapProposal,
    Spend,
    SpendCard,
)
from finops.ledger.engine import connect
from finops.usecases.allocated import Shelf
from finops.usecases.card_spending import RunCardSpending
from finops.usecases.card_tasks import CardDesk
from finops.usecases.disputes import RemapDesk, proposal, remap
from finops.usecases.ports import Save
from finops.usecases.previews import Preview, ask_preview
from tests.allocating import AT, OF, RULES, SHARED, Allocating, furnish
from tests.card_fakes import (
    InMemorySpendCards,
    in_memory_closes,
    in_memory_delegations,
    in_memory_settings,
)
from tests.exports import MONTH, Line
from tests.remaps_fakes import InMemoryRemaps
from tests.usecases.organisation import SEARCH, STOREFRONT, TILLS, WEB_SHOP, act

# Web shop 6.00, search 4.00; the tills' 5.00 are claimed. All of it in the first week.
LINES = (Line("10.00", SHARED, resource="i-2"), Line("5.00", SHARED, resource="i-1"))
WEEK = date(2026, 9, 1)
LATER = AT + timedelta(hours=1)
WHY = "the search uses as much of it"
SHOP_CARD = CardKey(WEB_SHOP, WEEK, "USD")


class Disputing:
    """All ports of cards, of who pays and of their runs, on fakes."""

    def __init__(self, folder: Path, lines: Sequence[Line] = LINES) -> None:
        self.made = Allocating(folder)
        self.organisation = self.made.organisation
        records = self.organisation.records
        furnish(self.organisation, RULES[:3])
        self.made.load(1, lines)
        assert self.made.run() == "Published"
        house = self.made.house
        shelf = Shelf(
            self.made.allocations, house.bills, house.ledger, lambda: connect(house.limits)
        )
        self.records = records
        self.spending = RunCardSpending(shelf)
        self.cards = InMemorySpendCards(records)
        self.closes = in_memory_closes(records)
        self.delegations = in_memory_delegations(records)
        self.settings = in_memory_settings(records)
        self.remaps = InMemoryRemaps(records, self.organisation.claims)  # type: ignore[arg-type]
        hire = self.organisation.hire
        self.admin = hire("fin@example.com", Role.FINANCIAL_ADMIN)
        self.shop = hire("shop@example.com", Role.PRODUCT_OWNER, (WEB_SHOP,))
        self.seeker = hire("search@example.com", Role.PRODUCT_OWNER, (SEARCH,))
        self.cashier = hire("tills@example.com", Role.PRODUCT_OWNER, (TILLS,))
        self.portfolio = hire("portfolio@example.com", Role.PORTFOLIO_OWNER, (STOREFRONT,))
        self.bring_up()

    @property
    def card_desk(self) -> CardDesk:
        one = self.organisation
        return CardDesk(
            *(self.cards, one.people, self.closes, self.delegations, self.settings),
            *(one.first_month, one.memo),
        )

    @property
    def desk(self) -> RemapDesk:
        return RemapDesk(self.card_desk, self.made.book, self.remaps)

    def bring_up(self, at: datetime = LATER) -> None:
        """All cards of the month as the run in force has them, as `make_spend_cards` does it."""
        look = self.spending.spend(MONTH)
        known = {(card.product_id, card.currency) for card in self.cards.all()}
        for of in sorted({*look.spends, *known}, key=str):
            product, currency = of
            cards = self.cards.of_product(product, currency, WEEK)
            nothing = Spend(
                runs=tuple(look.standing.runs.values()), revision=look.standing.revision
            )
            latest = {card.start: nothing for card in cards} | dict(look.spends.get(of, {}))
            done = restated(cards, latest, cause=Cause.RULES, by="make_spend_cards", at=at)
            new = [
                SpendCard.made(CardKey(product, start, currency), spend, pace=Pace(), at=at)
                for start, spend in latest.items()
                if start not in {card.start for card in cards}
            ]
            before = {card.start: card for card in cards}
            saves = [
                Save(before.get(one.start), one, Deed(action="MakeCards"))
                for one in (*done.cards, *new)
            ]
            if saves:
                self.cards.save(saves, act("make_spend_cards", at))

    def card(self, key: CardKey = SHOP_CARD) -> SpendCard:
        found = self.cards.find(key)
        assert found is not None
        return found

    def preview(self, *changes: Change, by: Person | None = None) -> Preview:
        """Asked and answered."""
        asked = ask_preview(changes, by=by or self.shop, at=LATER, studio=self.made.studio)
        for payer, period, preview_id in list(self.made.runs.started.values()):
            if preview_id == asked.preview_id:
                assert self.made.run(preview_id, (payer, period)) == "Previewed"
        return asked

    def proposed(
        self, *changes: Change, by: Person | None = None, key: CardKey = SHOP_CARD
    ) -> RemapProposal:
        asked = self.preview(*changes, by=by)
        return proposal(
            asked.preview_id, self.card(key), by=by or self.shop, ledger=self.made.house.ledger
        )

    def dispute(
        self,
        proposed: RemapProposal | None = None,
        *,
        by: Person | None = None,
        key: CardKey = SHOP_CARD,
    ) -> SpendCard:
        card = self.card(key)
        after = card.decided(
            CardCommand.DISPUTE,
            by=Signature(by=(by or self.shop).email),
            at=LATER,
            reason=WHY,
            proposal=proposed,
        )
        return self.cards.save([Save(card, after, Deed(action="Dispute"))], act())[0]

    def remap(
        self,
        *changes: Change,
        by: Person | None = None,
        key: CardKey = SHOP_CARD,
        version: int | None = None,
        reason: str | None = None,
        receipt: Receipt | None = None,
    ) -> SpendCard:
        """The dispute's proposal, where no changes are named."""
        person = by or self.portfolio
        return remap(
            key,
            changes or None,
            self.card(key).version if version is None else version,
            by=person,
            desk=self.desk,
            act=act(person.email, LATER, reason=reason, receipt=receipt),
        )

    def away(self, absent: Person, delegate: Person) -> None:
        """Somebody stands in for somebody else from now on."""
        one = Delegation.granted(
            "d-1",
            absent=absent.email,
            delegate=delegate.email,
            start=AT.date(),
            end=AT.date() + timedelta(7),
            by=absent.email,
            at=AT,
        )
        self.delegations.save([Save(None, one, Deed(action="Delegate"))], act())

    def allocate(self) -> None:
        """The next run, by the rules of now, and the cards after it."""
        assert self.made.run() in ("Published", "Unchanged")
        self.bring_up()

    def paid(self) -> dict[str, int]:
        """What the run in force says of each product."""
        totals = self.spending.totals(MONTH)
        return {of[0]: sum(weeks.values()) for of, weeks in totals.items()}

    def carded(self) -> dict[str, int]:
        """What all cards say of each product."""
        sums: dict[str, int] = {}
        for card in self.cards.all():
            sums[card.product_id] = sums.get(card.product_id, 0) + card.amount
        return sums

    def run_id(self) -> str:
        found = self.made.allocations.find(*OF)
        assert found is not None
        return found.run_id
