"""Who pays, as tasks: accounts that nobody pays for, splits that end, credits that are nobody's."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.accounts import Account, AccountState, Dated
from finops.domain.allocation_tasks import (
    TAKEN_BY,
    AllocationStep,
    AllocationTask,
    allocation_tasks,
)
from finops.domain.authorization import Action, Reach, reach
from finops.domain.bill_notes import CreditLine
from finops.domain.credits import Credit, CreditTerms
from finops.domain.fiscal_years import FiscalYear
from finops.domain.people import Person, Role
from finops.domain.shares import AccountShares, Revision

SHOP, LAB = "444455556666", "555566667777"
WEB = "retail.digital.storefront.web-shop"
SEEN = date(2026, 2, 3)
TODAY = date(2026, 12, 10)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
YEAR = FiscalYear(2026)


def account(
    account_id: str = SHOP, state: AccountState = AccountState.ACTIVE, joined: date | None = None
) -> Account:
    return Account(
        account_id=account_id,
        names=(Dated(since=SEEN, value="shop"),),
        state=state,
        state_since=SEEN,
        joined=joined,
        first_seen=SEEN,
        changed_at=NOON,
    )


def split(*days: tuple[date, date], account_id: str = SHOP, at: datetime = NOON) -> AccountShares:
    """An account that is the web shop's on some days [start, end)."""
    revisions = [
        Revision(
            number=number,
            start=start,
            end=end,
            shares=((WEB, 10_000),),
            set_by="fin@example.com",
            set_at=at,
        )
        for number, (start, end) in enumerate(days, start=1)
    ]
    return AccountShares(account_id=account_id, revisions=tuple(revisions))


def queued(credit_id: str = "c-1", at: datetime = NOON, account_id: str | None = LAB) -> Credit:
    line = CreditLine(
        billing_account_id="999988887777",
        billing_period="2026-10",
        billing_currency="USD",
        sub_account_id=account_id,
        description="PROMO-1",
        amount=-100,
        first_day=date(2026, 10, 2),
        last_day=date(2026, 10, 3),
    )
    return Credit.seen(credit_id, line, at)


def found(
    *accounts: Account,
    shares: Iterable[AccountShares] = (),
    credits_: Iterable[Credit] = (),
    today: date = TODAY,
    year: FiscalYear = YEAR,
) -> list[AllocationTask]:
    by_account = {one.account_id: one for one in shares}
    return allocation_tasks(accounts, by_account, credits_, today, year=year)


def told(tasks: Iterable[AllocationTask]) -> list[tuple[str, str, str]]:
    return [(task.kind.value, task.about, f"{task.since:%Y-%m-%d}") for task in tasks]


# Accounts that nobody pays for --------------------------------------------------------------------


def test_an_account_without_any_split_waits_since_it_joined_or_was_first_seen() -> None:
    assert told(found(account())) == [("MapAccount", SHOP, "2026-02-03")]
    joined = account(joined=date(2026, 1, 20))
    assert told(found(joined)) == [("MapAccount", SHOP, "2026-01-20")]


def test_an_account_whose_split_has_ended_waits_since_then() -> None:
    ended = split((date(2026, 1, 1), date(2026, 9, 1)))

    assert told(found(account(), shares=[ended])) == [("MapAccount", SHOP, "2026-09-01")]
    assert found(account(), shares=[ended], today=date(2026, 8, 31)) == []


def test_an_account_that_left_and_joined_again_waits_since_it_did() -> None:
    back = account(joined=date(2026, 10, 5))
    ended = split((date(2026, 1, 1), date(2026, 9, 1)))

    assert told(found(back, shares=[ended])) == [("MapAccount", SHOP, "2026-10-05")]


def test_a_split_that_is_only_to_come_pays_for_nothing_yet() -> None:
    later = split((date(2027, 1, 1), date(2028, 1, 1)))

    assert told(found(account(), shares=[later])) == [("MapAccount", SHOP, "2026-02-03")]


@pytest.mark.parametrize("state", AccountState)
def test_only_accounts_that_are_charged_have_to_be_split(state: AccountState) -> None:
    is_charged = state in (AccountState.ACTIVE, AccountState.UNKNOWN)
    assert len(found(account(state=state))) == is_charged


DAYS = st.integers(0, 60).map(lambda n: date(2026, 6, 1) + timedelta(n))
SPANS = st.tuples(DAYS, st.integers(1, 30)).map(lambda one: (one[0], one[0] + timedelta(one[1])))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(SPANS, max_size=4), DAYS)
def test_an_account_waits_exactly_while_nobody_pays(
    spans: list[tuple[date, date]], today: date
) -> None:
    """On the day there is a split or a task, and no split on any day since the task came up."""
    paid = split(*spans)
    tasks = found(account(), shares=[paid], today=today)

    assert len(tasks) == (paid.on(today) is None)
    for task in tasks:
        since = task.since.date()
        waits = [since + timedelta(n) for n in range((today - since).days + 1)]
        assert [day for day in waits if paid.on(day)] == []


