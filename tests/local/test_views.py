"""`finops summary` and `finops views`: what people read, asked of the door itself."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from finops.domain.people import Person, Role
from finops.domain.spend_cards import CardCommand
from finops.local import cli, screen
from finops.local.api import Api
from finops.local.commands import views as commands
from finops.runtime import wiring
from tests.functions.conftest import ask, loaded, organisation, staff
from tests.plotted import drawn
from tests.spend_world import Entry, SpendWorld
from tests.usecases.organisation import LOANS, SEARCH, UNIT, WEB_SHOP, Organisation

__all__ = ["loaded", "organisation", "staff"]


class AtTheDoor(Api):
    """The API as commands ask it, with no network between."""

    def __init__(self, by: Person) -> None:
        self._by = by

    def _ask(self, method: str, path: tuple[str, ...], query: Any, **more: Any) -> Any:
        asked = {name: str(value) for name, value in query.items() if value is not None}
        accept = {"Accept": more.get("accept", "application/json")}
        told = ask(method, "/" + "/".join(path), asked, by=self._by, headers=accept)
        assert told.status == 200, told.body
        return _Raw(told.body.encode(), told.headers)


class _Raw:
    def __init__(self, body: bytes, headers: dict[str, str]) -> None:
        self.body, self.headers = body, headers


@pytest.fixture(autouse=True)
def world(
    organisation: Organisation, staff: dict[Role, Person], monkeypatch: pytest.MonkeyPatch
) -> SpendWorld:
    """March: 50 on cards, 10 of them accepted, 7 on none, 3 nobody's."""
    made = SpendWorld(organisation)
    made.load(
        [
            Entry("2026-03-02", 10, WEB_SHOP),
            Entry("2026-03-03", 40, LOANS),
            Entry("2026-03-09", 7, SEARCH),
            Entry("2026-03-03", 3),
        ]
    )
    cards = made.make_cards("2026-03", until="2026-03-08")
    made.give(next(card for card in cards if card.product_id == WEB_SHOP), CardCommand.ACCEPT)
    organisation.approve(WEB_SHOP, [30 * UNIT] * 12)
    monkeypatch.setattr(wiring, "view_sources", lambda: made.sources)
    api = AtTheDoor(staff[Role.FINANCIAL_ADMIN])
    monkeypatch.setattr(commands, "api_of", lambda *_, **__: api)
    monkeypatch.setattr(screen.console, "width", 200)
    return made


def finops(*words: str) -> Result:
    result = CliRunner().invoke(cli.app, [*words])
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result


def test_a_summary_tells_the_parts_of_the_bill_and_their_exact_sum() -> None:
    said = finops("summary").stdout

    for part in ("Open cards", "Accepted cards", "On no card yet", "Nobody's"):
        assert part in said
    assert "Exactly: 57.00 of owners + 3.00 of nobody = 60.00 USD on the bill" in said
    assert "complete through 2026-03-09" in said


def test_a_year_is_asked_for_by_its_number_or_by_one_of_its_months() -> None:
    for words in (["--year", "2026"], ["--month", "2026-03", "--annual"]):
        told = json.loads(finops("summary", *words, "--json").stdout)
        assert (told["span"], told["year"]) == ("year", 2026)


@pytest.mark.parametrize(
    "words, told",
    [
        (["snapshot", "--depth", "4"], ["Web shop", "far over budget", "product@example.com"]),
        (["statuses"], ["Who owes the next step", "DecideCard", "portfolio@example.com"]),
        (["variance", "--element", WEB_SHOP], ["-20.00", "-66.67"]),
        (["heat-map"], ["Loans", "no approved budget", "40.00"]),
        (["weekly", "--depth", "4"], ["03-01", "accepted", "–"]),
        (["trend"], ["2026-03 week 2 of 5 (8 to 14)", "First 9 days: 57.00"]),
        (["schedule"], ["2026-12", "30.00"]),
    ],
)
def test_a_view_is_a_table_for_people(words: list[str], told: list[str]) -> None:
    said = finops("views", *words).stdout

    for word in told:
        assert word in said
    assert "Exactly: " in said


@pytest.mark.parametrize("view", ["snapshot", "statuses", "heat-map", "weekly", "variance"])
def test_a_program_is_told_all_pages_as_one(view: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = json.loads(finops("views", view, "--json").stdout)
    monkeypatch.setattr(commands, "PAGE", 1)

    assert json.loads(finops("views", view, "--json").stdout) == whole
    assert finops("views", view, "--csv").stdout.count("\n") >= len(whole["items"])


@pytest.mark.parametrize("view", ["statuses", "heat-map", "trend", "schedule"])
def test_a_view_is_drawn_into_a_file(view: str, tmp_path: Path) -> None:
    file = tmp_path / "view.svg"
    finops("views", view, "--svg", str(file))

    assert drawn(file.read_text())
