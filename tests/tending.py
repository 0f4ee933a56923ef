"""Cards of an organisation's products, put there for tests of who owes what."""

from datetime import UTC, date, datetime
from typing import Any

from finops.domain.allocations import PartKind
from finops.domain.audit import Deed
from finops.domain.delegations import Delegation, Signature
from finops.domain.organisation_settings import OrganisationSettings
from finops.domain.paces import Pace
from finops.domain.spend_cards import (
    CardCommand,
    CardKey,
    CardLine,
    CardSettings,
    Lines,
    Spend,
    SpendCard,
)
from finops.usecases.ports import Save
from tests.usecases.organisation import TODAY, UNIT, Organisation, act

# A business week that was over on the second Monday of March 2026, when its cards were made.
WEEK = date(2026, 3, 1)
MONDAY = datetime(2026, 3, 9, 6, tzinfo=UTC)


def lines(units: int) -> Lines:
    """What a card of so many units is made of; nothing at all for none."""
    line = CardLine(
        account_id="444455556666", kind=PartKind.SHARE, service="AmazonEC2", amount=units * UNIT
    )
    return (line,) if units else ()


def make(
    organisation: Organisation,
    product: str,
    units: int = 70,
    *,
    start: date = WEEK,
    currency: str | None = "USD",
    budget: int | None = 300,
    at: datetime = MONDAY,
    **said: Any,
) -> SpendCard:
    """A card of a product's week, of so many units, where *budget* of them are approved a month."""
    made = SpendCard.made(
        CardKey(product, start, currency),
        Spend(lines=lines(units), runs=("run-1",)),
        pace=Pace(budget=None if budget is None else budget * UNIT),
        at=at,
        **said,
    )
    deed = Deed(action="MakeCard", element=product)
    return organisation.spend_cards.save([Save(None, made, deed)], act())[0]


def give(
    organisation: Organisation,
    card: SpendCard,
    command: CardCommand,
    by: str,
    at: datetime = MONDAY,
) -> SpendCard:
    """*card* after somebody's decision."""
    after = card.decided(command, by=Signature(by=by), at=at, reason="because")
    deed = Deed(action=command, element=card.product_id)
    return organisation.spend_cards.save([Save(card, after, deed)], act(by))[0]


def stand_in(organisation: Organisation, absent: str, delegate: str) -> Delegation:
    """*delegate* acts for *absent* today and tomorrow."""
    made = Delegation.granted(
        f"{absent} {delegate}",
        absent=absent,
        delegate=delegate,
        start=TODAY,
        end=date(2026, 3, 12),
        by=absent,
        at=MONDAY,
    )
    saves = [Save(None, made, Deed(action="Delegate"))]
    return organisation.delegations.save(saves, act(absent))[0]


def choose(organisation: Organisation, **said: Any) -> OrganisationSettings:
    """From now on these are the settings of cards."""
    made = OrganisationSettings(cards=CardSettings(**said))
    deed = Deed(action="SetCards")
    return organisation.settings_kept.save([Save(None, made, deed)], act())[0]
