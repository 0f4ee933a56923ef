"""Reducing the lines of a month: the product beside DuckDB, Polars and mere decoding."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.measuring import Measured, in_turn, once, table
from benchmarks.peers import COLUMNS, KEYS, SUMS

Batches = list[tuple[list[str], str]]


def files_of(folder: Path) -> list[Path]:
    """The data files of the one delivery below *folder*."""
    found = sorted(folder.rglob("*.parquet"))
    if not found:
        raise SystemExit(f"{folder} holds no Parquet files")
    return found


def lines_in(files: Sequence[Path]) -> int:
    listed = ", ".join(f"'{file}'" for file in files)
    row = duckdb.execute(f"SELECT count(*) FROM read_parquet([{listed}])").fetchone()
    return int(row[0]) if row else 0


def by_file(files: Sequence[Path], out: Path, who: str) -> Batches:
    """Each file to a partial of its own: what a worker of the product is given, and makes."""
    folder = out / who
    folder.mkdir(parents=True, exist_ok=True)
    return [([str(file)], str(folder / f"{n:04}.parquet")) for n, file in enumerate(files)]


def at_once(files: Sequence[Path], out: Path, who: str) -> Batches:
    """All files to one result: what somebody with one machine would do."""
    folder = out / who
    folder.mkdir(parents=True, exist_ok=True)
    return [([str(file) for file in files], str(folder / "all.parquet"))]


def compare(files: Sequence[Path], out: Path, *, rounds: int) -> str:
    """A table of the same partials made by each, with one thread and with two."""
    rows: list[list[object]] = []
    for threads in (1, 2):
        contenders: dict[str, dict[str, Any]] = {
            who: {"contender": name, "batches": by_file(files, out, who), "threads": threads}
            for who, name in (
                ("FinOps Center", "reduce_finops"),
                ("DuckDB", "reduce_duckdb"),
                ("Polars", "reduce_polars"),
                ("decoding alone", "decode"),
            )
        }
        if threads == 1:
            for arguments in contenders.values():
                once(**arguments)  # so that all read from memory
            same(out / "FinOps Center", out / "DuckDB", KEYS)
            same(out / "FinOps Center", out / "Polars", [key for key in KEYS if key != "tags"])
        measured = in_turn(contenders, rounds)
        rows += [[threads, *row] for row in _against(measured, "DuckDB", "decoding alone")]
    whole = {
        who: {"contender": name, "batches": at_once(files, out, f"{who} whole"), "threads": 2}
        for who, name in (("DuckDB", "reduce_duckdb"), ("Polars", "reduce_polars"))
    }
    for who, run in in_turn(whole, max(1, rounds // 2)).items():
        rows.append([2, f"{who}, all files in one query", run.wall, run.cpu, round(run.peak_mb)])
        rows[-1] += ["", "", ""]
    titles = ["threads", "", "wall s", "CPU s", "peak MB", "wall ÷ DuckDB", "CPU ÷ DuckDB"]
    return table([*titles, "wall ÷ decoding"], rows)


def _against(measured: dict[str, Measured], peer: str, floor: str) -> Iterator[list[object]]:
    for who, run in measured.items():
        yield [
            who,
            run.wall,
            run.cpu,
            round(run.peak_mb),
            run.wall / measured[peer].wall,
            run.cpu / measured[peer].cpu,
            run.wall / measured[floor].wall,
        ]


def same(one: Path, other: Path, keys: Sequence[str]) -> None:
    """Fails where two folders of partials do not hold the same sums by *keys*, to the last tick."""
    sums = ", ".join(f"sum({name})::HUGEINT AS {name}" for name in SUMS)
    queries = [
        f"SELECT {', '.join(keys)}, {sums} FROM read_parquet('{folder}/*.parquet') GROUP BY ALL"
        for folder in (one, other)
    ]
    for a, b in (queries, reversed(queries)):
        row = duckdb.execute(f"SELECT count(*) FROM ({a} EXCEPT {b})").fetchone()
        assert row == (0,), f"{one} and {other} differ in {row} charges"


def linearity(files: Sequence[Path], out: Path, *, rounds: int) -> str:
    """Time by number of lines: the first file, the first two, the first four, …"""
    rows: list[list[object]] = []
    sizes = [n for n in (1, 2, 4, 8, 16, len(files)) if n <= len(files)]
    runs = in_turn(
        {
            str(n): {"contender": "reduce_finops", "batches": by_file(files[:n], out, "linear")}
            for n in dict.fromkeys(sizes)
        },
        rounds,
    )
    for n, run in runs.items():
        lines = lines_in(files[: int(n)])
        million = lines / 1e6
        rows.append([f"{lines:,}", run.wall / million, run.cpu / million, round(run.peak_mb)])
    return table(["lines", "wall s for 1 M", "CPU s for 1 M", "peak MB"], rows)


def flatness(file: Path, out: Path, *, rounds: int) -> str:
    """Time by number of columns that nobody asked for."""
    out.mkdir(parents=True, exist_ok=True)
    needed = ", ".join(dict.fromkeys(COLUMNS))
    more = ", ".join(f"md5(line_item_resource_id || '{n}') AS extra_{n}" for n in range(60))
    variants = {
        "only the needed": f"SELECT {needed} FROM '{file}'",
        "as AWS delivers": f"SELECT * EXCLUDE (BILLING_PERIOD) FROM '{file}'",
        "and 60 long texts": f"SELECT * EXCLUDE (BILLING_PERIOD), {more} FROM '{file}'",
    }
    runs: dict[str, dict[str, Any]] = {}
    sizes: dict[str, list[object]] = {}
    for name, query in variants.items():
        path = out / f"{name.replace(' ', '-')}.parquet"
        duckdb.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION snappy)")
        columns = len(duckdb.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall())
        sizes[name] = [columns, round(path.stat().st_size / 1e6)]
        runs[name] = {"contender": "reduce_finops", "batches": by_file([path], out, name)}
    rows: list[list[object]] = [
        [name, *sizes[name], run.wall, run.cpu, round(run.peak_mb)]
        for name, run in in_turn(runs, rounds).items()
    ]
    return table(["columns", "", "file MB", "wall s", "CPU s", "peak MB"], rows)
