"""Answers about signed and unsigned spend: what is on cards, what is not, and what was planned.

All are made of sums by element: roll-ups of the published runs, what lists know of cards, and plans.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from finops.domain.authorization import Action
from finops.domain.card_sums import (
    CardState,
    Measure,
    SumKey,
    Sums,
    total,
)
from finops.domain.card_tasks import CardTask, deadline, task_of
from finops.domain.elements import ENTERPRISE, LEVELS, covers, level, parent
from finops.domain.people import Person, holders
from finops.domain.periods import BillingPeriod, Period, spend_periods
from finops.domain.spend_cards import FINAL, CardStatus, CardSummary
from finops.usecases.memo import stamp
from finops.usecases.month_sums import ViewSources, stamp_of
from finops.usecases.spend_frames import BY_MONTH, BY_YEAR, Frame, Plan, Question, RowKey, Span

# Summary --------------------------------------------------------------------------------------------


class OnCards(NamedTuple):
    """The cards of one state: how many, their own weeks' spend, and adjustments about the span."""

    state: CardState
    cards: int
    own: int
    booked: int

    @property
    def amount(self) -> int:
        return self.own + self.booked

    @property
    def is_final(self) -> bool:
        return self.state.status in FINAL


class Trend(NamedTuple):
    """The first *days* of a span, and as many of the one before it."""

    days: int
    spend: int
    before: int


class SummaryLine(NamedTuple):
    """What became of a span's spend in one currency, in ticks.

    Spend = all that is on cards + *waiting* + *corrections* + *uncarded*.
    """

    currency: str
    spend: int
    on_cards: Sequence[OnCards]
    waiting: int
    corrections: int
    uncarded: int
    trend: Trend
    plan: Plan

    @property
    def whole(self) -> int:
        parts = sum(one.amount for one in self.on_cards)
        return parts + self.waiting + self.corrections + self.uncarded


class Summary(NamedTuple):
    frame: Frame
    lines: Sequence[SummaryLine]


def summary(question: Question, *, sources: ViewSources) -> Summary:
    """What of an element's spend is signed, waits, or is on no card yet; and how it moves."""
    frame = Frame(question, Action.SEE_CARDS, sources)
    trends = _trends(frame)
    closed = [one for one in frame.months if one.is_closed]
    still_open = [one for one in frame.months if not one.is_closed]
    whole, of_closed, of_open = (
        frame.sums(frame.element, months) for months in (None, closed, still_open)
    )
    return Summary(
        frame,
        [
            SummaryLine(
                currency=currency,
                spend=frame.spend(frame.element, currency),
                on_cards=on_cards(whole, currency, Measure.BOOKED),
                waiting=total(of_open, Measure.WAITING, currency),
                corrections=total(of_closed, Measure.WAITING, currency),
                uncarded=total(whole, Measure.UNCARDED, currency),
                trend=trends[currency],
                plan=frame.against_plan(frame.element, currency),
            )
            for currency in frame.currencies
        ],
    )


PLACES: Mapping[Measure, int] = {Measure.CARDS: 0, Measure.OWN: 1}
STATUSES = {status: place for place, status in enumerate(CardStatus)}


def on_cards(
    sums: Mapping[SumKey, int],
    currency: str,
    adjustments: Measure,
) -> list[OnCards]:
    """Cards by their state; *adjustments* are those about the span (booked), or that cards carry."""
    found: dict[CardState, list[int]] = {}
    for key, ticks in sums.items():
        if key.state is None or key.currency != currency:
            continue
        place = 2 if key.measure is adjustments else PLACES.get(key.measure)
        if place is not None:
            found.setdefault(key.state, [0, 0, 0])[place] += ticks
    ordered = sorted(
        found.items(), key=lambda one: (STATUSES[one[0].status], one[0].is_provisional)
    )
    return [OnCards(state, *numbers) for state, numbers in ordered if any(numbers)]


def _trends(frame: Frame) -> Mapping[str, Trend]:
    """By currency; of the 29th to the 31st a month that has fewer days has no more to compare."""
    before = frame.span.before
    count = min(frame.covered(frame.span.months), before.period.days)

    def first_days(span: Span) -> Counter[str]:
        start = span.period.start
        found = Counter[str]()
        for (currency, day), ticks in frame.days(span).items():
            if start <= day < start + timedelta(count):
                found[currency] += ticks
        return found

    now, then = first_days(frame.span), first_days(before)
    return {one: Trend(count, now[one], then[one]) for one in frame.currencies}


