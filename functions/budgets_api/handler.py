"""The door to budgets: schedules from draft to approved, and plans of every tier."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from finops.domain.budgets import BudgetStatus, Command
from finops.domain.money import to_ticks
from finops.runtime import settings, wiring
from finops.runtime.observability import logger, now
from finops.runtime.rest import (
    READ,
    VERSIONED,
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
from finops.usecases import budgets, organisation_views, plans, workloads
from finops.usecases.organisation_views import element_said, shown

app = rest_api()

Year = Annotated[int, Path(ge=2000, le=2199, description="The fiscal year")]
Product = Annotated[str, Path(description="The product's id", max_length=250)]
Portfolio = Annotated[str, Path(description="The portfolio's id", max_length=250)]
Amount = Annotated[
    str,
    Field(
        pattern=r"^\d{1,15}(\.\d{1,10})?$",
        description="Decimal text, zero or more, ten decimals at most",
        examples=["12500.00"],
    ),
]


class BudgetStep(StrEnum):
    """What can be decided about a budget."""

    SUBMIT = "Submit"
    APPROVE = "Approve"
    REJECT = "Reject"
    REQUEST_RESCHEDULE = "RequestReschedule"
    APPROVE_RESCHEDULE = "ApproveReschedule"
    REFUSE_RESCHEDULE = "RefuseReschedule"
    APPROVE_ESTIMATE = "ApproveEstimate"


@app.get(
    "/budgets/<year>",
    summary="The budgets of a year",
    tags=["Budgets"],
    operation_id="get_budgets",
    responses=READ,
)
def get_budgets(
    year: Year,
    status: Annotated[BudgetStatus | None, Query(description="Only this status")] = None,
    element: Annotated[
        str | None, Query(description="Only under this element", max_length=250)
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """Every product in the caller's scope with its status and its amounts, by id.

    CSV by `Accept: text/csv`.
    """
    found = budgets.seen_budgets(
        year,
        by=caller(app),
        desk=wiring.desk(),
        status=status,
        under=element_said(element),
    )
    products, following = page(found.products, limit, cursor, lambda product: product.id)
    some = [found.on_desk(product, now().date()) for product in products]
    if wants_csv(app):
        return as_csv(*organisation_views.budget_table(found.chart, some), following)
    items = [organisation_views.budget_in_list(one) for one in some]
    return as_json({"year": year, "items": items, "next_cursor": following})


@app.get(
    "/budgets/<year>/<product>",
    summary="The budget of a product",
    tags=["Budgets"],
    operation_id="get_budget",
    responses=READ,
)
def get_budget(year: Year, product: Product) -> Response[Any]:
    """Schedules, figures, estimate, and what the caller may do with it now.

    The `ETag` is what the next change names by `If-Match`; a budget that nobody has touched has
    version 0.
    """
    by, today = caller(app), now().date()
    found = budgets.see_budget(product, year, today, by=by, desk=wiring.desk())
    allowed = budgets.allowed_commands(found, by=by, people=wiring.people())
    body = organisation_views.budget_in_chart(found, today, wiring.spending())
    beside = workloads.estimates(
        product, found.chart.fiscal_year.months, workloads=wiring.workloads()
    )
    body["workload_estimates"] = organisation_views.months(beside)
    return as_entity(found.budget, body | {"allowed": [command.value for command in allowed]})


class Draft(BaseModel):
    """Twelve amounts, in the order of the fiscal year's months."""

    model_config = ConfigDict(extra="forbid")

    months: Annotated[list[Amount], Field(min_length=12, max_length=12)]


@app.put(
    "/budgets/<year>/<product>/draft",
    summary="Save a draft",
    tags=["Budgets"],
    operation_id="put_draft",
    responses=VERSIONED,
)
def put_draft(year: Year, product: Product, draft: Draft) -> Response[Any]:
    """Months to work on: within the annual amount, zero allowed. Nobody else is asked yet."""
    budget = budgets.save_draft(
        product,
        year,
        tuple(_ticks(month) for month in draft.months),
        version(app),
        by=caller(app),
        desk=wiring.desk(),
        act=act(app),
    )
    return as_entity(budget, shown(budget))


class Decision(BaseModel):
    """A step, and its reason where it needs one."""

    model_config = ConfigDict(extra="forbid")

    decision: BudgetStep
    reason: Reason = None


