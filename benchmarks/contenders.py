"""Who takes part, each started in a process of its own: `python -m benchmarks.contenders '{…}'`.

Imports come before the clock starts; what a process held at most includes them.
"""

import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Work = Callable[[], Any]


def reduce_finops(batches: list[tuple[list[str], str]], threads: int, memory_mb: int = 600) -> Work:
    """The product's reducer: an item is a file, an engine of its own each time."""
    from finops.ledger import engine, reduction, sources

    def work() -> int:
        lines = 0
        with tempfile.TemporaryDirectory() as scratch:
            limits = engine.Limits(scratch=Path(scratch), memory_mb=memory_mb, threads=threads)
            for (file,), target in batches:
                with engine.connect(limits) as connection:
                    source = sources.open_parquet(connection, Path(file))
                    reduced = reduction.reduce(connection, source, [Path(target)])
                    lines += sum(control.lines for control in reduced.controls)
        return lines

    return work


def reduce_duckdb(batches: list[tuple[list[str], str]], threads: int) -> Work:
    import duckdb  # noqa: F401  before the clock starts

    from benchmarks import peers

    return lambda: peers.duckdb_reduce(_paths(batches), threads)


def reduce_polars(batches: list[tuple[list[str], str]], threads: int) -> Work:
    import polars  # noqa: F401  before the clock starts

    from benchmarks import peers

    return lambda: peers.polars_reduce(_paths(batches))


def decode(batches: list[tuple[list[str], str]], threads: int) -> Work:
    import pyarrow.parquet  # noqa: F401  before the clock starts

    from benchmarks import peers

    return lambda: peers.decode([file for files, _ in _paths(batches) for file in files], threads)


def cut_finops(files: list[str], pieces: int, folder: str, threads: int) -> Work:
    """Partials of about equal ranges of rows, *pieces* in all."""
    import duckdb

    from finops.ledger import engine, reduction, sources

    def work() -> None:
        rows = [_rows(duckdb, file) for file in files]
        step = -(-sum(rows) // pieces)
        made = 0
        with tempfile.TemporaryDirectory() as scratch:
            limits = engine.Limits(scratch=Path(scratch), threads=threads)
            for file, count in zip(files, rows, strict=True):
                for first in range(0, count, step):
                    with engine.connect(limits) as connection:
                        whole = sources.open_parquet(connection, Path(file))
                        part = whole.model_copy(
                            update={"first_row": first, "rows": min(step, count - first)}
                        )
                        reduction.reduce(connection, part, [Path(folder) / f"{made:04}.parquet"])
                    made += 1

    return work


def _rows(duckdb: Any, file: str) -> int:
    return int(duckdb.execute(f"SELECT count(*) FROM '{file}'").fetchone()[0])


def merge_finops(partials: list[str], target: str, threads: int, memory_mb: int = 600) -> Work:
    """The product's merge, to the ledger's files."""
    from finops.ledger import engine, merging

    shutil.rmtree(target, ignore_errors=True)

    def work() -> int:
        with tempfile.TemporaryDirectory() as scratch:
            limits = engine.Limits(scratch=Path(scratch), memory_mb=memory_mb, threads=threads)
            with engine.connect(limits) as connection:
                merged = merging.merge(connection, [Path(p) for p in partials], Path(target))
                months = sum(1 for _ in merging.account_months(connection))
        return months + sum(summary.charges for summary in merged.summaries)

    return work


def merge_duckdb(
    partials: list[str], target: str, threads: int, same: bool, memory_mb: int | None = None
) -> Work:
    """Partials summed by key to one file; or, if *same*, to the files the product makes of them."""
    import duckdb

    from benchmarks.peers import KEYS, SUMS

    shutil.rmtree(target, ignore_errors=True)
    keys, ordered = ", ".join(KEYS), ", ".join(f"{key} NULLS LAST" for key in KEYS)
    sums = ", ".join(f"sum({name})::BIGINT AS {name}" for name in SUMS)
    listed = ", ".join(f"'{partial}'" for partial in partials)
    zstd = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"
    query = f"SELECT {keys}, {sums} FROM read_parquet([{listed}]) GROUP BY ALL"
    costs = ", ".join(f"sum({name})::BIGINT AS {name}" for name in SUMS if name != "net_lines")
    apart = {"resource_id", "tags", "commitment_discount_id", "split_parent_resource_id"}
    cube = ", ".join(key for key in KEYS if key not in apart)
    by = "PARTITION_BY (billing_account_id, billing_period, sub_account_id)"

    def work() -> None:
        folder = Path(target)
        folder.mkdir(parents=True, exist_ok=True)
        config: dict[str, Any] = {"threads": threads}
        if memory_mb is not None:
            config |= {"memory_limit": f"{memory_mb}MB", "preserve_insertion_order": False}
        connection = duckdb.connect(config=config)
        if not same:
            connection.execute(f"COPY ({query}) TO '{folder / 'charges.parquet'}' ({zstd})")
            return
        connection.execute(f"CREATE TABLE charges AS {query} ORDER BY {ordered}")
        connection.execute(f"COPY charges TO '{folder / 'charges'}' ({zstd}, {by})")
        connection.execute(
            f"COPY (SELECT {cube}, {costs} FROM charges GROUP BY ALL ORDER BY ALL)"
            f" TO '{folder / 'cube.parquet'}' ({zstd})"
        )
        connection.execute(f"""COPY (
            SELECT billing_account_id, billing_period, sub_account_id, resource_id, service_code,
                arg_max(region_id, charge_date) AS region_id, arg_max(tags, charge_date) AS tags,
                min(charge_date) AS first_day, max(charge_date) AS last_day, {costs}
            FROM charges WHERE resource_id IS NOT NULL GROUP BY 1, 2, 3, 4, 5
            ORDER BY 1, 2, 3, 4, 5) TO '{folder / "resources"}' ({zstd}, {by})""")

    return work


def _paths(batches: list[tuple[list[str], str]]) -> list[tuple[list[Path], Path]]:
    return [([Path(file) for file in files], Path(target)) for files, target in batches]


CONTENDERS: dict[str, Callable[..., Work]] = {
    "reduce_finops": reduce_finops,
    "reduce_duckdb": reduce_duckdb,
    "reduce_polars": reduce_polars,
    "decode": decode,
    "cut_finops": cut_finops,
    "merge_finops": merge_finops,
    "merge_duckdb": merge_duckdb,
}


def peak_mb() -> float:
    """The most memory this process held. Linux's `ru_maxrss` starts at the parent's; this does not."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts bytes
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main() -> None:
    arguments = json.loads(sys.argv[1])
    work = CONTENDERS[arguments.pop("contender")](**arguments)
    wall, cpu = time.perf_counter(), time.process_time()
    told = work()
    measured = {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak_mb": peak_mb(),
        "told": told,
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
