"""The bill's own files, as much of them as somebody has asked about, kept on this machine's disk."""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from finops.domain.errors import InvalidError
from finops.domain.loads import Load, LoadedFile
from finops.ledger import engine, parquet, sources
from finops.ledger.origins import DetailedLines, Place, RowGroup, as_parquet, ranges, row_groups
from finops.usecases.load_bill import scratch
from finops.usecases.ports import Deliveries

LOOKS = 16  # at once
MOST_BYTES = 4 << 30
# Of gzipped text, which has to be read whole: twice what a door was seen to read in 13 seconds, and
# API Gateway waits for 29.
MOST_TEXT_BYTES = 160 << 20
NAMED = 5  # files in a refusal


class _Kept(NamedTuple):
    """A file: a Parquet one with the row groups that are wanted of it, or a text one."""

    file: LoadedFile
    local: Path
    groups: Sequence[RowGroup] | None  # None: a text
    missing: int  # bytes that are not at hand


class Originals:
    """Reads deliveries in the very versions that were loaded; at most *most_bytes* for a question."""

    def __init__(self, deliveries: Deliveries, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self._deliveries, self._folder, self._most = deliveries, folder, most_bytes
        self._lock = Lock()

    def at(
        self, place: Place, load: Load, connection: engine.Connection
    ) -> list[tuple[LoadedFile, list[sources.Source]]]:
        """The files of *load* that may hold lines of *place*, each as the ranges to be read.

        Raises InvalidError, saying where to look, for more than is kept; DeliveryChangedError where
        a version is gone.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        files = [file for file in load.files if _is_of(file, place)]
        with self._lock:
            with ThreadPoolExecutor(LOOKS) as pool:
                kept = [
                    self._looked(file, local, place, connection)
                    for file, local in zip(files, pool.map(self._footer, files), strict=True)
                ]
            self._must_fit(kept, place)
            self._make_room(kept)
            return [(one.file, self._brought(one, connection)) for one in kept]

    # -- one file -------------------------------------------------------------------------------

    def _footer(self, file: LoadedFile) -> Path:
        """Where a file is kept: of a Parquet file with its footer; a text one perhaps not yet."""
        name = hashlib.sha256(f"{file.key}\n{file.etag}".encode()).hexdigest()[:32]
        text, local = self._folder / f"{name}.text", self._folder / f"{name}.parquet"
        if text.exists() or local.exists():
            return text if text.exists() else local
        start = self._deliveries.read_range(file, 0, 4) if file.size else b""
        if sources.packing(start) is not sources.Packing.PARQUET:
            return text
        part = local.with_suffix(".part")
        parquet.fetch_footer(self._deliveries, file, part)
        part.replace(local)
        return local

    def _looked(
        self, file: LoadedFile, local: Path, place: Place, connection: engine.Connection
    ) -> _Kept:
        if local.suffix == ".text":
            return _Kept(file, local, None, 0 if local.exists() else file.size)
        local.touch()
        source = sources.open_parquet(connection, local, name=file.key)
        groups = row_groups(connection, DetailedLines(source), place)
        there = _there(local)
        missing = sum(group.size for group in groups if group.number not in there)
        return _Kept(file, local, groups, missing)

    def _brought(self, one: _Kept, connection: engine.Connection) -> list[sources.Source]:
        if one.groups is None:
            return [self._text(one, connection)]
        there = _there(one.local)
        wanted = [group for group in one.groups if group.number not in there]
        if wanted:
            spans = [span for group in wanted for span in group.spans]
            parquet.bring(self._deliveries, one.file, one.local, spans)
            there |= {group.number for group in wanted}
            _note(one.local).write_text(json.dumps(sorted(there)))
        source = sources.open_parquet(connection, one.local, name=one.file.key)
        return list(ranges(source, one.groups))

    def _text(self, one: _Kept, connection: engine.Connection) -> sources.Source:
        """A text file, by columns from the first question on: nobody can start in its middle."""
        if not one.local.exists():
            with scratch() as folder:
                local = folder / "delivered" / Path(one.file.key).name
                local.parent.mkdir()
                self._deliveries.download(one.file, local)
                with local.open("rb") as raw:
                    packed = sources.packing(raw.read(4))
                if packed is sources.Packing.ZIP:
                    local = sources.unzip(local, folder)
                opened = sources.open_text(local)
                part = one.local.with_suffix(".part")
                as_parquet(connection, opened, part)
            needed = DetailedLines(opened).needed()
            told = opened.model_copy(update={"columns": tuple(needed)})
            _note(one.local).write_text(told.model_dump_json())
            part.replace(one.local)
        one.local.touch()
        told = sources.Source.model_validate_json(_note(one.local).read_text())
        return told.model_copy(update={"path": one.local, "delimiter": None})

    # -- room -----------------------------------------------------------------------------------

    def _must_fit(self, kept: Sequence[_Kept], place: Place) -> None:
        size, most = sum(one.missing + _size(one.local) for one in kept), self._most
        text = sum(one.missing for one in kept if one.groups is None)
        if text > MOST_TEXT_BYTES:
            size, most = text, MOST_TEXT_BYTES
        if size <= most:
            return
        named = ", ".join(one.file.key for one in kept[:NAMED])
        more = f" and {len(kept) - NAMED} more" if len(kept) > NAMED else ""
        account = place.account or "none"
        raise InvalidError(
            f"these lines are in {len(kept)} files of the billing bucket, of which"
            f" {size / 2**30:.1f} GB would have to be read; the most is"
            f" {most / 2**30:.1f} GB. Look into {named}{more} for account {account}"
            f" (line_item_usage_account_id, in FOCUS SubAccountId) on {place.day}"
            " (line_item_usage_start_date, in FOCUS ChargePeriodStart)"
        )

    def _make_room(self, kept: Sequence[_Kept]) -> None:
        """Drop what was asked for longest ago, but nothing that is asked for now."""
        spared = {one.local for one in kept}
        files = [path for path in self._folder.iterdir() if path.suffix in (".parquet", ".text")]
        held = sum(map(_size, files)) + sum(one.missing for one in kept)
        for path in sorted(files, key=lambda path: path.stat().st_mtime):
            if held <= self._most:
                return
            if path not in spared:
                held -= _size(path)
                path.unlink()
                _note(path).unlink(missing_ok=True)


def _is_of(file: LoadedFile, place: Place) -> bool:
    """Whether a file has lines of the bill; its control totals say so."""
    bill = (place.payer, place.billing_period)
    return any((one.billing_account_id, one.billing_period) == bill for one in file.controls)


def _note(local: Path) -> Path:
    """What is known of a kept file: its row groups that are there, or its columns."""
    return local.with_suffix(f"{local.suffix}.json")


def _there(local: Path) -> set[int]:
    note = _note(local)
    return set(json.loads(note.read_text())) if note.exists() else set()


def _size(local: Path) -> int:
    """What it takes of the disk: what was not brought takes nothing."""
    return local.stat().st_blocks * 512 if local.exists() else 0
