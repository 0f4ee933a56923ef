"""Lines to partial charges: the first stage, one worker for each range of a file."""

from pathlib import Path

import duckdb
from pydantic import BaseModel, ConfigDict

from finops.domain.bill_notes import CreditLine
from finops.domain.charges import DISCOUNTS, ChargeCategory, Key
from finops.domain.errors import RefusedError
from finops.domain.loads import ControlTotal
from finops.domain.money import settled
from finops.ledger import engine
from finops.ledger.lines import Lines, Part
from finops.ledger.sources import Source

MONEY = (
    "unblended_cost",
    "billed_cost",
    "effective_cost",
    "list_cost",
    "split_cost",
    "split_unused_cost",
)
REQUIRED = "unblended_cost"
LONGEST_DESCRIPTION = 500
MOST_NOTED = 10_000  # credits of a range: what is cut here is cut before the ranges are added up
PARQUET = "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"


class Payer(BaseModel):
    """Whose bill a file is: *always* goes before what its lines say, *otherwise* after."""

    model_config = ConfigDict(frozen=True)

    always: str | None = None
    otherwise: str | None = None


class Reduced(BaseModel):
    """What a worker made of its range: its control totals, and what it noticed.

    *net_bills* are the (payer, period) whose lines state net costs, and so hold their discounts;
    *discounted* are the (payer, period, service) of lines that are discounts. *credits* are what
    lines name, the largest first; a warning says where there are more than `MOST_NOTED`.
    """

    model_config = ConfigDict(frozen=True)

    controls: tuple[ControlTotal, ...]
    warnings: tuple[str, ...] = ()
    net_bills: tuple[tuple[str, str], ...] = ()
    discounted: tuple[tuple[str, str, str | None], ...] = ()
    credits: tuple[CreditLine, ...] = ()


def reduce(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    targets: list[Path],
    *,
    payer: Payer | None = None,
    billing_period: str | None = None,
) -> Reduced:
    """Sum *source* by the key of the ledger into one Parquet file for each of *targets*.

    Columns: those of `finops.domain.charges.Key`, `credit` (what a credit's line says it is),
    `lines`, each of `MONEY` in ticks of 1e-10 with a `…_dust` of 1e-20 beside it, and `net_lines`. An
    account is in one target only. Savings Plans are
    not netted yet: their two halves may be in different files.

    Raises RefusedError naming file, row and field where a line states no readable cost, and where
    it belongs to no payer or month.
    """
    payer = payer or Payer()
    try:
        lines, plain = _probed(connection, source, billing_period)
        _write(connection, _query(lines, payer), targets)
        sole = _sole_payer(connection, targets)
        if sole is not None:
            _write(connection, _query(lines, Payer(otherwise=sole)), targets)
        reduced = _controls(connection, lines, targets)
    except duckdb.ConversionException as error:
        raise RefusedError(f"{source.path.name}: an amount is out of range: {error}") from error
    except duckdb.Error as error:
        if _is_the_files_fault(error):
            raise RefusedError(f"{source.path.name} cannot be read: {error}") from error
        raise
    if plain is not None:
        _same(source, plain, reduced)
    if sole is None:
        return reduced
    note = f"{source.path.name}: lines without a payer account were taken for payer {sole}'s"
    return reduced.model_copy(update={"warnings": (*reduced.warnings, note)})


def _is_the_files_fault(error: duckdb.Error) -> bool:
    """Whether its content is broken; a full disk or too little memory is ours to try again."""
    if isinstance(error, duckdb.IOException):
        return "GZIP" in str(error) or "enough bytes" in str(error)
    # What makes no sense in a Parquet file comes as the engine's plainest error.
    return isinstance(error, duckdb.InvalidInputException) or type(error) is duckdb.Error


def _query(lines: Lines, payer: Payer) -> str:
    """The reduction; what follows from a key is worked out once a group, not once a line."""
    inner = {field: _key(lines, field, payer) for field in Key._fields}
    del inner["charge_category"]
    inner["credit"] = _credit(lines)
    outer = {field: field for field in (*Key._fields, "credit")} | {
        "billing_period": "strftime(billing_period, '%Y-%m')",
        "charge_category": lines.charge_category("line_item_type"),
    }
    sums = {
        column: _sum(_money(lines, field, part))
        for field in MONEY
        for part, column in ((Part.TICKS, field), (Part.DUST, f"{field}_dust"))
    }
    counts = {"lines": "count(*)::BIGINT", "net_lines": _count(lines.is_net())}
    for field in lines.amounts:
        if lines.states_dust(field):
            counts[f"unreadable_{field}"] = _count(lines.unreadable(field))
    counts["blank"] = _count(f"NOT {lines.present(REQUIRED)}")
    measures = counts | sums
    return f"""
        SELECT {", ".join(f"{expression} AS {field}" for field, expression in outer.items())},
            {", ".join(measures)}
        FROM (SELECT {", ".join(f"{e} AS {field}" for field, e in (inner | measures).items())}
            FROM {lines.source.relation} GROUP BY ALL)"""


