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

    def has_ended(self, at: datetime) -> bool:
        """Whether it is over at a moment: from midnight in UTC on, wherever that is told."""
        return self.end <= usage_day(at)

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    def __iter__(self) -> Iterator[date]:
        return (self.start + timedelta(n) for n in range(self.days))


class BillingPeriod(str):
    """A month of the bill, written `YYYY-MM`; text, so that it sorts and travels as it is.

    From 1999, in which the fiscal year 2000 may begin, to 2199.
    """

    __slots__ = ()

    def __new__(cls, value: str) -> Self:
        if not re.fullmatch(r"(1999|2[01]\d{2})-(0[1-9]|1[0-2])", value, re.ASCII):
            raise InvalidError(
                f"{value!r} is no billing period; write it as YYYY-MM, e.g. 2026-09, up to 2199"
            )
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

    @property
    def before(self) -> Self:
        """The month before.

        >>> BillingPeriod("2026-01").before
        '2025-12'
        """
        return self.of(self.start - timedelta(1))


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


def spend_period(day: date) -> Period:
    """The business week that *day* lies in."""
    month = BillingPeriod.of(day)
    sunday = day - timedelta((day.weekday() - SUNDAY) % 7)
    return Period(max(month.start, sunday), min(month.end, sunday + timedelta(7)))


def billed_period(month: BillingPeriod, day: date) -> Period:
    """The business week of *month* that counts a charge of *day* on the bill of *month*.

    What a bill has of other months (late usage, fees ahead) counts in its first or last week, so
    that the weeks add up to the bill.

    >>> billed_period(BillingPeriod("2026-09"), date(2026, 8, 31)).start
    datetime.date(2026, 9, 1)
    """
    return spend_period(min(max(day, month.start), month.end - timedelta(1)))


def is_last_of_month(period: Period) -> bool:
    """Whether no other business week of its month comes after *period*."""
    return period.end.day == 1


def label(period: Period) -> str:
    """What a business week is called: its month, which week of how many, its days.

    >>> label(spend_period(date(2026, 8, 5))), label(spend_period(date(2026, 8, 1)))
    ('2026-08 week 2 of 6 (2 to 8)', '2026-08 week 1 of 6 (1)')
    """
    month = BillingPeriod.of(period.start)
    weeks = spend_periods(month)
    first, last = period.start.day, (period.end - timedelta(1)).day
    days = f"{first}" if first == last else f"{first} to {last}"
    return f"{month} week {weeks.index(period) + 1} of {len(weeks)} ({days})"
