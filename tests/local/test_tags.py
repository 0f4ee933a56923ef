"""`finops tags` and `finops report tags`: what people read of tags, asked of the door."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from finops.domain.errors import InvalidError
from finops.domain.people import Person, Role
from finops.domain.tag_settings import TagSettings
from finops.local import cli, screen
from finops.local.commands import tags as commands
from finops.usecases.organisation_settings import in_force, set_tags
from tests.functions.conftest import loaded, organisation, staff
from tests.local.test_savings import AtTheDoor
from tests.usecases.organisation import Organisation, act

__all__ = ["loaded", "organisation", "staff"]
ACCOUNT = "444455556666"


@pytest.fixture
def shell(
    monkeypatch: pytest.MonkeyPatch, organisation: Organisation, staff: dict[Role, Person]
) -> CliRunner:
    """The command line of a financial admin; two keys are required."""
    admin = staff[Role.FINANCIAL_ADMIN]
    kept = organisation.settings_kept
    required = TagSettings(required_keys=("user:Team", "user:Stage"))
    set_tags(required, in_force(kept).version, by=admin, settings=kept, act=act())
    monkeypatch.setattr(commands, "api_of", lambda *_, **__: AtTheDoor(admin))
    monkeypatch.setattr(screen.console, "width", 200)
    return CliRunner()


def run(shell: CliRunner, *words: str) -> Result:
    found = shell.invoke(cli.app, words)
    assert found.exit_code == 0, found.output
    return found


def told(shell: CliRunner, *words: str) -> Any:
    return json.loads(run(shell, *words, "--json").stdout)


def test_coverage_is_a_table_or_json_or_csv(shell: CliRunner) -> None:
    [euros, dollars] = told(shell, "tags", "coverage")["items"]

    assert (dollars["currency"], dollars["resources"]) == ("USD", 1)
    assert (euros["currency"], euros["resources"], euros["untaggable_cost"]) == (
        "EUR",
        0,
        "10.0000000000",
    )
    assert "Required: user:Team, user:Stage" in run(shell, "tags", "coverage").output
    header, *rows = run(shell, "tags", "coverage", "--csv").stdout.splitlines()
    assert header.startswith("of,currency,key,resources,tagged")
    assert len(rows) == 2 * 3  # two currencies, two keys and all of them


def test_all_pages_are_told_as_one(shell: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = told(shell, "tags", "coverage")
    rows = run(shell, "tags", "coverage", "--csv").stdout
    monkeypatch.setattr(commands, "PAGE", 1)

    assert told(shell, "tags", "coverage") == whole
    assert run(shell, "tags", "coverage", "--csv").stdout == rows


@pytest.mark.parametrize(
    "words",
    [
        ("coverage", "--by", "owner"),
        ("missing",),
        ("untagged", "--top", "3"),
        ("keys",),
        ("values", "user:Team"),
        ("scan",),
    ],
)
def test_every_table_is_shown_and_is_json(shell: CliRunner, words: tuple[str, ...]) -> None:
    assert run(shell, "tags", *words).output
    assert told(shell, "tags", *words)


def test_what_lacks_a_key_is_told_with_what_it_costs(shell: CliRunner) -> None:
    output = run(shell, "tags", "untagged").output

    assert "i-1" in output
    assert "user:Team, user:Stage" in output


def test_a_scan_is_asked_for(shell: CliRunner) -> None:
    assert "Asked for" in run(shell, "tags", "scan", "--now").output


def test_the_report_is_a_page_where_a_file_is_named(shell: CliRunner, tmp_path: Path) -> None:
    page = tmp_path / "tags.html"

    assert "Written" in run(shell, "report", "tags", "--html", str(page)).output
    assert "Tags of 2026-09" in page.read_text()
    assert "Tags of 2026-09" in run(shell, "report", "tags").output
    assert set(told(shell, "report", "tags")) == {"coverage", "untagged", "keys"}


# Scripts ------------------------------------------------------------------------------------------

SAID: dict[str, Any] = {
    "lacking": 2,
    "key": "user:Team",
    "items": [
        {
            "account_id": ACCOUNT,
            "region": "eu-west-1",
            "resources": ["arn"],
            "command": "aws resourcegroupstaggingapi tag-resources",
        }
    ],
    "not_possible": [{"resource_id": "x\nreboot\u2028halt", "why": "its id\nis no ARN"}],
}


def test_a_script_runs_its_commands_and_nothing_else() -> None:
    lines = commands.script(SAID).splitlines()

    assert [line for line in lines if not line.startswith("#")] == [
        "aws resourcegroupstaggingapi tag-resources"
    ]
    assert shlex.split(commands.script(SAID), comments=True)[0] == "aws"


def test_a_command_of_two_lines_is_in_no_script() -> None:
    evil = {**SAID["items"][0], "command": "true\nreboot"}

    with pytest.raises(InvalidError, match="two lines"):
        commands.script({**SAID, "items": [evil]})


def test_commands_are_a_script(shell: CliRunner) -> None:
    output = run(shell, "tags", "commands", "user:Team").stdout

    assert output.startswith("# 1 resources lack 'user:Team'\n")
