"""`finops tags`: how much has its tags, what lacks them, which look alike, and what to type."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from finops.domain.errors import InvalidError
from finops.local import screen
from finops.local.api import Api
from finops.local.commands.listing import PAGE, answer_whole
from finops.local.commands.options import As, Csv, Json, Profile, Region, api_of

SHOWN = 50

Month = Annotated[
    str | None, typer.Option(help="The billing period, YYYY-MM; without it, the newest.")
]
Keys = Annotated[
    list[str] | None,
    typer.Option("--key", help="As the bill spells it; repeated. Without it, those required."),
]
Key = Annotated[str, typer.Argument(help="The key, as the bill spells it, like user:Team.")]

app = typer.Typer(
    no_args_is_help=True, help="How much has its tags, and what to do where they are missing."
)


class Grouping(StrEnum):
    """What coverage is told apart by."""

    TOTAL = "total"
    ACCOUNT = "account"
    SERVICE = "service"
    OWNER = "owner"


@app.command()
def coverage(
    by: Annotated[Grouping, typer.Option(help="What it is told apart by.")] = Grouping.TOTAL,
    key: Keys = None,
    month: Month = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """How much of what runs has the required tags, in count and in money."""
    api = api_of(who, profile, region)
    asked: dict[str, object] = {"by": by.value, "key": key or None, "month": month}
    if as_csv:
        screen.write(api.csv("tags", "coverage", **asked, limit=PAGE))
        return
    told = every_page(api, "coverage", asked)
    screen.answer(told) if as_json else show_coverage(told)


@app.command()
def missing(
    key: Keys = None,
    month: Month = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """The required keys that are missing most, by money."""
    api = api_of(who, profile, region)
    asked = {"key": key or None, "month": month}
    answer_whole(
        *(api, "tags", "missing"), show=show_missing, as_json=as_json, as_csv=as_csv, asked=asked
    )


@app.command()
def untagged(
    top: Annotated[int, typer.Option(help="So many, of each currency.")] = SHOWN,
    key: Keys = None,
    month: Month = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """The dearest resources that lack a required key, and who is asked about each."""
    api = api_of(who, profile, region)
    asked = {"top": top, "key": key or None, "month": month}
    answer_whole(
        *(api, "tags", "untagged"), show=show_untagged, as_json=as_json, as_csv=as_csv, asked=asked
    )


@app.command()
def keys(
    month: Month = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """All keys as they are spelled, and which of them may be one."""
    api = api_of(who, profile, region)
    answer_whole(
        *(api, "tags", "keys"),
        show=show_keys,
        as_json=as_json,
        as_csv=as_csv,
        asked={"month": month},
    )


@app.command()
def values(
    key: Key,
    month: Month = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """The values of a key as they are spelled, and which of them may be one."""
    api = api_of(who, profile, region)
    asked: dict[str, object] = {"key": key, "month": month}
    if as_csv:
        screen.write(api.csv("tags", "values", **asked, limit=PAGE))
        return
    told = every_page(api, "values", asked)
    screen.answer(told) if as_json else show_values(told)


@app.command()
def commands(
    key: Key,
    account: Annotated[
        list[str] | None, typer.Option(help="Only of this account; can be repeated.")
    ] = None,
    top: Annotated[int, typer.Option(help="For so many of the dearest.")] = 500,
    month: Month = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """What to type so that resources have a key: a shell script, to be looked through first."""
    api = api_of(who, profile, region)
    asked = {"key": key, "account": account or None, "top": top, "month": month}
    if as_csv:
        screen.write(api.csv("tags", "commands", **asked))
        return
    told = api.get("tags", "commands", **asked)
    screen.answer(told) if as_json else screen.write(script(told))


@app.command()
def scan(
    ask: Annotated[
        bool, typer.Option("--now", help="Ask the tagging API now; the answer comes in minutes.")
    ] = False,
    key: Keys = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """What the tagging API knows of resources that cost nothing, by region."""
    api = api_of(who, profile, region)
    told = api.post("tags", "scans", body={}) if ask else api.get("tags", "scans", key=key or None)
    if as_json:
        screen.answer(told)
    elif ask:
        screen.console.print("Asked for: finops tags scan tells what was answered.")
    else:
        show_scan(told)


def report(
    html: Annotated[Path | None, typer.Option(help="Keep it as a page, in this file.")] = None,
    month: Month = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """A month's tags on a few pages: coverage, the dearest without them, keys that look alike."""
    api = api_of(who, profile, region)
    if html is not None:
        html.write_text(api.html("tags", "report", month=month))
        screen.console.print(f"Written: {screen.plain(str(html))}")
        return
    told = api.get("tags", "report", month=month)
    if as_json:
        screen.answer(told)
        return
    for part in told["coverage"]:
        show_coverage(part)
    show_untagged(told["untagged"])
    show_keys(told["keys"])


def every_page(api: Api, what: str, asked: Mapping[str, object]) -> dict[str, Any]:
    """What a page says of tags, with the items of all pages."""
    pages = list(api.pages("tags", what, **asked, limit=PAGE))
    return {**pages[-1], "items": [one for page in pages for one in page["items"]]}


# Shown --------------------------------------------------------------------------------------------


