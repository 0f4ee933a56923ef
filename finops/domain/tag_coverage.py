"""Tag coverage: how much of what runs, in money and in count, has the tags it should have.

The functions here are the plain form, one resource at a time; `finops.ledger.tag_coverage` says the
same of a million and is tested against these.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from finops.domain.claim_rules import ClaimRule, Resource, read_tags
from finops.domain.tag_settings import TagAliases

OTHERS = "(others)"  # products that somebody is not to know of
WHOLE = 10_000  # basis points
RARE_RESOURCES = 2  # a value that so few have ...
RARE_PART = 100  # ... of so many times more that have the key, is rare


class CoverageBy(StrEnum):
    """What coverage is told apart by."""

    TOTAL = "Total"
    ACCOUNT = "Account"
    SERVICE = "Service"
    OWNER = "Owner"


class Owners(NamedTuple):
    """Who is asked about a resource: one product, though many may pay.

    By claim (*claims*: account, resource, product), else by the first of *rules* (as meant), else
    the product that has the largest part of the account (*splits*), which several may share
    (*shared*). See `finops.domain.resource_owners.owners_of`, which says the same of one resource.
    """

    claims: Mapping[str, Mapping[str, str]] = {}
    rules: tuple[ClaimRule, ...] = ()
    splits: Mapping[str, str] = {}
    shared: frozenset[str] = frozenset()

    @property
    def certain(self) -> "Owners":
        """Without what is only a part: nobody knows whose a resource of a shared account is."""
        alone = {one: product for one, product in self.splits.items() if one not in self.shared}
        return self._replace(splits=alone)

    def of(self, resource: Resource) -> str | None:
        """The product that is asked about *resource*, whose tags are as meant."""
        account = resource.account_id or ""
        claimed = self.claims.get(account, {}).get(resource.resource_id)
        if claimed is not None:
            return claimed
        rule = next((one for one in self.rules if one.fits(resource)), None)
        return self.splits.get(account) if rule is None else rule.product_id


class Tagged(NamedTuple):
    """A resource in one service as coverage looks at it: a month's cost in ticks, its last tags.

    Two services that charge one resource are two of these, as everywhere where resources are listed.
    """

    account_id: str | None
    resource_id: str
    service: str | None
    region: str | None
    tags: str | None
    currency: str | None
    cost: int


class Untaggable(NamedTuple):
    """What a bill charges for nothing that could have a tag: no resource is named."""

    account_id: str | None
    service: str | None
    currency: str | None
    cost: int


class KeyCoverage(NamedTuple):
    """The resources that have a tag, and what they cost; of no *key*: that have all required ones."""

    key: str | None
    resources: int
    cost: int


class Coverage(NamedTuple):
    """Resources of one currency and group, and how many of them have which tags.

    *untaggable* is what is charged for no resource; it is in neither part, and never compliant.
    """

    currency: str | None
    of: str | None
    resources: int
    cost: int
    untaggable: int
    keys: tuple[KeyCoverage, ...]

    @property
    def complete(self) -> KeyCoverage:
        return self.keys[-1]


class Untagged(NamedTuple):
    """A resource that lacks some of the required keys; without any required, all tags."""

    resource: Tagged
    owner: str | None
    missing: tuple[str, ...]


class KeyUse(NamedTuple):
    """A key as it is spelled: how many resources have it, in how many values, and what they cost."""

    key: str
    resources: int
    values: int
    costs: tuple[tuple[str | None, int], ...]


class ValueUse(NamedTuple):
    """A value as it is spelled, of a key as it is meant."""

    value: str
    resources: int
    costs: tuple[tuple[str | None, int], ...]


def has(tags: Mapping[str, str], key: str) -> bool:
    """Whether *tags* say something of *key*: a blank value says nothing.

    >>> has({"user:Team": "web"}, "user:Team"), has({"user:Team": " "}, "user:Team")
    (True, False)
    """
    return bool(tags.get(key, "").strip(" "))


def part(some: int, whole: int) -> int | None:
    """*some* in basis points of *whole*, rounded down; None of nothing, or where refunds outweigh it.

    >>> part(1, 3), part(0, 0), part(5, 4)
    (3333, None, None)
    """
    return some * WHOLE // whole if whole > 0 and 0 <= some <= whole else None


def coverage(
    resources: Iterable[Tagged],
    untaggable: Iterable[Untaggable],
    keys: Sequence[str],
    by: CoverageBy,
    *,
    aliases: TagAliases,
    owners: Owners,
) -> list[Coverage]:
    """How many resources have each of *keys*, and what they cost: the dearest group first.

    Σ cost + Σ untaggable = what was given, in every currency.
    """
    counts: defaultdict[tuple[str | None, str | None], Counter[object]] = defaultdict(Counter)
    for one in resources:
        meant = _resource(one).meant(aliases)
        tags = read_tags(meant.tags)
        group = counts[one.currency, _group(one, by, owners.of(meant))]
        found = [key for key in keys if has(tags, key)]
        is_complete = len(found) == len(keys) if keys else bool(tags)
        for key in ("", *(("key", key) for key in found), *([None] if is_complete else [])):
            group["number", key] += 1
            group["cost", key] += one.cost
    for rest in untaggable:
        split = owners.splits.get(rest.account_id or "")
        counts[rest.currency, _group(rest, by, split)]["untaggable"] += rest.cost
    made = [
        Coverage(
            currency=currency,
            of=of,
            resources=count["number", ""],
            cost=count["cost", ""],
            untaggable=count["untaggable"],
            keys=(
                *(
                    KeyCoverage(key, count["number", ("key", key)], count["cost", ("key", key)])
                    for key in keys
                ),
                KeyCoverage(None, count["number", None], count["cost", None]),
            ),
        )
        for (currency, of), count in counts.items()
    ]
    return sorted(made, key=coverage_order)


def coverage_order(one: Coverage) -> tuple[object, ...]:
    return (one.currency or "", -(one.cost + one.untaggable), one.of is None, one.of or "")


def coverage_place(one: Coverage) -> str:
    """Where it stands in that order, as text."""
    cost = one.cost + one.untaggable
    return "\0".join([one.currency or "", _falling(cost), str(int(one.of is None)), one.of or ""])


def value_place(one: ValueUse) -> str:
    """Where a value stands among all that are used, as text."""
    return f"{_falling(one.resources)}{one.value}"


def _falling(number: int) -> str:
    """Text that sorts the other way round than *number*.

    >>> _falling(2) < _falling(1) < _falling(-1)
    True
    """
    return f"{10**30 - number:031}"


def untagged(
    resources: Iterable[Tagged],
    keys: Sequence[str],
    top: int,
    *,
    aliases: TagAliases,
    owners: Owners,
) -> list[Untagged]:
    """The dearest *top* resources of each currency that lack one of *keys*, or have no tag at all."""
    found: defaultdict[str | None, list[Untagged]] = defaultdict(list)
    for one in resources:
        meant = _resource(one).meant(aliases)
        tags = read_tags(meant.tags)
        missing = tuple(key for key in keys if not has(tags, key))
        if missing or (not keys and not tags):
            found[one.currency].append(Untagged(one, owners.of(meant), missing))
    return [
        one
        for currency in sorted(found, key=lambda currency: currency or "")
        for one in sorted(found[currency], key=untagged_order)[:top]
    ]


def untagged_order(one: Untagged) -> tuple[object, ...]:
    told = one.resource
    return (-told.cost, told.account_id or "", told.resource_id, told.service or "")


def keys_used(resources: Iterable[Tagged]) -> list[KeyUse]:
    """The keys that resources have, as they are spelled; those of most resources first."""
    numbers: Counter[str] = Counter()
    values: defaultdict[str, set[str]] = defaultdict(set)
    costs: defaultdict[str, Counter[str | None]] = defaultdict(Counter)
    for one in resources:
        for key, value in read_tags(one.tags).items():
            numbers[key] += 1
            values[key].add(value)
            costs[key][one.currency] += one.cost
    made = [KeyUse(key, numbers[key], len(values[key]), _costs(costs[key])) for key in numbers]
    return sorted(made, key=lambda one: (-one.resources, one.key))


def values_used(resources: Iterable[Tagged], key: str, *, aliases: TagAliases) -> list[ValueUse]:
    """The values of *key* in any of its spellings, as they are spelled; the most frequent first."""
    spelled = TagAliases(keys=aliases.keys)
    numbers: Counter[str] = Counter()
    costs: defaultdict[str, Counter[str | None]] = defaultdict(Counter)
    for one in resources:
        value = spelled.meant(read_tags(one.tags)).get(spelled.key(key))
        if value is not None:
            numbers[value] += 1
            costs[value][one.currency] += one.cost
    made = [ValueUse(value, numbers[value], _costs(costs[value])) for value in numbers]
    return sorted(made, key=lambda one: (-one.resources, one.value))


def is_rare(resources: int, of: int) -> bool:
    """Whether so few resources have it, of those that have the key, that it may be a slip.

    >>> is_rare(2, 300), is_rare(2, 100), is_rare(3, 10_000)
    (True, False, False)
    """
    return resources <= RARE_RESOURCES and resources * RARE_PART < of


def lacking(found: Iterable[Coverage]) -> list[tuple[str | None, str, int, int]]:
    """For each currency and key: how many resources lack it, and what those cost; most money first."""
    told = [
        (one.currency, key.key, one.resources - key.resources, one.cost - key.cost)
        for one in found
        for key in one.keys
        if key.key is not None
    ]
    return sorted(told, key=lambda one: (one[0] or "", -one[3], -one[2], one[1]))


def _resource(one: Tagged) -> Resource:
    return Resource(one.account_id, one.resource_id, one.service, one.tags)


def _group(one: Tagged | Untaggable, by: CoverageBy, owner: str | None) -> str | None:
    match by:
        case CoverageBy.TOTAL:
            return None
        case CoverageBy.ACCOUNT:
            return one.account_id
        case CoverageBy.SERVICE:
            return one.service
        case CoverageBy.OWNER:
            return owner


def _costs(costs: Mapping[str | None, int]) -> tuple[tuple[str | None, int], ...]:
    return tuple(sorted(costs.items(), key=lambda one: one[0] or ""))
