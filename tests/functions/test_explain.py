"""The door to explanations: from a total to the lines of the bill by following `next`."""

import csv
import io
from typing import Any
from urllib.parse import parse_qsl

import pytest

from finops.domain.errors import DeliveryChangedError
from finops.domain.people import Person, Role
from finops.runtime import wiring
from tests.exports import MONTH
from tests.functions.conftest import Loaded, ask
from tests.usecases.explaining import ACCOUNT, paid_by
from tests.usecases.organisation import LOANS, WEB_SHOP, Organisation

CSV = {"Accept": "text/csv"}
DAY = "2026-09-02"


@pytest.fixture
def by(loaded: Loaded, organisation: Organisation, staff: dict[Role, Person]) -> Person:
    """The owner of the web shop, which pays for an account of 2.50."""
    paid_by(WEB_SHOP, loaded.house, organisation.allocations)
    return staff[Role.PRODUCT_OWNER]


def follow(path: str, by: Person) -> Any:
    """What a `next` leads to, asked as a browser would."""
    path, _, query = path.partition("?")
    asked = dict(parse_qsl(query, keep_blank_values=True))
    return ask("GET", path, asked, by=by).json


def test_a_total_leads_to_lines_of_the_bill_in_three_steps(by: Person) -> None:
    asked = {"month": MONTH, "by": "account,day"}
    figure = ask("GET", f"/explain/{WEB_SHOP}", asked, by=by).json
    [row] = figure["rows"]
    charges = follow(row["next"], by)
    [group] = charges["groups"]
    [charge] = group["charges"]
    [bill] = follow(charge["next"], by)["bills"]
    [line] = bill["lines"]

    assert figure["totals"] == charges["totals"] == [{"currency": "USD", "amount": "2.5000000000"}]
    assert (row["account"], row["day"], row["amount"]) == (ACCOUNT, DAY, "2.5000000000")
    assert (group["share"], group["whole"], group["part"]) == ("100.00", *["2.5000000000"] * 2)
    assert (charge["resource_id"], charge["cost"]) == ("i-1", "2.5000000000")
    assert (bill["cost"], bill["unblended_cost"], bill["steps"]) == (charge["cost"],) * 2 + ([],)
    assert (line["row"], line["unblended_cost"]) == (1, "2.5000000000")
    assert line["file"].endswith("cur2-00001.csv")


def test_without_other_wishes_a_product_comes_apart_by_account_then_day(by: Person) -> None:
    [account] = ask("GET", f"/explain/{WEB_SHOP}", {"month": MONTH}, by=by).json["rows"]
    days = follow(account["next"], by)
    [day] = days["rows"]

    assert (account["kind"], account["share"], account["class"]) == ("Share", "100.00", "Usage")
    assert days["totals"] == [{"currency": "USD", "amount": account["amount"]}]
    assert (days["asked"]["kind"], days["asked"]["rule"], day["day"]) == ("Share", "1", DAY)
    assert day["next"].startswith(f"/explain/{WEB_SHOP}/charges?")


def test_every_answer_says_how_fresh_it_is_and_by_which_rules(by: Person) -> None:
    told = ask("GET", f"/explain/{WEB_SHOP}", {"month": MONTH}, by=by).json

    [rule] = told["rules"]
    assert (rule["kind"], rule["said"], rule["set_by"]) == (
        *("Share", "100.00 % of it", "ann@example.com"),
    )
    runs = {one["payer_id"]: one["allocation"] for one in told["freshness"]}
    assert [run and run["is_of_last_load"] for run in runs.values()] == [None, True]


@pytest.mark.parametrize(
    "end, columns",
    [("", "amount"), ("/charges", "whole"), ("/lines", "unblended_cost")],
)
def test_each_step_is_a_table_too(by: Person, end: str, columns: str) -> None:
    asked = {"month": MONTH, "account": ACCOUNT, "day": DAY}
    told = ask("GET", f"/explain/{WEB_SHOP}{end}", asked, by=by, headers=CSV)
    [row] = csv.DictReader(io.StringIO(told.body))

    assert told.status == 200
    assert row[columns] == "2.5000000000"


@pytest.mark.parametrize("end", ["", "/charges", "/lines"])
def test_what_is_out_of_scope_is_not_there(by: Person, end: str) -> None:
    asked = {"month": MONTH, "account": ACCOUNT, "day": DAY}

    assert ask("GET", f"/explain/{LOANS}{end}", asked, by=by).status == 404
    assert ask("GET", f"/explain/unallocated{end}", asked, by=by).status == 403


def test_what_nobody_owns_is_explained_to_who_looks_after_it(
    by: Person, staff: dict[Role, Person]
) -> None:
    admin = staff[Role.FINANCIAL_ADMIN]
    [row] = ask("GET", "/explain/unallocated", {"month": MONTH}, by=admin).json["rows"]
    assert (row["account"], row["reason"]) == (None, "Charge of no account")

    [day] = follow(row["next"], admin)["rows"]
    [group] = follow(day["next"], admin)["groups"]
    [bill] = follow(group["charges"][0]["next"], admin)["bills"]
    assert (row["amount"], bill["cost"]) == ("0.3000000000", "0.3000000000")


@pytest.mark.parametrize(
    "query",
    [
        {"month": "2026-13"},
        {"month": MONTH, "by": "team"},
        {"month": MONTH, "day": "yesterday"},
        {"month": MONTH, "class": "Coffee"},
    ],
)
def test_a_question_that_cannot_be_meant_is_the_clients_error(
    by: Person, query: dict[str, str]
) -> None:
    assert ask("GET", f"/explain/{WEB_SHOP}", query, by=by).status == 422


def test_without_a_month_the_newest_is_meant_and_charges_need_account_and_day(by: Person) -> None:
    assert ask("GET", f"/explain/{WEB_SHOP}", by=by).json["billing_period"] == MONTH
    for end in ("charges", "lines"):
        told = ask("GET", f"/explain/{WEB_SHOP}/{end}", {"account": ACCOUNT}, by=by)
        assert told.status == 422
        assert "name the account and the day" in told.json["detail"]


def test_a_delivery_that_is_gone_is_a_conflict_that_says_what_to_do(
    by: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone:
        def at(self, *_: Any) -> Any:
            raise DeliveryChangedError("a.parquet was replaced while it was read")

    monkeypatch.setattr(wiring, "originals", Gone)
    asked = {"month": MONTH, "account": ACCOUNT, "day": DAY}
    told = ask("GET", f"/explain/{WEB_SHOP}/lines", asked, by=by)

    assert told.status == 409
    assert told.json["detail"].startswith("a.parquet was replaced")
    assert "load the delivery that is there now" in told.json["detail"]
