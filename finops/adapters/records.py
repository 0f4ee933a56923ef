"""Entities in DynamoDB: each change is one transaction of state, audit record and receipt."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import uniform
from time import sleep
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from botocore.exceptions import ClientError

from finops.adapters.items import attributes, items, lost, values
from finops.domain import texts
from finops.domain.audit import Act, AuditRecord, Deed, Receipt, record, sealed
from finops.domain.errors import ConflictError, InvalidError
from finops.domain.values import Entity
from finops.usecases.ports import Save, TrailPlace

TRANSACTION = 100
LARGEST_ITEM = 390_000  # bytes: DynamoDB takes 400 KB, names and numbers included
RECEIPTS_KEPT = timedelta(days=1)
OVERLAP = timedelta(seconds=90)  # how far apart the clocks of two writers may be
TRIES = 5
PAUSE = 0.05  # seconds at most before the second try of a transaction; twice as long each time
NOT_TAKEN = {
    "ConditionExpression": "attribute_not_exists(#request)",
    "ExpressionAttributeNames": {"#request": "request"},
}

E = TypeVar("E", bound=Entity)


def _utc() -> datetime:
    return datetime.now(UTC)


class Put(NamedTuple):
    """An entity's new state as an item of a table, and the record of the change."""

    table: str
    item: Mapping[str, Any]
    key: tuple[str, ...]
    before: (
        int | None
    )  # the version it was made from; 0: there is none yet, None: whatever there is
    record: AuditRecord | None


class Need(NamedTuple):
    """What has to be so of an item that a step does not write."""

    table: str
    key: Mapping[str, Any]
    condition: str
    values: Mapping[str, Any]


def put(table: str, entity: str, save: Save, act: Act, item: Mapping[str, Any]) -> tuple[Put, Any]:
    """What to put for *save*, whose *item* lacks only what the saving adds; and the entity then."""
    made = record(entity, save.before, save.after, act, save.deed)
    after = save.after.model_copy(update={"version": made.sequence, "head": made.hash})
    whole = dict(item) | {
        "version": after.version,
        "head": after.head,
        "detail": texts.kept(after.model_dump_json(exclude={"version", "head"})),
    }
    _must_fit(entity, whole["detail"])
    key = tuple(name for name in item if name in ("pk", "sk", "person", "account"))
    return Put(table, whole, key, save.before.version if save.before else 0, made), after


def _must_fit(entity: str, detail: str | bytes) -> None:
    """Raises InvalidError where a state and the one before do not fit into one record together."""
    size = len(detail if isinstance(detail, bytes) else detail.encode())
    if 2 * size > LARGEST_ITEM:
        raise InvalidError(
            f"{entity} would have {size:,} bytes, more than half of the {LARGEST_ITEM:,} that a"
            " record holds of it before and after: name fewer parts, and less often"
        )


def entity_of(model: type[E], item: Mapping[str, Any]) -> E:
    """An entity from its item."""
    found = model.model_validate_json(texts.told(item["detail"]))
    return found.model_copy(update={"version": int(item["version"]), "head": item["head"]})


