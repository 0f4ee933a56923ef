"""AWS in this process (moto): the buckets and tables as `infra` makes them, empty."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

import boto3
from moto import mock_aws
from moto.core.config import DefaultConfig
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends

CHARTS_BUCKET, CHARTS, PEOPLE = "charts-bucket", "charts-table", "people-table"
BUDGETS, AUDIT, REQUESTS = "budgets-table", "audit-table", "requests-table"
ACCOUNTS, RULES, WORKLOADS = "accounts-table", "rules-table", "workloads-table"
CREDITS = "credits-table"
SPEND_CARDS, CLOSES = "spend-cards-table", "closes-table"
CLOSES_BUCKET = "closes-bucket"
DELEGATIONS, SETTINGS = "delegations-table", "settings-table"
REPORTS = "reports-table"
SAVINGS = "savings-table"
ALERTS = "alerts-table"
BILLING, LEDGER, LOADS, BILLS = "billing-bucket", "ledger-bucket", "loads-table", "bills-table"
ALLOCATIONS = "allocations-table"
REGION = "us-east-1"


@cache
def client(service: str) -> Any:
    """A client whose requests moto answers; made once, which takes longer than most requests."""
    return boto3.client(service, region_name=REGION)


@contextmanager
def furnished(**config: Any) -> Iterator[None]:
    """With *config* for moto, the buckets and tables of bills are there, and gone afterwards."""
    with mock_aws(config=cast(DefaultConfig, config) if config else None):
        s3 = client("s3")
        for bucket in (BILLING, LEDGER):
            s3.create_bucket(Bucket=bucket)
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        _table(
            LOADS, ["load_id"], by_kind=["kind", "recorded_at"], by_place=["place", "recorded_at"]
        )
        for table in (BILLS, ALLOCATIONS):
            _table(table, ["pk", "sk"], by_kind=["kind", "billing_period"])
        yield


@contextmanager
def organised() -> Iterator[None]:
    """The tables and the bucket of the organisation are there, and gone afterwards."""
    with mock_aws():
        s3 = client("s3")
        for bucket in (CHARTS_BUCKET, LEDGER, CLOSES_BUCKET):
            s3.create_bucket(Bucket=bucket)
        for bucket in (CHARTS_BUCKET, CLOSES_BUCKET):
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        _table(CHARTS, ["pk", "sk"])
        _table(PEOPLE, ["person"], by_kind=["kind", "changed_at"])
        _table(BUDGETS, ["pk", "sk"], by_year=["year", "changed_at"])
        _table(ACCOUNTS, ["account"], by_kind=["kind", "changed_at"])
        for table in (RULES, WORKLOADS, CREDITS, CLOSES, DELEGATIONS, SETTINGS, REPORTS, SAVINGS):
            _table(table, ["pk", "sk"], by_kind=["kind", "changed_at"])
        _table(ALERTS, ["pk", "sk"], by_kind=["kind", "changed_at"])
        _table(SPEND_CARDS, ["pk", "sk"], by_month=["kind", "changed_at"])
        _table(AUDIT, ["entity", "sequence"], by_month=["month", "at"], by_actor=["actor", "at"])
        _table(REQUESTS, ["request"])
        yield


def count_items(*tables: str) -> int:
    """How many items are in *tables*."""
    return sum(client("dynamodb").scan(TableName=name, Select="COUNT")["Count"] for name in tables)


def fill(bucket: str, keys: Iterable[str]) -> None:
    """Empty objects, put past the API: thousands of them in a moment."""
    for key in keys:
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(bucket, key, b"")


def put_at(bucket: str, key: str, body: bytes, at: datetime) -> None:
    """An object as if it was written *at* another time."""
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    put = backend.put_object(bucket, key, body)
    put.last_modified = at.astimezone(UTC).replace(tzinfo=None)


def copy_items(table: str, copies: Iterable[dict[str, str]], **like: str) -> None:
    """The one item of *table* (that is *like* this) again and again with other texts.

    They are put past the API: thousands of them in a moment.
    """
    [item] = [
        item
        for item in client("dynamodb").scan(TableName=table)["Items"]
        if all(item[name]["S"] == text for name, text in like.items())
    ]
    backend = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION]
    for texts in copies:
        backend.put_item(table, item | {name: {"S": text} for name, text in texts.items()})


def _table(name: str, key: list[str], **indexes: list[str]) -> None:
    def schema(names: list[str]) -> list[dict[str, str]]:
        return [
            {"AttributeName": name, "KeyType": kind}
            for name, kind in zip(names, ("HASH", "RANGE"), strict=False)
        ]

    listed = [
        {
            "IndexName": index,
            "KeySchema": schema(names),
            "Projection": {"ProjectionType": "ALL"},
        }
        for index, names in indexes.items()
    ]
    client("dynamodb").create_table(
        TableName=name,
        KeySchema=schema(key),
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"}
            for name in sorted({*key, *(name for names in indexes.values() for name in names)})
        ],
        **({"GlobalSecondaryIndexes": listed} if listed else {}),
        BillingMode="PAY_PER_REQUEST",
    )
