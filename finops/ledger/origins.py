"""From charges back to the lines of the bill that they were made of."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from finops.domain.charges import COVERED, DISCOUNTS, NEGATION, Charge, Key
from finops.domain.class_policies import CostBasis
from finops.domain.formats import BillFormat
from finops.domain.money import settled
from finops.ledger import engine
from finops.ledger.lines import DAYS, Lines, Part
from finops.ledger.merging import SPELLED
from finops.ledger.sources import Column, Source

# What tells a line from its neighbours; the first column that a file has counts.
CUR_DETAILS: Mapping[str, tuple[str, ...]] = {
    "line_item_id": ("identity_line_item_id",),
    "time_interval": ("identity_time_interval",),
    "usage_type": ("line_item_usage_type",),
    "operation": ("line_item_operation",),
    "quantity": ("line_item_usage_amount",),
    "unit": ("pricing_unit",),
}
FOCUS_DETAILS: Mapping[str, tuple[str, ...]] = {
    "usage_type": ("x_UsageType", "SkuMeter"),
    "operation": ("x_Operation",),
    "quantity": ("ConsumedQuantity", "PricingQuantity"),
    "unit": ("ConsumedUnit", "PricingUnit"),
}
FOCUS_INTERVAL = ("ChargePeriodStart", "ChargePeriodEnd")
PLANS = (COVERED, NEGATION)
# The key of what Savings Plans leave over: `finops.domain.charges.net_savings_plans`.
RESIDUE_HAS = frozenset(
    {
        *("billing_account_id", "billing_period", "billing_currency", "sub_account_id"),
        *("charge_date", "charge_category", "line_item_type", "invoice_id"),
    }
)


class Place(NamedTuple):
    """Where lines are looked for: an account's day (None: of no account) on a payer's month.

    *otherwise* is whose the lines are that name no payer; *always* goes before what lines say.
    """

    payer: str
    billing_period: str
    account: str | None
    day: date
    always: str | None = None
    otherwise: str | None = None
    period: str | None = None  # of lines that do not say theirs

    def where(self, lines: Lines) -> str:
        """The condition in SQL, which the engine applies to no row before it knows its number.

        A condition on one column alone is looked at in row groups that are not at hand, too.
        """
        account = lines.text("sub_account_id")
        told = [
            f"{account} IS NULL"
            if self.account is None
            else f"{account} = {engine.text(self.account)}",
            f"{lines.charge_date()} = DATE {engine.text(self.day.isoformat())}",
            f"strftime({lines.billing_period()}, '%Y-%m') = {engine.text(self.billing_period)}",
        ]
        if self.always is None:
            # Of lines without a payer beside those of one payer the load has warned; they are its.
            whose = engine.text(self.otherwise or self.payer)
            payer = lines.text("billing_account_id")
            told.append(f"coalesce({payer}, {whose}) = {engine.text(self.payer)}")
        return f"CASE WHEN file_row_number >= 0 THEN {' AND '.join(told)} ELSE false END"


class DetailedLines(Lines):
    """Lines with what tells each from its neighbours."""

    def detail(self, field: str) -> str:
        """A detail as text; NULL where the file has no such column."""
        if field == "time_interval" and self._is_focus:
            ends = [self._columns[name] for name in FOCUS_INTERVAL if name in self._columns]
            return " || '/' || ".join(map(self._blank, ends)) if ends else "NULL::VARCHAR"
        found = [self._blank(column) for column in self._details().get(field, ())]
        return f"coalesce({', '.join(found)})" if found else "NULL::VARCHAR"

    def needed(self) -> list[Column]:
        """The columns that the expressions read."""
        names = set(self.used_columns())
        names |= {column.name for some in self._details().values() for column in some}
        if self._is_focus:
            names |= {self._columns[n].name for n in FOCUS_INTERVAL if n in self._columns}
        return [column for column in self.source.columns if column.name in names]

    def account_column(self) -> Column | None:
        """The column that names the account, where it is text."""
        [name] = self._texts["sub_account_id"]
        column = self._columns.get(name)
        return column if column is not None and column.is_text else None

    def day_column(self) -> Column | None:
        """The column that a line's day is taken from, where it states one."""
        name = DAYS[BillFormat.FOCUS][0] if self._is_focus else "line_item_usage_start_date"
        return self._columns.get(name)

    def _details(self) -> Mapping[str, list[Column]]:
        named = FOCUS_DETAILS if self._is_focus else CUR_DETAILS
        return {
            field: [self._columns[name] for name in names if name in self._columns]
            for field, names in named.items()
        }


