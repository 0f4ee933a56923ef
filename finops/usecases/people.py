"""People: recognized when they come, invited, given a role and a scope, suspended."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from finops.domain.audit import Act, Deed
from finops.domain.authorization import Action, Reach, may, must, must_reach, reach
from finops.domain.elements import shared
from finops.domain.errors import (
    ConflictError,
    FinOpsError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from finops.domain.people import Person, Role, address, must_fit
from finops.domain.values import Frozen
from finops.usecases.ports import Charts, People, Save

COLUMNS = ("email", "role", "scope", "name")
MOST_ROWS = 1_000
STEP = 45  # people in one transaction
SEPARATOR = ";"


class SignIn(NamedTuple):
    """Who signed in, as the verified token says.

    *name* is the user pool's own for them. *groups* are the pool's, *provider_groups* those that
    their identity provider vouches for.
    """

    email: str
    name: str
    groups: tuple[str, ...]
    provider_groups: tuple[str, ...] = ()


# Recognized ---------------------------------------------------------------------------------------


def recognize(
    sign_in: SignIn, *, group_roles: Mapping[str, Role], people: People, act: Act
) -> Person:
    """Who it is that asks. Raises ForbiddenError for somebody nobody invited, or suspended.

    Somebody seen for the first time gets the role of their group: in the user pool the one of its
    name, at an identity provider the one that *group_roles* gives it. From then on their record
    counts, whatever a token says.
    """
    email = address(sign_in.email)
    person = people.find(email)
    if person is None:
        role = _first_role(sign_in, group_roles)
        if role is None:
            raise ForbiddenError(
                f"{email} is not known here; ask a cloud engineer for an invitation"
            )
        if any(sign_in.name in known.sign_ins for known in people.all()):
            raise ForbiddenError(
                "your mail address has changed since you were invited; ask a cloud engineer"
            )
        new = Person(email=email, role=role).arrived(sign_in.name, act.at)
        return _saved(Save(None, new, Deed(action="Recognize")), people, act, email)
    if person.is_suspended:
        raise ForbiddenError(f"{email} is suspended; ask a cloud engineer")
    if sign_in.name not in person.sign_ins:
        deed = Deed(action="Arrive", element=shared(person.scope), event="PersonArrived")
        return _saved(Save(person, person.arrived(sign_in.name, act.at), deed), people, act, email)
    return person


def _first_role(sign_in: SignIn, group_roles: Mapping[str, Role]) -> Role | None:
    """The role that groups give, the one that is named first in `Role` of several."""
    given = {group_roles[group] for group in sign_in.provider_groups if group in group_roles}
    given |= {role for role in Role if role.value in sign_in.groups}
    return next((role for role in Role if role in given), None)


def _saved(save: Save, people: People, act: Act, email: str) -> Person:
    """Two requests of one newcomer may come at once: either of them makes the record."""
    try:
        own = act.model_copy(update={"actor": email, "receipt": None})
        return people.save([save], own)[0]
    except ConflictError:
        person = people.find(email)
        if person is None:
            raise
        return person


# Seen ---------------------------------------------------------------------------------------------


def seen_people(*, by: Person, people: People) -> list[Person]:
    """Everybody, for those who look after people; else oneself and who answers for less."""
    must_reach(by, Action.SEE_PEOPLE)
    return [person for person in people.all() if _sees(by, person)]


def seen_person(email: str, *, by: Person, people: People) -> Person:
    """One of them. Raises NotFoundError, also for somebody that *by* may not see."""
    must_reach(by, Action.SEE_PEOPLE)
    person = people.find(address(email))
    if person is None or not _sees(by, person):
        raise NotFoundError(f"there is nobody with the address {email} in your financial scope")
    return person


def _sees(by: Person, person: Person) -> bool:
    if person.email == by.email or reach(by, Action.SEE_PEOPLE) is Reach.EVERYWHERE:
        return True  # also somebody new, who has no scope yet
    return bool(person.reach) and all(may(by, Action.SEE_PEOPLE, own) for own in person.reach)


# Changed ------------------------------------------------------------------------------------------


class Wanted(Frozen):
    """What somebody shall be; a *name* that is None stays as it is, an empty one goes."""

    email: str
    role: Role
    scope: tuple[str, ...] = ()
    name: str | None = None


def invite(wanted: Wanted, *, by: Person, people: People, charts: Charts, act: Act) -> Person:
    """Somebody new; their sign-in and the mail follow. Raises ConflictError where they are known."""
    must(by, Action.INVITE_PERSON)
    save = _change(wanted, people.find(address(wanted.email)), by, _elements(charts), act.at)
    if save.before is not None:
        raise ConflictError(f"{save.after.email} is known already", current=save.before)
    return people.save([save], act)[0]


def remap(
    wanted: Wanted, version: int, *, by: Person, people: People, charts: Charts, act: Act
) -> Person:
    """Another role, scope or name for somebody. Raises ConflictError where they have changed since."""
    person = seen_person(wanted.email, by=by, people=people)
    must_be_current(person, version)
    save = _change(wanted, person, by, _elements(charts), act.at)
    return people.save([save], act)[0] if save.after != person else person


def suspend(email: str, version: int, *, by: Person, people: People, act: Act) -> Person:
    """Nothing for them to do from now on; what waits for them goes to the level above."""
    person = seen_person(email, by=by, people=people)
    must(by, Action.SUSPEND_PERSON, subject=person.email)
    must_be_current(person, version)
    deed = Deed(action="Suspend", element=shared(person.scope), event="PersonSuspended")
    return people.save([Save(person, person.suspended(act.at), deed)], act)[0]


def restore(email: str, version: int, *, by: Person, people: People, act: Act) -> Person:
    """As it was before they were suspended."""
    person = seen_person(email, by=by, people=people)
    must(by, Action.SUSPEND_PERSON, subject=person.email)
    must_be_current(person, version)
    deed = Deed(action="Restore", element=shared(person.scope), event="PersonRestored")
    return people.save([Save(person, person.restored(act.at), deed)], act)[0]


def remind(email: str, version: int, *, by: Person, people: People, act: Act) -> Person:
    """The invitation once more, for somebody who has not come yet."""
    person = seen_person(email, by=by, people=people)
    must(by, Action.INVITE_PERSON)
    must_be_current(person, version)
    deed = Deed(action="Remind", element=shared(person.scope), event="PersonReminded")
    return people.save([Save(person, person.reminded(act.at), deed)], act)[0]


def must_be_current(entity: Person, version: int) -> None:
    """Raises ConflictError where somebody changed it after it was read."""
    if entity.version != version:
        raise ConflictError("it has changed since you read it: look at it again", current=entity)


def _change(
    wanted: Wanted, person: Person | None, by: Person, elements: frozenset[str], at: datetime
) -> Save:
    """What to save so that somebody is as *wanted*; each part is allowed to *by*, or nothing is."""
    email = address(wanted.email)
    if email != by.email and _mailbox(email) == _mailbox(by.email):
        raise InvalidError(f"{email} is your own mailbox: somebody else must invite or change it")
    scope = tuple(sorted(set(wanted.scope)))
    name = (person.name if person else None) if wanted.name is None else wanted.name.strip() or None
    before = person or Person(email=email, role=wanted.role)
    if person is None:
        must(by, Action.INVITE_PERSON)
    if person is not None and wanted.role is not before.role:
        must(by, Action.CHANGE_ROLE, subject=email)
    if scope != before.scope:
        must(by, Action.CHANGE_SCOPE, subject=email)
    if person is not None and name != before.name and by.email != email:
        must(by, Action.INVITE_PERSON)
    across = may(by, Action.GRANT_ACROSS, subject=email)
    # What is there already was granted once; only what is new is judged.
    if person is None or (wanted.role, scope) != (before.role, before.scope):
        must_fit(wanted.role, scope, across=across)
        for element in sorted(set(scope) - set(before.scope)):
            if element not in elements:
                raise InvalidError(f"{element} is no element of any chart of accounts in force")
    after = before.remapped(wanted.role, scope, at).changed(name=name)
    if person is not None and after.changed(changed_at=person.changed_at) == person:
        return Save(person, person, Deed(action="Keep"))
    # Whoever may read of it in the audit trail may know all of these elements.
    where = shared({*before.scope, *scope})
    if person is None:
        return Save(None, after, Deed(action="Invite", element=where, event="PersonInvited"))
    return Save(person, after, Deed(action="Remap", element=where, event="PersonRemapped"))


def _mailbox(email: str) -> str:
    """Where mail to *email* goes: what is after a plus only sorts it."""
    local, _, domain = email.partition("@")
    return f"{local.partition('+')[0]}@{domain}"


def _elements(charts: Charts) -> frozenset[str]:
    """The elements of all charts in force: next year's owners can be there before the year."""
    found: set[str] = set()
    for head in charts.heads():
        found.update(charts.read(head).elements)
    return frozenset(found)


