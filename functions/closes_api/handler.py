"""The door to closes: what stands in a month's way, its headers and waivers, its close, its files."""

from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from finops.domain.audit import Deed
from finops.domain.close_figures import LONGEST_FIELD, Header
from finops.domain.month_closes import Check, closed_before
from finops.runtime import settings, wiring
from finops.runtime.observability import logger
from finops.runtime.rest import (
    READ,
    VERSIONED,
    WRITE,
    act,
    answer,
    as_csv,
    as_entity,
    as_json,
    caller,
    instead_of_ok,
    rest_api,
    version,
    wants_csv,
)
from finops.usecases import close_files, close_views, month_closes, views
from finops.usecases.organisation_views import shown

app = rest_api()

Month = Annotated[str, Path(description="The billing period, YYYY-MM", max_length=7)]
Word = Annotated[str | None, Field(max_length=LONGEST_FIELD)]
MOST_HEADERS = 1_000
MOST_INVOICES = 100


@app.get(
    "/closes",
    summary="The months and their closes",
    tags=["Month close"],
    operation_id="get_closes",
    responses=READ,
)
def get_closes() -> Response[Any]:
    """Every month that has a bill or a close, newest first; a closed one stays as it is for ever.

    CSV by `Accept: text/csv`.
    """
    desk = wiring.close_desk()
    found = month_closes.seen_closes(by=caller(app), desk=desk)
    open_from = closed_before(found)
    if wants_csv(app):
        return as_csv(*close_views.close_table(found, open_from))
    return as_json({"items": [close_views.in_list(one, open_from) for one in found]})


@app.get(
    "/closes/<month>",
    summary="What stands in the way of a close",
    tags=["Month close"],
    operation_id="get_close",
    responses=READ,
)
def get_close(month: Month) -> Response[Any]:
    """The check list as it is now, headers, waivers, and once it is closed its files.

    Of each line the first 50 findings; `wrong` counts them all. What the bill itself says of headers
    is proposed, and kept by nobody before somebody says so. A closed month tells the check list that
    it was closed with.
    """
    by, desk = caller(app), wiring.close_desk()
    found = month_closes.seen_close(month, by=by, desk=desk)
    fresh = [views.freshness(bill) for bill in desk.treasury.bills.in_period(month)]
    files = close_files.files_of(found.close, by)
    return as_entity(found.close, close_views.prepared(found, files, fresh))


class CloseHeader(BaseModel):
    """What finance books a payer's bill for a business unit under."""

    model_config = ConfigDict(extra="forbid")

    payer_id: Annotated[str, Field(max_length=100)]
    business_unit: Annotated[
        str | None, Field(max_length=250, description="Its id; null: what nobody owns")
    ] = None
    vendor: Word = None
    purchase_order: Word = None
    invoices: Annotated[
        list[Annotated[str, Field(max_length=LONGEST_FIELD)]], Field(max_length=MOST_INVOICES)
    ] = []
    memo: Word = None
    period: Annotated[Word, Field(description="Another word than the month for it")] = None

    def header(self) -> Header:
        """The same in the words of the close."""
        said = self.model_dump(exclude={"payer_id", "business_unit", "invoices"})
        invoices = tuple(self.invoices)
        return Header(payer=self.payer_id, unit=self.business_unit, invoices=invoices, **said)


class CloseHeaders(BaseModel):
    """Some headers; the others stay as they are."""

    model_config = ConfigDict(extra="forbid")

    headers: Annotated[list[CloseHeader], Field(min_length=1, max_length=MOST_HEADERS)]


@app.put(
    "/closes/<month>/headers",
    summary="Fill in headers",
    tags=["Month close"],
    operation_id="put_close_headers",
    responses=VERSIONED,
)
def put_close_headers(month: Month, given: CloseHeaders) -> Response[Any]:
    """Each takes the place of what its payer and business unit had. The bill's invoices are all named,
    or none.
    """
    done = month_closes.set_headers(
        month,
        [one.header() for one in given.headers],
        version(app),
        by=caller(app),
        desk=wiring.close_desk(),
        act=act(app),
    )
    return as_entity(done, shown(done))


