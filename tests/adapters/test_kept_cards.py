"""A decision on a card of thousands of lines is answered again as it was, without its document."""

from collections.abc import Iterator

import pytest

from finops.adapters.spend_cards import MOST_LINES
from finops.domain.people import Role
from finops.domain.spend_cards import CardCommand
from finops.usecases.replay import told_again
from finops.usecases.spend_card_views import spend_card
from finops.usecases.spend_cards import decide_card
from tests.aws import organised
from tests.carding import card_line, put_card
from tests.usecases.organisation import UNIT, WEB_SHOP, Organisation, act


@pytest.fixture
def organisation() -> Iterator[Organisation]:
    with organised():
        yield Organisation.on_aws()


def test_a_large_card_is_answered_again_with_its_amounts(organisation: Organisation) -> None:
    owner = organisation.hire("product@example.com", Role.PRODUCT_OWNER, [WEB_SHOP])
    lines = [card_line(UNIT, f"Service{number}") for number in range(MOST_LINES + 1)]
    card = put_card(organisation, lines=lines)

    made = decide_card(
        card.key,
        CardCommand.ACCEPT,
        card.version,
        by=owner,
        desk=organisation.card_desk,
        act=act(owner.email),
    )

    record = list(organisation.audit.chain(card.key.entity))[-1]
    assert told_again(record) == (spend_card(made), '"2"')
    assert spend_card(made)["amount"] == f"{MOST_LINES + 1}.0000000000"
    kept = organisation.spend_cards.kept(card.key)
    assert kept is not None
    assert (kept.lines, kept.amount, kept.is_zero) == ((), made.amount, False)
    assert organisation.spend_cards.find(card.key) == made
