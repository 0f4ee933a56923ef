"""The door to charts of accounts: uploads, dry runs, loads, reports, and the chart in force."""

import uuid
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from finops.domain.chart_files import Controls
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
    as_entity,
    as_json,
    caller,
    instead_of_ok,
    page,
    rest_api,
    wants_csv,
)
from finops.usecases import charts, organisation_views
from finops.usecases.organisation_views import SOME_CHANGES

app = rest_api()

Year = Annotated[int, Path(ge=2000, le=2199, description="The fiscal year")]
LoadId = Annotated[str, Path(description="The load's id", pattern="^[0-9a-f]{24}$")]


@app.get(
    "/charts",
    summary="The charts in force",
    tags=["Chart of accounts"],
    operation_id="get_charts",
    responses=READ,
)
def get_charts() -> Response[Any]:
    """The chart of accounts of each fiscal year: how many products, and their annual amount.

    Amounts are told to those who see the whole enterprise.
    """
    heads, sees_all = charts.charts_in_force(by=caller(app), charts=wiring.charts())
    items = [organisation_views.chart_in_list(head, with_totals=sees_all) for head in heads]
    return as_json({"items": items})


@app.get(
    "/charts/<year>",
    summary="The chart of a year",
    tags=["Chart of accounts"],
    operation_id="get_chart",
    responses=READ,
)
def get_chart(year: Year, limit: Limit = 100, cursor: Cursor = None) -> Response[Any]:
    """The products in the caller's scope: names, annual amounts with the day they take effect.

    A page at a time by product id; CSV by `Accept: text/csv`.
    """
    by = caller(app)
    chart, seen = charts.seen_chart(year, by=by, charts=wiring.charts())
    some, following = page(seen, limit, cursor, lambda product: product.id)
    if wants_csv(app):
        return as_csv(*organisation_views.chart_table(chart, some), following)
    return as_json(
        {
            "year": year,
            "labels": organisation_views.labels(chart),
            "items": organisation_views.chart_rows(chart, some),
            "next_cursor": following,
        }
    )


@app.post(
    "/chart-uploads",
    summary="A link to upload a file to",
    tags=["Chart of accounts"],
    operation_id="post_chart_upload",
    responses=instead_of_ok(WRITE, 201, "Where to put the file"),
)
def post_chart_upload() -> Response[Any]:
    """Put the CSV to `url` within a quarter of an hour; then check or load it by its `upload_id`."""
    upload_id = uuid.uuid4().hex
    link = charts.upload_link(upload_id, by=caller(app), files=wiring.chart_files())
    return as_json({"upload_id": upload_id, "url": link}, status=HTTPStatus.CREATED)


class ChartFile(BaseModel):
    """An uploaded file, and the controls that a file's name carries when it comes by the bucket."""

    model_config = ConfigDict(extra="forbid")

    upload_id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    is_new: Annotated[bool, Field(description="A new year: it starts on its first day")] = False
    start_date: Annotated[date, Field(description="The first of a month")]
    is_override: Annotated[
        bool, Field(description="It replaces the year: what is absent ends the day before")
    ] = False
    file_name: Annotated[
        str, Field(min_length=1, max_length=200, description="As reports name it")
    ] = "upload.csv"
    dry_run: Annotated[bool, Field(description="Report only; change nothing")] = True


@app.post(
    "/charts/<year>/loads",
    summary="Check or load a file",
    tags=["Chart of accounts"],
    operation_id="post_chart_load",
    responses=WRITE,
)
def post_chart_load(year: Year, file: ChartFile) -> Response[Any]:
    """A dry run gives the same report as the real thing, and changes nothing.

    A file with an error changes nothing either: `report.errors` names every row and column. An
    upload is loaded once, however often it is asked for.
    """
    by = caller(app)
    controls = Controls(
        customer="",
        year=year,
        is_new=file.is_new,
        start=file.start_date,
        is_override=file.is_override,
        option="Budget",
        edition="v1",
    )
    bench = wiring.bench()
    if file.dry_run:
        report = charts.check_uploaded_file(
            file.upload_id, controls, file.file_name, by=by, bench=bench
        )
        return _told(charts.Loaded(report, None))
    done = act(app).model_copy(update={"receipt": None})  # an upload is a receipt of its own
    return _told(
        charts.load_uploaded_file(
            file.upload_id, controls, file.file_name, by=by, act=done, bench=bench
        )
    )


@app.get(
    "/charts/<year>/loads",
    summary="The files that came",
    tags=["Chart of accounts"],
    operation_id="get_chart_loads",
    responses=READ,
)
def get_chart_loads(
    year: Annotated[int, Path(ge=0, le=2199, description="0: files whose name says no year")],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """What became of each file of a year, newest first."""
    found = charts.load_history(year, limit, cursor, by=caller(app), charts=wiring.charts())
    items = [organisation_views.chart_load(load) for load in found.items]
    return as_json({"items": items, "next_cursor": found.next_cursor})


@app.get(
    "/chart-loads/<load_id>",
    summary="One file, with its report",
    tags=["Chart of accounts"],
    operation_id="get_chart_load",
    responses=READ,
)
def get_chart_load(load_id: LoadId) -> Response[Any]:
    """What a file did, or every reason why it did nothing."""
    return _told(charts.one_load(load_id, by=caller(app), bench=wiring.bench()))


@app.get(
    "/chart-loads/<load_id>/file",
    summary="The file as it was loaded",
    tags=["Chart of accounts"],
    operation_id="get_chart_load_file",
    responses=READ,
)
def get_chart_load_file(load_id: LoadId) -> Response[Any]:
    """A link to the very version that was read, for five minutes."""
    link = charts.file_link(
        load_id, by=caller(app), charts=wiring.charts(), files=wiring.chart_files()
    )
    return as_json({"load_id": load_id, "url": link})


def _told(found: charts.Loaded) -> Response[Any]:
    report = organisation_views.chart_report(found.report, most=SOME_CHANGES)
    if found.load is None:
        return as_json({"load": None, "report": report})
    body = {"load": organisation_views.chart_load(found.load), "report": report}
    return as_entity(found.load, body)


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
