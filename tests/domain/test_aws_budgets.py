"""AWS watches what it can watch exactly, and of the rest the reason is named."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.allocations import Rules
from finops.domain.aws_budgets import (
    CENT,
    Billing,
    Found,
    StepKind,
    Terms,
    Watch,
    budget_name,
    cents,
    steps,
    watches,
)
from finops.domain.claim_rules import ClaimRule, ClaimRules
from finops.domain.claims import AccountClaims, Claim
from finops.domain.class_policies import (
    ChargeClass,
    ClassPolicies,
    ClassPolicy,
    CostBasis,
    PolicyKind,
)
from finops.domain.periods import BillingPeriod, Period
from finops.domain.shares import AccountShares, Revision

some = settings(max_examples=60, deadline=None, derandomize=True)
AT = datetime(2026, 3, 1, tzinfo=UTC)
MARCH, YEAR = BillingPeriod("2026-03"), Period(date(2026, 1, 1), date(2027, 1, 1))
WEB, SEARCH = "retail.digital.storefront.web", "retail.digital.storefront.search"
LOANS = "bank.credit.lending.loans"
PAYER, OTHER_PAYER = "999900001111", "999900002222"
A, B, C = "111111111111", "222222222222", "333333333333"
UNIT = 10**10


def split(
    account: str, *shares: tuple[str, int], start: date = YEAR.start, end: date = YEAR.end
) -> AccountShares:
    revision = Revision(number=1, start=start, end=end, shares=shares, set_by="x", set_at=AT)
    return AccountShares(account_id=account, revisions=(revision,))


def whole(account: str, product: str) -> AccountShares:
    return split(account, (product, 10_000))


def by_account(*splits: AccountShares) -> dict[str, AccountShares]:
    return {one.account_id: one for one in splits}


SHARES = by_account(whole(A, WEB), whole(B, SEARCH), whole(C, LOANS))
LIVES = dict.fromkeys((WEB, SEARCH, LOANS), (YEAR,))
PAYERS = {account: {PAYER} for account in (A, B, C)}
SCHEDULES = {
    product: {f"2026-{month:02}": 100 * UNIT for month in range(3, 13)}
    for product in (WEB, SEARCH, LOANS)
}


def billing(**changed: Any) -> Billing:
    rules = Rules(shares=changed.pop("shares", SHARES))
    rules = rules._replace(**changed.pop("rules", {}))
    return Billing(**({"month": MARCH, "rules": rules, "lives": LIVES, "payers": PAYERS} | changed))


def terms(**changed: Any) -> Terms:
    usual = {"payers": (PAYER,), "currency": "USD", "levels": (8_000, 10_000), "address": "a@b.cd"}
    return Terms(**(usual | changed))


def made(
    schedules: Mapping[str, Mapping[str, int]] = SCHEDULES,
    ground: Billing | None = None,
    common: Terms | None = None,
) -> tuple[dict[str, Watch], dict[str, str]]:
    watched, unwatched = watches(schedules, ground or billing(), common or terms())
    return (
        {one.element: one for one in watched},
        {one.element: one.reason for one in unwatched},
    )


def test_each_element_whose_accounts_are_wholly_its_own_is_watched() -> None:
    watched, unwatched = made()

    assert unwatched == {}
    assert {element: one.accounts for element, one in watched.items()} == {
        "": (),
        "retail": (A, B),
        "retail.digital": (A, B),
        "retail.digital.storefront": (A, B),
        WEB: (A,),
        SEARCH: (B,),
        "bank": (C,),
        "bank.credit": (C,),
        "bank.credit.lending": (C,),
        LOANS: (C,),
    }
    assert watched[""].limits[0] == ("2026-03", 300 * UNIT)
    assert watched["retail"].limits[0] == ("2026-03", 200 * UNIT)
    assert (watched[WEB].levels, watched[WEB].address) == ((8_000, 10_000), "a@b.cd")


def test_a_schedule_is_watched_from_the_running_month_to_the_end_of_what_is_approved() -> None:
    [web] = [one for one in made()[0].values() if one.element == WEB]

    assert [month for month, _ in web.limits] == [f"2026-{month:02}" for month in range(3, 13)]
    assert web.end == date(2027, 1, 1)


def test_twelve_months_are_all_that_aws_takes_and_then_there_is_no_end() -> None:
    months = {str(BillingPeriod(f"{2026 + n // 12}-{n % 12 + 1:02}")): UNIT for n in range(2, 20)}

    web = made({WEB: months})[0][WEB]

    assert (len(web.limits), web.limits[-1][0], web.end) == (12, "2027-02", None)


def test_a_gap_in_what_is_approved_ends_it_and_what_is_over_or_far_ahead_is_none() -> None:
    assert [month for month, _ in made({WEB: {"2026-03": 1, "2026-05": 1}})[0][WEB].limits] == [
        "2026-03"
    ]
    assert made({WEB: {"2026-02": 1, "2026-04": 1}}) == ({}, {})


def test_products_without_a_schedule_have_no_budget_and_those_above_the_sum_of_the_others() -> None:
    watched, _ = made({WEB: {"2026-03": 5 * UNIT}})

    assert sorted(watched) == ["", "retail", "retail.digital", "retail.digital.storefront", WEB]
    assert watched["retail"].limits == (("2026-03", 5 * UNIT),)
    assert watched["retail"].accounts == (A, B), "what search spends counts all the same"


def test_of_more_levels_than_aws_takes_it_has_the_highest() -> None:
    levels = tuple(range(1_000, 13_000, 1_000))

    assert made(common=terms(levels=levels))[0][WEB].levels == levels[2:]
    assert made(common=terms(levels=()))[0][WEB].levels == ()


def claim(account: str, product: str, start: date, end: date | None = None) -> AccountClaims:
    one = Claim(
        account_id=account,
        resource_id="i-1",
        workload_id="w-1",
        product_id=product,
        start=start,
        end=end,
        claimed_by="x",
        claimed_at=AT,
    )
    return AccountClaims(account_id=account, claims=(one,))


def rule(product: str, account: str | None, start: date = YEAR.start) -> ClaimRules:
    one = ClaimRule(
        rule_id="r-1",
        workload_id="w-1",
        product_id=product,
        account_id=account,
        service="AmazonS3",
        start=start,
    )
    return ClaimRules(rules=(one,))


def policies(
    kind: PolicyKind, product: str | None = None, of: ChargeClass = ChargeClass.SUPPORT
) -> dict[str, ClassPolicies]:
    one = ClassPolicy(
        number=1,
        payer=PAYER,
        charge_class=of,
        kind=kind,
        product_id=product,
        start="2026-01",
        set_by="x",
        set_at=AT,
    )
    return {PAYER: ClassPolicies(payer=PAYER, policies=(one,))}


SHARED = by_account(split(A, (SEARCH, 4_000), (WEB, 6_000)), whole(C, LOANS))
ACROSS = by_account(split(A, (LOANS, 1), (WEB, 9_999)), whole(B, SEARCH), whole(C, LOANS))
LATE = by_account(split(A, (WEB, 10_000), start=date(2026, 3, 2)), whole(B, SEARCH))
IN_MARCH, IN_APRIL = date(2026, 3, 31), date(2026, 4, 1)


@pytest.mark.parametrize(
    "ground, element, reason",
    [
        (billing(shares=SHARED), WEB, f"{SEARCH} pays for some of account {A} in 2026-03"),
        (billing(shares=ACROSS), "retail", f"{LOANS} pays for some of account {A} in 2026-03"),
        (billing(shares=ACROSS), "bank", f"{WEB} pays for some of account {A} in 2026-03"),
        (billing(shares=LATE), WEB, f"nobody owns all of account {A} in 2026-03"),
        (billing(shares=by_account(whole(A, WEB))), SEARCH, "no account is split to it in 2026-03"),
        (
            billing(rules={"claims": {A: claim(A, LOANS, IN_MARCH)}}),
            WEB,
            f"{LOANS} pays for some of account {A} in 2026-03",
        ),
        (
            billing(rules={"claims": {A: claim(A, LOANS, IN_MARCH)}}),
            LOANS,
            f"{WEB} pays for some of account {A} in 2026-03",
        ),
        (
            billing(rules={"claim_rules": rule(LOANS, None)}),
            WEB,
            f"{LOANS} pays for some of account {A} in 2026-03",
        ),
        (
            billing(rules={"claim_rules": rule(SEARCH, C)}),
            "retail",
            f"{LOANS} pays for some of account {C} in 2026-03",
        ),
        (
            billing(rules={"policies": policies(PolicyKind.IN_PROPORTION)}),
            WEB,
            f"Support of {PAYER} goes by another policy than the accounts' shares",
        ),
        (
            billing(
                rules={"policies": policies(PolicyKind.TO_PRODUCT, WEB)},
                payers=PAYERS | {A: {OTHER_PAYER}},
            ),
            WEB,
            f"Support of {PAYER} goes to {WEB}",
        ),
        (
            billing(lives=LIVES | {WEB: (Period(date(2026, 3, 2), YEAR.end),)}),
            WEB,
            f"{WEB} does not live all of 2026-03",
        ),
        (
            billing(payers=PAYERS | {A: {PAYER, OTHER_PAYER}}),
            WEB,
            f"accounts are billed to {PAYER} and {OTHER_PAYER}; a budget is of one payer",
        ),
        (
            billing(payers=PAYERS | {B: {OTHER_PAYER}}),
            "",
            f"accounts are billed to {PAYER} and {OTHER_PAYER}; a budget is of one payer",
        ),
        (billing(payers={B: {PAYER}}), WEB, f"nobody knows who is billed for account {A}"),
        (
            billing(payers={key: {"555555555555"} for key in (A, B, C)}),
            WEB,
            "accounts are billed to 555555555555, which is none of the payers of this deployment",
        ),
        (
            billing(
                shares=by_account(whole("projects/web", WEB)), payers={"projects/web": {PAYER}}
            ),
            WEB,
            "account projects/web is not at AWS",
        ),
    ],
)
def test_an_element_that_aws_cannot_watch_exactly_is_named_with_the_reason(
    ground: Billing, element: str, reason: str
) -> None:
    watched, unwatched = made(ground=ground, common=terms(payers=(PAYER, OTHER_PAYER)))

    assert unwatched[element] == reason
    assert element not in watched


@pytest.mark.parametrize(
    "ground",
    [
        billing(rules={"claims": {A: claim(A, LOANS, IN_APRIL)}}),
        billing(rules={"claims": {A: claim(A, LOANS, YEAR.start, MARCH.start)}}),
        billing(rules={"claims": {A: claim(A, LOANS, IN_MARCH, IN_MARCH)}}),
        billing(rules={"claims": {A: claim(A, WEB, IN_MARCH)}}),
        billing(rules={"claim_rules": rule(LOANS, None, IN_APRIL)}),
        billing(rules={"policies": policies(PolicyKind.FOLLOW_SHARES)}),
        billing(
            rules={"policies": policies(PolicyKind.IN_PROPORTION, of=ChargeClass.UNUSED_COMMITMENT)}
        ),
    ],
)
def test_what_changes_nothing_in_the_month_keeps_no_element_from_being_watched(
    ground: Billing,
) -> None:
    watched, unwatched = made(ground=ground)

    assert unwatched == {}
    assert len(watched) == 10


def test_the_accounts_of_two_products_may_be_watched_for_what_is_above_both() -> None:
    watched, unwatched = made(ground=billing(shares=SHARED))

    assert watched["retail.digital.storefront"].accounts == (A,)
    assert sorted(unwatched) == [SEARCH, WEB]


def test_unused_commitment_moves_money_only_where_effective_cost_is_handed_out() -> None:
    moved = policies(PolicyKind.IN_PROPORTION, of=ChargeClass.UNUSED_COMMITMENT)
    ground = billing(rules={"policies": moved, "basis": CostBasis.EFFECTIVE})

    watched, unwatched = made(ground=ground)

    assert sorted(watched) == [""]
    assert watched[""].is_amortized
    assert "UnusedCommitment of" in unwatched[WEB]


def test_plans_in_another_currency_are_not_watched_at_all() -> None:
    watched, unwatched = made(common=terms(currency="EUR"))

    assert watched == {}
    assert set(unwatched.values()) == {"plans are made in EUR, and budgets at AWS in USD"}


def test_a_name_is_taken_by_aws_however_long_the_element_is() -> None:
    long = ".".join(["a-very-long-name-of-a-part-of-the-organisation"] * 4)
    names = {budget_name(long), budget_name(f"{long[:-1]}m"), budget_name("retail.enterprise")}

    assert len(names) == 3
    assert all(len(name) <= 100 and ":" not in name and "." not in name for name in names)
    assert all(name.startswith("finops-center/") for name in names)


@some
@given(st.integers(min_value=0, max_value=10**17))
def test_a_limit_is_the_nearest_cent_and_one_at_least(ticks: int) -> None:
    limit = cents(ticks)

    assert limit % CENT == 0
    assert limit == CENT or abs(limit - ticks) <= CENT // 2


# In step ------------------------------------------------------------------------------------------


def found_as(watch: Watch, **changed: Any) -> Found:
    usual = {
        "name": watch.name,
        "start": MARCH.start,
        "end": watch.end,
        "accounts": watch.accounts,
        "limits": watch.limits,
        "is_amortized": watch.is_amortized,
        "has_our_terms": True,
        "levels": watch.levels,
    }
    return Found(**(usual | changed))


WATCHED = made()[0]


def test_what_is_as_it_should_be_is_left_alone() -> None:
    there = [found_as(one) for one in WATCHED.values()]

    assert steps(WATCHED.values(), {PAYER: there}, MARCH) == []


def test_what_is_missing_is_made_and_what_should_not_be_there_goes_first() -> None:
    stale = found_as(WATCHED[WEB], name="finops-center/gone")
    there = [stale, *(found_as(one) for one in WATCHED.values() if one.element != WEB)]

    told = steps(WATCHED.values(), {PAYER: there}, MARCH)

    assert [(one.kind, one.name) for one in told] == [
        (StepKind.DELETE, "finops-center/gone"),
        (StepKind.CREATE, budget_name(WEB)),
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"limits": ((("2026-03"), UNIT),)},
        {"accounts": (A, C)},
        {"accounts": ()},
        {"end": None},
        {"is_amortized": True},
        {"has_our_terms": False},
        {"levels": (8_000,)},
        {"addresses": ("somebody@else.com",)},
        {"addresses": ("a@b.cd", "somebody@else.com")},
    ],
)
def test_whatever_differs_is_changed(changed: dict[str, Any]) -> None:
    there = found_as(WATCHED[WEB], **changed)

    [step] = steps([WATCHED[WEB]], {PAYER: [there]}, MARCH)

    assert (step.kind, step.wanted, step.found) == (StepKind.CHANGE, WATCHED[WEB], there)


def test_limits_of_months_that_are_over_make_no_difference() -> None:
    before = found_as(WATCHED[WEB], limits=(("2026-02", UNIT), *WATCHED[WEB].limits))

    assert steps([WATCHED[WEB]], {PAYER: [before]}, MARCH) == []


def test_a_payer_that_nobody_could_look_at_is_left_alone() -> None:
    assert steps(WATCHED.values(), {}, MARCH) == []
    assert steps(WATCHED.values(), {OTHER_PAYER: []}, MARCH) == []


@some
@given(st.sets(st.sampled_from(sorted(WATCHED))), st.sets(st.sampled_from(sorted(WATCHED))))
def test_after_all_steps_nothing_is_left_to_do(wanted: set[str], there: set[str]) -> None:
    want = [WATCHED[element] for element in sorted(wanted)]
    kept = {budget_name(element): found_as(WATCHED[element], end=None) for element in there}
    for step in steps(want, {PAYER: list(kept.values())}, MARCH):
        kept.pop(step.name, None)
        if step.wanted is not None:
            kept[step.name] = found_as(step.wanted)

    assert steps(want, {PAYER: list(kept.values())}, MARCH) == []
    assert set(kept) == {one.name for one in want}
