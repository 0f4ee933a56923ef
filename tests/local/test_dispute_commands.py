"""`finops cards propose` and `remap`: what they ask the API, and what they print of it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from finops.domain.errors import InvalidError
from finops.local.commands import disputes as commands

SHOP = "retail.online.storefront.web-shop"
CHANGES = [{"kind": "ReleaseResources", "account_id": "444455556666", "resources": ["i-1"]}]
CARD = {
    "product_id": SHOP,
    "week": "2026-09 week 2 of 5 (6 to 12)",
    "amount": "6.0000000000",
    "currency": "USD",
    "status": "Disputed",
    "awaits_run": False,
}
MOVED = {"billing_period": "2026-09", "currency": "USD", "before": "6.0000000000"}
PREVIEW: dict[str, Any] = {
    "preview_id": "0f3a",
    "status": "Done",
    "items": [
        MOVED
        | {"element": SHOP, "name": "Web shop", "level": 4, "reason": None}
        | {"after": "5.0000000000", "difference": "-1.0000000000"}
    ],
    "totals": [MOVED | {"after": "5.0000000000", "difference": "-1.0000000000"}],
    "others": [{"billing_period": "2026-09", "currency": "USD", "difference": "1.0000000000"}],
    "next_cursor": None,
}
PROPOSAL = {
    "proposed_by": "shop@example.com",
    "reason": "the search uses it",
    "changes": CHANGES,
    "billing_period": "2026-09",
    "currency": "USD",
    "effect": [{"product_id": SHOP, "difference": "-1.0000000000"}],
    "rest": "1.0000000000",
}


class Cards:
    """An API that knows one card; *posted* is what it was told, and where."""

    def __init__(self) -> None:
        self.posted: list[tuple[tuple[str, ...], dict[str, Any], str | None]] = []
        self.asked: list[dict[str, Any]] = []

    def read(self, *path: str, **query: Any) -> Any:
        assert path == ("spend-cards", SHOP, "2026-09-06")
        self.asked.append(query)
        return SimpleNamespace(body=CARD, etag='"3"')

    def get(self, *path: str, **query: Any) -> dict[str, Any]:
        return PREVIEW if path[0] == "previews" else PROPOSAL

    def post(
        self, *path: str, body: dict[str, Any], etag: str | None = None, **query: Any
    ) -> dict[str, Any]:
        self.asked.append(query)
        self.posted.append((path, body, etag))
        if path == ("previews",):
            return {"preview_id": "0f3a"}
        return CARD | {"awaits_run": path[-1] == "remaps"}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Cards:
    one = Cards()
    monkeypatch.setattr(commands, "api_of", lambda *said, **usually: one)
    return one


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "changes.json"
    path.write_text(json.dumps(CHANGES))
    return str(path)


def say(*words: str) -> str:
    app = typer.Typer()
    app.command()(commands.propose)
    app.command()(commands.remap)
    result = CliRunner().invoke(app, list(words))
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_a_dispute_names_the_preview_that_was_shown(api: Cards, file: str) -> None:
    said = say("propose", file, SHOP, "2026-09-09", "--reason", "the search uses it")

    (_, asked, _), (path, body, etag) = api.posted
    assert asked == {"changes": CHANGES}
    assert path == ("spend-cards", SHOP, "2026-09-06", "decisions")
    assert body == {"command": "Dispute", "reason": "the search uses it", "preview_id": "0f3a"}
    assert etag == '"3"'
    lines = said.splitlines()
    [shop] = [line for line in lines if "Web shop" in line]
    assert shop.split()[-4:] == ["6.00", "5.00", "-1.00", "USD"]
    [others] = [line for line in lines if "Others" in line]
    assert others.split()[-2:] == ["1.00", "USD"]
    assert "Disputed" in said


def test_a_remap_makes_what_was_proposed_and_says_what_comes_next(api: Cards) -> None:
    said = say("remap", SHOP, "2026-09-12")

    [(path, body, etag)] = api.posted
    assert (path[-1], body, etag) == ("remaps", {"changes": None, "reason": None}, '"3"')
    assert [line.split()[-2:] for line in said.splitlines() if "1.00" in line] == [
        ["-1.00", "USD"],
        ["1.00", "USD"],
    ]
    assert "open again once its month is allocated" in said


def test_a_remap_by_other_changes_of_another_currency(api: Cards, file: str) -> None:
    said = say("remap", SHOP, "2026-09-12", "--file", file, "--currency", "EUR", "--json")

    [(_, body, _)] = api.posted
    assert body["changes"] == CHANGES
    assert api.asked == [{"currency": "EUR"}] * 2
    assert json.loads(said)["awaits_run"] is True


def test_a_week_that_is_none_is_told(api: Cards) -> None:
    with pytest.raises(InvalidError, match="YYYY-MM-DD"):
        say("remap", SHOP, "soon")