# Elements -------------------------------------------------------------------------------------------


class Rows(NamedTuple):
    """An element and those below it, by their keys; what each row tells is worked out when asked."""

    frame: Frame
    keys: Sequence[RowKey]
    is_of_month: bool = False  # or of a year


class ElementLine(NamedTuple):
    """An element's span: against its plan, and by what became of it; *owners* hold it."""

    element: str
    currency: str
    plan: Plan
    on_cards: Sequence[OnCards]
    waiting: int
    uncarded: int
    owners: Sequence[Person]


def snapshot(question: Question, depth: int, *, sources: ViewSources) -> Rows:
    """An element and all below it to a depth: `element_line` of each."""
    frame = Frame(question, Action.SEE_CARDS, sources)
    return Rows(frame, frame.rows(depth))


def element_lines(found: Rows, keys: Iterable[RowKey]) -> list[ElementLine]:
    """The rows of some *keys*."""
    frame = found.frame
    lines = []
    for element, currency in keys:
        sums = frame.sums(element)
        lines.append(
            ElementLine(
                element=element,
                currency=currency,
                plan=frame.against_plan(element, currency),
                on_cards=on_cards(sums, currency, Measure.BOOKED),
                waiting=total(sums, Measure.WAITING, currency),
                uncarded=total(sums, Measure.UNCARDED, currency),
                owners=frame.owners(element),
            )
        )
    return lines


class Variance(NamedTuple):
    """An element against its plan: in the last month of the span, and from the year's start on."""

    element: str
    currency: str
    month: Plan
    year_to_date: Plan


def variances(question: Question, depth: int, *, sources: ViewSources) -> Rows:
    """An element and all below it against what is approved, up to the month asked for."""
    month = question.span.months[-1] if question.span.name == BY_MONTH else None
    year = question.span.year
    until = year.months[: year.months.index(month) + 1] if month else year.months
    frame = Frame(question, Action.SEE_ALLOCATIONS, sources, Span(BY_YEAR, year, until))
    return Rows(frame, frame.rows(depth), is_of_month=month is not None)


def variance_lines(found: Rows, keys: Iterable[RowKey]) -> list[Variance]:
    """The rows of some *keys*."""
    frame = found.frame
    month = [frame.span.months[-1] if found.is_of_month else frame.last_month]
    return [
        Variance(
            element,
            currency,
            frame.against_plan(element, currency, month),
            frame.against_plan(element, currency),
        )
        for element, currency in keys
    ]


# Heat map -------------------------------------------------------------------------------------------


class Tile(NamedTuple):
    """A product, or a portfolio as the sum of its products, with its pace."""

    element: str
    group: str
    currency: str
    plan: Plan


def heat_map(question: Question, *, sources: ViewSources) -> Rows:
    """The products that spent anything, or got money back, and the portfolios they are of."""
    frame = Frame(question, Action.SEE_ALLOCATIONS, sources)
    keys = [
        (element, currency)
        for element, currency in frame.rows(LEVELS)
        if level(element) in (LEVELS - 1, LEVELS) and frame.spend(element, currency)
    ]
    return Rows(frame, keys)


def tiles(found: Rows, keys: Iterable[RowKey]) -> list[Tile]:
    """The rows of some *keys*."""
    return [
        Tile(element, parent(element), currency, found.frame.against_plan(element, currency))
        for element, currency in keys
    ]


# Weeks ----------------------------------------------------------------------------------------------


BESIDE_CARDS = (Measure.SPEND, Measure.WAITING, Measure.UNCARDED)


class Week(NamedTuple):
    """What an element's cards of a business week come to, and what is on none."""

    period: Period
    on_cards: Sequence[OnCards]
    spend: int
    waiting: int
    uncarded: int

    @property
    def cards(self) -> int:
        return sum(one.cards for one in self.on_cards)

    @property
    def amount(self) -> int:
        """What is signed, or to be signed."""
        return sum(one.amount for one in self.on_cards)

    @property
    def adjustments(self) -> int:
        return sum(one.booked for one in self.on_cards)


