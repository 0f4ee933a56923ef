"""How realised savings are shown: sums beside what was expected, one saving month by month."""

from collections.abc import Mapping
from typing import Any

from finops.local import screen
from finops.usecases.realised_views import OWNED


def show_realised(told: Mapping[str, Any]) -> None:
    """Sums as a table; then what could not be measured, and how fresh all is."""
    right = ("Savings", "Realised", "Expected", "")
    table = screen.table(f"Realised by {told['by']}", "Name", right=right)
    for one in told["items"]:
        name = one["name"] or one["key"] or "nobody"
        table.add_row(screen.plain(name), *_amounts(one))
    for one in told["totals"]:
        table.add_row("[bold]Together[/bold]", *_amounts(one))
    screen.console.print(table)
    screen.console.print(screen.plain(OWNED.capitalize()), style="dim")
    for one in told["unmeasured"]:
        what = f"{one['action_type']} {one['resource_id'] or one['account_id']}"
        later = "" if one["is_final"] else " (may still be)"
        screen.console.print(screen.plain(f"Not measured: {what}: {one['reason']}{later}"))
    for one in told["bills"]:
        through = one["complete_through"] or "no whole day yet"
        said = f"{one['billing_period']} of {one['payer_id']}: complete through {through}"
        screen.console.print(screen.plain(said), style="dim")


def _amounts(one: Mapping[str, Any]) -> tuple[str, str, str, str]:
    expected = "" if one["expected"] is None else screen.cents(one["expected"])
    amount = screen.cents(one["realised"])
    return str(one["savings"]), amount, expected, one["currency"] or ""


def show_case(told: Mapping[str, Any] | None) -> None:
    """What one saving realised; nothing, where nobody has measured it."""
    if told is None:
        return
    if told["reason"]:
        later = "" if told["is_final"] else "; it may still be"
        screen.console.print(screen.plain(f"Not measured: {told['reason']}{later}"))
        return
    how = {"PerUnit": "per unit of usage", "PerDay": "per day"}[told["method"]]
    title = f"Realised, {how}, against {told['days_before']} days before"
    table = screen.table(title, "Month", right=("Days", "Cost", "Realised", "Expected", ""))
    for one in told["months"]:
        table.add_row(
            one["billing_period"],
            str(one["days"]),
            screen.cents(one["cost"]),
            screen.cents(one["realised"]),
            "" if one["expected"] is None else screen.cents(one["expected"]),
            one["currency"] or "",
        )
    screen.console.print(table)
    if told["note"]:
        screen.console.print(screen.plain(told["note"]))
