"""What the door to savings answers."""

from typing import Annotated, Literal

from pydantic import Field

from finops.domain.realised_savings import Method
from finops.domain.resource_owners import HeldBy
from finops.domain.savings import SavingDecision, SavingStatus, Via
from finops.runtime.openapi.accounts import AccountId
from finops.runtime.openapi.words import (
    Answers,
    Count,
    Cursor,
    Day,
    Money,
    Month,
    Payer,
    Time,
    Told,
)
from finops.usecases.realised_savings import RealisedBy
from finops.usecases.savings import GroupBy

Version = Annotated[int, Field(ge=0, description="What `ETag` says: changes so far")]
Percent = Annotated[str, Field(examples=["25.05"])]
Code = Annotated[str, Field(examples=["USD"])]
Product = Annotated[str, Field(examples=["retail.online.storefront.web-shop"])]


class SavingOption(Told):
    """One thing that could be done about a resource; amounts are a month's, as AWS estimates them."""

    action_type: Annotated[str, Field(examples=["Rightsize"])]
    current: str | None
    recommended: str | None
    currency: Code
    monthly_savings: Money
    monthly_cost: Annotated[Money | None, Field(description="What it costs now")]
    savings_percent: Percent | None
    is_discounted: Annotated[bool, Field(description="After discounts; false: before them")]
    effort: Annotated[str | None, Field(examples=["Low"])]
    restart_needed: bool | None
    rollback_possible: bool | None


class SavingOfResource(SavingOption):
    """A case: what could be saved on one resource, by the option that counts."""

    saving_id: str
    status: SavingStatus
    payer_id: Payer
    account_id: AccountId
    region: str | None
    resource_id: Annotated[str | None, Field(description="As on the bill; null: none is named")]
    resource_type: str | None
    decided_by: str | None
    decided_at: Time | None
    reason: str | None
    ignored_until: Annotated[Day | None, Field(description="The last day that it is ignored")]
    implemented_on: Day | None
    returned: Annotated[
        Literal["Expired", "Grown", "Back", "Reopened"] | None,
        Field(description="Why it is New again"),
    ]
    first_seen: Day
    last_seen: Day
    gone_on: Annotated[Day | None, Field(description="AWS recommends it no more")]
    still_recommended: Annotated[bool, Field(description="A week after it was implemented")]
    version: Version


class Saving(SavingOfResource):
    """A case as it is kept."""

    options: Annotated[int, Field(ge=1, description="How many things are recommended")]


class ResourceOwner(Told):
    """A product that pays for a part of a resource."""

    product_id: Product
    basis_points: Annotated[int, Field(ge=1, le=10_000)]


class Owned(Told):
    """Whose the resource of a case is, as far as the caller may know."""

    account_name: str | None
    asked: Annotated[
        Product | None,
        Field(description="Who pays the largest part; null: nobody, or not in scope"),
    ]
    held_by: Annotated[HeldBy | None, Field(description="What makes them its owners")]
    workload_id: str | None
    owners: list[ResourceOwner]


class SavingInList(Saving, Owned):
    """A case with whose it is."""


class SavingChoice(SavingOption):
    """One of the options of a case."""

    source: Annotated[str, Field(examples=["ComputeOptimizer"])]
    recommended_type: str | None
    details: Annotated[str | None, Field(description="JSON text of AWS's, where it is short")]
    lookback_days: int | None
    refreshed_at: Time | None
    is_counted: bool


class SavingPast(Told):
    """What a case was after one of its changes."""

    at: Time
    by: str
    action: Annotated[str, Field(examples=["Approve", "Restate"])]
    reason: str | None
    status: SavingStatus
    action_type: str
    currency: Code
    monthly_savings: Money


class ImplementationTask(SavingOption):
    """What whoever implements a case has to know."""

    title: str
    account_id: AccountId
    account_name: str | None
    region: str | None
    resource_id: str | None
    resource_type: str | None
    asked: Product | None
    people: Annotated[list[str], Field(description="Who answers for the product, by address")]
    steps: list[str]
    commands: Annotated[
        list[str], Field(description="For a POSIX shell; only what can be taken back")
    ]


class SavingSource(Told):
    """A payer: when its recommendations were last taken, and what went wrong since."""

    payer_id: Payer
    answered: bool
    via: Via | None
    day: Annotated[Day | None, Field(description="Of the newest snapshot")]
    taken_at: Time | None
    age: Annotated[int | None, Field(description="In days")]
    recommendations: Annotated[int | None, Field(description="Null with a scope")]
    why_not: str | None
    asked_at: Annotated[Time | None, Field(description="When it did not answer")]


class RealisedPart(Told):
    """What of a figure is a product's."""

    product_id: Annotated[Product | None, Field(description="Null: nobody's")]
    realised: Money
    expected: Money | None


class RealisedMonth(Told):
    """What a saving realised on the complete days of a month after it was done."""

    billing_period: Month
    currency: Code | None
    days: Annotated[int, Field(ge=1)]
    is_used: Annotated[bool, Field(description="The resource had charges")]
    cost: Annotated[Money, Field(description="Of the resource on these days")]
    realised: Annotated[Money, Field(description="Negative where it costs more than before")]
    expected: Annotated[Money | None, Field(description="As recommended, for as many days")]
    owners: Annotated[list[RealisedPart], Field(description="Those that the caller may know of")]


