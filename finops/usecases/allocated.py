"""What is allocated, as readers see it: the published run of each bill, and what it says."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from finops.domain.allocation_runs import Allocation
from finops.domain.bills import Bill
from finops.domain.charges import Charge
from finops.domain.class_policies import ChargeClass, CostBasis
from finops.domain.close_figures import Allotment
from finops.domain.discounts import ProductCost
from finops.domain.places import account_folder, allocation, generation
from finops.domain.rule_snapshots import Snapshot
from finops.domain.spend_cards import CardKey, LineKey
from finops.ledger import bookings, engine, ownership
from finops.ledger.allocating import OwnersMonth
from finops.usecases.ports import Allocations, Bills, Ledger

DOWNLOADS = 16
KEPT = 200  # indexes of runs in memory

Engine = Callable[[], AbstractContextManager[engine.Connection]]


class Run(NamedTuple):
    """The run that readers see of a bill, and what its index tells."""

    allocation: Allocation
    told: Mapping[str, Any]

    @property
    def root(self) -> str:
        one = self.allocation
        return allocation(one.billing_account_id, one.billing_period, one.run_id)


class Month(NamedTuple):
    """A month's bills and the runs that were published for them; a bill may have none yet."""

    billing_period: str
    bills: Sequence[Bill]
    runs: Sequence[Run]

    @property
    def waiting(self) -> list[Bill]:
        """The bills that nothing is allocated of yet."""
        known = {run.allocation.billing_account_id for run in self.runs}
        return [bill for bill in self.bills if bill.billing_account_id not in known]