# In bulk ------------------------------------------------------------------------------------------


class PeopleRowError(Frozen):
    """What is wrong in a row of a people file; rows are counted as an editor does."""

    row: int
    column: str | None
    detail: str
    value: str | None = None


class PeopleReport(Frozen):
    """What a people file does: addresses invited, remapped, unchanged, or why it does nothing."""

    rows: int
    invited: tuple[str, ...] = ()
    remapped: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    errors: tuple[PeopleRowError, ...] = ()
    applied: bool = False


def load_people(
    text: str, *, dry_run: bool, by: Person, people: People, charts: Charts, act: Act
) -> PeopleReport:
    """Invite and remap everybody that a file names; a file with an error changes nothing.

    Columns email, role, scope (elements with `;` between) and, if wanted, name. The same file again
    changes nothing, so that one that was cut off in the middle can be sent again.
    """
    must_reach(by, Action.CHANGE_SCOPE)
    rows, errors = _rows(text)
    elements = _elements(charts)
    saves: list[Save] = []
    known = {person.email: person for person in people.all()}
    for number, row in rows:
        try:
            wanted = _wanted(row)
            saves.append(_change(wanted, known.get(wanted.email), by, elements, act.at))
        except FinOpsError as error:
            column = error.members.get("column")
            value = row.get(column) if column else None
            errors.append(
                PeopleRowError(row=number, column=column, detail=error.detail, value=value)
            )
    report = PeopleReport(
        rows=len(rows),
        invited=_named(saves, "Invite"),
        remapped=_named(saves, "Remap"),
        unchanged=_named(saves, "Keep"),
        errors=tuple(sorted(errors, key=lambda error: error.row)),
    )
    if errors or dry_run:
        return report
    changes = [save for save in saves if save.deed.action != "Keep"]
    for start in range(0, len(changes), STEP):
        try:
            people.save(changes[start : start + STEP], act)
        except ConflictError as error:
            raise ConflictError(
                f"somebody changed one of these people at the same time: {start} of {len(changes)} "
                "changes are made; send the file again for the rest"
            ) from error
    return report.model_copy(update={"applied": True})


