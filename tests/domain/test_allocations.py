"""Every charge goes to its owners: traps 3, 7, 8, 10, 11, 12, 17 and 18, added up by hand."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from finops.domain.allocations import (
    Bill,
    Lives,
    Part,
    PartKind,
    Reason,
    Rules,
    added,
    allocate,
    lives,
    missing,
    spend_of,
)
from finops.domain.charges import Charge, Key, LineItem, charges
from finops.domain.charts import Chart, Product, Step
from finops.domain.claim_rules import ClaimRule, ClaimRules, TagPattern
from finops.domain.claims import AccountClaims
from finops.domain.class_policies import ChargeClass, ClassPolicies, CostBasis, PolicyKind
from finops.domain.money import TICKS_PER_UNIT, to_ticks
from finops.domain.periods import Period
from finops.domain.shares import AccountShares
from finops.domain.workloads import Workload
from tests import traps
from tests.ledger.bill_files import PAYER, WEB, line, tagged

UNIT = TICKS_PER_UNIT
ANN, BOB = "ann@example.com", "bob@example.com"
YEARS = (Period(date(2025, 1, 1), date(2028, 1, 1)),)
ALIVE: Lives = {f"P{n}": YEARS for n in range(1, 6)}
RESOURCE = "i-1"


class Trap(NamedTuple):
    """Some charges, who pays, and what each product then pays in ticks; None: nobody."""

    charges: list[Charge]
    rules: Rules
    products: Lives
    expected: dict[str | None, int]


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def bill(*lines: LineItem) -> list[Charge]:
    """The ledger of *lines*, payer by payer."""
    payers = sorted({one.billing_account_id for one in lines})
    return [
        charge
        for payer in payers
        for charge in charges(one for one in lines if one.billing_account_id == payer)
    ]


def shares(
    account: str = WEB,
    *splits: tuple[date, Mapping[str, int]],
    known: Mapping[date, datetime] | None = None,
) -> AccountShares:
    """An account that is split so from each of the days on; the first one goes a year back."""
    of = AccountShares(account_id=account)
    for start, split in splits:
        told = (known or {}).get(start, noon(start))
        of = of.mapped(
            split.items(),
            start=start if of.revisions else None,
            open_from=start if not of.revisions else date(2025, 1, 1),
            joined=None if of.revisions else start,
            by=ANN,
            at=told,
        )
    return of


def workload(product: str, account: str = WEB) -> Workload:
    return Workload(
        workload_id=f"w-{product}",
        product_id=product,
        account_id=account,
        name=f"Workload of {product}",
        launch="2025-01",
        end="2027-12",
    )


def claims(
    product: str, resource: str = RESOURCE, *, on: date, account: str = WEB
) -> AccountClaims:
    return AccountClaims(account_id=account).claimed(
        [resource], workload(product, account), open_from=date(2025, 1, 1), by=BOB, at=noon(on)
    )


def by_product(parts: list[Part]) -> dict[str | None, int]:
    sums: defaultdict[str | None, int] = defaultdict(int)
    for part in parts:
        sums[part.product_id] += part.amount
    return dict(sums)


def total(parts: list[Part]) -> int:
    return sum(part.amount for part in parts)


# -- trap 7: November 2025 --------------------------------------------------------------------

FIRST, NINTH = date(2025, 11, 1), date(2025, 11, 9)
SPLIT = {"P1": 6_000, "P2": 4_000}


def november() -> list[Charge]:
    """10.00 a day, 2.00 of it for one resource."""
    days = [
        {
            "charge_date": FIRST + timedelta(n),
            "billing_period": "2025-11",
            "billing_account_id": PAYER,
        }
        for n in range(30)
    ]
    rest: list[LineItem] = [line("8", **day) for day in days]
    return bill(*rest, *(line("2", resource_id=RESOURCE, **day) for day in days))


def from_the_ninth() -> Trap:
    rules = Rules(
        shares={WEB: shares(WEB, (FIRST, {"P1": 10_000}), (NINTH, SPLIT))},
        claims={WEB: claims("P3", on=date(2025, 11, 15))},
    )
    return Trap(november(), rules, ALIVE, {"P1": 194 * UNIT, "P2": 76 * UNIT, "P3": 30 * UNIT})


def back_dated() -> Trap:
    of = from_the_ninth()
    back = of.rules.shares[WEB].mapped(
        SPLIT.items(),
        start=FIRST,
        open_from=FIRST,
        by=ANN,
        at=noon(date(2025, 11, 25)),
    )
    rules = of.rules._replace(shares={WEB: back})
    return Trap(of.charges, rules, ALIVE, {"P1": 162 * UNIT, "P2": 108 * UNIT, "P3": 30 * UNIT})


def released() -> Trap:
    of = from_the_ninth()
    free = of.rules.claims[WEB].released([RESOURCE], by=BOB, at=noon(date(2025, 11, 20)))
    rules = of.rules._replace(claims={WEB: free})
    return Trap(of.charges, rules, ALIVE, {"P1": 206 * UNIT, "P2": 84 * UNIT, "P3": 10 * UNIT})


def as_known_before() -> Trap:
    """The back-dated split and the release, asked for as it was known before both."""
    rules = back_dated().rules._replace(
        claims=released().rules.claims, known_at=noon(date(2025, 11, 19))
    )
    return from_the_ninth()._replace(rules=rules)


# -- trap 8: unmapped money -------------------------------------------------------------------

SEPTEMBER = date(2026, 9, 1)


def unmapped() -> Trap:
    """1.00 each of: an account that is mapped, three that are not, one whose product was deleted,
    one whose product has ended, one that joined on the last day, and no account at all."""
    of = (WEB, "1", "2", "3", "deleted", "ended", None)
    lines = [line("1", sub_account_id=account) for account in of]
    late = line("1", sub_account_id="late", charge_date=date(2026, 9, 30))
    ended = {**ALIVE, "P2": (Period(date(2025, 1, 1), SEPTEMBER),)}
    mapped = {
        account: shares(account, (start, split))
        for account, start, split in (
            (WEB, SEPTEMBER, {"P1": 10_000}),
            ("deleted", SEPTEMBER, {"P9": 10_000}),
            ("ended", SEPTEMBER, {"P1": 5_000, "P2": 5_000}),
            ("late", date(2026, 9, 30), {"P3": 10_000}),
        )
    }
    expected = {"P1": 15 * UNIT // 10, "P3": 1 * UNIT, None: 55 * UNIT // 10}
    return Trap(bill(*lines, late), Rules(shares=mapped), ended, expected)


# -- trap 10: charges without resource, region or account -------------------------------------


def policies(*told: tuple[ChargeClass, PolicyKind, str | None], payer: str = PAYER) -> Any:
    of = ClassPolicies(payer=payer)
    for name, kind, product in told:
        of = of.decided(
            name,
            kind,
            product_id=product,
            start="2026-09",
            open_from="2026-09",
            by=ANN,
            at=noon(SEPTEMBER),
        )
    return {payer: of}


def mapped(**products: str) -> dict[str, AccountShares]:
    return {account: shares(account, (SEPTEMBER, {p: 10_000})) for account, p in products.items()}


def classes() -> Trap:
    """Of the payer's 12.00 of support and the member's 10.00, all goes to P3; tax of 15.00 and 6.00
    (of no account) by spend, all of which is P1's; Marketplace 500.00 to P4; the rest is P1's."""
    rules = Rules(
        shares=mapped(**{WEB: "P1", PAYER: "P2"}),
        policies=policies(
            (ChargeClass.SUPPORT, PolicyKind.TO_PRODUCT, "P3"),
            (ChargeClass.TAX, PolicyKind.IN_PROPORTION, None),
            (ChargeClass.MARKETPLACE, PolicyKind.TO_PRODUCT, "P4"),
        ),
    )
    # 100.00 and 2.50 of usage and a commitment's fee of 36.00, and 21.00 of tax
    own = to_ticks(Decimal("138.50")) + 21 * UNIT
    expected: dict[str | None, int] = {"P1": own, "P3": 22 * UNIT, "P4": 500 * UNIT}
    return Trap(bill(*traps.classes()), rules, ALIVE, expected)


# -- trap 11: who gets the commitment ---------------------------------------------------------

PLAN = "arn:aws:savingsplans::111122223333:savingsplan/7"


def plan(basis: CostBasis, *told: tuple[ChargeClass, PolicyKind, str | None]) -> Trap:
    """A plan of 100.00, bought in A (P1); B (P2) uses 70.00 of it, C (P3) 20.00, nobody 10.00."""
    covered = [
        line(
            cost,
            line_item_type="SavingsPlanCoveredUsage",
            sub_account_id=account,
            covered_cost=Decimal(effective),
            commitment_discount_id=PLAN,
        )
        for account, cost, effective in (("B", "105", "70"), ("C", "30", "20"))
    ]
    negations = [
        line(cost, line_item_type="SavingsPlanNegation", sub_account_id=account)
        for account, cost in (("B", "-105"), ("C", "-30"))
    ]
    fee = line(
        "100",
        line_item_type="SavingsPlanRecurringFee",
        service_code="ComputeSavingsPlans",
        sub_account_id="A",
        commitment=Decimal(100),
        used_commitment=Decimal(90),
        commitment_discount_id=PLAN,
    )
    rules = Rules(shares=mapped(A="P1", B="P2", C="P3"), policies=policies(*told), basis=basis)
    return Trap(bill(*covered, *negations, fee), rules, ALIVE, {})


def owner_pays() -> Trap:
    return plan(CostBasis.BILLED)._replace(expected={"P1": 100 * UNIT})


def beneficiaries_pay() -> Trap:
    expected: dict[str | None, int] = {"P1": 10 * UNIT, "P2": 70 * UNIT, "P3": 20 * UNIT}
    return plan(CostBasis.EFFECTIVE)._replace(expected=expected)


def unused_is_spread_by_use() -> Trap:
    """10.00 in the ratio 70 : 20, to the tick."""
    of = plan(CostBasis.EFFECTIVE, (ChargeClass.UNUSED_COMMITMENT, PolicyKind.IN_PROPORTION, None))
    return of._replace(expected={"P2": 777_777_777_778, "P3": 222_222_222_222})


# -- traps 3, 12, 17 and 18 -------------------------------------------------------------------


def containers() -> Trap:
    """An instance of 10.00 is P1's, one of its pods P2's: a pod by itself costs nothing."""
    instance, *pods = traps.containers()
    of = claims("P1", on=date(2026, 8, 31)).claimed(
        [pods[0].resource_id or ""],
        workload("P2"),
        open_from=SEPTEMBER,
        by=BOB,
        at=noon(date(2026, 8, 31)),
    )
    return Trap(bill(instance, *pods), Rules(claims={WEB: of}), ALIVE, {"P1": 10 * UNIT})


def moved_account() -> Trap:
    """1.00 a day in the bills of two payers, the account's shares the same."""
    before, after = traps.moved_account()
    rules = Rules(shares=mapped(**{WEB: "P1"}))
    return Trap(bill(*before, *after), rules, ALIVE, {"P1": 30 * UNIT})


