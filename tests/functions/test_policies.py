"""The door to class policies and claim rules: lists by scope, tables, pages, and changes in turn."""

import csv
import io
import json
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import quote

import pytest

from finops.domain.accounts import Account
from finops.domain.audit import Deed
from finops.domain.people import Person, Role
from finops.domain.workloads import Workload
from finops.usecases.accounts import check_accounts
from finops.usecases.ports import Save
from tests.functions.conftest import Answer, ask
from tests.usecases.organisation import LOANS, WEB_SHOP, Organisation, act

PAYER, SHOP = "999988887777", "444455556666"
JSON, CSV = {"Content-Type": "application/json"}, {"Accept": "text/csv"}


@pytest.fixture
def by(organisation: Organisation, staff: dict[Role, Person]) -> Person:
    """A financial admin, where a workload of the web shop and one of the loans run."""
    organisation.organizations.put(SHOP, "shop")
    check_accounts(
        None,
        accounts=organisation.accounts,
        organizations=organisation.organizations,
        act=act("the organization"),
    )
    for workload_id, product in (("w-web", WEB_SHOP), ("w-loans", LOANS)):
        new = Workload(
            workload_id=workload_id,
            product_id=product,
            account_id=SHOP,
            name=f"run of {workload_id}",
            launch="2026-03",
            end="2026-12",
        )
        organisation.workloads.save([Save(None, new, Deed(action="Plan"))], act())
    return staff[Role.FINANCIAL_ADMIN]


def change(method: str, path: str, by: Person, version: int, said: Mapping[str, Any]) -> Answer:
    headers = JSON | {"If-Match": f'"{version}"'}
    return ask(method, path, by=by, headers=headers, body=json.dumps(said))


def decide(by: Person, charge_class: str, version: int, **said: str) -> Answer:
    path = f"/class-policies/{PAYER}/{charge_class}"
    return change("PUT", path, by, version, {"start": "2026-03"} | said)


def add(by: Person, rule_id: str, version: int, workload: str = "w-web", **said: Any) -> Answer:
    rule = {"rule_id": rule_id, "workload_id": workload, "start": "2026-03-11"}
    return change("POST", "/claim-rules", by, version, rule | (said or {"service": "AmazonEC2"}))


# Class policies -----------------------------------------------------------------------------------


def test_what_nobody_has_decided_follows_the_shares(by: Person) -> None:
    items = ask("GET", "/class-policies", by=by).json["items"]

    assert [one["charge_class"] for one in items] == [
        *("Marketplace", "OneOffFee", "Support", "Tax", "UnusedCommitment")
    ]
    assert {(one["policy"], one["number"], one["version"]) for one in items} == {
        ("FollowShares", None, 0)
    }


def test_a_decision_is_in_force_in_its_month_and_its_history_stays(by: Person) -> None:
    first = decide(by, "Support", 0, policy="InProportion", reason="agreed")
    later = decide(by, "Support", 1, policy="ToProduct", product_id=WEB_SHOP, start="2026-05")

    assert (first.status, first.headers["ETag"], later.headers["ETag"]) == (200, '"1"', '"2"')
    assert [one["policy"] for one in later.json["policies"]] == ["InProportion", "ToProduct"]
    [support] = [
        one
        for one in ask("GET", "/class-policies", by=by).json["items"]
        if one["charge_class"] == "Support"
    ]
    assert (support["policy"], support["reason"], support["version"]) == (
        *("InProportion", "agreed"),
        2,
    )
    assert [one["start"] for one in support["history"]] == ["2026-03", "2026-05"]


@pytest.mark.parametrize(
    "charge_class, said, status, told",
    [
        ("Usage", {"policy": "InProportion"}, 422, "usage goes by claims"),
        ("Soap", {"policy": "InProportion"}, 422, "charge_class"),
        ("Tax", {"policy": "ToProduct"}, 422, "name the product"),
        ("Tax", {"policy": "ToProduct", "product_id": "retail"}, 422, "no product retail"),
        ("Tax", {"policy": "InProportion", "start": "2026-13"}, 422, "start"),
        ("Tax", {"policy": "Nobody"}, 422, "policy"),
    ],
)
def test_a_policy_that_cannot_be_says_why(
    by: Person, charge_class: str, said: dict[str, str], status: int, told: str
) -> None:
    answer = decide(by, charge_class, 0, **said)

    assert answer.status == status
    assert told in answer.json["detail"]


def test_a_payer_of_no_account_is_not_there(by: Person) -> None:
    said = {"policy": "InProportion", "start": "2026-03"}

    assert change("PUT", "/class-policies/nobody/Tax", by, 0, said).status == 404


def test_policies_are_a_table_and_pages(by: Person, staff: dict[Role, Person]) -> None:
    decide(by, "Tax", 0, policy="ToProduct", product_id=LOANS)
    told = ask("GET", "/class-policies", {"limit": "4"}, by=by, headers=CSV)
    rows = list(csv.DictReader(io.StringIO(told.body)))
    last = ask("GET", "/class-policies", {"cursor": told.headers["X-Next-Cursor"]}, by=by)

    assert [(row["charge_class"], row["product_id"]) for row in rows][-1] == ("Tax", LOANS)
    assert [one["charge_class"] for one in last.json["items"]] == ["UnusedCommitment"]
    assert ask("GET", "/class-policies", by=staff[Role.PRODUCT_OWNER]).json["items"] == []


