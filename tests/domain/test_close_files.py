"""The files of a close: what is paid, accrued and booked adds up to the bill, to the cent."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.class_policies import ChargeClass
from finops.domain.close_figures import (
    Allotment,
    Correction,
    ExchangeRate,
    Figures,
    Header,
    InvoiceSum,
    ProductSum,
    cost_centre,
    credited,
    differences,
    summed,
)
from finops.domain.close_files import (
    LineKind,
    accounts_payable,
    close_rows,
    journal,
    of_units,
    planning_and_analysis,
    reconciliation,
    written,
)
from finops.domain.column_plans import (
    COLUMNS,
    Amount,
    Column,
    ColumnPlan,
    DateFormat,
    DecimalMark,
    FileKind,
    Row,
    Separator,
    totals,
)
from finops.domain.errors import ConflictError, InvalidError
from finops.domain.rounding import digits, rounded

UNIT = 10**10
DOCUMENT = Path(__file__).parents[2] / "docs" / "files.md"
MONTH = "2026-08"
PAYER, OTHER = "111111111111", "222222222222"
SHOP = "retail.digital.storefront.web-shop"
APP = "retail.digital.storefront.app"
FLEET = "logistics.road.fleet.tracking"
NAMES = (
    (SHOP, ("Retail", "Digital", "Storefront", "Web shop")),
    (FLEET, ("Logistics", "Road", "Fleet", "Tracking")),
)


def allotment(amount: int | str, product: str | None = SHOP, **said: Any) -> Allotment:
    """*amount* units of usage of one account on one invoice."""
    usual: dict[str, Any] = {
        "payer": PAYER,
        "currency": "USD",
        "invoice_id": "INV-1",
        "issuer": "AWS",
        "account": "333333333333",
        "charge_category": "Usage",
        "charge_class": ChargeClass.USAGE,
        "product_id": product,
        "reason": None if product else "No share in force",
        "ticks": int(Decimal(amount) * UNIT),
    }
    return Allotment(**usual | said)


def credit(amount: int, **said: Any) -> Allotment:
    """What AWS credited to an account, *amount* units off."""
    usual = {"charge_category": "Credit", "charge_class": None, "reason": None}
    return allotment(-amount, None, **usual | said)


def figures(*billed: Allotment, **said: Any) -> Figures:
    """A month whose bill is what owners pay of it."""
    sums: Counter[Any] = Counter()
    for one in billed:
        sums[one.invoice] += one.ticks
    bill = tuple(InvoiceSum(MONTH, invoice, ticks) for invoice, ticks in sums.items())
    usual: dict[str, Any] = {"month": MONTH, "bill": bill, "billed": billed, "names": NAMES}
    return Figures(**usual | said)


def cents(rows: list[Row], *names: str) -> list[tuple[int, ...]]:
    return [tuple(one.units for n in names if isinstance(one := row[n], Amount)) for row in rows]


def must_chain(rows: list[Row]) -> None:
    """Every section's End is its Start and all its differences."""
    running: int | None = None
    for row in rows:
        amount = row["amount"]
        assert isinstance(amount, Amount)
        if row["kind"] == LineKind.START:
            assert running is None
            running = amount.units
        elif row["kind"] == LineKind.DIFFERENCE:
            assert running is not None
            running += amount.units
        else:
            assert running == amount.units
            running = None
    assert running is None


def lines(rows: list[Row]) -> dict[str, int]:
    """The reconciliation in units, by line."""
    found = {}
    for row in rows:
        assert isinstance(row["amount"], Amount)
        found[f"{row['section']}: {row['line']}"] = row["amount"].units // UNIT
    return found


# Trap 9 -------------------------------------------------------------------------------------------


