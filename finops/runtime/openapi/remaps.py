"""What the door to remaps answers."""

from typing import Annotated

from pydantic import Field

from finops.domain.spend_cards import CardStatus
from finops.runtime.openapi.spend_cards import SpendCard, Version
from finops.runtime.openapi.words import Answers, Currency, Day, Money, Month, Time, Told


class ProposedShare(Told):
    """A product's part of an account."""

    product_id: str
    basis_points: Annotated[int, Field(description="Hundredths of a percent")]
    percent: Annotated[str, Field(examples=["33.33"])]


class ProposedChange(Told):
    """A change as `/previews` takes it; null is what its kind has not, or what is out of sight."""

    kind: Annotated[str, Field(examples=["MapAccount", "ClaimResources", "ReleaseResources"])]
    account_id: str | None
    start: Day | None
    shares: list[ProposedShare] | None
    others_basis_points: Annotated[int | None, Field(description="Of products out of sight")]
    workload_id: str | None
    resources: list[str] | None
    reason: str | None


class ProposedEffect(Told):
    """What a product would pay more in the card's month."""

    product_id: str
    difference: Money


class CardProposal(Told):
    """What the last dispute of a card proposes; `others` is what all products out of sight, and
    nobody, would pay more together.
    """

    product_id: str
    start: Day
    currency: Currency
    status: CardStatus
    awaits_run: Annotated[bool, Field(description="The remap is made, and not allocated by yet")]
    amount: Money
    reason: str | None
    proposed_by: str
    acting_for: str | None
    proposed_at: Time
    preview_id: str | None
    billing_period: Month
    changes: list[ProposedChange]
    effect: list[ProposedEffect]
    rest: Annotated[Money, Field(description="What all others would pay more")]
    version: Version


ANSWERS: Answers = {
    ("get", "/spend-cards/{product_id}/{start}/proposal"): ("200", CardProposal),
    ("post", "/spend-cards/{product_id}/{start}/remaps"): ("200", SpendCard),
}
