"""`finops preview`: what changes of who pays would do, in money, before anybody makes them."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from finops.domain.errors import InvalidError
from finops.local import screen
from finops.local.api import Api
from finops.local.commands.listing import PAGE
from finops.local.commands.options import As, Csv, Json, Profile, Region, api_of
from finops.local.errors import LoadError
from finops.local.sign_in import FINANCIAL_ADMIN
from finops.local.waiting import waited_for

SECONDS = 600
RUNNING, FAILED = "Running", "Failed"


def preview(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE|-", help="A JSON list of changes; -: from standard input."),
    ],
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """What if these changes were made now? Nothing changes; each product's money is told.

    A change is like {"kind": "MapAccount", "account_id": "444455556666", "start":
    "2026-09-01", "shares": [{"product_id": "retail.online.storefront.web-shop", "basis_points":
    10000}]}.
    """
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    changes = changes_in(file)
    if as_csv:
        made = made_preview(api, changes)
        screen.write(api.csv("previews", made["preview_id"], limit=PAGE))
    elif as_json:
        screen.answer(made_preview(api, changes))
    else:
        previewed(api, changes)


def changes_in(file: str) -> list[dict[str, Any]]:
    """The changes that a file holds. Raises InvalidError for one that holds no list of them."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        said = json.loads(text)
    except OSError as error:
        raise InvalidError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidError(f"{file} is no JSON: {error}") from error
    if not isinstance(said, list) or not all(isinstance(one, dict) for one in said):
        raise InvalidError(f"{file} holds no list of changes; write it as [{{...}}, {{...}}]")
    return said


def previewed(api: Api, changes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Asks what *changes* would do, waits for it, and prints it; what the API told."""
    told = made_preview(api, changes)
    show_preview(told)
    return told


def made_preview(api: Api, changes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The same, and prints nothing. Raises ApiError for a change that nobody could make.

    Raises LoadError for one that has failed, or takes too long.
    """
    asked = api.post("previews", body={"changes": list(changes)})

    def ended() -> dict[str, Any] | None:
        found = api.get("previews", asked["preview_id"], limit=PAGE)
        return None if found["status"] == RUNNING else found

    first = waited_for(
        ended, SECONDS, f"the preview {asked['preview_id']} is not done in {SECONDS} s"
    )
    if first["status"] == FAILED:
        raise LoadError(
            "the preview has failed: the rules may have changed meanwhile; ask once more, or see "
            "the execution of allocate_month"
        )
    items = list(first["items"])
    cursor = first["next_cursor"]
    while cursor is not None:
        page = api.get("previews", asked["preview_id"], limit=PAGE, cursor=cursor)
        items += page["items"]
        cursor = page["next_cursor"]
    return first | {"items": items, "next_cursor": None}


def show_preview(told: Mapping[str, Any]) -> None:
    """What moves, as a table: elements by month, what nobody pays behind them."""
    if not told["items"]:
        screen.console.print("No product of yours would pay another amount.")
        return
    table = screen.table(
        "What would change", *("Month", "Element"), right=("Before", "After", "Difference", "")
    )
    for one in told["items"]:
        deep = "  " * (one["level"] or 0)
        name = f"{deep}{one['name']}" if one["element"] is not None else nobody(one["reason"])
        table.add_row(
            one["billing_period"],
            screen.plain(name),
            *(screen.cents(one[word]) for word in ("before", "after", "difference")),
            one["currency"] or "",
        )
    for one in told["others"]:
        amounts = ("", "", screen.cents(one["difference"]), one["currency"] or "")
        table.add_row(one["billing_period"], "Others", *amounts)
    screen.console.print(table)
    for one in told["totals"]:
        screen.console.print(
            f"[dim]Exactly, {one['billing_period']}: {screen.money(one['before'])} before, "
            f"{screen.money(one['after'])} after, difference {one['difference']} "
            f"{one['currency'] or ''}[/dim]"
        )


def nobody(reason: str | None) -> str:
    """What stands in place of an element.

    >>> nobody(None), nobody("No share in force")
    ('Nobody', '  No share in force')
    """
    return "Nobody" if reason is None else f"  {reason}"
