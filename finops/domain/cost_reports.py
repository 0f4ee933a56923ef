"""Cost reports: what a scope cost in a week or a month, against the span before, told row by row."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BeforeValidator, PlainSerializer

from finops.domain.class_policies import CostBasis
from finops.domain.errors import InvalidError
from finops.domain.money import text, to_ticks
from finops.domain.periods import SUNDAY, BillingPeriod, Period
from finops.domain.report_settings import AccountFilter, Dimension, Rhythm, Threshold
from finops.domain.values import Frozen

WEEK = timedelta(7)
DAY = timedelta(1)
FIRST_YEAR = 2006  # of AWS
WHOLE = 10_000  # basis points
MOST_ROWS = 200  # of a breakdown: the others are one row
MOST_MARKED = 500  # rows that thresholds are about, of a breakdown and of all
MOST_PARTS = 3  # of a change that is spread


def _ticks(said: Any) -> Any:
    return to_ticks(Decimal(said)) if isinstance(said, str) else said


# Whole ticks here, decimal text in JSON.
Ticks = Annotated[int, BeforeValidator(_ticks), PlainSerializer(text, when_used="json")]


# Spans --------------------------------------------------------------------------------------------


class Part(NamedTuple):
    """The days of a span that count on one month's bill.

    Where the span reaches an end of the month, what that bill has of other days counts as well
    (`periods.billed_period`): *start* and *end* are None there, so that weeks add up to bills.
    """

    month: BillingPeriod
    days: Period
    start: date | None
    end: date | None


class ReportSpan(Frozen):
    """What a report is about: the days of [*start*, *end*), a business week or a month."""

    rhythm: Rhythm
    start: date
    end: date

    @classmethod
    def ending(cls, rhythm: Rhythm, end: date) -> Self:
        """The span before *end*, which is a Sunday or the first of a month. Raises InvalidError.

        >>> ReportSpan.ending(Rhythm.MONTHLY, date(2026, 3, 1)).start
        datetime.date(2026, 2, 1)
        """
        if end.year < FIRST_YEAR:
            raise InvalidError(
                f"end {end}: the first bills of AWS are of {FIRST_YEAR}; name a later day"
            )
        if rhythm is Rhythm.WEEKLY:
            if end.weekday() != SUNDAY:
                raise InvalidError(
                    f"end {end}: a business week ends before a Sunday; the newest one by then ends"
                    f" before {_sunday(end)}"
                )
            return cls(rhythm=rhythm, start=end - WEEK, end=end)
        if end.day != 1:
            raise InvalidError(
                f"end {end}: a month ends before the first of another; write {end.replace(day=1)}"
                " for the month before"
            )
        return cls(rhythm=rhythm, start=(end - DAY).replace(day=1), end=end)

    @classmethod
    def ended(cls, rhythm: Rhythm, today: date) -> Self:
        """The newest that is over on a day.

        >>> monday = date(2026, 3, 9)
        >>> str(ReportSpan.ended(Rhythm.WEEKLY, monday).end), str(
        ...     ReportSpan.ended(Rhythm.MONTHLY, monday).end)
        ('2026-03-08', '2026-03-01')
        """
        return cls.ending(
            rhythm, _sunday(today) if rhythm is Rhythm.WEEKLY else today.replace(day=1)
        )

    @property
    def period(self) -> Period:
        return Period(self.start, self.end)

    @property
    def last_day(self) -> date:
        return self.end - DAY

    @property
    def before(self) -> Period:
        """The 7 days, or the month, before it."""
        if self.rhythm is Rhythm.WEEKLY:
            return Period(self.start - WEEK, self.start)
        return BillingPeriod.of(self.start - DAY).period

    @property
    def label(self) -> str:
        """How it is called: "the week 2026-03-01 to 2026-03-07", "March 2026"."""
        if self.rhythm is Rhythm.MONTHLY:
            return f"{self.start:%B %Y}"
        return f"the week {self.start} to {self.last_day}"


def _sunday(day: date) -> date:
    return day - timedelta((day.weekday() - SUNDAY) % 7)


def parts(period: Period) -> list[Part]:
    """*period*, month by month.

    >>> [(one.month, one.start, one.end) for one in parts(Period(date(2026, 3, 29), date(2026, 4, 5)))]
    [('2026-03', datetime.date(2026, 3, 29), None), ('2026-04', None, datetime.date(2026, 4, 5))]
    """
    found, start = [], period.start
    while start < period.end:
        month = BillingPeriod.of(start)
        end = min(period.end, month.end)
        found.append(
            Part(
                month,
                Period(start, end),
                None if start == month.start else start,
                None if end == month.end else end,
            )
        )
        start = end
    return found


# Rows ---------------------------------------------------------------------------------------------


class RowKind(StrEnum):
    """What a row stands for: a value, what has none, what nobody owns, or many rows together."""

    VALUE = "Value"
    NONE = "None"
    NOBODY = "Nobody"
    LEFT_OUT = "LeftOut"  # the accounts that the settings leave out
    OTHERS = "Others"


class ReportFigures(Frozen):
    """What a row comes to, and came to before.

    *comparable* is what *before* would have been in as many days, *change* what is above it, and
    *growth* that in basis points of it; None where nothing is known of the span before, and of
    *growth* where there was nothing to grow from.
    """

    amount: Ticks
    before: Ticks | None
    comparable: Ticks | None
    change: Ticks | None
    growth: int | None

    @classmethod
    def of(cls, amount: int, before: int | None, comparable: int | None) -> Self:
        change = None if comparable is None else amount - comparable
        return cls(
            amount=amount,
            before=before,
            comparable=comparable,
            change=change,
            growth=None if change is None or comparable is None else points(change, comparable),
        )


class ReportRow(ReportFigures):
    """A row of a breakdown; *share* is in basis points of the section's total, *count* of values."""

    kind: RowKind = RowKind.VALUE
    key: str | None
    name: str
    share: int | None
    count: int = 1
    is_marked: bool = False


