"""`finops report cost`: which span is asked for, and how it is answered, kept and sent."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from finops.domain.errors import FinOpsError, InvalidError
from finops.local.cli import app
from finops.local.commands import reports as commands
from finops.local.errors import LoadError
from finops.usecases.cost_report_views import report
from tests.reporting import reported

RUN = {"run_id": "run-1", "status": "Done", "reports": 5, "sent": 7, "sent_before": 0}


class OneReport:
    """An API that knows one report; *asked* are the questions, *posted* what shall be sent."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, ...], dict[str, Any]]] = []
        self.posted: list[dict[str, Any]] = []
        self.run: dict[str, Any] = RUN | {"error": None}

    def get(self, *path: str, **asked: Any) -> dict[str, Any]:
        self.asked.append((path, asked))
        return self.run if "runs" in path else report(reported())

    def html(self, *path: str, **asked: Any) -> str:
        self.asked.append((path, asked))
        return "<!doctype html>"

    def csv(self, *path: str, **asked: Any) -> str:
        self.asked.append((path, asked))
        return "billing_currency,part\n"

    def post(self, *path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.posted.append(body)
        return {"run_id": "run-1"}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> OneReport:
    one = OneReport()
    monkeypatch.setattr(commands, "api_of", lambda *said, **usually: one)
    return one


def said(*words: str) -> str:
    result = CliRunner().invoke(app, ["report", "cost", *words])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_without_a_span_the_newest_week_is_asked_for(api: OneReport) -> None:
    told = said()

    assert api.asked == [
        (("reports", "cost"), {"element": "enterprise", "span": "week", "end": None})
    ]
    assert "Main driver" in told
    assert "Nobody owns it" in told
    assert "30.00" in told


def test_a_day_names_its_week_and_a_month_itself(api: OneReport) -> None:
    said("--week", "2026-03-01", "--element", "retail", "--json")
    said("--month", "2026-12", "--csv")

    assert [asked for _, asked in api.asked] == [
        {"element": "retail", "span": "week", "end": "2026-03-08"},
        {"element": "enterprise", "span": "month", "end": "2027-01-01"},
    ]


def test_json_is_what_the_api_says(api: OneReport) -> None:
    assert json.loads(said("--json")) == report(reported())


@pytest.mark.parametrize(
    "words",
    [
        ("--week", "soon"),
        ("--week", "2026-02-30"),
        ("--month", "2026-13"),
        ("--week", "2026-03-01", "--month", "2026-03"),
        ("--send", "--element", "retail"),
    ],
)
def test_what_is_no_span_or_nobodys_is_refused(api: OneReport, words: tuple[str, ...]) -> None:
    with pytest.raises(InvalidError):
        said(*words)

    assert (api.asked, api.posted) == ([], [])


def test_a_page_is_kept_in_a_file(api: OneReport, tmp_path: Path) -> None:
    said("--html", str(tmp_path / "report.html"))

    assert (tmp_path / "report.html").read_text() == "<!doctype html>"


def test_sending_waits_until_it_is_done_and_says_how_many(api: OneReport) -> None:
    told = said("--send", "--month", "2026-02", "--again")

    assert api.posted == [{"span": "month", "end": "2026-03-01", "again": True}]
    assert told == "5 reports made, 7 sent, 0 had theirs before\n"


def test_a_run_that_is_not_whole_is_an_error_that_says_why(api: OneReport) -> None:
    api.run = RUN | {"status": "Failed", "error": "2 mails did not go out"}

    with pytest.raises(LoadError, match="2 mails did not go out") as error:
        said("--send")

    assert isinstance(error.value, FinOpsError)
