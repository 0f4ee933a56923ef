"""Bills as AWS and others write them, from lines in our words; and the ledger that is made of them."""

import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from finops.domain.charges import Charge, Key, LineItem, charges, order
from finops.domain.loads import ControlTotal
from finops.ledger import merging, reduction, sources
from finops.ledger.reduction import Payer

# A field of a line: its column in CUR 2.0, and in legacy CUR as CSV spells it.
TEXTS: Mapping[str, tuple[str, str]] = {
    "billing_account_id": ("bill_payer_account_id", "bill/PayerAccountId"),
    "billing_currency": ("line_item_currency_code", "lineItem/CurrencyCode"),
    "sub_account_id": ("line_item_usage_account_id", "lineItem/UsageAccountId"),
    "line_item_type": ("line_item_line_item_type", "lineItem/LineItemType"),
    "service_code": ("line_item_product_code", "lineItem/ProductCode"),
    "region_id": ("product_region_code", "product/regionCode"),
    "resource_id": ("line_item_resource_id", "lineItem/ResourceId"),
    "invoice_id": ("bill_invoice_id", "bill/InvoiceId"),
    "invoice_issuer_name": ("bill_invoicing_entity", "bill/InvoicingEntity"),
    "billing_entity": ("bill_billing_entity", "bill/BillingEntity"),
    "reservation_arn": ("reservation_reservation_a_r_n", "reservation/ReservationARN"),
    "commitment_discount_id": ("savings_plan_savings_plan_a_r_n", "savingsPlan/SavingsPlanARN"),
    "description": ("line_item_line_item_description", "lineItem/LineItemDescription"),
    "split_parent_resource_id": (
        "split_line_item_parent_resource_id",
        "splitLineItem/ParentResourceId",
    ),
}
AMOUNTS: Mapping[str, tuple[str, str]] = {
    "unblended_cost": ("line_item_unblended_cost", "lineItem/UnblendedCost"),
    "net_unblended_cost": ("line_item_net_unblended_cost", "lineItem/NetUnblendedCost"),
    "list_cost": ("pricing_public_on_demand_cost", "pricing/publicOnDemandCost"),
    "covered_cost": (
        "savings_plan_savings_plan_effective_cost",
        "savingsPlan/SavingsPlanEffectiveCost",
    ),
    "net_covered_cost": (
        "savings_plan_net_savings_plan_effective_cost",
        "savingsPlan/NetSavingsPlanEffectiveCost",
    ),
    "commitment": ("savings_plan_total_commitment_to_date", "savingsPlan/TotalCommitmentToDate"),
    "used_commitment": ("savings_plan_used_commitment", "savingsPlan/UsedCommitment"),
    "reserved_cost": ("reservation_effective_cost", "reservation/EffectiveCost"),
    "net_reserved_cost": ("reservation_net_effective_cost", "reservation/NetEffectiveCost"),
    "unused_upfront_fee": (
        "reservation_unused_amortized_upfront_fee_for_billing_period",
        "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod",
    ),
    "net_unused_upfront_fee": (
        "reservation_net_unused_amortized_upfront_fee_for_billing_period",
        "reservation/NetUnusedAmortizedUpfrontFeeForBillingPeriod",
    ),
    "unused_recurring_fee": (
        "reservation_unused_recurring_fee",
        "reservation/UnusedRecurringFee",
    ),
    "net_unused_recurring_fee": (
        "reservation_net_unused_recurring_fee",
        "reservation/NetUnusedRecurringFee",
    ),
    "split_cost": ("split_line_item_split_cost", "splitLineItem/SplitCost"),
    "split_unused_cost": ("split_line_item_unused_cost", "splitLineItem/UnusedCost"),
}
START = ("line_item_usage_start_date", "lineItem/UsageStartDate")
PERIOD = ("bill_billing_period_start_date", "bill/BillingPeriodStartDate")
CUR2, LEGACY = 0, 1
FOCUS: Mapping[str, str] = {
    "billing_account_id": "BillingAccountId",
    "billing_currency": "BillingCurrency",
    "sub_account_id": "SubAccountId",
    "line_item_type": "ChargeCategory",
    "service_code": "x_ServiceCode",
    "region_id": "RegionId",
    "resource_id": "ResourceId",
    "invoice_id": "InvoiceId",
    "invoice_issuer_name": "InvoiceIssuerName",
    "billing_entity": "PublisherName",
    "commitment_discount_id": "CommitmentDiscountId",
    "unblended_cost": "BilledCost",
    "list_cost": "ListCost",
}

PAYER, WEB = "111122223333", "444455556666"
USAGE = LineItem(
    billing_account_id=PAYER,
    billing_period="2026-09",
    billing_currency="USD",
    sub_account_id=WEB,
    charge_date=date(2026, 9, 1),
    line_item_type="Usage",
    service_code="AmazonEC2",
    region_id="eu-west-1",
    invoice_issuer_name="Amazon Web Services, Inc.",
    billing_entity="AWS",
)


