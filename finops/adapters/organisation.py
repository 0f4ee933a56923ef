"""The tables of people, charts of accounts and budgets."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from finops.adapters.items import attributes, items, page, values
from finops.adapters.records import Mirror, Put, Records, entity_of, put
from finops.domain.audit import Act, Deed
from finops.domain.budgets import Budget
from finops.domain.chart_loads import ChartHead, ChartLoad
from finops.domain.charts import Chart
from finops.domain.errors import ConflictError, FinOpsError
from finops.domain.gates import Gate
from finops.domain.people import Person
from finops.usecases.ports import Page, Save

PERSON, HEAD, LOAD, BUDGET, GATE = "PERSON", "HEAD", "LOAD", "BUDGET", "GATE"


class DynamoPeople:
    """`finops.usecases.ports.People`."""

    def __init__(self, records: Records, table: str) -> None:
        self._records = records
        self._client = records.client
        self._table = table
        self._mirror = Mirror(partial(entity_of, Person), self._changed, key="person")

    def find(self, email: str) -> Person | None:
        item = self._client.get_item(
            TableName=self._table, Key=attributes({"person": email}), ConsistentRead=True
        ).get("Item")
        return entity_of(Person, values(item)) if item else None

    def all(self) -> Sequence[Person]:
        known = self._mirror.look()
        return [known[email] for email in sorted(known)]

    def save(self, saves: Sequence[Save], act: Act) -> list[Person]:
        puts, saved = [], []
        for one in saves:
            item = {"person": one.after.email, "kind": PERSON}
            made, after = put(self._table, f"person#{one.after.email}", one, act, item)
            puts.append(made)
            saved.append(after)
        try:
            self._records.commit(puts, act)
        except ConflictError as error:
            current = self.find(saves[0].after.email) if len(saves) == 1 else None
            raise ConflictError(error.detail, current=current) from error
        for person in saved:
            self._mirror.put(person.email, person)
        return saved

    def _changed(self, since: str) -> Iterator[dict[str, Any]]:
        return items(
            self._client,
            TableName=self._table,
            IndexName="by_kind",
            KeyConditionExpression="kind = :kind AND changed_at > :since",
            ExpressionAttributeValues=attributes({":kind": PERSON, ":since": since or "0"}),
        )


class DynamoCharts:
    """`finops.usecases.ports.Charts`: heads and loads in a table, documents in a bucket.

    A document never changes once a head names it, so it is read once.
    """

    def __init__(self, records: Records, table: str, s3: Any, bucket: str) -> None:
        self._records = records
        self._client = records.client
        self._table = table
        self._s3 = s3
        self._bucket = bucket
        self._documents: dict[str, Chart] = {}

    def heads(self) -> Sequence[ChartHead]:
        found = items(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=attributes({":pk": HEAD}),
            ScanIndexForward=False,
            ConsistentRead=True,
        )
        return [entity_of(ChartHead, item) for item in found]

    def head(self, year: int) -> ChartHead | None:
        item = self._get(HEAD, f"{year:04d}")
        return entity_of(ChartHead, item) if item else None

    def read(self, head: ChartHead) -> Chart:
        known = self._documents.get(head.document)
        if known is None:
            body = self._s3.get_object(Bucket=self._bucket, Key=head.document)["Body"].read()
            if _digest(body) not in head.document:
                raise FinOpsError(f"{head.document} is not the chart that was written there")
            known = Chart.model_validate_json(body)
            self._documents = {
                key: chart for key, chart in self._documents.items() if chart.year != head.year
            } | {head.document: known}
        return known

    def write(self, chart: Chart, load_id: str) -> str:
        body = chart.model_dump_json().encode()
        key = f"charts/{chart.year}/{load_id}-{_digest(body)}.json"
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/json")
        return key

    def load(self, load_id: str) -> ChartLoad | None:
        item = self._get(LOAD, load_id)
        return entity_of(ChartLoad, item) if item else None

    def loads(self, year: int, limit: int, cursor: str | None = None) -> Page:
        found, token = page(
            self._client,
            limit,
            cursor,
            frozenset({"pk", "sk"}),
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=attributes({":pk": _history(year)}),
            ScanIndexForward=False,
        )
        return Page([entity_of(ChartLoad, item) for item in found], token)

    def publish(self, load: ChartLoad, head: Save | None, act: Act) -> ChartLoad:
        done = Deed(action=load.status.value, event=f"Chart{load.status.value}")
        made, saved = put(
            self._table,
            f"chart-load#{load.load_id}",
            Save(None, load, done),
            act,
            {"pk": LOAD, "sk": load.load_id},
        )
        listed = dict(made.item) | {
            "pk": _history(load.year),
            "sk": f"{load.loaded_at.isoformat()}#{load.load_id}",
        }
        puts = [made, Put(self._table, listed, ("pk", "sk"), 0, None)]
        if head is not None:
            item = {"pk": HEAD, "sk": f"{head.after.year:04d}"}
            puts.append(put(self._table, f"chart#{head.after.year}", head, act, item)[0])
        self._records.commit(puts, act)
        return saved  # type: ignore[no-any-return]

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        item = self._client.get_item(
            TableName=self._table, Key=attributes({"pk": pk, "sk": sk}), ConsistentRead=True
        ).get("Item")
        return values(item) if item else None


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]


def _history(year: int) -> str:
    return f"LOADS#{year:04d}"


class DynamoBudgets:
    """`finops.usecases.ports.Budgets`."""

    def __init__(self, records: Records, table: str) -> None:
        self._records = records
        self._client = records.client
        self._table = table
        self._mirrors: dict[int, Mirror[Budget]] = {}

    def find(self, product_id: str, year: int) -> Budget | None:
        item = self._get(product_id, _year(year))
        return entity_of(Budget, item) if item else None

    def of_year(self, year: int) -> Mapping[str, Budget]:
        return self._mirror(year).look()

    def save(self, before: Budget | None, after: Budget, deed: Deed, act: Act) -> Budget:
        made, saved = put(
            self._table,
            f"budget#{after.year}#{after.product_id}",
            Save(before, after, deed),
            act,
            {
                "pk": after.product_id,
                "sk": _year(after.year),
                "year": _year(after.year),
            },
        )
        try:
            self._records.commit([made], act)
        except ConflictError as error:
            current = self.find(after.product_id, after.year)
            raise ConflictError(error.detail, current=current) from error
        if after.year in self._mirrors:
            self._mirrors[after.year].put(saved.product_id, saved)
        return saved  # type: ignore[no-any-return]

    def gate(self, portfolio: str) -> Gate | None:
        item = self._get(portfolio, GATE)
        return entity_of(Gate, item) if item else None

    def gates(self) -> Sequence[Gate]:
        found = (entity_of(Gate, item) for item in self._changed(GATE, ""))
        return sorted(found, key=lambda gate: gate.portfolio)

    def save_gate(self, before: Gate | None, after: Gate, deed: Deed, act: Act) -> Gate:
        item = {"pk": after.portfolio, "sk": GATE, "year": GATE}
        made, saved = put(
            self._table, f"gate#{after.portfolio}", Save(before, after, deed), act, item
        )
        try:
            self._records.commit([made], act)
        except ConflictError as error:
            raise ConflictError(error.detail, current=self.gate(after.portfolio)) from error
        return saved  # type: ignore[no-any-return]

    def _mirror(self, year: int) -> Mirror[Budget]:
        if year not in self._mirrors:
            self._mirrors[year] = Mirror(
                partial(entity_of, Budget), partial(self._changed, _year(year)), key="pk"
            )
        return self._mirrors[year]

    def _changed(self, year: str, since: str) -> Iterator[dict[str, Any]]:
        return items(
            self._client,
            TableName=self._table,
            IndexName="by_year",
            KeyConditionExpression="#year = :year AND changed_at > :since",
            ExpressionAttributeNames={"#year": "year"},
            ExpressionAttributeValues=attributes({":year": year, ":since": since or "0"}),
        )

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        item = self._client.get_item(
            TableName=self._table, Key=attributes({"pk": pk, "sk": sk}), ConsistentRead=True
        ).get("Item")
        return values(item) if item else None


def _year(year: int) -> str:
    return f"{year:04d}"
