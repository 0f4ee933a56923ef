"""CDK gets a Node that is recent enough, whatever the machine has."""

from pathlib import Path

import pytest

from finops.local import node


def have(version: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose own node says *version*."""
    program = folder / "node"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize("version", ["v22.0.0", "v24.19.0"])
def test_a_recent_one_is_used(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    have(version, tmp_path, monkeypatch)

    assert node.path() == str(tmp_path)


@pytest.mark.parametrize("version", ["v20.20.2", "nonsense"])
def test_an_old_one_is_passed_over_for_the_wheel(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    have(version, tmp_path, monkeypatch)

    first, _, rest = node.path().partition(":")

    assert (Path(first) / "node").exists()
    assert rest == str(tmp_path)


def test_where_there_is_none_the_wheel_brings_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert (Path(node.folder()) / "node").exists()
