"""The door to reports: what a scope cost in a week or a month, now and as it was sent."""

from datetime import date, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from finops.domain.audit import Deed
from finops.domain.cost_reports import ReportSpan
from finops.domain.history import MOST_BY, MOST_MONTHS, Step
from finops.domain.report_settings import Rhythm
from finops.domain.spend_cubes import TAG
from finops.runtime import settings, wiring
from finops.runtime.observability import logger, now
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
    located,
    page,
    rest_api,
    wants_csv,
)
from finops.usecases import (
    cost_report_pages,
    cost_report_views,
    history_views,
    kept_cost_reports,
)
from finops.usecases.card_runs import NAMED
from finops.usecases.cost_reports import report_for
from finops.usecases.history import HistoryQuestion, history
from finops.usecases.organisation_views import ENTERPRISE_ID, element_said

app = rest_api()

HTML = "text/html; charset=utf-8"
# A report is words and pictures that are in it, wherever it is opened.
PAPER = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src data: https:; style-src 'unsafe-inline'; sandbox"
    ),
    "X-Content-Type-Options": "nosniff",
}
A_QUARTER = timedelta(92)
SERVICE = "service"
RHYTHMS = {"week": Rhythm.WEEKLY, "month": Rhythm.MONTHLY}

Element = Annotated[str, Query(description="Its id; `enterprise` for all", max_length=250)]
Span = Annotated[Literal["week", "month"], Query(description="A business week, or a month")]
End = Annotated[
    date | None,
    Query(
        description="The day after its last one: a Sunday, or the first of a month; without it, the"
        " newest that is over"
    ),
]


# Cost reports -------------------------------------------------------------------------------------


@app.get(
    "/reports/cost",
    summary="What a scope cost in a week or a month",
    tags=["Reports"],
    operation_id="get_cost_report",
    responses=READ,
)
def get_cost_report(
    element: Element = ENTERPRISE_ID,
    span: Span = "week",
    end: End = None,
    format: Annotated[  # noqa: A002  # its name in the query
        Literal["json", "csv", "html"], Query(description="`html`: with its plots, to be read")
    ] = "json",
) -> Response[Any]:
    """Spend of a span against the one before: by owner, account, service, region and tag.

    Made now, from the bills in force; each breakdown adds up to the total, and the total of a whole
    month with what AWS credited is the bill. Spans of unequal length are compared by day. Of the
    enterprise, whoever has a scope sees that scope. CSV by `Accept: text/csv` as well.
    """
    by, at = caller(app), now()
    found = report_for(
        element_said(element),
        _span(span, end, at.date()),
        by=by,
        at=at,
        sources=wiring.report_sources(),
    )
    if format == "csv" or wants_csv(app):
        return as_csv(*cost_report_views.table(found))
    if format == "html":
        images = cost_report_pages.pictures_of(found, wiring.pictures())
        return _paper(cost_report_pages.report_page(found, wiring.letterhead(), images))
    return as_json(cost_report_views.report(found))


