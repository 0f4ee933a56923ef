"""`finops local`: the product on this machine, up and down."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from finops.local import clock as local_clock
from finops.local import machine, screen
from finops.local.errors import LoadError
from finops.local.machine import Status
from finops.local.screen import Json
from finops.local.sign_in import FIRST_PEOPLE

app = typer.Typer(no_args_is_help=True, help="The product on this machine, without an AWS account.")


@app.command()
def up(as_json: Json = False) -> None:
    """Start the local AWS and deploy the synthesized template to it, as far as needed."""
    machine.up(screen.tell)
    _show(machine.status(), as_json)


@app.command()
def down(as_json: Json = False) -> None:
    """Stop the local AWS; everything stored is kept."""
    stopped = machine.down()
    if as_json:
        screen.answer({"stopped": stopped})
    else:
        screen.tell("Stopped; everything is kept." if stopped else "It was not running.")


@app.command()
def reset(as_json: Json = False) -> None:
    """Stop the local AWS and forget everything stored in it."""
    machine.reset()
    if as_json:
        screen.answer({"reset": True})
    else:
        screen.tell("Stopped, and everything forgotten.")


@app.command()
def status(as_json: Json = False) -> None:
    """Say whether it runs, and where its parts are."""
    _show(machine.status(), as_json)


@app.command()
def clock(
    moment: Annotated[
        str | None, typer.Argument(help="As 2026-08-10T06:00, in UTC; without it, say what it is.")
    ] = None,
    today: Annotated[
        bool, typer.Option("--today", help="The clock of this machine again.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what time it is for the product, or set it: a sample month is closed in its own time."""
    folder = machine.here().folder
    if today:
        local_clock.put_right(folder)
    elif moment is not None:
        local_clock.put(folder, _moment(moment))
    told = local_clock.now(folder)
    if as_json:
        screen.answer({"now": told.isoformat(), "is_of_machine": local_clock.is_right(folder)})
    else:
        whose = "that of this machine" if local_clock.is_right(folder) else "the product's own"
        screen.tell(f"{told:%Y-%m-%d %H:%M} UTC, {whose}")


def _moment(said: str) -> datetime:
    try:
        told = datetime.fromisoformat(said)
    except ValueError as error:
        raise LoadError(f"{said!r} is no moment; write it as 2026-08-10T06:00") from error
    return told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)


def _show(status: Status, as_json: bool) -> None:
    if as_json:
        screen.answer(status.json())
        return
    if not status.running:
        screen.tell("Not running: `finops local up` starts it.")
        return
    if not status.deployed:
        screen.tell("Running, not deployed: `finops local up` deploys it.")
    screen.facts(
        {
            "Local AWS": status.aws_endpoint,
            "API": status.api,
            "Sign in as": _named(status.people),
            "Passwords in": status.sign_ins,
            "Billing bucket": status.billing_bucket,
            "Chart bucket": status.sorfile_bucket,
            "Region": status.region,
            "Account": status.account_id,
            "Log": status.log,
        }
    )


def _named(people: tuple[str, ...]) -> str | None:
    """Who is there from the start, and how many more; None for nobody."""
    first = [one for one in people if one in FIRST_PEOPLE]
    more = len(people) - len(first)
    return ", ".join(first) + (f" and {more} more" if more else "") or None
