"""What a change of who pays makes of the rules, for who applies it and for who asks what if."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from finops.domain.allocations import Rules
from finops.domain.class_policies import ChargeClass, PolicyKind
from finops.domain.errors import FinOpsError, InvalidError, NotFoundError
from finops.domain.periods import Period
from finops.domain.rule_changes import (
    AddClaimRule,
    Change,
    ClaimResources,
    DecidePolicy,
    EndClaimRule,
    Ground,
    MapAccount,
    OrderClaimRules,
    ReleaseResources,
    applied,
)
from finops.domain.shares import AccountShares
from finops.domain.workloads import Workload

PAYER, ACCOUNT = "999988887777", "444455556666"
SHOP, SEARCH, OLD = (f"retail.digital.web.{name}" for name in ("shop", "search", "old"))
FIRST = date(2026, 9, 1)
AT = datetime(2026, 9, 20, 8, 0, tzinfo=UTC)
WORKLOAD = Workload(
    workload_id="w-1",
    product_id=SHOP,
    account_id=ACCOUNT,
    name="shop",
    launch="2026-09",
    end="2026-12",
)
YEAR = Period(date(2026, 1, 1), date(2027, 1, 1))
GROUND = Ground(
    by="ann@example.com",
    at=AT,
    open_from=date(2026, 8, 1),
    first_month=1,
    products={SHOP: (YEAR,), SEARCH: (YEAR,), OLD: (Period(YEAR.start, FIRST),)},
    workloads={"w-1": WORKLOAD, "w-old": WORKLOAD.model_copy(update={"product_id": OLD})},
    joined={},
    accounts=frozenset({ACCOUNT}),
    payers=frozenset({PAYER}),
)
SPLIT = MapAccount(account_id=ACCOUNT, shares=((SHOP, 10_000),), start=FIRST)
CLAIM = ClaimResources(workload_id="w-1", resources=("i-1", "i-2"), start=FIRST)
ADD = AddClaimRule(rule_id="web", workload_id="w-1", name="web-*", start=FIRST)
TAXES = DecidePolicy(
    payer=PAYER,
    charge_class=ChargeClass.TAX,
    policy=PolicyKind.TO_PRODUCT,
    product_id=SHOP,
    start="2026-09",
)
# Of each kind one, each upon those before it.
CHANGES: Sequence[Change] = (
    SPLIT,
    CLAIM,
    ReleaseResources(account_id=ACCOUNT, resources=("i-2",)),
    ADD,
    AddClaimRule(rule_id="logs", workload_id="w-1", name="logs-*", start=FIRST, before="web"),
    OrderClaimRules(rule_ids=("web", "logs")),
    EndClaimRule(rule_id="logs", end=date(2026, 10, 1)),
    TAXES,
)


def made(*changes: Change, rules: Rules = Rules()) -> Rules:  # noqa: B008  it is never changed
    return applied(changes, rules, GROUND)


def test_changes_are_made_one_upon_the_other() -> None:
    rules = made(*CHANGES)

    assert rules.shares[ACCOUNT].revisions[-1].shares == ((SHOP, 10_000),)
    kept, released = rules.claims[ACCOUNT].claims
    assert (kept.resource_id, kept.end) == ("i-1", None)
    assert (released.resource_id, released.end) == ("i-2", date(2026, 9, 21))
    assert [rule.rule_id for rule in rules.claim_rules.rules] == ["web", "logs"]
    assert rules.claim_rules.rules[1].end == date(2026, 10, 1)
    assert rules.policies[PAYER].policies[-1].product_id == SHOP


def test_what_there_was_stays_as_it_was() -> None:
    before = made(SPLIT)

    made(*CHANGES[1:], rules=before)

    assert before == made(SPLIT)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.kind)
def test_a_change_comes_back_from_json_as_it_was(change: Change) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(Change)

    assert adapter.validate_json(change.model_dump_json()) == change


def test_a_workloads_product_pays_by_its_claim_rules() -> None:
    [rule] = made(ADD).claim_rules.rules

    assert (rule.product_id, rule.workload_id) == (SHOP, "w-1")


def test_it_is_told_who_made_a_change_and_when() -> None:
    rules = made(SPLIT, CLAIM)

    revision = rules.shares[ACCOUNT].revisions[-1]
    assert (revision.set_by, revision.set_at) == (GROUND.by, AT)
    assert rules.claims[ACCOUNT].claims[0].claimed_by == GROUND.by


@pytest.mark.parametrize(
    "change, said",
    [
        (
            SPLIT.model_copy(update={"shares": (("a.b.c.d", 10_000),)}),
            "there is no product a.b.c.d",
        ),
        (SPLIT.model_copy(update={"shares": ((OLD, 10_000),)}), f"{OLD} has ended before"),
        (SPLIT.model_copy(update={"shares": ((SHOP, 9_999),)}), "99.99"),
        (CLAIM.model_copy(update={"workload_id": "w-old"}), f"{OLD} has ended before"),
        (
            CLAIM.model_copy(update={"workload_id": "w-old"}),
            "claim for a workload of a product that is alive",
        ),
        (CLAIM.model_copy(update={"start": date(2026, 7, 31)}), "2026-08-01"),
        (ADD.model_copy(update={"workload_id": "w-old"}), f"{OLD} has ended before"),
        (TAXES.model_copy(update={"product_id": "a.b.c.d"}), "there is no product a.b.c.d"),
        (TAXES.model_copy(update={"product_id": None}), "name the product"),
        (
            ADD.model_copy(update={"account_id": "1" * 12}),
            "nobody has seen an account 111111111111, so the rule would fit nothing",
        ),
        (TAXES.model_copy(update={"charge_class": ChargeClass.USAGE}), "a policy is for"),
    ],
)
def test_what_no_rule_may_be_is_refused_with_the_reason(change: Change, said: str) -> None:
    with pytest.raises(InvalidError, match=said.replace(".", r"\.")):
        made(change)


@pytest.mark.parametrize(
    "change",
    [
        CLAIM.model_copy(update={"workload_id": "w-none"}),
        ADD.model_copy(update={"workload_id": "w-none"}),
        ReleaseResources(account_id=ACCOUNT, resources=("i-1",)),
        EndClaimRule(rule_id="none", end=FIRST),
        SPLIT.model_copy(update={"account_id": "1" * 12}),
        TAXES.model_copy(update={"payer": "1" * 12}),
    ],
    ids=lambda change: change.kind,
)
def test_what_there_is_not_is_not_found(change: Change) -> None:
    with pytest.raises(NotFoundError):
        made(change)


def test_the_same_split_again_is_no_change() -> None:
    before = made(SPLIT)

    for again in (SPLIT, SPLIT.model_copy(update={"start": None})):
        assert again.after(before.shares[ACCOUNT], GROUND) is before.shares[ACCOUNT]


def test_a_start_that_no_split_may_have_is_refused_also_where_that_split_is_in_force() -> None:
    within = SPLIT.model_copy(update={"start": date(2026, 9, 15)})

    with pytest.raises(InvalidError, match="no spend period starts on 2026-09-15"):
        made(SPLIT, within)


def test_a_first_split_on_the_day_the_account_joined_is_the_same_when_it_is_sent_again() -> None:
    joined = date(2026, 9, 15)
    ground = GROUND._replace(joined={ACCOUNT: joined})
    change = SPLIT.model_copy(update={"start": joined})
    first = change.after(AccountShares(account_id=ACCOUNT), ground)

    assert first.revisions[0].start == joined
    assert change.after(first, ground) is first


def test_a_first_split_goes_on_into_the_years_in_which_its_products_do() -> None:
    """The shop lives in 2026 only, until the chart of the next year is there."""
    ground = GROUND._replace(at=datetime(2027, 1, 5, tzinfo=UTC))
    next_year = {**GROUND.products, SHOP: (Period(YEAR.start, date(2028, 1, 1)),)}
    change = SPLIT.model_copy(update={"start": None})
    nobodys = AccountShares(account_id=ACCOUNT)

    for products, starts in (
        (GROUND.products, [date(2026, 12, 1)]),
        (next_year, [date(2026, 12, 1), date(2027, 1, 1)]),
    ):
        after = change.after(nobodys, ground._replace(products=products))
        assert [one.start for one in after.revisions] == starts


def test_a_release_is_of_one_product() -> None:
    other = WORKLOAD.model_copy(update={"workload_id": "w-2", "product_id": SEARCH})
    ground = GROUND._replace(workloads={**GROUND.workloads, "w-2": other})
    claims = [
        ClaimResources(workload_id=name, resources=(resource,), start=FIRST)
        for name, resource in (("w-1", "i-1"), ("w-2", "i-2"))
    ]
    both = ReleaseResources(account_id=ACCOUNT, resources=("i-1", "i-2"))

    with pytest.raises(InvalidError, match=f"2 products .{SEARCH}, {SHOP}.; release those of one"):
        applied([*claims, both], Rules(), ground)


def test_a_change_in_the_middle_that_is_wrong_makes_none_of_them() -> None:
    before = made(SPLIT)
    with pytest.raises(FinOpsError):
        made(CLAIM, CLAIM, rules=before)

    assert before.claims == {}


@pytest.mark.parametrize(
    "told",
    [
        {"kind": "ClaimResources", "workload_id": "w-1", "resources": []},
        {"kind": "ClaimResources", "workload_id": "w-1", "resources": [""]},
        {"kind": "ClaimResources", "workload_id": "w-1", "resources": ["i"] * 10_001},
        {
            "kind": "AddClaimRule",
            "rule_id": "Not a slug",
            "workload_id": "w-1",
            "start": "2026-09-01",
        },
        {"kind": "NoSuchChange"},
    ],
)
def test_what_is_no_change_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Change).validate_python(told)


def test_a_change_is_told_as_the_routes_tell_it() -> None:
    parts = [{"product_id": "a.b.c.d", "basis_points": 10_000}]

    split = MapAccount.model_validate({"account_id": "444455556666", "shares": parts})
    policy = DecidePolicy.model_validate(
        {"payer_id": PAYER, "charge_class": "Tax", "policy": "InProportion", "start": "2026-09"}
    )

    assert split.shares == (("a.b.c.d", 10_000),)
    assert policy.payer == PAYER
    assert MapAccount.model_validate_json(split.model_dump_json()) == split
    assert DecidePolicy.model_validate_json(policy.model_dump_json()) == policy
