"""Paces: how fast a product spends, next to what is approved for the month."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from finops.domain.periods import BillingPeriod
from finops.domain.values import Frozen

WHOLE = 10_000  # basis points: 100 %
FAR_OVER, OVER = 1_000, 200  # basis points above the budget's pace
UNDER = -200


class Colour(StrEnum):
    """The pace at a glance; never shown without its *word*."""

    RED = "Red"
    ORANGE = "Orange"
    BLACK = "Black"
    GREEN = "Green"
    GREY = "Grey"

    @property
    def word(self) -> str:
        return WORDS[self]


WORDS: Mapping[Colour, str] = {
    Colour.RED: "far over budget",
    Colour.ORANGE: "over budget",
    Colour.BLACK: "on budget",
    Colour.GREEN: "under budget",
    Colour.GREY: "no approved budget",
}


class MonthDays(StrEnum):
    """How many days a month's budget is meant for: always 30, or those of the calendar."""

    THIRTY = "Thirty"
    CALENDAR = "Calendar"

    def of(self, month: BillingPeriod) -> int:
        return month.period.days if self is MonthDays.CALENDAR else 30


class Pace(Frozen):
    """What is approved for a month (ticks), over *month_days*; None: nothing is approved."""

    budget: Annotated[int, Field(ge=0)] | None = None
    month_days: Annotated[int, Field(ge=1)] = 30

    def colour(self, spend: int, days: int) -> Colour:
        """That of *spend* ticks in so many days.

        300 a month are 10 a day:

        >>> [Pace(budget=300).colour(spend, 7).value for spend in (78, 77, 71, 68)]
        ['Red', 'Orange', 'Black', 'Green']

        With nothing approved but zero, whatever is spent is far over. Source: specification
        section 10.
        """
        if self.budget is None:
            return Colour.GREY
        if self.exceeds(FAR_OVER, spend, days):
            return Colour.RED
        if self.exceeds(OVER, spend, days):
            return Colour.ORANGE
        beyond, planned = self._beyond(spend, days, self.budget)
        return Colour.GREEN if beyond * WHOLE < UNDER * planned else Colour.BLACK

    def exceeds(self, basis_points: int, spend: int, days: int) -> bool:
        """Whether *spend* in so many days is more than so much above the budget's pace.

        Exact: no rate is worked out. False without an approved budget.
        """
        if self.budget is None:
            return False
        beyond, planned = self._beyond(spend, days, self.budget)
        return beyond * WHOLE > basis_points * planned

    def _beyond(self, spend: int, days: int, budget: int) -> tuple[int, int]:
        """Spend beyond the plan, and the plan, both times the days of the month."""
        planned = budget * days
        return spend * self.month_days - planned, planned
