"""The doors to credits: lists, tables, a ledger, queued ones, and what is told of by itself."""

import csv
import importlib
import io
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from finops.domain.allocation_runs import Allocation
from finops.domain.audit import Deed
from finops.domain.bill_notes import CreditLine
from finops.domain.class_policies import CostBasis
from finops.domain.credits import Credit
from finops.domain.people import Person, Role
from finops.usecases.ports import Rollup, Save
from functions.credits_api import handler as credits_api
from tests.exports import MONTH, PAYER, Line, csv_file, overwritten
from tests.functions.conftest import (
    AT,
    OTHER_PAYER,
    Answer,
    Loaded,
    ask,
    context,
    replace_wiring,
)
from tests.loading import House
from tests.usecases.organisation import LOANS, NOW, UNIT, WEB_SHOP, Organisation, act

JSON, CSV = {"Content-Type": "application/json"}, {"Accept": "text/csv"}
TERMS = {
    "product_id": WEB_SHOP,
    "text": "=PROMO",
    "amount": "1200.00",
    "currency": "USD",
    "start": "2026-01-01",
    "expiry": "2026-04-01",
}


@pytest.fixture
def by(organisation: Organisation, staff: dict[Role, Person]) -> Person:
    return staff[Role.FINANCIAL_ADMIN]


@pytest.fixture
def owner(staff: dict[Role, Person]) -> Person:
    return staff[Role.PRODUCT_OWNER]


def grant(by: Person, **said: Any) -> Answer:
    return ask("POST", "/credits", by=by, headers=JSON, body=json.dumps(TERMS | said))


def queue(organisation: Organisation, credit_id: str = "found") -> Credit:
    """A credit that a bill names and nobody has mapped."""
    line = CreditLine(
        billing_account_id=PAYER,
        billing_period="2026-02",
        billing_currency="USD",
        sub_account_id="444455556666",
        description="PC-1",
        amount=-5 * UNIT,
        first_day=date(2026, 2, 1),
        last_day=date(2026, 2, 2),
    )
    new = Credit.seen(credit_id, line, NOW)
    return organisation.credits.save([Save(None, new, Deed(action="Find"))], act())[0]


def allocation(period: str) -> Allocation:
    """What readers see of a payer's month, of a load before the one in force."""
    return Allocation(
        billing_account_id=PAYER,
        billing_period=period,
        run_id="run-1",
        load_id="load-1",
        basis=CostBasis.BILLED,
        revision=0,
        made_at=NOW,
        lineage=("run-1",),
        totals=(),
    )


def test_a_credit_that_was_granted_is_where_its_location_says(by: Person) -> None:
    made = grant(by, service="AmazonS3", account_id="444455556666", reference="R-1")

    assert (made.status, made.headers["ETag"]) == (201, '"1"')
    told = ask("GET", made.headers["Location"], by=by).json
    assert (told["amount"], told["balance"]) == ("1200.0000000000", "1200.0000000000")
    assert (told["status"], told["source"], told["reference"]) == ("Active", "Granted", "R-1")
    assert told["warnings"] == [{"kind": "Expiry", "before": 30, "day": "2026-04-01"}]


def test_a_credit_tells_its_ledger_its_months_and_when_it_runs_out(
    organisation: Organisation, by: Person, owner: Person
) -> None:
    """59 days through 28 February used 590, 10 a day; what is left pays 9 days of March."""
    ask(
        "PUT",
        "/discounts",
        by=by,
        headers=JSON | {"If-Match": '"0"'},
        body='{"start": "2026-01-01", "rates": [{"basis_points": 1000}]}',
    )
    place = grant(by, amount="781").headers["Location"]
    organisation.product_spend.spend(WEB_SHOP, "2026-01-31", 100 * UNIT)
    organisation.product_spend.spend(WEB_SHOP, "2026-02-28", 600 * UNIT)

    told = ask("GET", place, by=owner).json

    assert [(one["what"], one["when"], one["balance"]) for one in told["ledger"]] == [
        ("Grant", "2026-01-01", "781.0000000000"),
        ("Use", "2026-01", "691.0000000000"),
        ("Use", "2026-02", "151.0000000000"),
    ]
    assert told["months"][1] == {
        "month": "2026-02",
        "spend": "600.0000000000",
        "estimated_discount": "60.0000000000",
        "used": "540.0000000000",
        "is_final": False,
    }
    # It is 10 March: 630 in 68 days.
    assert told["burn_down"] == {
        "through": "2026-03-09",
        "left": "151.0000000000",
        "run_out": "2026-03-26",
        "lapses": "0.0000000000",
    }
    assert (told["balance"], told["estimated_balance"]) == ("781.0000000000", "151.0000000000")
    assert {one["kind"]: one["before"] for one in told["warnings"]} == {"Expiry": 30, "RunOut": 30}


