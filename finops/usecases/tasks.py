"""Tasks of people, the elements that lack an owner, and the one mail a day that says so."""

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import date
from functools import cached_property
from typing import NamedTuple

from finops.domain.accounts import AccountTask, account_tasks
from finops.domain.allocation_tasks import AllocationTask, allocation_tasks
from finops.domain.authorization import Action, Reach, must_reach
from finops.domain.budgets import Budget
from finops.domain.chart_loads import ChartHead
from finops.domain.charts import Chart
from finops.domain.fiscal_years import FiscalYear
from finops.domain.people import Holders, Person, Role, holders
from finops.domain.saving_tasks import SavingTask, saving_tasks
from finops.domain.tasks import (
    MissingOwner,
    Task,
    appointments,
    missing_owners,
    tasks_on,
    together,
)
from finops.usecases.card_tasks import CardDesk, CardWork, OwedCard, card_work, open_months
from finops.usecases.memo import Memo, stamp
from finops.usecases.ports import (
    Accounts,
    Budgets,
    Charts,
    Closes,
    Credits,
    Delegations,
    People,
    SavingsKept,
    SettingsKept,
    Shares,
    SpendCards,
)

# A step on an element of a year, what an account needs, what is missing to say who pays, or a step on
# a spend card or on savings.
Owed = Task | AccountTask | AllocationTask | OwedCard | SavingTask


class Work:
    """All tasks of the years that are open, by year and product, with the charts they are of.

    And what *accounts* need, who pays (*allocation*), *cards* and *savings*: each the longest waiting
    first.
    *named* are these charts, and those of earlier years that open cards are of.
    """

    def __init__(
        self,
        charts: Mapping[int, Chart],
        waiting: Mapping[int, Mapping[str, Sequence[Task]]],
        accounts: Sequence[AccountTask] = (),
        allocation: Sequence[AllocationTask] = (),
        *,
        named: Mapping[int, Chart] | None = None,
    ) -> None:
        self.charts = charts
        self.named = charts if named is None else named
        self.cards: CardWork | None = None
        self.savings: Sequence[SavingTask] = ()
        self._waiting = waiting
        self._others: Sequence[AccountTask | AllocationTask] = (*accounts, *allocation)

    def beside(self, cards: CardWork, savings: Sequence[SavingTask] = ()) -> "Work":
        """The same with what waits on *cards* and on *savings*."""
        found = copy(self)
        found.cards, found.savings = cards, savings
        return found

    def of(self, person: Person) -> list[Owed]:
        """What *person* owes: steps by year, kind and element, then the other kinds in their turn."""
        steps = sorted(self._steps(person), key=lambda task: (task.year, task.kind, task.element))
        cards = self.cards.of(person) if self.cards else []
        others = (task for task in self._others if task.is_for(person))
        savings = (task for task in self.savings if task.is_for(person))
        return [*steps, *others, *cards, *savings]

    def _steps(self, person: Person) -> list[Task]:
        if person.role is Role.CLOUD_ENGINEER:
            return [] if person.is_suspended else list(appointments(self.missing))
        return [
            task
            for year, chart in self.charts.items()
            for element in person.reach
            for product in chart.products_under(element)
            for task in self._waiting[year][product.id]
            if task.is_for(person)
        ]

    @property
    def missing(self) -> list[MissingOwner]:
        """The elements that nobody holds while something waits there."""
        return together(self._missing, self.cards.missing if self.cards else ())

    @cached_property
    def _missing(self) -> list[MissingOwner]:
        return missing_owners(
            task for of_year in self._waiting.values() for some in of_year.values() for task in some
        )


class Office(NamedTuple):
    """What tasks are worked out from."""

    charts: Charts
    budgets: Budgets
    people: People
    accounts: Accounts
    shares: Shares
    credits: Credits
    first_month: int
    memo: Memo
    cards: SpendCards
    closes: Closes
    delegations: Delegations
    settings: SettingsKept
    savings: SavingsKept

    @property
    def card_desk(self) -> CardDesk:
        return CardDesk(
            *(self.cards, self.people, self.closes, self.delegations, self.settings),
            *(self.first_month, self.memo),
        )


def work(today: date, office: Office) -> Work:
    """What waits in this fiscal year, and in those to come that have a chart; and on cards."""
    this_year = FiscalYear.of(today, office.first_month)
    months = open_months(today, office.closes.all().values())
    oldest = FiscalYear.of(min([today, *(month.start for month in months)]), office.first_month)
    known = [head for head in office.charts.heads() if head.year >= oldest.year]
    heads = [head for head in known if head.year >= this_year.year]
    people = office.people.all()
    accounts = office.accounts.all()
    shares, credits_ = office.shares.all(), office.credits.all()
    budgets = {head.year: office.budgets.of_year(head.year) for head in heads}

    def made() -> Work:
        held = holders(people)
        named = {head.year: office.charts.read(head) for head in reversed(known)}
        charts = {head.year: named[head.year] for head in reversed(heads)}
        waiting = {
            head.year: _waiting(charts[head.year], head, budgets[head.year], held, today, office)
            for head in heads
        }
        who_pays = allocation_tasks(accounts, shares, credits_.values(), today, year=this_year)
        return Work(charts, waiting, account_tasks(accounts), who_pays, named=named)

    stamps = tuple(stamp(of_year.values()) for of_year in budgets.values())
    rules = (stamp(accounts), stamp(shares.values()), stamp(credits_.values()))
    made_of = (today, stamp(known), stamp(people), rules, stamps)
    found = office.memo.of("work", made_of, made)
    savings = office.savings.all()
    return found.beside(
        card_work(today, office.card_desk),
        office.memo.of(
            "saving tasks", stamp(savings.values()), lambda: saving_tasks(savings.values())
        ),
    )


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


def tasks_of(today: date, *, by: Person, office: Office) -> tuple[Work, list[Owed]]:
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