class RealisedCase(Told):
    """How a saving was measured, or why it was not."""

    method: Method | None
    days_before: Annotated[int, Field(ge=0, le=30)]
    cost_before: Annotated[Money | None, Field(description="Of the resource on these days")]
    note: str | None
    reason: Annotated[str | None, Field(description="Why nothing was measured")]
    is_final: Annotated[bool, Field(description="More days will not change the reason")]
    months: list[RealisedMonth]


class SavingWithTask(SavingOfResource, Owned):
    """A case with its options, its history, and the task to implement it."""

    options: list[SavingChoice]
    history: Annotated[list[SavingPast], Field(description="Oldest first")]
    task: ImplementationTask
    realised: Annotated[
        RealisedCase | None, Field(description="Null: it is not implemented, or not measured yet")
    ]
    sources: list[SavingSource]


class SavingSum(Told):
    """What some cases come to in a currency, each resource once."""

    currency: Code
    resources: Count
    monthly_savings: Money
    open_resources: Annotated[int, Field(ge=0, description="New or approved")]
    open_monthly_savings: Money


class SavingGroup(SavingSum):
    """The cases that have something in common."""

    key: Annotated[str | None, Field(description="Null: nobody owns them, or they have none")]
    name: Annotated[str | None, Field(description="What an account is called")]


class SavingPage(Told):
    items: list[SavingInList]
    totals: Annotated[list[SavingSum], Field(description="Of all that fit")]
    sources: list[SavingSource]
    next_cursor: Cursor


class SavingTotals(Told):
    """Groups that add up to the totals."""

    by: GroupBy
    items: list[SavingGroup]
    totals: list[SavingSum]
    sources: list[SavingSource]


class RealisedSum(Told):
    """What some figures come to in a currency."""

    currency: Code | None
    savings: Count
    realised: Money
    expected: Money | None


class RealisedGroup(RealisedSum):
    """The figures that have something in common."""

    key: Annotated[str | None, Field(description="Of an owner null: nobody")]
    name: Annotated[str | None, Field(description="Of a saving: what was done")]


class UnmeasuredSaving(Told):
    """An implemented saving that is in no sum, and why."""

    saving_id: str
    action_type: str
    account_id: AccountId
    account_name: str | None
    resource_id: str | None
    implemented_on: Day
    reason: str
    is_final: Annotated[bool, Field(description="More days will not change it")]


class MeasuredBill(Told):
    """The newest bill of a payer that was measured in."""

    payer_id: Payer
    billing_period: Month
    load_id: str
    delivered_at: Time
    complete_through: Day | None


class RealisedTold(Told):
    """What figures add up to, what is not among them, and how fresh they are."""

    months: Annotated[list[Month], Field(description="Oldest first")]
    totals: list[RealisedSum]
    unmeasured: list[UnmeasuredSaving]
    bills: list[MeasuredBill]
    measured_at: Time | None


class RealisedSavings(RealisedTold):
    """Groups that add up to the totals."""

    by: RealisedBy
    items: list[RealisedGroup]


class RealisedReport(RealisedTold):
    """The last months that are measured, by each of these."""

    by_month: list[RealisedGroup]
    by_owner: list[RealisedGroup]
    by_action_type: list[RealisedGroup]


class SavingReport(Told):
    """All cases of an element: sums, and the first of each list."""

    element: str
    on: Day
    by_status: list[SavingGroup]
    open_by_owner: list[SavingGroup]
    open_by_action_type: list[SavingGroup]
    open_by_account: list[SavingGroup]
    new: list[SavingInList]
    approved: list[SavingInList]
    ignored: list[SavingInList]
    implemented: list[SavingInList]
    realised: RealisedReport
    sources: list[SavingSource]


class TopSaving(Told):
    """A large open case."""

    saving_id: str
    title: str
    status: SavingStatus
    account_id: AccountId
    asked: Product | None
    currency: Code
    monthly_savings: Money


class TopSavings(Told):
    """The largest open cases, and what all that are open come to."""

    items: list[TopSaving]
    totals: list[SavingSum]
    sources: list[SavingSource]


class DecidedSaving(Told):
    """A case after a decision."""

    saving_id: str
    status: SavingStatus
    currency: Code
    monthly_savings: Money
    version: Version


class RefusedSaving(Told):
    """Why a case took no decision."""

    saving_id: str
    why: Annotated[str, Field(examples=["Conflict", "Forbidden", "NotFound", "Invalid"])]
    detail: str


class SavingDecisions(Told):
    """What became of many decisions."""

    decision: SavingDecision
    decided: list[DecidedSaving]
    refused: list[RefusedSaving]
    left: Annotated[int, Field(ge=0, description="Cases for the next request")]


class SavingsCollection(Told):
    """AWS is asked now."""

    asked_by: str
    asked_at: Time
    status: Literal["Asked"]


ANSWERS: Answers = {
    ("get", "/savings"): ("200", SavingPage),
    ("get", "/savings/totals"): ("200", SavingTotals),
    ("get", "/savings/report"): ("200", SavingReport),
    ("get", "/savings/realised"): ("200", RealisedSavings),
    ("get", "/savings/{saving_id}"): ("200", SavingWithTask),
    ("post", "/savings/{saving_id}/decisions"): ("200", Saving),
    ("post", "/savings/decisions"): ("200", SavingDecisions),
    ("post", "/savings/collections"): ("202", SavingsCollection),
}
IN_CSV = (
    *(("get", "/savings"), ("get", "/savings/totals"), ("get", "/savings/report")),
    ("get", "/savings/realised"),
)
