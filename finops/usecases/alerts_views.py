"""Alerts as they leave the product: money as decimal text, what happened as a sentence."""

from collections.abc import Iterable, Mapping
from typing import Any

from finops.domain.alerts import Alert, AlertAnswer
from finops.usecases.alert_messages import Names, sentence
from finops.usecases.alerts import Answering
from finops.usecases.organisation_views import ENTERPRISE_ID, money, shown

ALERT_COLUMNS = (
    *("alert_id", "kind", "status", "element", "month", "sentence", "owners", "assigned_to"),
    *("currency", "actual", "limit", "expected", "low", "high", "level", "day", "service"),
    *("account_id", "payer", "credit_id", "raised_at", "told_at", "changed_at", "version"),
)


@shown.register
def alert(one: Alert) -> dict[str, Any]:
    """An alert as it is kept, with the figures of the moment that it was raised."""
    of = one.crossing
    return {
        "alert_id": one.alert_id,
        "kind": one.kind.value,
        "status": one.status.value,
        "element": one.element or ENTERPRISE_ID,
        "month": of.month,
        "currency": of.currency,
        "actual": money(of.actual),
        "limit": money(of.limit),
        "expected": money(of.expected),
        "low": money(of.low),
        "high": money(of.high),
        "level": of.level,
        "schedule": of.schedule,
        "day": of.day.isoformat() if of.day else None,
        "since": of.since.isoformat() if of.since else None,
        "service": of.service,
        "account_id": of.account_id,
        "is_new": of.is_new,
        "credit_id": of.credit_id,
        "credit_end": of.credit_end.value if of.credit_end else None,
        "within": of.within,
        "payer": of.payer,
        "delivered_at": of.delivered_at.isoformat() if of.delivered_at else None,
        "assigned_to": one.assigned_to,
        "answers": [_answer(each) for each in one.answers],
        "allowed": [each.value for each in one.allowed],
        "raised_at": one.raised_at.isoformat(),
        "told_at": one.told_at.isoformat() if one.told_at else None,
        "told": len(one.told),
        "missed": len(one.missed),
        "changed_at": one.changed_at.isoformat(),
        "version": one.version,
    }


def _answer(one: AlertAnswer) -> dict[str, Any]:
    return {
        "command": one.command.value,
        "by": one.by,
        "at": one.at.isoformat(),
        "reason": one.reason,
        "to": one.to,
    }


def alert_in_words(one: Alert, names: Names, answering: Answering) -> dict[str, Any]:
    """The same with what happened in a sentence, and who looks after it now."""
    return {
        **alert(one),
        "sentence": sentence(one.crossing, names),
        "owners": answering.owners(one),
    }


def alert_table(
    some: Iterable[Alert], names: Names, answering: Answering
) -> tuple[list[str], list[list[Any]]]:
    """The same as a table; owners are parted by semicolons."""
    rows = []
    for one in some:
        item = alert_in_words(one, names, answering)
        told = item | {"owners": ";".join(item["owners"])}
        rows.append([told[name] for name in ALERT_COLUMNS])
    return list(ALERT_COLUMNS), rows


def anomaly_on_card(one: Alert, answering: Answering) -> Mapping[str, Any]:
    """An unusual day as the card of its week lists it."""
    of = one.crossing
    return {
        "alert_id": one.alert_id,
        "status": one.status.value,
        "day": of.day.isoformat() if of.day else None,
        "service": of.service,
        "currency": of.currency,
        "actual": money(of.actual),
        "expected": money(of.limit),
        "is_new": of.is_new,
        "owners": answering.owners(one),
        "reason": next((each.reason for each in reversed(one.answers) if each.reason), None),
    }
