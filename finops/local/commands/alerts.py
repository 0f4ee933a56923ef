"""`finops alerts`: what is told of spend while it happens, and what became of it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from finops.domain.alerts import AlertKind, AlertStatus
from finops.local import screen
from finops.local.commands.listing import answer_list, answer_whole
from finops.local.commands.options import As, Csv, Json, Profile, Reason, Region, Under, api_of
from finops.local.sign_in import FINANCIAL_ADMIN

AlertId = Annotated[str, typer.Argument(help="The alert's id, as the list has it.")]
Why = Annotated[str, typer.Option("--reason", help="Why; it is kept in the audit trail.")]

app = typer.Typer(
    invoke_without_command=True, help="What is told of spend while it happens, and who answers."
)


@app.callback()
def list_alerts(
    context: typer.Context,
    month: Annotated[
        str | None, typer.Option(help="Only this month, YYYY-MM; without it, the newest six.")
    ] = None,
    element: Under = None,
    status: Annotated[AlertStatus | None, typer.Option(help="Only this status.")] = None,
    kind: Annotated[AlertKind | None, typer.Option(help="Only this kind.")] = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """The alerts of your scope, by the moment they were raised."""
    if context.invoked_subcommand is not None:
        return
    _listed(month, element, status, kind, who, profile, region, as_json, as_csv)


@app.command("list")
def list_again(
    month: Annotated[
        str | None, typer.Option(help="Only this month, YYYY-MM; without it, the newest six.")
    ] = None,
    element: Under = None,
    status: Annotated[AlertStatus | None, typer.Option(help="Only this status.")] = None,
    kind: Annotated[AlertKind | None, typer.Option(help="Only this kind.")] = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """The same."""
    _listed(month, element, status, kind, who, profile, region, as_json, as_csv)


def _listed(
    month: str | None,
    element: str | None,
    status: AlertStatus | None,
    kind: AlertKind | None,
    who: str | None,
    profile: str | None,
    region: str | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    answer_list(
        api_of(who, profile, region, usually=FINANCIAL_ADMIN),
        "alerts",
        show=show_alerts,
        as_json=as_json,
        as_csv=as_csv,
        asked={"month": month, "element": element, "status": status, "kind": kind},
    )


def show_alerts(items: Sequence[Mapping[str, Any]]) -> None:
    """Alerts as a table."""
    table = screen.table("Alerts", "Alert", "Raised", "Status", "What", "Looked after by")
    for one in items:
        table.add_row(
            one["alert_id"],
            one["raised_at"][:16],
            one["status"],
            screen.plain(one["sentence"]),
            ", ".join(one["owners"]),
        )
    screen.console.print(table)


@app.command()
def show(
    alert_id: AlertId,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """One alert: its figures, who looks after it, and what was answered."""
    answer_whole(
        *(api_of(who, profile, region, usually=FINANCIAL_ADMIN), "alerts", alert_id),
        show=show_alert,
        as_json=as_json,
        as_csv=False,
    )


def show_alert(one: Mapping[str, Any]) -> None:
    """An alert as people read it."""
    if "sentence" in one:
        screen.console.print(f"[bold]{screen.plain(one['sentence'])}[/bold]", soft_wrap=True)
    owners = one["assigned_to"] or ", ".join(one.get("owners", ()))
    screen.facts(
        {
            "Alert": one["alert_id"],
            "Kind": one["kind"],
            "Status": one["status"],
            "Element": one["element"],
            "Raised": f"{one['raised_at'][:16]} UTC",
            "Told": f"{one['told']} mails and rooms" if one["told_at"] else "on its way",
            "Not reached": str(one["missed"]) if one["missed"] else None,
            "Looked after by": owners,
        }
    )
    for each in one["answers"]:
        screen.console.print(screen.plain(answer_in_words(each)), soft_wrap=True)


def answer_in_words(one: Mapping[str, Any]) -> str:
    """What was done with an alert as a sentence.

    >>> answer_in_words({"command": "Assign", "by": "a@example.com", "to": "b@example.com",
    ...     "at": "2026-03-10T09:00:00Z", "reason": None})
    '2026-03-10T09:00 UTC  Assign by a@example.com to b@example.com'
    """
    to = f" to {one['to']}" if one["to"] else ""
    why = f": {one['reason']}" if one["reason"] else ""
    return f"{one['at'][:16]} UTC  {one['command']} by {one['by']}{to}{why}"


@app.command()
def acknowledge(
    alert_id: AlertId,
    reason: Why,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Explain an alert, or say that you are at it."""
    _answer(alert_id, who, profile, region, as_json, command="Acknowledge", reason=reason)


@app.command()
def resolve(
    alert_id: AlertId,
    reason: Why,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Be done with an alert."""
    _answer(alert_id, who, profile, region, as_json, command="Resolve", reason=reason)


@app.command()
def assign(
    alert_id: AlertId,
    to: Annotated[str, typer.Argument(help="Who looks after it from now on, by mail address.")],
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Give an alert to somebody who sees it."""
    _answer(alert_id, who, profile, region, as_json, command="Assign", to=to, reason=reason)


def _answer(
    alert_id: str,
    who: str | None,
    profile: str | None,
    region: str | None,
    as_json: bool,
    **said: str | None,
) -> None:
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    etag = api.read("alerts", alert_id).etag
    made = api.post("alerts", alert_id, "answers", body=said, etag=etag)
    if as_json:
        screen.answer(made)
    else:
        show_alert(made)


@app.command()
def check(
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Have all spend looked at now."""
    told = api_of(who, profile, region, usually=FINANCIAL_ADMIN).post("alerts", "checks", body={})
    if as_json:
        screen.answer(told)
    else:
        screen.console.print("Spend is looked at in a moment: finops alerts has what is found")


@app.command("test")
def try_channel(
    channel: Annotated[str, typer.Argument(help="The channel, by its name in the settings.")],
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Send a test message to a channel."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    told = api.post("alerts", "channels", channel, "tests", body={})
    if as_json:
        screen.answer(told)
        return
    table = screen.table(f"Test of {screen.plain(channel)}", "To", "Sent", "Why not")
    for one in told["results"]:
        table.add_row(
            screen.plain(one["target"]),
            "yes" if one["is_sent"] else "no",
            screen.plain(one["why"] or ""),
        )
    screen.console.print(table)
