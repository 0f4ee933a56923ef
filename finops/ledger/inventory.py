"""The resources of a month, found by any of their words: the inventories of accounts, kept at hand.

What was asked for once stays in the engine's memory, account by account, so that a question is one
scan of columns there. An inventory never changes under its load.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from finops.domain.resources import (
    NAME_KEYS,
    NONE,
    BilledResource,
    Found,
    Generation,
    Place,
    ResourceOrder,
    ResourceQuery,
    Sight,
    TagFilter,
    Total,
    is_pattern,
)
from finops.ledger import engine

MOST_ROWS = 2_000_000  # beyond these, what was asked for longest ago goes; about 300 MB a million


class _Kept:
    """What is known of a generation: its accounts by rank, which of them are here, and how marked."""

    def __init__(self, table: str, accounts: Iterable[str | None]) -> None:
        self.table = table
        self.ranks = {account: rank for rank, account in enumerate(accounts)}
        self.here: set[str | None] = set()
        self.marked: dict[str | None, object] = {}
        self.rows = 0


class Inventory:
    """The inventories that were asked for, in tables of *connection*; for one question at a time."""

    def __init__(self, connection: engine.Connection) -> None:
        self._connection = connection
        self._kept: dict[Generation, _Kept] = {}  # the one asked for last, last
        self._tables = 0

    def accounts(self, of: Generation) -> Sequence[str | None] | None:
        """All accounts of a generation; None where nobody has opened it."""
        kept = self._kept.get(of)
        return None if kept is None else tuple(kept.ranks)

    def open(self, of: Generation, accounts: Iterable[str | None]) -> None:
        """Make room for a generation of these *accounts*; an older one of the same bill goes."""
        for other in [one for one in self._kept if one[:2] == of[:2]]:
            self._drop(other)
        self._tables += 1
        table = f"resources_{self._tables}"
        self._connection.execute(f"CREATE TABLE {table} ({_COLUMNS})")
        ordered = sorted(set(accounts), key=lambda account: (account is None, account or ""))
        self._kept[of] = _Kept(table, ordered)

    def lacking(self, of: Generation, accounts: Iterable[str | None]) -> list[str | None]:
        """Those of *accounts* whose inventory has not been taken yet."""
        kept = self._kept[of]
        return [account for account in accounts if account not in kept.here]

    def take(self, of: Generation, files: Mapping[str | None, Path]) -> None:
        """The inventories of some accounts, as `finops.ledger.merging` writes them; all or none."""
        kept = self._kept[of]
        if not files:
            return
        [rows] = self._connection.execute(
            _take(kept.table, list(files.values())),
            {
                "files": [str(path) for path in files.values()],
                "ranks": [kept.ranks[account] for account in files],
            },
        ).fetchall()
        kept.here |= files.keys()
        kept.rows += int(rows[0])

    def unmarked(self, of: Generation, stamps: Mapping[str | None, object]) -> list[str | None]:
        """The accounts here whose claims are not those that were marked last.

        *stamps* say what the claims of an account are made of; left out: nobody claimed anything.
        """
        kept = self._kept[of]
        return [one for one in kept.here if stamps.get(one) != kept.marked.get(one)]

    def mark(
        self, of: Generation, claimed: Mapping[str | None, tuple[object, Collection[str]]]
    ) -> None:
        """Note which resources of some accounts are claimed: the ids, and their stamp."""
        if not claimed:
            return
        kept = self._kept[of]
        pairs = [(kept.ranks[one], id_) for one, (_, ids) in claimed.items() for id_ in ids]
        self._connection.execute(
            f"""UPDATE {kept.table} AS r SET is_claimed = (account, resource_id) IN (
                    SELECT (unnest($of::INTEGER[]), unnest($ids::VARCHAR[])))
                WHERE account IN (SELECT unnest($anew::INTEGER[]))""",
            {
                "of": [rank for rank, _ in pairs],
                "ids": [id_ for _, id_ in pairs],
                "anew": [kept.ranks[account] for account in claimed],
            },
        )
        kept.marked |= {account: stamp for account, (stamp, _) in claimed.items()}

    def search(
        self,
        asked: Mapping[Generation, Collection[str | None]],
        query: ResourceQuery,
        *,
        after: Place | None = None,
        limit: int,
        sights: Mapping[Generation, Sight] | None = None,
    ) -> Found:
        """What fits *query* in these accounts of these generations: the first *limit* *after* a place.

        The accounts are those of the query where it names some, and have been taken; where claims
        matter they are marked. Totals are of all that fits, whatever the page. Where *sights* say
        what is seen of a generation, the cost of what is untold decides nothing: no filter finds it,
        and it comes after all others.
        """
        if not asked:
            return Found([], [])
        conditions, values = _conditions(query)
        parts = []
        for number, (of, accounts) in enumerate(asked.items()):
            kept = self._kept[of] = self._kept.pop(of)
            its = conditions
            if set(accounts) != kept.here:
                its = [f"account IN (SELECT unnest($accounts_{number}::INTEGER[]))", *conditions]
                values[f"accounts_{number}"] = [kept.ranks[account] for account in accounts]
            seen, told = _seen(kept, (sights or {}).get(of, Sight()), number)
            values |= told
            parts.append(
                f"SELECT {number}::BIGINT AS bill, place, line, {_KEY[query.order]} AS key,"
                f" currency, billed_cost, effective_cost FROM {seen}"
                f" WHERE {' AND '.join(its) or 'true'}"
            )
        beyond = ""
        if after is not None:
            beyond = "WHERE (-key, bill, place) > (-$key::BIGINT, $bill::BIGINT, $place::BIGINT)"
            values |= after._asdict()
        rows = self._connection.execute(
            f"""WITH found AS MATERIALIZED ({" UNION ALL ".join(parts)}),
                page AS (SELECT key, bill, place, line, billed_cost FROM found {beyond}
                    ORDER BY key DESC, bill, place LIMIT {int(limit)})
            SELECT key, bill, place, line, NULL::VARCHAR, billed_cost::HUGEINT FROM page
            UNION ALL
            SELECT NULL, count(billed_cost), count(*), sum(billed_cost)::HUGEINT, currency,
                sum(effective_cost)::HUGEINT
            FROM found GROUP BY currency""",
            values,
        ).fetchall()
        totals = [
            Total(currency, int(number), int(billed), int(effective))
            for key, number, _, billed, currency, effective in rows
            if key is None and number
        ]
        untold = {
            (int(bill), int(line))
            for key, bill, _, line, _, billed in rows
            if key is not None and billed is None
        }
        lines = {
            (int(bill), int(line)): Place(int(key), int(bill), int(place))
            for key, bill, place, line, *_ in rows
            if key is not None
        }
        self._make_room(asked)
        return Found(
            self._read(list(asked), lines, untold),
            sorted(totals, key=lambda total: (total.currency is None, total.currency or "")),
            sum(int(every) for key, _, every, *_ in rows if key is None),
        )

    def lines(
        self,
        asked: Mapping[Generation, Collection[str | None]],
        sights: Mapping[Generation, Sight] | None = None,
    ) -> tuple[str, dict[str, Any]]:
        """All lines of these accounts of these generations as *sights* have them, for `ask`: SQL that
        has the columns of `BilledResource` but its payer, and the values in it. Take them first.
        """
        parts: list[str] = []
        values: dict[str, Any] = {}
        for number, (of, accounts) in enumerate(asked.items()):
            kept = self._kept[of] = self._kept.pop(of)
            names = list(accounts)
            seen, told = _seen(kept, (sights or {}).get(of, Sight()), number)
            values |= told
            values[f"ranks_{number}"] = [kept.ranks[account] for account in names]
            values[f"names_{number}"] = names
            parts.append(
                f"SELECT account_id, {_SHOWN} FROM {seen} JOIN (SELECT"
                f" unnest($ranks_{number}::INTEGER[]) AS account,"
                f" unnest($names_{number}::VARCHAR[]) AS account_id) USING (account)"
            )
        if not parts:
            raise ValueError("lines of no generation")
        return f"({' UNION ALL '.join(parts)})", values

    def ask(self, query: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of an SQL query over `lines`."""
        return self._connection.execute(query, dict(values)).fetchall()

    def make_room(self, asked: Collection[Generation]) -> None:
        """Let go of what was asked for longest ago, where there is too much, but not of *asked*."""
        self._make_room(asked)

    def _read(
        self,
        asked: Sequence[Generation],
        lines: Mapping[tuple[int, int], Place],
        untold: Collection[tuple[int, int]],
    ) -> list[tuple[Place, BilledResource]]:
        """The resources of these lines of the tables, in the order of their places."""
        told: list[tuple[Place, BilledResource]] = []
        for number, of in enumerate(asked):
            kept = self._kept[of]
            wanted = [line for bill, line in lines if bill == number]
            if not wanted:
                continue
            accounts = list(kept.ranks)
            rows = self._connection.execute(
                f"SELECT rowid, account, {_SHOWN} FROM {kept.table}"
                " WHERE rowid IN (SELECT unnest($wanted::BIGINT[]))",
                {"wanted": wanted},
            ).fetchall()
            for line, rank, *shown in rows:
                one = BilledResource(of.payer, accounts[rank], *shown)
                if (number, line) in untold:
                    one = one._replace(billed_cost=None, effective_cost=None)
                told.append((lines[number, line], one))
        return sorted(told, key=lambda one: (-one[0].key, one[0].bill, one[0].place))

    def _make_room(self, spared: Collection[Generation]) -> None:
        for of in list(self._kept):
            if sum(kept.rows for kept in self._kept.values()) <= MOST_ROWS:
                return
            if of not in spared:
                self._drop(of)

    def _drop(self, of: Generation) -> None:
        self._connection.execute(f"DROP TABLE {self._kept.pop(of).table}")