def test_trap_9_a_bill_of_50_000_with_two_credits_of_5_000_is_paid_with_40_000() -> None:
    """AWS credits both projects on the invoice; the ledger has the same two credits."""
    charged = [
        allotment(30_000, SHOP, account="3333"),
        allotment(20_000, FLEET, account="4444"),
    ]
    off = credited([credit(5_000, account="3333"), credit(5_000, account="4444")], charged)
    month = figures(
        *charged,
        *off,
        credits=(ProductSum(SHOP, "USD", 5_000 * UNIT), ProductSum(FLEET, "USD", 5_000 * UNIT)),
    )

    payable, planning = accounts_payable(month), planning_and_analysis(month)

    assert [row["business_unit"] for row in payable] == ["Logistics", "Retail"]
    assert cents(payable, "gross", "aws_credits", "net") == [
        (20_000_00, -5_000_00, 15_000_00),
        (30_000_00, -5_000_00, 25_000_00),
    ]
    assert totals(FileKind.AP, payable)["USD"]["net"] == Amount(40_000_00, 2)
    assert cents(planning, "spend", "ledger_credits", "net") == [
        (20_000_00, -5_000_00, 15_000_00),
        (30_000_00, -5_000_00, 25_000_00),
    ]
    told = lines(reconciliation(month, payable, planning))
    assert told["Credits: AWS credits beyond the ledger's"] == 0


def test_trap_9_what_aws_credits_is_in_ap_once_and_the_reconciliation_states_it() -> None:
    charged = [allotment(1_000)]
    month = figures(*charged, *credited([credit(100)], charged))

    rows = close_rows(month)

    assert cents(rows[FileKind.AP], "gross", "aws_credits", "net") == [(1_000_00, -100_00, 900_00)]
    assert cents(rows[FileKind.FPA], "spend", "ledger_credits", "net") == [(1_000_00, 0, 1_000_00)]
    told = lines(rows[FileKind.RECONCILIATION])
    assert told["AP to FP&A: AWS credits, which owners are not charged with"] == 100
    assert told["Credits: AWS credits beyond the ledger's"] == 100


def test_a_credit_that_only_the_ledger_knows_lowers_no_invoice() -> None:
    month = figures(allotment(1_000), credits=(ProductSum(SHOP, "USD", 950 * UNIT),))

    rows = close_rows(month)

    assert cents(rows[FileKind.AP], "net") == [(1_000_00,)]
    assert cents(rows[FileKind.FPA], "net") == [(50_00,)]
    assert lines(rows[FileKind.RECONCILIATION])["AP to FP&A: Ledger credits"] == -950


# AWS's credits ------------------------------------------------------------------------------------


