"""The door to tasks: what is to be split and mapped, in the same list, its table and its pages."""

import csv
import io
from typing import Any

import pytest

from finops.domain.audit import Deed
from finops.domain.credits import Credit
from finops.domain.people import Person, Role
from finops.usecases.accounts import check_accounts
from finops.usecases.ports import Save
from tests.functions.conftest import ask
from tests.usecases.organisation import NOW, Organisation, act
from tests.usecases.test_allocation_tasks import LAB, LINE, SHOP

STEPS = ("MapAccount", "MapCredit")
OF_CARDS = dict.fromkeys(("start", "end", "currency", "amount", "pace", "due", "acting_for"))


@pytest.fixture
def by(organisation: Organisation, staff: dict[Role, Person]) -> Person:
    """A financial admin, where two accounts have no split and nobody has mapped two credits."""
    organisation.organizations.put(SHOP, "shop", path=())
    organisation.organizations.put(LAB, "=lab", path=())
    check_accounts(
        None,
        accounts=organisation.accounts,
        organizations=organisation.organizations,
        act=act("the organization"),
    )
    found = [Credit.seen(name, LINE, NOW) for name in ("c-1", "c-2")]
    saves = [Save(None, one, Deed(action="Find")) for one in found]
    organisation.credits.save(saves, act("the bill"))
    return staff[Role.FINANCIAL_ADMIN]


def tasks(by: Person, **query: str) -> Any:
    return ask("GET", "/tasks", query, by=by).json


def test_an_account_to_split_and_a_credit_to_map_are_tasks_like_others(by: Person) -> None:
    found = [one for one in tasks(by)["items"] if one["kind"] in STEPS]

    assert [(one["kind"], one["account_id"], one["credit_id"]) for one in found] == [
        ("MapAccount", SHOP, None),
        ("MapAccount", LAB, None),
        ("MapCredit", LAB, "c-1"),
        ("MapCredit", LAB, "c-2"),
    ]
    assert found[2] == {
        "kind": "MapCredit",
        "year": None,
        "element": None,
        "name": "PROMO-1",
        "level": None,
        "label": "Credit",
        "owed_by": "enterprise",
        "is_escalated": False,
        "since": "2026-03-10T09:00:00+00:00",
        "account_id": LAB,
        "notice": None,
        "credit_id": "c-1",
        "saving_id": None,
        "savings": None,
        **OF_CARDS,
    }
    assert (found[0]["label"], found[0]["since"][:10]) == ("Account", "2026-03-10")


def test_they_are_counted_and_are_in_the_table(by: Person) -> None:
    whole = tasks(by)["items"]
    told = ask("GET", "/tasks", by=by, headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(told.body)))

    assert ask("GET", "/me", by=by).json["open_tasks"] == len(whole) == len(rows)
    assert [row["credit_id"] for row in rows][-2:] == ["c-1", "c-2"]
    assert {row["name"] for row in rows if row["account_id"] == LAB} == {"'=lab", "PROMO-1"}


def test_page_by_page_they_are_the_same(by: Person) -> None:
    whole = tasks(by)["items"]
    found: list[Any] = []
    cursor: dict[str, str] = {}
    for _ in whole:
        page = tasks(by, limit="1", **cursor)
        found += page["items"]
        cursor = {"cursor": page["next_cursor"]}

    assert found == whole
    assert cursor == {"cursor": None}
