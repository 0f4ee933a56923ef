"""What a close is made of: the bill of each invoice, and its owners with credits and discounts."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from finops.domain.audit import Act, Deed
from finops.domain.charges import COVERED, DISCOUNTS, NEGATION, LineItem
from finops.domain.class_policies import ChargeClass, ClassPolicies, CostBasis, PolicyKind
from finops.domain.close_figures import (
    Allotment,
    Figures,
    Invoice,
    InvoiceSum,
    differences,
)
from finops.domain.close_files import accounts_payable
from finops.domain.money import to_ticks
from finops.domain.rule_changes import Change, MapAccount
from finops.ledger import engine
from finops.usecases.allocated import Shelf
from finops.usecases.billed_months import LedgerBilledMonths
from finops.usecases.ports import BilledMonth, Save
from tests.allocating import AT, BY, FIRST, Allocating, furnish, ticks
from tests.exports import MONTH, overwritten
from tests.ledger.bill_files import PAYER, WEB, csv_text, cur_row, line
from tests.ledger.strategies import SECOND_PAYER, bills
from tests.remembered import remembering
from tests.usecases.organisation import LOANS, SEARCH, WEB_SHOP

AWS = "Amazon Web Services, Inc."
OF = (PAYER, MONTH)
WALKS = int(os.environ.get("FINOPS_WALKS", "0"))
SHARED: Sequence[Change] = (
    MapAccount(account_id=WEB, shares=((WEB_SHOP, 6_000), (SEARCH, 4_000)), start=FIRST),
    MapAccount(account_id=PAYER, shares=((LOANS, 10_000),), start=FIRST),
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    remembering(monkeypatch)


@pytest.fixture
def made(tmp_path: Path) -> Allocating:
    """An account is shared 60 to 40 by the web shop and search; the payer's own is of loans."""
    return organised(tmp_path)


def organised(folder: Path) -> Allocating:
    new = Allocating(folder)
    furnish(new.organisation, SHARED, accounts=(WEB, PAYER))
    return new


def load(made: Allocating, lines: Sequence[LineItem], number: int = 1) -> None:
    """A delivery of *lines*; a greater number is a newer one."""
    content = csv_text([cur_row(one) for one in lines]).encode()
    export = overwritten(f"{number:08d}-0000-0000-0000-000000000000", [content])
    made.house.load(export, datetime(2026, 10, 3, number, tzinfo=UTC))


def months(made: Allocating) -> LedgerBilledMonths:
    house, connect = made.house, engine.connect
    return LedgerBilledMonths(
        Shelf(made.allocations, house.bills, house.ledger, lambda: connect(house.limits))
    )


def billed(made: Allocating, lines: Sequence[LineItem]) -> BilledMonth:
    """*lines* are loaded and allocated: what a close is made of."""
    load(made, lines)
    made.run(of=OF)
    return months(made).read(MONTH)


def invoice(cost: str, number: str = "INV-1", **said: Any) -> LineItem:
    return line(cost, invoice_id=number, **said)


def of_products(found: Iterable[Allotment], field: str = "ticks") -> dict[str | None, int]:
    sums: Counter[str | None] = Counter()
    for one in found:
        sums[one.product_id] += getattr(one, field)
    return {product: amount for product, amount in sums.items() if amount}


def gross(found: Iterable[Allotment]) -> int:
    return sum(one.ticks + one.discount for one in found if not one.is_credit)


# -- the bill ---------------------------------------------------------------------------------


def test_the_bill_is_told_by_invoice_as_the_ledger_has_it(made: Allocating) -> None:
    found = billed(
        made,
        [
            invoice("10.00"),
            invoice("5.00", "INV-2", invoice_issuer_name="A seller"),
            invoice("-1.50", line_item_type="Credit"),
            invoice("7.00", billing_currency="EUR"),
            line("2.00"),
        ],
    )

    assert set(found.bill) == {
        InvoiceSum(MONTH, Invoice(PAYER, "USD", "INV-1"), ticks("8.50")),
        InvoiceSum(MONTH, Invoice(PAYER, "USD", "INV-2"), ticks("5.00")),
        InvoiceSum(MONTH, Invoice(PAYER, "EUR", "INV-1"), ticks("7.00")),
        InvoiceSum(MONTH, Invoice(PAYER, "USD", None), ticks("2.00")),
    }
    assert differences(found.bill, found.billed) == []
    assert found.missing == ()
    assert found.spend is None