def _named(saves: Iterable[Save], action: str) -> tuple[str, ...]:
    return tuple(save.after.email for save in saves if save.deed.action == action)


def _rows(text: str) -> tuple[list[tuple[int, dict[str, str]]], list[PeopleRowError]]:
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    rows: list[tuple[int, dict[str, str]]] = []
    errors: list[PeopleRowError] = []
    seen: dict[str, int] = {}
    header: list[str] | None = None
    try:
        for cells in reader:
            number, values = reader.line_num, [cell.strip() for cell in cells]
            if not any(values):
                continue
            if header is None:
                header = [name.lower() for name in values]
                if errors := _header_errors(header, number):
                    return rows, errors
                continue
            if len(values) != len(header):
                told = f"{len(values)} columns where the header has {len(header)}"
                errors.append(PeopleRowError(row=number, column=None, detail=told))
                continue
            row = dict(zip(header, values, strict=True))
            mail = row["email"].lower()
            if mail in seen:
                told = f"this address is in row {seen[mail]} already"
                errors.append(PeopleRowError(row=number, column="email", detail=told, value=mail))
                continue
            seen[mail] = number
            rows.append((number, row))
    except csv.Error as error:
        errors.append(PeopleRowError(row=reader.line_num, column=None, detail=f"no CSV: {error}"))
    if header is None:
        errors.append(PeopleRowError(row=1, column=None, detail="the file is empty"))
    if len(rows) > MOST_ROWS:
        told = f"{len(rows)} people; a file has at most {MOST_ROWS}: split it"
        errors.append(PeopleRowError(row=rows[MOST_ROWS][0], column=None, detail=told))
    return rows, errors


def _header_errors(header: list[str], number: int) -> list[PeopleRowError]:
    if len(header) == 1 and SEPARATOR in header[0]:
        told = "columns are separated by semicolons; save the file with commas between them"
    elif missing := [name for name in COLUMNS[:3] if name not in header]:
        told = f"the header lacks {', '.join(missing)}; it is {','.join(COLUMNS)}"
    elif unknown := [name for name in header if name not in COLUMNS]:
        told = f"the header names {', '.join(unknown)}; it is {','.join(COLUMNS)}"
    elif len(set(header)) < len(header):
        told = "the header names a column twice"
    else:
        return []
    return [PeopleRowError(row=number, column=None, detail=told)]


def _wanted(row: Mapping[str, str]) -> Wanted:
    try:
        email = address(row["email"])
    except InvalidError as error:
        raise InvalidError(error.detail, column="email") from error
    try:
        role = Role(row["role"].lower().replace(" ", "_"))
    except ValueError:
        raise InvalidError(
            f"{row['role']!r} is no role; there are {', '.join(Role)}", column="role"
        ) from None
    scope = tuple(part.strip() for part in row["scope"].split(SEPARATOR) if part.strip())
    return Wanted(email=email, role=role, scope=scope, name=row.get("name") or None)
