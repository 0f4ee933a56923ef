"""Exact sums of the ledger by any of its dimensions, a page at a time."""

from decimal import Decimal
from typing import Any

import pytest

from finops.domain.bills import DIMENSIONS, cost_query
from finops.domain.money import TICKS_PER_UNIT
from finops.ledger import queries
from finops.ledger.queries import Sums
from tests.ledger.bill_files import PAYER, WEB, Ledger, cur_row, line, tagged
from tests.ledger.conftest import Worker

UNIT = TICKS_PER_UNIT
TEAM = tagged(**{"user:Team": "it's"})


@pytest.fixture(scope="module")
def month(worker: Worker) -> Ledger:
    return worker.ledger_of(
        [
            cur_row(one)
            for one in (
                line("1", resource_id="i-1", tags=TEAM, list_cost=Decimal(2)),
                line("2", resource_id="i-2"),
                line("4", service_code="AmazonS3", region_id=None),
                line("8", sub_account_id=PAYER, line_item_type="Tax"),
                line("16", sub_account_id=PAYER, billing_currency="CNY"),
            )
        ]
    )


def asked(
    worker: Worker,
    month: Ledger,
    *by: str,
    costs: tuple[str, ...] = ("billed",),
    offset: int = 0,
    limit: int | None = None,
    **where: str,
) -> Sums:
    query = cost_query("2026-09", by, costs, where)
    name = "/charges.parquet" if query.needs_resources else "cube-"
    files = [file.path for file in month.merged.files if name in file.name]
    return queries.sums(worker.connection, files, query, offset=offset, limit=limit)


def test_rows_are_dimensions_lines_costs_and_dust_in_order_what_is_absent_last(
    worker: Worker, month: Ledger
) -> None:
    found = asked(worker, month, "region", "service", currency="USD")

    assert found.rows == [
        ("eu-west-1", "AmazonEC2", 3, 11 * UNIT, 0),
        (None, "AmazonS3", 1, 4 * UNIT, 0),
    ]
    assert found.totals == [("USD", 4, 15 * UNIT, 0)]


def test_totals_are_by_currency_and_of_all_rows_whatever_the_page(
    worker: Worker, month: Ledger
) -> None:
    first = asked(worker, month, "account", "currency", limit=2)
    second = asked(worker, month, "account", "currency", offset=2, limit=2)
    beyond = asked(worker, month, "account", "currency", offset=4, limit=2)

    assert [row[:2] for row in (*first.rows, *second.rows)] == [
        (PAYER, "CNY"),
        (PAYER, "USD"),
        (WEB, "USD"),
    ]
    assert first.number == second.number == 3
    assert beyond.rows == []
    for page in (first, second, beyond):
        assert page.totals == [("CNY", 1, 16 * UNIT, 0), ("USD", 4, 15 * UNIT, 0)]


def test_a_cost_that_nobody_states_is_none(worker: Worker, month: Ledger) -> None:
    found = asked(worker, month, "account", costs=("list", "billed"), currency="USD")

    assert found.rows == [(PAYER, 1, None, 8 * UNIT, 0), (WEB, 3, 2 * UNIT, 7 * UNIT, 0)]


@pytest.mark.parametrize(
    "dimension, value, ticks",
    [
        ("resource", "i-2", 2 * UNIT),
        ("tags", TEAM, 1 * UNIT),
        ("region", "(none)", 4 * UNIT),
        ("day", "2026-09-01", 15 * UNIT),
        ("account", "'; DROP TABLE charges; --", None),
    ],
)
def test_a_filter_keeps_what_is_equal_and_runs_nothing(
    worker: Worker, month: Ledger, dimension: str, value: str, ticks: int | None
) -> None:
    where: dict[str, Any] = {dimension: value}
    found = asked(worker, month, currency="USD", **where)

    assert [row[1] for row in found.rows] == ([] if ticks is None else [ticks])


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_the_groups_of_every_dimension_add_up_to_the_month(
    worker: Worker, month: Ledger, dimension: str
) -> None:
    found = asked(worker, month, dimension)

    assert sum(row[2] for row in found.rows) == 31 * UNIT
    assert found.number == len(found.rows)
