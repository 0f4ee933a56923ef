"""The rules of a charge, with the numbers of the traps: 1, 2, 9, 10, 12, 14 and 17."""

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.charges import (
    CATEGORIES,
    DISCOUNTS,
    Charge,
    ChargeCategory,
    LineItem,
    charge_category,
    charges,
)
from finops.domain.money import TICKS_PER_UNIT
from tests import traps
from tests.ledger.bill_files import line, tagged
from tests.ledger.strategies import bills
from tests.traps import PLAN, RESERVATION


def units(ticks: int | None) -> Decimal:
    return Decimal(ticks or 0) / TICKS_PER_UNIT


def sums(made: list[Charge], of: str, by: str | None = None) -> Any:
    """A cost in whole units: in all, or by a column of the key."""
    if by is None:
        return sum(units(getattr(charge, of)) for charge in made)
    told: defaultdict[Any, Decimal] = defaultdict(Decimal)
    for charge in made:
        told[getattr(charge.key, by)] += units(getattr(charge, of))
    return dict(told)


# -- commitments: trap 1 ----------------------------------------------------------------------


def test_a_savings_plan_amortizes_to_20_used_and_4_unused() -> None:
    made = charges(traps.savings_plan_day())

    assert sums(made, "unblended_cost") == 24
    assert sums(made, "effective_cost", by="line_item_type") == {
        "SavingsPlanCoveredUsage": 20,
        "SavingsPlanNegation": 0,
        "SavingsPlanRecurringFee": 4,
    }


def test_a_partial_upfront_reservation_amortizes_to_66_a_month() -> None:
    made = charges(traps.reservation_month())

    assert sums(made, "effective_cost", by="line_item_type") == {
        "DiscountedUsage": 55,
        "RIFee": 11,  # 5.00 of the upfront fee and 6.00 of the hourly one were for nothing
    }
    assert sums(made, "effective_cost") == 66
    assert sums(made, "unblended_cost") == 36  # 720 hours at 0.05


def test_an_all_upfront_reservation_is_paid_once_and_amortized_over_twelve_months() -> None:
    months = [charges(month) for month in traps.all_upfront_year()]

    assert [sums(month, "unblended_cost") for month in months] == [8_760] + [0] * 11
    assert sum(sums(month, "effective_cost") for month in months) == 8_760
    assert sums(months[1], "effective_cost") == 24 * 28  # February: a day is 24.00


@pytest.mark.parametrize(
    "fee",
    [
        line("365", line_item_type="SavingsPlanUpfrontFee", commitment_discount_id=PLAN),
        line("365", line_item_type="Fee", reservation_arn=RESERVATION),
        line(
            "-365",
            line_item_type="Refund",
            service_code="ComputeSavingsPlans",
            description="Refund for one-time fee for Savings Plan ID 7",
        ),
    ],
    ids=["of a plan", "of a reservation", "paid back"],
)
def test_an_upfront_fee_is_billed_but_no_effective_cost(fee: LineItem) -> None:
    (made,) = charges([fee])

    assert abs(units(made.billed_cost)) == 365
    assert made.effective_cost == 0


def test_another_refund_or_fee_is_an_effective_cost() -> None:
    made = charges([line("-5", line_item_type="Refund"), line("100", line_item_type="Fee")])

    assert sums(made, "effective_cost", by="line_item_type") == {"Refund": -5, "Fee": 100}


# -- Savings Plans netted: trap 2 -------------------------------------------------------------


@pytest.mark.parametrize("by", ["service_code", "sub_account_id", "tags"])
def test_the_groups_of_any_filter_add_up_to_24_not_54(by: str) -> None:
    made = charges(traps.savings_plan_day())

    for cost in ("billed_cost", "unblended_cost", "effective_cost"):
        assert sum(sums(made, cost, by=by).values()) == 24
    without_negations = [c for c in made if c.key.line_item_type != "SavingsPlanNegation"]
    assert sums(without_negations, "unblended_cost") == 54  # what the faulty filter says
    assert sums(without_negations, "billed_cost") == 24  # what it cannot spoil


def test_covered_usage_and_its_negation_are_billed_at_nothing() -> None:
    made = charges(traps.savings_plan_day())

    assert sums(made, "billed_cost", by="line_item_type") == {
        "SavingsPlanCoveredUsage": 0,
        "SavingsPlanNegation": 0,
        "SavingsPlanRecurringFee": 24,
    }


