"""Tag hygiene as it leaves the product: coverage, keys and values, and commands to fix them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from finops.domain.look_alikes import LookAlike
from finops.domain.money import text
from finops.domain.tag_commands import PLACEHOLDER
from finops.domain.tag_coverage import Coverage, KeyCoverage, Untagged, lacking, part
from finops.usecases.tag_reports import (
    CommandsTold,
    CoverageTold,
    KeySeen,
    KeysTold,
    TagReport,
    UntaggedTold,
    ValueSeen,
    ValuesTold,
)
from finops.usecases.tag_scans import ScanTold
from finops.usecases.views import freshness

Table = tuple[Sequence[str], list[list[Any]]]
MOST_LACKING = 1_000  # resources of a region that a scan names; all are counted
MOST_REPORTED = 100  # groups of each kind of coverage in a report
COVERAGE = (
    *("of", "currency", "key", "resources", "tagged", "resources_covered"),
    *("cost", "tagged_cost", "cost_covered", "untaggable_cost"),
)
MISSING = ("key", "currency", "resources", "cost")
UNTAGGED = (
    *("account_id", "resource_id", "service", "region", "owner", "currency", "cost"),
    *("missing", "tags"),
)
KEYS = (
    *("key", "resources", "values", "currency", "cost", "means", "looks_like", "distance"),
    *("is_required", "is_rare"),
)
VALUES = (
    *("value", "resources", "currency", "cost", "means", "looks_like", "distance", "is_rare"),
)
COMMANDS = ("account_id", "region", "key", "value", "resources", "command")


def coverage(told: CoverageTold, shown: Sequence[Coverage] | None = None) -> dict[str, Any]:
    """Coverage of each group, or of those *shown*, in money and in count; shares as decimal text
    of 1.
    """
    return {
        "billing_period": told.month,
        "by": told.by.value,
        "basis": told.basis.value,
        "required_keys": list(told.keys),
        "groups": len(told.found),
        "items": [covered(one) for one in (told.found if shown is None else shown)],
        "freshness": [freshness(bill) for bill in told.bills],
    }


def coverage_table(told: CoverageTold) -> Table:
    """The same, a row for each group and key; the row of no key is of all of them together."""
    rows: list[list[Any]] = []
    for one in told.found:
        rest = text(one.untaggable)
        for key in one.keys:
            told_of = _key(key, one)
            named = [told_of[word] for word in ("key", "resources", "resources_covered")]
            costs = [told_of[word] for word in ("cost", "cost_covered")]
            rows.append(
                [
                    *(one.of, one.currency, named[0], one.resources, *named[1:]),
                    *(text(one.cost), *costs, rest),
                ]
            )
    return COVERAGE, rows


def missing(told: CoverageTold) -> dict[str, Any]:
    """The required keys, those first that most money lacks."""
    return {
        "billing_period": told.month,
        "basis": told.basis.value,
        "items": [dict(zip(MISSING, row, strict=True)) for row in missing_table(told)[1]],
        "freshness": [freshness(bill) for bill in told.bills],
    }


def missing_table(told: CoverageTold) -> Table:
    rows = [
        [key, currency, number, text(cost)] for currency, key, number, cost in lacking(told.found)
    ]
    return MISSING, rows


def untagged(told: UntaggedTold) -> dict[str, Any]:
    """The dearest resources that lack a tag, and who is asked about each."""
    return {
        "billing_period": told.month,
        "required_keys": list(told.keys),
        "items": [_untagged(one) for one in told.found],
        "freshness": [freshness(bill) for bill in told.bills],
    }


def untagged_table(told: UntaggedTold) -> Table:
    rows = []
    for one in told.found:
        found = _untagged(one) | {"missing": " ".join(one.missing), "tags": one.resource.tags}
        rows.append([found[word] for word in UNTAGGED])
    return UNTAGGED, rows


def keys(told: KeysTold) -> dict[str, Any]:
    """All keys, and which of them may be one."""
    return {
        "billing_period": told.month,
        "items": [_key_seen(one) for one in told.found],
        "not_told_apart": [list(group) for group in told.alike],
        "unused": list(told.unused),
        "all_compared": told.is_whole,
        "freshness": [freshness(bill) for bill in told.bills],
    }


def keys_table(told: KeysTold) -> Table:
    """The same, a row for each key and currency."""
    return KEYS, [
        [row[word] for word in KEYS] for one in told.found for row in _by_currency(_key_seen(one))
    ]


def values(told: ValuesTold) -> dict[str, Any]:
    """The values of a key, and which of them may be one."""
    return {
        "billing_period": told.month,
        "key": told.key,
        "items": [value_seen(one) for one in told.found],
        "all_compared": told.is_whole,
        "freshness": [freshness(bill) for bill in told.bills],
    }


def values_table(told: ValuesTold) -> Table:
    return VALUES, [
        [row[word] for word in VALUES]
        for one in told.found
        for row in _by_currency(value_seen(one))
    ]


def commands(told: CommandsTold) -> dict[str, Any]:
    """What to type, and what nothing can be typed for."""
    return {
        "billing_period": told.month,
        "key": told.key,
        "lacking": told.lacking,
        "placeholder": PLACEHOLDER,
        "items": [
            {
                "account_id": one.account_id,
                "region": one.region,
                "key": one.key,
                "value": one.value,
                "resources": list(one.resources),
                "command": one.text,
            }
            for one in told.made
        ],
        "not_possible": [
            {
                "account_id": one.resource.account_id,
                "resource_id": one.resource.resource_id,
                "service": one.resource.service,
                "region": one.resource.region,
                "why": one.why,
            }
            for one in told.others
        ],
        "freshness": [freshness(bill) for bill in told.bills],
    }


def commands_table(told: CommandsTold) -> Table:
    rows = [
        [one.account_id, one.region, one.key, one.value, len(one.resources), one.text]
        for one in told.made
    ]
    return COMMANDS, rows


def scan(told: ScanTold) -> dict[str, Any]:
    """What the tagging API knows that costs nothing; a region that did not answer has no figures."""
    return {
        "account_id": told.account_id,
        "scanned_at": told.at and told.at.isoformat(),
        "required_keys": list(told.keys),
        "all_answered": bool(told.regions) and all(one.answered for one in told.regions),
        "regions": [
            {
                "region": one.region,
                "answered": one.answered,
                "why": one.why,
                "resources": one.resources,
                "complete": one.complete,
                "lacking": None
                if one.lacking is None
                else [
                    {"resource_id": arn, "missing": list(missing)}
                    for arn, missing in one.lacking[:MOST_LACKING]
                ],
            }
            for one in told.regions
        ],
    }


def report(told: TagReport) -> dict[str, Any]:
    """All of it together; of each coverage the dearest groups."""
    return {
        "coverage": [coverage(one, one.found[:MOST_REPORTED]) for one in told.coverage.values()],
        "untagged": untagged(told.untagged),
        "keys": keys(told.keys),
    }


def share(some: int, whole: int) -> str | None:
    """A part of 1 as decimal text.

    >>> share(1, 3), share(0, 0)
    ('0.3333', None)
    """
    points = part(some, whole)
    return None if points is None else f"{points // 10_000}.{points % 10_000:04}"


def covered(one: Coverage) -> dict[str, Any]:
    """Coverage of a group."""
    return {
        "of": one.of,
        "currency": one.currency,
        "resources": one.resources,
        "cost": text(one.cost),
        "untaggable_cost": text(one.untaggable),
        "keys": [_key(key, one) for key in one.keys if key.key is not None],
        "all_keys": _key(one.complete, one),
    }


def _key(key: KeyCoverage, of: Coverage) -> dict[str, Any]:
    return {
        "key": key.key,
        "resources": key.resources,
        "resources_covered": share(key.resources, of.resources),
        "cost": text(key.cost),
        "cost_covered": share(key.cost, of.cost),
    }


def _untagged(one: Untagged) -> dict[str, Any]:
    told = one.resource
    return {
        "account_id": told.account_id,
        "resource_id": told.resource_id,
        "service": told.service,
        "region": told.region,
        "owner": one.owner,
        "currency": told.currency,
        "cost": text(told.cost),
        "missing": list(one.missing),
    }


def _key_seen(one: KeySeen) -> dict[str, Any]:
    return {
        "key": one.use.key,
        "resources": one.use.resources,
        "values": one.use.values,
        "costs": _costs(one.use.costs),
        "means": one.means,
        **_like(one.like),
        "is_required": one.is_required,
        "is_rare": one.is_rare,
    }


def value_seen(one: ValueSeen) -> dict[str, Any]:
    """A value, and what it may be."""
    return {
        "value": one.use.value,
        "resources": one.use.resources,
        "costs": _costs(one.use.costs),
        "means": one.means,
        **_like(one.like),
        "is_rare": one.is_rare,
    }


def _like(one: LookAlike | None) -> dict[str, Any]:
    return {"looks_like": one and one.like, "distance": one and one.distance}


def _costs(costs: Iterable[tuple[str | None, int]]) -> list[dict[str, Any]]:
    return [{"currency": currency, "cost": text(cost)} for currency, cost in costs]


def _by_currency(told: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return [{**told, **cost} for cost in told["costs"]]
