"""Figures: what a budget says, next to what was spent, for a product and for all above it."""

from collections.abc import Mapping, Sequence
from operator import add
from typing import Annotated, Self

from pydantic import Field

from finops.domain.budgets import MONTHS
from finops.domain.values import Frozen

NOTHING = (0,) * MONTHS

Months = Annotated[tuple[int, ...], Field(min_length=MONTHS, max_length=MONTHS)]


class Figures(Frozen):
    """A year in ticks: what is approved for it, and what it is heading for.

    *variance* is of the year to date, None without an approved schedule; positive is overspent.
    """

    annual: int
    planned: int
    unallocated: int  # negative where the chart shrank below what is planned
    eoy_planned: int
    eoy_forecast: int
    spent: int
    variance: int | None


class Line(Frozen):
    """One product's months of a year, or those of many: a node is the sum of its children.

    All amounts are ticks by month of the fiscal year. *unbudgeted* is what products without an
    approved schedule spent, a part of *spent*. *rest* is what each month may still spend: a product
    that is over takes nothing from the next one's, so rests are kept and added, never worked out
    from sums. *budgeted* counts the products with an approved schedule, *counts* all by status.
    """

    annual: int
    approved: Months
    spent: Months
    unbudgeted: Months
    rest: Months
    products: int
    budgeted: int
    counts: Mapping[str, int]

    @classmethod
    def of(
        cls, annual: int, approved: Sequence[int] | None, spent: Sequence[int], status: str
    ) -> Self:
        """The line of one product."""
        plan = NOTHING if approved is None else approved
        return cls(
            annual=annual,
            approved=tuple(plan),
            spent=tuple(spent),
            unbudgeted=tuple(spent) if approved is None else NOTHING,
            rest=tuple(max(0, a - s) for a, s in zip(plan, spent, strict=True)),
            products=1,
            budgeted=0 if approved is None else 1,
            counts={status: 1},
        )

    def __add__(self, other: Self) -> Self:
        counts = dict(self.counts)
        for status, count in other.counts.items():
            counts[status] = counts.get(status, 0) + count
        return self.model_copy(
            update={
                "annual": self.annual + other.annual,
                "approved": tuple(map(add, self.approved, other.approved)),
                "spent": tuple(map(add, self.spent, other.spent)),
                "unbudgeted": tuple(map(add, self.unbudgeted, other.unbudgeted)),
                "rest": tuple(map(add, self.rest, other.rest)),
                "products": self.products + other.products,
                "budgeted": self.budgeted + other.budgeted,
                "counts": counts,
            }
        )

    @property
    def variances(self) -> tuple[int | None, ...]:
        """By month, what budgeted products spent beyond what was approved for them."""
        return monthly(self._plan, self._spent_on_plan)

    def variance(self, first: int, last: int) -> int | None:
        """That of the months from *first* to *last*, both included."""
        return variance(self._plan, self._spent_on_plan, first, last)

    def figures(self, current: int | None) -> Figures:
        """This line as a whole; *current* is the index of the running month.

        None: the year is over, and the figures are those of its last month. -1: it has not begun.
        """
        month = MONTHS - 1 if current is None else current
        planned, spent = sum(self.approved), sum(self.spent)
        running = slice(month, month + 1)  # empty before the year has begun
        left = 0 if current is None else sum(self.rest[running])  # a year that is over leaves none
        to_come = sum(self.approved[month + 1 :])
        return Figures(
            annual=self.annual,
            planned=planned,
            unallocated=self.annual - planned,
            eoy_planned=sum(self.approved[running]) - sum(self.spent[running]) + to_come,
            eoy_forecast=spent + left + to_come,
            spent=spent,
            variance=self.variance(0, month),
        )

    @property
    def _plan(self) -> tuple[int, ...] | None:
        return self.approved if self.budgeted else None

    @property
    def _spent_on_plan(self) -> tuple[int, ...]:
        return tuple(s - u for s, u in zip(self.spent, self.unbudgeted, strict=True))


ZERO = Line(
    annual=0,
    approved=NOTHING,
    spent=NOTHING,
    unbudgeted=NOTHING,
    rest=NOTHING,
    products=0,
    budgeted=0,
    counts={},
)


def figures(
    annual: int, approved: Sequence[int] | None, spent: Sequence[int], current: int | None
) -> Figures:
    """The figures of one product, by the formulas of specification section 5.

    A hundred a month, 1,200 a year; in March 30 of the month's 100 are spent:

    >>> now = figures(1_500, [100] * 12, [120, 90, 30] + [0] * 9, current=2)
    >>> now.planned, now.unallocated, now.eoy_planned, now.eoy_forecast, now.variance
    (1200, 300, 970, 1210, -60)

    *current* is the index of the running month; None: the year is over, and the figures are those
    of its last month; -1: it has not begun.
    """
    return Line.of(annual, approved, spent, status="").figures(current)


def variance(
    approved: Sequence[int] | None, spent: Sequence[int], first: int, last: int
) -> int | None:
    """Spent beyond what was approved, from month *first* to *last*, both included.

    >>> variance([100] * 12, [120, 90, 30] + [0] * 9, 0, 1)
    10

    Positive is overspent; only an approved schedule (not None) has a variance.
    """
    if approved is None:
        return None
    return sum(spent[first : last + 1]) - sum(approved[first : last + 1])


def monthly(approved: Sequence[int] | None, spent: Sequence[int]) -> tuple[int | None, ...]:
    """The variance of each month by itself."""
    return tuple(variance(approved, spent, month, month) for month in range(MONTHS))
