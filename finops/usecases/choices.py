"""Choices on record: a request for many decisions that is sent again chooses what it chose before."""

from typing import TypeVar

from finops.domain.audit import Act, Deed, Receipt
from finops.domain.errors import ConflictError, InvalidError
from finops.domain.values import Frozen
from finops.usecases.ports import Audit, Receipts

C = TypeVar("C", bound=Frozen)


def chosen_before(kind: type[C], receipt: Receipt, *, audit: Audit, receipts: Receipts) -> C | None:
    """What the request of *receipt* chose when it came first; None where it comes now."""
    found = receipts.find(_of_choice(receipt).key)
    if found is None:
        return None
    if found.fingerprint != receipt.fingerprint:
        raise InvalidError(
            "this Idempotency-Key came with another request before; choose a new one"
        )
    record = audit.record(found.entity, found.sequence)
    return None if record is None else kind.model_validate_json(record.after)


def noted(
    choice: C,
    entity: str,
    deed: Deed,
    receipt: Receipt,
    act: Act,
    *,
    audit: Audit,
    receipts: Receipts,
) -> C:
    """*choice* once it is on record, or the one that the same request made at the same time."""
    noting = act.model_copy(update={"receipt": _of_choice(receipt)})
    try:
        audit.note(entity, choice.model_dump(mode="json"), deed, noting)
    except ConflictError:
        first = chosen_before(type(choice), receipt, audit=audit, receipts=receipts)
        if first is None:
            raise
        return first
    return choice


def _of_choice(receipt: Receipt) -> Receipt:
    """The choice has a receipt of its own; the request's is the answer's."""
    return receipt.model_copy(update={"key": f"{receipt.key}#chosen"})
