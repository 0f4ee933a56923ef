"""The command `finops`: what it answers where nothing runs, and how it fails."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from finops.local import cli, machine
from finops.local.local_aws import LocalAwsError


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINOPS_LOCAL_DIR", str(tmp_path))


def test_where_nothing_runs_the_status_says_so() -> None:
    result = CliRunner().invoke(cli.app, ["local", "status", "--json"])

    said = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (said["running"], said["deployed"], said["api"]) == (False, False, None)


def test_stopping_what_does_not_run_is_no_error() -> None:
    result = CliRunner().invoke(cli.app, ["local", "down", "--json"])

    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"stopped": False}


def test_forgetting_nothing_is_no_error() -> None:
    result = CliRunner().invoke(cli.app, ["local", "reset", "--json"])

    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"reset": True}


def test_what_went_wrong_is_one_message_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(tell: object) -> None:
        raise LocalAwsError("no port is free on [127.0.0.1]")

    monkeypatch.setattr(machine, "up", refuse)
    monkeypatch.setattr(sys, "argv", ["finops", "local", "up", "--json"])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    said = capsys.readouterr()
    assert ended.value.code == 1
    assert said.out == ""
    assert "no port is free on [127.0.0.1]" in said.err


def test_a_file_that_is_not_there_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read(tell: object) -> None:
        (tmp_path / "shares.csv").read_text()

    monkeypatch.setattr(machine, "up", read)
    monkeypatch.setattr(sys, "argv", ["finops", "local", "up"])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == 1
    assert "No such file" in capsys.readouterr().err
