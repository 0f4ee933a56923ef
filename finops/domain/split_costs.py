"""Split cost allocation: what the containers of an instance cost, never on top of the instance."""

from collections.abc import Mapping, Set

from finops.domain.allocation import split
from finops.domain.errors import InvalidError

UNUSED = "unused"


def container_view(instance: int, containers: Mapping[str, int]) -> dict[str, int]:
    """The cost of one *instance*, taken apart: its *containers* and what none of them used.

    Amounts are ticks. The parts add up to the instance: containers that claim more than the
    instance cost (AWS computes them up to a day later) are cut in proportion.

    >>> container_view(10_00, {"pod-a": 6_00, "pod-b": 3_00})
    {'pod-a': 600, 'pod-b': 300, 'unused': 100}

    Raises InvalidError where a container's cost is negative.
    """
    if UNUSED in containers:
        raise InvalidError(f"a container cannot be called {UNUSED!r}")
    claimed = sum(containers.values())
    if claimed > instance and any(containers.values()):
        return {**split(instance, containers), UNUSED: 0}
    if negative := [name for name, cost in containers.items() if cost < 0]:
        raise InvalidError(f"the split cost of {negative[0]} is negative")
    return {**containers, UNUSED: instance - claimed}


def owners_view(
    instance: int, containers: Mapping[str, int], claimed: Set[str]
) -> tuple[dict[str, int], int]:
    """What *claimed* containers take out of an instance, and what stays with the instance's owner.

    >>> owners_view(10_00, {"pod-a": 6_00, "pod-b": 3_00}, {"pod-a"})
    ({'pod-a': 600}, 400)
    """
    parts = container_view(instance, containers)
    taken = {name: parts[name] for name in sorted(claimed & containers.keys())}
    return taken, instance - sum(taken.values())
