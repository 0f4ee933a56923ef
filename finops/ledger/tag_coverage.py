"""Tags of a million resources: `finops.domain.tag_coverage`, in SQL over the inventories at hand.

Tags are read once for each different text of them, not once for each resource.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from finops.domain.claim_rules import ClaimRule
from finops.domain.class_policies import CostBasis
from finops.domain.resources import Generation, Sight
from finops.domain.tag_commands import Missing
from finops.domain.tag_coverage import (
    OTHERS,
    Coverage,
    CoverageBy,
    KeyCoverage,
    KeyUse,
    Owners,
    Tagged,
    Untaggable,
    Untagged,
    ValueUse,
    coverage_order,
)
from finops.domain.tag_settings import TagAliases
from finops.ledger import engine
from finops.ledger.allocating import label, like

_CELLS = "TRY_CAST(TRY_CAST(tags AS JSON) AS MAP(VARCHAR, VARCHAR))"


class Lines(Protocol):
    """What of `finops.ledger.inventory.Inventory` is asked here."""

    def lines(
        self,
        asked: Mapping[Generation, Collection[str | None]],
        sights: Mapping[Generation, Sight] | None = None,
    ) -> tuple[str, dict[str, Any]]: ...
    def ask(self, query: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]: ...


class Seen(NamedTuple):
    """Resources that somebody asks about: of which accounts, and as much as they see of them.

    What is part of another resource (a container of its instance) costs nothing and is left out, and
    so is what shows no cost to them.
    """

    inventory: Lines
    asked: Mapping[Generation, Collection[str | None]]
    sights: Mapping[Generation, Sight]
    basis: CostBasis

    def rows(self) -> tuple[str, dict[str, Any]]:
        lines, values = self.inventory.lines(self.asked, self.sights)
        cost = self.basis.column
        rows = f"""(SELECT account_id, resource_id, service, region, tags, currency, {cost} AS cost
            FROM {lines} WHERE part_of IS NULL AND {cost} IS NOT NULL)"""
        return rows, values


def coverage(
    seen: Seen,
    untaggable: Iterable[Untaggable],
    keys: Sequence[str],
    by: CoverageBy,
    *,
    aliases: TagAliases,
    owners: Owners,
) -> list[Coverage]:
    """`finops.domain.tag_coverage.coverage` of what is *seen*."""
    found: dict[tuple[str | None, str | None], list[int]] = {}
    width = 2 + 2 * (len(keys) + 1)
    if seen.asked:
        rows, values = _owned(seen, aliases, owners, needed=by is CoverageBy.OWNER)
        flags = [f"has_{number}" for number in range(len(keys))]
        complete = " AND ".join(flags) or "is_tagged"
        sums = ", ".join(
            f"count(*) FILTER ({flag}), coalesce(sum(cost) FILTER ({flag}), 0)::HUGEINT"
            for flag in (*flags, f"({complete})")
        )
        has = ", ".join(
            f"coalesce(trim(t{number}, ' ') <> '', false) AS has_{number}"
            for number in range(len(keys))
        )
        of = _GROUPS[by]
        query = f"""
            WITH rows AS MATERIALIZED ({rows}),
                labels AS MATERIALIZED ({_labels(keys, aliases)}),
                told AS (SELECT rows.*, {f"{has}," if has else ""}
                        coalesce(labels.number, 0) > 0 AS is_tagged
                    FROM rows LEFT JOIN labels ON labels.tags = rows.tags)
            SELECT currency, {of}, count(*), sum(cost)::HUGEINT, {sums} FROM told GROUP BY ALL"""
        for currency, name, *counts in seen.inventory.ask(query, values):
            found[currency, name] = [int(count) for count in counts]
    rest: dict[tuple[str | None, str | None], int] = {}
    for one in untaggable:
        place = (one.currency, _group(one, by, owners))
        rest[place] = rest.get(place, 0) + one.cost
    made = []
    for currency, name in {*found, *rest}:
        number, cost, *pairs = found.get((currency, name), [0] * width)
        told = zip((*keys, None), pairs[::2], pairs[1::2], strict=True)
        made.append(
            Coverage(
                currency=currency,
                of=name,
                resources=number,
                cost=cost,
                untaggable=rest.get((currency, name), 0),
                keys=tuple(KeyCoverage(*one) for one in told),
            )
        )
    return sorted(made, key=coverage_order)


def untagged(
    seen: Seen, keys: Sequence[str], top: int, *, aliases: TagAliases, owners: Owners
) -> list[Untagged]:
    """`finops.domain.tag_coverage.untagged` of what is *seen*."""
    if not seen.asked:
        return []
    rows, values = _owned(seen, aliases, owners, needed=True)
    lacks = [f"coalesce(trim(t{number}, ' '), '') = ''" for number in range(len(keys))]
    flags = ", ".join(f"{lack} AS lacks_{number}" for number, lack in enumerate(lacks))
    some = " OR ".join(lacks) or "coalesce(labels.number, 0) = 0"
    query = f"""
        WITH rows AS MATERIALIZED ({rows}),
            labels AS MATERIALIZED ({_labels(keys, aliases)})
        SELECT {", ".join(f"rows.{field}" for field in Tagged._fields)}, owner
            {f", {flags}" if flags else ""}
        FROM rows LEFT JOIN labels ON labels.tags = rows.tags WHERE {some}
        QUALIFY row_number() OVER (PARTITION BY currency ORDER BY {_DEAREST}) <= {int(top)}
        ORDER BY currency NULLS FIRST, {_DEAREST}"""
    width = len(Tagged._fields)
    return [
        Untagged(
            Tagged(*row[:width]),
            row[width],
            tuple(key for key, lacks in zip(keys, row[width + 1 :], strict=True) if lacks),
        )
        for row in seen.inventory.ask(query, values)
    ]


def keys_used(seen: Seen) -> list[KeyUse]:
    """`finops.domain.tag_coverage.keys_used` of what is *seen*."""
    if not seen.asked:
        return []
    rows, values = seen.rows()
    query = f"""
        WITH rows AS MATERIALIZED ({rows}),
            texts AS (SELECT tags, currency, count(*) AS number, sum(cost)::HUGEINT AS cost
                FROM rows WHERE tags IS NOT NULL GROUP BY ALL),
            cells AS (SELECT unnest(map_entries({_CELLS}), recursive := true), currency, number, cost
                FROM texts),
            every AS (SELECT key, sum(number)::BIGINT AS number, count(DISTINCT value) AS "values"
                FROM cells GROUP BY key),
            costs AS (SELECT key, currency, sum(cost)::HUGEINT AS cost FROM cells GROUP BY ALL)
        SELECT key, number, "values", currency, cost FROM every JOIN costs USING (key)
        ORDER BY number DESC, key, currency NULLS FIRST"""
    found: dict[str, list[Any]] = {}
    for key, number, values_of, currency, cost in seen.inventory.ask(query, values):
        found.setdefault(key, [number, values_of]).append((currency, int(cost)))
    return [
        KeyUse(key, int(number), int(many), tuple(costs))
        for key, (number, many, *costs) in found.items()
    ]


def values_used(seen: Seen, key: str, *, aliases: TagAliases) -> list[ValueUse]:
    """`finops.domain.tag_coverage.values_used` of what is *seen*."""
    if not seen.asked:
        return []
    rows, values = seen.rows()
    spelled = TagAliases(keys=aliases.keys)
    query = f"""
        WITH rows AS MATERIALIZED ({rows}),
            texts AS (SELECT tags, currency, count(*) AS number, sum(cost)::HUGEINT AS cost
                FROM rows WHERE tags IS NOT NULL GROUP BY ALL),
            told AS (SELECT {label(spelled.key(key), spelled)} AS value, currency, number, cost
                FROM (SELECT {_CELLS} AS cells, currency, number, cost FROM texts))
        SELECT value, sum(sum(number)) OVER (PARTITION BY value)::BIGINT AS every, currency,
            sum(cost)::HUGEINT
        FROM told WHERE value IS NOT NULL GROUP BY value, currency
        ORDER BY every DESC, value, currency NULLS FIRST"""
    found: dict[str, list[Any]] = {}
    for value, number, currency, cost in seen.inventory.ask(query, values):
        found.setdefault(value, [number]).append((currency, int(cost)))
    return [ValueUse(value, int(number), tuple(costs)) for value, (number, *costs) in found.items()]


def to_fix(
    seen: Seen, key: str, most: int, *, aliases: TagAliases, owners: Owners
) -> tuple[list[Missing], int]:
    """The dearest *most* resources that lack *key*, and how many lack it; each with what more than
    half of its owner's resources that have the tag say, where they say one thing.
    """
    if not seen.asked:
        return [], 0
    rows, values = _owned(seen, aliases, owners, needed=True)
    query = f"""
        WITH rows AS MATERIALIZED ({rows}),
            labels AS MATERIALIZED ({_labels([key], aliases)}),
            told AS MATERIALIZED (SELECT rows.*, nullif(trim(t0, ' '), '') AS value
                FROM rows LEFT JOIN labels ON labels.tags = rows.tags),
            said AS (SELECT owner, value, count(*) AS number,
                    sum(count(*)) OVER (PARTITION BY owner) AS every
                FROM told
                WHERE value IS NOT NULL AND owner <> {engine.text(OTHERS)} GROUP BY owner, value),
            usual AS (SELECT owner, value AS usual FROM said WHERE 2 * number > every)
        SELECT account_id, resource_id, service, region, currency, cost, usual,
            count(*) OVER () AS every
        FROM told LEFT JOIN usual USING (owner) WHERE value IS NULL
        ORDER BY currency NULLS FIRST, {_DEAREST} LIMIT {int(most)}"""
    found = seen.inventory.ask(query, values)
    return [Missing(*row[:-1]) for row in found], int(found[0][-1]) if found else 0


def ids(seen: Seen) -> frozenset[str]:
    """What resources are called."""
    if not seen.asked:
        return frozenset()
    lines, values = seen.inventory.lines(seen.asked, seen.sights)
    found = seen.inventory.ask(f"SELECT DISTINCT resource_id FROM {lines}", values)
    return frozenset(str(name) for (name,) in found)


def untaggable(
    inventory: Lines,
    asked: Mapping[Generation, Collection[str | None]],
    cubes: Sequence[Path],
    basis: CostBasis,
) -> list[Untaggable]:
    """What bills charge these accounts for no resource: all that they charge (*cubes*, of the same
    generations), less what resources cost.
    """
    if not asked or not cubes:
        return []
    lines, values = inventory.lines(asked)
    values["accounts"] = sorted({account or "" for some in asked.values() for account in some})
    query = f"""
        SELECT account_id, service, currency, sum(cost)::HUGEINT AS rest FROM (
            SELECT sub_account_id AS account_id, service_code AS service,
                billing_currency AS currency, {basis.column}::HUGEINT AS cost
            FROM read_parquet({engine.paths(list(cubes))}, hive_partitioning = false)
            WHERE coalesce(sub_account_id, '') IN (SELECT unnest($accounts::VARCHAR[]))
            UNION ALL SELECT account_id, service, currency, -{basis.column}::HUGEINT
            FROM {lines} WHERE part_of IS NULL)
        GROUP BY ALL HAVING rest <> 0 ORDER BY ALL"""
    return [
        Untaggable(account, service, currency, int(cost))
        for account, service, currency, cost in inventory.ask(query, values)
    ]


# The same order as in the plain form; what is absent is the empty text there.
_DEAREST = "cost DESC, coalesce(account_id, ''), resource_id, coalesce(service, '')"
_GROUPS = {
    CoverageBy.TOTAL: "NULL::VARCHAR",
    CoverageBy.ACCOUNT: "account_id",
    CoverageBy.SERVICE: "service",
    CoverageBy.OWNER: "owner",
}


def _group(one: Untaggable, by: CoverageBy, owners: Owners) -> str | None:
    if by is CoverageBy.OWNER:
        return owners.splits.get(one.account_id or "")
    return {CoverageBy.ACCOUNT: one.account_id, CoverageBy.SERVICE: one.service}.get(by)


def _labels(keys: Sequence[str], aliases: TagAliases) -> str:
    """For each text of tags: how many there are, and what they say of *keys*."""
    said = "".join(f", {label(key, aliases)} AS t{number}" for number, key in enumerate(keys))
    return f"""
        SELECT tags, cardinality(cells) AS number{said}
        FROM (SELECT tags, {_CELLS} AS cells
            FROM (SELECT DISTINCT tags FROM rows WHERE tags IS NOT NULL))"""


def _owned(
    seen: Seen, aliases: TagAliases, owners: Owners, *, needed: bool
) -> tuple[str, dict[str, Any]]:
    """The rows with who is asked about them, where that is *needed*."""
    rows, values = seen.rows()
    if not needed:
        return f"SELECT *, NULL::VARCHAR AS owner FROM {rows}", values
    keys = sorted({rule.tag.key for rule in owners.rules if rule.tag})
    places = {key: f"ruled.r{number}" for number, key in enumerate(keys)}
    cases = " ".join(
        f"WHEN {_takes(rule, places)} THEN {engine.text(rule.product_id)}" for rule in owners.rules
    )
    ruled = "".join(f", {label(key, aliases)} AS r{number}" for number, key in enumerate(keys))
    claims = [
        (account, resource, product)
        for account, its in owners.claims.items()
        for resource, product in its.items()
    ]
    values |= {
        "claim_accounts": [one[0] for one in claims],
        "claim_resources": [one[1] for one in claims],
        "claim_products": [one[2] for one in claims],
        "split_accounts": list(owners.splits),
        "split_products": list(owners.splits.values()),
    }
    joined = (
        f"LEFT JOIN (SELECT tags{ruled} FROM (SELECT tags, {_CELLS} AS cells FROM"
        f" (SELECT DISTINCT tags FROM {rows} WHERE tags IS NOT NULL))) ruled ON ruled.tags = c.tags"
        if keys
        else ""
    )
    return (
        f"""SELECT c.*, coalesce(claimed.product{f", CASE {cases} END" if cases else ""},
                split.product) AS owner
            FROM {rows} c
            LEFT JOIN (SELECT unnest($claim_accounts::VARCHAR[]) AS account,
                    unnest($claim_resources::VARCHAR[]) AS resource,
                    unnest($claim_products::VARCHAR[]) AS product) claimed
                ON claimed.account = c.account_id AND claimed.resource = c.resource_id
            LEFT JOIN (SELECT unnest($split_accounts::VARCHAR[]) AS account,
                    unnest($split_products::VARCHAR[]) AS product) split
                ON split.account = c.account_id
            {joined}""",
        values,
    )


def _takes(rule: ClaimRule, labels: Mapping[str, str]) -> str:
    """The condition under which a resource is under *rule*, whatever the day."""
    conditions = []
    if rule.account_id is not None:
        conditions.append(f"c.account_id = {engine.text(rule.account_id)}")
    if rule.service is not None:
        conditions.append(f"c.service = {engine.text(rule.service)}")
    if rule.name is not None:
        conditions.append(like("c.resource_id", rule.name))
    if rule.tag is not None:
        conditions.append(like(labels[rule.tag.key], rule.tag.value))
    return " AND ".join(conditions)
