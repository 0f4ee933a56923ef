"""The audit trail: what was done, by whom, before, after and why, each record sealing the one before.

The records of an entity are numbered from 1 and chained by hash: none can be changed, left out or
put in without breaking the seal of every later one. The entity itself keeps the newest seal.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from finops.domain import texts
from finops.domain.errors import InvalidError
from finops.domain.values import Entity, Frozen

NO_SEAL = ""
LONGEST_REASON = 500


class Receipt(Frozen):
    """A request by its Idempotency-Key: the same key with another *fingerprint* is a mistake."""

    key: str
    fingerprint: str
    status: int = 200
    entity: str = ""
    sequence: int = 0


class Act(Frozen):
    """Somebody does something: who, when, by which request, and why."""

    actor: str
    at: datetime
    request_id: str
    reason: str | None = None
    receipt: Receipt | None = None

    def because(self, reason: str | None) -> "Act":
        """The same with its *reason*."""
        return self.model_copy(update={"reason": reason})


class Deed(Frozen):
    """What an act does to an entity: its *action*, where, and the *event* that tells of it.

    The record is for who may see *element*; what was done was done at *event_element*, where that
    is another one: the state of an entity may tell of more than one of its changes is about.
    """

    action: str
    element: str = ""
    event: str | None = None
    event_element: str | None = None


class AuditRecord(Frozen):
    """One change of one entity. *before* and *after* are its whole state as JSON text."""

    entity: str
    sequence: int
    at: datetime
    actor: str
    action: str
    element: str
    event: str | None
    reason: str | None
    request_id: str
    before: str | None
    after: str
    previous: str
    hash: str
    event_element: str | None = None

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "AuditRecord":
        """A record from what a table keeps of it, which is more, and nothing that is empty."""
        told = {name: kept.get(name) for name in cls.model_fields}
        states = {
            name: texts.told(kept[name])
            for name in ("before", "after")
            if kept.get(name) is not None
        }
        return cls.model_validate(
            told
            | states
            | {"sequence": int(kept["sequence"]), "element": kept.get("element") or ""}
        )

    @property
    def is_sealed(self) -> bool:
        """Whether its hash is the one of its content."""
        return self.hash == _seal(_sealed_content(self))

    @property
    def done_at(self) -> str:
        """The element that it was done at, which its event tells."""
        return self.element if self.event_element is None else self.event_element


class Fault(StrEnum):
    """What can be wrong with a chain."""

    ALTERED = "Altered"
    MISSING = "Missing"
    FOREIGN = "Foreign"
    STATE = "StateAltered"


class Finding(Frozen):
    """A place where a chain is broken."""

    entity: str
    sequence: int
    fault: Fault
    detail: str


def kept_time(at: datetime) -> str:
    """A time as a record is kept by it."""
    return str(TypeAdapter(datetime).dump_python(at, mode="json"))


def reason(said: str | None, *, needed: bool = False) -> str | None:
    """A reason as it is kept. Raises InvalidError for none where it is *needed*, and for a long one."""
    kept = (said or "").strip() or None
    if needed and kept is None:
        raise InvalidError("say why: this needs a reason")
    if kept is not None and len(kept) > LONGEST_REASON:
        raise InvalidError(f"a reason has at most {LONGEST_REASON} characters")
    return kept


def state(entity: Entity) -> str:
    """What an entity is, without the numbers of its keeping, as JSON text."""
    return _canonical(entity.model_dump(mode="json", exclude={"version", "head"}))


def record(entity: str, before: Entity | None, after: Entity, act: Act, deed: Deed) -> AuditRecord:
    """The next record of *entity*'s chain, for its change from *before* to *after*."""
    return sealed(
        entity,
        number=(before.version if before else 0) + 1,
        previous=before.head if before else NO_SEAL,
        before=state(before) if before and before.version else None,
        after=state(after),
        act=act,
        deed=deed,
    )


def sealed(
    entity: str, *, number: int, previous: str, before: str | None, after: str, act: Act, deed: Deed
) -> AuditRecord:
    """A record with its seal."""
    unsealed = AuditRecord(
        entity=entity,
        sequence=number,
        at=act.at,
        actor=act.actor,
        action=deed.action,
        element=deed.element,
        event=deed.event,
        event_element=deed.event_element,
        reason=act.reason,
        request_id=act.request_id,
        before=before,
        after=after,
        previous=previous,
        hash="",
    )
    return unsealed.model_copy(update={"hash": _seal(_sealed_content(unsealed))})


def findings(
    entity: str, records: Sequence[AuditRecord], current: Entity | None, *, is_kept: bool = True
) -> list[Finding]:
    """Where the chain of *entity* is broken: *records* by sequence, against its *current* state.

    An entity that *is_kept* has a state; others are only told of.
    """
    found: list[Finding] = []

    def tell(sequence: int, fault: Fault, detail: str) -> None:
        found.append(Finding(entity=entity, sequence=sequence, fault=fault, detail=detail))

    seal, content, expected = NO_SEAL, None, 1
    for one in records:
        if one.sequence != expected:
            tell(expected, Fault.MISSING, f"after {expected - 1} comes record {one.sequence}")
        elif one.previous != seal:
            tell(one.sequence, Fault.FOREIGN, "it does not follow the record before it")
        elif not _agree(one.before, content):
            tell(one.sequence, Fault.FOREIGN, "its before is not the after of the record before it")
        if one.entity != entity:
            tell(one.sequence, Fault.FOREIGN, f"it is a record of {one.entity}")
        if not one.is_sealed:
            tell(one.sequence, Fault.ALTERED, "its content is not what was sealed")
        seal, content, expected = one.hash, one.after, one.sequence + 1
    if current is None:
        if is_kept:
            tell(expected, Fault.STATE, "the state is gone")
    else:
        if current.version != expected - 1 or current.head != seal:
            tell(
                expected,
                Fault.MISSING,
                f"the state says {current.version} records, last {current.head[:12]}",
            )
        elif not _agree(state(current), content):
            tell(current.version, Fault.STATE, "the state is not what its newest record says")
    return found


def _agree(one: str | None, other: str | None) -> bool:
    """Whether two states say the same, where both say anything.

    A release may give an entity another field: what was sealed before says nothing of it.
    """
    if one is None or other is None:
        return one is other
    try:
        return _same(json.loads(one), json.loads(other))
    except ValueError:
        return False


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return all(_same(one[name], other[name]) for name in one.keys() & other.keys())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _sealed_content(of: AuditRecord) -> dict[str, Any]:
    """What a seal is made of; a record without an element of its event is sealed without that."""
    left_out = {"hash"} if of.event_element is not None else {"hash", "event_element"}
    return of.model_dump(mode="json", exclude=left_out)


def _seal(content: dict[str, Any]) -> str:
    return hashlib.sha256(_canonical(content).encode()).hexdigest()


def _canonical(content: Any) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
