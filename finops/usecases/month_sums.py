"""Month sums: what became of the spend of a month, by element, from what is published and on cards.

Nothing is added up twice: a run, a bill and the cards of a closed month never change, and of others
only the products whose cards did are worked out anew.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from finops.domain.allocation_runs import Allocation
from finops.domain.bills import MEASURES, Bill
from finops.domain.card_sums import (
    Booking,
    Rollup,
    Sums,
    bookings,
    card_sums,
)
from finops.domain.charges import ChargeCategory
from finops.domain.class_policies import CostBasis
from finops.domain.elements import ancestors
from finops.domain.month_closes import frozen_before
from finops.domain.periods import BillingPeriod
from finops.domain.spend_cards import CardSummary
from finops.usecases.grounds import Book
from finops.usecases.plans import Planning
from finops.usecases.ports import (
    Allocations,
    Bills,
    CardSpending,
    Closes,
    People,
    SettingsKept,
    SpendCards,
)

PAGE = 500

Amounts = Mapping[str, int]  # ticks by currency


class ViewSources(NamedTuple):
    """Where views are looked up; what names no *currency* is in this one, as plans are."""

    cards: SpendCards
    card_spending: CardSpending
    closes: Closes
    settings: SettingsKept
    people: People
    bills: Bills
    allocations: Allocations
    planning: Planning
    book: Book
    first_month: int
    currency: str


# What is known of a month ---------------------------------------------------------------------------


class Known:
    """What bills, runs and closes there are: looked at once for each question."""

    def __init__(self, sources: ViewSources) -> None:
        self._sources = sources
        self.bills: defaultdict[str, list[Bill]] = defaultdict(list)
        self.allocations: defaultdict[str, list[Allocation]] = defaultdict(list)
        self._cards: dict[str, MonthCards] = {}
        cursor: str | None = None
        while True:
            page = sources.bills.all(PAGE, cursor)
            for bill in page.items:
                self.bills[bill.billing_period].append(bill)
            cursor = page.next_cursor
            if cursor is None:
                break
        for one in sources.allocations.all():
            self.allocations[one.billing_period].append(one)
        self.closes = sources.closes.all()

    def runs(self, month: str) -> tuple[tuple[str, str], ...]:
        return tuple(
            sorted((one.billing_account_id, one.run_id) for one in self.allocations[month])
        )

    def is_closed(self, month: str) -> bool:
        close = self.closes.get(month)
        return close is not None and close.is_closed

    def takes_decisions(self, month: str) -> bool:
        """Whether cards of *month* wait for somebody: its close has not begun, nor a later one."""
        return BillingPeriod(month).start >= frozen_before(self.closes.values())

    def last_with_cards(self, month: str, today: date) -> date:
        """Up to when a card may have been made that has something of *month*: it was open then."""
        close = self.closes.get(month)
        if close is not None and close.is_closed and close.closed_at is not None:
            return min(today, close.closed_at.date())
        return today

    def cards(self, month: str) -> "MonthCards":
        if month not in self._cards:
            self._cards[month] = self._read(month)
        return self._cards[month]

    def _read(self, month: str) -> "MonthCards":
        memo, cards = self._sources.planning.memo, self._sources.cards
        close = self.closes.get(month)
        if close is not None and close.is_closed:  # no card of it ever changes
            name, made_of = ("cards", month), (close.version, None)
            return memo.of(name, made_of, lambda: self._grouped(made_of, cards.in_month(month)))
        found = cards.in_month(month)
        now = stamp_of(found)
        return memo.of(("cards", month), now, lambda: self._grouped(now, found))

    def _grouped(self, made_of: object, found: Iterable[CardSummary]) -> "MonthCards":
        return MonthCards(made_of, found, self._sources.currency)


def stamp_of(cards: Sequence[CardSummary]) -> tuple[int, int]:
    """Versions only grow: the same number of cards and of changes means that none changed."""
    return len(cards), sum([card.version for card in cards])


class MonthCards:
    """The cards of a month by product, and what their adjustments have of which month."""

    def __init__(self, stamp: object, cards: Iterable[CardSummary], currency: str) -> None:
        self.stamp = stamp
        self.of: defaultdict[str, list[CardSummary]] = defaultdict(list)
        self.about: defaultdict[str, defaultdict[str, list[Booking]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for card in cards:
            self.of[card.product_id].append(card)
            for booking in bookings([card], currency):
                month = BillingPeriod.of(booking.start)
                self.about[month][card.product_id].append(booking)


class MonthSums(NamedTuple):
    """The sums of a month by element, and its spend alone, in ticks by currency.

    What waits on a closed month is a correction.
    """

    month: BillingPeriod
    rollup: Rollup
    spends: Mapping[str, Amounts]
    is_closed: bool


def month_sums(month: BillingPeriod, today: date, known: Known, sources: ViewSources) -> MonthSums:
    """The sums of *month* as they are, worked out anew for the products whose cards changed."""
    memo, runs = sources.planning.memo, known.runs(month)
    carriers = [known.cards(month)]
    last, following = known.last_with_cards(month, today), BillingPeriod.of(month.end)
    while carriers[0].of and following.start <= last:  # adjustments are to what is on a card
        carriers.append(known.cards(following))
        following = BillingPeriod.of(following.end)
    own = carriers[0]

    def totals() -> dict[str, dict[tuple[str, date], int]]:
        found: defaultdict[str, dict[tuple[str, date], int]] = defaultdict(dict)
        for (product, currency), weeks in sources.card_spending.totals(month).items():
            mine = found[product]
            for start, ticks in weeks.items():
                of = currency or sources.currency, start
                mine[of] = mine.get(of, 0) + ticks
        return found

    def by_element() -> Mapping[str, Amounts]:
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for product, weeks in spends.items():
            for element in ancestors(product):
                for (currency, _), ticks in weeks.items():
                    found[element][currency] += ticks
        return found

    def booked(product: str) -> list[Booking]:
        return [
            booking
            for carrier in carriers
            if month in carrier.about
            for booking in carrier.about[month].get(product, ())
        ]

    def sums(product: str) -> Sums:
        return card_sums(
            spends.get(product, {}), own.of.get(product, ()), booked(product), sources.currency
        )

    def brought_up() -> None:
        products = {*spends, *own.of}
        for carrier in carriers:
            products.update(carrier.about.get(month, ()))
        versions = {
            product: hash((stamp_of(own.of.get(product, [])), *booked(product)))
            for product in products
        }
        made, anew = memo.each(("sums", month), runs, versions, sums)
        for product in anew:
            rollup.put(product, ancestors(product), made[product])

    spends = memo.of(("totals", month), runs, totals)
    rollup = memo.of(("rollup", month), runs, Rollup)
    now = (runs, tuple(one.stamp for one in carriers))
    memo.of(("sums now", month), now, brought_up)
    by_currency = memo.of(("spends", month), runs, by_element)
    return MonthSums(month, rollup, by_currency, known.is_closed(month))


# What the bill says ---------------------------------------------------------------------------------


class BillSums(NamedTuple):
    """What a span's bills come to: spend, what AWS credited, and what of the spend nobody owns."""

    spend: Amounts
    credits: Amounts
    unallocated: Amounts


