"""Which cube readers see of each bill, in the table of reports: a partition for each month."""

from typing import Any

from botocore.exceptions import ClientError

from finops.adapters.items import attributes, items, lost, packed, unpacked, values
from finops.domain.errors import ConflictError
from finops.domain.spend_cubes import CubeHead

CUBE = "CUBE"


class DynamoCubeHeads:
    """`finops.usecases.ports.CubeHeads`."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def find(self, payer: str, period: str) -> CubeHead | None:
        item = self._client.get_item(
            TableName=self._table, Key=attributes(_key(payer, period)), ConsistentRead=True
        ).get("Item")
        return _head(values(item)) if item else None

    def in_period(self, period: str) -> list[CubeHead]:
        found = items(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=attributes({":pk": _key("", period)["pk"]}),
            ConsistentRead=True,
        )
        return [_head(item) for item in found]

    def publish(self, head: CubeHead) -> None:
        saved = head.model_copy(update={"version": head.version + 1})
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if head.version:
            condition = {
                "ConditionExpression": "version = :before",
                "ExpressionAttributeValues": attributes({":before": head.version}),
            }
        item = {
            **_key(saved.payer, saved.billing_period),
            "version": saved.version,
            "detail": packed(saved.model_dump(mode="json")),
        }
        try:
            self._client.put_item(TableName=self._table, Item=attributes(item), **condition)
        except ClientError as error:
            if lost(error):
                raise ConflictError("another cube was published first") from error
            raise


def _key(payer: str, period: str) -> dict[str, str]:
    return {"pk": f"{CUBE}#{period}", "sk": payer}


def _head(item: dict[str, Any]) -> CubeHead:
    told = unpacked(item["detail"]) | {"version": int(item["version"])}
    return CubeHead.model_validate(told)
