"""The door to workloads and claims: what runs where, what it holds, and the accounts of a scope."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from finops.domain.accounts import ACCOUNT_ID
from finops.domain.money import to_ticks
from finops.domain.periods import BillingPeriod
from finops.domain.rule_changes import ClaimResources, ReleaseResources, Resources
from finops.domain.workloads import Component, Workload
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
    instead_of_ok,
    located,
    page,
    rest_api,
    version,
    wants_csv,
)
from finops.usecases import claims, claims_views, spaces, workloads
from finops.usecases.organisation_views import element_said, shown
from finops.usecases.views import standing
from finops.usecases.workloads import Standing, WorkloadPlan

app = rest_api()

AccountId = Annotated[str, Path(description="The account's id", pattern=ACCOUNT_ID)]
WorkloadId = Annotated[str, Path(description="The workload's id", max_length=64)]
Under = Annotated[str | None, Query(description="Only at and under this element", max_length=250)]
Month = Annotated[str, Field(pattern=r"^[1-9]\d{3}-(0[1-9]|1[0-2])$", examples=["2026-09"])]
Amount = Annotated[
    str,
    Field(
        pattern=r"^\d{1,15}(\.\d{1,10})?$",
        description="Decimal text, zero or more, ten decimals at most",
        examples=["12500.00"],
    ),
]


# Workloads ----------------------------------------------------------------------------------------


@app.get(
    "/workloads",
    summary="The workloads of a scope",
    tags=["Workloads"],
    operation_id="get_workloads",
    responses=READ,
)
def get_workloads(
    element: Under = None,
    account: Annotated[
        str | None, Query(description="Only in this account", pattern=ACCOUNT_ID)
    ] = None,
    warning: Annotated[
        bool, Query(description="Only those with something to look at in them")
    ] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """What runs for products in accounts, by product; CSV by `Accept: text/csv`.

    `spent` is that of the running month, null while nothing of it is allocated. A workload that has
    ended keeps what it claims until that is released: `warnings` says so.
    """
    found = workloads.seen_workloads(
        by=caller(app),
        workloads=wiring.workloads(),
        under=element_said(element),
        account_id=account,
    )
    if warning:
        alarming = {one.workload.workload_id for one in _standings(found) if one.warnings}
        found = [one for one in found if one.workload_id in alarming]
    some, following = page(found, limit, cursor, workloads.place)
    told = _standings(some)
    if wants_csv(app):
        return as_csv(*claims_views.workload_table(told), following)
    items = [claims_views.workload_standing(one) for one in told]
    return as_json({"items": items, "freshness": _freshness(), "next_cursor": following})


class EstimateComponent(BaseModel):
    """A part of a workload, and what it should cost a month."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=120)]
    monthly: Amount


