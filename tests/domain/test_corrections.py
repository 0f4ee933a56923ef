"""After the close: snapshot + corrections = latest bill, and the snapshot keeps its bytes."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.class_policies import ChargeClass
from finops.domain.close_figures import (
    Allotment,
    Allotments,
    Correction,
    Figures,
    InvoiceSum,
    digest,
    summed,
)
from finops.domain.close_files import close_rows, written
from finops.domain.column_plans import Amount, FileKind, Row
from finops.domain.corrections import (
    ClosedMonth,
    YearLine,
    booked_invoices,
    booked_so_far,
    corrected,
    focus_row,
    invoiced,
    year_view,
)
from finops.domain.errors import ConflictError
from finops.domain.rounding import rounded

UNIT = 10**10
AUGUST, SEPTEMBER = "2026-08", "2026-09"
SHOP = "retail.digital.storefront.web-shop"
FLEET = "logistics.road.fleet.tracking"


def allotment(amount: int, product: str | None = SHOP, **said: Any) -> Allotment:
    usual: dict[str, Any] = {
        "payer": "1111",
        "currency": "USD",
        "invoice_id": "INV-8",
        "issuer": "AWS",
        "account": "3333",
        "charge_category": "Usage",
        "charge_class": ChargeClass.USAGE,
        "product_id": product,
        "reason": None,
        "ticks": amount * UNIT,
    }
    return Allotment(**usual | said)


def refund(amount: int, **said: Any) -> Allotment:
    return allotment(-amount, charge_category="Adjustment", **said)


def support(amount: int, **said: Any) -> Allotment:
    return allotment(amount, charge_class=ChargeClass.SUPPORT, **said)


def figures(month: str, *billed: Allotment, **said: Any) -> Figures:
    sums: Counter[Any] = Counter()
    for one in billed:
        sums[one.invoice] += one.ticks
    bill = tuple(InvoiceSum(month, invoice, ticks) for invoice, ticks in sums.items())
    return Figures(month=month, bill=bill, billed=billed, **said)


def total(corrections: Iterable[Correction]) -> int:
    return sum(one.of.ticks for one in corrections)


def nets(rows: list[Row]) -> list[tuple[Any, ...]]:
    return [
        (row["charge_class"], row["original_period"], row.get("invoice"), net.units)
        for row in rows
        if isinstance(net := row["net"], Amount)
    ]


# Trap 5 -------------------------------------------------------------------------------------------


def test_trap_5_a_refund_and_support_after_the_close_are_a_correction_of_15() -> None:
    """Closed at 1,000.00; then -25.00 and +40.00 come on the same invoice: 1,015.00."""
    closed = figures(AUGUST, allotment(1_000))
    kept, files = closed.snapshot, written(closed)
    latest = summed([allotment(1_000), refund(25), support(40)])

    corrections = corrected(AUGUST, closed.billed, latest)
    booked = booked_invoices(AUGUST, closed.billed, latest)
    september = figures(
        SEPTEMBER,
        allotment(200, invoice_id="INV-9"),
        corrections=corrections,
        booked=booked,
    )
    rows = close_rows(september)

    assert (digest(closed.snapshot), written(closed)) == (digest(kept), files)
    assert total(corrections) == 15 * UNIT
    assert [
        (one.original_period, one.of.invoice_id, one.of.charge_class, one.of.ticks // UNIT)
        for one in corrections
    ] == [(AUGUST, "INV-8", "Usage", -25), (AUGUST, "INV-8", "Support", 40)]
    assert nets(rows[FileKind.AP]) == [
        ("Correction", AUGUST, "INV-8", 15_00),
        (None, None, "INV-9", 200_00),
    ]
    assert sorted(nets(rows[FileKind.FPA]), key=str) == [
        ("Correction", AUGUST, None, 15_00),
        (None, None, None, 200_00),
    ]
    assert booked_so_far(AUGUST, closed.billed, corrections) == latest
    told = [
        (row["line"], row["amount"])
        for row in rows[FileKind.RECONCILIATION]
        if "orrections of" in str(row["line"])
    ]
    assert told == [
        ("Corrections of closed months", Amount(15 * UNIT, 10)),
        ("Corrections of 2026-08", Amount(-15 * UNIT, 10)),
    ]


def test_trap_5_where_the_invoice_number_comes_with_the_restatement() -> None:
    """Closed without an invoice id; what was booked then goes by the id that came."""
    closed = figures(AUGUST, allotment(1_000, invoice_id=None, issuer=None))
    latest = summed([allotment(1_000), refund(25), support(40)])

    corrections = corrected(AUGUST, closed.billed, latest)

    assert total(corrections) == 15 * UNIT
    assert {one.of.invoice_id for one in corrections} == {"INV-8"}
    (booked,) = booked_invoices(AUGUST, closed.billed, latest)
    assert (booked.invoice.invoice_id, booked.ticks) == ("INV-8", 1_000 * UNIT)


def test_a_second_restatement_corrects_only_the_rest() -> None:
    snapshot = (allotment(1_000),)
    first = corrected(AUGUST, snapshot, [allotment(1_015)])

    booked = booked_so_far(AUGUST, snapshot, first)
    second = corrected(AUGUST, booked, [allotment(1_012)])

    assert (total(first), total(second)) == (15 * UNIT, -3 * UNIT)
    again = booked_so_far(AUGUST, snapshot, [*first, *second])
    assert corrected(AUGUST, again, [allotment(1_012)]) == ()


def test_money_that_moves_between_products_is_corrected_at_both() -> None:
    corrections = corrected(AUGUST, [allotment(100)], [allotment(60), allotment(40, FLEET)])

    assert {one.of.product_id: one.of.ticks // UNIT for one in corrections} == {
        SHOP: -40,
        FLEET: 40,
    }


def test_what_owners_book_before_the_close_of_another_month_is_not_counted() -> None:
    of_july = Correction("2026-07", allotment(5))

    assert booked_so_far(AUGUST, [allotment(1)], [of_july]) == (allotment(1),)


def test_an_invoice_paid_twice_over_is_the_invoice_to_the_cent() -> None:
    """1,000.004 was paid as 1,000.00; the invoice is 1,015.008 by now, and so 1,015.01."""
    tenth = UNIT // 1_000
    closed = figures(AUGUST, allotment(0, ticks=1_000 * UNIT + 4 * tenth))
    latest = [allotment(0, ticks=1_015 * UNIT + 8 * tenth)]

    september = figures(
        SEPTEMBER,
        allotment(1, invoice_id="INV-9"),
        corrections=corrected(AUGUST, closed.billed, latest),
        booked=booked_invoices(AUGUST, closed.billed, latest),
    )

    before = nets(close_rows(closed)[FileKind.AP])[0][-1]
    after = nets(close_rows(september)[FileKind.AP])[0][-1]
    assert (before, after, before + after) == (1_000_00, 15_01, 1_015_01)


# Invoice ids that come late -----------------------------------------------------------------------


def test_a_bill_that_still_has_lines_without_an_id_names_none() -> None:
    booked = (allotment(10, invoice_id=None),)
    latest = [allotment(4, invoice_id=None), allotment(7)]

    assert invoiced(booked, latest) == booked


def test_what_was_booked_goes_over_several_invoices_in_proportion() -> None:
    booked = [allotment(9, invoice_id=None)]
    latest = [allotment(2), allotment(1, invoice_id="INV-9")]

    found = invoiced(booked, latest)

    assert [(one.invoice_id, one.ticks // UNIT) for one in found] == [("INV-8", 6), ("INV-9", 3)]


@pytest.mark.parametrize("said", [{"product_id": FLEET}, {"account": "4444"}])
def test_a_charge_that_is_gone_has_the_id_of_the_nearest_ones(said: dict[str, Any]) -> None:
    (one,) = invoiced([allotment(9, invoice_id=None, **said)], [allotment(1)])

    assert one.invoice_id == "INV-8"


def test_a_payer_that_has_no_bill_any_more_has_no_ids() -> None:
    booked = (allotment(9, invoice_id=None, payer="2222"),)

    assert invoiced(booked, [allotment(1)]) == booked


SELLERS = {"charge_class": ChargeClass.MARKETPLACE, "invoice_id": None}


def sold(amount: int, seller: str, invoice_id: str | None = None) -> Allotment:
    """What the same product buys of a seller in the same account."""
    return allotment(amount, **SELLERS | {"issuer": seller, "invoice_id": invoice_id})


def test_what_was_paid_to_a_seller_without_an_id_is_of_that_sellers_invoice() -> None:
    """A's bill is what it was; B's is 80.00 and no longer 50.00."""
    closed = figures(AUGUST, sold(100, "A"), sold(50, "B"))
    latest = [sold(100, "A", "INV-A"), sold(80, "B", "INV-B")]

    corrections = corrected(AUGUST, closed.billed, latest)
    september = figures(
        SEPTEMBER,
        corrections=corrections,
        booked=booked_invoices(AUGUST, closed.billed, latest),
    )

    assert [(one.of.invoice_id, one.of.ticks // UNIT) for one in corrections] == [("INV-B", 30)]
    assert nets(close_rows(september)[FileKind.AP]) == [("Correction", AUGUST, "INV-B", 30_00)]


def test_a_seller_that_bills_nothing_any_more_is_not_paid_by_anothers_invoice() -> None:
    closed = [sold(100, "A"), sold(50, "B")]

    corrections = corrected(AUGUST, closed, [sold(50, "B", "INV-B")])

    assert [(one.of.issuer, one.of.invoice_id, one.of.ticks // UNIT) for one in corrections] == [
        ("A", None, -100)
    ]


def test_ids_that_come_in_two_deliveries_are_paid_what_each_invoice_says() -> None:
    """Closed with 100.00 without an id; 60.00 of it is INV-8, and later 40.00 of it is INV-9."""
    snapshot = (allotment(100, invoice_id=None),)
    first = [allotment(60), allotment(40, invoice_id=None)]
    corrections = corrected(AUGUST, snapshot, first)

    booked = booked_so_far(AUGUST, snapshot, corrections)
    second = [allotment(60), allotment(40, invoice_id="INV-9")]

    assert {one.invoice_id: one.ticks // UNIT for one in booked} == {"INV-8": 60, None: 40}
    assert corrected(AUGUST, booked, second) == ()
    more = corrected(AUGUST, booked, [allotment(60), allotment(45, invoice_id="INV-9")])
    assert [(one.of.invoice_id, one.of.ticks // UNIT) for one in more] == [("INV-9", 5)]


def test_what_has_no_id_and_is_gone_leaves_the_invoices_alone_that_have_all_they_say() -> None:
    booked = (allotment(60), allotment(40, invoice_id=None))

    corrections = corrected(AUGUST, booked, [allotment(60)])

    assert [(one.of.invoice_id, one.of.ticks // UNIT) for one in corrections] == [(None, -40)]


def test_what_moved_to_another_product_before_the_ids_came_leaves_every_invoice_as_paid() -> None:
    """100.00 were the shop's; 40.00 of them are the fleet's by now, on an invoice of its own."""
    corrections = corrected(
        AUGUST,
        [allotment(100, invoice_id=None)],
        [allotment(60), allotment(40, FLEET, invoice_id="INV-9")],
    )

    assert [
        (one.of.invoice_id, one.of.product_id, one.of.ticks // UNIT) for one in corrections
    ] == [("INV-9", FLEET, 40), ("INV-9", SHOP, -40)]


def test_a_discount_goes_with_the_invoice_that_says_it() -> None:
    booked = [allotment(150, invoice_id=None, discount=30 * UNIT)]
    latest = [allotment(100), allotment(50, invoice_id="INV-9", discount=30 * UNIT)]

    assert corrected(AUGUST, booked, latest) == ()


# FOCUS --------------------------------------------------------------------------------------------


def test_a_correction_in_the_columns_of_focus_is_billed_in_the_open_month() -> None:
    row = focus_row(Correction(AUGUST, refund(25)), SEPTEMBER)

    assert row["ChargeClass"] == "Correction"
    assert (row["InvoiceId"], row["BilledCost"]) == ("INV-8", "-25.0000000000")
    assert (row["BillingPeriodStart"], row["BillingPeriodEnd"]) == (
        "2026-09-01T00:00:00Z",
        "2026-10-01T00:00:00Z",
    )
    assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == (
        "2026-08-01T00:00:00Z",
        "2026-09-01T00:00:00Z",
    )
    assert (row["ChargeCategory"], row["x_ChargeClass"]) == ("Adjustment", "Usage")


@pytest.mark.parametrize(
    "charge_class, category",
    [
        (ChargeClass.TAX, "Tax"),
        (ChargeClass.ONE_OFF_FEE, "Purchase"),
        (ChargeClass.SUPPORT, "Usage"),
        (None, "Credit"),
    ],
)
def test_a_charge_that_says_no_category_has_that_of_its_class(
    charge_class: ChargeClass | None, category: str
) -> None:
    of = allotment(1, charge_class=charge_class, charge_category=None)

    assert focus_row(Correction(AUGUST, of), SEPTEMBER)["ChargeCategory"] == category


# The year -----------------------------------------------------------------------------------------


def test_a_year_shows_what_was_closed_what_was_corrected_and_what_waits() -> None:
    months = [
        ClosedMonth(SEPTEMBER, (allotment(200),), (allotment(207),)),
        ClosedMonth(AUGUST, (allotment(1_000),), (allotment(1_015),)),
    ]
    corrections = corrected(AUGUST, *months[1][1:])

    assert year_view(months, corrections) == [
        YearLine(AUGUST, "USD", 1_000 * UNIT, 15 * UNIT, 0, 1_015 * UNIT),
        YearLine(SEPTEMBER, "USD", 200 * UNIT, 0, 7 * UNIT, 207 * UNIT),
    ]


def test_a_year_of_a_scope_has_nothing_of_others() -> None:
    both = (allotment(10), allotment(5, FLEET), allotment(3, None))
    months = [ClosedMonth(AUGUST, both, both)]

    assert [line.closed // UNIT for line in year_view(months, (), scope=["retail"])] == [10]
    assert [line.closed // UNIT for line in year_view(months, ())] == [18]
    assert year_view(months, (), scope=["media"]) == []


def test_currencies_have_lines_of_their_own() -> None:
    both = (allotment(10), allotment(5, currency="EUR"))

    lines = year_view([ClosedMonth(AUGUST, both, both)], ())

    assert [(line.currency, line.latest // UNIT) for line in lines] == [("EUR", 5), ("USD", 10)]


def test_a_month_is_closed_once() -> None:
    with pytest.raises(ConflictError, match="here twice"):
        year_view([ClosedMonth(AUGUST, (), ())] * 2, ())


# Any restatements ---------------------------------------------------------------------------------


@st.composite
def bills(draw: st.DrawFn) -> Allotments:
    return summed(
        allotment(
            0,
            draw(st.sampled_from([SHOP, FLEET, None])),
            currency=draw(st.sampled_from(["USD", "EUR"])),
            invoice_id=draw(st.sampled_from(["INV-8", "INV-9", None])),
            issuer=draw(st.sampled_from(["AWS", "A seller"])),
            account=draw(st.sampled_from(["3333", "4444"])),
            charge_class=draw(st.sampled_from([ChargeClass.USAGE, ChargeClass.TAX])),
            ticks=draw(st.integers(-(10**13), 10**13)),
        )
        for _ in range(draw(st.integers(0, 6)))
    )


def by_owner(given_: Iterable[Allotment]) -> dict[Any, int]:
    """By all but the invoice, which may come late."""
    sums: Counter[Any] = Counter()
    for one in given_:
        sums[one.key[:2] + one.key[4:]] += one.ticks
    return {key: ticks for key, ticks in sums.items() if ticks}


@settings(max_examples=60, deadline=None)
@given(bills(), st.lists(bills(), min_size=1, max_size=4))
def test_after_any_restatements_snapshot_and_corrections_are_the_latest_bill(
    snapshot: Allotments, deliveries: list[Allotments]
) -> None:
    corrections: list[Correction] = []
    for latest in deliveries:
        booked = booked_so_far(AUGUST, snapshot, corrections)
        corrections += corrected(AUGUST, booked, latest)
        now = booked_so_far(AUGUST, snapshot, corrections)
        assert corrected(AUGUST, now, latest) == ()
        assert invoiced(now, latest) == latest
        assert by_owner(now) == by_owner(latest)
    lines = year_view([ClosedMonth(AUGUST, snapshot, deliveries[-1])], corrections)
    assert all(line.waiting == 0 for line in lines)
    assert all(line.closed + line.corrected == line.latest for line in lines)


@settings(max_examples=40, deadline=None)
@given(bills(), bills())
def test_what_was_paid_of_an_invoice_then_and_now_is_the_invoice(
    snapshot: Allotments, latest: Allotments
) -> None:
    snapshot = tuple(one for one in snapshot if one.invoice_id)
    latest = tuple(one for one in latest if one.invoice_id)
    paid: Counter[Any] = Counter()
    for month in (
        figures(AUGUST, *snapshot),
        figures(
            SEPTEMBER,
            corrections=corrected(AUGUST, snapshot, latest),
            booked=booked_invoices(AUGUST, snapshot, latest),
        ),
    ):
        for row in close_rows(month)[FileKind.AP]:
            net = row["net"]
            assert isinstance(net, Amount)
            paid[row["currency"], row["invoice"]] += net.units
    due: Counter[Any] = Counter()
    for one in latest:
        due[one.currency, one.invoice_id] += one.ticks

    assert {key: net for key, net in paid.items() if net} == {
        key: cents for key, ticks in due.items() if (cents := rounded(ticks))
    }


def by_invoice(given_: Iterable[Allotment]) -> dict[Any, int]:
    """By issuer and invoice."""
    sums: Counter[Any] = Counter()
    for one in given_:
        sums[one.invoice, one.issuer] += one.ticks
    return {key: ticks for key, ticks in sums.items() if ticks}


@settings(max_examples=60, deadline=None)
@given(bills(), bills())
def test_what_has_no_id_is_never_paid_to_another_issuer(
    snapshot: Allotments, latest: Allotments
) -> None:
    def by_issuer(given_: Iterable[Allotment]) -> dict[Any, int]:
        sums: Counter[Any] = Counter()
        for one in given_:
            sums[one.currency, one.issuer] += one.ticks
        return {key: ticks for key, ticks in sums.items() if ticks}

    assert by_issuer(invoiced(snapshot, latest)) == by_issuer(snapshot)
    assert by_owner(invoiced(snapshot, latest)) == by_owner(snapshot)


@settings(max_examples=60, deadline=None)
@given(bills(), st.data())
def test_ids_alone_change_nothing_that_is_paid_of_any_invoice(
    final: Allotments, data: st.DataObject
) -> None:
    """Closed without any id; then they come, some with each delivery, and no amount changes."""
    final = summed(one._replace(ticks=abs(one.ticks)) for one in final)
    ids = [one.invoice_id for one in final]
    named: set[str | None] = set()
    snapshot = summed(one._replace(invoice_id=None) for one in final)
    corrections: list[Correction] = []
    for id_ in data.draw(st.permutations(sorted({id_ for id_ in ids if id_}))):
        named.add(id_)
        latest = summed(
            one if one.invoice_id in named else one._replace(invoice_id=None) for one in final
        )
        booked = booked_so_far(AUGUST, snapshot, corrections)
        corrections += corrected(AUGUST, booked, latest)
        booked = booked_so_far(AUGUST, snapshot, corrections)
        assert by_invoice(invoiced(booked, latest)) == by_invoice(latest)
        assert total(corrections) == 0
        due = by_invoice(latest)
        for (invoice, issuer), ticks in by_invoice(booked).items():
            if invoice.invoice_id is not None:
                assert 0 < ticks <= due[invoice, issuer]
