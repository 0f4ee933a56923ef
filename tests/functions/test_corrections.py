"""The doors to corrections: rows of FOCUS and years by scope, and what is booked by itself."""

import csv
import io
from typing import Any

import pytest

from finops.domain.people import Person, Role
from finops.runtime import wiring
from finops.usecases.book_corrections import Ledgers
from functions.book_corrections import handler as book_corrections
from tests.closing import closing_of
from tests.correcting import AUGUST, SEPTEMBER, Books, allotment, booked, in_units
from tests.functions.conftest import ask, context
from tests.usecases.organisation import LOANS, WEB_SHOP, Organisation

CREDIT: dict[str, Any] = {"charge_category": "Credit", "charge_class": None}
FORMULA = "=HYPERLINK(1)"


@pytest.fixture
def corrected(organisation: Organisation) -> Organisation:
    """March has booked 15.00 of February for the web shop, 4.00 for loans, and what AWS credited."""
    told = [
        allotment(15, WEB_SHOP),
        allotment(4, LOANS, issuer=FORMULA),
        allotment(-2, WEB_SHOP, **CREDIT),
    ]
    booked(organisation.closes, closing_of(organisation).files, *told)
    return organisation


def costs(answer: Any) -> list[tuple[str, str]]:
    return [(one["x_ProductId"], one["BilledCost"]) for one in answer.json["items"]]


def test_a_correction_is_a_row_of_focus(corrected: Organisation, staff: dict[Role, Person]) -> None:
    answer = ask("get", "/corrections", by=staff[Role.PRODUCT_OWNER])
    [row] = answer.json["items"]

    assert answer.status == 200
    assert (row["ChargeClass"], row["x_OriginalBillingPeriod"]) == ("Correction", "2026-02")
    assert (row["BillingPeriodStart"], row["ChargePeriodStart"]) == (
        "2026-03-01T00:00:00Z",
        "2026-02-01T00:00:00Z",
    )
    assert (row["InvoiceId"], row["BilledCost"]) == ("INV-1", "15.0000000000")
    assert [(one["original_period"], one["month"]) for one in answer.json["bookings"]] == [
        ("2026-02", "2026-03")
    ]


def test_everybody_sees_the_corrections_of_their_scope(
    corrected: Organisation, staff: dict[Role, Person]
) -> None:
    every = ask("get", "/corrections", by=staff[Role.FINANCIAL_ADMIN])
    of_owners = ask("get", "/corrections", {"of_owners": "true"}, by=staff[Role.FINANCIAL_ADMIN])
    unit = ask("get", "/corrections", by=staff[Role.BUSINESS_UNIT_OWNER])

    assert sorted(costs(every)) == [
        (LOANS, "4.0000000000"),
        (WEB_SHOP, "-2.0000000000"),
        (WEB_SHOP, "15.0000000000"),
    ]
    assert sorted(costs(of_owners)) == [(LOANS, "4.0000000000"), (WEB_SHOP, "15.0000000000")]
    assert costs(unit) == [(WEB_SHOP, "15.0000000000")]


def test_corrections_come_page_by_page(corrected: Organisation, staff: dict[Role, Person]) -> None:
    found, cursor = [], None
    for _ in range(3):
        asked = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
        answer = ask("get", "/corrections", asked, by=staff[Role.FINANCIAL_ADMIN])
        found += costs(answer)
        cursor = answer.json["next_cursor"]

    assert cursor is None
    assert len(set(found)) == 3


def test_a_table_of_corrections_holds_no_formula(
    corrected: Organisation, staff: dict[Role, Person]
) -> None:
    answer = ask(
        *("get", "/corrections"), by=staff[Role.FINANCIAL_ADMIN], headers={"Accept": "text/csv"}
    )
    rows = list(csv.DictReader(io.StringIO(answer.body)))

    assert len(rows) == 3
    assert {row["InvoiceIssuerName"] for row in rows} == {"AWS", f"'{FORMULA}"}


def test_what_is_no_month_is_refused(corrected: Organisation, staff: dict[Role, Person]) -> None:
    answer = ask("get", "/corrections", {"month": "2026-13"}, by=staff[Role.FINANCIAL_ADMIN])

    assert answer.status == 422
    assert "write it as YYYY-MM" in answer.json["detail"]


def test_a_year_says_how_fresh_it_is_and_hides_what_is_out_of_scope(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    whole = ask("get", "/corrections/years/2026", by=staff[Role.FINANCIAL_ADMIN])
    own = ask("get", "/corrections/years/2026", by=staff[Role.PRODUCT_OWNER])

    assert whole.json["freshness"]
    assert {one["month"] for one in whole.json["bill"]} == {"2026-09"}
    for one in whole.json["totals"]:
        assert (one["is_closed"], one["waiting"]) == (False, one["latest"])
    assert (own.json["bill"], own.json["items"], own.json["freshness"]) == (None, [], [])
    hidden = {"element": LOANS}
    away = ask("get", "/corrections/years/2026", hidden, by=staff[Role.PRODUCT_OWNER])
    assert away.status == 404


# By itself ----------------------------------------------------------------------------------------


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch) -> Books:
    """August is closed at 1,000.00, and billed at 1,015.00 by now."""
    made = Books()
    made.bill(AUGUST, allotment(1_000))
    made.close(AUGUST)
    made.bill(AUGUST, allotment(1_015))

    def ledgers() -> Ledgers:
        return made.ledgers

    monkeypatch.setattr(wiring, "ledgers", ledgers)
    return made


@pytest.mark.parametrize("event", [{"billing_period": AUGUST, "payer": "1", "status": "Same"}, {}])
def test_a_month_that_was_allocated_is_corrected_and_so_is_every_one_in_a_daily_look(
    books: Books, event: dict[str, Any]
) -> None:
    first = book_corrections.handler(event, context("book_corrections"))
    again = book_corrections.handler(event, context("book_corrections"))

    assert (first, again) == ({"booked": 1, "waiting": 0}, {"booked": 0, "waiting": 0})
    assert in_units(books.booked(AUGUST)) == {SEPTEMBER: 15}


def test_what_has_to_wait_is_told(books: Books) -> None:
    books.bill(SEPTEMBER, allotment(200))
    books.begin(SEPTEMBER)

    assert book_corrections.handler({}, context("book_corrections")) == {"booked": 0, "waiting": 1}
