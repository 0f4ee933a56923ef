"""The oracle: the rules of authorization as Cedar policies, asked about many cases at once."""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import cedarpy

from finops.domain.authorization import Action, may
from finops.domain.people import Person

HERE = Path(__file__).parent
POLICIES = (HERE / "rights.cedar").read_text()
SCHEMA = (HERE / "rights.cedarschema").read_text()

ALL = ("financial_admin", "vendor_manager", "cloud_engineer")
OWNERS = ("business_unit_owner", "department_owner", "portfolio_owner", "product_owner")


class Case(NamedTuple):
    """A question to `authorization.may` or `must`, in their words."""

    person: Person
    action: Action
    element: str
    owed_at: int | None = None
    author: str | None = None
    subject: str | None = None

    @property
    def facts(self) -> dict[str, Any]:
        return {"owed_at": self.owed_at, "author": self.author, "subject": self.subject}

    @property
    def is_allowed(self) -> bool:
        """What the table says."""
        return may(self.person, self.action, self.element, **self.facts)

    def __repr__(self) -> str:
        who = (
            f"{self.person.email} ({self.person.status} {self.person.role} of {self.person.scope})"
        )
        return f"{who}: {self.action} {self.element!r}, {self.facts}"


def answers(cases: Sequence[Case]) -> list[bool]:
    """What Cedar says to each of *cases*; no policy fails on the way.

    People are told apart by what they are: two of one address may be in one batch.
    """
    ids = count()
    people = {case.person: f"{next(ids)}" for case in cases}
    entities = [
        *_roles(),
        *_elements({case.element for case in cases}.union(*(one.scope for one in people))),
        *(_person(uid, one) for one, uid in people.items()),
    ]
    results = cedarpy.is_authorized_batch(
        [_request(case, people[case.person]) for case in cases],
        _policies(),
        cedarpy.Entities.from_json_str(json.dumps(entities), _schema()),
    )
    assert [error for result in results for error in result.diagnostics.errors] == []
    return [result.allowed for result in results]


@cache
def _policies() -> cedarpy.PolicySet:
    return cedarpy.PolicySet.from_str(POLICIES)


@cache
def _schema() -> cedarpy.Schema:
    return cedarpy.Schema.from_str(SCHEMA)


def _request(case: Case, uid: str) -> dict[str, Any]:
    """Of the others in a case it matters only whether they are the one who asks."""

    def who(email: str) -> dict[str, Any]:
        return {"__entity": _uid("Person", uid if email == case.person.email else "somebody else")}

    context: dict[str, Any] = {}
    if case.owed_at is not None:
        context["owed_at"] = case.owed_at
    if case.author is not None:
        context["author"] = who(case.author)
    if case.subject is not None:
        context["subject"] = who(case.subject)
    return {
        "principal": _uid("Person", uid),
        "action": _uid("Action", case.action.value),
        "resource": _uid("Element", case.element),
        "context": context,
    }


def _person(uid: str, person: Person) -> dict[str, Any]:
    """A scope is what is of the level of the role; the policies never hear of the rest."""
    level = dict(zip(OWNERS, (1, 2, 3, 4), strict=True)).get(person.role.value)
    own = [element for element in person.scope if element and element.count(".") + 1 == level]
    scope = [{"__entity": _uid("Element", element)} for element in own]
    return _entity("Person", uid, ("Role", person.role.value)) | {
        "attrs": {"status": person.status.value, "scope": scope}
    }


def _roles() -> Iterator[dict[str, Any]]:
    yield from (_entity("Role", role, ("Role", "administrator")) for role in ALL)
    yield from (_entity("Role", role, ("Role", "owner")) for role in OWNERS)


def _elements(named: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Those *named* and all above them, each under the one above it: the tree of Cedar's `in`."""
    waiting, known = set(named), {""}
    yield _entity("Element", "")
    while waiting:
        element = waiting.pop()
        if element not in known:
            known.add(element)
            above = element[: max(element.rfind("."), 0)]
            waiting.add(above)
            yield _entity("Element", element, ("Element", above))


def _entity(kind: str, name: str, *above: tuple[str, str]) -> dict[str, Any]:
    return {"uid": _uid(kind, name), "attrs": {}, "parents": [_uid(*one) for one in above]}


def _uid(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "id": name}
