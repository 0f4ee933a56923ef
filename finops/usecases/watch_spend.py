"""Watching spend: what is crossed is raised once, told to everybody once, and settled when it is over.

A run looks at all there is and writes only what is new, so the same run again does nothing, and two
at once do no harm: an alert is made over nothing (who comes second finds it), and a message is taken
before it is sent (`Dispatches`). A run that is killed anywhere leaves what it did; the next one does
the rest. A kill between sending a message and writing that down makes it come twice: better than
never.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple, TypeVar

from finops.domain.alert_settings import AlertSettings, Channel
from finops.domain.alerts import OF_CREDITS, Alert, Crossing
from finops.domain.audit import Act, Deed
from finops.domain.authorization import Action, may
from finops.domain.elements import ENTERPRISE, covers, parent
from finops.domain.errors import ConflictError, InvalidError
from finops.domain.people import Holders, Person, Role, holders
from finops.domain.periods import BillingPeriod
from finops.domain.values import Frozen
from finops.usecases.alert_crossings import (
    Look,
    WatchSources,
    of_anomalies,
    of_credits,
    of_late_data,
    of_schedules,
    watched_months,
)
from finops.usecases.alert_messages import Names, Room, alert_mail, room_message
from finops.usecases.digest import Letterhead
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import (
    Alerts,
    Charts,
    Dispatches,
    Mails,
    People,
    Save,
    SettingsKept,
    Webhooks,
)

ACTOR = "the watch"
AT_ONCE = 16  # alerts written
ROUNDS = 8  # messages on their way
MONTHS = 6  # whose alerts may still be on their way: a bill of any open month may come again
LEASE = timedelta(minutes=16)  # longer than any run lives
GIVE_UP = timedelta(days=3)  # after that a message is no news any more
RETURNED = "it is there again, by the bill as it is now"
MAIL, WEBHOOK = "mail:", "webhook:"
T = TypeVar("T")


class Outlets(NamedTuple):
    """The ways to people and rooms; without *mails* the deployment names no sender."""

    people: People
    charts: Charts
    dispatches: Dispatches
    mails: Mails | None
    webhooks: Webhooks
    letterhead: Letterhead


class Watched(Frozen):
    """What a run came to: alerts by id, messages by target, and what failed, with why."""

    raised: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()


def watch_spend(
    at: datetime,
    request_id: str,
    *,
    month: str | None = None,
    sources: WatchSources,
    alerts: Alerts,
    settings: SettingsKept,
    outlets: Outlets,
) -> Watched:
    """One look at the open months, and at *month* where a bill of it came; then all messages.

    A part that fails is named and keeps no other from its own.
    """
    act = Act(actor=ACTOR, at=at, request_id=request_id)
    chosen = in_force(settings).alerts
    months = watched_months(at.date(), sources.closes, month)
    raised: list[str] = []
    settled: list[str] = []
    returned: list[str] = []
    failed: list[tuple[str, str]] = []
    for part, look in _parts(at, months, chosen, sources, alerts):
        try:
            seen = look()
        except Exception as error:
            failed.append((part, _why(error)))
            continue
        for kept, (ids, wrong) in zip(
            (raised, returned, settled), _kept(seen, alerts, act), strict=True
        ):
            kept += ids
            failed += wrong
    sent, unsent = tell_alerts(
        at, _books(at, months), chosen, alerts=alerts, outlets=outlets, act=act
    )
    return Watched(
        raised=tuple(raised),
        settled=tuple(settled),
        returned=tuple(returned),
        sent=tuple(sent),
        failed=(*failed, *unsent),
    )


def _books(at: datetime, months: Iterable[str]) -> list[str]:
    """The books that a look writes in, and those of alerts that may still be on their way."""
    newest = [BillingPeriod.of(at.date())]
    while len(newest) < MONTHS:
        newest.append(newest[-1].before)
    return sorted({*months, *newest, OF_CREDITS})


def _parts(
    at: datetime,
    months: Sequence[str],
    settings: AlertSettings,
    sources: WatchSources,
    alerts: Alerts,
) -> Iterator[tuple[str, Callable[[], Look]]]:
    """What is looked at, and by which name it is told of where it fails."""
    today = at.date()
    for month in months:
        yield (
            f"schedules of {month}",
            partial(_look, of_schedules, month, today, settings, alerts, sources),
        )
    for month in months:
        yield f"anomalies of {month}", partial(_look_at_days, month, settings, alerts, sources)

    def credits_() -> Look:
        return of_credits(today, settings, alerts.of(OF_CREDITS), sources)

    def late() -> Look:
        now = BillingPeriod.of(today)
        billed = [str(now.before), str(now)]
        return of_late_data(at, billed, settings, _known(_books(at, months), alerts), sources)

    yield "credits", credits_
    yield "late bills", late


def _look(
    look: Callable[..., Look],
    month: str,
    today: object,
    settings: AlertSettings,
    alerts: Alerts,
    sources: WatchSources,
) -> Look:
    return look(month, today, settings, alerts.of(month), sources)


def _look_at_days(
    month: str, settings: AlertSettings, alerts: Alerts, sources: WatchSources
) -> Look:
    known = _known([str(BillingPeriod(month).before), month], alerts)
    return of_anomalies(month, settings, known, sources)


def _known(books: Iterable[str], alerts: Alerts) -> dict[str, Alert]:
    return {id_: one for book in books for id_, one in alerts.of(book).items()}


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


# Kept ---------------------------------------------------------------------------------------------

Kept = tuple[list[str], list[tuple[str, str]]]  # ids, and what failed


def _kept(look: Look, alerts: Alerts, act: Act) -> tuple[Kept, Kept, Kept]:
    """What is new raised, what is there again returned, what is over settled."""
    known = _known({one.book for one in look.found}, alerts)
    new = [one for one in look.found if one.alert_id not in known]
    again = [
        known[one.alert_id]
        for one in look.found
        if one.alert_id in known and known[one.alert_id].resolved_itself
    ]
    return (
        _each(new, lambda one: one.alert_id, lambda one: _raise(one, alerts, act)),
        _each(
            again,
            lambda one: one.alert_id,
            lambda one: _change(one, one.returned(RETURNED, act.at), "Return", None, alerts, act),
        ),
        _each(
            list(look.over),
            lambda one: one[0].alert_id,
            lambda one: _change(
                one[0],
                one[0].settled(one[1], act.at),
                "Settle",
                "SpendAlertResolved",
                alerts,
                act,
            ),
        ),
    )


def _each(some: Sequence[T], name: Callable[[T], str], do: Callable[[T], bool]) -> Kept:
    """The names of those that were done; one that fails keeps no other from it."""

    def tried(one: T) -> tuple[bool, str | None]:
        try:
            return do(one), None
        except Exception as error:
            return False, _why(error)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = list(zip(map(name, some), pool.map(tried, some), strict=True))
    return (
        [id_ for id_, (is_done, _) in done if is_done],
        [(id_, why) for id_, (_, why) in done if why is not None],
    )


def _raise(crossing: Crossing, alerts: Alerts, act: Act) -> bool:
    """Whether it was new: a book may be a moment behind, and somebody else faster."""
    new = Alert.raised(crossing, act.at)
    deed = Deed(action="Raise", element=crossing.element, event=f"SpendAlert{crossing.kind.value}")
    try:
        alerts.save([Save(None, new, deed)], act)
    except ConflictError:
        return False
    return True


def _change(
    before: Alert, after: Alert, action: str, event: str | None, alerts: Alerts, act: Act
) -> bool:
    """Whether it was saved; who changed it meanwhile knew better."""
    deed = Deed(action=action, element=after.element, event=event)
    try:
        alerts.save([Save(before, after, deed)], act)
    except ConflictError:
        return False
    return True


# Told ---------------------------------------------------------------------------------------------


def tell_alerts(
    at: datetime,
    books: Sequence[str],
    settings: AlertSettings,
    *,
    alerts: Alerts,
    outlets: Outlets,
    act: Act,
) -> tuple[list[str], list[tuple[str, str]]]:
    """A message to each target about all alerts that it has not heard of; who got one, and who not.

    What was resolved before anybody was told is told to nobody.
    """
    waiting = [one for book in books for one in alerts.of(book).values() if one.told_at is None]
    if not waiting:
        return [], []
    people = outlets.people.all()
    held = holders(people)
    targets = {
        one.alert_id: () if one.is_over else targets_of(one, settings, people, held, outlets)
        for one in waiting
    }
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ids = [one.alert_id for one in waiting]
        heard = dict(zip(ids, pool.map(outlets.dispatches.sent, ids), strict=True))
    by_target: dict[str, list[Alert]] = {}
    for one in waiting:
        for target in targets[one.alert_id]:
            if target not in heard[one.alert_id]:
                by_target.setdefault(target, []).append(one)
    charts = {head.year: outlets.charts.read(head) for head in outlets.charts.heads()}
    names = Names(charts)
    known = {person.email: person for person in people}
    send = partial(_send, names=names, known=known, outlets=outlets)

    def told(target: str) -> tuple[list[Alert], str | None]:
        return _told(target, by_target[target], at, send, outlets.dispatches)

    with ThreadPoolExecutor(ROUNDS) as pool:
        done = dict(zip(by_target, pool.map(told, by_target), strict=True))
    reached = {one.alert_id: set(heard[one.alert_id]) for one in waiting}
    for target, (some, _) in done.items():
        for one in some:
            reached[one.alert_id].add(target)
    _, wrong = _each(
        waiting,
        lambda one: one.alert_id,
        lambda one: _closed(one, targets[one.alert_id], reached[one.alert_id], alerts, act),
    )
    return (
        [target for target, (some, _) in done.items() if some],
        [*((target, why) for target, (_, why) in done.items() if why is not None), *wrong],
    )


def _told(
    target: str,
    some: Sequence[Alert],
    at: datetime,
    send: Callable[[str, Sequence[Alert]], None],
    dispatches: Dispatches,
) -> tuple[list[Alert], str | None]:
    """The alerts of which *target* was told now, and why it was not of others."""
    held, wrong = _each(
        some,
        lambda one: one.alert_id,
        lambda one: dispatches.take(one.alert_id, target, at, LEASE),
    )
    mine = set(held)
    taken = [one for one in some if one.alert_id in mine]
    if taken:
        try:
            send(target, taken)
        except Exception as error:
            _each(taken, lambda one: one.alert_id, lambda one: _released(one, target, dispatches))
            return [], _why(error)
    noted, unnoted = _each(
        taken, lambda one: one.alert_id, lambda one: _noted(one, target, at, dispatches)
    )
    known = set(noted)
    told = [one for one in taken if one.alert_id in known]
    return told, next((why for _, why in (*wrong, *unnoted)), None)


def _released(one: Alert, target: str, dispatches: Dispatches) -> bool:
    dispatches.release(one.alert_id, target)
    return True


def _noted(one: Alert, target: str, at: datetime, dispatches: Dispatches) -> bool:
    dispatches.done(one.alert_id, target, at)
    return True


def _send(
    target: str,
    some: Sequence[Alert],
    *,
    names: Names,
    known: Mapping[str, Person],
    outlets: Outlets,
) -> None:
    if target.startswith(WEBHOOK):
        name = target.removeprefix(WEBHOOK)
        room = room_of(name, outlets)
        outlets.webhooks.post(name, room_message(some, names, room))
        return
    address = target.removeprefix(MAIL)
    person = known.get(address)
    name = (person.name if person else None) or address
    assert outlets.mails is not None  # noqa: S101  # without, nobody is a target
    outlets.mails.send(alert_mail(address, name, some, names, outlets.letterhead))


def room_of(webhook: str, outlets: Outlets) -> Room:
    """Raises InvalidError for one that a channel names, and the deployment does not know."""
    kind = outlets.webhooks.names().get(webhook)
    if kind is None:
        raise InvalidError(
            f"the deployment knows no webhook {webhook}; add it to webhooks in its context, or take it"
            " out of the channel"
        )
    return Room(kind, outlets.letterhead.app_url)


def _closed(
    one: Alert, targets: Sequence[str], reached: set[str], alerts: Alerts, act: Act
) -> bool:
    """After everybody has heard of it, or who has not is given up."""
    missed = [target for target in targets if target not in reached]
    if missed and act.at - one.changed_at < GIVE_UP:
        return False
    after = one.told_of(tuple(sorted(reached)), tuple(sorted(missed)), act.at)
    return _change(one, after, "Tell", None, alerts, act)


# Who is told --------------------------------------------------------------------------------------


def targets_of(
    alert: Alert,
    settings: AlertSettings,
    people: Iterable[Person],
    held: Holders,
    outlets: Outlets,
) -> tuple[str, ...]:
    """The holders of its element and those above, and the channels that are set for it.

    Where nobody holds an element, the next level above stands in, in the end the financial admins;
    they answer for the enterprise, for bills, and for accounts that nobody owns.
    """
    channels = [one for one in settings.channels if covers(one.element, alert.element)]
    rooms = [f"{WEBHOOK}{one.webhook}" for one in channels if one.webhook is not None]
    if outlets.mails is None:
        return tuple(dict.fromkeys(rooms))
    listed = list(people)
    barred = {person.email for person in listed if person.is_suspended}
    admins = [one.email for one in listed if one.role is Role.FINANCIAL_ADMIN]
    addresses = [*owners_of(alert.element, held, admins), *_recipients(channels)]
    if alert.element != ENTERPRISE:
        addresses += owners_of(parent(alert.element), held, admins)
    addresses += [
        one.email
        for one in listed
        if one.email == alert.assigned_to and may(one, Action.SEE_ALERTS, alert.element)
    ]
    mails = [f"{MAIL}{one}" for one in addresses if one not in barred]
    return tuple(dict.fromkeys([*mails, *rooms]))


def _recipients(channels: Iterable[Channel]) -> list[str]:
    return [address.lower() for one in channels for address in one.recipients]


def owners_of(element: str, held: Holders, admins: Sequence[str]) -> list[str]:
    """Who answers for an element: its holders, or those of the nearest one above that has any."""
    while element != ENTERPRISE:
        if found := held.get(element):
            return sorted(found)
        element = parent(element)
    return sorted(admins)
