"""The layers: third-party wheels, and our own code, both put together without Docker."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsii
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_
from constructs import Construct
from uv import find_uv_bin

ROOT = Path(__file__).parent.parent
CACHE = Path(os.environ.get("LAYER_CACHE", ROOT / ".cache" / "layers"))
PYTHON, PLATFORM = "3.13", "aarch64-manylinux_2_28"
RECIPE = "1"  # raise it when trim() changes, so that finished layers are built again

# What a Lambda never opens: tests, headers, type stubs, scripts, the installers' notes.
NEEDLESS_FOLDERS = {"tests", "test", "include", "bin", "__pycache__"}
NEEDLESS_ENDINGS = {".pyi", ".pyx", ".pxd", ".h", ".c", ".cpp", ".md", ".pyc"}
# `finops.local` is the product on one machine; it ships to nobody's Lambda.
NOT_SHIPPED = {"local", "__pycache__"}


class Layers(Construct):
    """`finops` for every door, `core` under all doors, `analytics` for those that open the ledger,
    `pictures` for those that draw plots.

    A *local* deployment has only `finops`: its functions find the wheels where they run.
    Every stack makes its own, so that no stack waits for another one's layer to change.
    """

    def __init__(self, scope: Construct, id_: str, *, local: bool) -> None:
        super().__init__(scope, id_)
        finops = _layer(self, "Finops", ROOT / "finops", digest=own_digest(), fill=copy_own_code)
        third_party = [] if local else [self._wheels("core")]
        self.core = [finops, *third_party]
        self._local = local
        self._made: dict[str, list[lambda_.ILayerVersion]] = {}

    @property
    def analytics(self) -> list[lambda_.ILayerVersion]:
        """`core` and the engine."""
        return [*self.core, *self._asked_for("analytics")]

    @property
    def pictures(self) -> list[lambda_.ILayerVersion]:
        """`core` and what plots are drawn with."""
        return [*self.core, *self._asked_for("pictures")]

    @property
    def both(self) -> list[lambda_.ILayerVersion]:
        """`analytics` and `pictures`."""
        return [*self.analytics, *self._asked_for("pictures")]

    def _asked_for(self, name: str) -> list[lambda_.ILayerVersion]:
        """A layer that is made when it is first asked for."""
        if name not in self._made:
            self._made[name] = [] if self._local else [self._wheels(name)]
        return self._made[name]

    def _wheels(self, name: str) -> lambda_.LayerVersion:
        requirements = ROOT / "layers" / name / "requirements.txt"

        def fill(folder: Path) -> None:
            shutil.copytree(built(requirements), folder, dirs_exist_ok=True)

        digest = wheels_digest(requirements)
        return _layer(self, name.capitalize(), requirements.parent, digest=digest, fill=fill)


def wheels_digest(requirements: Path) -> str:
    """What a layer of third-party wheels depends on."""
    parts = [requirements.read_bytes(), PYTHON.encode(), PLATFORM.encode(), RECIPE.encode()]
    return hashlib.sha256(b"|".join(parts)).hexdigest()


def own_digest() -> str:
    """What the layer of our own code depends on: the names and texts of what it ships."""
    digest = hashlib.sha256()
    for path in _own_code():
        digest.update(f"{path.relative_to(ROOT).as_posix()}|".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def built(requirements: Path) -> Path:
    """The folder of a layer's wheels, for the Lambda's machine and Python whatever this one is."""
    done = CACHE / wheels_digest(requirements)
    if not done.exists():
        work = done.with_suffix(f".part{os.getpid()}")
        shutil.rmtree(work, ignore_errors=True)
        subprocess.run(
            [
                *(find_uv_bin(), "pip", "install", "--quiet"),
                *("--require-hashes", "--requirements", str(requirements)),
                *("--only-binary", ":all:", "--no-compile", "--link-mode", "copy"),
                *("--python-version", PYTHON, "--python-platform", PLATFORM),
                *("--target", str(work / "python")),
            ],
            check=True,
        )
        trim(work / "python")
        # Renamed at the end, so that a broken build never looks finished.
        work.rename(done)
    return done


def trim(folder: Path) -> None:
    """Removes from *folder* what no Lambda opens."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            if path.name in NEEDLESS_FOLDERS:
                shutil.rmtree(path)
        elif path.suffix in NEEDLESS_ENDINGS or re.fullmatch(r"\.lock|RECORD", path.name):
            path.unlink(missing_ok=True)


@jsii.implements(ILocalBundling)
class _Fill:
    """Tells CDK to fill an asset's folder by a function of ours."""

    def __init__(self, fill: Callable[[Path], None]) -> None:
        self._fill = fill

    def try_bundle(self, output_dir: str, options: object = None, **_: Any) -> bool:
        self._fill(Path(output_dir))
        return True  # False would fall back to Docker


def _layer(
    scope: Construct, id_: str, source: Path, *, digest: str, fill: Callable[[Path], None]
) -> lambda_.LayerVersion:
    return lambda_.LayerVersion(
        scope,
        id_,
        code=lambda_.Code.from_asset(
            str(source),
            asset_hash=digest,
            asset_hash_type=AssetHashType.CUSTOM,
            # An image must be named; the local bundler answers first, so it is never pulled.
            bundling=BundlingOptions(
                image=DockerImage.from_registry("never-pulled"), local=_Fill(fill)
            ),
        ),
        compatible_architectures=[lambda_.Architecture.ARM_64],
        compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
    )


def _own_code() -> list[Path]:
    code = (ROOT / "finops").rglob("*")
    return sorted(
        path
        for path in code
        if path.is_file() and not NOT_SHIPPED & set(path.relative_to(ROOT).parts)
    )


def copy_own_code(folder: Path) -> None:
    for path in _own_code():
        target = folder / "python" / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