DETAILS = tuple(CUR_DETAILS)


# -- which bytes --------------------------------------------------------------------------------


class RowGroup(NamedTuple):
    """A row group of a Parquet file, and the bytes of its columns that lines are read from."""

    number: int
    first_row: int
    rows: int
    spans: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        return sum(end - start for start, end in self.spans)


def row_groups(connection: engine.Connection, lines: DetailedLines, place: Place) -> list[RowGroup]:
    """The row groups that may hold lines of *place*, by the footer of the file."""
    account, day = lines.account_column(), lines.day_column()

    def may_hold(name: str, least: str, most: str, nulls: int | None) -> bool:
        if account is not None and name == account.name and place.account is not None:
            return least <= place.account <= most
        if day is not None and name == day.name and nulls == 0:
            return least[:10] <= place.day.isoformat() <= most[:10]
        return True

    return groups_that(connection, lines, may_hold)


def groups_that(
    connection: engine.Connection,
    lines: DetailedLines,
    may_hold: Callable[[str, str, str, int | None], bool],
) -> list[RowGroup]:
    """The row groups none of whose columns says that it holds no such lines.

    *may_hold* is asked with a column's name, its least and its greatest value and its number of
    nulls, where the footer states them.
    """
    needed = {column.name for column in lines.needed()}
    chunks = connection.execute(f"""
        SELECT row_group_id, path_in_schema, dictionary_page_offset, data_page_offset,
            total_compressed_size, row_group_num_rows, stats_min_value, stats_max_value,
            stats_null_count
        FROM parquet_metadata({engine.text(str(lines.source.path))})
        ORDER BY row_group_id, column_id""").fetchall()
    sizes: dict[int, int] = {}
    spans: dict[int, list[tuple[int, int]]] = {}
    passed: set[int] = set()
    for group, path, dictionary, data, size, rows, least, most, nulls in chunks:
        name = path.split(", ")[0]
        sizes[group] = int(rows)
        if name in needed:
            start = min(offset for offset in (dictionary, data) if offset)
            spans.setdefault(group, []).append((int(start), int(start + size)))
        if least is None or most is None:
            continue
        if not may_hold(name, least, most, nulls):
            passed.add(group)
    first_rows, row = {}, 0
    for group in sorted(sizes):
        first_rows[group] = row
        row += sizes[group]
    return [
        RowGroup(group, first_rows[group], sizes[group], tuple(spans.get(group, ())))
        for group in sorted(sizes)
        if group not in passed
    ]


def ranges(source: Source, groups: Sequence[RowGroup]) -> Iterator[Source]:
    """*groups* of a file as sources, neighbours together."""
    first, end = 0, None
    for group in groups:
        if end is not None and group.first_row != end:
            yield source.model_copy(update={"first_row": first, "rows": end - first})
            end = None
        if end is None:
            first, end = group.first_row, group.first_row
        end += group.rows
    if end is not None:
        yield source.model_copy(update={"first_row": first, "rows": end - first})


def as_parquet(connection: engine.Connection, source: Source, target: Path) -> None:
    """The columns of a text file that lines are read from, as text, row by row."""
    columns = ", ".join(engine.name(column.name) for column in DetailedLines(source).needed())
    # The text is read by one thread, so its rows stay in order.
    connection.execute(
        f"COPY (SELECT {columns} FROM {source.relation}) TO {engine.text(str(target))}"
        " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 20000)"
    )


# -- which lines --------------------------------------------------------------------------------


class BillLine(NamedTuple):
    """A line of the bill: *file* and *row* (from 1) are where it stands, *charge* what it is in.

    Costs are (ticks, dust): *unblended* as stated, *cost* as it counts.
    """

    file: int
    row: int
    charge: int
    line_item_type: str | None
    resource_id: str | None
    description: str | None
    line_item_id: str | None
    time_interval: str | None
    usage_type: str | None
    operation: str | None
    quantity: str | None
    unit: str | None
    unblended: tuple[int, int]
    cost: tuple[int, int]


