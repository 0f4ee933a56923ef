"""`finops settings`: what the organisation chose: cards, closes, reports, tags and alerts."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from finops.domain.errors import InvalidError
from finops.domain.paces import MonthDays
from finops.domain.people import Role
from finops.domain.report_settings import Rhythm
from finops.local import screen
from finops.local.commands.options import As, Json, Profile, Reason, Region, api_of
from finops.local.sign_in import FINANCIAL_ADMIN

NEVER = "never"
NONE = "none"
PERCENT = re.compile(r"(?P<whole>\d{1,3})(?:\.(?P<parts>\d{1,2}))?%?")
PartFile = Annotated[
    Path | None, typer.Argument(help="A JSON file of settings; what it does not name stays.")
]

EXAMPLES = {
    "close": "cost_centres",
    "reports": "groups",
    "tags": "required_keys",
    "alerts": "levels",
}

app = typer.Typer(
    no_args_is_help=True,
    help="What the organisation chose about cards, closes, reports, tags and alerts.",
)
set_app = typer.Typer(no_args_is_help=True, help="Change them; what is not said stays as it is.")
app.add_typer(set_app, name="set")


@app.command()
def show(
    who: As = None, profile: Profile = None, region: Region = None, as_json: Json = False
) -> None:
    """All settings; with --json as `finops settings set` takes them."""
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
    _set("close", file, {}, reason, who, profile, region, as_json=as_json)


@set_app.command("reports")
def set_reports(
    file: PartFile = None,
    roles: Annotated[
        str | None,
        typer.Option(help="Roles whose people get reports, e.g. product_owner; or none."),
    ] = None,
    rhythms: Annotated[
        str | None, typer.Option(help="When they come: Weekly,Monthly; or none.")
    ] = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Who gets which cost report, and what is told of in it."""
    said: dict[str, object] = {}
    if roles is not None:
        said["roles"] = words(roles, "--roles", tuple(Role))
    if rhythms is not None:
        said["rhythms"] = words(rhythms, "--rhythms", tuple(Rhythm))
    _set("reports", file, said, reason, who, profile, region, as_json=as_json)


