"""Partial charges to the ledger: the second stage, one worker for each share of the accounts."""

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from pydantic import BaseModel, ConfigDict

from finops.domain.bills import MEASURES
from finops.domain.charges import COVERED, DISCOUNTS, NEGATION, ChargeCategory, Key
from finops.domain.loads import BillSummary, Costs
from finops.domain.money import settled
from finops.domain.places import account_folder
from finops.domain.tags import RESOURCE_TAG_PREFIX
from finops.ledger import engine
from finops.ledger.reduction import MONEY, PARQUET

NONE = "(none)"
KEYS = ", ".join(Key._fields)
ORDERED = ", ".join(f"{field} NULLS LAST" for field in Key._fields)
NETTED_BY = (
    "billing_account_id",
    "billing_period",
    "billing_currency",
    "sub_account_id",
    "charge_date",
    "invoice_id",
)
BILL = "billing_account_id, billing_period, billing_currency"
# What a total without resources needs: small enough to answer any question about a month.
CUBE = tuple(
    field
    for field in Key._fields
    if field not in ("resource_id", "tags", "commitment_discount_id", "split_parent_resource_id")
)
# The unblended cost is kept as the bill states it; the others are rounded to ticks, once.
ROUNDED = tuple(field for field in MONEY if field != "unblended_cost")
_DUSTY = tuple(name for field in MONEY for name in (field, f"{field}_dust"))
HALF, ONE = 5 * 10**9, 10**10  # of a tick, in dust


class AccountMonth(BaseModel):
    """The days of an account's month: for each day and category, `MEASURES` in that order."""

    model_config = ConfigDict(frozen=True)

    billing_account_id: str
    billing_period: str
    billing_currency: str | None
    sub_account_id: str | None
    days: dict[str, dict[str, tuple[int, int, int, int, int | None, int]]]


class Written(BaseModel):
    """A file that the merge wrote, and whose it is."""

    model_config = ConfigDict(frozen=True)

    path: Path
    billing_account_id: str
    billing_period: str
    name: str  # below the bill: "account=…/charges.parquet", "cube-0.parquet"
    rows: int


class Merged(BaseModel):
    """What a worker made of its share of the accounts."""

    model_config = ConfigDict(frozen=True)

    summaries: tuple[BillSummary, ...]
    files: tuple[Written, ...]
    tag_keys: tuple[str, ...]


def merge(
    connection: duckdb.DuckDBPyConnection,
    partials: list[Path],
    target: Path,
    *,
    shard: int = 0,
    net_bills: Collection[tuple[str, str]] = (),
) -> Merged:
    """Sum *partials* (see `finops.ledger.reduction.reduce`) into the ledger's files below *target*.

    Every file has its rows in the order of the key, so that the same partials give the same bytes:
    `charges.parquet` and `resources.parquet` for each account, and a cube without resources for each
    bill. Money is in ticks of 1e-10; Σ of each cost is the bill's, rounded once. *net_bills* are
    those (payer, period) that state net costs in any share of the accounts.
    """

    def table(name: str, query: str) -> None:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")

    connection.execute(f"CREATE OR REPLACE TEMP VIEW partials AS {_partials(partials)}")
    table("spelled", SPELLED)
    table("summed", _summed())
    table("net_bills", _NET_BILLS)
    for bill in net_bills:
        connection.execute("INSERT INTO net_bills (SELECT ?, ? EXCEPT FROM net_bills)", bill)
    table("residues", _residues())
    kept = "netted" if _has_rows(connection, "residues") else _without_plans("summed")
    if kept == "netted":
        table("netted", _with_residues())
    rounded = _carried(kept) if _has_rows(connection, _with_dust(kept)) else _plain(kept)
    connection.execute("SET preserve_insertion_order = true")  # from here on rows are in order
    table("charges", f"{rounded} ORDER BY {ORDERED}")
    connection.execute("DROP TABLE summed")
    connection.execute("DROP TABLE IF EXISTS netted")
    table("cube", _CUBE)
    table("resources", _RESOURCES)
    keys = connection.execute(
        "SELECT DISTINCT unnest(json_keys(tags)) AS key FROM spelled ORDER BY key"
    ).fetchall()
    return Merged(
        summaries=tuple(_summaries(connection)),
        files=tuple(_write(connection, target, shard)),
        tag_keys=tuple(row[0] for row in keys),
    )