def line(cost: str = "0", **fields: Any) -> LineItem:
    """A line like `USAGE` that costs *cost*, with other *fields*."""
    return USAGE._replace(unblended_cost=Decimal(cost), **fields)


def tagged(**tags: str) -> str:
    """Tags as the ledger keeps them."""
    return json.dumps(dict(sorted(tags.items())), ensure_ascii=False, separators=(",", ":"))


# -- rows -------------------------------------------------------------------------------------


def cur_row(line: LineItem, of: int = CUR2) -> dict[str, Any]:
    """*line* as a row of CUR 2.0 or legacy CUR; tags as a mapping, under `tags`."""
    row: dict[str, Any] = {names[of]: getattr(line, field) for field, names in TEXTS.items()}
    row |= {names[of]: getattr(line, field) for field, names in AMOUNTS.items()}
    if line.commitment_discount_id == line.reservation_arn:
        row[TEXTS["commitment_discount_id"][of]] = (
            None  # no plan: the reservation is the commitment
        )
    row[START[of]] = datetime.combine(line.charge_date, datetime.min.time()).replace(hour=23)
    row[PERIOD[of]] = datetime.fromisoformat(f"{line.billing_period}-01")
    # CUR 2.0 says of each tag whose it is; a resource's own have this prefix.
    row["tags"] = {
        key if key.startswith(("accountTag/", "costCategory/")) else f"resourceTags/{key}": value
        for key, value in json.loads(line.tags or "{}").items()
    }
    return row


def focus_row(line: LineItem, effective: Decimal) -> dict[str, Any]:
    """*line* as a row of FOCUS; its effective cost is stated."""
    row: dict[str, Any] = {title: getattr(line, field) for field, title in FOCUS.items()}
    row["EffectiveCost"] = effective
    row["ChargePeriodStart"] = datetime.combine(line.charge_date, datetime.min.time())
    row["BillingPeriodStart"] = datetime.fromisoformat(f"{line.billing_period}-01")
    row["Tags"] = json.loads(line.tags or "{}")
    return row


def without(rows: Iterable[dict[str, Any]], columns: Iterable[str]) -> list[dict[str, Any]]:
    """*rows* of an export that leaves *columns* out."""
    left_out = set(columns)
    return [{name: cell for name, cell in row.items() if name not in left_out} for row in rows]


# -- files ------------------------------------------------------------------------------------


def parquet_table(rows: Sequence[dict[str, Any]], blank: str | None = None) -> pa.Table:
    """*rows* as Parquet has them: amounts are doubles; text that is absent is *blank*."""
    arrays: dict[str, pa.Array] = {}
    for name in rows[0]:
        cells = [row[name] for row in rows]
        if name in ("tags", "Tags", "resource_tags", "product"):
            kind = pa.map_(pa.string(), pa.string())
            arrays[name] = pa.array([list(cell.items()) for cell in cells], kind)
        elif name in _AMOUNT_COLUMNS:
            doubles = [None if cell is None else float(cell) for cell in cells]
            arrays[name] = pa.array(doubles, pa.float64())
        elif name.endswith(("_date", "PeriodStart")):
            arrays[name] = pa.array(cells, pa.timestamp("ms"))
        else:
            arrays[name] = pa.array([blank if c is None else c for c in cells], pa.string())
    return pa.table(arrays)


_AMOUNT_COLUMNS = {names[CUR2] for names in AMOUNTS.values()} | {
    "BilledCost",
    "ListCost",
    "EffectiveCost",
}


def write_parquet(
    path: Path, rows: Sequence[dict[str, Any]], *, blank: str | None = None, group: int = 1000
) -> Path:
    """*rows* as a Parquet file in row groups of *group*."""
    pq.write_table(parquet_table(rows, blank), path, row_group_size=group, compression="snappy")
    return path


def csv_text(
    rows: Sequence[dict[str, Any]], *, delimiter: str = ",", number: Callable[[Decimal], str] = str
) -> str:
    """*rows* as CSV: tags as JSON, times as AWS writes them, amounts by *number*."""

    def cell(value: Any) -> str:
        match value:
            case None:
                return ""
            case Decimal():
                return number(value)
            case datetime():
                return f"{value:%Y-%m-%dT%H:%M:%S}.000Z"
            case dict():
                return json.dumps(value, ensure_ascii=False)
            case _:
                return str(value)

    out = StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows([cell(value) for value in row.values()] for row in rows)
    return out.getvalue()


def write_csv(path: Path, rows: Sequence[dict[str, Any]], **how: Any) -> Path:
    """*rows* as a CSV file, gzipped where *path* ends so."""
    content = csv_text(rows, **how).encode()
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    return path


