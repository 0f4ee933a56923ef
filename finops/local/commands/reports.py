"""`finops report`: what a scope cost in a week or a month, to read, to keep, or sent to everybody."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from finops.domain.errors import InvalidError
from finops.domain.periods import SUNDAY, BillingPeriod
from finops.local import screen
from finops.local.api import Api
from finops.local.commands.options import As, Csv, Json, Profile, Region, api_of
from finops.local.errors import LoadError
from finops.local.sign_in import FINANCIAL_ADMIN
from finops.local.waiting import waited_for

SECONDS = 900
RUNNING, FAILED = "Running", "Failed"
WEEK = timedelta(7)
SHOWN = 10  # rows of a table
ENTERPRISE = "enterprise"

app = typer.Typer(no_args_is_help=True, help="Reports of what was spent and saved, on demand.")


@app.command()
def cost(
    element: Annotated[str, typer.Option(help="Of this element, by its id.")] = ENTERPRISE,
    week: Annotated[
        str | None,
        typer.Option(help="The business week of this day, YYYY-MM-DD; without it, the newest."),
    ] = None,
    month: Annotated[str | None, typer.Option(help="A month, YYYY-MM, instead of a week.")] = None,
    html: Annotated[
        Path | None, typer.Option(help="Keep it as a page with its plots, in this file.")
    ] = None,
    send: Annotated[
        bool, typer.Option("--send", help="Mail it to all readers that settings name.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="With --send: to those too who have had theirs.")
    ] = False,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """What a scope cost, against the span before: by owner, account, service, region and tag."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    span, end = asked_span(week, month)
    asked = {"element": element, "span": span, "end": end.isoformat() if end else None}
    if send:
        if element != ENTERPRISE:
            raise InvalidError("--send mails every reader their own scope; leave --element out")
        told = sent_reports(api, span, end, again=again)
        screen.answer(told) if as_json else show_run(told)
        return
    if html is not None:
        html.write_text(api.html("reports", "cost", **asked))
        screen.console.print(f"Written: {screen.plain(str(html))}")
    elif as_csv:
        screen.write(api.csv("reports", "cost", **asked))
    else:
        found = api.get("reports", "cost", **asked)
        screen.answer(found) if as_json else show_report(found)


def asked_span(week: str | None, month: str | None) -> tuple[str, date | None]:
    """What the API calls the span that somebody asks for: a week or a month, and the day after it.

    >>> asked_span("2026-03-04", None), asked_span(None, "2026-02")
    (('week', datetime.date(2026, 3, 8)), ('month', datetime.date(2026, 3, 1)))

    Raises InvalidError.
    """
    if week is not None and month is not None:
        raise InvalidError("name a week or a month, not both")
    if month is not None:
        return "month", BillingPeriod(month).end
    if week is None:
        return "week", None
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", week, re.ASCII):
        raise InvalidError(f"week {week!r}: write one of its days as YYYY-MM-DD")
    try:
        day = date.fromisoformat(week)
    except ValueError as error:
        raise InvalidError(f"week {week}: there is no such day") from error
    return "week", day - timedelta((day.weekday() - SUNDAY) % 7) + WEEK


def sent_reports(
    api: Api, span: str, end: date | None = None, *, again: bool = False
) -> dict[str, Any]:
    """Starts a run and waits until it is over; what the API told of it.

    Raises LoadError for one that has failed, or takes too long.
    """
    body = {"span": span, "end": end.isoformat() if end else None, "again": again}
    run_id = api.post("reports", "cost", "runs", body=body)["run_id"]

    def ended() -> dict[str, Any] | None:
        found = api.get("reports", "cost", "runs", run_id)
        return None if found["status"] == RUNNING else found

    told = waited_for(ended, SECONDS, f"the run {run_id} is not done in {SECONDS} s")
    if told["status"] == FAILED:
        raise LoadError(
            f"the run {run_id} has failed: {told['error'] or 'nobody knows why'}; what could be sent"
            " is sent, and another run sends only what is missing"
        )
    return told


def show_run(told: Mapping[str, Any]) -> None:
    """How many reports a run made and sent."""
    screen.console.print(
        f"{told['reports']} reports made, {told['sent']} sent, "
        f"{told['sent_before']} had theirs before"
    )


def show_report(found: Mapping[str, Any]) -> None:
    """A report as tables, the largest rows of each."""
    span = found["span"]
    console = screen.console
    console.print(screen.plain(f"Costs of {found['scope']}, {span['start']} until {span['end']}"))
    for note in found["notes"]:
        console.print(f"[yellow]{screen.plain(note)}[/yellow]")
    for section in found["sections"]:
        _show_section(section)
    for one in found["freshness"]:
        through = one["complete_through"] or "no whole day yet"
        said = f"{one['billing_period']} of {one['payer_id']}: complete through {through}"
        console.print(f"[dim]{screen.plain(said)}[/dim]")


def _show_section(section: Mapping[str, Any]) -> None:
    currency, ahead = section["currency"], section["ahead"]
    facts = {
        f"Spend, {currency}": screen.cents(section["total"]["amount"]),
        "Before": _known(section["total"]["before"]),
        "Change": _change(section["total"]),
        "Nobody owns": _known(section["unowned"]),
        "Credited by AWS": section["credits"] and screen.cents(section["credits"]["amount"]),
        "Net": section["net"] and screen.cents(section["net"]["amount"]),
    }
    if ahead is not None:
        low, high = screen.cents(ahead["low"]), screen.cents(ahead["high"])
        facts[f"{ahead['month']} comes to"] = (
            f"{screen.cents(ahead['expected'])}, four times of five between {low} and {high}"
        )
    if (driver := section["driver"]) is not None:
        what = "Most of the change" if driver["is_spread"] else "Main driver"
        facts[what] = "; ".join(
            screen.plain(f"{one['name']} {screen.cents(one['change'])}") for one in driver["parts"]
        )
    screen.facts({name: said for name, said in facts.items() if said})
    for one in section["breakdowns"]:
        title = f"By tag {one['tag_key']}" if one["tag_key"] else f"By {one['dimension'].lower()}"
        table = screen.table(
            screen.plain(title), "Name", "Told of", right=("Spend", "Before", "Change", "Share")
        )
        for row in one["rows"][:SHOWN]:
            table.add_row(
                screen.plain(row["name"]),
                "over a threshold" if row["is_marked"] else "",
                screen.cents(row["amount"]),
                _known(row["before"]),
                _change(row),
                "" if row["share"] is None else f"{row['share'] / 100:.1f} %",
            )
        screen.console.print(table)
        if (more := len(one["rows"]) - SHOWN) > 0:
            screen.console.print(f"[dim]… and {more} more; --csv has them all[/dim]")


def _known(amount: str | None) -> str:
    return "" if amount is None else screen.cents(amount)


def _change(figures: Mapping[str, Any]) -> str:
    if figures["change"] is None:
        return ""
    said = screen.cents(figures["change"])
    return said if figures["growth"] is None else f"{said} ({figures['growth'] / 100:+.1f} %)"
