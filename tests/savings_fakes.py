"""Savings, their snapshots and what AWS recommends, in memory."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from finops.domain.audit import Act
from finops.domain.errors import FinOpsError, UnansweredError
from finops.domain.money import TICKS_PER_UNIT
from finops.domain.places import savings_snapshot
from finops.domain.savings import Recommendation, Saving, Snapshot, SnapshotDay, Via
from finops.usecases.ports import Save
from tests.fakes import InMemoryRecords
from tests.rules_fakes import InMemoryKind

PAYER = "999988887777"
ACCOUNT = "111122223333"


def recommendation(
    resource_id: str | None = "i-1",
    action_type: str = "Rightsize",
    savings: int = 10,
    **fields: Any,
) -> Recommendation:
    """What AWS might recommend; *savings* in whole units a month."""
    told: dict[str, Any] = {
        "source": "ComputeOptimizer",
        "recommendation_id": f"{resource_id}-{action_type}",
        "account_id": ACCOUNT,
        "region": "eu-west-1",
        "resource_id": resource_id,
        "resource_type": "Ec2Instance",
        "action_type": action_type,
        "current": "m5.xlarge",
        "recommended": "m5.large",
        "currency": "USD",
        "monthly_savings": savings * TICKS_PER_UNIT,
        "monthly_cost": 4 * savings * TICKS_PER_UNIT,
        "savings_basis_points": 2_500,
        "effort": "Medium",
        "restart_needed": True,
        "rollback_possible": True,
        "lookback_days": 14,
    }
    return Recommendation(**(told | fields))


def saving(
    *options: Recommendation, payer: str = PAYER, on: date = date(2026, 9, 1), **fields: Any
) -> Saving:
    """A case of *options*, found *on* that day."""
    return Saving.found(options or (recommendation(),), payer, on).changed(**fields)


def in_memory_savings(records: InMemoryRecords) -> InMemoryKind[Saving]:
    """`SavingsKept`."""
    return InMemoryKind(records, "saving", "saving_id")


class InMemorySavingsSnapshots:
    """`SavingsSnapshots` in dictionaries."""

    def __init__(self, records: InMemoryRecords) -> None:
        self._days: InMemoryKind[SnapshotDay] = InMemoryKind(records, "savings-day", "snapshot_id")
        self.documents: dict[str, list[Recommendation]] = {}

    def find(self, payer: str, day: date) -> SnapshotDay | None:
        return self._days.find(f"{payer} {day}")

    def all(self) -> Mapping[str, SnapshotDay]:
        return self._days.all()

    def save(self, saves: Sequence[Save], act: Act) -> list[SnapshotDay]:
        return self._days.save(saves, act)

    def write(
        self, payer: str, day: date, via: Via, stated: Iterable[Recommendation]
    ) -> tuple[str, str, int]:
        listed = list(stated)
        told = "\n".join(one.model_dump_json() for one in listed)
        checksum = hashlib.sha256(told.encode()).hexdigest()
        document = savings_snapshot(str(day), f"{via} {payer}", checksum)
        self.documents[document] = listed
        return document, checksum, len(listed)

    def read(self, snapshot: Snapshot) -> Iterator[Recommendation]:
        if snapshot.document not in self.documents:
            raise FinOpsError(f"{snapshot.document} is not what was written there")
        return iter(self.documents[snapshot.document])


class InMemoryRecommendations:
    """`Recommendations`: what was said that AWS recommends; a payer nobody speaks of is silent."""

    def __init__(self) -> None:
        self.stated: dict[str, list[Recommendation]] = {}
        self.asked: list[str] = []

    def of_payer(self, payer: str) -> list[Recommendation]:
        self.asked.append(payer)
        if payer not in self.stated:
            raise UnansweredError(f"Cost Optimization Hub of {payer}: not enrolled")
        return self.stated[payer]
