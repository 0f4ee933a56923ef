"""Realised savings: what a saving that was implemented did save, by its resource's own charges.

The days before are the baseline, the days after are held against it: by unit of usage where the
resource goes on working, by the day where being there was all that it cost. Source: specification
section 12.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from finops.domain.allocation import split
from finops.domain.periods import BillingPeriod
from finops.domain.savings import ActionType
from finops.domain.values import Frozen

DAYS_BEFORE = 30  # of the baseline, at most
LEAST_DAYS = 7  # of it, so that every weekday is among them
MONTHS_AFTER = 12
DAY = timedelta(1)
HALF = Fraction(1, 2)

# What is over when it is done: what it had cost a day is saved from then on.
ENDING = frozenset({ActionType.STOP, ActionType.DELETE, ActionType.SCALE_IN})
PURCHASES = frozenset({ActionType.PURCHASE_SAVINGS_PLANS, ActionType.PURCHASE_RESERVED_INSTANCES})

# CUR and FOCUS spell hours, requests and months in several ways.
SPELLINGS: Mapping[str, str] = {
    "hr": "Hours",
    "hrs": "Hours",
    "hour": "Hours",
    "hours": "Hours",
    "request": "Requests",
    "requests": "Requests",
    "gb-mo": "GB-Months",
    "gb-month": "GB-Months",
    "gb-months": "GB-Months",
    "iops-mo": "IOPS-Months",
    "iops-month": "IOPS-Months",
    "iops-months": "IOPS-Months",
}
REQUESTS = "Requests"
TRAFFIC = "GB"  # it trails what has ended, and is no other unit of its work
# An amount held for a time, as gigabytes for a month: less of it is what making smaller is for.
HELD = re.compile(r".-(?:mo|months?|days?|hrs?|hours?|secs?|seconds?)$", re.IGNORECASE)


class Use(NamedTuple):
    """What a resource used of a *unit* on a day (in 1e-10), and its effective cost in ticks.

    *unit* None: charges that count nothing.
    """

    day: date
    unit: str | None
    quantity: int
    cost: int


class Method(StrEnum):
    """How a saving is told from charges."""

    PER_UNIT = "PerUnit"
    PER_DAY = "PerDay"


class MeasuredMonth(NamedTuple):
    """What was saved on some complete days of a month, in ticks; *by_day* adds up to *saved*.

    *is_used*: the resource had charges.
    """

    billing_period: str
    days: tuple[date, ...]
    cost: int
    saved: int
    by_day: tuple[int, ...]
    is_used: bool


class Measured(NamedTuple):
    """What was saved by month, oldest first, against *cost_before* of *days_before*.

    *note* says in words what is not to be expected of it.
    """

    method: Method
    days_before: int
    cost_before: int
    months: tuple[MeasuredMonth, ...]
    note: str | None = None

    @property
    def saved(self) -> int:
        return sum(month.saved for month in self.months)


class Unmeasured(NamedTuple):
    """Why nothing can be said; *is_final*: more days will not change it."""

    reason: str
    is_final: bool


# Measured -----------------------------------------------------------------------------------------


def unit_of(named: str | None) -> str | None:
    """A unit by one spelling, whichever the bill has.

    >>> unit_of("Hrs"), unit_of("GB-Mo"), unit_of("LCU-Hrs"), unit_of("")
    ('Hours', 'GB-Months', 'LCU-Hrs', None)
    """
    said = (named or "").strip()
    return SPELLINGS.get(said.lower(), said) or None


def is_held(unit: str) -> bool:
    """Whether a unit is an amount that is held for a time, and no work that is done.

    >>> is_held("GB-Months"), is_held("Lambda-GB-Second"), is_held("Hours"), is_held("GB")
    (True, True, False, False)
    """
    return HELD.search(unit) is not None


def never_measured(action_type: str, resource_id: str | None) -> Unmeasured | None:
    """Why an action can be measured on no resource's charges; None: it can be."""
    if action_type in PURCHASES:
        return Unmeasured(
            "a commitment lowers the price of many resources, so it is measured on none of them; "
            "its coverage and utilization say what it does",
            is_final=True,
        )
    if resource_id is None:
        return Unmeasured("no resource is named whose charges could tell", is_final=True)
    return None


def baseline_span(implemented_on: date) -> tuple[date, date]:
    """The days [first, end) that a baseline can be made of."""
    return implemented_on - DAYS_BEFORE * DAY, implemented_on


def measured_span(implemented_on: date) -> tuple[date, date]:
    """The days [first, end) that are measured: the twelve months after the day itself.

    >>> measured_span(date(2026, 3, 10))
    (datetime.date(2026, 3, 11), datetime.date(2027, 3, 11))
    """
    first = implemented_on + DAY
    leap = first.month == 2 and first.day == 29
    return first, first.replace(year=first.year + 1, day=28 if leap else first.day)


