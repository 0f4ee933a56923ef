"""The part of `finops demo` about reports: mailed to all readers, kept, and equal to the bill."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from finops.domain.periods import BillingPeriod
from finops.local import screen
from finops.local.api import Api
from finops.local.commands import history, reports
from finops.local.commands.bills import ask
from finops.local.commands.demo_organisation import mails
from finops.local.commands.demo_views import kept_in
from finops.local.commands.listing import PAGE
from finops.local.errors import DemoError
from finops.local.installation import Installation
from finops.local.sample.chart import PORTFOLIO_OWNERS, PRODUCTS, address
from finops.local.sign_in import FINANCIAL_ADMIN
from finops.local.waiting import waited_for

SECONDS = 300  # that cubes may take to be cut anew
CREDIT = "Credit"
ENTERPRISE, OWNER = "enterprise", "Owner"
SPANS = {"week": "Weekly", "month": "Monthly"}
GROUP = "Retail round"
CHOSEN = {
    "groups": [
        {
            "name": GROUP,
            "element": "retail",
            "recipients": ["retail.round@fernhollow.example"],
            "rhythms": ["Weekly", "Monthly"],
            "thresholds": [
                {
                    "dimension": "Service",
                    "tag_key": None,
                    "value": "AmazonEC2",
                    "amount": "1000",
                    "growth": None,
                    "share": None,
                }
            ],
        }
    ],
    "thresholds": [
        {
            "dimension": "Account",
            "tag_key": None,
            "value": None,
            "amount": None,
            "growth": "500",
            "share": None,
        }
    ],
}
WHY = "Retail looks at its compute every Monday; everybody hears of accounts that grow"
# The end of a mail's text that is the same for all of its readers: what follows the greeting.
FIRST_BLOCK, LAST_BLOCK = "<h2", "</div>"
SOURCE = re.compile(r'src="([^"]*)"')


class Reader(NamedTuple):
    """Somebody whose mails are kept as pages: their address, what the files are called after."""

    email: str
    role: str


READERS = (
    Reader(FINANCIAL_ADMIN, "financial-admin"),
    Reader(address(PORTFOLIO_OWNERS[PRODUCTS["web-shop"].names[:3]]), "portfolio-owner"),
    Reader(address(PRODUCTS["loyalty"].owner or ""), "product-owner"),
    Reader("retail.round@fernhollow.example", "retail-round"),
)


# Chosen -------------------------------------------------------------------------------------------


def choose(api: Api) -> None:
    """A group that gets the report of a unit, and from when on a row of a report is told of."""
    known = api.read("settings")
    there = known.body["reports"]
    if there["groups"] and there["thresholds"]:
        screen.tell("Nothing to do: the readers were chosen before")
        return
    api.put("settings", "reports", body={**there, **CHOSEN, "reason": WHY}, etag=known.etag)
    screen.facts({"Group": GROUP, "Told of": "accounts that grew by 500; there, EC2 from 1,000"})


# Made and sent ------------------------------------------------------------------------------------


def send(api: Api, span: str, end: date, tag_keys: Sequence[str]) -> None:
    """The reports of the *span* before *end*, to everybody, once they can be whole."""
    if any(_is_of(head, span, end) for head in _kept(api)):
        screen.tell(f"Nothing to do: the reports of the {span} before {end} went out before")
    else:
        waited_for(
            lambda: _whole(api, span, end, tag_keys),
            SECONDS,
            f"the report of the {span} before {end} is not whole after {SECONDS} s",
            DemoError,
        )
        reports.show_run(reports.sent_reports(api, span, end))


def _kept(api: Api) -> list[dict[str, Any]]:
    return list(api.items("reports", "cost", "kept", limit=PAGE))


def _is_of(head: Mapping[str, Any], span: str, end: date) -> bool:
    return (head["rhythm"], head["end"]) == (SPANS[span], end.isoformat())


def _whole(api: Api, span: str, end: date, tag_keys: Sequence[str]) -> dict[str, Any] | None:
    """The report of a span, where nothing is missing of it and it tells of *tag_keys*."""
    found = api.get("reports", "cost", element=ENTERPRISE, span=span, end=end.isoformat())
    told = {one["tag_key"] for section in found["sections"] for one in section["breakdowns"]}
    is_whole = found["sections"] and not found["gaps"] and set(tag_keys) <= told
    return found if is_whole else None


def show(api: Api, span: str, end: date) -> None:
    """What was sent to who sees all, without all that it takes apart but owners and tags."""
    found = _sent(api, span, end)
    brief = [
        section
        | {
            "breakdowns": [
                one
                for one in section["breakdowns"]
                if one["dimension"] == OWNER or one["tag_key"] is not None
            ]
        }
        for section in found["sections"]
    ]
    reports.show_report(found | {"sections": brief})


def _sent(api: Api, span: str, end: date) -> dict[str, Any]:
    """Raises DemoError where none was sent."""
    for head in _kept(api):
        if not head["elements"] and _is_of(head, span, end):
            return api.get("reports", "cost", "kept", head["report_id"])
    raise DemoError(f"no report of the {span} before {end} was sent")


# Kept ---------------------------------------------------------------------------------------------


def save_mails(place: Installation, api: Api, span: str, end: date) -> list[Path]:
    """The mails of some readers as pages to open, each the very page that is kept with its numbers.

    Where the mailbox was emptied since, the pages that were saved before.
    """
    found = [one for one in mails(place) if one.get("BodyHtml")]
    heads = [one for one in _kept(api) if _is_of(one, span, end)]
    pages = [api.html("reports", "cost", "kept", one["report_id"]) for one in heads]
    return [
        _saved(kept_in(place) / f"cost-report-{span}-{one.role}.html", one, found, pages)
        for one in READERS
    ]


def _saved(
    target: Path, reader: Reader, found: Sequence[Mapping[str, Any]], pages: Sequence[str]
) -> Path:
    """Raises DemoError for a reader without a mail, and a mail that no kept page says the same as."""
    theirs = [one for one in found if reader.email in one["To"]]
    for page in pages:
        said = _said(page)
        same = next((one for one in reversed(theirs) if _said(one["BodyHtml"]) == said), None)
        if same is not None:
            target.write_text(_with_pictures(same, page))
            return target
    if not target.exists():
        raise DemoError(f"{reader.email} has no mail that says what a kept report does")
    return target


def _said(html: str) -> str:
    """What a mail or a page says to all of its readers, wherever its pictures are."""
    start, end = html.find(FIRST_BLOCK), html.rfind(LAST_BLOCK)
    told = SOURCE.sub("", html[start:end])
    return "".join(told.split())


def _with_pictures(mail: Mapping[str, Any], page: str) -> str:
    """A mail as a page that stands alone: with the greeting of its reader, and the page's pictures."""
    start = page.find("<div")
    pictures = iter(SOURCE.findall(page))
    body = SOURCE.sub(lambda _: f'src="{next(pictures)}"', mail["BodyHtml"])
    return f"{page[:start]}{body}\n</body>\n</html>\n"


