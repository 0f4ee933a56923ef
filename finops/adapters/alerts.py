"""The table of alerts, a book for each month, and of the messages about them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from finops.adapters.items import attributes, items, lost, values
from finops.adapters.records import Mirror, Put, Records, entity_of, put
from finops.domain.alerts import Alert, book_of
from finops.domain.audit import Act
from finops.domain.errors import ConflictError
from finops.usecases.ports import Save

KEPT = timedelta(days=400)  # that it is known to whom a message went


class DynamoAlerts:
    """`finops.usecases.ports.Alerts`: a book is a partition, and a partition of the index."""

    def __init__(self, records: Records, table: str) -> None:
        self._records, self._client, self._table = records, records.client, table
        self._books: dict[str, Mirror[Alert]] = {}

    def find(self, alert_id: str) -> Alert | None:
        key = _key(book_of(alert_id), alert_id)
        found = self._client.get_item(
            TableName=self._table, Key=attributes(key), ConsistentRead=True
        )
        item = found.get("Item")
        return entity_of(Alert, values(item)) if item else None

    def of(self, book: str) -> Mapping[str, Alert]:
        return self._mirror(book).look()

    def save(self, saves: Sequence[Save], act: Act) -> list[Alert]:
        puts: list[Put] = []
        saved: list[Alert] = []
        for one in saves:
            key = _key(one.after.book, one.after.alert_id)
            item = {**key, "kind": key["pk"]}
            made, after = put(self._table, one.after.entity, one, act, item)
            puts.append(made)
            saved.append(after)
        try:
            self._records.commit(puts, act)
        except ConflictError as error:
            current = self.find(saved[0].alert_id) if len(saved) == 1 else None
            raise ConflictError(error.detail, current=current) from error
        for alert in saved:
            self._mirror(alert.book).put(alert.alert_id, alert)
        return saved

    def _mirror(self, book: str) -> Mirror[Alert]:
        if book not in self._books:
            changed = partial(self._changed, f"alert#{book}")
            self._books[book] = Mirror(partial(entity_of, Alert), changed, key="sk")
        return self._books[book]

    def _changed(self, kind: str, since: str) -> Iterator[dict[str, Any]]:
        return items(
            self._client,
            TableName=self._table,
            IndexName="by_kind",
            KeyConditionExpression="kind = :kind AND changed_at > :since",
            ExpressionAttributeValues=attributes({":kind": kind, ":since": since or "0"}),
        )


def _key(book: str, alert_id: str) -> dict[str, str]:
    return {"pk": f"alert#{book}", "sk": alert_id}


class DynamoDispatches:
    """`finops.usecases.ports.Dispatches`: an item for each message, by alert and target."""

    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def sent(self, alert_id: str) -> Collection[str]:
        found = items(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=attributes({":pk": _messages(alert_id)}),
            ConsistentRead=True,
        )
        return {item["sk"] for item in found if item.get("sent_at")}

    def take(self, alert_id: str, target: str, at: datetime, lease: timedelta) -> bool:
        try:
            self._client.put_item(
                TableName=self._table,
                Item=attributes(
                    {
                        "pk": _messages(alert_id),
                        "sk": target,
                        "taken_at": at.isoformat(),
                        "expires_at": int((at + KEPT).timestamp()),
                    }
                ),
                ConditionExpression="attribute_not_exists(pk) OR"
                " (attribute_not_exists(sent_at) AND taken_at <= :lapsed)",
                ExpressionAttributeValues=attributes({":lapsed": (at - lease).isoformat()}),
            )
        except ClientError as error:
            if lost(error):
                return False
            raise
        return True

    def done(self, alert_id: str, target: str, at: datetime) -> None:
        self._client.update_item(
            TableName=self._table,
            Key=attributes({"pk": _messages(alert_id), "sk": target}),
            UpdateExpression="SET sent_at = :at, expires_at = :expires",
            ExpressionAttributeValues=attributes(
                {":at": at.isoformat(), ":expires": int((at + KEPT).timestamp())}
            ),
        )

    def release(self, alert_id: str, target: str) -> None:
        self._client.delete_item(
            TableName=self._table,
            Key=attributes({"pk": _messages(alert_id), "sk": target}),
        )


def _messages(alert_id: str) -> str:
    return f"messages#{alert_id}"
