"""The door to cost reports, and the steps that make and send them."""

import json
from typing import Any

import pytest

from finops.domain.people import Person, Role
from finops.runtime import wiring
from finops.usecases.digest import Letterhead
from finops.usecases.ports import ReportRun
from finops.usecases.tend_cards import Post
from functions.plan_reports import handler as plan_reports
from functions.reports_api import handler as reports_api
from functions.tell_reports import handler as tell_reports
from functions.write_report import handler as write_report
from tests.cube_fakes import InMemorySpendCubes
from tests.functions.conftest import Answer, ask
from tests.months import JsonLedger
from tests.reporting import AT, usual_rows
from tests.usecases.organisation import Organisation

PATH = "/reports/cost"
WEEK = {"span": "week", "end": "2026-03-08"}
PAPER = Letterhead(subject="Costs of $span: $total", text="Hello $name,\n\n$scope in $span.")


class Painted:
    def png(self, svg: str) -> bytes:
        return b"png"


class Context:
    """What Lambda tells a function of its call."""

    function_name = "step"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:step"
    aws_request_id = "request-1"


@pytest.fixture
def by(
    organisation: Organisation, staff: dict[Role, Person], monkeypatch: pytest.MonkeyPatch
) -> dict[Role, Person]:
    """The staff of an organisation whose spend is that of `usual_rows`."""
    monkeypatch.setattr(wiring, "spend_cubes", lambda: InMemorySpendCubes(usual_rows()))
    monkeypatch.setattr(wiring, "pictures", Painted)
    monkeypatch.setattr(wiring, "letterhead", lambda: PAPER)
    return staff


def get(by: Person, path: str = PATH, **asked: str) -> Answer:
    return ask("GET", path, asked, by=by)


def post(by: Person, body: dict[str, Any], **headers: str) -> Answer:
    return ask(
        *("POST", f"{PATH}/runs"),
        by=by,
        headers={"Content-Type": "application/json"} | headers,
        body=json.dumps(body),
    )


# Made now -------------------------------------------------------------------------------------------


def test_json_csv_and_html_have_the_same_numbers(by: dict[Role, Person]) -> None:
    admin = by[Role.FINANCIAL_ADMIN]
    told = get(admin, **WEEK).json
    table = get(admin, **WEEK, format="csv").body.splitlines()
    page = get(admin, **WEEK, format="html")

    [section] = told["sections"]
    assert section["total"]["amount"] == "30.0000000000"
    assert table[1].startswith("USD,Spend,,,,,Spend,30.0000000000,21.0000000000,21.0000000000,9.")
    assert "USD,Spend,Owner,,Value,retail,Retail,21.0000000000" in "\n".join(table)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "sandbox" in page.headers["Content-Security-Policy"]
    assert "30.00 USD" in page.body


def test_a_reader_gets_their_own_scope_of_the_enterprise(by: dict[Role, Person]) -> None:
    told = get(by[Role.BUSINESS_UNIT_OWNER], **WEEK).json

    assert told["elements"] == ["retail"]
    assert told["sections"][0]["total"]["amount"] == "21.0000000000"
    assert told["sections"][0]["net"] is None
    assert get(by[Role.BUSINESS_UNIT_OWNER], **WEEK, element="bank").status == 404


@pytest.mark.parametrize(
    "asked, said",
    [
        ({"span": "week", "end": "2026-03-09"}, "newest one by then ends before 2026-03-08"),
        ({"span": "month", "end": "2026-03-09"}, "write 2026-03-01"),
        ({"span": "week", "end": "2026-04-05"}, "has not begun"),
        ({"span": "day"}, "span"),
        ({"end": "soon"}, "end"),
    ],
)
def test_a_span_that_is_none_is_refused_with_the_remedy(
    by: dict[Role, Person], asked: dict[str, str], said: str
) -> None:
    answer = get(by[Role.FINANCIAL_ADMIN], **asked)

    assert (answer.status, said in answer.json["detail"]) == (422, True)


# Runs -----------------------------------------------------------------------------------------------


def test_a_run_is_started_and_noted(organisation: Organisation, by: dict[Role, Person]) -> None:
    admin = by[Role.FINANCIAL_ADMIN]

    answer = post(admin, {"span": "month", "again": True}, **{"Idempotency-Key": "key-1"})
    again = post(admin, {"span": "month", "again": True}, **{"Idempotency-Key": "key-1"})

    [(run_id, span, is_again)] = organisation.report_runs.started
    assert (answer.status, answer.json["run_id"], again.json) == (202, run_id, answer.json)
    assert (str(span.end), is_again) == ("2026-03-01", True)
    assert answer.headers["Location"] == f"{PATH}/runs/{run_id}"
    [record] = organisation.audit.chain(f"cost-report-run#{run_id}")
    assert (record.action, record.actor) == ("SendReports", admin.email)


def test_a_run_that_is_not_whole_says_why(
    organisation: Organisation, by: dict[Role, Person]
) -> None:
    run_id = post(by[Role.FINANCIAL_ADMIN], {"span": "week"}).json["run_id"]
    organisation.report_runs.end(run_id, ReportRun("Failed", None, "2 mails did not go out"))

    told = get(by[Role.FINANCIAL_ADMIN], f"{PATH}/runs/{run_id}").json

    assert (told["status"], told["error"]) == ("Failed", "2 mails did not go out")
    assert get(by[Role.CLOUD_ENGINEER], f"{PATH}/runs/{run_id}").status == 403
    assert get(by[Role.FINANCIAL_ADMIN], f"{PATH}/runs/never").status == 404


# The steps ------------------------------------------------------------------------------------------


def test_the_steps_send_what_is_then_listed_and_read_again(
    organisation: Organisation, by: dict[Role, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = JsonLedger()
    post_ = Post(organisation.mails, organisation.receipts, PAPER)
    monkeypatch.setattr(wiring, "ledger", lambda: ledger)
    monkeypatch.setattr(wiring, "ledger_bucket", lambda: "ledger")
    monkeypatch.setattr(wiring, "post", lambda: post_)
    monkeypatch.setattr(wiring, "reports_time_zone", lambda: "UTC")
    monkeypatch.setattr(plan_reports, "now", lambda: AT)
    monkeypatch.setattr(reports_api, "now", lambda: AT)
    asked = {"run_id": "run-1", "at": "", "rhythm": "Weekly", "end": None, "waits": True}

    planned = plan_reports.handler(asked, Context())
    for item in ledger.get_json(planned["items_key"]):
        write_report.handler(item, Context())
    told = tell_reports.handler({"planned": planned}, Context())

    assert (planned["goes_on"], planned["items"], told["sent"], told["problems"]) == (True, 5, 7, 0)
    admin = by[Role.FINANCIAL_ADMIN]
    listed = get(admin, f"{PATH}/kept").json["items"]
    assert [one["scope"] for one in listed][:2] == ["the enterprise", "Retail"]
    [whole] = (one for one in listed if one["elements"] == [])
    assert whole["totals"] == [{"currency": "USD", "spend": "30.0000000000"}]
    place = f"{PATH}/kept/{whole['report_id']}"
    now = get(admin, **WEEK).json
    assert get(admin, place).json["sections"] == now["sections"]
    assert get(admin, place, format="html").body.startswith("<!doctype html>")
    assert get(by[Role.PRODUCT_OWNER], place).status == 404
    assert [one["scope"] for one in get(by[Role.PRODUCT_OWNER], f"{PATH}/kept").json["items"]] == [
        "Web shop"
    ]