def test_what_a_negation_leaves_over_is_a_charge_of_its_account_and_day() -> None:
    made = charges(
        [
            line("30", line_item_type="SavingsPlanCoveredUsage", resource_id="i-1"),
            line("-29.75", line_item_type="SavingsPlanNegation"),
        ]
    )

    (residue,) = [charge for charge in made if charge.billed_cost]
    assert (units(residue.billed_cost), residue.lines, residue.unblended_cost) == (
        Decimal("0.25"),
        0,
        0,
    )
    assert residue.key.line_item_type == "SavingsPlanNegation"
    assert residue.key.resource_id is None
    assert residue.key.charge_date == date(2026, 9, 1)


def test_a_negation_of_another_day_nets_nothing_on_this_one() -> None:
    made = charges(
        [
            line("30", line_item_type="SavingsPlanCoveredUsage"),
            line("-30", line_item_type="SavingsPlanNegation", charge_date=date(2026, 9, 2)),
        ]
    )

    assert sums(made, "billed_cost", by="charge_date") == {
        date(2026, 9, 1): 30,
        date(2026, 9, 2): -30,
    }


# -- categories -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line_item_type, category",
    [
        ("Usage", ChargeCategory.USAGE),
        ("SavingsPlanNegation", ChargeCategory.USAGE),
        ("RIFee", ChargeCategory.PURCHASE),
        ("Tax", ChargeCategory.TAX),
        ("Credit", ChargeCategory.CREDIT),
        ("Refund", ChargeCategory.ADJUSTMENT),
        ("EdpDiscount", ChargeCategory.ADJUSTMENT),
        ("NobodyKnowsYet", None),
        (None, None),
    ],
)
def test_a_line_item_type_has_its_focus_category(
    line_item_type: str | None, category: ChargeCategory | None
) -> None:
    assert charge_category(line_item_type) is category


def test_an_unknown_type_is_kept_with_its_cost_and_shown() -> None:
    (made,) = charges([line("7", line_item_type="NobodyKnowsYet")])

    assert (made.key.line_item_type, made.key.charge_category) == ("NobodyKnowsYet", None)
    assert units(made.unblended_cost) == units(made.effective_cost) == 7


# -- discounts ------------------------------------------------------------------------------


def test_discount_lines_count_where_no_line_states_a_net_cost() -> None:
    made = charges([line("1000"), line("-50", line_item_type="EdpDiscount")])

    assert sums(made, "billed_cost") == sums(made, "effective_cost") == 950


@pytest.mark.parametrize("discount", sorted(DISCOUNTS))
def test_discount_lines_count_once_where_net_columns_hold_them(discount: str) -> None:
    lines = [
        line("1000", net_unblended_cost=Decimal("950")),
        line("-50", line_item_type=discount),
    ]

    for some in (lines, lines[::-1]):
        made = charges(some)
        assert sums(made, "billed_cost") == sums(made, "effective_cost") == 950
        assert sums(made, "unblended_cost") == 950  # the plain sum, whatever the columns mean


def test_a_net_column_that_says_the_same_as_gross_holds_no_discount() -> None:
    made = charges(
        [line("1000", net_unblended_cost=Decimal(1000)), line("-50", line_item_type="EdpDiscount")]
    )

    assert sums(made, "billed_cost") == 950


def test_net_columns_are_taken_where_they_say_something_and_gross_ones_elsewhere() -> None:
    covered = line(
        "30",
        line_item_type="SavingsPlanCoveredUsage",
        covered_cost=Decimal(20),
        net_covered_cost=Decimal(19),
    )
    reserved = line(line_item_type="DiscountedUsage", reserved_cost=Decimal(55))
    fee = line(
        "36",
        line_item_type="RIFee",
        unused_upfront_fee=Decimal(5),
        net_unused_upfront_fee=Decimal(0),  # 0 is an amount, absence is not
        unused_recurring_fee=Decimal(6),
    )

    made = charges([covered, line("-30", line_item_type="SavingsPlanNegation"), reserved, fee])

    assert sums(made, "effective_cost", by="line_item_type") == {
        "SavingsPlanCoveredUsage": 19,
        "SavingsPlanNegation": 0,
        "DiscountedUsage": 55,
        "RIFee": 6,
    }


# -- list cost --------------------------------------------------------------------------------


def test_a_public_price_that_a_negation_repeats_is_counted_once() -> None:
    made = charges(
        [
            line("30", line_item_type="SavingsPlanCoveredUsage", list_cost=Decimal(30)),
            line("-30", line_item_type="SavingsPlanNegation", list_cost=Decimal(-30)),
        ]
    )

    assert sums(made, "list_cost") == 30


def test_a_price_that_nobody_states_is_absent_not_zero() -> None:
    (unstated,) = charges([line("1"), line("2")])
    (stated,) = charges([line("1"), line("2", list_cost=Decimal(3))])

    assert unstated.list_cost is None
    assert units(stated.list_cost) == 3


# -- nothing gets lost: traps 3, 10, 12, 13, 14 and 17 ----------------------------------------


