"""`KeptReports`, `ReportHeads` and `ReportRuns`: fakes and AWS keep the same promises."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from finops.adapters.kept_reports import DynamoReportHeads, S3KeptReports
from finops.adapters.report_runs import StepFunctionsReportRuns
from finops.domain.cost_reports import ReportHead, ReportSpan, report_id
from finops.domain.errors import NotFoundError
from finops.domain.report_settings import Rhythm
from finops.usecases.ports import KeptReports, ReportHeads
from tests.aws import LEDGER, REPORTS, client, furnished, organised
from tests.report_fakes import InMemoryKeptReports, InMemoryReportHeads

WEEK = ReportSpan.ending(Rhythm.WEEKLY, date(2026, 3, 8))
FEBRUARY = ReportSpan.ending(Rhythm.MONTHLY, date(2026, 3, 1))


@pytest.fixture(params=["fake", "real"])
def kept(request: pytest.FixtureRequest) -> Iterator[KeptReports]:
    if request.param == "fake":
        yield InMemoryKeptReports()
    else:
        with furnished(), organised():
            yield S3KeptReports(client("s3"), LEDGER)


@pytest.fixture(params=["fake", "real"])
def heads(request: pytest.FixtureRequest) -> Iterator[ReportHeads]:
    if request.param == "fake":
        yield InMemoryReportHeads()
    else:
        with furnished(), organised():
            yield DynamoReportHeads(client("dynamodb"), REPORTS)


def head(span: ReportSpan, digest: str, *elements: str) -> ReportHead:
    return ReportHead(
        report_id=report_id(span, digest),
        span=span,
        elements=elements,
        scope="Retail",
        made_at=datetime(2026, 3, 9, 7, tzinfo=UTC),
        totals=(("EUR", -5), ("USD", 10**10)),
        gaps=("a bill of 2026-03 is not there yet",),
    )


def test_what_is_kept_is_read_again_and_found_by_its_prefix(kept: KeptReports) -> None:
    kept.put("reports/a/report.json", b"{}", "application/json")
    kept.put("reports/a/report.html", b"<p>", "text/html")
    kept.put("reports/b/report.json", b"{}", "application/json")

    assert kept.read("reports/a/report.html") == b"<p>"
    assert sorted(kept.keys("reports/a/")) == ["reports/a/report.html", "reports/a/report.json"]


def test_what_is_not_kept_is_not_found(kept: KeptReports) -> None:
    with pytest.raises(NotFoundError, match="reports/none"):
        kept.read("reports/none")


def test_a_head_is_found_by_its_id_and_listed_with_its_span_alone(heads: ReportHeads) -> None:
    retail, whole, february = (
        head(WEEK, "b" * 16, "retail"),
        head(WEEK, "a" * 16),
        head(FEBRUARY, "a" * 16),
    )
    for one in (retail, whole, february):
        heads.put(one)
        heads.put(one)

    assert heads.find(retail.report_id) == retail
    assert list(heads.of_span(WEEK)) == [whole, retail]
    assert list(heads.of_span(FEBRUARY)) == [february]
    assert heads.find(report_id(WEEK, "c" * 16)) is None


class OneMachine:
    """Step Functions, as far as one machine goes."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def start_execution(self, **asked: Any) -> None:
        self.asked.append(asked)

    def describe_execution(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        return {"status": "SUCCEEDED", "output": json.dumps({"told": {"sent": 7}})}


def test_a_run_is_an_execution_of_that_name() -> None:
    machine = OneMachine()
    runs = StepFunctionsReportRuns(machine, "arn:aws:states:eu-west-1:1:stateMachine:make_reports")

    runs.start("run-1", WEEK, again=True)
    found = runs.find("run-1")

    assert machine.asked[0]["name"] == "run-1"
    assert json.loads(machine.asked[0]["input"]) == {
        "at": "",
        "rhythm": "Weekly",
        "end": "2026-03-08",
        "again": True,
        "waits": False,
    }
    assert machine.asked[1]["executionArn"].endswith(":execution:make_reports:run-1")
    assert found is not None
    assert (found.status, found.told) == ("Done", {"sent": 7})
