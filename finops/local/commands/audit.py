"""`finops audit`: who did what, when and why, and whether the records are whole."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Annotated, Any

import typer

from finops.domain.money import text
from finops.local import screen
from finops.local.api import Api
from finops.local.commands.options import As, Csv, Json, Profile, Region, Under, api_of
from finops.local.errors import TamperedError

PAGE = 1_000

app = typer.Typer(invoke_without_command=True, help="Who did what, when and why.")


@app.callback()
def trail(
    context: typer.Context,
    entity: Annotated[
        str | None, typer.Option(help="Only this, e.g. person#ada@example.com.")
    ] = None,
    actor: Annotated[str | None, typer.Option(help="Only what they did.")] = None,
    element: Under = None,
    since: Annotated[str | None, typer.Option(help="From this day on, YYYY-MM-DD.")] = None,
    until: Annotated[str | None, typer.Option(help="To this day, which is included.")] = None,
    most: Annotated[int, typer.Option(help="At most so many, the newest.", min=1)] = 100,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Changes in your scope, newest first."""
    if context.invoked_subcommand is not None:
        return
    api = api_of(who, profile, region)
    asked = {"entity": entity, "actor": actor, "element": element, "since": since, "until": until}
    if as_csv:
        screen.write(api.csv("audit", **asked, limit=PAGE))
        return
    records = api.items("audit", **asked, limit=min(PAGE, most))
    items = list(islice(records, most))
    if as_json:
        screen.answer({"items": items})
        return
    table = screen.table("Audit trail, newest first", "When", "Who", "Did", "Which", "Change")
    for item in items:
        table.add_row(
            item["at"][:19].replace("T", " "),
            screen.plain(item["actor"].partition("@")[0]),
            item["action"],
            screen.plain(f"{item['entity']}"),
            screen.plain("\n".join(_said(item))),
        )
    screen.console.print(table)


def _said(item: Mapping[str, Any]) -> Iterator[str]:
    """The reason of a change, and what of the entity is another than before."""
    if item["reason"]:
        yield f"“{item['reason']}”"
    before = json.loads(item["before"]) if item["before"] else {}
    for name, value in json.loads(item["after"]).items():
        old = before.get(name)
        if not before or value == old or name in UNSAID:
            continue
        is_short = all(isinstance(one, str | int | None) for one in (old, value))
        yield f"{name}: {_word(name, old)} → {_word(name, value)}" if is_short else name


# Times, who and why, which the record says itself, and where a document is kept.
UNSAID = frozenset(
    {
        *("changed_at", "submitted_at", "submitted_by", "drafted_by", "requested_by"),
        *("document", "load_id", "reason"),
    }
)
AMOUNTS = frozenset({"annual", "monthly"})  # in ticks


def _word(name: str, value: str | int | None) -> str:
    if value is None:
        return "nothing"
    return screen.cents(text(int(value))) if name in AMOUNTS else str(value)


@app.command()
def verify(
    since: Annotated[str | None, typer.Option(help="From this day on, YYYY-MM-DD.")] = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Walk every chain of records, and compare its end with what is in force."""
    told = walk(api_of(who, profile, region), since)
    if as_json:
        screen.answer(told)
    else:
        show_verification(told)
    if number := len(told["findings"]):
        raise TamperedError(
            f"{number} place{'s' if number > 1 else ''} where the records were tampered with"
        )


def walk(api: Api, since: str | None = None) -> dict[str, Any]:
    """All chains, walked: how many, their records, and every finding once.

    What has a state is walked by its state, and again by the months of its records.
    """
    chains = records = 0
    findings: dict[str, dict[str, Any]] = {}
    for page in api.pages("audit", "verification", since=since):
        chains += page["chains"]
        records += page["records"]
        for finding in page["findings"]:
            findings[json.dumps(finding, sort_keys=True)] = finding
    return {"chains": chains, "records": records, "findings": list(findings.values())}


def show_verification(told: Mapping[str, Any]) -> None:
    """How many chains were walked, and each place where one is broken."""
    whole = "" if told["findings"] else ", nothing tampered with"
    screen.console.print(f"{told['chains']:,} chains, {told['records']:,} records{whole}")
    if not told["findings"]:
        return
    table = screen.table("Tampered with", "Which", "Record", "Fault", "What is wrong")
    for one in told["findings"]:
        table.add_row(
            screen.plain(one["entity"]), str(one["sequence"]), one["fault"], one["detail"]
        )
    screen.console.print(table)
