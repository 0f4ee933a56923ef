"""The door to shares: lists by scope and day, tables, pages, a split and its history, and files."""

import csv
import io
import json
from datetime import date
from typing import Any
from urllib.parse import quote

import pytest

from finops.domain.accounts import Account
from finops.domain.audit import Deed
from finops.domain.people import Person, Role
from finops.usecases.accounts import check_accounts
from finops.usecases.ports import Save
from tests.functions.conftest import Answer, ask
from tests.usecases.organisation import LOANS, SEARCH, WEB_SHOP, Organisation, act

SHOP, LAB, NEW = "444455556666", "555566667777", "666677778888"
JSON, CSV = {"Content-Type": "application/json"}, {"Accept": "text/csv"}


@pytest.fixture
def by(organisation: Organisation, staff: dict[Role, Person]) -> Person:
    """A financial admin of three accounts: the shop is the web shop's and the loans'."""
    for account_id, name in ((SHOP, "=shop"), (LAB, "lab"), (NEW, "new")):
        organisation.organizations.put(account_id, name)
    check_accounts(
        None,
        accounts=organisation.accounts,
        organizations=organisation.organizations,
        act=act("the organization"),
    )
    admin = staff[Role.FINANCIAL_ADMIN]
    assert split(admin, SHOP, 0, {WEB_SHOP: 2_500, LOANS: 7_500}, reason="agreed").status == 200
    assert split(admin, LAB, 0, {LOANS: 10_000}).status == 200
    return admin


def split(by: Person, account_id: str, version: int, shares: dict[str, int], **said: str) -> Answer:
    parts = [{"product_id": name, "basis_points": points} for name, points in shares.items()]
    return ask(
        "PUT",
        f"/shares/{account_id}",
        by=by,
        headers=JSON | {"If-Match": f'"{version}"'},
        body=json.dumps({"shares": parts} | said),
    )


def load(by: Person, text: str, **said: Any) -> Answer:
    return ask("POST", "/share-loads", by=by, headers=JSON, body=json.dumps({"csv": text} | said))