class WorkloadChange(BaseModel):
    """What is planned of a workload; its estimate is the sum of its components, where stated."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=200)]
    launch: Month | None = None
    end: Month | None = None
    estimate_url: Annotated[str | None, Field(max_length=2000)] = None
    monthly: Amount | None = None
    components: Annotated[list[EstimateComponent], Field(max_length=100)] = []
    reason: Reason = None

    @property
    def plan(self) -> WorkloadPlan:
        return WorkloadPlan(
            name=self.name,
            launch=self.launch,
            end=self.end,
            estimate_url=self.estimate_url,
            monthly=None if self.monthly is None else _ticks(self.monthly),
            components=tuple(
                Component(name=part.name, monthly=_ticks(part.monthly)) for part in self.components
            ),
        )


class NewWorkload(WorkloadChange):
    """A workload to be; it stays in its product and account."""

    account_id: Annotated[str, Field(pattern=ACCOUNT_ID, examples=["444455556666"])]
    product_id: Annotated[str, Field(min_length=1, max_length=250)]


@app.post(
    "/workloads",
    summary="Plan a workload",
    tags=["Workloads"],
    operation_id="post_workload",
    responses=instead_of_ok(WRITE, 201, "The workload"),
)
def post_workload(new: NewWorkload) -> Response[Any]:
    """It launches this month or later (default: this month), and ends with the fiscal year.

    The account has to be known, and the product alive; the second of a name in both is refused.
    A product owner plans and claims in accounts that a product of their scope has a share of, today
    or later; a cloud engineer or a financial admin in any. It ends with the fiscal year after next
    at the latest, seen from its launch.
    """
    made = workloads.plan_workload(
        new.account_id,
        new.product_id,
        new.plan,
        by=caller(app),
        grounds=wiring.grounds(),
        shares=wiring.shares(),
        act=act(app, new.reason, status=HTTPStatus.CREATED),
    )
    told = as_entity(made, shown(made), status=HTTPStatus.CREATED)
    return located(told, f"workload#{made.workload_id}")


@app.get(
    "/workloads/<workload_id>",
    summary="One workload",
    tags=["Workloads"],
    operation_id="get_workload",
    responses=READ,
)
def get_workload(workload_id: WorkloadId) -> Response[Any]:
    """Its plan, what it spent in the running month, and what to look at in it."""
    found = workloads.seen_workload(workload_id, by=caller(app), workloads=wiring.workloads())
    [told] = _standings([found])
    return as_entity(found, claims_views.workload_standing(told) | {"freshness": _freshness()})


@app.put(
    "/workloads/<workload_id>",
    summary="Plan a workload anew",
    tags=["Workloads"],
    operation_id="put_workload",
    responses=VERSIONED,
)
def put_workload(workload_id: WorkloadId, change: WorkloadChange) -> Response[Any]:
    """Another name, estimate or months; a month that is not named stays as it was planned."""
    changed = workloads.replan_workload(
        workload_id,
        change.plan,
        version(app),
        by=caller(app),
        grounds=wiring.grounds(),
        shares=wiring.shares(),
        act=act(app, change.reason),
    )
    return as_entity(changed, shown(changed))


class WorkloadEnding(BaseModel):
    """The last month of a workload that ends early; without one, this month."""

    model_config = ConfigDict(extra="forbid")

    month: Month | None = None
    reason: Reason = None


@app.post(
    "/workloads/<workload_id>/endings",
    summary="End a workload early",
    tags=["Workloads"],
    operation_id="post_workload_ending",
    responses=VERSIONED,
)
def post_workload_ending(workload_id: WorkloadId, ending: WorkloadEnding) -> Response[Any]:
    """What it claims stays its own until that is released; `GET /workloads?warning=true` tells."""
    ended = workloads.end_workload(
        workload_id,
        ending.month,
        version(app),
        by=caller(app),
        workloads=wiring.workloads(),
        act=act(app, ending.reason),
    )
    return as_entity(ended, shown(ended))


def _standings(found: Sequence[Workload]) -> list[Standing]:
    return workloads.standings(
        found, now().date(), claims=wiring.claims(), spend=wiring.workload_spend()
    )


def _freshness() -> list[dict[str, Any]]:
    found = workloads.freshness(
        now().date(),
        by=caller(app),
        bills=wiring.bills(),
        allocations=wiring.allocations(),
        book=wiring.book(),
    )
    return [standing(one) for one in found]


# Claims -------------------------------------------------------------------------------------------


@app.get(
    "/claims/<account_id>",
    summary="The claims on an account's resources",
    tags=["Workloads"],
    operation_id="get_claims",
    responses=READ,
)
def get_claims(
    account_id: AccountId,
    workload: Annotated[
        str | None, Query(description="Only for this workload", max_length=64)
    ] = None,
    resource: Annotated[
        str | None, Query(description="Only on this resource: its history", max_length=2048)
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """Who claimed and released what and when, oldest first; CSV by `Accept: text/csv`.

    The `ETag` is what the next claim or release names by `If-Match`; where nobody ever claimed
    anything it is of version 0.
    """
    seen = claims.seen_claims(
        account_id,
        now().date(),
        by=caller(app),
        desk=wiring.claims_desk(),
        workload_id=workload,
        resource_id=resource,
    )
    some, following = page(seen.claims, limit, cursor, lambda one: f"{one.number:09d}")
    known = wiring.workloads().all()
    if wants_csv(app):
        return as_csv(*claims_views.claim_table(some, known), following)
    body = {
        "account_id": account_id,
        "version": seen.of.version,
        "items": [claims_views.claim(one, known) for one in some],
        "next_cursor": following,
    }
    return as_entity(seen.of, body)


class Claiming(BaseModel):
    """Resources of an account that a workload shall pay for, whole, from *start* on."""

    model_config = ConfigDict(extra="forbid")

    workload_id: Annotated[str, Field(max_length=64)]
    resources: Resources
    start: Annotated[
        date | None,
        Field(description="Tomorrow, where none is named; an earlier day needs a reason"),
    ] = None
    reason: Reason = None


@app.post(
    "/claims/<account_id>",
    summary="Claim resources",
    tags=["Workloads"],
    operation_id="post_claims",
    responses=VERSIONED,
)
def post_claims(account_id: AccountId, claiming: Claiming) -> Response[Any]:
    """Up to 10,000 resources in one step, all of them or none: one that is taken refuses all."""
    head = claims.claim(
        account_id,
        ClaimResources(
            workload_id=claiming.workload_id, resources=claiming.resources, start=claiming.start
        ),
        version(app),
        by=caller(app),
        desk=wiring.claims_desk(),
        act=act(app, claiming.reason),
    )
    return as_entity(head, claims_views.claims_head(head))


class Releasing(BaseModel):
    """Resources that go by their account's shares again."""

    model_config = ConfigDict(extra="forbid")

    resources: Resources
    reason: Reason = None


