"""`finops report history`: tables, JSON, CSV and a page, asked of the door itself."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from finops.domain.people import Person, Role
from finops.local import cli, screen
from finops.local.api import Api
from finops.local.commands import history as commands
from finops.runtime import wiring
from tests.cube_fakes import InMemorySpendCubes, row
from tests.functions.conftest import ask, loaded, organisation, staff
from tests.reporting import daily
from tests.usecases.organisation import LOANS, UNIT, WEB_SHOP, Organisation

__all__ = ["loaded", "organisation", "staff"]


class AtTheDoor(Api):
    """The API as commands ask it, with no network between."""

    def __init__(self, by: Person) -> None:
        self._by = by

    def _ask(self, method: str, path: tuple[str, ...], query: Any, **more: Any) -> Any:
        asked = {
            name: ",".join(value) if isinstance(value, list) else str(value)
            for name, value in query.items()
            if value is not None
        }
        accept = {"Accept": more.get("accept", "application/json")}
        told = ask(method, "/" + "/".join(path), asked, by=self._by, headers=accept)
        assert told.status == 200, told.body
        return _Raw(told.body.encode(), told.headers)


class _Raw:
    def __init__(self, body: bytes, headers: dict[str, str]) -> None:
        self.body, self.headers = body, headers


@pytest.fixture(autouse=True)
def cubes(
    organisation: Organisation, staff: dict[Role, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    """December and February, with January between them a gap."""
    rows = [
        *daily("2025-11-01", "2025-12-31", 2, product_id=WEB_SHOP),
        *daily("2026-02-01", "2026-02-28", 2, product_id=WEB_SHOP),
        *daily("2026-02-01", "2026-02-28", 1, product_id=LOANS, service="[bold]X"),
        row("2026-02-02", -5 * UNIT, product_id=None, charge_class="AwsCredit"),
    ]
    monkeypatch.setattr(wiring, "spend_cubes", lambda: InMemorySpendCubes(rows))
    monkeypatch.setattr(wiring, "settings_kept", lambda: organisation.settings_kept)
    api = AtTheDoor(staff[Role.FINANCIAL_ADMIN])
    monkeypatch.setattr(commands, "api_of", lambda *args, **kwargs: api)
    monkeypatch.setattr(screen.console, "_width", 140, raising=False)


def run(*said: str) -> Result:
    told = CliRunner().invoke(cli.app, ["report", "history", *said], env={"COLUMNS": "140"})
    assert told.exit_code == 0, told.output
    return told


def test_totals_and_rows_are_told_with_what_is_missing() -> None:
    told = run("--months", "4").stdout
    assert "2026-01 is not loaded and allocated: a gap, not zero" in told
    assert "+2.00 (3.33 %)" in told  # December has a day more than November
    assert "+0.00 (0.00 %)" in told  # and costs the same a day
    assert "[bold]X" in told
    assert "Credited by AWS" in told


def test_json_is_what_the_api_says() -> None:
    told = json.loads(run("--by", "product", "--by", "service", "--months", "1", "--json").stdout)
    assert told["by"] == ["product", "service"]
    assert told["items"][0]["net"][0]["amount"] == "79.0000000000"


def test_csv_is_what_the_api_says() -> None:
    lines = run("--months", "1", "--where", "service=AmazonEC2", "--csv").stdout.splitlines()
    assert lines[0].startswith("service,service_name,billing_currency,part,span")
    assert lines[1].startswith("AmazonEC2,AmazonEC2,USD,Spend,2026-02")


def test_a_page_is_written(tmp_path: Path) -> None:
    page = tmp_path / "history.html"
    run("--step", "quarter", "--html", str(page))
    assert "FY2026 Q1" in page.read_text()


def test_a_page_is_no_table() -> None:
    told = CliRunner().invoke(cli.app, ["report", "history", "--html", "x.html", "--csv"])
    assert told.exit_code != 0
    assert "--html writes a page" in str(told.exception)
