"""Plans: what is budgeted, approved and spent, for any element: exactly the sum of what is below it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import reduce
from typing import NamedTuple

from finops.domain.authorization import Action, Reach, may, must, must_reach
from finops.domain.budgets import Budget, BudgetStatus
from finops.domain.charts import Chart, Product
from finops.domain.elements import ENTERPRISE, ancestors
from finops.domain.errors import NotFoundError
from finops.domain.figures import NOTHING, ZERO, Line
from finops.domain.fiscal_years import FiscalYear
from finops.domain.people import Person
from finops.usecases.charts import head_of
from finops.usecases.memo import Memo
from finops.usecases.ports import Budgets, Charts, Spending, Spent


class Plan(NamedTuple):
    """An element's line and those of its children; *unallocated* is spend without an owner.

    *others* is what products spent in currencies that plans are not made in. What *is_part* is no
    element, but all that its reader may see. *current* is the index of the running month, None when
    the year is over, -1 before it begins.
    """

    chart: Chart
    element: str
    line: Line
    children: Sequence[tuple[str, Line]]
    unallocated: Mapping[str | None, Sequence[int]]
    others: Mapping[str | None, Sequence[int]]
    current: int | None
    is_part: bool = False


class Planning(NamedTuple):
    """What plans are worked out from."""

    charts: Charts
    budgets: Budgets
    spending: Spending
    memo: Memo


class Rollup:
    """The lines of all products of a chart, and of every element above them, once asked for."""

    def __init__(self, chart: Chart, products: Mapping[str, Line]) -> None:
        self._chart = chart
        self._products = products
        self._sums: dict[str, Line] = {}

    def line(self, element: str) -> Line:
        """A node is the sum of its children, plus nothing."""
        known = self._products.get(element) or self._sums.get(element)
        if known is None:
            below = [self.line(child) for child in self._chart.children(element)]
            known = self._sums[element] = reduce(Line.__add__, below, ZERO)
        return known

    def forget(self, products: Iterable[str]) -> None:
        """Sums that hold one of these products are worked out again."""
        for product in products:
            for element in ancestors(product):
                self._sums.pop(element, None)


def plan(element: str, year: int, today: date, *, by: Person, planning: Planning) -> Plan:
    """What an element has, and what is below it.

    Somebody with a scope sees of the enterprise the elements of that scope, and their sum: never
    the total, which would tell what the others have. Raises NotFoundError outside the scope.
    """
    reach = must_reach(by, Action.SEE_ELEMENT)
    if element != ENTERPRISE:
        must(by, Action.SEE_ELEMENT, element)
    head = head_of(year, planning.charts)
    chart = planning.charts.read(head)
    if element != ENTERPRISE and not chart.products_under(element):
        raise NotFoundError(f"the chart of accounts of {year} has no {element}")
    spent = planning.spending.spent(chart.fiscal_year.months)
    rollup = _rollup(chart, head.version, today, spent, planning)
    is_part = element == ENTERPRISE and reach is not Reach.EVERYWHERE
    below = [e for e in sorted(by.scope) if chart.products_under(e)] if is_part else ()
    children = [(child, rollup.line(child)) for child in below or chart.children(element)]
    if is_part:
        children = [(child, line) for child, line in children if child in by.scope]
        whole = reduce(Line.__add__, (line for _, line in children), ZERO)
    else:
        whole = rollup.line(element)
    sees_bill = element == ENTERPRISE and may(by, Action.SEE_BILL)
    return Plan(
        chart=chart,
        element=element,
        line=whole,
        children=children,
        unallocated=spent.unallocated if sees_bill else {},
        others=spent.others if sees_bill else {},
        current=chart.fiscal_year.running(today),
        is_part=is_part,
    )


class Year(NamedTuple):
    """The chart of a year in one *version*, and the lines of all its elements."""

    chart: Chart
    version: int
    lines: Rollup


def rolled_up(year: int, today: date, planning: Planning) -> Year | None:
    """The plans of a year; None where there is no chart."""
    head = planning.charts.head(year)
    if head is None:
        return None
    chart = planning.charts.read(head)
    spent = planning.spending.spent(chart.fiscal_year.months)
    return Year(chart, head.version, _rollup(chart, head.version, today, spent, planning))


def product_line(
    product: Product, budget: Budget | None, spent: Sequence[int], year: FiscalYear, today: date
) -> Line:
    """The line of one product.

    One that has ended plans nothing more: of its annual amount it keeps what was approved for the
    months it lived in, so that it takes nothing from the others' sum and gives nothing to it.
    """
    approved = budget.approved if budget else None
    limit = product.limit(today)
    if limit is None:
        end = product.ends(year)
        approved = approved and tuple(
            amount if month.start < end else 0
            for month, amount in zip(year.months, approved, strict=True)
        )
        limit = sum(approved or ())
    status = budget.status if budget else BudgetStatus.NEW
    return Line.of(limit, approved, spent, status.value)


def _rollup(chart: Chart, version: int, today: date, spent: Spent, planning: Planning) -> Rollup:
    budgets = planning.budgets.of_year(chart.year)

    def line(product_id: str) -> Line:
        product = chart.product(product_id)
        assert product is not None  # noqa: S101 - versions are by the chart's products
        return product_line(
            product,
            budgets.get(product_id),
            spent.products.get(product_id, NOTHING),
            chart.fiscal_year,
            today,
        )

    name, made_of = ("plan", chart.year), (version, today, spent.state)
    versions = {
        product.id: budgets[product.id].version if product.id in budgets else 0
        for product in chart.products
    }
    lines, anew = planning.memo.each(name, made_of, versions, line)
    rollup = planning.memo.of(name, made_of, lambda: Rollup(chart, lines))
    rollup.forget(anew)
    return rollup
