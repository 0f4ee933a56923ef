"""The calendar: billing periods (months of the bill) and spend periods (business weeks), in UTC."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Self

from finops.domain.errors import InvalidError

SUNDAY = 6


@dataclass(frozen=True)
class Period:
    """Days from *start* up to, but not including, *end*."""

    start: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    def __iter__(self) -> Iterator[date]:
        return (self.start + timedelta(n) for n in range(self.days))


class BillingPeriod(str):
    """A month of the bill, written `YYYY-MM`; text, so that it sorts and travels as it is."""

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        if not re.fullmatch(r"[1-9]\d{3}-(0[1-9]|1[0-2])", value):
            raise InvalidError(f"{value!r} is no billing period; write it as YYYY-MM, e.g. 2026-09")
        return super().__new__(cls, value)

    @classmethod
    def of(cls, day: date) -> Self:
        return cls(f"{day:%Y-%m}")

    @property
    def start(self) -> date:
        return date.fromisoformat(f"{self}-01")

    @property
    def end(self) -> date:
        return (self.start + timedelta(31)).replace(day=1)

    @property
    def period(self) -> Period:
        return Period(self.start, self.end)


def usage_day(start: datetime) -> date:
    """The day a charge belongs to: that of its start, in UTC; its end is exclusive."""
    return (start.astimezone(UTC) if start.tzinfo else start).date()


def spend_periods(month: BillingPeriod) -> list[Period]:
    """The business weeks of *month*: Sunday to Sunday, cut at the month's ends.

    >>> [(p.start.day, p.days) for p in spend_periods(BillingPeriod("2026-08"))]
    [(1, 1), (2, 7), (9, 7), (16, 7), (23, 7), (30, 2)]

    Source: specification section 10.
    """
    starts = [day for day in month.period if day.weekday() == SUNDAY or day == month.start]
    return [Period(a, b) for a, b in zip(starts, [*starts[1:], month.end], strict=True)]
