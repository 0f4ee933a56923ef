"""What is approved is watched by AWS as well, and whatever comes in between the next run mends."""

from contextlib import nullcontext
from datetime import date, timedelta
from typing import Any

import pytest

from finops.domain.accounts import Account, AccountState, Dated
from finops.domain.alert_settings import AlertSettings
from finops.domain.audit import Deed
from finops.domain.aws_budgets import Watch, budget_name
from finops.domain.class_policies import CostBasis
from finops.domain.organisation_settings import ALL, OrganisationSettings
from finops.domain.periods import BillingPeriod
from finops.domain.shares import AccountShares, Revision
from finops.usecases.ports import Save
from finops.usecases.push_budgets import BudgetSources, Pushed, push_budgets
from tests.aws_budgets_fakes import InMemoryAwsBudgets
from tests.usecases.organisation import (
    LOANS,
    NOW,
    SEARCH,
    TODAY,
    UNIT,
    WEB_SHOP,
    Organisation,
    act,
)

PAYER, OTHER = "999900001111", "999900002222"
SHOP, FIND, BANK = "111111111111", "222222222222", "333333333333"
OWNERS = {SHOP: WEB_SHOP, FIND: SEARCH, BANK: LOANS}
MONTHS = [amount * UNIT for amount in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)]


class Payers:
    """An organisation with three accounts, one for each product; *aws* is where budgets are kept."""

    def __init__(self) -> None:
        self.organisation = Organisation()
        self.organisation.drop("Acme_2026_true_2026-01-01_false_Budget_v1.csv")
        self.aws = InMemoryAwsBudgets()
        self.address = "finops@example.com"
        for account, product in OWNERS.items():
            self.know(account)
            self.split(account, (product, 10_000))

    def know(self, account: str, payer: str = PAYER, **changed: Any) -> None:
        known = self.organisation.accounts.find(account)
        one = Account(
            account_id=account,
            payers=(Dated(since=date(2026, 1, 1), value=payer),),
            state_since=date(2026, 1, 1),
            first_seen=date(2026, 1, 1),
            changed_at=NOW,
            **({"state": AccountState.ACTIVE} | changed),
        )
        after = known.changed(payers=one.payers, state=one.state) if known else one
        self.organisation.accounts.save([Save(known, after, Deed(action="See"))], act())

    def split(self, account: str, *shares: tuple[str, int]) -> None:
        known = self.organisation.shares.find(account)
        revision = Revision(
            number=1,
            start=date(2026, 1, 1),
            end=date(2027, 1, 1),
            shares=tuple(sorted(shares)),
            set_by="fin@example.com",
            set_at=NOW,
        )
        after = (known or AccountShares(account_id=account)).changed(revisions=(revision,))
        self.organisation.shares.save([Save(known, after, Deed(action="MapAccount"))], act())

    def warn_at(self, *levels: int) -> None:
        known = self.organisation.settings_kept.find(ALL)
        after = (known or OrganisationSettings()).changed(alerts=AlertSettings(levels=levels))
        self.organisation.settings_kept.save([Save(known, after, Deed(action="SetAlerts"))], act())

    def push(
        self, today: date = TODAY, *, thorough: bool = False, payers: tuple[str, ...] = (PAYER,)
    ) -> Pushed:
        made = self.organisation
        sources = BudgetSources(
            *(made.charts, made.budgets, made.accounts, made.rulebook, made.settings_kept),
            first_month=1,
            basis=CostBasis.BILLED,
            currency="USD",
            payers=payers,
            address=self.address,
        )
        return push_budgets(today, is_thorough=thorough, sources=sources, aws=self.aws)


@pytest.fixture
def payers() -> Payers:
    made = Payers()
    made.organisation.approve(WEB_SHOP, MONTHS)
    return made


ABOVE = ("", "retail", "retail.digital", "retail.digital.storefront")
NAMES = tuple(sorted(budget_name(element) for element in (*ABOVE, WEB_SHOP)))


def test_an_approved_schedule_is_watched_from_this_month_on(payers: Payers) -> None:
    pushed = payers.push()

    assert (pushed.created, pushed.watched, pushed.unwatched) == (NAMES, 5, ())
    web_shop = payers.aws.kept[PAYER][budget_name(WEB_SHOP)]
    assert web_shop.accounts == (SHOP,)
    assert web_shop.limits == tuple((f"2026-{m:02}", m * UNIT) for m in range(3, 13))
    assert (web_shop.levels, web_shop.addresses) == (
        (5_000, 8_000, 10_000, 12_000),
        ("finops@example.com",),
    )
    assert payers.aws.kept[PAYER][budget_name("retail")].accounts == (SHOP, FIND)


def test_the_same_again_does_nothing(payers: Payers) -> None:
    payers.push()
    payers.aws.did.clear()

    again = payers.push(thorough=True)

    assert (again.created, again.changed, again.deleted, payers.aws.did) == ((), (), (), [])


