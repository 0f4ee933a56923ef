"""Workloads are planned once, by who owns the product, and say when something is odd."""

from datetime import date, timedelta

import pytest

from finops.domain.audit import Deed
from finops.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from finops.domain.people import Person, Role
from finops.domain.periods import BillingPeriod, spend_periods
from finops.domain.shares import AccountShares
from finops.domain.workloads import Component, Workload
from finops.usecases.ports import Save
from finops.usecases.workloads import (
    WorkloadPlan,
    WorkloadWarning,
    end_workload,
    estimates,
    replan_workload,
    seen_workload,
    seen_workloads,
    standings,
)
from tests.claiming import (
    ADMIN,
    LAB,
    SHARED,
    UNKNOWN,
    admin,
    know_accounts,
    names,
    run,
    share,
    take,
)
from tests.usecases.organisation import (
    LOANS,
    NOW,
    SEARCH,
    STOREFRONT,
    TODAY,
    UNIT,
    WEB_SHOP,
    Organisation,
    act,
)


@pytest.fixture
def organisation() -> Organisation:
    made = Organisation()
    made.drop()
    know_accounts(made)
    return made


@pytest.fixture
def owner(organisation: Organisation) -> Person:
    return organisation.hire("owner@example.com", Role.PRODUCT_OWNER, [WEB_SHOP])


def replan(
    organisation: Organisation, of: Workload, by: Person | None = None, **planned: object
) -> Workload:
    return replan_workload(
        of.workload_id,
        WorkloadPlan.model_validate({"name": of.name, **planned}),
        of.version,
        by=by or admin(organisation),
        grounds=organisation.grounds,
        shares=organisation.shares,
        act=act("admin@example.com"),
    )


def end(organisation: Organisation, of: Workload, month: str | None = None) -> Workload:
    return end_workload(
        of.workload_id,
        month,
        of.version,
        by=admin(organisation),
        workloads=organisation.workloads,
        act=act("admin@example.com"),
    )


def split_anew(
    organisation: Organisation, before: AccountShares, product: str, start: date
) -> AccountShares:
    """All of an account is *product*'s from a day on."""
    after = before.mapped(
        [(product, 10_000)],
        start=start,
        open_from=date(2026, 1, 1),
        by=ADMIN,
        at=NOW,
    )
    saved: AccountShares = organisation.shares.save(
        [Save(before, after, Deed(action="MapAccount"))], act(ADMIN)
    )[0]
    return saved


# Planned ------------------------------------------------------------------------------------------


def test_a_workload_is_planned_from_this_month_to_the_end_of_the_year(
    organisation: Organisation, owner: Person
) -> None:
    share(organisation, SHARED, (WEB_SHOP, 10_000))
    made = run(organisation, by=owner)

    assert (made.launch, made.end, made.version) == ("2026-03", "2026-12", 1)
    [record] = organisation.audit.chain(f"workload#{made.workload_id}")
    assert (record.action, record.event) == ("PlanWorkload", "WorkloadPlanned")
    assert (record.actor, record.element) == (owner.email, WEB_SHOP)


def test_a_workload_is_known_by_account_product_and_name(organisation: Organisation) -> None:
    ids = {
        run(organisation, product, name, account).workload_id
        for product in (WEB_SHOP, SEARCH)
        for name in ("front end", "back end")
        for account in (SHARED, LAB)
    }

    assert len(ids) == 8


def test_the_second_of_a_name_is_refused_however_it_is_spelled(organisation: Organisation) -> None:
    first = run(organisation)

    with pytest.raises(ConflictError, match="has a workload front end in account") as told:
        run(organisation, name=" Front  END")

    assert told.value.members["current"] == first


def test_a_name_that_another_one_bears_or_bore_is_refused(organisation: Organisation) -> None:
    first = run(organisation)
    second = run(organisation, name="back end")
    renamed = replan(organisation, first, name="shop")

    assert (renamed.workload_id, renamed.name) == (first.workload_id, "shop")
    with pytest.raises(ConflictError, match="was called front end before it was called shop"):
        run(organisation)
    with pytest.raises(ConflictError, match="has a workload shop"):
        replan(organisation, second, name="Shop")


def test_an_account_that_nobody_has_seen_is_refused_with_the_remedy(
    organisation: Organisation,
) -> None:
    with pytest.raises(InvalidError, match=f"{UNKNOWN}; finops accounts check"):
        run(organisation, account_id=UNKNOWN)


def test_a_product_has_to_be_there_and_alive(organisation: Organisation) -> None:
    with pytest.raises(InvalidError, match="there is no product retail"):
        run(organisation, "retail.digital.storefront.gone")
    with pytest.raises(InvalidError, match="has ended before 2027-01-01"):
        run(organisation, launch="2027-01")


