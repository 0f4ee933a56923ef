"""Merging partial charges into a ledger: the product beside DuckDB."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from benchmarks.measuring import in_turn, once, table

PARTIALS = 100


def partials(files: Sequence[Path], out: Path) -> list[str]:
    """As many partial results as a month of a large organisation has, made by the product."""
    folder = out / "partials"
    folder.mkdir(parents=True, exist_ok=True)
    once("cut_finops", files=[str(file) for file in files], pieces=PARTIALS, folder=str(folder))
    return sorted(str(path) for path in folder.glob("*.parquet"))


def compare(files: Sequence[Path], out: Path, *, rounds: int) -> str:
    made = partials(files, out)
    listed = ", ".join(f"'{partial}'" for partial in made)
    before = duckdb.execute(f"SELECT count(*) FROM read_parquet([{listed}])").fetchone()
    rows: list[list[object]] = []
    for threads in (1, 2):
        alike = {"partials": made, "threads": threads}
        runs = in_turn(
            {
                who: {"target": str(out / f"merged by {who}"), **alike, **arguments}
                for who, arguments in (
                    ("FinOps Center", {"contender": "merge_finops"}),
                    ("DuckDB, the same files", {"contender": "merge_duckdb", "same": True}),
                    (
                        "DuckDB, the same files, 600 MB",
                        {"contender": "merge_duckdb", "same": True, "memory_mb": 600},
                    ),
                    ("DuckDB, sums only", {"contender": "merge_duckdb", "same": False}),
                )
            },
            rounds,
        )
        peer = runs["DuckDB, the same files"]
        for who, run in runs.items():
            ratio = run.wall / peer.wall
            rows.append([threads, who, run.wall, run.cpu, round(run.peak_mb), ratio])
    after = duckdb.execute(
        f"SELECT count(*) FROM read_parquet('{out}/merged by DuckDB, sums only/charges.parquet')"
    ).fetchone()
    told = (
        f"{len(made)} partials, {before and before[0]:,} rows, become {after and after[0]:,}.\n\n"
    )
    return told + table(["threads", "", "wall s", "CPU s", "peak MB", "wall ÷ DuckDB"], rows)
