"""Measuring: every run in a process of its own, contenders in turn, medians told."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent


class Measured(NamedTuple):
    """Seconds on the clock and on all processors, the most memory held, and what the run told."""

    wall: float
    cpu: float
    peak_mb: float
    told: Any = None


def once(contender: str, threads: int = 2, **arguments: Any) -> Measured:
    """One run of *contender* (see `benchmarks.contenders`) in a process of its own."""
    environment = os.environ | {
        "POLARS_MAX_THREADS": str(threads),
        "OMP_NUM_THREADS": str(threads),
        "PYTHONPATH": str(ROOT),
    }
    told = json.dumps({"contender": contender, "threads": threads, **arguments}, default=str)
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.contenders", told],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return Measured(**json.loads(finished.stdout.splitlines()[-1]))


def in_turn(contenders: Mapping[str, Mapping[str, Any]], rounds: int) -> dict[str, Measured]:
    """The medians of *rounds* runs of each contender, which take turns."""
    runs: dict[str, list[Measured]] = {name: [] for name in contenders}
    for turn in range(rounds):
        names = list(contenders)
        for name in names if turn % 2 == 0 else reversed(names):
            runs[name].append(once(**contenders[name]))
    return {name: median(measured) for name, measured in runs.items()}


def median(runs: Sequence[Measured]) -> Measured:
    return Measured(
        wall=statistics.median(run.wall for run in runs),
        cpu=statistics.median(run.cpu for run in runs),
        peak_mb=max(run.peak_mb for run in runs),
        told=runs[0].told,
    )


def table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
