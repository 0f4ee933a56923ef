"""The ports of the allocation run, in memory."""

from collections.abc import Iterable, Sequence

from finops.domain.allocation_runs import Allocation
from finops.domain.errors import ConflictError
from finops.usecases.ports import Rollup

Of = tuple[str, str]  # payer, billing period
Element = tuple[str, str | None]  # element, currency


class InMemoryAllocations:
    """`Allocations`: the one that readers see of each bill, and the roll-ups that runs made.

    *written* counts all that was ever written: roll-ups, and allocations published.
    """

    def __init__(self) -> None:
        self._current: dict[Of, Allocation] = {}
        self._made: dict[Of, dict[tuple[Element, str], Rollup]] = {}
        self.written = 0

    def find(self, payer: str, period: str) -> Allocation | None:
        return self._current.get((payer, period))

    def in_period(self, period: str) -> list[Allocation]:
        return [one for of, one in sorted(self._current.items()) if of[1] == period]

    def all(self) -> Sequence[Allocation]:
        return [one for _, one in sorted(self._current.items())]

    def publish(self, allocation: Allocation) -> None:
        of = _of(allocation)
        known = self._current.get(of)
        if (known.version if known else 0) != allocation.version:
            raise ConflictError("another run was published first")
        self._current[of] = allocation.model_copy(update={"version": allocation.version + 1})
        self.written += 1

    def digests(self, allocation: Allocation) -> dict[Element, str]:
        return {of: one.digest for of, one in self._in_force(allocation).items() if one.digest}

    def rollups(self, allocation: Allocation, element: str) -> list[Rollup]:
        found = self._in_force(allocation).values()
        return [one for one in found if one.element == element and one.digest]

    def write_rollups(self, allocation: Allocation, made: Iterable[Rollup]) -> int:
        kept = self._made.setdefault(_of(allocation), {})
        listed = list(made)
        for one in listed:
            kept[(one.element, one.currency), allocation.lineage[-1]] = one
        self.written += len(listed)
        return len(listed)

    def expire_rollups(self, allocation: Allocation) -> int:
        kept = self._made.get(_of(allocation), {})
        in_force = self._in_force(allocation)
        gone = [
            (of, turn)
            for (of, turn), one in kept.items()
            if not allocation.keeps(turn) and in_force.get(of) is not one
        ]
        for key in gone:
            del kept[key]
        return len(gone)

    def _in_force(self, allocation: Allocation) -> dict[Element, Rollup]:
        """Of each element what the newest turn of the lineage made of it."""
        kept = self._made.get(_of(allocation), {})
        newest: dict[Element, Rollup] = {}
        for turn in allocation.lineage:
            newest |= {of: one for (of, by), one in kept.items() if by == turn}
        return newest


def _of(allocation: Allocation) -> Of:
    return (allocation.billing_account_id, allocation.billing_period)


class InMemoryAllocationRuns:
    """`AllocationRuns`: what was started, by name; the others than *failed* and *succeeded* run."""

    def __init__(self) -> None:
        self.started: dict[str, tuple[str, str, str | None]] = {}
        self.failed: set[str] = set()
        self.succeeded: set[str] = set()

    def start(self, name: str, payer: str, period: str, preview_id: str | None = None) -> None:
        if name not in self.started or name in self.failed | self.succeeded:
            self.started[name] = (payer, period, preview_id)
            self.failed.discard(name)
            self.succeeded.discard(name)

    def has_failed(self, name: str) -> bool:
        return name in self.failed
