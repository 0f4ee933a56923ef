"""The ports in memory: what the use cases ask of the outside, without an outside."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from finops.domain.bills import Bill
from finops.domain.deliveries import MANIFEST_SUFFIX, FileSeen
from finops.domain.errors import ConflictError, DeliveryChangedError, InvalidError, NotFoundError
from finops.domain.loads import Load, LoadedFile
from finops.usecases.ports import AccountTotals, Document, Page

TRANSACTION = 100  # bills that DynamoDB writes in one step


def clock() -> datetime:
    """A moment that stands still."""
    return datetime(2026, 9, 20, 8, 0, tzinfo=UTC)


class Version(NamedTuple):
    """One version of an object."""

    body: bytes
    version_id: str
    modified_at: datetime
    notes: Mapping[str, str]

    @property
    def etag(self) -> str:
        return hashlib.md5(self.body, usedforsecurity=False).hexdigest()


class InMemoryDeliveries:
    """`Deliveries` over a versioned bucket; *now* is when a write takes place."""

    def __init__(self, now: Callable[[], datetime] = clock) -> None:
        self._now = now
        self._versions: dict[str, list[Version]] = {}
        self._gone: set[str] = set()
        self._writes = 0

    # -- what the world does -----------------------------------------------------------------

    def put(
        self,
        key: str,
        body: bytes | str,
        *,
        modified_at: datetime | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> str:
        """A new version of *key*; its id."""
        self._writes += 1
        raw = body.encode() if isinstance(body, str) else body
        version = Version(raw, f"v{self._writes}", modified_at or self._now(), dict(notes or {}))
        self._versions.setdefault(key, []).append(version)
        self._gone.discard(key)
        return version.version_id

    def remove(self, key: str) -> None:
        """A delete marker: older versions stay."""
        self._gone.add(key)

    def forget_versions(self, key: str) -> None:
        """Old versions of *key* are gone, as a lifecycle rule would have it."""
        del self._versions[key][:-1]

    # -- the port ----------------------------------------------------------------------------

    def read(self, key: str) -> Document:
        newest = self._newest(key)
        if newest is None:
            raise NotFoundError(f"there is no {key} in the billing bucket")
        return Document(
            newest.body.decode("utf-8-sig", errors="replace"),
            newest.version_id,
            newest.modified_at,
            dict(newest.notes),
        )

    def version(self, key: str) -> str | None:
        newest = self._newest(key)
        return newest.version_id if newest else None

    def look(self, keys: Iterable[str]) -> dict[str, FileSeen | None]:
        return {key: self._seen(key) for key in keys}

    def read_range(self, file: LoadedFile, start: int, length: int) -> bytes:
        return self._content(file)[start : start + max(0, length)]

    def download(self, file: LoadedFile, target: Path) -> None:
        target.write_bytes(self._content(file))

    def manifests(self, since: datetime) -> Iterator[str]:
        for key in sorted(self._versions):
            newest = self._newest(key)
            if key.endswith(MANIFEST_SUFFIX) and newest and newest.modified_at >= since:
                yield key

    def _newest(self, key: str) -> Version | None:
        return self._versions[key][-1] if key in self._versions and key not in self._gone else None

    def _seen(self, key: str) -> FileSeen | None:
        newest = self._newest(key)
        if newest is None:
            return None
        return FileSeen(
            etag=newest.etag,
            size=len(newest.body),
            modified_at=newest.modified_at,
            version_id=newest.version_id,
        )

    def _content(self, file: LoadedFile) -> bytes:
        newest = self._newest(file.key)
        named = [v for v in self._versions.get(file.key, ()) if v.version_id == file.version_id]
        for version in ([newest] if newest else []) + named:
            if version.etag == file.etag:
                return version.body
        raise DeliveryChangedError(f"{file.key} was replaced while it was read")


class FolderLedger:
    """`Ledger` on a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, key: str, path: Path) -> None:
        self._write(key, path.read_bytes())

    def get(self, key: str, target: Path) -> None:
        target.write_bytes(self._read(key))

    def cached(self, key: str) -> Path:
        self._read(key)
        return self._path(key)

    def put_json(self, key: str, value: Any) -> None:
        self._write(key, json.dumps(value, sort_keys=True, default=str).encode())

    def get_json(self, key: str) -> Any:
        return json.loads(self._read(key))

    def keys(self, prefix: str) -> Iterator[str]:
        files = (path for path in self._folder.rglob("*") if path.is_file())
        names = (path.relative_to(self._folder).as_posix().replace("~", "=") for path in files)
        yield from sorted(name for name in names if name.startswith(prefix))

    def delete(self, keys: Iterable[str]) -> int:
        listed = list(keys)
        for key in listed:
            self._path(key).unlink(missing_ok=True)
        return len(listed)

    def _path(self, key: str) -> Path:
        """Without `=`: an engine takes folders named like `account=…` for columns."""
        return self._folder / key.replace("=", "~")

    def _write(self, key: str, content: bytes) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def _read(self, key: str) -> bytes:
        path = self._path(key)
        if not path.is_file():
            raise NotFoundError(f"the ledger has no {key}")
        return path.read_bytes()


