"""The door to accounts: lists as of a day, tables, pages, and a look asked for once."""

import csv
import io
from typing import Any

import pytest

from finops.domain.accounts import AccountState
from finops.domain.people import Person, Role
from finops.usecases.accounts import check_accounts
from tests.functions.conftest import ask
from tests.usecases.organisation import NOW, Organisation, act

SHOP, LAB, GONE = "444455556666", "555566667777", "666677778888"
JSON, CSV = {"Content-Type": "application/json"}, {"Accept": "text/csv"}
MARCH_5, MARCH_10 = NOW.replace(day=5), NOW


@pytest.fixture
def by(organisation: Organisation, staff: dict[Role, Person]) -> Person:
    """A cloud engineer, where one account has another name since today and one has left."""
    organisation.organizations.put(SHOP, "=shop", path=("Retail", "Digital"))
    organisation.organizations.put(LAB, "lab", path=(), state=AccountState.SUSPENDED)
    organisation.organizations.put(GONE, "gone")
    look(organisation, MARCH_5)
    del organisation.organizations.listed[GONE]
    organisation.organizations.put(SHOP, "web shop", path=("Retail",))
    look(organisation, MARCH_10)
    return staff[Role.CLOUD_ENGINEER]


def look(organisation: Organisation, at: Any) -> None:
    check_accounts(
        None,
        accounts=organisation.accounts,
        organizations=organisation.organizations,
        act=act("the organization", at),
    )


