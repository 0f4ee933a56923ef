"""The door to views: what of the spend is signed, what is not, and what was planned."""

from collections.abc import Callable, Iterable
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.domain.authorization import Action, may
from finops.domain.elements import LEVELS
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
    page,
    rest_api,
    wants_csv,
)
from finops.usecases import saving_views, spend_answers, spend_views
from finops.usecases.organisation_views import ENTERPRISE_ID, element_said
from finops.usecases.savings import top_savings
from finops.usecases.spend_answers import Rows
from finops.usecases.spend_frames import Question, RowKey, span_of

app = rest_api()

SVG = "image/svg+xml"
# A plot is a picture and nothing else, wherever it is opened.
PICTURE = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}

Element = Annotated[str, Query(description="Its id; `enterprise` for all", max_length=250)]
Span = Annotated[
    Literal["month", "year"] | None,
    Query(description="One month, or the fiscal year; without it, what `month` or `year` asks for"),
]
Month = Annotated[
    str | None, Query(description="The billing period, YYYY-MM; without it, the newest")
]
Year = Annotated[int | None, Query(description="The fiscal year; without it, that of the month")]
Currency = Annotated[
    str | None, Query(description="Only this currency; a plot is of one", max_length=10)
]
Depth = Annotated[int, Query(ge=0, le=LEVELS, description="Levels below the element")]
Format = Annotated[Literal["json", "svg"], Query(description="`svg`: drawn, with the same numbers")]


@app.get(
    "/views/summary",
    summary="What of the spend is signed, and what is not",
    tags=["Views"],
    operation_id="get_summary",
    responses=READ,
)
def get_summary(
    element: Element = ENTERPRISE_ID,
    span: Span = None,
    month: Month = None,
    year: Year = None,
    currency: Currency = None,
) -> Response[Any]:
    """Spend on cards by their status, adjustments that wait, spend on no card yet, and the trend.

    On cards + waiting + corrections + uncarded is the element's spend; with what nobody owns it is
    the bill's, which the totals tell to who may know. What waits is a difference to what was signed
    that no card has yet; of a month that is closed, it is a correction. A trend compares as many
    days of the span as the bills cover with as many of the one before it. CSV by
    `Accept: text/csv` has a row for each part. `savings` are the largest that are open now.
    """
    asked = _asked(element, span, month, year, currency)
    found = spend_answers.summary(asked, sources=wiring.view_sources())
    if wants_csv(app):
        return as_csv(*spend_views.summary_table(found))
    board = wiring.savings_board()
    savings = top_savings(asked.element, asked.today, by=asked.by, board=board)
    told = saving_views.top(
        savings,
        saving_views.Names.of(board, asked.today),
        with_numbers=may(asked.by, Action.SEE_SAVINGS),
    )
    return as_json(spend_views.summary(found) | {"savings": told})


