"""What was worked out last, kept in memory until what it is made of changes."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from finops.domain.values import Entity

T = TypeVar("T")


class Memo:
    """Results by name, each with the stamp of what it is made of."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[Hashable, Any]] = {}

    def of(self, name: Hashable, stamp: Hashable, make: Callable[[], T]) -> T:
        """The result of this *name*; made anew where *stamp* is another one."""
        kept = self._kept.get(name)
        if kept is None or kept[0] != stamp:
            kept = (stamp, make())
            self._kept[name] = kept
        result: T = kept[1]
        return result

    def each(
        self,
        name: Hashable,
        stamp: Hashable,
        versions: Mapping[str, int],
        make: Callable[[str], T],
    ) -> tuple[dict[str, T], list[str]]:
        """A result for each key of *versions*, and the keys that were made anew.

        All are where *stamp* is another one, else those whose version is another one: a change of
        one product is not paid for by five thousand.
        """
        kept: _Each[T] = self.of((name, "each"), stamp, _Each)
        anew = [key for key, version in versions.items() if kept.versions.get(key) != version]
        for key in anew:
            kept.results[key] = make(key)
            kept.versions[key] = versions[key]
        return kept.results, anew


class _Each(Generic[T]):
    def __init__(self) -> None:
        self.results: dict[str, T] = {}
        self.versions: dict[str, int] = {}


def stamp(entities: Iterable[Entity]) -> tuple[int, int]:
    """Versions only grow: the same number of entities and of changes means that none changed."""
    count = total = 0
    for entity in entities:
        count += 1
        total += entity.version
    return count, total
