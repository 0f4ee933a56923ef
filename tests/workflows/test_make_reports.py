"""`make_reports` as AWS would run it: the machine of the file, the doors of `functions/`, on moto."""

import importlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from finops.domain.cost_reports import CostReport
from finops.domain.people import Role
from finops.runtime import wiring
from finops.usecases import send_cost_reports
from tests.allocating import LINES, OF, bill, furnish, ticks
from tests.aws import BILLING, LEDGER, client
from tests.exports import MONTH
from tests.fakes import InMemoryMails
from tests.usecases.organisation import WEB_SHOP, Organisation
from tests.workflows.conftest import Machine

END = "2026-10-01"
DUE = datetime(2026, 10, 1, 7, tzinfo=UTC)
SENT = [
    *("PlanReports", "DoReportsWait", "WriteReports", "TellReports"),
    *("IsAnythingWrong", "SayReportsSent", "ReportsSent"),
]


class Painted:
    def png(self, svg: str) -> bytes:
        return b"png"


@pytest.fixture
def mails() -> InMemoryMails:
    return InMemoryMails()


@pytest.fixture
def organisation(
    machine: Machine, mails: InMemoryMails, monkeypatch: pytest.MonkeyPatch
) -> Organisation:
    """A bill of September is loaded and allocated; two people read reports."""
    made = Organisation.on_aws()
    furnish(made)
    made.hire("fin@example.com", Role.FINANCIAL_ADMIN)
    made.hire("shop@example.com", Role.PRODUCT_OWNER, [WEB_SHOP])
    monkeypatch.setattr(wiring, "mails", lambda: mails)
    monkeypatch.setattr(wiring, "pictures", Painted)
    monkeypatch.setattr(send_cost_reports, "RETRY", timedelta(0))
    _clock(monkeypatch, DUE + timedelta(hours=9))
    export = bill(1, LINES)
    for key, body in (*export.files.items(), (export.manifest_key, export.manifest)):
        client("s3").put_object(Bucket=BILLING, Key=key, Body=body)
    assert machine.run(export.manifest_key).status == "SUCCEEDED"
    assert machine.allocate(*OF).status == "SUCCEEDED"
    return made


@pytest.fixture
def cut(machine: Machine, organisation: Organisation) -> None:
    assert machine.cut_cubes().status == "SUCCEEDED"
    machine.calls.clear()


def _clock(patch: pytest.MonkeyPatch, *moments: datetime) -> None:
    """The planner looks at the clock once for each round; the last moment stays."""
    left = list(moments)
    planner = importlib.import_module("functions.plan_reports.handler")
    patch.setattr(planner, "now", lambda: left.pop(0) if len(left) > 1 else left[0])


def _fail(event: dict[str, Any]) -> None:
    if event["elements"] == []:
        raise OSError("no space left on device")


def _reports() -> list[CostReport]:
    found = client("s3").list_objects_v2(Bucket=LEDGER, Prefix="reports/cost/").get("Contents", ())
    keys = [one["Key"] for one in found if one["Key"].endswith("report.json")]
    return [CostReport.model_validate_json(wiring.kept_reports().read(key)) for key in keys]


@pytest.mark.usefixtures("cut")
def test_reports_of_a_month_go_out_and_their_net_is_the_bill(
    machine: Machine, mails: InMemoryMails
) -> None:
    ended = machine.make_reports("Monthly", END)

    assert (ended.status, ended.states) == ("SUCCEEDED", SENT)
    assert sorted(one.to for one in mails.sent) == ["fin@example.com", "shop@example.com"]
    [whole] = (one for one in _reports() if not one.elements)
    [section] = whole.sections
    totals = [one for head in wiring.cube_heads().in_period(MONTH) for one in head.totals]
    assert section.net is not None
    assert section.net.amount == sum(one.net for one in totals)
    assert section.total.amount == ticks("32.01")
    assert section.unowned == ticks("1.00")
    [notice] = ended.notices
    detail = notice["Detail"]
    told = json.loads(detail) if isinstance(detail, str) else detail
    assert (notice["DetailType"], told["sent"], told["problems"]) == ("ReportsSent", 2, 0)


@pytest.mark.usefixtures("cut")
def test_the_same_again_mails_nobody_twice(machine: Machine, mails: InMemoryMails) -> None:
    machine.make_reports("Monthly", END)

    ended = machine.make_reports("Monthly", END)

    assert ended.status == "SUCCEEDED"
    assert len(mails.sent) == 2


@pytest.mark.usefixtures("cut")
def test_a_report_that_cannot_be_made_fails_the_run_once_the_others_are_sent(
    machine: Machine, mails: InMemoryMails
) -> None:
    machine.before("write_report", *[_fail] * 8)

    ended = machine.make_reports("Monthly", END)

    assert [one.to for one in mails.sent] == ["shop@example.com"]
    assert (ended.status, ended.error) == ("FAILED", "ReportsIncomplete")
    assert ended.cause == "1 reports were not made"
    assert ended.notices[0]["DetailType"] == "ReportsIncomplete"
    assert machine.make_reports("Monthly", END).status == "SUCCEEDED"
    assert [one.to for one in mails.sent] == ["shop@example.com", "fin@example.com"]


def test_it_waits_for_the_cube_and_sends_when_it_is_there(
    machine: Machine,
    organisation: Organisation,
    mails: InMemoryMails,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _clock(monkeypatch, DUE, DUE + timedelta(minutes=30), DUE + timedelta(hours=9))

    ended = machine.make_reports("Monthly", END, at=DUE.isoformat(), waits=True)

    rounds = ["PlanReports", "DoReportsWait", "WaitForCubes", "LookAgain"]
    assert ended.states[:8] == rounds * 2
    assert (ended.status, ended.error) == ("FAILED", "ReportsIncomplete")
    assert "is being made ready to be asked" in ended.cause
    assert len(mails.sent) == 2
    assert all("Missing:" in one.text for one in mails.sent)


def test_a_plan_that_fails_is_told_of(
    machine: Machine, organisation: Organisation, mails: InMemoryMails
) -> None:
    ended = machine.make_reports("Monthly", "2026-10-02")

    assert (ended.status, ended.error) == ("FAILED", "ReportingFailed")
    assert ended.notices[0]["DetailType"] == "ReportsFailed"
    assert mails.sent == []