def listed(by: Person, **query: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = ask("GET", "/accounts", query, by=by).json["items"]
    return items


def test_accounts_are_told_as_they_were_on_a_day(by: Person) -> None:
    def shop(**query: str) -> tuple[str, list[str]]:
        [one] = [one for one in listed(by, **query) if one["account_id"] == SHOP]
        return one["name"], one["path"]

    assert shop() == ("web shop", ["Retail"])
    assert shop(on="2026-03-09") == ("=shop", ["Retail", "Digital"])
    assert shop(on="2026-03-10") == ("web shop", ["Retail"])
    assert ask("GET", "/accounts", {"on": "yesterday"}, by=by).status == 422


@pytest.mark.parametrize(
    "query, found",
    [
        ({}, [SHOP, LAB, GONE]),
        ({"state": "Departed"}, [GONE]),
        ({"state": "Active"}, [SHOP]),
        ({"notice": "New"}, [SHOP, LAB, GONE]),
        ({"notice": "Renamed"}, [SHOP]),
        ({"type": "Sandbox"}, []),
        ({"notice": "Renamed", "state": "Departed"}, []),
    ],
)
def test_accounts_are_filtered(by: Person, query: dict[str, str], found: list[str]) -> None:
    assert [one["account_id"] for one in listed(by, **query)] == found


@pytest.mark.parametrize("query", [{"type": "sandbox"}, {"state": "x"}, {"notice": "new"}])
def test_a_filter_that_is_none_of_ours_is_the_clients_error(
    by: Person, query: dict[str, str]
) -> None:
    assert ask("GET", "/accounts", query, by=by).status == 422


def test_a_table_tells_places_as_paths_and_runs_no_formula(by: Person) -> None:
    told = ask("GET", "/accounts", {"on": "2026-03-09"}, by=by, headers=CSV)
    rows = list(csv.DictReader(io.StringIO(told.body)))

    assert [row["path"] for row in rows] == ["/Retail/Digital", "/", ""]
    assert rows[0]["name"] == "'=shop"
    assert rows[2]["notices"] == "New;Departed"


@pytest.mark.parametrize("path", ["/accounts", "/accounts/tasks", "/tasks"])
def test_pages_hold_together_what_one_page_holds(by: Person, path: str) -> None:
    whole = ask("GET", path, by=by).json["items"]
    found: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = ask("GET", path, {"limit": "1"} | cursor, by=by).json
        found += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert found == whole
    assert len(whole) > 2
    rows = ask("GET", path, by=by, headers=CSV).body.splitlines()
    assert len(rows) == len(whole) + 1


def test_the_callers_tasks_hold_what_accounts_need(by: Person) -> None:
    [task, *_] = [one for one in ask("GET", "/tasks", by=by).json["items"] if one["account_id"]]

    assert task == {
        "kind": "SetType",
        "year": None,
        "element": None,
        "name": "web shop",
        "level": None,
        "label": "Account",
        "owed_by": "enterprise",
        "is_escalated": False,
        "since": "2026-03-05T09:00:00+00:00",
        "account_id": SHOP,
        "notice": "New",
        "credit_id": None,
        **dict.fromkeys(("start", "end", "currency", "amount", "pace", "due", "acting_for")),
        **dict.fromkeys(("saving_id", "savings")),
    }
    about_accounts = len(ask("GET", "/accounts/tasks", by=by).json["items"])
    tasks = ask("GET", "/tasks", by=by).json["items"]
    assert len([one for one in tasks if one["account_id"]]) == about_accounts
    assert ask("GET", "/me", by=by).json["open_tasks"] == len(tasks)


def test_a_table_of_what_accounts_need_has_its_header_without_rows(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    told = ask("GET", "/accounts/tasks", by=staff[Role.CLOUD_ENGINEER], headers=CSV)

    assert told.body.split() == ["account_id,name,notice,need,since,owed_by"]


def test_one_account_tells_its_past(by: Person) -> None:
    told = ask("GET", f"/accounts/{SHOP}", by=by)

    assert told.headers["ETag"] == '"2"'
    assert told.json["names"] == [
        {"since": "2026-03-05", "value": "=shop"},
        {"since": "2026-03-10", "value": "web shop"},
    ]
    assert [one["need"] for one in told.json["notices"]] == ["SetType", "CheckType", "CheckShares"]


@pytest.mark.parametrize("account_id", ["4" * 129, "1%0A2", "%7F"])
def test_what_is_no_account_id_is_the_clients_error(by: Person, account_id: str) -> None:
    assert ask("GET", f"/accounts/{account_id}", by=by).status == 422


def test_a_look_that_is_asked_for_twice_with_one_key_is_asked_for_once(
    organisation: Organisation, by: Person
) -> None:
    headers = JSON | {"Idempotency-Key": "a-look"}
    first, again = (
        ask("POST", "/accounts/checks", by=by, headers=headers, body='{"force": true}')
        for _ in range(2)
    )

    assert (first.status, first.json["status"], first.json["force"]) == (202, "Asked", True)
    assert (again.status, again.json) == (202, first.json)
    asked = [
        record.event
        for record in organisation.audit.chain("account-check#organization")
        if record.action == "AskCheck"
    ]
    assert asked == ["AccountCheckAsked"]


def test_a_type_and_an_acknowledgement_settle_what_waits(by: Person) -> None:
    path = f"/accounts/{SHOP}"
    typed = ask(
        "PUT",
        f"{path}/type",
        by=by,
        headers=JSON | {"If-Match": '"2"'},
        body='{"type": "Pre-Production", "reason": "a rehearsal"}',
    )
    seen = ask(
        "POST",
        f"{path}/acknowledgements",
        by=by,
        headers=JSON | {"If-Match": '"3"'},
        body='{"kind": "Moved"}',
    )

    assert (typed.json["type"], typed.headers["ETag"]) == ("Pre-Production", '"3"')
    assert (seen.json["notices"], seen.json["version"]) == ([], 4)


def test_a_new_account_is_not_acknowledged_without_a_type(by: Person) -> None:
    told = ask(
        "POST",
        f"/accounts/{LAB}/acknowledgements",
        by=by,
        headers=JSON | {"If-Match": '"1"'},
        body='{"kind": "New"}',
    )

    assert told.status == 409
    assert "has no type" in told.json["detail"]
    assert told.json["current"]["account_id"] == LAB