def months_of(implemented_on: date, until: date) -> list[str]:
    """The months of the bill that a measurement needs, up to the one of *until*."""
    day, last = baseline_span(implemented_on)[0], min(until, measured_span(implemented_on)[1] - DAY)
    found = []
    while day <= last:
        month = BillingPeriod.of(day)
        found.append(str(month))
        day = month.end
    return found


def measured(
    action_type: str, implemented_on: date, uses: Iterable[Use], complete: Collection[date]
) -> Measured | Unmeasured:
    """What was saved on the *complete* days of the bill after *implemented_on*, in ticks.

    The day itself counts on neither side. By unit: Σ (rate before - rate after) x quantity after.
    What is held for a time (`is_held`) goes by the requests that the resource answered, else by the
    days that it was there: of a smaller disk there are fewer gigabytes, and that is the saving. So
    does a resource that has no unit of its work any more, but others. A further unit only costs.
    """
    listed = list(uses)
    start, end = baseline_span(implemented_on)
    known = sorted(day for day in complete if start <= day < end)
    earlier = [one for one in listed if start <= one.day < end and one.day in complete]
    if not earlier:
        return _nothing_before(known, end)
    first = min(one.day for one in earlier)
    days_before = sum(day >= first for day in known)
    if days_before < LEAST_DAYS:
        return Unmeasured(
            f"{days_before} complete days with the resource are known before it was done; "
            f"{LEAST_DAYS} are needed",
            is_final=_is_whole(known, end),
        )
    first, end = measured_span(implemented_on)
    days = sorted(day for day in complete if first <= day < end)
    if not days:
        return Unmeasured("no day after it was done is complete in the bill yet", is_final=False)
    cost_before = sum(one.cost for one in earlier)
    later: defaultdict[date, list[Use]] = defaultdict(list)
    for one in listed:
        if first <= one.day < end and one.day in complete:
            later[one.day].append(one)
    if action_type in ENDING:
        a_day = Fraction(cost_before, days_before)
        saved = {day: a_day - sum(one.cost for one in later[day]) for day in days}
        return Measured(
            Method.PER_DAY, days_before, cost_before, tuple(_months(days, saved, later))
        )
    rates = _Rates(earlier, later)
    saved = {day: rates.saved(later[day]) for day in days}
    return Measured(
        Method.PER_UNIT,
        days_before,
        cost_before,
        tuple(_months(days, saved, later)),
        _note(action_type, days, later),
    )


def _nothing_before(known: Sequence[date], end: date) -> Unmeasured:
    if not _is_whole(known, end):
        return Unmeasured("the bill of the days before it was done is not there", is_final=False)
    return Unmeasured(
        f"the bill has no charges of the resource in the {DAYS_BEFORE} days before it was done",
        is_final=True,
    )


def _is_whole(known: Sequence[date], end: date) -> bool:
    """Whether all days are known that a baseline could be made of."""
    return len(known) == DAYS_BEFORE and known[-1] == end - DAY


def _note(
    action_type: str, days: Sequence[date], later: Mapping[date, Sequence[Use]]
) -> str | None:
    last = max((day for day in days if later.get(day)), default=None)
    if last is None:
        return (
            f"the resource has no charges since: that is no saving of a {action_type}, which leaves "
            "it at work"
        )
    if days[-1] - last >= LEAST_DAYS * DAY:
        return f"the resource has no charges after {last}; nothing is counted as saved since"
    return None


class _Rates:
    """What a unit of usage cost before, and what it would have cost since."""

    def __init__(self, earlier: Sequence[Use], later: Mapping[date, Sequence[Use]]) -> None:
        cost, quantity = _sums(earlier)
        asked = {one.unit for some in later.values() for one in some if one.quantity}
        work = {unit for unit in cost if _is_work(unit) and quantity[unit] > 0}
        if not work & asked and any(_is_work(unit) and unit != TRAFFIC for unit in asked):
            work = set()  # it is counted in other units since: no rate can be compared
        self._by_requests = quantity.get(REQUESTS, 0) > 0 and REQUESTS in asked
        there = len({one.day for one in earlier})
        self._rates: dict[str | None, Fraction] = {}  # of work, by its unit
        self._held = Fraction(0)  # of what is held, for a day or a request
        for unit, paid in cost.items():
            if unit in work:
                self._rates[unit] = Fraction(paid, quantity[unit])
            else:
                over = quantity[REQUESTS] if self._by_requests else there
                self._held += Fraction(paid, over)

    def saved(self, uses: Sequence[Use]) -> Fraction:
        """On a day; a day without the resource saves nothing."""
        if not uses:
            return Fraction(0)
        cost, quantity = _sums(uses)
        would = sum(
            (rate * quantity.get(unit, 0) for unit, rate in self._rates.items()), Fraction(0)
        )
        would += self._held * (quantity.get(REQUESTS, 0) if self._by_requests else 1)
        return would - sum(cost.values())


def _is_work(unit: str | None) -> bool:
    return unit is not None and not is_held(unit)


