"""Forecasts: what a month is going to come to by its days so far, how sure that is, and its pace.

A series of days has a level, a shape of the week, and perhaps a trend. Each is taken robustly from
the last weeks, the way that forecast this very series best so far. What is charged on the first of a
month only (support, fees, tax) is told apart, or a month would begin with a forecast of thirty such
days. Statistics are floats; what comes out are whole ticks.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from itertools import accumulate
from math import inf
from statistics import median
from typing import NamedTuple, Self

from pydantic import model_validator

from finops.domain.errors import InvalidError
from finops.domain.periods import BillingPeriod
from finops.domain.values import Frozen

WEEK = 7
LEAST_DAYS = 7
WEEKS = 8  # that a level, a week's shape and a trend are taken from
BACK_TESTS = 16  # days of the past from which the rest was forecast again
TO_SIGMA = 1.4826  # from a median absolute deviation to a standard deviation
DAMPING = 0.9  # of a trend, a week
# An interval reaches as many mean errors of its own back-tests to either side, more of them where the
# back-tests were few. Found by generated seasons; benchmarks/README.md has the share of hits.
WIDTH = 1.65
FEW = 1.0
BLOCKS = 3  # times that the longest horizon fits into what was back-tested, at least
GROWTH = 0.9  # the power of the horizon by which errors grow beyond it
UNTESTED = 1.0  # times the mean distance of days to their middle, where nothing could be tested
HORIZON = 4 * WEEK  # of a back-test
COMPARED = 2 * WEEK  # of it, by which ways are compared
UNUSED_WEEKDAY = 0.2  # of the level: days below it say nothing of the level


class Forecast(Frozen):
    """What a month is going to come to, in ticks: with 80 % of the likelihood from *low* to *high*.

    *spent* is known, *expected* is that and what is still to come. *method* says in words how.
    """

    spent: int
    expected: int
    low: int
    high: int
    days_known: int
    method: str

    @model_validator(mode="after")
    def _lies_inside(self) -> Self:
        if not self.low <= self.expected <= self.high:
            raise InvalidError("what is expected lies between the low and the high end")
        return self


class ToDate(Frozen):
    """Spend to date against schedule to date, in ticks, and the *crossing* of the whole *schedule*."""

    spent: int
    planned: int
    schedule: int
    crossing: date | None

    @property
    def ahead(self) -> int:
        """What is spent beyond what was planned by now."""
        return self.spent - self.planned


class _Way(NamedTuple):
    """One way to forecast: the level of so many days by weekday, perhaps with a trend, or their mean.

    The mean is for spend that comes now and then, whose middle day is nothing.
    """

    days: int
    trend: bool = False
    plain: bool = False

    @property
    def told(self) -> str:
        if self.plain:
            return f"the mean of the last {self.days} days"
        told = f"the level of the last {self.days} days by weekday"
        return f"{told}, with a damped trend" if self.trend else told


WAYS = (
    *(_Way(7), _Way(14), _Way(28)),
    *(_Way(7, trend=True), _Way(14, trend=True)),
    _Way(28, plain=True),
)


def forecast(days: Mapping[date, int], until: date, *, today_complete: date) -> Forecast | None:
    """What the month of *today_complete*, the last complete day, comes to up to *until*.

    *days* are ticks; a day that is not there cost nothing, and one after *today_complete* is not
    looked at. None with fewer than 7 known days, the first being the first with a charge, unless all
    is known anyway.

    >>> week = {date(2026, 9, day): 10 for day in range(1, 8)}
    >>> told = forecast(week, date(2026, 9, 11), today_complete=date(2026, 9, 7))
    >>> told.spent, told.low, told.expected, told.high
    (70, 100, 100, 100)
    """
    start = today_complete.replace(day=1)
    if until <= start:
        raise InvalidError(f"a forecast of {start:%Y-%m} ends after {start}, not on {until}")
    spent = sum(
        ticks for day, ticks in days.items() if start <= day < min(until, _next(today_complete))
    )
    series = _series(days, today_complete)
    known = 0 if series is None else len(series.values)
    if until <= _next(today_complete):
        return Forecast(
            spent=spent,
            expected=spent,
            low=spent,
            high=spent,
            days_known=known,
            method="all days are known",
        )
    if series is None or known < LEAST_DAYS:
        return None
    model = _fitted(series)
    ahead = (until - today_complete).days - 1
    expected = spent + sum(model.ahead(ahead))
    width = model.width(ahead)
    low = expected - width
    if series.never_negative:
        low = max(low, spent)
    return Forecast(
        spent=spent,
        expected=expected,
        low=low,
        high=expected + width,
        days_known=known,
        method=model.method,
    )


def days_ahead(
    days: Mapping[date, int], until: date, *, today_complete: date
) -> Mapping[date, int] | None:
    """Ticks of each day after *today_complete* up to *until*: what `forecast` adds to what is spent."""
    series = _series(days, today_complete)
    if series is None or len(series.values) < LEAST_DAYS:
        return None
    ahead = _fitted(series).ahead((until - today_complete).days - 1)
    return {today_complete + timedelta(n): ticks for n, ticks in enumerate(ahead, start=1)}


def crossing_day(
    days: Mapping[date, int], limit: int, month: BillingPeriod, *, today_complete: date
) -> date | None:
    """The day of *month* on which spend to date passes *limit*, known or by forecast.

    None where that is not to be expected, or too few days are known to say so.
    """
    spent = 0
    for day in month.period:
        if day <= today_complete:
            spent += days.get(day, 0)
            if spent > limit:
                return day
    coming = days_ahead(days, month.end, today_complete=today_complete)
    for day, ticks in (coming or {}).items():
        spent += ticks if day in month.period else 0
        if spent > limit and day in month.period:
            return day
    return None


def to_date(
    days: Mapping[date, int],
    schedule: int,
    month: BillingPeriod,
    *,
    today_complete: date,
    weights: Sequence[int] | None = None,
) -> ToDate:
    """How far *month* is, next to its *schedule* in ticks: each day the same, or by *weights*.

    >>> days = {date(2026, 9, day): 12 for day in range(1, 11)}
    >>> told = to_date(days, 300, BillingPeriod("2026-09"), today_complete=date(2026, 9, 10))
    >>> told.spent, told.planned, told.ahead, told.crossing
    (120, 100, 20, datetime.date(2026, 9, 26))
    """
    length = month.period.days
    weighed = [1] * length if weights is None else list(weights)
    if len(weighed) != length or min(weighed) < 0 or not sum(weighed):
        raise InvalidError(
            f"the weights of {month} are {length} whole numbers, none below 0 and not all 0"
        )
    passed = min(max((today_complete - month.start).days + 1, 0), length)
    return ToDate(
        spent=sum(days.get(day, 0) for day in month.period if day <= today_complete),
        planned=schedule * sum(weighed[:passed]) // sum(weighed),
        schedule=schedule,
        crossing=crossing_day(days, schedule, month, today_complete=today_complete),
    )


class _Series(NamedTuple):
    """Known days from *start* on: *values* as they are, *usual* without what is posted on a 1st."""

    start: date
    values: Sequence[float]
    usual: Sequence[float]  # tuples both, so that a series says which model is its own
    posted: float  # of a usual 1st, on top of its day; of one alone nobody knows whether it recurs

    @property
    def never_negative(self) -> bool:
        return min(self.values) >= 0

    def is_first(self, index: int) -> bool:
        return (self.start + timedelta(index)).day == 1


def _series(days: Mapping[date, int], today_complete: date) -> _Series | None:
    known = [day for day in days if day <= today_complete]
    start = min((day for day in known if days[day]), default=min(known, default=None))
    if start is None:
        return None
    start = max(start, today_complete - timedelta((2 * WEEKS + 1) * WEEK - 1))
    length = (today_complete - start).days + 1
    values = [float(days.get(start + timedelta(n), 0)) for n in range(length)]
    firsts = [n for n in range(length) if (start + timedelta(n)).day == 1]
    usual = list(values)
    for n in firsts:
        same = [values[one] for one in (n - WEEK, n + WEEK) if 0 <= one < length]
        week = values[max(0, n - WEEK + 1) : n] + values[n + 1 : n + WEEK]
        usual[n] = median(same or week or [values[n]])
    posted = [values[n] - usual[n] for n in firsts]
    recurs = median(posted) if len(posted) > 1 else 0.0
    return _Series(start, tuple(values), tuple(usual), recurs)


class _Model:
    """The way that forecast a series best so far, and by how much it erred."""

    def __init__(self, series: _Series) -> None:
        self._series = series
        length = len(series.values)
        first = max(LEAST_DAYS, length - (WEEKS + 1) * WEEK)
        step = max(1, (length - first) // BACK_TESTS)
        self._tested = length - first
        ways = [way for way in WAYS if length >= 2 * way.days or way == WAYS[0]]
        self._errors: dict[_Way, list[list[float]]] = {way: [] for way in ways}
        for origin in range(length - 1, first - 1, -step):
            shape = _shape(series.usual, origin)
            actual = series.usual[origin : origin + HORIZON]
            for way in ways:
                coming = _ahead(series.usual, origin, way, shape, len(actual))
                off = (is_ - told for is_, told in zip(actual, coming, strict=True))
                self._errors[way].append(list(accumulate(off)))
        self._way = min(ways, key=lambda way: _cost(self._errors[way]))

    @property
    def method(self) -> str:
        return self._way.told

    def ahead(self, count: int) -> list[int]:
        """Ticks of the next *count* days; rounded so that every running sum is the rounded one."""
        series, length = self._series, len(self._series.values)
        shape = _shape(series.usual, length)
        found, running, told = [], 0.0, 0
        for n, ticks in enumerate(_ahead(series.usual, length, self._way, shape, count)):
            expected = ticks + (series.posted if series.is_first(length + n) else 0)
            running += max(0.0, expected) if series.never_negative else expected
            found.append(round(running) - told)
            told = round(running)
        return found

    def width(self, count: int) -> int:
        """How far the sum of the next *count* days may lie from its forecast, to either side."""
        errors = self._errors[self._way]
        if not errors:
            near = self._series.usual
            return round(UNTESTED * _mean_off(near) * count)
        tested = max(1, min(count, self._tested // BLOCKS, max(map(len, errors))))
        off = [abs(one[tested - 1]) for one in errors if len(one) >= tested]
        blocks = self._tested / tested
        beyond: float = (count / tested) ** GROWTH
        return round(WIDTH * (1 + FEW / blocks) * beyond * sum(off) / len(off))


@lru_cache(maxsize=8)
def _fitted(series: _Series) -> _Model:
    """The model of a series, which is costly: who asks for a month, then for its crossing, has it."""
    return _Model(series)


def _cost(errors: Sequence[Sequence[float]]) -> float:
    """The mean error of a day, over back-tests of up to two weeks."""
    off = [abs(one) / n for each in errors for n, one in enumerate(each[:COMPARED], start=1)]
    return sum(off) / len(off) if off else inf


def _mean_off(values: Sequence[float]) -> float:
    middle = median(values)
    return sum(abs(one - middle) for one in values) / len(values)


class _Shape(NamedTuple):
    """What a weekday is, as a factor of the level or as a difference to it; by index modulo 7."""

    weekdays: Sequence[float]
    is_factor: bool


def _shape(usual: Sequence[float], end: int) -> _Shape:
    """That of the last weeks before *end*, taken a little smaller where they are few."""
    blocks = [usual[at - WEEK : at] for at in range(end, WEEK - 1, -WEEK)][:WEEKS]
    levels = [median(block) for block in blocks]
    is_factor = min(levels) > 0
    found = [0.0] * WEEK
    trust = len(blocks) / (len(blocks) + 0.5)
    for place in range(WEEK):
        own = [
            block[place] / level - 1 if is_factor else block[place] - level
            for block, level in zip(blocks, levels, strict=True)
        ]
        found[(end + place) % WEEK] = trust * median(own)
    return _Shape(found, is_factor)


def _ahead(usual: Sequence[float], end: int, way: _Way, shape: _Shape, count: int) -> list[float]:
    """The next *count* days after the first *end* of *usual*, *way*'s way."""
    if way.plain:
        near = usual[max(0, end - way.days) : end]
        return [sum(near) / len(near)] * count
    level = _level(usual, end, way, shape)
    slope = _slope(usual, end) if way.trend else 0.0
    found = []
    risen = slope * (min(way.days, end) - 1) / 2
    for n in range(count):
        risen += slope * DAMPING ** (n / WEEK)
        base = level + risen
        weekday = shape.weekdays[(end + n) % WEEK]
        found.append(base * (1 + weekday) if shape.is_factor else base + weekday)
    return found


def _level(usual: Sequence[float], end: int, way: _Way, shape: _Shape) -> float:
    """The middle of the last days without their week's shape, robustly."""
    plain = []
    for n in range(max(0, end - way.days), end):
        weekday = shape.weekdays[n % WEEK]
        if not shape.is_factor:
            plain.append(usual[n] - weekday)
        elif weekday > UNUSED_WEEKDAY - 1:
            plain.append(usual[n] / (1 + weekday))
    middle = median(plain)
    spread = 2 * TO_SIGMA * median(abs(one - middle) for one in plain)
    return sum(min(max(one, middle - spread), middle + spread) for one in plain) / len(plain)


def _slope(usual: Sequence[float], end: int) -> float:
    """What a day adds: the median slope between any two of the last weeks (Theil and Sen)."""
    levels = [median(usual[at - WEEK : at]) for at in range(end, WEEK - 1, -WEEK)][:6]
    if len(levels) < 3:
        return 0.0
    slopes = [
        (levels[a] - levels[b]) / (b - a)
        for a in range(len(levels))
        for b in range(a + 1, len(levels))
    ]
    return median(slopes) / WEEK


def _next(day: date) -> date:
    return day + timedelta(1)