def test_owners_pay_their_shares_and_the_issuer_stays_with_them(made: Allocating) -> None:
    found = billed(made, [invoice("10.00"), invoice("5.00", "INV-2", invoice_issuer_name="Shop")])

    assert {(one.invoice_id, one.issuer, one.product_id): one.ticks for one in found.billed} == {
        ("INV-1", AWS, WEB_SHOP): ticks("6.00"),
        ("INV-1", AWS, SEARCH): ticks("4.00"),
        ("INV-2", "Shop", WEB_SHOP): ticks("3.00"),
        ("INV-2", "Shop", SEARCH): ticks("2.00"),
    }


def test_what_aws_credited_is_there_once_by_who_pays_for_the_account(made: Allocating) -> None:
    """Trap 9: -100 on an account that costs 1,000."""
    found = billed(
        made,
        [
            invoice("1000.00"),
            invoice("500.00", sub_account_id=PAYER),
            invoice("-100.00", line_item_type="Credit"),
        ],
    )

    credits_ = [one for one in found.billed if one.is_credit]
    assert of_products(credits_) == {WEB_SHOP: ticks("-60.00"), SEARCH: ticks("-40.00")}
    assert all(one.charge_class is None for one in credits_)
    assert differences(found.bill, found.billed) == []


def test_runs_and_loads_are_named_by_payer(made: Allocating) -> None:
    found = billed(made, [invoice("10.00")])

    current, bill = made.allocations.find(*OF), made.house.bills.find(*OF)
    assert current is not None
    assert bill is not None
    assert found.runs == ((PAYER, current.run_id),)
    assert found.loads == ((PAYER, bill.load_id),)


# -- discounts --------------------------------------------------------------------------------


def test_a_line_of_discounts_is_net_and_discount_at_once(made: Allocating) -> None:
    """1,000 less 50: gross 1,000, discount 50, net 950."""
    found = billed(made, [invoice("1000.00"), invoice("-50.00", line_item_type="EdpDiscount")])

    lines = [one for one in found.billed if one.charge_category == "Adjustment"]
    assert of_products(lines) == {WEB_SHOP: ticks("-30.00"), SEARCH: ticks("-20.00")}
    assert of_products(lines, "discount") == {WEB_SHOP: ticks("30.00"), SEARCH: ticks("20.00")}
    assert gross(found.billed) == ticks("1000.00")
    assert sum(one.ticks for one in found.billed) == ticks("950.00")


def test_of_net_columns_the_discount_is_gross_less_net(made: Allocating) -> None:
    """1,000 billed as 950; the line that says so once more is not counted again."""
    found = billed(
        made,
        [
            invoice("1000.00", net_unblended_cost=Decimal(950)),
            invoice("-50.00", line_item_type="EdpDiscount"),
        ],
    )

    assert of_products(found.billed) == {WEB_SHOP: ticks("570.00"), SEARCH: ticks("380.00")}
    assert of_products(found.billed, "discount") == {
        WEB_SHOP: ticks("30.00"),
        SEARCH: ticks("20.00"),
    }
    assert {one.charge_category for one in found.billed} == {"Usage"}


def test_a_savings_plan_takes_off_no_discount(made: Allocating) -> None:
    """Covered usage and its negation are of each other; the fee of 24.00 is billed as 22.80."""
    found = billed(
        made,
        [
            invoice("30.00", line_item_type=COVERED, net_unblended_cost=Decimal("28.5")),
            invoice("-30.00", line_item_type=NEGATION, net_unblended_cost=Decimal("-28.5")),
            invoice(
                "24.00",
                line_item_type="SavingsPlanRecurringFee",
                net_unblended_cost=Decimal("22.8"),
            ),
        ],
    )

    assert sum(one.ticks for one in found.billed) == ticks("22.80")
    assert sum(one.discount for one in found.billed) == ticks("1.20")


