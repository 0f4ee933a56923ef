"""`finops allocations`: who pays what of a month, and what nobody does; the financial scope."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from finops.local import screen
from finops.local.api import Api
from finops.local.commands.listing import PAGE, answer_list, answer_whole
from finops.local.commands.options import As, Csv, Json, Profile, Region, api_of

ENTERPRISE = "enterprise"

Month = Annotated[
    str | None, typer.Option(help="The billing period, YYYY-MM; without it, the newest.")
]
Element = Annotated[
    str, typer.Argument(help="An element by its id; without one, all that you may see.")
]

app = typer.Typer(invoke_without_command=True, help="Who pays what of a month.")


@app.callback()
def list_allocations(
    context: typer.Context,
    month: Month = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """How far each bill is allocated: bill = owners + nobody, to the last digit."""
    if context.invoked_subcommand is not None:
        return
    api = api_of(who, profile, region)
    answer_whole(
        api,
        "allocations",
        show=show_allocations,
        as_json=as_json,
        as_csv=as_csv,
        asked={"month": month},
    )


def show_allocations(told: Mapping[str, Any]) -> None:
    """The bills of a month as a table, and exactly what is left over."""
    table = screen.table(
        f"Allocations of {told['billing_period']}",
        *("Payer", "Made", "Current"),
        right=("Spend", "Allocated", "Unallocated", ""),
    )
    for one in told["items"]:
        made = one["allocation"]
        about = [
            screen.plain(one["payer_id"]),
            made["made_at"][:16] if made else "not yet",
            ("yes" if made["is_current"] else "no") if made else "",
        ]
        for amounts in one["amounts"]:
            table.add_row(
                *about,
                *(screen.cents(amounts[name]) for name in ("spend", "allocated", "unallocated")),
                amounts["currency"] or "",
            )
            about = ["", "", ""]
    screen.console.print(table)
    for total in told["totals"]:
        screen.console.print(
            f"[dim]Exactly: {screen.money(total['spend'])} = {screen.money(total['allocated'])} + "
            f"{screen.money(total['unallocated'])} {total['currency'] or 'without a currency'}, "
            f"difference {total['difference']}[/dim]"
        )


@app.command()
def run(
    who: As = None, profile: Profile = None, region: Region = None, as_json: Json = False
) -> None:
    """Allocate now what is not up to date. It happens by itself, too, in a moment."""
    told = api_of(who, profile, region).post("allocations", body={})
    if as_json:
        screen.answer(told)
        return
    for one in told["items"]:
        screen.console.print(
            f"Started: {one['billing_period']} of payer {screen.plain(one['payer_id'])}"
        )
    if not told["items"]:
        screen.console.print("All is up to date.")


@app.command()
def tree(
    element: Element = ENTERPRISE,
    month: Month = None,
    depth: Annotated[int, typer.Option(min=0, max=4, help="Levels below the element.")] = 1,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """What an element spends, and each one below it; products with their accounts."""
    api = api_of(who, profile, region)
    asked = {"element": element, "month": month, "depth": depth}
    answer_whole(
        api, "allocations", "tree", show=show_tree, as_json=as_json, as_csv=as_csv, asked=asked
    )


def show_tree(told: Mapping[str, Any]) -> None:
    """A tree as a table, what is below an element set in."""
    table = screen.table(
        f"Who pays what of {told['billing_period']}",
        *("Element", "Account", "By", "From", "Until"),
        right=("Spend", ""),
    )
    for deep, node in _nodes(told["node"], 0):
        name = screen.plain("  " * deep + node["name"])
        for one in node["spend"] or [{"amount": "0.00", "currency": None}]:
            table.add_row(name, *[""] * 4, screen.cents(one["amount"]), one["currency"] or "")
            name = ""
        for one in node["accounts"]:
            account = one["account"] or one["account_id"] or "(none)"
            table.add_row(
                "",
                screen.plain(account),
                screen.plain(given_by(one)),
                *_in_force(one),
                screen.cents(one["amount"]),
                one["currency"] or "",
            )
    for one in told["unallocated"] or ():
        amount = screen.cents(one["amount"])
        table.add_row("Nobody", *[""] * 4, amount, one["currency"] or "")
    screen.console.print(table)
    _show_freshness(told["freshness"])


def _nodes(node: Mapping[str, Any], deep: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
    yield deep, node
    for child in node["children"]:
        yield from _nodes(child, deep + 1)


def _in_force(one: Mapping[str, Any]) -> tuple[str, str]:
    """From when and until when; claims have days of their own for each resource."""
    return ("by resource", "") if one["kind"] == "Claim" else (one["start"] or "", one["end"] or "")


def given_by(one: Mapping[str, Any]) -> str:
    """What gave a product its part of an account, in a few words.

    >>> given_by({"kind": "Share", "share": "60.00", "workload": None, "rule": "1",
    ...           "charge_class": "Usage"})
    'share of 60.00 %'
    >>> given_by({"kind": "Policy", "share": None, "workload": None, "rule": "2",
    ...           "charge_class": "Tax"})
    'policy 2 (Tax)'
    """
    match one["kind"]:
        case "Share":
            told = f"share of {one['share']} %"
        case "Claim":
            told = f"claims of {one['workload'] or one['workload_id']}"
        case "Rule":
            told = f"rule {one['rule']} of {one['workload'] or one['workload_id']}"
        case _:
            told = f"policy {one['rule']}"
    return told if one["charge_class"] == "Usage" else f"{told} ({one['charge_class']})"


def _show_freshness(bills: Sequence[Mapping[str, Any]]) -> None:
    for one in bills:
        made = one["allocation"]
        state = "not allocated yet"
        if made:
            state = f"allocated {made['made_at'][:16]}"
            state += "" if made["is_current"] else ", and changed since"
        screen.console.print(
            f"[dim]Payer {screen.plain(one['payer_id'])}: delivered {one['last_delivery'][:16]}, "
            f"complete through {one['complete_through']}, {state}[/dim]"
        )


@app.command()
def days(
    element: Element = ENTERPRISE,
    month: Month = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """What an element spends by day."""
    api = api_of(who, profile, region)
    asked = {"element": element, "month": month}
    answer_whole(
        api, "allocations", "days", show=show_days, as_json=as_json, as_csv=as_csv, asked=asked
    )


def show_days(told: Mapping[str, Any]) -> None:
    """Days as a table."""
    title = f"{screen.plain(told['name'])}, {told['billing_period']}"
    table = screen.table(title, "Day", "Who", right=("Spend", ""))
    for who, items in (("owners", told["items"]), ("nobody", told["unallocated"] or ())):
        for one in items:
            table.add_row(one["day"], who, screen.cents(one["amount"]), one["currency"] or "")
    screen.console.print(table)
    for one in told["totals"]:
        screen.console.print(
            f"[dim]Exactly: {screen.money(one['amount'])} {one['currency'] or ''} of owners[/dim]"
        )
    _show_freshness(told["freshness"])


@app.command()
def unallocated(
    month: Month = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """What nobody owns, the largest first: why, and what would give it an owner."""
    api = api_of(who, profile, region)
    if as_csv:
        screen.write(api.csv("allocations", "unallocated", month=month, limit=PAGE))
        return
    told = all_unallocated(api, month)
    if as_json:
        screen.answer(told)
    else:
        show_unallocated(told)


def all_unallocated(api: Api, month: str | None) -> dict[str, Any]:
    """What nobody owns, its pages put together."""
    first, *following = api.pages("allocations", "unallocated", month=month, limit=PAGE)
    items = [one for page in (first, *following) for one in page["items"]]
    return first | {"items": items, "next_cursor": None}


def show_unallocated(told: Mapping[str, Any]) -> None:
    """What nobody owns, as a table."""
    if not told["items"]:
        screen.console.print(f"Every cent of {told['billing_period']} has an owner.")
        return
    table = screen.table(
        f"Nobody's of {told['billing_period']}",
        *("Account", "Class", "Why", "What to do"),
        right=("Spend", ""),
    )
    for one in told["items"]:
        table.add_row(
            screen.plain(one["account"] or one["account_id"] or "(none)"),
            one["charge_class"] or "",
            one["reason"],
            screen.plain(one["remedy"]),
            screen.cents(one["amount"]),
            one["currency"] or "",
        )
    screen.console.print(table)
    for one in told["totals"]:
        screen.console.print(
            f"[dim]Exactly: {screen.money(one['amount'])} {one['currency'] or ''}[/dim]"
        )
    _show_freshness(told["freshness"])


def financial_scope(
    element: Element = ENTERPRISE,
    on: Annotated[
        str | None, typer.Option(help="As of this day, YYYY-MM-DD; without it, today.")
    ] = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """The products that you may see, who answers for them, and every account split with them."""
    api = api_of(who, profile, region)
    asked = {"element": element, "on": on}
    answer_list(
        api, "financial-scope", show=show_scope, as_json=as_json, as_csv=as_csv, asked=asked
    )


def show_scope(items: Sequence[Mapping[str, Any]]) -> None:
    """Products and their accounts, as a table."""
    table = screen.table(
        "Financial scope",
        *("Product", "Budget", "Owner", "Account", "Status", "From", "Until"),
        right=("Share",),
    )
    for one in items:
        account = one["account"] or one["account_id"]
        table.add_row(
            screen.plain(" / ".join(one["names"])),
            one["budget_status"] or "",
            screen.plain(", ".join(each["email"] for each in one["owners"]) or "nobody"),
            screen.plain(account or "no account"),
            *(one["status"] or "", one["start"] or "", one["end"] or "", one["share"] or ""),
        )
    screen.console.print(table)
