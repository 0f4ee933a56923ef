"""What the door to spend cards and delegations answers."""

from typing import Annotated

from pydantic import Field

from finops.domain.allocations import PartKind
from finops.domain.card_tasks import CardStep
from finops.domain.paces import Colour
from finops.domain.spend_cards import CardCommand, CardStatus, Cause
from finops.runtime.openapi.alerts import CardAnomaly
from finops.runtime.openapi.allocations import AllocationFreshness
from finops.runtime.openapi.words import Answers, Count, Currency, Cursor, Day, Money, Time, Told

Version = Annotated[int, Field(ge=0, description="What `ETag` says: changes so far")]
Week = Annotated[str, Field(examples=["2026-08 week 2 of 6 (2 to 8)"])]
Path = Annotated[
    str | None, Field(description="The path of the resources behind it; null: of another week")
]
Level = Annotated[int, Field(ge=0, le=4, description="0: the financial admins")]
FOLDED = Field(description="null: too many to be told at once; the lines tell them")
FRESH = Field(description="Of the bills that the cards are about")


class KnownCard(Told):
    """What is signed: the week's own spend, and adjustments that are about other weeks."""

    product_id: str
    start: Day
    end: Annotated[Day, Field(description="The first day that is not in it")]
    week: Week
    currency: Currency
    status: CardStatus
    is_provisional: Annotated[bool, Field(description="Until the month's bill is final")]
    awaits_run: Annotated[bool, Field(description="Remapped: open again with the next allocation")]
    spend: Annotated[Money, Field(description="Of the week itself, which the colour is about")]
    adjusted: Annotated[Money, Field(description="What is about other weeks")]
    amount: Annotated[Money, Field(description="Both together")]
    budget: Annotated[Money | None, Field(description="Approved for the month; null: nothing is")]
    colour: Colour
    word: Annotated[str, Field(description="The colour in words", examples=["over budget"])]


class CardTask(Told):
    """The step a card waits for: the level whose it is, and who owes it while nobody holds that."""

    step: CardStep
    level: Level
    owed_at: Level
    owed_by: Annotated[str, Field(description="The element whose holders owe it")]
    escalated_to: Level | None
    is_escalated: bool
    since: Time
    due: Annotated[Time | None, Field(description="When it goes up to another level")]


class CardInList(KnownCard):
    """A card with the step it waits for; null: nobody has to do anything."""

    task: CardTask | None
    is_mine: Annotated[bool, Field(description="Whether the caller may take the step")]
    anomalies: Annotated[Count, Field(description="Unusual days of its week")]
    since: Time
    changed_at: Time
    version: Version


class CardPage(Told):
    items: list[CardInList]
    freshness: Annotated[list[AllocationFreshness], FRESH]
    next_cursor: Cursor


class FormerAmount(Told):
    """What a card came to before a remap, up to when, and by which runs."""

    amount: Money
    spend: Money
    runs: list[str]
    until: Time


class CardDecision(Told):
    """A step that was taken, and the amount it was about."""

    command: CardCommand
    status: CardStatus
    amount: Money
    by: str
    acting_for: Annotated[str | None, Field(description="Who was absent")]
    at: Time
    reason: str | None
    has_proposal: Annotated[bool, Field(description="Whether a remap was proposed")]
    is_automatic: Annotated[bool, Field(description="By a setting or a run")]


class SpendCard(KnownCard):
    """A card without its lines."""

    former: Annotated[list[FormerAmount], Field(description="Oldest first")]
    history: list[CardDecision]
    made_at: Time
    since: Annotated[Time, Field(description="When the step that it waits for came up")]
    changed_at: Time
    version: Version


class ServiceNode(Told):
    """What a service comes to."""

    service: str | None
    amount: Money
    resources: Path


class GivenNode(Told):
    """What a share, claim, rule or policy gave to the product."""

    kind: PartKind
    workload_id: str | None
    rule: Annotated[str | None, Field(description="Of a share, the number of the split")]
    amount: Money
    resources: Path
    services: Annotated[list[ServiceNode] | None, FOLDED]


class AccountNode(Told):
    """What the product pays of an account: the sum of what is below."""

    account_id: str | None
    amount: Money
    resources: Path
    given: Annotated[list[GivenNode] | None, FOLDED]


