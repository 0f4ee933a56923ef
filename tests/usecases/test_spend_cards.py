"""Cards are seen in scope, and decided on by who owes the step; alone, or many at once."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.domain import authorization
from finops.domain.audit import Deed, findings
from finops.domain.delegations import Delegation
from finops.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from finops.domain.month_closes import CloseStatus, MonthClose
from finops.domain.paces import Colour
from finops.domain.people import Person, PersonStatus, Role
from finops.domain.rule_changes import MapAccount
from finops.domain.spend_cards import (
    TRANSITIONS,
    CardCommand,
    CardStatus,
    RemapProposal,
    SpendCard,
)
from finops.usecases.ports import Save
from finops.usecases.spend_cards import (
    EVENTS,
    CardQuery,
    decide_card,
    is_open,
    seen_card,
    seen_cards,
    sight,
    standing,
)
from tests.carding import WEEK, put_card
from tests.usecases.organisation import (
    CHECKOUT,
    LOANS,
    NOW,
    SEARCH,
    TODAY,
    WEB_SHOP,
    Organisation,
    act,
)

OWNER, PORTFOLIO, FINANCE = Role.PRODUCT_OWNER, Role.PORTFOLIO_OWNER, Role.FINANCIAL_ADMIN
ACCEPT, APPROVE, REJECT = CardCommand.ACCEPT, CardCommand.APPROVE, CardCommand.REJECT
DISPUTE, RESOLVE = CardCommand.DISPUTE, CardCommand.RESOLVE
OPEN, ACCEPTED, REJECTED = CardStatus.OPEN, CardStatus.ACCEPTED, CardStatus.REJECTED
DISPUTED = CardStatus.DISPUTED
# Who owes what a card of each status waits for.
OWED = {OPEN: OWNER, REJECTED: OWNER, ACCEPTED: PORTFOLIO, DISPUTED: PORTFOLIO}
NEXT_WEEK = WEEK + timedelta(7)


@pytest.fixture
def organisation() -> Organisation:
    return Organisation()


@pytest.fixture
def staff(organisation: Organisation) -> dict[Role, Person]:
    return organisation.staff()


def give(
    organisation: Organisation,
    by: Person,
    command: CardCommand,
    card: SpendCard,
    reason: str | None = "because",
    **said: Any,
) -> SpendCard:
    version = said.pop("version", card.version)
    return decide_card(
        card.key,
        command,
        version,
        by=by,
        desk=organisation.card_desk,
        act=act(by.email, reason=reason),
        **said,
    )


def listed(organisation: Organisation, by: Person, **asked: Any) -> list[tuple[str, date]]:
    desk = organisation.card_desk
    look = sight(TODAY, by=by, desk=desk)
    found = seen_cards(CardQuery(**asked), TODAY, look=look, desk=desk)
    return [(card.product_id, card.start) for card in found]


def stand_in(
    organisation: Organisation, absent: str, delegate: str, days: int = 7, id_: str = "d-1"
) -> Delegation:
    new = Delegation.granted(
        id_,
        absent=absent,
        delegate=delegate,
        start=TODAY,
        end=TODAY + timedelta(days),
        by=absent,
        at=NOW,
    )
    return organisation.delegations.save([Save(None, new, Deed(action="Grant"))], act(absent))[0]


def close(organisation: Organisation, month: str, status: CloseStatus) -> None:
    new = MonthClose(month=month, status=status)
    organisation.closes.save([Save(None, new, Deed(action="Close"))], act())


# Decisions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("command", [ACCEPT, APPROVE, REJECT, DISPUTE, RESOLVE])
@pytest.mark.parametrize("status", CardStatus)
def test_a_step_is_taken_by_who_owes_it_where_the_card_takes_it(
    organisation: Organisation,
    staff: dict[Role, Person],
    status: CardStatus,
    command: CardCommand,
    role: Role,
) -> None:
    card = put_card(organisation, status=status)
    before = len(organisation.records)

    if (status, command) not in TRANSITIONS:
        with pytest.raises(ConflictError):
            give(organisation, staff[role], command, card)
    elif role is not OWED[status]:
        with pytest.raises(ForbiddenError, match="this step is owed by the holder of"):
            give(organisation, staff[role], command, card)
    else:
        after = give(organisation, staff[role], command, card)
        assert after.status is TRANSITIONS[status, command]
        assert after.history[-1].signature.by == staff[role].email
        assert after.version == card.version + 1
        before += 1
    assert len(organisation.records) == before


def test_every_decision_is_on_record_and_told_of(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    card = give(organisation, staff[OWNER], ACCEPT, put_card(organisation), None)
    give(organisation, staff[PORTFOLIO], APPROVE, card, "checked")

    records = list(organisation.audit.chain(card.key.entity))
    assert [(one.action, one.actor, one.event, one.reason) for one in records[1:]] == [
        ("Accept", "product@example.com", "CardAccepted", None),
        ("Approve", "portfolio@example.com", "CardApproved", "checked"),
    ]
    assert {one.done_at for one in records} == {WEB_SHOP}
    state = organisation.spend_cards.kept(card.key)
    assert findings(card.key.entity, records, state) == []


def test_every_command_has_an_event() -> None:
    assert set(EVENTS) == {ACCEPT, APPROVE, REJECT, DISPUTE, RESOLVE}


@pytest.mark.parametrize("command", [REJECT, DISPUTE, RESOLVE])
def test_who_says_no_says_why(
    organisation: Organisation, staff: dict[Role, Person], command: CardCommand
) -> None:
    status = {REJECT: ACCEPTED, DISPUTE: OPEN, RESOLVE: DISPUTED}[command]
    card = put_card(organisation, status=status)

    with pytest.raises(InvalidError, match="needs a reason"):
        give(organisation, staff[OWED[status]], command, card, None)


def test_the_second_of_two_is_told_what_the_card_is_now(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    card = put_card(organisation)
    accepted = give(organisation, staff[OWNER], ACCEPT, card)

    with pytest.raises(ConflictError, match="has changed since you read it") as told:
        give(organisation, staff[OWNER], DISPUTE, card)
    assert told.value.members["current"] == accepted


def test_nobody_decides_on_what_they_accepted_when_they_hold_both(
    organisation: Organisation,
) -> None:
    """The owner became the portfolio's owner meanwhile: the step goes to the level above."""
    organisation.hire("ola@example.com", PORTFOLIO, ["retail.digital.storefront"])
    above = organisation.hire("dora@example.com", Role.DEPARTMENT_OWNER, ["retail.digital"])
    card = put_card(organisation, status=ACCEPTED)  # by ola
    ola = organisation.people.find("ola@example.com")
    assert ola is not None

    with pytest.raises(ForbiddenError, match="nobody decides on what they accepted"):
        give(organisation, ola, APPROVE, card)
    assert give(organisation, above, APPROVE, card).is_final


