"""What the doors to shares, class policies and claim rules answer."""

from typing import Annotated

from pydantic import Field

from finops.domain.accounts import AccountState, AccountType
from finops.domain.class_policies import ChargeClass, PolicyKind
from finops.domain.shares import ShareStatus
from finops.runtime.openapi.words import Answers, Count, Cursor, Day, Month, Payer, Time, Told

Version = Annotated[int, Field(ge=0, description="What `ETag` says: changes so far")]
Product = Annotated[str, Field(examples=["retail.online.storefront.web-shop"])]
BasisPoints = Annotated[int, Field(ge=0, le=10_000, description="Hundredths of a percent")]


class SharePart(Told):
    """What a product pays of an account."""

    product_id: Product
    basis_points: BasisPoints
    percent: Annotated[str, Field(examples=["33.33"])]


class ShareParts(Told):
    """A split: the parts that the caller may see, and the sum of the others."""

    shares: list[SharePart]
    others_basis_points: BasisPoints


class ShareRevision(ShareParts):
    """A split as it was set, for the days from `start` up to `end`."""

    number: Annotated[int, Field(ge=1, description="Counts the account's splits")]
    start: Day
    end: Annotated[Day, Field(description="The day after the last one")]
    set_by: str
    set_at: Time
    reason: str | None


class ShareRevisionOnDay(ShareRevision):
    """The same, and where it is in its life."""

    status: ShareStatus


class NextShares(ShareParts):
    """What comes next; without an `end` there is no split from then on."""

    start: Day
    end: Day | None


class ShareRenewal(ShareParts):
    """What is proposed for the next fiscal year."""

    start: Day
    end: Day


class SharesInList(Told):
    """Who pays for an account; null where nobody does, or nobody in the caller's scope."""

    account_id: str
    name: str | None
    type: AccountType | None
    state: AccountState | None
    status: ShareStatus | None
    current: ShareRevision | None
    next: NextShares | None
    renewal: ShareRenewal | None
    version: Version


class SharesPage(Told):
    items: list[SharesInList]
    next_cursor: Cursor


class ShareSpan(Told):
    """Days from `start` up to `end` with one split in force, by its number; null: with none."""

    start: Day
    end: Day
    number: int | None


class AccountSharesOnDay(SharesInList):
    """An account with all its splits."""

    on: Day
    revisions: list[ShareRevisionOnDay]
    spans: list[ShareSpan]


class AccountShares(Told):
    """All splits of an account, as a change leaves them."""

    account_id: str
    revisions: list[ShareRevision]
    version: Version


class ShareRowError(Told):
    """What is wrong where, and what to do."""

    row: int | None
    column: str | None
    detail: str
    value: str | None


class ShareReport(Told):
    """What a file does to which accounts, or every reason why it does nothing."""

    rows: Count
    mapped: list[str]
    remapped: list[str]
    unchanged: list[str]
    errors: list[ShareRowError]
    applied: bool


class ClassPolicyRevision(Told):
    """How a class goes from the bill of a month on."""

    number: int
    policy: PolicyKind
    product_id: Product | None
    start: Month
    set_by: str
    set_at: Time
    reason: str | None


class ClassPolicyInList(Told):
    """How a class of a payer's charges goes; without a number nobody has decided about it."""

    payer_id: Payer
    charge_class: ChargeClass
    number: int | None
    policy: PolicyKind
    product_id: Product | None
    start: Month | None
    set_by: str | None
    set_at: Time | None
    reason: str | None
    history: Annotated[list[ClassPolicyRevision], Field(description="Oldest first")]
    version: Version


class ClassPolicyPage(Told):
    items: list[ClassPolicyInList]
    next_cursor: Cursor


class ClassPolicy(ClassPolicyRevision):
    """The same, of which class."""

    charge_class: ChargeClass


class ClassPolicies(Told):
    """All that was decided of a payer, oldest first, as a change leaves it."""

    payer_id: Payer
    policies: list[ClassPolicy]
    version: Version


class ClaimRuleTag(Told):
    """A tag's key, and a pattern for its value."""

    key: str
    value: str


class ClaimRuleInList(Told):
    """A claim rule; what it does not ask for is null."""

    rule_id: str
    workload_id: str
    workload: Annotated[str | None, Field(description="The workload's name")]
    product_id: Product
    account_id: str | None
    tag: ClaimRuleTag | None
    name: str | None
    service: str | None
    start: Day
    end: Day | None


class ClaimRulePage(Told):
    """The rules in the order they are tried."""

    items: list[ClaimRuleInList]
    next_cursor: Cursor
    version: Version


class RulesHead(Told):
    """A list of rules or claims as a change leaves it: how many it holds, not each of them."""

    of: str
    number: Count
    changed_at: Time
    version: Version


ANSWERS: Answers = {
    ("get", "/shares"): ("200", SharesPage),
    ("get", "/shares/{account_id}"): ("200", AccountSharesOnDay),
    ("put", "/shares/{account_id}"): ("200", AccountShares),
    ("post", "/shares/{account_id}/renewals"): ("200", AccountShares),
    ("post", "/share-loads"): ("200", ShareReport),
    ("get", "/class-policies"): ("200", ClassPolicyPage),
    ("put", "/class-policies/{payer_id}/{charge_class}"): ("200", ClassPolicies),
    ("get", "/claim-rules"): ("200", ClaimRulePage),
    ("post", "/claim-rules"): ("200", RulesHead),
    ("post", "/claim-rules/{rule_id}/endings"): ("200", RulesHead),
    ("put", "/claim-rules/order"): ("200", RulesHead),
}
