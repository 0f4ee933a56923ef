"""Previews as they leave the product: money before and after, by element and month."""

from collections.abc import Iterable, Sequence
from typing import Any

from finops.domain.charts import Chart
from finops.domain.money import text
from finops.usecases.organisation_views import named
from finops.usecases.previews import Effects, Moved, Preview
from finops.usecases.views import freshness

MOVED_COLUMNS = (
    *("billing_period", "currency", "element", "name", "level", "label", "reason"),
    *("before", "after", "difference"),
)


def asked_preview(asked: Preview) -> dict[str, Any]:
    """A preview that was just asked for."""
    return {
        "preview_id": asked.preview_id,
        "status": "Running" if asked.bills else "Done",
        "bills": [{"payer_id": payer, "billing_period": period} for payer, period in asked.bills],
    }


def preview(
    found: Effects, items: Iterable[Moved], charts: Sequence[Chart], next_cursor: str | None
) -> dict[str, Any]:
    """How far a preview is; and what it does to each element, once that is known."""
    asked = found.preview
    return {
        "preview_id": asked.preview_id,
        "status": found.status.value,
        "asked_by": asked.by,
        "asked_at": asked.at.isoformat(),
        "changes": len(asked.changes),
        "bills": [{"payer_id": payer, "billing_period": period} for payer, period in asked.bills],
        "items": [moved(one, charts) for one in items],
        "totals": [
            {
                "billing_period": one.billing_period,
                "currency": one.currency,
                **_before_and_after(one),
            }
            for one in found.totals
        ],
        "others": [
            {
                "billing_period": one.billing_period,
                "currency": one.currency,
                "difference": text(one.difference),
            }
            for one in found.others
        ],
        "freshness": [freshness(bill) for bill in found.bills],
        "next_cursor": next_cursor,
    }


def moved(one: Moved, charts: Sequence[Chart]) -> dict[str, Any]:
    """What an element pays before and after; of no element: what nobody does."""
    of: dict[str, Any] = dict.fromkeys(("element", "name", "level", "label"))
    if one.element is not None:
        of = named(charts, one.element)
    return {
        "billing_period": one.billing_period,
        "currency": one.currency,
        **of,
        "reason": one.reason,
        **_before_and_after(one),
    }


def _before_and_after(one: Moved) -> dict[str, str]:
    return {
        "before": text(one.before),
        "after": text(one.after),
        "difference": text(one.after - one.before),
    }


def preview_table(
    items: Iterable[Moved], charts: Sequence[Chart]
) -> tuple[list[str], list[list[Any]]]:
    """The same as a table."""
    told = [moved(one, charts) for one in items]
    return list(MOVED_COLUMNS), [[item[name] for name in MOVED_COLUMNS] for item in told]
