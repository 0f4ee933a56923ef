"""Realised savings as they leave the product: money as decimal text, and what was not measured."""

from collections.abc import Iterable, Mapping
from typing import Any

from finops.domain.money import text
from finops.domain.realised_savings import MeasuredBill, Realised
from finops.usecases.organisation_views import money
from finops.usecases.realised_savings import (
    RealisedAnswer,
    RealisedBy,
    RealisedCase,
    RealisedSum,
)
from finops.usecases.saving_views import Names

# A resource that was stopped is in no allocation any more, so none is asked.
OWNED = "owners by the claims, rules and shares of each day as they are known now"
ROW_COLUMNS = ("key", "name", "currency", "savings", "realised", "expected")


def answer(found: RealisedAnswer, names: Names) -> dict[str, Any]:
    """Sums that add up to the totals; what was not measured, with why; and how fresh all is."""
    return {
        "by": found.asked.by.value,
        "months": list(found.months),
        "items": rows(found),
        "totals": [_sum(one) for one in found.totals],
        "unmeasured": [_unmeasured(one, names) for one in found.unmeasured],
        "bills": [_bill(one) for one in newest(found.bills)],
        "measured_at": found.measured_at.isoformat() if found.measured_at else None,
    }


def rows(found: RealisedAnswer) -> list[dict[str, Any]]:
    """A row for each group and currency; a saving is named by what was done to what."""
    savings = {one.saving_id: one for one in found.savings}
    return [
        {"key": one.key, "name": _name(one, found.asked.by, savings), **_sum(one)}
        for one in found.rows
    ]


def table(found: RealisedAnswer) -> tuple[list[str], list[list[Any]]]:
    """The same as a table."""
    return list(ROW_COLUMNS), [[row[name] for name in ROW_COLUMNS] for row in rows(found)]


def case(found: RealisedCase | None) -> dict[str, Any] | None:
    """What one saving has realised, month by month; None where nobody has measured it yet."""
    if found is None:
        return None
    one = found.measured
    return {
        "method": one.method.value if one.method else None,
        "days_before": one.days_before,
        "cost_before": text(one.cost_before) if one.method else None,
        "note": one.note,
        "reason": one.reason,
        "is_final": one.is_final,
        "months": [
            {
                "billing_period": figure.billing_period,
                "currency": figure.currency,
                "days": figure.days,
                "is_used": figure.is_used,
                "cost": text(figure.cost),
                "realised": text(figure.realised),
                "expected": money(figure.expected),
                "owners": [
                    {
                        "product_id": part.product_id,
                        "realised": text(part.realised),
                        "expected": money(part.expected),
                    }
                    for part in figure.parts
                ],
            }
            for figure in found.figures
        ],
    }


def newest(bills: Iterable[MeasuredBill]) -> list[MeasuredBill]:
    """Of each payer the newest month."""
    last: dict[str, MeasuredBill] = {}
    for one in bills:
        known = last.get(one.payer)
        if known is None or known.billing_period < one.billing_period:
            last[one.payer] = one
    return [last[payer] for payer in sorted(last)]


def _name(one: RealisedSum, by: RealisedBy, savings: Mapping[str, Realised]) -> str | None:
    if by is not RealisedBy.SAVING or one.key is None:
        return None
    done = savings[one.key]
    return f"{done.action_type} {done.resource_id or done.account_id}"


def _sum(one: RealisedSum) -> dict[str, Any]:
    return {
        "currency": one.currency,
        "savings": one.number,
        "realised": text(one.realised),
        "expected": money(one.expected),
    }


def _unmeasured(one: Realised, names: Names) -> dict[str, Any]:
    return {
        "saving_id": one.saving_id,
        "action_type": one.action_type,
        "account_id": one.account_id,
        "account_name": names.account(one.account_id),
        "resource_id": one.resource_id,
        "implemented_on": one.implemented_on.isoformat(),
        "reason": one.reason,
        "is_final": one.is_final,
    }


def _bill(one: MeasuredBill) -> dict[str, Any]:
    return {
        "payer_id": one.payer,
        "billing_period": one.billing_period,
        "load_id": one.load_id,
        "delivered_at": one.delivered_at.isoformat(),
        "complete_through": one.complete_through.isoformat() if one.complete_through else None,
    }
