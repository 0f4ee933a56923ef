"""Of a delivered file just those row groups are read that may hold the lines asked for."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from finops.domain.charges import LineItem
from finops.ledger import sources
from finops.ledger.origins import DetailedLines, Place, RowGroup, ranges, row_groups
from tests.ledger.bill_files import PAYER, WEB, cur_row, focus_row, line, write_parquet
from tests.ledger.conftest import Worker

FIRST = date(2026, 9, 1)


def place(**told: Any) -> Place:
    given: dict[str, Any] = {"payer": PAYER, "billing_period": "2026-09", "account": WEB}
    return Place(**given | {"day": FIRST} | told)


def groups_of(
    worker: Worker, lines: Sequence[LineItem], of: Place, *, focus: bool = False
) -> list[int]:
    """The numbers of the row groups, of two lines each, that are to be read."""
    rows = [focus_row(one, one.unblended_cost) if focus else cur_row(one) for one in lines]
    path = write_parquet(worker.folder() / "a.parquet", rows, group=2)
    source = sources.open_parquet(worker.connection, path)
    return [one.number for one in row_groups(worker.connection, DetailedLines(source), of)]


@pytest.mark.parametrize("focus", [False, True])
def test_row_groups_of_other_days_are_not_read(worker: Worker, focus: bool) -> None:
    lines = [line("1", charge_date=FIRST + timedelta(n // 2)) for n in range(6)]

    for n in range(3):
        of = place(day=FIRST + timedelta(n))
        assert groups_of(worker, lines, of, focus=focus) == [n]


@pytest.mark.parametrize("focus", [False, True])
def test_row_groups_of_other_accounts_are_not_read(worker: Worker, focus: bool) -> None:
    accounts = ["1", "1", "1", WEB, "5", "6"]
    lines = [line("1", sub_account_id=account) for account in accounts]

    assert groups_of(worker, lines, place(), focus=focus) == [1]


def test_lines_of_no_account_may_be_anywhere(worker: Worker) -> None:
    lines = [line("1"), line("1"), line("1"), line("1", sub_account_id=None)]

    assert groups_of(worker, lines, place(account=None)) == [0, 1]


def test_neighbours_are_one_range_and_others_are_not() -> None:
    source = sources.Source(path=Path("a"), format="CUR 2.0", columns=())
    groups = [RowGroup(n, 10 * n, 10, ()) for n in (0, 1, 3)]

    found = [(one.first_row, one.rows) for one in ranges(source, groups)]

    assert found == [(0, 20), (30, 10)]
    assert list(ranges(source, [])) == []
