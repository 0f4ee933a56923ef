"""Card sums: what became of a month's spend: on cards of which status, waiting, or on none yet.

All parts of a week add up to what the latest runs say of it, whatever was signed before.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from finops.domain.spend_cards import CardStatus, CardSummary


class Measure(StrEnum):
    """What is added up; amounts are ticks.

    *OWN* is what cards have of their own week, *BOOKED* what adjustments on whatever card have of a
    week: together what is on cards about it. *WAITING* is on none yet although its week has a card;
    *UNCARDED* is of weeks without one. *CARRIED* are the adjustments that a week's cards bring with
    them, about whatever week: a card is signed for *OWN* and *CARRIED*.
    """

    SPEND = "Spend"
    CARDS = "Cards"
    OWN = "Own"
    BOOKED = "Booked"
    CARRIED = "Carried"
    WAITING = "Waiting"
    UNCARDED = "Uncarded"


class CardState(NamedTuple):
    """Where cards stand; a provisional one waits for the bill of its month."""

    status: CardStatus
    is_provisional: bool = False

    @classmethod
    def of(cls, card: CardSummary) -> "CardState":
        return cls(card.status, card.is_provisional)


class SumKey(NamedTuple):
    """What a sum is of: a week by its first day, and for what is on cards where they stand."""

    currency: str
    start: date
    measure: Measure
    state: CardState | None = None


Sums = dict[SumKey, int]


class Booking(NamedTuple):
    """What an adjustment on a card has of a week, by its first day."""

    currency: str
    start: date
    state: CardState
    amount: int


def bookings(cards: Iterable[CardSummary], currency: str) -> Iterator[Booking]:
    """The adjustments of *cards*; one that names no currency is in *currency*."""
    for card in cards:
        for start, amount in card.about:
            yield Booking(card.currency or currency, start, CardState.of(card), amount)


def card_sums(
    spends: Mapping[tuple[str, date], int],
    cards: Iterable[CardSummary],
    booked: Iterable[Booking],
    currency: str,
) -> Sums:
    """A product's month: its latest *spends* (ticks by currency and week), and its *cards*.

    *booked* are the adjustments about weeks of the month, of whatever card. Σ own + booked + waiting
    + uncarded = Σ spend, for every week and currency. What names no currency is in *currency*.
    """
    sums: Sums = {}

    def add(of: tuple[str, date], measure: Measure, ticks: int, state: CardState | None) -> None:
        key = SumKey(*of, measure, state)
        sums[key] = sums.get(key, 0) + ticks

    left = dict(spends)
    carded = set()
    for of, ticks in spends.items():
        add(of, Measure.SPEND, ticks, None)
    for card in cards:
        of, state = (card.currency or currency, card.start), CardState.of(card)
        carded.add(of)
        add(of, Measure.CARDS, 1, state)
        add(of, Measure.OWN, card.spend, state)
        if card.amount != card.spend:
            add(of, Measure.CARRIED, card.amount - card.spend, state)
        left[of] = left.get(of, 0) - card.spend
    for one in booked:
        of = one.currency, one.start
        add(of, Measure.BOOKED, one.amount, one.state)
        left[of] = left.get(of, 0) - one.amount
    for of, ticks in left.items():
        if ticks:
            add(of, Measure.WAITING if of in carded else Measure.UNCARDED, ticks, None)
    return sums


def total(sums: Mapping[SumKey, int], measure: Measure, currency: str) -> int:
    """All of one kind in a currency."""
    return sum(
        ticks for key, ticks in sums.items() if key.measure is measure and key.currency == currency
    )


class Rollup:
    """The sums of products, and of every element above them: a node is the sum of its children."""

    def __init__(self) -> None:
        self._products: dict[str, Sums] = {}
        self._elements: dict[str, Sums] = {}
        self._currencies: defaultdict[str, set[str]] = defaultdict(set)

    @property
    def elements(self) -> Collection[str]:
        return self._elements.keys()

    def currencies(self, element: str) -> Iterable[str]:
        """Those that an element has, or had, something in."""
        return self._currencies.get(element, ())

    def of(self, element: str) -> Sums:
        return self._elements.get(element, {})

    def put(self, product: str, above: Iterable[str], sums: Sums) -> None:
        """A *product* has these sums from now on; those *above* it, itself among them, follow."""
        before = self._products.get(product, {})
        change = {key: ticks - before.get(key, 0) for key, ticks in sums.items()}
        change |= {key: -ticks for key, ticks in before.items() if key not in sums}
        self._products[product] = sums
        currencies = {key.currency for key in change}
        for element in above:
            self._currencies[element] |= currencies
            kept = self._elements.setdefault(element, {})
            for key, ticks in change.items():
                kept[key] = kept.get(key, 0) + ticks