def _has_rows(connection: duckdb.DuckDBPyConnection, relation: str) -> bool:
    return connection.execute(f"SELECT 1 FROM {relation} LIMIT 1").fetchone() is not None


def account_months(connection: duckdb.DuckDBPyConnection) -> Iterator[AccountMonth]:
    """The totals of each account's days, of the charges last merged; one account at a time."""
    rows = connection.execute(f"""
        SELECT {BILL}, sub_account_id, charge_date, coalesce(charge_category, '{NONE}'),
            {_totals(MEASURES)}
        FROM charges GROUP BY ALL ORDER BY {BILL}, sub_account_id NULLS LAST, 5, 6""")
    now: tuple[Any, ...] | None = None
    days: dict[str, dict[str, Any]] = {}
    while some := rows.fetchmany(10_000):
        for row in some:
            if row[:4] != now:
                if now is not None:
                    yield _account_month(now, days)
                now, days = row[:4], {}
            days.setdefault(_day(row[4]), {})[row[5]] = tuple(row[6:])
    if now is not None:
        yield _account_month(now, days)


def _account_month(of: tuple[Any, ...], days: dict[str, dict[str, Any]]) -> AccountMonth:
    payer, period, currency, account = of
    return AccountMonth(
        billing_account_id=payer,
        billing_period=period,
        billing_currency=currency,
        sub_account_id=account,
        days=days,
    )


def _day(day: date) -> str:
    return day.isoformat()


# -- tables -----------------------------------------------------------------------------------


def _partials(files: list[Path]) -> str:
    return f"SELECT * FROM read_parquet({engine.paths(files)})"


# Tags as their owner spells them, keys sorted: `finops.domain.tags.canonical`.
SPELLED = f"""
    SELECT stated, to_json(map(list(key ORDER BY key), list(value ORDER BY key)))::VARCHAR AS tags
    FROM (
        SELECT stated, max(value) AS value,
            CASE WHEN starts_with(whole, '{RESOURCE_TAG_PREFIX}')
                THEN substr(whole, {len(RESOURCE_TAG_PREFIX) + 1}) ELSE whole END AS key
        FROM (
            SELECT stated, unnest(map_keys(cells)) AS whole, unnest(map_values(cells)) AS value
            FROM (SELECT stated, TRY_CAST(stated::JSON AS MAP(VARCHAR, VARCHAR)) AS cells
                FROM (SELECT DISTINCT tags AS stated FROM partials WHERE tags IS NOT NULL)))
        WHERE value IS NOT NULL GROUP BY stated, key)
    GROUP BY stated"""


def _summed() -> str:
    measures = ["lines", "net_lines", *_DUSTY]
    fields = ", ".join("spelled.tags" if field == "tags" else field for field in Key._fields)
    return f"""
        SELECT {fields}, {_sums(measures)}
        FROM partials LEFT JOIN spelled ON partials.tags = spelled.stated GROUP BY ALL"""


def _sums(measures: Sequence[str]) -> str:
    return ", ".join(f"sum({measure})::BIGINT AS {measure}" for measure in measures)


def _totals(measures: Sequence[str]) -> str:
    """Sums beyond what a row of the ledger holds: 64 bits of ticks end at 922 million."""
    return ", ".join(f"sum({measure})::HUGEINT AS {measure}" for measure in measures)


_CUBE = f"""
    SELECT {", ".join(CUBE)}, {_sums(MEASURES)}, bool_or(is_net) AS is_net, count(*)::BIGINT AS charges
    FROM charges GROUP BY ALL ORDER BY {", ".join(f"{field} NULLS LAST" for field in CUBE)}"""
# The inventory of an account's month: each resource by service, with the tags of its last day
# (none, where they were taken away). A container has one instance, as long as it lives. Not of two
# currencies in one sum.
_RESOURCES = f"""
    SELECT {BILL}, sub_account_id, resource_id, service_code,
        arg_max({{'r': region_id}}, (charge_date, coalesce(region_id, '')))['r'] AS region_id,
        arg_max({{'t': tags}}, (charge_date, coalesce(tags, '')))['t'] AS tags,
        max(split_parent_resource_id) AS split_parent_resource_id,
        min(charge_date) AS first_day, max(charge_date) AS last_day, {_sums(MEASURES)}
    FROM charges WHERE resource_id IS NOT NULL
    GROUP BY {BILL}, sub_account_id, resource_id, service_code
    ORDER BY {BILL}, sub_account_id NULLS LAST, resource_id, service_code NULLS LAST"""


