"""The engine: a DuckDB connection with a lid on its memory, and the little SQL is quoted with."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from pydantic import BaseModel, ConfigDict

Connection = duckdb.DuckDBPyConnection


class Limits(BaseModel):
    """What a worker may use; beyond *memory_mb* the engine spills to *scratch*."""

    model_config = ConfigDict(frozen=True)

    scratch: Path
    memory_mb: int = 600
    threads: int = 2


@contextmanager
def connect(limits: Limits) -> Iterator[Connection]:
    """A fresh in-memory database that never asks the network for anything."""
    spill = limits.scratch / "spill"
    spill.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(
        config={
            "memory_limit": f"{limits.memory_mb}MB",
            "threads": limits.threads,
            "temp_directory": str(spill),
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    try:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


def text(value: str) -> str:
    """*value* as an SQL string."""
    return "'" + value.replace("'", "''") + "'"


def name(column: str) -> str:
    """*column* as an SQL identifier."""
    return '"' + column.replace('"', '""') + '"'


def paths(files: list[Path]) -> str:
    """*files* as an SQL list."""
    return "[" + ", ".join(text(str(file)) for file in files) + "]"
