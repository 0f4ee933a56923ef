"""The door to shares: the products that pay for each account, from when, and who said so."""

from datetime import date
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from finops.domain.accounts import ACCOUNT_ID
from finops.domain.rule_changes import MapAccount
from finops.runtime import settings, wiring
from finops.runtime.observability import logger, now
from finops.runtime.rest import (
    READ,
    VERSIONED,
    WRITE,
    Cursor,
    Limit,
    Reason,
    act,
    answer,
    as_csv,
    as_entity,
    as_json,
    caller,
    page,
    rest_api,
    version,
    wants_csv,
)
from finops.usecases import rule_views, shares
from finops.usecases.organisation_views import element_said, shown

app = rest_api()

AccountId = Annotated[str, Path(description="The account's id", pattern=ACCOUNT_ID)]
On = Annotated[date | None, Query(description="As of this day; without it, today")]


@app.get(
    "/shares",
    summary="Who pays for the accounts",
    tags=["Shares"],
    operation_id="get_shares",
    responses=READ,
)
def get_shares(
    on: On = None,
    element: Annotated[
        str | None,
        Query(description="Only what products at or under this element pay for", max_length=250),
    ] = None,
    unmapped: Annotated[bool, Query(description="Only accounts that nobody pays for")] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """Every account with the split in force, those that nobody pays for first.

    With a scope: the accounts that a product in it ever paid for; of others' parts only the sum.
    CSV by `Accept: text/csv`.
    """
    found = shares.seen_shares(
        on or now().date(),
        by=caller(app),
        shares=wiring.shares(),
        grounds=wiring.grounds(),
        element=element_said(element),
        unmapped=unmapped,
    )
    some, following = page(found, limit, cursor, shares.order, told=rule_views.shares_in_list)
    if wants_csv(app):
        return as_csv(*rule_views.shares_table(some), following)
    items = [rule_views.shares_in_list(one) for one in some]
    return as_json({"items": items, "next_cursor": following})


@app.get(
    "/shares/<account_id>",
    summary="Who pays for an account",
    tags=["Shares"],
    operation_id="get_account_shares",
    responses=READ,
)
def get_account_shares(account_id: AccountId, on: On = None) -> Response[Any]:
    """Every split that the account ever had, with who, when and why, and which days each holds for.

    The `ETag` is what the next change names by `If-Match`; an account that nobody has mapped has
    version 0.
    """
    found = shares.see_shares(
        account_id,
        on or now().date(),
        by=caller(app),
        shares=wiring.shares(),
        grounds=wiring.grounds(),
    )
    return as_entity(found.shares, rule_views.shares_of_account(found))


class Share(BaseModel):
    """A product's part of an account."""

    model_config = ConfigDict(extra="forbid")

    product_id: Annotated[
        str, Field(max_length=250, examples=["retail.online.storefront.web-shop"])
    ]
    basis_points: Annotated[
        int, Field(strict=True, ge=1, le=10_000, description="Hundredths of a percent")
    ]


class Split(BaseModel):
    """The products that pay for an account from a day on; together 10,000 basis points."""

    model_config = ConfigDict(extra="forbid")

    shares: Annotated[list[Share], Field(min_length=1, max_length=1_000)]
    start: Annotated[
        date | None,
        Field(
            description="The first day of a spend period in an open month. An account that nobody"
            " has mapped yet needs none: it starts when it joined, at most a month back"
        ),
    ] = None
    reason: Reason = None


@app.put(
    "/shares/<account_id>",
    summary="Split an account",
    tags=["Shares"],
    operation_id="put_shares",
    responses=VERSIONED,
)
def put_shares(account_id: AccountId, split: Split) -> Response[Any]:
    """The split holds up to the end of the fiscal year, instead of all that was planned from then on.

    The same split again changes nothing.
    """
    doing = act(app, split.reason)
    change = MapAccount(
        account_id=account_id,
        shares=tuple((share.product_id, share.basis_points) for share in split.shares),
        start=split.start,
        reason=doing.reason,
    )
    mapped = shares.map_account(
        change,
        version(app),
        by=caller(app),
        shares=wiring.shares(),
        grounds=wiring.grounds(),
        act=doing,
    )
    return as_entity(mapped, shown(mapped))


class Renewal(BaseModel):
    """Why a split goes on."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason = None


@app.post(
    "/shares/<account_id>/renewals",
    summary="Renew a split",
    tags=["Shares"],
    operation_id="post_renewal",
    responses=VERSIONED,
)
def post_renewal(account_id: AccountId, renewal: Renewal) -> Response[Any]:
    """The proposal is taken over: the split that this fiscal year ends with holds for the next one."""
    renewed = shares.renew(
        account_id,
        version(app),
        by=caller(app),
        shares=wiring.shares(),
        grounds=wiring.grounds(),
        act=act(app, renewal.reason),
    )
    return as_entity(renewed, shown(renewed))


class ShareFile(BaseModel):
    """The splits of many accounts."""

    model_config = ConfigDict(extra="forbid")

    csv: Annotated[
        str,
        Field(
            description="Columns account_id, product_id, share (percent, as 33.33) and, if wanted, "
            "start and reason; a row for each product of an account, up to 2,000 accounts",
            examples=[
                "account_id,product_id,share\n444455556666,retail.online.storefront.web-shop,100"
            ],
        ),
    ]
    dry_run: Annotated[bool, Field(description="Report only; change nothing")] = True


@app.post(
    "/share-loads",
    summary="Split many accounts",
    tags=["Shares"],
    operation_id="post_share_load",
    responses=WRITE,
)
def post_share_load(file: ShareFile) -> Response[Any]:
    """A file with an error changes nothing: every row is named. The same file again changes nothing."""
    report = shares.load_shares(
        file.csv,
        dry_run=file.dry_run,
        by=caller(app),
        shares=wiring.shares(),
        grounds=wiring.grounds(),
        act=act(app).model_copy(update={"receipt": None}),  # the same file again changes nothing
    )
    return as_json(report.model_dump(mode="json"))


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