def test_a_credit_goes_to_who_pays_for_its_account_on_that_invoice() -> None:
    charged = [
        allotment(30, SHOP),
        allotment(10, FLEET),
        allotment(60, APP, account="other"),
        allotment(99, APP, invoice_id="INV-2"),
    ]

    found = credited([credit(8)], charged)

    assert {one.product_id: one.ticks // UNIT for one in found} == {SHOP: -6, FLEET: -2}


@pytest.mark.parametrize(
    "said, owners",
    [
        ({"invoice_id": "INV-9"}, {SHOP: -8}),
        ({"account": None}, {SHOP: -2, FLEET: -6}),
        ({"account": None, "invoice_id": None}, {SHOP: -2, FLEET: -6}),
        ({"payer": OTHER}, {None: -8}),
    ],
)
def test_a_credit_beside_all_charges_goes_to_the_nearest_ones(
    said: dict[str, Any], owners: dict[str | None, int]
) -> None:
    charged = [allotment(10, SHOP), allotment(30, FLEET, account="other")]

    found = credited([credit(8, **said)], charged)

    assert {one.product_id: one.ticks // UNIT for one in found} == owners


# Accounts payable ---------------------------------------------------------------------------------


def test_three_thirds_of_an_invoice_are_the_invoice() -> None:
    third = allotment("33.3333333333")
    month = figures(
        third,
        third._replace(product_id=FLEET),
        third._replace(product_id="media.a.b.c", ticks=third.ticks + 1),
    )

    assert cents(accounts_payable(month), "net") == [(33_33,), (33_34,), (33_33,)]


def test_gross_less_discount_and_credits_with_tax_is_net() -> None:
    charged = [
        allotment(95, discount=5 * UNIT),
        allotment(19, charge_class=ChargeClass.TAX, charge_category="Tax"),
    ]
    month = figures(*charged, *credited([credit(10)], charged))

    (row,) = accounts_payable(month)

    assert cents([row], "gross", "discount", "aws_credits", "tax", "net") == [
        (100_00, -5_00, -10_00, 19_00, 104_00)
    ]


def test_each_invoice_issuer_payer_and_currency_has_rows_of_its_own() -> None:
    month = figures(
        allotment(1),
        allotment(2, invoice_id="INV-2", issuer="A seller"),
        allotment(3, payer=OTHER, invoice_id="INV-3"),
        allotment(4, currency="EUR", invoice_id="INV-4"),
    )

    rows = accounts_payable(month)

    assert {(row["payer"], row["invoice"], row["currency"]) for row in rows} == {
        (PAYER, "INV-1", "USD"),
        (PAYER, "INV-2", "USD"),
        (OTHER, "INV-3", "USD"),
        (PAYER, "INV-4", "EUR"),
    }
    assert {one: of["net"].units for one, of in totals(FileKind.AP, rows).items()} == {
        "EUR": 4_00,
        "USD": 6_00,
    }


def test_what_nobody_owns_is_paid_too_and_says_so() -> None:
    rows = accounts_payable(figures(allotment(90), allotment(10, None)))

    assert [row["business_unit"] for row in rows] == ["Retail", "Unallocated"]
    assert cents(rows, "net") == [(90_00,), (10_00,)]


def test_header_fields_are_those_of_payer_and_business_unit() -> None:
    header = Header(
        payer=PAYER,
        unit="retail",
        vendor="Amazon",
        purchase_order="PO-7",
        invoices=("A-1",),
        memo="August",
    )
    month = figures(allotment(1), allotment(1, FLEET, invoice_id=None), headers=(header,))

    booked = {row["unit_id"]: row for row in accounts_payable(month)}

    told = [booked["retail"][name] for name in ("vendor", "purchase_order", "invoice", "memo")]
    assert told == ["Amazon", "PO-7", "INV-1", "August"]
    assert [booked["logistics"][name] for name in ("vendor", "invoice")] == [None, None]


def test_where_the_bill_has_no_invoice_id_the_header_names_it() -> None:
    header = Header(payer=PAYER, unit="retail", invoices=("A-1", "A-2"))

    (row,) = accounts_payable(figures(allotment(1, invoice_id=None), headers=(header,)))

    assert (row["invoice"], row["aws_invoice"]) == ("A-1, A-2", None)


# Planning and analysis ----------------------------------------------------------------------------


def test_a_product_has_its_net_and_only_an_approved_budget_a_variance() -> None:
    month = figures(
        allotment(1_000),
        allotment(20, FLEET),
        discounts=(ProductSum(SHOP, "USD", 50 * UNIT),),
        credits=(ProductSum(SHOP, "USD", 100 * UNIT),),
        budgets=((SHOP, 900 * UNIT),),
        budget_currency="USD",
    )

    fleet, shop = planning_and_analysis(month)

    names = ("spend", "discount", "ledger_credits", "net", "budget", "variance", "spend_variance")
    assert cents([shop], *names) == [(1_000_00, -50_00, -100_00, 850_00, 900_00, -50_00, 100_00)]
    assert ("budget" in fleet, "variance" in fleet) == (False, False)


def test_a_budget_without_spend_is_a_row() -> None:
    month = figures(allotment(1), budgets=((FLEET, 5 * UNIT),), budget_currency="USD")

    fleet, _ = planning_and_analysis(month)

    assert cents([fleet], "spend", "net", "budget", "variance") == [(0, 0, 5_00, -5_00)]


def test_a_budget_stands_in_its_own_currency() -> None:
    month = figures(
        allotment(1, currency="EUR"), budgets=((SHOP, 5 * UNIT),), budget_currency="USD"
    )

    euros, dollars = planning_and_analysis(month)

    assert (euros["currency"], "budget" in euros) == ("EUR", False)
    assert cents([dollars], "spend", "budget") == [(0, 5_00)]


def test_what_nobody_owns_is_a_row_for_each_reason() -> None:
    month = figures(
        allotment(1, None), allotment(2, None, reason="Product has ended"), allotment(3)
    )

    rows = planning_and_analysis(month)

    assert [(row["business_unit"], row["reason"]) for row in rows] == [
        ("Retail", None),
        ("Unallocated", "No share in force"),
        ("Unallocated", "Product has ended"),
    ]
    assert [row["business_unit"] for row in of_units(rows, {"retail"})] == ["Retail"]


def test_owners_are_charged_by_another_cost_and_the_difference_has_a_name() -> None:
    month = figures(allotment(24), spend=(allotment(20), allotment(3, FLEET)))

    rows = close_rows(month)

    assert cents(rows[FileKind.AP], "net") == [(24_00,)]
    assert cents(rows[FileKind.FPA], "spend") == [(3_00,), (20_00,)]
    told = lines(rows[FileKind.RECONCILIATION])
    assert told["AP to FP&A: Amortization of commitments"] == -1
    assert {row["account"] for row in rows[FileKind.JOURNAL]} == {
        "Cloud expense",
        "Accounts payable",
        "Prepaid commitments",
    }


def test_trap_17_two_currencies_meet_only_at_the_rate_that_the_close_kept() -> None:
    month = figures(
        allotment(100),
        allotment(100, FLEET, currency="EUR"),
        allotment(1_000, FLEET, currency="JPY"),
        rates=(ExchangeRate(currency="EUR", rate=Decimal("1.1"), source="the bank's, 31 August"),),
        reporting_currency="USD",
    )

    rows = planning_and_analysis(month)

    assert [(row["currency"], row.get("reporting_net")) for row in rows] == [
        ("EUR", Amount(110_00, 2)),
        ("JPY", None),
        ("USD", Amount(100_00, 2)),
    ]
    assert {one: of["spend"] for one, of in totals(FileKind.FPA, rows).items()} == {
        "EUR": Amount(100_00, 2),
        "JPY": Amount(1_000, 0),
        "USD": Amount(100_00, 2),
    }
    assert Figures.of(month.snapshot).rates == month.rates


def test_a_bill_that_names_no_currency_is_reported_as_the_one_of_budgets() -> None:
    month = figures(allotment(100, currency=None), reporting_currency="USD", budget_currency="USD")

    assert [row.get("reporting_net") for row in planning_and_analysis(month)] == [Amount(100_00, 2)]


# Journal and reconciliation -----------------------------------------------------------------------


def test_what_is_paid_for_nobody_is_no_amortization_and_no_credit_of_owners() -> None:
    """A fee of 8,760.00 and a credit of 100.00 are nobody's; the shop used 24.00 of the fee."""
    month = figures(
        allotment(1_000),
        allotment(8_760, None),
        credit(100, product_id=None, reason="No share in force"),
        credit(10, product_id=SHOP),
        spend=(allotment(1_024),),
        waived_unallocated="ada@example.org: prepaid",
    )

    rows = close_rows(month)[FileKind.RECONCILIATION]

    must_chain(rows)
    told = lines(rows)
    assert told["AP to FP&A: AWS credits, which owners are not charged with"] == 10
    assert told["AP to FP&A: Unallocated: AWS credits"] == 100
    assert told["AP to FP&A: Amortization of commitments"] == 24
    assert told["AP to FP&A: Unallocated: charged beyond what is billed"] == -8_760
    assert {
        row["line"]: row["detail"] for row in rows if str(row["line"]).startswith("Unallocated")
    } == {
        "Unallocated: AWS credits": "ada@example.org: prepaid",
        "Unallocated: charged beyond what is billed": "ada@example.org: prepaid",
    }


def balance(rows: list[Row]) -> dict[str, tuple[int, int]]:
    """Debits and credits by currency."""
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        for side, name in enumerate(("debit", "credit")):
            if isinstance(amount := row.get(name), Amount):
                sums[str(row["currency"])][side] += amount.units
    return {currency: (debit, credit_) for currency, (debit, credit_) in sums.items()}


def test_the_journal_books_cost_centres_against_what_is_owed() -> None:
    charged = [allotment(600), allotment(400, FLEET), allotment(7, None)]
    month = figures(
        *charged,
        *credited([credit(100, account=None, invoice_id="INV-1")], charged[:2]),
        credits=(ProductSum(SHOP, "USD", 50 * UNIT),),
        cost_centres=(("retail", "4100"), ("logistics.road", "4200")),
    )
    rows = close_rows(month)

    booked = {
        (row["cost_centre"], row["account"]): tuple(
            amount.units
            for name in ("debit", "credit")
            if isinstance(amount := row.get(name), Amount)
        )
        for row in rows[FileKind.JOURNAL]
    }

    assert booked == {
        ("4100", "Cloud expense"): (550_00,),
        ("4200", "Cloud expense"): (400_00,),
        (None, "Unallocated cloud cost"): (7_00,),
        (None, "Internal credits"): (50_00,),
        (None, "AWS credits"): (100_00,),
        (None, "Accounts payable"): (907_00,),
    }
    assert balance(rows[FileKind.JOURNAL]) == {"USD": (1_007_00, 1_007_00)}


def test_cents_between_invoices_and_products_are_rounding() -> None:
    month = figures(*(allotment("0.005", invoice_id=f"INV-{n}") for n in range(4)))
    rows = close_rows(month)

    assert cents(rows[FileKind.AP], "net") == [(1,)] * 4
    assert cents(rows[FileKind.FPA], "net") == [(2,)]
    rounding = [row for row in rows[FileKind.JOURNAL] if row["account"] == "Rounding"]
    assert cents(rounding, "debit") == [(2,)]
    must_chain(rows[FileKind.RECONCILIATION])


@pytest.mark.parametrize("file", [accounts_payable, planning_and_analysis])
def test_more_than_rounding_is_never_called_so(file: Callable[[Figures], list[Row]]) -> None:
    told = figures(allotment(100), allotment(50, APP))
    files: tuple[Callable[[Figures], list[Row]], ...] = (accounts_payable, planning_and_analysis)
    rows = {one: one(told) for one in files}
    first, *others = rows[file]
    net = first["net"]
    assert isinstance(net, Amount)
    rows[file] = [{**first, "net": Amount(net.units + 900, 2)}, *others]
    payable, planning = rows.values()

    with pytest.raises(ArithmeticError, match="no difference names"):
        reconciliation(told, payable, planning)
    with pytest.raises(ArithmeticError, match="left in the journal"):
        journal(told, payable, planning)


def test_what_was_waived_unallocated_is_named_with_who_and_why() -> None:
    month = figures(allotment(90), allotment(10, None), waived_unallocated="ada: a trial account")
    rows = close_rows(month)[FileKind.RECONCILIATION]

    (line,) = [row for row in rows if str(row["line"]).startswith("Waived")]

    assert (line["line"], line["detail"], line["amount"]) == (
        "Waived unallocated: No share in force",
        "ada: a trial account",
        Amount(-10 * UNIT, 10),
    )


def test_the_nearest_cost_centre_counts() -> None:
    centres = {"retail": "4100", SHOP: "4111"}

    assert [cost_centre(product, centres) for product in (SHOP, APP, FLEET)] == [
        "4111",
        "4100",
        None,
    ]


# Figures ------------------------------------------------------------------------------------------


def test_parts_that_are_not_the_bill_make_no_files() -> None:
    with pytest.raises(ConflictError, match=r"invoice INV-1 .* is 2.0+ and its parts are 1.0+"):
        figures(allotment(1), bill=(InvoiceSum(MONTH, allotment(1).invoice, 2 * UNIT),))


@pytest.mark.parametrize(
    "said, wrong",
    [
        ({"budgets": ((SHOP, 1),)}, "which currency the budgets are in"),
        ({"budgets": ((SHOP, 1), (SHOP, 2)), "budget_currency": "USD"}, "named twice"),
        ({"rates": (ExchangeRate(currency="EUR", rate=Decimal(1), source="x"),)}, "lead to"),
        (
            {"spend": (allotment(1),), "corrections": (Correction("2026-07", allotment(1)),)},
            "the corrections of the cost that they are charged by",
        ),
        ({"headers": (Header(payer=PAYER, unit=None),) * 2}, "two headers"),
    ],
)
def test_figures_that_say_two_things_are_refused(said: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InvalidError, match=wrong):
        figures(allotment(1), **said)


def test_the_snapshot_gives_the_figures_back() -> None:
    month = figures(allotment(1), allotment(2, FLEET, discount=7), allotment(3, None))

    assert Figures.of(month.snapshot) == month
    assert Figures.of(month.snapshot).snapshot == month.snapshot


# Bytes --------------------------------------------------------------------------------------------


def table(content: bytes, separator: str = ",") -> list[list[str]]:
    text = content.decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))


