"""A snapshot holds the rules that can matter for some days, and nothing that cannot."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from finops.domain.allocations import Lives, Rules, allocate
from finops.domain.claim_rules import ClaimRule, ClaimRules
from finops.domain.claims import AccountClaims
from finops.domain.class_policies import ChargeClass, ClassPolicies, CostBasis, PolicyKind
from finops.domain.periods import Period
from finops.domain.rule_snapshots import Scene, Snapshot
from finops.domain.shares import AccountShares
from finops.domain.workloads import Workload
from tests.ledger.test_allocating import PAYERS, organisation

some = settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.generate])

PAYER, ACCOUNT, OTHER = "999988887777", "444455556666", "555566667777"
SHOP, SEARCH = "retail.digital.web.shop", "retail.digital.web.search"
AT = datetime(2026, 8, 15, 12, tzinfo=UTC)
SEPTEMBER = Period(date(2026, 9, 1), date(2026, 10, 1))
SCENE = Scene(PAYER, "2026-09", SEPTEMBER, frozenset({ACCOUNT}))
LIVES: Lives = {
    name: (Period(date(2026, 1, 1), date(2027, 1, 1)),)
    for name in (SHOP, SEARCH, "retail.digital.web.unused")
}
WORKLOAD = Workload(
    workload_id="w-1",
    product_id=SHOP,
    account_id=ACCOUNT,
    name="shop",
    launch="2026-08",
    end="2026-12",
)


def shares(account: str, product: str, start: date, before: AccountShares | None = None) -> Any:
    return (before or AccountShares(account_id=account)).mapped(
        [(product, 10_000)],
        start=start,
        open_from=date(2026, 1, 1),
        by="ann@example.com",
        at=AT,
    )


def rule(rule_id: str, start: date, **told: Any) -> ClaimRule:
    given: dict[str, Any] = {"workload_id": "w-1", "product_id": SHOP, "name": "i-*"}
    return ClaimRule(rule_id=rule_id, start=start, **given | told)


def policies(payer: str, start: str, product: str = SHOP) -> ClassPolicies:
    return ClassPolicies(payer=payer).decided(
        ChargeClass.TAX,
        PolicyKind.TO_PRODUCT,
        product_id=product,
        start=start,
        open_from="2026-01",
        by="ann@example.com",
        at=AT,
    )


def claims(account: str, *resources: str, start: date) -> AccountClaims:
    return AccountClaims(account_id=account).claimed(
        resources,
        WORKLOAD.model_copy(update={"account_id": account}),
        start=start,
        open_from=date(2026, 1, 1),
        by="ann@example.com",
        at=AT,
    )


FIRST = SEPTEMBER.start
RULES = Rules(
    shares={ACCOUNT: shares(ACCOUNT, SEARCH, FIRST)},
    claims={ACCOUNT: claims(ACCOUNT, "i-1", start=AT.date())},
    claim_rules=ClaimRules(rules=(rule("r-1", FIRST),)),
    policies={PAYER: policies(PAYER, "2026-09")},
)


@dataclass
class Case:
    """What becomes of RULES (or of the products), and whether it can matter in September."""

    name: str
    rules: Callable[[Rules], Rules]
    matters: bool

    def __str__(self) -> str:
        return self.name


# A bill that came after the close ------------------------------------------------------------------


def test_the_rules_of_a_closed_month_stay_whatever_has_changed_since() -> None:
    kept = Snapshot.of(RULES, LIVES, SCENE)
    split = shares(ACCOUNT, SHOP, FIRST)
    changed = RULES._replace(
        shares={ACCOUNT: split},
        claims={},
        claim_rules=ClaimRules(),
        policies={},
        basis=CostBasis.EFFECTIVE,
    )

    assert kept.beside(Snapshot.of(changed, {}, SCENE)) == kept


def test_the_order_in_which_claim_rules_were_tried_stays() -> None:
    one, two = rule("r-1", FIRST), rule("r-2", FIRST)
    kept = Snapshot.of(RULES._replace(claim_rules=ClaimRules(rules=(one, two))), LIVES, SCENE)
    turned = RULES._replace(claim_rules=ClaimRules(rules=(two, one)))

    assert kept.beside(Snapshot.of(turned, LIVES, SCENE)).claim_rules.rules == (one, two)


def test_an_account_that_the_bill_did_not_have_brings_its_rules_along() -> None:
    kept = Snapshot.of(RULES, {SEARCH: LIVES[SEARCH], SHOP: LIVES[SHOP]}, SCENE)
    unused = "retail.digital.web.unused"
    more = RULES._replace(
        shares={**RULES.shares, OTHER: shares(OTHER, unused, FIRST)},
        claims={**RULES.claims, OTHER: claims(OTHER, "j-1", start=AT.date())},
        claim_rules=ClaimRules(rules=(rule("r-2", FIRST, account_id=OTHER), rule("r-1", FIRST))),
    )
    with_other = SCENE._replace(accounts=frozenset({ACCOUNT, OTHER}))
    found = kept.beside(Snapshot.of(more, LIVES, with_other))

    assert [one.account_id for one in found.shares] == [ACCOUNT, OTHER]
    assert [one.account_id for one in found.claims] == [ACCOUNT, OTHER]
    assert [one.rule_id for one in found.claim_rules.rules] == ["r-1", "r-2"]
    assert unused in found.products


CASES = [
    Case(
        "shares of next month",
        lambda r: r._replace(
            shares={ACCOUNT: shares(ACCOUNT, SHOP, SEPTEMBER.end, r.shares[ACCOUNT])}
        ),
        False,
    ),
    Case(
        "shares from the month's last week on",
        lambda r: r._replace(
            shares={ACCOUNT: shares(ACCOUNT, SHOP, date(2026, 9, 27), r.shares[ACCOUNT])}
        ),
        True,
    ),
    Case(
        "shares of an account that is not on the bill",
        lambda r: r._replace(shares={**r.shares, OTHER: shares(OTHER, SHOP, FIRST)}),
        False,
    ),
    Case(
        "claims in an account that is not on the bill",
        lambda r: r._replace(claims={**r.claims, OTHER: claims(OTHER, "i-9", start=AT.date())}),
        False,
    ),
    Case(
        "another claim",
        lambda r: r._replace(claims={ACCOUNT: claims(ACCOUNT, "i-1", "i-2", start=AT.date())}),
        True,
    ),
    Case(
        "a claim rule of next month",
        lambda r: r._replace(
            claim_rules=ClaimRules(rules=(rule("r-1", FIRST), rule("r-2", SEPTEMBER.end)))
        ),
        False,
    ),
    Case(
        "a claim rule that ended the month before",
        lambda r: r._replace(
            claim_rules=ClaimRules(rules=(rule("r-0", AT.date(), end=FIRST), rule("r-1", FIRST)))
        ),
        False,
    ),
    Case(
        "a claim rule for another account",
        lambda r: r._replace(
            claim_rules=ClaimRules(rules=(rule("r-2", FIRST, account_id=OTHER), rule("r-1", FIRST)))
        ),
        False,
    ),
    Case(
        "a claim rule ahead of the others",
        lambda r: r._replace(
            claim_rules=ClaimRules(rules=(rule("r-2", FIRST), rule("r-1", FIRST)))
        ),
        True,
    ),
    Case(
        "the policies of another payer",
        lambda r: r._replace(policies={**r.policies, OTHER: policies(OTHER, "2026-09")}),
        False,
    ),
    Case(
        "a policy from this month on",
        lambda r: r._replace(policies={PAYER: policies(PAYER, "2026-09", SEARCH)}),
        True,
    ),
    Case("another basis", lambda r: r._replace(basis=CostBasis.EFFECTIVE), True),
    Case(
        "the version of an account's shares",
        lambda r: r._replace(shares={ACCOUNT: r.shares[ACCOUNT].changed(version=9, head="a hash")}),
        False,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_only_what_can_matter_makes_another_run(case: Case) -> None:
    before = Snapshot.of(RULES, LIVES, SCENE)
    after = Snapshot.of(case.rules(RULES), LIVES, SCENE)

    assert (before != after) is case.matters
    assert (before.run_id("load", 1) != after.run_id("load", 1)) is case.matters


def test_a_product_that_no_rule_names_makes_no_other_run() -> None:
    other = {**LIVES, "retail.digital.web.new": LIVES[SHOP]}

    assert Snapshot.of(RULES, LIVES, SCENE) == Snapshot.of(RULES, other, SCENE)


def test_a_product_that_ends_makes_another_run() -> None:
    other = {**LIVES, SHOP: (Period(date(2026, 1, 1), date(2026, 9, 10)),)}

    assert Snapshot.of(RULES, LIVES, SCENE) != Snapshot.of(RULES, other, SCENE)


def test_a_run_is_named_by_its_load_its_rules_and_its_engine() -> None:
    one = Snapshot.of(RULES, LIVES, SCENE)

    names = {one.run_id("load", 1), one.run_id("load", 2), one.run_id("other", 1)}
    assert len(names) == 3
    assert all(len(name) == 20 for name in names)


def test_the_order_of_accounts_makes_no_difference() -> None:
    scene = SCENE._replace(accounts=frozenset({ACCOUNT, OTHER}))
    both = {ACCOUNT: shares(ACCOUNT, SHOP, FIRST), OTHER: shares(OTHER, SHOP, FIRST)}
    found = [
        Snapshot.of(RULES._replace(shares=dict(some)), LIVES, scene)
        for some in (both.items(), reversed(both.items()))
    ]

    assert found[0].run_id("load", 1) == found[1].run_id("load", 1)


@some
@given(seed=st.integers(0, 10**9))
def test_a_snapshot_gives_what_all_the_rules_give_and_so_does_its_json(seed: int) -> None:
    of = organisation(Random(seed))
    payer, period = PAYERS[0], "2026-09"
    charges = [
        one
        for one in of.charges
        if (one.key.billing_account_id, one.key.billing_period) == (payer, period)
    ]
    if not charges:
        return
    rules = of.rules._replace(known_at=None)
    days = [one.key.charge_date for one in charges]
    scene = Scene(
        payer=payer,
        billing_period=period,
        days=Period(min(days), max(days) + timedelta(1)),
        accounts=frozenset(one.key.sub_account_id for one in charges if one.key.sub_account_id),
    )

    snapshot = Snapshot.of(rules, of.products, scene)
    again = Snapshot(**json.loads(json.dumps(snapshot.model_dump(mode="json"))))

    expected = allocate(charges, rules, of.products)
    assert again == snapshot
    assert allocate(charges, snapshot.rules, snapshot.products) == expected
    assert allocate(charges, again.rules, again.products) == expected
