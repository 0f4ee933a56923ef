"""A worker: the engine, and folders to work in."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from finops.ledger import engine, sources
from tests.ledger import bill_files
from tests.ledger.bill_files import Ledger


class Worker:
    """Makes ledgers of files, each in a folder of its own."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, root: Path) -> None:
        self.connection = connection
        self._root = root
        self._folders = 0

    def folder(self) -> Path:
        self._folders += 1
        folder = self._root / str(self._folders)
        folder.mkdir()
        return folder

    def ledger(self, *files: Path | sources.Source, **how: Any) -> Ledger:
        return bill_files.ledger(self.connection, self.folder(), files, **how)

    def ledger_of(self, rows: Sequence[dict[str, Any]], **how: Any) -> Ledger:
        """The ledger of one CUR 2.0 file in Parquet."""
        return self.ledger(bill_files.write_parquet(self.folder() / "a.parquet", rows), **how)


@pytest.fixture(scope="session")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    root = tmp_path_factory.mktemp("worker")
    with engine.connect(engine.Limits(scratch=root, memory_mb=500, threads=1)) as connection:
        yield Worker(connection, root)
