"""The financial scope: each product that somebody may see, who answers for it, what it pays for."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from finops.domain.accounts import Account
from finops.domain.authorization import Action, must, must_reach
from finops.domain.budgets import BudgetStatus
from finops.domain.elements import ENTERPRISE, covers
from finops.domain.errors import NotFoundError
from finops.domain.fiscal_years import FiscalYear
from finops.domain.people import Person
from finops.domain.periods import Period
from finops.domain.shares import AccountShares, Revision, ShareStatus
from finops.usecases.charts import chart_of
from finops.usecases.people import seen_people
from finops.usecases.ports import Accounts, Budgets, Charts, People, Shares


class ScopeSources(NamedTuple):
    """Where it is looked up; *first_month* is that of the fiscal year."""

    charts: Charts
    budgets: Budgets
    people: People
    accounts: Accounts
    shares: Shares
    first_month: int


class ScopeRow(NamedTuple):
    """A product and a split of an account over it; of a product without any, only the product.

    *names* lead to the product; they are the parts of its id where the year's chart lacks it, and
    then it has no budget. *owners* hold the product. [*start*, *end*) are the days on which the
    split is in force, or those it was made for, where another one took its place before it began.
    """

    product_id: str
    names: Sequence[str]
    budget_status: BudgetStatus | None
    owners: Sequence[Person]
    account_id: str | None = None
    account: str | None = None
    revision: Revision | None = None
    basis_points: int | None = None
    status: ShareStatus | None = None
    start: date | None = None
    end: date | None = None


def financial_scope(element: str, on: date, *, by: Person, sources: ScopeSources) -> list[ScopeRow]:
    """The products at and under *element* that *by* may see, with all splits there ever were.

    Statuses are as of the day *on*, names and budgets those of its fiscal year. By product, account
    and number of the split. Raises NotFoundError outside the scope, or for what there is not.
    """
    must_reach(by, Action.SEE_ALLOCATIONS)
    if element != ENTERPRISE:
        must(by, Action.SEE_ALLOCATIONS, element)
    year = FiscalYear.of(on, sources.first_month).year
    chart = chart_of(year, sources.charts)
    budgets = sources.budgets.of_year(year)
    tops = by.reach if element == ENTERPRISE else (element,)
    splits: defaultdict[str, list[tuple[AccountShares, Revision, int]]] = defaultdict(list)
    for _, split in sorted(sources.shares.all().items()):
        for revision in split.revisions:
            for product, points in revision.shares:
                splits[product].append((split, revision, points))
    products = {
        product
        for product in {*splits, *(one.id for one in chart.products)}
        if any(covers(top, product) for top in tops)
    }
    if element != ENTERPRISE and not products:
        raise NotFoundError(f"the chart of accounts of {year} has no {element}")
    owners: defaultdict[str, list[Person]] = defaultdict(list)
    for person in seen_people(by=by, people=sources.people):
        for own in person.reach:
            if person.holds(own):
                owners[own].append(person)
    accounts = {one.account_id: one for one in sources.accounts.all()}
    found: list[ScopeRow] = []
    for product_id in sorted(products):
        known = chart.product(product_id)
        budget = budgets.get(product_id)
        status = budget.status if budget else BudgetStatus.NEW
        row = ScopeRow(
            product_id=product_id,
            names=known.names if known else _parts(product_id),
            budget_status=status if known else None,
            owners=owners[product_id],
        )
        found += [
            _split(row, split, revision, points, on, accounts.get(split.account_id))
            for split, revision, points in splits.get(product_id, ())
        ] or [row]
    return found


def order(row: ScopeRow) -> str:
    """Where a row stands among the others."""
    number = row.revision.number if row.revision else 0
    return f"{row.product_id} {row.account_id or ''} {number:06}"


def _split(
    row: ScopeRow,
    split: AccountShares,
    revision: Revision,
    points: int,
    on: date,
    account: Account | None,
) -> ScopeRow:
    spans = [
        span
        for span in split.spans(Period(revision.start, revision.end))
        if span.revision and span.revision.number == revision.number
    ]
    return row._replace(
        account_id=split.account_id,
        account=account.name_on(on) if account else None,
        revision=revision,
        basis_points=points,
        status=split.status(revision, on),
        start=spans[0].start if spans else revision.start,
        end=spans[-1].end if spans else revision.end,
    )


def _parts(product_id: str) -> tuple[str, ...]:
    """What a product goes by that no chart at hand names.

    >>> _parts("retail.digital.storefront.web-shop")
    ('retail', 'digital', 'storefront', 'web-shop')
    """
    return tuple(product_id.split("."))
