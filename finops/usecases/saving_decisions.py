"""Many savings decided on by one request: those that are named, or all that a question finds."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any, NamedTuple

from finops.domain.audit import Act, AuditRecord, Deed
from finops.domain.authorization import must_reach
from finops.domain.elements import shared
from finops.domain.errors import (
    ConflictError,
    FinOpsError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from finops.domain.people import Person
from finops.domain.resource_owners import ResourceOwners
from finops.domain.savings import Saving, SavingDecision, SavingStatus
from finops.domain.values import Frozen
from finops.usecases.choices import chosen_before, noted
from finops.usecases.ports import Audit, Receipts, Save
from finops.usecases.savings import (
    RIGHTS,
    SavingQuery,
    SavingsBoard,
    Sight,
    Wish,
    decided,
    may_decide,
    must_decide,
    save_of,
    seen_savings,
)

DECISIONS = "saving-decisions"  # what the answer to many is on record as
DECIDED = "SavingsDecided"
MOST = 1_000  # cases decided on by one request
STEP = 45  # cases in one transaction: two writes each
READERS = 16
IN_BULK = frozenset({SavingDecision.APPROVE, SavingDecision.IGNORE})


class Chosen(NamedTuple):
    """A case that is to be decided on, as it was read."""

    saving_id: str
    version: int


class Choice(Frozen):
    """What one request decides on; *left* fit too."""

    savings: tuple[Chosen, ...]
    left: int


class Refusal(NamedTuple):
    """Why a case took no decision."""

    saving_id: str
    error: FinOpsError


class Decisions(NamedTuple):
    """What became of many decisions; *left* were not looked at yet.

    *element* is the lowest one that covers all who are asked about what was decided.
    """

    decision: SavingDecision
    decided: tuple[Saving, ...]
    refused: tuple[Refusal, ...]
    element: str
    left: int = 0


# Chosen -------------------------------------------------------------------------------------------


def decide_found(
    query: SavingQuery,
    wish: Wish,
    *,
    by: Person,
    board: SavingsBoard,
    audit: Audit,
    receipts: Receipts,
    act: Act,
) -> Decisions:
    """All `undecided` cases that *query* finds, as far as one request goes, the largest first.

    With an Idempotency-Key the choice is on record before anything is decided: a request that broke
    off and is sent again decides on no case that came up meanwhile.
    """
    receipt = act.receipt
    choice = (
        None if receipt is None else chosen_before(Choice, receipt, audit=audit, receipts=receipts)
    )
    if choice is None:
        found = undecided(query, wish, act.at.date(), by=by, board=board)
        choice = Choice(savings=tuple(found[:MOST]), left=len(found[MOST:]))
        if receipt is not None:
            deed = Deed(action=f"ChooseTo{wish.decision}")
            choice = noted(
                *(choice, _on_record(act), deed, receipt, act), audit=audit, receipts=receipts
            )
    made = decide_many(choice.savings, wish, by=by, board=board, act=act)
    return made._replace(left=made.left + choice.left)


def undecided(
    query: SavingQuery, wish: Wish, today: date, *, by: Person, board: SavingsBoard
) -> list[Chosen]:
    """The New cases of a list that *by* may decide on; of another status, each is named by its id."""
    _must_be_bulk(wish)
    if query.status not in (None, SavingStatus.NEW):
        raise InvalidError(
            f"status: {query.status} is decided already; in bulk, what is New is decided, and others "
            "are named by their ids"
        )
    must_reach(by, RIGHTS[wish.decision])
    wanted = query.model_copy(update={"status": SavingStatus.NEW})
    return [
        Chosen(one.saving.saving_id, one.saving.version)
        for one in seen_savings(wanted, today, by=by, board=board)
        if may_decide(wish.decision, one, by=by)
    ]


def _on_record(act: Act) -> str:
    return f"{DECISIONS}#{act.receipt.key[:32] if act.receipt else act.request_id}"


# Decided ------------------------------------------------------------------------------------------


def decide_many(
    chosen: Sequence[Chosen], wish: Wish, *, by: Person, board: SavingsBoard, act: Act
) -> Decisions:
    """Many cases approved or ignored for one reason, up to `MOST`; one keeps no other one up.

    One that the same person has decided on in the same way, from the very version that is named,
    counts as decided: a request that broke off may be sent again. Raises InvalidError for what no
    case could be ignored by.
    """
    _must_be_bulk(wish)
    if len({one.saving_id for one in chosen}) < len(chosen):
        raise InvalidError("savings: one is named twice; name each of them once")
    some = chosen[:MOST]
    with ThreadPoolExecutor(READERS) as pool:
        read = dict(
            zip(some, pool.map(lambda one: board.savings.find(one.saving_id), some), strict=True)
        )
    accounts = {one.account_id for one in read.values() if one is not None}
    sight = Sight(accounts, act.at.date(), by=by, board=board)
    done: dict[str, Saving] = {}
    refused: dict[str, FinOpsError] = {}
    asked: dict[str, str] = {}
    saves: list[Save] = []
    for (saving_id, version), known in read.items():
        try:
            seen, whole = sight.of(saving_id, known)
            before = seen.saving
            if _is_done(before, version, wish, act):
                done[saving_id] = before
            else:
                saves.append(_save(before, version, wish, whole, by, act))
            asked[saving_id] = whole.asked or ""
        except (ConflictError, ForbiddenError, NotFoundError) as error:
            refused[saving_id] = error
        except InvalidError as error:
            if wish.decision is SavingDecision.IGNORE:
                raise  # until when and why are the same for all
            refused[saving_id] = error
    each = act.model_copy(update={"receipt": None})
    for start in range(0, len(saves), STEP):
        for saving_id, saved in _saved(saves[start : start + STEP], wish, board, each):
            if isinstance(saved, FinOpsError):
                refused[saving_id] = saved
            else:
                done[saving_id] = saved
    ids = [one.saving_id for one in some]
    return Decisions(
        wish.decision,
        tuple(done[id_] for id_ in ids if id_ in done),
        tuple(Refusal(id_, refused[id_]) for id_ in ids if id_ in refused),
        shared(asked[id_] for id_ in done),
        len(chosen) - len(some),
    )


def _must_be_bulk(wish: Wish) -> None:
    if wish.decision not in IN_BULK:
        raise InvalidError(
            f"{wish.decision} is for one saving at a time; in bulk, approve or ignore"
        )


def _save(
    before: Saving, version: int, wish: Wish, whole: ResourceOwners, by: Person, act: Act
) -> Save:
    must_decide(wish.decision, before, whole.asked, by=by)
    if before.version != version:
        raise ConflictError("it has changed since you read it: look at it again", current=before)
    after = decided(before, wish, act)
    return save_of(before, after, wish.decision, whole, is_told=False)


def _is_done(one: Saving, version: int, wish: Wish, act: Act) -> bool:
    note = one.note
    return (
        one.version == version + 1
        and note is not None
        and (note.decision, note.by, note.reason) == (wish.decision, act.actor, act.reason)
        and note.ignored_until == wish.until
        and wish.action_type in (None, note.action_type)
    )


def _saved(
    step: Sequence[Save], wish: Wish, board: SavingsBoard, act: Act
) -> Iterator[tuple[str, Saving | FinOpsError]]:
    """What became of each; where somebody was faster with one of them, each is saved by itself."""
    try:
        saved = board.savings.save(step, act)
    except ConflictError as error:
        if len(step) == 1:
            [one] = step
            current = error.members.get("current")
            # The same request, sent twice at once, is no other one.
            if isinstance(current, Saving) and _is_done(current, one.before.version, wish, act):
                yield current.saving_id, current
            else:
                yield one.after.saving_id, error
            return
        for one in step:
            yield from _saved([one], wish, board, act)
        return
    yield from ((one.saving_id, one) for one in saved)


def remember_decisions(
    answer: Mapping[str, Any], made: Decisions, *, act: Act, audit: Audit
) -> None:
    """Note what became of many, told on the bus once for all; each case's record says the rest.

    With an Idempotency-Key, this answers the same request again.
    """
    deed = Deed(
        action=made.decision.value,
        element=made.element,
        event=DECIDED if made.decided else None,
    )
    audit.note(_on_record(act), answer, deed, act)


def may_be_told_again(by: Person, record: AuditRecord, today: date, *, board: SavingsBoard) -> bool:
    """Whether *by* still sees every case that an answer to many is about."""
    told = json.loads(record.after).get("decided", [])
    seen = {one.saving.saving_id for one in seen_savings(SavingQuery(), today, by=by, board=board)}
    return all(one["saving_id"] in seen for one in told)


def is_of_many(record: AuditRecord) -> bool:
    return record.entity.startswith(f"{DECISIONS}#")