def test_what_is_discounted_to_nothing_still_says_its_discount(made: Allocating) -> None:
    found = billed(
        made,
        [
            invoice("100.00", net_unblended_cost=Decimal(100)),
            invoice("10.00", service_code="AWSSupportBusiness", net_unblended_cost=Decimal(0)),
        ],
    )

    [free] = {one.charge_class for one in found.billed if not one.ticks}
    assert free is ChargeClass.SUPPORT
    assert of_products(found.billed, "discount") == {WEB_SHOP: ticks("6.00"), SEARCH: ticks("4.00")}


def test_a_refund_is_no_discount(made: Allocating) -> None:
    found = billed(made, [invoice("1000.00"), invoice("-25.00", line_item_type="Refund")])

    assert of_products(found.billed, "discount") == {}
    assert gross(found.billed) == ticks("975.00")


def test_accounts_payable_pays_the_invoice_with_its_gross_discount_and_credits(
    made: Allocating,
) -> None:
    """1,000 less 50 of discounts, less 100 of credits, and 190 of tax."""
    found = billed(
        made,
        [
            invoice("1000.00"),
            invoice("-50.00", line_item_type="PrivateRateDiscount"),
            invoice("-100.00", line_item_type="Credit"),
            invoice("190.00", line_item_type="Tax"),
        ],
    )

    [row] = accounts_payable(Figures(month=MONTH, bill=found.bill, billed=found.billed))

    names = ("gross", "discount", "aws_credits", "tax", "net")
    assert {name: getattr(row[name], "units", None) for name in names} == {
        "gross": 1000_00,
        "discount": -50_00,
        "aws_credits": -100_00,
        "tax": 190_00,
        "net": 1040_00,
    }


# -- days that shares split -------------------------------------------------------------------


def test_the_days_are_told_that_an_account_has_charges_on(made: Allocating) -> None:
    found = billed(
        made,
        [
            invoice("1.00"),
            invoice("1.00", charge_date=date(2026, 9, 8)),
            invoice("-1.00", charge_date=date(2026, 9, 9), line_item_type="Credit"),
            invoice("2.00", sub_account_id=None),
        ],
    )

    assert found.charged == {WEB: {FIRST, date(2026, 9, 8)}}


def test_a_class_that_goes_to_a_product_needs_no_shares(made: Allocating) -> None:
    decided = ClassPolicies(payer=PAYER).decided(
        ChargeClass.TAX,
        PolicyKind.TO_PRODUCT,
        product_id=LOANS,
        start=MONTH,
        open_from=MONTH,
        by=BY,
        at=AT,
    )
    act = Act(actor=BY, at=AT, request_id="request-1")
    made.organisation.policies.save([Save(None, decided, Deed(action="Decide"))], act)

    found = billed(
        made, [invoice("1.00"), invoice("2.00", sub_account_id=PAYER, line_item_type="Tax")]
    )

    assert found.charged.keys() == {WEB}


# -- what is not there ------------------------------------------------------------------------


def test_without_a_bill_there_is_nothing_and_it_says_so(made: Allocating) -> None:
    found = months(made).read(MONTH)

    assert (found.bill, found.billed, found.spend) == ((), (), None)
    assert found.missing == (f"no payer has a bill of {MONTH}",)


def test_a_bill_that_is_not_allocated_is_missing_and_differs(made: Allocating) -> None:
    load(made, [invoice("10.00")])

    found = months(made).read(MONTH)

    assert found.missing == (f"the bill of payer {PAYER} of {MONTH} is not allocated yet",)
    [one] = differences(found.bill, found.billed)
    assert one.ticks == ticks("10.00")


