"""The door to savings: lists, tables, one case with its task, decisions, a page, and the summary."""

import csv
import io
import json
from datetime import date, timedelta
from typing import Any

import pytest

from finops.domain.audit import Deed
from finops.domain.people import Person, Role
from finops.domain.savings import Saving
from finops.usecases.accounts import check_accounts
from finops.usecases.ports import Save
from finops.usecases.savings_intake import SavingsDesk, collect_recommendations
from tests.functions.conftest import Answer, ask
from tests.savings_fakes import ACCOUNT, PAYER, InMemoryRecommendations, recommendation, saving
from tests.usecases.organisation import LOANS, TODAY, WEB_SHOP, Organisation, act
from tests.usecases.test_savings import OTHERS, keep, split

JSON, CSV = {"Content-Type": "application/json"}, {"Accept": "text/csv"}
INSTANCE = "i-0a1b2c3d4e5f60718"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def by(organisation: Organisation, staff: dict[Role, Person]) -> Person:
    split(organisation, ACCOUNT, (WEB_SHOP, 10_000))
    split(organisation, OTHERS, (LOANS, 10_000))
    return staff[Role.FINANCIAL_ADMIN]


@pytest.fixture
def owner(staff: dict[Role, Person]) -> Person:
    return staff[Role.PRODUCT_OWNER]


@pytest.fixture
def one(organisation: Organisation, by: Person) -> Saving:
    """To be made smaller, or stopped, which saves more."""
    [made] = keep(
        organisation,
        saving(
            recommendation(INSTANCE, savings=10),
            recommendation(INSTANCE, "Stop", savings=30, recommended=None),
            on=date(2026, 3, 1),
        ),
    )
    return made


def decide(one: Saving, by: Person, version: int = 1, **said: Any) -> Answer:
    headers = JSON | {"If-Match": f'"{version}"'}
    path = f"/savings/{one.saving_id}/decisions"
    return ask("POST", path, by=by, headers=headers, body=json.dumps(said))


def test_a_list_has_owners_sums_and_sources(
    organisation: Organisation, one: Saving, by: Person, owner: Person
) -> None:
    keep(organisation, saving(recommendation("i-x", savings=100, account_id=OTHERS)))

    told = ask("GET", "/savings", by=by).json
    assert [item["resource_id"] for item in told["items"]] == ["i-x", INSTANCE]
    mine = told["items"][1]
    assert (mine["asked"], mine["held_by"], mine["options"]) == (WEB_SHOP, "Shares", 2)
    assert (mine["action_type"], mine["monthly_savings"]) == ("Stop", "30.0000000000")
    assert told["totals"] == [
        {
            "currency": "USD",
            "resources": 2,
            "monthly_savings": "130.0000000000",
            "open_resources": 2,
            "open_monthly_savings": "130.0000000000",
        }
    ]
    theirs = ask("GET", "/savings", by=owner).json
    assert [item["resource_id"] for item in theirs["items"]] == [INSTANCE]
    assert theirs["totals"][0]["monthly_savings"] == "30.0000000000"


def test_a_list_is_filtered_paged_and_a_table(
    organisation: Organisation, one: Saving, by: Person
) -> None:
    keep(
        organisation,
        *(saving(recommendation(f"i-{n}", savings=n, current="=1+1")) for n in range(1, 4)),
    )

    def resources(**query: str) -> list[str]:
        return [item["resource_id"] for item in ask("GET", "/savings", query, by=by).json["items"]]

    assert resources(least="3") == [INSTANCE, "i-3"]
    assert resources(action_type="Stop") == [INSTANCE]
    assert resources(status="Approved") == []
    assert resources(open="false") == []
    assert resources(element=WEB_SHOP, account=ACCOUNT, region="eu-west-1", currency="USD") == [
        *(INSTANCE, "i-3", "i-2", "i-1")
    ]
    first = ask("GET", "/savings", {"limit": "3"}, by=by).json
    rest = ask("GET", "/savings", {"limit": "3", "cursor": first["next_cursor"]}, by=by).json
    assert ([len(page["items"]) for page in (first, rest)], rest["next_cursor"]) == ([3, 1], None)
    rows = list(csv.DictReader(io.StringIO(ask("GET", "/savings", by=by, headers=CSV).body)))
    assert [row["resource_id"] for row in rows] == [INSTANCE, "i-3", "i-2", "i-1"]
    assert (rows[1]["current"], rows[1]["owners"]) == ("'=1+1", f"{WEB_SHOP} 100.00 %")
    assert ask("GET", "/savings", {"least": "much"}, by=by).status == 422