def test_names_that_a_spreadsheet_would_run_are_harmless_and_amounts_stay_amounts() -> None:
    header = Header(payer=PAYER, unit="retail", vendor="@vendor", purchase_order="+1", memo="=1+1")
    month = figures(
        allotment(-5), headers=(header,), names=((SHOP, ("=HYPERLINK(1)", "@a", "+b", "-c")),)
    )
    files = {file.seal.kind: file for file in written(month) if file.seal.unit is None}

    payable = dict(zip(*table(files[FileKind.AP].content), strict=True))
    planning = dict(zip(*table(files[FileKind.FPA].content), strict=True))

    assert [payable[name] for name in ("Business unit", "Vendor", "Memo", "Net")] == [
        "'=HYPERLINK(1)",
        "'@vendor",
        "'=1+1",
        "-5.00",
    ]
    assert [planning[name] for name in ("Department", "Portfolio", "Product")] == [
        "'@a",
        "'+b",
        "'-c",
    ]


def test_a_plan_says_columns_headers_marks_and_totals() -> None:
    plan = ColumnPlan(
        kind=FileKind.AP,
        columns=(
            Column(name="period_end", header="Datum"),
            Column(name="net", header="Betrag"),
            Column(name="currency"),
        ),
        separator=Separator.SEMICOLON,
        decimal_mark=DecimalMark.COMMA,
        dates=DateFormat.GERMAN,
        has_totals=True,
    )
    month = figures(allotment("-1234.5"), allotment(1, FLEET))

    files = written(month, [plan])

    assert table(files[0].content, ";") == [
        ["Datum", "Betrag", "Currency"],
        ["31.08.2026", "1,00", "USD"],
        ["31.08.2026", "-1234,50", "USD"],
        ["Total", "-1233,50", "USD"],
    ]