def legacy_csv_rows(lines: Sequence[LineItem]) -> list[dict[str, Any]]:
    """*lines* as legacy CUR in CSV has them: a column for each tag."""
    keys = sorted({key for line in lines for key in json.loads(line.tags or "{}")})
    rows = []
    for one in lines:
        row = cur_row(one, LEGACY)
        tags = json.loads(one.tags or "{}")
        del row["tags"]
        rows.append(row | {f"resourceTags/{key}": tags.get(key) for key in keys})
    return rows


# -- the ledger -------------------------------------------------------------------------------


class Ledger(NamedTuple):
    """What the two stages made of some files."""

    charges: list[Charge]
    merged: merging.Merged
    controls: list[ControlTotal]
    warnings: list[str]
    account_months: list[merging.AccountMonth]

    def sums(self, column: str, of: str = "unblended_cost") -> dict[Any, int]:
        """A cost in ticks by a column of the key."""
        sums: defaultdict[Any, int] = defaultdict(int)
        for charge in self.charges:
            sums[getattr(charge.key, column)] += getattr(charge, of)
        return dict(sums)

    def total(self, of: str = "unblended_cost") -> int:
        return sum(getattr(charge, of) for charge in self.charges)


def opened(connection: duckdb.DuckDBPyConnection, path: Path) -> sources.Source:
    """The file at *path*, whatever it is packed in."""
    with path.open("rb") as raw:
        packed = sources.packing(raw.read(4))
    match packed:
        case sources.Packing.PARQUET:
            return sources.open_parquet(connection, path)
        case sources.Packing.ZIP:
            return sources.open_text(sources.unzip(path, path.parent))
        case _:
            return sources.open_text(path)


def ledger(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    files: Sequence[Path | sources.Source],
    *,
    shards: int = 1,
    payer: Payer | None = None,
    billing_period: str | None = None,
) -> Ledger:
    """Both stages over *files*, each reduced by itself, into one ledger below *folder*."""
    controls: list[ControlTotal] = []
    warnings: list[str] = []
    net_bills: set[tuple[str, str]] = set()
    partials: list[list[Path]] = [[] for _ in range(shards)]
    for number, file in enumerate(files):
        source = opened(connection, file) if isinstance(file, Path) else file
        targets = [folder / f"{number}-{shard}.partial" for shard in range(shards)]
        reduced = reduction.reduce(
            connection, source, targets, payer=payer, billing_period=billing_period
        )
        controls += reduced.controls
        warnings += reduced.warnings
        net_bills.update(reduced.net_bills)
        for shard, target in enumerate(targets):
            partials[shard].append(target)
    made: list[merging.Merged] = []
    months: list[merging.AccountMonth] = []
    for shard, some in enumerate(partials):
        made.append(
            merging.merge(
                connection, some, folder / f"made-{shard}", shard=shard, net_bills=net_bills
            )
        )
        months += merging.account_months(connection)
    merged = merging.Merged(
        summaries=tuple(summary for one in made for summary in one.summaries),
        files=tuple(file for one in made for file in one.files),
        tag_keys=tuple(sorted({key for one in made for key in one.tag_keys})),
    )
    return Ledger(read_charges(merged), merged, controls, warnings, months)


def read_charges(merged: merging.Merged) -> list[Charge]:
    """The charges as the files of the accounts hold them, in the order of the key."""
    found = [
        Charge(Key(*(row[field] for field in Key._fields)), *(row[name] for name in _MEASURES))
        for file in merged.files
        if file.name.endswith("/charges.parquet")
        for row in rows(file.path)
    ]
    return sorted(found, key=lambda charge: order(charge.key))


def rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a Parquet file, read by an engine that is not the ledger's."""
    return pq.ParquetFile(path).read().to_pylist()  # type: ignore[no-any-return]


_MEASURES = Charge._fields[1:]


def plain(lines: Iterable[LineItem]) -> list[Charge]:
    """The charges of *lines* by the plain rule, bill by bill."""
    bills: defaultdict[tuple[str, str], list[LineItem]] = defaultdict(list)
    for one in lines:
        bills[one.billing_account_id, one.billing_period].append(one)
    made = [charge for some in bills.values() for charge in charges(some)]
    return sorted(made, key=lambda charge: order(charge.key))


def differences(made: Iterable[Charge], expected: Iterable[Charge]) -> list[str]:
    """What tells two ledgers apart, in few words; nothing where they are the same."""
    of, wanted = {one.key: one for one in made}, {one.key: one for one in expected}
    told = [f"not expected: {of[key]}" for key in of.keys() - wanted.keys()]
    told += [f"missing: {wanted[key]}" for key in wanted.keys() - of.keys()]
    for key in of.keys() & wanted.keys():
        for name in _MEASURES:
            a, b = getattr(of[key], name), getattr(wanted[key], name)
            if a != b:
                told.append(f"{name} is {a}, expected {b}, of {key}")
    return told
