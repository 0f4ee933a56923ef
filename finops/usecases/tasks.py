"""Tasks of people, the elements that lack an owner, and the one mail a day that says so."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import NamedTuple

from finops.domain.authorization import Action, Reach, must_reach
from finops.domain.budgets import Budget
from finops.domain.chart_loads import ChartHead
from finops.domain.charts import Chart
from finops.domain.fiscal_years import FiscalYear
from finops.domain.people import Holders, Person, Role, holders
from finops.domain.tasks import MissingOwner, Task, appointments, missing_owners, tasks_on
from finops.usecases.memo import Memo, stamp
from finops.usecases.ports import Budgets, Charts, People


class Work:
    """All tasks of the years that are open, by year and product, with the charts they are of."""

    def __init__(
        self, charts: Mapping[int, Chart], waiting: Mapping[int, Mapping[str, Sequence[Task]]]
    ) -> None:
        self.charts = charts
        self._waiting = waiting

    def of(self, person: Person) -> list[Task]:
        """What *person* owes, by year, kind and element."""
        if person.role is Role.CLOUD_ENGINEER:
            mine = [] if person.is_suspended else appointments(self.missing)
            return sorted(mine, key=lambda task: (task.year, task.kind, task.element))
        found = [
            task
            for year, chart in self.charts.items()
            for element in person.reach
            for product in chart.products_under(element)
            for task in self._waiting[year][product.id]
            if task.is_for(person)
        ]
        return sorted(found, key=lambda task: (task.year, task.kind, task.element))

    @cached_property
    def missing(self) -> list[MissingOwner]:
        """The elements that nobody holds while something waits there."""
        return missing_owners(
            task for of_year in self._waiting.values() for some in of_year.values() for task in some
        )


class Office(NamedTuple):
    """What tasks are worked out from."""

    charts: Charts
    budgets: Budgets
    people: People
    first_month: int
    memo: Memo


def work(today: date, office: Office) -> Work:
    """What waits in this fiscal year, and in those to come that have a chart."""
    this_year = FiscalYear.of(today, office.first_month).year
    heads = [head for head in office.charts.heads() if head.year >= this_year]
    people = office.people.all()
    budgets = {head.year: office.budgets.of_year(head.year) for head in heads}

    def made() -> Work:
        held = holders(people)
        charts = {head.year: office.charts.read(head) for head in reversed(heads)}
        waiting = {
            head.year: _waiting(charts[head.year], head, budgets[head.year], held, today, office)
            for head in heads
        }
        return Work(charts, waiting)

    stamps = tuple(stamp(of_year.values()) for of_year in budgets.values())
    return office.memo.of("work", (today, stamp(heads), stamp(people), stamps), made)


def _waiting(
    chart: Chart,
    head: ChartHead,
    budgets: Mapping[str, Budget],
    held: Holders,
    today: date,
    office: Office,
) -> Mapping[str, Sequence[Task]]:
    """What waits in a year, worked out anew for the products whose budgets have changed."""
    products = {product.id: product for product in chart.products}
    versions = {id_: budgets[id_].version if id_ in budgets else 0 for id_ in products}
    made_of = (head.version, today, tuple(sorted((e, tuple(sorted(by))) for e, by in held.items())))
    found, _ = office.memo.each(
        ("tasks", chart.year),
        made_of,
        versions,
        lambda id_: list(tasks_on(products[id_], chart.year, budgets.get(id_), held, today)),
    )
    return found


def tasks_of(today: date, *, by: Person, office: Office) -> tuple[Work, list[Task]]:
    """What *by* owes, with what it is worked out from."""
    must_reach(by, Action.SEE_ONESELF)
    found = work(today, office)
    return found, found.of(by)


def seen_missing_owners(
    today: date, *, by: Person, office: Office
) -> tuple[Work, list[MissingOwner]]:
    """The elements in scope that nobody holds while something waits there."""
    reach = must_reach(by, Action.SEE_ELEMENT)
    found = work(today, office)
    seen = [one for one in found.missing if reach is Reach.EVERYWHERE or by.covers(one.element)]
    return found, seen