def listed(by: Person, **query: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = ask("GET", "/shares", query, by=by).json["items"]
    return items


def test_accounts_that_nobody_pays_for_come_first(by: Person) -> None:
    assert [one["account_id"] for one in listed(by)] == [NEW, SHOP, LAB]
    assert [one["account_id"] for one in listed(by, unmapped="true")] == [NEW]
    assert [one["account_id"] for one in listed(by, element="retail")] == [SHOP]
    assert len(listed(by, element="enterprise")) == 3
    before = listed(by, on="2026-01-31")
    assert [(one["account_id"], one["current"]) for one in before] == [
        (account, None) for account in (SHOP, LAB, NEW)
    ]
    assert before[0]["next"]["start"] == "2026-02-01"


def test_an_account_that_nobody_has_mapped_has_version_0(by: Person) -> None:
    told = ask("GET", f"/shares/{NEW}", by=by)

    assert told.headers["ETag"] == '"0"'
    assert (told.json["status"], told.json["revisions"], told.json["spans"]) == (None, [], [])


def test_an_account_tells_who_split_it_when_and_why(by: Person) -> None:
    assert split(by, SHOP, 1, {SEARCH: 10_000}, start="2026-04-05").status == 200
    told = ask("GET", f"/shares/{SHOP}", by=by).json

    first, second = told["revisions"]
    assert (first["set_by"], first["reason"], first["status"]) == (by.email, "agreed", "Current")
    assert [(one["product_id"], one["percent"]) for one in first["shares"]] == [
        (LOANS, "75.00"),
        (WEB_SHOP, "25.00"),
    ]
    assert (second["start"], second["end"], second["status"]) == (
        *("2026-04-05", "2027-01-01"),
        "Future",
    )
    assert told["spans"] == [
        {"start": "2026-02-01", "end": "2026-04-05", "number": 1},
        {"start": "2026-04-05", "end": "2027-01-01", "number": 2},
    ]
    assert told["next"]["start"] == "2026-04-05"
    assert told["current"]["number"] == 1


def test_with_a_scope_others_are_one_number(by: Person, staff: dict[Role, Person]) -> None:
    owner = staff[Role.PRODUCT_OWNER]
    [one] = listed(owner)

    assert one["account_id"] == SHOP
    assert [part["product_id"] for part in one["current"]["shares"]] == [WEB_SHOP]
    assert one["current"]["others_basis_points"] == 7_500
    for path in ("/shares", f"/shares/{SHOP}"):
        assert "bank" not in ask("GET", path, by=owner).body
        assert "bank" not in ask("GET", path, by=owner, headers=CSV).body
    assert [ask("GET", f"/shares/{id_}", by=owner).status for id_ in (LAB, NEW)] == [404, 404]


def test_an_account_that_nobody_has_seen_is_not_there(by: Person) -> None:
    told = ask("GET", "/shares/000000000000", by=by)

    assert told.status == 404
    assert "finops accounts check" in told.json["detail"]


def test_a_table_has_a_row_for_each_product_and_runs_no_formula(
    by: Person, staff: dict[Role, Person]
) -> None:
    def table(who: Person) -> list[tuple[str, str, str]]:
        told = ask("GET", "/shares", by=who, headers=CSV)
        rows = csv.DictReader(io.StringIO(told.body))
        return [(row["name"], row["product_id"], row["share"]) for row in rows]

    assert table(by) == [
        ("new", "", ""),
        ("'=shop", LOANS, "75.00"),
        ("'=shop", WEB_SHOP, "25.00"),
        ("lab", LOANS, "100.00"),
    ]
    assert table(staff[Role.PRODUCT_OWNER]) == [
        ("'=shop", WEB_SHOP, "25.00"),
        ("'=shop", "(others)", "75.00"),
    ]


def test_pages_hold_together_what_one_page_holds(by: Person) -> None:
    found: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = ask("GET", "/shares", {"limit": "1"} | cursor, by=by).json
        found += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert found == listed(by)
    assert len(found) == 3


@pytest.mark.parametrize(
    "body, status, told",
    [
        ({"shares": [{"product_id": WEB_SHOP, "basis_points": 9_999}]}, 422, "99.99 %"),
        ({"shares": [{"product_id": WEB_SHOP, "basis_points": 10_001}]}, 422, "basis_points"),
        ({"shares": [{"product_id": WEB_SHOP, "basis_points": "10000"}]}, 422, "basis_points"),
        ({"shares": [{"product_id": WEB_SHOP, "basis_points": True}]}, 422, "basis_points"),
        ({"shares": [{"product_id": "retail", "basis_points": 10_000}]}, 422, "no product retail"),
        ({"shares": []}, 422, "shares"),
        (
            {"shares": [{"product_id": WEB_SHOP, "basis_points": 10_000}], "start": "2026-04-06"},
            422,
            "2026-04-05, 2026-04-12",
        ),
        (
            {"shares": [{"product_id": WEB_SHOP, "basis_points": 10_000}], "start": "soon"},
            422,
            "start",
        ),
    ],
)
def test_a_split_that_cannot_be_says_why(
    by: Person, body: dict[str, Any], status: int, told: str
) -> None:
    answer = ask(
        "PUT",
        f"/shares/{NEW}",
        by=by,
        headers=JSON | {"If-Match": '"0"'},
        body=json.dumps(body),
    )

    assert answer.status == status
    assert told in answer.json["detail"]


def test_nothing_is_renewed_in_march(by: Person) -> None:
    told = ask(
        "POST",
        f"/shares/{SHOP}/renewals",
        by=by,
        headers=JSON | {"If-Match": '"1"'},
        body="{}",
    )

    assert told.status == 409
    assert "2026-12" in told.json["detail"]
    assert told.json["current"]["account_id"] == SHOP


def test_a_file_is_checked_unless_it_says_otherwise(organisation: Organisation, by: Person) -> None:
    text = f"account_id,product_id,share\n{NEW},{SEARCH},33.33\n{NEW},{WEB_SHOP},66.67 %\n"
    checked, done = load(by, text), load(by, text, dry_run=False)

    assert (checked.json["mapped"], checked.json["applied"]) == ([NEW], False)
    assert done.json == checked.json | {"applied": True}
    known = organisation.shares.find(NEW)
    assert known is not None
    assert known.revisions[0].shares == ((SEARCH, 3_333), (WEB_SHOP, 6_667))


def test_a_wrong_row_is_named_and_the_file_changes_nothing(
    organisation: Organisation, by: Person
) -> None:
    text = f"account_id,product_id,share\n{NEW},{SEARCH},50\n{NEW},{WEB_SHOP},50.01\n"
    told = load(by, text, dry_run=False)

    assert told.status == 200
    [error] = told.json["errors"]
    assert (error["row"], error["column"]) == (2, "share")
    assert f"account {NEW}, rows 2, 3: the shares add up to 100.01 %" in error["detail"]
    assert organisation.shares.find(NEW) is None


@pytest.mark.parametrize("account_id", ["my-project", "/subscriptions/0f3a 5b/a%2Fb", "1" * 13])
def test_an_account_of_another_provider_is_split_alone_and_by_a_file(
    organisation: Organisation, by: Person, account_id: str
) -> None:
    payer = "/providers/Microsoft.Billing/billingAccounts/1:2"
    found = Account.billed(account_id, payer, date(2026, 3, 1), act().at)
    organisation.accounts.save([Save(None, found, Deed(action="Find"))], act())

    assert split(by, quote(account_id, safe=""), 0, {SEARCH: 10_000}).status == 200
    told = ask("GET", f"/shares/{quote(account_id, safe='')}", by=by)
    assert (told.json["account_id"], told.json["current"]["number"]) == (account_id, 1)
    report = load(by, f"account_id,product_id,share\n{account_id},{SEARCH},100\n")
    assert (report.json["unchanged"], report.json["errors"]) == ([account_id], [])


@pytest.mark.parametrize("account_id", ["a%0Ab", "x" * 129])
def test_what_no_account_can_be_called_is_the_clients_error(by: Person, account_id: str) -> None:
    assert ask("GET", f"/shares/{account_id}", by=by).status == 422
