"""What workloads pay for, in memory."""

from collections.abc import Mapping


class InMemoryWorkloadSpend:
    """`WorkloadSpend`: ticks by workload, by month."""

    def __init__(self) -> None:
        self.months: dict[str, dict[str, int]] = {}

    def of_workloads(self, month: str) -> Mapping[str, int] | None:
        return self.months.get(month)
