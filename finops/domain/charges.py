"""From a line of the bill to a charge: the rules that every engine has to agree with.

The functions here are the plain form, one line at a time. `finops.ledger` runs the same rules over
millions of lines and is tested against these.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from finops.domain.money import EXACT, carried, exactly

ZERO = Decimal(0)


class ChargeCategory(StrEnum):
    """FOCUS ChargeCategory."""

    USAGE = "Usage"
    PURCHASE = "Purchase"
    TAX = "Tax"
    CREDIT = "Credit"
    ADJUSTMENT = "Adjustment"


COVERED = "SavingsPlanCoveredUsage"
NEGATION = "SavingsPlanNegation"

# AWS's line item types, in FOCUS categories. A refund or a discount lowers what is owed and is no
# voucher: `Credit` holds only what AWS gave away, because owners' spend leaves exactly that out.
CATEGORIES: Mapping[str, ChargeCategory] = {
    "Usage": ChargeCategory.USAGE,
    "DiscountedUsage": ChargeCategory.USAGE,
    COVERED: ChargeCategory.USAGE,
    NEGATION: ChargeCategory.USAGE,
    "FlatRateSubscription": ChargeCategory.USAGE,
    "SavingsPlanRecurringFee": ChargeCategory.PURCHASE,
    "SavingsPlanUpfrontFee": ChargeCategory.PURCHASE,
    "RIFee": ChargeCategory.PURCHASE,
    "Fee": ChargeCategory.PURCHASE,
    "Tax": ChargeCategory.TAX,
    "Credit": ChargeCategory.CREDIT,
    "Refund": ChargeCategory.ADJUSTMENT,
    "EdpDiscount": ChargeCategory.ADJUSTMENT,
    "PrivateRateDiscount": ChargeCategory.ADJUSTMENT,
    "BundledDiscount": ChargeCategory.ADJUSTMENT,
    "RiVolumeDiscount": ChargeCategory.ADJUSTMENT,
    "SppDiscount": ChargeCategory.ADJUSTMENT,
    "Discount": ChargeCategory.ADJUSTMENT,
}
DISCOUNTS = frozenset(name for name in CATEGORIES if name.endswith("Discount"))


class LineItem(NamedTuple):
    """A line of the bill in the terms of this product; None is what the line does not say.

    Costs are as stated: `net_…` are AWS's net columns, filled where the bill holds discounts.
    """

    billing_account_id: str
    billing_period: str
    billing_currency: str | None
    sub_account_id: str | None
    charge_date: date
    line_item_type: str | None
    service_code: str | None = None
    region_id: str | None = None
    resource_id: str | None = None
    invoice_id: str | None = None
    invoice_issuer_name: str | None = None
    billing_entity: str | None = None
    commitment_discount_id: str | None = None
    reservation_arn: str | None = None
    description: str | None = None
    tags: str | None = None
    split_parent_resource_id: str | None = None
    unblended_cost: Decimal = ZERO
    net_unblended_cost: Decimal | None = None
    list_cost: Decimal | None = None
    covered_cost: Decimal = ZERO  # savings_plan_savings_plan_effective_cost
    net_covered_cost: Decimal | None = None
    commitment: Decimal = ZERO  # savings_plan_total_commitment_to_date
    used_commitment: Decimal = ZERO
    reserved_cost: Decimal = ZERO  # reservation_effective_cost
    net_reserved_cost: Decimal | None = None
    unused_upfront_fee: Decimal = (
        ZERO  # reservation_unused_amortized_upfront_fee_for_billing_period
    )
    net_unused_upfront_fee: Decimal | None = None
    unused_recurring_fee: Decimal = ZERO  # reservation_unused_recurring_fee
    net_unused_recurring_fee: Decimal | None = None
    split_cost: Decimal = ZERO
    split_unused_cost: Decimal = ZERO


def charge_category(line_item_type: str | None) -> ChargeCategory | None:
    """The FOCUS category; None for a type nobody has seen yet, which is kept and shown as such."""
    return CATEGORIES.get(line_item_type or "")


def billed_cost(line: LineItem) -> Decimal:
    """What is invoiced for *line*, net of discounts where the bill says so.

    A Savings Plan's covered usage and its negation are both kept here: `net_savings_plans` takes
    them out together.
    """
    return _net(line.net_unblended_cost, line.unblended_cost)


def effective_cost(line: LineItem) -> Decimal:
    """The amortized cost of *line*: fees paid ahead are moved to the usage they paid for.

    What a commitment did not cover stays as the unused part of its fee. Source: AWS Cloud
    Intelligence Dashboards, `summary_view.sql`; the net columns fall back to the gross ones.
    """
    match line.line_item_type:
        case "SavingsPlanCoveredUsage":
            return _net(line.net_covered_cost, line.covered_cost)
        case "SavingsPlanRecurringFee":
            return EXACT.subtract(line.commitment, line.used_commitment)
        case "SavingsPlanNegation" | "SavingsPlanUpfrontFee":
            return ZERO
        case "DiscountedUsage":
            return _net(line.net_reserved_cost, line.reserved_cost)
        case "RIFee":
            upfront = _net(line.net_unused_upfront_fee, line.unused_upfront_fee)
            return EXACT.add(
                upfront, _net(line.net_unused_recurring_fee, line.unused_recurring_fee)
            )
        case "Fee" if line.reservation_arn:
            return ZERO
        case "Refund" if _refunds_upfront_fee(line):
            return ZERO
        case _:
            return billed_cost(line)


def _refunds_upfront_fee(line: LineItem) -> bool:
    return line.service_code == "ComputeSavingsPlans" and (line.description or "").startswith(
        "Refund for one-time fee for Savings Plan ID"
    )


def list_cost(line: LineItem) -> Decimal | None:
    """The public price of *line*; negations cancel a price that was counted once already."""
    return ZERO if line.line_item_type == NEGATION else line.list_cost


def _net(net: Decimal | None, gross: Decimal) -> Decimal:
    return gross if net is None else net


class Key(NamedTuple):
    """The grain of the ledger: two lines that agree in all of this are one charge."""

    billing_account_id: str
    billing_period: str
    billing_currency: str | None
    sub_account_id: str | None
    charge_date: date
    charge_category: str | None
    line_item_type: str | None
    service_code: str | None
    region_id: str | None
    resource_id: str | None
    invoice_id: str | None
    invoice_issuer_name: str | None
    billing_entity: str | None
    commitment_discount_id: str | None
    tags: str | None
    split_parent_resource_id: str | None


class Charge(NamedTuple):
    """What the ledger keeps of all lines of one key; money in ticks of 1e-10.

    The unblended cost is the bill's own, down to *unblended_dust* of 1e-20; the other costs are
    what is worked with, and are rounded to ticks once.
    """

    key: Key
    lines: int
    unblended_cost: int
    billed_cost: int
    effective_cost: int
    list_cost: int | None
    split_cost: int
    split_unused_cost: int
    unblended_dust: int = 0


class _Sums(NamedTuple):
    lines: int
    unblended: Decimal
    billed: Decimal
    effective: Decimal
    listed: Decimal | None
    split: Decimal
    split_unused: Decimal


def charges(lines: Iterable[LineItem]) -> list[Charge]:
    """The ledger of one billing period: *lines* summed by key, Savings Plans netted, sorted by key.

    Σ unblended_cost is the bill's plain sum, whatever the lines' order.
    """
    listed = list(lines)
    netted = any(line.net_unblended_cost not in (None, line.unblended_cost) for line in listed)
    sums: dict[Key, _Sums] = {}
    for line in listed:
        key = _key(line)
        told = sums.get(key, _Sums(0, ZERO, ZERO, ZERO, None, ZERO, ZERO))
        counted = not (netted and line.line_item_type in DISCOUNTS)
        sums[key] = _Sums(
            told.lines + 1,
            EXACT.add(told.unblended, line.unblended_cost),
            EXACT.add(told.billed, billed_cost(line) if counted else ZERO),
            EXACT.add(told.effective, effective_cost(line) if counted else ZERO),
            _add(told.listed, list_cost(line)),
            EXACT.add(told.split, line.split_cost),
            EXACT.add(told.split_unused, line.split_unused_cost),
        )
    ordered = sorted(net_savings_plans(sums).items(), key=lambda item: order(item[0]))
    columns = {
        name: _in_ticks([(key.billing_currency, getattr(told, name)) for key, told in ordered])
        for name in _Sums._fields[2:]
    }
    return [
        Charge(
            key,
            told.lines,
            exactly(told.unblended)[0],
            columns["billed"][i] or 0,
            columns["effective"][i] or 0,
            columns["listed"][i],
            columns["split"][i] or 0,
            columns["split_unused"][i] or 0,
            exactly(told.unblended)[1],
        )
        for i, (key, told) in enumerate(ordered)
    ]


def net_savings_plans(sums: Mapping[Key, _Sums]) -> dict[Key, _Sums]:
    """*sums* with covered usage billed at 0, and what its negation left over as a charge of its own.

    They net per account, day and invoice. Without this, a filter that takes one and leaves the other
    bills usage that a plan has paid for. Source: specification section 9, traps 1 and 2.
    """
    netted = dict(sums)
    residues: defaultdict[Key, Decimal] = defaultdict(lambda: ZERO)
    for key, told in sums.items():
        if key.line_item_type in (COVERED, NEGATION):
            of = _residue_key(key)
            residues[of] = EXACT.add(residues[of], told.billed)
            netted[key] = told._replace(billed=ZERO)
    for key, residue in residues.items():
        if residue:
            there = netted.get(key, _Sums(0, ZERO, ZERO, ZERO, None, ZERO, ZERO))
            netted[key] = there._replace(billed=EXACT.add(there.billed, residue))
    return netted


def _residue_key(key: Key) -> Key:
    # A residue belongs to no service, region or resource.
    return Key(
        billing_account_id=key.billing_account_id,
        billing_period=key.billing_period,
        billing_currency=key.billing_currency,
        sub_account_id=key.sub_account_id,
        charge_date=key.charge_date,
        charge_category=ChargeCategory.USAGE,
        line_item_type=NEGATION,
        service_code=None,
        region_id=None,
        resource_id=None,
        invoice_id=key.invoice_id,
        invoice_issuer_name=None,
        billing_entity=None,
        commitment_discount_id=None,
        tags=None,
        split_parent_resource_id=None,
    )


def order(key: Key) -> tuple[tuple[bool, object], ...]:
    """Where a charge stands in the ledger: by its key, what is absent last."""
    return tuple((value is None, value if value is not None else "") for value in key)


def _key(line: LineItem) -> Key:
    fields = {name: getattr(line, name) for name in Key._fields if name != "charge_category"}
    return Key(charge_category=charge_category(line.line_item_type), **fields)


def _add(a: Decimal | None, b: Decimal | None) -> Decimal | None:
    if a is None or b is None:
        return a if b is None else b
    return EXACT.add(a, b)


def _in_ticks(amounts: list[tuple[str | None, Decimal | None]]) -> list[int | None]:
    """Each currency's amounts in ticks; what one loses in rounding, no other currency carries."""
    stated: defaultdict[str | None, list[Decimal]] = defaultdict(list)
    for currency, amount in amounts:
        if amount is not None:
            stated[currency].append(amount)
    rounded = {currency: iter(carried(some)) for currency, some in stated.items()}
    return [None if amount is None else next(rounded[currency]) for currency, amount in amounts]
