"""People: who they are, their one role, and the elements they answer for."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Self

from finops.domain.elements import ENTERPRISE, covers, level, parent
from finops.domain.errors import ConflictError, InvalidError
from finops.domain.values import Entity

LARGEST_SCOPE = 500
LONGEST_ADDRESS = 254
# Ordinary addresses, as mail servers take them: no dot at an end of what is before the @. Without
# the four signs that no path of an API can hold.
_ATOM = r"[a-z0-9!$%&'*+=^_{|}~-]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
ADDRESS = re.compile(rf"(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?!\d+$){_LABEL}")


class Role(StrEnum):
    """The seven roles; what each may do is `authorization.RIGHTS`."""

    FINANCIAL_ADMIN = "financial_admin"
    VENDOR_MANAGER = "vendor_manager"
    CLOUD_ENGINEER = "cloud_engineer"
    BUSINESS_UNIT_OWNER = "business_unit_owner"
    DEPARTMENT_OWNER = "department_owner"
    PORTFOLIO_OWNER = "portfolio_owner"
    PRODUCT_OWNER = "product_owner"

    @property
    def level(self) -> int:
        """The level of the elements this role is about; 0 is the whole enterprise."""
        return LEVELS[self]


LEVELS: Mapping[Role, int] = {
    Role.FINANCIAL_ADMIN: 0,
    Role.VENDOR_MANAGER: 0,
    Role.CLOUD_ENGINEER: 0,
    Role.BUSINESS_UNIT_OWNER: 1,
    Role.DEPARTMENT_OWNER: 2,
    Role.PORTFOLIO_OWNER: 3,
    Role.PRODUCT_OWNER: 4,
}


class PersonStatus(StrEnum):
    """Whether a person may do anything at all."""

    INVITED = "Invited"
    ACTIVE = "Active"
    SUSPENDED = "Suspended"


class Person(Entity):
    """Somebody with a sign-in. *scope* holds elements of the level of their role."""

    email: str
    name: str | None = None
    role: Role
    scope: tuple[str, ...] = ()
    status: PersonStatus = PersonStatus.INVITED
    sign_ins: tuple[str, ...] = ()  # the user pool's own names for them, once they came
    changed_at: datetime | None = None
    reminded_at: datetime | None = None

    @property
    def is_suspended(self) -> bool:
        return self.status is PersonStatus.SUSPENDED

    @property
    def reach(self) -> tuple[str, ...]:
        """The elements at and under which this person has rights."""
        if self.role.level == 0:
            return (ENTERPRISE,)
        return tuple(element for element in self.scope if level(element) == self.role.level)

    def covers(self, element: str) -> bool:
        """Whether *element* is at or under one of this person's."""
        return any(covers(own, element) for own in self.reach)

    def holds(self, element: str) -> bool:
        """Whether tasks of *element* itself are this person's."""
        return not self.is_suspended and element in self.reach

    def remapped(self, role: Role, scope: tuple[str, ...], at: datetime) -> Self:
        """With another role or scope; what was theirs is the next holder's."""
        return self.changed(role=role, scope=tuple(sorted(set(scope))), changed_at=at)

    def arrived(self, sign_in: str, at: datetime) -> Self:
        """After they signed in for the first time, or in another way than before."""
        known = (*self.sign_ins, sign_in)
        return self.changed(status=PersonStatus.ACTIVE, sign_ins=known, changed_at=at)

    def suspended(self, at: datetime) -> Self:
        """Without any right until somebody restores them. Raises ConflictError."""
        if self.is_suspended:
            raise ConflictError(f"{self.email} is suspended already", current=self)
        return self.changed(status=PersonStatus.SUSPENDED, changed_at=at)

    def restored(self, at: datetime) -> Self:
        """As they were before. Raises ConflictError."""
        if not self.is_suspended:
            raise ConflictError(f"{self.email} is not suspended", current=self)
        before = PersonStatus.ACTIVE if self.sign_ins else PersonStatus.INVITED
        return self.changed(status=before, changed_at=at)

    def reminded(self, at: datetime) -> Self:
        """After their invitation was sent again. Raises ConflictError for who came already."""
        if self.status is not PersonStatus.INVITED:
            raise ConflictError(
                f"{self.email} is {self.status.value}: only an invitation is sent again",
                current=self,
            )
        return self.changed(reminded_at=at, changed_at=at)


def address(said: str) -> str:
    """A mail address as people are known by it: in lower case. Raises InvalidError.

    >>> address(" Ada+FinOps@Example.com ")
    'ada+finops@example.com'
    """
    known = said.strip().lower()
    # Some letters of other scripts become plain ones in lower case, and so another person.
    if not said.isascii() or len(known) > LONGEST_ADDRESS or not ADDRESS.fullmatch(known):
        raise InvalidError(
            f"{said.strip()[:80]!r} is no mail address; write it as name@example.com"
        )
    return known


def must_fit(role: Role, scope: Iterable[str], *, across: bool) -> None:
    """A scope is elements of the role's level under one parent; *across* allows several parents.

    Raises InvalidError naming the element.
    """
    elements = sorted(set(scope))
    if len(elements) > LARGEST_SCOPE:
        raise InvalidError(
            f"a scope has at most {LARGEST_SCOPE} elements, not {len(elements)}; hold their parents"
        )
    if role.level == 0:
        if elements:
            raise InvalidError(f"a {role} sees the whole enterprise: leave the scope empty")
        return
    for element in elements:
        if level(element) != role.level:
            raise InvalidError(
                f"{element} is of level E{level(element)}; a {role} holds elements of level "
                f"E{role.level}"
            )
    parents = sorted({parent(element) for element in elements})
    if len(parents) > 1 and not across:
        raise InvalidError(
            f"the scope lies under {' and '.join(p or 'the enterprise' for p in parents)}; "
            "only a financial admin grants across parents"
        )


Holders = Mapping[str, frozenset[str]]


def owed_at(element: str, natural: int, held: Holders, author: str | None = None) -> int:
    """The level that owes a step on *element*, whose own level for it is *natural*.

    Where nobody holds the element of that level, or only the *author* of what is to be decided, the
    step goes to the level above, and in the end (0) to the financial admins.
    """
    parts = element.split(".")
    for up in range(min(natural, len(parts)), 0, -1):
        if held.get(".".join(parts[:up]), frozenset()) - {author}:
            return up
    return 0


def holders(people: Iterable[Person]) -> Holders:
    """Who holds each element, by mail address."""
    held: dict[str, set[str]] = {}
    for person in people:
        if not person.is_suspended and person.role.level:
            for element in person.reach:
                held.setdefault(element, set()).add(person.email)
    return {element: frozenset(emails) for element, emails in held.items()}
