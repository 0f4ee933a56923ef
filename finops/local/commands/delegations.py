"""`finops delegations`: who acts for whom while somebody is absent."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from finops.domain.errors import NotFoundError
from finops.local import screen
from finops.local.commands.listing import answer_list
from finops.local.commands.options import As, Csv, Json, Profile, Reason, Region, api_of
from finops.local.sign_in import FINANCIAL_ADMIN

app = typer.Typer(no_args_is_help=True, help="Who acts for whom while somebody is absent.")


@app.command("list")
def list_delegations(
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Those that you granted or were granted; administrators see all."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    answer_list(api, "delegations", show=show_delegations, as_json=as_json, as_csv=as_csv)


def show_delegations(items: Sequence[Mapping[str, Any]]) -> None:
    """Delegations as a table; the end is the first day that the absent one is back."""
    table = screen.table(
        *("Delegations", "Delegation", "Absent", "Delegate", "From", "Back on", "In force"),
        *("Set by", "Reason"),
    )
    for one in items:
        table.add_row(
            one["delegation_id"],
            one["absent"],
            one["delegate"],
            one["start"],
            one["end"],
            "yes" if one["is_in_force"] else "no",
            one["set_by"],
            screen.plain(one["reason"] or ""),
        )
    screen.console.print(table)


@app.command()
def grant(
    delegate: Annotated[str, typer.Argument(help="Who acts, by mail address.")],
    end: Annotated[
        str, typer.Option("--until", help="The first day that the absent one is back, YYYY-MM-DD.")
    ],
    start: Annotated[
        str | None, typer.Option("--from", help="The first day, YYYY-MM-DD; without it, today.")
    ] = None,
    absent: Annotated[
        str | None, typer.Option("--for", help="For whom; without it, for yourself.")
    ] = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Let somebody see and sign cards in the place of who is absent."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    said = {"delegate": delegate, "absent": absent, "start": start, "end": end, "reason": reason}
    body = {name: value for name, value in said.items() if value is not None}
    _told(api.post("delegations", body=body), as_json)


@app.command()
def end(
    delegation_id: Annotated[str, typer.Argument(help="The delegation, as the list has it.")],
    day: Annotated[
        str | None, typer.Option(help="From this day on it is over; without it, today.")
    ] = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """End a delegation early: the absent one is back."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    found = [one for one in api.items("delegations") if one["delegation_id"] == delegation_id]
    if not found:
        raise NotFoundError(
            f"there is no delegation {delegation_id}; finops delegations list has yours"
        )
    body = {name: value for name, value in (("day", day), ("reason", reason)) if value is not None}
    etag = f'"{found[0]["version"]}"'
    _told(api.post("delegations", delegation_id, "end", body=body, etag=etag), as_json)


def _told(one: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        screen.answer(one)
        return
    screen.facts(
        {
            "Delegation": one["delegation_id"],
            "Absent": one["absent"],
            "Delegate": one["delegate"],
            "From": one["start"],
            "Back on": one["end"],
            "Reason": one["reason"],
        }
    )
