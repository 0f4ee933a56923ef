"""What the door to explanations answers."""

from typing import Annotated, Literal

from pydantic import Field

from finops.domain.allocations import PartKind
from finops.domain.class_policies import ChargeClass, CostBasis
from finops.runtime.openapi.bills import Freshness
from finops.runtime.openapi.words import (
    Answers,
    Count,
    Currency,
    Day,
    Money,
    Month,
    Payer,
    Time,
    Told,
)

Percent = Annotated[str | None, Field(description="Of the whole", examples=["60.00"])]
Next = Annotated[
    str,
    Field(
        description="The path of the next step",
        examples=["/explain/retail.online.storefront.web-shop/charges?month=2026-09&account=…"],
    ),
]


class ExplainedRun(Told):
    """The allocation that a bill is explained by."""

    run_id: str
    made_at: Time
    basis: CostBasis
    is_of_last_load: Annotated[bool, Field(description="false: a newer delivery is on its way")]


class ExplainedFreshness(Freshness):
    """How fresh a bill is, and what of it was allocated."""

    allocation: Annotated[ExplainedRun | None, Field(description="null: nothing yet")]


class ExplainedTotal(Told):
    """A figure in one currency."""

    currency: Currency
    amount: Money


class ExplainedRule(Told):
    """A rule that gave something, as it was when the bill was allocated."""

    kind: Literal["Share", "Rule", "Policy"]
    rule: Annotated[str, Field(description="The number of the split or policy, the rule's id")]
    of: Annotated[str, Field(description="The account or payer")]
    start: Annotated[str, Field(description="A day; of a policy a month")]
    end: Day | None
    said: Annotated[str, Field(examples=["60.00 % of it"])]
    set_by: str | None
    set_at: Time | None
    reason: str | None


class ExplainedAsked(Told):
    """What was asked for; words that were not said are left out."""

    account: str = ""
    day: str = ""
    service: str = ""
    class_: Annotated[str, Field(alias="class")] = ""
    payer: str = ""
    currency: str = ""
    charge_category: str = ""
    invoice: str = ""
    issuer: str = ""
    kind: str = ""
    workload: str = ""
    rule: str = ""
    reason: str = ""
    meant_for: str = ""


class ExplainedFigure(Told):
    """What every explanation says of its figure."""

    product_id: Annotated[str, Field(description="`unallocated`: what nobody owns")]
    billing_period: Month
    asked: ExplainedAsked
    freshness: list[ExplainedFreshness]


class ExplainedRow(Told):
    """A part of the figure; dimensions that were not asked for are left out."""

    currency: Currency
    payer: str | None = None
    account: str | None = None
    day: str | None = None
    service: str | None = None
    class_: Annotated[ChargeClass | None, Field(alias="class")] = None
    charge_category: str | None = None
    invoice: str | None = None
    issuer: str | None = None
    kind: PartKind | None = None
    workload: str | None = None
    rule: str | None = None
    share: Percent = None
    reason: str | None = None
    meant_for: str | None = None
    amount: Money
    next: Next


class ExplainedRows(ExplainedFigure):
    """A figure in rows that add up to it."""

    by: list[str]
    rows: list[ExplainedRow]
    totals: list[ExplainedTotal]
    rules: list[ExplainedRule]


class ExplainedCharge(Told):
    """A charge of the ledger, whole; who claimed it, where it is of a claim."""

    charge_id: str
    resource_id: str | None
    region: str | None
    line_item_type: str | None
    tags: str | None
    lines: Count
    cost: Money
    claimed_by: str | None
    claimed_at: Time | None
    claimed_from: Day | None
    next: Next


class ExplainedGroup(Told):
    """Charges that were given out together, and what the product pays of their whole."""

    payer_id: Payer
    currency: Currency
    service: str | None
    class_: Annotated[ChargeClass, Field(alias="class")]
    charge_category: str | None
    invoice_id: str | None
    issuer: str | None
    kind: PartKind
    workload_id: str | None
    rule: str | None
    share: Percent
    reason: str | None
    meant_for: Annotated[str | None, Field(description="Who would pay, were it alive")]
    whole: Money
    part: Money
    charges: list[ExplainedCharge]
    others: Annotated[int, Field(ge=0, description="Charges beyond the largest ones told")]
    rest: Annotated[Money, Field(description="What those cost")]


class ExplainedCharges(ExplainedFigure):
    """The charges of an account's day; the groups' parts add up to the figure."""

    groups: list[ExplainedGroup]
    totals: list[ExplainedTotal]
    rules: list[ExplainedRule]


class ExplainedLine(Told):
    """A line of a delivered file: where it stands, and what it says."""

    file: Annotated[str, Field(description="Its key in the billing bucket")]
    row: Annotated[int, Field(ge=1, description="Counted from 1, without the header")]
    line_item_id: str | None
    time_interval: str | None
    line_item_type: str | None
    resource_id: str | None
    usage_type: str | None
    operation: str | None
    description: str | None
    quantity: Annotated[str | None, Field(description="As stated")]
    unit: str | None
    unblended_cost: Annotated[Money, Field(description="As stated; FOCUS calls it billed cost")]
    cost: Annotated[Money, Field(description="As it counts, by the basis")]


class ExplainedStep(Told):
    """What charges cost more, or less, than their lines state, and why."""

    step: str
    amount: Money


class ExplainedBill(Told):
    """The lines behind charges of one bill; what they state and the steps add up to the cost."""

    payer_id: Payer
    load_id: str
    currency: Currency
    basis: CostBasis
    format: str | None
    charges: Count
    number: Annotated[int, Field(ge=0, description="Of all lines")]
    lines: list[ExplainedLine]
    others: Annotated[int, Field(ge=0, description="Lines beyond the largest ones told")]
    rest_unblended_cost: Money
    rest_cost: Money
    unblended_cost: Annotated[Money, Field(description="What all lines state")]
    steps: list[ExplainedStep]
    cost: Annotated[Money, Field(description="What the charges cost")]


class ExplainedLines(ExplainedFigure):
    """The lines of the bill behind some charges."""

    bills: list[ExplainedBill]


ANSWERS: Answers = {
    ("get", "/explain/{product_id}"): ("200", ExplainedRows),
    ("get", "/explain/{product_id}/charges"): ("200", ExplainedCharges),
    ("get", "/explain/{product_id}/lines"): ("200", ExplainedLines),
}