# Bills that hold their discounts in net columns; discount lines would take them off twice.
_NET_BILLS = """
    SELECT billing_account_id, billing_period FROM summed GROUP BY ALL HAVING sum(net_lines) > 0"""
_PLANS = f"coalesce(line_item_type IN ('{COVERED}', '{NEGATION}'), false)"


def _residues() -> str:
    """What a negation left over: `finops.domain.charges.net_savings_plans`."""
    keys = {field: field if field in NETTED_BY else "NULL" for field in Key._fields}
    keys |= {"charge_category": f"'{ChargeCategory.USAGE}'", "line_item_type": f"'{NEGATION}'"}
    return f"""
        SELECT {", ".join(f"{expression} AS {key}" for key, expression in keys.items())},
            {_sums(["billed_cost", "billed_cost_dust"])}
        FROM summed WHERE {_PLANS} GROUP BY {", ".join(NETTED_BY)}
        HAVING sum(billed_cost)::HUGEINT * {ONE} + sum(billed_cost_dust) <> 0"""


def _without_plans(charges: str) -> str:
    """*charges* with Savings Plans billed at nothing, and discounts counted once."""
    listed = ", ".join(engine.text(name) for name in sorted(DISCOUNTS))
    discount = f"(net IS NOT NULL AND coalesce(line_item_type IN ({listed}), false))"
    zero = {"billed_cost": f"{_PLANS} OR {discount}", "effective_cost": discount}
    columns = [
        f"CASE WHEN {zero[cost]} THEN 0 ELSE {field} END AS {field}" if cost in zero else field
        for field in _DUSTY
        for cost in [field.removesuffix("_dust")]
    ]
    return f"""(
        SELECT {KEYS}, net IS NOT NULL AS is_net, lines, {", ".join(columns)}
        FROM {charges} LEFT JOIN (SELECT *, 1 AS net FROM net_bills)
            USING (billing_account_id, billing_period))"""


def _with_residues() -> str:
    zeros = ", ".join(
        f"{'NULL' if field == 'list_cost' else 0} AS {field}"
        for field in _DUSTY
        if not field.startswith("billed_cost")
    )
    return f"""
        SELECT {KEYS}, bool_or(is_net) AS is_net, {_sums(["lines", *_DUSTY])} FROM (
            FROM {_without_plans("summed")}
            UNION ALL BY NAME
            SELECT *, false AS is_net, 0 AS lines, {zeros}
            FROM residues)
        GROUP BY ALL"""


def _with_dust(charges: str) -> str:
    return f"{charges} WHERE " + " OR ".join(f"{field}_dust <> 0" for field in MONEY)


def _carried(charges: str) -> str:
    """Dust rounded away along the order of the key: `finops.domain.money.carried`."""
    running = f"OVER (PARTITION BY {BILL} ORDER BY {ORDERED}"

    def told(field: str, until: str) -> str:
        return _floored(f"(coalesce(sum({field}_dust) {running} {until}), 0)::HUGEINT + {HALF})")

    rows = "ROWS BETWEEN UNBOUNDED PRECEDING AND"
    money = ", ".join(
        f"({field} + {told(field, rows + ' CURRENT ROW')}"
        f" - {told(field, rows + ' 1 PRECEDING')})::BIGINT AS {field}"
        for field in ROUNDED
    )
    ticks = _floored("unblended_cost_dust::HUGEINT")
    unblended = (
        f"(unblended_cost + {ticks})::BIGINT AS unblended_cost,"
        f" (unblended_cost_dust - {ticks} * {ONE})::BIGINT AS unblended_dust"
    )
    return f"SELECT {KEYS}, is_net, lines, {unblended}, {money} FROM {charges}"


def _floored(dust: str) -> str:
    """The whole ticks in *dust*, rounded down."""
    return f"(({dust} - (({dust}) % {ONE} + {ONE}) % {ONE}) // {ONE})"


def _plain(charges: str) -> str:
    money = f"unblended_cost, 0::BIGINT AS unblended_dust, {', '.join(ROUNDED)}"
    return f"SELECT {KEYS}, is_net, lines, {money} FROM {charges}"


