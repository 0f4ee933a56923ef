"""What CDK wrote is read as it is meant; CDK is asked only when something changed."""

import json
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from finops.local.assembly import Assembly, SynthesisError, sources_digest, synthesize

HERE = "aws://111122223333/us-east-1"
# Stands in for the CDK app: says how often it was asked, and what it was told.
APP = """
import json, os, pathlib
folder = pathlib.Path(os.environ["CDK_OUTDIR"])
asked = folder / "asked"
asked.write_text(str(int(asked.read_text()) + 1 if asked.exists() else 1))
(folder / "manifest.json").write_text('{"artifacts": {}}')
(folder / "context.json").write_text(os.environ["CDK_CONTEXT_JSON"])
"""


def write_assembly(folder: Path, stacks: dict[str, dict[str, Any]]) -> Path:
    """An assembly of *stacks*: id -> environment, after, template."""
    artifacts: dict[str, Any] = {}
    for name, stack in stacks.items():
        template = folder / f"{name}.template.json"
        template.write_text(json.dumps(stack.get("template", {"Resources": {}})))
        files = {
            "template": {
                "source": {"path": template.name, "packaging": "file"},
                "destinations": {
                    "here": {
                        "bucketName": "assets-${AWS::AccountId}-${AWS::Region}",
                        "objectKey": f"{sha256(template.read_bytes()).hexdigest()}.json",
                    }
                },
            }
        }
        (folder / f"{name}.assets.json").write_text(json.dumps({"files": files}))
        artifacts[f"{name}.assets"] = {
            "type": "cdk:asset-manifest",
            "properties": {"file": f"{name}.assets.json"},
        }
        artifacts[name] = {
            "type": "aws:cloudformation:stack",
            "environment": stack.get("environment", HERE),
            "properties": {"templateFile": template.name, "stackName": name},
            "dependencies": [f"{name}.assets", *stack.get("after", ())],
        }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return folder


def test_stacks_come_after_what_they_depend_on(tmp_path: Path) -> None:
    write_assembly(tmp_path, {"A": {"after": ["C"]}, "B": {"after": ["A", "C"]}, "C": {}})

    assert [stack.name for stack in Assembly.read(tmp_path).stacks] == ["C", "A", "B"]


def test_a_stack_for_another_account_is_left_out(tmp_path: Path) -> None:
    elsewhere = "aws://unknown-account/unknown-region"
    write_assembly(tmp_path, {"Data": {}, "Management": {"environment": elsewhere}})

    assert [stack.name for stack in Assembly.read(tmp_path).stacks] == ["Data"]


def test_an_asset_goes_where_its_manifest_says(tmp_path: Path) -> None:
    write_assembly(tmp_path, {"Data": {}})

    (asset,) = Assembly.read(tmp_path).stacks[0].assets

    assert asset.bucket == "assets-111122223333-us-east-1"
    assert asset.key == f"{sha256(asset.source.read_bytes()).hexdigest()}.json"
    assert asset.body(tmp_path) == tmp_path / "Data.template.json"


def test_a_folder_is_packed_with_all_that_is_in_it(tmp_path: Path) -> None:
    write_assembly(tmp_path, {"Data": {}})
    (tmp_path / "asset" / "inner").mkdir(parents=True)
    (tmp_path / "asset" / "handler.py").write_text("a = 1\n")
    (tmp_path / "asset" / "inner" / "b.py").write_text("b = 2\n")
    manifest = json.loads((tmp_path / "Data.assets.json").read_text())
    manifest["files"]["code"] = {
        "source": {"path": "asset", "packaging": "zip"},
        "destinations": {"here": {"bucketName": "assets", "objectKey": "code.zip"}},
    }
    (tmp_path / "Data.assets.json").write_text(json.dumps(manifest))

    assets = Assembly.read(tmp_path).stacks[0].assets
    (packed,) = [each.body(tmp_path) for each in assets if each.packaging == "zip"]

    with zipfile.ZipFile(packed) as archive:
        assert archive.namelist() == ["handler.py", "inner/b.py"]
        assert archive.read("inner/b.py") == b"b = 2\n"


def test_the_digest_tells_a_changed_template(tmp_path: Path) -> None:
    write_assembly(tmp_path, {"Data": {}})
    before = Assembly.read(tmp_path).digest
    assert Assembly.read(tmp_path).digest == before

    write_assembly(tmp_path, {"Data": {"template": {"Resources": {"A": {}}}}})

    assert Assembly.read(tmp_path).digest != before


def test_the_app_is_asked_again_only_when_what_it_reads_has_changed(tmp_path: Path) -> None:
    root, folder = tmp_path / "root", tmp_path / "out"
    (root / "finops" / "local").mkdir(parents=True)
    (root / "app.py").write_text(APP)
    (root / "cdk.json").write_text("{}")

    def asked() -> str:
        synthesize(folder, root=root)
        return (folder / "asked").read_text()

    assert [asked(), asked()] == ["1", "1"]
    (root / "finops" / "local" / "screen.py").write_text("ships to nobody's Lambda\n")
    assert asked() == "1"
    (root / "finops" / "money.py").write_text("ships\n")
    assert [asked(), asked()] == ["2", "2"]
    told = json.loads((folder / "context.json").read_text())
    assert told == {"local": "true", "clock": str(tmp_path / "clock")}


def test_compiled_code_is_no_change(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "cdk.json").write_text("{}")
    before = sources_digest(tmp_path)

    (tmp_path / "infra" / "__pycache__").mkdir(parents=True)
    (tmp_path / "infra" / "__pycache__" / "tables.cpython-311.pyc").write_bytes(b"\0")

    assert sources_digest(tmp_path) == before


def test_an_app_that_fails_says_why_and_is_asked_again(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "cdk.json").write_text("{}")
    (root / "app.py").write_text('raise SystemExit("no such table")')

    for _ in range(2):
        with pytest.raises(SynthesisError, match="no such table"):
            synthesize(tmp_path / "out", root=root)


def test_outside_a_clone_there_is_nothing_to_deploy(tmp_path: Path) -> None:
    with pytest.raises(SynthesisError, match="clone"):
        synthesize(tmp_path / "out", root=tmp_path)