def two_currencies() -> Trap:
    """Tax of 6.00 dollars by the dollars spent, of 9 yuan by the yuan."""
    lines = [
        line("10", sub_account_id="A"),
        line("20", sub_account_id="B"),
        line("10", sub_account_id="C", billing_currency="CNY"),
        line("6", sub_account_id=None, line_item_type="Tax"),
        line("9", sub_account_id=None, line_item_type="Tax", billing_currency="CNY"),
    ]
    rules = Rules(
        shares=mapped(A="P1", B="P2", C="P3"),
        policies=policies((ChargeClass.TAX, PolicyKind.IN_PROPORTION, None)),
    )
    return Trap(bill(*lines), rules, ALIVE, {"P1": 12 * UNIT, "P2": 24 * UNIT, "P3": 19 * UNIT})


def nobody_above_zero() -> Trap:
    """A refund is all there is: tax of 3.00 goes by the shares of its own account."""
    lines = [
        line("-5", line_item_type="Refund", sub_account_id="A"),
        line("3", line_item_type="Tax", sub_account_id="B"),
        line("1", line_item_type="Tax", sub_account_id=None),
    ]
    rules = Rules(
        shares=mapped(A="P1", B="P2"),
        policies=policies((ChargeClass.TAX, PolicyKind.IN_PROPORTION, None)),
    )
    return Trap(bill(*lines), rules, ALIVE, {"P1": -5 * UNIT, "P2": 3 * UNIT, None: UNIT})