@pytest.mark.parametrize(
    "names, wrong",
    [
        (["nett", "currency"], "'nett' is no column of AccountsPayable; it has business_unit"),
        (["net", "net", "currency"], "column net is named twice"),
        (["net"], "name the column currency too"),
    ],
)
def test_a_plan_of_columns_that_cannot_be_is_refused(names: list[str], wrong: str) -> None:
    with pytest.raises(InvalidError, match=wrong):
        ColumnPlan(kind=FileKind.AP, columns=tuple(Column(name=name) for name in names))


def test_two_columns_have_two_headers() -> None:
    same = (Column(name="net", header="Currency"), Column(name="currency"))

    with pytest.raises(InvalidError, match="two columns have the header 'Currency'"):
        ColumnPlan(kind=FileKind.AP, columns=same)


def test_a_file_has_one_plan() -> None:
    with pytest.raises(InvalidError, match="two column plans"):
        written(figures(allotment(1)), [ColumnPlan(kind=FileKind.AP)] * 2)


def test_planning_has_a_file_for_each_business_unit_with_its_rows_alone() -> None:
    files = written(figures(allotment(1), allotment(2, FLEET), allotment(3, None)))

    seals = [(file.seal.kind, file.seal.unit, file.seal.rows) for file in files]
    assert seals == [
        (FileKind.AP, None, 3),
        (FileKind.FPA, None, 3),
        (FileKind.FPA, "logistics", 1),
        (FileKind.FPA, "retail", 1),
        (FileKind.JOURNAL, None, 3),
        (FileKind.RECONCILIATION, None, len(table(files[-1].content)) - 1),
    ]
    assert b"Retail" not in files[2].content