# -- what is told of them ---------------------------------------------------------------------


def _summaries(connection: duckdb.DuckDBPyConnection) -> Iterator[BillSummary]:
    breakdowns = {
        "by_account": "sub_account_id",
        "by_charge_category": "charge_category",
        "by_day": "charge_date",
        "by_service": "service_code",
        "by_invoice": "invoice_id",
    }
    told: dict[tuple[Any, ...], dict[str, dict[str, Costs]]] = {}
    for name, field in breakdowns.items():
        for *of, key, lines, unblended, billed, effective, listed, dust in connection.execute(
            f"SELECT {BILL}, coalesce({field}::VARCHAR, '{NONE}'), {_totals(MEASURES)}"
            " FROM cube GROUP BY ALL ORDER BY ALL"
        ).fetchall():
            costs = _costs(lines, unblended, billed, effective, listed, dust)
            told.setdefault(tuple(of), {}).setdefault(name, {})[key] = costs
    wholes = connection.execute(f"""
        SELECT {BILL}, {_totals(MEASURES)}, sum(charges)::BIGINT,
            coalesce(sum(lines) FILTER (invoice_id IS NULL), 0)::BIGINT,
            max(charge_date) FILTER (charge_category = '{ChargeCategory.USAGE}')::VARCHAR,
            bool_or(is_net)
        FROM cube GROUP BY ALL ORDER BY ALL""").fetchall()
    for *of, lines, unblended, billed, effective, listed, dust, rows, open_, last, net in wholes:
        yield BillSummary(
            billing_account_id=of[0],
            billing_period=of[1],
            billing_currency=of[2],
            costs=_costs(lines, unblended, billed, effective, listed, dust),
            charges=rows,
            lines_without_invoice=open_,
            last_usage_day=last,
            is_net=bool(net),
            **told[tuple(of)],
        )


def _costs(
    lines: int, unblended: int, billed: int, effective: int, listed: int | None, dust: int
) -> Costs:
    ticks, dust = settled(unblended, dust)
    return Costs(
        lines=lines,
        unblended_cost=ticks,
        unblended_dust=dust,
        billed_cost=billed,
        effective_cost=effective,
        list_cost=listed,
    )


def _write(connection: duckdb.DuckDBPyConnection, target: Path, shard: int) -> Iterator[Written]:
    bills = connection.execute(
        "SELECT DISTINCT billing_account_id, billing_period FROM cube ORDER BY ALL"
    ).fetchall()
    for number, (payer, period) in enumerate(bills):
        mine = (
            f"billing_account_id = {engine.text(payer)} AND billing_period = {engine.text(period)}"
        )
        cube = f"SELECT {', '.join(CUBE)}, {', '.join(MEASURES)} FROM cube WHERE {mine}"
        yield _file(connection, cube, target / f"{number}-cube", payer, period, f"cube-{shard}")
        accounts = connection.execute(
            f"SELECT DISTINCT sub_account_id FROM cube WHERE {mine} ORDER BY ALL"
        ).fetchall()
        for place, (account,) in enumerate(accounts):
            its = f"{mine} AND sub_account_id IS NOT DISTINCT FROM "
            its += "NULL" if account is None else engine.text(account)
            folder = target / f"{number}-{place}"
            below = account_folder(account)
            charges = f"SELECT * EXCLUDE (is_net) FROM charges WHERE {its}"
            yield _file(connection, charges, folder, payer, period, f"{below}/charges")
            resources = (
                f"SELECT * EXCLUDE (billing_account_id, billing_period) FROM resources WHERE {its}"
            )
            yield _file(connection, resources, folder, payer, period, f"{below}/resources")


def _file(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    folder: Path,
    payer: str,
    period: str,
    name: str,
) -> Written:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name.rpartition('/')[2]}.parquet"
    rows = connection.execute(f"COPY ({query}) TO {engine.text(str(path))} {PARQUET}").fetchone()
    return Written(
        path=path,
        billing_account_id=payer,
        billing_period=period,
        name=f"{name}.parquet",
        rows=int(rows[0]) if rows else 0,
    )


def dumped(month: AccountMonth) -> str:
    """An account's month as one line of JSON."""
    return json.dumps(month.model_dump(), separators=(",", ":"))
