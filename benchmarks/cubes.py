"""Cutting and asking a spend cube: the product beside plain DuckDB over the same charges.

The charges, rules and products are those of `benchmarks.allocate`. Plain DuckDB groups the bill and
knows no owners: what the product takes beyond it is who pays, to the tick.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.allocate import A_MILLION_LINES, CHARGES, ZSTD, finops, ledger, rules_of
from benchmarks.contenders import Work, peak_mb
from benchmarks.measuring import ROOT, Measured, median, table

MONTH = "2026-09"
TEAM = "user:Team"
QUESTIONS = 5  # of each kind; the median is told


def compare(out: Path, *, rounds: int) -> str:
    """Tables of cubes cut, and of questions to them, by each contender."""
    cuts, asked = [], []
    for charges in (A_MILLION_LINES, CHARGES):
        files = [str(file) for file in ledger(out / f"charges-{charges}", charges)]
        for name, who, spreads in (
            ("FinOps Center", "cut", False),
            ("FinOps Center, tax in proportion", "cut", True),
            ("DuckDB, grouped, no owners", "plain", False),
        ):
            target = str(out / f"{who}-{charges}-{spreads}")
            if who == "cut":
                _once(who="parts", files=files, out=target, spreads=spreads)
            some = [_once(who=who, files=files, out=target, spreads=spreads) for _ in range(rounds)]
            run = median(some)
            told = f"{charges:,} charges, {name}"
            cuts.append([told, run.told["rows"], run.wall, run.cpu, round(run.peak_mb)])
            asked.append([told, *(_once(who=f"ask_{who}", files=files, out=target).told)])
    titles = ["", "rows", "wall s", "CPU s", "peak MB"]
    return (
        "A cube, cut by one worker with a lid of 600 MB and 2 threads:\n\n"
        + table(titles, cuts)
        + "\n\nMilliseconds of a question, files at hand:\n\n"
        + table(["", "by service", "by team and account", "by day of an element"], asked)
    )


def parts(files: Sequence[str], out: str, *, spreads: bool) -> Work:
    """The run that the cube is cut of; not measured."""
    return finops(files, out, workers=1, spreads=spreads)


def cut(files: Sequence[str], out: str, *, spreads: bool) -> Work:
    """The product, of one worker's share of the accounts: all."""
    from finops.domain.tag_settings import KeyAlias, TagSettings
    from finops.ledger import engine, spend_cubes

    rules, lives = rules_of(spreads=spreads)
    tags = TagSettings(report_keys=(TEAM,), key_aliases=(KeyAlias(key=TEAM, alias="user:team"),))
    run = Path(out) / "0"

    def work() -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as scratch:
            limits = engine.Limits(scratch=Path(scratch), threads=2)
            with engine.connect(limits) as connection:
                made = spend_cubes.cut(
                    connection,
                    [Path(file) for file in files],
                    [run / "parts.parquet"],
                    sorted(run.glob("spread-[0-9]*.parquet")),
                    rules,
                    lives,
                    tags,
                    Path(out) / "cube",
                )
        return {"rows": made.rows, "sum": sum(total.net for total in made.totals)}

    return work


def plain(files: Sequence[str], out: str, *, spreads: bool) -> Work:
    """What somebody would write who asks the bill, and not who pays."""
    listed = ", ".join(f"'{file}'" for file in files)

    def work() -> dict[str, Any]:
        Path(out).mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect(config={"threads": 2})
        path = f"{out}/days.parquet"
        connection.execute(f"""COPY (
            SELECT billing_period AS month, charge_date AS day, billing_account_id AS payer,
                billing_currency AS currency, sub_account_id AS account, service_code AS service,
                region_id AS region, charge_category,
                json_extract_string(tags, '$."{TEAM}"') AS t0, sum(billed_cost)::DOUBLE AS amount
            FROM read_parquet([{listed}]) GROUP BY ALL ORDER BY ALL) TO '{path}' ({ZSTD})""")
        row = connection.execute(f"SELECT count(*), sum(amount) FROM '{path}'").fetchone()
        return {"rows": row[0], "sum": round(row[1])} if row else {}

    return work


def ask_cut(files: Sequence[str], out: str) -> Callable[[], list[int]]:
    """The product's answers to the questions, in milliseconds."""
    from finops.domain.spend_cubes import CubeQuery
    from finops.ledger import engine, spend_cubes

    months = (MONTH,)
    asked = [
        CubeQuery(months=months, by=("service",)),
        CubeQuery(months=months, by=(f"tag:{TEAM}", "account")),
        CubeQuery(months=months, by=("day",), elements=("unit-3.department-3",)),
    ]

    def work() -> list[int]:
        with tempfile.TemporaryDirectory() as scratch:
            limits = engine.Limits(scratch=Path(scratch), threads=2)
            return [_median_ms(partial(answer, limits, query)) for query in asked]

    def answer(limits: engine.Limits, query: CubeQuery) -> object:
        kind = "days" if query.needs_days else "months"
        files = sorted((Path(out) / "cube").glob(f"{kind}-*.parquet"))
        with engine.connect(limits) as connection:
            return spend_cubes.sums(connection, [spend_cubes.Cube(files, (TEAM,))], query)

    return work


def ask_plain(files: Sequence[str], out: str) -> Callable[[], list[object]]:
    """The same of the grouped bill; it knows no elements."""

    def work() -> list[object]:
        source = f"'{out}/days.parquet'"
        asked = [
            f"SELECT service, sum(amount) FROM {source} GROUP BY 1 ORDER BY 1",
            f"SELECT t0, account, sum(amount) FROM {source} GROUP BY 1, 2 ORDER BY 1, 2",
        ]
        return [*(_median_ms(partial(answer, sql)) for sql in asked), "–"]

    def answer(sql: str) -> object:
        return duckdb.connect().execute(sql).fetchall()

    return work


def _median_ms(ask: Callable[[], object]) -> int:
    taken = []
    for _ in range(QUESTIONS):
        before = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - before)
    return round(sorted(taken)[QUESTIONS // 2] * 1000)


WHO: dict[str, Callable[..., Any]] = {
    "parts": parts,
    "cut": cut,
    "plain": plain,
    "ask_cut": ask_cut,
    "ask_plain": ask_plain,
}


def _once(**arguments: Any) -> Measured:
    """One run in a process of its own."""
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.cubes", json.dumps(arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return Measured(**json.loads(finished.stdout.splitlines()[-1]))


def main() -> None:
    arguments = json.loads(sys.argv[1])
    work = WHO[arguments.pop("who")](**arguments)
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
