"""Tending cards on tables: each is written once, and the same moment again writes nothing."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from finops.domain.people import Role
from finops.domain.spend_cards import CardStatus
from finops.usecases.card_tasks import card_work
from finops.usecases.digest import Letterhead
from finops.usecases.organisation_settings import set_cards
from finops.usecases.tend_cards import Post, Tended, tend_cards
from tests.aws import organised
from tests.tending import MONDAY, choose, make, stand_in
from tests.usecases.organisation import NOW, SEARCH, TODAY, WEB_SHOP, Organisation, act


@pytest.fixture
def organisation() -> Iterator[Organisation]:
    with organised():
        made = Organisation.on_aws()
        made.drop()
        made.staff()
        yield made


def tend(organisation: Organisation, days: int) -> Tended:
    return tend_cards(
        MONDAY + timedelta(days),
        "request-1",
        desk=organisation.card_desk,
        charts=organisation.charts,
        post=Post(
            organisation.mails, organisation.receipts, Letterhead(subject="Cards", text="Hello")
        ),
    )


def test_a_day_settles_reminds_and_mails_and_once_more_nothing(organisation: Organisation) -> None:
    choose(organisation, accept_after=2, remind_after=(2,))
    near, far = make(organisation, SEARCH, 70), make(organisation, WEB_SHOP, 78)

    first, again = tend(organisation, 2), tend(organisation, 2)

    assert (first.settled, first.reminded, first.missed) == (1, 1, ())
    assert (again.settled, again.reminded, again.mails.sent) == (0, 1, ())
    assert again.mails.sent_before == first.mails.sent == ("product@example.com",)
    for key, status, records in ((near.key, "Accepted", 2), (far.key, "Open", 2)):
        card = organisation.spend_cards.find(key)
        assert card is not None
        assert (card.status, card.version) == (CardStatus(status), records)
        assert len(list(organisation.audit.chain(key.entity))) == records


def test_whoever_stands_in_finds_the_card_in_tables_too(organisation: Organisation) -> None:
    delegate = organisation.hire("delegate@example.com", Role.PRODUCT_OWNER, [SEARCH])
    stand_in(organisation, "product@example.com", delegate.email)
    card = make(organisation, WEB_SHOP, 78)

    [found] = card_work(TODAY, organisation.card_desk).of(delegate)

    assert (found.card.key, found.acting_for) == (card.key, "product@example.com")


def test_settings_are_kept_as_they_were_chosen(organisation: Organisation) -> None:
    chosen = choose(organisation, accept_after=3, tolerance=50)
    by = organisation.people.find("fin@example.com")
    assert by is not None

    after = set_cards(
        chosen.cards.model_copy(update={"accept_after": 4}),
        1,
        by=by,
        settings=organisation.settings_kept,
        act=act(by.email, NOW),
    )

    assert organisation.settings_kept.find("all") == after
    assert (after.cards.accept_after, after.cards.tolerance, after.version) == (4, 50, 2)
