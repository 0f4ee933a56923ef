"""Accounts: what a listing or a bill changes about them, and what is kept of the past."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.domain.accounts import (
    NEEDS,
    Account,
    AccountState,
    AccountType,
    Listed,
    Listing,
    Need,
    NoticeKind,
    account_tasks,
    changes,
    must_be_plausible,
)
from finops.domain.errors import ConflictError, NotFoundError
from finops.domain.people import Person, Role

PAYER, OTHER_PAYER = "999988887777", "888877776666"
SHOP, LAB = "444455556666", "555566667777"
MORNING = datetime(2026, 9, 1, 6, 0, tzinfo=UTC)
LATER = datetime(2026, 9, 12, 6, 0, tzinfo=UTC)

N, S = NoticeKind, AccountState


def said(account_id: str = SHOP, name: str = "shop", **fields: Any) -> Listed:
    return Listed(account_id=account_id, name=name, **fields)


def listed(*accounts: Listed, payer: str = PAYER) -> Listing:
    return Listing(payer=payer, accounts=accounts)


def known(**fields: Any) -> Account:
    """An account that is known, with its type, and nothing is open."""
    first = Account.listed(said(path=("Retail",), **fields), PAYER, MORNING)
    return first.typed(AccountType.PRODUCTION, MORNING)


def kinds(account: Account) -> list[NoticeKind]:
    return [notice.kind for notice in account.notices]


# A listing ----------------------------------------------------------------------------------------


def test_a_new_account_waits_for_its_type() -> None:
    account = Account.listed(
        said(joined=date(2025, 2, 3), tags=(("b", "2"), ("a", "1"))), PAYER, MORNING
    )

    assert (account.name, account.payer, account.state) == ("shop", PAYER, S.ACTIVE)
    assert account.tags == (("a", "1"), ("b", "2"))
    assert (account.type, account.first_seen) == (None, MORNING.date())
    assert kinds(account) == [N.NEW]
    assert account.notices[0].need is Need.SET_TYPE


def test_what_is_listed_as_it_was_changes_nothing() -> None:
    account = known()

    assert account.as_listed(said(path=("Retail",)), PAYER, LATER) is account


@pytest.mark.parametrize(
    "now, payer, opened",
    [
        (said(name="web shop"), PAYER, [N.RENAMED]),
        (said(path=("Retail", "Old")), PAYER, [N.MOVED]),
        (said(path=()), PAYER, [N.MOVED]),
        (said(name="web shop", path=()), PAYER, [N.RENAMED, N.MOVED]),
        (said(), OTHER_PAYER, [N.MOVED]),
        (said(state=S.SUSPENDED), PAYER, [N.SUSPENDED]),
        (said(state=S.PENDING_CLOSURE), PAYER, [N.CLOSED]),
        (said(state=S.CLOSED), PAYER, [N.CLOSED]),
        (said(email="new@example.com"), PAYER, []),
        (said(tags=(("a", "b"),)), PAYER, []),
    ],
)
def test_what_is_listed_otherwise_is_noticed(
    now: Listed, payer: str, opened: list[NoticeKind]
) -> None:
    account = known().as_listed(now, payer, LATER)

    assert kinds(account) == opened
    assert account.changed_at == LATER


def test_what_a_listing_does_not_say_stays_as_it_was() -> None:
    before = known(email="a@example.com", tags=(("a", "b"),), joined=date(2025, 1, 1))

    assert before.as_listed(said(), PAYER, LATER) is before


@pytest.mark.parametrize(
    "before, now, opened",
    [
        (S.SUSPENDED, S.ACTIVE, [N.RETURNED]),
        (S.CLOSED, S.ACTIVE, [N.RETURNED]),
        (S.DEPARTED, S.ACTIVE, [N.RETURNED]),
        (S.DEPARTED, S.SUSPENDED, [N.SUSPENDED]),
        (S.PENDING_CLOSURE, S.CLOSED, []),
        (S.SUSPENDED, S.CLOSED, [N.CLOSED]),
        (S.PENDING_ACTIVATION, S.ACTIVE, []),
        (S.UNKNOWN, S.ACTIVE, []),
    ],
)
def test_every_turn_of_its_life_is_told_once(
    before: AccountState, now: AccountState, opened: list[NoticeKind]
) -> None:
    account = known().changed(state=before).as_listed(said(state=now), PAYER, LATER)

    assert kinds(account) == opened
    assert (account.state, account.state_since) == (now, LATER.date())


def test_who_has_left_is_kept_and_waits_for_its_shares_to_end() -> None:
    account = known().departed(LATER)

    assert (account.state, account.name, kinds(account)) == (S.DEPARTED, "shop", [N.DEPARTED])
    assert account.departed(LATER + timedelta(1)) is account


def test_an_account_that_was_closed_has_not_departed_when_its_listing_ends() -> None:
    closed = known(state=S.CLOSED)

    assert closed.departed(LATER) is closed


def test_who_comes_back_has_not_departed_any_more() -> None:
    account = known().departed(MORNING).as_listed(said(), PAYER, LATER)

    assert (account.state, kinds(account)) == (S.ACTIVE, [N.RETURNED])


def test_a_listing_tells_who_is_new_who_has_changed_and_who_has_left() -> None:
    here = {SHOP: known(), LAB: Account.listed(said(LAB, "lab"), PAYER, MORNING)}
    listing = listed(said(name="web shop"), said("111111111111", "new"))

    found = changes(here, listing, LATER)

    assert [(one.after.account_id, one.kinds) for one in found] == [
        ("111111111111", (N.NEW,)),
        (SHOP, (N.RENAMED,)),
        (LAB, (N.DEPARTED,)),
    ]
    assert [one.before for one in found] == [None, here[SHOP], here[LAB]]


def test_a_listing_says_nothing_of_accounts_that_another_payer_pays_for() -> None:
    here = {SHOP: known(), LAB: Account.billed(LAB, OTHER_PAYER, date(2026, 9, 1), MORNING)}

    assert changes(here, listed(said()), LATER) == []


def test_the_same_listing_twice_changes_nothing_the_second_time() -> None:
    listing = listed(said(), said(LAB, "lab", state=S.SUSPENDED))
    here = {one.after.account_id: one.after for one in changes({}, listing, MORNING)}

    assert changes(here, listing, LATER) == []


WORDS = st.sampled_from(["a", "b", "c"])
SAID = st.builds(
    Listed,
    account_id=st.sampled_from([SHOP, LAB, "111111111111"]),
    name=WORDS,
    state=st.sampled_from([state for state in S if state is not S.DEPARTED]),
    path=st.none() | st.lists(WORDS, max_size=2).map(tuple),
)
LISTINGS = st.lists(st.lists(SAID, unique_by=lambda one: one.account_id), max_size=6)


@given(LISTINGS)
def test_whatever_is_listed_no_account_is_forgotten_and_its_past_stays(
    listings: list[list[Listed]],
) -> None:
    here: dict[str, Account] = {}
    for number, one in enumerate(listings):
        at = MORNING + timedelta(days=number)
        past = {id_: (was.name_on(at.date()), was.path_on(at.date())) for id_, was in here.items()}
        for change in changes(here, listed(*one), at + timedelta(days=1)):
            here[change.after.account_id] = change.after
        assert past.keys() <= here.keys()
        for id_, (name, path) in past.items():
            assert here[id_].name_on(at.date()) == name
            assert path in (None, here[id_].path_on(at.date()))
        for account in here.values():
            days = [dated.since for dated in account.names]
            assert days == sorted(set(days))
            assert len(set(kinds(account))) == len(account.notices)
            is_there = account.account_id in {said.account_id for said in one}
            assert is_there or account.state in (S.DEPARTED, S.CLOSED)


# Listings that cannot be --------------------------------------------------------------------------


def test_an_organization_without_any_account_is_a_fault() -> None:
    with pytest.raises(ConflictError, match="lists no account at all"):
        must_be_plausible({}, listed())


@pytest.mark.parametrize("lost, is_fault", [(0, False), (2, False), (3, True), (4, True)])
def test_to_lose_more_than_half_at_once_is_a_fault(lost: int, is_fault: bool) -> None:
    ids = [f"{number:012d}" for number in range(4)]
    here = {id_: Account.listed(said(id_), PAYER, MORNING) for id_ in ids}
    listing = listed(*(said(id_) for id_ in ids[lost:]), said("999999999999"))

    if is_fault:
        with pytest.raises(ConflictError, match=f"lists {lost} of 4 accounts no more"):
            must_be_plausible(here, listing)
    else:
        must_be_plausible(here, listing)


def test_those_who_have_gone_before_are_not_lost_again() -> None:
    here = {SHOP: known()} | {
        id_: Account.listed(said(id_), PAYER, MORNING).changed(state=state)
        for id_, state in ((LAB, S.DEPARTED), ("111111111111", S.CLOSED), ("2" * 12, S.UNKNOWN))
    }

    must_be_plausible(here, listed(said()))


# The past -----------------------------------------------------------------------------------------


def test_a_report_about_the_past_keeps_the_name_the_payer_and_the_place_of_then() -> None:
    """Trap 12: it leaves payer P1 for P2 on the 12th."""
    account = known().as_listed(said(name="web shop", path=("Digital",)), OTHER_PAYER, LATER)

    before, after = date(2026, 9, 11), date(2026, 9, 12)
    assert (account.name_on(before), account.name_on(after)) == ("shop", "web shop")
    assert (account.path_on(before), account.path_on(after)) == (("Retail",), ("Digital",))
    assert (account.payer_on(before), account.payer_on(after)) == (PAYER, OTHER_PAYER)


def test_before_the_first_name_was_known_the_first_name_is_told() -> None:
    account = known(joined=date(2025, 1, 1))

    assert account.names[0].since == date(2025, 1, 1)
    assert account.name_on(date(2020, 1, 1)) == "shop"


def test_of_two_names_in_a_day_the_last_counts() -> None:
    account = known()
    for name in ("first", "second"):
        account = account.as_listed(said(name=name), PAYER, LATER)

    assert [dated.value for dated in account.names] == ["shop", "second"]


def test_a_name_that_was_taken_back_the_same_day_was_never_there() -> None:
    account = known()
    for name in ("slip", "shop"):
        account = account.as_listed(said(name=name), PAYER, LATER)

    assert [dated.value for dated in account.names] == ["shop"]


# On a bill ----------------------------------------------------------------------------------------


def test_an_account_on_a_bill_is_known_from_the_first_day_that_it_is_charged() -> None:
    account = Account.billed(SHOP, PAYER, date(2026, 9, 3), LATER)

    assert (account.first_seen, account.state, account.name) == (date(2026, 9, 3), S.UNKNOWN, None)
    assert kinds(account) == [N.NEW]


def test_a_listing_fills_in_who_was_on_a_bill_first() -> None:
    billed = Account.billed(SHOP, PAYER, date(2026, 9, 3), LATER)
    account = billed.as_listed(said(joined=date(2026, 9, 2), path=()), PAYER, LATER)

    assert (account.name, account.state, account.joined) == ("shop", S.ACTIVE, date(2026, 9, 2))
    assert (kinds(account), account.first_seen) == ([N.NEW], date(2026, 9, 3))


def test_who_left_and_is_on_another_payers_bill_is_paid_for_by_them() -> None:
    gone = known().departed(MORNING)
    account = gone.as_billed(OTHER_PAYER, date(2026, 9, 12), LATER)

    assert account.payer_on(date(2026, 9, 11)) == PAYER
    assert account.payer == OTHER_PAYER
    # Late lines on the bill of who paid before are no news.
    assert account.as_billed(PAYER, date(2026, 9, 1), LATER) is account
    assert known().as_billed(OTHER_PAYER, date(2026, 9, 12), LATER).payer == PAYER


# What people say ----------------------------------------------------------------------------------


def test_a_type_settles_that_an_account_is_new_or_called_otherwise() -> None:
    account = Account.listed(said(path=()), PAYER, MORNING)
    account = account.as_listed(said(name="web shop", path=("Retail",)), PAYER, LATER)
    assert kinds(account) == [N.NEW, N.RENAMED, N.MOVED]

    typed = account.typed(AccountType.SANDBOX, LATER)

    assert (typed.type, kinds(typed)) == (AccountType.SANDBOX, [N.MOVED])
    assert typed.typed(AccountType.SANDBOX, LATER + timedelta(1)) is typed


def test_a_new_account_cannot_be_acknowledged_away() -> None:
    account = Account.listed(said(), PAYER, MORNING)

    with pytest.raises(ConflictError, match="has no type") as told:
        account.acknowledged(N.NEW, LATER)
    assert told.value.members["current"] == account


def test_a_notice_is_acknowledged_once() -> None:
    account = known().departed(LATER)
    seen = account.acknowledged(N.DEPARTED, LATER)

    assert seen.notices == ()
    with pytest.raises(NotFoundError, match="no open notice Departed"):
        seen.acknowledged(N.DEPARTED, LATER)


# Tasks --------------------------------------------------------------------------------------------


def test_every_notice_asks_somebody_for_something() -> None:
    assert set(NEEDS) == set(NoticeKind)
    assert {role for _, roles in NEEDS.values() for role in roles} == {
        Role.CLOUD_ENGINEER,
        Role.FINANCIAL_ADMIN,
    }


def test_what_has_waited_longest_comes_first() -> None:
    lab = Account.listed(said(LAB, "lab"), PAYER, LATER)
    shop = known().departed(MORNING)

    found = account_tasks([lab, shop])

    assert [(task.account_id, task.need) for task in found] == [
        (SHOP, Need.END_SHARES),
        (LAB, Need.SET_TYPE),
    ]


def test_what_an_account_needs_is_for_the_roles_that_owe_it_unless_suspended() -> None:
    [task] = account_tasks([known().departed(MORNING)])
    admin = Person(email="fin@example.com", role=Role.FINANCIAL_ADMIN)
    engineer = Person(email="cloud@example.com", role=Role.CLOUD_ENGINEER)

    asked = (admin, engineer, admin.suspended(LATER))
    assert [task.is_for(one) for one in asked] == [True, False, False]
