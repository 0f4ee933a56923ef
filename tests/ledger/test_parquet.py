"""Only the bytes that a range of a far file takes are fetched, and they say what the whole says."""

from hashlib import sha512
from pathlib import Path
from typing import NamedTuple

import pytest

from finops.domain.errors import RefusedError
from finops.ledger import parquet
from finops.ledger.engine import Connection
from finops.ledger.parquet import Outline
from tests.ledger.bill_files import cur_row, differences, line, plain, tagged, write_parquet
from tests.ledger.conftest import Worker


class File(NamedTuple):
    key: str
    size: int


class FarFile:
    """A file in a bucket that remembers what was asked of it."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.ranges: list[tuple[int, int]] = []

    @property
    def file(self) -> File:
        return File("cur2/data/e-00001.snappy.parquet", len(self.content))

    @property
    def fetched(self) -> int:
        return sum(length for _, length in self.ranges)

    def read_range(self, file: File, start: int, length: int) -> bytes:
        self.ranges.append((start, length))
        return self.content[start : start + length]


LINES = [
    line(f"{n}.25", resource_id=f"i-{n % 7}", tags=tagged(**{"user:Team": f"team-{n % 3}"}))
    for n in range(1000)
]


@pytest.fixture(scope="module")
def far(worker: Worker) -> FarFile:
    """1,000 lines in four row groups; beside our columns one of noise, 64 bytes a line."""
    noise = [sha512(f"{n}".encode()).hexdigest() for n in range(1000)]
    rows = [
        cur_row(one) | {"a_unused": "x", "identity_line_item_id": cell}
        for one, cell in zip(LINES, noise, strict=True)
    ]
    return FarFile(write_parquet(worker.folder() / "a.parquet", rows, group=250).read_bytes())


def outlined(connection: Connection, far: FarFile, local: Path) -> Outline:
    """The outline of the far file, its footer brought to *local*."""
    parquet.fetch_footer(far, far.file, local)
    return parquet.outline(connection, far.file, local)


def test_an_outline_is_read_from_the_footer_alone(worker: Worker, far: FarFile) -> None:
    far.ranges.clear()

    told = outlined(worker.connection, far, worker.folder() / "outline")

    assert told == Outline((250, 250, 250, 250))
    assert told.rows == 1000
    assert far.fetched <= parquet.TAIL


@pytest.mark.parametrize(
    "groups, rows, ranges",
    [
        ((250, 250, 250, 250), 500, [(0, 2), (2, 4)]),
        ((250, 250, 250, 250), 600, [(0, 3), (3, 4)]),
        ((250, 250, 250, 250), 1, [(0, 1), (1, 2), (2, 3), (3, 4)]),
        ((250, 250), 10_000, [(0, 2)]),
        ((), 10, [(0, 0)]),
        ((0,), 10, [(0, 1)]),
    ],
)
def test_a_file_is_cut_into_ranges_that_hold_all_of_its_groups(
    groups: tuple[int, ...], rows: int, ranges: list[tuple[int, int]]
) -> None:
    assert Outline(groups).cut(rows) == ranges


@pytest.mark.parametrize("rows", [250, 500, 600, 1000])
def test_ranges_reduced_one_by_one_make_the_ledger_of_the_whole_file(
    worker: Worker, far: FarFile, rows: int
) -> None:
    folder = worker.folder()
    ranges = Outline((250, 250, 250, 250)).cut(rows)
    fetched = [
        parquet.fetch(worker.connection, far, far.file, folder / f"{first}.parquet", first, last)
        for first, last in ranges
    ]

    made = worker.ledger(*fetched)

    assert differences(made.charges, plain(LINES)) == []
    assert [control.lines for control in made.controls] == [250 * (b - a) for a, b in ranges]


def test_a_range_is_its_own_lines_and_no_others(worker: Worker, far: FarFile) -> None:
    source = parquet.fetch(
        worker.connection, far, far.file, worker.folder() / "a.parquet", first=1, last=2
    )

    assert (source.first_row, source.rows) == (250, 250)
    assert differences(worker.ledger(source).charges, plain(LINES[250:500])) == []


def test_only_what_the_range_takes_is_fetched(
    worker: Worker, far: FarFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "GAP", 0)  # as if skipping were always cheaper than reading
    monkeypatch.setattr(parquet, "TAIL", 1 << 10)
    folder = worker.folder()
    far.ranges.clear()
    outlined(worker.connection, far, folder / "outline")
    footer = far.fetched
    far.ranges.clear()

    parquet.fetch(worker.connection, far, far.file, folder / "a.parquet", 2, 3)

    noise = 64 * 250  # of a row group, however well it is packed
    assert far.fetched - footer < (len(far.content) - footer) / 4 - noise
    starts = [start for start, _ in far.ranges[2:]]
    assert min(starts) > len(far.content) // 4


def test_what_is_fetched_lies_in_a_sparse_file_of_the_same_size(
    worker: Worker, far: FarFile
) -> None:
    local = worker.folder() / "a.parquet"

    parquet.fetch(worker.connection, far, far.file, local, 0, 1)

    assert local.stat().st_size == len(far.content)


def test_a_footer_longer_than_the_first_look_is_fetched_whole(
    worker: Worker, far: FarFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "TAIL", 100)
    far.ranges.clear()

    told = outlined(worker.connection, far, worker.folder() / "outline")

    assert told.rows == 1000
    assert len(far.ranges) == 2


def test_near_spans_are_one_request_and_long_ones_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GAP", 10)
    monkeypatch.setattr(parquet, "PIECE", 100)

    pieces = list(parquet._pieces([(500, 750), (0, 20), (30, 40), (51, 60)]))

    assert pieces == [(0, 40), (51, 60), (500, 600), (600, 700), (700, 750)]


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "is cut off"),
        (b"PAR1PAR1", "is cut off"),
        (b"PAR1" + bytes(100), "is cut off: it does not end as a Parquet file does"),
        (b"PAR1" + b"\xff\xff\xff\x7fPAR1", "its footer is longer than the file"),
        (b"PAR1" + bytes(100) + b"\x10\0\0\0PAR1", "is no readable Parquet file"),
    ],
)
def test_a_far_file_that_is_cut_off_or_broken_is_refused_by_name(
    worker: Worker, content: bytes, reason: str
) -> None:
    far = FarFile(content)

    with pytest.raises(RefusedError, match=rf"e-00001\.snappy\.parquet .*{reason}"):
        outlined(worker.connection, far, worker.folder() / "outline")


def test_a_far_table_that_is_no_bill_is_refused_before_its_rows_are_read(
    worker: Worker, tmp_path: Path
) -> None:
    rows = [{"date": "2026-09-01", "amount": "3"}]
    far = FarFile(write_parquet(tmp_path / "a.parquet", rows).read_bytes())

    with pytest.raises(RefusedError, match=r"e-00001\.snappy\.parquet: no known bill"):
        outlined(worker.connection, far, tmp_path / "outline")