def test_owners_plan_for_their_own_products_only(organisation: Organisation, owner: Person) -> None:
    portfolio = organisation.hire("portfolio@example.com", Role.PORTFOLIO_OWNER, [STOREFRONT])

    with pytest.raises(NotFoundError):
        run(organisation, LOANS, by=owner)
    with pytest.raises(ForbiddenError):
        run(organisation, by=portfolio)


def test_owners_plan_only_where_a_product_of_theirs_has_a_share(
    organisation: Organisation, owner: Person
) -> None:
    """Otherwise they would see the resources of any account, and take them."""
    share(organisation, LAB, (LOANS, 10_000))
    engineer = organisation.hire("cloud@example.com", Role.CLOUD_ENGINEER)
    refused = []
    for account in (LAB, SHARED, UNKNOWN):
        with pytest.raises(
            NotFoundError, match="ask a financial admin to split it, or a cloud"
        ) as no:
            run(organisation, account_id=account, by=owner)
        refused.append(no.value.detail.replace(account, "…"))

    # What is out of scope, what nobody has split and what there is not are all the same.
    assert len(set(refused)) == 1
    assert run(organisation, account_id=LAB, by=engineer).account_id == LAB
    share(organisation, SHARED, (LOANS, 9_999), (WEB_SHOP, 1))
    assert run(organisation, by=owner).account_id == SHARED


@pytest.mark.parametrize(
    "then, launch, may_plan",
    [
        ("2026-02-01", "2026-03", False),  # taken away before today
        ("2026-04-05", "2026-03", True),
        ("2026-04-05", "2026-05", True),  # in force today
    ],
)
def test_a_share_that_is_over_opens_no_account(
    organisation: Organisation, owner: Person, then: str, launch: str, may_plan: bool
) -> None:
    """The web shop has the account from January on, and *then* Loans."""
    before = share(organisation, SHARED, (WEB_SHOP, 10_000), start=date(2026, 1, 4))
    start = next(
        one.start for one in spend_periods(BillingPeriod(then[:7])) if str(one.start) >= then
    )
    split_anew(organisation, before, LOANS, start)

    if may_plan:
        assert run(organisation, by=owner, launch=launch).launch == launch
    else:
        with pytest.raises(NotFoundError):
            run(organisation, by=owner, launch=launch)


def test_a_share_from_the_launch_on_opens_the_account(
    organisation: Organisation, owner: Person
) -> None:
    """Loans has the account until the web shop gets it in May."""
    before = share(organisation, SHARED, (LOANS, 10_000))
    split_anew(organisation, before, WEB_SHOP, spend_periods(BillingPeriod("2026-05"))[0].start)

    for launch in ("2026-04", "2026-05", "2026-12"):
        assert run(organisation, name=launch, by=owner, launch=launch).launch == launch


def test_an_account_that_was_taken_away_is_not_won_back_by_another_plan(
    organisation: Organisation, owner: Person
) -> None:
    """The web shop's account is Loans' from February on, and the web shop's again from May on."""
    made = run(organisation)
    before = share(organisation, SHARED, (WEB_SHOP, 10_000), start=date(2026, 1, 4))
    gone = split_anew(organisation, before, LOANS, date(2026, 2, 1))

    with pytest.raises(NotFoundError, match="has a share of it today or later; ask a financial"):
        replan(organisation, made, owner, end="2027-12")
    assert replan(organisation, made, monthly=UNIT).monthly == UNIT
    split_anew(organisation, gone, WEB_SHOP, date(2026, 5, 3))
    newest = seen_workload(made.workload_id, by=owner, workloads=organisation.workloads)
    assert replan(organisation, newest, owner, end="2027-12").end == "2027-12"


def test_a_workload_ends_with_the_fiscal_year_after_next_at_the_latest(
    organisation: Organisation,
) -> None:
    made = run(organisation, end="2028-12")

    with pytest.raises(InvalidError, match="end in 2029-01; name 2028-12 or an earlier month"):
        run(organisation, name="for ever", end="2029-01")
    with pytest.raises(InvalidError, match="name 2028-12 or an earlier month"):
        replan(organisation, made, end="2029-01")
    assert replan(organisation, made, launch="2027-01", end="2029-12").end == "2029-12"


def test_a_plan_that_says_the_same_changes_nothing(organisation: Organisation) -> None:
    made = run(organisation, monthly=5 * UNIT)
    before = len(organisation.records)

    assert replan(organisation, made, monthly=5 * UNIT) == made
    assert len(organisation.records) == before


