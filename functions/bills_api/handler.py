"""The door to bills, their costs, and the loads that made them."""

from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, Field

from finops.domain.audit import Deed
from finops.domain.authorization import Action, must
from finops.domain.bills import DIMENSIONS, cost_query
from finops.domain.deliveries import MANIFEST_SUFFIX
from finops.domain.errors import InvalidError
from finops.domain.loads import DeliveryKind
from finops.domain.periods import BillingPeriod
from finops.runtime import settings, wiring
from finops.runtime.observability import logger
from finops.runtime.rest import (
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
    rest_api,
    wants_csv,
)
from finops.usecases import views
from finops.usecases.costs import costs
from finops.usecases.ports import Page

MOST = 10_000  # rows a page: what stays below the size of an answer that API Gateway carries

app = rest_api()

Month = Annotated[str, Path(description="The billing period, YYYY-MM")]
OUTDATED: dict[int, Any] = {409: {"description": "A newer delivery was published while paging"}}


@app.get(
    "/bills",
    summary="The bills in force",
    tags=["Bills"],
    operation_id="get_bills",
    responses=READ,
)
def get_bills(
    billing_period: Annotated[str | None, Query(description="YYYY-MM")] = None,
    payer_id: Annotated[str | None, Query(description="The payer account")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Each payer's months, newest first, with their totals and how fresh they are."""
    must(caller(app), Action.SEE_BILL)
    if billing_period is not None:
        page = Page(wiring.bills().in_period(BillingPeriod(billing_period)), None)
    else:
        page = wiring.bills().all(limit, cursor)
    found, token = page
    shown = [views.bill(bill) for bill in found if payer_id in (None, bill.billing_account_id)]
    return {"items": shown, "next_cursor": token}


@app.get(
    "/bills/<billing_period>/costs",
    summary="Exact sums of a month",
    tags=["Bills"],
    operation_id="get_costs",
    responses=READ | OUTDATED,
)
def get_costs(
    billing_period: Month,
    by: Annotated[
        str, Query(description=f"Dimensions, comma separated: {', '.join(DIMENSIONS)}")
    ] = "",
    cost: Annotated[str, Query(description="billed, effective, list, unblended")] = "",
    payer_id: Annotated[str | None, Query(description="Only this payer")] = None,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Rows a page")] = 1000,
    cursor: Cursor = None,
) -> Response[Any]:
    """Costs summed by any dimensions, with the total of all rows.

    Every dimension is also a filter of its own name (`account=444455556666`); an empty value asks
    for the charges that have none. Costs are decimal text, each cost apart; CSV by
    `Accept: text/csv`.
    """
    must(caller(app), Action.SEE_BILL)
    asked = app.current_event.query_string_parameters or {}
    where = {name: value for name, value in asked.items() if name in DIMENSIONS}
    if payer_id is not None:
        where["payer"] = payer_id
    query = cost_query(billing_period, _words(by), _words(cost), where)
    found = costs(
        query,
        limit=limit,
        cursor=cursor,
        bills=wiring.bills(),
        ledger=wiring.ledger(),
        engine=wiring.engine,
    )
    if not wants_csv(app):
        return as_json(views.answer(query, found))
    table = as_csv(*views.table(query, found))
    if found.next_cursor is not None:
        table.headers["X-Next-Cursor"] = found.next_cursor
    return table


@app.get(
    "/loads",
    summary="What was delivered",
    tags=["Loads"],
    operation_id="get_loads",
    responses=READ,
)
def get_loads(
    billing_period: Annotated[str | None, Query(description="YYYY-MM")] = None,
    payer_id: Annotated[str | None, Query(description="The payer account")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Deliveries and what became of them, newest first."""
    must(caller(app), Action.SEE_BILL)
    found, token = wiring.loads().recent(limit, cursor)
    shown = [views.load(load, bills=_current(load), whole=False) for load in found]
    kept = [load for load in shown if _is_of(load, billing_period, payer_id)]
    return {"items": kept, "next_cursor": token}


@app.get(
    "/loads/<load_id>",
    summary="One delivery",
    tags=["Loads"],
    operation_id="get_load",
    responses=READ,
)
def get_load(
    load_id: Annotated[str, Path(description="The load's id", pattern="^[0-9a-f]{24}$")],
) -> dict[str, Any]:
    """A delivery with the control totals of its files, and what it changed."""
    must(caller(app), Action.SEE_BILL)
    found = wiring.loads().get(load_id)
    return views.load(found, bills=_current(found))


class Delivery(BaseModel):
    """A delivery to look at again."""

    manifest_key: Annotated[str, Field(min_length=1, max_length=1024)]


@app.post(
    "/loads",
    summary="Load a delivery now",
    tags=["Loads"],
    operation_id="post_load",
    responses=instead_of_ok(WRITE, 202, "A load was started"),
)
def post_load(delivery: Delivery) -> Response[Any]:
    """Start a load by hand: for a manifest in the billing bucket that no event has told us of."""
    must(caller(app), Action.START_LOAD)
    if not delivery.manifest_key.endswith(MANIFEST_SUFFIX):
        raise InvalidError(f"a manifest's key ends in {MANIFEST_SUFFIX}")
    by_request = act(app, status=HTTPStatus.ACCEPTED)
    run = wiring.runs().start(delivery.manifest_key)
    started = {"manifest_key": delivery.manifest_key, "run": run}
    wiring.audit().note(
        f"delivery#{delivery.manifest_key}", started, Deed(action="StartLoad"), by_request
    )
    return as_json(started, status=HTTPStatus.ACCEPTED)


@app.get(
    "/freshness",
    summary="How fresh the bills are",
    tags=["Bills"],
    operation_id="get_freshness",
    responses=READ,
)
def get_freshness(limit: Limit = 100, cursor: Cursor = None) -> dict[str, Any]:
    """For each payer and month: last delivery, last load, complete through, final or not."""
    must(caller(app), Action.SEE_BILL)
    found, token = wiring.bills().all(limit, cursor)
    return {"items": [views.freshness(bill) for bill in found], "next_cursor": token}


def _words(listed: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in listed.split(",") if word.strip())


def _current(load: Any) -> list[Any]:
    of = {(one.summary.billing_account_id, one.summary.billing_period) for one in load.bills}
    return [bill for one in sorted(of) if (bill := wiring.bills().find(*one)) is not None]


def _is_of(load: dict[str, Any], period: str | None, payer: str | None) -> bool:
    if period is None and payer is None:
        return True
    if load["kind"] == DeliveryKind.SAVINGS:
        month = (load["day"] or "")[:7]
        return period in (None, month) and payer in (None, load["payer_id"])
    return any(
        period in (None, bill["billing_period"]) and payer in (None, bill["payer_id"])
        for bill in load["bills"]
    )


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