# `place` is the rank of the account and the row of its file: the same however accounts come in.
_COLUMNS = """
    place BIGINT, account INTEGER, resource_id VARCHAR, folded_id VARCHAR, name VARCHAR,
    folded_name VARCHAR, service VARCHAR, region VARCHAR, tags VARCHAR, currency VARCHAR,
    first_day DATE, last_day DATE, billed_cost BIGINT, effective_cost BIGINT, part_of VARCHAR,
    is_plain BOOLEAN, is_claimed BOOLEAN"""
_SHOWN = (
    "resource_id, name, service, region, tags, currency, first_day, last_day, billed_cost,"
    " effective_cost, part_of"
)
_EPOCH = date.min.isoformat()
_LAST = 1 - 2**63  # the key of a cost that is not told
_KEY = {
    ResourceOrder.COST: f"coalesce(billed_cost, {_LAST})",
    ResourceOrder.ID: "0::BIGINT",
    ResourceOrder.LAST_DAY: f"coalesce(last_day - DATE '{_EPOCH}', -1)::BIGINT",
}


def _seen(kept: _Kept, sight: Sight, number: int) -> tuple[str, dict[str, Any]]:
    """The lines of a table as *sight* has them, as SQL, and the values in it."""
    values: dict[str, Any] = {}

    def named(word: str, ids: Mapping[str | None, Collection[str]]) -> str:
        pairs = [(kept.ranks[one], id_) for one, its in ids.items() for id_ in its]
        values[f"{word}_of_{number}"] = [rank for rank, _ in pairs]
        values[f"{word}_ids_{number}"] = [id_ for _, id_ in pairs]
        return (
            f"(account, resource_id) IN (SELECT (unnest(${word}_of_{number}::INTEGER[]),"
            f" unnest(${word}_ids_{number}::VARCHAR[])))"
        )

    condition = "true"
    if sight.only:
        values[f"partly_{number}"] = [kept.ranks[account] for account in sight.only]
        condition = (
            f"(account NOT IN (SELECT unnest($partly_{number}::INTEGER[]))"
            f" OR {named('only', sight.only)})"
        )
    lines = f"SELECT *, rowid AS line FROM {kept.table} WHERE {condition}"
    if sight.untold:
        costs = ", ".join(
            f"CASE WHEN is_untold THEN NULL ELSE {cost} END AS {cost}"
            for cost in ("billed_cost", "effective_cost")
        )
        is_untold = named("untold", sight.untold)
        lines = (
            f"SELECT * REPLACE ({costs}) FROM (SELECT *, {is_untold} AS is_untold FROM ({lines}))"
        )
    return f"({lines})", values


