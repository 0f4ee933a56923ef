"""The part of `finops demo` that looks back on a month: views, pictures, and the mail of the week."""

import json
from pathlib import Path
from typing import Any

from finops.local import screen
from finops.local.api import Api
from finops.local.commands import views
from finops.local.commands.demo_organisation import function_of, mails
from finops.local.commands.listing import PAGE
from finops.local.commands.views import ENTERPRISE
from finops.local.errors import DemoError
from finops.local.installation import Installation
from finops.local.sign_in import FINANCIAL_ADMIN

WEEKLY = "sendweeklydigest"  # in the logical id of the function that sends it
FOLDER = "demo"  # beside what local AWS keeps


def kept_in(place: Installation) -> Path:
    """The folder of pictures and mails that the demonstration leaves behind."""
    if place.local is None:
        raise DemoError("the demonstration is for this machine")
    folder = place.local.folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def show_views(place: Installation, api: Api, month: str) -> None:
    """What is signed and what is not, products by pace, and the cards of each week."""
    asked = {"element": ENTERPRISE, "month": month}
    views.show_summary(api.get("views", "summary", **asked))
    views.show_heat_map(api.get("views", "heat-map", **asked, limit=PAGE))
    views.show_weekly(api.get("views", "weekly-cards", **asked, depth=1, limit=PAGE))
    drawn = {}
    for view, of in (
        ("heat-map", asked),
        ("cards-by-status", asked),
        ("trend", asked),
        ("schedule", asked | {"span": "year"}),
    ):
        target = kept_in(place) / f"{view}-{month}.svg"
        target.write_text(api.svg("views", view, **of))
        drawn[view] = target
    screen.facts({f"Drawn: {view}": target for view, target in drawn.items()})


def send_weekly_digest(place: Installation, month: str) -> None:
    """The mail of the week to everybody who answers for spend, once; the newest one as a page."""
    name = function_of(place, WEEKLY)
    answered = place.client("lambda").invoke(FunctionName=name, Payload=b"{}")
    said: dict[str, Any] = json.loads(answered["Payload"].read())
    if "FunctionError" in answered:
        raise DemoError(f"the weekly digest was not sent: {said}")
    sent = said["sent"]
    screen.tell(f"{sent} mails sent" if sent else "The mails of this week went out before")
    found = [
        mail for mail in mails(place) if mail.get("BodyHtml") and "spend of" in mail["Subject"]
    ]
    target = kept_in(place) / "weekly-digest.html"
    if not found:
        if sent or not target.exists():
            raise DemoError("no mail of the week is in the mailbox of this machine")
        screen.tell(f"The mailbox was emptied when the local AWS stopped; the page is {target}")
        return
    mail = next((one for one in reversed(found) if FINANCIAL_ADMIN in one["To"]), found[-1])
    # The mailbox keeps no pictures: the page has the same cards, as they were drawn above.
    target.write_text(mail["BodyHtml"].replace("cid:cards", f"cards-by-status-{month}.svg"))
    screen.facts(
        {"To": ", ".join(mail["To"]), "Subject": mail["Subject"], "As a page": str(target)}
    )
