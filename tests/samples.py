"""Values of the domain as tests need them, with what does not matter filled in."""

from datetime import UTC, datetime
from typing import Any

from finops.domain.bills import Bill, BillTotal
from finops.domain.loads import Costs, Load, LoadStatus
from finops.usecases.ports import AccountTotals

DELIVERED = datetime(2026, 9, 20, 8, 0, tzinfo=UTC)
PAYER, MONTH = "999988887777", "2026-09"


def load(load_id: str = "a" * 24, **told: Any) -> Load:
    given: dict[str, Any] = {
        "load_id": load_id,
        "status": LoadStatus.REDUCING,
        "manifest_key": "exports/cur2-Manifest.json",
        "manifest_version": "v1",
        "execution_id": "execution-1",
        "place": "exports/cur2-Manifest.json",
        "delivered_at": DELIVERED,
        "recorded_at": DELIVERED,
    }
    return Load(**given | told)


def bill(load_id: str = "a" * 24, *, ticks: int = 10_000_000_000, **told: Any) -> Bill:
    costs = Costs(lines=1, unblended_cost=ticks, billed_cost=ticks, effective_cost=ticks)
    given: dict[str, Any] = {
        "billing_account_id": PAYER,
        "billing_period": MONTH,
        "load_id": load_id,
        "delivered_at": DELIVERED,
        "published_at": DELIVERED,
        "lineage": (load_id,),
        "totals": (BillTotal(billing_currency="USD", costs=costs, last_usage_day="2026-09-18"),),
    }
    return Bill(**given | told)


def totals(
    account: str | None, load_id: str, ticks: int = 10_000_000_000, currency: str = "USD"
) -> AccountTotals:
    """An account with one day of one line; its digest is what it adds up to."""
    days = {"2026-09-02": {"Usage": [1, ticks, ticks, ticks, None, 0]}}
    return AccountTotals(account, currency, load_id, f"digest of {ticks}", days)


def gone(account: str | None, load_id: str, currency: str = "USD") -> AccountTotals:
    """The mark that an account is in the bill no more."""
    return AccountTotals(account, currency, load_id, "", None)
