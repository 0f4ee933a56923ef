"""A file of the bill as SQL: what its columns are called, and each of them in our words."""

import csv
import gzip
import io
import zipfile
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import IO

import duckdb
from pydantic import BaseModel, ConfigDict

from finops.domain.errors import RefusedError
from finops.domain.formats import BillFormat, recognise
from finops.domain.tags import normalised
from finops.ledger import engine

DELIMITERS = (",", "\x01", ";", "\t")
TAG_COLUMNS = ("resourceTags/", "resource_tags_", "resourceTags_")


class Packing(StrEnum):
    """How a file is wrapped, seen from its first bytes."""

    PARQUET = "parquet"
    GZIP = "gzip"
    ZIP = "zip"
    PLAIN = "plain"


def packing(first_bytes: bytes) -> Packing:
    """The packing of a file that begins with *first_bytes*."""
    match first_bytes[:4]:
        case b"PAR1":
            return Packing.PARQUET
        case b"PK\x03\x04":
            return Packing.ZIP
        case start if start.startswith(b"\x1f\x8b"):
            return Packing.GZIP
        case _:
            return Packing.PLAIN


class Column(BaseModel):
    """A column of a file: its title there, and its name and type in the engine's words."""

    model_config = ConfigDict(frozen=True)

    title: str
    name: str
    type: str

    @property
    def is_text(self) -> bool:
        return self.type == "VARCHAR"

    @property
    def is_double(self) -> bool:
        return self.type in ("DOUBLE", "FLOAT")

    @property
    def is_map(self) -> bool:
        return self.type.startswith("MAP")


class Source(BaseModel):
    """A file to read: its columns in order, and the rows asked for (all, where not said)."""

    model_config = ConfigDict(frozen=True)

    path: Path
    format: BillFormat
    columns: tuple[Column, ...]
    delimiter: str | None = None  # of a CSV file
    compression: str | None = None
    first_row: int = 0
    rows: int | None = None

    @property
    def relation(self) -> str:
        """The rows as an SQL relation that has the file's own column names."""
        if self.delimiter is None:
            table = f"read_parquet({engine.text(str(self.path))}, file_row_number = true)"
            if self.rows is None:
                return f"(SELECT * FROM {table})"
            end = self.first_row + self.rows
            return (
                f"(SELECT * FROM {table}"
                f" WHERE file_row_number >= {self.first_row} AND file_row_number < {end})"
            )
        columns = ", ".join(f"{engine.text(column.name)}: 'VARCHAR'" for column in self.columns)
        quote = '"' if self.delimiter != "\x01" else ""  # Athena's text files quote nothing
        return (
            f"read_csv({engine.text(str(self.path))}, header = false, skip = 1,"
            f" columns = {{{columns}}}, auto_detect = false,"
            f" delim = {engine.text(self.delimiter)}, quote = '{quote}', escape = '{quote}',"
            f" compression = {engine.text(self.compression or 'none')},"
            # Without its own size a buffer is sixteen of the longest lines: half of a worker's memory.
            " null_padding = true, parallel = false, max_line_size = 16777216,"
            " buffer_size = 33554432)"
        )

    def by_name(self) -> Mapping[str, Column]:
        """The columns by their normalised name; the first of two that fall on one name wins."""
        if self.format is BillFormat.FOCUS:
            return {column.title: column for column in reversed(self.columns)}
        return {normalised(column.title): column for column in reversed(self.columns)}

    def tag_columns(self) -> dict[str, Column]:
        """The columns that hold one tag each (legacy formats), by the tag's key."""
        return {
            column.title[len(prefix) :]: column
            for column in self.columns
            for prefix in TAG_COLUMNS
            if column.title.startswith(prefix) and not column.is_map
        }


def open_parquet(
    connection: duckdb.DuckDBPyConnection, path: Path, *, name: str | None = None
) -> Source:
    """The Parquet file at *path*, of which only the footer need be there.

    Raises RefusedError, speaking of it by *name*, where it is no Parquet file or no bill.
    """
    try:
        found = connection.execute(
            f"DESCRIBE SELECT * FROM read_parquet({engine.text(str(path))})"
        ).fetchall()
    except duckdb.Error as error:
        raise RefusedError(f"{name or path.name} is no readable Parquet file: {error}") from error
    columns = tuple(Column(title=row[0], name=row[0], type=row[1]) for row in found)
    return Source(path=path, format=_recognised(name or path.name, columns), columns=columns)


def open_text(path: Path) -> Source:
    """The CSV file at *path*, plain or gzipped; its first line names the columns.

    Raises RefusedError where there is no such line, or it is no bill's.
    """
    with path.open("rb") as raw:
        gzipped = packing(raw.read(4)) is Packing.GZIP
        raw.seek(0)
        try:
            header, delimiter = _header(gzip.GzipFile(fileobj=raw) if gzipped else raw)
        except (OSError, EOFError, UnicodeDecodeError) as error:
            raise RefusedError(f"{path.name} is no readable text file: {error}") from error
        except RefusedError as error:
            raise RefusedError(f"{path.name}: {error.detail}") from error
    columns = tuple(
        Column(title=title, name=name, type="VARCHAR")
        for title, name in zip(header, _unique(header), strict=True)
    )
    return Source(
        path=path,
        format=_recognised(path.name, columns),
        columns=columns,
        delimiter=delimiter,
        compression="gzip" if gzipped else None,
    )


def unzip(packed: Path, folder: Path) -> Path:
    """The one file inside the archive *packed*, written to *folder* piece by piece.

    Raises RefusedError for an archive with more than one file, or a broken one.
    """
    try:
        with zipfile.ZipFile(packed) as archive:
            inside = [member for member in archive.infolist() if not member.is_dir()]
            if len(inside) != 1:
                raise RefusedError(f"{packed.name} holds {len(inside)} files; one was expected")
            target = folder / f"{packed.stem}.unzipped"
            with archive.open(inside[0]) as piece, target.open("wb") as whole:
                while block := piece.read(1 << 20):
                    whole.write(block)
            return target
    except zipfile.BadZipFile as error:
        raise RefusedError(f"{packed.name} is no readable zip archive: {error}") from error


def _recognised(name: str, columns: Sequence[Column]) -> BillFormat:
    try:
        return recognise([column.title for column in columns])
    except RefusedError as error:
        raise RefusedError(f"{name}: {error.detail}") from error


def _header(raw: IO[bytes] | gzip.GzipFile) -> tuple[list[str], str]:
    first = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="").readline()
    delimiter = max(DELIMITERS, key=first.count)
    if not first.count(delimiter):
        raise RefusedError("its first line names no columns; a bill in CSV starts with them")
    if delimiter == "\x01":
        return first.rstrip("\r\n").split(delimiter), delimiter
    return next(csv.reader([first], delimiter=delimiter)), delimiter


def _unique(names: Sequence[str]) -> list[str]:
    """*names* made distinct without regard to case, which is how SQL compares them."""
    seen: set[str] = set()
    distinct = []
    for position, name in enumerate(names):
        told = name if name and name.lower() not in seen else f"{name}#{position}"
        seen.add(told.lower())
        distinct.append(told)
    return distinct
