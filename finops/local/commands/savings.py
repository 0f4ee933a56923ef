"""`finops savings`: what could be saved, whose it is, what to do, and what is decided on it."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from finops.domain.errors import InvalidError
from finops.domain.savings import SavingStatus
from finops.local import screen
from finops.local.api import Api
from finops.local.commands.listing import PAGE, answer_whole
from finops.local.commands.options import As, Csv, Json, Profile, Reason, Region, Under, api_of
from finops.local.commands.realised import show_case, show_realised
from finops.local.sign_in import CLOUD_ENGINEER, FINANCIAL_ADMIN
from finops.usecases.realised_savings import MOST_MONTHS, RealisedBy
from finops.usecases.savings import GroupBy

ENTERPRISE = "enterprise"

SavingId = Annotated[str, typer.Argument(help="The saving's id, as the list has it.")]
SavingIds = Annotated[
    list[str] | None, typer.Argument(help="The savings' ids; none: those that the options find.")
]
Status = Annotated[SavingStatus | None, typer.Option(help="Only this status.")]
Account = Annotated[str | None, typer.Option(help="Only of this account.")]
ActionType = Annotated[
    str | None, typer.Option("--action", help="Only this kind of step, e.g. Rightsize.")
]
In = Annotated[str | None, typer.Option("--in", metavar="REGION", help="Only of this region.")]
Currency = Annotated[str | None, typer.Option(help="Only in this currency.")]
Least = Annotated[str | None, typer.Option(help="Only what saves as much a month.")]

app = typer.Typer(
    invoke_without_command=True, help="What could be saved, and what is decided on it."
)


@app.callback()
def list_savings(
    context: typer.Context,
    status: Status = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also what is ignored, implemented or gone.")
    ] = False,
    account: Account = None,
    element: Under = None,
    action: ActionType = None,
    in_region: In = None,
    currency: Currency = None,
    least: Least = None,
    by: Annotated[GroupBy | None, typer.Option(help="Only sums, by this.")] = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """What can be saved in your scope, the largest first; each resource counts once."""
    if context.invoked_subcommand is not None:
        return
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    asked = _asked(account, element, action, in_region, currency, least)
    asked |= {"status": status, "open": None if every or status else "true"}
    if by is not None:
        answer_whole(
            *(api, "savings", "totals"),
            show=partial(show_totals, by.value),
            as_json=as_json,
            as_csv=as_csv,
            asked=asked | {"by": by.value},
        )
        return
    if as_csv:
        screen.write(api.csv("savings", **asked, limit=PAGE))
        return
    first, *following = api.pages("savings", **asked, limit=PAGE)
    whole = first | {"items": [one for page in (first, *following) for one in page["items"]]}
    if as_json:
        screen.answer(whole | {"next_cursor": None})
    else:
        show_savings(whole)


def _asked(
    account: str | None,
    element: str | None,
    action: str | None,
    region: str | None,
    currency: str | None,
    least: str | None,
) -> dict[str, object]:
    """The filters that lists and decisions have in common."""
    return {
        "account": account,
        "element": element,
        "action_type": action,
        "region": region,
        "currency": currency,
        "least": least,
    }


def show_savings(told: Mapping[str, Any]) -> None:
    """Cases as a table, amounts to the cent; sums and sources below it."""
    table = screen.table(
        *("Savings", "Saving", "What to do", "Where", "Owner", "Status"),
        right=("A month", ""),
    )
    for one in told["items"]:
        table.add_row(
            one["saving_id"],
            screen.plain(_what(one)),
            screen.plain(one["account_name"] or one["account_id"]),
            _owner(one),
            one["status"],
            screen.cents(one["monthly_savings"]),
            one["currency"],
        )
    screen.console.print(table)
    show_sums(told["totals"])
    show_sources(told["sources"])


def _what(one: Mapping[str, Any]) -> str:
    """A case in a line.

    >>> _what({"action_type": "Stop", "resource_id": "i-1", "resource_type": "Ec2Instance",
    ...        "current": "m5.large", "recommended": None})
    'Stop i-1'
    >>> _what({"action_type": "PurchaseSavingsPlans", "resource_id": None, "resource_type": None,
    ...        "current": None, "recommended": "$2 an hour"})
    'PurchaseSavingsPlans: $2 an hour'
    """
    what = one["resource_id"] or one["resource_type"]
    said = f"{one['action_type']} {what}" if what else one["action_type"]
    change = _change(one)
    return f"{said}: {change}" if change else said


def _change(one: Mapping[str, Any]) -> str:
    """From what to what; nothing where the action says it all."""
    if one["recommended"] in (None, one["action_type"]):
        return ""
    return " to ".join(filter(None, (one["current"], one["recommended"])))


def _owner(one: Mapping[str, Any]) -> str:
    """Who is asked, by the last part of the id; how many there are, where it is split."""
    owners = one["owners"]
    if not owners:
        return "nobody"
    named = str(one["asked"] or owners[0]["product_id"]).rpartition(".")[2]
    return named if len(owners) == 1 else f"{named} and {len(owners) - 1} more"


def show_sums(totals: Sequence[Mapping[str, Any]]) -> None:
    """What cases come to, a line for each currency."""
    for one in totals:
        open_ = f"{screen.cents(one['open_monthly_savings'])} {one['currency']} a month"
        more = screen.cents(one["monthly_savings"])
        of_all = f" (of {more}, with what is decided)" if more not in open_ else ""
        screen.console.print(f"{one['open_resources']} open: {open_}{of_all}")


def show_sources(sources: Sequence[Mapping[str, Any]]) -> None:
    """How old what is told is, and who did not answer."""
    for one in sources:
        told = f"{one['payer_id']}: "
        told += f"{one['via']} of {one['day']}" if one["day"] else "nothing was ever taken"
        if one["why_not"]:
            screen.console.print(screen.plain(f"{told}; no answer: {one['why_not']}"), style="bold")
        else:
            screen.console.print(screen.plain(told), style="dim")


def show_totals(by: str, told: Mapping[str, Any]) -> None:
    """Sums of groups as a table."""
    right = ("Resources", "A month", "Open", "Open a month")
    table = screen.table(f"Savings by {by}", "Name", "Currency", right=right)
    for one in told["items"]:
        table.add_row(
            screen.plain(one["name"] or one["key"] or "nobody"),
            one["currency"],
            str(one["resources"]),
            screen.cents(one["monthly_savings"]),
            str(one["open_resources"]),
            screen.cents(one["open_monthly_savings"]),
        )
    screen.console.print(table)
    show_sources(told["sources"])


def show_top(told: Mapping[str, Any]) -> None:
    """The largest open cases below a summary; nothing, where there are none."""
    if told["items"]:
        table = screen.table("Largest savings", "Saving", "What to do", right=("A month", ""))
        for one in told["items"]:
            amount = screen.cents(one["monthly_savings"])
            table.add_row(one["saving_id"], screen.plain(one["title"]), amount, one["currency"])
        screen.console.print(table)
        show_sums(told["totals"])
    silent = [one for one in told["sources"] if one["why_not"]]
    show_sources(silent)


@app.command()
def show(
    saving_id: SavingId,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """One case: all that is recommended, what became of it, and how it is done."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    found = api.get("savings", saving_id)
    _told(found, as_json)
    if as_json:
        return
    table = screen.table("Options", "Action", "Change", "Effort", right=("A month", ""))
    for one in found["options"]:
        table.add_row(
            screen.plain(f"{one['action_type']}{' *' if one['is_counted'] else ''}"),
            screen.plain(_change(one)),
            screen.plain(one["effort"] or ""),
            screen.cents(one["monthly_savings"]),
            one["currency"],
        )
    screen.console.print(table)
    show_case(found["realised"])
    for one in found["history"]:
        why = f": {one['reason']}" if one["reason"] else ""
        told = f"{one['at'][:10]} {one['action']} by {one['by']}{why}"
        screen.console.print(screen.plain(told), style="dim")
    todo = found["task"]
    screen.console.print(f"\n[bold]{screen.plain(todo['title'])}[/bold]")
    if todo["people"]:
        screen.console.print(screen.plain(f"Ask {', '.join(todo['people'])}"))
    for number, step in enumerate(todo["steps"], start=1):
        screen.console.print(screen.plain(f"{number}. {step}"))
    for command in todo["commands"]:
        screen.console.print(screen.plain(f"   {command}"), soft_wrap=True)


