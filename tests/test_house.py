"""The house is in order: what is pinned, and where."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements.lock"
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def pins(lock: Path) -> dict[str, set[str]]:
    """Name -> versions; one may have several, each for another Python."""
    found: dict[str, set[str]] = {}
    for name, version in PIN.findall(lock.read_text()):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    texts = [*project["dependencies"], *(text for extra in extras for text in extra)]
    requirements = [Requirement(text) for text in texts]
    return [each for each in requirements if each.name != project["name"]]


@pytest.mark.parametrize("requirement", declared(), ids=lambda requirement: requirement.name)
def test_what_is_declared_is_locked(requirement: Requirement) -> None:
    versions = pins(LOCK)[canonicalize_name(requirement.name)]

    assert all(requirement.specifier.contains(version) for version in versions), "make lock"


def test_every_pin_has_its_hashes_and_no_host_is_named() -> None:
    text = LOCK.read_text()
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]

    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text


@pytest.mark.parametrize(
    "layer",
    sorted(ROOT.glob("layers/*/requirements.txt")),
    ids=lambda layer: layer.parent.name,
)
def test_a_layer_ships_what_was_tested(layer: Path) -> None:
    tested = pins(LOCK)

    assert {
        name: versions for name, versions in pins(layer).items() if versions - tested[name]
    } == {}