def _sums(uses: Iterable[Use]) -> tuple[dict[str | None, int], dict[str | None, int]]:
    """Cost and quantity by unit."""
    cost: defaultdict[str | None, int] = defaultdict(int)
    quantity: defaultdict[str | None, int] = defaultdict(int)
    for one in uses:
        cost[one.unit] += one.cost
        quantity[one.unit] += one.quantity
    return dict(cost), dict(quantity)


def _months(
    days: Sequence[date], saved: Mapping[date, Fraction], later: Mapping[date, Sequence[Use]]
) -> Iterator[MeasuredMonth]:
    by_month: defaultdict[str, list[date]] = defaultdict(list)
    for day in days:
        by_month[str(BillingPeriod.of(day))].append(day)
    for month, its in by_month.items():
        parts = in_ticks([saved[day] for day in its])
        yield MeasuredMonth(
            billing_period=month,
            days=tuple(its),
            cost=sum(one.cost for day in its for one in later.get(day, ())),
            saved=sum(parts),
            by_day=tuple(parts),
            is_used=any(later.get(day) for day in its),
        )


def in_ticks(amounts: Iterable[Fraction]) -> list[int]:
    """Each of *amounts* in whole ticks, so that their sum is the exact one, rounded once.

    >>> in_ticks([Fraction(1, 3)] * 3), in_ticks([Fraction(-5, 2)])
    ([0, 1, 0], [-2])
    """
    parts: list[int] = []
    exact, told = Fraction(0), 0
    for amount in amounts:
        exact += amount
        running = (exact + HALF).__floor__()
        parts.append(running - told)
        told = running
    return parts


# Whose it is --------------------------------------------------------------------------------------


Owners = tuple[tuple[str, int], ...]  # products and their basis points; none: nobody


class Part(NamedTuple):
    """What of a figure is a product's; None: nobody's."""

    product_id: str | None
    realised: int
    expected: int | None


def parts(
    month: MeasuredMonth, owners: Mapping[date, Owners], expected: int | None
) -> tuple[Part, ...]:
    """What each owner saved in a month, by who owned the resource on each day; they add up.

    *expected* is handed out in the same way, evenly over the days.
    """
    spans: defaultdict[Owners, list[int]] = defaultdict(list)
    for place, day in enumerate(month.days):
        spans[owners.get(day, ())].append(place)
    a_day = Fraction(expected or 0, len(month.days))
    hoped = in_ticks([a_day] * len(month.days))
    found: defaultdict[str | None, list[int]] = defaultdict(lambda: [0, 0])
    for of, places in spans.items():
        for column, amounts in enumerate((month.by_day, hoped)):
            amount = sum(amounts[place] for place in places)
            if of:
                for product, part in split(amount, dict(of)).items():
                    found[product][column] += part
            else:
                found[None][column] += amount
    return tuple(
        Part(product, realised, None if expected is None else hope)
        for product, (realised, hope) in sorted(found.items(), key=lambda one: one[0] or "")
    )


def expected_of(monthly_savings: int, month: MeasuredMonth) -> int:
    """What was recommended, for as much of a month as was measured, in ticks.

    >>> days = tuple(date(2026, 4, day) for day in range(1, 16))
    >>> expected_of(100, MeasuredMonth("2026-04", days, 0, 0, (0,) * 15, True))
    50
    """
    period = BillingPeriod(month.billing_period)
    days = (period.end - period.start).days
    [ticks] = in_ticks([Fraction(monthly_savings * len(month.days), days)])
    return ticks


# Kept ---------------------------------------------------------------------------------------------


class RealisedMonth(Frozen):
    """A figure: what a saving realised in a month, of the *loads* whose bills it was measured in.

    Ticks of *currency*: *cost* is what the resource cost on those *days*; *expected* is what was
    recommended for as many days, None in another currency. *is_used*: the resource had charges.
    """

    saving_id: str
    billing_period: str
    currency: str | None
    days: int
    cost: int
    realised: int
    expected: int | None
    is_used: bool
    parts: tuple[Part, ...]
    loads: tuple[str, ...]


class Realised(Frozen):
    """How a saving was measured, or why it was not: *reason*; *is_final*: it never will be.

    *owners* are the products that pay for its resource, or did while it was measured. *cost_before*
    are the ticks that *days_before* cost.
    """

    saving_id: str
    account_id: str
    resource_id: str | None
    action_type: str
    implemented_on: date
    owners: tuple[str, ...] = ()
    method: Method | None = None
    days_before: int = 0
    cost_before: int = 0
    note: str | None = None
    reason: str | None = None
    is_final: bool = False


class MeasuredBill(Frozen):
    """A bill that was looked into, in the load that readers saw then."""

    payer: str
    billing_period: str
    load_id: str
    delivered_at: datetime
    complete_through: date | None


class RealisedSavings(Frozen):
    """All that was measured, and of what."""

    savings: tuple[Realised, ...] = ()
    figures: tuple[RealisedMonth, ...] = ()
    bills: tuple[MeasuredBill, ...] = ()


class RealisedHead(Frozen):
    """Which document readers see: the newest that was planned, at *planned_at*."""

    document: str
    planned_at: datetime
    measured_at: datetime
    version: int = 0