# Any organisation ---------------------------------------------------------------------------------

SLUGS = st.sampled_from(["a", "b"])
PRODUCTS = st.none() | st.builds(
    lambda one, two, three, four: f"{one}.{two}.{three}.{four}", SLUGS, SLUGS, SLUGS, SLUGS
)
TICKS = st.integers(-(10**14), 10**14)


@st.composite
def allotments(draw: st.DrawFn, largest: int = 12) -> list[Allotment]:
    return [
        allotment(
            0,
            draw(PRODUCTS),
            payer=draw(st.sampled_from([PAYER, OTHER])),
            currency=draw(st.sampled_from(["USD", "EUR", "JPY", None])),
            invoice_id=draw(st.sampled_from(["INV-1", "INV-2", None])),
            issuer=draw(st.sampled_from(["AWS", "A seller"])),
            account=draw(st.sampled_from(["3", "4", None])),
            charge_class=draw(st.sampled_from([ChargeClass.USAGE, ChargeClass.TAX])),
            ticks=draw(TICKS),
            discount=draw(st.sampled_from([0, 12_345_678_901])),
        )
        for _ in range(draw(st.integers(1, largest)))
    ]


@st.composite
def months(draw: st.DrawFn) -> dict[str, Any]:
    """Allotments, with AWS's and the ledger's credits, discounts, budgets and corrections."""
    charged = draw(allotments())
    owned = sorted({one.product_id for one in charged if one.product_id})
    off = [
        credit(0, payer=one.payer, currency=one.currency, ticks=-draw(st.integers(1, 10**12)))
        for one in charged[:2]
    ]
    some = st.integers(0, 10**12)
    spend = draw(st.none() | st.just(tuple(draw(allotments()))))
    later = draw(allotments(4))
    since = tuple(Correction("2026-07", one) for one in (*later, *credited(off, later)))
    return {
        "billed": (*charged, *credited(off, charged)),
        "spend": spend,
        "corrections": since,
        "spend_corrections": None if spend is None else since[:2],
        "discounts": tuple(ProductSum(one, "USD", draw(some)) for one in owned),
        "credits": tuple(ProductSum(one, "EUR", draw(some)) for one in owned[:2]),
        "budgets": tuple((one, draw(some)) for one in owned),
        "budget_currency": "USD",
    }


