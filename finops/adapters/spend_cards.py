"""The table of spend cards; the lines of a large one are a document in the ledger's bucket."""

import gzip
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from threading import Lock
from typing import Any

from finops.adapters.closes import open_month
from finops.adapters.items import attributes, items, values
from finops.adapters.records import Mirror, Need, Put, Records, entity_of, put
from finops.domain.audit import Act
from finops.domain.errors import ConflictError, FinOpsError
from finops.domain.places import card_document
from finops.domain.spend_cards import (
    Adjustment,
    CardKey,
    CardSummary,
    Lines,
    SpendCard,
    months_booked,
)
from finops.domain.values import Frozen
from finops.usecases.ports import Save

MOST_LINES = 1_000  # that are kept with a card: a record holds it twice, before and after
MONTHS = 14  # whose cards are remembered: a fiscal year, and some to come


class _Sheet(Frozen):
    """What a document holds of a card."""

    lines: Lines
    adjustments: tuple[Adjustment, ...]


class DynamoSpendCards:
    """`finops.usecases.ports.SpendCards`."""

    def __init__(self, records: Records, table: str, closes: str, s3: Any, bucket: str) -> None:
        self._records, self._client, self._table = records, records.client, table
        self._closes = closes
        self._s3, self._bucket = s3, bucket
        self._mirrors: dict[str, Mirror[CardSummary]] = {}
        self._lock = Lock()

    def find(self, key: CardKey) -> SpendCard | None:
        kept = self.kept(key)
        return None if kept is None else self._whole(kept)

    def kept(self, key: CardKey) -> SpendCard | None:
        item = self._client.get_item(
            TableName=self._table, Key=attributes(_key(key)), ConsistentRead=True
        ).get("Item")
        return entity_of(SpendCard, values(item)) if item else None

    def of_product(self, product_id: str, currency: str | None, since: date) -> Sequence[SpendCard]:
        found = items(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk >= :since",
            ExpressionAttributeValues=attributes(
                {":pk": _key(CardKey(product_id, since, currency))["pk"], ":since": str(since)}
            ),
            ConsistentRead=True,
        )
        return [self._whole(entity_of(SpendCard, item)) for item in found]

    def in_month(self, month: str) -> Sequence[CardSummary]:
        with self._lock:  # several months are looked at at once
            mirror = self._mirrors.pop(month, None)
            if mirror is None:
                if len(self._mirrors) >= MONTHS:
                    self._mirrors.pop(next(iter(self._mirrors)))
                mirror = Mirror(_summary, partial(self._changed, month), key="card")
            self._mirrors[month] = mirror
        return list(mirror.look().values())

    def save(self, saves: Sequence[Save], act: Act) -> list[SpendCard]:
        puts, saved = self.prepared(saves, act)
        try:
            self._records.commit(puts, act, self.needs(saves))
        except ConflictError as error:
            current = self.find(saved[0].key) if len(saved) == 1 else None
            raise ConflictError(error.detail, current=current) from error
        self.remember(saved)
        return saved

    def prepared(self, saves: Sequence[Save], act: Act) -> tuple[list[Put], list[SpendCard]]:
        """What a step that writes more than these puts for them, and what to `remember` then."""
        puts, saved = [], []
        for one in saves:
            card: SpendCard = one.after
            kept = self._kept(card, is_new=True)
            before = None if one.before is None else self._kept(one.before, is_new=False)
            made, after = put(
                self._table,
                card.key.entity,
                Save(before, kept, one.deed),
                act,
                {**_key(card.key), "card": card.key.entity, "kind": str(card.month)},
            )
            summary = CardSummary.of(card.changed(version=after.version, head=after.head))
            told = summary.model_dump_json()
            puts.append(made._replace(item={**made.item, "summary": told}))
            saved.append(card.changed(version=after.version, head=after.head))
        return puts, saved

    def needs(self, saves: Sequence[Save]) -> list[Need]:
        """That no close has begun of a month that *saves* book something in."""
        months = {month for one in saves for month in months_booked(one.before, one.after)}
        who = saves[0].after.key.entity
        return [open_month(self._closes, month, who) for month in sorted(months)]

    def remember(self, saved: Iterable[SpendCard]) -> None:
        """What was just written."""
        for card in saved:
            if mirror := self._mirrors.get(str(card.month)):
                mirror.put(card.key.entity, CardSummary.of(card))

    def _changed(self, month: str, since: str) -> Iterator[dict[str, Any]]:
        return items(
            self._client,
            TableName=self._table,
            IndexName="by_month",
            KeyConditionExpression="kind = :kind AND changed_at > :since",
            ExpressionAttributeValues=attributes({":kind": month, ":since": since or "0"}),
        )

    # Large cards ------------------------------------------------------------------------------

    def _kept(self, card: SpendCard, *, is_new: bool) -> SpendCard:
        """*card* as its item holds it; what is too large is written first where it *is_new*."""
        count = len(card.lines) + sum(len(one.lines) for one in card.adjustments)
        if count <= MOST_LINES:
            return card
        sheet = _Sheet(lines=card.lines, adjustments=card.adjustments)
        raw = sheet.model_dump_json().encode()
        key = card_document(card.product_id, str(card.start), hashlib.sha256(raw).hexdigest())
        if is_new:
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=gzip.compress(raw, mtime=0))
        sums = card.spend, card.amount
        return card.changed(lines=(), adjustments=(), document=key, sums=sums)

    def _whole(self, kept: SpendCard) -> SpendCard:
        """Raises FinOpsError where a document is not what was written."""
        if kept.document is None:
            return kept
        body = self._s3.get_object(Bucket=self._bucket, Key=kept.document)["Body"].read()
        raw = gzip.decompress(body)
        digest = hashlib.sha256(raw).hexdigest()
        if kept.document != card_document(kept.product_id, str(kept.start), digest):
            raise FinOpsError(f"{kept.document} is not what was written there")
        sheet = _Sheet.model_validate_json(raw)
        return kept.changed(
            lines=sheet.lines, adjustments=sheet.adjustments, document=None, sums=None
        )


def _key(key: CardKey) -> dict[str, str]:
    """All weeks of a product and currency are one partition."""
    return {"pk": f"{key.product_id}#{key.currency or ''}", "sk": str(key.start)}


def _summary(item: Mapping[str, Any]) -> CardSummary:
    return CardSummary.model_validate_json(item["summary"])