class Records:
    """Writes changes: the state, its audit record and the receipt, or none of them.

    A state's item says by *clock* when it was written, which a `Mirror` goes by: what its audit
    record says may be long before, where one act saves many.
    """

    def __init__(
        self,
        client: Any,
        audit_table: str,
        requests_table: str,
        clock: Callable[[], datetime] = _utc,
    ) -> None:
        self.client = client
        self._clock = clock
        self._audit_table = audit_table
        self._requests_table = requests_table

    def commit(self, puts: Sequence[Put], act: Act, needs: Sequence[Need] = ()) -> None:
        """All of *puts* in one step, where all *needs* are so.

        Raises ConflictError where they are not, or anything was written meanwhile.
        """
        now = self._clock()
        writes = [self._state(one, now) for one in puts]
        writes += [self._need(one) for one in needs]
        writes += [self._record(one.record) for one in puts if one.record is not None]
        first = next(one.record for one in puts if one.record is not None)
        if act.receipt is not None:
            writes.append(self._receipt(act.receipt, first))
        self._write(writes)

    def note(self, made: AuditRecord, act: Act) -> None:
        """A record of a chain that no state belongs to."""
        writes = [self._record(made)]
        if act.receipt is not None:
            writes.append(self._receipt(act.receipt, made))
        self._write(writes)

    def _write(self, writes: list[dict[str, Any]]) -> None:
        if len(writes) > TRANSACTION:
            raise ValueError(f"{len(writes)} writes are more than one step takes")
        for attempt in range(TRIES):
            try:
                self.client.transact_write_items(TransactItems=writes)
            except ClientError as error:
                if _only_met(error) and attempt < TRIES - 1:
                    # Transactions met on an item; nothing is decided yet. They part at random.
                    sleep(uniform(0, PAUSE * 2**attempt))  # noqa: S311  # nobody has to guess it
                    continue
                if lost(error):
                    raise ConflictError("somebody else was faster: read it again") from error
                raise
            return

    def _state(self, one: Put, now: datetime) -> dict[str, Any]:
        condition: dict[str, Any] = {"ConditionExpression": f"attribute_not_exists({one.key[0]})"}
        if one.before is None:
            condition = {}
        elif one.before:
            condition = {
                "ConditionExpression": "version = :before",
                "ExpressionAttributeValues": attributes({":before": one.before}),
            }
        item = attributes({**one.item, "changed_at": now.isoformat()})
        return {"Put": {"TableName": one.table, "Item": item, **condition}}

    def _need(self, one: Need) -> dict[str, Any]:
        return {
            "ConditionCheck": {
                "TableName": one.table,
                "Key": attributes(one.key),
                "ConditionExpression": one.condition,
                "ExpressionAttributeValues": attributes(one.values),
            }
        }

    def _record(self, made: AuditRecord) -> dict[str, Any]:
        return {
            "Put": {
                "TableName": self._audit_table,
                "Item": attributes(record_item(made)),
                "ConditionExpression": "attribute_not_exists(entity)",
            }
        }

    def _receipt(self, receipt: Receipt, made: AuditRecord) -> dict[str, Any]:
        told = receipt.model_copy(update={"entity": made.entity, "sequence": made.sequence})
        return {
            "Put": {
                "TableName": self._requests_table,
                "Item": attributes(
                    {
                        "request": receipt.key,
                        "receipt": told.model_dump_json(),
                        "expires_at": int((self._clock() + RECEIPTS_KEPT).timestamp()),
                    }
                ),
                **NOT_TAKEN,
            }
        }


def _only_met(error: ClientError) -> bool:
    """Whether no condition failed: another transaction was at one of the items."""
    codes = {one.get("Code") for one in error.response.get("CancellationReasons", [])}
    return "TransactionConflict" in codes and "ConditionalCheckFailed" not in codes


def record_item(made: AuditRecord) -> dict[str, Any]:
    """An audit record as an item; its month and time are what the indexes go by."""
    told = made.model_dump(mode="json")
    states = {name: told[name] for name in ("before", "after") if told[name] is not None}
    return told | {
        **{name: texts.kept(state) for name, state in states.items()},
        "sequence": f"{made.sequence:09d}",
        "month": told["at"][:7],
        "element": made.element or None,
    }