def test_months_that_are_not_named_stay_as_they_were_planned(organisation: Organisation) -> None:
    made = run(organisation, launch="2026-05", end="2026-09")

    after = replan(organisation, made, monthly=UNIT)

    assert (after.launch, after.end, after.monthly, after.version) == (
        *("2026-05", "2026-09"),
        *(UNIT, 2),
    )


def test_of_two_who_change_a_workload_the_second_is_told(organisation: Organisation) -> None:
    made = run(organisation)
    newest = replan(organisation, made, monthly=UNIT)

    with pytest.raises(ConflictError) as told:
        end(organisation, made)

    assert told.value.members["current"] == newest


def test_a_workload_ends_early_but_never_later(organisation: Organisation) -> None:
    made = run(organisation)

    ended = end(organisation, made)

    assert (ended.end, ended.version) == ("2026-03", 2)
    with pytest.raises(InvalidError, match="ends in 2026-03 already"):
        end(organisation, ended)
    with pytest.raises(InvalidError, match="launches in 2026-03"):
        end(organisation, ended, "2026-02")


# Seen ---------------------------------------------------------------------------------------------


def test_each_sees_the_workloads_of_their_scope(organisation: Organisation, owner: Person) -> None:
    run(organisation, WEB_SHOP, "a")
    run(organisation, SEARCH, "b", LAB)
    loans = run(organisation, LOANS, "c")
    workloads = organisation.workloads
    boss = admin(organisation)

    assert names(seen_workloads(by=owner, workloads=workloads)) == ["a"]
    assert names(seen_workloads(by=boss, workloads=workloads)) == ["c", "b", "a"]
    assert names(seen_workloads(by=boss, workloads=workloads, under=STOREFRONT)) == ["b", "a"]
    assert names(seen_workloads(by=boss, workloads=workloads, account_id=SHARED)) == ["c", "a"]
    assert seen_workload(loans.workload_id, by=boss, workloads=workloads) == loans
    for hidden in (loans.workload_id, "w-none"):
        with pytest.raises(NotFoundError, match=f"there is no workload {hidden} in your"):
            seen_workload(hidden, by=owner, workloads=workloads)


def test_a_workload_that_spends_more_than_its_estimate_says_so(organisation: Organisation) -> None:
    over = run(organisation, name="over", monthly=10 * UNIT)
    even = run(organisation, name="even", monthly=10 * UNIT)
    free = run(organisation, name="free")

    def told() -> list[tuple[int | None, tuple[WorkloadWarning, ...]]]:
        found = standings(
            [over, even, free],
            TODAY,
            claims=organisation.claims,
            spend=organisation.workload_spend,
        )
        return [(one.spent, one.warnings) for one in found]

    assert told() == [(None, ())] * 3
    organisation.workload_spend.months["2026-03"] = {
        over.workload_id: 10 * UNIT + 1,
        even.workload_id: 10 * UNIT,
    }
    assert told() == [
        (10 * UNIT + 1, (WorkloadWarning.ESTIMATE_EXCEEDED,)),
        (10 * UNIT, ()),
        (0, ()),
    ]


def test_a_workload_that_has_ended_and_still_claims_says_so(organisation: Organisation) -> None:
    made = run(organisation)
    take(organisation, made, "i-1")
    idle = run(organisation, name="idle")
    ended = [end(organisation, made), end(organisation, idle)]

    def told(months: int) -> list[tuple[WorkloadWarning, ...]]:
        found = standings(
            ended,
            (NOW + timedelta(days=31 * months)).date(),
            claims=organisation.claims,
            spend=organisation.workload_spend,
        )
        return [one.warnings for one in found]

    assert told(0) == [(), ()]
    assert told(1) == [(WorkloadWarning.ENDED_BUT_CLAIMING,), ()]


# Beside a budget ----------------------------------------------------------------------------------


def test_estimates_add_up_in_the_months_that_workloads_run(organisation: Organisation) -> None:
    run(organisation, name="a", launch="2026-03", end="2026-04", monthly=2 * UNIT)
    parts = (Component(name="compute", monthly=3 * UNIT), Component(name="disk", monthly=UNIT))
    run(organisation, name="b", launch="2026-04", end="2026-05", components=parts)
    run(organisation, name="c")
    run(organisation, SEARCH, "d", monthly=9 * UNIT)

    found = estimates(
        WEB_SHOP,
        ("2026-02", "2026-03", "2026-04", "2026-05", "2026-06"),
        workloads=organisation.workloads,
    )

    assert found == (None, 2 * UNIT, 6 * UNIT, 4 * UNIT, None)