class ReportBreakdown(Frozen):
    """A section's total, taken apart by *dimension*; of tags, by *tag_key*. The rows add up to it."""

    dimension: str
    tag_key: str | None = None
    rows: tuple[ReportRow, ...]


class MarkedRow(Frozen):
    """A row that a threshold is about."""

    dimension: str
    tag_key: str | None = None
    row: ReportRow


class ServiceGroup(Frozen):
    """The services of one owner, or of one value of a tag: the largest ones, and all others."""

    dimension: str
    tag_key: str | None = None
    key: str | None
    name: str
    amount: Ticks
    services: tuple[ReportRow, ...]


class ZeroValue(Frozen):
    """A value of a tag that costs nothing in the span; *before* is what it did, where that is known."""

    tag_key: str
    value: str
    before: Ticks | None


class DayAmount(Frozen):
    day: date
    amount: Ticks


class ChangePart(Frozen):
    """What a service in an account changed by, or an owner; *share* of the whole in basis points."""

    service: str | None = None
    account: str | None = None
    element: str | None = None
    name: str
    change: Ticks
    share: int | None


class ChangeDriver(Frozen):
    """What moved the total: one part that explains at least half of the change, or several."""

    is_spread: bool
    parts: tuple[ChangePart, ...]


class MonthAhead(Frozen):
    """The month to date, what it is going to come to, and in which interval four of five would lie.

    *days* are those through *through*: *spent* is their sum.
    """

    month: str
    through: date
    days_of_month: int
    days: tuple[DayAmount, ...]
    spent: Ticks
    expected: Ticks
    low: Ticks
    high: Ticks


class ScheduleToDate(Frozen):
    """What is approved for the month, and evenly for its days so far, beside what they cost."""

    month: str
    through: date
    approved: Ticks
    to_date: Ticks
    spent: Ticks


class ReportSection(Frozen):
    """All of a report that is in one currency. *total* is spend: without what AWS credited.

    *unowned* is the part that nobody owns, *credits* what AWS credited (negative), *net* the total
    with it: what the bills come to. They are None for who sees a part of the enterprise.
    """

    currency: str
    total: ReportFigures
    unowned: Ticks | None
    credits: ReportFigures | None
    net: ReportFigures | None
    driver: ChangeDriver | None
    ahead: MonthAhead | None
    schedule: ScheduleToDate | None
    marked: tuple[MarkedRow, ...]
    breakdowns: tuple[ReportBreakdown, ...]
    groups: tuple[ServiceGroup, ...]
    zeros: tuple[ZeroValue, ...]
    days: tuple[DayAmount, ...]
    days_before: tuple[DayAmount, ...]


class BillFreshness(Frozen):
    """How fresh a bill is that the report is made of."""

    payer_id: str
    billing_period: str
    last_delivery: datetime
    complete_through: date | None
    is_final: bool


class CostReport(Frozen):
    """A report: what *elements* (none: the enterprise) cost, as the bills were at *made_at*.

    *notes* say in words what is missing of it, and how spans of unequal length are compared;
    *gaps* are those that somebody must see to.
    """

    span: ReportSpan
    before_start: date
    before_end: date
    elements: tuple[str, ...]
    scope: str
    made_at: datetime
    basis: CostBasis | None
    days_covered: int
    notes: tuple[str, ...]
    gaps: tuple[str, ...]
    accounts: AccountFilter
    thresholds: tuple[Threshold, ...]
    freshness: tuple[BillFreshness, ...]
    sections: tuple[ReportSection, ...]


class ReportHead(Frozen):
    """A report that is kept as it was sent: what it is of, and what it came to by currency."""

    report_id: str
    span: ReportSpan
    elements: tuple[str, ...]
    scope: str
    made_at: datetime
    totals: tuple[tuple[str, Ticks], ...]
    gaps: tuple[str, ...]


