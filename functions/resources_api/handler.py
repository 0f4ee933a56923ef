"""The door to resources: found by what they are called, tagged and cost, with who has claimed them."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.domain.errors import InvalidError
from finops.domain.money import from_ticks, to_ticks
from finops.domain.resources import ResourceOrder, ResourceQuery, tag_filter
from finops.runtime import settings, wiring
from finops.runtime.observability import logger, now
from finops.runtime.rest import (
    READ,
    Cursor,
    Limit,
    answer,
    as_csv,
    as_json,
    caller,
    rest_api,
    wants_csv,
)
from finops.usecases import resource_views
from finops.usecases.resources import resources

LARGEST = Decimal(900_000_000)  # a row of the ledger holds ticks in 64 bits

app = rest_api()

OUTDATED: dict[int, Any] = {409: {"description": "A newer delivery was published while paging"}}


@app.get(
    "/resources",
    summary="Resources of a month",
    tags=["Resources"],
    operation_id="get_resources",
    responses=READ | OUTDATED,
)
def get_resources(
    month: Annotated[
        str | None, Query(description="The billing period, YYYY-MM; without it, the newest")
    ] = None,
    text: Annotated[
        str | None,
        Query(description="In id or name: a part of it, or with `*` and `?` all of it; any case"),
    ] = None,
    resource_id: Annotated[str | None, Query(description="The same, in the id")] = None,
    name: Annotated[str | None, Query(description="The same, in the name (tag Name)")] = None,
    service: Annotated[str | None, Query(description="Its code; `(none)`: without one")] = None,
    region: Annotated[str | None, Query(description="Its code; `(none)`: without one")] = None,
    tag: Annotated[
        list[str] | None,
        Query(description="KEY or KEY=VALUE as they are written; `\\=` in a key; all must hold"),
    ] = None,
    account: Annotated[
        list[str] | None, Query(description="Only of these; `(none)`: of no account")
    ] = None,
    min_cost: Annotated[str | None, Query(description="Billed cost of the month, at least")] = None,
    max_cost: Annotated[str | None, Query(description="Billed cost of the month, at most")] = None,
    claimed: Annotated[
        bool | None, Query(description="By hand, today or later; a claim rule does not count")
    ] = None,
    order: Annotated[
        ResourceOrder,
        Query(description="The dearest first; by payer, account and id; the last charged first"),
    ] = ResourceOrder.COST,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """What a month's bills charge of each resource, and who has claimed it.

    A resource that two services charge is told twice. The totals are of all that fits, for each
    currency. Of claims for products outside the caller's scope it is told that they are there; what
    such a product claims by hand in the month has no cost here, and is in no total. An owner sees
    accounts that a product of their scope has a share of, and what their workloads claim. CSV by
    `Accept: text/csv`.
    """
    query = ResourceQuery(
        text=text,
        resource_id=resource_id,
        name=name,
        service=service,
        region=region,
        tags=tuple(map(tag_filter, tag or ())),
        accounts=tuple(account or ()),
        least=_ticks("min_cost", min_cost),
        most=_ticks("max_cost", max_cost),
        claimed=claimed,
        order=order,
    )
    page = resources(
        query,
        month=month,
        by=caller(app),
        today=now().date(),
        limit=limit,
        cursor=cursor,
        stock=wiring.stock(),
    )
    if wants_csv(app):
        return as_csv(*resource_views.table(page), page.next_cursor)
    return as_json(resource_views.answer(page))


def _ticks(field: str, said: str | None) -> int | None:
    if said is None:
        return None
    try:
        amount = Decimal(said)
    except InvalidOperation as error:
        raise InvalidError(f"{field} is {said[:40]!r}; write it like 12.50") from error
    # No arithmetic before this: an exponent can be larger than any context takes.
    if not amount.is_finite() or not -LARGEST <= amount <= LARGEST:
        raise InvalidError(f"{field} is {said[:40]!r}; it can be up to {LARGEST:,}")
    ticks = to_ticks(amount)
    if from_ticks(ticks) != amount:
        raise InvalidError(f"{field} is {said[:40]!r}; write ten decimals at most")
    return ticks


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