# Claim rules --------------------------------------------------------------------------------------


def ids(by: Person) -> list[str]:
    return [one["rule_id"] for one in ask("GET", "/claim-rules", by=by).json["items"]]


def test_rules_are_added_ordered_and_ended_each_from_the_version_before(by: Person) -> None:
    none = ask("GET", "/claim-rules", by=by)
    assert (none.headers["ETag"], none.json["items"]) == ('"0"', [])
    tag = {"key": "user:Team", "value": "web-*"}
    first = add(by, "by-tag", 0, tag=tag, account_id=SHOP)
    assert (first.status, first.json["number"], first.headers["ETag"]) == (200, 1, '"1"')
    add(by, "by-name", 1, name="*/web-?", before="by-tag")
    assert ids(by) == ["by-name", "by-tag"]

    order = {"rule_ids": ["by-tag", "by-name"]}
    assert change("PUT", "/claim-rules/order", by, 2, order).headers["ETag"] == '"3"'
    ended = change("POST", "/claim-rules/by-tag/endings", by, 3, {"end": "2026-04-01"})
    assert ended.json["version"] == 4

    found = ask("GET", "/claim-rules", by=by)
    assert (found.headers["ETag"], found.json["version"], found.json["next_cursor"]) == (
        *('"4"', 4),
        None,
    )
    assert found.json["items"][0] == {
        "rule_id": "by-tag",
        "workload_id": "w-web",
        "workload": "run of w-web",
        "product_id": WEB_SHOP,
        "account_id": SHOP,
        "tag": tag,
        "name": None,
        "service": None,
        "start": "2026-03-11",
        "end": "2026-04-01",
    }


@pytest.mark.parametrize(
    "said, status, told",
    [
        ({"workload": "w-none", "service": "x"}, 404, "no workload w-none"),
        ({"account_id": SHOP}, 422, "needs a tag, a name pattern or a service"),
        ({"service": ""}, 422, "service"),
        ({"tag": {"value": "x"}}, 422, "tag.key"),
        ({"tag": {"key": "Team", "other": "x"}}, 422, "tag.other"),
        ({"name": "*" * 6}, 422, "5 stars"),
        ({"service": "x", "end": "2026-03-01"}, 422, "before it starts"),
        ({"service": "x", "before": "none"}, 404, "no claim rule none"),
        ({"service": "x", "account_id": "1" * 12}, 422, "nobody has seen an account"),
    ],
)
def test_a_rule_that_cannot_be_says_why(
    by: Person, said: dict[str, Any], status: int, told: str
) -> None:
    answer = add(by, "new", 0, **said)

    assert answer.status == status
    assert told in answer.json["detail"]
    assert ids(by) == []


def test_a_rule_that_is_there_already_is_no_new_one(by: Person) -> None:
    add(by, "ours", 0)
    answer = add(by, "ours", 1)

    assert (answer.status, answer.json["detail"]) == (409, "there is a claim rule ours already")


def test_with_a_scope_only_rules_of_its_products_are_told(
    by: Person, staff: dict[Role, Person]
) -> None:
    add(by, "ours", 0)
    add(by, "theirs", 1, "w-loans")
    owner = staff[Role.PRODUCT_OWNER]

    assert ids(owner) == ["ours"]
    assert "loans" not in ask("GET", "/claim-rules", by=owner, headers=CSV).body


def test_rules_are_a_table_and_pages(by: Person) -> None:
    for version, name in enumerate(("a", "b", "c")):
        add(by, name, version, tag={"key": "=Team"})
    told = ask("GET", "/claim-rules", {"limit": "2"}, by=by, headers=CSV)
    rows = list(csv.DictReader(io.StringIO(told.body)))
    last = ask("GET", "/claim-rules", {"cursor": told.headers["X-Next-Cursor"]}, by=by)

    assert [(row["rule_id"], row["tag_key"], row["tag_value"]) for row in rows] == [
        ("a", "'=Team", "*"),
        ("b", "'=Team", "*"),
    ]
    assert [one["rule_id"] for one in last.json["items"]] == ["c"]


def test_the_tax_of_a_payer_of_another_provider_is_decided(
    organisation: Organisation, by: Person
) -> None:
    payer = "/providers/Microsoft.Billing/billingAccounts/1:2"
    found = Account.billed("my-project", payer, date(2026, 3, 1), act().at)
    organisation.accounts.save([Save(None, found, Deed(action="Find"))], act())

    said = {"policy": "InProportion", "start": "2026-03"}
    decided = change("PUT", f"/class-policies/{quote(payer, safe='')}/Tax", by, 0, said)
    rule = add(by, "ours", 0, service="VM", account_id="my-project")

    assert (decided.status, decided.json["payer_id"]) == (200, payer)
    assert rule.status == 200


# Pages of a list that changes ---------------------------------------------------------------------


def test_a_page_of_rules_that_have_changed_since_is_no_page(by: Person) -> None:
    for version, name in enumerate(("a", "b", "c")):
        add(by, name, version)
    page = ask("GET", "/claim-rules", {"limit": "2"}, by=by).json
    add(by, "d", 3, service="AmazonEC2", before="a")

    told = ask("GET", "/claim-rules", {"cursor": page["next_cursor"]}, by=by)

    assert told.status == 409
    assert "start again" in told.json["detail"]
