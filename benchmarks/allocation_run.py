"""A whole allocation run through the use cases: plan, allocate, spread, publish, on folders.

The ledger is that of `benchmarks.allocate`; what S3 and DynamoDB would add is not in it.
"""

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.contenders import Work

LOAD = "a" * 24


def run(files: Sequence[str], out: str, *, spreads: bool = False) -> Work:
    """The product, from the rules to what readers see; its workers one after the other."""
    import duckdb

    from benchmarks.allocate import MONTH, PAYER, rules_of
    from finops.domain.loads import BillSummary, Costs
    from finops.domain.places import account_folder, generation
    from finops.ledger.engine import Limits
    from finops.usecases.allocate_month import (
        Item,
        allocate_accounts,
        plan_allocation,
        publish_allocation,
        spread_classes,
    )
    from finops.usecases.grounds import Book
    from tests import samples
    from tests.allocation_fakes import InMemoryAllocations
    from tests.fakes import FolderLedger, InMemoryBills
    from tests.usecases.organisation import Organisation

    rules, lives = rules_of(spreads=spreads)
    shutil.rmtree(out, ignore_errors=True)  # what is made already is not made again
    ledger = FolderLedger(Path(out))
    root = generation(PAYER, MONTH, LOAD)
    told: list[dict[str, Any]] = []
    sums: dict[str, defaultdict[str, Costs]] = {
        name: defaultdict(Costs) for name in ("by_account", "by_charge_category", "by_day")
    }
    for file in files:
        name = f"{account_folder(Path(file).stem)}/charges.parquet"
        ledger.put(f"{root}/{name}", Path(file))
        rows = duckdb.execute(
            "SELECT sub_account_id, charge_category, charge_date::VARCHAR, count(*),"
            f" sum(billed_cost)::BIGINT FROM '{file}' GROUP BY ALL"
        ).fetchall()
        told.append({"name": name, "rows": sum(row[3] for row in rows)})
        for *names, lines, cost in rows:
            for by, value in zip(sums.values(), names, strict=True):
                by[value] += Costs(lines=lines, billed_cost=cost)
    summary = BillSummary(
        billing_account_id=PAYER,
        billing_period=MONTH,
        billing_currency="USD",
        costs=Costs(),
        **sums,
    )
    ledger.put_json(
        f"{root}/index.json", {"files": told, "summaries": [summary.model_dump(mode="json")]}
    )
    bills, allocations = InMemoryBills(), InMemoryAllocations()
    bills.publish([samples.bill(LOAD, billing_account_id=PAYER, billing_period=MONTH)])
    known: Any = _Products(lives)
    organisation = Organisation()
    grounds = organisation.grounds._replace(memo=known)
    book = Book(_Rulebook(rules), grounds, rules.basis)

    def work() -> dict[str, int]:
        with tempfile.TemporaryDirectory() as scratch:
            limits = Limits(scratch=Path(scratch), threads=2)
            planned = plan_allocation(
                *(PAYER, MONTH, None),
                book=book,
                bills=bills,
                allocations=allocations,
                closes=organisation.closes,
                ledger=ledger,
                bucket="",
            )
            items = [Item(**item) for item in ledger.get_json(planned.items_key)]
            parts = sum(allocate_accounts(item, ledger=ledger, limits=limits) for item in items)
            if planned.spreads:
                parts += sum(spread_classes(item, ledger=ledger, limits=limits) for item in items)
            publish_allocation(
                planned,
                now=datetime.now(UTC),
                bills=bills,
                allocations=allocations,
                closes=organisation.closes,
                ledger=ledger,
                limits=limits,
            )
        current = allocations.find(PAYER, MONTH)
        return {"parts": parts, "sum": sum(one.whole for one in current.totals) if current else 0}

    return work


class _Rulebook:
    """`Rulebook` of rules that are as they are."""

    def __init__(self, rules: Any) -> None:
        self._rules = rules

    def now(self) -> Any:
        from finops.usecases.ports import RulesNow

        return RulesNow(self._rules, 1)

    def revision(self) -> int:
        return 1


class _Products:
    """Remembers products of no chart."""

    def __init__(self, products: Any) -> None:
        self._products = products

    def of(self, *_: Any) -> Any:
        return self._products
