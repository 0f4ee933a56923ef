"""What the use cases need from outside, in their own words; `finops.adapters` answers."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from finops.domain.bills import Bill
from finops.domain.deliveries import FileSeen
from finops.domain.loads import Load, LoadedFile


class Document(NamedTuple):
    """A small object as it was read: its text, and the version of the text."""

    text: str
    version: str
    modified_at: datetime
    notes: dict[str, str]


class Deliveries(Protocol):
    """The bucket that bills are delivered to. Every read is of one version, or it fails."""

    def read(self, key: str) -> Document:
        """The object *key* as it is now; NotFoundError where there is none."""
        ...

    def version(self, key: str) -> str | None:
        """The version of *key* now, None where it is gone."""
        ...

    def look(self, keys: Iterable[str]) -> dict[str, FileSeen | None]:
        """Each of *keys* as it is now, None for those that are not there."""
        ...

    def read_range(self, file: LoadedFile, start: int, length: int) -> bytes:
        """Some bytes of that very version; DeliveryChangedError where it is gone."""
        ...

    def download(self, file: LoadedFile, target: Path) -> None:
        """That very version, whole; DeliveryChangedError where it is gone."""
        ...

    def manifests(self, since: datetime) -> Iterator[str]:
        """The keys of all manifests written *since* then, to the last page."""
        ...


class Ledger(Protocol):
    """The bucket of the ledger: published generations, and scratch of loads under way."""

    def put(self, key: str, path: Path) -> None: ...
    def get(self, key: str, target: Path) -> None: ...
    def cached(self, key: str) -> Path:
        """A published object as a local file, kept for the next question: it never changes."""
        ...

    def put_json(self, key: str, value: Any) -> None: ...
    def get_json(self, key: str) -> Any:
        """NotFoundError where there is no such object."""
        ...

    def keys(self, prefix: str) -> Iterator[str]: ...
    def delete(self, keys: Iterable[str]) -> int: ...


class Page(NamedTuple):
    """Some items, and the cursor to go on with."""

    items: Sequence[Any]
    next_cursor: str | None


class Loads(Protocol):
    """The record of every delivery and what became of it."""

    def get(self, load_id: str) -> Load:
        """NotFoundError where nobody has seen that delivery."""
        ...

    def find(self, load_id: str) -> Load | None: ...
    def save(self, load: Load) -> Load:
        """*load* with its next version; ConflictError where another writer was faster."""
        ...

    def add_done(self, load_id: str, item: int) -> None:
        """One more work item is reduced; saying so twice counts once."""
        ...

    def at_place(self, place: str) -> list[Load]:
        """The loads of one partition of an export, newest first."""
        ...

    def recent(self, limit: int, cursor: str | None = None) -> Page: ...


class AccountTotals(NamedTuple):
    """The totals of an account's month as one load made them."""

    account: str | None
    currency: str | None
    load_id: str
    digest: str
    days: dict[str, dict[str, list[Any]]] | None  # None: the account is gone from the bill


class Bills(Protocol):
    """The bills that readers see, and the totals of their accounts."""

    def find(self, payer: str, period: str) -> Bill | None: ...
    def in_period(self, period: str) -> list[Bill]: ...
    def all(self, limit: int, cursor: str | None = None) -> Page: ...
    def publish(self, bills: Sequence[Bill]) -> None:
        """All of *bills* in one step, each over the version it was made from; else ConflictError."""
        ...

    def digests(self, bill: Bill) -> dict[tuple[str | None, str | None], str]:
        """What is in force for each account (and currency) of *bill*."""
        ...

    def account_totals(self, bill: Bill) -> list[AccountTotals]:
        """What is in force for each account of *bill*."""
        ...

    def write_totals(self, payer: str, period: str, totals: Iterable[AccountTotals]) -> int: ...
    def expire_totals(self, bill: Bill, spared: Collection[str]) -> int:
        """Drop the totals that *bill* does not refer to, but for those that *spared* loads made."""
        ...


class Runs(Protocol):
    """The state machine that loads bills."""

    def start(self, manifest_key: str) -> str: ...