def test_split_lines_of_containers_add_nothing_to_the_bill() -> None:
    instance, *pods = traps.containers()

    for some in ([instance], [instance, *pods]):
        made = charges(some)
        assert sums(made, "billed_cost") == sums(made, "effective_cost") == 10
    pods_made = [charge for charge in made if charge.key.split_parent_resource_id]
    assert [units(c.split_cost + c.split_unused_cost) for c in pods_made] == [
        Decimal("6.4"),
        Decimal("3.6"),
    ]


def test_each_class_of_charge_without_resource_or_region_keeps_its_sum() -> None:
    lines = traps.classes()
    made = charges(lines)

    before: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    for one in lines:
        before[one.line_item_type] += one.unblended_cost
    assert sums(made, "unblended_cost", by="line_item_type") == before


def test_each_invoice_reconciles_alone() -> None:
    assert sums(charges(traps.classes()), "billed_cost", by="invoice_id") == {
        "EUINES26-1": Decimal("160.50"),
        "EUINES26-2": Decimal("21"),
        "MARKET-3": Decimal("500"),
    }


def test_a_transfer_without_region_is_a_group_of_its_own() -> None:
    by_region = sums(charges(traps.classes()), "billed_cost", by="region_id")

    assert by_region[None] == Decimal("581.50")
    assert by_region["eu-west-1"] == 100


def test_an_account_that_moves_payer_on_the_12th_is_in_both_bills() -> None:
    first, second = traps.moved_account()

    made = [*charges(first), *charges(second)]

    assert sums(made, "billed_cost", by="billing_account_id") == {
        "111122223333": 11,
        "999900001111": 19,
    }
    assert sums(made, "billed_cost", by="sub_account_id") == {"444455556666": 30}


def test_a_tag_added_on_the_10th_applies_from_the_10th() -> None:
    team = tagged(**{"user:Team": "web"})
    days = [
        line("1", charge_date=date(2026, 9, day), tags=team if day >= 10 else None)
        for day in range(1, 31)
    ]

    assert sums(charges(days), "billed_cost", by="tags") == {None: 9, team: 21}


def test_late_usage_of_the_month_before_stays_in_its_bill() -> None:
    (made,) = charges([line("1", billing_period="2026-09", charge_date=date(2026, 8, 31))])

    assert (made.key.billing_period, made.key.charge_date) == ("2026-09", date(2026, 8, 31))


def test_two_currencies_are_two_charges_and_neither_carries_the_others_rounding() -> None:
    finer = Decimal("0.00000000004")
    made = charges(
        [line(billing_currency=of)._replace(unblended_cost=finer) for of in ("USD", "CNY")]
    )

    # 0.4 of a tick each: together they would make one.
    assert [(c.key.billing_currency, c.billed_cost) for c in made] == [("CNY", 0), ("USD", 0)]


def test_billions_of_lines_of_1e_9_keep_every_digit() -> None:
    (made,) = charges([line("1e-9"), line("1e10")])

    assert made.unblended_cost == 10**20 + 10


some = settings(max_examples=40, deadline=None, derandomize=True)


def one_bill(lines: list[LineItem]) -> list[LineItem]:
    return [one._replace(billing_account_id="1", billing_period="2026-09") for one in lines]


@some
@given(bills(decimals=20, below=10**8), st.randoms(use_true_random=False))
def test_the_order_of_lines_changes_nothing(lines: list[LineItem], random: Any) -> None:
    shuffled = list(lines)
    random.shuffle(shuffled)

    assert charges(one_bill(shuffled)) == charges(one_bill(lines))


@some
@given(bills())
def test_lines_and_their_unblended_cost_are_all_there(lines: list[LineItem]) -> None:
    made = charges(one_bill(lines))

    assert sum(charge.lines for charge in made) == len(lines)
    assert sums(made, "unblended_cost") == sum(one.unblended_cost for one in lines)


@some
@given(bills())
def test_netting_moves_money_between_charges_and_never_changes_an_accounts_day(
    lines: list[LineItem],
) -> None:
    gross = [one._replace(net_unblended_cost=None) for one in one_bill(lines)]

    def by_account_and_day(amounts: Any) -> dict[Any, Decimal]:
        told: defaultdict[Any, Decimal] = defaultdict(Decimal)
        for of, amount in amounts:
            told[of.billing_currency, of.sub_account_id, of.charge_date, of.invoice_id] += amount
        return dict(told)

    made = by_account_and_day((c.key, units(c.billed_cost)) for c in charges(gross))
    assert made == by_account_and_day((one, one.unblended_cost) for one in gross)


def test_every_category_of_focus_has_a_line_item_type() -> None:
    assert set(CATEGORIES.values()) == set(ChargeCategory)
