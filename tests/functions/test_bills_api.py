"""The door to bills, costs and loads: an event in, an answer out."""

import base64
import csv
import io
import json
from decimal import Decimal
from typing import Any

import pytest

from finops.domain.people import Role
from tests.exports import MONTH, PAYER
from tests.functions.conftest import FORMULA, OTHER_PAYER, Answer, Loaded, ask

COSTS = f"/bills/{MONTH}/costs"
ROUTES = ["/bills", COSTS, "/loads", f"/loads/{'0' * 24}", "/freshness"]
MINE = {"payer_id": PAYER}
SEE_THE_BILL = {Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER, Role.CLOUD_ENGINEER}
LOAD_THE_BILL = {Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER}


def _costs(**query: str) -> Any:
    answer = ask("GET", COSTS, MINE | query)
    assert answer.status == 200, answer.body
    return answer.json


def _unblended(**query: str) -> dict[str | None, str]:
    [by] = [query["by"]]
    rows = _costs(cost="unblended", **query)["rows"]
    return {row[by]: row["unblended_cost"] for row in rows}


# -- who ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("path", ROUTES)
def test_the_whole_bill_is_for_those_who_answer_for_all_of_it(
    api: Loaded, path: str, role: Role
) -> None:
    status = ask("GET", path, MINE, groups=role).status

    assert (status != 403) is (role in SEE_THE_BILL)


@pytest.mark.parametrize("role", Role)
def test_a_load_is_started_by_those_who_may(api: Loaded, role: Role) -> None:
    body = json.dumps({"manifest_key": "exports/cur2-Manifest.json"})
    answer = ask("POST", "/loads", groups=role, body=body)

    assert answer.status == (202 if role in LOAD_THE_BILL else 403)


@pytest.mark.parametrize("groups", [None, "", "[]", "everybody", "financial_admins"])
@pytest.mark.parametrize("path", ROUTES)
def test_nothing_is_told_to_somebody_without_a_role(
    api: Loaded, path: str, groups: str | None
) -> None:
    answer = ask("GET", path, groups=groups)

    assert answer.status == 403
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["status"] == 403
    assert "ask a cloud engineer" in answer.json["detail"]


@pytest.mark.parametrize(
    "groups", ["[financial_admin]", "people of ours,financial_admin", "[a, financial_admin]"]
)
def test_groups_are_understood_as_api_gateway_spells_them(api: Loaded, groups: str) -> None:
    assert ask("GET", "/bills", groups=groups).status == 200


# -- bills ----------------------------------------------------------------------------------------


def test_bills_say_what_they_add_up_to_and_how_fresh_they_are(api: Loaded) -> None:
    items = ask("GET", "/bills").json["items"]

    mine = next(item for item in items if item["payer_id"] == PAYER)
    assert mine["load_id"] == api.second
    assert mine["totals"] == [
        {
            "currency": "USD",
            "lines": 3,
            "unblended_cost": "2.0500000000",
            "billed_cost": "2.0500000000",
            "effective_cost": "2.0500000000",
            "list_cost": None,
        }
    ]
    assert mine["last_delivery"] == "2026-09-20T16:00:00+00:00"
    assert mine["complete_through"] == "2026-09-02"  # a credit of the third is no usage
    assert mine["is_final"] is False


def test_bills_of_a_month_or_of_a_payer(api: Loaded) -> None:
    assert len(ask("GET", "/bills", {"billing_period": MONTH}).json["items"]) == 2
    assert ask("GET", "/bills", {"billing_period": "2026-08"}).json["items"] == []
    [mine] = ask("GET", "/bills", {"billing_period": MONTH, "payer_id": PAYER}).json["items"]
    assert mine["payer_id"] == PAYER


def test_freshness_is_that_of_the_bills(api: Loaded) -> None:
    items = ask("GET", "/freshness").json["items"]

    assert {item["payer_id"] for item in items} == {PAYER, OTHER_PAYER}