def _credit(lines: Lines) -> str:
    """The text of a line that AWS credits something by. FOCUS calls its type a category."""
    said = f"left({lines.text('description')}, {LONGEST_DESCRIPTION})"
    return f"CASE WHEN {lines.text('line_item_type')} = '{ChargeCategory.CREDIT}' THEN {said} END"


def _sum(expression: str) -> str:
    return "0::BIGINT" if expression == "0" else f"sum({expression})::BIGINT"


def _count(condition: str) -> str:
    return "0::BIGINT" if condition == "false" else f"count(*) FILTER ({condition})::BIGINT"


def _write(connection: duckdb.DuckDBPyConnection, query: str, targets: list[Path]) -> None:
    """The rows of *query* over *targets*, by account."""
    if len(targets) == 1:
        connection.execute(f"COPY ({query}) TO {engine.text(str(targets[0]))} {PARQUET}")
        return
    connection.execute(f"CREATE OR REPLACE TEMP TABLE partial AS {query}")
    for shard, target in enumerate(targets):
        mine = f"hash(sub_account_id) % {len(targets)} = {shard}"
        connection.execute(
            f"COPY (FROM partial WHERE {mine}) TO {engine.text(str(target))} {PARQUET}"
        )
    connection.execute("DROP TABLE partial")


def _sole_payer(connection: duckdb.DuckDBPyConnection, targets: list[Path]) -> str | None:
    """The one payer that some lines name, where others name none."""
    found = connection.execute(
        "SELECT DISTINCT billing_account_id FROM read_parquet("
        f"{engine.paths(targets)}) ORDER BY ALL NULLS LAST LIMIT 3"
    ).fetchall()
    return str(found[0][0]) if len(found) == 2 and found[1][0] is None else None


def _key(lines: Lines, field: str, payer: Payer) -> str:
    match field:
        case "billing_account_id":
            if payer.always is not None:
                return engine.text(payer.always)
            stated = lines.text(field)
            return (
                stated
                if payer.otherwise is None
                else (f"coalesce({stated}, {engine.text(payer.otherwise)})")
            )
        case "billing_period":
            return lines.billing_period()
        case "charge_date":
            return lines.charge_date()
        case "tags":
            return lines.tags()
        case _:
            return lines.text(field)


def _money(lines: Lines, field: str, part: Part) -> str:
    match field:
        case "billed_cost":
            return lines.billed_cost(part)
        case "effective_cost":
            return lines.effective_cost(part)
        case "list_cost":
            return lines.list_cost(part)
        case _:
            return lines.amount(field, part)


def _probed(
    connection: duckdb.DuckDBPyConnection, source: Source, billing_period: str | None
) -> tuple[Lines, tuple[int, int] | None]:
    """The lines of *source*, knowing how fine its doubles are; and their plain count and sum.

    Count and sum are taken without any grouping: they are what the reduction has to agree with. A
    text file is too dear to read twice, and its amounts are read digit by digit anyway.
    """
    lines = Lines(source, billing_period=billing_period)
    doubles = [field for field, column in lines.amounts.items() if column.is_double]
    if REQUIRED not in doubles:
        return lines, None
    cell = engine.name(lines.amounts[REQUIRED].name)
    count, broken, ticks, *finer = connection.execute(f"""
        SELECT count(*), count(*) FILTER (NOT isfinite({cell})),
            sum(CASE WHEN isfinite({cell}) THEN CAST(round({cell} * 1e10) AS BIGINT) END)::HUGEINT,
            {", ".join(lines.finer_than_a_tick(field) for field in doubles)}
        FROM {source.relation}""").fetchone() or (0, 0, 0)
    if broken:
        raise RefusedError(_first_unreadable(connection, lines, broken))
    exact = [field for field, is_finer in zip(doubles, finer, strict=True) if is_finer]
    lines = Lines(source, billing_period=billing_period, finer=exact)
    return lines, None if REQUIRED in exact else (count, int(ticks or 0))


def _same(source: Source, plain: tuple[int, int], reduced: Reduced) -> None:
    count = sum(control.lines for control in reduced.controls)
    ticks = sum(control.unblended_cost for control in reduced.controls)
    if (count, ticks) != plain:
        raise ArithmeticError(
            f"{source.path.name}: {plain[0]} lines of {plain[1]} ticks were read, and"
            f" {count} lines of {ticks} ticks reduced"
        )


