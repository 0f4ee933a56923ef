"""`finops budget`, `finops budgets` and `finops plan`: schedules, and what they add up to."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Annotated, Any

import typer

from finops.domain.allocation import split
from finops.domain.budgets import MONTHS, BudgetStatus
from finops.local import screen
from finops.local.api import Api
from finops.local.commands.listing import answer_list, answer_whole
from finops.local.commands.options import (
    As,
    Csv,
    Json,
    Profile,
    Reason,
    Region,
    Under,
    Year,
    api_of,
    year_of,
)
from finops.local.errors import LoadError

WHOLE = "enterprise"

Product = Annotated[str, typer.Argument(help="The product's id, from `finops chart show`.")]

app = typer.Typer(no_args_is_help=True, help="The budget of a product, from draft to approved.")


@app.command()
def show(
    product: Product,
    year: Year = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Schedules, figures, and what you may do with it now."""
    api = api_of(who, profile, region)
    told = api.get("budgets", str(year_of(api, year)), product)
    if as_json:
        screen.answer(told)
    else:
        show_budget(told)


@app.command()
def draft(
    product: Product,
    amounts: Annotated[
        list[str] | None, typer.Argument(help="Twelve amounts, by month of the year.")
    ] = None,
    evenly: Annotated[bool, typer.Option("--evenly", help="The annual amount by twelve.")] = False,
    proposed: Annotated[bool, typer.Option("--proposed", help="As the chart proposes.")] = False,
    year: Year = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Save twelve months to work on."""
    if sum((bool(amounts), evenly, proposed)) != 1:
        raise LoadError("give twelve amounts, or --evenly, or --proposed")
    api = api_of(who, profile, region)
    of = str(year_of(api, year))
    budget, etag = api.read("budgets", of, product)
    if evenly:
        months = even_months(budget)
    elif proposed:
        months = proposed_months(budget)
    else:
        months = [_amount(amount) for amount in amounts or ()]
    api.put("budgets", of, product, "draft", body={"months": months}, etag=etag)
    _tell(api, of, product, as_json)


def even_months(budget: Mapping[str, Any]) -> list[str]:
    """The annual amount of *budget* over twelve months, in cents; they add up to it.

    >>> even_months({"figures": {"annual": "100.0000000000"}})[:5]
    ['8.34', '8.34', '8.34', '8.34', '8.33']
    """
    cents = int(Decimal(budget["figures"]["annual"]) * 100)
    parts = split(cents, {f"{month:02}": 1 for month in range(MONTHS)})
    return [f"{part // 100}.{part % 100:02}" for _, part in sorted(parts.items())]


def proposed_months(budget: Mapping[str, Any]) -> list[str]:
    """The months that the chart of accounts came with. Raises LoadError where it has none."""
    if budget["proposed"] is None:
        raise LoadError(
            f"the chart of accounts proposes no months for {budget['product_id']}; try --evenly"
        )
    return list(budget["proposed"])


def _amount(said: str) -> str:
    """*said* as the API reads amounts: a number alone, with thousands apart by commas or not.

    >>> _amount("12,500.5")
    '12500.5'
    """
    try:
        return f"{Decimal(said.replace(',', '')):f}"
    except InvalidOperation as error:
        raise LoadError(f"{said!r} is no amount; write it as 1200.00") from error


def _decision(command: str, words: str) -> None:
    """The command that asks for one decision."""

    def decide(
        product: Product,
        reason: Reason = None,
        year: Year = None,
        who: As = None,
        profile: Profile = None,
        region: Region = None,
        as_json: Json = False,
    ) -> None:
        api = api_of(who, profile, region)
        of = str(year_of(api, year))
        etag = api.read("budgets", of, product).etag
        body = {"decision": DECISIONS[command], "reason": reason}
        api.post("budgets", of, product, "decisions", body=body, etag=etag)
        _tell(api, of, product, as_json)

    app.command(command, help=words)(decide)


DECISIONS: Mapping[str, str] = {
    "submit": "Submit",
    "approve": "Approve",
    "reject": "Reject",
    "request-reschedule": "RequestReschedule",
    "approve-reschedule": "ApproveReschedule",
    "refuse-reschedule": "RefuseReschedule",
}
_decision("submit", "Ask for approval of the draft.")
_decision("approve", "Put what was submitted into force.")
_decision("reject", "Send it back to its owner, with a reason.")
_decision("request-reschedule", "Ask for other months, with a reason.")
_decision("approve-reschedule", "Let the owner plan other months; the approved ones stay in force.")
_decision("refuse-reschedule", "Leave it as it was approved, with a reason.")


def _tell(api: Api, year: str, product: str, as_json: bool) -> None:
    told = api.get("budgets", year, product)
    if as_json:
        screen.answer(told)
    else:
        show_budget(told)


def show_budget(told: Mapping[str, Any]) -> None:
    """A budget: figures, and its months beside each other."""
    figures = told["figures"]
    screen.facts(
        {
            "Product": f"{' / '.join(told['names'])}, {told['year']}",
            "Status": told["status"],
            "Reason": told["reason"],
            "Annual": screen.cents(figures["annual"]),
            "Planned": screen.cents(figures["planned"]),
            "Unallocated": screen.cents(figures["unallocated"]),
            "EOY planned": screen.cents(figures["eoy_planned"]),
            "EOY forecast": screen.cents(figures["eoy_forecast"]),
            "You may": ", ".join(told["allowed"]) or "look at it",
        }
    )
    columns = {name: told[name.lower()] for name in ("Proposed", "Draft", "Approved")}
    there = {name: months for name, months in columns.items() if months is not None}
    if not there:
        return
    table = screen.table(None, "Month", right=tuple(there))
    for number, month in enumerate(told["months"]):
        table.add_row(month, *(screen.cents(months[number]) for months in there.values()))
    table.add_section()
    table.add_row("Total", *(screen.cents(_sum(months)) for months in there.values()), style="bold")
    screen.console.print(table)


def _sum(amounts: Sequence[str]) -> str:
    return f"{sum(map(Decimal, amounts), Decimal(0)):.10f}"


def budgets(
    year: Year = None,
    status: Annotated[BudgetStatus | None, typer.Option(help="Only this status.")] = None,
    under: Under = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """The budgets you may see, with their status."""
    api = api_of(who, profile, region)
    of = str(year_of(api, year))
    answer_list(
        *(api, "budgets", of),
        show=partial(show_budgets, int(of)),
        as_json=as_json,
        as_csv=as_csv,
        asked={"status": status, "element": under},
        beside={"year": int(of)},
    )


def show_budgets(year: int, items: Sequence[Mapping[str, Any]]) -> None:
    """Budgets as a table."""
    table = screen.table(f"Budgets {year}", "Product", "Status", right=("Annual", "Planned"))
    for one in items:
        table.add_row(
            screen.plain(" / ".join(one["names"])),
            one["status"],
            screen.cents(one["annual"]),
            screen.cents(one["planned"]),
        )
    table.add_section()
    sums = (screen.cents(_sum([one[name] for one in items])) for name in ("annual", "planned"))
    table.add_row("Total", "", *sums, style="bold")
    screen.console.print(table)


def plan(
    element: Annotated[str, typer.Argument(help="An element's id; without it, all of it.")] = WHOLE,
    year: Year = None,
    monthly: Annotated[bool, typer.Option("--monthly", help="Month by month.")] = False,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """What an element has, and what is below it: budgeted, approved, spent."""
    api = api_of(who, profile, region)
    of = str(year_of(api, year))
    show = show_months if monthly else show_plan
    answer_whole(api, "plans", of, element, show=show, as_json=as_json, as_csv=as_csv)


FIGURES = ("annual", "planned", "unallocated", "spent", "variance", "eoy_forecast")


def show_plan(told: Mapping[str, Any]) -> None:
    """An element's year, its children's, and what nobody owns."""
    below = told["children"][0]["label"] if told["children"] else told["label"]
    table = screen.table(
        f"Plan {told['year']}: {told['name']}, by {below.lower()}",
        "Name",
        right=("Annual", "Planned", "To plan", "Spent", "Variance", "EOY forecast"),
    )
    for child in told["children"]:
        table.add_row(screen.plain(child["name"]), *_figures(child))
    for one in told["unallocated"]:
        words = f"Spend without an owner, {one['currency'] or 'no currency'}"
        table.add_row(words, "", "", "", screen.cents(one["total"]), "", "")
    table.add_section()
    table.add_row(screen.plain(told["name"]), *_figures(told), style="bold")
    screen.console.print(table)
    counts = ", ".join(f"{number} {status}" for status, number in told["statuses"].items())
    screen.console.print(f"[dim]{told['products']} products: {counts}[/dim]")


def _figures(node: Mapping[str, Any]) -> list[str]:
    return [screen.cents(node["figures"][name]) for name in FIGURES]


def show_months(told: Mapping[str, Any]) -> None:
    """An element month by month: approved, spent, the difference, and what nobody owns."""
    without = {f"Without owner, {one['currency']}": one["months"] for one in told["unallocated"]}
    columns: dict[str, Sequence[str | None]] = {
        "Approved": told["approved"] or [None] * MONTHS,
        "Spent": told["spent"],
        "Variance": told["variance"],
        "Spent without budget": told["unbudgeted_spend"],
        **without,
    }
    table = screen.table(
        f"Plan {told['year']}: {told['name']}, by month", "Month", right=tuple(columns)
    )
    for number, month in enumerate(told["months"]):
        table.add_row(month, *(screen.cents(amounts[number]) for amounts in columns.values()))
    table.add_section()
    sums = (_sum([one for one in amounts if one is not None]) for amounts in columns.values())
    table.add_row("Year", *map(screen.cents, sums), style="bold")
    screen.console.print(table)
