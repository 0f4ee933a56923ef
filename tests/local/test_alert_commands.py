"""`finops alerts`: what a command asks of the API, and how the answer reads."""

from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from finops.local.commands import alerts as commands

ALERT = {
    "alert_id": "2026-03-1f",
    "kind": "Anomaly",
    "status": "Open",
    "element": "retail",
    "raised_at": "2026-03-10T09:00:00+00:00",
    "told_at": None,
    "told": 0,
    "missed": 0,
    "assigned_to": None,
    "owners": ["a@example.com"],
    "sentence": "[bold]Web shop[/bold] cost 500.00 USD",
    "answers": [],
}


class Asked:
    """An API that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[tuple[str, ...], Any, str | None]] = []

    def read(self, *path: str) -> Any:
        return SimpleNamespace(body=ALERT, etag='"4"')

    def get(self, *path: str, **query: object) -> Any:
        return ALERT

    def items(self, *path: str, **query: object) -> Any:
        self.told.append((path, query, None))
        return [ALERT]

    def post(self, *path: str, body: Any, etag: str | None = None) -> Any:
        self.told.append((path, body, etag))
        if "tests" in path:
            return {"results": [{"target": "chat", "is_sent": False, "why": "answered 404"}]}
        return ALERT


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Asked:
    one = Asked()
    monkeypatch.setattr(commands, "api_of", lambda *said, **usually: one)
    return one


def run(*words: str) -> str:
    result = CliRunner().invoke(commands.app, words)
    if result.exception is not None:
        raise result.exception
    return result.output


def test_the_list_asks_for_what_is_wanted_and_shows_names_as_they_are(api: Asked) -> None:
    for words in ((), ("list",)):
        told = run(*words, "--status", "Open", "--kind", "Anomaly", "--month", "2026-03")
        assert "[bold]Web" in told

    (_, asked, _), _ = api.told
    assert (asked["status"], asked["kind"], asked["month"]) == ("Open", "Anomaly", "2026-03")


@pytest.mark.parametrize(
    "words, body",
    [
        (
            ("acknowledge", "2026-03-1f", "--reason", "a test"),
            {"command": "Acknowledge", "reason": "a test"},
        ),
        (("resolve", "2026-03-1f", "--reason", "over"), {"command": "Resolve", "reason": "over"}),
        (
            ("assign", "2026-03-1f", "b@example.com"),
            {"command": "Assign", "to": "b@example.com", "reason": None},
        ),
    ],
)
def test_an_answer_is_made_from_the_version_that_is_there(
    api: Asked, words: tuple[str, ...], body: dict[str, Any]
) -> None:
    run(*words)

    assert api.told == [(("alerts", "2026-03-1f", "answers"), body, '"4"')]


def test_a_look_and_a_test_of_a_channel_are_asked_for(api: Asked) -> None:
    assert "in a moment" in run("check")
    assert "answered 404" in run("test", "desk")
    assert [path for path, _, _ in api.told] == [
        ("alerts", "checks"),
        ("alerts", "channels", "desk", "tests"),
    ]


def test_one_alert_says_that_it_is_on_its_way(api: Asked) -> None:
    assert "on its way" in run("show", "2026-03-1f")
