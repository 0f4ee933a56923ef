"""Tiny exports of Cost Optimization Hub as AWS lays them out: real files, small enough to read."""

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.exports import PAYER, Export

ACCOUNT = "111122223333"
TYPES: Mapping[str, pa.DataType] = {
    "account_id": pa.string(),
    "action_type": pa.string(),
    "currency_code": pa.string(),
    "current_resource_details": pa.string(),
    "current_resource_summary": pa.string(),
    "current_resource_type": pa.string(),
    "estimated_monthly_cost_after_discount": pa.float64(),
    "estimated_monthly_cost_before_discount": pa.float64(),
    "estimated_monthly_savings_after_discount": pa.float64(),
    "estimated_monthly_savings_before_discount": pa.float64(),
    "estimated_savings_percentage_after_discount": pa.float64(),
    "estimated_savings_percentage_before_discount": pa.float64(),
    "implementation_effort": pa.string(),
    "last_refresh_timestamp": pa.string(),
    "recommendation_id": pa.string(),
    "recommendation_lookback_period_in_days": pa.int32(),
    "recommendation_source": pa.string(),
    "recommended_resource_details": pa.string(),
    "recommended_resource_summary": pa.string(),
    "recommended_resource_type": pa.string(),
    "region": pa.string(),
    "resource_arn": pa.string(),
    "restart_needed": pa.bool_(),
    "rollback_possible": pa.bool_(),
    "tags": pa.map_(pa.string(), pa.string()),
}
Row = dict[str, Any]


def row(instance: str = "i-1", **changed: Any) -> Row:
    """A row that recommends a smaller instance: 30.5 a month of 100."""
    return {
        "account_id": ACCOUNT,
        "action_type": "Rightsize",
        "currency_code": "USD",
        "current_resource_details": '{"ec2Instance":{"type":"m5.xlarge"}}',
        "current_resource_summary": "m5.xlarge",
        "current_resource_type": "Ec2Instance",
        "estimated_monthly_cost_after_discount": 100.0,
        "estimated_monthly_cost_before_discount": 120.0,
        "estimated_monthly_savings_after_discount": 30.5,
        "estimated_monthly_savings_before_discount": 36.6,
        "estimated_savings_percentage_after_discount": 30.5,
        "estimated_savings_percentage_before_discount": 30.5,
        "implementation_effort": "Medium",
        "last_refresh_timestamp": "2026-09-20T03:00:00Z",
        "recommendation_id": f"{instance}-rightsize",
        "recommendation_lookback_period_in_days": 14,
        "recommendation_source": "ComputeOptimizer",
        "recommended_resource_details": '{"ec2Instance":{"type":"m5.large"}}',
        "recommended_resource_summary": "m5.large",
        "recommended_resource_type": "Ec2Instance",
        "region": "eu-west-1",
        "resource_arn": f"arn:aws:ec2:eu-west-1:{ACCOUNT}:instance/{instance}",
        "restart_needed": True,
        "rollback_possible": True,
        "tags": {"user:Team": "Shop"},
    } | changed


def parquet_file(rows: Sequence[Row]) -> bytes:
    """*rows* as AWS writes them in Parquet."""
    names = [name for name in TYPES if not rows or name in rows[0]]
    columns = {
        name: pa.array(
            [list(one[name].items()) if isinstance(one[name], dict) else one[name] for one in rows],
            TYPES[name],
        )
        for name in names
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def csv_file(rows: Sequence[Row], *, gzipped: bool = True) -> bytes:
    """*rows* as AWS writes them in CSV."""
    table = io.StringIO()
    writer = csv.DictWriter(table, list((rows or [row()])[0]))
    writer.writeheader()
    writer.writerows([{name: _cell(value) for name, value in one.items()} for one in rows])
    raw = table.getvalue().encode()
    return gzip.compress(raw) if gzipped else raw


def _cell(value: Any) -> Any:
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return json.dumps(value)
        case _:
            return value


def delivered(
    execution_id: str,
    files: Sequence[bytes],
    *,
    day: str = "2026-09-20",
    payer: str = PAYER,
    suffix: str = "snappy.parquet",
    columns: bool = True,
) -> Export:
    """A delivery of a day's recommendations, in the place of that day's before."""
    root = f"coh/{payer}/finops-coh"
    placed = {
        f"{root}/data/date={day}/finops-coh-{n:05d}.{suffix}": body
        for n, body in enumerate(files, 1)
    }
    said: dict[str, Any] = {
        "executionId": execution_id,
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:{payer}:export/finops-coh-1",
        "dataFiles": [f"s3://somewhere/{key}" for key in placed],
    }
    if columns:
        said["columns"] = [{"name": name, "type": "string"} for name in TYPES]
    key = f"{root}/metadata/date={day}/finops-coh-Manifest.json"
    return Export(execution_id, placed, key, json.dumps(said))