def test_another_schedule_changes_the_budgets_of_the_product_and_of_all_above(
    payers: Payers,
) -> None:
    payers.push()

    payers.organisation.approve(SEARCH, MONTHS)
    pushed = payers.push()

    assert pushed.created == (budget_name(SEARCH),)
    assert pushed.changed == tuple(sorted(budget_name(element) for element in ABOVE))
    assert payers.aws.kept[PAYER][budget_name("retail")].limits[0] == ("2026-03", 6 * UNIT)


def test_other_levels_change_every_budget(payers: Payers) -> None:
    payers.push()

    payers.warn_at(9_000)

    assert payers.push().changed == NAMES
    assert {one.levels for one in payers.aws.kept[PAYER].values()} == {(9_000,)}


def test_another_address_is_found_by_a_thorough_look_only(payers: Payers) -> None:
    payers.push()
    payers.address = "others@example.com"

    assert payers.push().changed == ()
    assert payers.push(thorough=True).changed == NAMES


def test_an_account_that_is_shared_takes_the_budget_away_and_says_why(payers: Payers) -> None:
    payers.push()

    payers.split(SHOP, (WEB_SHOP, 5_000), (LOANS, 5_000))
    pushed = payers.push()

    assert pushed.deleted == tuple(
        sorted(budget_name(element) for element in (*ABOVE[1:], WEB_SHOP))
    )
    assert {one.element: one.reason for one in pushed.unwatched}[WEB_SHOP] == (
        f"{LOANS} pays for some of account {SHOP} in 2026-03"
    )
    assert list(payers.aws.kept[PAYER]) == [budget_name("")]


def test_a_new_month_leaves_the_one_that_is_over_out_of_what_is_compared(payers: Payers) -> None:
    payers.push()

    pushed = payers.push(date(2026, 4, 1))

    assert (pushed.created, pushed.changed, pushed.deleted) == ((), (), ())


def test_the_next_year_is_watched_as_well_once_it_is_approved(payers: Payers) -> None:
    payers.push()
    payers.organisation.drop(
        "Acme_2027_true_2027-01-01_false_Budget_v1.csv", at=NOW - timedelta(days=1)
    )
    payers.organisation.approve(WEB_SHOP, MONTHS, 2027)

    payers.push()

    limits = payers.aws.kept[PAYER][budget_name(WEB_SHOP)].limits
    assert (limits[0][0], limits[-1]) == ("2026-03", ("2027-02", 2 * UNIT))


def test_without_a_schedule_nothing_is_watched_and_nothing_is_missed() -> None:
    assert Payers().push() == Pushed()


def test_a_budget_that_aws_refuses_keeps_no_other_back_and_the_next_run_mends_it(
    payers: Payers,
) -> None:
    payers.aws.refused = {budget_name("retail")}

    pushed = payers.push()

    assert pushed.created == tuple(name for name in NAMES if name != budget_name("retail"))
    assert pushed.failed == (
        (budget_name("retail"), f"PermissionError: {budget_name('retail')} is refused"),
    )
    payers.aws.refused.clear()
    assert payers.push().created == (budget_name("retail"),)


def test_a_payer_that_does_not_answer_keeps_no_other_back_and_loses_nothing(
    payers: Payers,
) -> None:
    payers.know(SHOP, OTHER)
    payers.push(payers=(PAYER, OTHER))
    payers.aws.refused = {OTHER}
    payers.organisation.approve(LOANS, MONTHS)

    pushed = payers.push(payers=(PAYER, OTHER))

    assert budget_name(LOANS) in pushed.created
    assert pushed.failed == ((OTHER, f"PermissionError: {OTHER} is refused"),)
    assert list(payers.aws.kept[OTHER]) == [budget_name(WEB_SHOP)]


def test_where_there_are_two_payers_none_of_them_watches_the_enterprise(payers: Payers) -> None:
    payers.know(SHOP, OTHER)

    pushed = payers.push(payers=(PAYER, OTHER))

    assert pushed.created == (budget_name(WEB_SHOP),)
    assert {one.element: one.reason for one in pushed.unwatched}[""] == (
        f"accounts are billed to {PAYER} and {OTHER}; a budget is of one payer"
    )


def test_an_account_that_has_left_is_nobodys_to_watch_any_more(payers: Payers) -> None:
    payers.know("444444444444", OTHER, state=AccountState.DEPARTED)

    assert budget_name("") in payers.push().created


@pytest.mark.parametrize("fails", range(6))
def test_a_run_that_is_cut_off_anywhere_is_finished_by_the_next(
    payers: Payers, monkeypatch: pytest.MonkeyPatch, fails: int
) -> None:
    class Killed(BaseException):
        pass

    alive = payers.aws.create

    def create(wanted: Watch, month: BillingPeriod) -> None:
        if len(payers.aws.did) == fails:
            raise Killed
        alive(wanted, month)

    with monkeypatch.context() as dying:
        dying.setattr(payers.aws, "create", create)
        with pytest.raises(Killed) if fails < len(NAMES) else nullcontext():
            payers.push()

    payers.push()

    assert tuple(sorted(payers.aws.kept[PAYER])) == NAMES
