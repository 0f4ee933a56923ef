"""What savings have realised: documents in the ledger's bucket, and in the table which one is read."""

import hashlib
from typing import Any

from botocore.exceptions import ClientError

from finops.adapters.items import attributes, lost, values
from finops.domain.errors import ConflictError, FinOpsError
from finops.domain.places import realised_savings
from finops.domain.realised_savings import RealisedHead, RealisedSavings

KEY = {"pk": "REALISED", "sk": "HEAD"}


class DynamoRealised:
    """`finops.usecases.ports.RealisedKept`."""

    def __init__(self, dynamodb: Any, table: str, s3: Any, bucket: str) -> None:
        self._dynamodb, self._table = dynamodb, table
        self._s3, self._bucket = s3, bucket

    def find(self) -> RealisedHead | None:
        item = self._dynamodb.get_item(
            TableName=self._table, Key=attributes(KEY), ConsistentRead=True
        ).get("Item")
        if item is None:
            return None
        told = values(item)
        names = ("document", "planned_at", "measured_at", "version")
        return RealisedHead.model_validate({name: told[name] for name in names})

    def read(self, head: RealisedHead) -> RealisedSavings:
        found = self._s3.get_object(Bucket=self._bucket, Key=head.document)
        body: bytes = found["Body"].read()
        if realised_savings(hashlib.sha256(body).hexdigest()) != head.document:
            raise FinOpsError(f"{head.document} is not what was written there")
        return RealisedSavings.model_validate_json(body)

    def write(self, measured: RealisedSavings) -> str:
        body = measured.model_dump_json().encode()
        key = realised_savings(hashlib.sha256(body).hexdigest())
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/json")
        return key

    def publish(self, head: RealisedHead) -> None:
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if head.version:
            condition = {
                "ConditionExpression": "version = :before",
                "ExpressionAttributeValues": attributes({":before": head.version}),
            }
        item = {
            **KEY,
            "document": head.document,
            "planned_at": head.planned_at.isoformat(),
            "measured_at": head.measured_at.isoformat(),
            "version": head.version + 1,
        }
        try:
            self._dynamodb.put_item(TableName=self._table, Item=attributes(item), **condition)
        except ClientError as error:
            if lost(error):
                raise ConflictError("another measurement was published first") from error
            raise