class Adjustment(Told):
    """A difference to what was signed for an earlier week."""

    start: Day
    week: Week
    cause: Cause
    runs: list[str]
    amount: Money
    made_at: Time
    tree: list[AccountNode]


class WholeCard(SpendCard):
    """A card with its tree, the largest first, and what the caller may do with it."""

    runs: Annotated[list[str], Field(description="The allocations that it is made of")]
    tree: list[AccountNode]
    is_folded: Annotated[bool, Field(description="Whether its trees end early: it is too large")]
    line_count: Annotated[Count, Field(description="Its own lines, and those of adjustments")]
    lines: Annotated[str, Field(description="The path of its lines")]
    adjustments: list[Adjustment]
    task: CardTask | None
    is_mine: bool
    allowed: Annotated[list[CardCommand], Field(description="By the caller, now")]
    anomalies: Annotated[list[CardAnomaly], Field(description="Unusual days of its week")]
    freshness: Annotated[list[AllocationFreshness], FRESH]


class CardLine(Told):
    """What a share, claim, rule or policy gave to the product of a service of an account."""

    product_id: str
    start: Day
    currency: Currency
    of: Annotated[
        Day, Field(description="The week that it is about: the card's, or an earlier one")
    ]
    cause: Annotated[Cause | None, Field(description="Why it is an adjustment; null: it is none")]
    account_id: str | None
    kind: PartKind
    workload_id: str | None
    rule: str | None
    service: str | None
    amount: Money


class CardLinePage(Told):
    items: list[CardLine]
    next_cursor: Cursor


class AskedBranch(Told):
    """What a tree was narrowed by; null: not at all, empty: what has none."""

    account: str
    kind: PartKind | None
    workload: str | None
    rule: str | None
    service: str | None


class CardResource(Told):
    """What of a resource is on the card; null: charges of no resource."""

    resource_id: str | None
    service: str | None
    charges: Count
    whole: Annotated[Money, Field(description="What its charges cost, whoever pays")]
    amount: Money


class CardResources(Told):
    """The largest resources; they and the rest add up to the amount."""

    product_id: str
    start: Day
    currency: Currency
    asked: AskedBranch
    resources: list[CardResource]
    others: Annotated[int, Field(ge=0, description="Resources that are not named")]
    rest: Annotated[Money, Field(description="What the others come to")]
    amount: Money


class DecidedCard(Told):
    """A card that took the decision."""

    product_id: str
    start: Day
    currency: Currency
    status: CardStatus
    amount: Money
    version: Version


class RefusedCard(Told):
    """A card that did not, and why."""

    product_id: str
    start: Day
    currency: Currency
    why: Annotated[str, Field(description="Conflict, Forbidden or NotFound")]
    detail: str


class CardDecisions(Told):
    """What became of many decisions."""

    command: CardCommand
    decided: list[DecidedCard]
    refused: list[RefusedCard]
    left: Annotated[int, Field(ge=0, description="Cards for the next request")]


class Delegation(Told):
    """Who acts for whom from a day on, up to, but not including, its end."""

    delegation_id: str
    absent: str
    delegate: str
    start: Day
    end: Day
    set_by: str
    set_at: Time
    reason: str | None
    version: Version


class DelegationInList(Delegation):
    is_in_force: bool


class DelegationPage(Told):
    items: list[DelegationInList]
    next_cursor: Cursor


ANSWERS: Answers = {
    ("get", "/spend-cards"): ("200", CardPage),
    ("get", "/spend-cards/{product_id}/{start}"): ("200", WholeCard),
    ("get", "/spend-cards/{product_id}/{start}/lines"): ("200", CardLinePage),
    ("get", "/spend-cards/{product_id}/{start}/resources"): ("200", CardResources),
    ("post", "/spend-cards/{product_id}/{start}/decisions"): ("200", SpendCard),
    ("post", "/spend-card-decisions"): ("200", CardDecisions),
    ("get", "/delegations"): ("200", DelegationPage),
    ("post", "/delegations"): ("201", Delegation),
    ("post", "/delegations/{delegation_id}/end"): ("200", Delegation),
}
