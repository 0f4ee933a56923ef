"""`finops views` and `finops summary`: what of the spend is signed, what is not, what was planned."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from finops.local import screen
from finops.local.api import Api
from finops.local.commands.claims import fresh_in_words
from finops.local.commands.listing import PAGE
from finops.local.commands.options import As, Csv, Json, Profile, Region, api_of
from finops.local.commands.savings import show_top

ENTERPRISE = "enterprise"

Month = Annotated[
    str | None, typer.Option(help="The billing period, YYYY-MM; without it, the newest.")
]
Year = Annotated[
    int | None, typer.Option(help="The whole fiscal year, instead of a month.", metavar="YYYY")
]
Annual = Annotated[bool, typer.Option("--annual", help="The fiscal year that the month is in.")]
Element = Annotated[str, typer.Option(help="An element by its id; without one, all you may see.")]
Depth = Annotated[int, typer.Option(min=0, max=4, help="Levels below the element.")]
Svg = Annotated[
    Path | None,
    typer.Option("--svg", dir_okay=False, help="Draw it into this file, with the same numbers."),
]

app = typer.Typer(
    no_args_is_help=True, help="What of the spend is signed, what is not, and what was planned."
)


def _answer(
    api: Api,
    view: str,
    show: Callable[[Mapping[str, Any]], None],
    asked: Mapping[str, object],
    *,
    as_json: bool,
    as_csv: bool,
    svg: Path | None = None,
    is_paged: bool = False,
) -> None:
    """A view drawn into a file, in CSV, in JSON, or told to *show*; all its pages put together."""
    if svg is not None:
        svg.write_text(api.svg("views", view, **asked))
        screen.tell(f"Drawn: {svg}")
        return
    query = {**asked, "limit": PAGE} if is_paged else dict(asked)
    if as_csv:
        screen.write(api.csv("views", view, **query))
        return
    told = _whole(api, view, query) if is_paged else api.get("views", view, **query)
    if as_json:
        screen.answer(told)
        return
    show(told)
    _show_about(told)


def _whole(api: Api, view: str, query: Mapping[str, object]) -> dict[str, Any]:
    first, *following = api.pages("views", view, **query)
    items = [one for page in (first, *following) for one in page["items"]]
    return first | {"items": items, "next_cursor": None}


def _of(element: str, month: str | None, year: int | None, annual: bool) -> dict[str, object]:
    """An element's month, or its fiscal year."""
    span = "year" if annual or year is not None else None
    return {"element": element, "month": month, "year": year, "span": span}


