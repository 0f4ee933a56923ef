"""What the door to workloads and claims answers."""

from typing import Annotated

from pydantic import Field

from finops.domain.accounts import ACCOUNT_ID, AccountState, AccountType
from finops.domain.credits import CreditStatus
from finops.domain.shares import ShareStatus
from finops.runtime.openapi.allocations import AllocationFreshness
from finops.runtime.openapi.words import (
    Answers,
    Count,
    Currency,
    Cursor,
    Day,
    Money,
    Month,
    Time,
    Told,
)
from finops.usecases.workloads import WorkloadWarning

AccountId = Annotated[str, Field(pattern=ACCOUNT_ID, examples=["444455556666"])]
ProductId = Annotated[str, Field(examples=["retail.online.storefront.web-shop"])]
WorkloadId = Annotated[str, Field(examples=["w-0f3a5b7c9d1e"])]
Version = Annotated[int, Field(ge=0, description="What `ETag` says: changes so far")]
Points = Annotated[int, Field(ge=0, le=10_000, description="Basis points: 100 is 1 %")]
Monthly = Annotated[Money | None, Field(description="The estimate of a month; null: none")]
Spent = Annotated[
    Money | None, Field(description="What it pays for; null while nothing is allocated")
]


class WorkloadComponent(Told):
    """A part of a workload, and what it should cost a month."""

    name: str
    monthly: Money


class Workload(Told):
    """What runs for a product in an account, in months that are both part of it."""

    workload_id: WorkloadId
    name: str
    product_id: ProductId
    account_id: AccountId
    launch: Month
    end: Month
    monthly: Monthly
    components: list[WorkloadComponent]
    estimate_url: str | None
    version: Version


class WorkloadStanding(Workload):
    """A workload, and how it stands in the running month."""

    spent: Spent
    warnings: list[WorkloadWarning]


class FreshWorkload(WorkloadStanding):
    """The same, and how fresh the bills of that month are."""

    freshness: list[AllocationFreshness]


class WorkloadPage(Told):
    items: list[WorkloadStanding]
    freshness: list[AllocationFreshness]
    next_cursor: Cursor


class ResourceClaim(Told):
    """A resource is the workload's on the days from `start` up to `end`, which is not among them."""

    resource_id: str
    workload_id: WorkloadId
    workload: str | None
    product_id: ProductId
    start: Day
    end: Annotated[Day | None, Field(description="null: until it is released")]
    claimed_by: str
    claimed_at: Time
    released_by: str | None
    released_at: Time | None


class ClaimPage(Told):
    account_id: AccountId
    version: Version
    items: list[ResourceClaim]
    next_cursor: Cursor


class ClaimsHead(Told):
    """The claims on an account's resources as a change leaves them; `GET` tells those in scope."""

    of: AccountId
    changed_at: Time
    version: Version


class SpaceProduct(Told):
    product_id: ProductId
    basis_points: Points


class SpaceSplit(Told):
    """A split that is in force in the month, as far as it is of the scope."""

    start: Day
    end: Day
    status: ShareStatus
    products: list[SpaceProduct]
    others_basis_points: Points


class SpaceWorkload(Told):
    """A workload, its estimate against what it pays for, and the claims it has not released."""

    workload_id: WorkloadId
    name: str
    product_id: ProductId
    launch: Month
    end: Month
    monthly: Monthly
    spent: Spent
    claims: Count


class Space(Told):
    """An account of a scope."""

    account_id: AccountId
    name: str | None
    type: AccountType | None
    state: Annotated[AccountState | None, Field(description="null: nobody has seen it")]
    shares: list[SpaceSplit]
    workloads: list[SpaceWorkload]


class SpaceCredit(Told):
    """A credit of a product of the scope."""

    credit_id: str
    text: Annotated[str, Field(description="The promotion code, or words")]
    product_id: ProductId
    currency: Currency
    amount: Money
    balance: Annotated[Money, Field(description="What closed months have left of it")]
    start: Day
    expiry: Annotated[Day, Field(description="The last day whose cost it pays")]
    status: CreditStatus


class SpacePage(Told):
    element: Annotated[str, Field(description="`enterprise`: all that the caller may see")]
    billing_period: Month
    as_of: Annotated[Day, Field(description="The day that a split's or a credit's status is of")]
    items: list[Space]
    credits: Annotated[list[SpaceCredit], Field(description="After the last account")]
    freshness: list[AllocationFreshness]
    next_cursor: Cursor


ANSWERS: Answers = {
    ("get", "/workloads"): ("200", WorkloadPage),
    ("post", "/workloads"): ("201", Workload),
    ("get", "/workloads/{workload_id}"): ("200", FreshWorkload),
    ("put", "/workloads/{workload_id}"): ("200", Workload),
    ("post", "/workloads/{workload_id}/endings"): ("200", Workload),
    ("get", "/claims/{account_id}"): ("200", ClaimPage),
    ("post", "/claims/{account_id}"): ("200", ClaimsHead),
    ("post", "/releases/{account_id}"): ("200", ClaimsHead),
    ("get", "/spaces"): ("200", SpacePage),
}