@app.get(
    "/views/snapshot",
    summary="Every element with its plan, its cards and its owners",
    tags=["Views"],
    operation_id="get_snapshot",
    responses=READ,
)
def get_snapshot(
    element: Element = ENTERPRISE_ID,
    depth: Depth = 1,
    span: Span = None,
    month: Month = None,
    year: Year = None,
    currency: Currency = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """An element, and what is below it: spend, budget, variance, pace, cards by status, owners.

    A row for each element and currency, the element itself first. Pace compares what was spent in
    the days that the bills cover with the approved schedule. With a scope, `enterprise` is that
    scope. CSV by `Accept: text/csv`.
    """
    asked = _asked(element, span, month, year, currency)
    found = spend_answers.snapshot(asked, depth, sources=wiring.view_sources())
    return _paged(found, limit, cursor, spend_views.snapshot_rows, spend_views.snapshot_table)


@app.get(
    "/views/cards-by-status",
    summary="How far cards are, and who owes the next step",
    tags=["Views"],
    operation_id="get_cards_by_status",
    responses=READ,
)
def get_cards_by_status(
    element: Element = ENTERPRISE_ID,
    span: Span = None,
    month: Month = None,
    year: Year = None,
    currency: Currency = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    format: Format = "json",  # noqa: A002  # its name in the query
) -> Response[Any]:
    """Cards by status and by the level that owes the step; those that wait, the longest first.

    `periods` are the weeks of a month, or the months of a year. CSV by `Accept: text/csv` has the
    cards that wait; `format=svg` draws the periods.
    """
    asked = _asked(element, span, month, year, currency)
    found = spend_answers.cards_by_status(asked, sources=wiring.view_sources())
    if format == "svg":
        return _drawn(spend_views.status_plot(found))
    some, following = page(
        found.waiting,
        limit,
        cursor,
        spend_answers.waiting_since,
        told=lambda one: spend_views.waiting_rows(found, [one]),
    )
    if wants_csv(app):
        return as_csv(*spend_views.waiting_table(found, some), following)
    return as_json(spend_views.cards_by_status(found, some, following))


@app.get(
    "/views/variance",
    summary="Spend against budget, level by level",
    tags=["Views"],
    operation_id="get_variance",
    responses=READ,
)
def get_variance(
    element: Element = ENTERPRISE_ID,
    depth: Depth = 1,
    span: Span = None,
    month: Month = None,
    year: Year = None,
    currency: Currency = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """Budget, spend and variance of the month, and of the fiscal year up to it.

    Spend is budget + variance + what products without an approved schedule spent. Of a year, the
    month is its last one with a bill. CSV by `Accept: text/csv`.
    """
    asked = _asked(element, span, month, year, currency)
    found = spend_answers.variances(asked, depth, sources=wiring.view_sources())
    return _paged(found, limit, cursor, spend_views.variance_rows, spend_views.variance_table)


@app.get(
    "/views/heat-map",
    summary="Products by spend and pace",
    tags=["Views"],
    operation_id="get_heat_map",
    responses=READ,
)
def get_heat_map(
    element: Element = ENTERPRISE_ID,
    span: Span = None,
    month: Month = None,
    year: Year = None,
    currency: Currency = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    format: Format = "json",  # noqa: A002  # its name in the query
) -> Response[Any]:
    """Products and their portfolios: spend is the area, the pace is the colour, with a word.

    What spent nothing is left out. CSV by `Accept: text/csv`; `format=svg` draws the products, or
    where there are too many to tell apart, their portfolios.
    """
    asked = _asked(element, span, month, year, currency)
    found = spend_answers.heat_map(asked, sources=wiring.view_sources())
    if format == "svg":
        return _drawn(spend_views.heat_plot(found))
    return _paged(found, limit, cursor, spend_views.heat_rows, spend_views.heat_table)


@app.get(
    "/views/weekly-cards",
    summary="The cards of each business week",
    tags=["Views"],
    operation_id="get_weekly_cards",
    responses=READ,
)
def get_weekly_cards(
    element: Element = ENTERPRISE_ID,
    depth: Depth = 1,
    span: Span = None,
    month: Month = None,
    year: Year = None,
    currency: Currency = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """An element, and what is below it, week by week: cards, amounts, adjustments, uncarded spend.

    The amount is what is signed or to be signed: the week's spend, and the adjustments that its
    cards bring. A status is told where all cards have the same. CSV by `Accept: text/csv` has a row
    for each week.
    """
    asked = _asked(element, span, month, year, currency)
    found = spend_answers.weekly_cards(asked, depth, sources=wiring.view_sources())
    return _paged(found, limit, cursor, spend_views.week_rows, spend_views.week_table)


@app.get(
    "/views/trend",
    summary="Spend by day and week",
    tags=["Views"],
    operation_id="get_trend",
    responses=READ,
)
def get_trend(
    element: Element = ENTERPRISE_ID,
    span: Span = None,
    month: Month = None,
    year: Year = None,
    currency: Currency = None,
    format: Format = "json",  # noqa: A002  # its name in the query
) -> Response[Any]:
    """A month beside the one before it, or all months of a year, with the schedule up to each day.

    What a bill has of other days counts on its month's first or last one. CSV by
    `Accept: text/csv` has the days; `format=svg` draws the spend to date, or the months of a year.
    """
    asked = _asked(element, span, month, year, currency)
    found = spend_answers.trend(asked, sources=wiring.view_sources())
    if format == "svg":
        return _drawn(spend_views.trend_plot(found))
    if wants_csv(app):
        return as_csv(*spend_views.trend_table(found))
    return as_json(spend_views.trend(found))


@app.get(
    "/views/schedule",
    summary="Spend against the approved schedule",
    tags=["Views"],
    operation_id="get_schedule",
    responses=READ,
)
def get_schedule(
    element: Element = ENTERPRISE_ID,
    span: Span = None,
    month: Month = None,
    year: Year = None,
    currency: Currency = None,
    format: Format = "json",  # noqa: A002  # its name in the query
) -> Response[Any]:
    """Each month's spend, and what is approved for it; a month without a bill has spent nothing yet.

    CSV by `Accept: text/csv`; `format=svg` draws it.
    """
    asked = _asked(element, span, month, year, currency)
    found = spend_answers.schedule(asked, sources=wiring.view_sources())
    if format == "svg":
        return _drawn(spend_views.schedule_plot(found))
    if wants_csv(app):
        return as_csv(*spend_views.schedule_table(found))
    return as_json(spend_views.schedule(found))


def _asked(
    element: str, span: str | None, month: str | None, year: int | None, currency: str | None
) -> Question:
    by, today = caller(app), _today()
    asked = span_of(span, month, year, today, wiring.view_sources())
    return Question(element_said(element), asked, today, by, currency)


def _today() -> date:
    return now().date()


def _paged(
    found: Rows,
    limit: int,
    cursor: str | None,
    rows: Callable[[Rows, Iterable[RowKey]], list[dict[str, Any]]],
    table: Callable[[Iterable[dict[str, Any]]], spend_views.Table],
) -> Response[Any]:
    """Some rows of a view, as JSON or as a table; each is worked out once."""
    made: dict[RowKey, dict[str, Any]] = {}

    def told(key: RowKey) -> dict[str, Any]:
        [made[key]] = rows(found, [key])
        return made[key]

    some, following = page(found.keys, limit, cursor, spend_views.place, told=told)
    items = [made[key] for key in some]
    if wants_csv(app):
        return as_csv(*table(items), following)
    return as_json(spend_views.paged(found, items, following))


def _drawn(svg: str) -> Response[Any]:
    drawn: Response[Any] = Response(status_code=HTTPStatus.OK, content_type=SVG, body=svg)
    drawn.headers.update(PICTURE)
    return drawn


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