def _controls(connection: duckdb.DuckDBPyConnection, lines: Lines, targets: list[Path]) -> Reduced:
    """Control totals of the range by bill, from what was written."""
    name = lines.source.path.name
    texts = [field for field in lines.amounts if lines.states_dust(field)]
    found = connection.execute(f"""
        SELECT billing_account_id, billing_period, billing_currency, sum(lines)::BIGINT,
            sum(unblended_cost)::HUGEINT, sum(unblended_cost_dust)::HUGEINT,
            sum(blank)::BIGINT, sum(net_lines)::BIGINT
            {"".join(f", sum(unreadable_{field})::BIGINT" for field in texts)}
        FROM read_parquet({engine.paths(targets)}) GROUP BY ALL ORDER BY ALL""").fetchall()
    unreadable = {field: sum(row[8 + i] for row in found) for i, field in enumerate(texts)}
    if count := unreadable.get(REQUIRED):
        raise RefusedError(_first_unreadable(connection, lines, count))
    if missing := sum(row[3] for row in found if row[0] is None):
        raise RefusedError(
            f"{name}: {missing} lines name no payer account; "
            "say whose bill it is (finops load … --payer ID)"
        )
    if missing := sum(row[3] for row in found if row[1] is None):
        raise RefusedError(
            f"{name}: {missing} lines name neither a billing period nor a usage date; "
            "a charge has to belong to a month"
        )
    warnings = [
        f"{name}: {count} lines hold no number in {lines.amounts[field].title}; "
        f"what they would add to {field} is not known"
        for field, count in unreadable.items()
        if count
    ]
    if blank := sum(row[6] for row in found):
        title = lines.amounts[REQUIRED].title
        warnings.append(f"{name}: {blank} lines leave {title} blank; they count as 0")
    credits_, count = _credits(connection, targets)
    if left_out := count - len(credits_):
        warnings.append(
            f"{name}: lines name {count} credits; the {left_out} smallest of them are not noted"
        )
    controls = tuple(
        ControlTotal(
            billing_account_id=row[0],
            billing_period=row[1],
            billing_currency=row[2],
            lines=row[3],
            unblended_cost=ticks,
            dust=dust,
        )
        for row in found
        for ticks, dust in [settled(int(row[4]), int(row[5]))]
    )
    return Reduced(
        controls=controls,
        warnings=tuple(warnings),
        net_bills=tuple(sorted({(row[0], row[1]) for row in found if row[7]})),
        discounted=_discounted(connection, targets),
        credits=credits_,
    )


def _discounted(
    connection: duckdb.DuckDBPyConnection, targets: list[Path]
) -> tuple[tuple[str, str, str | None], ...]:
    """The services that lines lower, by bill."""
    listed = ", ".join(engine.text(name) for name in sorted(DISCOUNTS))
    rows = connection.execute(f"""
        SELECT DISTINCT billing_account_id, billing_period, service_code
        FROM read_parquet({engine.paths(targets)}) WHERE line_item_type IN ({listed})
        ORDER BY ALL""").fetchall()
    return tuple((payer, period, service) for payer, period, service in rows)


def _credits(
    connection: duckdb.DuckDBPyConnection, targets: list[Path]
) -> tuple[tuple[CreditLine, ...], int]:
    """What lines credit, by what they say it is: the largest, and how many there are in all."""
    of = ("billing_account_id", "billing_period", "billing_currency", "sub_account_id", "credit")
    rows = connection.execute(f"""
        SELECT {", ".join(of)}, sum(billed_cost)::HUGEINT AS amount, min(charge_date),
            max(charge_date), count(*) OVER ()
        FROM read_parquet({engine.paths(targets)}) WHERE credit IS NOT NULL GROUP BY ALL
        ORDER BY abs(amount) DESC, {", ".join(of)} LIMIT {MOST_NOTED}""").fetchall()
    largest = tuple(
        CreditLine(
            billing_account_id=payer,
            billing_period=period,
            billing_currency=currency,
            sub_account_id=account,
            description=credit,
            amount=int(amount),
            first_day=first,
            last_day=last,
        )
        for payer, period, currency, account, credit, amount, first, last, _ in rows
    )
    return largest, rows[0][-1] if rows else 0


def _first_unreadable(connection: duckdb.DuckDBPyConnection, lines: Lines, count: int) -> str:
    source, column = lines.source, lines.amounts[REQUIRED]
    row = connection.execute(f"""
        SELECT n, cell FROM (SELECT row_number() OVER () AS n, {engine.name(column.name)} AS cell,
            {lines.unreadable(REQUIRED)} AS bad FROM {source.relation}) WHERE bad
        ORDER BY n LIMIT 1""").fetchone()
    number, cell = row or (0, None)
    return (
        f"{source.path.name}, row {source.first_row + number}: {column.title} is {str(cell)!r}, "
        f"which is no amount ({count} such rows); deliver the file again"
    )