def test_sums_by_anything(organisation: Organisation, one: Saving, by: Person) -> None:
    keep(organisation, saving(recommendation("i-x", savings=5, account_id="222233334444")))

    def sums(what: str) -> dict[str, str]:
        told = ask("GET", "/savings/totals", {"by": what}, by=by).json
        return {row["key"]: row["monthly_savings"] for row in told["items"]}

    assert sums("owner") == {WEB_SHOP: "30.0000000000", None: "5.0000000000"}
    assert sums("action_type") == {"Stop": "30.0000000000", "Rightsize": "5.0000000000"}
    assert sums("status") == {"New": "35.0000000000"}
    table = ask("GET", "/savings/totals", {"by": "account"}, by=by, headers=CSV).body
    assert table.splitlines()[1] == f"{ACCOUNT},,USD,1,30.0000000000,1,30.0000000000"
    assert ask("GET", "/savings/totals", {"by": "colour"}, by=by).status == 422


def test_a_case_tells_its_options_its_past_and_what_to_do(
    one: Saving, by: Person, owner: Person
) -> None:
    approved = decide(one, by, decision="Approve", action_type="Rightsize", reason="too large")
    assert (approved.status, approved.json["status"]) == (200, "Approved")

    told = ask("GET", f"/savings/{one.saving_id}", by=owner)

    assert told.headers["ETag"] == '"2"'
    assert [(o["action_type"], o["is_counted"]) for o in told.json["options"]] == [
        ("Stop", False),
        ("Rightsize", True),
    ]
    assert [(p["action"], p["by"], p["reason"]) for p in told.json["history"]] == [
        ("Find", "the export", None),
        ("Approve", "fin@example.com", "too large"),
    ]
    task = told.json["task"]
    assert task["title"] == f"Rightsize {INSTANCE} in {ACCOUNT}: m5.xlarge to m5.large"
    assert (task["effort"], task["restart_needed"], task["rollback_possible"]) == (
        *("Medium", True, True),
    )
    assert (task["asked"], task["people"]) == (WEB_SHOP, ["product@example.com"])
    assert task["commands"][2] == (
        f"aws ec2 modify-instance-attribute --region eu-west-1 --instance-id {INSTANCE} "
        "--instance-type Value=m5.large"
    )
    assert ask("GET", "/savings/none", by=by).status == 404


def test_what_is_not_said_to_be_there_now_is_left_out_of_the_title(
    organisation: Organisation, by: Person
) -> None:
    told: dict[str, Any] = {
        "current": None,
        "recommended": "2.00 USD an hour",
        "resource_type": None,
    }
    plan = recommendation(None, "PurchaseSavingsPlans", **told)
    off = recommendation("i-9", "Stop", recommended="Stop")
    kept = keep(organisation, saving(plan), saving(off))

    titles = [ask("GET", f"/savings/{one.saving_id}", by=by).json["task"]["title"] for one in kept]

    assert titles == [
        f"PurchaseSavingsPlans in {ACCOUNT}: 2.00 USD an hour",
        f"Stop i-9 in {ACCOUNT}",
    ]


def test_what_cannot_be_decided_is_the_clients_error(one: Saving, by: Person) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"decision": "Ignore", "until": "2026-12-31"}, "reason"),
        ({"decision": "Ignore", "reason": "no"}, "until"),
        ({"decision": "Ignore", "reason": "no", "until": "2027-12-31"}, "until"),
        ({"decision": "Approve", "action_type": "Delete"}, "choose of Stop, Rightsize"),
        ({"decision": "Approve", "until": "2026-12-31"}, "until belongs to Ignore"),
        ({"decision": "Forget"}, "decision"),
    ]
    for said, why in wrong:
        told = decide(one, by, **said)
        assert (told.status, why in told.json["detail"]) == (422, True), told.body
    done = decide(one, by, decision="Implement")
    assert (done.status, done.json["current"]["status"]) == (409, "New")
    assert decide(one, by, version=7, decision="Approve").status == 409


def test_many_are_decided_on_at_once_and_answered_again(
    organisation: Organisation, one: Saving, by: Person, owner: Person
) -> None:
    [other] = keep(organisation, saving(recommendation("i-x", account_id=OTHERS)))
    chosen = [{"saving_id": each.saving_id, "version": 1} for each in (one, other)]
    body = {"decision": "Ignore", "reason": "season", "until": "2026-12-31", "savings": chosen}

    def send(**said: Any) -> Answer:
        headers = JSON | {"Idempotency-Key": "once"}
        return ask(
            "POST", "/savings/decisions", by=owner, headers=headers, body=json.dumps(body | said)
        )

    told, again = send(), send()
    assert [each["saving_id"] for each in told.json["decided"]] == [one.saving_id]
    assert [each["why"] for each in told.json["refused"]] == ["NotFound"]
    assert (again.json, again.headers["Idempotency-Replayed"]) == (told.json, "true")
    assert send(reason="another").status == 422
    # They own the resource no more, and are not told of it again.
    known = organisation.shares.find(ACCOUNT)
    assert known is not None
    gone = Save(known, known.changed(revisions=()), Deed(action="MapAccount"))
    organisation.shares.save([gone], act())
    assert send().status in (403, 404)
    both = ask("POST", "/savings/decisions", by=by, headers=JSON, body='{"decision": "Approve"}')
    assert (both.status, "`savings` or `found`" in both.json["detail"]) == (422, True)