@pytest.mark.parametrize("month", ["2026-13", "2026-9", "september", "2026-09-01", "0000-01"])
def test_a_month_that_is_none_is_said_so(api: Loaded, month: str) -> None:
    for answer in (
        ask("GET", "/bills", {"billing_period": month}),
        ask("GET", f"/bills/{month}/costs"),
    ):
        assert answer.status == 422
        assert "billing period" in answer.json["detail"]


# -- costs ----------------------------------------------------------------------------------------


def test_the_unblended_cost_is_the_plain_sum_of_the_bill(api: Loaded) -> None:
    answer = _costs(cost="unblended")

    assert answer["rows"] == [{"lines": 3, "unblended_cost": "2.0500000000"}]
    assert answer["total"] == {"lines": 3, "unblended_cost": "2.0500000000"}
    assert answer["currency"] == "USD"
    assert [one["payer_id"] for one in answer["freshness"]] == [PAYER]


def test_costs_by_account_name_what_has_none(api: Loaded) -> None:
    assert _unblended(by="account") == {"444455556666": "1.7500000000", None: "0.3000000000"}


def test_an_account_that_left_the_bill_has_no_row(api: Loaded) -> None:
    assert "111111111111" not in _unblended(by="account")


@pytest.mark.parametrize(
    "by, rows",
    [
        ("day", {"2026-09-02": "2.8000000000", "2026-09-03": "-0.7500000000"}),
        ("service", {"AmazonEC2": "1.7500000000", "AWSTax": "0.3000000000"}),
        (
            "charge_category",
            {"Usage": "2.5000000000", "Credit": "-0.7500000000", "Tax": "0.3000000000"},
        ),
        ("invoice", {None: "1.7500000000", "INV-1": "0.3000000000"}),
        ("resource", {"i-1": "2.5000000000", None: "-0.4500000000"}),
        ("region", {None: "2.0500000000"}),
    ],
)
def test_costs_by_any_dimension_add_up_to_the_bill(
    api: Loaded, by: str, rows: dict[str | None, str]
) -> None:
    assert _unblended(by=by) == rows
    assert sum(Decimal(amount) for amount in rows.values()) == Decimal("2.05")


def test_an_account_can_stand_beside_its_resources(api: Loaded) -> None:
    rows = _costs(by="payer,account,resource", cost="unblended")["rows"]

    assert [(row["account"], row["resource"], row["unblended_cost"]) for row in rows] == [
        ("444455556666", "i-1", "2.5000000000"),
        ("444455556666", None, "-0.7500000000"),
        (None, None, "0.3000000000"),
    ]


@pytest.mark.parametrize(
    "where, total",
    [
        ({"account": "444455556666"}, "1.7500000000"),
        ({"account": ""}, "0.3000000000"),
        ({"account": "(none)"}, "0.3000000000"),
        ({"day": "2026-09-03"}, "-0.7500000000"),
        ({"service": "AWSTax"}, "0.3000000000"),
        ({"invoice": ""}, "1.7500000000"),
        ({"invoice": "INV-1"}, "0.3000000000"),
        ({"resource": ""}, "-0.4500000000"),
        ({"account": "444455556666", "resource": "i-1"}, "2.5000000000"),
        ({"account": "", "resource": ""}, "0.3000000000"),
        ({"account": "nobody"}, "0.0000000000"),
        ({"resource": "'; DROP TABLE charges; --"}, "0.0000000000"),
        ({"currency": "USD"}, "2.0500000000"),
        ({"currency": "EUR"}, "0.0000000000"),
        ({"payer": PAYER}, "2.0500000000"),
    ],
)
def test_a_filter_keeps_what_matches_and_an_empty_one_what_has_none(
    api: Loaded, where: dict[str, str], total: str
) -> None:
    assert _costs(cost="unblended", **where)["total"]["unblended_cost"] == total


def test_a_month_without_a_bill_adds_up_to_nothing(api: Loaded) -> None:
    answer = ask("GET", "/bills/2020-01/costs", {"by": "account"}).json

    assert answer["rows"] == []
    assert answer["total"]["lines"] == 0
    assert answer["freshness"] == []


