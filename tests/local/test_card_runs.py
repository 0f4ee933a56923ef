"""`finops cards make`: what it asks, how it waits, and what it says."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from typer.testing import CliRunner

from finops.local.cli import app
from finops.local.commands import card_runs as commands
from finops.local.errors import LoadError

WEEKS = [
    {
        "start": "2026-08-02",
        "end": "2026-08-09",
        "made": 5,
        "restated": 0,
        "reopened": 0,
        "settled": 4,
        "waiting": None,
    },
    {
        "start": "2026-08-09",
        "end": "2026-08-16",
        "made": 0,
        "restated": 0,
        "reopened": 0,
        "settled": 0,
        "waiting": "the bill is complete through 2026-08-14",
    },
]
DONE: dict[str, Any] = {"run_id": "run-1", "status": "Done", "error": None, "weeks": WEEKS}
DONE |= {"made": 5, "restated": 0, "reopened": 0, "settled": 4}


class OneRun:
    """An API whose run is over after *looks* at it."""

    def __init__(self, told: Mapping[str, Any], looks: int = 2) -> None:
        self.asked: list[dict[str, Any]] = []
        self._told, self._looks = told, looks

    def post(self, *path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(body)
        return {"run_id": "run-1", "period": None, "status": "Running"}

    def get(self, *path: str) -> Mapping[str, Any]:
        assert path == ("spend-card-runs", "run-1")
        self._looks -= 1
        return self._told if self._looks < 0 else {"status": "Running"}


def run(monkeypatch: pytest.MonkeyPatch, api: OneRun, *words: str) -> str:
    monkeypatch.setattr(commands, "api_of", lambda *said, **usually: api)
    monkeypatch.setattr("finops.local.waiting.POLL", 0)
    result = CliRunner().invoke(app, ["cards", "make", *words], env={"COLUMNS": "160"})
    if result.exception is not None:
        raise result.exception
    return result.output


def test_cards_are_made_and_told_of_week_by_week(monkeypatch: pytest.MonkeyPatch) -> None:
    api = OneRun(DONE)

    told = run(monkeypatch, api, "--period", "2026-08")

    assert api.asked == [{"period": "2026-08"}]
    assert "2026-08-02" in told
    assert "the bill is complete through 2026-08-14" in told
    assert "5 made" in told


def test_all_that_is_due_is_made_where_nobody_says(monkeypatch: pytest.MonkeyPatch) -> None:
    api = OneRun(DONE)

    told = run(monkeypatch, api, "--json")

    assert api.asked == [{}]
    assert json.loads(told) == DONE


def test_who_does_not_wait_is_told_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "run-1" in run(monkeypatch, OneRun(DONE), "--no-wait")


def test_where_nothing_was_to_be_done_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "up to the bill" in run(monkeypatch, OneRun(DONE | {"weeks": []}))


def test_a_run_that_failed_is_an_error_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = DONE | {"status": "Failed", "error": "no space left on device"}

    with pytest.raises(LoadError, match="no space left on device"):
        run(monkeypatch, OneRun(failed))


def test_who_waits_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "SECONDS", -1)

    with pytest.raises(LoadError, match="not done"):
        run(monkeypatch, OneRun(DONE))
