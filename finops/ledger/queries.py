"""Questions to the ledger: exact sums by any of its dimensions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from finops.domain.bills import COSTS, DIMENSIONS, CostQuery
from finops.ledger import engine

NONE = "(none)"


class Sums(NamedTuple):
    """Rows of a page, their number in all, and their totals by currency.

    A row is its dimensions, lines, costs in ticks, and the dust of its unblended cost.
    """

    rows: list[tuple[Any, ...]]
    number: int
    totals: list[tuple[Any, ...]]  # currency, lines, costs


def sums(
    connection: duckdb.DuckDBPyConnection,
    files: Sequence[Path],
    query: CostQuery,
    *,
    offset: int = 0,
    limit: int | None = None,
) -> Sums:
    """The answer to *query* from the ledger's *files* (cubes, or charges where resources matter).

    Money is in ticks of 1e-10, summed in 128 bits; a cost nobody stated is None, not 0.
    """
    columns = ("lines", *(COSTS[cost] for cost in query.costs), "unblended_dust")
    measures = ", ".join(f"sum({column})::HUGEINT" for column in columns)
    conditions, values = [], []
    for dimension, value in sorted(query.where.items()):
        column = f"{DIMENSIONS[dimension]}::VARCHAR"
        if value in ("", NONE):
            conditions.append(f"{column} IS NULL")
        else:
            conditions.append(f"{column} = ?")
            values.append(value)
    # The folders of the ledger are named like columns; the files themselves say all there is.
    source = f"FROM read_parquet({engine.paths(list(files))}, hive_partitioning = false)"
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    totals = connection.execute(
        f"SELECT billing_currency, {measures} {source} {where} GROUP BY ALL ORDER BY 1 NULLS LAST",
        values,
    ).fetchall()
    if not query.by:
        return Sums([row[1:] for row in totals][:1], min(1, len(totals)), totals)
    keys = ", ".join(f"{DIMENSIONS[dimension]}::VARCHAR AS {dimension}" for dimension in query.by)
    order = ", ".join(f"{dimension} NULLS LAST" for dimension in query.by)
    rows = connection.execute(
        f"SELECT {keys}, {measures}, count(*) OVER () {source} {where} GROUP BY {', '.join(query.by)}"
        f" ORDER BY {order} LIMIT {'ALL' if limit is None else int(limit)} OFFSET {int(offset)}",
        values,
    ).fetchall()
    return Sums([row[:-1] for row in rows], int(rows[0][-1]) if rows else offset, totals)
