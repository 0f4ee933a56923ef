"""The door to workloads and claims: plans, ten thousand resources in a step, and spaces as tables."""

import csv
import io
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from finops.domain.audit import Deed
from finops.domain.credits import Credit, CreditTerms
from finops.domain.people import Person, Role
from finops.domain.rule_changes import MOST_RESOURCES
from finops.runtime.rest import LARGEST_BODY
from finops.usecases.ports import Save
from functions.claims_api import handler as claims_api
from tests.claiming import SHARED, know_accounts, run, share, take
from tests.exports import MONTH, PAYER
from tests.functions.conftest import OTHER_PAYER, Answer, ask
from tests.usecases.organisation import LOANS, NOW, SEARCH, UNIT, WEB_SHOP, Organisation, act

JSON, CSV = {"Content-Type": "application/json"}, {"Accept": "text/csv"}


@pytest.fixture
def by(organisation: Organisation, staff: dict[Role, Person]) -> Person:
    """The owner of the web shop, where two accounts are known and nobody has a share."""
    know_accounts(organisation)
    return staff[Role.PRODUCT_OWNER]


def post(path: str, by: Person, version: int | None = None, **said: Any) -> Answer:
    match = {} if version is None else {"If-Match": f'"{version}"'}
    return ask("POST", path, by=by, headers=JSON | match, body=json.dumps(said))


def rows(answer: Answer) -> list[dict[str, str]]:
    assert answer.status == 200, answer.body
    return list(csv.DictReader(io.StringIO(answer.body, newline="")))


def test_a_workload_is_planned_changed_and_ended(organisation: Organisation, by: Person) -> None:
    share(organisation, SHARED, (WEB_SHOP, 10_000))
    made = post(
        "/workloads",
        by,
        account_id=SHARED,
        product_id=WEB_SHOP,
        name="front end",
        components=[{"name": "compute", "monthly": "80"}, {"name": "disk", "monthly": "20.5"}],
        estimate_url="https://calculator.aws/#/estimate?id=1",
    )
    assert (made.status, made.headers["ETag"]) == (201, '"1"')
    assert (made.json["monthly"], made.json["launch"]) == ("100.5000000000", "2026-03")
    path = f"/workloads/{made.json['workload_id']}"
    changed = ask(
        "PUT",
        path,
        by=by,
        headers=JSON | {"If-Match": '"1"'},
        body='{"name": "shop", "monthly": "90", "end": "2026-06"}',
    )
    assert (changed.json["name"], changed.json["components"]) == ("shop", [])
    ended = post(f"{path}/endings", by, 2, reason="moved")

    assert (ended.json["end"], ended.headers["ETag"]) == ("2026-03", '"3"')
    told = ask("GET", path, by=by).json
    assert told == ended.json | {"spent": None, "warnings": [], "freshness": []}


