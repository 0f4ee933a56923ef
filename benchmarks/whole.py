"""The whole way of a bill: `finops load` on this machine, from files to published totals."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.measuring import ROOT, table


def load(out: Path, *, lines: int, rounds: int) -> str:
    """Seconds that `finops load` takes, on a local AWS of its own that is running already."""
    environment = os.environ | {"FINOPS_LOCAL_DIR": str(out / "local")}
    rows: list[list[object]] = []
    finops(environment, "local", "up")
    try:
        for number in range(rounds):
            sample = out / f"load-{number}"
            # Another rewrite each time, or the product would say that it knows this delivery.
            told = finops(
                *(environment, "sample", "--out", str(sample), "--month", "2026-09"),
                *("--lines", str(lines), "--restate", str(number), "--json"),
            )
            began = time.perf_counter()
            loaded = finops(environment, "load", str(sample), "--json")
            took = time.perf_counter() - began
            bill = loaded[0] if isinstance(loaded, list) else loaded
            agrees = bill["unblended_cost"] == told["unblended_cost"]
            rows.append([f"{told['lines']:,}", took, bill["status"], "yes" if agrees else "NO"])
    finally:
        finops(environment, "local", "down")
    return table(["lines", "wall s", "status", "agrees to 1e-10"], rows)


def finops(environment: dict[str, str], *words: str) -> Any:
    """Runs the command; its answer, where it gives one in JSON."""
    finished = subprocess.run(
        [sys.executable, "-m", "finops.local.cli", *words],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(finished.stdout) if "--json" in words else None