def test_a_step_that_nobody_holds_is_taken_by_the_level_above(organisation: Organisation) -> None:
    fin = organisation.hire("fin@example.com", FINANCE)

    accepted = give(organisation, fin, ACCEPT, put_card(organisation))

    assert accepted.status is ACCEPTED
    with pytest.raises(ForbiddenError, match="nobody decides on what they accepted"):
        give(organisation, fin, APPROVE, accepted)
    second = organisation.hire("finn@example.com", FINANCE)
    assert give(organisation, second, APPROVE, accepted).is_final


def test_a_provisional_card_takes_no_decision(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    card = put_card(organisation, is_provisional=True)

    with pytest.raises(ConflictError, match="provisional until the bill of 2026-03 is final"):
        give(organisation, staff[OWNER], ACCEPT, card)


@pytest.mark.parametrize("status", [CloseStatus.CLOSING, CloseStatus.CLOSED])
def test_a_card_of_a_month_that_is_closed_stays_as_it_is(
    organisation: Organisation, staff: dict[Role, Person], status: CloseStatus
) -> None:
    card = put_card(organisation)
    close(organisation, "2026-03", status)

    with pytest.raises(ConflictError, match="2026-03 is closed, or being closed"):
        give(organisation, staff[OWNER], ACCEPT, card)
    assert listed(organisation, staff[OWNER], mine=True) == []


def test_a_card_that_awaits_a_run_takes_no_decision(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    card = put_card(organisation, status=DISPUTED)
    deed = Deed(action="Remap", element=WEB_SHOP)
    [waits] = organisation.spend_cards.save([Save(card, card.changed(awaits=7), deed)], act())

    with pytest.raises(ConflictError, match="opens again once its month is allocated"):
        give(organisation, staff[PORTFOLIO], RESOLVE, waits)


def test_a_remap_is_no_decision(organisation: Organisation, staff: dict[Role, Person]) -> None:
    card = put_card(organisation, status=DISPUTED)

    with pytest.raises(InvalidError, match="Remap is no decision"):
        give(organisation, staff[PORTFOLIO], CardCommand.REMAP, card)


def test_a_dispute_keeps_what_it_proposes_where_only_who_sees_it_all_reads(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    split = MapAccount(account_id="444455556666", shares=((SEARCH, 10_000),))
    proposed = RemapProposal(changes=(split,), effect=((WEB_SHOP, -70),))

    card = give(
        organisation, staff[OWNER], DISPUTE, put_card(organisation), propose=lambda _: proposed
    )

    assert card.history[-1].proposal == proposed
    record = list(organisation.audit.chain(card.key.entity))[-1]
    assert (record.element, record.done_at) == ("retail.digital.storefront", WEB_SHOP)


def test_nobody_is_asked_for_a_proposal_who_may_not_dispute(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    def never(_: SpendCard) -> RemapProposal:
        raise AssertionError("it was asked for")

    with pytest.raises(ForbiddenError):
        give(organisation, staff[PORTFOLIO], DISPUTE, put_card(organisation), propose=never)


def test_a_right_that_is_gone_stops_who_owes_the_step(
    organisation: Organisation, staff: dict[Role, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    card = put_card(organisation)
    rights = {authorization.Action.SEE_CARDS: authorization.ALL_OR_OWN}
    monkeypatch.setattr(authorization, "RIGHTS", rights)

    with pytest.raises(ForbiddenError):
        give(organisation, staff[OWNER], ACCEPT, card)


# Standing in --------------------------------------------------------------------------------------


def test_a_delegate_sees_the_cards_of_the_absent_and_signs_for_both(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    bank = organisation.hire("bank@example.com", OWNER, [LOANS])
    card = put_card(organisation)
    assert listed(organisation, bank) == []
    stand_in(organisation, "product@example.com", bank.email)

    assert listed(organisation, bank, mine=True) == [(WEB_SHOP, WEEK)]
    accepted = give(organisation, bank, ACCEPT, card)

    signature = accepted.history[-1].signature
    assert (signature.by, signature.acting_for) == (bank.email, "product@example.com")
    assert not bank.covers(WEB_SHOP)


def test_a_delegate_who_is_not_in_force_sees_nothing(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    bank = organisation.hire("bank@example.com", OWNER, [LOANS])
    card = put_card(organisation)
    stand_in(organisation, "product@example.com", bank.email, days=1)
    desk = organisation.card_desk

    later = sight(TODAY + timedelta(1), by=bank, desk=desk)

    with pytest.raises(NotFoundError, match="no card of"):
        seen_card(card.key, look=later, desk=desk)


def test_who_stands_in_for_somebody_suspended_may_nothing(
    organisation: Organisation,
) -> None:
    organisation.hire("gone@example.com", OWNER, [WEB_SHOP], PersonStatus.SUSPENDED)
    bank = organisation.hire("bank@example.com", OWNER, [LOANS])
    put_card(organisation)
    stand_in(organisation, "gone@example.com", bank.email)

    assert listed(organisation, bank) == []


def test_nobody_approves_through_a_delegation_what_they_accepted(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    accepted = give(organisation, staff[OWNER], ACCEPT, put_card(organisation))
    stand_in(organisation, staff[PORTFOLIO].email, staff[OWNER].email)

    with pytest.raises(ForbiddenError, match="nobody decides on what they accepted"):
        give(organisation, staff[OWNER], APPROVE, accepted)


# Seen ---------------------------------------------------------------------------------------------


def test_everybody_sees_the_cards_of_their_scope(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    for product in (WEB_SHOP, SEARCH, CHECKOUT, LOANS):
        put_card(organisation, product=product)

    seen = {role: len(listed(organisation, by)) for role, by in staff.items()}

    assert seen == {
        **dict.fromkeys((FINANCE, Role.VENDOR_MANAGER, Role.CLOUD_ENGINEER), 4),
        Role.BUSINESS_UNIT_OWNER: 3,
        Role.DEPARTMENT_OWNER: 3,
        PORTFOLIO: 2,
        OWNER: 1,
    }


def test_a_list_is_narrowed_by_each_of_its_words(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    """300 a month are 70 a week: 70 is on budget, 90 far over; without a budget it is grey."""
    put_card(organisation, 70)
    put_card(organisation, 90, SEARCH, status=ACCEPTED)
    put_card(organisation, 5, CHECKOUT, currency=None, budget=None)
    put_card(organisation, 70, start=date(2026, 2, 22))
    fin = staff[FINANCE]

    assert len(listed(organisation, fin)) == 4
    assert listed(organisation, fin, month="2026-02") == [(WEB_SHOP, date(2026, 2, 22))]
    assert listed(organisation, fin, status=ACCEPTED) == [(SEARCH, WEEK)]
    assert listed(organisation, fin, colour=Colour.RED) == [(SEARCH, WEEK)]
    assert listed(organisation, fin, currency="") == [(CHECKOUT, WEEK)]
    assert listed(organisation, fin, under="retail.digital.payments") == [(CHECKOUT, WEEK)]
    # Nobody holds the payments: its step has come up to the department.
    assert listed(organisation, staff[Role.DEPARTMENT_OWNER], mine=True) == [(CHECKOUT, WEEK)]
    assert listed(organisation, staff[PORTFOLIO], mine=True) == [(SEARCH, WEEK)]


def test_a_card_says_what_who_looks_at_it_may_do(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    desk = organisation.card_desk
    allowed = {
        (status, role): standing(
            put_card(organisation, start=WEEK + timedelta(7 * number), status=status),
            look=sight(TODAY, by=staff[role], desk=desk),
            is_open=True,
        ).allowed
        for number, status in enumerate((OPEN, ACCEPTED))
        for role in (OWNER,)
    }

    assert allowed == {(OPEN, OWNER): (ACCEPT, DISPUTE), (ACCEPTED, OWNER): ()}
    judge = sight(TODAY, by=staff[PORTFOLIO], desk=desk)
    disputed = put_card(organisation, product=SEARCH, status=DISPUTED)
    assert standing(disputed, look=judge, is_open=True).allowed == (RESOLVE, CardCommand.REMAP)
    stays = standing(disputed, look=judge, is_open=False)
    assert (stays.task, stays.is_mine, stays.allowed) == (None, False, ())


@given(
    st.sampled_from(list(CardStatus)),
    st.sampled_from(list(Role)),
    st.booleans(),
)
def test_what_a_card_allows_is_what_it_takes(
    status: CardStatus, role: Role, is_provisional: bool
) -> None:
    organisation = Organisation()
    by = organisation.staff()[role]
    card = put_card(organisation, status=status)
    if is_provisional:
        card = put_card(organisation, product=SEARCH, is_provisional=True)
    desk = organisation.card_desk
    told = standing(card, look=sight(TODAY, by=by, desk=desk), is_open=True).allowed

    for command in EVENTS:
        again = organisation.spend_cards.find(card.key)
        assert again is not None
        try:
            after = give(organisation, by, command, card)
        except (ConflictError, ForbiddenError, NotFoundError):
            assert command not in told
        else:
            assert command in told
            assert after.status is TRANSITIONS[status, command]
            return


def test_a_month_is_open_until_its_close_begins(organisation: Organisation) -> None:
    assert is_open("2026-03", organisation.closes)
    close(organisation, "2026-03", CloseStatus.PREPARING)
    assert is_open("2026-03", organisation.closes)


def test_a_month_that_was_passed_over_is_not_open(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    """Who begins with April has closed all that is before it."""
    card = put_card(organisation)
    close(organisation, "2026-04", CloseStatus.CLOSED)

    assert not is_open("2026-03", organisation.closes)
    assert is_open("2026-05", organisation.closes)
    with pytest.raises(ConflictError, match="2026-03 is closed"):
        give(organisation, staff[OWNER], ACCEPT, card)