def weekly_cards(question: Question, depth: int, *, sources: ViewSources) -> Rows:
    """An element and all below it, with the cards of every business week of the span."""
    frame = Frame(question, Action.SEE_CARDS, sources)
    return Rows(frame, frame.rows(depth))


def weeks(frame: Frame, element: str, currency: str) -> list[Week]:
    """An element's weeks, in order; those of a year, too, are cut at the ends of months."""
    return _weeks(frame.sums(element), currency, frame.weeks)


def months(frame: Frame, element: str, currency: str) -> list[Week]:
    """The same by month."""
    return _weeks(frame.sums(element), currency, [month.period for month in frame.span.months])


def _weeks(sums: Sums, currency: str, periods: Sequence[Period]) -> list[Week]:
    starts = [period.start for period in periods]
    parted: list[Sums] = [{} for _ in periods]
    for key, ticks in sums.items():
        place = bisect_right(starts, key.start) - 1
        if place >= 0 and key.start in periods[place]:
            parted[place][key] = ticks
    return [
        Week(
            period,
            on_cards(own, currency, Measure.CARRIED),
            *(total(own, each, currency) for each in BESIDE_CARDS),
        )
        for period, own in zip(periods, parted, strict=True)
    ]


# Cards by status ------------------------------------------------------------------------------------


class StatusLine(NamedTuple):
    """Cards of one state and currency whose step is owed at one *level* (None: by nobody)."""

    currency: str
    state: CardState
    level: int | None
    cards: int
    amount: int


class Waiting(NamedTuple):
    """A card that waits for a step, until when, and the people who owe it."""

    card: CardSummary
    task: CardTask
    currency: str
    due: date | None
    owed_by: Sequence[Person]

    @property
    def card_state(self) -> CardState:
        return CardState.of(self.card)


class CardStatuses(NamedTuple):
    """The cards of an element's span: by state, and those that wait, the longest first."""

    frame: Frame
    statuses: Sequence[StatusLine]
    waiting: Sequence[tuple[CardSummary, CardTask]]


def cards_by_status(question: Question, *, sources: ViewSources) -> CardStatuses:
    """How far an element's cards are, and who owes the next step."""
    frame = Frame(question, Action.SEE_CARDS, sources)
    months = [one.month for one in frame.months]
    if frame.tops != [ENTERPRISE] or question.currency is not None:
        return CardStatuses(frame, *_statuses(months, frame))
    # Of all cards there are tens of thousands.
    people = stamp(sources.people.all())
    made_of = (
        people,
        tuple(
            (frame.known.cards(month).stamp, frame.known.takes_decisions(month)) for month in months
        ),
    )
    name = ("card statuses", question.span.name, question.span.months[0])
    found = sources.planning.memo.of(name, made_of, lambda: _statuses(months, frame))
    return CardStatuses(frame, *found)


def _statuses(
    months: Iterable[BillingPeriod], frame: Frame
) -> tuple[list[StatusLine], list[tuple[CardSummary, CardTask]]]:
    groups: dict[tuple[str, CardState, int | None], list[int]] = {}
    waiting = []
    for month in months:
        for product, tasks in _tasks(month, frame).items():
            if not any(covers(top, product) for top in frame.tops):
                continue
            for card, task in tasks:
                currency = card.currency or frame.sources.currency
                if currency not in frame.currencies:
                    continue
                of = currency, CardState.of(card), task.owed_at if task else None
                group = groups.setdefault(of, [0, 0])
                group[0] += 1
                group[1] += card.amount
                if task is not None:
                    waiting.append((card, task))
    # In the order of `waiting_since`.
    waiting.sort(key=lambda one: (one[0].since, one[0].key[:2], one[0].currency or ""))
    return [StatusLine(*of, *groups[of]) for of in sorted(groups, key=_by_status)], waiting


def _by_status(of: tuple[str, CardState, int | None]) -> tuple[str, int, bool, int]:
    currency, state, owed_at = of
    place = -1 if owed_at is None else owed_at
    return currency, STATUSES[state.status], state.is_provisional, place


def waiting_since(one: tuple[CardSummary, CardTask]) -> str:
    """Where a card stands among those that wait: all times are UTC, and sort as text."""
    card, _ = one
    return f"{card.since.isoformat()} {card.product_id}\x01{card.start} {card.currency or ''}"