class NewWaiver(BaseModel):
    """A line that is let be, and why."""

    model_config = ConfigDict(extra="forbid")

    check: Check
    reason: Annotated[str, Field(min_length=1, max_length=500)]


@app.post(
    "/closes/<month>/waivers",
    summary="Waive a line of the check list",
    tags=["Month close"],
    operation_id="post_waiver",
    responses=VERSIONED,
)
def post_waiver(month: Month, waiver: NewWaiver) -> Response[Any]:
    """All that is wrong in it now is let be, by name; what comes up later is red again.

    Whoever waives does not close the month. That the parts are the bill is never waived.
    """
    done = month_closes.waive(
        month,
        waiver.check,
        version(app),
        by=caller(app),
        desk=wiring.close_desk(),
        act=act(app, waiver.reason),
    )
    return as_entity(done, shown(done))


class WaiverWithdrawal(BaseModel):
    """Why a waiver is taken back."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(min_length=1, max_length=500)]


@app.post(
    "/closes/<month>/waivers/<check>/withdrawal",
    summary="Take a waiver back",
    tags=["Month close"],
    operation_id="post_waiver_withdrawal",
    responses=VERSIONED,
)
def post_waiver_withdrawal(
    month: Month,
    check: Annotated[Check, Path(description="The line that was waived")],
    withdrawal: WaiverWithdrawal,
) -> Response[Any]:
    """The line is red again where something is wrong."""
    done = month_closes.withdraw_waiver(
        month,
        check,
        version(app),
        by=caller(app),
        desk=wiring.close_desk(),
        act=act(app, withdrawal.reason),
    )
    return as_entity(done, shown(done))


@app.post(
    "/closes/<month>/close",
    summary="Close a month",
    tags=["Month close"],
    operation_id="post_close",
    responses=instead_of_ok(WRITE, 202, "The run that closes the month was started"),
)
def post_close(month: Month) -> Response[Any]:
    """Only the next month, when it is over and nothing is red; else 409 tells what stands in its way.

    The list is checked again when the run begins. Nobody sees a file before all are there, and
    nothing reopens the month. A run that died on its way is gone on with.
    """
    by_request = act(app, status=HTTPStatus.ACCEPTED)
    found = month_closes.ask_to_close(
        month,
        by=caller(app),
        desk=wiring.close_desk(),
        runs=wiring.close_runs(),
        audit=wiring.audit(),
        act=by_request,
    )
    told = {
        "month": found.close.month,
        "check_list": [close_views.check_line(line) for line in found.lines],
    }
    started = Deed(action="StartClose")
    wiring.audit().note(month_closes.close_request(month), told, started, by_request)
    return as_json(told, status=HTTPStatus.ACCEPTED)


@app.get(
    "/closes/<month>/files",
    summary="The files of a closed month",
    tags=["Month close"],
    operation_id="get_close_files",
    responses=READ,
)
def get_close_files(month: Month) -> Response[Any]:
    """Each with its checksum, its rows, and the sums of its columns by currency.

    The owner of a business unit has the rows of planning that are the unit's own.
    """
    found = close_files.seen_files(month, by=caller(app), closes=wiring.closes())
    closed_at = found.close.closed_at
    return as_json(
        {
            "month": month,
            "closed_at": closed_at.isoformat() if closed_at else None,
            "items": [close_views.file(seal) for seal in found.files],
        }
    )


@app.post(
    "/closes/<month>/files/<name>/links",
    summary="A link to a file",
    tags=["Month close"],
    operation_id="post_close_file_link",
    responses=instead_of_ok(WRITE, 201, "The link"),
)
def post_close_file_link(
    month: Month, name: Annotated[str, Path(description="As the list has it", max_length=250)]
) -> Response[Any]:
    """Whoever has it may read the file for five minutes; that it was asked for is on record."""
    # Asked again, there is another link: the one before may be over.
    done = act(app).model_copy(update={"receipt": None})
    found = close_files.file_link(
        month,
        name,
        by=caller(app),
        closes=wiring.closes(),
        files=wiring.close_files(),
        audit=wiring.audit(),
        act=done,
    )
    return as_json(close_views.link(found), status=HTTPStatus.CREATED)


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
