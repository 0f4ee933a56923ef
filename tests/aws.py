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

BILLING, LEDGER, LOADS, BILLS = "billing-bucket", "ledger-bucket", "loads-table", "bills-table"
REGION = "us-east-1"


@cache
def client(service: str) -> Any:
    """A client whose requests moto answers; made once, which takes longer than most requests."""
    return boto3.client(service, region_name=REGION)


@contextmanager
def furnished(**config: Any) -> Iterator[None]:
    """With *config* for moto, both buckets and both tables are there, and gone afterwards."""
    with mock_aws(config=cast(DefaultConfig, config) if config else None):
        s3 = client("s3")
        for bucket in (BILLING, LEDGER):
            s3.create_bucket(Bucket=bucket)
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        _table(
            LOADS, ["load_id"], by_kind=["kind", "recorded_at"], by_place=["place", "recorded_at"]
        )
        _table(BILLS, ["pk", "sk"], by_kind=["kind", "billing_period"])
        yield


def fill(bucket: str, keys: Iterable[str]) -> None:
    """Empty objects, put past the API: thousands of them in a moment."""
    for key in keys:
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(bucket, key, b"")


def put_at(bucket: str, key: str, body: bytes, at: datetime) -> None:
    """An object as if it was written *at* another time."""
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    put = backend.put_object(bucket, key, body)
    put.last_modified = at.astimezone(UTC).replace(tzinfo=None)


def copy_items(table: str, copies: Iterable[dict[str, str]]) -> None:
    """The one item of *table* again and again with other texts, put past the API."""
    [item] = client("dynamodb").scan(TableName=table)["Items"]
    backend = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION]
    for texts in copies:
        backend.put_item(table, item | {name: {"S": text} for name, text in texts.items()})


def _table(name: str, key: list[str], **indexes: list[str]) -> None:
    def schema(names: list[str]) -> list[dict[str, str]]:
        return [
            {"AttributeName": name, "KeyType": kind}
            for name, kind in zip(names, ("HASH", "RANGE"), strict=False)
        ]

    client("dynamodb").create_table(
        TableName=name,
        KeySchema=schema(key),
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"}
            for name in sorted({*key, *(name for names in indexes.values() for name in names)})
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": index,
                "KeySchema": schema(names),
                "Projection": {"ProjectionType": "ALL"},
            }
            for index, names in indexes.items()
        ],
        BillingMode="PAY_PER_REQUEST",
    )
