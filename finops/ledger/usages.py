"""What some resources used, unit by unit: read from the delivered lines, held against the ledger.

The ledger keeps what a resource cost by day, and the lines of the bill how much of what it was for.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from finops.domain.charges import CATEGORIES, DISCOUNTS, NEGATION, ChargeCategory
from finops.domain.money import settled
from finops.ledger import engine, sources
from finops.ledger.lines import Part
from finops.ledger.origins import (
    CUR_DETAILS,
    FOCUS_DETAILS,
    FOCUS_INTERVAL,
    PLANS,
    DetailedLines,
    Picked,
    RowGroup,
    finer,
    groups_that,
)
from finops.ledger.sources import Column, Source

Wanted = tuple[str, str]  # an account, and a resource of it as the bill has it

# Negations repeat the quantity that they cancel the price of.
WORK = sorted(
    name
    for name, category in CATEGORIES.items()
    if category is ChargeCategory.USAGE and name != NEGATION
)
TEXTS = frozenset(
    {
        *("billing_account_id", "billing_currency", "sub_account_id", "line_item_type"),
        *("service_code", "resource_id", "reservation_arn", "description"),
        "split_parent_resource_id",
    }
)
DETAILS = ("usage_type", "quantity", "unit")
UNREAD = frozenset({"list_cost", "split_cost", "split_unused_cost"})
DUST = 10**10  # of a tick
CREDIT = f"coalesce(line_item_type = '{ChargeCategory.CREDIT}', false)"


class Of(NamedTuple):
    """Whose month lines are wanted of; the rest as `finops.ledger.origins.Place` has it.

    *is_net*: the bill's net columns hold its discounts, so the discounts' own lines count nothing.
    """

    payer: str
    billing_period: str
    always: str | None = None
    otherwise: str | None = None
    period: str | None = None
    is_net: bool = False


class LineUsage(NamedTuple):
    """Lines of a resource's day that are of one usage type and unit.

    *quantity* in 1e-10 of the unit, of lines that are usage; costs in ticks and dust of 1e-20.
    """

    account: str
    resource: str
    day: date
    currency: str | None
    is_credit: bool
    usage_type: str | None
    unit: str | None
    lines: int
    quantity: int
    effective: int
    effective_dust: int
    billed: int
    billed_dust: int


class ChargedDay(NamedTuple):
    """What the ledger has of a resource's day: costs in ticks of so many charges and lines."""

    account: str
    resource: str
    day: date
    currency: str | None
    is_credit: bool
    charges: int
    lines: int
    effective: int
    billed: int


class Usage(NamedTuple):
    """What a resource used on a day, AWS's credits apart: costs are ticks that add up to the
    ledger's charges of it.
    """

    account: str
    resource: str
    day: date
    currency: str | None
    usage_type: str | None
    unit: str | None
    quantity: int
    effective: int
    billed: int


class UsageLines(DetailedLines):
    """Lines as far as usage and cost are read of them."""

    def needed(self) -> list[Column]:
        named = {name for field in TEXTS for name in self._texts.get(field, ())}
        details = FOCUS_DETAILS if self._is_focus else CUR_DETAILS
        named |= {name for field in DETAILS for name in details[field]}
        named |= {"BillingPeriodStart", FOCUS_INTERVAL[0]} if self._is_focus else _CUR_DAYS
        names = {self._columns[name].name for name in named if name in self._columns}
        names |= {column.name for field, column in self.amounts.items() if field not in UNREAD}
        return [column for column in self.source.columns if column.name in names]

    def resource_column(self) -> Column | None:
        """The column that names the resource, where it is text."""
        [name] = self._texts["resource_id"]
        column = self._columns.get(name)
        return column if column is not None and column.is_text else None


_CUR_DAYS = {"line_item_usage_start_date", "bill_billing_period_start_date"}


# -- which bytes --------------------------------------------------------------------------------


def row_groups(
    connection: engine.Connection, source: Source, wanted: Iterable[Wanted]
) -> list[RowGroup]:
    """The row groups that may hold lines of *wanted*, by the footer of the file."""
    lines = UsageLines(source)
    account, resource = lines.account_column(), lines.resource_column()
    listed = list(wanted)
    accounts, resources = (sorted({one[place] for one in listed}) for place in (0, 1))

    def may_hold(name: str, least: str, most: str, _: int | None) -> bool:
        if account is not None and name == account.name:
            return _is_any(accounts, least, most)
        if resource is not None and name == resource.name:
            return _is_any(resources, least, most)
        return True

    return groups_that(connection, lines, may_hold)


