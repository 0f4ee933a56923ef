"""The table of allocations: the run readers see of each bill, and its roll-ups."""

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from finops.adapters.items import attributes, items, lost, packed, unpacked, values
from finops.adapters.lineages import Lineages
from finops.domain.allocation_runs import Allocation
from finops.domain.errors import ConflictError
from finops.usecases.ports import Rollup

ALLOCATION = "ALLOCATION"
CURRENT = "CURRENT"
ELEMENT = "ELEMENT#"


class DynamoAllocations:
    """`finops.usecases.ports.Allocations`.

    Roll-ups are kept under the turn they were written for (`domain.allocation_runs.turn`), in
    `run_id`; readers take the newest one of the lineage.
    """

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table
        self._lineages = Lineages(client, table, ELEMENT, "run_id")

    def find(self, payer: str, period: str) -> Allocation | None:
        item = self._client.get_item(
            TableName=self._table,
            Key=attributes({"pk": _key(payer, period), "sk": CURRENT}),
            ConsistentRead=True,
        ).get("Item")
        return _allocation(values(item)) if item else None

    def in_period(self, period: str) -> list[Allocation]:
        found = items(
            self._client,
            TableName=self._table,
            IndexName="by_kind",
            KeyConditionExpression="kind = :kind AND billing_period = :period",
            ExpressionAttributeValues=attributes({":kind": ALLOCATION, ":period": period}),
        )
        payers = sorted(item["billing_account_id"] for item in found)
        return [one for payer in payers if (one := self.find(payer, period)) is not None]

    def all(self) -> list[Allocation]:
        found = items(
            self._client,
            TableName=self._table,
            IndexName="by_kind",
            KeyConditionExpression="kind = :kind",
            ExpressionAttributeValues=attributes({":kind": ALLOCATION}),
        )
        return [_allocation(item) for item in found]

    def publish(self, allocation: Allocation) -> None:
        saved = allocation.model_copy(update={"version": allocation.version + 1})
        of = (saved.billing_account_id, saved.billing_period)
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if allocation.version:
            condition = {
                "ConditionExpression": "version = :before",
                "ExpressionAttributeValues": attributes({":before": allocation.version}),
            }
        item = {
            "pk": _key(*of),
            "sk": CURRENT,
            "kind": ALLOCATION,
            "billing_account_id": of[0],
            "billing_period": of[1],
            "version": saved.version,
            "detail": packed(saved.model_dump(mode="json")),
        }
        try:
            self._client.put_item(TableName=self._table, Item=attributes(item), **condition)
        except ClientError as error:
            if lost(error):
                raise ConflictError("another run was published first") from error
            raise

    def digests(self, allocation: Allocation) -> dict[tuple[str, str | None], str]:
        found = self._in_force(allocation, "sk, run_id, element, currency, digest")
        return {
            (item["element"], item.get("currency")): item["digest"]
            for item in found
            if item["digest"]
        }

    def rollups(self, allocation: Allocation, element: str) -> list[Rollup]:
        wanted = "sk, run_id, element, currency, digest, days"
        return [
            Rollup(item["element"], item.get("currency"), unpacked(item["days"]), item["digest"])
            for item in self._in_force(allocation, wanted, f"{element}#")
            if item["digest"]
        ]

    def write_rollups(self, allocation: Allocation, made: Iterable[Rollup]) -> int:
        key, turn = _key_of(allocation), allocation.lineage[-1]
        return self._lineages.write(_rollup(key, turn, rollup) for rollup in made)

    def expire_rollups(self, allocation: Allocation) -> int:
        return self._lineages.expire(_key_of(allocation), allocation.lineage, allocation.keeps)

    def _in_force(
        self, allocation: Allocation, wanted: str, under: str = ""
    ) -> list[dict[str, Any]]:
        return self._lineages.in_force(_key_of(allocation), allocation.lineage, wanted, under)


def _key(payer: str, period: str) -> str:
    return f"{ALLOCATION}#{payer}#{period}"


def _key_of(allocation: Allocation) -> str:
    return _key(allocation.billing_account_id, allocation.billing_period)


def _allocation(item: Mapping[str, Any]) -> Allocation:
    return Allocation.model_validate(unpacked(item["detail"]) | {"version": int(item["version"])})


def _rollup(pk: str, turn: str, rollup: Rollup) -> dict[str, Any]:
    return {
        "pk": pk,
        "sk": f"{ELEMENT}{rollup.element}#{rollup.currency or ''}#{turn}",
        "element": rollup.element,
        "currency": rollup.currency,
        "run_id": turn,
        "digest": rollup.digest,
        "days": packed(rollup.days),
    }
