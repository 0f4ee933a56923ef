"""The chains of cards, closes, delegations and settings are walked like all others."""

from datetime import date, timedelta

import pytest

from finops.domain.audit import Deed, Fault, Finding
from finops.domain.delegations import Delegation
from finops.domain.month_closes import MonthClose
from finops.domain.organisation_settings import OrganisationSettings
from finops.domain.people import Person, Role
from finops.domain.spend_cards import CardStatus, SpendCard
from finops.usecases.audit import CHAINS, verify
from finops.usecases.ports import Save
from tests.carding import WEEK, put_card
from tests.usecases.organisation import NOW, TODAY, WEB_SHOP, Organisation, act

ADMIN = Person(email="fin@example.com", role=Role.FINANCIAL_ADMIN)


@pytest.fixture
def organisation() -> Organisation:
    made = Organisation()
    put_card(made)
    put_card(made, start=WEEK - timedelta(7), status=CardStatus.APPROVED)
    put_card(made, start=date(2025, 6, 1), currency=None)
    close = MonthClose(month="2026-02")
    made.closes.save([Save(None, close, Deed(action="SetHeaders"))], act())
    away = Delegation.granted(
        "d-1",
        absent="a@example.com",
        delegate="b@example.com",
        start=TODAY,
        end=TODAY + timedelta(7),
        by="a@example.com",
        at=NOW,
    )
    made.delegations.save([Save(None, away, Deed(action="Grant"))], act())
    chosen = OrganisationSettings()
    made.settings_kept.save([Save(None, chosen, Deed(action="SetCards"))], act())
    return made


def walk(organisation: Organisation) -> tuple[int, list[Finding]]:
    """How many chains were walked to the last page, and what is wrong in them."""
    chains, cursor = 0, None
    found: list[Finding] = []
    while True:
        page = verify(
            None, TODAY, cursor, by=ADMIN, audit=organisation.audit, books=organisation.books
        )
        chains += page.chains
        found += page.findings
        cursor = page.next_cursor
        if cursor is None:
            return chains, found


def test_each_chain_is_walked_once(organisation: Organisation) -> None:
    assert walk(organisation) == (6, [])


def test_a_month_of_many_cards_is_walked_to_the_last_one(organisation: Organisation) -> None:
    for number in range(CHAINS + 5):
        put_card(organisation, product=f"retail.digital.storefront.p{number}")

    assert walk(organisation) == (CHAINS + 11, [])


def test_a_card_that_was_changed_by_hand_is_found(organisation: Organisation) -> None:
    [card] = organisation.spend_cards.of_product(WEB_SHOP, "USD", WEEK)
    altered = card.changed(status=CardStatus.APPROVED)
    organisation.records.states[card.key.entity] = altered

    _, found = walk(organisation)

    assert [(one.entity, one.fault) for one in found] == [(card.key.entity, Fault.STATE)]


def test_a_card_without_any_record_is_found_by_its_state(organisation: Organisation) -> None:
    [card] = organisation.spend_cards.of_product(WEB_SHOP, "USD", WEEK)
    del organisation.records.chains[card.key.entity]

    assert [one.entity for one in walk(organisation)[1]] == [card.key.entity]


def test_a_card_that_is_gone_is_found_by_its_records(organisation: Organisation) -> None:
    [card] = organisation.spend_cards.of_product(WEB_SHOP, "USD", WEEK)
    del organisation.records.states[card.key.entity]

    assert [(one.entity, one.detail) for one in walk(organisation)[1]] == [
        (card.key.entity, "the state is gone")
    ]


@pytest.mark.parametrize("name", ["", WEB_SHOP, f"{WEB_SHOP}#soon#USD"])
def test_a_name_that_is_of_no_card_has_no_state(organisation: Organisation, name: str) -> None:
    """Somebody put a record into the trail."""
    [record, *_] = organisation.records.chains[_card(organisation).key.entity]
    entity = f"spend-card#{name}"
    organisation.records.chains[entity] = [record.model_copy(update={"entity": entity})]

    assert {one.entity for one in walk(organisation)[1]} == {entity}


def _card(organisation: Organisation) -> SpendCard:
    [card] = organisation.spend_cards.of_product(WEB_SHOP, "USD", WEEK)
    return card