@set_app.command("tags")
def set_tags(
    file: PartFile = None,
    report_keys: Annotated[
        str | None,
        typer.Option(help="What spend is taken apart by, e.g. user:Team,user:Stage; or none."),
    ] = None,
    required_keys: Annotated[
        str | None, typer.Option(help="What every resource should have; or none.")
    ] = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """The tags that spend is told by, those that are required, and other spellings."""
    said: dict[str, object] = {}
    if report_keys is not None:
        said["report_keys"] = words(report_keys, "--report-keys")
    if required_keys is not None:
        said["required_keys"] = words(required_keys, "--required-keys")
    _set("tags", file, said, reason, who, profile, region, as_json=as_json)


@set_app.command("alerts")
def set_alerts(
    file: PartFile = None,
    levels: Annotated[
        str | None, typer.Option(help="Of the month's schedule, e.g. 50%,80%,100%; or none.")
    ] = None,
    forecast: Annotated[
        bool | None,
        typer.Option("--forecast/--no-forecast", help="Tell of a month that will be beyond it."),
    ] = None,
    pace: Annotated[
        bool | None, typer.Option("--pace/--no-pace", help="Tell of a pace that crosses it.")
    ] = None,
    credit_days: Annotated[
        str | None, typer.Option(help="Days before a credit ends, e.g. 30,7; or never.")
    ] = None,
    late_hours: Annotated[
        int | None, typer.Option(help="Hours without a delivery until a bill is late.")
    ] = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """From when on spend is told of while it happens, and to whom besides its owners."""
    said: dict[str, object] = {}
    if levels is not None:
        said["levels"] = [basis_points(one, "--levels") for one in words(levels, "--levels")]
    if forecast is not None:
        said["forecast"] = forecast
    if pace is not None:
        said["pace"] = pace
    if credit_days is not None:
        said["credit_days"] = days(credit_days, "--credit-days", most=20)
    if late_hours is not None:
        said["late_hours"] = late_hours
    _set("alerts", file, said, reason, who, profile, region, as_json=as_json)


def _set(
    part: str,
    file: Path | None,
    options: Mapping[str, object],
    reason: str | None,
    who: str | None,
    profile: str | None,
    region: str | None,
    *,
    as_json: bool,
) -> None:
    """Change a part to what *file* says of it, and *options*; what neither names stays."""
    if file is None and not options:
        raise InvalidError(f"say what changes: a FILE.json, or an option of {part} (see --help)")
    said = {**(read(file, part) if file else {}), **options}
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    known = api.read("settings")
    body = {**known.body[part], **said, "reason": reason}
    _told(api.put("settings", part, body=body, etag=known.etag), as_json)


def read(file: Path, part: str) -> dict[str, object]:
    """What *file* says of *part*: all of it, or that part of what `show --json` tells."""
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidError(f"{file}: {error.strerror}; name a file that can be read") from error
    except ValueError as error:
        raise InvalidError(f"{file} is no JSON: {error}") from error
    found = said.get(part, said) if isinstance(said, dict) else said
    if not isinstance(found, dict):
        raise InvalidError(f'{file} is no object; write it like {{"{EXAMPLES[part]}": …}}')
    return found


def words(said: str, option: str, known: Sequence[str] = ()) -> list[str]:
    """What people write with commas between; of *known* words only, where there are any.

    >>> words("user:Team, user:Stage", "--report-keys"), words("none", "--report-keys")
    (['user:Team', 'user:Stage'], [])
    """
    if said.strip().lower() == NONE:
        return []
    parts = [part.strip() for part in said.split(",")]
    if not all(parts) or (known and not set(parts) <= set(known)):
        allowed = f"some of {', '.join(known)}" if known else "them with commas between"
        raise InvalidError(f"{option} {said!r}: write {allowed}, or {NONE}")
    return parts


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


def basis_points(said: str, option: str = "--tolerance") -> int:
    """A percentage as people write it.

    >>> basis_points("2%"), basis_points("7.5")
    (200, 750)
    """
    found = PERCENT.fullmatch(said.strip())
    if found is None:
        raise InvalidError(f"{option} {said!r}: write a percentage like 2% or 7.5%")
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
    reports, tags, alerts = settings["reports"], settings["tags"], settings["alerts"]
    accounts = reports["accounts"]
    screen.facts(
        {
            "Cost reports": _listed(reports["rhythms"]),
            "Reports to roles": _listed(reports["roles"]),
            "Groups of reports": _listed(group["name"] for group in reports["groups"]),
            "Thresholds": str(len(reports["thresholds"])),
            "Accounts of reports": f"only {_listed(accounts['only'])}"
            if accounts["only"]
            else f"all but {_listed(accounts['without'])}"
            if accounts["without"]
            else "all",
            "Report keys": _listed(tags["report_keys"]),
            "Required keys": _listed(tags["required_keys"]),
            "Aliases": f"{len(tags['key_aliases'])} of keys, {len(tags['value_aliases'])} of values",
        }
    )
    unusual = alerts["anomalies"]
    screen.facts(
        {
            "Levels of a schedule": _listed(f"{level / 100:g} %" for level in alerts["levels"]),
            "Forecast above schedule": "is told of" if alerts["forecast"] else NEVER,
            "Pace above schedule": "is told of" if alerts["pace"] else NEVER,
            "Credits that end": f"{_listed(map(str, alerts['credit_days']))} days ahead"
            if alerts["credit_days"]
            else NEVER,
            "Late data": f"after {alerts['late_hours']} hours",
            "Anomalies": f"{unusual['spreads']} spreads and {unusual['least']} above the weekday's"
            f" median of {unusual['weeks']} weeks; new spenders from {unusual['new_spender']} a day",
            "Channels": _listed(channel["name"] for channel in alerts["channels"]),
        }
    )


def _listed(said: Iterable[str]) -> str:
    return ", ".join(said) or NONE


def _days(said: Sequence[int]) -> str:
    return f"after {', '.join(map(str, said))} days" if said else NEVER
