"""Bills on fakes whose allocation is published, for tests that take figures apart."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from finops.domain.allocation_runs import ENGINE, Allocation
from finops.domain.allocations import Lives, Rules, added
from finops.domain.bills import Bill
from finops.domain.charges import Charge, LineItem
from finops.domain.people import Person, Role
from finops.domain.periods import Period
from finops.domain.places import account_folder, allocation, generation
from finops.domain.rule_snapshots import Scene, Snapshot
from finops.ledger import allocating, engine
from finops.usecases.allocated import Shelf
from finops.usecases.originals import Originals
from finops.usecases.ports import Allocations
from tests import samples
from tests.allocation_fakes import InMemoryAllocations
from tests.domain.test_allocations import shares
from tests.exports import MONTH, PAYER, Export, Line, overwritten
from tests.fakes import FolderLedger, InMemoryBills, clock
from tests.ledger.bill_files import cur_row, write_parquet
from tests.ledger.test_allocating import write_charges
from tests.loading import House

ACCOUNT = Line("0").account
ADMIN = Person(email="fin@example.com", role=Role.FINANCIAL_ADMIN)


def owner(product: str) -> Person:
    """Who holds a product, and nothing else."""
    return Person(email="owner@example.com", role=Role.PRODUCT_OWNER, scope=(product,))


class Stand(NamedTuple):
    """Ports on fakes, and an engine that stays open."""

    ledger: FolderLedger
    bills: InMemoryBills
    allocations: Allocations
    connection: engine.Connection

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.allocations, self.bills, self.ledger, self.connect)

    def connect(self) -> AbstractContextManager[engine.Connection]:
        return nullcontext(self.connection)

    def allocate(self, bill: Bill, folder: Path, rules: Rules, products: Lives) -> None:
        """Publish who pays for a bill: a run in two workers, as the state machine makes it."""
        payer, period = bill.billing_account_id, bill.billing_period
        source = generation(payer, period, bill.load_id)
        accounts = [
            key.removeprefix(f"{source}/").removesuffix("/charges.parquet")
            for key in self.ledger.keys(source)
            if key.endswith("/charges.parquet")
        ]
        days = Period(date(2025, 1, 1), date(2028, 1, 1))
        ids = frozenset(name.removeprefix("account=") for name in accounts)
        snapshot = Snapshot.of(rules, products, Scene(payer, period, days, ids))
        run_id = snapshot.run_id(source, ENGINE)
        root = allocation(payer, period, run_id)
        current = self.allocations.find(payer, period)
        told: dict[str, list[Any]] = {"parts": [], "owners": []}
        with self.connect() as connection:
            made = []
            shards = [some for some in (accounts[::2], accounts[1::2]) if some]
            for shard, mine in enumerate(shards):
                files = [self.ledger.cached(f"{source}/{name}/charges.parquet") for name in mine]
                target = folder / f"{run_id}-{shard}"
                made.append(
                    allocating.allocate(connection, files, target, snapshot.rules, products)
                )
            spends = added(one.spends for one in made)
            for shard, one in enumerate(list(made)):
                some = [one]
                if one.waiting:
                    target = folder / f"{run_id}-{shard}"
                    some.append(allocating.spread(connection, one.waiting, spends, target))
                for each in some:
                    for path in (*each.parts, each.owners):
                        name = f"{len(told['parts'])}-{len(told['owners'])}-{path.name}"
                        self.ledger.put(f"{root}/{name}", path)
                        if path == each.owners:
                            told["owners"].append(name)
                        else:
                            told["parts"].append({"name": name, "accounts": shards[shard]})
        self.ledger.put_json(f"{root}/rules.json", snapshot.model_dump(mode="json"))
        self.ledger.put_json(f"{root}/index.json", told)
        self.allocations.publish(
            Allocation(
                billing_account_id=payer,
                billing_period=period,
                run_id=run_id,
                load_id=bill.load_id,
                basis=rules.basis,
                revision=1,
                made_at=clock(),
                lineage=(run_id,),
                totals=(),
                version=current.version if current else 0,
            )
        )


def shelved(
    connection: engine.Connection,
    folder: Path,
    charges: Sequence[Charge],
    rules: Rules,
    products: Lives,
) -> Shelf:
    """The shelf of a house whose ledger holds just *charges*."""
    folder.mkdir(parents=True, exist_ok=True)
    ledger = FolderLedger(folder / "ledger")
    stand = Stand(ledger, InMemoryBills(), InMemoryAllocations(), connection)
    by_bill: defaultdict[tuple[str, str], list[Charge]] = defaultdict(list)
    for charge in charges:
        by_bill[charge.key.billing_account_id, charge.key.billing_period].append(charge)
    for (payer, period), of_bill in by_bill.items():
        bill = samples.bill(billing_account_id=payer, billing_period=period)
        stand.bills.publish([bill.model_copy(update={"version": 0})])
        source = generation(payer, period, bill.load_id)
        for account in {charge.key.sub_account_id for charge in of_bill}:
            mine = [charge for charge in of_bill if charge.key.sub_account_id == account]
            path = write_charges(folder / "charges.parquet", mine)
            stand.ledger.put(f"{source}/{account_folder(account)}/charges.parquet", path)
        stand.allocate(bill, folder, rules, products)
    return stand.shelf


class Explained(NamedTuple):
    """A house with a loaded and allocated bill, and what lines are read with."""

    house: House
    stand: Stand
    originals: Originals

    @property
    def lines(self) -> Mapping[str, Any]:
        """The ports of `explain_lines`."""
        return {
            "shelf": self.stand.shelf,
            "loads": self.house.loads,
            "originals": self.originals,
            "connect": self.stand.connect,
        }


def explained(
    connection: engine.Connection,
    folder: Path,
    exports: Iterable[Export],
    rules: Rules,
    products: Lives,
) -> Explained:
    """A house into which *exports* were loaded, a day apart, and allocated."""
    folder.mkdir(parents=True, exist_ok=True)
    house = House(folder)
    # What a gzipped text is read with.
    house.limits = engine.Limits(scratch=folder, memory_mb=600, threads=1)
    for number, export in enumerate(exports):
        house.load(export, clock() + timedelta(number))
    stand = Stand(house.ledger, house.bills, InMemoryAllocations(), connection)
    for bill in house.bills.all(100).items:
        stand.allocate(bill, folder, rules, products)
    return Explained(house, stand, Originals(house.deliveries, folder / "originals"))


def paid_by(product: str, house: House, allocations: Allocations) -> None:
    """All of the account of `tests.exports.Line` is a product's."""
    [bill] = [one for one in house.bills.in_period(MONTH) if one.billing_account_id == PAYER]
    start = date(2026, 9, 1)
    rules = Rules(shares={ACCOUNT: shares(ACCOUNT, (start, {product: 10_000}))})
    lives = {product: (Period(date(2026, 1, 1), date(2027, 1, 1)),)}
    with engine.connect(house.limits) as connection:
        stand = Stand(house.ledger, house.bills, allocations, connection)
        stand.allocate(bill, house.limits.scratch, rules, lives)


def delivered_lines(lines: Sequence[LineItem], folder: Path) -> Export:
    """A delivery of one Parquet file."""
    rows = [cur_row(one) for one in lines]
    path = write_parquet(folder / "delivered.parquet", rows, group=3)
    return overwritten("00000000-0000-0000-0000-000000000000", [path.read_bytes()])
