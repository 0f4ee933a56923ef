"""A delivery loaded from end to end through the use cases, for tests of what comes after."""

from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from finops.domain.loads import LoadStatus
from finops.domain.places import work
from finops.ledger.engine import Limits, connect
from finops.ledger.inventory import Inventory
from finops.usecases.load_bill import Found, check_load, find_delivery, publish_load
from finops.usecases.reduce_bill import Item, merge_bill, plan_load, reduce_bill
from tests.exports import Export
from tests.fakes import FolderLedger, InMemoryBills, InMemoryDeliveries, InMemoryLoads, InMemoryRuns

QUIET = timedelta(minutes=15)


class House:
    """All ports on fakes, and a way to load what is delivered."""

    def __init__(self, folder: Path) -> None:
        self.deliveries = InMemoryDeliveries()
        self.ledger = FolderLedger(folder / "ledger")
        self.loads = InMemoryLoads()
        self.bills = InMemoryBills()
        self.runs = InMemoryRuns()
        self.limits = Limits(scratch=folder, memory_mb=200, threads=1)
        self._opened = ExitStack()

    @cached_property
    def inventory(self) -> Inventory:
        """In an engine that stays open as long as the house stands."""
        return Inventory(self._opened.enter_context(connect(self.limits)))

    def deliver(self, export: Export, at: datetime, **notes: str) -> None:
        for key, body in export.files.items():
            self.deliveries.put(key, body, modified_at=at)
        self.deliveries.put(export.manifest_key, export.manifest, modified_at=at, notes=notes)

    def look(self, export: Export, now: datetime) -> Found:
        return find_delivery(
            export.manifest_key,
            0,
            now=now,
            wait=timedelta(minutes=1),
            quiet=QUIET,
            deliveries=self.deliveries,
            loads=self.loads,
        )

    def make(self, load_id: str, lines_per_item: int = 1_000_000) -> LoadStatus:
        """Plan, reduce, merge, check: all but the last step."""
        ports: dict[str, Any] = {"loads": self.loads, "ledger": self.ledger, "limits": self.limits}
        plan_load(
            load_id, lines_per_item=lines_per_item, bucket="", deliveries=self.deliveries, **ports
        )
        if self.loads.get(load_id).status is LoadStatus.REFUSED:
            return LoadStatus.REFUSED
        for item in self.ledger.get_json(work(load_id, "items.json")):
            reduce_bill(Item(**item), deliveries=self.deliveries, **ports)
        for one in self.ledger.get_json(work(load_id, "shards.json")):
            merge_bill(load_id, one["shard"], **ports)
        return check_load(load_id, loads=self.loads, ledger=self.ledger).status

    def publish(self, load_id: str, now: datetime) -> LoadStatus:
        return publish_load(
            load_id,
            now=now,
            deliveries=self.deliveries,
            loads=self.loads,
            bills=self.bills,
            ledger=self.ledger,
        ).status

    def load(self, export: Export, at: datetime) -> str:
        """*export* delivered, loaded and published at once; the load's id."""
        self.deliver(export, at)
        found = self.look(export, at)
        assert found.status == "Ready", found
        assert found.load_id is not None
        if self.make(found.load_id) is not LoadStatus.REFUSED:
            self.publish(found.load_id, at)
        return found.load_id
