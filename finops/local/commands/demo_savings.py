"""The part of `finops demo` about savings: recommended, decided on, done, and seen in the bill."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from finops.local import organization, screen
from finops.local.api import Api
from finops.local.commands import savings
from finops.local.commands.bills import bring
from finops.local.commands.listing import PAGE
from finops.local.errors import DemoError
from finops.local.installation import Installation
from finops.local.sample import write_recommendations
from finops.local.uploads import deliveries_at
from finops.local.waiting import waited_for

SECONDS = 180  # that a measurement may take
TICK = Decimal("1e-10")
TAKEN = ("Published", "Unchanged", "Older")


class Choice(NamedTuple):
    """A case, known by its account and type of resource, and what is said of it.

    *option* is what is approved of it; *until* is the last day that it is ignored.
    """

    account: str
    resource_type: str
    reason: str
    option: str | None = None
    until: date | None = None


STOPPED = Choice(
    "catalogue-legacy",
    "RdsDbInstance",
    "The old catalogue is read-only since July, and nobody connects to its database",
    option="Stop",
)
IGNORED = (
    Choice(
        "shared-network",
        "NatGateway",
        "The only way out of the account until its endpoints are there, which is next year",
        until=date(2026, 12, 31),
    ),
    Choice(
        "shop-preproduction",
        "RdsDbInstance",
        "Load tests before the season need it as large as in production",
        until=date(2026, 11, 30),
    ),
)
DONE_ON = date(2026, 9, 13)
WHY_DONE = "Stopped on Sunday, with a last snapshot; the account is closed next"


# Recommended --------------------------------------------------------------------------------------


def take(
    place: Installation, api: Api, folder: Path, bill: Path, *, day: date, later: bool = False
) -> None:
    """What AWS recommends on a *day* about the resources of a sample bill, as its export says it."""
    written = write_recommendations(folder, bill, day=day, later=later)
    (delivery,) = deliveries_at(folder)
    told = bring(delivery, place, api)
    if told["status"] not in TAKEN:
        raise DemoError(f"the recommendations were not taken: {told['status']}, {told['reason']}")
    screen.tell(
        f"{written.recommendations} recommendations for {written.resources} resources, of"
        f" {written.day}: {told['status']}"
    )


def show_open(api: Api, *, largest: int = 6) -> None:
    """The largest open cases, and the sum of all of them; each resource counts once."""
    told = api.get("savings", open="true", limit=PAGE)
    found = sorted(told["items"], key=lambda one: -Decimal(one["monthly_savings"]))
    savings.show_savings(told | {"items": found[:largest]})
    if len(found) > largest:
        screen.console.print(f"[dim]… and {len(found) - largest} smaller ones[/dim]")


# Decided ------------------------------------------------------------------------------------------


def decide(api: Api) -> None:
    """Finance approves one, and sets two aside: for a reason, and until a day."""
    cases = list(api.items("savings", limit=PAGE))
    done = [_approved(api, _case(cases, STOPPED))]
    done += [_ignored(api, _case(cases, one), one) for one in IGNORED]
    if not any(done):
        screen.tell("Nothing to do: what there is was decided on before")


def _case(cases: Sequence[Mapping[str, Any]], choice: Choice) -> Mapping[str, Any]:
    """The largest one of an account and type of resource."""
    account = organization.members()[choice.account].account_id
    found = [
        one
        for one in cases
        if (one["account_id"], one["resource_type"]) == (account, choice.resource_type)
    ]
    if not found:
        raise DemoError(f"nothing is recommended for a {choice.resource_type} of {choice.account}")
    return max(found, key=lambda one: Decimal(one["monthly_savings"]))


def _is_new(case: Mapping[str, Any]) -> bool:
    return case["status"] == "New" and case["returned"] is None


def _approved(api: Api, case: Mapping[str, Any]) -> bool:
    body = {"decision": "Approve", "action_type": STOPPED.option, "reason": STOPPED.reason}
    return _is_new(case) and _decided(api, case, body)


def _ignored(api: Api, case: Mapping[str, Any], choice: Choice) -> bool:
    if choice.until is None:
        raise DemoError("what is ignored is ignored until a day")
    body = {"decision": "Ignore", "until": choice.until.isoformat(), "reason": choice.reason}
    return _is_new(case) and _decided(api, case, body)


def _decided(api: Api, case: Mapping[str, Any], body: Mapping[str, object]) -> bool:
    path = ("savings", case["saving_id"])
    made = api.post(*path, "decisions", body=body, etag=api.read(*path).etag)
    until = f" until {made['ignored_until']}" if made["ignored_until"] else ""
    screen.console.print(
        screen.plain(
            f"{made['status']}{until}: {made['action_type']} {made['resource_id']}, "
            f"{screen.cents(made['monthly_savings'])} {made['currency']} a month. {made['reason']}"
        )
    )
    return True


# Done ---------------------------------------------------------------------------------------------


def implement(engineer: Api) -> None:
    """The engineer's task says what to do, and is done once they say when they did it."""
    case = _case(list(engineer.items("savings", limit=PAGE)), STOPPED)
    todo = engineer.get("savings", case["saving_id"])["task"]
    screen.console.print(f"[bold]{screen.plain(todo['title'])}[/bold]")
    for number, step in enumerate(todo["steps"], start=1):
        screen.console.print(screen.plain(f"{number}. {step}"))
    for command in todo["commands"]:
        screen.console.print(screen.plain(f"   {command}"), soft_wrap=True)
    if case["status"] == "Implemented":
        screen.tell(f"Nothing to do: it was done on {case['implemented_on']}")
        return
    body = {"decision": "Implement", "on": DONE_ON.isoformat(), "reason": WHY_DONE}
    path = ("savings", case["saving_id"])
    made = engineer.post(*path, "decisions", body=body, etag=engineer.read(*path).etag)
    screen.console.print(f"{made['status']} on {made['implemented_on']}: {WHY_DONE}")