@app.post(
    "/releases/<account_id>",
    summary="Release resources",
    tags=["Workloads"],
    operation_id="post_releases",
    responses=VERSIONED,
)
def post_releases(account_id: AccountId, releasing: Releasing) -> Response[Any]:
    """From tomorrow on they go by the account's shares: all of them or none, of one product."""
    head = claims.release(
        account_id,
        ReleaseResources(account_id=account_id, resources=releasing.resources),
        version(app),
        by=caller(app),
        desk=wiring.claims_desk(),
        act=act(app, releasing.reason),
    )
    return as_entity(head, claims_views.claims_head(head))


# Spaces -------------------------------------------------------------------------------------------


@app.get(
    "/spaces",
    summary="The accounts of a scope",
    tags=["Workloads"],
    operation_id="get_spaces",
    responses=READ,
)
def get_spaces(
    element: Under = None,
    month: Annotated[
        str | None, Query(description="YYYY-MM; without it, this month", max_length=7)
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """Accounts with their splits and workloads, estimate against actual; CSV by `Accept: text/csv`.

    Of a split those products are told that lie in the scope; `others_basis_points` is what is
    left of it. The credits of the scope come after its accounts, as one list with them: pages
    hold accounts first. A balance is what closed months have left of a credit.
    """
    by, today = caller(app), now().date()
    sources = wiring.space_sources()
    found = spaces.spaces(
        element_said(element),
        BillingPeriod(month) if month else BillingPeriod.of(today),
        today,
        by=by,
        sources=sources,
    )
    entries, following = page(found.entries, limit, cursor, spaces.place)
    accounts = [one for one in entries if isinstance(one, str)]
    granted = [one for one in entries if not isinstance(one, str)]
    some = spaces.some_spaces(found, accounts, by=by, desk=sources.desk)
    if wants_csv(app):
        return as_csv(*claims_views.space_table(some, granted, found.day), following)
    return as_json(claims_views.spaces(found, some, granted) | {"next_cursor": following})


def _ticks(amount: str) -> int:
    return to_ticks(Decimal(amount))


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
