"""What the door to resources answers."""

from typing import Annotated, Literal

from pydantic import Field

from finops.runtime.openapi.bills import Freshness
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
from finops.runtime.openapi.words import Payer as PayerId

Cost = Annotated[
    Money | None,
    Field(description="null: in the month a product out of scope claimed it by hand"),
]


class Held(Told):
    """What a resource is paid for by; the end is the day after its last."""

    product_id: str
    workload_id: str
    workload: Annotated[str | None, Field(description="What the workload is called")]
    start: Day
    end: Day | None


class HeldByClaim(Held):
    """A claim by hand that covers today or a later day."""

    claimed_by: str
    claimed_at: Time


class HeldByClaimRule(Held):
    """The claim rule that takes a resource today."""

    rule_id: str


class ResourceRow(Told):
    """A resource in one service; its region and tags are those of its last day."""

    payer_id: PayerId
    account_id: str | None
    resource_id: str
    name: Annotated[str | None, Field(description="The tag Name, where there is one")]
    service: str | None
    region: str | None
    tags: Annotated[dict[str, str] | None, Field(description="Keys as their owner spells them")]
    currency: Currency
    first_day: Day | None
    last_day: Day | None
    billed_cost: Cost
    effective_cost: Cost
    part_of: Annotated[
        str | None,
        Field(
            description="The instance a container runs on: claim that, the cost is the instance's"
        ),
    ]
    held_by: Annotated[
        Literal["Claim", "ClaimRule"] | None, Field(description="null: it is its account's")
    ]
    claim: Annotated[HeldByClaim | None, Field(description="null also for a product out of scope")]
    claim_rule: Annotated[
        HeldByClaimRule | None, Field(description="null also for a product out of scope")
    ]


class ResourceTotal(Told):
    """All resources that fit and whose cost is told, in one currency."""

    currency: Currency
    resources: Count
    billed_cost: Money
    effective_cost: Money


class ResourcePage(Told):
    """A page of resources, with the totals of all that fit and whose cost is told."""

    billing_period: Annotated[Month | None, Field(description="null: there is no bill at all")]
    items: list[ResourceRow]
    resources: Annotated[int, Field(ge=0, description="How many fit")]
    totals: list[ResourceTotal]
    freshness: list[Freshness]
    next_cursor: Cursor


ANSWERS: Answers = {("get", "/resources"): ("200", ResourcePage)}
