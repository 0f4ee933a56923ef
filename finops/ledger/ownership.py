"""Questions to what an allocation run made: who pays what of a month, and by what."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from finops.domain.allocations import Part
from finops.domain.charges import Charge, Key
from finops.ledger import engine
from finops.ledger.allocating import OwnersMonth

LOT = 10_000
# For each of `DIMENSIONS` the values that count; "" is what has none.
Where = Mapping[str, Sequence[str] | date]
# What parts can be asked by: the word in the API, and the column.
DIMENSIONS: Mapping[str, str] = {
    "payer": "payer",
    "currency": "currency",
    "account": "account",
    "day": "day",
    "service": "service",
    "class": "charge_class",
    "charge_category": "charge_category",
    "invoice": "invoice_id",
    "issuer": "issuer",
    "kind": "kind",
    "product": "product_id",
    "workload": "workload_id",
    "rule": "rule",
    "share": "basis_points",
    "reason": "reason",
    "meant_for": "meant_for",
}


def owners(connection: engine.Connection, files: Sequence[Path], where: Where) -> list[OwnersMonth]:
    """The rows of several `Allocated.owners` files that match; what two files tell of is one row.

    There may be one for each account and product: `count_owners` says how many, and reads none.
    """
    if not files:
        return []
    query, values = _owners(files, where)
    found = connection.execute(f"{query} ORDER BY ALL NULLS LAST", values)
    return [OwnersMonth(*row) for row in found.fetchall()]


def count_owners(connection: engine.Connection, files: Sequence[Path], where: Where) -> int:
    """How many rows `owners` has."""
    if not files:
        return 0
    query, values = _owners(files, where)
    [(count,)] = connection.execute(f"SELECT count(*) FROM ({query})", values).fetchall()
    return int(count)


def _owners(files: Sequence[Path], where: Where) -> tuple[str, list[object]]:
    whole = {
        "first_day": "min(first_day) AS first_day",
        "last_day": "max(last_day) AS last_day",
        "amount": "sum(amount) AS amount",
    }
    fields = ", ".join(whole.get(field, field) for field in OwnersMonth._fields)
    matching, values = _matching(where)
    source = f"read_parquet({engine.paths(list(files))})"
    return f"SELECT {fields} FROM {source} {matching} GROUP BY ALL", values


def sums(
    connection: engine.Connection, files: Sequence[Path], by: Sequence[str], where: Where
) -> Iterator[tuple[Any, ...]]:
    """Ticks of the parts that match, by some of `DIMENSIONS`; rows in order of these.

    Also of `Allocated.owners` files, by what they tell.
    """
    if not files:
        return
    columns = ", ".join(DIMENSIONS[dimension] for dimension in by)
    order = ", ".join(f"{place} NULLS LAST" for place in range(1, len(by) + 1))
    matching, values = _matching(where)
    found = connection.execute(
        f"SELECT {columns}, sum(amount)::HUGEINT FROM read_parquet({engine.paths(list(files))})"
        f" {matching} GROUP BY ALL HAVING sum(amount) <> 0 ORDER BY {order}",
        values,
    )
    while some_rows := found.fetchmany(LOT):
        yield from some_rows


def _matching(where: Where) -> tuple[str, list[object]]:
    """*where* as SQL, and the values in it."""
    conditions: list[str] = []
    values: list[object] = []
    for dimension, wanted in where.items():
        column = DIMENSIONS[dimension]
        if isinstance(wanted, date):
            conditions.append(f"{column} = ?")
            values.append(wanted)
            continue
        some = [value for value in wanted if value]
        told = [f"{column}::VARCHAR IN (SELECT unnest(?::VARCHAR[]))"] if some else []
        told += [f"{column} IS NULL"] if "" in wanted else []
        conditions.append(f"({' OR '.join(told) or 'false'})")
        if some:
            values.append(some)
    return f"WHERE {' AND '.join(conditions)}" if conditions else "", values


def parts(
    connection: engine.Connection, files: Sequence[Path], account: str | None, day: date
) -> list[Part]:
    """All parts of an account's day: few enough to be looked at one by one."""
    if not files:
        return []
    found = connection.execute(
        f"SELECT {', '.join(Part._fields)} FROM read_parquet({engine.paths(list(files))})"
        " WHERE account IS NOT DISTINCT FROM ? AND day = ?",
        [account, day],
    )
    return [Part(*row) for row in found.fetchall()]


def charges(connection: engine.Connection, files: Sequence[Path], day: date) -> list[Charge]:
    """The charges of a day in the ledger's files."""
    fields = ", ".join((*Key._fields, *Charge._fields[1:]))
    found = connection.execute(
        f"SELECT {fields} FROM read_parquet({engine.paths(list(files))}, hive_partitioning = false)"
        " WHERE charge_date = ?",
        [day],
    )
    width = len(Key._fields)
    return [Charge(Key(*row[:width]), *row[width:]) for row in found.fetchall()]
