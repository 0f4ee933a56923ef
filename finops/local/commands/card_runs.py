"""`finops cards make`: spend cards made now, for who does not wait for Monday."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from finops.local import screen
from finops.local.api import Api
from finops.local.commands.options import As, Json, Profile, Region, api_of
from finops.local.errors import LoadError
from finops.local.sign_in import FINANCIAL_ADMIN
from finops.local.waiting import waited_for

SECONDS = 900
RUNNING, FAILED = "Running", "Failed"


def make(
    period: Annotated[
        str | None,
        typer.Option(
            help="A month, YYYY-MM, or a week by one of its days, YYYY-MM-DD; without it, all that "
            "is due."
        ),
    ] = None,
    wait: Annotated[bool, typer.Option(help="Until the cards are made.")] = True,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Make the spend cards that are due, and bring open ones up to the bill.

    It happens by itself on Mondays and after each allocation. Cards that are there already are not
    made twice.
    """
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    told = made_cards(api, period) if wait else started_run(api, period)
    if as_json:
        screen.answer(told)
    elif wait:
        show_run(told)
    else:
        screen.console.print(f"Started: run {screen.plain(told['run_id'])}")


def started_run(api: Api, period: str | None) -> dict[str, Any]:
    """What the API told of a run that begins. Raises ApiError."""
    return api.post("spend-card-runs", body={} if period is None else {"period": period})


def made_cards(api: Api, period: str | None = None) -> dict[str, Any]:
    """Starts a run and waits until it is over; what the API told of it.

    Raises LoadError for one that has failed, or takes too long.
    """
    run_id = started_run(api, period)["run_id"]

    def ended() -> dict[str, Any] | None:
        found = api.get("spend-card-runs", run_id)
        return None if found["status"] == RUNNING else found

    told = waited_for(ended, SECONDS, f"the run {run_id} is not done in {SECONDS} s")
    if told["status"] == FAILED:
        raise LoadError(
            f"the run {run_id} has failed: {told['error'] or 'nobody knows why'}; see the execution "
            "of make_spend_cards, and start it again: every step is safe to run again"
        )
    return told


def show_run(told: Mapping[str, Any]) -> None:
    """What a run did, week by week."""
    if not told["weeks"]:
        screen.console.print("All spend cards are there, and up to the bill.")
        return
    counts = ("made", "restated", "reopened", "settled")
    table = screen.table(
        "Spend cards",
        *("Week", "Until before", "Waits, for"),
        right=tuple(word.capitalize() for word in counts),
    )
    for week in told["weeks"]:
        table.add_row(
            week["start"],
            week["end"],
            screen.plain(week["waiting"] or ""),
            *(str(week[word] or "") for word in counts),
        )
    screen.console.print(table)
    screen.console.print(
        f"[dim]{told['made']} made, {told['restated']} brought up to the bill, "
        f"{told['reopened']} opened again, {told['settled']} of them settled by themselves[/dim]"
    )
