"""Answers about a month: which files are read, and how much one answer carries."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import duckdb
import pytest

from finops.domain.bills import Bill, BillTotal, cost_query
from finops.domain.loads import Costs
from finops.domain.places import generation
from finops.ledger import queries
from finops.ledger.engine import Limits, connect
from finops.usecases import costs as answering
from finops.usecases.costs import CostAnswer, Summing, costs
from tests.fakes import FolderLedger, InMemoryBills

PAYER, MONTH, LOAD = "111122223333", "2026-09", "a" * 24
NOW = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture
def bills() -> InMemoryBills:
    """One bill whose accounts were merged in two shares; all of them fell into the first."""
    known = InMemoryBills()
    known.publish(
        [
            Bill(
                billing_account_id=PAYER,
                billing_period=MONTH,
                load_id=LOAD,
                delivered_at=NOW,
                published_at=NOW,
                lineage=(LOAD,),
                totals=(BillTotal(billing_currency="USD", costs=Costs()),),
                shards=2,
            )
        ]
    )
    return known


@pytest.fixture
def ledger(tmp_path: Path) -> FolderLedger:
    made = FolderLedger(tmp_path / "ledger")
    root = generation(PAYER, MONTH, LOAD)
    cube = tmp_path / "cube.parquet"
    duckdb.execute(
        "COPY (SELECT 'USD' AS billing_currency, 'AmazonS3' || n AS service_code, 1 AS lines,"
        " 10 AS unblended_cost, 10 AS billed_cost, 10 AS effective_cost, 10 AS list_cost,"
        f" 0 AS unblended_dust FROM range(5) numbers(n)) TO '{cube}' (FORMAT parquet)"
    )
    made.put(f"{root}/cube-0.parquet", cube)
    made.put_json(f"{root}/index.json", {"files": [{"name": "cube-0.parquet", "rows": 5}]})
    return made


@pytest.fixture
def ask(bills: InMemoryBills, ledger: FolderLedger, tmp_path: Path) -> "partial[CostAnswer]":
    @contextmanager
    def engine() -> Iterator[Summing]:
        with connect(Limits(scratch=tmp_path)) as connection:
            yield partial(queries.sums, connection)

    query = cost_query(MONTH, ("service",), ("billed",), {})
    return partial(costs, query, bills=bills, ledger=ledger, engine=engine)


def test_a_share_without_accounts_of_a_bill_has_no_file_of_it(ask: "partial[CostAnswer]") -> None:
    answer = ask()

    assert [row.of for row in answer.rows] == [(f"AmazonS3{n}",) for n in range(5)]
    assert [row.costs for _, row in answer.totals] == [(50,)]


def test_a_page_ends_where_one_answer_can_carry_no_more(
    ask: "partial[CostAnswer]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "PAGE_BYTES", 400)

    pages, cursor = [], None
    while True:
        page = ask(cursor=cursor)
        pages.append([row.of[0] for row in page.rows])
        cursor = page.next_cursor
        if cursor is None:
            break

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [name for page in pages for name in page] == [f"AmazonS3{n}" for n in range(5)]
