"""The door to tags: what it takes, and what it answers."""

import csv
import io
from typing import Any

import pytest

from finops.domain.tag_coverage import ValueUse
from finops.ledger import tag_coverage
from finops.usecases import tag_views
from tests.exports import MONTH
from tests.functions.conftest import Loaded, ask

CSV = {"Accept": "text/csv"}
HEADERS = {
    "coverage": tag_views.COVERAGE,
    "missing": tag_views.MISSING,
    "untagged": tag_views.UNTAGGED,
    "keys": tag_views.KEYS,
    "values": tag_views.VALUES,
    "commands": tag_views.COMMANDS,
}


def test_coverage_and_what_can_have_no_tag_are_the_bill(api: Loaded) -> None:
    """2.50 less a credit of 0.75 and tax of 0.30, which are of no resource; 10.00 in euros."""
    told = ask("GET", "/tags/coverage", {"by": "account"}).json

    assert told["billing_period"] == MONTH
    assert [
        (one["of"], one["currency"], one["cost"], one["untaggable_cost"]) for one in told["items"]
    ] == [
        ("222222222222", "EUR", "0.0000000000", "10.0000000000"),
        ("444455556666", "USD", "2.5000000000", "-0.7500000000"),
        (None, "USD", "0.0000000000", "0.3000000000"),
    ]
    assert {one["all_keys"]["resources_covered"] for one in told["items"]} == {"0.0000", None}


def paged(path: str, **query: str) -> list[dict[str, Any]]:
    """The items of all pages, one on each."""
    items: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        told = ask("GET", path, {**query, "limit": "1", **cursor}).json
        assert len(told["items"]) == 1
        items += told["items"]
        if told["next_cursor"] is None:
            return items
        cursor = {"cursor": told["next_cursor"]}


def test_coverage_of_many_groups_comes_in_pages(api: Loaded) -> None:
    whole = ask("GET", "/tags/coverage", {"by": "account"}).json

    assert (len(whole["items"]), whole["groups"], whole["next_cursor"]) == (3, 3, None)
    assert paged("/tags/coverage", by="account") == whole["items"]


def test_values_come_in_pages_those_of_most_resources_first(
    api: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key may have a hundred thousand, which no answer holds."""
    used = [(11, "Web"), (11, "web"), (2, "ops"), (1, "w\u00e9b"), (1, "\U0001f600")]
    made = [ValueUse(value, number, (("USD", 1),)) for number, value in used]
    monkeypatch.setattr(tag_coverage, "values_used", lambda *_, **__: made)

    assert [one["value"] for one in paged("/tags/values", key="user:Team")] == [
        value for _, value in used
    ]


def test_a_report_has_the_dearest_groups_and_says_how_many_there_are(
    api: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tag_views, "MOST_REPORTED", 1)
    told = ask("GET", "/tags/report").json["coverage"]

    assert {one["by"]: (len(one["items"]), one["groups"]) for one in told}["Account"] == (1, 3)


@pytest.mark.parametrize("what", HEADERS)
def test_every_table_is_csv_as_well(api: Loaded, what: str) -> None:
    told = ask("GET", f"/tags/{what}", {"key": "user:Team"}, headers=CSV)

    assert told.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert tuple(next(csv.reader(io.StringIO(told.body)))) == HEADERS[what]


def test_the_report_is_a_page_where_one_is_asked_for(api: Loaded) -> None:
    told = ask("GET", "/tags/report", {"format": "html"})

    assert told.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "sandbox" in told.headers["Content-Security-Policy"]
    assert '<img src="https://example.com/logo.png"' in told.body


@pytest.mark.parametrize(
    "path, query, why",
    [
        ("coverage", {"by": "day"}, "by"),
        ("coverage", {"month": "September"}, "YYYY-MM"),
        ("untagged", {"top": "0"}, "top"),
        ("commands", {}, "key"),
        ("commands", {"key": "aws:createdBy"}, "nobody can set it"),
        ("values", {"key": ""}, "key: name one"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_reason(
    api: Loaded, path: str, query: dict[str, str], why: str
) -> None:
    told = ask("GET", f"/tags/{path}", query)

    assert told.status == 422
    assert why in told.body