class DynamoAudit:
    """`finops.usecases.ports.Audit`."""

    def __init__(self, records: Records, table: str) -> None:
        self._records = records
        self._client = records.client
        self._table = table

    def chain(self, entity: str) -> Iterator[AuditRecord]:
        found = items(
            self._client,
            TableName=self._table,
            KeyConditionExpression="entity = :entity",
            ExpressionAttributeValues=attributes({":entity": entity}),
            ConsistentRead=True,
        )
        return (AuditRecord.of(item) for item in found)

    def record(self, entity: str, sequence: int) -> AuditRecord | None:
        found = self._query(
            "entity = :entity AND #sequence = :sequence",
            {":entity": entity, ":sequence": f"{sequence:09d}"},
        )
        return found[0] if found else None

    def in_month(
        self, month: str, limit: int, place: TrailPlace | None = None
    ) -> list[AuditRecord]:
        return self._listed("by_month", "month", month, limit, place)

    def of_actor(
        self, actor: str, limit: int, place: TrailPlace | None = None
    ) -> list[AuditRecord]:
        return self._listed("by_actor", "actor", actor, limit, place)

    def note(self, entity: str, after: Mapping[str, Any], deed: Deed, act: Act) -> AuditRecord:
        for _ in range(TRIES):
            last = self._last(entity)
            made = sealed(
                entity,
                number=(last.sequence if last else 0) + 1,
                previous=last.hash if last else "",
                before=last.after if last else None,
                after=json.dumps(after, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
                act=act,
                deed=deed,
            )
            try:
                self._records.note(made, act)
            except ConflictError:
                if act.receipt is not None:
                    raise
                continue
            return made
        raise ConflictError("others are doing the same at this moment: try again")

    def _last(self, entity: str) -> AuditRecord | None:
        found = self._query("entity = :entity", {":entity": entity}, newest=True)
        return found[0] if found else None

    def _query(
        self, condition: str, asked: Mapping[str, Any], *, newest: bool = False
    ) -> list[AuditRecord]:
        names = {"#sequence": "sequence"} if "#sequence" in condition else None
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=attributes(asked),
            ConsistentRead=True,
            ScanIndexForward=not newest,
            Limit=1,
            **({"ExpressionAttributeNames": names} if names else {}),
        )
        return [AuditRecord.of(values(item)) for item in answer["Items"]]

    def _listed(
        self, index: str, key: str, value: str, limit: int, place: TrailPlace | None
    ) -> list[AuditRecord]:
        names, asked, condition = {"#key": key}, {":value": value}, "#key = :value"
        if place is not None:
            names, asked = names | {"#at": "at"}, asked | {":at": place.at}
            condition += " AND #at <= :at"
        passed = place.passed if place else 0
        found = items(
            self._client,
            TableName=self._table,
            IndexName=index,
            KeyConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=attributes(asked),
            ScanIndexForward=False,
            PaginationConfig={"PageSize": limit + passed},
        )
        return [AuditRecord.of(item) for item in islice(found, passed, passed + limit)]


class DynamoReceipts:
    """`finops.usecases.ports.Receipts`."""

    def __init__(self, client: Any, table: str, clock: Callable[[], datetime] = _utc) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def find(self, key: str) -> Receipt | None:
        item = self._client.get_item(
            TableName=self._table, Key=attributes({"request": key}), ConsistentRead=True
        ).get("Item")
        return Receipt.model_validate_json(values(item)["receipt"]) if item else None

    def take(self, key: str, kept: timedelta) -> bool:
        receipt = Receipt(key=key, fingerprint=key)
        try:
            self._client.put_item(
                TableName=self._table,
                Item=attributes(
                    {
                        "request": key,
                        "receipt": receipt.model_dump_json(),
                        "expires_at": int((self._clock() + kept).timestamp()),
                    }
                ),
                **NOT_TAKEN,
            )
        except ClientError as error:
            if lost(error):
                return False
            raise
        return True

    def release(self, key: str) -> None:
        self._client.delete_item(TableName=self._table, Key=attributes({"request": key}))


class Versioned(Protocol):
    """What a mirror holds: of two, the one with the higher version is the newer."""

    @property
    def version(self) -> int: ...


V = TypeVar("V", bound=Versioned)


class Mirror(Generic[V]):
    """All entities of one partition of an index, kept in memory; each look asks for what is new.

    The index holds when each was last written. Clocks of writers differ and an index follows its
    table, so a look goes back a little beyond the one before; the higher version counts.
    """

    def __init__(
        self,
        read: Callable[[Mapping[str, Any]], V],
        query: Callable[[str], Iterable[Mapping[str, Any]]],
        key: str,
        clock: Callable[[], datetime] = _utc,
    ) -> None:
        self._read = read
        self._query = query
        self._key = key
        self._clock = clock
        self._known: dict[str, V] = {}
        self._looked: datetime | None = None

    def look(self) -> Mapping[str, V]:
        """By key; not to be changed."""
        began = self._clock()
        since = "" if self._looked is None else (self._looked - OVERLAP).isoformat()
        for item in self._query(since):
            known = self._known.get(item[self._key])
            if known is None or known.version < int(item["version"]):
                self.put(item[self._key], self._read(item))
        self._looked = began
        return self._known

    def put(self, key: str, one: V) -> None:
        """What was just written. It says nothing of what others wrote meanwhile."""
        known = self._known.get(key)
        if known is None or known.version < one.version:
            self._known[key] = one
