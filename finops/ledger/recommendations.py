"""The file of an export of AWS Cost Optimization Hub, row by row in our words.

Columns by their names, whatever their order; one that says nothing of ours is not read. Amounts are
doubles in Parquet and text in CSV, and become ticks as those of a bill do: from all their decimals,
rounded once. Source: `billing-data.md` section 9.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

import duckdb

from finops.domain.errors import RefusedError
from finops.domain.money import carried
from finops.domain.savings import WHOLE, Recommendation, billed_id
from finops.ledger import engine
from finops.ledger.sources import Packing, packing

AFTER, BEFORE = "after_discount", "before_discount"
SAVINGS, COST, SHARE = (
    "estimated_monthly_savings",
    "estimated_monthly_cost",
    "estimated_savings_percentage",
)
NEEDED = ("account_id", "action_type", "currency_code", "recommendation_id")
ROWS = 10_000  # brought at once
LARGEST_CELL = 16 << 20
LARGEST = Decimal(10) ** 15  # of a currency: no amount is so large
TRUTHS = {"true": True, "false": False, "1": True, "0": False}
Row = Mapping[str, str | None]
Read = TypeVar("Read")


class Stated(NamedTuple):
    """What a file recommends, and what of it could not be read and did not have to."""

    recommendations: list[Recommendation]
    notes: list[str]


def read(connection: engine.Connection, path: Path, *, name: str | None = None) -> Stated:
    """The recommendations of the Parquet or CSV file at *path*, plain or gzipped.

    Raises RefusedError, speaking of the file by *name*, where it is none of an export of
    recommendations, or a row lacks what is needed: it names the row, the field and the remedy.
    """
    called = name or path.name
    with path.open("rb") as raw:
        packed = packing(raw.read(4))
    match packed:
        case Packing.PARQUET:
            rows = _parquet_rows(connection, path, called)
        case Packing.GZIP | Packing.PLAIN:
            rows = _text_rows(path, called, gzipped=packed is Packing.GZIP)
        case Packing.ZIP:
            raise RefusedError(
                f"{called} is a zip archive; deliver the export as Parquet or as gzipped CSV"
            )
    notes: dict[str, None] = {}
    found = [
        _recommendation(Cells(called, number, row, notes)) for number, row in enumerate(rows, 1)
    ]
    return Stated(found, list(notes))


class Cells:
    """The cells of a row; *notes* takes down what may be left out."""

    def __init__(self, file: str, number: int, row: Row, notes: dict[str, None]) -> None:
        self._file, self._number, self._row, self._notes = file, number, row, notes

    def text(self, field: str) -> str | None:
        """None where the cell is blank, or there is no such column."""
        said = self._row.get(field)
        return said.strip() or None if said is not None else None

    def needed(self, field: str) -> str:
        said = self.text(field)
        if said is None:
            raise self.refused(field, "is empty", "export the column, with a value in every row")
        return said

    def amount(self, field: str) -> int | None:
        """In ticks."""
        exact = self.number(field)
        return None if exact is None else carried([exact])[0]

    def number(self, field: str) -> Decimal | None:
        said = self.text(field)
        if said is None:
            return None
        try:
            exact = Decimal(said)
        except InvalidOperation:
            exact = Decimal("NaN")
        if not exact.is_finite() or abs(exact) >= LARGEST:
            raise self.refused(
                field, f"is {said[:40]!r}, which is no amount", "write it as a number, like 12.5"
            )
        return exact

    def told(self, field: str, kind: str, how: Callable[[str], Read]) -> Read | None:
        """What *how* makes of the text; nothing, and a note, where it can make nothing of it."""
        said = self.text(field)
        if said is None:
            return None
        try:
            return how(said)
        except (ValueError, KeyError, TypeError, OverflowError):
            self._notes[f"{self._file}: {field} {said[:40]!r} is no {kind}; it was left out"] = None
            return None

    def refused(self, field: str, what: str, remedy: str) -> RefusedError:
        return RefusedError(f"{self._file}, row {self._number}: {field} {what}; {remedy}")


def _recommendation(cells: Cells) -> Recommendation:
    account = cells.needed("account_id")
    if not (account.isdecimal() and account.isascii() and len(account) == 12):
        raise cells.refused(
            "account_id", f"is {account[:40]!r}", "an account has twelve digits, zeros in front too"
        )
    kind = AFTER if cells.text(f"{SAVINGS}_{AFTER}") is not None else BEFORE
    savings = cells.amount(f"{SAVINGS}_{kind}")
    if savings is None:
        raise cells.refused(
            f"{SAVINGS}_{AFTER}", "is empty", f"export it, or {SAVINGS}_{BEFORE}, in every row"
        )
    cost = cells.amount(f"{COST}_{kind}")
    share = cells.number(f"{SHARE}_{kind}")
    return Recommendation(
        source=cells.text("recommendation_source") or "CostOptimizationHub",
        recommendation_id=cells.needed("recommendation_id"),
        account_id=account,
        region=cells.text("region"),
        resource_id=billed_id(cells.text("resource_arn") or cells.text("resource_id")),
        resource_type=cells.text("current_resource_type"),
        action_type=cells.needed("action_type"),
        current=cells.text("current_resource_summary"),
        recommended=cells.text("recommended_resource_summary"),
        recommended_type=cells.text("recommended_resource_type"),
        details=_details(cells),
        currency=cells.needed("currency_code").upper(),
        monthly_savings=savings,
        monthly_cost=cost,
        is_discounted=kind == AFTER,
        savings_basis_points=None if share is None else round(share * WHOLE / 100),
        effort=cells.text("implementation_effort"),
        restart_needed=cells.told("restart_needed", "yes or no", _truth),
        rollback_possible=cells.told("rollback_possible", "yes or no", _truth),
        lookback_days=cells.told("recommendation_lookback_period_in_days", "whole number", _whole),
        refreshed_at=cells.told("last_refresh_timestamp", "time", _time),
        tags=cells.told("tags", "map of tags", _tags) or {},
    )


def _details(cells: Cells) -> str | None:
    """The details of what is there and of what is recommended, as one JSON object."""
    told = {
        word: cells.told(f"{word}_resource_details", "JSON", json.loads)
        for word in ("current", "recommended")
    }
    said = {word: value for word, value in told.items() if value is not None}
    if not said:
        return None
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _truth(said: str) -> bool:
    return TRUTHS[said.lower()]


def _whole(said: str) -> int:
    exact = Decimal(said) if said.replace(".", "", 1).isdecimal() else Decimal("0.5")
    if exact != exact.to_integral_value():
        raise ValueError(said)
    return int(exact)


def _time(said: str) -> datetime:
    """ISO 8601, or seconds or milliseconds since 1970; UTC where no zone is said."""
    if said.isdecimal():
        number = int(said)
        return datetime.fromtimestamp(number / (1000 if len(said) > 11 else 1), UTC)
    found = datetime.fromisoformat(said.removesuffix(" UTC"))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _tags(said: str) -> dict[str, str]:
    found = json.loads(said)
    if not isinstance(found, dict):
        raise TypeError(said)
    return {key: str(value) for key, value in sorted(found.items()) if value is not None}


# Files --------------------------------------------------------------------------------------------


def _parquet_rows(connection: engine.Connection, path: Path, called: str) -> Iterator[Row]:
    table = f"read_parquet({engine.text(str(path))}, file_row_number = true)"
    try:
        found = connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()
        columns = {
            str(row[0]).lower(): (str(row[0]), str(row[1]))
            for row in found
            if row[0] != "file_row_number"
        }
        _must_be_recommendations(columns, called)
        wanted = [
            f"{_as_text(title, type_)} AS {engine.name(name)}"
            for name, (title, type_) in columns.items()
        ]
        answer = connection.execute(
            f"SELECT {', '.join(wanted)} FROM {table} ORDER BY file_row_number"
        )
        while some := answer.fetchmany(ROWS):
            yield from (dict(zip(columns, row, strict=True)) for row in some)
    except duckdb.Error as error:
        raise RefusedError(f"{called} is no readable Parquet file: {error}") from error


def _as_text(title: str, type_: str) -> str:
    """A column as text: a double by the shortest decimals that are it, a map as JSON."""
    cell = engine.name(title)
    if type_.startswith(("MAP", "STRUCT")):
        return f"to_json({cell})::VARCHAR"
    return f"CAST({cell} AS VARCHAR)"


def _text_rows(path: Path, called: str, *, gzipped: bool) -> Iterator[Row]:
    csv.field_size_limit(LARGEST_CELL)
    number = 0
    with path.open("rb") as raw:
        opened: IO[bytes] | gzip.GzipFile = gzip.GzipFile(fileobj=raw) if gzipped else raw
        lines = csv.reader(io.TextIOWrapper(opened, encoding="utf-8-sig", newline=""))
        try:
            titles = [title.strip().lower() for title in next(lines, [])]
            _must_be_recommendations(titles, called)
            for number, row in enumerate(lines, 1):
                if not row:
                    continue
                if len(row) != len(titles):
                    raise RefusedError(
                        f"{called}, row {number}: has {len(row)} cells under {len(titles)} titles; "
                        "quote cells that hold a comma"
                    )
                yield dict(zip(titles, row, strict=True))
        except (OSError, EOFError, UnicodeDecodeError, csv.Error, zlib.error) as error:
            raise RefusedError(
                f"{called} is no readable text file from row {number + 1} on: {error}"
            ) from error


def _must_be_recommendations(columns: Iterable[str], called: str) -> None:
    there = set(columns)
    missing = [name for name in NEEDED if name not in there]
    if not {f"{SAVINGS}_{AFTER}", f"{SAVINGS}_{BEFORE}"} & there:
        missing.append(f"{SAVINGS}_{AFTER}")
    if missing:
        raise RefusedError(
            f"{called} is no export of recommendations that can be read: it has no "
            f"{', '.join(missing)}; export all columns of COST_OPTIMIZATION_RECOMMENDATIONS"
        )
