"""Notices: what the audit trail took down goes out on the event bus."""

from collections.abc import Sequence

from finops.domain.audit import AuditRecord
from finops.usecases.ports import Notice, Notices


def tell_notices(records: Sequence[AuditRecord], *, notices: Notices) -> list[int]:
    """Tell of each record that is an event; the numbers of those that did not go out.

    Whoever listens may hear of a record twice, and knows it by entity and sequence.
    """
    events = [(number, notice(one)) for number, one in enumerate(records) if one.event is not None]
    untold = notices.tell([told for _, told in events])
    return [events[place][0] for place in untold]


def notice(record: AuditRecord) -> Notice:
    """A record as an event: what happened where, not the state before and after."""
    kind, _, name = record.entity.partition("#")
    return Notice(
        event=str(record.event),
        at=record.at,
        detail={
            "entity": record.entity,
            "kind": kind,
            "id": name,
            "sequence": record.sequence,
            "action": record.action,
            "element": record.done_at,
            "actor": record.actor,
            "at": record.at.isoformat(),
            "reason": record.reason,
            "request_id": record.request_id,
        },
    )