@pytest.mark.parametrize(
    "said, wrong",
    [
        ({"launch": "2026-02"}, "launches in 2026-03 or later"),
        ({"launch": "2026-13"}, "body.launch"),
        ({"estimate_url": "http://calculator.aws"}, "starts with https://"),
        ({"monthly": "-1"}, "body.monthly"),
        ({"monthly": "2", "components": [{"name": "a", "monthly": "1"}]}, "add up to 1.0000000000"),
        ({"account_id": "1\n2"}, "body.account_id"),
        ({"name": " "}, "name has 1 to 120 characters"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_words(
    organisation: Organisation, by: Person, said: dict[str, Any], wrong: str
) -> None:
    share(organisation, SHARED, (WEB_SHOP, 10_000))
    good = {"account_id": SHARED, "product_id": WEB_SHOP, "name": "front end"}

    answer = post("/workloads", by, **good | said)

    assert answer.status == 422
    assert wrong in answer.json["detail"]


def test_an_owner_is_told_whom_to_ask_for_an_account(by: Person, staff: dict[Role, Person]) -> None:
    new: dict[str, Any] = {"product_id": WEB_SHOP, "name": "front end"}

    for account in (SHARED, "999900001111"):
        answer = post("/workloads", by, account_id=account, **new)
        assert answer.status == 404
        assert "ask a financial admin to split it, or a cloud engineer" in answer.json["detail"]
    engineer = staff[Role.CLOUD_ENGINEER]
    assert post("/workloads", engineer, account_id=SHARED, **new).status == 201
    refused = post("/workloads", engineer, account_id="999900001111", **new)
    assert refused.status == 422
    assert "nobody has seen an account 999900001111" in refused.json["detail"]


def test_only_workloads_with_a_warning_are_listed_where_asked(
    organisation: Organisation, by: Person
) -> None:
    over = run(organisation, name="over", monthly=UNIT)
    run(organisation, name="within", monthly=UNIT)
    organisation.workload_spend.months["2026-03"] = {over.workload_id: 2 * UNIT}

    [told] = ask("GET", "/workloads", {"warning": "true"}, by=by).json["items"]

    assert (told["name"], told["spent"]) == ("over", "2.0000000000")
    assert told["warnings"] == ["EstimateExceeded"]
    [row] = rows(ask("GET", "/workloads", {"warning": "true"}, by=by, headers=CSV))
    assert (row["name"], row["warnings"]) == ("over", "EstimateExceeded")
    assert len(ask("GET", "/workloads", {"element": WEB_SHOP}, by=by).json["items"]) == 2
    assert ask("GET", "/workloads", {"account": "999900001111"}, by=by).json["items"] == []


def test_ten_thousand_long_names_are_claimed_and_released_in_one_step(
    organisation: Organisation, by: Person
) -> None:
    share(organisation, SHARED, (WEB_SHOP, 10_000))
    made = run(organisation)
    arn = "arn:aws:elasticloadbalancing:us-east-1:444455556666:listener/net/a-long-name/0123456789"
    resources = [f"{arn}/{number:024}" for number in range(MOST_RESOURCES)]
    assert 2**20 < len(json.dumps(resources)) < LARGEST_BODY

    claimed = post(f"/claims/{SHARED}", by, 0, workload_id=made.workload_id, resources=resources)
    assert (claimed.status, claimed.headers["ETag"]) == (200, '"1"'), claimed.body[:500]
    assert len(organisation.claims.find(SHARED).claims) == MOST_RESOURCES
    released = post(f"/releases/{SHARED}", by, 1, resources=resources)

    assert (released.status, released.headers["ETag"]) == (200, '"2"'), released.body[:500]


@pytest.mark.parametrize("resources", [[], [""], ["x" * 2049], ["i-1"] * (MOST_RESOURCES + 1)])
def test_resources_that_cannot_be_are_the_clients_error(
    organisation: Organisation, by: Person, resources: list[str]
) -> None:
    made = run(organisation)

    answer = post(f"/claims/{SHARED}", by, 0, workload_id=made.workload_id, resources=resources)

    assert answer.status == 422
    assert "body.resources" in answer.json["detail"]


def test_a_refused_claim_names_the_resource_and_its_holder(
    organisation: Organisation, by: Person
) -> None:
    share(organisation, SHARED, (WEB_SHOP, 10_000))
    first, second = run(organisation), run(organisation, name="back end")
    take(organisation, first, "i-2")

    answer = post(
        f"/claims/{SHARED}", by, 1, workload_id=second.workload_id, resources=["i-1", "i-2"]
    )

    assert answer.status == 409
    assert (
        f"i-2 is claimed from 2026-03-11 by workload {first.workload_id}" in answer.json["detail"]
    )
    assert ask("GET", f"/claims/{SHARED}", by=by).headers["ETag"] == '"1"'


def test_claims_tell_who_when_and_for_what(organisation: Organisation, by: Person) -> None:
    share(organisation, SHARED, (WEB_SHOP, 10_000))
    made = run(organisation)
    post(f"/claims/{SHARED}", by, 0, workload_id=made.workload_id, resources=["i-1", "=2+3"])
    post(f"/releases/{SHARED}", by, 1, resources=["i-1"])
    take(organisation, run(organisation, LOANS), "i-3")

    told = ask("GET", f"/claims/{SHARED}", by=by)
    assert (told.json["version"], told.headers["ETag"]) == (3, '"3"')
    assert told.json["items"][0] == {
        "resource_id": "i-1",
        "workload_id": made.workload_id,
        "workload": "front end",
        "product_id": WEB_SHOP,
        "start": "2026-03-11",
        "end": "2026-03-11",
        "claimed_by": by.email,
        "claimed_at": "2026-03-10T09:00:00+00:00",
        "released_by": by.email,
        "released_at": "2026-03-10T09:00:00+00:00",
    }
    assert [one["resource_id"] for one in told.json["items"]] == ["i-1", "=2+3"]
    [row] = rows(ask("GET", f"/claims/{SHARED}", {"resource": "=2+3"}, by=by, headers=CSV))
    assert (row["resource_id"], row["end"]) == ("'=2+3", "")
    first = ask("GET", f"/claims/{SHARED}", {"limit": "1"}, by=by).json
    cursor = {"limit": "1", "cursor": first["next_cursor"]}
    second = ask("GET", f"/claims/{SHARED}", cursor, by=by).json
    assert second["next_cursor"] is None
    assert first["items"] + second["items"] == told.json["items"]


def test_how_many_resources_others_claimed_is_not_told(
    organisation: Organisation, by: Person
) -> None:
    """Not by the answer, not by one that is told again, and not by a lost race."""
    share(organisation, SHARED, (WEB_SHOP, 10_000))
    mine = run(organisation)
    take(organisation, run(organisation, LOANS), "i-1", "i-2", "i-3")
    said = {"workload_id": mine.workload_id, "resources": ["i-4"]}
    headers = JSON | {"If-Match": '"1"', "Idempotency-Key": "key-1"}

    first, again = (
        ask("POST", f"/claims/{SHARED}", by=by, headers=headers, body=json.dumps(said))
        for _ in range(2)
    )
    assert (first.status, again.status) == (200, 200), again.body
    assert (
        first.json
        == again.json
        == {
            "of": SHARED,
            "changed_at": "2026-03-10T09:00:00+00:00",
            "version": 2,
        }
    )
    late = post(f"/releases/{SHARED}", by, 1, resources=["i-4"])
    assert (late.status, late.json["current"]) == (409, first.json)
    organisation.records.meanwhile.append(
        lambda: take(organisation, run(organisation, SEARCH), "i-5")
    )
    crossed = post(f"/releases/{SHARED}", by, 2, resources=["i-4"])
    assert (crossed.status, crossed.json["current"]) == (409, first.json | {"version": 3})


def test_workloads_tell_how_fresh_the_bills_of_the_running_month_are(
    organisation: Organisation,
    by: Person,
    staff: dict[Role, Person],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = run(organisation)
    monkeypatch.setattr(claims_api, "now", lambda: datetime(2026, 9, 21, tzinfo=UTC))
    admin = staff[Role.FINANCIAL_ADMIN]

    expected = ask("GET", "/spaces", {"month": MONTH}, by=admin).json["freshness"]

    assert {one["payer_id"] for one in expected} == {PAYER, OTHER_PAYER}
    for path in ("/workloads", f"/workloads/{made.workload_id}"):
        assert ask("GET", path, by=admin).json["freshness"] == expected
        assert ask("GET", path, by=by).json["freshness"] == []


def test_spaces_tell_splits_and_workloads_as_a_table_too(
    organisation: Organisation, by: Person
) -> None:
    share(organisation, SHARED, (WEB_SHOP, 2_500), (SEARCH, 7_500))
    made = run(organisation, monthly=3 * UNIT)
    take(organisation, made, "i-1")
    organisation.workload_spend.months["2026-03"] = {made.workload_id: UNIT}

    told = ask("GET", "/spaces", by=by).json
    assert (told["element"], told["billing_period"], told["as_of"]) == (
        "enterprise",
        "2026-03",
        "2026-03-10",
    )
    [space] = told["items"]
    assert (space["account_id"], space["name"], space["state"]) == (SHARED, "shared", "Active")
    assert space["shares"] == [
        {
            "start": "2026-02-01",
            "end": "2027-01-01",
            "status": "Current",
            "products": [{"product_id": WEB_SHOP, "basis_points": 2_500}],
            "others_basis_points": 7_500,
        }
    ]
    [workload] = space["workloads"]
    assert (workload["monthly"], workload["spent"]) == ("3.0000000000", "1.0000000000")
    assert workload["claims"] == 1

    split, running = rows(ask("GET", "/spaces", by=by, headers=CSV))
    assert (split["kind"], split["basis_points"], split["workload"]) == ("Share", "2500", "")
    assert (running["kind"], running["workload"], running["start"], running["end"]) == (
        *("Workload", "front end"),
        *("2026-03", "2026-12"),
    )
    assert {split["name"], running["name"]} == {"shared"}
    assert (told["credits"], told["freshness"]) == ([], [])
    assert ask("GET", "/spaces", {"element": LOANS}, by=by).status == 404
    assert ask("GET", "/spaces", {"month": "2026-3"}, by=by).status == 422


def test_spaces_tell_the_credits_of_the_scope_after_its_accounts(
    organisation: Organisation, by: Person
) -> None:
    share(organisation, SHARED, (WEB_SHOP, 10_000))
    mine, _ = (grant(organisation, product) for product in (WEB_SHOP, LOANS))

    told = ask("GET", "/spaces", by=by).json
    assert told["credits"] == [
        {
            "credit_id": mine,
            "text": "=PROMO",
            "product_id": WEB_SHOP,
            "currency": "USD",
            "amount": "5.0000000000",
            "balance": "5.0000000000",
            "start": "2026-01-01",
            "expiry": "2026-03-31",
            "status": "Active",
        }
    ]
    late = ask("GET", "/spaces", {"month": "2026-04"}, by=by).json
    assert [one["status"] for one in late["credits"]] == ["Expired"]
    split, credit = rows(ask("GET", "/spaces", by=by, headers=CSV))
    assert (split["kind"], split["credit_id"]) == ("Share", "")
    assert (credit["kind"], credit["text"], credit["account_id"]) == ("Credit", "'=PROMO", "")
    assert (credit["balance"], credit["expiry"]) == ("5.0000000000", "2026-03-31")

    first = ask("GET", "/spaces", {"limit": "1"}, by=by).json
    cursor = {"limit": "1", "cursor": first["next_cursor"]}
    second = ask("GET", "/spaces", cursor, by=by).json
    assert (first["items"], first["credits"]) == (told["items"], [])
    assert (second["items"], second["credits"]) == ([], told["credits"])
    assert second["next_cursor"] is None


def test_spaces_tell_how_fresh_the_bills_of_the_month_are(
    by: Person, staff: dict[Role, Person]
) -> None:
    admin = staff[Role.FINANCIAL_ADMIN]
    told = ask("GET", "/spaces", {"month": MONTH}, by=admin).json["freshness"]

    assert [(one["payer_id"], one["allocation"]) for one in told] == [
        (OTHER_PAYER, None),
        (PAYER, None),
    ]
    assert told[1]["last_delivery"] == "2026-09-20T16:00:00+00:00"
    assert told == ask("GET", "/allocations/tree", {"month": MONTH}, by=admin).json["freshness"]
    # Nothing of them is the web shop's, so its owner does not hear of these payers.
    for path in ("/spaces", "/allocations/tree", "/allocations/days"):
        assert ask("GET", path, {"month": MONTH}, by=by).json["freshness"] == []


def grant(organisation: Organisation, product: str) -> str:
    """A credit of *product*; its id."""
    terms = CreditTerms(
        product_id=product,
        text="=PROMO",
        amount=5 * UNIT,
        currency="USD",
        start=date(2026, 1, 1),
        expiry=date(2026, 3, 31),
    )
    new = Credit.granted(f"of {product}", terms, NOW)
    organisation.credits.save([Save(None, new, Deed(action="Grant"))], act())
    return new.credit_id


def test_a_budget_shows_what_its_workloads_should_cost(
    organisation: Organisation, by: Person
) -> None:
    run(organisation, name="a", end="2026-04", monthly=2 * UNIT)
    run(organisation, name="b", launch="2026-04", monthly=UNIT)

    told = ask("GET", f"/budgets/2026/{WEB_SHOP}", by=by).json["workload_estimates"]

    assert told[:5] == [None, None, "2.0000000000", "3.0000000000", "1.0000000000"]
