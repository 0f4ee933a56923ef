"""The door to resources: what it takes, and what it answers."""

import csv
import io
import json
from typing import Any

import pytest

from finops.runtime import wiring
from functions.resources_api import handler as resources_api
from tests.exports import MONTH, PAYER
from tests.functions.conftest import OTHER_PAYER, Loaded, ask, claims_of, context
from tests.functions.routes import MINE, ROUTES, world
from tests.usecases.organisation import Organisation

WEB = "444455556666"


def found(**query: str) -> list[str]:
    answer = ask("GET", "/resources", query)
    assert answer.status == 200, answer.body
    return [item["resource_id"] for item in answer.json["items"]]


def test_the_newest_bill_s_resources_are_told_with_their_totals_and_freshness(api: Loaded) -> None:
    told = ask("GET", "/resources").json

    [item] = told["items"]
    assert (item["account_id"], item["resource_id"], item["billed_cost"]) == (
        WEB,
        "i-1",
        "2.5000000000",
    )
    assert told["billing_period"] == MONTH
    assert told["totals"] == [
        {
            "currency": "USD",
            "resources": 1,
            "billed_cost": "2.5000000000",
            "effective_cost": "2.5000000000",
        }
    ]
    fresh = {one["payer_id"]: one["last_delivery"] for one in told["freshness"]}
    assert fresh.keys() == {PAYER, OTHER_PAYER}


@pytest.mark.parametrize(
    "query, expected",
    [
        ({"text": "I-"}, ["i-1"]),
        ({"text": "I-?"}, ["i-1"]),
        ({"text": "I-??"}, []),
        ({"resource_id": "i-1"}, ["i-1"]),
        ({"name": "i-1"}, []),
        ({"service": "AmazonEC2"}, ["i-1"]),
        ({"service": "(none)"}, []),
        ({"region": "(none)"}, ["i-1"]),
        ({"tag": "user:Team"}, []),
        ({"account": WEB}, ["i-1"]),
        ({"account": "000000000000"}, []),
        ({"min_cost": "2.5", "max_cost": "2.5000000000"}, ["i-1"]),
        ({"min_cost": "2.5000000001"}, []),
        ({"claimed": "true"}, []),
        ({"claimed": "false", "order": "LastDay"}, ["i-1"]),
        ({"month": "2026-08"}, []),
    ],
)
def test_every_filter_is_asked_by_its_word(
    api: Loaded, query: dict[str, str], expected: list[str]
) -> None:
    assert found(**query) == expected


@pytest.mark.parametrize(
    "query, told",
    [
        ({"min_cost": "a lot"}, "min_cost is 'a lot'; write it like 12.50"),
        ({"min_cost": "NaN"}, "min_cost is 'NaN'; it can be up to 900,000,000"),
        ({"min_cost": "1e999999999"}, "min_cost is '1e999999999'; it can be up to 900,000,000"),
        ({"max_cost": "-1e999999999"}, "it can be up to 900,000,000"),
        ({"min_cost": "1e-999999999"}, "write ten decimals at most"),
        ({"month": "9999-12"}, "9999-12"),
        ({"max_cost": "1e99"}, "max_cost is '1e99'; it can be up to"),
        ({"max_cost": "0.00000000001"}, "max_cost is '0.00000000001'; write ten decimals at most"),
        ({"min_cost": "2", "max_cost": "1"}, "min_cost is more than max_cost"),
        ({"tag": "=x"}, "tag '=x' names no key"),
        ({"text": ""}, "text is empty"),
        ({"month": "2026"}, "'2026' is no billing period"),
        ({"order": "Size"}, "order"),
        ({"cursor": "x"}, "the cursor is none of ours"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_the_name_of_its_field(
    api: Loaded, query: dict[str, str], told: str
) -> None:
    answer = ask("GET", "/resources", query)

    assert answer.status == 422
    assert told in answer.json["detail"]


def test_several_tags_and_accounts_are_asked_at_once(
    api: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    class Watched:
        def __getattr__(self, name: str) -> Any:
            return getattr(api.house.inventory, name)

        def search(self, generations: Any, query: Any, **how: Any) -> Any:
            asked.append(query)
            return api.house.inventory.search(generations, query, **how)

    monkeypatch.setattr(wiring, "inventory", Watched)
    query = {"tag": ["a", "b=c"], "account": [WEB, "(none)"]}
    event = {
        "path": "/resources",
        "httpMethod": "GET",
        "headers": {},
        "multiValueHeaders": {},
        "queryStringParameters": {name: values[-1] for name, values in query.items()},
        "multiValueQueryStringParameters": query,
        "requestContext": {
            "requestId": "request-1",
            "authorizer": {"claims": claims_of("fin@example.com", "financial_admin")},
        },
        "body": None,
    }

    answer = resources_api.handler(event, context("resources_api"))

    assert answer["statusCode"] == 200, answer["body"]
    [one] = asked
    assert [(tag.key, tag.value) for tag in one.tags] == [("a", None), ("b", "c")]
    assert one.accounts == (WEB, "(none)")
    assert json.loads(answer["body"])["items"] == []


def test_the_same_is_a_table(api: Loaded) -> None:
    answer = ask("GET", "/resources", {"limit": "1"}, headers={"Accept": "text/csv"})

    rows = list(csv.DictReader(io.StringIO(answer.body)))
    assert [(row["resource_id"], row["billed_cost"], row["held_by"]) for row in rows] == [
        ("i-1", "2.5000000000", "")
    ]
    assert "X-Next-Cursor" not in answer.headers


def test_an_owner_is_told_of_their_own_accounts_only(
    loaded: Loaded, organisation: Organisation
) -> None:
    here = world(loaded, organisation)
    owner = organisation.people.find(MINE.owner)
    assert owner is not None
    assert ask("GET", "/resources", by=owner).json["items"] == []

    ROUTES["get", "/resources"].given(here, MINE)
    told = ask("GET", "/resources", by=owner).json
    assert [item["account_id"] for item in told["items"]] == [WEB]
    assert [fresh["payer_id"] for fresh in told["freshness"]] == [PAYER]
