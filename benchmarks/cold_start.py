"""Cold starts: what a function imports before it can answer, and what its layers weigh."""

import os
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import ROOT, table

API = "import functions.bills_api.handler"
REDUCER = "import functions.reduce_bill.handler"
CLIENTS = "from finops.runtime import wiring; "
STARTS = {
    "API function": API,
    "API function, and its table's client": f"{API}; {CLIENTS}wiring.client('dynamodb')",
    "API function, client and engine": f"{API}; {CLIENTS}wiring.client('dynamodb'); "
    "import duckdb; duckdb.connect()",
    "reducer": REDUCER,
    "reducer, its clients and engine": f"{REDUCER}; {CLIENTS}wiring.client('s3'); "
    "wiring.client('dynamodb'); import duckdb; duckdb.connect()",
}
BUDGETS_MS = {"API function": 450, "reducer": 600}
HEAVIEST = 6


def starts(*, rounds: int) -> str:
    """Milliseconds from the start of the interpreter's work on the imports to their end."""
    rows: list[list[object]] = []
    for name, code in STARTS.items():
        _timed(code)  # so that compiled files are there
        took = [_timed(code) for _ in range(rounds)]
        rows.append([name, round(statistics.median(took)), BUDGETS_MS.get(name, "")])
    return table(["", "ms", "goal"], rows)


def heaviest(code: str) -> str:
    """The packages that the imports of *code* spend most on, by `python -X importtime`."""
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code],
        env=_environment(),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        check=True,
        text=True,
    ).stderr
    spent: dict[str, int] = {}
    for line in told.splitlines():
        own, _, name = line.removeprefix("import time:").split("|")
        if own.strip().isdigit():
            package = name.strip().split(".")[0]
            spent[package] = spent.get(package, 0) + int(own)
    most = sorted(spent.items(), key=lambda item: -item[1])[:HEAVIEST]
    return table(["package", "own ms"], [[name, round(us / 1000)] for name, us in most])


def layers() -> str:
    """What the layers hold unzipped, for the Lambda's machine; built as `cdk deploy` does."""
    from finops.local import node

    os.environ["PATH"] = node.path()  # CDK starts the `node` it finds there
    from infra.layers import built

    rows: list[list[object]] = []
    for name, budget in (("core", 15), ("analytics", 160)):
        folder = built(ROOT / "layers" / name / "requirements.txt")
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        rows.append([name, round(size / 1e6, 1), budget])
    own = [
        path
        for path in (ROOT / "finops").rglob("*.py")
        if "local" not in path.relative_to(ROOT / "finops").parts
    ]
    rows.append(["finops", round(sum(path.stat().st_size for path in own) / 1e6, 1), ""])
    return table(["layer", "MB", "goal"], rows)


def _timed(code: str) -> float:
    clocked = (
        "import time; began = time.perf_counter(); "
        f"{code}; print((time.perf_counter() - began) * 1000)"
    )
    told = subprocess.run(
        [sys.executable, "-c", clocked],
        env=_environment(),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout
    return float(told.splitlines()[-1])


def _environment() -> dict[str, str]:
    """What Lambda tells a function, as far as an import or a client needs it."""
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "111122223333",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "POWERTOOLS_SERVICE_NAME": "benchmark",
        "POWERTOOLS_METRICS_NAMESPACE": "FinOpsCenter",
        "AWS_CONFIG_FILE": os.devnull,
        "HOME": str(Path.home()),
    }
