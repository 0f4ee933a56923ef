"""`finops close`: the check list of a month, its close, and the files that finance books."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from finops.domain.errors import FinOpsError, InvalidError
from finops.domain.month_closes import Check
from finops.local import screen
from finops.local.api import Api
from finops.local.commands.options import As, Json, Profile, Region, api_of
from finops.local.sign_in import FINANCIAL_ADMIN
from finops.local.waiting import waited_for

app = typer.Typer(no_args_is_help=True, help="The close of a month, and the files it writes.")

Month = Annotated[str, typer.Argument(help="The bill's month, YYYY-MM.")]
Line = Annotated[Check, typer.Argument(help="A line of the check list.")]
Why = Annotated[str, typer.Option(help="Why; it is kept in the audit trail.")]
FOUR = ("AccountsPayable", "PlanningAndAnalysis", "Journal", "Reconciliation")
HEAD = 6  # lines of a file that are shown
PATIENCE = 900  # seconds


# What stands in the way ---------------------------------------------------------------------------


@app.command()
def check(
    month: Month,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """What stands in the way of closing a month, line by line."""
    found = _api(who, profile, region).get("closes", month)
    if as_json:
        screen.answer(found["check_list"])
        return
    show_check_list(found)


def show_check_list(found: Mapping[str, Any]) -> None:
    """Every line with what is wrong in it, and who let it be."""
    table = screen.table(f"Close of {found['month']}", "Check", "Status", "What is wrong", "By")
    for line in found["check_list"]:
        told = [*line["findings"][:3]]
        if line["wrong"] > len(told):
            told.append(f"and {line['wrong'] - len(told):,} more")
        waiver = line["waiver"]
        table.add_row(
            line["check"],
            line["status"],
            screen.plain("\n".join(told)),
            screen.plain(f"{waiver['by']}: {waiver['reason']}") if waiver else "",
        )
    screen.console.print(table)


@app.command()
def show(
    month: Month,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Where a month stands: status, waivers, headers, corrections and files."""
    found = _api(who, profile, region).get("closes", month)
    if as_json:
        screen.answer(found)
        return
    _facts(found)
    show_check_list(found)
    _show_headers(found)
    if found["files"]:
        show_files(found["month"], found["files"])


def _facts(found: Mapping[str, Any]) -> None:
    corrected = ", ".join(
        f"{one['original_period']}: {screen.money(net['amount'])} {net['currency'] or ''}".rstrip()
        for one in found["corrections"]
        for net in one["net"]
    )
    screen.facts(
        {
            "Month": found["month"],
            "Status": found["status"],
            "Closed by": found["closed_by"],
            "Closed at": found["closed_at"],
            "Snapshot": found["snapshot_sha256"],
            "Corrections": corrected or None,
            "Given up": found["abandoned"],
        }
    )


# Headers and waivers ------------------------------------------------------------------------------


@app.command()
def headers(
    month: Month,
    payer: Annotated[str | None, typer.Option(help="Only of this payer.")] = None,
    unit: Annotated[
        str | None, typer.Option(help="Only of this business unit; `none`: what nobody owns.")
    ] = None,
    vendor: Annotated[str | None, typer.Option(help="Who is paid.")] = None,
    po: Annotated[str | None, typer.Option(help="The purchase order.")] = None,
    invoice: Annotated[
        list[str] | None, typer.Option(help="An invoice's number; can be said again.")
    ] = None,
    memo: Annotated[str | None, typer.Option(help="What is booked, in words.")] = None,
    period: Annotated[str | None, typer.Option(help="Another word than the month.")] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Fill in what the bill itself proposes.")
    ] = False,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """The headers that the files are booked under: shown, or filled in.

    What is said goes to all headers that the bill asks for, or to those of a payer or unit. What a
    header has already stays unless another word is said; what it lacks, the bill proposes.
    """
    api = _api(who, profile, region)
    known = api.read("closes", month)
    said = {"vendor": vendor, "purchase_order": po, "memo": memo, "period": period}
    said = {name: word for name, word in said.items() if word is not None}
    if said or invoice or accept:
        more: dict[str, Any] = {**said, **({"invoices": invoice} if invoice else {})}
        wanted = [one for one in merged(known.body) if _is_meant(one, payer, unit)]
        if not wanted:
            raise InvalidError(f"the bill of {month} asks for no such header")
        body = {"headers": [one | more for one in wanted]}
        api.put("closes", month, "headers", body=body, etag=known.etag)
        known = api.read("closes", month)
    if as_json:
        screen.answer(known.body["headers"])
    else:
        _show_headers(known.body)