def one_below_zero() -> Trap:
    """P1 got 5.00 back and takes no tax; P2 and P3 take 2.00 of 3.00 and 1.00."""
    lines = [
        line("-5", line_item_type="Refund", sub_account_id="A"),
        line("20", sub_account_id="B"),
        line("10", sub_account_id="C"),
        line("3", line_item_type="Tax", sub_account_id="A"),
    ]
    rules = Rules(
        shares=mapped(A="P1", B="P2", C="P3"),
        policies=policies((ChargeClass.TAX, PolicyKind.IN_PROPORTION, None)),
    )
    return Trap(bill(*lines), rules, ALIVE, {"P1": -5 * UNIT, "P2": 22 * UNIT, "P3": 11 * UNIT})


TRAPS: Mapping[str, Callable[[], Trap]] = {
    "7: a split from the 9th": from_the_ninth,
    "7: back-dated to the 1st": back_dated,
    "7: released on the 20th": released,
    "7: as known on the 19th": as_known_before,
    "8: unmapped accounts": unmapped,
    "10: classes of charges": classes,
    "11: the owner pays": owner_pays,
    "11: the beneficiaries pay": beneficiaries_pay,
    "11: the unused part by use": unused_is_spread_by_use,
    "3: a pod and its instance": containers,
    "12: a moved account": moved_account,
    "17: two currencies": two_currencies,
    "18: nobody above zero": nobody_above_zero,
    "18: one below zero": one_below_zero,
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_is_allocated_as_added_up_by_hand(trap: str) -> None:
    of = TRAPS[trap]()

    assert by_product(allocate(of.charges, of.rules, of.products)) == of.expected


@pytest.mark.parametrize("trap", TRAPS)
def test_the_parts_of_a_trap_add_up_to_each_invoice_account_and_day(trap: str) -> None:
    of = TRAPS[trap]()
    sums: defaultdict[Any, int] = defaultdict(int)
    for charge in of.charges:
        key = charge.key
        cell = key.billing_account_id, key.invoice_id, key.sub_account_id, key.charge_date
        sums[cell] += getattr(charge, of.rules.basis.column)
    for part in allocate(of.charges, of.rules, of.products):
        sums[part.payer, part.invoice_id, part.account, part.day] -= part.amount

    assert not any(sums.values())


# -- what a part says -------------------------------------------------------------------------


def only(parts: list[Part]) -> Part:
    (part,) = parts
    return part


def test_a_share_says_the_revision_and_the_basis_points() -> None:
    rules = Rules(shares={WEB: shares(WEB, (SEPTEMBER, {"P1": 10_000}), (SEPTEMBER, SPLIT))})

    first, second = allocate(bill(line("1", invoice_id="INV-1")), rules, ALIVE)

    assert (first.kind, first.product_id, first.rule) == (PartKind.SHARE, "P1", "2")
    assert (first.basis_points, first.amount) == (6_000, 6 * UNIT // 10)
    assert (second.product_id, second.basis_points, second.amount) == ("P2", 4_000, 4 * UNIT // 10)
    assert first.group == second.group
    assert (first.group.account, first.group.invoice_id) == (WEB, "INV-1")


def test_a_claim_says_its_workload_and_a_rule_its_id() -> None:
    rule = ClaimRule(
        rule_id="r1", workload_id="w9", product_id="P2", service="AmazonS3", start=SEPTEMBER
    )
    rules = Rules(
        claims={WEB: claims("P1", on=date(2026, 8, 31))}, claim_rules=ClaimRules(rules=(rule,))
    )
    lines = [
        line("1", resource_id=RESOURCE, service_code="AmazonS3"),
        line("2", resource_id="logs", service_code="AmazonS3"),
    ]

    claimed, ruled = allocate(bill(*lines), rules, ALIVE)

    assert (claimed.kind, claimed.workload_id, claimed.rule) == (PartKind.CLAIM, "w-P1", None)
    assert (ruled.kind, ruled.workload_id, ruled.rule) == (PartKind.RULE, "w9", "r1")
    assert (claimed.amount, ruled.amount) == (1 * UNIT, 2 * UNIT)


def test_a_policy_says_its_number() -> None:
    told = (
        (ChargeClass.SUPPORT, PolicyKind.IN_PROPORTION, None),
        (
            ChargeClass.SUPPORT,
            PolicyKind.TO_PRODUCT,
            "P5",
        ),
    )
    support = line("1", service_code="AWSSupportBusiness", line_item_type="Fee")

    part = only(allocate(bill(support), Rules(policies=policies(*told)), ALIVE))

    assert (part.kind, part.product_id, part.rule) == (PartKind.POLICY, "P5", "2")
    assert part.charge_class is ChargeClass.SUPPORT


@pytest.mark.parametrize(
    "account, product, reason, meant_for",
    [
        (None, "P1", Reason.NO_ACCOUNT, None),
        ("elsewhere", "P1", Reason.NO_SHARE, None),
        (WEB, "P9", Reason.NO_PRODUCT, "P9"),
        (WEB, "ended", Reason.ENDED, "ended"),
        (WEB, "to come", Reason.NOT_STARTED, "to come"),
    ],
)
def test_what_nobody_owns_says_why_and_whose_it_would_be(
    account: str | None, product: str, reason: Reason, meant_for: str | None
) -> None:
    products = {
        **ALIVE,
        "ended": (Period(date(2025, 1, 1), SEPTEMBER),),
        "to come": (Period(date(2026, 10, 1), date(2027, 1, 1)),),
    }
    rules = Rules(shares={WEB: shares(WEB, (SEPTEMBER, {product: 10_000}))})

    part = only(allocate(bill(line("1", sub_account_id=account)), rules, products))

    assert (part.kind, part.product_id) == (PartKind.UNALLOCATED, None)
    assert (part.reason, part.meant_for) == (reason, meant_for)


def test_a_claim_of_an_ended_product_is_nobodys_and_falls_not_back_on_the_shares() -> None:
    rules = Rules(shares=mapped(**{WEB: "P1"}), claims={WEB: claims("P2", on=date(2026, 8, 31))})
    ended = {**ALIVE, "P2": (Period(date(2025, 1, 1), SEPTEMBER),)}

    part = only(allocate(bill(line("1", resource_id=RESOURCE)), rules, ended))

    assert (part.reason, part.meant_for, part.workload_id) == (Reason.ENDED, "P2", "w-P2")


def test_what_aws_credits_is_no_spend() -> None:
    rules = Rules(shares=mapped(**{WEB: "P1"}))
    lines = [line("10"), line("-4", line_item_type="Credit"), line("-1", line_item_type="Refund")]

    assert total(allocate(bill(*lines), rules, ALIVE)) == 9 * UNIT


def test_a_claim_takes_a_resource_in_every_class() -> None:
    rules = Rules(
        claims={WEB: claims("P1", on=date(2026, 8, 31))},
        policies=policies((ChargeClass.MARKETPLACE, PolicyKind.TO_PRODUCT, "P2")),
    )
    image = line("3", resource_id=RESOURCE, billing_entity="AWS Marketplace")

    assert by_product(allocate(bill(image), rules, ALIVE)) == {"P1": 3 * UNIT}


def test_a_policy_goes_by_the_month_of_the_bill_also_for_late_usage() -> None:
    late = line("1", line_item_type="Tax", billing_period="2026-09", charge_date=date(2026, 8, 31))
    rules = Rules(policies=policies((ChargeClass.TAX, PolicyKind.TO_PRODUCT, "P1")))

    assert by_product(allocate(bill(late), rules, ALIVE)) == {"P1": UNIT}


def test_groups_are_summed_before_they_are_split() -> None:
    """Three charges of a tick, in halves: 2 and 1, not 3 and 0."""
    lines = [line("1e-10", resource_id=f"i-{n}") for n in range(3)]
    rules = Rules(shares={WEB: shares(WEB, (SEPTEMBER, {"P1": 5_000, "P2": 5_000}))})

    assert by_product(allocate(bill(*lines), rules, ALIVE)) == {"P1": 2, "P2": 1}


def test_spend_in_proportion_counts_no_policy_and_nothing_below_zero() -> None:
    rules = Rules(
        shares=mapped(A="P1", B="P2"),
        policies=policies((ChargeClass.SUPPORT, PolicyKind.TO_PRODUCT, "P3")),
    )
    lines = [
        line("4", sub_account_id="A"),
        line("-1", sub_account_id="B", line_item_type="Refund"),
        line("9", service_code="AWSSupportBusiness", sub_account_id="A"),
    ]

    parts = allocate(bill(*lines), rules, ALIVE)

    assert spend_of(parts) == {Bill(PAYER, "2026-09", "USD"): {"P1": 4 * UNIT}}


def test_the_sums_of_workers_are_added_before_what_is_below_zero_is_left_out() -> None:
    of = Bill(PAYER, "2026-09", "USD")

    assert added([{of: {"P1": -3, "P2": -1}}, {of: {"P1": 5}}]) == {of: {"P1": 2}}
    assert added([{of: {"P1": -3}}]) == {}


def test_a_product_lives_while_a_chart_has_an_amount_for_it() -> None:
    def chart(year: int, *steps: tuple[date, int | None]) -> Chart:
        stepped = tuple(Step(start=start, annual=annual) for start, annual in steps)
        product = Product(id="a.b.c.d", names=("A", "B", "C", "D"), steps=stepped)
        labels = ("E1", "E2", "E3", "E4")
        return Chart(year=year, first_month=1, labels=labels, products=(product,))

    charts = [
        chart(2027, (date(2027, 1, 1), 5)),
        chart(2026, (date(2026, 2, 1), 5), (date(2026, 5, 1), None), (date(2026, 9, 1), 0)),
    ]
    alive = lives(charts)

    assert alive == {
        "a.b.c.d": (
            Period(date(2026, 2, 1), date(2026, 5, 1)),
            Period(date(2026, 9, 1), date(2028, 1, 1)),
        )
    }
    days = {date(2026, 1, 31): Reason.NOT_STARTED, date(2026, 5, 1): Reason.ENDED}
    assert {day: missing(alive, "a.b.c.d", day) for day in days} == days
    assert missing(alive, "a.b.c.d", date(2026, 12, 31)) is None


def test_a_rule_takes_a_resource_by_its_tag_and_leaves_what_has_no_resource() -> None:
    rule = ClaimRule(
        rule_id="r1",
        workload_id="w1",
        product_id="P2",
        tag=TagPattern(key="user:Team", value="web*"),
        start=date(2026, 9, 2),
    )
    rules = Rules(shares=mapped(**{WEB: "P1"}), claim_rules=ClaimRules(rules=(rule,)))
    tags = {"tags": tagged(**{"user:Team": "web-shop"})}
    lines = [
        line("1", resource_id=RESOURCE, **tags),
        line("2", resource_id=RESOURCE, charge_date=date(2026, 9, 2), **tags),
        line("4", charge_date=date(2026, 9, 2), **tags),
    ]

    assert by_product(allocate(bill(*lines), rules, ALIVE)) == {"P1": 5 * UNIT, "P2": 2 * UNIT}


def test_the_key_of_a_charge_names_its_group() -> None:
    key = bill(line("1", resource_id=RESOURCE))[0].key
    part = only(allocate([Charge(key, 1, 0, 5, 0, None, 0, 0)], Rules(), ALIVE))

    assert isinstance(key, Key)
    assert (part.payer, part.billing_period, part.currency) == (PAYER, "2026-09", "USD")
    assert (part.service, part.charge_category, part.amount) == ("AmazonEC2", "Usage", 5)
