"""What the door to tags answers."""

from typing import Annotated, Literal

from pydantic import Field

from finops.runtime.openapi.bills import Freshness
from finops.runtime.openapi.words import (
    Answers,
    Count,
    Currency,
    Cursor,
    Money,
    Month,
    Time,
    Told,
)

BilledMonth = Annotated[Month | None, Field(description="null: there is no bill at all")]
Key = Annotated[str, Field(description="As the bill spells it", examples=["user:Team"])]
Part = Annotated[
    str | None,
    Field(
        description="Of 1, rounded down; null: of nothing, or of sums below zero",
        pattern=r"^\d\.\d{4}$",
        examples=["0.9731"],
    ),
]
Basis = Annotated[Literal["billed", "effective"], Field(description="The cost that owners pay")]
Owner = Annotated[
    str | None,
    Field(
        description="The product that is asked: by claim, claim rule, or the largest part of the"
        " account; `(others)`: out of scope; null: nobody pays"
    ),
]
Alike = Annotated[str | None, Field(description="One used more that it looks like")]
Apart = Annotated[
    int | None, Field(description="Letters that differ; 0: only case and separators do")
]
Means = Annotated[str | None, Field(description="What the settings say that this spelling means")]
Compared = Annotated[
    bool, Field(description="false: there were too many to compare all; slips may be missing")
]


class KeyCovered(Told):
    """The resources that have a key, in count and in money."""

    key: Annotated[str | None, Field(description="null: all required keys together")]
    resources: Count
    resources_covered: Part
    cost: Money
    cost_covered: Part


class CoverageGroup(Told):
    """Resources of a group and currency, and how many have which keys."""

    of: Annotated[str | None, Field(description="Account, service or owner; null: none, or total")]
    currency: Currency
    resources: Count
    cost: Money
    untaggable_cost: Annotated[Money, Field(description="Charged for no resource; in no part")]
    keys: list[KeyCovered]
    all_keys: Annotated[
        KeyCovered, Field(description="All that are required; where none is, any tag at all")
    ]


class TagCoverage(Told):
    """How much of a month has its tags."""

    billing_period: BilledMonth
    by: Literal["Total", "Account", "Service", "Owner"]
    basis: Basis
    required_keys: list[Key]
    groups: Annotated[Count, Field(description="All there are, those that are not shown too")]
    items: list[CoverageGroup]
    freshness: list[Freshness]


class MissingKey(Told):
    """A required key, and what lacks it."""

    key: Key
    currency: Currency
    resources: Count
    cost: Money


class MissingTags(Told):
    """The required keys, those first that most money lacks."""

    billing_period: BilledMonth
    basis: Basis
    items: list[MissingKey]
    freshness: list[Freshness]


class UntaggedResource(Told):
    """A resource that lacks some required keys; where none is required, all tags."""

    account_id: str | None
    resource_id: str
    service: str | None
    region: str | None
    owner: Owner
    currency: Currency
    cost: Money
    missing: list[Key]


class UntaggedResources(Told):
    """The dearest of them."""

    billing_period: BilledMonth
    required_keys: list[Key]
    items: list[UntaggedResource]
    freshness: list[Freshness]


class TagCost(Told):
    """What resources with a tag cost, in a currency."""

    currency: Currency
    cost: Money


class TagKey(Told):
    """A key as it is spelled."""

    key: Key
    resources: Count
    values: Count
    costs: list[TagCost]
    means: Means
    looks_like: Alike
    distance: Apart
    is_required: bool
    is_rare: bool


class TagKeys(Told):
    """All keys of a month."""

    billing_period: BilledMonth
    items: list[TagKey]
    not_told_apart: Annotated[
        list[list[Key]], Field(description="Groups that AWS's normalised spelling makes one")
    ]
    unused: Annotated[list[Key], Field(description="Named in the settings, on no resource")]
    all_compared: Compared
    freshness: list[Freshness]


class TagValue(Told):
    """A value as it is spelled."""

    value: str
    resources: Count
    costs: list[TagCost]
    means: Means
    looks_like: Alike
    distance: Apart
    is_rare: bool


class TagCoveragePage(TagCoverage):
    """A page of it."""

    next_cursor: Cursor


class TagValues(Told):
    """A page of the values of a key."""

    billing_period: BilledMonth
    key: Key
    items: list[TagValue]
    all_compared: Compared
    next_cursor: Cursor
    freshness: list[Freshness]


class TagCommand(Told):
    """What to type for up to 20 resources of an account and region."""

    account_id: Annotated[str, Field(description="Whose credentials it needs")]
    region: str
    key: Key
    value: Annotated[str | None, Field(description="null: fill in the placeholder")]
    resources: list[str]
    command: Annotated[str, Field(description="Quoted for a POSIX shell")]


class NoCommand(Told):
    """A resource that no command is made for."""

    account_id: str | None
    resource_id: str
    service: str | None
    region: str | None
    why: str


class TagCommands(Told):
    """Commands for the dearest resources that lack a key."""

    billing_period: BilledMonth
    key: Key
    lacking: Annotated[Count, Field(description="Resources that lack it, all of them")]
    placeholder: str
    items: list[TagCommand]
    not_possible: list[NoCommand]
    freshness: list[Freshness]


class TagReport(Told):
    """A month's tags together."""

    coverage: Annotated[list[TagCoverage], Field(description="Total, then by each group")]
    untagged: UntaggedResources
    keys: TagKeys


class LackingTags(Told):
    """A resource that costs nothing and lacks some keys."""

    resource_id: str
    missing: list[Key]


class ScannedRegion(Told):
    """A region; one that did not answer has no figures."""

    region: str
    answered: bool
    why: str | None
    resources: Annotated[int | None, Field(description="That no bill charges for")]
    complete: Annotated[int | None, Field(description="Of these, with all required keys")]
    lacking: Annotated[
        list[LackingTags] | None, Field(description="The others, 1,000 of them at most")
    ]


class TagScan(Told):
    """What the newest scan adds to the newest bill."""

    account_id: Annotated[str | None, Field(description="null: nothing was scanned that you see")]
    scanned_at: Time | None
    required_keys: list[Key]
    all_answered: bool
    regions: list[ScannedRegion]


class TagScanAsked(Told):
    """A scan that was asked for."""

    asked_by: str
    asked_at: Time
    status: Literal["Asked"]


ANSWERS: Answers = {
    ("get", "/tags/coverage"): ("200", TagCoveragePage),
    ("get", "/tags/missing"): ("200", MissingTags),
    ("get", "/tags/untagged"): ("200", UntaggedResources),
    ("get", "/tags/keys"): ("200", TagKeys),
    ("get", "/tags/values"): ("200", TagValues),
    ("get", "/tags/commands"): ("200", TagCommands),
    ("get", "/tags/report"): ("200", TagReport),
    ("get", "/tags/scans"): ("200", TagScan),
    ("post", "/tags/scans"): ("202", TagScanAsked),
}
IN_CSV = tuple(
    ("get", f"/tags/{what}")
    for what in ("coverage", "missing", "untagged", "keys", "values", "commands")
)
