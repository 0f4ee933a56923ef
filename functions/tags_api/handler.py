"""The door to tags: how much has them, what lacks them, which look alike, and what to type."""

from http import HTTPStatus
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.domain.tag_coverage import CoverageBy, coverage_place, value_place
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
    page,
    rest_api,
    wants_csv,
)
from finops.usecases import tag_pages, tag_reports, tag_scans, tag_views

app = rest_api()

HTML = "text/html; charset=utf-8"
# A report is words, wherever it is opened.
PAPER = {
    "Content-Security-Policy": "default-src 'none'; img-src https:; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
}
BY = {"total": CoverageBy.TOTAL} | {
    one.value.lower(): one for one in CoverageBy if one is not CoverageBy.TOTAL
}

Month = Annotated[
    str | None, Query(description="The billing period, YYYY-MM; without it, the newest")
]
Keys = Annotated[
    list[str] | None,
    Query(description="As the bill spells them, like user:Team; without it, those required"),
]
Key = Annotated[
    str, Query(description="Needed; as the bill spells it, like user:Team", max_length=150)
]


@app.get(
    "/tags/coverage",
    summary="How much of what runs has its tags",
    tags=["Tags"],
    operation_id="get_tag_coverage",
    responses=READ,
)
def get_coverage(
    month: Month = None,
    by: Annotated[
        Literal["total", "account", "service", "owner"],
        Query(description="What it is told apart by"),
    ] = "total",
    key: Keys = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """Resources that have each required key, in count and in money, and those that have all.

    A resource that two services charge counts in each. The costs of all groups, with what is charged
    for no resource (`untaggable_cost`), are the month's bills for whoever sees all; that part can
    have no tag, and counts nowhere. The owner is who is asked: by claim, claim rule, or the largest
    part of the account. With a scope it is of resources that `/resources` shows with their cost.
    The dearest of the `groups` come first. CSV by `Accept: text/csv`.
    """
    told = tag_reports.coverage_of(BY[by], key or (), **_asked(month))
    some, following = page(told.found, limit, cursor, coverage_place, told=tag_views.covered)
    if wants_csv(app):
        return as_csv(*tag_views.coverage_table(told._replace(found=some)), following)
    return as_json(tag_views.coverage(told, some) | {"next_cursor": following})


@app.get(
    "/tags/missing",
    summary="The keys that are missing most",
    tags=["Tags"],
    operation_id="get_missing_tags",
    responses=READ,
)
def get_missing(month: Month = None, key: Keys = None) -> Response[Any]:
    """How many resources lack each required key, and what they cost; most money first."""
    told = tag_reports.coverage_of(CoverageBy.TOTAL, key or (), **_asked(month))
    if wants_csv(app):
        return as_csv(*tag_views.missing_table(told))
    return as_json(tag_views.missing(told))


@app.get(
    "/tags/untagged",
    summary="The dearest resources that lack a tag",
    tags=["Tags"],
    operation_id="get_untagged_resources",
    responses=READ,
)
def get_untagged(
    month: Month = None,
    key: Keys = None,
    top: Annotated[
        int, Query(ge=1, le=tag_reports.MOST_UNTAGGED, description="So many of each currency")
    ] = 100,
) -> Response[Any]:
    """Each with the keys that it lacks, what it cost, and who is asked about it."""
    told = tag_reports.untagged_of(key or (), top=top, **_asked(month))
    if wants_csv(app):
        return as_csv(*tag_views.untagged_table(told))
    return as_json(tag_views.untagged(told))


@app.get(
    "/tags/keys",
    summary="All keys, and which may be one",
    tags=["Tags"],
    operation_id="get_tag_keys",
    responses=READ,
)
def get_keys(month: Month = None) -> Response[Any]:
    """As they are spelled, with resources, values and cost.

    `means` is what the settings say of another spelling; `looks_like` a key used more that differs by
    case and separators (distance 0) or by a letter or two. `not_told_apart` are those that AWS's own
    normalised spelling makes one.
    """
    told = tag_reports.keys_of(**_asked(month))
    if wants_csv(app):
        return as_csv(*tag_views.keys_table(told))
    return as_json(tag_views.keys(told))


@app.get(
    "/tags/values",
    summary="The values of a key, and which may be one",
    tags=["Tags"],
    operation_id="get_tag_values",
    responses=READ,
)
def get_values(
    key: Key = "", month: Month = None, limit: Limit = 100, cursor: Cursor = None
) -> Response[Any]:
    """Of the key in any spelling that the settings know, as they are spelled; most used first."""
    told = tag_reports.values_of(key, **_asked(month))
    some, following = page(told.found, limit, cursor, _value_place, told=tag_views.value_seen)
    shown = told._replace(found=some)
    if wants_csv(app):
        return as_csv(*tag_views.values_table(shown), following)
    return as_json(tag_views.values(shown) | {"next_cursor": following})


def _value_place(one: tag_reports.ValueSeen) -> str:
    return value_place(one.use)


@app.get(
    "/tags/commands",
    summary="What to type so that resources have a tag",
    tags=["Tags"],
    operation_id="get_tag_commands",
    responses=READ,
)
def get_commands(
    key: Key = "",
    account: Annotated[list[str] | None, Query(description="Only of these")] = None,
    month: Month = None,
    top: Annotated[
        int, Query(ge=1, le=tag_reports.MOST_FIXED, description="For so many of the dearest")
    ] = 500,
) -> Response[Any]:
    """Commands for the AWS command line, quoted for a shell, by account, region and value.

    The value is what more than half of the owner's tagged resources say; where they do not agree, a
    placeholder that AWS refuses until somebody fills it in. Resources whose ARN is not known are in
    `not_possible`, with the reason.
    """
    told = tag_reports.commands_of(key, account or (), top=top, **_asked(month))
    if wants_csv(app):
        return as_csv(*tag_views.commands_table(told))
    return as_json(tag_views.commands(told))


@app.get(
    "/tags/report",
    summary="A month's tags on a few pages",
    tags=["Tags"],
    operation_id="get_tag_report",
    responses=READ,
)
def get_report(
    month: Month = None,
    format: Annotated[  # noqa: A002  # its name in the query
        Literal["json", "html"], Query(description="`html`: to be read")
    ] = "json",
) -> Response[Any]:
    """Coverage by account, service and owner, the dearest without tags, and keys that look alike."""
    told = tag_reports.report_of(**_asked(month))
    if format == "html":
        return Response(
            status_code=HTTPStatus.OK,
            content_type=HTML,
            body=tag_pages.html_page(told, wiring.logo()),
            headers=dict(PAPER),
        )
    return as_json(tag_views.report(told))


@app.get(
    "/tags/scans",
    summary="What the tagging API knows that costs nothing",
    tags=["Tags"],
    operation_id="get_tag_scan",
    responses=READ,
)
def get_scan(key: Keys = None) -> Response[Any]:
    """Resources of the newest scan that no bill of the newest month charges for, by region.

    A region that did not answer says why, and has no figures.
    """
    told = tag_scans.seen_scan(
        key or (),
        by=caller(app),
        today=now().date(),
        desk=wiring.tag_desk(),
        ledger=wiring.ledger(),
    )
    return as_json(tag_views.scan(told))


@app.post(
    "/tags/scans",
    summary="Ask the tagging API now",
    tags=["Tags"],
    operation_id="post_tag_scan",
    responses=instead_of_ok(WRITE, 202, "Asked for; `GET /tags/scans` says what was answered"),
)
def post_scan() -> Response[Any]:
    """It happens every day by itself, where the deployment names regions to scan."""
    told = tag_scans.ask_scan(
        wiring.tagging_regions(),
        by=caller(app),
        audit=wiring.audit(),
        act=act(app, status=HTTPStatus.ACCEPTED),
    )
    return as_json(told, status=HTTPStatus.ACCEPTED)


def _asked(month: str | None) -> dict[str, Any]:
    return {"month": month, "by": caller(app), "today": now().date(), "desk": wiring.tag_desk()}


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