def _page(found: Sequence[Any], limit: int, cursor: str | None) -> Page:
    try:
        start = int(cursor or 0)
    except ValueError as error:
        raise InvalidError("the cursor is none of ours; start again without it") from error
    end = start + limit
    return Page(found[start:end], str(end) if end < len(found) else None)


class InMemoryLoads:
    """`Loads` in a dictionary."""

    def __init__(self) -> None:
        self._loads: dict[str, Load] = {}
        self._done: dict[str, set[int]] = {}

    def get(self, load_id: str) -> Load:
        found = self.find(load_id)
        if found is None:
            raise NotFoundError(f"there is no load {load_id}; finops loads lists them")
        return found

    def find(self, load_id: str) -> Load | None:
        return self._told(self._loads[load_id]) if load_id in self._loads else None

    def save(self, load: Load) -> Load:
        known = self._loads.get(load.load_id)
        if (known.version if known else 0) != load.version:
            raise ConflictError(f"load {load.load_id} was written by another run")
        saved = load.model_copy(update={"version": load.version + 1})
        self._loads[load.load_id] = saved
        return saved

    def add_done(self, load_id: str, item: int) -> None:
        self._done.setdefault(load_id, set()).add(item)

    def at_place(self, place: str) -> list[Load]:
        return [self._told(load) for load in self._newest_first() if load.place == place]

    def recent(self, limit: int, cursor: str | None = None) -> Page:
        return _page([self._told(load) for load in self._newest_first()], limit, cursor)

    def _newest_first(self) -> list[Load]:
        return sorted(self._loads.values(), key=lambda load: load.recorded_at, reverse=True)

    def _told(self, load: Load) -> Load:
        return load.model_copy(update={"items_done": len(self._done.get(load.load_id, ()))})


class InMemoryBills:
    """`Bills` in dictionaries: the bill that readers see, and each account's totals by load."""

    def __init__(self) -> None:
        self._bills: dict[tuple[str, str], Bill] = {}
        self._totals: dict[
            tuple[str, str], dict[tuple[str | None, str | None, str], AccountTotals]
        ] = {}

    def find(self, payer: str, period: str) -> Bill | None:
        return self._bills.get((payer, period))

    def in_period(self, period: str) -> list[Bill]:
        return [bill for of, bill in sorted(self._bills.items()) if of[1] == period]

    def all(self, limit: int, cursor: str | None = None) -> Page:
        newest_first = sorted(
            self._bills.values(), key=lambda bill: bill.billing_period, reverse=True
        )
        return _page(newest_first, limit, cursor)

    def publish(self, bills: Sequence[Bill]) -> None:
        if len(bills) > TRANSACTION:
            raise InvalidError(f"{len(bills)} bills are more than one step publishes")
        for bill in bills:
            known = self._bills.get(_of(bill))
            if (known.version if known else 0) != bill.version:
                raise ConflictError("another load published one of these bills first")
        for bill in bills:
            saved = bill.model_copy(update={"version": bill.version + 1})
            self._bills[_of(bill)] = saved

    def digests(self, bill: Bill) -> dict[tuple[str | None, str | None], str]:
        return {(t.account, t.currency): t.digest for t in self.account_totals(bill)}

    def account_totals(self, bill: Bill) -> list[AccountTotals]:
        return [totals for totals in self._in_force(bill).values() if totals.digest]

    def write_totals(self, payer: str, period: str, totals: Iterable[AccountTotals]) -> int:
        written = list(totals)
        kept = self._totals.setdefault((payer, period), {})
        kept.update({(t.account, t.currency, t.load_id): t for t in written})
        return len(written)

    def expire_totals(self, bill: Bill, spared: Collection[str]) -> int:
        in_force = {(*of, totals.load_id) for of, totals in self._in_force(bill).items()}
        kept = self._totals.get(_of(bill), {})
        old = [key for key in kept if key not in in_force and key[2] not in spared]
        for key in old:
            del kept[key]
        return len(old)

    def _in_force(self, bill: Bill) -> dict[tuple[str | None, str | None], AccountTotals]:
        newest: dict[tuple[str | None, str | None], AccountTotals] = {}
        for load_id in bill.lineage:  # the current one last
            for (account, currency, made_by), totals in self._totals.get(_of(bill), {}).items():
                if made_by == load_id:
                    newest[account, currency] = totals
        return newest


def _of(bill: Bill) -> tuple[str, str]:
    return bill.billing_account_id, bill.billing_period


class InMemoryRuns:
    """`Runs`: what was started, in order."""

    def __init__(self) -> None:
        self.started: list[str] = []

    def start(self, manifest_key: str) -> str:
        self.started.append(manifest_key)
        return f"run-{len(self.started)}"
