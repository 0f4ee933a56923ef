"""Tiny exports of the bill as AWS lays them out: real files, small enough to add up by hand."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from finops.domain.money import to_ticks

PAYER = "999988887777"
MONTH = "2026-09"


class Line(NamedTuple):
    """A line of the bill, as much of it as these tests look at."""

    cost: str
    account: str = "444455556666"
    day: str = "2026-09-02"
    payer: str = PAYER
    currency: str = "USD"
    service: str = "AmazonEC2"
    line_item_type: str = "Usage"
    invoice: str = ""
    resource: str = ""
    description: str = ""
    tags: str = ""  # as JSON

    @property
    def ticks(self) -> int:
        return to_ticks(Decimal(self.cost))


def csv_file(lines: Sequence[Line]) -> bytes:
    """*lines* as a CUR 2.0 file in CSV."""
    table = io.StringIO()
    rows = [_columns(line) for line in lines]
    if any(line.tags for line in lines):
        rows = [row | {"tags": line.tags} for row, line in zip(rows, lines, strict=True)]
    writer = csv.DictWriter(table, list((rows or [_columns(Line("0"))])[0]))
    writer.writeheader()
    writer.writerows(rows)
    return table.getvalue().encode()


def parquet_file(lines: Sequence[Line], rows_per_group: int = 1000) -> bytes:
    """*lines* as a CUR 2.0 file in Parquet; costs are doubles there."""
    columns = {name: [_columns(line)[name] for line in lines] for name in _columns(Line("0"))} | {
        "line_item_unblended_cost": [float(line.cost) for line in lines]
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, row_group_size=rows_per_group)
    return sink.getvalue()


def _columns(line: Line) -> dict[str, str]:
    return {
        "bill_payer_account_id": line.payer,
        "bill_payer_account_name": "Example Corp",
        "bill_billing_period_start_date": f"{MONTH}-01T00:00:00.000Z",
        "bill_invoice_id": line.invoice,
        "line_item_currency_code": line.currency,
        "line_item_usage_account_id": line.account,
        "line_item_line_item_type": line.line_item_type,
        "line_item_product_code": line.service,
        "line_item_resource_id": line.resource,
        "line_item_line_item_description": line.description,
        "line_item_usage_start_date": f"{line.day}T00:00:00.000Z",
        "line_item_unblended_cost": line.cost,
    }


class Export(NamedTuple):
    """One delivery: its files, and the manifest that names them."""

    execution_id: str
    files: Mapping[str, bytes]
    manifest_key: str
    manifest: str


def overwritten(
    execution_id: str, files: Sequence[bytes], *, export: str = "cur2", suffix: str = "csv"
) -> Export:
    """A delivery that takes the place of the one before, file by file."""
    placed = {
        f"exports/{export}/data/BILLING_PERIOD={MONTH}/{export}-{n:05d}.{suffix}": body
        for n, body in enumerate(files, 1)
    }
    key = f"exports/{export}/metadata/BILLING_PERIOD={MONTH}/{export}-Manifest.json"
    return Export(execution_id, placed, key, _manifest(execution_id, placed))


def created_new(
    execution_id: str,
    files: Sequence[bytes],
    at: datetime,
    *,
    export: str = "cur2",
    suffix: str = "csv",
) -> Export:
    """A delivery in a folder of its own, beside the ones before."""
    run = f"{at:%Y-%m-%dT%H:%M:%S}.000Z-{execution_id}"
    placed = {
        f"exports/{export}/data/BILLING_PERIOD={MONTH}/{run}/{export}-{n:05d}.{suffix}": body
        for n, body in enumerate(files, 1)
    }
    key = f"exports/{export}/metadata/BILLING_PERIOD={MONTH}/{run}/{export}-Manifest.json"
    return Export(execution_id, placed, key, _manifest(execution_id, placed))


def _manifest(execution_id: str, files: Mapping[str, bytes]) -> str:
    return json.dumps(
        {
            "executionId": execution_id,
            "exportArn": f"arn:aws:bcm-data-exports:us-east-1:{PAYER}:export/cur2-1",
            "dataFiles": [f"s3://where-it-was-made/{key}" for key in files],
        }
    )
