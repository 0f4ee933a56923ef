"""Anomalies: a day that costs far more than its weekday used to."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from statistics import median
from typing import Self

from pydantic import model_validator

from finops.domain.alert_settings import AnomalySettings
from finops.domain.errors import InvalidError
from finops.domain.money import EXACT, TICKS_PER_UNIT
from finops.domain.rounding import USUAL_DIGITS, rounded
from finops.domain.values import Frozen

WEEK = 7
TO_SIGMA = 1.4826  # from a median absolute deviation to a standard deviation
FLOOR = 100  # a spread is a hundredth of what is expected at least: no day is flat to the cent
WEEKS = 6  # that are looked back at, where the settings do not ask for more
LEAST_WEEKS = 3  # of a spender who is not new, of whom no more is known
FIRSTS = 3  # of months, that say what another may have on top of its weekday
LONGEST_RUN = 21  # days that are looked back for the first of an unusual run


class Anomalous(Frozen):
    """A day that cost more than it should have, in ticks.

    *since* is the first day of the unbroken run of such days that *day* is in: what tells of each
    run once goes by it. *weeks* is how many of the same weekday *expected* is from; of a new spender,
    who has too few, *expected* is the costliest day before.
    """

    day: date
    since: date
    expected: int
    actual: int
    weeks: int
    is_new: bool
    sentence: str

    @model_validator(mode="after")
    def _is_more(self) -> Self:
        if self.actual <= self.expected:
            raise InvalidError("an anomaly is more than was expected")
        return self

    @property
    def excess(self) -> int:
        return self.actual - self.expected


def anomalies_of(
    days: Mapping[date, int],
    day: date,
    settings: AnomalySettings,
    ticks_per_unit: int = TICKS_PER_UNIT,
    *,
    known_from: date | None = None,
) -> Anomalous | None:
    """*day* against the same weekday of the weeks before; None where there is nothing unusual.

    *days* are ticks; a day that is not there cost nothing. Drops are no anomalies. *ticks_per_unit*
    is what a unit of the currency of plans is worth in the series' own. *known_from* is the first day
    that *days* could have: who spends in its week already is not new, only not known for long. A 1st
    of a month is allowed what earlier ones had on top of their weekday.

    >>> usual = {date(2026, 8, 3) + timedelta(n): 20 * 10**10 for n in range(35)}
    >>> day = date(2026, 9, 7)
    >>> told = anomalies_of(usual | {day: 150 * 10**10}, day, AnomalySettings())
    >>> told.sentence
    'Monday, 2026-09-07 cost 150.00, 130.00 more than the 20.00 of a usual Monday (5 before)'
    >>> anomalies_of(usual | {day: 40 * 10**10}, day, AnomalySettings()) is None
    True
    """
    found = _seen(days, day, settings, ticks_per_unit, known_from)
    if found is None:
        return None
    since = day
    for _ in range(LONGEST_RUN):
        before = since - timedelta(1)
        if _seen(days, before, settings, ticks_per_unit, known_from) is None:
            break
        since = before
    return found.model_copy(update={"since": since})


def _seen(
    days: Mapping[date, int],
    day: date,
    settings: AnomalySettings,
    ticks_per_unit: int,
    known_from: date | None,
) -> Anomalous | None:
    actual = days.get(day, 0)
    if actual <= 0:
        return None
    began = min((one for one in days if days[one] and one <= day), default=day)
    known = known_from is not None and (began - known_from).days < WEEK
    start = known_from if known and known_from is not None else began
    weeks = max(settings.weeks, WEEKS)
    same = _same_weekdays(days, day, start, weeks)
    if len(same) < settings.weeks and not known:
        return _new(days, day, began, actual, _ticks(settings.new_spender, ticks_per_unit))
    if len(same) < LEAST_WEEKS:
        return None
    expected = round(median(same)) + _posted(days, day, start)
    excess = actual - expected
    if excess < _ticks(settings.least, ticks_per_unit):
        return None
    spread = max(_spread(days, day, start, weeks), abs(expected) / FLOOR)
    if excess < float(settings.spreads) * spread:
        return None
    usual = f"{_money(expected)} of a usual {day:%A}"
    return Anomalous(
        day=day,
        since=day,
        expected=expected,
        actual=actual,
        weeks=len(same),
        is_new=False,
        sentence=f"{_said(day, actual)}, {_money(excess)} more than the {usual} ({len(same)} before)",
    )


def _new(
    days: Mapping[date, int], day: date, began: date, actual: int, least: int
) -> Anomalous | None:
    """A new spender who spends so much more than on any day before."""
    before = (days.get(began + timedelta(n), 0) for n in range((day - began).days))
    most = max((*before, 0))
    if actual - most < least:
        return None
    if not most:
        told = f"{_said(day, actual)}: spending that was not there before"
    else:
        told = (
            f"{_said(day, actual)}, {_money(actual - most)} more than any day since it began on"
            f" {began}"
        )
    return Anomalous(
        day=day, since=day, expected=most, actual=actual, weeks=0, is_new=True, sentence=told
    )


def _same_weekdays(days: Mapping[date, int], day: date, start: date, weeks: int) -> Sequence[int]:
    """Ticks of the same weekday in the weeks before, from *start* on; a 1st of a month is no such."""
    back = (day - timedelta(WEEK * n) for n in range(1, weeks + 2))
    return [days.get(one, 0) for one in back if one >= start and one.day != 1][:weeks]


def _posted(days: Mapping[date, int], day: date, start: date) -> int:
    """What a 1st of a month usually has on top of its weekday: 0 of every other day."""
    if day.day != 1:
        return 0
    found, first = [], day
    for _ in range(FIRSTS):
        first = (first - timedelta(1)).replace(day=1)
        near = [first + timedelta(n) for n in (-2 * WEEK, -WEEK, WEEK, 2 * WEEK)]
        usual = [days.get(one, 0) for one in near if start <= one < day]
        if first >= start and usual:
            found.append(days.get(first, 0) - round(median(usual)))
    return max(0, round(median(found))) if found else 0


def _spread(days: Mapping[date, int], day: date, start: date, weeks: int) -> float:
    """How far days lie from the middle of their weekday: those of this one, or of all, if more.

    A few days of one weekday lie together by chance; all of them seldom do.
    """
    own, every = 0.0, []
    for n in range(WEEK):
        same = _same_weekdays(days, day - timedelta(n), start, weeks)
        if same:
            middle = median(same)
            off = [abs(one - middle) for one in same]
            own = own if n else median(off)
            every += off
    return TO_SIGMA * max(own, median(every))


def _ticks(amount: Decimal, ticks_per_unit: int) -> int:
    return int(EXACT.multiply(amount, Decimal(ticks_per_unit)).to_integral_value(ROUND_HALF_EVEN))


def _said(day: date, ticks: int) -> str:
    return f"{day:%A}, {day} cost {_money(ticks)}"


def _money(ticks: int) -> str:
    return f"{Decimal(rounded(ticks)).scaleb(-USUAL_DIGITS):,.2f}"
