"""Bills whose lines say how much was used of what, for tests of what savings saved."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from finops.domain.savings import Saving
from tests.exports import PAYER, Export
from tests.savings_fakes import ACCOUNT, recommendation, saving

INSTANCE = "i-0a1b2c3d4e5f60718"
DONE = date(2026, 3, 1)  # when what is implemented here was done


class Used(NamedTuple):
    """A line: what a resource used on a day, and what that cost."""

    day: date
    cost: str
    quantity: str = "24"
    unit: str = "Hrs"
    usage_type: str = "BoxUsage:m5.xlarge"
    resource: str = INSTANCE
    account: str = ACCOUNT
    line_item_type: str = "Usage"
    payer: str = PAYER
    net: str = ""
    covered: str = ""


def daily(first: date, last: date, cost: str, **said: str) -> list[Used]:
    """The same line on each day, the last one included."""
    return [Used(first + timedelta(n), cost, **said) for n in range((last - first).days + 1)]


def _row(line: Used, month: str) -> dict[str, str]:
    return {
        "bill_payer_account_id": line.payer,
        "bill_billing_period_start_date": f"{month}-01T00:00:00.000Z",
        "bill_invoice_id": "",
        "line_item_currency_code": "USD",
        "line_item_usage_account_id": line.account,
        "line_item_line_item_type": line.line_item_type,
        "line_item_product_code": "AmazonEC2",
        "line_item_resource_id": line.resource,
        "line_item_usage_start_date": f"{line.day}T00:00:00.000Z",
        "line_item_usage_type": line.usage_type,
        "line_item_usage_amount": line.quantity,
        "pricing_unit": line.unit,
        "line_item_unblended_cost": line.cost,
        "line_item_net_unblended_cost": line.net,
        "savings_plan_savings_plan_effective_cost": line.covered,
    }


def csv_body(lines: Iterable[Used], month: str) -> bytes:
    out = io.StringIO()
    rows = [_row(line, month) for line in lines]
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def parquet_body(lines: Iterable[Used], month: str, rows_per_group: int = 1000) -> bytes:
    """Amounts are doubles, as AWS writes them."""
    rows = [_row(line, month) for line in lines]
    numbers = ("line_item_usage_amount", "line_item_unblended_cost")
    columns = {
        name: [
            (float(row[name]) if row[name] else None)
            if name in numbers or "net_" in name or "savings_plan" in name
            else row[name]
            for row in rows
        ]
        for name in rows[0]
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, row_group_size=rows_per_group)
    return sink.getvalue()


def month_of(
    number: int,
    month: str,
    lines: Sequence[Used],
    *,
    files: int = 1,
    suffix: str = "csv",
    export: str = "usage",
) -> Export:
    """A delivery of a month's lines, dealt over some files."""
    size = -(-len(lines) // files)
    make = csv_body if suffix == "csv" else parquet_body
    placed = {
        f"exports/{export}/data/BILLING_PERIOD={month}/{export}-{n:05d}.{suffix}": make(
            lines[n * size : (n + 1) * size], month
        )
        for n in range(files)
    }
    execution = f"{number:08d}-0000-0000-0000-000000000000"
    manifest = {
        "executionId": execution,
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:{PAYER}:export/{export}-1",
        "dataFiles": [f"s3://where-it-was-made/{key}" for key in placed],
    }
    key = f"exports/{export}/metadata/BILLING_PERIOD={month}/{export}-Manifest.json"
    return Export(execution, placed, key, json.dumps(manifest))


def done(
    action_type: str = "Rightsize",
    savings: int = 31,
    on: date = DONE,
    resource: str | None = INSTANCE,
    **said: str,
) -> Saving:
    """A case that is implemented; *savings* in whole dollars a month."""
    at = datetime(2026, 4, 20, tzinfo=UTC)
    option = recommendation(resource, action_type, savings, **said)
    case = saving(option, on=date(2026, 1, 1)).approve(None, by="fin@example.com", at=at)
    return case.implement(on, by="cloud@example.com", at=at)
