"""Card trees: the lines of a card as a tree: account, what gave it to the product, service.

Every node comes to the sum of those below it, to the last tick. A tree may end above its services,
where it would have too many nodes to be told at once.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from finops.domain.allocations import PartKind
from finops.domain.spend_cards import CardLine, Lines, total

LEVELS = 3  # account, what gave it, service


class ServiceNode(NamedTuple):
    """What a service comes to, in ticks; None: charges of no service."""

    service: str | None
    amount: int


class GivenNode(NamedTuple):
    """What a share, claim, rule or policy gave to the product of an account.

    *services* is None where the tree ends here.
    """

    kind: PartKind
    workload_id: str | None
    rule: str | None
    amount: int
    services: tuple[ServiceNode, ...] | None


class AccountNode(NamedTuple):
    """What the product pays of an account; None: what policies gave, and charges of no account.

    *given* is None where the tree ends here.
    """

    account_id: str | None
    amount: int
    given: tuple[GivenNode, ...] | None


def depth(groups: Iterable[Lines], most: int) -> int:
    """How many levels trees of *groups* of lines may have, to have at most so many nodes together.

    >>> line = CardLine(account_id="a", kind=PartKind.SHARE, service="EC2", amount=1)
    >>> [depth([(line,)], most) for most in (3, 2, 1, 0)]
    [3, 2, 1, 0]
    """
    accounts = given = services = 0
    for lines in groups:
        accounts += len({line.account_id for line in lines})
        given += len({line.key[:-1] for line in lines})
        services += len(lines)
    counts = (accounts, accounts + given, accounts + given + services)
    return sum(count <= most for count in counts)


def card_tree(lines: Iterable[CardLine], levels: int = LEVELS) -> tuple[AccountNode, ...]:
    """The tree of *lines*, so many levels of it; of each the largest first, a credit by its size."""
    if levels < 1:
        return ()
    accounts: defaultdict[str | None, list[CardLine]] = defaultdict(list)
    for line in lines:
        accounts[line.account_id].append(line)
    nodes = (
        AccountNode(id_, total(some), _given(some, levels) if levels > 1 else None)
        for id_, some in accounts.items()
    )
    return tuple(sorted(nodes, key=lambda one: (-abs(one.amount), one.account_id or "")))


def _given(lines: Iterable[CardLine], levels: int) -> tuple[GivenNode, ...]:
    groups: defaultdict[tuple[PartKind, str | None, str | None], list[CardLine]] = defaultdict(list)
    for line in lines:
        groups[line.kind, line.workload_id, line.rule].append(line)
    nodes = (
        GivenNode(*of, total(some), _services(some) if levels > 2 else None)
        for of, some in groups.items()
    )
    return tuple(
        sorted(
            nodes,
            key=lambda one: (-abs(one.amount), one.kind, one.workload_id or "", one.rule or ""),
        )
    )


def _services(lines: Iterable[CardLine]) -> tuple[ServiceNode, ...]:
    sums: defaultdict[str | None, int] = defaultdict(int)
    for line in lines:
        sums[line.service] += line.amount
    nodes = (ServiceNode(service, amount) for service, amount in sums.items())
    return tuple(sorted(nodes, key=lambda one: (-abs(one.amount), one.service or "")))


class Branch(NamedTuple):
    """A part of a tree, by account and as far down as it is named; "" is what has none."""

    account: str
    kind: PartKind | None = None
    workload: str | None = None
    rule: str | None = None
    service: str | None = None

    def has(self, line: CardLine) -> bool:
        """Whether *line* is on this branch."""
        return all(
            wanted in (None, own or "")
            for wanted, own in (
                (self.account, line.account_id),
                (self.kind, line.kind),
                (self.workload, line.workload_id),
                (self.rule, line.rule),
                (self.service, line.service),
            )
        )

    def of(self, lines: Iterable[CardLine]) -> Lines:
        """Those of *lines* that are on this branch."""
        return tuple(line for line in lines if self.has(line))