def _tasks(
    month: BillingPeriod, frame: Frame
) -> Mapping[str, Sequence[tuple[CardSummary, CardTask | None]]]:
    """The cards of a month by product, each with the step that it waits for.

    Those of a month that is closed, or being closed, wait for nothing any more.
    """
    memo, people = frame.sources.planning.memo, frame.sources.people.all()
    cards, held = frame.known.cards(month), holders(people)
    is_open = frame.known.takes_decisions(month)
    now = stamp(people), is_open

    def made() -> Mapping[str, Sequence[tuple[CardSummary, CardTask | None]]]:
        versions = {product: hash(stamp_of(some)) for product, some in cards.of.items()}
        found, _ = memo.each(
            ("card tasks", month),
            now,
            versions,
            lambda product: [
                (card, task_of(card, held) if is_open else None) for card in cards.of[product]
            ],
        )
        return found

    return memo.of(("card tasks now", month), (cards.stamp, *now), made)


def waiting_lines(
    found: CardStatuses, some: Iterable[tuple[CardSummary, CardTask]]
) -> list[Waiting]:
    """Some of the cards that wait, with who owes the step."""
    frame = found.frame
    people = frame.sources.people.all()
    return [
        Waiting(
            card,
            task,
            card.currency or frame.sources.currency,
            due.date() if (due := deadline(card, frame.card_settings)) else None,
            [one for one in people if task.is_for(one)],
        )
        for card, task in some
    ]


# Trend and schedule ---------------------------------------------------------------------------------


class TrendMonth(NamedTuple):
    """A month by day, in one currency: spend of each day, and the approved schedule up to it.

    *schedule* is None without an approved one; at the last day it is all of the month's.
    """

    month: BillingPeriod
    currency: str
    days: Sequence[int]
    schedule: Sequence[int] | None
    through: int  # how many days the bills cover

    @property
    def spend(self) -> int:
        return sum(self.days)

    @property
    def weeks(self) -> Sequence[tuple[Period, int]]:
        """Its business weeks, with what was spent in each."""
        start = self.month.start
        return [
            (week, sum(self.days[(day - start).days] for day in week))
            for week in spend_periods(self.month)
        ]


class Trends(NamedTuple):
    frame: Frame
    months: Sequence[TrendMonth]
    trends: Mapping[str, Trend]


def trend(question: Question, *, sources: ViewSources) -> Trends:
    """Spend by day and week, a month beside the one before it, or all months of a year."""
    frame = Frame(question, Action.SEE_ALLOCATIONS, sources)
    spans = [frame.span.before, frame.span] if frame.span.name == BY_MONTH else [frame.span]
    listed = [
        _trend_month(month, currency, days, frame)
        for span, days in [(span, frame.days(span)) for span in spans]
        for month in span.months
        if month <= frame.last_month
        for currency in frame.currencies
    ]
    return Trends(frame, listed, _trends(frame))


def _trend_month(
    month: BillingPeriod, currency: str, days: Mapping[tuple[str, date], int], frame: Frame
) -> TrendMonth:
    count = month.period.days
    approved = frame.approved(month, currency)
    return TrendMonth(
        month,
        currency,
        [days.get((currency, day), 0) for day in month.period],
        None if approved is None else [approved * (n + 1) // count for n in range(count)],
        frame.covered([month]),
    )


class ScheduleMonth(NamedTuple):
    """A month's spend against what is approved for it, in one currency."""

    month: BillingPeriod
    currency: str
    plan: Plan
    approved: int | None
    is_closed: bool
    has_bill: bool


class Schedule(NamedTuple):
    frame: Frame
    months: Sequence[ScheduleMonth]


def schedule(question: Question, *, sources: ViewSources) -> Schedule:
    """Spend against the approved schedule, month by month."""
    frame = Frame(question, Action.SEE_ALLOCATIONS, sources)
    return Schedule(
        frame,
        [
            ScheduleMonth(
                month,
                currency,
                frame.against_plan(frame.element, currency, [month]),
                frame.approved(month, currency),
                frame.known.is_closed(month),
                bool(frame.known.bills.get(month)),
            )
            for month in frame.span.months
            for currency in frame.currencies
        ],
    )
