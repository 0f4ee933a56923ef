"""Alerts: what is told of spend while it happens, once for each crossing, and what became of it.

A crossing is known by what it is of, never by when somebody looked: the same one is raised once,
however often the bill comes again. Another schedule is another limit, and so another crossing.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Self, assert_never

from pydantic import model_validator

from finops.domain.audit import reason as kept_reason
from finops.domain.elements import ENTERPRISE
from finops.domain.errors import ConflictError, InvalidError
from finops.domain.periods import BillingPeriod
from finops.domain.values import Entity, Frozen

WHOLE = 10_000  # basis points: 100 %
OF_CREDITS = "credits"  # the book of alerts that are of no month
ITSELF = "the watch"  # who resolves what is over by itself


class AlertKind(StrEnum):
    """What is told of."""

    SCHEDULE_LEVEL = "ScheduleLevel"
    FORECAST_BREACH = "ForecastBreach"
    PACE = "Pace"
    CREDIT_RUNNING_OUT = "CreditRunningOut"
    ANOMALY = "Anomaly"
    LATE_DATA = "LateData"


OF_SCHEDULES = frozenset({AlertKind.SCHEDULE_LEVEL, AlertKind.FORECAST_BREACH, AlertKind.PACE})


class AlertStatus(StrEnum):
    """Where an alert is; Acknowledged: somebody has explained it, or works on it."""

    OPEN = "Open"
    ACKNOWLEDGED = "Acknowledged"
    RESOLVED = "Resolved"


class AlertCommand(StrEnum):
    """What may be done to an alert; Settle and Return are what the watch does by itself."""

    ACKNOWLEDGE = "Acknowledge"
    RESOLVE = "Resolve"
    ASSIGN = "Assign"
    SETTLE = "Settle"
    RETURN = "Return"


class CreditEnd(StrEnum):
    """What a credit comes to its end by."""

    EXPIRY = "Expiry"
    RUN_OUT = "RunOut"


# What each command makes of an alert; what is not here is refused.
TRANSITIONS: Mapping[tuple[AlertStatus, AlertCommand], AlertStatus] = {
    (AlertStatus.OPEN, AlertCommand.ACKNOWLEDGE): AlertStatus.ACKNOWLEDGED,
    (AlertStatus.OPEN, AlertCommand.RESOLVE): AlertStatus.RESOLVED,
    (AlertStatus.ACKNOWLEDGED, AlertCommand.RESOLVE): AlertStatus.RESOLVED,
    (AlertStatus.OPEN, AlertCommand.ASSIGN): AlertStatus.OPEN,
    (AlertStatus.ACKNOWLEDGED, AlertCommand.ASSIGN): AlertStatus.ACKNOWLEDGED,
    (AlertStatus.OPEN, AlertCommand.SETTLE): AlertStatus.RESOLVED,
    (AlertStatus.ACKNOWLEDGED, AlertCommand.SETTLE): AlertStatus.RESOLVED,
    (AlertStatus.RESOLVED, AlertCommand.RETURN): AlertStatus.OPEN,
}


class Crossing(Frozen):
    """What was found, and the figures of that moment, in ticks of *currency*.

    *month* is the bill's; a credit has none. *level* is in basis points of the schedule, *schedule*
    says which one it is of. *actual* is what was spent in the month, on the day of an anomaly, or is
    left of a credit; *limit* the schedule, or what the day was expected to cost; *expected*, *low*
    and *high* what the month is going to come to. *day* is that of the anomaly, the credit's last
    one, or the one on which the schedule is going to be passed; *since* the first of an unusual run.
    *within* are the days that a credit was warned ahead, *delivered_at* is the payer's last delivery.
    """

    kind: AlertKind
    element: str = ENTERPRISE
    month: str | None = None
    currency: str | None = None
    level: int | None = None
    schedule: str | None = None
    credit_id: str | None = None
    credit_text: str | None = None
    credit_end: CreditEnd | None = None
    credit_terms: str | None = None
    within: int | None = None
    payer: str | None = None
    delivered_at: datetime | None = None
    account_id: str | None = None
    service: str | None = None
    since: date | None = None
    day: date | None = None
    actual: int | None = None
    limit: int | None = None
    expected: int | None = None
    low: int | None = None
    high: int | None = None
    is_new: bool = False

    @model_validator(mode="after")
    def _is_of_a_book(self) -> Self:
        if self.month is not None:
            BillingPeriod(self.month)
        elif self.kind is not AlertKind.CREDIT_RUNNING_OUT:
            raise InvalidError(f"an alert of the kind {self.kind} is of a month")
        return self

    @property
    def of(self) -> tuple[Any, ...]:
        """What it is known by."""
        match self.kind:
            case AlertKind.SCHEDULE_LEVEL:
                return self.element, self.month, self.schedule, self.level
            case AlertKind.FORECAST_BREACH | AlertKind.PACE:
                return self.element, self.month, self.schedule
            case AlertKind.CREDIT_RUNNING_OUT:
                return self.credit_id, self.credit_end, self.credit_terms, self.within
            case AlertKind.ANOMALY:
                since = self.since.isoformat() if self.since else None
                return self.element, self.account_id, self.service, self.currency, since
            case AlertKind.LATE_DATA:
                return self.payer, self.delivered_at and self.delivered_at.isoformat()
            case _:
                assert_never(self.kind)

    @property
    def series(self) -> tuple[Any, ...]:
        """Whose days an anomaly is in."""
        return self.element, self.account_id, self.service, self.currency

    @property
    def book(self) -> str:
        """Where it is kept: with all of its month, or those of credits."""
        return self.month or OF_CREDITS

    @property
    def alert_id(self) -> str:
        """Like `2026-09-3f2a…`: the book, and a digest of what it is known by."""
        told = json.dumps([self.kind.value, *self.of])
        return f"{self.book}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"


def book_of(alert_id: str) -> str:
    """The book that an alert of this id is in, if there is one.

    >>> book_of("2026-09-0f3a5b7c9d1e2f4a"), book_of("credits-0f3a5b7c9d1e2f4a")
    ('2026-09', 'credits')
    """
    return alert_id.rpartition("-")[0]


class AlertAnswer(Frozen):
    """What somebody did with an alert, *to* whom it was given, and why."""

    command: AlertCommand
    by: str
    at: datetime
    reason: str | None = None
    to: str | None = None


class Alert(Entity):
    """A crossing that was told of.

    *assigned_to* is who looks after it; nobody: the holders of its element. *told* are those whom a
    message reached by *told_at*, *missed* those who were given up; while that is None some still wait
    for theirs.
    """

    alert_id: str
    crossing: Crossing
    status: AlertStatus = AlertStatus.OPEN
    assigned_to: str | None = None
    answers: tuple[AlertAnswer, ...] = ()
    raised_at: datetime
    changed_at: datetime
    told_at: datetime | None = None
    told: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()

    @property
    def kind(self) -> AlertKind:
        return self.crossing.kind

    @property
    def element(self) -> str:
        return self.crossing.element

    @property
    def book(self) -> str:
        return self.crossing.book

    @property
    def entity(self) -> str:
        """What it is on record as."""
        return f"alert#{self.alert_id}"

    @property
    def is_over(self) -> bool:
        return self.status is AlertStatus.RESOLVED

    @property
    def resolved_itself(self) -> bool:
        """Whether nobody resolved it: what came back then is open again."""
        return self.is_over and self.answers[-1].command is AlertCommand.SETTLE

    @property
    def allowed(self) -> tuple[AlertCommand, ...]:
        """What people may do with it as it is."""
        people = (AlertCommand.ACKNOWLEDGE, AlertCommand.RESOLVE, AlertCommand.ASSIGN)
        return tuple(one for one in people if (self.status, one) in TRANSITIONS)

    @classmethod
    def raised(cls, crossing: Crossing, at: datetime) -> Self:
        """A new one, of which nobody has been told."""
        return cls(alert_id=crossing.alert_id, crossing=crossing, raised_at=at, changed_at=at)

    def acknowledged(self, by: str, reason: str | None, at: datetime) -> Self:
        """Explained, or taken on. Needs a reason."""
        why = kept_reason(reason, needed=True)
        return self._answered(
            AlertAnswer(command=AlertCommand.ACKNOWLEDGE, by=by, at=at, reason=why)
        )

    def resolved(self, by: str, reason: str | None, at: datetime) -> Self:
        """Done with. Needs a reason."""
        why = kept_reason(reason, needed=True)
        return self._answered(AlertAnswer(command=AlertCommand.RESOLVE, by=by, at=at, reason=why))

    def assigned(self, to: str, by: str, reason: str | None, at: datetime) -> Self:
        """Looked after by somebody; the same again changes nothing."""
        if self.assigned_to == to and not self.is_over:
            return self
        given = AlertAnswer(
            command=AlertCommand.ASSIGN, by=by, at=at, reason=kept_reason(reason), to=to
        )
        return self._answered(given).changed(assigned_to=to)

    def settled(self, reason: str, at: datetime) -> Self:
        """Over by itself: a later bill took it away, or what it was waiting for came."""
        settle = AlertAnswer(command=AlertCommand.SETTLE, by=ITSELF, at=at, reason=reason)
        return self._answered(settle)

    def returned(self, reason: str, at: datetime) -> Self:
        """Open again, after it had resolved itself: who was not told of it before still waits."""
        again = AlertAnswer(command=AlertCommand.RETURN, by=ITSELF, at=at, reason=reason)
        return self._answered(again).changed(told=(), missed=(), told_at=None)

    def told_of(self, told: tuple[str, ...], missed: tuple[str, ...], at: datetime) -> Self:
        """After everybody who is to know was sent a message, or given up."""
        return self.changed(told=told, missed=missed, told_at=at, changed_at=at)

    def _answered(self, answer: AlertAnswer) -> Self:
        status = TRANSITIONS.get((self.status, answer.command))
        if status is None:
            raise ConflictError(
                f"{answer.command} is no answer to an alert that is {self.status}", current=self
            )
        return self.changed(status=status, answers=(*self.answers, answer), changed_at=answer.at)


def levels_passed(actual: int, limit: int, levels: tuple[int, ...]) -> tuple[int, ...]:
    """Those of *levels* (basis points of *limit*, the lowest first) that *actual* has reached.

    Nothing is a part of nothing: where zero is approved, whatever is spent reaches the whole, told of
    once.

    >>> levels_passed(850, 1_000, (5_000, 8_000, 10_000)), levels_passed(1, 0, (5_000, 10_000))
    ((5000, 8000), (10000,))
    """
    if actual <= 0 or not levels:
        return ()
    if limit <= 0:
        whole = [one for one in levels if one >= WHOLE] or levels[-1:]
        return tuple(whole[:1])
    return tuple(one for one in levels if actual * WHOLE >= one * limit)


def level_in_words(points: int) -> str:
    """Basis points as people read them.

    >>> level_in_words(8_000), level_in_words(8_250)
    ('80 %', '82.5 %')
    """
    whole, rest = divmod(points, 100)
    return f"{whole}.{rest:02}".rstrip("0").rstrip(".") + " %"
