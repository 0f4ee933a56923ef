"""What the doors to allocations, previews and the financial scope answer."""

from typing import Annotated

from pydantic import Field

from finops.domain.allocations import PartKind
from finops.domain.budgets import BudgetStatus
from finops.domain.class_policies import ChargeClass, CostBasis
from finops.domain.people import Role
from finops.domain.shares import ShareStatus
from finops.runtime.openapi.bills import Freshness
from finops.runtime.openapi.organisation import Labels
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
from finops.usecases.previews import PreviewStatus

Percent = Annotated[str | None, Field(description="Of an account, in percent", examples=["33.33"])]
Product = Annotated[str, Field(examples=["retail.online.storefront.web-shop"])]


class AllocationMade(Told):
    """The run that readers see of a bill; current: neither bill nor rules have changed since."""

    made_at: Time
    basis: Annotated[CostBasis, Field(description="The cost that owners pay")]
    is_current: bool


class AllocationFreshness(Freshness):
    """How fresh a bill is, and its allocation; null: nothing of it is allocated yet."""

    allocation: AllocationMade | None


class CurrencyAmount(Told):
    """An amount in a currency; currencies are never added."""

    currency: Currency
    amount: Money


class AllocatedAmounts(Told):
    """Spend, and what became of it: the difference is what neither owners nor nobody have."""

    currency: Currency
    spend: Annotated[Money, Field(description="Of the bill, without what AWS credited")]
    allocated: Money
    unallocated: Money
    difference: Annotated[Money, Field(description="Zero, or the bill is newer than the run")]


class BillAllocated(AllocationFreshness):
    """How far a bill is allocated."""

    amounts: list[AllocatedAmounts]


class MonthAllocated(Told):
    """How far a month is allocated; totals are of all its bills."""

    billing_period: Month
    items: list[BillAllocated]
    totals: list[AllocatedAmounts]


class AllocatedBill(Told):
    payer_id: Payer
    billing_period: Month


class RunsStarted(Told):
    """The bills that are allocated anew."""

    items: list[AllocatedBill]


class AccountPaid(Told):
    """What a product pays of an account's charges of one class.

    The rule is the number of the split or policy, or a claim rule's id; `start` and `end` (the day
    after its last one) are the days it is in force. `first_day` and `last_day` are those paid for.
    """

    payer_id: Payer
    account_id: str | None
    account: Annotated[str | None, Field(description="Its name then")]
    kind: PartKind
    charge_class: ChargeClass
    share: Percent
    workload_id: str | None
    workload: Annotated[str | None, Field(description="Its name")]
    rule: str | None
    start: Day | None
    end: Day | None
    first_day: Day
    last_day: Day
    currency: Currency
    amount: Money


class AllocationElement(Told):
    """An element by name; with a scope, `enterprise` is that scope."""

    element: str
    name: str
    level: Annotated[int, Field(ge=0, le=4)]
    label: str


class AllocationNode(AllocationElement):
    """An element's spend: the sum of its children or, of a product, of its accounts."""

    spend: list[CurrencyAmount]
    children: list["AllocationNode"]
    accounts: list[AccountPaid]


class AllocationTree(Told):
    """A month's tree; `unallocated` is null for an element below the enterprise, and for owners."""

    billing_period: Month
    labels: Labels
    node: AllocationNode
    unallocated: list[CurrencyAmount] | None
    freshness: list[AllocationFreshness]


class DayAmount(Told):
    """What is paid for a day, in a currency."""

    day: Day
    currency: Currency
    amount: Money


class AllocationDays(AllocationElement):
    """An element's spend by day; `unallocated` is for who may know of it, of the enterprise."""

    billing_period: Month
    items: list[DayAmount]
    totals: list[CurrencyAmount]
    unallocated: list[DayAmount] | None
    freshness: list[AllocationFreshness]


class UnownedSpend(Told):
    """Spend without an owner; `meant_for` is the product that would pay if it were alive."""

    reason: Annotated[str, Field(examples=["No share in force"])]
    currency: Currency
    amount: Money
    payer_id: Payer
    account_id: str | None
    account: Annotated[str | None, Field(description="Its name then")]
    charge_class: ChargeClass | None
    meant_for: Product | None
    first_day: Day | None
    last_day: Day | None
    remedy: Annotated[str, Field(description="What would give it an owner")]
    owed_by: Annotated[list[Role], Field(description="Who can do that")]


class Unallocated(Told):
    """What nobody owns of a month, the largest first; the totals are of all of it."""

    billing_period: Month
    items: list[UnownedSpend]
    totals: list[CurrencyAmount]
    freshness: list[AllocationFreshness]
    next_cursor: Cursor


class ScopeOwner(Told):
    email: str
    name: str | None


class ScopeProduct(Told):
    """A product and an account that is, was or will be split with it; of one without, the product.

    `start` and `end` (the day after the last one) are the days the split is in force.
    """

    product_id: Product
    names: Annotated[list[str], Field(description="From the business unit down")]
    budget_status: Annotated[
        BudgetStatus | None, Field(description="Null: not in the year's chart of accounts")
    ]
    owners: Annotated[list[ScopeOwner], Field(description="Who holds the product itself")]
    account_id: str | None
    account: Annotated[str | None, Field(description="Its name on the day")]
    share: Percent
    status: Annotated[ShareStatus | None, Field(description="On the day")]
    start: Day | None
    end: Day | None
    set_by: str | None
    set_at: Time | None
    reason: str | None


class FinancialScope(Told):
    """Products by id, their splits by account."""

    items: list[ScopeProduct]
    next_cursor: Cursor


class PreviewAsked(Told):
    """A preview that is made now, and the bills that the changes may concern."""

    preview_id: str
    status: PreviewStatus
    bills: list[AllocatedBill]


class PreviewTotal(Told):
    """What the caller sees of what moves: their elements together, or all that the bills are."""

    billing_period: Month
    currency: Currency
    before: Money
    after: Money
    difference: Money


class PreviewMoved(PreviewTotal):
    """What an element pays before and after.

    Without an element it is what nobody pays: for a `reason`, or, without one, for all of them.
    """

    element: str | None
    name: str | None
    level: Annotated[int | None, Field(ge=0, le=4)]
    label: str | None
    reason: str | None


class PreviewOthers(Told):
    """What products out of the reader's scope, and nobody, would pay more, together."""

    billing_period: Month
    currency: Currency
    difference: Money


class Preview(Told):
    """What changes would do; there are no items before it is done.

    `others` is for readers with a scope: what their own pay less.
    """

    preview_id: str
    status: PreviewStatus
    asked_by: str
    asked_at: Time
    changes: Count
    bills: list[AllocatedBill]
    items: list[PreviewMoved]
    totals: list[PreviewTotal]
    others: list[PreviewOthers]
    freshness: Annotated[list[Freshness], Field(description="Of the bills, as they are now")]
    next_cursor: Cursor


ANSWERS: Answers = {
    ("get", "/allocations"): ("200", MonthAllocated),
    ("post", "/allocations"): ("202", RunsStarted),
    ("get", "/allocations/tree"): ("200", AllocationTree),
    ("get", "/allocations/days"): ("200", AllocationDays),
    ("get", "/allocations/unallocated"): ("200", Unallocated),
    ("get", "/financial-scope"): ("200", FinancialScope),
    ("post", "/previews"): ("202", PreviewAsked),
    ("get", "/previews/{preview_id}"): ("200", Preview),
}