class Sums(NamedTuple):
    """What some lines add up to, in (ticks, dust)."""

    lines: int
    unblended: tuple[int, int]
    billed: tuple[int, int]
    effective: tuple[int, int]


class Origins(NamedTuple):
    """The largest lines of some charges, and the sums of all: of Savings Plans, discounts, others.

    *matched* counts the lines of the charges themselves, and not those that a residue is left of.
    """

    lines: Sequence[BillLine]
    plans: Sums
    discounts: Sums
    others: Sums
    matched: int


class Picked(Source):
    """Rows of a file that are at hand as a table."""

    table: str

    @property
    def relation(self) -> str:
        return self.table


AMOUNTS = ("unblended", "billed", "effective")


def origins(
    connection: engine.Connection,
    files: Sequence[Sequence[Source]],
    place: Place,
    charges: Sequence[Charge],
    basis: CostBasis,
    most: int,
) -> Origins:
    """The lines behind *charges*, which are of *place*: the *most* largest, and all their sums.

    *files* are the delivered files, each as the ranges of it that may hold such lines.
    """
    _put_behind(connection, charges, basis)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE told (file INTEGER, row_in_file BIGINT, charge INTEGER,"
        " is_own BOOLEAN, line_item_type VARCHAR, resource_id VARCHAR, description VARCHAR,"
        f" {', '.join(f'{field} VARCHAR' for field in DETAILS)},"
        f" {', '.join(f'{name} BIGINT, {name}_dust BIGINT' for name in AMOUNTS)})"
    )
    for number, sources in enumerate(files):
        if sources:
            _collect(connection, number, sources, place)
    cost = basis.value
    rows = connection.execute(
        "SELECT file, row_in_file, charge, line_item_type, resource_id, description,"
        f" {', '.join(DETAILS)}, unblended, unblended_dust, {cost}, {cost}_dust FROM told"
        f" ORDER BY abs({cost}) DESC, abs(unblended) DESC, file, row_in_file LIMIT {int(most)}"
    ).fetchall()
    plans, discounts, others = _kinds()
    return Origins(
        lines=[
            BillLine._make((*row[:-4], settled(*row[-4:-2]), settled(*row[-2:]))) for row in rows
        ],
        plans=_sums(connection, plans),
        discounts=_sums(connection, discounts),
        others=_sums(connection, others),
        matched=_count(connection),
    )


def _put_behind(connection: engine.Connection, charges: Sequence[Charge], basis: CostBasis) -> None:
    """The keys that lines are matched by; a residue is also matched by what it is left of."""
    columns = {"charge": "INTEGER", "is_residue": "BOOLEAN"}
    columns |= {field: "DATE" if field == "charge_date" else "VARCHAR" for field in Key._fields}
    is_billed = basis is CostBasis.BILLED
    values: list[list[Any]] = [
        list(range(len(charges))),
        [is_billed and _is_residue(one.key) for one in charges],
        *([getattr(one.key, field) for one in charges] for field in Key._fields),
    ]
    told = ", ".join(f"unnest(?::{kind}[]) AS {name}" for name, kind in columns.items())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE behind AS SELECT {told}", values)


def _is_residue(key: Key) -> bool:
    return key.line_item_type == NEGATION and all(
        getattr(key, field) is None for field in Key._fields if field not in RESIDUE_HAS
    )