@app.command()
def realised(
    by: Annotated[
        RealisedBy, typer.Option(help="What is added up by; `saving` lists them.")
    ] = RealisedBy.MONTH,
    months: Annotated[
        int, typer.Option(min=1, max=MOST_MONTHS, help="How many months, the newest ones.")
    ] = 12,
    until: Annotated[
        str | None, typer.Option(help="The last of them, YYYY-MM; without it, the newest.")
    ] = None,
    element: Under = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """What implemented savings saved, measured in the bill, beside what was expected of them."""
    answer_whole(
        *(api_of(who, profile, region, usually=FINANCIAL_ADMIN), "savings", "realised"),
        show=show_realised,
        as_json=as_json,
        as_csv=as_csv,
        asked={"by": by.value, "months": months, "until": until, "element": element},
    )


@app.command()
def approve(
    saving_ids: SavingIds = None,
    option: Annotated[
        str | None, typer.Option(help="Which of its options, e.g. Stop; without it, the largest.")
    ] = None,
    reason: Reason = None,
    account: Account = None,
    element: Under = None,
    action: ActionType = None,
    in_region: In = None,
    currency: Currency = None,
    least: Least = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Approve savings, so that they are implemented: those named, or all New ones that fit."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    body: dict[str, object] = {"decision": "Approve", "action_type": option, "reason": reason}
    fits = _asked(account, element, action, in_region, currency, least)
    _decide(api, saving_ids, body, fits, as_json)


@app.command()
def ignore(
    reason: Annotated[str, typer.Option(help="Why; it is kept in the audit trail.")],
    until: Annotated[str, typer.Option(help="Its last day, YYYY-MM-DD, within a year.")],
    saving_ids: SavingIds = None,
    account: Account = None,
    element: Under = None,
    action: ActionType = None,
    in_region: In = None,
    currency: Currency = None,
    least: Least = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Set savings aside for a reason, until a day or until they grow: those named, or all that fit."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    body: dict[str, object] = {"decision": "Ignore", "until": until, "reason": reason}
    fits = _asked(account, element, action, in_region, currency, least)
    _decide(api, saving_ids, body, fits, as_json)


@app.command()
def implement(
    saving_id: SavingId,
    on: Annotated[
        str | None, typer.Option(help="The day it was done, YYYY-MM-DD; without it, today.")
    ] = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Say that what was approved is done, and when: from then on the bill tells what it saves."""
    api = api_of(who, profile, region, usually=CLOUD_ENGINEER)
    _one(api, saving_id, {"decision": "Implement", "on": on, "reason": reason}, as_json)


@app.command()
def reopen(
    saving_id: SavingId,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Let it be decided on anew."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    _one(api, saving_id, {"decision": "Reopen", "reason": reason}, as_json)


def _decide(
    api: Api,
    saving_ids: Sequence[str] | None,
    body: dict[str, object],
    asked: Mapping[str, object],
    as_json: bool,
) -> None:
    """One case by its own path; many, or all that fit, at once."""
    fits = {name: value for name, value in asked.items() if value is not None}
    if saving_ids and fits:
        raise InvalidError("name savings, or say which are found by options, not both")
    if not saving_ids and not fits:
        raise InvalidError(
            "name the savings, or say which: by --account, --element, --action, --in, --currency or "
            f"--least; --element {ENTERPRISE} is all of them"
        )
    if saving_ids and len(saving_ids) == 1:
        _one(api, saving_ids[0], body, as_json)
        return
    if saving_ids:
        versions = {one: api.get("savings", one)["version"] for one in saving_ids}
        body |= {"savings": [{"saving_id": id_, "version": v} for id_, v in versions.items()]}
    else:
        body |= {"found": fits}
    told = api.post("savings", "decisions", body=body)
    if as_json:
        screen.answer(told)
        return
    screen.console.print(f"{len(told['decided'])} decided, {len(told['refused'])} refused")
    for one in told["refused"]:
        screen.console.print(screen.plain(f"{one['saving_id']}: {one['detail']}"))
    if told["left"]:
        screen.console.print(f"{told['left']} are left; do it again for them")


def _one(api: Api, saving_id: str, body: Mapping[str, object], as_json: bool) -> None:
    etag = api.read("savings", saving_id).etag
    _told(api.post("savings", saving_id, "decisions", body=body, etag=etag), as_json)


def _told(saving: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        screen.answer(saving)
        return
    until = f" until {saving['ignored_until']}" if saving["ignored_until"] else ""
    on = f" on {saving['implemented_on']}" if saving["implemented_on"] else ""
    screen.facts(
        {
            "Saving": saving["saving_id"],
            "What": _what(saving),
            "Account": saving["account_id"],
            "Region": saving["region"],
            "Status": f"{saving['status']}{until}{on}",
            "Saves": f"{screen.money(saving['monthly_savings'])} {saving['currency']} a month",
            "Decided by": saving["decided_by"],
            "Reason": saving["reason"],
            "Restart": {True: "needed", False: "not needed", None: None}[saving["restart_needed"]],
            "Way back": {True: "yes", False: "no", None: None}[saving["rollback_possible"]],
        }
    )


@app.command()
def collect(
    who: As = None, profile: Profile = None, region: Region = None, as_json: Json = False
) -> None:
    """Ask AWS now what could be saved; the list says what it answered."""
    api = api_of(who, profile, region, usually=CLOUD_ENGINEER)
    told = api.post("savings", "collections", body={})
    if as_json:
        screen.answer(told)
    else:
        screen.console.print("AWS is asked; `finops savings` says what it answered.")


# The report ---------------------------------------------------------------------------------------


def report(
    element: Annotated[str, typer.Option(help="An element by its id.")] = ENTERPRISE,
    html: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write it as a page into this file.")
    ] = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """What is open, what was decided, and what is done: sums, and the largest of each."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    if html is not None:
        html.write_text(api.html("savings", "report", element=element))
        screen.tell(f"Written: {html}")
        return
    answer_whole(
        *(api, "savings", "report"),
        show=show_report,
        as_json=as_json,
        as_csv=as_csv,
        asked={"element": element},
    )


def show_report(told: Mapping[str, Any]) -> None:
    """Sums by status and owner, then what waits."""
    sources = told["sources"]
    for by, name in (("by_status", "status"), ("open_by_owner", "owner")):
        show_totals(name, {"items": told[by], "sources": ()})
    if told["realised"]["by_month"] or told["realised"]["unmeasured"]:
        show_realised(told["realised"] | {"by": "month", "items": told["realised"]["by_month"]})
    for name in ("new", "approved", "ignored", "implemented"):
        if told[name]:
            table = screen.table(name.capitalize(), "Saving", "What to do", right=("A month", ""))
            for one in told[name]:
                amount = screen.cents(one["monthly_savings"])
                table.add_row(one["saving_id"], screen.plain(_what(one)), amount, one["currency"])
            screen.console.print(table)
    show_sources(sources)
