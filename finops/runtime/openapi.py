"""The contract of the API as a document (OpenAPI 3.1): what the resolver knows, and what it answers.

Apart from the door, which answers without these models: a cold start does not pay for them. That
they tell the truth is checked by asking the door (`tests/functions`).
"""

import inspect
from collections.abc import Mapping
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from finops.domain.bills import DIMENSIONS
from finops.domain.loads import LoadStatus
from finops.runtime.rest import PROBLEM

TITLE = "FinOps Center"
VERSION = "1"
ABOUT = (
    "The bill of an AWS organisation, to its last decimal. Money is decimal text and is never added "
    "over currencies; times are UTC; what is absent is null. A list goes on where `next_cursor` says."
)
REF = "#/components/schemas/{model}"

Money = Annotated[
    str,
    Field(
        description="Decimal text, ten decimals or more",
        pattern=r"^-?\d+\.\d{10,20}$",
        examples=["12.3456789012"],
    ),
]
Payer = Annotated[str, Field(description="The payer account", examples=["999988887777"])]
Month = Annotated[str, Field(description="YYYY-MM", examples=["2026-09"])]
Currency = Annotated[str | None, Field(description="As the bill states it", examples=["USD"])]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Day = Annotated[str, Field(json_schema_extra={"format": "date"})]
Cursor = Annotated[str | None, Field(description="What to ask for the next page with; null: none")]
Count = Annotated[int, Field(ge=0)]


class Told(BaseModel):
    """An answer has these fields and no others."""

    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """What is wrong, where, and what to do (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: Annotated[str, Field(examples=["'team' is no dimension; known are payer, account, …"])]
    errors: list[dict[str, str]] = []


class Costs(Told):
    """Four costs, each apart, and the lines they are of."""

    lines: Count
    unblended_cost: Money
    billed_cost: Money
    effective_cost: Money
    list_cost: Money | None


class Freshness(Told):
    """How far a payer's month is known."""

    payer_id: Payer
    billing_period: Month
    last_delivery: Time
    last_load: Time
    complete_through: Annotated[
        Day | None, Field(description="The last day of which all usage is in the bill")
    ]
    is_final: Annotated[bool, Field(description="Every line has an invoice id")]


class CurrencyTotal(Costs):
    """What a bill adds up to in one currency."""

    currency: Currency


class Bill(Freshness):
    """A payer's month in force."""

    load_id: str
    totals: list[CurrencyTotal]


class Sums(Told):
    """The costs that were asked for."""

    lines: Count
    unblended_cost: Money | None = None
    billed_cost: Money | None = None
    effective_cost: Money | None = None
    list_cost: Money | None = None


class CurrencySums(Sums):
    """The costs that were asked for, in one currency."""

    currency: Currency


class CostRow(Sums):
    """Charges that agree in the dimensions asked for; a dimension is null where they have none."""

    payer: str | None = None
    account: str | None = None
    day: Day | None = None
    service: str | None = None
    region: str | None = None
    charge_category: str | None = None
    line_item_type: str | None = None
    invoice: str | None = None
    issuer: str | None = None
    billing_entity: str | None = None
    currency: str | None = None
    resource: str | None = None
    commitment: str | None = None
    tags: str | None = None


class CostPage(Told):
    """A page of rows, with the total of all rows."""

    billing_period: Month
    rows: list[CostRow]
    total: Annotated[Sums | None, Field(description="null where there is more than one currency")]
    totals: list[CurrencySums]
    currency: Currency
    freshness: list[Freshness]
    next_cursor: Cursor


class LoadOfBill(Costs):
    """What a delivery says of a payer's month."""

    payer_id: Payer
    billing_period: Month
    status: LoadStatus
    is_current: Annotated[bool, Field(description="Whether this is what readers see")]
    currency: Currency
    charges: Annotated[int, Field(ge=0, description="Rows that the ledger keeps of the lines")]


class Load(Told):
    """A delivery, and what became of it."""

    load_id: str
    status: LoadStatus
    reason: str | None
    manifest_key: str
    execution_id: str
    delivered_at: Time
    recorded_at: Time
    format: str | None
    items_total: Count
    items_done: Count
    version: Count
    bills: list[LoadOfBill]
    warnings: list[str]


class ControlTotal(Told):
    """Count and sum of a file's lines of one payer's month, as the file states them."""

    payer_id: Payer
    billing_period: Month
    currency: Currency
    lines: Count
    unblended_cost: Money


class File(Told):
    """A file of a delivery, in the version that was read."""

    key: str
    bytes: Count
    lines: Count
    control_totals: list[ControlTotal]


class Difference(Told):
    """Unblended cost before and after."""

    before: Money
    after: Money
    difference: Money


