"""Making spend cards: each product's cards are brought up to the bill.

What a worker is told (`plan_spend_cards`) may be long ago: it looks at the bills, the cards and the
months that are open by itself.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import NamedTuple

from finops.domain.audit import Act, Deed
from finops.domain.card_runs import WeekTally, brought_up, tallied
from finops.domain.errors import ConflictError, NotFoundError
from finops.domain.paces import Pace
from finops.domain.periods import BillingPeriod, spend_period
from finops.domain.places import allocation
from finops.domain.spend_cards import CardKey, Cause, Readiness, Spend, SpendCard
from finops.usecases.card_steps import alone, steps
from finops.usecases.plan_spend_cards import Item, Member, round_name, run_place, week_readiness
from finops.usecases.ports import CardSpending, Ledger, MonthSpend, Save, SpendCards

ACTOR = "make_spend_cards"
READERS = 8
TRIES = 5

Pair = tuple[str, str | None]  # a product and a currency
Known = Mapping[Pair, Sequence[SpendCard]]
Changes = tuple[Member, list[Save]]


class Press(NamedTuple):
    """What cards are made with; *open_from* says the first day that is open as it is now.

    It is asked anew in each round.
    """

    cards: SpendCards
    spending: CardSpending
    ledger: Ledger
    open_from: Callable[[], date]


def make_cards(item: Item, *, press: Press) -> tuple[WeekTally, ...]:
    """Bring the cards of some products up to the bill; what was done, by week.

    Where an allocation was published meanwhile, what was written may be of the run before: then all
    is done once more, as it is where the close of a month has begun. Raises ConflictError where
    others are faster again and again.
    """
    for _ in range(TRIES):
        around = _Round.begun(item, press)
        try:
            cards = around.brought_up()
        except ConflictError:
            if press.open_from() == around.open_from:
                raise
            continue
        if around.is_current():
            tallies = tallied(cards, item.at)
            place = run_place(item.run_id, f"{round_name(item.at)}/{item.number}.json")
            press.ledger.put_json(place, [one.model_dump(mode="json") for one in tallies])
            return tallies
    raise ConflictError(
        f"allocations of {', '.join(item.months)} are published all the time: try again"
    )


class _Round(NamedTuple):
    """An item, and how things stand: what the bills of its months say, and what is open."""

    item: Item
    press: Press
    spends: Mapping[str, MonthSpend]  # of months whose bills are all there
    open_from: date
    loads: "_Loads"

    @classmethod
    def begun(cls, item: Item, press: Press) -> "_Round":
        products = [member.product_id for member in item.members]
        open_from = press.open_from()
        found = {
            month: press.spending.spend(month, products)
            for month in item.months
            if BillingPeriod(month).start >= open_from
        }
        whole = {month: told for month, told in found.items() if not told.standing.missing}
        return cls(item, press, whole, open_from, _Loads(press.ledger))

    def is_current(self) -> bool:
        """Whether the runs that were looked at are still those that readers see."""
        return all(
            self.press.spending.standing(month).runs == told.standing.runs
            for month, told in self.spends.items()
        )

    def brought_up(self) -> list[SpendCard]:
        """All cards of the item's products, after what is to be written is written.

        Several products are written in one step; where somebody was faster, each of them is read
        again and written by itself.
        """
        known = self._read(self.item.members)
        after = {card.key: card for cards in known.values() for card in cards}
        changes = ((member, self._saves(member, known)) for member in self.item.members)
        written: Iterable[Changes] = ((member, saves) for member, saves in changes if saves)
        for step in steps(written, lambda one: one[1]):
            try:
                saved = self._write([save for _, saves in step for save in saves])
            except ConflictError:
                saved = [card for member, _ in step for card in self._again(member)]
            after |= {card.key: card for card in saved}
        return list(after.values())

    def _again(self, member: Member) -> list[SpendCard]:
        """All cards of *member*, written by itself."""
        tries = TRIES
        while True:
            known = self._read([member])
            found = {card.key: card for cards in known.values() for card in cards}
            try:
                saved = self._write(self._saves(member, known))
            except ConflictError:
                tries -= 1
                if not tries:
                    raise
                continue
            return list((found | {card.key: card for card in saved}).values())

    def _read(self, members: Iterable[Member]) -> dict[Pair, Sequence[SpendCard]]:
        """The cards of *members* in open months, as they are now.

        What months before those of the item have of them, none of its bills has a say in.
        """
        pairs = [(one.product_id, currency) for one in members for currency in one.currencies]
        since = max(self.open_from, BillingPeriod(min(self.item.months)).start)

        def cards(of: Pair) -> Sequence[SpendCard]:
            return self.press.cards.of_product(*of, since)

        with ThreadPoolExecutor(READERS) as pool:
            return dict(zip(pairs, pool.map(cards, pairs), strict=True))

    def _write(self, saves: Sequence[Save]) -> list[SpendCard]:
        act = Act(actor=ACTOR, at=self.item.at, request_id=self.item.run_id)
        saved: list[SpendCard] = []
        for step in steps(saves, alone):
            saved += self.press.cards.save(step, act)
        return saved

    # What is to be written ----------------------------------------------------------------------

    def _saves(self, member: Member, known: Known) -> list[Save]:
        """What is to be changed and made of a product."""
        of_member = [(member.product_id, currency) for currency in member.currencies]
        due = self._due(member, [card for of in of_member for card in known[of]])
        saves = []
        for of in of_member:
            cards = {card.start: card for card in known[of]}
            paces = {key: self._pace(member, key) for key in due if key.currency == of[1]}
            spare = {CardKey(member.product_id, start, of[1]) for start in self._weeks[-1:]}
            spares = {key: self._pace(member, key) for key in spare - paces.keys()}
            latest = self._latest(of, {*cards, *(key.start for key in (*paces, *spares))})
            changed = brought_up(
                cards.values(),
                latest,
                paces,
                spares=spares,
                final=[month for month, told in self.spends.items() if told.standing.is_final],
                cause=self._causes(cards, latest),
                settings=self.item.settings,
                closed_before=self.open_from,
                by=ACTOR,
                at=self.item.at,
            )
            for card in changed:
                before = cards.get(card.start)
                saves.append(Save(before, card, _deed(before, card)))
        return saves

    def _due(self, member: Member, cards: Sequence[SpendCard]) -> list[CardKey]:
        """The cards that *member* shall have: where it spends, and where it lives and has none."""
        there = {card.start for card in cards}
        found = []
        for start in self._weeks:
            told = self.spends[BillingPeriod.of(start)]
            spent = [
                currency
                for currency in member.currencies
                if start in told.spends.get((member.product_id, currency), {})
            ]
            if not spent and start in member.alive and start not in there:
                spent = [self.item.currency]
            found += [CardKey(member.product_id, start, currency) for currency in spent]
        return found

    @property
    def _weeks(self) -> list[date]:
        """The weeks of the item that are covered still, in order."""
        found = []
        for start in sorted(self.item.weeks):
            told = self.spends.get(BillingPeriod.of(start))
            if told is not None:
                is_covered = week_readiness(spend_period(start), told.standing)
                found += [] if is_covered is Readiness.WAITS else [start]
        return found

    def _pace(self, member: Member, key: CardKey) -> Pace:
        """Plans are made in one currency; what is spent in another one has no budget to go by."""
        month = BillingPeriod.of(key.start)
        return Pace(
            budget=member.approved.get(month) if key.currency == self.item.currency else None,
            month_days=self.item.settings.month_days.of(month),
        )

    def _latest(self, of: Pair, weeks: Iterable[date]) -> dict[date, Spend]:
        """What a product pays for *weeks*, of the months that were looked at."""
        found = {}
        for start in weeks:
            told = self.spends.get(BillingPeriod.of(start))
            if told is not None:
                one = told.standing
                nothing = Spend(runs=tuple(one.runs.values()), revision=one.revision)
                found[start] = told.spends.get(of, {}).get(start, nothing)
        return found

    def _causes(
        self, cards: Mapping[date, SpendCard], latest: Mapping[date, Spend]
    ) -> dict[date, Cause]:
        """Why weeks that are signed differ: where the bills are the same, the rules have changed."""
        found = {}
        for start, card in cards.items():
            if card.is_frozen and start in latest and latest[start].lines != card.lines:
                about = [one for each in cards.values() for one in each.adjustments]
                runs = [(one.made_at, one.runs) for one in about if one.start == start]
                last = max(runs, default=(card.made_at, card.runs))[1]
                month = BillingPeriod.of(start)
                payers = self.spends[month].standing.runs
                loads = self.loads.of(month, payers, last)
                if loads and loads == self.loads.of(month, payers, latest[start].runs):
                    found[start] = Cause.RULES
        return found


def _deed(before: SpendCard | None, after: SpendCard) -> Deed:
    """Thousands of cards are made at once: nothing is said of each."""
    if before is None:
        action = "MakeCard"
    elif len(after.former) > len(before.former):
        action = "RecomputeCard"
    elif len(after.history) > len(before.history):
        action = "SettleCard"
    elif before.is_provisional and not after.is_provisional:
        action = "FinaliseCard"
    else:
        action = "RestateCard"
    return Deed(action=action, element=after.on_record, event_element=after.product_id)


class _Loads:
    """The loads that runs of the allocation were made of."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[tuple[str, str, str], str | None] = {}

    def of(
        self, month: str, payers: Iterable[str], runs: Iterable[str]
    ) -> frozenset[tuple[str, str]] | None:
        """By payer; None where a run is gone."""
        named = list(payers)
        found = set()
        for run in runs:
            loads = {(payer, load) for payer in named if (load := self._load(month, payer, run))}
            if not loads:
                return None
            found |= loads
        return frozenset(found)

    def _load(self, month: str, payer: str, run: str) -> str | None:
        of = (month, payer, run)
        if of not in self._known:
            try:
                index = self._ledger.get_json(f"{allocation(payer, month, run)}/index.json")
                self._known[of] = str(index["load_id"])
            except NotFoundError:
                self._known[of] = None
        return self._known[of]