def bill_sums(months: Iterable[str], known: Known, sources: ViewSources) -> BillSums:
    spend, credited, nobodys = Counter[str](), Counter[str](), Counter[str]()
    for month in months:
        made = {one.billing_account_id: one for one in known.allocations[month]}
        for bill in known.bills[month]:
            allocation = made.get(bill.billing_account_id)
            basis = allocation.basis if allocation else sources.book.basis
            of_bill = _spend_and_credits(bill, basis, sources)
            _into(spend, of_bill[0])
            _into(credited, of_bill[1])
            if allocation is None:
                _into(nobodys, of_bill[0])
        for allocation in made.values():
            for one in allocation.totals:
                nobodys[one.currency or sources.currency] += sum(one.unallocated.values())
    return BillSums(spend, credited, nobodys)


def _spend_and_credits(
    bill: Bill, basis: CostBasis, sources: ViewSources
) -> tuple[Amounts, Amounts]:
    """The cost of a bill without what AWS credited, and that. Source: specification section 9."""

    def read() -> tuple[Amounts, Amounts]:
        place = MEASURES.index(basis.column)
        spend, credited = Counter[str](), Counter[str]()
        for totals in sources.bills.account_totals(bill):
            for day in (totals.days or {}).values():
                for category, measures in day.items():
                    into = credited if category == ChargeCategory.CREDIT else spend
                    into[totals.currency or sources.currency] += int(measures[place])
        return spend, credited

    name = ("bill sums", bill.billing_account_id, bill.billing_period)
    return sources.planning.memo.of(name, (bill.load_id, basis), read)


def _into(sums: Counter[str], amounts: Amounts) -> None:
    """Added up; `Counter.update` does the same, but not by its type."""
    for currency, ticks in amounts.items():
        sums[currency] += ticks