def report_id(span: ReportSpan, digest: str) -> str:
    """What a kept report is known by.

    >>> week = ReportSpan.ending(Rhythm.WEEKLY, date(2026, 3, 8))
    >>> report_id(week, "9f86d0")
    'weekly-2026-03-08-9f86d0'
    """
    return f"{span.rhythm.lower()}-{span.end}-{digest}"


# Rules --------------------------------------------------------------------------------------------


def points(part: int, whole: int) -> int | None:
    """*part* of *whole* in basis points; None of what is not above nothing.

    >>> points(1, 3), points(5, 0)
    (3333, None)
    """
    return round(Fraction(part * WHOLE, whole)) if whole > 0 else None


def in_as_many_days(amounts: Sequence[int], days: int, of: int) -> list[int]:
    """What *amounts* of so many days, *of*, would be in *days*; the parts add up to the whole.

    >>> in_as_many_days([10, 10, 10], 31, 28)
    [11, 11, 11]
    """
    found, running, told = [], 0, 0
    for amount in amounts:
        running += amount
        exact = running * days // of
        found.append(exact - told)
        told = exact
    return found


def reaches(
    threshold: Threshold,
    dimension: Dimension,
    tag_key: str | None,
    row: ReportRow,
    *,
    in_plans_currency: bool,
) -> bool:
    """Whether *threshold* is about a row, and all its limits are reached.

    Amounts are in the currency of plans; a threshold that states any says nothing of another one.
    """
    if (threshold.dimension, threshold.tag_key) != (dimension, tag_key):
        return False
    if threshold.value is not None and threshold.value != row.key:
        return False
    if row.kind not in (RowKind.VALUE, RowKind.NONE):
        return False
    has_amounts = threshold.amount is not None or threshold.growth is not None
    if has_amounts and not in_plans_currency:
        return False
    limits = (
        (row.amount, None if threshold.amount is None else to_ticks(threshold.amount)),
        (row.change, None if threshold.growth is None else to_ticks(threshold.growth)),
        (row.share, threshold.share),
    )
    return all(limit is None or (found is not None and found >= limit) for found, limit in limits)


def driver(
    change: int | None, parts: Iterable[ChangePart], owners: Iterable[ChangePart]
) -> ChangeDriver | None:
    """What moved the total by *change*; None where nothing moved it.

    The service in an account, else the owner, that explains at least half of it; else it is spread,
    and the largest parts are named.
    """
    if not change:
        return None
    direction = 1 if change > 0 else -1

    def along(some: Iterable[ChangePart]) -> list[ChangePart]:
        mine = (one for one in some if one.change * direction > 0)
        return sorted(mine, key=lambda one: (-abs(one.change), one.name))

    found = along(parts)
    for some in (found, along(owners)):
        if some and 2 * abs(some[0].change) >= abs(change):
            return ChangeDriver(is_spread=False, parts=(some[0],))
    return ChangeDriver(is_spread=True, parts=tuple(found[:MOST_PARTS]))


def kept_rows(
    rows: Iterable[ReportRow], total: int, most: int = MOST_ROWS
) -> tuple[ReportRow, ...]:
    """The largest *rows*, those that are marked, and the others as one row; they add up as before."""
    listed = sorted(rows, key=lambda one: (one.kind is RowKind.LEFT_OUT, -one.amount, one.name))
    if len(listed) <= most:
        return tuple(listed)
    marked = {id(one) for one in [one for one in listed if one.is_marked][:MOST_MARKED]}
    shown: list[ReportRow] = []
    others: list[ReportRow] = []
    for place, one in enumerate(listed):
        is_shown = place < most or one.kind is not RowKind.VALUE or id(one) in marked
        (shown if is_shown else others).append(one)
    if not others:
        return tuple(shown)
    return (*shown, together(RowKind.OTHERS, f"{len(others)} others", others, total))


def together(kind: RowKind, name: str, rows: Sequence[ReportRow], total: int) -> ReportRow:
    """Some rows as one."""
    amount = sum(one.amount for one in rows)
    before = [one.before for one in rows if one.before is not None]
    comparable = [one.comparable for one in rows if one.comparable is not None]
    figures = ReportFigures.of(
        amount,
        sum(before) if before else None,
        sum(comparable) if comparable else None,
    )
    return ReportRow(
        **figures.model_dump(),
        kind=kind,
        key=None,
        name=name,
        share=points(amount, total),
        count=sum(one.count for one in rows),
    )


def largest(amounts: Mapping[str | None, int], most: int) -> list[str | None]:
    """The keys of the largest *amounts*, the largest first."""
    return sorted(amounts, key=lambda one: (-amounts[one], one is None, one or ""))[:most]