@app.get(
    "/reports/cost/kept",
    summary="The cost reports that were sent",
    tags=["Reports"],
    operation_id="get_kept_cost_reports",
    responses=READ,
)
def get_kept_cost_reports(
    span: Annotated[
        Literal["week", "month"] | None, Query(description="Only of weeks, or of months")
    ] = None,
    since: Annotated[
        date | None,
        Query(description="Of spans that ended on this day or later; without it, of a quarter"),
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """What was sent, newest span first: each report that is of your financial scope.

    They stay as they were sent, whatever bills say later.
    """
    today = now().date()
    found = kept_cost_reports.kept_reports(
        list(RHYTHMS.values()) if span is None else [RHYTHMS[span]],
        since or today - A_QUARTER,
        by=caller(app),
        today=today,
        shelf=wiring.report_shelf(),
    )
    some, following = page(
        found, limit, cursor, kept_cost_reports.order, told=cost_report_views.head
    )
    return as_json(
        {"items": [cost_report_views.head(one) for one in some], "next_cursor": following}
    )


@app.get(
    "/reports/cost/kept/<report_id>",
    summary="A cost report as it was sent",
    tags=["Reports"],
    operation_id="get_kept_cost_report",
    responses=READ,
)
def get_kept_cost_report(
    report_id: Annotated[
        str,
        Path(
            description="The report's id, as the list has it",
            pattern=r"^(weekly|monthly)-\d{4}-\d{2}-\d{2}-[0-9a-f]{16}$",
        ),
    ],
    format: Annotated[  # noqa: A002  # its name in the query
        Literal["json", "html"], Query(description="`html`: the page, with its plots in it")
    ] = "json",
) -> Response[Any]:
    """The same numbers as in the mail, as JSON or as the page that was kept with it."""
    by, shelf = caller(app), wiring.report_shelf()
    if format == "html":
        return _paper(kept_cost_reports.kept_page(report_id, by=by, shelf=shelf).decode())
    body = kept_cost_reports.kept_report(report_id, by=by, shelf=shelf)
    return Response(status_code=HTTPStatus.OK, content_type="application/json", body=body.decode())


class ReportWish(BaseModel):
    """Which reports shall be made and sent."""

    model_config = ConfigDict(extra="forbid")

    span: Annotated[Literal["week", "month"], Field(description="A business week, or a month")]
    end: Annotated[
        date | None,
        Field(description="The day after its last one; without it, the newest that is over"),
    ] = None
    again: Annotated[
        bool, Field(description="To those as well who have had the report of the span")
    ] = False


@app.post(
    "/reports/cost/runs",
    summary="Make the reports of a span and send them",
    tags=["Reports"],
    operation_id="post_cost_report_run",
    responses=instead_of_ok(WRITE, 202, "A run was started; `Location` says where to look at it"),
)
def post_cost_report_run(wish: ReportWish) -> Response[Any]:
    """Mail the report of a span to everybody whom the settings name; each has it once.

    It happens by itself on Mondays and on the 1st; this is for who does not want to wait. What is
    missing of the bills is named in the reports, and the run fails visibly once they are sent.
    """
    by_request = act(app, status=HTTPStatus.ACCEPTED)
    today = by_request.at.date()
    span = _span(wish.span, wish.end, today)
    run_id = kept_cost_reports.start_report_run(
        span,
        by_request.receipt.key if by_request.receipt else None,
        again=wish.again,
        by=caller(app),
        today=today,
        runs=wiring.report_runs(),
    )
    told = cost_report_views.started(run_id, span.rhythm.value, span.end.isoformat(), wish.again)
    name = f"cost-report-run#{run_id}"
    wiring.audit().note(name, told, Deed(action="SendReports"), by_request)
    return located(as_json(told, status=HTTPStatus.ACCEPTED), name)


@app.get(
    "/reports/cost/runs/<run_id>",
    summary="What became of a run that sends reports",
    tags=["Reports"],
    operation_id="get_cost_report_run",
    responses=READ,
)
def get_cost_report_run(
    run_id: Annotated[str, Path(description="The run's id", pattern=NAMED)],
) -> Response[Any]:
    """Whether it is over, how many reports were made, and how many were sent.

    A run whose mails did not all go out, or that had to leave gaps, has failed, and says why.
    """
    found = kept_cost_reports.report_run(run_id, by=caller(app), runs=wiring.report_runs())
    return as_json(cost_report_views.run(run_id, found))


# History ------------------------------------------------------------------------------------------


@app.get(
    "/reports/history",
    summary="Months or quarters side by side",
    tags=["Reports"],
    operation_id="get_history",
    responses=READ,
)
def get_history(
    by: Annotated[
        list[str] | None,
        Query(
            description="What spend is taken apart by, 1 to 3 of them: `unit`, `department`,"
            " `portfolio`, `product`, `account`, `service`, `region`, `class`, `charge_category`,"
            " `payer`, `reason`, `tag:KEY`; again for each, or with commas between. Without it, by"
            " service",
            min_length=1,
            max_length=MOST_BY,
        ),
    ] = None,
    months: Annotated[
        int, Query(ge=1, le=MOST_MONTHS, description="How many; one that is not loaded is a gap")
    ] = 6,
    until: Annotated[
        str | None,
        Query(description="The last of them, YYYY-MM; without it, the newest that is loaded"),
    ] = None,
    step: Annotated[Step, Query(description="Each month, or each fiscal quarter")] = Step.MONTH,
    element: Element = ENTERPRISE_ID,
    where: Annotated[
        list[str] | None,
        Query(
            description="DIMENSION=VALUE as the bill spells it, `(none)` for what has none, `\\=` in"
            " a key; of one dimension any may hold, all dimensions must",
            max_length=50,
        ),
    ] = None,
    currency: Annotated[str | None, Query(description="Only this one", max_length=10)] = None,
    limit: Annotated[
        int, Query(ge=1, le=1000, description="The largest rows; the others are one")
    ] = 100,
    format: Annotated[  # noqa: A002  # its name in the query
        Literal["json", "csv", "html"], Query(description="`html`: with its plots, to be read")
    ] = "json",
) -> Response[Any]:
    """What months or fiscal quarters cost, and each against the one before.

    A month to date is compared with the same days of the month before, a part of a quarter with the
    same months; where one is longer, a day's spend says what changed. What is not loaded is a gap,
    named, and nothing is compared with it. Rows and others add up to the total, which with what AWS
    credited is the bill. Of the enterprise, whoever has a scope sees that scope. CSV by
    `Accept: text/csv` as well.
    """
    asked = HistoryQuestion(
        *(
            _dimensions(by or [SERVICE]),
            months,
            until,
            step,
            element_said(element),
            tuple(where or ()),
        ),
        currency=currency,
        limit=limit,
    )
    found = history(asked, by=caller(app), at=now(), sources=wiring.report_sources())
    if format == "csv" or wants_csv(app):
        return as_csv(*history_views.table(found))
    if format == "html":
        return _paper(history_views.history_page(found, wiring.letterhead()))
    return as_json(history_views.history(found))


def _dimensions(said: list[str]) -> tuple[str, ...]:
    """Those that are named, one at a time or with commas between; a tag's key may hold commas."""
    split = ([one] if one.startswith(TAG) else one.split(",") for one in said)
    return tuple(name for names in split for name in names)


def _span(name: str, end: date | None, today: date) -> ReportSpan:
    rhythm = RHYTHMS[name]
    return ReportSpan.ended(rhythm, today) if end is None else ReportSpan.ending(rhythm, end)


def _paper(page: str) -> Response[Any]:
    told: Response[Any] = Response(status_code=HTTPStatus.OK, content_type=HTML, body=page)
    told.headers.update(PAPER)
    return told


# The door -----------------------------------------------------------------------------------------


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
