"""`finops report history`: months or fiscal quarters side by side, by what bills tell apart."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from finops.domain.errors import InvalidError
from finops.domain.history import Step
from finops.local import screen
from finops.local.commands.options import As, Csv, Json, Profile, Region, api_of
from finops.local.commands.reports import ENTERPRISE
from finops.local.sign_in import FINANCIAL_ADMIN

SHOWN = 20  # rows of a table
LAST = 4  # spans that stand side by side on a screen


def history(
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="What spend is taken apart by (service), up to three times: unit, department,"
            " portfolio, product, account, service, region, class, tag:KEY …"
        ),
    ] = None,
    months: Annotated[int, typer.Option(min=1, max=120, help="How many months.")] = 6,
    until: Annotated[
        str | None, typer.Option(help="The last one, YYYY-MM; without it, the newest loaded.")
    ] = None,
    step: Annotated[Step, typer.Option(help="Each month, or each fiscal quarter.")] = Step.MONTH,
    element: Annotated[str, typer.Option(help="Of this element, by its id.")] = ENTERPRISE,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Only this DIMENSION=VALUE; again for more; (none): without one."),
    ] = None,
    currency: Annotated[str | None, typer.Option(help="Only this currency.")] = None,
    html: Annotated[
        Path | None, typer.Option(help="Keep it as a page with its plots, in this file.")
    ] = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Month over month or quarter over quarter; what is not loaded is a gap, and not zero."""
    if html is not None and (as_json or as_csv):
        raise InvalidError("--html writes a page; leave --json and --csv out")
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    asked: dict[str, object] = {
        "by": by or None,
        "months": months,
        "until": until,
        "step": step.value,
        "element": element,
        "where": where or None,
        "currency": currency,
    }
    if html is not None:
        html.write_text(api.html("reports", "history", **asked))
        screen.console.print(f"Written: {screen.plain(str(html))}", soft_wrap=True)
    elif as_csv:
        screen.write(api.csv("reports", "history", **asked))
    else:
        found = api.get("reports", "history", **asked)
        screen.answer(found) if as_json else show_history(found)


def show_history(found: Mapping[str, Any]) -> None:
    """The totals of all spans, and the largest rows of the last ones."""
    console = screen.console
    console.print(screen.plain(f"What {found['scope']} cost, {found['step']} by {found['step']}"))
    for note in [*found["gaps"], *found["notes"]]:
        console.print(f"[yellow]{screen.plain(note)}[/yellow]")
    for one in found["items"]:
        console.print(_totals(one, found["spans"]))
        console.print(_rows(one, found))
        if (more := len(one["rows"]) - SHOWN) > 0:
            console.print(f"[dim]… and {more} more; --csv has them all[/dim]")


def _totals(one: Mapping[str, Any], spans: Sequence[Mapping[str, Any]]) -> Table:
    table = screen.table(
        screen.plain(f"Spend in {one['currency']}, without what AWS credited"),
        *("Span", "Is"),
        right=("Days", "Spend", "Change", "A day", "Change a day"),
    )
    for span, told in zip(spans, one["total"], strict=True):
        known = "gap" if told["amount"] is None else "a part" if span["is_part"] else "whole"
        change = told["change"]
        cells = ("", "", "")
        if change is not None:
            cells = (
                _signed(change["change"], change["percent"]),
                screen.cents(change["per_day"]),
                _signed(change["per_day_change"], change["per_day_percent"]),
            )
        amount = screen.cents(told["amount"])
        table.add_row(screen.plain(span["span"]), known, str(span["days"]), amount, *cells)
    return table


def _rows(one: Mapping[str, Any], found: Mapping[str, Any]) -> Table:
    shown = range(len(found["spans"]))[-LAST:]
    table = screen.table(
        screen.plain(f"By {', '.join(found['by'])}, in {one['currency']}"),
        "Name",
        right=[found["spans"][n]["span"] for n in shown] + ["Change a day"],
    )

    def add(name: str, spans: Sequence[Mapping[str, Any]]) -> None:
        amounts = (_known(spans[n]["amount"]) for n in shown)
        last = spans[-1]["change"] if spans else None
        moved = "" if last is None else _signed(last["per_day_change"], last["per_day_percent"])
        table.add_row(screen.plain(name), *amounts, moved)

    for row in one["rows"][:SHOWN]:
        add(" · ".join(row["names"]), row["spans"])
    if one["others"] is not None:
        number = one["others"]["rows"]
        add("1 other" if number == 1 else f"{number} others", one["others"]["spans"])
    add("Total", one["total"])
    if one["net"] is not None:
        add("Credited by AWS", one["aws_credits"])
        add("Net", one["net"])
    return table


def _known(amount: str | None) -> str:
    return "–" if amount is None else screen.cents(amount)


def _signed(amount: str, percent: str | None) -> str:
    said = screen.cents(amount)
    said = said if said.startswith("-") else f"+{said}"
    return said if percent is None else f"{said} ({percent} %)"
