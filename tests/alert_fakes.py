"""The ports of alerts, in memory."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from finops.domain.alerts import Alert
from finops.domain.audit import Act
from finops.domain.errors import ConflictError, FinOpsError
from finops.usecases.ports import Save
from tests.fakes import InMemoryRecords


class InMemoryAlerts:
    """`Alerts` of the records."""

    def __init__(self, records: InMemoryRecords) -> None:
        self._records = records

    def find(self, alert_id: str) -> Alert | None:
        return self._records.states.get(f"alert#{alert_id}")

    def of(self, book: str) -> Mapping[str, Alert]:
        found: list[Alert] = self._records.of_kind("alert#")
        return {one.alert_id: one for one in found if one.book == book}

    def save(self, saves: Sequence[Save], act: Act) -> list[Alert]:
        try:
            return self._records.commit({one.after.entity: one for one in saves}, act)
        except ConflictError as error:
            current = self.find(saves[0].after.alert_id) if len(saves) == 1 else None
            raise ConflictError(error.detail, current=current) from error


class InMemoryDispatches:
    """`Dispatches`: when each message was taken, and whether it was sent."""

    def __init__(self) -> None:
        self.taken: dict[tuple[str, str], datetime] = {}
        self.gone: dict[tuple[str, str], datetime] = {}

    def sent(self, alert_id: str) -> Collection[str]:
        return {target for id_, target in self.gone if id_ == alert_id}

    def take(self, alert_id: str, target: str, at: datetime, lease: timedelta) -> bool:
        of = alert_id, target
        if of in self.gone or (of in self.taken and self.taken[of] > at - lease):
            return False
        self.taken[of] = at
        return True

    def done(self, alert_id: str, target: str, at: datetime) -> None:
        self.gone[alert_id, target] = at

    def release(self, alert_id: str, target: str) -> None:
        self.taken.pop((alert_id, target), None)


class InMemoryWebhooks:
    """`Webhooks`: what each room got; those that are *broken* get nothing."""

    def __init__(self, **rooms: str) -> None:
        self.rooms = rooms
        self.posted: list[tuple[str, Mapping[str, Any]]] = []
        self.broken: set[str] = set()

    def names(self) -> Mapping[str, str]:
        return self.rooms

    def post(self, name: str, message: Mapping[str, Any]) -> None:
        if name in self.broken:
            raise FinOpsError(f"the webhook {name} answered 500")
        self.posted.append((name, message))


class InMemoryDailySpend:
    """`DailySpend`: what a test says was spent, by service and day."""

    def __init__(self) -> None:
        self.spent: defaultdict[tuple[str, str | None], dict[date, int]] = defaultdict(dict)
        self.nobodys: defaultdict[str, dict[date, int]] = defaultdict(dict)

    def spend(self, product: str, day: date, ticks: int, service: str | None = "AmazonEC2") -> None:
        self.spent[product, service][day] = ticks

    def products(self, months: Sequence[str]) -> Mapping[str, Mapping[date, int]]:
        found: defaultdict[str, dict[date, int]] = defaultdict(dict)
        for (product, _), days in self.spent.items():
            for day, ticks in _within(days, months).items():
                found[product][day] = found[product].get(day, 0) + ticks
        return found

    def services(
        self, months: Sequence[str], products: Collection[str]
    ) -> Mapping[tuple[str, str | None], Mapping[date, int]]:
        return {of: _within(days, months) for of, days in self.spent.items() if of[0] in products}

    def unowned(self, months: Sequence[str]) -> Mapping[str, Mapping[date, int]]:
        return {account: _within(days, months) for account, days in self.nobodys.items()}

    def first_day(self, months: Sequence[str]) -> date | None:
        days = [*self.spent.values(), *self.nobodys.values()]
        found = [day for one in days for day in _within(one, months)]
        return min(found, default=None)


def _within(days: Mapping[date, int], months: Sequence[str]) -> dict[date, int]:
    wanted = {(int(month[:4]), int(month[5:7])) for month in months}
    return {day: ticks for day, ticks in days.items() if (day.year, day.month) in wanted}