def _is_any(ordered: Sequence[str], least: str, most: str) -> bool:
    place = bisect_left(ordered, least)
    return place < len(ordered) and ordered[place] <= most


# -- what the lines say -------------------------------------------------------------------------


def usages(
    connection: engine.Connection,
    parts: Sequence[Source],
    wanted: Iterable[Wanted],
    of: Of,
) -> list[LineUsage]:
    """The lines of *wanted* in *parts*, which are ranges of one file, added up, in their order."""
    if not parts:
        return []
    _put_wanted(connection, wanted)
    whole = UsageLines(parts[0], billing_period=of.period)
    needed = whole.needed()
    columns = ", ".join(engine.name(column.name) for column in needed)
    picked = " UNION ALL ".join(
        f"SELECT {columns} FROM {part.relation} WHERE {_is_wanted(whole, of)}" for part in parts
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE picked AS {picked}")
    source = Picked(
        path=whole.source.path,
        format=whole.source.format,
        columns=tuple(needed),
        table="picked",
    )
    lines = UsageLines(source, billing_period=of.period)
    lines = UsageLines(source, billing_period=of.period, finer=finer(connection, lines))
    keys = {
        "account": lines.text("sub_account_id"),
        "resource": lines.text("resource_id"),
        "day": lines.charge_date(),
        "currency": lines.text("billing_currency"),
        "is_credit": CREDIT.replace("line_item_type", lines.text("line_item_type")),
        "usage_type": lines.detail("usage_type"),
        "unit": lines.detail("unit"),
    }
    sums = {
        "lines": "1",
        "quantity": _quantity(lines),
        "effective": _counted(lines.effective_cost(Part.TICKS), lines, of),
        "effective_dust": _counted(lines.effective_cost(Part.DUST), lines, of),
        "billed": _counted(lines.billed_cost(Part.TICKS), lines, of, PLANS),
        "billed_dust": _counted(lines.billed_cost(Part.DUST), lines, of, PLANS),
    }
    told = ", ".join(f"{expression} AS {name}" for name, expression in (keys | sums).items())
    added = ", ".join(f"sum({name})::HUGEINT" for name in sums)
    rows = connection.execute(
        f"SELECT {', '.join(keys)}, {added} FROM (SELECT {told} FROM picked)"
        " GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return [LineUsage(*row[:7], *map(int, row[7:])) for row in rows]


def _put_wanted(connection: engine.Connection, wanted: Iterable[Wanted]) -> None:
    listed = sorted(set(wanted))
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE wanted AS"
        " SELECT unnest(?::VARCHAR[]) AS account, unnest(?::VARCHAR[]) AS resource",
        [[one[0] for one in listed], [one[1] for one in listed]],
    )


def _is_wanted(lines: UsageLines, of: Of) -> str:
    """The condition in SQL; what is cheap to look at comes first."""
    resource, account = lines.text("resource_id"), lines.text("sub_account_id")
    told = [
        f"{resource} IN (SELECT resource FROM wanted)",
        f"({account}, {resource}) IN (SELECT (account, resource) FROM wanted)",
        f"strftime({lines.billing_period()}, '%Y-%m') = {engine.text(of.billing_period)}",
    ]
    if of.always is None:
        whose = engine.text(of.otherwise or of.payer)
        payer = lines.text("billing_account_id")
        told.append(f"coalesce({payer}, {whose}) = {engine.text(of.payer)}")
    return " AND ".join(told)


def _quantity(lines: UsageLines) -> str:
    """In 1e-10 of the unit; of lines that are usage of the resource itself."""
    stated = f"TRY_CAST({lines.detail('quantity')} AS DECIMAL(38, 20))"
    whole = f"CAST(CAST(round({stated}, 10) AS DECIMAL(38, 10)) * 10000000000 AS HUGEINT)"
    named = ", ".join(engine.text(name) for name in WORK)
    is_own = f"{lines.text('split_parent_resource_id')} IS NULL"
    is_work = f"{lines.text('line_item_type')} IN ({named})"
    return f"CASE WHEN {is_work} AND {is_own} THEN coalesce({whole}, 0) ELSE 0 END"


def _counted(amount: str, lines: UsageLines, of: Of, also: Iterable[str] = ()) -> str:
    """*amount* but of lines that count nothing: discounts of a net bill, and types in *also*."""
    nothing = [*also, *(sorted(DISCOUNTS) if of.is_net else ())]
    if not nothing or amount == "0":
        return amount
    named = ", ".join(engine.text(name) for name in nothing)
    return f"CASE WHEN {lines.text('line_item_type')} IN ({named}) THEN 0 ELSE {amount} END"


def in_text(source: Path, folder: Path) -> Source:
    """A delivered text file, unpacked into *folder* where it is an archive."""
    with source.open("rb") as raw:
        packed = sources.packing(raw.read(4))
    return sources.open_text(
        sources.unzip(source, folder) if packed is sources.Packing.ZIP else source
    )


# -- what the ledger says -----------------------------------------------------------------------


def charged_days(
    connection: engine.Connection, files: Sequence[Path], wanted: Iterable[Wanted]
) -> list[ChargedDay]:
    """What the ledger's charges in *files* have of *wanted*, in their order."""
    if not files:
        return []
    _put_wanted(connection, wanted)
    rows = connection.execute(f"""
        SELECT sub_account_id, resource_id, charge_date, billing_currency, {CREDIT},
            count(*), sum(lines)::BIGINT, sum(effective_cost)::HUGEINT, sum(billed_cost)::HUGEINT
        FROM read_parquet({engine.paths(list(files))})
        WHERE resource_id IN (SELECT resource FROM wanted)
            AND (sub_account_id, resource_id) IN (SELECT (account, resource) FROM wanted)
        GROUP BY ALL ORDER BY ALL""").fetchall()
    return [ChargedDay(*row[:5], *map(int, row[5:])) for row in rows]


# -- the two together ---------------------------------------------------------------------------


def agreed(stated: Iterable[LineUsage], charged: Iterable[ChargedDay]) -> list[Usage]:
    """What was used, its costs in ticks that are the ledger's to the last one.

    Files are added up. What a tick cannot hold the ledger carries from charge to charge, so a day may
    be off by one for each of its charges; the largest cost of the day takes it. Raises
    ArithmeticError for any other difference, and for lines that are missing or too many.
    """
    days: defaultdict[tuple[object, ...], dict[tuple[str | None, str | None], list[int]]]
    days = defaultdict(dict)
    for one in stated:
        exact = days[one[:5]].setdefault((one.usage_type, one.unit), [0, 0, 0, 0])
        exact[0] += one.lines
        exact[1] += one.quantity
        exact[2] += one.effective * DUST + one.effective_dust
        exact[3] += one.billed * DUST + one.billed_dust
    found: list[Usage] = []
    for day in charged:
        groups = days.pop(day[:5], {})
        lines = sum(exact[0] for exact in groups.values())
        if lines != day.lines:
            raise ArithmeticError(
                f"{day.resource} of {day.account} has {day.lines} lines on {day.day} in the ledger; "
                f"{lines} were found in the delivery"
            )
        effective = _ticks([exact[2] for exact in groups.values()], day.effective, day)
        billed = _ticks([exact[3] for exact in groups.values()], day.billed, day)
        if day.is_credit:
            continue
        found += [
            Usage(*day[:4], *named, exact[1], effective[place], billed[place])
            for place, (named, exact) in enumerate(groups.items())
        ]
    if days:
        account, resource, on, *_ = next(iter(days))
        raise ArithmeticError(f"the ledger has no charges of {resource} of {account} on {on}")
    return found


def _ticks(exact: Sequence[int], whole: int, day: ChargedDay) -> list[int]:
    """Amounts of dust in ticks that add up to *whole*."""
    if abs(sum(exact) - whole * DUST) > day.charges * DUST:
        raise ArithmeticError(
            f"{day.resource} of {day.account} costs {whole} ticks on {day.day} in the ledger; its "
            f"lines come to {settled(0, sum(exact))[0]}"
        )
    parts = [settled(0, one)[0] for one in exact]
    largest = max(range(len(exact)), key=lambda place: abs(exact[place]))
    parts[largest] += whole - sum(parts)
    return parts