def _tag(key: str) -> str:
    """The value of a tag, as SQL: by a JSON pointer, which can say any key."""
    pointer = "/" + key.replace("~", "~0").replace("/", "~1")
    return f"json_extract_string(tags, {engine.text(pointer)})"


def _take(table: str, files: list[Path]) -> str:
    names = ", ".join(_tag(key) for key in NAME_KEYS)
    # Older loads did not write what a container is part of; the empty part has them say NULL.
    return f"""
        INSERT INTO {table}
        SELECT rank::BIGINT << 32 | file_row_number, rank, resource_id, lower(resource_id), name,
            lower(name), service_code, region_id, tags, billing_currency, first_day, last_day,
            billed_cost, effective_cost, split_parent_resource_id, NOT contains(tags, '\\'), false
        FROM (SELECT *, coalesce({names}) AS name FROM read_parquet({engine.paths(files)},
                filename = true, file_row_number = true, hive_partitioning = false)
            UNION ALL BY NAME SELECT NULL::VARCHAR AS split_parent_resource_id WHERE false)
        JOIN (SELECT unnest($files::VARCHAR[]) AS filename, unnest($ranks::INTEGER[]) AS rank)
            USING (filename)"""


def _conditions(query: ResourceQuery) -> tuple[list[str], dict[str, Any]]:
    """What `ResourceQuery.fits` says but for accounts, as SQL; the cheapest first."""
    conditions: list[str] = []
    values: dict[str, Any] = {}
    for column, wanted in (("service", query.service), ("region", query.region)):
        if wanted in ("", NONE):
            conditions.append(f"{column} IS NULL")
        elif wanted is not None:
            conditions.append(f"{column} = ${column}")
            values[column] = wanted
    if query.least is not None:
        conditions.append("billed_cost >= $least")
        values["least"] = query.least
    if query.most is not None:
        conditions.append("billed_cost <= $most")
        values["most"] = query.most
    if query.claimed is not None:
        conditions.append("is_claimed" if query.claimed else "NOT is_claimed")
    for word, text, columns in (
        ("text", query.text, ("folded_id", "folded_name")),
        ("id", query.resource_id, ("folded_id",)),
        ("name", query.name, ("folded_name",)),
    ):
        if text is not None:
            fits = [f"contains({column}, lower(${word}))" for column in columns]
            values[word] = max(re.split(r"[*?]+", text), key=len)
            if is_pattern(text):
                # Its longest piece is soon found not to be there.
                fits = [
                    f"{has} AND {column} LIKE lower(${word}_like) ESCAPE '\\'"
                    for has, column in zip(fits, columns, strict=True)
                ]
                values[f"{word}_like"] = _as_like(text)
            conditions.append(f"({' OR '.join(fits)})")
    for number, tag in enumerate(query.tags):
        its, told = _tagged(tag, f"tag_{number}")
        conditions += its
        values |= told
    return conditions, values


def _tagged(tag: TagFilter, word: str) -> tuple[list[str], dict[str, str]]:
    """Whether a resource has *tag*, as SQL, and the values in it.

    The merge writes tags by `to_json`, so they hold `"key":"value"` as `to_json` says it. Where no
    sign in them is escaped, every quote is the beginning or the end of a text: what looks like the
    tag is the tag, unless its key is what stands between two texts. JSON is read for the others.
    """
    values = {word: tag.key}
    said = f"to_json(${word}::VARCHAR) || ':'"
    read = f"{_tag(tag.key)} IS NOT NULL"
    if tag.value is not None:
        values[f"{word}_value"] = tag.value
        said += f" || to_json(${word}_value::VARCHAR)"
        read = f"{_tag(tag.key)} = ${word}_value"
    is_clear = tag.key not in (":", ",")
    return [f"contains(tags, {said})", f"(is_plain OR {read})" if is_clear else read], values


def _as_like(pattern: str) -> str:
    """`*` and `?` as SQL says them, and its own signs as letters."""
    signs = {"*": "%", "?": "_", "%": "\\%", "_": "\\_", "\\": "\\\\"}
    return "".join(signs.get(letter, letter) for letter in pattern)