def test_a_page_holds_nothing_but_text_and_names_who_was_silent(
    organisation: Organisation, one: Saving, by: Person
) -> None:
    keep(organisation, saving(recommendation("i-x", current=HOSTILE, recommended=HOSTILE)))
    decide(one, by, decision="Approve")
    hub = InMemoryRecommendations()
    desk = SavingsDesk(organisation.savings, organisation.savings_snapshots)
    collect_recommendations([PAYER], source=hub, desk=desk, act=act())

    page = ask("GET", "/savings/report", {"format": "html"}, by=by)

    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "<script" not in page.body
    assert "&lt;script&gt;" in page.body
    assert "sandbox" in page.headers["Content-Security-Policy"]
    assert "not enrolled" in page.body
    assert "30.00 USD" in page.body
    told = ask("GET", "/savings/report", by=by).json
    assert {row["key"]: row["resources"] for row in told["by_status"]} == {"Approved": 1, "New": 1}
    assert [row["saving_id"] for row in told["approved"]] == [one.saving_id]
    assert told["open_by_owner"][0]["monthly_savings"] == "40.0000000000"
    assert told["sources"][0]["why_not"] == "Cost Optimization Hub of 999988887777: not enrolled"
    assert len(ask("GET", "/savings/report", by=by, headers=CSV).body.splitlines()) == 3
    first = ask("GET", "/savings/report", {"limit": "1"}, by=by, headers=CSV)
    rest = {"limit": "1", "cursor": first.headers["X-Next-Cursor"]}
    second = ask("GET", "/savings/report", rest, by=by, headers=CSV)
    assert [len(one.body.splitlines()) for one in (first, second)] == [2, 2]
    assert "X-Next-Cursor" not in second.headers


def test_the_summary_has_the_largest_open_ones_of_its_element(
    organisation: Organisation, one: Saving, by: Person, owner: Person
) -> None:
    keep(organisation, saving(recommendation("i-x", savings=100, account_id=OTHERS)))

    def top(who: Person, **query: str) -> list[str]:
        told = ask("GET", "/views/summary", {"month": "2026-03"} | query, by=who).json["savings"]
        return [each["title"].split()[1] for each in told["items"]]

    assert top(by) == ["i-x", INSTANCE]
    assert top(by, element="retail") == [INSTANCE]
    assert top(owner) == [INSTANCE]


def test_a_task_says_which_saving_is_to_be_implemented(
    staff: dict[Role, Person], one: Saving, by: Person
) -> None:
    decide(one, by, decision="Approve")

    found = ask("GET", "/tasks", by=staff[Role.CLOUD_ENGINEER]).json["items"]

    [task] = [each for each in found if each["kind"] == "ImplementSaving"]
    assert (task["saving_id"], task["account_id"], task["amount"], task["currency"]) == (
        *(one.saving_id, ACCOUNT, "30.0000000000", "USD"),
    )


def test_collecting_is_asked_for_once(
    staff: dict[Role, Person], organisation: Organisation
) -> None:
    headers = {"Idempotency-Key": "now"}
    by = staff[Role.CLOUD_ENGINEER]

    told = [ask("POST", "/savings/collections", by=by, headers=headers) for _ in range(2)]

    assert [answer.status for answer in told] == [202, 202]
    assert told[0].json == told[1].json
    assert len(list(organisation.audit.chain("savings-collection#asked"))) == 1


def test_sources_tell_numbers_only_to_who_sees_all(
    organisation: Organisation, by: Person, owner: Person
) -> None:
    hub = InMemoryRecommendations()
    hub.stated[PAYER] = [recommendation(INSTANCE)]
    desk = SavingsDesk(organisation.savings, organisation.savings_snapshots)
    collect_recommendations([PAYER], source=hub, desk=desk, act=act(at=act().at - timedelta(3)))
    organisation.organizations.payer = PAYER
    organisation.organizations.put(ACCOUNT, "shop", path=("Retail",))
    check_accounts(
        None,
        accounts=organisation.accounts,
        organizations=organisation.organizations,
        act=act("the organization"),
    )

    [whole] = ask("GET", "/savings", by=by).json["sources"]
    [part] = ask("GET", "/savings", by=owner).json["sources"]

    assert (whole["answered"], whole["via"], whole["age"]) == (True, "Api", 3)
    assert whole["day"] == str(TODAY - timedelta(3))
    assert (whole["recommendations"], part["recommendations"]) == (1, None)
    assert ask("GET", "/savings", by=by).json["items"][0]["account_name"] == "shop"
