"""Items that say which generation made them: readers take the newest of the lineage in force.

So what many items say changes in one write, that of the lineage, and a generation writes only those
that it changes.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from finops.adapters.items import attributes, items

BATCH = 25
PAUSE = 0.05  # seconds at first


class Lineages:
    """Items of a table of (pk, sk) whose sk is *prefix*, their key, `#`, and their generation.

    *generation* is the attribute that holds it too.
    """

    def __init__(self, client: Any, table: str, prefix: str, generation: str) -> None:
        self._client, self._table = client, table
        self._prefix, self._generation = prefix, generation

    def in_force(
        self, pk: str, lineage: Sequence[str], wanted: str, under: str = ""
    ) -> list[dict[str, Any]]:
        """For each key that begins *under*, the item of the newest generation that has one.

        *wanted* are the attributes to read, `sk` and the generation among them.
        """
        return self._newest(self._all(pk, wanted, under), lineage)

    def expire(self, pk: str, lineage: Sequence[str], keeps: Callable[[str], bool]) -> int:
        """Drop what is not in force, but for what a generation made that somebody *keeps*."""
        listed = list(self._all(pk, f"sk, {self._generation}"))
        in_force = {item["sk"] for item in self._newest(listed, lineage)}
        return self._batch(
            {"DeleteRequest": {"Key": attributes({"pk": pk, "sk": item["sk"]})}}
            for item in listed
            if item["sk"] not in in_force and not keeps(item[self._generation])
        )

    def _newest(
        self, listed: Iterable[dict[str, Any]], lineage: Sequence[str]
    ) -> list[dict[str, Any]]:
        rank = {generation: place for place, generation in enumerate(lineage)}
        newest: dict[str, dict[str, Any]] = {}
        for item in listed:
            place = rank.get(item[self._generation])
            if place is None:
                continue  # of a generation that lost its race, or is being made
            key = item["sk"].rpartition("#")[0]
            if key not in newest or place > rank[newest[key][self._generation]]:
                newest[key] = item
        return list(newest.values())

    def write(self, made: Iterable[Mapping[str, Any]]) -> int:
        """Write them; how many there were."""
        return self._batch({"PutRequest": {"Item": attributes(item)}} for item in made)

    def _all(self, pk: str, wanted: str, under: str = "") -> Iterator[dict[str, Any]]:
        names = wanted.split(", ")
        return items(
            self._client,
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :under)",
            ExpressionAttributeValues=attributes({":pk": pk, ":under": self._prefix + under}),
            ProjectionExpression=", ".join(f"#{name}" for name in names),
            ExpressionAttributeNames={f"#{name}": name for name in names},
            ConsistentRead=True,
        )

    def _batch(self, requests: Iterable[dict[str, Any]]) -> int:
        """Write them in batches, as they come; what the table puts off is tried again later."""
        done = 0
        rest = iter(requests)
        while batch := list(islice(rest, BATCH)):
            done += len(batch)
            wanted, pause = {self._table: batch}, PAUSE
            while wanted:
                answer = self._client.batch_write_item(RequestItems=wanted)
                wanted = answer.get("UnprocessedItems", {})
                if wanted:
                    time.sleep(random.uniform(0, pause))  # noqa: S311  # jitter keeps no secret
                    pause = min(2 * pause, 5.0)
        return done
