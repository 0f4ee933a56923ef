"""Parquet files that are far away: their outline, and just the bytes that a range of them takes.

What is fetched goes to its own place in a sparse local file of the same size, which the engine reads
like the whole one: it asks for nothing but the column chunks that are there.
"""

import os
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import duckdb

from finops.domain.errors import RefusedError
from finops.ledger import engine, sources
from finops.ledger.lines import Lines

GAP = 1 << 20  # unwanted bytes between two wanted chunks that are cheaper to read than to skip
PIECE = 16 << 20  # the most that one request brings
REQUESTS = 8
TAIL = 1 << 16


class Remote(Protocol):
    """Something that has bytes of files."""

    def read_range(self, file: Any, start: int, length: int) -> bytes: ...


class Sized(Protocol):
    """A file that says how large it is."""

    @property
    def key(self) -> str: ...
    @property
    def size(self) -> int: ...


class Outline(NamedTuple):
    """The row groups of a file, as their numbers of rows."""

    groups: tuple[int, ...]

    @property
    def rows(self) -> int:
        return sum(self.groups)

    def cut(self, rows: int) -> list[tuple[int, int]]:
        """Ranges [first, last) of row groups of at least *rows* rows, or what is left of them."""
        cuts, start, held = [], 0, 0
        for number, group in enumerate(self.groups):
            held += group
            if held >= rows:
                cuts.append((start, number + 1))
                start, held = number + 1, 0
        if start < len(self.groups) or not cuts:
            cuts.append((start, len(self.groups)))
        return cuts


def outline(connection: duckdb.DuckDBPyConnection, file: Sized, local: Path) -> Outline:
    """The row groups of *file*, whose footer `fetch_footer` has brought to *local*."""
    # A file with other columns than a bill's is refused before anybody reads its rows.
    sources.open_parquet(connection, local, name=Path(file.key).name)
    found = connection.execute(
        "SELECT row_group_id, any_value(row_group_num_rows) FROM"
        f" parquet_metadata({engine.text(str(local))}) GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return Outline(tuple(int(rows) for _, rows in found))


def fetch(
    connection: duckdb.DuckDBPyConnection,
    remote: Remote,
    file: Sized,
    local: Path,
    first: int,
    last: int,
) -> sources.Source:
    """The row groups [*first*, *last*) of *file*: the columns a charge is made of, and no others."""
    fetch_footer(remote, file, local)
    whole = sources.open_parquet(connection, local)
    wanted = set(Lines(whole).used_columns())
    rows_before, rows = 0, 0
    spans: list[tuple[int, int]] = []
    chunks = connection.execute(f"""
        SELECT row_group_id, path_in_schema, dictionary_page_offset, data_page_offset,
            total_compressed_size, row_group_num_rows, column_id = 0
        FROM parquet_metadata({engine.text(str(local))}) ORDER BY row_group_id, column_id""")
    for group, path, dictionary, data, size, count, is_first in chunks.fetchall():
        if is_first and group < first:
            rows_before += count
        if is_first and first <= group < last:
            rows += count
        if first <= group < last and path.split(", ")[0] in wanted:
            start = min(offset for offset in (dictionary, data) if offset)
            spans.append((int(start), int(start + size)))
    bring(remote, file, local, spans)
    return whole.model_copy(update={"first_row": rows_before, "rows": rows})


def bring(remote: Remote, file: Sized, local: Path, spans: Sequence[tuple[int, int]]) -> None:
    """The bytes of *spans*, each (start, end), in their places in the sparse file *local*."""
    with local.open("r+b") as sparse, ThreadPoolExecutor(REQUESTS) as pool:

        def write(piece: tuple[int, int]) -> None:
            """Straight to its place: no more is held than is on its way."""
            os.pwrite(
                sparse.fileno(), remote.read_range(file, piece[0], piece[1] - piece[0]), piece[0]
            )

        list(pool.map(write, _pieces(spans)))


def _pieces(spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """*spans* as requests: near ones together, long ones in pieces."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start - joined[-1][1] <= GAP:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    for start, end in joined:
        for at in range(start, end, PIECE):
            yield at, min(at + PIECE, end)


def fetch_footer(remote: Remote, file: Sized, local: Path) -> None:
    """The footer of *file*, in its place in a sparse file; RefusedError where it has none."""
    start = max(0, file.size - TAIL)
    tail = remote.read_range(file, start, file.size - start)
    if file.size < 12 or tail[-4:] != b"PAR1":
        raise RefusedError(f"{file.key} is cut off: it does not end as a Parquet file does")
    length = struct.unpack("<I", tail[-8:-4])[0] + 8
    if length > file.size - 4:
        raise RefusedError(f"{file.key} is broken: its footer is longer than the file")
    if length > len(tail):
        start = file.size - length
        tail = remote.read_range(file, start, length - len(tail)) + tail
    with local.open("wb") as sparse:
        sparse.truncate(file.size)
        sparse.seek(0)
        sparse.write(b"PAR1")
        sparse.seek(start)
        sparse.write(tail)
