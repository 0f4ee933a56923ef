"""Bills, loads and sums as they leave the product: FOCUS words, money as decimal text."""

from collections.abc import Iterable
from typing import Any

from finops.domain.bills import COSTS, Bill, CostQuery
from finops.domain.loads import BillChanges, Costs, Load, LoadStatus
from finops.domain.money import settled, text
from finops.usecases.costs import CostAnswer, Row
from finops.usecases.standings import Standing


def costs_of(costs: Costs) -> dict[str, Any]:
    """The four costs as text, and the lines they are of."""
    listed = costs.list_cost
    return {
        "lines": costs.lines,
        "unblended_cost": text(costs.unblended_cost, costs.unblended_dust),
        "billed_cost": text(costs.billed_cost),
        "effective_cost": text(costs.effective_cost),
        "list_cost": None if listed is None else text(listed),
    }


def bill(found: Bill) -> dict[str, Any]:
    """A bill: whose, which month, what it adds up to in each currency, how fresh it is."""
    return {
        "payer_id": found.billing_account_id,
        "billing_period": found.billing_period,
        "load_id": found.load_id,
        "totals": [
            {"currency": total.billing_currency, **costs_of(total.costs)} for total in found.totals
        ],
        **_freshness(found),
    }


def freshness(found: Bill) -> dict[str, Any]:
    """How fresh a bill is."""
    return {
        "payer_id": found.billing_account_id,
        "billing_period": found.billing_period,
        **_freshness(found),
    }


def standing(one: Standing) -> dict[str, Any]:
    """How fresh a bill is, and what readers see of its allocation."""
    made = one.allocation
    return {
        **freshness(one.bill),
        "allocation": {
            "made_at": made.made_at.isoformat(),
            "basis": made.basis.value,
            "is_current": one.is_current,
        }
        if made
        else None,
    }


def _freshness(found: Bill) -> dict[str, Any]:
    through = found.complete_through
    return {
        "last_delivery": found.delivered_at.isoformat(),
        "last_load": found.published_at.isoformat(),
        "complete_through": through.isoformat() if through else None,
        "is_final": found.is_final,
    }


def answer(query: CostQuery, found: CostAnswer) -> dict[str, Any]:
    """The answer to a question about a month; `totals` where it holds more than one currency."""
    totals = [{"currency": currency, **_sums(query, row)} for currency, row in found.totals]
    only = totals[0] if len(totals) == 1 else None
    empty = {"lines": 0, **{COSTS[cost]: text(0) for cost in query.costs}}
    whole = {name: value for name, value in only.items() if name != "currency"} if only else None
    return {
        "billing_period": query.billing_period,
        "rows": [
            {**dict(zip(query.by, row.of, strict=True)), **_sums(query, row)} for row in found.rows
        ],
        "total": whole if totals else empty,
        "totals": totals,
        "currency": only["currency"] if only else None,
        "freshness": [freshness(one) for one in found.bills],
        "next_cursor": found.next_cursor,
    }


def table(query: CostQuery, found: CostAnswer) -> tuple[list[str], list[list[Any]]]:
    """The same answer as a header and rows."""
    names = ["lines", *(COSTS[cost] for cost in query.costs)]
    rows = [[*row.of, *_sums(query, row).values()] for row in found.rows]
    return [*query.by, *names], rows


def _sums(query: CostQuery, row: Row) -> dict[str, Any]:
    costs = {
        COSTS[cost]: None if ticks is None else _amount(cost, ticks, row.dust)
        for cost, ticks in zip(query.costs, row.costs, strict=True)
    }
    return {"lines": row.lines, **costs}


def _amount(cost: str, ticks: int, dust: int) -> str:
    return text(*settled(ticks, dust)) if cost == "unblended" else text(ticks)


def load(found: Load, *, bills: Iterable[Bill] = (), whole: bool = True) -> dict[str, Any]:
    """A load: where it is, what was read, what became of each bill; *bills* are those in force."""
    current = {(one.billing_account_id, one.billing_period): one.load_id for one in bills}
    told: dict[str, Any] = {
        "load_id": found.load_id,
        "kind": found.kind,
        "payer_id": found.payer or found.account,
        "status": found.status,
        "reason": found.reason,
        "manifest_key": found.manifest_key,
        "execution_id": found.execution_id,
        "delivered_at": found.delivered_at.isoformat(),
        "recorded_at": found.recorded_at.isoformat(),
        "format": found.format,
        "items_total": found.items_total,
        "items_done": found.items_done,
        "version": found.version,
        "day": found.day.isoformat() if found.day else None,
        "recommendations": found.recommendations,
        "bills": [
            {
                "payer_id": one.summary.billing_account_id,
                "billing_period": one.summary.billing_period,
                "status": one.status if found.status is LoadStatus.PUBLISHED else found.status,
                "is_current": current.get(
                    (one.summary.billing_account_id, one.summary.billing_period)
                )
                == found.load_id,
                "currency": one.summary.billing_currency,
                **costs_of(one.summary.costs),
                "charges": one.summary.charges,
            }
            for one in found.bills
        ],
        "warnings": list(found.warnings),
    }
    if not whole:
        return told
    told["files"] = [
        {
            "key": file.key,
            "bytes": file.size,
            "lines": sum(control.lines for control in file.controls),
            "control_totals": [
                {
                    "payer_id": control.billing_account_id,
                    "billing_period": control.billing_period,
                    "currency": control.billing_currency,
                    "lines": control.lines,
                    "unblended_cost": text(control.unblended_cost, control.dust),
                }
                for control in file.controls
            ],
        }
        for file in found.files
    ]
    told["changes"] = [
        {
            "payer_id": one.summary.billing_account_id,
            "billing_period": one.summary.billing_period,
            "currency": one.summary.billing_currency,
            **_changes(one.changes),
        }
        for one in found.bills
        if one.changes is not None
    ]
    return told


def _changes(changes: BillChanges) -> dict[str, Any]:
    def listed(name: str) -> list[dict[str, str]]:
        return [
            {
                name: change.key,
                "before": text(change.before),
                "after": text(change.after),
                "difference": text(change.after - change.before),
            }
            for change in getattr(changes, f"by_{name}")
        ]

    return {
        "lines_before": changes.lines_before,
        "lines_after": changes.lines_after,
        "unblended_before": text(changes.unblended_before),
        "unblended_after": text(changes.unblended_after),
        **{f"by_{name}": listed(name) for name in ("account", "charge_category", "day", "service")},
        "more": changes.more,
    }


def load_event(found: Load) -> dict[str, Any]:
    """A load as the event bus is told of it: small, whatever the bill's size."""
    return {
        "status": found.status,
        "load_id": found.load_id,
        "reason": found.reason,
        "bills": [
            {
                "payer_id": one.summary.billing_account_id,
                "billing_period": one.summary.billing_period,
                "currency": one.summary.billing_currency,
                "billed_cost": text(one.summary.costs.billed_cost),
            }
            for one in found.bills
            if one.status is LoadStatus.PUBLISHED
        ],
    }
