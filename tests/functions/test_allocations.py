"""The doors to allocations, previews and the financial scope: tables, pages, runs asked for once."""

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from finops.domain.people import Person, Role
from finops.domain.rule_changes import MapAccount
from tests.allocating import AT, FIRST, NOBODYS, OF, OWN, RULES, SHARED, Allocating, decide, furnish
from tests.exports import MONTH, PAYER, Line
from tests.functions.conftest import ask, replace_wiring
from tests.usecases.organisation import LOANS, WEB_SHOP, Organisation

JSON, CSV = {"Content-Type": "application/json"}, {"Accept": "text/csv"}
# Web shop 6.00, search 4.00, loans 2.00, nobody 1.00.
LINES = (Line("10.00", SHARED), Line("2.00", OWN, day="2026-09-03"), Line("1.00", NOBODYS))
SPLIT = {
    "kind": "MapAccount",
    "account_id": NOBODYS,
    "shares": [{"product_id": LOANS, "basis_points": 10_000}],
}


@pytest.fixture(scope="module")
def allocated(tmp_path_factory: pytest.TempPathFactory) -> Allocating:
    made = Allocating(tmp_path_factory.mktemp("allocated"))
    furnish(made.organisation, RULES[:2])
    made.load(1, LINES)
    made.run()
    return made


@pytest.fixture
def made(allocated: Allocating, monkeypatch: pytest.MonkeyPatch) -> Iterator[Allocating]:
    """The doors on a month that is allocated; what a test writes is gone after it."""
    one = allocated.organisation
    kept = dict(one.records.states)
    one.rulebook, one.allocations = allocated.rulebook, allocated.allocations
    one.allocation_runs = allocated.runs
    allocated.runs.started.clear()
    replace_wiring(monkeypatch, allocated.house, one)
    yield allocated
    one.records.states = kept


@pytest.fixture
def admin(made: Allocating) -> Person:
    return made.organisation.staff()[Role.FINANCIAL_ADMIN]


def table(path: str, by: Person, **query: str) -> list[dict[str, str]]:
    told = ask("GET", path, query, by=by, headers=CSV)
    assert told.status == 200, told.body
    return list(csv.DictReader(io.StringIO(told.body)))


def total(rows: list[dict[str, str]], column: str = "amount") -> Decimal:
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


@pytest.mark.usefixtures("made")
def test_bill_is_owners_and_nobody(admin: Person) -> None:
    told = ask("GET", "/allocations", {"month": MONTH}, by=admin).json

    assert told["totals"] == [
        {
            "currency": "USD",
            "spend": "13.0000000000",
            "allocated": "12.0000000000",
            "unallocated": "1.0000000000",
            "difference": "0.0000000000",
        }
    ]
    [row] = table("/allocations", admin)  # the newest month
    assert (row["payer_id"], row["spend"], row["is_current"]) == (PAYER, "13.0000000000", "True")


@pytest.mark.usefixtures("made")
def test_every_table_adds_up_to_the_bill(admin: Person) -> None:
    assert total(table("/allocations/unallocated", admin)) == 1
    assert total(table("/allocations/days", admin)) == 13
    for depth in range(5):
        assert total(table("/allocations/tree", admin, depth=str(depth))) == 13


@pytest.mark.usefixtures("made")
def test_a_tree_s_table_names_each_element_and_account(admin: Person) -> None:
    rows = table("/allocations/tree", admin, depth="4", element="retail")

    [shop] = [row for row in rows if row["element"] == WEB_SHOP]
    assert [shop[name] for name in ("e1", "e2", "e3", "e4")] == [
        *("Retail", "Digital", "Storefront", "Web shop"),
    ]
    assert (shop["account_id"], shop["kind"], shop["share"]) == (SHARED, "Share", "60.00")
    assert total(rows) == 10


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    "path, query",
    [
        ("/allocations", {"month": "September"}),
        ("/allocations/tree", {"month": "2026-9"}),
        ("/allocations/days", {"month": "9999-12"}),
        ("/allocations/tree", {"depth": "5"}),
        ("/allocations/days", {"month": "2026-13"}),
        ("/allocations/unallocated", {"month": "0000-01"}),
        ("/financial-scope", {"on": "yesterday"}),
        ("/previews/not-one", {}),
    ],
)
def test_what_is_no_month_or_depth_is_the_clients_error(
    admin: Person, path: str, query: dict[str, str]
) -> None:
    assert ask("GET", path, query, by=admin).status == 422


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("path", ["/allocations", "/allocations/unallocated"])
def test_a_month_without_a_bill_is_empty(admin: Person, path: str) -> None:
    assert ask("GET", path, {"month": "2199-12"}, by=admin).json["items"] == []


