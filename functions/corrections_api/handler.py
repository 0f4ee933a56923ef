"""The door to corrections of closed months, and to years of them."""

from operator import attrgetter
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.domain.fiscal_years import FIRST_YEAR, LAST_YEAR
from finops.runtime import settings, wiring
from finops.runtime.observability import logger
from finops.runtime.rest import (
    READ,
    Cursor,
    Limit,
    answer,
    as_csv,
    as_json,
    caller,
    page,
    place_of,
    rest_api,
    wants_csv,
)
from finops.usecases import closed_years, corrections_views
from finops.usecases.corrections import seen_corrections
from finops.usecases.organisation_views import element_said

app = rest_api()


@app.get(
    "/corrections",
    summary="What later bills changed of closed months",
    tags=["Corrections"],
    operation_id="get_corrections",
    responses=READ,
)
def get_corrections(
    month: Annotated[
        str | None, Query(description="Only booked in this month, YYYY-MM", max_length=7)
    ] = None,
    original_period: Annotated[
        str | None, Query(description="Only of this closed month, YYYY-MM", max_length=7)
    ] = None,
    of_owners: Annotated[
        bool, Query(description="What owners are charged, where the caller sees the bill, too")
    ] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """Each as a row of FOCUS: ChargeClass `Correction`, the original period and invoice id.

    Who sees the bill gets those of the invoices, with what AWS credited; an owner those of their
    products, in the cost that they are charged by. CSV by `Accept: text/csv`.
    """
    found = seen_corrections(
        by=caller(app),
        closes=wiring.closes(),
        files=wiring.close_files(),
        memo=wiring.memo(),
        month=month,
        original_period=original_period,
        of_owners=of_owners,
        after=place_of(cursor),
        most=limit + 1,  # one more says whether there is another page
    )
    shown, following = page(
        found, limit, cursor, attrgetter("place"), told=corrections_views.correction
    )
    if wants_csv(app):
        return as_csv(*corrections_views.corrections_table(shown), following)
    items = [corrections_views.correction(one) for one in shown]
    return as_json(
        {
            "items": items,
            "bookings": corrections_views.bookings(shown),
            "next_cursor": following,
        }
    )


@app.get(
    "/corrections/years/<fiscal_year>",
    summary="A year as it was closed, corrected since, and billed by now",
    tags=["Corrections"],
    operation_id="get_closed_year",
    responses=READ,
)
def get_closed_year(
    fiscal_year: Annotated[int, Path(ge=FIRST_YEAR, le=LAST_YEAR)],
    element: Annotated[
        str | None,
        Query(description="This element and those right below it; without it, the scope's"),
    ] = None,
) -> Response[Any]:
    """Closed + corrected + waiting = latest, for every month, open ones too.

    Of what owners are charged, by element; and of the invoices, for who sees the bill. CSV by
    `Accept: text/csv`.
    """
    found = closed_years.closed_year(
        fiscal_year,
        None if element is None else element_said(element),
        by=caller(app),
        sources=wiring.year_sources(),
    )
    if wants_csv(app):
        return as_csv(*corrections_views.year_table(found))
    return as_json(corrections_views.closed_year(found))


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
