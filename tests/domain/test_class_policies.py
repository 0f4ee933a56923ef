"""What a charge is for is told by its line, and each class goes the way somebody decided."""

from datetime import UTC, datetime
from typing import Any

import pytest

from finops.domain.charges import CATEGORIES, Key, charges
from finops.domain.class_policies import (
    ChargeClass,
    ClassPolicies,
    CostBasis,
    PolicyKind,
    charge_class,
    cost_basis,
    is_spend,
)
from finops.domain.errors import InvalidError
from tests.ledger.bill_files import PAYER, line

NOON = datetime(2026, 9, 10, 12, tzinfo=UTC)
RESERVATION = "arn:aws:ec2:eu-west-1:111122223333:reserved-instances/9"


def key(**told: Any) -> Key:
    return charges([line("1", **told)])[0].key


# -- classes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told, name",
    [
        ({}, ChargeClass.USAGE),
        ({"line_item_type": "DiscountedUsage"}, ChargeClass.USAGE),
        ({"line_item_type": "FlatRateSubscription"}, ChargeClass.USAGE),
        ({"line_item_type": "Tax"}, ChargeClass.TAX),
        ({"line_item_type": "Tax", "billing_entity": "AWS Marketplace"}, ChargeClass.TAX),
        ({"line_item_type": "Tax", "service_code": "AWSSupportBusiness"}, ChargeClass.TAX),
        ({"line_item_type": "Fee", "service_code": "AWSSupportBusiness"}, ChargeClass.SUPPORT),
        ({"service_code": "AWSDeveloperSupport"}, ChargeClass.SUPPORT),
        ({"service_code": "AWSEnterpriseOnRamp"}, ChargeClass.SUPPORT),
        ({"service_code": "OCBPremiumSupport"}, ChargeClass.SUPPORT),
        ({"line_item_type": "Refund", "service_code": "AWSSupportBusiness"}, ChargeClass.SUPPORT),
        ({"billing_entity": "AWS Marketplace"}, ChargeClass.MARKETPLACE),
        ({"line_item_type": "Fee", "billing_entity": "AWS Marketplace"}, ChargeClass.MARKETPLACE),
        ({"line_item_type": "Fee", "service_code": "AmazonRegistrar"}, ChargeClass.ONE_OFF_FEE),
        ({"line_item_type": "Fee", "reservation_arn": RESERVATION}, ChargeClass.ONE_OFF_FEE),
        ({"line_item_type": "SavingsPlanUpfrontFee"}, ChargeClass.ONE_OFF_FEE),
        ({"line_item_type": "Refund"}, ChargeClass.USAGE),
        ({"line_item_type": "EdpDiscount"}, ChargeClass.USAGE),
        ({"line_item_type": "NobodyKnowsYet"}, ChargeClass.USAGE),
        ({"line_item_type": None, "service_code": None}, ChargeClass.USAGE),
    ],
)
@pytest.mark.parametrize("basis", CostBasis)
def test_a_line_is_of_the_class_of_what_it_is_for(
    told: dict[str, Any], name: ChargeClass, basis: CostBasis
) -> None:
    assert charge_class(key(**told), basis) is name


@pytest.mark.parametrize("fee", ["SavingsPlanRecurringFee", "RIFee"])
def test_a_commitments_fee_is_its_unused_part_where_cost_is_amortized(fee: str) -> None:
    of = key(line_item_type=fee)

    assert charge_class(of, CostBasis.EFFECTIVE) is ChargeClass.UNUSED_COMMITMENT
    assert charge_class(of, CostBasis.BILLED) is ChargeClass.USAGE


def test_a_purchase_in_focus_is_a_one_off_fee_unless_it_is_a_commitments() -> None:
    bought = key()._replace(line_item_type="Purchase", charge_category="Purchase")

    assert charge_class(bought) is ChargeClass.ONE_OFF_FEE
    assert charge_class(bought._replace(commitment_discount_id="plan")) is ChargeClass.USAGE


@pytest.mark.parametrize("kind", [*CATEGORIES, None])
def test_all_but_what_aws_credited_is_spend(kind: str | None) -> None:
    assert is_spend(key(line_item_type=kind)) is (kind != "Credit")


# -- policies ---------------------------------------------------------------------------------


def decided(
    of: ClassPolicies,
    name: ChargeClass = ChargeClass.TAX,
    kind: PolicyKind = PolicyKind.IN_PROPORTION,
    start: str = "2026-09",
    **told: Any,
) -> ClassPolicies:
    given: dict[str, Any] = {"open_from": "2026-09", "by": "ann@example.com", "at": NOON}
    return of.decided(name, kind, start=start, **given | told)


NONE = ClassPolicies(payer=PAYER)


def test_a_class_follows_the_shares_until_somebody_decides() -> None:
    of = decided(NONE, start="2026-10")

    assert NONE.on(ChargeClass.TAX, "2026-09") is None
    assert of.on(ChargeClass.TAX, "2026-09") is None
    assert of.on(ChargeClass.SUPPORT, "2026-10") is None
    assert of.on(ChargeClass.TAX, "2026-10") == of.on(ChargeClass.TAX, "2027-01") == of.policies[0]


def test_the_newest_policy_that_began_counts_and_the_older_ones_stay() -> None:
    of = decided(NONE)
    again = decided(of, kind=PolicyKind.TO_PRODUCT, product_id="P1", start="2026-11")
    back = decided(again, kind=PolicyKind.FOLLOW_SHARES, start="2026-10")

    assert [policy.number for policy in back.policies] == [1, 2, 3]
    found = {month: back.on(ChargeClass.TAX, month) for month in ("2026-09", "2026-10", "2026-11")}
    assert [policy and policy.number for policy in found.values()] == [1, 3, 3]
    assert back.policies[0].set_by == "ann@example.com"


def test_what_was_known_before_a_policy_stays_known() -> None:
    of = decided(NONE)

    assert of.on(ChargeClass.TAX, "2026-09", known_at=NOON) == of.policies[0]
    assert of.on(ChargeClass.TAX, "2026-09", known_at=datetime(2026, 9, 9, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    "told, reason",
    [
        ({"name": ChargeClass.USAGE}, "a policy is for Support, Tax"),
        ({"kind": PolicyKind.TO_PRODUCT}, "name the product that pays"),
        ({"product_id": "P1"}, "name the product that pays for ToProduct, and none"),
        ({"start": "2026-08"}, "2026-08 is closed; a policy starts in 2026-09 or later"),
        ({"start": "2026-09-06"}, "no billing period"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(told: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidError, match=reason):
        decided(NONE, **told)


def test_blended_cost_is_no_basis() -> None:
    assert cost_basis("effective") is CostBasis.EFFECTIVE
    assert CostBasis.BILLED.column == "billed_cost"
    with pytest.raises(InvalidError, match="averages rates"):
        cost_basis("blended")
    with pytest.raises(InvalidError, match="take billed or effective"):
        cost_basis("list")