@settings(max_examples=60, deadline=None)
@given(months())
def test_every_file_of_any_organisation_adds_up_to_the_cent(told: dict[str, Any]) -> None:
    month = figures(*told.pop("billed"), **told)

    rows = close_rows(month)

    paid: Counter[Any] = Counter()
    for row in rows[FileKind.AP]:
        parts = [row[name] for name in ("gross", "discount", "aws_credits", "tax", "net")]
        *of, net = (one.units for one in parts if isinstance(one, Amount))
        assert sum(of) == net
        paid[row["original_period"], row["payer"], row["currency"], row["aws_invoice"]] += net
    exact: Counter[Any] = Counter({(None, *one.invoice): one.ticks for one in month.bill})
    for each in month.corrections:
        exact["2026-07", *each.of.invoice] += each.of.ticks
    assert all(paid[key] == rounded(ticks, digits(key[2])) for key, ticks in exact.items())
    for debit, credit_ in balance(rows[FileKind.JOURNAL]).values():
        assert debit == credit_
    must_chain(rows[FileKind.RECONCILIATION])
    for currency in {one.currency for one in month.charged}:
        spent = [one.ticks for one in month.charged if one.currency == currency]
        spent += [one.of.ticks for one in month.charged_corrections if one.of.currency == currency]
        column = totals(FileKind.FPA, rows[FileKind.FPA])[currency]["spend"]
        assert abs(column.units * 10 ** (10 - column.digits) - sum(spent)) < 10 ** (
            10 - column.digits
        )


