"""The cloud assembly: what CDK synthesizes, the very templates that `cdk deploy` deploys."""

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from finops.domain.errors import FinOpsError
from finops.local import clock, node
from finops.local.local_aws import ACCOUNT_ID, REGION, ROOT

# What a synthesis reads, from the top of the repository. `finops/local` ships to nobody's Lambda.
SOURCES = ("app.py", "cdk.json", "finops", "functions", "infra", "layers", "statemachines")
NOT_READ = ("finops/local",)
SECONDS = 600


class SynthesisError(FinOpsError):
    """The CDK app could not be synthesized; holds what it said."""


@dataclass(frozen=True)
class Asset:
    """A file or folder that a stack needs, and its place in the bootstrap bucket."""

    source: Path
    packaging: str
    bucket: str
    key: str

    def body(self, work: Path) -> Path:
        """The file to upload; a folder is zipped into *work*, stored: nobody pays for its bytes."""
        if self.packaging == "file":
            return self.source
        packed = work / Path(self.key).name
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
            for path in sorted(self.source.rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(self.source).as_posix())
        return packed


@dataclass(frozen=True)
class Stack:
    """One template and what must be there before it."""

    id: str
    name: str
    template: Path
    template_key: str
    parameters: dict[str, str]
    tags: dict[str, str]
    assets: tuple[Asset, ...]
    after: frozenset[str]


@dataclass(frozen=True)
class Assembly:
    """The stacks for one account and region, each after those it depends on."""

    stacks: tuple[Stack, ...]

    @classmethod
    def read(cls, folder: Path, *, account: str = ACCOUNT_ID, region: str = REGION) -> Self:
        """What `manifest.json` in *folder* says; stacks for other places are left out."""
        artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
        stacks = {
            id_: _stack(folder, id_, artifact, artifacts, account, region)
            for id_, artifact in artifacts.items()
            if artifact["type"] == "aws:cloudformation:stack"
            and artifact["environment"] == f"aws://{account}/{region}"
        }
        return cls(tuple(_in_order(stacks)))

    @property
    def digest(self) -> str:
        """What is deployed: a template names each of its assets by a digest of its content."""
        digest = hashlib.sha256()
        for stack in self.stacks:
            digest.update(f"{stack.name}|{stack.parameters}|{stack.tags}|".encode())
            digest.update(stack.template.read_bytes())
        return digest.hexdigest()


def synthesize(folder: Path, *, root: Path = ROOT) -> Assembly:
    """The assembly of the app at *root*, with its context `local`, in *folder*.

    Nothing is done where *folder* holds it already. Raises SynthesisError.
    """
    if not (root / "app.py").exists():
        raise SynthesisError(f"{root} holds no app.py: run it from a clone of the repository")
    made_from = folder / "made-from"
    sources = sources_digest(root)
    if not (made_from.exists() and made_from.read_text() == sources):
        folder.mkdir(parents=True, exist_ok=True)
        made_from.unlink(missing_ok=True)
        _run_app(folder, root)
        made_from.write_text(sources)
    return Assembly.read(folder)


def sources_digest(root: Path = ROOT) -> str:
    """Of everything that a synthesis reads."""
    digest = hashlib.sha256()
    for path in _sources(root):
        digest.update(f"{path.relative_to(root).as_posix()}|".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _sources(root: Path) -> Iterator[Path]:
    for name in SOURCES:
        place = root / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            skipped = "__pycache__" in path.parts or path.suffix == ".pyc"
            inside = path.relative_to(root).as_posix()
            if path.is_file() and not skipped and not inside.startswith(NOT_READ):
                yield path


def _run_app(folder: Path, root: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "PATH": node.path(),
        "CDK_OUTDIR": str(folder),
        "CDK_CONTEXT_JSON": json.dumps({"local": "true", "clock": str(clock.file(folder.parent))}),
        "CDK_DEFAULT_ACCOUNT": ACCOUNT_ID,
        "CDK_DEFAULT_REGION": REGION,
    }
    run = subprocess.run(
        [sys.executable, "app.py"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if run.returncode != 0:
        raise SynthesisError(f"the CDK app failed:\n{run.stdout[-2000:]}{run.stderr[-4000:]}")


def _stack(
    folder: Path,
    id_: str,
    artifact: dict[str, Any],
    artifacts: dict[str, dict[str, Any]],
    account: str,
    region: str,
) -> Stack:
    properties = artifact["properties"]
    dependencies = set(artifact.get("dependencies", ()))
    assets = [
        asset
        for dependency in sorted(dependencies)
        if artifacts[dependency]["type"] == "cdk:asset-manifest"
        for asset in _assets(folder / artifacts[dependency]["properties"]["file"], account, region)
    ]
    template = folder / properties["templateFile"]
    return Stack(
        id=id_,
        name=properties.get("stackName", id_),
        template=template,
        template_key=next((a.key for a in assets if a.source == template), template.name),
        parameters=properties.get("parameters", {}),
        tags=properties.get("tags", {}),
        assets=tuple(assets),
        after=frozenset(dependencies),
    )


def _assets(manifest: Path, account: str, region: str) -> Iterator[Asset]:
    def filled(text: str) -> str:
        for name, value in ("AccountId", account), ("Region", region), ("Partition", "aws"):
            text = text.replace(f"${{AWS::{name}}}", value)
        return text

    for file in json.loads(manifest.read_text()).get("files", {}).values():
        source = file["source"]
        for destination in file["destinations"].values():
            yield Asset(
                source=manifest.parent / source["path"],
                packaging=source["packaging"],
                bucket=filled(destination["bucketName"]),
                key=filled(destination["objectKey"]),
            )


def _in_order(stacks: dict[str, Stack]) -> Iterator[Stack]:
    """Each after what it depends on, else by name. CDK refuses to synthesize a circle."""
    done: set[str] = set()
    while len(done) < len(stacks):
        for id_, stack in sorted(stacks.items()):
            if id_ not in done and stack.after & stacks.keys() <= done:
                done.add(id_)
                yield stack