class AccountChange(Difference):
    account: str


class CategoryChange(Difference):
    charge_category: str


class DayChange(Difference):
    day: str


class ServiceChange(Difference):
    service: str


class Changes(Told):
    """What a load changes about the one before: the largest differences in each dimension."""

    payer_id: Payer
    billing_period: Month
    currency: Currency
    lines_before: Count
    lines_after: Count
    unblended_before: Money
    unblended_after: Money
    by_account: list[AccountChange]
    by_charge_category: list[CategoryChange]
    by_day: list[DayChange]
    by_service: list[ServiceChange]
    more: Annotated[int, Field(ge=0, description="Differences beyond those named")]


class WholeLoad(Load):
    """A delivery with its files and with what it changed."""

    files: list[File]
    changes: list[Changes]


class Started(Told):
    """A load was started; `GET /loads` shows it once its manifest was read."""

    manifest_key: str
    run: str


class Bills(Told):
    items: list[Bill]
    next_cursor: Cursor


class Loads(Told):
    items: list[Load]
    next_cursor: Cursor


class FreshnessPage(Told):
    items: list[Freshness]
    next_cursor: Cursor


Answers = Mapping[tuple[str, str], tuple[str, type[BaseModel]]]
ANSWERS: Answers = {
    ("get", "/bills"): ("200", Bills),
    ("get", "/bills/{billing_period}/costs"): ("200", CostPage),
    ("get", "/loads"): ("200", Loads),
    ("post", "/loads"): ("202", Started),
    ("get", "/loads/{load_id}"): ("200", WholeLoad),
    ("get", "/freshness"): ("200", FreshnessPage),
}
EXAMPLES: Mapping[str, Any] = {
    "billing_period": "2026-09",
    "payer_id": "999988887777",
    "by": "account,day",
    "cost": "billed,effective",
    "account": "444455556666",
    "limit": 100,
}
IN_CSV = ("get", "/bills/{billing_period}/costs")


def document(app: APIGatewayRestResolver) -> dict[str, Any]:
    """The contract of *app*, every answer described."""
    known = app.get_openapi_schema(title=TITLE, version=VERSION, description=ABOUT)
    told: dict[str, Any] = known.model_dump(mode="json", by_alias=True, exclude_none=True)
    del told["servers"]  # each deployment has an address of its own
    models: list[type[BaseModel]] = [Problem, *(model for _, model in ANSWERS.values())]
    _, schemas = models_json_schema(
        [(model, "serialization") for model in models], ref_template=REF
    )
    said = _docstrings(app)
    for path, operations in told["paths"].items():
        for method, operation in operations.items():
            operation["description"] = said[operation["operationId"]]
            _complete(operation, (method, path))
    used = {name: told["components"]["schemas"][name] for name in ("Delivery",)}
    told["components"] = {
        "schemas": dict(sorted((used | schemas["$defs"]).items())),
        "securitySchemes": {
            "SignIn": {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "An id token of the Cognito user pool",
            }
        },
    }
    told["security"] = [{"SignIn": []}]
    return told


def _docstrings(app: APIGatewayRestResolver) -> dict[str, str]:
    """What the functions behind the routes say of themselves, in lines of their own length."""
    return {
        route.operation_id: " ".join((inspect.getdoc(route.func) or "").split())
        for route in (*app._static_routes, *app._dynamic_routes)
    }


def _complete(operation: dict[str, Any], of: tuple[str, str]) -> None:
    """Describe the answers of an operation, and its filters."""
    status, model = ANSWERS[of]
    described = {int(code): told["description"] for code, told in operation["responses"].items()}
    good = {"application/json": {"schema": _refer(model)}}
    answer: dict[str, Any] = {"description": described.pop(int(status)), "content": good}
    operation["responses"] = {status: answer} | {
        str(code): {
            "description": description,
            "content": {PROBLEM: {"schema": _refer(Problem)}},
        }
        for code, description in sorted(described.items())
    }
    if of == IN_CSV:
        good["text/csv"] = {"schema": {"type": "string"}}
        answer["headers"] = {
            "X-Next-Cursor": {
                "description": "Of CSV: what to ask for the next page with",
                "schema": {"type": "string"},
            }
        }
        operation["parameters"] += [_filter(name) for name in DIMENSIONS]
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in EXAMPLES:
            parameter["example"] = EXAMPLES[parameter["name"]]


def _filter(dimension: str) -> dict[str, Any]:
    return {
        "name": dimension,
        "in": "query",
        "required": False,
        "allowEmptyValue": True,
        "description": f"Only charges of this {dimension}; empty: only those that have none",
        "schema": {"type": "string"},
    }


def _refer(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REF.format(model=model.__name__)}
