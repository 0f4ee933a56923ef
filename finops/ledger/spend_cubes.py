"""Spend cubes over millions of charges: `finops.domain.cube_cuts` and `spend_cubes`, in SQL.

A cube is cut by the tables that `finops.ledger.allocating` decides by, so that each charge goes where
the run put it. Region and tags make its rows finer than the run's parts; what owners share is told
apart in proportion, so that rows add up to the parts and to the charges.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from finops.domain.allocations import Group, Lives, Rules
from finops.domain.elements import ENTERPRISE
from finops.domain.spend_cubes import CREDIT, OWNERS, TAG, CubeQuery, CubeTotal
from finops.domain.tag_settings import TagSettings
from finops.ledger import allocating, engine

DAY = "day"
FEW = 8  # elements that are looked for one by one
# The columns of a cube before those of tags.
FIELDS = (
    *("product_id", "reason", "month", DAY, "payer", "currency", "account", "service", "region"),
    *("charge_class", "charge_category"),
)
# What the run knows of each part; see `_must_be_the_run`.
OF_RUN = (
    *("payer", "month", "currency", "account", DAY, "charge_class", "charge_category", "service"),
    *("product_id", "reason"),
)
DETAIL = ("region", "told")  # besides the group; *told* is the number of what its tags mean


class Cut(NamedTuple):
    """The cube of some accounts: its rows, by day and by month, and what they come to."""

    days: tuple[Path, ...]
    months: tuple[Path, ...]
    rows: int  # of the files by day
    totals: tuple[CubeTotal, ...]


class Cube(NamedTuple):
    """Files of cubes that were cut by the same report keys."""

    files: Sequence[Path]
    tag_keys: tuple[str, ...]


# -- cut --------------------------------------------------------------------------------------


def cut(
    connection: engine.Connection,
    charges: Sequence[Path],
    parts: Sequence[Path],
    spread: Sequence[Path],
    rules: Rules,
    products: Lives,
    tags: TagSettings,
    target: Path,
) -> Cut:
    """The cube of the ledger's *charges* files, of some accounts, into *target*.

    *parts* and *spread* are all files that a run by these *rules* made of the same accounts: what
    claims, rules and shares gave, and what goes in proportion to spend. The columns are `FIELDS`,
    one for each report key (`column`), and the amount in ticks of 1e-10, never 0; rows are in order
    of products, so that who asks for some reads little, and the same input gives the same bytes.
    A file is made for *parts*, and one for each of *spread*: no more is in work at a time, however
    many products there are. Raises ArithmeticError where rows are not what charges or parts come to.
    """
    target.mkdir(parents=True, exist_ok=True)
    source = _files(charges)
    _load_cells(connection, source, rules, products, tags)
    _load_payers(connection, spread)
    _load_shared(connection)
    columns = columns_of(tags)
    days: list[Path] = []
    months: list[Path] = []
    rows = 0
    connection.execute("SET preserve_insertion_order = true")  # from here on rows are in order
    lots = [(list(parts), _GIVEN), *(([part], _in_proportion(part)) for part in spread)]
    for number, (made, portions) in enumerate(lots):
        allocating.table(
            connection,
            "portions",
            f"""SELECT paid_by, line, sum(amount)::BIGINT AS amount FROM ({portions})
                GROUP BY ALL HAVING sum(amount) <> 0""",
        )
        days.append(target / f"days-{number:04}.parquet")
        rows += _write(connection, "portions", "line", (*FIELDS, *columns), days[-1])
        of_month = """(SELECT paid_by, month_line AS line, sum(amount)::BIGINT AS amount
            FROM portions JOIN lines USING (line) GROUP BY ALL HAVING sum(amount) <> 0)"""
        fields = tuple(field for field in FIELDS if field != DAY)
        months.append(target / f"months-{number:04}.parquet")
        _write(connection, of_month, "month_line", (*fields, *columns), months[-1])
        _must_be_the_run(connection, _files(made), _files([days[-1]]))
    _must_be_the_charges(connection, source, rules, _files(days))
    return Cut(tuple(days), tuple(months), rows, _totals(connection, _files(days)))


def column(number: int) -> str:
    """The column of a report key, by its place: the engine takes `Team` and `team` for one name."""
    return f"t{number}"


def columns_of(tags: TagSettings) -> list[str]:
    return [column(number) for number in range(len(tags.report_keys))]


def _files(paths: Sequence[Path]) -> str:
    return f"read_parquet({engine.paths(list(paths))}, hive_partitioning = false)"


def _write(
    connection: engine.Connection, portions: str, line: str, fields: Sequence[str], path: Path
) -> int:
    """*portions* in words, in the order of who pays; their number."""
    return allocating.write(
        connection,
        f"""SELECT {", ".join(fields)}, amount FROM {portions} p
            JOIN {line}s l ON l.{line} = p.line JOIN payers USING (paid_by)
            JOIN meanings USING (told) ORDER BY paid_by, p.line""",
        path,
    )


def _load_cells(
    connection: engine.Connection, source: str, rules: Rules, products: Lives, tags: TagSettings
) -> None:
    """Tables of the charges at the grain of a cube: `lines`, what they say, and `cells`, their sums.

    Lines are numbered in the order of groups (their *place*), regions and tags, those of AWS's
    credits last; `month_lines` are one for all days. A cell is what a deal has of a line.
    """
    untagged = _load_tags(connection, source, tags)
    finer = {"region": "c.region_id", "told": f"coalesce(tagged.told, {untagged})"}
    joined = " LEFT JOIN tagged ON tagged.tags = c.tags"
    tables = allocating.Tables(rules, products, allocating.days_of(connection, source))
    tables.load(connection)
    summed = allocating.summed(connection, source, rules, tables, finer, joined)
    allocating.table(connection, "summed", summed)
    allocating.table(connection, "groups", allocating.grouped(tables, finer))
    connection.execute("DROP TABLE summed")
    group = ", ".join(Group._fields)
    told = [name for name in Group._fields if name not in ("charge_class", "invoice_id", "issuer")]
    detail = ", ".join(f"{name} NULLS LAST" for name in DETAIL)
    allocating.table(
        connection,
        "told_lines",
        f"""SELECT *, row_number() OVER (ORDER BY place, {detail}) AS line
            FROM (SELECT DISTINCT {group}, {", ".join(DETAIL)}, place FROM groups)""",
    )
    listed = ", ".join((*told, *DETAIL))
    ordered = ", ".join(f"{name} NULLS LAST" for name in (*told, *DETAIL))
    allocating.table(
        connection,
        "credits",
        f"""SELECT *, {engine.text(CREDIT)} AS charge_class,
            (SELECT count(*) FROM told_lines) + row_number() OVER (ORDER BY {ordered}) AS line
        FROM (
            SELECT {listed}, sum(cost)::BIGINT AS amount FROM (
                SELECT {allocating.columns_of(told, rules.basis)},
                    {", ".join(f"{expression} AS {name}" for name, expression in finer.items())},
                    c.{rules.basis.column} AS cost
                FROM {source} c {joined} WHERE NOT ({allocating.SPEND}))
            GROUP BY ALL HAVING sum(cost) <> 0)""",
    )
    by_month = ", ".join(
        f"{name} NULLS LAST" for name in (*told, *DETAIL, "charge_class") if name != DAY
    )
    allocating.table(
        connection,
        "lines",
        f"""SELECT * RENAME (billing_period AS month), dense_rank() OVER (ORDER BY {by_month})
                AS month_line
            FROM (SELECT * EXCLUDE (place, invoice_id, issuer) FROM told_lines
                UNION ALL BY NAME SELECT * EXCLUDE (amount) FROM credits)""",
    )
    allocating.table(
        connection,
        "month_lines",
        "FROM lines WHERE line IN (SELECT min(line) FROM lines GROUP BY month_line)",
    )
    allocating.table(
        connection,
        "cells",
        """SELECT l.line, g.place, g.deal, g.spread, g.amount FROM groups g JOIN told_lines l
            ON g.place = l.place AND g.told = l.told AND g.region IS NOT DISTINCT FROM l.region""",
    )
    connection.execute("DROP TABLE groups")


def _load_tags(connection: engine.Connection, source: str, tags: TagSettings) -> int:
    """Tables of what the tags of charges mean: `meanings`, in order, and `tagged`, by their text.

    The number of the last, of no tags at all. Each text is read once, whatever charges have it.
    """
    columns = columns_of(tags)
    if not columns:
        allocating.table(connection, "tagged", "SELECT NULL::VARCHAR AS tags, 1 AS told")
        allocating.table(connection, "meanings", "SELECT 1 AS told")
        return 1
    listed = ", ".join(columns)
    labels = ", ".join(
        f"{allocating.label(key, tags.aliases)} AS {name}"
        for key, name in zip(tags.report_keys, columns, strict=True)
    )
    nothing = ", ".join("NULL" for _ in columns)
    ordered = ", ".join(f"{name} NULLS LAST" for name in columns)
    same = " AND ".join(f"x.{name} IS NOT DISTINCT FROM m.{name}" for name in columns)
    allocating.table(
        connection,
        "texts",
        f"""SELECT tags, {labels} FROM (SELECT tags,
            TRY_CAST(TRY_CAST(tags AS JSON) AS MAP(VARCHAR, VARCHAR)) AS cells
            FROM (SELECT DISTINCT tags FROM {source} WHERE tags IS NOT NULL))""",
    )
    allocating.table(
        connection,
        "meanings",
        f"""SELECT row_number() OVER (ORDER BY {ordered}) AS told, {listed}
            FROM (SELECT {listed} FROM texts UNION SELECT {nothing})""",
    )
    allocating.table(
        connection, "tagged", f"SELECT x.tags, m.told FROM texts x JOIN meanings m ON {same}"
    )
    [(last,)] = connection.execute("SELECT max(told) FROM meanings").fetchall()
    return int(last)


def _load_payers(connection: engine.Connection, spread: Sequence[Path]) -> None:
    """Tables of who may pay: `payers`, numbered in their order, nobody last, and `paid`, by owner."""
    found = " UNION ".join(
        f"SELECT DISTINCT product_id, reason FROM {source}"
        for source in ("owners", *([_files(spread)] if spread else []))
    )
    allocating.table(
        connection,
        "payers",
        f"""SELECT row_number() OVER (ORDER BY product_id NULLS LAST, reason NULLS LAST) AS paid_by,
            product_id, reason FROM ({found} UNION SELECT NULL, NULL)""",
    )
    allocating.table(
        connection,
        "paid",
        f"SELECT o.owner, y.paid_by FROM owners o JOIN payers y ON {_SAME_PAYER}",
    )


_SAME_PAYER = (
    "y.product_id IS NOT DISTINCT FROM o.product_id AND y.reason IS NOT DISTINCT FROM o.reason"
)


def _load_shared(connection: engine.Connection) -> None:
    """Tables of what several pay: `shared` groups and deals, and `downs`, their cells.

    *down* is what the cells up to and with one come to.
    """
    allocating.table(
        connection,
        "shared",
        """SELECT place, deal, spread, sum(amount)::BIGINT AS amount FROM cells
            WHERE spread IS NOT NULL OR deal IN (SELECT deal FROM deals WHERE owners > 1)
            GROUP BY ALL""",
    )
    allocating.table(
        connection,
        "downs",
        """SELECT line, place, deal, amount, (sum(amount::HUGEINT) OVER (
                PARTITION BY place, deal ORDER BY line))::HUGEINT AS down
            FROM cells SEMI JOIN shared USING (place, deal)""",
    )
    # What shares gave of them, as the run has split it.
    allocating.table(connection, "grouped", "FROM shared WHERE spread IS NULL AND amount <> 0")
    allocating.table(connection, "amounts", allocating.AMOUNTS)
    allocating.table(
        connection,
        "spreads",
        f"""SELECT DISTINCT {", ".join(f"l.{name}" for name in Group._fields)}, place, s.deal
            FROM shared s JOIN told_lines l USING (place)
            WHERE s.spread IS NOT NULL AND s.amount <> 0""",
    )


def _apportioned(weights: str) -> str:
    """`finops.domain.cube_cuts.apportioned`: towards zero, up to each pair of a cell and a payer."""
    return f"""
        SELECT paid_by, line, (upto * down // whole - (upto - weight) * down // whole
            - upto * (down - amount) // whole + (upto - weight) * (down - amount) // whole
            )::BIGINT AS amount
        FROM downs JOIN (
            SELECT *, (sum(weight) OVER (PARTITION BY place, deal ORDER BY paid_by))::HUGEINT AS upto,
                (sum(weight) OVER (PARTITION BY place, deal))::HUGEINT AS whole
            FROM (
                SELECT place, deal, paid_by, sum(weight)::HUGEINT AS weight FROM ({weights})
                GROUP BY ALL))
        USING (place, deal)"""


# Who pays for what shares gave; where that comes to nothing, the points of the deal.
_WEIGHTS = """
    SELECT g.place, g.deal, p.paid_by, a.amount AS weight
    FROM amounts a JOIN (SELECT rowid AS id, * FROM grouped) g USING (id)
    JOIN paid p ON p.owner = a.owner
    UNION ALL
    SELECT g.place, g.deal, p.paid_by, d.points
    FROM shared g JOIN deals d USING (deal) JOIN paid p USING (owner) WHERE g.amount = 0"""
# What has one owner, what AWS credited, and what shares gave.
_GIVEN = f"""
    SELECT p.paid_by, c.line, c.amount
    FROM cells c JOIN deals d USING (deal) JOIN paid p USING (owner)
    WHERE c.spread IS NULL AND d.owners = 1
    UNION ALL
    SELECT (SELECT max(paid_by) FROM payers), line, amount FROM credits
    UNION ALL
    {_apportioned(_WEIGHTS)}"""


def _in_proportion(part: Path) -> str:
    """The portions of what goes in proportion to spend, of the groups that a file of the run has."""
    group = " AND ".join(f"o.{name} IS NOT DISTINCT FROM s.{name}" for name in Group._fields)
    return _apportioned(f"""
        SELECT s.place, s.deal, y.paid_by, o.amount AS weight
        FROM {_files([part])} o JOIN spreads s ON {group} JOIN payers y ON {_SAME_PAYER}""")


def _must_be_the_charges(
    connection: engine.Connection, source: str, rules: Rules, written: str
) -> None:
    """Raises ArithmeticError where rows are not what the charges of a day and region come to."""
    fields = ("payer", "currency", "account", DAY, "charge_category", "service")
    told = allocating.columns_of(fields, rules.basis)
    listed = ", ".join(fields)
    off = connection.execute(f"""
        SELECT {listed}, month, region, sum(amount)::HUGEINT FROM (
            SELECT {told}, c.billing_period AS month, c.region_id AS region,
                c.{rules.basis.column}::HUGEINT AS amount FROM {source} c
            UNION ALL SELECT {listed}, month, region, -amount::HUGEINT FROM {written})
        GROUP BY ALL HAVING sum(amount) <> 0 LIMIT 1""").fetchone()
    if off is not None:
        raise ArithmeticError(f"cube and charges of {off[:-1]} differ by {off[-1]} ticks")


def _must_be_the_run(connection: engine.Connection, made: str, written: str) -> None:
    """Raises ArithmeticError where rows are not what owners, and nobody, pay by the run."""
    listed = ", ".join(OF_RUN)
    told = ", ".join("billing_period AS month" if name == "month" else name for name in OF_RUN)
    off = connection.execute(f"""
        SELECT {listed}, sum(amount)::HUGEINT FROM (
            SELECT {told}, amount::HUGEINT AS amount FROM {made}
            UNION ALL SELECT {listed}, -amount::HUGEINT FROM {written}
                WHERE charge_class <> {engine.text(CREDIT)})
        GROUP BY ALL HAVING sum(amount) <> 0 LIMIT 1""").fetchone()
    if off is not None:
        raise ArithmeticError(f"cube and parts of {off[:-1]} differ by {off[-1]} ticks")


def _totals(connection: engine.Connection, written: str) -> tuple[CubeTotal, ...]:
    credited = f"charge_class = {engine.text(CREDIT)}"
    return tuple(
        CubeTotal(currency=currency, allocated=allocated, unallocated=unallocated, credited=credit)
        for currency, allocated, unallocated, credit in connection.execute(f"""
            SELECT currency,
                coalesce(sum(amount) FILTER (product_id IS NOT NULL), 0)::HUGEINT,
                coalesce(sum(amount) FILTER (product_id IS NULL AND NOT {credited}), 0)::HUGEINT,
                coalesce(sum(amount) FILTER ({credited}), 0)::HUGEINT
            FROM {written} GROUP BY 1 ORDER BY 1 NULLS LAST""").fetchall()
    )


# -- ask --------------------------------------------------------------------------------------


def sums(
    connection: engine.Connection, cubes: Sequence[Cube], query: CubeQuery
) -> list[tuple[tuple[Any, ...], int]]:
    """`finops.domain.spend_cubes.sums` of the rows of some cubes.

    Where the query needs no days, their files may be those without; a cube that has no such tag has
    rows without it.
    """
    if not cubes:
        return []
    asked = dict.fromkeys((*query.by, *query.where))
    alias = {name: f"d{number}" for number, name in enumerate(asked)}
    found = " UNION ALL ".join(
        f"SELECT {''.join(f'{_told(name, cube)} AS {alias[name]}, ' for name in asked)}"
        f"{DAY + ', ' if query.needs_days else ''}month, product_id, amount"
        f" FROM read_parquet({engine.paths(list(cube.files))}, hive_partitioning = false)"
        for cube in cubes
    )
    conditions, values = _matching(cubes, query, alias)
    keys = "".join(f"{alias[name]}, " for name in query.by)
    ordered = ", ".join(f"{alias[name]} NULLS LAST" for name in query.by)
    rows = connection.execute(
        f"SELECT {keys}sum(amount)::HUGEINT FROM ({found}) WHERE {' AND '.join(conditions)}"
        f" {f'GROUP BY ALL ORDER BY {ordered}' if query.by else 'HAVING count(*) > 0'}",
        values,
    ).fetchall()
    return [(row[:-1], int(row[-1])) for row in rows]


def _told(dimension: str, cube: Cube) -> str:
    """What a row has of a dimension: `finops.domain.spend_cubes.value_of`."""
    if dimension.startswith(TAG):
        key = dimension.removeprefix(TAG)
        return column(cube.tag_keys.index(key)) if key in cube.tag_keys else "NULL::VARCHAR"
    if dimension in OWNERS:
        return _above("product_id", OWNERS.index(dimension) + 1)
    return {"class": "charge_class"}.get(dimension, dimension)


def _above(product: str, level: int) -> str:
    """The element of a level that a product is of, or is."""
    return f"array_to_string(string_split({product}, '.')[1:{level}], '.')"


def _matching(
    cubes: Sequence[Cube], query: CubeQuery, alias: Mapping[str, str]
) -> tuple[list[str], list[object]]:
    """`finops.domain.spend_cubes.fits` as SQL, and the values in it."""
    conditions = ["list_contains(?::VARCHAR[], month)"]
    values: list[object] = [list(query.months)]
    for day, sign in ((query.start, ">="), (query.end, "<")):
        if day is not None:
            conditions.append(f"{DAY} {sign} ?")
            values.append(day)
    if query.elements is not None:
        conditions.append("product_id IS NOT NULL")
        if ENTERPRISE not in query.elements:
            under, more = _under(cubes, query.elements)
            conditions.append(f"({' OR '.join(under) or 'false'})")
            values += more
    for name, wanted in query.where.items():
        conditions.append(f"coalesce({alias[name]}::VARCHAR, '') IN (SELECT unnest(?::VARCHAR[]))")
        values.append(list(wanted))
    return conditions, values


def _under(cubes: Sequence[Cube], elements: Sequence[str]) -> tuple[list[str], list[object]]:
    """Conditions of which one is true of a product that an element covers, and the values in them."""
    if len(elements) <= FEW:
        # As ranges: rows are in the order of products, and the others are not even read.
        ranged = "product_id >= ? AND product_id < ?"
        return (
            [f"({ranged} AND (product_id = ? OR starts_with(product_id, ?)))" for _ in elements],
            [value for one in elements for value in (one, f"{one}/", one, f"{one}.")],
        )
    levels: defaultdict[int, list[str]] = defaultdict(list)
    for one in elements:
        levels[one.count(".") + 1].append(one)
    covered = " OR ".join(
        f"{_above('product_id', level)} IN (SELECT unnest(?::VARCHAR[]))" for level in levels
    )
    # Each product is looked at once, and not in each of its rows.
    files = _files([file for cube in cubes for file in cube.files])
    products = f"SELECT DISTINCT product_id FROM {files}"
    return (
        [f"product_id IN (SELECT product_id FROM ({products}) WHERE {covered})"],
        list(levels.values()),
    )