def show_coverage(told: Mapping[str, Any]) -> None:
    """Coverage as a table: all required keys together."""
    if told["billing_period"] is None:
        screen.console.print("There is no bill yet: finops load brings one.")
        return
    table = screen.table(
        f"Tags of {told['billing_period']} by {told['by'].lower()}",
        told["by"],
        right=("Resources", "With all", "Cost", "Covered", "Untaggable", ""),
    )
    for one in told["items"]:
        every = one["all_keys"]
        table.add_row(
            screen.plain(one["of"] or ("all" if told["by"] == "Total" else "(none)")),
            f"{one['resources']:,}",
            percent(every["resources_covered"]),
            screen.cents(one["cost"]),
            percent(every["cost_covered"]),
            screen.cents(one["untaggable_cost"]),
            one["currency"] or "",
        )
    screen.console.print(table)
    required = ", ".join(told["required_keys"]) or "any tag; finops settings set tags names keys"
    screen.console.print(f"[dim]Required: {screen.plain(required)}[/dim]")


def show_missing(told: Mapping[str, Any]) -> None:
    """The keys that are missing as a table."""
    table = screen.table("Missing keys", "Key", right=("Resources", "Cost", ""))
    for one in told["items"]:
        key, cost = screen.plain(one["key"]), screen.cents(one["cost"])
        table.add_row(key, f"{one['resources']:,}", cost, one["currency"] or "")
    screen.console.print(table)


def show_untagged(told: Mapping[str, Any]) -> None:
    """Resources that lack a key as a table."""
    names = ("Account", "Resource", "Service", "Owner", "Missing")
    table = screen.table("The dearest without", *names, right=("Cost", ""))
    for one in told["items"]:
        said = (one["account_id"], one["resource_id"], one["service"], one["owner"])
        table.add_row(
            *(screen.plain(each or "(none)") for each in said),
            screen.plain(", ".join(one["missing"])),
            screen.cents(one["cost"]),
            one["currency"] or "",
        )
    screen.console.print(table)


def show_keys(told: Mapping[str, Any]) -> None:
    """Keys as a table, and what is odd about them."""
    table = screen.table("Keys", "Key", "Said", right=("Resources", "Values"))
    for one in told["items"]:
        number, values = f"{one['resources']:,}", f"{one['values']:,}"
        table.add_row(screen.plain(one["key"]), screen.plain(odd(one)), number, values)
    screen.console.print(table)
    for group in told["not_told_apart"]:
        said = " and ".join(group)
        screen.console.print(f"Some exports of AWS make one of {screen.plain(said)}.")
    if told["unused"]:
        said = ", ".join(told["unused"])
        screen.console.print(f"In the settings, on no resource: {screen.plain(said)}.")


def show_values(told: Mapping[str, Any]) -> None:
    """Values as a table."""
    table = screen.table(
        f"Values of {screen.plain(told['key'])}", "Value", "Said", right=("Resources",)
    )
    for one in told["items"]:
        table.add_row(screen.plain(one["value"]), screen.plain(odd(one)), f"{one['resources']:,}")
    screen.console.print(table)
    if not told["all_compared"]:
        screen.console.print("[dim]Too many to compare all of them with each other.[/dim]")


def show_scan(told: Mapping[str, Any]) -> None:
    """A scan as a table; a region that did not answer says why."""
    if told["account_id"] is None:
        screen.console.print("Nothing was scanned that you see: finops tags scan --now asks.")
        return
    title = f"Resources of {told['account_id']} that cost nothing, {told['scanned_at'][:16]}"
    table = screen.table(title, "Region", "Said", right=("Resources", "With all"))
    for one in told["regions"]:
        if one["answered"]:
            table.add_row(one["region"], "", f"{one['resources']:,}", f"{one['complete']:,}")
        else:
            table.add_row(one["region"], screen.plain(f"did not answer: {one['why']}"), "?", "?")
    screen.console.print(table)


def odd(one: Mapping[str, Any]) -> str:
    """What is to be known of a key or value, in a few words.

    >>> odd({"means": "user:Team", "looks_like": None, "is_rare": False})
    'means user:Team'
    >>> odd({"means": None, "looks_like": "web", "is_rare": True, "is_required": True})
    'required, looks like web, rare'
    """
    said = (
        "required" if one.get("is_required") else "",
        f"means {one['means']}" if one["means"] else "",
        f"looks like {one['looks_like']}" if one["looks_like"] else "",
        "rare" if one["is_rare"] else "",
    )
    return ", ".join(filter(None, said))


def percent(part: str | None) -> str:
    """A part of 1 in per cent.

    >>> percent("0.9731"), percent(None)
    ('97.3 %', '–')
    """
    if part is None:
        return "–"
    points = int(Decimal(part) * 10_000)
    return f"{points // 100}.{points % 100 // 10} %"


def script(told: Mapping[str, Any]) -> str:
    """Commands as a script; what is not to be run is a comment, whatever it is called.

    Raises InvalidError for a command that is more than a line, which none is that the API makes.
    """
    lines = [f"# {told['lacking']:,} resources lack {told['key']!a}"]
    for one in told["items"]:
        if "\n" in one["command"]:
            raise InvalidError("a command has two lines; do not run any of them")
        number = len(one["resources"])
        lines += [f"# account {one['account_id']}, {one['region']}: {number}", one["command"]]
    for one in told["not_possible"]:
        lines.append(f"# not {one['resource_id']!a}: {one['why']!a}")
    return "\n".join(lines) + "\n"