@app.command()
def summary(
    element: Element = ENTERPRISE,
    month: Month = None,
    year: Year = None,
    annual: Annual = False,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """What of the spend is on cards of which status, what waits, what is on none, and the trend."""
    _answer(
        api_of(who, profile, region),
        "summary",
        show_summary,
        _of(element, month, year, annual),
        as_json=as_json,
        as_csv=as_csv,
    )


@app.command()
def snapshot(
    element: Element = ENTERPRISE,
    month: Month = None,
    year: Year = None,
    annual: Annual = False,
    depth: Depth = 1,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Every element with its spend, budget, pace, cards by status and owner."""
    _answer(
        api_of(who, profile, region),
        "snapshot",
        show_snapshot,
        _of(element, month, year, annual) | {"depth": depth},
        as_json=as_json,
        as_csv=as_csv,
        is_paged=True,
    )


@app.command()
def statuses(
    element: Element = ENTERPRISE,
    month: Month = None,
    year: Year = None,
    annual: Annual = False,
    svg: Svg = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Cards by status, and who owes the next step, the longest waiting first."""
    _answer(
        api_of(who, profile, region),
        "cards-by-status",
        show_statuses,
        _of(element, month, year, annual),
        as_json=as_json,
        as_csv=as_csv,
        svg=svg,
        is_paged=True,
    )


@app.command()
def variance(
    element: Element = ENTERPRISE,
    month: Month = None,
    year: Year = None,
    annual: Annual = False,
    depth: Depth = 1,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Spend against budget, of the month and of the year up to it, level by level."""
    _answer(
        api_of(who, profile, region),
        "variance",
        show_variance,
        _of(element, month, year, annual) | {"depth": depth},
        as_json=as_json,
        as_csv=as_csv,
        is_paged=True,
    )


@app.command()
def heat_map(
    element: Element = ENTERPRISE,
    month: Month = None,
    year: Year = None,
    annual: Annual = False,
    svg: Svg = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Products by spend and pace, within their portfolios."""
    _answer(
        api_of(who, profile, region),
        "heat-map",
        show_heat_map,
        _of(element, month, year, annual),
        as_json=as_json,
        as_csv=as_csv,
        svg=svg,
        is_paged=True,
    )


@app.command()
def weekly(
    element: Element = ENTERPRISE,
    month: Month = None,
    year: Year = None,
    annual: Annual = False,
    depth: Depth = 1,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """The cards of each business week, level by level."""
    _answer(
        api_of(who, profile, region),
        "weekly-cards",
        show_weekly,
        _of(element, month, year, annual) | {"depth": depth},
        as_json=as_json,
        as_csv=as_csv,
        is_paged=True,
    )


@app.command()
def trend(
    element: Element = ENTERPRISE,
    month: Month = None,
    year: Year = None,
    annual: Annual = False,
    svg: Svg = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Spend by week, a month beside the one before it; every day in JSON, CSV and the picture."""
    _answer(
        api_of(who, profile, region),
        "trend",
        show_trend,
        _of(element, month, year, annual),
        as_json=as_json,
        as_csv=as_csv,
        svg=svg,
    )


@app.command()
def schedule(
    element: Element = ENTERPRISE,
    month: Month = None,
    year: Year = None,
    svg: Svg = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Spend against the approved schedule, month by month of the fiscal year."""
    _answer(
        api_of(who, profile, region),
        "schedule",
        show_schedule,
        _of(element, month, year, annual=True),
        as_json=as_json,
        as_csv=as_csv,
        svg=svg,
    )


# Shown ----------------------------------------------------------------------------------------------


def _title(told: Mapping[str, Any], what: str) -> str:
    months: Sequence[str] = told["months"]
    when = f"fiscal year {told['year']}" if told["span"] == "year" else months[-1]
    return screen.plain(f"{what}: {told['name']}, {when}")


def _show_about(told: Mapping[str, Any]) -> None:
    """What it comes to exactly, and how fresh that is."""
    for one in told["totals"]:
        if one["bill_spend"] is not None:
            screen.console.print(
                f"[dim]Exactly: {screen.money(one['spend'])} of owners + "
                f"{screen.money(one['unallocated'])} of nobody = {screen.money(one['bill_spend'])} "
                f"{one['currency']} on the bill, difference {screen.money(one['difference'])}; "
                f"credited by AWS: {screen.money(one['aws_credits'])}[/dim]"
            )
        else:
            screen.console.print(
                f"[dim]Exactly: {screen.money(one['spend'])} {one['currency']}[/dim]"
            )
    for one in told["freshness"]:
        screen.console.print(f"[dim]{screen.plain(fresh_in_words(one))}[/dim]")


def show_summary(told: Mapping[str, Any]) -> None:
    """The parts of the spend, as a table that adds up."""
    table = screen.table(_title(told, "Summary"), "What", right=("Cards", "Amount", ""))
    totals = {one["currency"]: one for one in told["totals"]}
    for one in told["items"]:
        for cards in one["on_cards"]:
            table.add_row(
                _status(cards), str(cards["cards"]), screen.cents(cards["amount"]), one["currency"]
            )
        parts = {
            "Adjustments that wait for a card": one["waiting"],
            "Corrections of closed months": one["corrections"],
            "On no card yet": one["uncarded"],
            "Nobody's": totals[one["currency"]]["unallocated"],
        }
        for name, amount in parts.items():
            if amount is not None:
                table.add_row(name, "", screen.cents(amount), one["currency"])
    screen.console.print(table)
    for one in told["items"]:
        screen.console.print(f"{_trend(one['trend'])} {one['currency']}; {_pace(one)}")
    show_top(told["savings"])


def _trend(one: Mapping[str, Any]) -> str:
    """As many days as the bills cover, next to those of the month or year before.

    >>> _trend({"days": 20, "spend": "12.0", "before": "10.0", "difference": "2.0",
    ...         "percent": "20.00"})
    'First 20 days: 12.00, 2.00 (20.00 %) more than before'
    """
    told = f"First {one['days']} days: {screen.cents(one['spend'])}"
    percent = f" ({one['percent'].lstrip('-')} %)" if one["percent"] is not None else ""
    change = screen.cents(one["difference"])
    less = "less" if change.startswith("-") else "more"
    return f"{told}, {change.lstrip('-')}{percent} {less} than before"


def _pace(one: Mapping[str, Any]) -> str:
    if one["budget"] is None:
        return str(one["word"])
    return f"{one['word']}: {screen.cents(one['budget'])} are approved"


def _status(cards: Mapping[str, Any]) -> str:
    return f"{cards['status']} cards{', provisional' if cards['is_provisional'] else ''}"


def _element(one: Mapping[str, Any], top: int) -> str:
    return screen.plain("  " * max(one["level"] - top, 0) + one["name"])


def _tree(
    told: Mapping[str, Any],
    table: Table,
    cells: Callable[[Mapping[str, Any]], Sequence[str]],
) -> None:
    """A row for each element, set in as deep as it lies."""
    for one in told["items"]:
        table.add_row(_element(one, told["level"]), *cells(one))
    screen.console.print(table)


def show_snapshot(told: Mapping[str, Any]) -> None:
    """Elements, as a table."""
    names = ("Element", "Pace", "Cards", "Owner")
    right = ("Spend", "Budget", "Variance", "Uncarded", "")
    table = screen.table(_title(told, "Snapshot"), *names, right=right)

    def cells(one: Mapping[str, Any]) -> Sequence[str]:
        cards = ", ".join(f"{each['cards']} {each['status'].lower()}" for each in one["on_cards"])
        owners = ", ".join(each["name"] or each["email"] for each in one["owners"])
        amounts = (screen.cents(one[name]) for name in ("spend", "budget", "variance", "uncarded"))
        return (one["word"], cards, screen.plain(owners), *amounts, one["currency"])

    _tree(told, table, cells)


def show_variance(told: Mapping[str, Any]) -> None:
    """Elements against their budgets, as a table."""
    right = ("Spend", "Budget", "Variance", "%", "Year to date", "Variance", "%", "")
    table = screen.table(_title(told, "Variance"), "Element", right=right)

    def cells(one: Mapping[str, Any]) -> Sequence[str]:
        month, year = one["month"], one["year_to_date"]
        return (
            *(screen.cents(month[name]) for name in ("spend", "budget", "variance")),
            month["variance_percent"] or "",
            *(screen.cents(year[name]) for name in ("spend", "variance")),
            year["variance_percent"] or "",
            one["currency"],
        )

    _tree(told, table, cells)


def show_heat_map(told: Mapping[str, Any]) -> None:
    """Portfolios and products by pace, as a table."""
    right = ("Spend", "Budget", "")
    table = screen.table(_title(told, "Heat map"), "Element", "Pace", right=right)

    def cells(one: Mapping[str, Any]) -> Sequence[str]:
        amounts = (screen.cents(one[name]) for name in ("spend", "budget"))
        return (one["word"], *amounts, one["currency"])

    _tree({**told, "level": 3}, table, cells)


def show_weekly(told: Mapping[str, Any]) -> None:
    """Elements by week: what their cards come to, and what is on none yet."""
    weeks = told["items"][0]["weeks"] if told["items"] else []
    right = [f"{week['start'][5:]}" for week in weeks]
    table = screen.table(
        _title(told, "Cards by week"), "Element", right=(*right, "Σ", "Uncarded", "")
    )

    def cells(one: Mapping[str, Any]) -> Sequence[str]:
        total = one["total"]
        return (
            *(_week(week) for week in one["weeks"]),
            *(screen.cents(total["amount"]), screen.cents(total["uncarded"]), one["currency"]),
        )

    _tree(told, table, cells)


def _week(week: Mapping[str, Any]) -> str:
    if not week["cards"]:
        return "–"
    status = (week["status"] or "mixed").lower()
    return f"{screen.cents(week['amount'])}\n{status}"


def show_statuses(told: Mapping[str, Any]) -> None:
    """Cards by status, and those that wait, as two tables."""
    table = screen.table(
        _title(told, "Cards by status"), "Status", "Owed at", right=("Cards", "Amount", "")
    )
    for one in told["statuses"]:
        level = one["level"]
        owed = "" if level is None else f"E{level}" if level else "financial admins"
        amount = screen.cents(one["amount"])
        table.add_row(_status(one), owed, str(one["cards"]), amount, one["currency"])
    screen.console.print(table)
    if not told["items"]:
        return
    waiting = screen.table(
        "Who owes the next step", "Since", "Name", "Week", "Step", "Owner", right=("Amount", "")
    )
    for one in told["items"]:
        owners = ", ".join(each["name"] or each["email"] for each in one["owners"]) or "nobody"
        waiting.add_row(
            one["since"][:10],
            screen.plain(one["name"]),
            one["start"],
            one["step"],
            screen.plain(owners),
            screen.cents(one["amount"]),
            one["currency"],
        )
    screen.console.print(waiting)


def show_trend(told: Mapping[str, Any]) -> None:
    """Weeks, as a table, with what the schedule has up to the end of each."""
    right = ("Spend", "To date", "Schedule", "")
    table = screen.table(_title(told, "Trend"), "Week", right=right)
    for month in told["items"]:
        days = {day["day"]: day for day in month["days"]}
        for week in month["weeks"]:
            [*_, last] = [day for name, day in days.items() if week["start"] <= name < week["end"]]
            table.add_row(
                week["week"],
                screen.cents(week["amount"]),
                screen.cents(last["to_date"]),
                screen.cents(last["schedule"]),
                month["currency"],
            )
    screen.console.print(table)
    for one in told["trends"]:
        screen.console.print(f"{_trend(one)} {one['currency']}")


def show_schedule(told: Mapping[str, Any]) -> None:
    """Months against their schedules, as a table."""
    right = ("Approved", "Spend", "Variance", "%", "")
    table = screen.table(_title(told, "Schedule"), "Month", "Closed", right=right)
    for one in told["items"]:
        amounts = (screen.cents(one[name]) for name in ("approved", "spend", "variance"))
        table.add_row(
            one["month"],
            "closed" if one["is_closed"] else "",
            *(*amounts, one["variance_percent"] or "", one["currency"]),
        )
    screen.console.print(table)