def test_two_currencies_are_never_added(api: Loaded) -> None:
    answer = ask("GET", COSTS)

    assert answer.status == 422
    assert "EUR and USD, which are never added" in answer.json["detail"]


def test_two_currencies_side_by_side_are_told(api: Loaded) -> None:
    answer = ask("GET", COSTS, {"by": "currency", "cost": "unblended"}).json

    assert {row["currency"]: row["unblended_cost"] for row in answer["rows"]} == {
        "EUR": "10.0000000000",
        "USD": "2.0500000000",
    }
    assert answer["total"] is None
    assert [one["currency"] for one in answer["totals"]] == ["EUR", "USD"]


@pytest.mark.parametrize(
    "query, said",
    [
        ({"cost": "blended"}, "blended cost is not kept"),
        ({"cost": "net"}, "'net' is no cost"),
        ({"by": "team"}, "'team' is no dimension"),
        ({"by": "account,account"}, "named twice"),
        ({"by": "account;drop"}, "is no dimension"),
    ],
)
def test_a_word_that_is_not_known_is_named(api: Loaded, query: dict[str, str], said: str) -> None:
    answer = ask("GET", COSTS, MINE | query)

    assert answer.status == 422
    assert said in answer.json["detail"]


@pytest.mark.parametrize("limit", ["0", "-1", "10001", "many", "1.5", "", "99999999999999999999"])
def test_a_limit_beyond_its_bounds_is_said_so(api: Loaded, limit: str) -> None:
    answer = ask("GET", COSTS, MINE | {"limit": limit})

    assert answer.status == 422
    [error] = answer.json["errors"]
    assert "limit" in error["where"]


# -- pages ----------------------------------------------------------------------------------------


def _pages(**query: str) -> list[Any]:
    pages = [_costs(**query)]
    while cursor := pages[-1]["next_cursor"]:
        pages.append(_costs(**query, cursor=cursor))
    return pages


@pytest.mark.parametrize("by", ["account,day", "service,resource", "day,charge_category"])
@pytest.mark.parametrize("limit", ["1", "2", "1000"])
def test_pages_add_up_to_the_whole_and_each_says_the_total(
    api: Loaded, by: str, limit: str
) -> None:
    whole = _costs(by=by)
    pages = _pages(by=by, limit=limit)

    assert [row for page in pages for row in page["rows"]] == whole["rows"]
    assert all(len(page["rows"]) <= int(limit) for page in pages)
    assert [page["total"] for page in pages] == [whole["total"]] * len(pages)