# And what became of it ----------------------------------------------------------------------------


def show_returned(api: Api) -> None:
    """What was ignored and has grown is asked about again."""
    again = [
        one
        for one in api.items("savings", limit=PAGE)
        if one["returned"] and one["status"] == "New"
    ]
    if not again:
        raise DemoError("nothing that was ignored has come back, though it saves a quarter more")
    for one in again:
        screen.console.print(
            screen.plain(
                f"{one['returned']}: {one['action_type']} {one['resource_id']} would save"
                f" {screen.cents(one['monthly_savings'])} {one['currency']} a month by now"
            )
        )


def show_realised(api: Api, month: str) -> None:
    """What the one that is done saved: measured on the charges of its resource, before and after."""
    case = _case(list(api.items("savings", limit=PAGE)), STOPPED)

    def measured() -> dict[str, Any] | None:
        found = api.get("savings", case["saving_id"])["realised"]
        told = found["months"] if found else ()
        return found if any(one["billing_period"] == month for one in told) else None

    late = f"{case['saving_id']} is not measured in {month} after {SECONDS} s"
    found = waited_for(measured, SECONDS, late, DemoError)
    (figure,) = [one for one in found["months"] if one["billing_period"] == month]
    a_day = Decimal(found["cost_before"]) / found["days_before"]
    screen.facts(
        {
            "What": f"{case['action_type']} {case['resource_id']}",
            "Done on": case["implemented_on"],
            "Before": f"{screen.cents(str(a_day))} {figure['currency']} a day, of"
            f" {found['days_before']} days",
            "After": f"{screen.cents(figure['cost'])} in {figure['days']} days of {month}",
            "Saved": f"{screen.cents(figure['realised'])}; recommended were"
            f" {screen.cents(figure['expected'])}",
        }
    )
    saved = a_day * figure["days"] - Decimal(figure["cost"])
    if Decimal(figure["realised"]) != saved.quantize(TICK) or saved <= 0:
        raise DemoError(f"{figure['realised']} is not the {saved} that the bill says was saved")
