"""Who owes the step of a card, who may sign in their place, and when they hear of it again."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.card_tasks import (
    CardNotice,
    CardNoticeKind,
    CardStep,
    CardTask,
    deadline,
    notices,
    task_of,
    told,
    told_at,
)
from finops.domain.delegations import Signature
from finops.domain.paces import Pace
from finops.domain.people import Person, PersonStatus, Role, holders
from finops.domain.spend_cards import (
    CardCommand,
    CardKey,
    CardSettings,
    CardStatus,
    Spend,
    SpendCard,
)

WEB_SHOP = "retail.digital.storefront.web-shop"
AT = datetime(2026, 8, 10, 6, tzinfo=UTC)
CHOSEN = CardSettings(remind_after=(2, 4), escalate_after=(7, 10))
REMINDER, ESCALATION = CardNoticeKind.REMINDER, CardNoticeKind.ESCALATION


def person(name: str, role: Role, *scope: str) -> Person:
    return Person(email=f"{name}@example.org", role=role, scope=scope, status=PersonStatus.ACTIVE)


OLA = person("ola", Role.PRODUCT_OWNER, WEB_SHOP)
QUINN = person("quinn", Role.PRODUCT_OWNER, "retail.digital.storefront.app")
PIA = person("pia", Role.PORTFOLIO_OWNER, "retail.digital.storefront")
DAN = person("dan", Role.DEPARTMENT_OWNER, "retail.digital")
BEA = person("bea", Role.BUSINESS_UNIT_OWNER, "retail")
FIN = person("fin", Role.FINANCIAL_ADMIN)
EVERYBODY = (OLA, QUINN, PIA, DAN, BEA, FIN)


def card(**told: Any) -> SpendCard:
    key = CardKey(WEB_SHOP, date(2026, 8, 2), "USD")
    said: dict[str, Any] = {"pace": Pace(), "at": AT}
    return SpendCard.made(key, Spend(), **said | told)


def given_to(one: SpendCard, *steps: tuple[CardCommand, Person]) -> SpendCard:
    for command, by in steps:
        one = one.decided(command, by=Signature(by=by.email), at=AT, reason="because")
    return one


ACCEPTED = given_to(card(), (CardCommand.ACCEPT, OLA))
REJECTED = given_to(ACCEPTED, (CardCommand.REJECT, PIA))
DISPUTED = given_to(card(), (CardCommand.DISPUTE, OLA))


def task(one: SpendCard, people: Sequence[Person] = EVERYBODY) -> CardTask:
    found = task_of(one, holders(people))
    assert found is not None
    return found


def owing(one: SpendCard, people: Sequence[Person] = EVERYBODY) -> list[Person]:
    return [each for each in people if task(one, people).is_for(each)]


# Who owes it --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "one, step, owed",
    [
        (card(), CardStep.ACCEPT_CARD, OLA),
        (ACCEPTED, CardStep.DECIDE_CARD, PIA),
        (REJECTED, CardStep.ANSWER_REJECTION, OLA),
        (DISPUTED, CardStep.RESOLVE_DISPUTE, PIA),
    ],
)
def test_each_status_waits_for_one_step_of_one_owner(
    one: SpendCard, step: CardStep, owed: Person
) -> None:
    assert (task(one).step, owing(one)) == (step, [owed])
    assert not task(one).is_escalated


@pytest.mark.parametrize(
    "one",
    [
        given_to(ACCEPTED, (CardCommand.APPROVE, PIA)),
        given_to(DISPUTED, (CardCommand.RESOLVE, PIA)),
        card(is_provisional=True),
        DISPUTED.remapped(3, by=Signature(by=PIA.email), at=AT),
    ],
    ids=["approved", "resolved", "provisional", "awaits a run"],
)
def test_what_waits_for_no_one_is_nobodys_task_and_nobody_hears_of_it(one: SpendCard) -> None:
    assert task_of(one, holders(EVERYBODY)) is None
    assert notices(one, CHOSEN, AT + timedelta(99)) == ()
    assert deadline(one, CHOSEN) is None


def test_where_nobody_holds_the_element_the_level_above_owes_the_step() -> None:
    without = (DAN, BEA, FIN)

    assert owing(card(), without) == [DAN]
    assert owing(card(), (FIN,)) == [FIN]
    assert task(card(), without).is_unowned
    assert (task(card(), without).owed_at, task(card(), without).owed_by) == (2, "retail.digital")


def test_where_only_who_accepted_could_approve_the_step_goes_up() -> None:
    by_pia = given_to(card(), (CardCommand.ACCEPT, PIA))

    assert owing(by_pia) == [DAN]
    assert task(by_pia).is_escalated
    assert not task(by_pia).is_unowned


def test_who_is_suspended_owes_nothing() -> None:
    assert not task(card()).is_for(OLA.suspended(AT))


# Delegates ----------------------------------------------------------------------------------------


def test_a_delegate_signs_in_the_place_of_who_is_absent() -> None:
    assert task(card()).signature(QUINN) is None
    assert task(card()).signature(QUINN, [OLA]) == Signature(by=QUINN.email, acting_for=OLA.email)


def test_who_owes_the_step_signs_for_themselves() -> None:
    assert task(card()).signature(OLA, [OLA, PIA]) == Signature(by=OLA.email)


def test_a_delegate_of_somebody_who_does_not_owe_the_step_signs_nothing() -> None:
    assert task(card()).signature(QUINN, [PIA]) is None


def test_nobody_approves_through_a_delegation_what_they_accepted() -> None:
    by_quinn = card().decided(
        CardCommand.ACCEPT, by=Signature(by=QUINN.email, acting_for=OLA.email), at=AT
    )

    assert task(by_quinn).signature(QUINN, [PIA]) is None
    assert task(by_quinn).signature(OLA, [PIA]) is None
    assert task(by_quinn).signature(BEA, [PIA]) == Signature(by=BEA.email, acting_for=PIA.email)


def test_a_suspended_delegate_signs_nothing() -> None:
    assert task(card()).signature(QUINN.suspended(AT), [OLA]) is None


# Deadlines ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hours, expected",
    [
        (0, []),
        (47, []),
        (48, [(REMINDER, 1)]),
        (96, [(REMINDER, 2)]),
        (7 * 24, [(REMINDER, 2), (ESCALATION, 1)]),
        (10 * 24, [(REMINDER, 2), (ESCALATION, 2)]),
        (99 * 24, [(REMINDER, 2), (ESCALATION, 2)]),
    ],
)
def test_what_is_due_to_be_told_is_the_newest_of_each_kind(
    hours: int, expected: list[tuple[CardNoticeKind, int]]
) -> None:
    found = notices(card(), CHOSEN, AT + timedelta(hours=hours))

    assert [(notice.kind, notice.number) for notice in found] == expected


def test_a_notice_goes_out_once() -> None:
    day = AT + timedelta(2)
    one = told(card(), notices(card(), CHOSEN, day), day)

    assert notices(one, CHOSEN, day) == ()
    assert notices(one, CHOSEN, AT + timedelta(4)) == (CardNotice(kind=REMINDER, number=2),)


def test_the_next_step_has_deadlines_of_its_own() -> None:
    late = AT + timedelta(8)
    one = told(card(), notices(card(), CHOSEN, late), late)
    assert (one.reminded, one.escalated) == (2, 1)

    accepted = one.decided(CardCommand.ACCEPT, by=Signature(by=OLA.email), at=late)

    assert notices(accepted, CHOSEN, late) == ()
    assert deadline(accepted, CHOSEN) == late + timedelta(7)
    assert notices(accepted, CHOSEN, late + timedelta(7)) == (
        CardNotice(kind=REMINDER, number=2),
        CardNotice(kind=ESCALATION, number=1),
    )
    assert not task(accepted).is_escalated


def test_a_card_knows_which_notices_a_run_has_made_until_it_is_decided() -> None:
    at = AT + timedelta(7)
    made = told(card(), notices(card(), CHOSEN, at), at)

    assert told_at(made, at) == (
        CardNotice(kind=REMINDER, number=2),
        CardNotice(kind=ESCALATION, number=1),
    )
    assert told_at(made, at + timedelta(1)) == ()
    assert told_at(given_to(made, (CardCommand.ACCEPT, OLA)), at) == ()


def test_a_later_notice_of_one_kind_leaves_the_moment_of_the_other() -> None:
    first = told(card(), notices(card(), CHOSEN, AT + timedelta(4)), AT + timedelta(4))
    then = told(first, notices(first, CHOSEN, AT + timedelta(7)), AT + timedelta(7))

    assert (then.reminded_at, then.escalated_at) == (AT + timedelta(4), AT + timedelta(7))


def test_nothing_told_leaves_a_card_as_it_is() -> None:
    one = card()

    assert told(one, [], AT) is one


def test_without_days_of_escalation_there_is_no_deadline() -> None:
    assert deadline(card(), CardSettings(escalate_after=())) is None


@pytest.mark.parametrize("times", [1, 2, 3, 4, 9])
def test_an_escalated_step_is_for_the_levels_above_as_well(times: int) -> None:
    escalated = told(card(), [CardNotice(kind=ESCALATION, number=times)], AT)

    assert owing(escalated) == [OLA, *(PIA, DAN, BEA, FIN)[:times]]
    assert task(escalated).is_escalated


def test_an_escalation_passes_over_levels_that_nobody_holds() -> None:
    escalated = told(card(), [CardNotice(kind=ESCALATION, number=1)], AT)

    assert owing(escalated, (OLA, BEA, FIN)) == [OLA, BEA]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 24 * 30), max_size=20))
def test_however_often_somebody_looks_each_notice_goes_out_once(hours: list[int]) -> None:
    one, sent = card(), list[CardNotice]()
    for hour in sorted(hours):
        now = AT + timedelta(hours=hour)
        made = notices(one, CHOSEN, now)
        sent += made
        one = told(one, made, now)

    assert len(sent) == len(set(sent))
    numbers = [notice.number for notice in sent if notice.kind is ESCALATION]
    assert numbers == sorted(numbers)


def test_every_status_that_is_not_final_waits_for_somebody() -> None:
    waiting = {one.status for one in (card(), ACCEPTED, REJECTED, DISPUTED)}

    assert waiting == set(CardStatus) - {CardStatus.APPROVED, CardStatus.RESOLVED}
