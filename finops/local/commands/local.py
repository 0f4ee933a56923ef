"""`finops local`: the product on this machine, up and down."""

import typer

from finops.local import machine, screen
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