def test_estimates_are_told_with_how_fresh_their_bills_and_allocations_are(
    organisation: Organisation, by: Person, owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In October a credit that began in September is estimated from the bills of both months."""
    later = datetime(2026, 10, 2, tzinfo=UTC)
    monkeypatch.setattr(credits_api, "now", lambda: later)
    place = grant(by, start="2026-09-01", expiry="2026-12-31").headers["Location"]
    made = allocation(MONTH)
    organisation.allocations.publish(made)
    organisation.allocations.publish(allocation("2026-08"))

    told = ask("GET", place, by=by).json["freshness"]

    assert [(one["payer_id"], one["billing_period"]) for one in told] == [
        (OTHER_PAYER, MONTH),
        (PAYER, MONTH),
    ]
    assert [one["allocation"] and one["allocation"]["is_current"] for one in told] == [None, False]
    assert ask("GET", "/credits", by=by).json["freshness"] == told
    # An owner is told of the bills that the own products pay something of.
    assert ask("GET", place, by=owner).json["freshness"] == []
    organisation.allocations.write_rollups(
        made, [Rollup.of((WEB_SHOP, "USD"), {"2026-09-02": UNIT})]
    )
    assert ask("GET", place, by=owner).json["freshness"] == told[1:]
    ended = grant(by, expiry="2026-03-31").headers["Location"]
    assert ask("GET", ended, by=by).json["freshness"] == []


def test_credits_are_filtered_and_paged(
    organisation: Organisation, by: Person, owner: Person
) -> None:
    queue(organisation)
    grant(by)
    grant(by, product_id=LOANS)
    grant(by, expiry="2026-12-31")

    def count(who: Person = by, **query: str) -> int:
        found = 0
        cursor: dict[str, str] = {}
        while True:
            page = ask("GET", "/credits", query | cursor | {"limit": "1"}, by=who).json
            found += len(page["items"])
            if page["next_cursor"] is None:
                return found
            cursor = {"cursor": page["next_cursor"]}

    assert (count(), count(owner)) == (4, 2)
    assert (count(status="Queued"), count(owner, status="Queued")) == (1, 0)
    assert (count(product=LOANS), count(owner, product=LOANS)) == (1, 0)
    assert (count(element="retail"), count(element="enterprise")) == (2, 4)
    assert (count(warning="true"), count(warning="false")) == (2, 2)
    assert ask("GET", "/credits", {"status": "queued"}, by=by).status == 422


def test_a_table_runs_no_formula(organisation: Organisation, by: Person) -> None:
    queue(organisation)
    grant(by)

    rows = list(csv.DictReader(io.StringIO(ask("GET", "/credits", by=by, headers=CSV).body)))

    by_text = {row["text"]: row for row in rows}
    assert by_text["'=PROMO"]["warnings"] == "Expiry 30"
    assert (by_text["PC-1"]["status"], by_text["PC-1"]["amount"]) == ("Queued", "")


def test_what_a_bill_says_of_a_credit_is_for_who_sees_bills(
    organisation: Organisation, by: Person, owner: Person
) -> None:
    queue(organisation)
    mapped = ask(
        "PUT",
        "/credits/found",
        by=by,
        headers=JSON | {"If-Match": '"1"'},
        body=json.dumps(TERMS),
    )

    assert (mapped.status, mapped.json["found"]["amount"]) == (200, "-5.0000000000")
    assert ask("GET", "/credits/found", by=by).json["found"]["description"] == "PC-1"
    assert ask("GET", "/credits/found", by=owner).json["found"] is None
    [listed] = ask("GET", "/credits", by=owner).json["items"]
    assert listed["found"] is None


@pytest.mark.parametrize(
    "said, why",
    [
        ({"amount": "0"}, "more than zero"),
        ({"amount": "-5"}, "body.amount"),
        ({"amount": "1.12345678901"}, "body.amount"),
        ({"expiry": "2025-12-31"}, "is before the start"),
        ({"start": "1999-12-31"}, "years 2000 to 2199"),
        ({"product_id": "retail"}, "is no product"),
        ({"product_id": "a.b.c.d"}, "no chart of accounts has a product"),
        ({"currency": "usd"}, "body.currency"),
        ({"text": " "}, "1 to 500 characters"),
        ({"product": WEB_SHOP}, "body.product"),
    ],
)
def test_what_is_no_credit_is_the_clients_error(by: Person, said: dict[str, str], why: str) -> None:
    told = grant(by, **said)

    assert told.status == 422
    assert why in told.json["detail"]


def test_a_credit_is_withdrawn_once(by: Person) -> None:
    path = grant(by).headers["Location"]

    def withdraw(version: int, **said: str) -> Answer:
        headers = JSON | {"If-Match": f'"{version}"'}
        return ask("POST", f"{path}/withdrawals", by=by, headers=headers, body=json.dumps(said))

    assert withdraw(1).status == 422
    assert withdraw(1, reason=" ").status == 422
    told = withdraw(1, reason="a mistake", day="2026-02-01")
    assert (told.status, told.json["withdrawn_from"]) == (200, "2026-02-01")
    again = withdraw(2, reason="a mistake")
    assert (again.status, again.json["current"]["version"]) == (409, 2)
    assert ask("GET", path, by=by).json["ledger"][-1]["what"] == "Withdrawal"


def test_the_price_book_is_told_with_every_list(by: Person) -> None:
    assert ask("GET", "/discounts", by=by).json == {"lists": [], "changed_at": None, "version": 0}

    def put(version: int, rates: list[Any], start: str = "2026-03-01") -> Answer:
        body = json.dumps({"start": start, "rates": rates, "reason": "a contract"})
        headers = JSON | {"If-Match": f'"{version}"'}
        return ask("PUT", "/discounts", by=by, headers=headers, body=body)

    rates = [{"basis_points": 500}, {"service": "AmazonS3", "basis_points": 750}]
    assert put(0, rates).headers["ETag"] == '"1"'
    assert put(1, [], "2026-04-01").status == 200
    assert put(1, []).status == 409
    assert put(2, rates * 2).status == 422
    assert put(2, rates, "1999-01-01").status == 422
    assert put(2, [{"basis_points": 10_001}]).status == 422
    table = ask("GET", "/discounts", by=by, headers=CSV).body.splitlines()
    assert [row.split(",")[:4] for row in table[1:]] == [
        ["1", "2026-03-01", "AmazonS3", "750"],
        ["1", "2026-03-01", "", "500"],
        ["2", "2026-04-01", "", ""],
    ]
    assert [row.rpartition(",")[2] for row in table[1:]] == ["True", "True", "False"]


def test_the_reconciliation_states_two_figures_and_how_fresh_they_are(
    organisation: Organisation, by: Person
) -> None:
    """The restated bill of September has a credit of 0.75; the ledger begins to pay in March."""
    organisation.product_spend.spend(WEB_SHOP, "2026-03-02", 7 * UNIT)
    grant(by)

    told = ask("GET", "/credits/reconciliation", {"month": MONTH}, by=by).json
    [line] = [one for one in told["items"] if one["currency"] == "USD"]
    assert (line["on_bills"], line["in_ledger"]) == ("0.7500000000", "0.0000000000")
    assert line["difference"] == "0.7500000000"
    assert {one["billing_period"] for one in told["freshness"]} == {MONTH}
    [now] = ask("GET", "/credits/reconciliation", by=by).json["items"]
    assert (now["month"], now["on_bills"], now["in_ledger"]) == (
        "2026-03",
        "0.0000000000",
        "7.0000000000",
    )
    assert (now["difference"], now["is_estimated"]) == ("-7.0000000000", True)
    rows = ask("GET", "/credits/reconciliation", by=by, headers=CSV).body.splitlines()
    assert rows[1] == "2026-03,USD,0.0000000000,7.0000000000,-7.0000000000,True"
    assert ask("GET", "/credits/reconciliation", {"month": "March"}, by=by).status == 422


# By themselves ------------------------------------------------------------------------------------


def opened(name: str, event: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    module = importlib.import_module(f"functions.{name}.handler")
    monkeypatch.setattr(module, "now", lambda: NOW)
    answer = module.handler(event, context(name))
    assert json.loads(json.dumps(answer)) == answer  # Lambda carries it as JSON
    return answer


def test_the_credits_of_a_loaded_bill_are_queued(
    tmp_path: Any, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, organisation = House(tmp_path), Organisation()
    lines = [Line("-1.00", line_item_type="Credit", description=f"PC-{n}") for n in range(2)]
    house.load(overwritten("00000009-0000-0000-0000-000000000000", [csv_file(lines)]), AT)
    replace_wiring(monkeypatch, house, organisation)
    event = {"load_id": "load", "bills": [{"payer_id": PAYER, "billing_period": MONTH}]}

    assert opened("find_credits", event, monkeypatch) == {"found": 2}
    assert opened("find_credits", event, monkeypatch) == {"found": 0}
    assert {one.text for one in organisation.credits.all().values()} == {"PC-0", "PC-1"}
    with pytest.raises((ValidationError, ValueError)):
        opened("find_credits", {"load_id": "load"}, monkeypatch)


def test_a_credit_that_ends_is_told_of_once(
    organisation: Organisation, by: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant(by)

    assert opened("warn_of_credits", {}, monkeypatch) == {"told": 1}
    assert opened("warn_of_credits", {}, monkeypatch) == {"told": 0}
