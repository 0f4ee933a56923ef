"""Who pays what of a month, asked of files: only what is asked for, and each owner once."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from finops.domain.allocations import PartKind, Reason
from finops.ledger import ownership
from finops.ledger.allocating import OwnersMonth
from tests.exports import MONTH, PAYER
from tests.ledger.conftest import Worker

WEB, APP = "retail.digital.shop.web", "retail.digital.shop.app"
ROW = OwnersMonth(
    payer=PAYER,
    billing_period=MONTH,
    currency="USD",
    product_id=WEB,
    account="444455556666",
    kind=PartKind.POLICY,
    workload_id=None,
    rule="1",
    basis_points=None,
    reason=None,
    meant_for=None,
    charge_class="Support",
    first_day=date(2026, 9, 2),
    last_day=date(2026, 9, 3),
    amount=5,
)
LATER = ROW._replace(first_day=date(2026, 9, 1), last_day=date(2026, 9, 2), amount=2)
OF_APP = ROW._replace(product_id=APP)
CLAIMED = ROW._replace(kind=PartKind.CLAIM, workload_id="w-1", rule=None, charge_class="Usage")
NOBODYS = ROW._replace(
    product_id=None, kind=PartKind.UNALLOCATED, rule=None, reason=Reason.NO_SHARE
)
SUM = ROW._replace(first_day=date(2026, 9, 1), amount=7)


@pytest.fixture
def files(worker: Worker) -> list[Path]:
    """Of two workers: what *ROW* and *LATER* are of is in both files."""
    folder = worker.folder()
    return [
        _write(worker, folder / "0.parquet", [ROW, OF_APP, CLAIMED]),
        _write(worker, folder / "1.parquet", [LATER, NOBODYS]),
    ]


def _write(worker: Worker, path: Path, rows: Sequence[OwnersMonth]) -> Path:
    texts = ", ".join(f"{name} VARCHAR" for name in OwnersMonth._fields)
    typed = texts.replace("_day VARCHAR", "_day DATE").replace("points VARCHAR", "points INTEGER")
    connection = worker.connection
    typed = typed.replace("amount VARCHAR", "amount BIGINT")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE told ({typed})")
    marks = ", ".join("?" * len(OwnersMonth._fields))
    connection.executemany(
        f"INSERT INTO told VALUES ({marks})",
        [tuple(str(one) if isinstance(one, str) else one for one in row) for row in rows],
    )
    connection.execute(f"COPY told TO '{path}'")
    return path


@pytest.mark.parametrize(
    "where, rows",
    [
        ({}, [OF_APP, CLAIMED, SUM, NOBODYS]),
        ({"product": [WEB]}, [CLAIMED, SUM]),
        ({"product": [WEB, APP]}, [OF_APP, CLAIMED, SUM]),
        ({"product": []}, []),
        ({"product": [WEB], "kind": ["Policy"]}, [SUM]),
        ({"kind": ["Unallocated"]}, [NOBODYS]),
    ],
)
def test_those_that_are_asked_for_are_counted_and_told_each_owner_once(
    worker: Worker, files: list[Path], where: ownership.Where, rows: list[OwnersMonth]
) -> None:
    assert ownership.owners(worker.connection, files, where) == rows
    assert ownership.count_owners(worker.connection, files, where) == len(rows)


def test_owners_add_up_by_what_gave_it_to_them(worker: Worker, files: list[Path]) -> None:
    found = ownership.sums(worker.connection, files, ("product", "kind"), {"kind": ["Policy"]})

    assert list(found) == [(APP, "Policy", 5), (WEB, "Policy", 7)]


def test_without_a_file_there_is_no_owner(worker: Worker) -> None:
    assert ownership.owners(worker.connection, [], {}) == []
    assert ownership.count_owners(worker.connection, [], {}) == 0
