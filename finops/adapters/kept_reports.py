"""Cost reports as they were sent: files in the ledger's bucket, and a table of what there is."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from botocore.exceptions import ClientError

from finops.adapters.items import attributes, items, values
from finops.adapters.s3 import ABSENT
from finops.domain.cost_reports import ReportHead, ReportSpan
from finops.domain.errors import NotFoundError

KIND = "CostReport"
PREFIX = "COST_REPORT#"


class S3KeptReports:
    """`finops.usecases.ports.KeptReports` in the ledger's bucket."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, content: bytes, content_type: str) -> None:
        self._client.put_object(
            Bucket=self._bucket, Key=key, Body=content, ContentType=content_type
        )

    def read(self, key: str) -> bytes:
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ABSENT:
                raise NotFoundError(f"no report is kept as {key}") from error
            raise
        return bytes(found["Body"].read())

    def keys(self, prefix: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
            yield from (one["Key"] for one in page.get("Contents", ()))


class DynamoReportHeads:
    """`finops.usecases.ports.ReportHeads`: a partition for each span."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def put(self, head: ReportHead) -> None:
        item = {
            "pk": _span(head.report_id),
            "sk": head.report_id,
            "kind": KIND,
            "changed_at": head.made_at.isoformat(),
            "detail": head.model_dump_json(),
        }
        self._client.put_item(TableName=self._table, Item=attributes(item))

    def find(self, report_id: str) -> ReportHead | None:
        found = self._client.get_item(
            TableName=self._table,
            Key=attributes({"pk": _span(report_id), "sk": report_id}),
            ConsistentRead=True,
        ).get("Item")
        return _head(values(found)) if found else None

    def of_span(self, span: ReportSpan) -> Sequence[ReportHead]:
        found = items(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :span",
            ExpressionAttributeValues=attributes(
                {":span": f"{PREFIX}{span.rhythm.lower()}-{span.end}"}
            ),
        )
        return sorted(map(_head, found), key=lambda one: (one.elements, one.made_at, one.report_id))


def _span(report_id: str) -> str:
    """The partition of a report: all of its id but the digest."""
    return f"{PREFIX}{report_id.rpartition('-')[0]}"


def _head(item: dict[str, Any]) -> ReportHead:
    return ReportHead.model_validate(json.loads(item["detail"]))
