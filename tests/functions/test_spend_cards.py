"""The door to spend cards: each step by who owes it, lists, trees, resources, and many at once."""

import csv
import io
import json
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

import pytest

from finops.domain.allocations import PartKind
from finops.domain.audit import Deed
from finops.domain.month_closes import CloseStatus, MonthClose
from finops.domain.people import Person, Role
from finops.domain.spend_cards import (
    TRANSITIONS,
    Adjustment,
    CardCommand,
    CardStatus,
    Cause,
    SpendCard,
)
from finops.usecases.ports import Save
from tests.carding import SHARED, WAYS, WEEK, card_line, put_card
from tests.exports import MONTH
from tests.functions.conftest import Answer, Loaded, ask
from tests.usecases.explaining import paid_by
from tests.usecases.organisation import LOANS, NOW, SEARCH, UNIT, WEB_SHOP, Organisation, act

JSON, CSV = {"Content-Type": "application/json"}, {"Accept": "text/csv"}
KEY = {"Idempotency-Key": "a-key"}
DECIDED = [
    one for one in TRANSITIONS if one[1] in ("Accept", "Approve", "Reject", "Dispute", "Resolve")
]
OWED = {"Accept": Role.PRODUCT_OWNER, "Dispute": Role.PRODUCT_OWNER}


@pytest.fixture
def owner(organisation: Organisation, staff: dict[Role, Person]) -> Person:
    return staff[Role.PRODUCT_OWNER]


def path(card: SpendCard, end: str = "") -> str:
    return f"/spend-cards/{card.product_id}/{card.start}{end}"


def decide(
    card: SpendCard, by: Person, command: str, headers: dict[str, str] | None = None, **said: Any
) -> Answer:
    told = {"command": command, "reason": "because"} | said
    return ask(
        "POST",
        path(card, "/decisions"),
        by=by,
        headers=JSON | {"If-Match": f'"{card.version}"'} | (headers or {}),
        body=json.dumps(told),
    )


def many(by: Person, headers: dict[str, str] | None = None, **said: Any) -> Answer:
    body = json.dumps({"command": "Accept", "reason": "as planned"} | said)
    return ask("POST", "/spend-card-decisions", by=by, headers=JSON | (headers or {}), body=body)


def chosen(*cards: SpendCard) -> list[dict[str, Any]]:
    return [
        {
            "product_id": card.product_id,
            "start": str(card.start),
            "currency": card.currency,
            "version": card.version,
        }
        for card in cards
    ]


@pytest.mark.parametrize(
    "status, command", DECIDED, ids=[f"{status} {command}" for status, command in DECIDED]
)
def test_every_step_goes_through_the_door(
    organisation: Organisation,
    staff: dict[Role, Person],
    status: CardStatus,
    command: CardCommand,
) -> None:
    card = put_card(organisation, status=status)
    by = staff[OWED.get(command, Role.PORTFOLIO_OWNER)]

    answer = decide(card, by, command)

    assert answer.status == 200, answer.body
    assert answer.json["status"] == TRANSITIONS[status, command]
    assert answer.headers["ETag"] == f'"{card.version + 1}"'
    assert [one["command"] for one in answer.json["history"]] == [
        *(each for each, _ in WAYS[status]),
        command,
    ]
    told = ask("GET", path(card), by=by)
    assert (told.json["status"], told.headers["ETag"]) == (
        answer.json["status"],
        answer.headers["ETag"],
    )


