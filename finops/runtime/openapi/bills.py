"""What the door to bills and loads answers."""

from typing import Annotated

from pydantic import Field

from finops.domain.loads import DeliveryKind, LoadStatus
from finops.runtime.openapi.words import (
    Answers,
    Count,
    Currency,
    Cursor,
    Day,
    Money,
    Month,
    Payer,
    Time,
    Told,
)


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
    kind: Annotated[DeliveryKind, Field(description="A bill, or what AWS recommends to save")]
    payer_id: Annotated[str | None, Field(description="Whose export it is, as far as it says")]
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
    day: Annotated[Day | None, Field(description="The day that recommendations are of")]
    recommendations: Annotated[Count | None, Field(description="How many were taken")]
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


ANSWERS: Answers = {
    ("get", "/bills"): ("200", Bills),
    ("get", "/bills/{billing_period}/costs"): ("200", CostPage),
    ("get", "/loads"): ("200", Loads),
    ("post", "/loads"): ("202", Started),
    ("get", "/loads/{load_id}"): ("200", WholeLoad),
    ("get", "/freshness"): ("200", FreshnessPage),
}