@settings(max_examples=40, deadline=None)
@given(months(), st.randoms(use_true_random=False))
def test_the_order_of_what_comes_in_does_not_matter_to_a_byte(
    told: dict[str, Any], random: Any
) -> None:
    billed = told.pop("billed")
    mixed = {
        name: tuple(random.sample(value, len(value))) if isinstance(value, tuple) else value
        for name, value in told.items()
    }

    one = figures(*billed, **told)
    other = figures(*random.sample(billed, len(billed)), **mixed)

    assert one.snapshot == other.snapshot
    assert written(one) == written(other)
    assert written(Figures.of(one.snapshot)) == written(one)


@given(allotments(), st.integers(-(10**12), 10**12))
def test_a_credit_is_handed_out_to_the_last_tick(charged: list[Allotment], ticks: int) -> None:
    given_ = credit(0, ticks=ticks)

    found = credited([given_], charged)

    assert sum(one.ticks for one in found) == ticks
    assert differences([InvoiceSum(MONTH, given_.invoice, ticks)], found) == []
    assert found == credited([given_], reversed(charged))
    assert found == summed(found)


def test_a_day_is_written_as_it_is_asked_for() -> None:
    day = date(2026, 8, 31)

    assert [one.of(day) for one in DateFormat] == [
        "2026-08-31",
        "20260831",
        "31.08.2026",
        "31/08/2026",
        "08/31/2026",
    ]


# As documented ------------------------------------------------------------------------------------


def example() -> Figures:
    """The month of `docs/files.md`: two products, two invoices, a credit, a correction of July."""
    charged = [
        allotment("950.004", discount=50 * UNIT, issuer="Amazon Web Services EMEA SARL"),
        allotment("190", charge_class=ChargeClass.TAX, issuer="Amazon Web Services EMEA SARL"),
        allotment("500.003", FLEET, account="4444", issuer="Amazon Web Services EMEA SARL"),
        allotment("80", FLEET, account="4444", invoice_id="INV-2", issuer="A seller"),
        allotment("7.5", None, account="5555", issuer="Amazon Web Services EMEA SARL"),
    ]
    aws = credit(100, issuer="Amazon Web Services EMEA SARL")
    return figures(
        *charged,
        *credited([aws], charged),
        corrections=(Correction("2026-07", allotment(15, invoice_id="INV-0")),),
        booked=(InvoiceSum("2026-07", allotment(0, invoice_id="INV-0").invoice, 1_000 * UNIT),),
        discounts=(ProductSum(FLEET, "USD", 20 * UNIT),),
        credits=(ProductSum(SHOP, "USD", 60 * UNIT),),
        budgets=((SHOP, 1_000 * UNIT), (FLEET, 600 * UNIT)),
        budget_currency="USD",
        cost_centres=(("retail", "4100"), ("logistics", "4200")),
        headers=tuple(
            Header(
                payer=PAYER,
                unit=unit,
                vendor="AWS",
                purchase_order=f"PO-{number}",
                invoices=("INV-1", "INV-2"),
                memo="Cloud August",
            )
            for number, unit in ((7, "retail"), (8, "logistics"), (9, None))
        ),
        waived_unallocated="ada@example.org: trial account",
    )


def test_the_documented_files_are_the_ones_that_are_written() -> None:
    plans = {
        FileKind.AP: ColumnPlan(kind=FileKind.AP, has_totals=True),
        FileKind.FPA: ColumnPlan(kind=FileKind.FPA, has_totals=True),
    }
    told = DOCUMENT.read_text()

    for file in written(example(), plans.values()):
        if file.seal.unit is None:
            assert file.content.decode().replace("\r\n", "\n") in told


def test_every_column_is_documented_by_its_word_and_its_header() -> None:
    told = DOCUMENT.read_text()

    for kind, columns in COLUMNS.items():
        section = told.split(f"## {kind.value}\n")[1].split("\n## ")[0]
        for name, header in columns.items():
            assert f"| `{name}` | {header} |" in section