def test_a_card_says_what_it_is_made_of_and_what_may_be_done(
    organisation: Organisation, owner: Person
) -> None:
    """80 of 300 a month in 7 days is far over; what was adjusted is no part of the colour."""
    late = Adjustment(
        start=date(2026, 2, 22),
        cause=Cause.BILL,
        runs=("run-0",),
        lines=(card_line(-5 * UNIT),),
        made_at=NOW,
    )
    lines = [card_line(50 * UNIT), card_line(30 * UNIT, "AmazonS3")]
    card = put_card(organisation, lines=lines, due=[late], budget=300 * UNIT)

    told = ask("GET", path(card), by=owner).json

    assert (told["spend"], told["adjusted"], told["amount"]) == (
        "80.0000000000",
        "-5.0000000000",
        "75.0000000000",
    )
    assert (told["colour"], told["word"]) == ("Red", "far over budget")
    assert told["week"] == "2026-03 week 1 of 5 (1 to 7)"
    [account] = told["tree"]
    assert (account["account_id"], account["amount"]) == (SHARED, "80.0000000000")
    [given] = account["given"]
    assert [(one["service"], one["amount"]) for one in given["services"]] == [
        ("AmazonEC2", "50.0000000000"),
        ("AmazonS3", "30.0000000000"),
    ]
    [adjustment] = told["adjustments"]
    assert (adjustment["week"], adjustment["cause"], adjustment["amount"]) == (
        "2026-02 week 4 of 4 (22 to 28)",
        "BillRestated",
        "-5.0000000000",
    )
    assert told["allowed"] == ["Accept", "Dispute"]
    assert (told["task"]["step"], told["task"]["owed_by"]) == ("AcceptCard", WEB_SHOP)
    assert told["task"]["due"] == "2026-03-17T09:00:00+00:00"


def test_the_lines_of_a_card_go_on_where_they_ended(
    organisation: Organisation, owner: Person
) -> None:
    """Those of its week first, then what is about another one."""
    late = Adjustment(
        start=date(2026, 2, 22),
        cause=Cause.BILL,
        runs=("run-0",),
        lines=(card_line(-5 * UNIT),),
        made_at=NOW,
    )
    lines = [card_line(UNIT), card_line(2 * UNIT, None)]
    card = put_card(organisation, lines=lines, due=[late])

    first = ask("GET", path(card, "/lines"), {"limit": "2"}, by=owner).json
    more = {"limit": "2", "cursor": first["next_cursor"]}
    rest = ask("GET", path(card, "/lines"), more, by=owner, headers=CSV)

    assert [(one["service"], one["amount"], one["cause"]) for one in first["items"]] == [
        ("AmazonEC2", "1.0000000000", None),
        (None, "2.0000000000", None),
    ]
    [row] = csv.DictReader(io.StringIO(rest.body))
    assert (row["start"], row["of"], row["cause"]) == (str(WEEK), "2026-02-22", "BillRestated")
    assert "X-Next-Cursor" not in rest.headers


def test_lines_are_of_the_account_that_is_named(organisation: Organisation, owner: Person) -> None:
    lines = [card_line(UNIT), card_line(UNIT, account_id=None), card_line(UNIT, account_id="1")]
    card = put_card(organisation, lines=lines)

    def listed(account: str) -> list[str | None]:
        told = ask("GET", path(card, "/lines"), {"account": account}, by=owner).json
        return [one["account_id"] for one in told["items"]]

    assert (listed("1"), listed(""), listed("2")) == (["1"], [None], [])


def test_pages_of_lines_are_of_one_state_of_a_card(
    organisation: Organisation, owner: Person
) -> None:
    card = put_card(organisation, lines=[card_line(UNIT), card_line(UNIT, None)])
    first = ask("GET", path(card, "/lines"), {"limit": "1"}, by=owner).json
    decide(card, owner, "Accept")

    answer = ask("GET", path(card, "/lines"), {"cursor": first["next_cursor"]}, by=owner)

    assert answer.status == 409