class Shelf:
    """Reads what runs made. An index never changes, so each is read once."""

    def __init__(
        self, allocations: Allocations, bills: Bills, ledger: Ledger, connect: Engine
    ) -> None:
        self.allocations, self.bills, self.ledger = allocations, bills, ledger
        self._connect = connect
        self._indexes: dict[str, Mapping[str, Any]] = {}

    def month(self, period: str) -> Month:
        """The bills and runs of a month, as they are."""
        found = self.allocations.in_period(period)
        return Month(
            period, self.bills.in_period(period), [self.run(allocated) for allocated in found]
        )

    def run(self, allocated: Allocation) -> Run:
        """An allocation with the index of its run."""
        known = self._indexes.get(allocated.run_id)
        if known is None:
            place = Run(allocated, {}).root
            known = self.ledger.get_json(f"{place}/index.json")
            if len(self._indexes) >= KEPT:
                self._indexes.pop(next(iter(self._indexes)))
            self._indexes[allocated.run_id] = known
        return Run(allocated, known)

    def billed(self, run: Run) -> Run | None:
        """The run on billed cost beside *run*: itself, where that is what owners pay."""
        one = run.allocation
        if one.billed_run_id is None or one.billed_run_id == one.run_id:
            return run if one.billed_run_id else None
        on_billed = {"run_id": one.billed_run_id, "basis": CostBasis.BILLED}
        return self.run(one.model_copy(update=on_billed))

    def rules(self, run: Run, account: str | None = None) -> Snapshot:
        """The rules that made a run; of its claims those on resources of *account*, or none."""
        told = json.loads(self.ledger.cached(f"{run.root}/rules.json").read_bytes())
        # There may be a hundred thousand claims, and no question is about all of them.
        claims = [one for one in told["claims"] if one["account_id"] == account]
        return Snapshot(**told | {"claims": claims})

    def owners(self, runs: Iterable[Run], where: ownership.Where) -> list[OwnersMonth]:
        """Who pays what of some bills, by account and what gave it to them."""
        files = self._owners(runs)
        with self._connect() as connection:
            return ownership.owners(connection, files, where)

    def count_owners(self, runs: Iterable[Run], where: ownership.Where) -> int:
        """How many `owners` there are: of a class in proportion, all products of each account."""
        files = self._owners(runs)
        with self._connect() as connection:
            return ownership.count_owners(connection, files, where)

    def sums(
        self, runs: Iterable[Run], by: Sequence[str], where: ownership.Where
    ) -> list[tuple[Any, ...]]:
        """Ticks by some of `ownership.DIMENSIONS`, of the parts that match."""
        accounts = where.get("account")
        named = [accounts] if isinstance(accounts, date) or accounts is None else accounts
        files = self._files(
            key
            for run in runs
            for account in named
            for key in self._parts(run, None if isinstance(account, date) else account)
        )
        with self._connect() as connection:
            return list(ownership.sums(connection, files, by, where))

    def spend(self, run: Run, by: Sequence[str], where: ownership.Where) -> list[tuple[Any, ...]]:
        """The same of a run's sums by product, day, service and class, which are few."""
        files = self._files(f"{run.root}/{name}" for name in run.told["spend"])
        with self._connect() as connection:
            return list(ownership.sums(connection, files, by, where))

    def card_lines(
        self, runs: Iterable[Run], products: Collection[str] | None
    ) -> list[tuple[CardKey, LineKey, int]]:
        """What runs together have for the cards of some products (None: of all)."""
        files = self._sums(runs, "cards")
        with self._connect() as connection:
            return list(bookings.card_lines(connection, files, products))

    def allotments(self, runs: Iterable[Run]) -> list[Allotment]:
        """What is paid of invoices, by product and account."""
        files = self._sums(runs, "allotments")
        with self._connect() as connection:
            return list(bookings.allotments(connection, files))

    def invoiced(self, bill: Bill) -> list[Allotment]:
        """What the ledger has of a bill's invoices, whoever pays for it (`bookings.invoiced`)."""
        index = self._of_bill(bill)
        is_net = any(summary["is_net"] for summary in index["summaries"])
        files = self._cubes(bill, index)
        with self._connect() as connection:
            return list(bookings.invoiced(connection, files, is_net=is_net))

    def charged_days(
        self, bill: Bill, basis: CostBasis, classes: Collection[ChargeClass]
    ) -> Mapping[str, set[date]]:
        """The days on which each account of a bill has charges of some classes."""
        files = self._cubes(bill, self._of_bill(bill))
        with self._connect() as connection:
            return bookings.charged_days(connection, files, basis, classes)

    def weeks(self, runs: Iterable[Run]) -> list[tuple[tuple[str, str | None], date, int]]:
        """What they give each product and currency for each business week, which is little to read."""
        files = self._sums(runs, "days")
        with self._connect() as connection:
            return list(bookings.weeks(connection, files))

    def parts(self, run: Run, account: str | None, day: date) -> list[Any]:
        """The parts of an account's day."""
        files = self._files(self._parts(run, account or ""))
        with self._connect() as connection:
            return ownership.parts(connection, files, account, day)

    def charges(self, run: Run, account: str | None, day: date) -> list[Charge]:
        """The charges of the ledger that a run was made of, of an account's day."""
        one = run.allocation
        source = generation(one.billing_account_id, one.billing_period, one.load_id)
        files = self._files([f"{source}/{account_folder(account)}/charges.parquet"])
        with self._connect() as connection:
            return ownership.charges(connection, files, day)

    def _of_bill(self, bill: Bill) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.ledger.get_json(f"{_generation(bill)}/index.json")
        return found

    def _cubes(self, bill: Bill, index: Mapping[str, Any]) -> list[Path]:
        """The files of a bill without its resources."""
        named = (str(file["name"]) for file in index["files"])
        return self._files(f"{_generation(bill)}/{n}" for n in named if n.startswith("cube"))

    def _owners(self, runs: Iterable[Run]) -> list[Path]:
        return self._sums(runs, "owners")

    def _sums(self, runs: Iterable[Run], kind: str) -> list[Path]:
        return self._files(f"{run.root}/{name}" for run in runs for name in run.told[kind])

    def _parts(self, run: Run, account: str | None) -> Iterator[str]:
        """The files that hold parts of an account ("": of none); of any, where it is None."""
        folder = None if account is None else account_folder(account or None)
        for file in run.told["parts"]:
            if folder is None or folder in file["accounts"]:
                yield f"{run.root}/{file['name']}"

    def _files(self, keys: Iterable[str]) -> list[Path]:
        listed = list(dict.fromkeys(keys))
        with ThreadPoolExecutor(DOWNLOADS) as pool:
            return list(pool.map(self.ledger.cached, listed))


def _generation(bill: Bill) -> str:
    return generation(bill.billing_account_id, bill.billing_period, bill.load_id)


class RunSpend:
    """`finops.usecases.ports.ProductSpend`: what published runs say of products by day and service.

    A run never changes, so what was asked of it is remembered.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._known: dict[str, dict[str, list[ProductCost]]] = {}  # by run and product

    def rows(self, month: str, products: Collection[str] | None) -> Iterable[ProductCost]:
        for run in self._shelf.month(month).runs:
            if products is None:  # of all there are too many to be remembered
                yield from self._read(run, {})
                continue
            known = self._of(run.allocation.run_id)
            if missing := sorted(set(products) - known.keys()):
                known |= {product: [] for product in missing}
                for cost in self._read(run, {"product": missing}):
                    known[cost.product_id].append(cost)
            for product in sorted(set(products)):
                yield from known[product]

    def _of(self, run_id: str) -> dict[str, list[ProductCost]]:
        if run_id not in self._known:
            if len(self._known) >= KEPT:
                self._known.pop(next(iter(self._known)))
            self._known[run_id] = {}
        return self._known[run_id]

    def _read(self, run: Run, where: Mapping[str, Sequence[str]]) -> list[ProductCost]:
        by = ("product", "currency", "day", "service", "class")
        payer = run.allocation.billing_account_id
        return [
            ProductCost(product, currency, day, service, int(ticks), payer, ChargeClass(name))
            for product, currency, day, service, name, ticks in self._shelf.spend(run, by, where)
            if product is not None
        ]
