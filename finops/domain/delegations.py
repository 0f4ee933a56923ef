"""Delegations: who acts for somebody who is absent, between two days.

A delegate takes the steps of the absent person in their place, and signs for both. They pass nothing
on: who stands in for a delegate does not act for the one that the delegate acts for.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Self

from finops.domain.audit import reason as kept_reason
from finops.domain.errors import ConflictError, InvalidError
from finops.domain.people import address
from finops.domain.values import Entity, Frozen


class Signature(Frozen):
    """Who did something, by mail address, and in whose place where it was for somebody absent."""

    by: str
    acting_for: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """Both, in lower case: case makes no other mail address."""
        return frozenset(name.lower() for name in (self.by, self.acting_for) if name is not None)


class Delegation(Entity):
    """*delegate* acts for *absent* on the days [*start*, *end*)."""

    delegation_id: str
    absent: str
    delegate: str
    start: date
    end: date
    set_by: str
    set_at: datetime
    reason: str | None = None
    changed_at: datetime | None = None

    @classmethod
    def granted(
        cls,
        delegation_id: str,
        *,
        absent: str,
        delegate: str,
        start: date,
        end: date,
        by: str,
        at: datetime,
        reason: str | None = None,
    ) -> Self:
        """A new one. Raises InvalidError for one's own delegate, and for days that are none or over."""
        away, acts = address(absent), address(delegate)
        if away == acts:
            raise InvalidError(f"{away} cannot be their own delegate; name somebody else")
        if end <= start:
            raise InvalidError(
                f"the end {end} is not after the start {start}; it is the first day that "
                f"{away} is back"
            )
        if end <= at.date():
            raise InvalidError(f"the end {end} is over; a delegate acts from now on, not before")
        return cls(
            delegation_id=delegation_id,
            absent=away,
            delegate=acts,
            start=start,
            end=end,
            set_by=by,
            set_at=at,
            reason=kept_reason(reason),
            changed_at=at,
        )

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    def ended(self, day: date, at: datetime) -> Self:
        """This one up to *day* (exclusive), because *absent* is back earlier.

        Raises InvalidError for a later end, and ConflictError where it is over already.
        """
        if self.end <= at.date():
            raise ConflictError(f"this delegation ended on {self.end}", current=self)
        if day > self.end:
            raise InvalidError(
                f"{day} is after the end {self.end}; grant another delegation to go on"
            )
        if day < at.date():
            raise InvalidError(f"{day} is over; what was done for {self.absent} stays done")
        return self.changed(start=min(self.start, day), end=day, changed_at=at)


def absentees(delegations: Iterable[Delegation], delegate: str, on: date) -> tuple[str, ...]:
    """Those whom *delegate* acts for on a day, by mail address."""
    found = {one.absent for one in delegations if one.delegate == delegate.lower() and on in one}
    return tuple(sorted(found))
