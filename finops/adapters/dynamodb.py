"""The tables of loads and bills; a lost race is a ConflictError, a listing goes to its last page."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from finops.adapters.items import attributes, items, lost, packed, page, unpacked, values
from finops.adapters.lineages import Lineages
from finops.domain.bills import Bill
from finops.domain.errors import ConflictError, InvalidError, NotFoundError
from finops.domain.loads import Load, LoadStatus
from finops.usecases.ports import AccountTotals, Page

LOAD, BILL = "LOAD", "BILL"
CURRENT = "CURRENT"
ACCOUNT = "ACCOUNT#"
TRANSACTION = 100
KEPT = timedelta(days=400)  # the record of a load that was not published


class DynamoLoads:
    """`finops.usecases.ports.Loads`."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def get(self, load_id: str) -> Load:
        found = self.find(load_id)
        if found is None:
            raise NotFoundError(f"there is no load {load_id}; finops loads lists them")
        return found

    def find(self, load_id: str) -> Load | None:
        item = self._client.get_item(
            TableName=self._table, Key=attributes({"load_id": load_id}), ConsistentRead=True
        ).get("Item")
        return _load(values(item)) if item else None

    def save(self, load: Load) -> Load:
        saved = load.model_copy(update={"version": load.version + 1})
        names: dict[str, Any] = {
            "kind": LOAD,
            "recorded_at": saved.recorded_at.isoformat(),
            "place": saved.place,
            "status": saved.status.value,
            "version": saved.version,
            "detail": packed(saved.model_dump(mode="json", exclude={"items_done"})),
        }
        if saved.status is not LoadStatus.PUBLISHED:
            names["expires_at"] = int((saved.recorded_at + KEPT).timestamp())
        try:
            self._client.update_item(
                TableName=self._table,
                Key=attributes({"load_id": saved.load_id}),
                UpdateExpression="SET "
                + ", ".join(f"#{name} = :{name}" for name in names)
                + ("" if "expires_at" in names else " REMOVE expires_at"),
                ConditionExpression="#version = :before"
                if load.version
                else "attribute_not_exists(load_id)",
                ExpressionAttributeNames={f"#{name}": name for name in names},
                ExpressionAttributeValues=attributes(
                    {f":{name}": value for name, value in names.items()}
                    | ({":before": load.version} if load.version else {})
                ),
            )
        except ClientError as error:
            if lost(error):
                raise ConflictError(f"load {load.load_id} was written by another run") from error
            raise
        return saved

    def add_done(self, load_id: str, item: int) -> None:
        self._client.update_item(
            TableName=self._table,
            Key=attributes({"load_id": load_id}),
            UpdateExpression="ADD items_done :item",
            ExpressionAttributeValues=attributes({":item": {item}}),
        )

    def at_place(self, place: str) -> list[Load]:
        found = items(
            self._client,
            TableName=self._table,
            IndexName="by_place",
            KeyConditionExpression="place = :place",
            ExpressionAttributeValues=attributes({":place": place}),
            ScanIndexForward=False,
        )
        return [_load(item) for item in found]

    def recent(self, limit: int, cursor: str | None = None) -> Page:
        found, token = page(
            self._client,
            limit,
            cursor,
            frozenset({"load_id", "kind", "recorded_at"}),
            TableName=self._table,
            IndexName="by_kind",
            KeyConditionExpression="kind = :kind",
            ExpressionAttributeValues=attributes({":kind": LOAD}),
            ScanIndexForward=False,
        )
        return Page([_load(item) for item in found], token)


def _load(item: Mapping[str, Any]) -> Load:
    detail = unpacked(item["detail"])
    return Load.model_validate(
        detail | {"version": int(item["version"]), "items_done": len(item.get("items_done", ()))}
    )


