"""Delegations: who acts for somebody who is absent, granted, listed, and ended early."""

import hashlib
import json
from datetime import date

from finops.domain.audit import Act, AuditRecord, Deed
from finops.domain.authorization import Action, must, must_reach, reach
from finops.domain.delegations import Delegation
from finops.domain.elements import shared
from finops.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from finops.domain.people import Person, address
from finops.usecases.ports import Delegations, People, Save


def seen_delegations(*, by: Person, delegations: Delegations) -> list[Delegation]:
    """Those that *by* has granted, is granted, or has made for others; who delegates for others sees
    all. By their first day."""
    must_reach(by, Action.SEE_ONESELF)
    found = [one for one in delegations.all().values() if _sees(by, one)]
    return sorted(found, key=place)


def place(one: Delegation) -> str:
    """Where a delegation stands in a list."""
    return f"{one.start} {one.delegation_id}"


def grant_delegation(
    delegate: str,
    start: date,
    end: date,
    *,
    absent: str | None = None,
    by: Person,
    people: People,
    delegations: Delegations,
    act: Act,
) -> Delegation:
    """*delegate* acts for *absent* (for *by*, where nobody says) on the days [*start*, *end*).

    Anybody finds somebody to act for them; for others a financial admin or cloud engineer does, and
    never themselves: nobody takes what is somebody else's.
    """
    away = address(absent) if absent is not None else by.email
    acts = address(delegate)
    must(by, Action.SEE_ONESELF)
    if away != by.email:
        must(by, Action.DELEGATE_FOR_OTHERS)
        if acts == by.email:
            raise ForbiddenError(
                f"nobody makes themselves the delegate of somebody else: {away} or another "
                "administrator must"
            )
    told = [act.actor, act.request_id, act.at.isoformat(), away, acts, str(start), str(end)]
    new = Delegation.granted(
        hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16],
        absent=away,
        delegate=acts,
        start=start,
        end=end,
        by=by.email,
        at=act.at,
        reason=act.reason,
    )
    known = _known(away, people)
    _known(acts, people)
    deed = Deed(action="Grant", element=shared(known.reach), event="DelegationGranted")
    return delegations.save([Save(None, new, deed)], act)[0]


def end_delegation(
    delegation_id: str,
    day: date | None,
    version: int,
    *,
    by: Person,
    people: People,
    delegations: Delegations,
    act: Act,
) -> Delegation:
    """From *day* on (today, where nobody says) it is over: whoever was absent is back earlier."""
    found = delegations.find(delegation_id)
    if found is None or not _sees(by, found):
        raise NotFoundError(f"there is no delegation {delegation_id} of yours")
    if found.absent != by.email:
        must(by, Action.DELEGATE_FOR_OTHERS)
    if found.version != version:
        raise ConflictError("it has changed since you read it: look at it again", current=found)
    after = found.ended(day or act.at.date(), act.at)
    away = people.find(found.absent)
    element = shared(away.reach) if away is not None else ""
    deed = Deed(action="End", element=element, event="DelegationEnded")
    return delegations.save([Save(found, after, deed)], act)[0]


def may_be_told_again(by: Person, record: AuditRecord) -> bool:
    """Whether *by* may have the answer of *record* again: what they granted or ended themselves."""
    return record.entity.startswith("delegation#") and record.actor == by.email


def _sees(by: Person, one: Delegation) -> bool:
    if reach(by, Action.SEE_ONESELF) is None:
        return False
    is_own = by.email in (one.absent, one.delegate)
    return is_own or reach(by, Action.DELEGATE_FOR_OTHERS) is not None


def _known(email: str, people: People) -> Person:
    """Raises InvalidError for who is not there, or not to act."""
    found = people.find(email)
    if found is None or found.is_suspended:
        raise InvalidError(
            f"{email} has no sign-in here, or is suspended; name somebody who is active"
        )
    return found