def merged(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A header for each payer and unit, as kept; what that lacks, as proposed."""
    names = ("vendor", "purchase_order", "invoices", "memo", "period")
    of = ("payer_id", "business_unit")
    kept = {tuple(one[name] for name in of): one for one in found["headers"]}
    proposed = {tuple(one[name] for name in of): one for one in found["proposed_headers"]}
    return [
        {
            **dict(zip(of, key, strict=True)),
            **{
                name: kept.get(key, {}).get(name) or proposed.get(key, {}).get(name) or None
                for name in names
                if name != "invoices"
            },
            "invoices": kept.get(key, {}).get("invoices")
            or proposed.get(key, {}).get("invoices")
            or [],
        }
        for key in {**kept, **proposed}
    ]


def _is_meant(one: Mapping[str, Any], payer: str | None, unit: str | None) -> bool:
    of = one["business_unit"] or "none"
    return payer in (None, one["payer_id"]) and unit in (None, of)


def _show_headers(found: Mapping[str, Any]) -> None:
    names = ("Payer", "Business unit", "Vendor", "PO", "Invoices", "Memo", "Missing")
    table = screen.table("Headers", *names)
    known = {(one["payer_id"], one["business_unit"]) for one in found["headers"]}
    asked = [
        one
        for one in found["proposed_headers"]
        if (one["payer_id"], one["business_unit"]) not in known
    ]
    for one, is_kept in [
        *((one, True) for one in found["headers"]),
        *((one, False) for one in asked),
    ]:
        table.add_row(
            one["payer_id"],
            one["business_unit"] or "nobody's",
            *(
                screen.plain(str(word or ""))
                for word in (one["vendor"], one["purchase_order"], ", ".join(one["invoices"]))
            ),
            screen.plain(one["memo"] or ""),
            screen.plain(", ".join(one["missing"])) if is_kept else "not filled in yet",
        )
    screen.console.print(table)


@app.command()
def waive(
    month: Month,
    line: Line,
    reason: Why,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Let all be that is wrong in a line now. Whoever waives does not close the month."""
    api = _api(who, profile, region)
    etag = api.read("closes", month).etag
    body = {"check": line.value, "reason": reason}
    done = api.post("closes", month, "waivers", body=body, etag=etag)
    _told(api, month, done, as_json)


@app.command()
def unwaive(
    month: Month,
    line: Line,
    reason: Why,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Take a waiver back."""
    api = _api(who, profile, region)
    etag = api.read("closes", month).etag
    path = ("closes", month, "waivers", line.value, "withdrawal")
    done = api.post(*path, body={"reason": reason}, etag=etag)
    _told(api, month, done, as_json)


def _told(api: Api, month: str, done: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        screen.answer(done)
    else:
        show_check_list(api.get("closes", month))


# The close ----------------------------------------------------------------------------------------


@app.command()
def start(
    month: Month,
    wait: Annotated[bool, typer.Option(help="Wait until the month is closed.")] = True,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Close a month: nothing reopens it. Tells the four files' heads and control sums."""
    api = _api(who, profile, region)
    before = api.get("closes", month)["version"]
    asked = api.post("closes", month, "close", body={})
    if not wait:
        if as_json:
            screen.answer(asked)
        else:
            screen.tell(f"{month} is being closed; finops close show {month} says how far it is")
        return
    found = closed_month(api, month, before)
    if as_json:
        screen.answer(found)
        return
    _facts(found)
    show_files(month, found["files"])
    show_heads(api, month, found["files"])


def closed_month(api: Api, month: str, before: int) -> dict[str, Any]:
    """The month once it is closed. Raises FinOpsError where it was given up."""

    def closed() -> dict[str, Any] | None:
        found = api.get("closes", month)
        if found["status"] == "Preparing" and found["version"] > before and found["abandoned"]:
            raise FinOpsError(f"{month} was not closed: {found['abandoned']}")
        return found if found["status"] == "Closed" else None

    return waited_for(
        closed,
        PATIENCE,
        f"{month} is not closed yet; finops close show {month} says how far it is",
    )


# Its files ----------------------------------------------------------------------------------------


@app.command()
def files(
    month: Month,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """The files of a closed month: rows, checksums, and the sums of their columns."""
    found = _api(who, profile, region).get("closes", month, "files")
    if as_json:
        screen.answer(found)
    else:
        show_files(month, found["items"])


def show_files(month: str, items: Sequence[Mapping[str, Any]]) -> None:
    """Files as a table: a row for each currency of each."""
    names = ("File", "SHA-256", "Currency", "Sums")
    table = screen.table(f"Files of {month}", *names, right=("Rows",))
    for one in items:
        totals = one["totals"] or [{"currency": None, "sums": {}}]
        for place, total in enumerate(totals):
            sums = ", ".join(f"{name} {amount}" for name, amount in total["sums"].items())
            table.add_row(
                *((one["name"], one["sha256"][:16]) if place == 0 else ("", "")),
                total["currency"] or "",
                sums,
                f"{one['rows']:,}" if place == 0 else "",
            )
    screen.console.print(table)


def show_heads(api: Api, month: str, items: Sequence[Mapping[str, Any]]) -> None:
    """The first lines of the four files, as they are written."""
    for one in sorted(items, key=lambda one: _place(one["kind"])):
        if one["business_unit"] is None:
            lines = content_of(api, month, one["name"]).decode("utf-8-sig").splitlines()
            screen.console.print(f"[bold]{one['name']}[/bold]")
            for line in lines[:HEAD]:
                screen.console.print(screen.plain(line), soft_wrap=True)
            if len(lines) > HEAD:
                screen.console.print(f"[dim]and {len(lines) - HEAD:,} lines more[/dim]")


def _place(kind: str) -> int:
    return FOUR.index(kind) if kind in FOUR else len(FOUR)


@app.command()
def download(
    month: Month,
    names: Annotated[
        list[str] | None, typer.Argument(help="Files by name; without one, all in your scope.")
    ] = None,
    to: Annotated[Path, typer.Option(help="The folder they go to.")] = Path(),
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Fetch files of a closed month; each is checked against its checksum."""
    api = _api(who, profile, region)
    wanted = names or [one["name"] for one in api.get("closes", month, "files")["items"]]
    written = dict(_fetched(api, month, wanted, to))
    if as_json:
        screen.answer({"files": written})
    else:
        screen.facts(written)


def _fetched(api: Api, month: str, names: Sequence[str], to: Path) -> Iterator[tuple[str, str]]:
    to.mkdir(parents=True, exist_ok=True)
    for name in names:
        content = content_of(api, month, name)
        place = to / f"{month}-{Path(name).name}"
        place.write_bytes(content)
        yield name, str(place)


def content_of(api: Api, month: str, name: str) -> bytes:
    """A file by a link to it. Raises FinOpsError where it is not what was sealed."""
    link = api.post("closes", month, "files", name, "links", body={})
    content = api.fetch(link["url"])
    if hashlib.sha256(content).hexdigest() != link["sha256"]:
        raise FinOpsError(f"{name} is not what its checksum says; fetch it again")
    return content


def _api(who: str | None, profile: str | None, region: str | None) -> Api:
    return api_of(who, profile, region, usually=FINANCIAL_ADMIN)
