"""Fiscal years: twelve months from a first month that the organisation chose."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Self

from finops.domain.errors import InvalidError
from finops.domain.periods import BillingPeriod

FIRST_YEAR, LAST_YEAR = 2000, 2199


@dataclass(frozen=True)
class FiscalYear:
    """The year that ends in calendar year *year*; from January it is the calendar year itself.

    >>> FiscalYear(2026, first_month=7).start, FiscalYear(2026).start
    (datetime.date(2025, 7, 1), datetime.date(2026, 1, 1))

    Raises InvalidError for a year outside 2000 to 2199 and a first month outside 1 to 12.
    """

    year: int
    first_month: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.first_month <= 12:
            raise InvalidError(
                f"{self.first_month} is no month for a fiscal year to start in; give 1 (January)"
                " to 12 (December)"
            )
        if not FIRST_YEAR <= self.year <= LAST_YEAR:
            raise InvalidError(
                f"{self.year} is no fiscal year; give one from {FIRST_YEAR} to {LAST_YEAR}"
            )

    @classmethod
    def of(cls, day: date, first_month: int = 1) -> Self:
        """The fiscal year that *day* lies in."""
        return cls(day.year + (1 < first_month <= day.month), first_month)

    @property
    def start(self) -> date:
        return date(self.year - (self.first_month > 1), self.first_month, 1)

    @property
    def end(self) -> date:
        """The day after the last one."""
        return self.start.replace(year=self.start.year + 1)

    @property
    def last_day(self) -> date:
        return self.end - timedelta(1)

    @cached_property
    def months(self) -> tuple[BillingPeriod, ...]:
        """The twelve months, in order."""
        months = [BillingPeriod.of(self.start)]
        while len(months) < 12:
            months.append(BillingPeriod.of(months[-1].end))
        return tuple(months)

    def running(self, today: date) -> int | None:
        """The index of the running month: -1 before the year begins, None when it is over.

        >>> FiscalYear(2026).running(date(2026, 3, 9))
        2
        """
        if today < self.start:
            return -1
        return next((n for n, month in enumerate(self.months) if today < month.end), None)

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end
