"""Alerts as people see and answer them; `watch_spend` is what raises them."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any, NamedTuple

from finops.domain.alert_settings import Channel
from finops.domain.alerts import OF_CREDITS, Alert, AlertCommand, AlertKind, AlertStatus
from finops.domain.audit import Act, AuditRecord, Deed
from finops.domain.authorization import Action, Reach, may, must, must_reach
from finops.domain.elements import ENTERPRISE, covers
from finops.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from finops.domain.people import Person, Role, holders
from finops.domain.periods import BillingPeriod
from finops.usecases.alert_messages import Names, said_in
from finops.usecases.mail_pages import Block, page
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import Alerts, Audit, People, Save, SettingsKept
from finops.usecases.watch_spend import Outlets, owners_of, room_of

MONTHS = 6  # that are listed where nobody names one
READERS = 8
CHECK = "alert-check"  # what the wish for a look is on record as
CHANNEL = "alert-channel"
CHECK_ASKED = "AlertCheckAsked"
EVENTS = {
    AlertCommand.ACKNOWLEDGE: "SpendAlertAcknowledged",
    AlertCommand.RESOLVE: "SpendAlertResolved",
    AlertCommand.ASSIGN: "SpendAlertAssigned",
}


class AlertQuery(NamedTuple):
    """Which alerts are wanted; without a *month*, those of the newest six and of credits.

    An alert of a credit is of the month in which it was raised.
    """

    under: str = ENTERPRISE
    month: str | None = None
    status: AlertStatus | None = None
    kind: AlertKind | None = None


# Seen ---------------------------------------------------------------------------------------------


def seen_alerts(query: AlertQuery, today: date, *, by: Person, alerts: Alerts) -> list[Alert]:
    """The alerts in scope that match, by the moment they were raised."""
    must_reach(by, Action.SEE_ALERTS)
    months = _months(query.month, today)
    found = [
        one
        for one in _of(alerts, [*months, OF_CREDITS])
        if may(by, Action.SEE_ALERTS, one.element)
        and covers(query.under, one.element)
        and query.status in (None, one.status)
        and query.kind in (None, one.kind)
        and (one.book != OF_CREDITS or query.month in (None, f"{one.raised_at:%Y-%m}"))
    ]
    return sorted(found, key=place)


def place(one: Alert) -> str:
    """Where an alert stands in a list."""
    return f"{one.raised_at.isoformat()} {one.alert_id}"


def _months(said: str | None, today: date) -> list[str]:
    if said is not None:
        return [str(BillingPeriod(said))]
    found = [BillingPeriod.of(today)]
    while len(found) < MONTHS:
        found.append(found[-1].before)
    return [str(one) for one in found]


def _of(alerts: Alerts, books: Sequence[str]) -> list[Alert]:
    with ThreadPoolExecutor(READERS) as pool:
        return [one for book in pool.map(alerts.of, books) for one in book.values()]


def seen_alert(alert_id: str, *, by: Person, alerts: Alerts) -> Alert:
    """One of them. Raises NotFoundError, also for one outside the scope of *by*."""
    must_reach(by, Action.SEE_ALERTS)
    found = alerts.find(alert_id)
    if found is None or not may(by, Action.SEE_ALERTS, found.element):
        raise NotFoundError(
            f"there is no alert {alert_id} in your financial scope; finops alerts lists those there are"
        )
    return found


class Answering:
    """Who looks after alerts: whom they were given to, else who answers for their elements."""

    def __init__(self, people: Iterable[Person]) -> None:
        listed = list(people)
        self._held = holders(listed)
        self._admins = [
            one.email for one in listed if one.role is Role.FINANCIAL_ADMIN and not one.is_suspended
        ]

    def owners(self, one: Alert) -> list[str]:
        if one.assigned_to is not None:
            return [one.assigned_to]
        return owners_of(one.element, self._held, self._admins)


# Answered -----------------------------------------------------------------------------------------


def answer_alert(
    alert_id: str,
    command: AlertCommand,
    version: int,
    *,
    to: str | None = None,
    by: Person,
    alerts: Alerts,
    people: People,
    act: Act,
) -> Alert:
    """Acknowledge or resolve it, for the reason that *act* gives, or give it *to* somebody.

    Raises InvalidError for somebody who may not see it.
    """
    before = seen_alert(alert_id, by=by, alerts=alerts)
    must(by, Action.ANSWER_ALERT, before.element)
    if before.version != version:
        raise ConflictError("it has changed since you read it: look at it again", current=before)
    if (to is not None) is not (command is AlertCommand.ASSIGN):
        raise InvalidError("to: say it where you assign an alert, and only there")
    match command:
        case AlertCommand.ACKNOWLEDGE:
            after = before.acknowledged(by.email, act.reason, act.at)
        case AlertCommand.RESOLVE:
            after = before.resolved(by.email, act.reason, act.at)
        case AlertCommand.ASSIGN:
            looked_after = _who(str(to), before, people)
            after = before.assigned(looked_after, by.email, act.reason, act.at)
        case _:
            raise InvalidError(f"{command} is nobody's answer; the watch does it by itself")
    if after == before:
        return before
    deed = Deed(action=command.value, element=after.element, event=EVENTS[command])
    return alerts.save([Save(before, after, deed)], act)[0]


def _who(said: str, alert: Alert, people: People) -> str:
    email = said.strip().lower()
    person = people.find(email)
    if person is None or not may(person, Action.SEE_ALERTS, alert.element):
        raise InvalidError(
            f"to: {email!r} is nobody who sees this alert; name a person whose financial scope it is in"
        )
    return person.email


# Looked for ---------------------------------------------------------------------------------------


def ask_check(*, by: Person, audit: Audit, act: Act) -> dict[str, Any]:
    """Have spend looked at now. The wish is on record, and the event of that starts the look."""
    must_answer_all(by)
    told = {"check_id": act.request_id, "asked_by": by.email, "asked_at": act.at.isoformat()}
    deed = Deed(action="AskCheck", event=CHECK_ASKED)
    audit.note(f"{CHECK}#{act.request_id}", told, deed, act)
    return told


def must_answer_all(by: Person) -> None:
    """Raises ForbiddenError for who answers alerts of a scope only."""
    if must_reach(by, Action.ANSWER_ALERT) is not Reach.EVERYWHERE:
        raise ForbiddenError(
            "a look at all spend is for those who answer all alerts: a financial_admin or a"
            " cloud_engineer"
        )


# Tried --------------------------------------------------------------------------------------------


def try_channel(
    name: str, *, by: Person, settings: SettingsKept, audit: Audit, outlets: Outlets, act: Act
) -> dict[str, Any]:
    """A message to all targets of a channel; for each, whether it went out or why not.

    Raises NotFoundError for a channel that the settings do not have.
    """
    must(by, Action.CHANGE_SETTINGS)
    channels = {one.name: one for one in in_force(settings).alerts.channels}
    if name not in channels:
        raise NotFoundError(
            f"there is no channel {name}; finops settings show lists those there are"
        )
    results = [
        {"target": target, "is_sent": why is None, "why": why}
        for target, why in _tried(channels[name], by, act.at, outlets)
    ]
    told = {"channel": name, "tested_at": act.at.isoformat(), "results": results}
    audit.note(f"{CHANNEL}#{name}", told, Deed(action="TestChannel"), act)
    return told


def _tried(
    channel: Channel, by: Person, at: datetime, outlets: Outlets
) -> list[tuple[str, str | None]]:
    told = f"This is a test of the channel {channel.name}, asked for by {by.email}."
    found: list[tuple[str, str | None]] = []
    for address in channel.recipients:
        if outlets.mails is None:
            found.append((address, "the deployment names no sender of mails: set mail_from"))
            continue
        said = {"name": address, "alert": "a test of alerts", "count": "0"}
        block = Block("A test", told, (), [(f"{at:%Y-%m-%d %H:%M} UTC",)])
        try:
            outlets.mails.send(page(address, [block], outlets.letterhead, said))
        except Exception as error:
            found.append((address, f"{type(error).__name__}: {error}"))
        else:
            found.append((address, None))
    if channel.webhook is not None:
        try:
            room = room_of(channel.webhook, outlets)
            outlets.webhooks.post(channel.webhook, said_in(room, "A test of alerts", [told]))
        except Exception as error:
            found.append((channel.webhook, f"{type(error).__name__}: {error}"))
        else:
            found.append((channel.webhook, None))
    return found


def may_be_told_again(by: Person, record: AuditRecord) -> bool:
    """Whether *by* may have the answer to a request of theirs again."""
    kind = record.entity.partition("#")[0]
    if kind in (CHECK, CHANNEL):
        return record.actor == by.email
    return may(by, Action.SEE_ALERTS, record.done_at)


def names_of(charts: Any) -> Names:
    """What elements are called, by all charts there are."""
    return Names({head.year: charts.read(head) for head in charts.heads()})
