"""The layers: from one resolution with everything else, hashed, and of our own code what ships."""

import re
from pathlib import Path

import pytest

from infra import layers
from tests.infra.synthesis import Synthesized

ROOT = Path(__file__).parent.parent.parent
PIN = re.compile(r"^([a-z0-9_.-]+)==(\S+)", re.MULTILINE)
NAMES = ("core", "analytics", "pictures")


def _pins(path: Path) -> dict[str, str]:
    return dict(PIN.findall(path.read_text()))


@pytest.mark.parametrize("name", NAMES)
def test_a_layer_holds_the_versions_that_the_tests_run_with(name: str) -> None:
    pinned = _pins(ROOT / "layers" / name / "requirements.txt")

    assert pinned
    assert pinned.items() <= _pins(ROOT / "requirements.lock").items()


@pytest.mark.parametrize("name", NAMES)
def test_every_wheel_is_hashed_and_no_host_is_named(name: str) -> None:
    text = (ROOT / "layers" / name / "requirements.txt").read_text()

    for pin in re.split(r"\n(?=[a-z])", text)[1:]:
        assert "--hash=sha256:" in pin
    assert "://" not in text


def test_what_the_doors_import_is_under_them() -> None:
    assert {"aws-lambda-powertools", "pydantic"} <= set(
        _pins(ROOT / "layers" / "core" / "requirements.txt")
    )
    assert set(_pins(ROOT / "layers" / "analytics" / "requirements.txt")) == {"duckdb"}


def test_the_product_on_one_machine_ships_to_nobody(tmp_path: Path) -> None:
    layers.copy_own_code(tmp_path)

    shipped = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.py")}
    assert "python/finops/domain/money.py" in shipped
    assert not any("finops/local" in name for name in shipped)
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_changed_line_of_ours_is_a_new_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("finops", "finops/local"):
        (tmp_path / name).mkdir()
    (tmp_path / "finops/one.py").write_text("1")
    (tmp_path / "finops/local/cli.py").write_text("1")
    monkeypatch.setattr(layers, "ROOT", tmp_path)
    before = layers.own_digest()

    (tmp_path / "finops/local/cli.py").write_text("2")
    assert layers.own_digest() == before
    (tmp_path / "finops/one.py").write_text("2")
    assert layers.own_digest() != before


def test_what_no_lambda_opens_is_trimmed(tmp_path: Path) -> None:
    for name in ("pydantic/main.py", "pydantic/main.pyi", "duckdb/tests/test.py", "bin/duckdb"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")

    layers.trim(tmp_path)

    left = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")]
    assert left == ["pydantic/main.py"]
    assert not (tmp_path / "bin").exists()


def test_layers_are_for_arm_and_python_3_13(plain: Synthesized) -> None:
    made = plain.resources("AWS::Lambda::LayerVersion").values()

    with_doors, that_draw = 9, 3  # stacks; in all with doors some open the ledger
    assert len(made) == 3 * with_doors + that_draw
    for layer in made:
        assert layer["Properties"]["CompatibleArchitectures"] == ["arm64"]
        assert layer["Properties"]["CompatibleRuntimes"] == ["python3.13"]


def test_on_one_machine_there_are_no_third_party_layers(local: Synthesized) -> None:
    assert len(local.resources("AWS::Lambda::LayerVersion")) == 9  # our own, in each with doors


@pytest.mark.parametrize("name, most", [("core", 15e6), ("analytics", 160e6), ("pictures", 15e6)])
def test_a_layer_that_was_built_keeps_its_size(name: str, most: float) -> None:
    requirements = ROOT / "layers" / name / "requirements.txt"
    folder = layers.CACHE / layers.wheels_digest(requirements)
    if not folder.exists():
        pytest.skip("not built here: `make synth` builds it")

    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= most
