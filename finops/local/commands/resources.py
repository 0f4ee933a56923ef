"""`finops resources`: what runs in the accounts of a month, what it cost, and who has claimed it."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from finops.domain.resources import ResourceOrder
from finops.local import screen
from finops.local.api import Api, ApiError
from finops.local.commands.listing import PAGE
from finops.local.commands.options import As, Csv, Json, Profile, api_of

SHOWN = 50
CONFLICT = 409
PATTERN = "a part of it, or with * and ? all of it; upper and lower case are the same"


def resources(
    text: Annotated[str | None, typer.Option(help=f"In id or name: {PATTERN}.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="In the id, likewise.")] = None,
    name: Annotated[str | None, typer.Option(help="In the name (tag Name), likewise.")] = None,
    service: Annotated[
        str | None, typer.Option(help="Its code, e.g. AmazonEC2; (none): without one.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="Its code, e.g. eu-west-1; (none): without one.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(help="KEY or KEY=VALUE, as they are written; repeated, all must hold."),
    ] = None,
    account: Annotated[
        list[str] | None, typer.Option(help="Only of this account; can be repeated.")
    ] = None,
    min_cost: Annotated[
        str | None, typer.Option(help="Billed cost of the month, at least, e.g. 12.50.")
    ] = None,
    max_cost: Annotated[str | None, typer.Option(help="Billed cost, at most.")] = None,
    claimed: Annotated[
        bool | None,
        typer.Option("--claimed/--unclaimed", help="Only with, or without, a claim by hand."),
    ] = None,
    order: Annotated[
        ResourceOrder, typer.Option(help="The dearest, the account and id, or the newest first.")
    ] = ResourceOrder.COST,
    month: Annotated[
        str | None, typer.Option(help="The billing period, YYYY-MM; without it, the newest.")
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help=f"All that fit, not just the first {SHOWN}.")
    ] = False,
    who: As = None,
    profile: Profile = None,
    region_: Annotated[str | None, typer.Option("--aws-region", help="The deployment's.")] = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Resources of a month, the dearest first, with who has claimed them."""
    api = api_of(who, profile, region_)
    asked = {
        "text": text,
        "resource_id": id_,
        "name": name,
        "service": service,
        "region": region,
        "tag": tag or None,
        "account": account or None,
        "min_cost": min_cost,
        "max_cost": max_cost,
        "claimed": None if claimed is None else str(claimed).lower(),
        "order": order.value,
        "month": month,
    }
    if as_csv:
        screen.write(api.csv("resources", **asked, limit=PAGE))
        return
    answer = found(api, asked, is_whole=all_ or as_json)
    if as_json:
        screen.answer(answer)
    else:
        show_resources(answer)


def found(api: Api, asked: Mapping[str, object], *, is_whole: bool) -> dict[str, Any]:
    """What the API finds, all its pages or a screen; started again where a newer bill comes."""
    if not is_whole:
        return api.get("resources", **asked, limit=SHOWN)
    while True:
        try:
            first, *others = api.pages("resources", **asked, limit=PAGE)
        except ApiError as error:
            if error.status != CONFLICT:
                raise
            continue
        items = [item for page in (first, *others) for item in page["items"]]
        return first | {"items": items, "next_cursor": None}


def show_resources(answer: Mapping[str, Any]) -> None:
    """Resources as a table, what all of them add up to, and how fresh that is."""
    month = answer["billing_period"]
    if month is None:
        screen.console.print("There is no bill yet: finops load brings one.")
        return
    table = screen.table(
        f"Resources of {month}",
        *("Account", "Resource", "Name", "Service", "Held by"),
        right=("Billed", ""),
    )
    for one in answer["items"]:
        table.add_row(
            one["account_id"] or "(none)",
            *(screen.plain(one[word] or "") for word in ("resource_id", "name")),
            screen.plain(one["service"] or "(none)"),
            screen.plain(held(one)),
            screen.cents(one["billed_cost"]),
            one["currency"] or "",
        )
    screen.console.print(table)
    shown, every = len(answer["items"]), answer["resources"]
    beyond = f", the first {shown} of them here; --all shows every one" if shown < every else ""
    screen.console.print(f"{every:,} found{beyond}")
    for total in answer["totals"]:
        screen.console.print(
            f"[dim]Exactly: {total['resources']:,} of billed {screen.money(total['billed_cost'])} "
            f"{total['currency'] or 'without a currency'}[/dim]"
        )
    for fresh in answer["freshness"]:
        screen.console.print(
            f"[dim]Payer {screen.plain(fresh['payer_id'])}: delivered {fresh['last_delivery'][:16]}, "
            f"complete through {fresh['complete_through']}[/dim]"
        )


def held(one: Mapping[str, Any]) -> str:
    """Whose a resource is, in a few words; of a container, what it is part of.

    >>> held({"held_by": None}), held({"held_by": "Claim", "claim": None, "claim_rule": None})
    ('', 'a claim')
    >>> held({"held_by": None, "part_of": "i-1"})
    'part of i-1: claim that'
    """
    if one["held_by"] is None:
        return f"part of {one['part_of']}: claim that" if one.get("part_of") else ""
    of = one["claim"] or one["claim_rule"]
    what = "a claim" if one["held_by"] == "Claim" else "a claim rule"
    if of is None:
        return what
    until = f" until {of['end']}" if of["end"] else ""
    return f"{of['workload'] or of['workload_id']} ({what} from {of['start']}{until})"