# Compared -----------------------------------------------------------------------------------------


def show_history(place: Installation, api: Api) -> Path:
    """Month over month by service, and the same as a page by product."""
    history.show_history(api.get("reports", "history", by=["unit"], months=2))
    target = kept_in(place) / "history-by-service.html"
    target.write_text(api.html("reports", "history", by=["service"], months=2))
    return target


def save_pages(place: Installation, api: Api, month: str) -> None:
    """The tags of a month and all savings, as pages."""
    folder = kept_in(place)
    (folder / f"tags-{month}.html").write_text(api.html("tags", "report", month=month))
    (folder / "savings.html").write_text(api.html("savings", "report", element=ENTERPRISE))


def prove(api: Api, month: str, page: Path) -> None:
    """Report, API, history and the mail that was sent: each is the bill, to the last digit."""
    end = BillingPeriod(month).end
    report = _sent(api, "month", end)
    (section,) = report["sections"]
    spend, credited = _billed(api, month, report["basis"])
    again = api.get("reports", "cost", element=ENTERPRISE, span="month", end=end.isoformat())
    told = {
        "Report as sent": Decimal(section["total"]["amount"]),
        "API": Decimal(again["sections"][0]["total"]["amount"]),
        "History": _of_history(api, month),
    }
    table = screen.table(None, month, right=("Spend", "Difference to the bill"))
    table.add_row("Bill", f"{spend:,.10f}", "")
    for name, amount in told.items():
        table.add_row(name, f"{amount:,.10f}", f"{amount - spend:.10f}")
    screen.console.print(table)
    if wrong := [name for name, amount in told.items() if amount != spend]:
        raise DemoError(f"{month}: {' and '.join(wrong)} differ from the bill's {spend}")
    if Decimal(section["net"]["amount"]) != spend + credited:
        raise DemoError(f"{month}: net of the report is not the bill's {spend + credited}")
    if screen.cents(section["total"]["amount"]) not in page.read_text():
        raise DemoError(f"{page} does not say what the report comes to")
    screen.console.print("[bold]mail = report = API = history = bill, difference 0[/bold]")


def _of_history(api: Api, month: str) -> Decimal:
    found = api.get("reports", "history", by=["service"], months=1, until=month)
    return Decimal(found["items"][0]["total"][-1]["amount"])


def _billed(api: Api, month: str, basis: str) -> tuple[Decimal, Decimal]:
    """What a month's bill comes to without what AWS credited, and that."""
    rows = ask(api, month, None, "charge_category", basis, [])["rows"]

    def total(counts: Callable[[str], bool]) -> Decimal:
        amounts = (Decimal(row[f"{basis}_cost"]) for row in rows if counts(row["charge_category"]))
        return sum(amounts, Decimal())

    return total(lambda category: category != CREDIT), total(lambda category: category == CREDIT)