def test_the_tree_of_a_large_card_ends_early_and_its_lines_are_elsewhere(
    organisation: Organisation, owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One account, one share and two services are four nodes."""
    monkeypatch.setattr("finops.usecases.spend_card_views.MOST_NODES", 3)
    card = put_card(organisation, lines=[card_line(UNIT), card_line(UNIT, "AmazonS3")])

    told = ask("GET", path(card), by=owner).json

    [account] = told["tree"]
    [given] = account["given"]
    assert (given["amount"], given["services"]) == ("2.0000000000", None)
    assert (told["is_folded"], told["line_count"]) == (True, 2)
    place, _, query = told["lines"].partition("?")
    asked = dict(parse_qsl(query, keep_blank_values=True))
    assert len(ask("GET", place, asked, by=owner).json["items"]) == 2


def test_no_card_is_too_large_to_be_told(organisation: Organisation, owner: Person) -> None:
    """10,000 claims of as many workloads: Lambda answers with 6 MB."""
    lines = [
        card_line(UNIT, kind=PartKind.CLAIM, rule=None, workload_id=f"{number:016x}")
        for number in range(10_000)
    ]
    card = put_card(organisation, lines=lines)

    answer = ask("GET", path(card), by=owner)

    assert answer.status == 200
    assert len(json.dumps({"body": answer.body})) < 6_000_000
    assert [one["given"] for one in answer.json["tree"]] == [None]


def test_a_card_of_another_currency_is_asked_for_by_it(
    organisation: Organisation, owner: Person
) -> None:
    card = put_card(organisation, currency="EUR")
    without = put_card(organisation, 5, currency=None)

    statuses = [
        ask("GET", path(card), query, by=owner).status
        for query in ({"currency": "EUR"}, {"currency": ""}, {"currency": "USD"}, None)
    ]

    assert statuses == [200, 200, 404, 404]
    assert ask("GET", path(without), {"currency": ""}, by=owner).json["currency"] is None


def test_a_key_that_decided_on_one_currency_is_no_answer_about_another(
    organisation: Organisation, owner: Person
) -> None:
    """The query says which card it is: it is a part of the request that a key stands for."""
    dollars, euros = put_card(organisation), put_card(organisation, currency="EUR")

    def accept(card: SpendCard) -> Answer:
        return ask(
            "POST",
            path(card, "/decisions"),
            {"currency": card.currency or ""},
            by=owner,
            headers=JSON | KEY | {"If-Match": '"1"'},
            body='{"command": "Accept"}',
        )

    first, other, again = accept(dollars), accept(euros), accept(dollars)

    assert (first.status, other.status, again.status) == (200, 422, 200)
    assert "came with another request" in other.json["detail"]
    assert again.json == first.json


def test_lists_go_on_where_they_ended(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    for product in (WEB_SHOP, SEARCH, LOANS):
        put_card(organisation, product=product)
    by = staff[Role.FINANCIAL_ADMIN]

    first = ask("GET", "/spend-cards", {"month": "2026-03", "limit": "2"}, by=by).json
    rest = {"month": "2026-03", "cursor": first["next_cursor"]}
    second = ask("GET", "/spend-cards", rest, by=by, headers=CSV)

    assert [one["product_id"] for one in first["items"]] == [LOANS, SEARCH]
    [row] = csv.DictReader(io.StringIO(second.body))
    assert (row["product_id"], row["step"], row["word"]) == (WEB_SHOP, "AcceptCard", "on budget")


def test_what_waits_for_somebody_is_asked_for_by_mine(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    put_card(organisation)
    put_card(organisation, product=SEARCH, status=CardStatus.ACCEPTED)

    seen = {
        role: [
            one["product_id"]
            for one in ask("GET", "/spend-cards", {"mine": "true"}, by=by).json["items"]
        ]
        for role, by in staff.items()
    }

    assert seen.pop(Role.PRODUCT_OWNER) == [WEB_SHOP]
    assert seen.pop(Role.PORTFOLIO_OWNER) == [SEARCH]
    assert set(map(tuple, seen.values())) == {()}


def test_the_resources_of_a_card_are_where_its_tree_says(
    loaded: Loaded, organisation: Organisation, owner: Person
) -> None:
    paid_by(WEB_SHOP, loaded.house, organisation.allocations)
    [made] = organisation.allocations.in_period(MONTH)
    card = put_card(
        organisation,
        start=date(2026, 9, 1),
        lines=[card_line(UNIT * 5 // 2)],
        runs=[made.run_id],
    )
    whole = ask("GET", path(card), by=owner).json
    [service] = whole["tree"][0]["given"][0]["services"]
    place, _, query = service["resources"].partition("?")
    asked = dict(parse_qsl(query, keep_blank_values=True))

    told = ask("GET", place, asked, by=owner).json

    [resource] = told["resources"]
    assert (resource["resource_id"], resource["amount"]) == ("i-1", "2.5000000000")
    assert (told["amount"], told["rest"], told["others"]) == ("2.5000000000", "0.0000000000", 0)
    table = ask("GET", place, asked, by=owner, headers=CSV)
    assert [row["amount"] for row in csv.DictReader(io.StringIO(table.body))] == ["2.5000000000"]
    assert [one["billing_period"] for one in whole["freshness"]] == []


def test_resources_are_of_an_account_that_is_named(
    organisation: Organisation, owner: Person
) -> None:
    card = put_card(organisation)

    answer = ask("GET", path(card, "/resources"), by=owner)

    assert answer.status == 422
    assert "name the account" in answer.json["detail"]


# Refused ------------------------------------------------------------------------------------------


def test_a_card_of_a_closed_month_answers_with_what_it_is(
    organisation: Organisation, owner: Person
) -> None:
    card = put_card(organisation)
    closed = MonthClose(month="2026-03", status=CloseStatus.CLOSED)
    organisation.closes.save([Save(None, closed, Deed(action="Close"))], act())

    answer = decide(card, owner, "Accept")

    assert answer.status == 409
    assert answer.json["current"]["status"] == "Open"
    assert ask("GET", path(card), by=owner).json["allowed"] == []


@pytest.mark.parametrize("command", ["Remap", "ApproveZero", "Recompute", "Sign"])
def test_a_command_that_is_no_decision_is_refused(
    organisation: Organisation, owner: Person, command: str
) -> None:
    assert decide(put_card(organisation), owner, command).status == 422


def test_only_a_dispute_names_a_preview(organisation: Organisation, owner: Person) -> None:
    card = put_card(organisation)

    answer = decide(card, owner, "Accept", preview_id="p-1")

    assert (answer.status, "only a dispute" in answer.json["detail"]) == (422, True)
    assert decide(card, owner, "Dispute", preview_id="p-1").status == 404


# Many ---------------------------------------------------------------------------------------------


def test_many_named_cards_are_decided_on_each_by_itself(
    organisation: Organisation, owner: Person
) -> None:
    fine, foreign = put_card(organisation, UNIT), put_card(organisation, product=LOANS)
    settled = put_card(organisation, currency="EUR", status=CardStatus.APPROVED)

    told = many(owner, cards=chosen(fine, foreign, settled)).json

    assert told["decided"] == [
        {
            "product_id": WEB_SHOP,
            "start": str(WEEK),
            "currency": "USD",
            "status": "Accepted",
            "amount": "1.0000000000",
            "version": 2,
        }
    ]
    assert [(one["product_id"], one["why"]) for one in told["refused"]] == [
        (LOANS, "NotFound"),
        (WEB_SHOP, "Conflict"),
    ]


def test_a_named_card_without_a_currency_is_the_one_that_its_path_would_be(
    organisation: Organisation, owner: Person
) -> None:
    """Left out it is that of plans; null, as a list tells it, or empty, is none."""
    weeks = [WEEK, date(2026, 3, 8)]
    of_plans = put_card(organisation)
    without = [put_card(organisation, start=start, currency=None) for start in weeks]
    left_out, as_null, as_empty = chosen(of_plans, *without)
    del left_out["currency"]
    as_empty["currency"] = ""

    told = many(owner, cards=[left_out, as_null, as_empty]).json

    assert told["refused"] == []
    assert [(one["start"], one["currency"]) for one in told["decided"]] == [
        (str(WEEK), "USD"),
        (str(WEEK), None),
        ("2026-03-08", None),
    ]


def test_all_that_wait_are_approved_with_one_request(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    for product in (WEB_SHOP, SEARCH, LOANS):
        put_card(organisation, product=product, status=CardStatus.ACCEPTED)
    by = staff[Role.PORTFOLIO_OWNER]

    told = many(by, command="Approve", waiting={"month": "2026-03"}).json

    assert [one["product_id"] for one in told["decided"]] == [SEARCH, WEB_SHOP]
    assert (told["refused"], told["left"]) == ([], 0)


def test_many_decisions_are_answered_again_as_they_were(
    organisation: Organisation, owner: Person
) -> None:
    put_card(organisation)
    first = many(owner, KEY, waiting={})
    written = len(organisation.records)

    second = many(owner, KEY, waiting={})

    assert (first.json, second.json["decided"][0]["version"]) == (second.json, 2)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(organisation.records) == written


@pytest.mark.parametrize("said", [{}, {"cards": [], "waiting": {}}, {"cards": []}])
def test_what_is_to_be_decided_on_is_said_in_one_way(
    organisation: Organisation, owner: Person, said: dict[str, Any]
) -> None:
    assert many(owner, **said).status == 422


def test_who_does_not_see_the_cards_any_more_is_not_told_again(
    organisation: Organisation, owner: Person
) -> None:
    from finops.runtime import rest

    put_card(organisation)
    assert many(owner, KEY, waiting={}).status == 200
    states = organisation.records.states
    states[f"person#{owner.email}"] = owner.changed(scope=(LOANS,))
    rest._known.clear()

    assert many(owner, KEY, waiting={}).status == 404


# Standing in --------------------------------------------------------------------------------------


def grant(by: Person, headers: dict[str, str] | None = None, **said: Any) -> Answer:
    body = json.dumps({"end": "2026-03-20", "reason": "holiday"} | said)
    return ask("POST", "/delegations", by=by, headers=JSON | (headers or {}), body=body)


@pytest.fixture
def lender(organisation: Organisation, owner: Person) -> Person:
    """Somebody who acts for the owner of the web shop, and has nothing to do with it."""
    made = organisation.hire("loans@example.com", Role.PRODUCT_OWNER, [LOANS])
    assert grant(owner, delegate=made.email).status == 201
    return made


def test_a_delegate_decides_and_is_answered_again(
    organisation: Organisation, lender: Person
) -> None:
    card = put_card(organisation)

    first = decide(card, lender, "Accept", KEY)
    second = decide(card, lender, "Accept", KEY)

    assert first.json["history"][-1]["acting_for"] == "product@example.com"
    assert (second.status, second.json) == (200, first.json)
    assert second.headers["Idempotency-Replayed"] == "true"


def test_a_delegate_sees_nothing_but_cards(organisation: Organisation, lender: Person) -> None:
    card = put_card(organisation)

    assert ask("GET", path(card), by=lender).status == 200
    for other in (f"/budgets/2026/{WEB_SHOP}", f"/explain/{WEB_SHOP}"):
        assert ask("GET", other, {"month": MONTH}, by=lender).status == 404


def test_a_delegation_that_ended_shows_nothing_more(
    organisation: Organisation, owner: Person, lender: Person
) -> None:
    card = put_card(organisation)
    [one] = ask("GET", "/delegations", by=lender).json["items"]
    ended = ask(
        "POST",
        f"/delegations/{one['delegation_id']}/end",
        by=owner,
        headers=JSON | {"If-Match": '"1"'},
        body="{}",
    )

    assert (one["is_in_force"], ended.status, ended.json["end"]) == (True, 200, "2026-03-10")
    assert ask("GET", path(card), by=lender).status == 404


def test_ones_own_delegation_is_answered_again(organisation: Organisation, owner: Person) -> None:
    """An owner sees no record of the element above, and yet what they did themselves."""
    organisation.hire("loans@example.com", Role.PRODUCT_OWNER, [LOANS])

    told = [grant(owner, KEY, delegate="loans@example.com") for _ in range(2)]

    assert [one.status for one in told] == [201, 201]
    assert told[0].json == told[1].json


def test_delegations_are_a_table_too(organisation: Organisation, lender: Person) -> None:
    answer = ask("GET", "/delegations", by=lender, headers=CSV)

    [row] = csv.DictReader(io.StringIO(answer.body))
    assert (row["absent"], row["delegate"]) == ("product@example.com", lender.email)