@pytest.mark.usefixtures("made")
def test_pages_of_what_nobody_owns_have_the_totals_of_all(admin: Person) -> None:
    path = "/allocations/unallocated"
    whole = ask("GET", path, {"month": MONTH}, by=admin).json
    first = ask("GET", path, {"month": MONTH, "limit": "1"}, by=admin).json

    assert first["totals"] == whole["totals"]
    assert first["items"] == whole["items"][:1]
    assert pages(path, admin) == whole["items"]


def test_an_owner_hears_of_bills_that_a_product_of_theirs_pays_for(made: Allocating) -> None:
    owner = made.organisation.staff()[Role.PRODUCT_OWNER]

    for path in ("/allocations/tree", "/allocations/days", "/spaces"):
        [bill] = ask("GET", path, {"month": MONTH}, by=owner).json["freshness"]
        assert bill["payer_id"] == PAYER


def test_a_run_is_asked_for_once_and_noted(made: Allocating, admin: Person) -> None:
    decide(
        made.organisation, MapAccount(account_id=NOBODYS, shares=((LOANS, 10_000),), start=FIRST)
    )
    first, again = (
        ask("POST", "/allocations", by=admin, headers={"Idempotency-Key": "key-1"})
        for _ in range(2)
    )
    third = ask("POST", "/allocations", by=admin)

    assert first.json == {"items": [{"payer_id": PAYER, "billing_period": MONTH}]}
    assert (again.json, again.headers["Idempotency-Replayed"]) == (first.json, "true")
    assert third.json == first.json  # the same run, which is not started twice
    assert [started[:2] for started in made.runs.started.values()] == [OF]
    noted = list(made.organisation.audit.chain("allocations#open"))
    assert [one.action for one in noted] == ["RunAllocations"] * 2


def test_what_is_up_to_date_is_not_run(made: Allocating, admin: Person) -> None:
    assert ask("POST", "/allocations", by=admin).json == {"items": []}
    assert made.runs.started == {}


def test_a_preview_is_asked_for_once_made_and_told(made: Allocating, admin: Person) -> None:
    body = json.dumps({"changes": [SPLIT | {"start": "2026-09-01"}]})
    asked, again = (
        ask("POST", "/previews", by=admin, headers=JSON | {"Idempotency-Key": "key-2"}, body=body)
        for _ in range(2)
    )
    preview_id = asked.json["preview_id"]
    path = f"/previews/{preview_id}"
    running = ask("GET", path, by=admin).json
    assert made.run(preview_id) == "Previewed"
    told = ask("GET", path, by=admin).json

    assert (asked.status, asked.headers["Location"]) == (202, path)
    assert (again.status, again.json) == (202, asked.json)
    assert len(made.runs.started) == 1
    assert (running["status"], running["items"], running["changes"]) == ("Running", [], 1)
    assert told["status"] == "Done"
    moved = {one["element"]: one["difference"] for one in told["items"] if one["element"]}
    assert moved == dict.fromkeys(
        ["enterprise", "bank", "bank.credit", "bank.credit.lending", LOANS], "1.0000000000"
    )
    assert running["freshness"] == []
    assert [one["payer_id"] for one in told["freshness"]] == [PAYER]
    [total] = told["totals"]
    assert (total["before"], total["difference"]) == ("13.0000000000", "0.0000000000")
    rows = table(path, admin)
    assert [row["reason"] for row in rows if not row["element"]] == ["", "No share in force"]
    assert pages(path, admin) == told["items"]


