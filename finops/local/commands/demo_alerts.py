"""The part of `finops demo` about alerts: what was crossed while bills came in, and who answers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from finops.local import screen
from finops.local.api import Api
from finops.local.commands import alerts, listing
from finops.local.commands.demo_organisation import mails
from finops.local.commands.demo_people import Company
from finops.local.commands.demo_views import kept_in
from finops.local.errors import DemoError
from finops.local.installation import Installation
from finops.local.sign_in import FINANCIAL_ADMIN
from finops.local.waiting import waited_for
from finops.usecases.cost_report_pages import PAGE

SECONDS = 180
SHOWN = 3  # of each kind
CHOSEN = {
    "levels": [8_000, 10_000, 12_000],
    "channels": [
        {
            "name": "FinOps round",
            "element": "enterprise",
            "recipients": ["finops.round@fernhollow.example"],
            "webhook": None,
        }
    ],
}
WHY = "Half of a schedule is no news; the round hears of everything"
ANOMALY = "Anomaly"
EXPLAINED = "Paid upfront for a year: the Savings Plan of the data platform, bought that day"


def choose(api: Api) -> None:
    """From which levels on schedules are told of, and to whom besides their owners."""
    known = api.read("settings")
    there = known.body["alerts"]
    if all(there[name] == value for name, value in CHOSEN.items()):
        screen.tell("Nothing to do: the levels were chosen before")
        return
    api.put("settings", "alerts", body={**there, **CHOSEN, "reason": WHY}, etag=known.etag)
    levels = ", ".join(f"{level // 100} %" for level in (8_000, 10_000, 12_000))
    screen.facts({"Levels of a month's schedule": levels, "Besides owners": "FinOps round"})


def told_of(api: Api, months: Sequence[str]) -> list[dict[str, Any]]:
    """The alerts of *months*, once everybody was told of those that are open."""
    api.post("alerts", "checks", body={})

    def told() -> list[dict[str, Any]] | None:
        found = [one for month in months for one in _of(api, month)]
        open_ = [one for one in found if one["status"] == "Open"]
        return found if open_ and all(one["told_at"] for one in open_) else None

    late = f"alerts of {' and '.join(months)} are not told of after {SECONDS} s"
    return waited_for(told, SECONDS, late, DemoError)


def _of(api: Api, month: str) -> list[dict[str, Any]]:
    return list(api.items("alerts", month=month, limit=listing.PAGE))


def show(found: Sequence[Mapping[str, Any]]) -> None:
    """Some of each kind, and how many there are."""
    kinds = Counter(one["kind"] for one in found)
    some: list[Mapping[str, Any]] = []
    for kind in kinds:
        of_kind = [one for one in found if one["kind"] == kind]
        some += sorted(of_kind, key=lambda one: (one["element"].count("."), one["raised_at"]))[
            :SHOWN
        ]
    alerts.show_alerts(some)
    screen.facts({kind: str(number) for kind, number in kinds.items()})


def save_mail(place: Installation, found: Sequence[Mapping[str, Any]]) -> Path:
    """The mail that tells the financial admin of most of *found*, as a page to open.

    Where the mailbox was emptied since, the page that was saved before.
    """
    ids = [one["alert_id"] for one in found]

    def told(mail: Mapping[str, Any]) -> int:
        return sum(id_ in (mail.get("BodyHtml") or "") for id_ in ids)

    theirs = [one for one in mails(place) if FINANCIAL_ADMIN in one["To"]]
    target = kept_in(place) / "alerts.html"
    fullest = max(theirs, key=told, default=None)
    if fullest is not None and told(fullest):
        target.write_text(PAGE.format(title="Alerts", body=fullest["BodyHtml"]))
    elif not target.exists():
        raise DemoError(f"{FINANCIAL_ADMIN} has no mail about an alert")
    return target


def explain(company: Company, month: str) -> None:
    """Who looks after an unusual day says what it was; the card of its week says so, too."""

    def dearest() -> dict[str, Any] | None:
        unusual = [one for one in _of(company.admin, month) if one["kind"] == ANOMALY]
        return max(unusual, key=lambda one: Decimal(one["actual"]), default=None)

    late = f"no day of {month} is unusual after {SECONDS} s, though a commitment was bought"
    found = waited_for(dearest, SECONDS, late, DemoError)
    if found["status"] == "Open":
        api, path = company.signed_in(found["owners"][0]), ("alerts", found["alert_id"])
        body = {"command": "Acknowledge", "reason": EXPLAINED}
        api.post(*path, "answers", body=body, etag=api.read(*path).etag)
    else:
        screen.tell("Nothing to do: it was explained before")
    alerts.show_alert(company.admin.get("alerts", found["alert_id"]))
