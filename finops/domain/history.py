"""History: months or fiscal quarters side by side, each against the one before, like with like.

A month to date is compared with the same days of its month before, a part of a quarter with the same
months of its quarter; spans of unequal length, by day. A month that is not loaded is a gap, not zero.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple, Self

from finops.domain.errors import InvalidError
from finops.domain.fiscal_years import FiscalYear
from finops.domain.periods import BillingPeriod
from finops.domain.spend_cubes import CubeQuery
from finops.domain.values import Frozen

WHOLE = 10_000  # basis points
QUARTER = 3  # months
LONGEST = 31  # days of a month
MOST_MONTHS = 120
MOST_BY = 3
# Each column is a span of months, and each currency is a table of its own.
APART = ("month", "day", "currency")


class Step(StrEnum):
    """What is compared with what: each month, or fiscal quarter, with the one before."""

    MONTH = "month"
    QUARTER = "quarter"

    @property
    def months(self) -> int:
        return 1 if self is Step.MONTH else QUARTER


def dimensions(said: Sequence[str]) -> tuple[str, ...]:
    """What history is taken apart by. Raises InvalidError for none, too many, and no dimension.

    >>> dimensions(["service", "tag:user:Team"])
    ('service', 'tag:user:Team')
    """
    if not 0 < len(said) <= MOST_BY:
        raise InvalidError(
            f"by: history is taken apart by 1 to {MOST_BY} dimensions, not by {len(said)};"
            " e.g. service,account"
        )
    for name in said:
        if name in APART:
            raise InvalidError(
                f"by: {name} is told apart anyway, or not at all; name what the spend is of, e.g."
                " service"
            )
    return CubeQuery(months=(), by=tuple(said)).by


# Spans --------------------------------------------------------------------------------------------


class MonthKnown(NamedTuple):
    """How much of a month is known: its first *days*, all of it, or nothing (None): a gap."""

    month: BillingPeriod
    days: int | None

    @property
    def length(self) -> int:
        return self.month.period.days

    @property
    def is_loaded(self) -> bool:
        return self.days is not None

    @property
    def is_whole(self) -> bool:
        return self.days == self.length


class Span(NamedTuple):
    """A month or a quarter, with those of its months that were asked for."""

    label: str
    step: Step
    months: tuple[MonthKnown, ...]
    places: tuple[int, ...]  # of the months in a whole span

    @property
    def loaded(self) -> tuple[BillingPeriod, ...]:
        return tuple(one.month for one in self.months if one.is_loaded)

    @property
    def gaps(self) -> tuple[BillingPeriod, ...]:
        return tuple(one.month for one in self.months if not one.is_loaded)

    @property
    def is_part(self) -> bool:
        """Whether a month, or a day, of it is not in what it comes to."""
        return len(self.months) < self.step.months or not all(one.is_whole for one in self.months)

    @property
    def days(self) -> int:
        """How many days of it are known."""
        return sum(one.days or 0 for one in self.months)


def spans(months: Sequence[MonthKnown], step: Step, first_month: int = 1) -> list[Span]:
    """*months*, which follow one another, as spans; quarters are those of the fiscal year.

    >>> known = [MonthKnown(BillingPeriod(f"2026-0{n}"), None) for n in (8, 9)]
    >>> [(one.label, one.places) for one in spans(known, Step.QUARTER, first_month=2)]
    [('FY2027 Q3', (0, 1))]
    """
    if step is Step.MONTH:
        return [Span(str(one.month), step, (one,), (0,)) for one in months]

    def place(one: MonthKnown) -> tuple[int, int]:
        year = FiscalYear.of(one.month.start, first_month)
        return year.year, year.months.index(one.month)

    grouped = groupby(months, key=lambda one: (place(one)[0], place(one)[1] // QUARTER))
    found = []
    for (year, quarter), some in grouped:
        its = tuple(some)
        places = tuple(place(one)[1] % QUARTER for one in its)
        found.append(Span(f"FY{year} Q{quarter + 1}", step, its, places))
    return found


# Like with like -----------------------------------------------------------------------------------


class Pair(NamedTuple):
    """The first *days* of a month, and of the month it is compared with *days_before*."""

    month: BillingPeriod
    before: BillingPeriod
    days: int
    days_before: int


def pairs(span: Span, before: Span) -> list[Pair]:
    """Which days of *span* are compared with which of the one *before*; none where none can be.

    Whole months are compared with whole months, else both up to the same day, or their last one.

    >>> [march, february] = [MonthKnown(BillingPeriod("2026-03"), 30),
    ...     MonthKnown(BillingPeriod("2026-02"), 28)]
    >>> [(one.days, one.days_before) for one in pairs(
    ...     *spans([march], Step.MONTH), *spans([february], Step.MONTH))]
    [(30, 28)]
    """
    others = dict(zip(before.places, before.months, strict=True))
    found = []
    for place, one in zip(span.places, span.months, strict=True):
        other = others.get(place)
        if other is None or one.days is None or other.days is None:
            continue
        most = min(LONGEST if each.is_whole else each.days or 0 for each in (one, other))
        if most:
            days, days_before = min(most, one.length), min(most, other.length)
            found.append(Pair(one.month, other.month, days, days_before))
    return found


class Change(Frozen):
    """So many *days* of a span against those of the one before: in ticks, and in ticks a day.

    *percent* is of what was before, in basis points; None of nothing. Where the spans are of unequal
    length, what is a day's says what changed; the rest says what it came to.
    """

    amount: int
    before: int
    days: int
    days_before: int

    @property
    def change(self) -> int:
        return self.amount - self.before

    @property
    def percent(self) -> int | None:
        return _points(Fraction(self.change), Fraction(self.before))

    @property
    def per_day(self) -> int:
        return round(Fraction(self.amount, self.days))

    @property
    def per_day_before(self) -> int:
        return round(Fraction(self.before, self.days_before))

    @property
    def per_day_change(self) -> int:
        return self.per_day - self.per_day_before

    @property
    def per_day_percent(self) -> int | None:
        """
        >>> february, march = 28 * 10, 31 * 10
        >>> same = Change(amount=march, before=february, days=31, days_before=28)
        >>> same.percent, same.per_day_percent
        (1071, 0)
        """
        before = Fraction(self.before, self.days_before)
        return _points(Fraction(self.amount, self.days) - before, before)

    @property
    def is_even(self) -> bool:
        """Whether as many days are compared with as many."""
        return self.days == self.days_before


def _points(part: Fraction, whole: Fraction) -> int | None:
    return round(part * WHOLE / abs(whole)) if whole else None


# Rows ---------------------------------------------------------------------------------------------

Values = tuple[str | None, ...]


class Sums(NamedTuple):
    """For each span what it comes to (None: nothing of it is loaded), and what of it is compared.

    *compared* has amounts of the same days of the span and of the one before; None where there is
    nothing to compare.
    """

    amounts: tuple[int | None, ...]
    compared: tuple[tuple[int, int] | None, ...]

    def __add__(self, other: "Sums") -> "Sums":  # type: ignore[override]
        return Sums(
            tuple(
                None if a is None or b is None else a + b
                for a, b in zip(self.amounts, other.amounts, strict=True)
            ),
            tuple(
                None if a is None or b is None else (a[0] + b[0], a[1] + b[1])
                for a, b in zip(self.compared, other.compared, strict=True)
            ),
        )

    @property
    def is_nothing(self) -> bool:
        return not any(self.amounts) and not any(map(any, filter(None, self.compared)))


class Layout(NamedTuple):
    """The columns of a history: its spans, and which days of each are compared with which before."""

    spans: tuple[Span, ...]
    pairs: tuple[tuple[Pair, ...], ...]

    @classmethod
    def of(cls, some: Sequence[Span]) -> Self:
        found: list[tuple[Pair, ...]] = []
        for number, span in enumerate(some):
            found.append(tuple(pairs(span, some[number - 1])) if number else ())
        return cls(tuple(some), tuple(found))

    def parts(self) -> list[tuple[BillingPeriod, int]]:
        """The months of which only the first days are compared, and how many."""
        asked = {
            of
            for some in self.pairs
            for one in some
            for of in ((one.month, one.days), (one.before, one.days_before))
        }
        return sorted((month, days) for month, days in asked if days < month.period.days)

    def nothing(self) -> Sums:
        return Sums(
            tuple(0 if span.loaded else None for span in self.spans),
            tuple((0, 0) if some else None for some in self.pairs),
        )

    def sums(
        self, months: dict[BillingPeriod, int], parts: dict[tuple[BillingPeriod, int], int]
    ) -> Sums:
        """Those of what whole *months* come to, and the first days of some."""

        def first(month: BillingPeriod, days: int) -> int:
            if days < month.period.days:
                return parts.get((month, days), 0)
            return months.get(month, 0)

        return Sums(
            tuple(
                sum(months.get(month, 0) for month in span.loaded) if span.loaded else None
                for span in self.spans
            ),
            tuple(
                (
                    sum(first(one.month, one.days) for one in some),
                    sum(first(one.before, one.days_before) for one in some),
                )
                if some
                else None
                for some in self.pairs
            ),
        )

    def changes(self, sums: Sums) -> list[Change | None]:
        return [
            None
            if compared is None
            else Change(
                amount=compared[0],
                before=compared[1],
                days=sum(one.days for one in some),
                days_before=sum(one.days_before for one in some),
            )
            for some, compared in zip(self.pairs, sums.compared, strict=True)
        ]

    @property
    def newest(self) -> int | None:
        """Which is the last column that is compared."""
        return max((n for n, some in enumerate(self.pairs) if some), default=None)


def ranked(rows: Iterable[tuple[Values, Sums]]) -> list[tuple[Values, Sums]]:
    """The largest of the newest span that is loaded first; what is equal there, by the ones before."""

    def place(row: tuple[Values, Sums]) -> tuple[list[int], list[tuple[bool, str]]]:
        values, sums = row
        sizes = [-abs(one) for one in reversed(sums.amounts) if one is not None]
        return sizes, [(one is None, one or "") for one in values]

    return sorted(rows, key=place)


def movers(
    rows: Iterable[tuple[Values, Sums]], layout: Layout, most: int
) -> list[tuple[Values, Change]]:
    """What changed most a day in the newest column that is compared, up or down."""
    newest = layout.newest
    if newest is None:
        return []
    found = [(values, layout.changes(sums)[newest]) for values, sums in rows]
    moved = [(values, one) for values, one in found if one is not None and one.per_day_change]
    moved.sort(key=lambda one: (-abs(one[1].per_day_change), [v or "" for v in one[0]]))
    return moved[:most]
