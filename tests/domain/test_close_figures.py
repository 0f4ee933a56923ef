"""What the bill has taken off already goes to who pays for what it was taken off."""

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.class_policies import ChargeClass
from finops.domain.close_figures import Allotment, discounted, likeness
from tests.domain.test_close_files import APP, FLEET, OTHER, SHOP, UNIT, allotment

some = settings(max_examples=100, deadline=None, derandomize=True)


def taken(amount: int, **said: Any) -> Allotment:
    """*amount* units that were taken off of an account's usage on an invoice."""
    return allotment(0, None, discount=amount * UNIT, **{"reason": None} | said)


def by_owner(found: tuple[Allotment, ...]) -> dict[str | None, int]:
    return {one.product_id: one.discount // UNIT for one in found}


def test_a_discount_goes_to_who_pays_for_these_charges() -> None:
    charged = [
        allotment(30, SHOP),
        allotment(10, FLEET),
        allotment(99, APP, charge_class=ChargeClass.SUPPORT),
        allotment(99, APP, account="other"),
        allotment(99, APP, invoice_id="INV-2"),
    ]

    found = discounted([taken(8)], charged)

    assert by_owner(found) == {SHOP: 6, FLEET: 2}
    assert all(one.ticks == 0 for one in found)


def test_a_line_of_discounts_is_taken_off_as_a_whole_from_whoever_has_it() -> None:
    """-50 of which the shop has -30 and the fleet -20: before it was taken off it was nothing."""
    lines = {"charge_category": "Adjustment"}
    charged = [allotment(1_000, APP), allotment(-30, SHOP, **lines), allotment(-20, FLEET, **lines)]

    found = discounted([taken(50, **lines)], charged)

    assert by_owner(found) == {SHOP: 30, FLEET: 20}


def test_what_costs_nothing_any_more_was_taken_off_for_who_pays_for_the_account() -> None:
    found = discounted([taken(8, charge_class=ChargeClass.SUPPORT)], [allotment(40, SHOP)])

    assert by_owner(found) == {SHOP: 8}
    assert found[0].charge_class is ChargeClass.SUPPORT


@pytest.mark.parametrize("charged", [[], [allotment(5, SHOP, payer=OTHER)], [allotment(0, SHOP)]])
def test_a_discount_on_what_nobody_pays_is_nobodys(charged: list[Allotment]) -> None:
    found = discounted([taken(8)], charged)

    assert by_owner(found) == {None: 8}
    assert found[0].reason == "No share in force"


def test_what_nobody_owns_is_discounted_too() -> None:
    found = discounted([taken(8)], [allotment(30, SHOP), allotment(10, None)])

    assert by_owner(found) == {SHOP: 6, None: 2}


def test_a_discount_on_what_a_policy_gave_away_is_of_no_account_either() -> None:
    others = allotment(90, FLEET)._replace(charge_category="Tax", account=None)
    given_ = taken(8)._replace(charge_category="Tax")

    [found] = discounted([given_], [allotment(30, SHOP), others])

    assert (found.product_id, found.account, found.discount) == (FLEET, None, 8 * UNIT)


@some
@given(seed=st.integers(0, 10**9))
def test_every_discount_is_handed_out_to_the_last_tick(seed: int) -> None:
    random = Random(seed)

    def some_of() -> dict[str, Any]:
        return {
            "payer": random.choice(["1", "2"]),
            "currency": random.choice(["USD", None]),
            "invoice_id": random.choice(["INV-1", None]),
            "account": random.choice(["3", "4", None]),
            "charge_category": random.choice(["Usage", "Adjustment", None]),
        }

    charged = [
        allotment(0, random.choice([SHOP, FLEET, None]), **some_of())._replace(
            ticks=random.randint(-9, 99)
        )
        for _ in range(random.randint(0, 9))
    ]
    given_ = [taken(0, **some_of())._replace(discount=random.randint(-50, 99)) for _ in range(4)]
    level = ("payer", "currency", "invoice_id", "charge_category")  # a policy's are of no account
    wanted: Counter[Any] = Counter()
    for one in given_:
        wanted[likeness(level, one)] += one.discount

    found: Counter[Any] = Counter()
    for one in discounted(given_, charged):
        found[likeness(level, one)] += one.discount

    assert {of: ticks for of, ticks in found.items() if ticks} == {
        of: ticks for of, ticks in wanted.items() if ticks
    }