# Splits that end with the year --------------------------------------------------------------------

ALL_YEAR = (date(2026, 1, 1), date(2027, 1, 1))


def test_a_split_that_ends_with_the_year_is_to_be_renewed_in_its_last_month() -> None:
    mapped = [split(ALL_YEAR)]

    assert found(account(), shares=mapped, today=date(2026, 11, 30)) == []
    assert told(found(account(), shares=mapped, today=date(2026, 12, 1))) == [
        ("RenewShares", SHOP, "2026-12-01")
    ]


def test_a_split_that_was_set_in_the_last_month_is_to_be_renewed_from_then_on() -> None:
    late = split(ALL_YEAR, at=datetime(2026, 12, 7, 9, tzinfo=UTC))

    assert told(found(account(), shares=[late])) == [("RenewShares", SHOP, "2026-12-07")]


def test_a_split_that_goes_on_next_year_needs_no_renewal() -> None:
    renewed = split(ALL_YEAR, (date(2027, 1, 1), date(2028, 1, 1)))

    assert found(account(), shares=[renewed]) == []


def test_the_last_month_is_that_of_the_fiscal_year() -> None:
    year = FiscalYear.of(date(2026, 6, 2), 7)
    mapped = split((year.start, year.end), at=datetime(2026, 1, 9, tzinfo=UTC))

    tasks = found(account(), shares=[mapped], today=date(2026, 6, 2), year=year)

    assert told(tasks) == [("RenewShares", SHOP, "2026-06-01")]


@pytest.mark.parametrize("state", AccountState)
def test_nobody_renews_what_an_account_has_that_is_closed_or_has_left(state: AccountState) -> None:
    is_over = state in (AccountState.CLOSED, AccountState.DEPARTED)
    assert len(found(account(state=state), shares=[split(ALL_YEAR)])) == (not is_over)


# Credits that are nobody's ------------------------------------------------------------------------


def test_a_credit_that_a_bill_names_waits_until_it_is_mapped_or_withdrawn() -> None:
    new = queued()
    terms = CreditTerms(
        product_id=WEB,
        text="PROMO-1",
        amount=100,
        currency="USD",
        start=date(2026, 10, 1),
        expiry=date(2027, 9, 30),
    )

    [task] = found(credits_=[new])
    assert (task.kind, task.credit_id, task.since) == (AllocationStep.MAP_CREDIT, "c-1", NOON)
    assert (task.name, task.account_id) == ("PROMO-1", LAB)
    assert found(credits_=[new.with_terms(terms, NOON), new.withdrawn(TODAY, NOON)]) == []


def test_a_credit_of_no_account_is_a_task_all_the_same() -> None:
    [task] = found(credits_=[queued(account_id=None)])

    assert (task.about, task.account_id) == ("c-1", None)


# All of them --------------------------------------------------------------------------------------


def test_what_has_waited_longest_comes_first() -> None:
    tasks = found(
        account(),
        account(LAB),
        shares=[split(ALL_YEAR)],
        credits_=[queued("c-2"), queued("c-1"), queued("c-3", NOON - timedelta(days=1))],
    )

    assert told(tasks) == [
        ("MapAccount", LAB, "2026-02-03"),
        ("MapCredit", "c-3", "2026-11-19"),
        ("MapCredit", "c-1", "2026-11-20"),
        ("MapCredit", "c-2", "2026-11-20"),
        ("RenewShares", SHOP, "2026-12-01"),
    ]


def test_financial_admins_split_accounts_and_vendor_managers_map_credits_too() -> None:
    tasks = found(account(), account(LAB), shares=[split(ALL_YEAR)], credits_=[queued()])
    owing = {task.kind: set(task.owed_by) for task in tasks}

    admin, vendor = Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER
    assert owing == {
        AllocationStep.MAP_ACCOUNT: {admin},
        AllocationStep.RENEW_SHARES: {admin},
        AllocationStep.MAP_CREDIT: {admin, vendor},
    }


@pytest.mark.parametrize("role", Role)
def test_whoever_owes_a_step_may_take_it_everywhere_and_see_what_it_is_about(role: Role) -> None:
    by = Person(email="x@example.com", role=role)
    for step, action in TAKEN_BY.items():
        task = AllocationTask(kind=step, account_id=SHOP, name=None, since=NOON)
        if task.is_for(by):
            assert reach(by, action) is Reach.EVERYWHERE
            assert reach(by, Action.SEE_CREDITS) is Reach.EVERYWHERE
            assert reach(by, Action.SEE_ALLOCATIONS) is Reach.EVERYWHERE


def test_who_is_suspended_owes_nothing() -> None:
    [task] = found(account())
    admin = Person(email="fin@example.com", role=Role.FINANCIAL_ADMIN)

    assert [task.is_for(one) for one in (admin, admin.suspended(NOON))] == [True, False]
