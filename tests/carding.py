"""Spend cards of an organisation, made by hand for tests of what people do with them."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from finops.domain.allocations import PartKind
from finops.domain.audit import Deed
from finops.domain.delegations import Signature
from finops.domain.paces import Pace
from finops.domain.spend_cards import (
    Adjustment,
    CardCommand,
    CardKey,
    CardLine,
    CardStatus,
    Spend,
    SpendCard,
)
from finops.usecases.ports import Save
from tests.usecases.organisation import NOW, WEB_SHOP, Organisation, act

WEEK = date(2026, 3, 1)  # a Sunday: seven days
SHARED = "444455556666"
# What leads from a card that was just made to each status, and who does it.
WAYS: Mapping[CardStatus, tuple[tuple[CardCommand, str], ...]] = {
    CardStatus.OPEN: (),
    CardStatus.ACCEPTED: ((CardCommand.ACCEPT, "ola@example.com"),),
    CardStatus.REJECTED: (
        (CardCommand.ACCEPT, "ola@example.com"),
        (CardCommand.REJECT, "pia@example.com"),
    ),
    CardStatus.DISPUTED: ((CardCommand.DISPUTE, "ola@example.com"),),
    CardStatus.APPROVED: (
        (CardCommand.ACCEPT, "ola@example.com"),
        (CardCommand.APPROVE, "pia@example.com"),
    ),
    CardStatus.RESOLVED: (
        (CardCommand.DISPUTE, "ola@example.com"),
        (CardCommand.RESOLVE, "pia@example.com"),
    ),
}


def card_line(amount: int, service: str | None = "AmazonEC2", **told: Any) -> CardLine:
    said: dict[str, Any] = {"account_id": SHARED, "kind": PartKind.SHARE, "rule": "1"}
    return CardLine(amount=amount, service=service, **said | told)


def put_card(
    organisation: Organisation,
    amount: int = 70,
    product: str = WEB_SHOP,
    start: date = WEEK,
    *,
    status: CardStatus = CardStatus.OPEN,
    currency: str | None = "USD",
    lines: Iterable[CardLine] | None = None,
    due: Iterable[Adjustment] = (),
    runs: Iterable[str] = ("run-1",),
    budget: int | None = 300,
    is_provisional: bool = False,
    at: datetime = NOW,
) -> SpendCard:
    """A card in *status*, decided by people who are nobody else; *amount* is in ticks."""
    spend = Spend(lines=tuple([card_line(amount)] if lines is None else lines), runs=tuple(runs))
    new = SpendCard.made(
        CardKey(product, start, currency),
        spend,
        due=due,
        pace=Pace(budget=budget),
        is_provisional=is_provisional,
        at=at,
    )
    made = _saved(organisation, None, new, "Make")
    for command, email in WAYS[status]:
        after = made.decided(command, by=Signature(by=email), at=at, reason="because")
        made = _saved(organisation, made, after, command)
    return made


def _saved(
    organisation: Organisation, before: SpendCard | None, after: SpendCard, action: str
) -> SpendCard:
    deed = Deed(action=action, element=after.product_id)
    return organisation.spend_cards.save([Save(before, after, deed)], act("system"))[0]