def test_a_month_is_read_once_for_each_load_and_run(
    made: Allocating, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(made, [invoice("10.00")])
    made.run(of=OF)
    reader = months(made)
    before = reader.read(MONTH)
    read = Shelf.invoiced
    monkeypatch.setattr(Shelf, "invoiced", None)
    assert reader.read(MONTH) is before

    monkeypatch.setattr(Shelf, "invoiced", read)
    load(made, [invoice("11.00")], 2)
    made.run(of=OF)
    assert reader.read(MONTH).bill[0].ticks == ticks("11.00")


# -- another cost -----------------------------------------------------------------------------


def test_owners_of_another_cost_are_told_beside_those_of_the_billed_one(made: Allocating) -> None:
    """A plan of 24.00 an account bought and another one used for 20.00; 4.00 nobody used."""
    made.basis = CostBasis.EFFECTIVE
    plan: dict[str, Any] = {"commitment_discount_id": "arn:aws:savingsplans::1:savingsplan/7"}
    fee: dict[str, Any] = {"commitment": Decimal(24), "used_commitment": Decimal(20)}

    found = billed(
        made,
        [
            invoice("30.00", line_item_type=COVERED, covered_cost=Decimal(20), **plan),
            invoice("-30.00", line_item_type=NEGATION, **plan),
            invoice(
                "24.00",
                sub_account_id=PAYER,
                line_item_type="SavingsPlanRecurringFee",
                **plan,
                **fee,
            ),
        ],
    )

    assert of_products(found.billed) == {LOANS: ticks("24.00")}
    assert found.spend is not None
    assert of_products(found.spend) == {
        WEB_SHOP: ticks("12.00"),
        SEARCH: ticks("8.00"),
        LOANS: ticks("4.00"),
    }
    assert differences(found.bill, found.billed) == []
    assert found.charged.keys() == {WEB, PAYER}


def test_a_run_without_one_on_billed_cost_is_missing(made: Allocating) -> None:
    made.basis = CostBasis.EFFECTIVE
    load(made, [invoice("10.00")])
    made.run(of=OF)
    current = made.allocations.find(*OF)
    assert current is not None
    made.allocations.publish(current.model_copy(update={"billed_runs": ()}))

    found = months(made).read(MONTH)

    assert found.missing == (f"the billed cost of payer {PAYER} of {MONTH} is not allocated yet",)


# -- any bill ---------------------------------------------------------------------------------


def _gross(lines: Iterable[LineItem]) -> int:
    """What *lines* cost before discounts, by the plain words of the rule."""
    every = list(lines)
    listed = [one for one in every if one.line_item_type != "Credit"]
    is_net = any(one.net_unblended_cost not in (None, one.unblended_cost) for one in every)
    whole = Decimal(0)
    for one in listed:
        net = one.unblended_cost if one.net_unblended_cost is None else one.net_unblended_cost
        if one.line_item_type in (COVERED, NEGATION):
            whole += net
        elif one.line_item_type not in DISCOUNTS:
            whole += one.unblended_cost if is_net else net
    return to_ticks(whole)


@pytest.mark.parametrize("basis", CostBasis)
@settings(
    max_examples=max(WALKS, 1) * 3,
    deadline=None,
    derandomize=not WALKS,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(lines=bills(decimals=10, below=10**4))
def test_the_parts_of_any_bill_are_its_invoices(basis: CostBasis, lines: list[LineItem]) -> None:
    with TemporaryDirectory() as folder:
        made = organised(Path(folder))
        made.basis = basis
        load(made, lines)
        for month in {one.billing_period for one in lines}:
            mine = [one for one in lines if one.billing_period == month]
            for payer in {one.billing_account_id for one in mine}:
                made.run(of=(payer, month))

            found = months(made).read(month)

            assert differences(found.bill, found.billed) == []
            for payer in {one.billing_account_id for one in mine}:
                told = [one for one in found.billed if one.payer == payer]
                its = [one for one in mine if one.billing_account_id == payer]
                assert gross(told) == _gross(its)
            assert {one.invoice.payer for one in found.bill} <= {PAYER, SECOND_PAYER}