class DynamoBills:
    """`finops.usecases.ports.Bills`: one item for the bill readers see, one for each account's totals.

    An account's totals are kept under the load that made them. Readers take, for each account, the
    newest one of the bill's lineage: so they change when the bill does, in one write.
    """

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table
        self._lineages = Lineages(client, table, ACCOUNT, "load_id")

    def find(self, payer: str, period: str) -> Bill | None:
        item = self._client.get_item(
            TableName=self._table,
            Key=attributes({"pk": _key(payer, period), "sk": CURRENT}),
            ConsistentRead=True,
        ).get("Item")
        return _bill(values(item)) if item else None

    def in_period(self, period: str) -> list[Bill]:
        found = items(
            self._client,
            TableName=self._table,
            IndexName="by_kind",
            KeyConditionExpression="kind = :kind AND billing_period = :period",
            ExpressionAttributeValues=attributes({":kind": BILL, ":period": period}),
        )
        # The index follows the table; the bill itself is read as it is.
        keys = sorted(item["billing_account_id"] for item in found)
        return [bill for key in keys if (bill := self.find(key, period)) is not None]

    def all(self, limit: int, cursor: str | None = None) -> Page:
        found, token = page(
            self._client,
            limit,
            cursor,
            frozenset({"pk", "sk", "kind", "billing_period"}),
            TableName=self._table,
            IndexName="by_kind",
            KeyConditionExpression="kind = :kind",
            ExpressionAttributeValues=attributes({":kind": BILL}),
            ScanIndexForward=False,
        )
        return Page([_bill(item) for item in found], token)

    def publish(self, bills: Sequence[Bill]) -> None:
        if len(bills) > TRANSACTION:
            raise InvalidError(
                f"one delivery holds {len(bills)} bills; {TRANSACTION} can be published in one step"
            )
        if not bills:
            return
        try:
            self._client.transact_write_items(
                TransactItems=[{"Put": self._put(bill)} for bill in bills]
            )
        except ClientError as error:
            if lost(error):
                raise ConflictError("another load published one of these bills first") from error
            raise

    def _put(self, bill: Bill) -> dict[str, Any]:
        saved = bill.model_copy(update={"version": bill.version + 1})
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if bill.version:
            condition = {
                "ConditionExpression": "version = :before",
                "ExpressionAttributeValues": attributes({":before": bill.version}),
            }
        return {
            "TableName": self._table,
            "Item": attributes(
                {
                    "pk": _key(bill.billing_account_id, bill.billing_period),
                    "sk": CURRENT,
                    "kind": BILL,
                    "billing_account_id": bill.billing_account_id,
                    "billing_period": bill.billing_period,
                    "version": saved.version,
                    "detail": packed(saved.model_dump(mode="json")),
                }
            ),
            **condition,
        }

    def digests(self, bill: Bill) -> dict[tuple[str | None, str | None], str]:
        found = self._in_force(bill, "sk, load_id, account, currency, digest")
        return {
            (item.get("account"), item.get("currency")): item["digest"]
            for item in found
            if item["digest"]
        }

    def account_totals(self, bill: Bill) -> list[AccountTotals]:
        return [
            AccountTotals(
                item.get("account"),
                item.get("currency"),
                item["load_id"],
                item["digest"],
                unpacked(item["days"]),
            )
            for item in self._in_force(bill, "sk, load_id, account, currency, digest, days")
            if item["digest"]
        ]

    def write_totals(self, payer: str, period: str, totals: Iterable[AccountTotals]) -> int:
        return self._lineages.write(_totals(payer, period, total) for total in totals)

    def expire_totals(self, bill: Bill, spared: Collection[str]) -> int:
        key = _key(bill.billing_account_id, bill.billing_period)
        return self._lineages.expire(key, bill.lineage, spared.__contains__)

    def _in_force(self, bill: Bill, wanted: str) -> list[dict[str, Any]]:
        return self._lineages.in_force(
            _key(bill.billing_account_id, bill.billing_period), bill.lineage, wanted
        )


def _key(payer: str, period: str) -> str:
    return f"{BILL}#{payer}#{period}"


def _bill(item: Mapping[str, Any]) -> Bill:
    return Bill.model_validate(unpacked(item["detail"]) | {"version": int(item["version"])})


def _totals(payer: str, period: str, total: AccountTotals) -> dict[str, Any]:
    return {
        "pk": _key(payer, period),
        "sk": f"{ACCOUNT}{total.account or ''}#{total.currency or ''}#{total.load_id}",
        "account": total.account,
        "currency": total.currency,
        "load_id": total.load_id,
        "digest": total.digest,
        "days": packed(total.days),
    }
