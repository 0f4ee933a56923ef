"""Any figure comes apart into what adds up to it, by the rules that made it."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from finops.domain.allocation import split
from finops.domain.allocations import Part, PartKind, Rules, allocate
from finops.domain.class_policies import ChargeClass, PolicyKind, is_spend
from finops.domain.errors import ForbiddenError, InvalidError, NotFoundError
from finops.domain.money import TICKS_PER_UNIT as UNIT
from finops.domain.periods import Period
from finops.ledger import engine
from finops.usecases.allocated import Shelf
from finops.usecases.explain import (
    NOBODY,
    Asked,
    charge_id,
    explain,
    explain_charges,
)
from tests.domain.test_allocations import bill, claims, noon, policies, shares
from tests.ledger.bill_files import PAYER, WEB, line
from tests.ledger.test_allocating import PRODUCTS, Organisation, organisation
from tests.usecases.explaining import ADMIN, owner, shelved

MONTH = "2026-09"
LIVES = (Period(date(2025, 1, 1), date(2028, 1, 1)),)
SHOP = "retail.digital.shop"
P1, P2, P3 = (f"{SHOP}.p{n}" for n in (1, 2, 3))
some = settings(max_examples=2, deadline=None, derandomize=True, phases=[Phase.generate])


Shelved = Callable[[Organisation], Shelf]


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[engine.Connection]:
    limits = engine.Limits(scratch=tmp_path_factory.mktemp("engine"), memory_mb=400, threads=1)
    with engine.connect(limits) as connection:
        yield connection


@pytest.fixture(scope="module")
def put(connection: engine.Connection, tmp_path_factory: pytest.TempPathFactory) -> Shelved:
    """Puts what an organisation is charged on a shelf."""
    return lambda of: shelved(connection, tmp_path_factory.mktemp("shelf"), *of)


def known(random: Random) -> Organisation:
    """A random organisation in one month, by the rules as they are known now: as runs are made."""
    of = organisation(random)
    charges = [one for one in of.charges if one.key.billing_period == MONTH]
    return Organisation(charges, of.rules._replace(known_at=None), of.products)


def named(part: Part) -> str:
    return part.product_id or NOBODY


# -- every figure adds up -----------------------------------------------------------------------


@pytest.mark.parametrize("lot", range(4))
@some
@given(seed=st.integers(0, 10**9))
def test_any_figure_comes_apart_to_the_last_tick(put: Shelved, lot: int, seed: int) -> None:
    """By account, day and service, and into the charges it is given out of."""
    random = Random(seed * 4 + lot)
    of = known(random)
    parts = allocate(*of)
    shelf = put(of)
    for one in random.sample(parts, min(2, len(parts))):
        asked = Asked(named(one), MONTH)
        mine = [part for part in parts if named(part) == named(one)]
        must_add_up(asked, mine, shelf)
        asked = asked._replace(account=one.account or "")
        mine = [part for part in mine if part.account == one.account]
        must_add_up(asked, mine, shelf)
        asked = asked._replace(day=one.day)
        mine = [part for part in mine if part.day == one.day]
        must_add_up(asked, mine, shelf)
        must_be_the_charges(of, asked, mine, shelf)
        asked = asked._replace(service=one.service or "", charge_class=one.charge_class)
        same = (one.service, one.charge_class)
        mine = [part for part in mine if (part.service, part.charge_class) == same]
        must_add_up(asked, mine, shelf)
        must_be_the_charges(of, asked, mine, shelf)


def must_add_up(asked: Asked, parts: list[Part], shelf: Shelf) -> None:
    found = explain(asked, who=ADMIN, shelf=shelf)

    sums = {currency: ticks for currency, ticks in totals(found.rows).items() if ticks}
    assert sums == {currency: ticks for currency, ticks in by_currency(parts).items() if ticks}
    assert totals(found.rows) == found.totals


def must_be_the_charges(of: Organisation, asked: Asked, parts: list[Part], shelf: Shelf) -> None:
    """The groups are the parts, and each is the share of its charges that its rule says."""
    told = explain_charges(asked, who=ADMIN, shelf=shelf)

    assert told.totals == by_currency(parts)
    assert sorted(group.part for group in told.groups) == sorted(part.amount for part in parts)
    for group in told.groups:
        assert sum(one.cost for one in group.charges) + group.rest == group.whole
        if group.kind in (PartKind.CLAIM, PartKind.RULE):
            assert group.part == group.whole
        if group.basis_points is not None:
            revisions = of.rules.shares[asked.account or ""].revisions
            weights = dict(revisions[int(group.rule or 0) - 1].shares)
            product = group.meant_for or asked.product_id
            assert group.part == split(group.whole, weights)[product]
    told_of = {one.charge_id for group in told.groups for one in group.charges}
    credits_ = {charge_id(one.key) for one in of.charges if not is_spend(one.key)}
    assert not told_of & credits_


def totals(rows: Any) -> dict[str | None, int]:
    sums: defaultdict[str | None, int] = defaultdict(int)
    for currency, *_, ticks in rows:
        sums[currency] += ticks
    return dict(sums)


def by_currency(parts: list[Part]) -> dict[str | None, int]:
    sums: defaultdict[str | None, int] = defaultdict(int)
    for part in parts:
        sums[part.currency] += part.amount
    return dict(sums)


# -- the rules that are told --------------------------------------------------------------------

FIRST = date(2026, 9, 1)


def split_account(*, ended: str | None = None) -> Organisation:
    """100.00 of EC2, 10.00 of it for one resource, in an account of P1 (60 %) and P2 (40 %)."""
    lines = [line("90"), line("10", resource_id="i-1")]
    rules = Rules(
        shares={WEB: shares(WEB, (FIRST, {P1: 6_000, P2: 4_000}))},
        claims={WEB: claims(P3, "i-1", on=date(2026, 8, 30))},
    )
    products = dict.fromkeys((P1, P2, P3), LIVES)
    if ended is not None:
        products[ended] = (Period(date(2025, 1, 1), FIRST),)
    return Organisation(bill(*lines), rules, products)


def test_a_share_tells_its_split_who_set_it_and_when(put: Shelved) -> None:
    [told] = explain(Asked(P1, MONTH), who=ADMIN, shelf=put(split_account())).rules

    assert (told.kind, told.of, told.rule, told.said) == ("Share", WEB, "1", "60.00 % of it")
    assert (told.set_by, told.set_at) == ("ann@example.com", noon(FIRST).isoformat())


def test_a_share_of_charges_is_told_with_its_whole(put: Shelved) -> None:
    asked = Asked(P2, MONTH, account=WEB, day=FIRST)
    [group] = explain_charges(asked, who=owner(P2), shelf=put(split_account())).groups

    assert (group.whole, group.basis_points, group.part) == (90 * UNIT, 4_000, 36 * UNIT)
    assert [(one.cost, one.lines) for one in group.charges] == [(90 * UNIT, 1)]


def test_a_claim_tells_who_claimed_and_from_when(put: Shelved) -> None:
    asked = Asked(P3, MONTH, account=WEB, day=FIRST)
    [group] = explain_charges(asked, who=ADMIN, shelf=put(split_account())).groups
    [charge] = group.charges

    assert (group.kind, group.part, charge.resource_id) == ("Claim", 10 * UNIT, "i-1")
    assert (charge.claimed_by, charge.claimed_from) == ("bob@example.com", "2026-08-31")


def test_what_an_ended_product_would_pay_is_nobodys_and_says_whose_it_was(put: Shelved) -> None:
    for ended, amount in ((P3, 10 * UNIT), (P2, 36 * UNIT)):
        shelf = put(split_account(ended=ended))
        asked = Asked(NOBODY, MONTH, account=WEB, day=FIRST)
        [group] = explain_charges(asked, who=ADMIN, shelf=shelf).groups
        found = explain(Asked(NOBODY, MONTH), who=ADMIN, shelf=shelf)
        [row] = [dict(zip(found.by, row[:-1], strict=True)) for row in found.rows]

        assert (group.meant_for, group.part) == (ended, amount)
        assert (row["meant_for"], row["reason"]) == (ended, "Product has ended")
        assert found.totals == {"USD": amount}


def test_charges_of_no_account_are_told_as_such(put: Shelved) -> None:
    of = Organisation(bill(line("7", sub_account_id=None)), Rules(), {})
    asked = Asked(NOBODY, MONTH, account="", day=FIRST)
    [group] = explain_charges(asked, who=ADMIN, shelf=put(of)).groups

    assert (group.reason, group.part) == ("Charge of no account", 7 * UNIT)


@pytest.mark.parametrize("kind, product, paid", [("InProportion", None, 6), ("ToProduct", P3, 10)])
def test_a_policy_is_told_by_the_payer_it_is_of(
    put: Shelved, kind: str, product: str | None, paid: int
) -> None:
    """Tax of 10.00; usage of 100.00 is P1's by 60 % and P2's by 40 %."""
    told = policies((ChargeClass.TAX, PolicyKind(kind), product))
    of = Organisation(
        bill(line("100"), line("10", line_item_type="Tax", service_code=None)),
        Rules(shares={WEB: shares(WEB, (FIRST, {P1: 6_000, P2: 4_000}))}, policies=told),
        dict.fromkeys((P1, P2, P3), LIVES),
    )
    asked = Asked(product or P1, MONTH, account=WEB, day=FIRST, charge_class="Tax")
    shelf = put(of)
    [group] = explain_charges(asked, who=ADMIN, shelf=shelf).groups
    [rule] = explain(asked, who=ADMIN, shelf=shelf).rules

    assert (group.kind, group.whole, group.part) == ("Policy", 10 * UNIT, paid * UNIT)
    assert (rule.kind, rule.of, rule.said) == ("Policy", PAYER, f"Tax {kind}")


def test_a_policy_of_another_payer_with_the_same_number_is_not_told(put: Shelved) -> None:
    other = "999900001111"
    told = policies((ChargeClass.TAX, PolicyKind.TO_PRODUCT, P1)) | policies(
        (ChargeClass.SUPPORT, PolicyKind.TO_PRODUCT, P1), payer=other
    )
    lines = [
        line("10", line_item_type="Tax", service_code=None),
        line("1", billing_account_id=other, sub_account_id="B"),
    ]
    of = Organisation(bill(*lines), Rules(policies=told), {P1: LIVES})

    found = explain(Asked(P1, MONTH), who=ADMIN, shelf=put(of))

    assert [(rule.of, rule.said) for rule in found.rules] == [(PAYER, "Tax ToProduct")]


def test_a_policy_for_an_ended_product_is_told_as_a_policy_and_no_split(put: Shelved) -> None:
    of = Organisation(
        bill(line("10", line_item_type="Tax", service_code=None)),
        Rules(
            shares={WEB: shares(WEB, (FIRST, {P1: 10_000}))},
            policies=policies((ChargeClass.TAX, PolicyKind.TO_PRODUCT, P2)),
        ),
        {P1: LIVES, P2: (Period(date(2025, 1, 1), FIRST),)},
    )
    found = explain(Asked(NOBODY, MONTH), who=ADMIN, shelf=put(of))

    assert [(rule.kind, rule.of) for rule in found.rules] == [("Policy", PAYER)]


def test_any_dimensions_can_be_asked_for_and_none_twice(put: Shelved) -> None:
    shelf = put(split_account())
    found = explain(Asked(P1, MONTH), ("account", "day"), who=ADMIN, shelf=shelf)

    assert found.by == ("currency", "account", "day")
    assert found.rows == [("USD", WEB, FIRST, 54 * UNIT)]
    assert len(found.rules) == 1
    for by, wrong in ((("team",), "no dimension"), (("product",), "no dimension")):
        with pytest.raises(InvalidError, match=wrong):
            explain(Asked(P1, MONTH), by, who=ADMIN, shelf=shelf)
    with pytest.raises(InvalidError, match="twice"):
        explain(Asked(P1, MONTH), ("day", "day"), who=ADMIN, shelf=shelf)


def test_charges_are_asked_for_by_account_and_day(put: Shelved) -> None:
    with pytest.raises(InvalidError, match="name the account and the day"):
        explain_charges(Asked(P1, MONTH, account=WEB), who=ADMIN, shelf=put(split_account()))


def test_a_row_leads_to_no_more_than_itself(put: Shelved) -> None:
    """P3 has 30 % of the account beside its claim."""
    of = split_account()
    mapped = shares(WEB, (FIRST, {P1: 7_000, P3: 3_000}))
    shelf = put(of._replace(rules=of.rules._replace(shares={WEB: mapped})))
    asked = Asked(P3, MONTH, account=WEB, day=FIRST)

    amounts = {}
    for kind in ("Claim", "Share", ""):
        narrowed = asked._replace(more=(("kind", kind),)) if kind else asked
        found = explain(narrowed, who=ADMIN, shelf=shelf)
        told = explain_charges(narrowed, who=ADMIN, shelf=shelf)
        assert found.totals == told.totals
        amounts[kind] = found.totals["USD"] // UNIT
    assert amounts == {"Claim": 10, "Share": 27, "": 37}


# -- who may see it -----------------------------------------------------------------------------


def test_an_owner_is_told_their_own_share_and_of_nobody_else(put: Shelved) -> None:
    shelf = put(split_account())
    asked = Asked(P1, MONTH, account=WEB, day=FIRST)
    told = str(
        [
            explain(Asked(P1, MONTH), who=owner(P1), shelf=shelf)[:-1],
            explain(asked, who=owner(P1), shelf=shelf)[:-1],
            explain_charges(asked, who=owner(P1), shelf=shelf)[:-1],
        ]
    )

    assert P1 in told
    assert P2 not in told
    assert P3 not in told
    assert "40.00" not in told
    assert "i-1" not in told  # it is P3's by claim


@some
@given(seed=st.integers(0, 10**9))
def test_no_owner_is_told_of_another_product(put: Shelved, seed: int) -> None:
    of = known(Random(seed))
    parts = allocate(*of)
    shelf = put(of)
    for one in [part for part in parts if part.product_id][:3]:
        who = owner(one.product_id or "")
        asked = Asked(one.product_id or "", MONTH)
        cell = asked._replace(account=one.account or "", day=one.day)
        told = str(
            [
                explain(asked, who=who, shelf=shelf)[:-1],
                explain(cell, who=who, shelf=shelf)[:-1],
                explain_charges(cell, who=who, shelf=shelf)[:-1],
            ]
        )
        assert [other for other in PRODUCTS if other in told] == [one.product_id]


def test_a_product_out_of_scope_is_like_one_that_is_not_there(put: Shelved) -> None:
    shelf = put(split_account())
    for asked in (Asked(P2, MONTH), Asked("retail.digital.shop.none", MONTH)):
        with pytest.raises(NotFoundError, match="in your financial scope"):
            explain(asked, who=owner(P1), shelf=shelf)
        asked = asked._replace(account=WEB, day=FIRST)
        with pytest.raises(NotFoundError, match="in your financial scope"):
            explain_charges(asked, who=owner(P1), shelf=shelf)


def test_what_nobody_owns_is_for_who_looks_after_it(put: Shelved) -> None:
    with pytest.raises(ForbiddenError, match="SeeUnallocated"):
        explain(Asked(NOBODY, MONTH), who=owner(P1), shelf=put(split_account()))


def test_only_products_pay(put: Shelved) -> None:
    with pytest.raises(InvalidError, match="no product"):
        explain(Asked(SHOP, MONTH), who=ADMIN, shelf=put(split_account()))
