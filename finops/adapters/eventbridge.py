"""The event bus of the product."""

import json
from collections.abc import Sequence
from typing import Any

from finops.usecases.ports import Notice

SOURCE = "finops.center"
BATCH = 10  # events in one call


class EventBridgeNotices:
    """`finops.usecases.ports.Notices`."""

    def __init__(self, client: Any, bus: str) -> None:
        self._client = client
        self._bus = bus

    def tell(self, events: Sequence[Notice]) -> list[int]:
        untold: list[int] = []
        for start in range(0, len(events), BATCH):
            entries = [
                {
                    "EventBusName": self._bus,
                    "Source": SOURCE,
                    "DetailType": one.event,
                    "Time": one.at,
                    "Detail": json.dumps(one.detail, ensure_ascii=False),
                }
                for one in events[start : start + BATCH]
            ]
            answer = self._client.put_events(Entries=entries)
            untold += [
                start + number
                for number, entry in enumerate(answer["Entries"])
                if entry.get("ErrorCode")
            ]
        return untold
