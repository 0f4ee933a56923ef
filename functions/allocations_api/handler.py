"""The door to allocations: who pays what of a month, what nobody does, and the financial scope."""

from datetime import date
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.domain.audit import Deed
from finops.domain.elements import LEVELS
from finops.runtime import settings, wiring
from finops.runtime.observability import logger, now
from finops.runtime.rest import (
    CHANGED,
    READ,
    WRITE,
    Cursor,
    Limit,
    act,
    answer,
    as_csv,
    as_json,
    caller,
    instead_of_ok,
    page,
    rest_api,
    wants_csv,
)
from finops.usecases import allocation_answers, allocation_views
from finops.usecases.allocation_starts import ask_allocations
from finops.usecases.allocation_views import Called
from finops.usecases.financial_scope import financial_scope, order
from finops.usecases.organisation_views import ENTERPRISE_ID, element_said
from finops.usecases.standings import state

app = rest_api()

Month = Annotated[
    str | None, Query(description="The billing period, YYYY-MM; without it, the newest")
]
Element = Annotated[str, Query(description="Its id; `enterprise` for all", max_length=250)]


@app.get(
    "/allocations",
    summary="How far a month is allocated",
    tags=["Allocations"],
    operation_id="get_allocations",
    responses=READ,
)
def get_allocations(month: Month = None) -> Response[Any]:
    """Each bill's spend, what owners pay of it and what nobody does; the difference is zero.

    Spend is read from the bill, the rest from the run. Where a bill is newer than its run, there is
    a difference until the next run is published, and `is_current` is false. CSV by
    `Accept: text/csv`.
    """
    by, period = caller(app), _month(month)
    found = allocation_answers.bill_statuses(
        period, by=by, book=wiring.book(), shelf=wiring.shelf()
    )
    if wants_csv(app):
        return as_csv(*allocation_views.status_table(found))
    return as_json(allocation_views.statuses(period, found))


@app.post(
    "/allocations",
    summary="Allocate what is not up to date",
    tags=["Allocations"],
    operation_id="post_allocations",
    responses=instead_of_ok(WRITE, 202, "Runs were started for these bills"),
)
def post_allocations() -> Response[Any]:
    """Start a run for each bill of an open month where bill or rules are newer than what readers see.

    Runs start by themselves after every load and every change of rules; this is for who does not
    want to wait. What is under way already is not started twice.
    """
    by_request = act(app, status=HTTPStatus.ACCEPTED)
    started = ask_allocations(
        by=caller(app),
        book=wiring.book(),
        bills=wiring.bills(),
        allocations=wiring.allocations(),
        runs=wiring.allocation_runs(),
    )
    told = {"items": [{"payer_id": payer, "billing_period": period} for payer, period in started]}
    wiring.audit().note("allocations#open", told, Deed(action="RunAllocations"), by_request)
    return as_json(told, status=HTTPStatus.ACCEPTED)


@app.get(
    "/allocations/tree",
    summary="Who pays what of a month",
    tags=["Allocations"],
    operation_id="get_allocation_tree",
    responses=READ,
)
def get_allocation_tree(
    month: Month = None,
    element: Element = ENTERPRISE_ID,
    depth: Annotated[int, Query(ge=0, le=LEVELS, description="Levels below the element")] = 1,
) -> Response[Any]:
    """An element's spend and what is below it: each the sum of its children, down to products.

    A product tells the accounts that it pays for: by share, claim, rule or policy, and from when to
    when that is in force. With a scope, `enterprise` is that scope and nothing else. What nobody
    owns is told of the enterprise to who may know of it. CSV by `Accept: text/csv` has the lowest
    level that was asked for, so that its amounts add up.
    """
    by, period = caller(app), _month(month)
    found = allocation_answers.allocation_tree(
        element_said(element), period, depth, by=by, sources=wiring.answers()
    )
    called = Called.in_month(period, wiring.accounts(), wiring.workloads())
    if wants_csv(app):
        return as_csv(*allocation_views.tree_table(found, called))
    return as_json(allocation_views.tree(found, called))


@app.get(
    "/allocations/days",
    summary="What an element pays by day",
    tags=["Allocations"],
    operation_id="get_allocation_days",
    responses=READ,
)
def get_allocation_days(month: Month = None, element: Element = ENTERPRISE_ID) -> Response[Any]:
    """Spend by day of the charge; with a scope, `enterprise` is that scope.

    A bill may charge for days outside its month. CSV by `Accept: text/csv`.
    """
    by, period = caller(app), _month(month)
    found = allocation_answers.days_of(
        element_said(element), period, by=by, sources=wiring.answers()
    )
    if wants_csv(app):
        return as_csv(*allocation_views.day_table(found))
    return as_json(allocation_views.days(found))


@app.get(
    "/allocations/unallocated",
    summary="What nobody owns",
    tags=["Allocations"],
    operation_id="get_unallocated",
    responses=READ | CHANGED,
)
def get_unallocated(
    month: Month = None, limit: Limit = 100, cursor: Cursor = None
) -> Response[Any]:
    """Spend without an owner, the largest first: why, of which account and class, and the remedy.

    The whole of a bill that no run was made of yet. Totals are of all pages. CSV by
    `Accept: text/csv`.
    """
    by, period = caller(app), _month(month)
    found = allocation_answers.unallocated(period, by=by, book=wiring.book(), shelf=wiring.shelf())
    called = Called.in_month(period, wiring.accounts())
    placed, following = page(
        list(enumerate(found[1])),
        limit,
        cursor,
        lambda one: f"{one[0]:09}",
        told=lambda one: allocation_views.unowned(one[1], called),
        state=state(found[0]),
    )
    some = [one for _, one in placed]
    if wants_csv(app):
        return as_csv(*allocation_views.unallocated_table(some, called), following)
    return as_json(allocation_views.unallocated(period, found, called, some, following))


@app.get(
    "/financial-scope",
    summary="Products, their owners and their accounts",
    tags=["Shares"],
    operation_id="get_financial_scope",
    responses=READ,
)
def get_financial_scope(
    element: Element = ENTERPRISE_ID,
    on: Annotated[date | None, Query(description="As of this day; without it, today")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """Every product of the caller's scope, with a row for each account that is or was split with it.

    A product without any account is a row, too. CSV by `Accept: text/csv`.
    """
    found = financial_scope(
        element_said(element), on or now().date(), by=caller(app), sources=wiring.scope_sources()
    )
    some, following = page(found, limit, cursor, order, told=allocation_views.scope_row)
    if wants_csv(app):
        return as_csv(*allocation_views.scope_table(some), following)
    items = [allocation_views.scope_row(one) for one in some]
    return as_json({"items": items, "next_cursor": following})


def _month(said: str | None) -> str:
    return said or allocation_answers.newest_month(now().date(), wiring.bills())


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