def pages(path: str, by: Person) -> list[Any]:
    """All items, two a page."""
    found: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = ask("GET", path, {"limit": "2"} | cursor, by=by).json
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    "changes, said",
    [
        ([], "at least 1"),
        ([{"kind": "BuyLunch"}], "BuyLunch"),
        ([{"account_id": NOBODYS}], "kind"),
        ([SPLIT | {"shares": [{"product_id": LOANS, "basis_points": 9_999}]}], "99.99 %"),
        ([SPLIT | {"shares": [{"product_id": LOANS, "basis_points": 10_001}]}], "100.01 %"),
        ([SPLIT | {"lunch": True}], "lunch"),
        ([SPLIT | {"shares": [{"product_id": LOANS}]}], "shares.0"),
    ],
)
def test_a_change_that_nobody_could_make_is_said_so(
    admin: Person, changes: list[Any], said: str
) -> None:
    told = ask("POST", "/previews", by=admin, headers=JSON, body=json.dumps({"changes": changes}))

    assert told.status == 422, told.body
    assert said in told.json["detail"]


def test_the_answer_to_an_owners_preview_is_told_them_again(made: Allocating) -> None:
    """Though they see nothing of the enterprise."""
    made.organisation.staff()
    owner = made.organisation.hire("loans@example.com", Role.PRODUCT_OWNER, [LOANS])
    registers = "retail.stores.tills.registers"
    tills = made.organisation.hire("tills@example.com", Role.PRODUCT_OWNER, [registers])
    split = ((WEB_SHOP, 5_000), (registers, 5_000))
    decide(
        made.organisation,
        MapAccount(account_id=SHARED, shares=split, start=FIRST.replace(day=13)),
        AT,
    )
    claim = {"kind": "ClaimResources", "workload_id": "w-tills", "resources": ["i-7"]}
    body = json.dumps({"changes": [claim]})
    first, again = (
        ask("POST", "/previews", by=tills, headers=JSON | {"Idempotency-Key": "key-3"}, body=body)
        for _ in range(2)
    )
    hidden = ask("POST", "/previews", by=owner, headers=JSON, body=body)

    assert (first.status, again.status) == (202, 202), again.body
    assert again.json == first.json
    assert hidden.status == 404
    assert "tills" not in hidden.json["detail"].replace("w-tills", "")


def test_a_financial_scope_has_a_row_for_each_account_and_for_products_without(
    made: Allocating, admin: Person
) -> None:
    organisation = made.organisation
    later = ((WEB_SHOP, 5_000), (LOANS, 5_000))
    decide(
        organisation,
        MapAccount(account_id=SHARED, shares=later, start=FIRST.replace(day=13)),
        AT,
    )
    rows = table("/financial-scope", admin, on="2026-09-20")
    told = [
        (row["names"].rpartition(" / ")[2], row["account_id"], row["share"], row["status"])
        for row in rows
    ]

    assert told == [
        ("Loans", SHARED, "50.00", "New"),
        ("Loans", OWN, "100.00", "New"),
        ("Checkout", "", "", ""),
        ("Search", SHARED, "40.00", "Past"),
        ("Web shop", SHARED, "60.00", "Past"),
        ("Web shop", SHARED, "50.00", "New"),
        ("Registers", "", "", ""),
    ]
    assert [row["owners"] for row in rows if "Web shop" in row["names"]] == [
        "product@example.com"
    ] * 2
    assert {row["budget_status"] for row in rows} == {"New"}
    assert (
        pages("/financial-scope", admin) == ask("GET", "/financial-scope", by=admin).json["items"]
    )
    below = table("/financial-scope", admin, element="bank", on="2026-09-20")
    assert {row["product_id"] for row in below} == {LOANS}


def test_a_scope_is_told_as_it_is_on_a_day(made: Allocating, admin: Person) -> None:
    def status(on: str) -> str:
        [row] = [
            row for row in table("/financial-scope", admin, on=on) if row["product_id"] == LOANS
        ]
        return row["status"]

    days = ["2026-08-31", "2026-09-01", "2026-10-01", "2026-12-31"]
    assert [status(day) for day in days] == ["Future", "New", "Current", "Expiring"]


def test_an_organisation_without_a_chart_says_what_to_do(
    made: Allocating, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = Organisation()
    replace_wiring(monkeypatch, made.house, empty)
    by = empty.staff()[Role.FINANCIAL_ADMIN]

    told = ask("GET", "/allocations/tree", by=by)

    assert (told.status, "finops chart load" in told.json["detail"]) == (404, True)
    assert total(table("/allocations/unallocated", by)) == 13