def _collect(
    connection: engine.Connection, number: int, sources: Sequence[Source], place: Place
) -> None:
    """The lines of a file that are behind the charges, into `told`."""
    whole = DetailedLines(sources[0], billing_period=place.period)
    needed = whole.needed()
    columns = ", ".join(["file_row_number", *(engine.name(column.name) for column in needed)])
    picked = " UNION ALL ".join(
        f"SELECT {columns} FROM {source.relation} WHERE {place.where(whole)}" for source in sources
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE picked AS {picked}")
    source = Picked(path=whole.source.path, format=whole.source.format, columns=(), table="picked")
    source = source.model_copy(update={"columns": tuple(needed)})
    lines = DetailedLines(source, billing_period=place.period)
    lines = DetailedLines(source, billing_period=place.period, finer=finer(connection, lines))
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW partials AS SELECT {lines.tags()} AS tags FROM picked"
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE spelled AS {SPELLED}")
    keys = {field: lines.text(field) for field in Key._fields} | {
        "billing_account_id": engine.text(place.payer),
        "billing_period": engine.text(place.billing_period),
        "charge_date": lines.charge_date(),
        "charge_category": lines.charge_category(lines.text("line_item_type")),
        "tags": lines.tags(),
    }
    told = {field: lines.detail(field) for field in DETAILS}
    told["description"] = lines.text("description")
    costs = {
        f"{name}{suffix}": expression
        for part, suffix in ((Part.TICKS, ""), (Part.DUST, "_dust"))
        for name, expression in (
            ("unblended", lines.amount("unblended_cost", part)),
            ("billed", lines.billed_cost(part)),
            ("effective", lines.effective_cost(part)),
        )
    }
    stated = ", ".join(f"{expression} AS {name}" for name, expression in (keys | told).items())
    amounts = ", ".join(f"({expression})::BIGINT AS {name}" for name, expression in costs.items())
    same = " AND ".join(
        f"own.{field} IS NOT DISTINCT FROM "
        + ("spelled.tags" if field == "tags" else f"line.{field}")
        for field in Key._fields
    )
    plans = ", ".join(engine.text(name) for name in PLANS)
    listed = ", ".join(
        f"line.{name}"
        for name in (
            *("line_item_type", "resource_id", "description", *DETAILS),
            *(f"{name}{suffix}" for name in AMOUNTS for suffix in ("", "_dust")),
        )
    )
    connection.execute(f"""
        INSERT INTO told
        SELECT {number}, line.row_in_file, coalesce(own.charge, residue.charge),
            own.charge IS NOT NULL, {listed}
        FROM (SELECT file_row_number + 1 AS row_in_file, {stated}, {amounts} FROM picked) AS line
        LEFT JOIN spelled ON line.tags = spelled.stated
        LEFT JOIN behind AS own ON {same}
        LEFT JOIN (FROM behind WHERE is_residue) AS residue
            ON residue.invoice_id IS NOT DISTINCT FROM line.invoice_id
            AND residue.billing_currency IS NOT DISTINCT FROM line.billing_currency
        WHERE own.charge IS NOT NULL
            OR (residue.charge IS NOT NULL AND line.line_item_type IN ({plans}))""")


def finer(connection: engine.Connection, lines: Lines) -> list[str]:
    """The doubles that state more than ten decimals, as `reduction` finds them."""
    doubles = [field for field, column in lines.amounts.items() if column.is_double]
    if not doubles:
        return []
    told = ", ".join(lines.finer_than_a_tick(field) for field in doubles)
    found = connection.execute(f"SELECT {told} FROM picked").fetchone() or ()
    return [field for field, is_finer in zip(doubles, found, strict=True) if is_finer]


def _kinds() -> tuple[str, str, str]:
    """Conditions on lines: of Savings Plans, discounts, others."""
    plans = ", ".join(engine.text(name) for name in PLANS)
    discounts = ", ".join(engine.text(name) for name in sorted(DISCOUNTS))
    return (
        f"coalesce(line_item_type IN ({plans}), false)",
        f"coalesce(line_item_type IN ({discounts}), false)",
        f"NOT coalesce(line_item_type IN ({plans}, {discounts}), false)",
    )


def _sums(connection: engine.Connection, of: str) -> Sums:
    sums = ", ".join(
        f"coalesce(sum({name}{suffix}), 0)::HUGEINT" for name in AMOUNTS for suffix in ("", "_dust")
    )
    row: Any = connection.execute(f"SELECT count(*), {sums} FROM told WHERE {of}").fetchone()
    return Sums(
        row[0],
        settled(*map(int, row[1:3])),
        settled(*map(int, row[3:5])),
        settled(*map(int, row[5:7])),
    )


def _count(connection: engine.Connection) -> int:
    row: Any = connection.execute("SELECT count(*) FROM told WHERE is_own").fetchone()
    return int(row[0])
