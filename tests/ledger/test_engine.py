"""The engine keeps to itself, and quotes what it is given."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.ledger import engine
from tests.ledger.conftest import Worker

some = settings(max_examples=60, deadline=None, derandomize=True)
WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


@some
@given(WORDS)
def test_a_value_stays_what_it_is_whatever_it_holds(worker: Worker, value: str) -> None:
    assert worker.connection.execute(f"SELECT {engine.text(value)}").fetchall() == [(value,)]


@some
@given(WORDS.filter(bool))
def test_a_column_stays_a_column_whatever_its_title_holds(worker: Worker, title: str) -> None:
    asked = worker.connection.execute(f"SELECT 1 AS {engine.name(title)}")

    assert asked.description[0][0] == title


def test_no_extension_is_asked_of_the_network(worker: Worker) -> None:
    asked = worker.connection.execute(
        "SELECT name, value FROM duckdb_settings() WHERE name IN"
        " ('autoinstall_known_extensions', 'autoload_known_extensions', 'TimeZone') ORDER BY name"
    )

    assert dict(asked.fetchall()) == {
        "TimeZone": "UTC",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }


def test_memory_has_a_lid(worker: Worker) -> None:
    with engine.connect(engine.Limits(scratch=worker.folder(), memory_mb=20)) as connection:
        connection.execute("SET temp_directory = ''")
        with pytest.raises(duckdb.OutOfMemoryException):
            connection.execute("CREATE TABLE t AS SELECT range::VARCHAR AS n FROM range(9000000)")