@app.post(
    "/budgets/<year>/<product>/decisions",
    summary="Submit, approve, reject, reschedule",
    tags=["Budgets"],
    operation_id="post_decision",
    responses=VERSIONED,
)
def post_decision(year: Year, product: Product, decision: Decision) -> Response[Any]:
    """One step from a draft to an approved schedule, or to another one.

    Reject, RequestReschedule and RefuseReschedule need a reason. Nobody decides on what they
    submitted or asked for. While a reschedule is under way the approved schedule stays in force.
    """
    budget = budgets.decide(
        product,
        year,
        Command(decision.decision.value),
        version(app),
        by=caller(app),
        desk=wiring.desk(),
        act=act(app, decision.reason),
    )
    return as_entity(budget, shown(budget))


class StatedEstimate(BaseModel):
    """What a product is expected to cost in a month, and where that was worked out."""

    model_config = ConfigDict(extra="forbid")

    monthly: Amount
    url: Annotated[str, Field(max_length=2000, examples=["https://calculator.aws/#/estimate"])]


@app.put(
    "/budgets/<year>/<product>/estimate",
    summary="State an estimate",
    tags=["Budgets"],
    operation_id="put_estimate",
    responses=VERSIONED,
)
def put_estimate(year: Year, product: Product, estimate: StatedEstimate) -> Response[Any]:
    """Shown beside the schedule. A portfolio's gate may demand that its owner approves it first."""
    budget = budgets.state_estimate(
        product,
        year,
        _ticks(estimate.monthly),
        estimate.url,
        version(app),
        by=caller(app),
        desk=wiring.desk(),
        act=act(app),
    )
    return as_entity(budget, shown(budget))


@app.get(
    "/budgets/<year>/<product>/versions",
    summary="What a budget was",
    tags=["Budgets"],
    operation_id="get_versions",
    responses=READ,
)
def get_versions(
    year: Year, product: Product, limit: Limit = 100, cursor: Cursor = None
) -> Response[Any]:
    """Every state it was ever in, oldest first: who made it so, when, by what step and why."""
    found = budgets.versions(
        product, year, by=caller(app), desk=wiring.desk(), audit=wiring.audit()
    )
    some, following = page(found, limit, cursor, lambda one: f"{one[1].sequence:09d}")
    items = [organisation_views.budget_version(budget, record) for budget, record in some]
    return as_json({"items": items, "next_cursor": following})


@app.get(
    "/plans/<year>/<element>",
    summary="The plan of an element",
    tags=["Plans"],
    operation_id="get_plan",
    responses=READ,
)
def get_plan(
    year: Year,
    element: Annotated[str, Path(description="An element's id, or `enterprise`", max_length=250)],
) -> Response[Any]:
    """Annual, approved, spent and variance of an element and of each child, by month and year.

    An element is exactly the sum of its children. Only approved budgets have a variance; spend
    without one, and spend without an owner, have rows of their own. CSV by `Accept: text/csv`.
    """
    found = plans.plan(
        element_said(element), year, now().date(), by=caller(app), planning=wiring.planning()
    )
    if wants_csv(app):
        return as_csv(*organisation_views.plan_table(found))
    return as_json(organisation_views.plan(found))


@app.get(
    "/gates/<portfolio>",
    summary="What a portfolio demands",
    tags=["Budgets"],
    operation_id="get_gate",
    responses=READ,
)
def get_gate(portfolio: Portfolio) -> Response[Any]:
    """The size from which on its owner approves estimates; null: it demands nothing."""
    gate = budgets.see_gate(portfolio, by=caller(app), budgets=wiring.budgets())
    return as_entity(gate, shown(gate))


class NewGate(BaseModel):
    """The size of an estimate, a month, above which the portfolio's owner approves it."""

    model_config = ConfigDict(extra="forbid")

    estimate_approval_above: Amount | None
    reason: Reason = None


@app.put(
    "/gates/<portfolio>",
    summary="Set or lift a gate",
    tags=["Budgets"],
    operation_id="put_gate",
    responses=VERSIONED,
)
def put_gate(portfolio: Portfolio, gate: NewGate) -> Response[Any]:
    """A schedule is then submitted only beside an estimate, and a larger one only once approved."""
    above = gate.estimate_approval_above
    made = budgets.set_gate(
        portfolio,
        None if above is None else _ticks(above),
        version(app),
        by=caller(app),
        desk=wiring.desk(),
        act=act(app, gate.reason),
    )
    return as_entity(made, shown(made))


def _ticks(amount: str) -> int:
    return to_ticks(Decimal(amount))


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