def test_a_cursor_of_an_older_state_is_a_conflict(
    api: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = _costs(by="account", limit="1")["next_cursor"]
    bill = api.house.bills.find(PAYER, MONTH)
    assert bill is not None
    newer = bill.model_copy(update={"version": bill.version + 1})
    monkeypatch.setattr(api.house.bills, "in_period", lambda _: [newer])

    answer = ask("GET", COSTS, MINE | {"by": "account", "cursor": cursor})

    assert answer.status == 409
    assert "start again without a cursor" in answer.json["detail"]


@pytest.mark.parametrize(
    "cursor",
    [
        *("nonsense", "", "NQ==", "bnVsbA==", "W10=", "WzEsMiwzXQ==", "é", "e30="),
        "Wy01LCJ4Il0=",  # [-5,"x"]
        "WzFlOTk5LCJ4Il0=",  # [1e999,"x"]
    ],
)
def test_a_cursor_that_is_none_of_ours_is_said_so(api: Loaded, cursor: str) -> None:
    answer = ask("GET", COSTS, MINE | {"by": "account", "cursor": cursor})

    assert answer.status == 422
    assert "cursor is none of ours" in answer.json["detail"]


@pytest.mark.parametrize("offset", ["-1", "1e999", "1.5", "true", '"1"'])
def test_a_cursor_of_this_state_that_was_tampered_with_is_said_so(api: Loaded, offset: str) -> None:
    ours = base64.urlsafe_b64decode(_costs(by="service", limit="1")["next_cursor"])
    [_, state] = json.loads(ours)
    theirs = base64.urlsafe_b64encode(f'[{offset}, "{state}"]'.encode()).decode()

    answer = ask("GET", COSTS, MINE | {"by": "service", "limit": "1", "cursor": theirs})

    assert answer.status == 422


def test_loads_and_bills_page_by_page(api: Loaded) -> None:
    for path, key in (("/loads", "load_id"), ("/bills", "load_id"), ("/freshness", "payer_id")):
        whole = [item[key] for item in ask("GET", path).json["items"]]
        found, cursor = [], None
        while True:
            query = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
            page = ask("GET", path, query).json
            found += [item[key] for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break

        assert found == whole


# -- CSV ------------------------------------------------------------------------------------------


def _table(answer: Answer) -> list[list[str]]:
    assert answer.headers["Content-Type"].startswith("text/csv")
    return list(csv.reader(io.StringIO(answer.body)))


def test_csv_holds_what_json_holds(api: Loaded) -> None:
    query = MINE | {"by": "account,day", "cost": "unblended,list"}
    table = _table(ask("GET", COSTS, query, headers={"Accept": "text/csv"}))
    rows = ask("GET", COSTS, query).json["rows"]

    assert table[0] == ["account", "day", "lines", "unblended_cost", "list_cost"]
    assert table[1:] == [["" if v is None else str(v) for v in row.values()] for row in rows]


def test_a_page_of_csv_says_where_to_go_on(api: Loaded) -> None:
    query = MINE | {"by": "day", "limit": "1"}
    first = ask("GET", COSTS, query, headers={"accept": "text/csv"})
    cursor = first.headers["X-Next-Cursor"]
    second = ask("GET", COSTS, query | {"cursor": cursor}, headers={"accept": "text/csv"})

    assert [row[0] for row in _table(first)] == ["day", "2026-09-02"]
    assert [row[0] for row in _table(second)] == ["day", "2026-09-03"]
    assert "X-Next-Cursor" not in second.headers


def test_no_cell_of_csv_is_taken_for_a_formula(
    api: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = api.house.bills.find(PAYER, MONTH)
    assert first is not None
    before = first.model_copy(update={"load_id": api.first})
    monkeypatch.setattr(api.house.bills, "in_period", lambda _: [before])

    query = MINE | {"by": "resource", "cost": "unblended"}
    table = _table(ask("GET", COSTS, query, headers={"Accept": "text/csv"}))

    assert [f"'{FORMULA}", "1", "0.2500000000"] in table


def test_a_negative_amount_of_csv_stays_an_amount(api: Loaded) -> None:
    query = MINE | {"by": "day", "cost": "unblended"}
    table = _table(ask("GET", COSTS, query, headers={"Accept": "text/csv"}))

    assert ["2026-09-03", "1", "-0.7500000000"] in table


# -- loads ----------------------------------------------------------------------------------------


def test_loads_say_what_became_of_each_delivery_newest_first(api: Loaded) -> None:
    items = ask("GET", "/loads").json["items"]

    assert [item["load_id"] for item in items][:2] == [api.refused, api.second]
    assert [item["status"] for item in items] == ["Refused", *["Published"] * 3]
    assert "files" not in items[0]


def test_a_load_says_its_control_totals_and_what_it_changed(api: Loaded) -> None:
    load = ask("GET", f"/loads/{api.second}").json

    [file] = load["files"]
    [control] = file["control_totals"]
    assert (control["lines"], control["unblended_cost"]) == (3, "2.0500000000")
    [changes] = load["changes"]
    assert (changes["unblended_before"], changes["unblended_after"]) == (
        "1.7500000000",
        "2.0500000000",
    )
    assert {one["account"]: one["difference"] for one in changes["by_account"]} == {
        "444455556666": "0.2500000000",
        "111111111111": "-0.2500000000",
        "(none)": "0.3000000000",
    }


def test_a_load_says_whether_readers_see_it(api: Loaded) -> None:
    current = [
        [bill["is_current"] for bill in ask("GET", f"/loads/{load}").json["bills"]]
        for load in (api.first, api.second)
    ]

    assert current == [[False], [True]]


def test_a_refused_load_says_file_row_and_field(api: Loaded) -> None:
    reason = ask("GET", f"/loads/{api.refused}").json["reason"]

    assert "bad-00001.csv, row 1" in reason
    assert "line_item_unblended_cost is 'a lot'" in reason


def test_loads_of_a_payer_or_a_month(api: Loaded) -> None:
    found = ask("GET", "/loads", {"payer_id": OTHER_PAYER}).json["items"]

    assert [item["load_id"] for item in found] == [api.abroad]
    assert ask("GET", "/loads", {"billing_period": "2020-01"}).json["items"] == []


def test_a_load_nobody_knows_is_not_found(api: Loaded) -> None:
    answer = ask("GET", f"/loads/{'0' * 24}")

    assert answer.status == 404
    assert "finops loads lists them" in answer.json["detail"]


@pytest.mark.parametrize("load_id", ["nonsense", "0" * 25, "Z" * 24, "a b", "ä", "%2e%2e", "0'--"])
def test_an_id_that_is_none_is_no_server_error(api: Loaded, load_id: str) -> None:
    assert ask("GET", f"/loads/{load_id}").status in (404, 422)


def test_a_load_is_started_for_its_manifest(api: Loaded) -> None:
    key = "exports/cur2/metadata/BILLING_PERIOD=2026-09/cur2-Manifest.json"

    answer = ask("POST", "/loads", body=json.dumps({"manifest_key": key}))

    assert answer.status == 202
    assert answer.json["manifest_key"] == key
    assert api.house.runs.started[-1] == key
    [record] = ask("GET", "/audit", {"entity": f"delivery#{key}"}).json["items"]
    assert (record["action"], record["actor"]) == ("StartLoad", "someone@example.com")
    assert json.loads(record["after"]) == answer.json


@pytest.mark.parametrize(
    "body, status",
    [
        ('{"manifest_key": "exports/cur2-00001.csv"}', 422),
        ('{"manifest_key": ""}', 422),
        ('{"manifest_key": 1}', 422),
        ("{}", 422),
        ("[]", 422),
        ("not json", 400),
        ("", 422),
        (None, 422),
    ],
)
def test_a_body_that_is_no_manifest_starts_nothing(
    api: Loaded, body: str | None, status: int
) -> None:
    before = list(api.house.runs.started)
    answer = ask("POST", "/loads", body=body, headers={"Content-Type": "application/json"})

    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert api.house.runs.started == before


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=", "text/plain", "nonsense", ""],
)
def test_a_body_of_another_kind_is_the_clients_error(api: Loaded, content_type: str) -> None:
    answer = ask("POST", "/loads", body=b"--x\r\n\r\n", headers={"Content-Type": content_type})

    assert 400 <= answer.status < 500
    assert answer.headers["Content-Type"] == "application/problem+json"


# -- elsewhere ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/"),
        ("GET", "/nothing"),
        ("DELETE", "/bills"),
        ("GET", "/bills/2026-09"),
        ("PUT", "/x"),
    ],
)
def test_what_is_not_there_is_a_problem_too(api: Loaded, method: str, path: str) -> None:
    answer = ask(method, path)

    assert answer.status == 404
    assert answer.json["title"] == "Not Found"
    assert path in answer.json["detail"]


@pytest.mark.parametrize(
    "month", ["2026-09%20", "2026 09", "../loads", "2026-09;x", "☃", "2026-09'", "a:b", "%00"]
)
def test_weird_characters_in_a_path_are_the_clients_error(api: Loaded, month: str) -> None:
    assert ask("GET", f"/bills/{month}/costs").status in (404, 422)


def test_a_page_of_ours_may_read_the_answer_and_no_other(
    api: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://finops.example.com")
    ours = ask("GET", "/bills", headers={"Origin": "https://finops.example.com"})
    theirs = ask("GET", "/bills", headers={"Origin": "https://elsewhere.example.com"})

    assert ours.headers["Access-Control-Allow-Origin"] == "https://finops.example.com"
    assert "Access-Control-Allow-Origin" not in theirs.headers
