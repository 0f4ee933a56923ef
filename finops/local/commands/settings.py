"""`finops settings`: what the organisation chose about its cards, and the files of a close."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from finops.domain.errors import InvalidError
from finops.domain.paces import MonthDays
from finops.local import screen
from finops.local.commands.options import As, Json, Profile, Reason, Region, api_of
from finops.local.sign_in import FINANCIAL_ADMIN

NEVER = "never"
PERCENT = re.compile(r"(?P<whole>\d{1,3})(?:\.(?P<parts>\d{1,2}))?%?")

app = typer.Typer(
    no_args_is_help=True, help="What the organisation chose about cards and the files of a close."
)
set_app = typer.Typer(no_args_is_help=True, help="Change them; what is not said stays as it is.")
app.add_typer(set_app, name="set")


@app.command()
def show(
    who: As = None, profile: Profile = None, region: Region = None, as_json: Json = False
) -> None:
    """All settings; with --json as `finops settings set close` takes them."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    _told(api.get("settings"), as_json)


@set_app.command("cards")
def set_cards(
    approve_zero: Annotated[
        bool | None,
        typer.Option("--approve-zero/--no-approve-zero", help="A zero card approves itself."),
    ] = None,
    month_days: Annotated[
        MonthDays | None, typer.Option(help="The days that a month's budget is meant for.")
    ] = None,
    accept_after: Annotated[
        str | None, typer.Option(help="Days after which a card accepts itself, or never.")
    ] = None,
    tolerance: Annotated[
        str | None, typer.Option(help="So far above the budget's pace it may, e.g. 2%.")
    ] = None,
    remind_after: Annotated[
        str | None, typer.Option(help="Days after which people are reminded, e.g. 2,4; or never.")
    ] = None,
    escalate_after: Annotated[
        str | None, typer.Option(help="Days after which a step goes up, e.g. 7,10,14; or never.")
    ] = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """When cards settle by themselves, and when people hear of them again."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    known = api.read("settings")
    body: dict[str, object] = {**known.body["cards"], "reason": reason}
    if approve_zero is not None:
        body["approves_zero"] = approve_zero
    if month_days is not None:
        body["month_days"] = month_days.value
    if accept_after is not None:
        found = days(accept_after, "--accept-after", most=1)
        body["accept_after"] = found[0] if found else None
    if tolerance is not None:
        body["tolerance"] = basis_points(tolerance)
    if remind_after is not None:
        body["remind_after"] = days(remind_after, "--remind-after")
    if escalate_after is not None:
        body["escalate_after"] = days(escalate_after, "--escalate-after")
    _told(api.put("settings", "cards", body=body, etag=known.etag), as_json)


@set_app.command("close")
def set_close(
    file: Annotated[
        Path, typer.Argument(help="A JSON file of settings; what it does not name stays.")
    ],
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """The columns of the files, cost centres, accounts of the journal, and exchange rates."""
    said = read(file)
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    known = api.read("settings")
    body = {**known.body["close"], **said, "reason": reason}
    _told(api.put("settings", "close", body=body, etag=known.etag), as_json)


def read(file: Path) -> dict[str, object]:
    """What *file* says of the close: all of it, or the part `close` of what `show --json` tells."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidError(f"{file}: {error.strerror}; name a file that can be read") from error
    except ValueError as error:
        raise InvalidError(f"{file} is no JSON: {error}") from error
    found = said.get("close", said) if isinstance(said, dict) else said
    if not isinstance(found, dict):
        raise InvalidError(f'{file} is no object; write it like {{"cost_centres": {{}}}}')
    return found


def days(said: str, option: str, most: int = 10) -> list[int]:
    """Days as people write them.

    >>> days("2, 4", "--remind-after"), days("never", "--remind-after")
    ([2, 4], [])
    """
    if said.strip().lower() == NEVER:
        return []
    parts = [part.strip() for part in said.split(",")]
    if len(parts) > most or not all(part.isdecimal() for part in parts):
        example = "3" if most == 1 else "2,4"
        raise InvalidError(f"{option} {said!r}: write days like {example}, or {NEVER}")
    return [int(part) for part in parts]


def basis_points(said: str) -> int:
    """A percentage as people write it.

    >>> basis_points("2%"), basis_points("7.5")
    (200, 750)
    """
    found = PERCENT.fullmatch(said.strip())
    if found is None:
        raise InvalidError(f"--tolerance {said!r}: write a percentage like 2% or 7.5%")
    return 100 * int(found["whole"]) + int((found["parts"] or "0").ljust(2, "0"))


def _told(settings: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        screen.answer(settings)
        return
    cards, close = settings["cards"], settings["close"]
    accepts = cards["accept_after"]
    screen.facts(
        {
            "Zero cards": "approve themselves" if cards["approves_zero"] else "wait for people",
            "Budget of a month": "for 30 days"
            if cards["month_days"] == MonthDays.THIRTY
            else "for the days of the calendar",
            "Accept themselves": f"after {accepts} days, up to {cards['tolerance'] / 100:g} %"
            " above the budget's pace"
            if accepts
            else NEVER,
            "Reminders": _days(cards["remind_after"]),
            "Escalations": _days(cards["escalate_after"]),
        }
    )
    screen.facts(
        {
            "Column plans": ", ".join(plan["kind"] for plan in close["plans"]) or "the usual ones",
            "Cost centres": str(len(close["cost_centres"])),
            "Reporting currency": close["reporting_currency"],
            "Exchange rates": ", ".join(
                f"{one['currency']} {one['rate']}" for one in close["rates"]
            )
            or None,
            **{f"Account of {name}": close["accounts"][name] for name in close["accounts"]},
        }
    )


def _days(said: Sequence[int]) -> str:
    return f"after {', '.join(map(str, said))} days" if said else NEVER
