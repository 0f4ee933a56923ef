"""`finops shares`: the products that pay for each account, from when, and who said so."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from finops.domain.share_files import points
from finops.local import screen
from finops.local.commands.accounts import AccountId
from finops.local.commands.listing import answer_list
from finops.local.commands.options import As, Csv, Json, Profile, Reason, Region, Under, api_of
from finops.local.errors import LoadError
from finops.local.sign_in import FINANCIAL_ADMIN

On = Annotated[str | None, typer.Option(help="As of this day, YYYY-MM-DD; without it, today.")]

app = typer.Typer(invoke_without_command=True, help="The products that pay for each account.")


@app.callback()
def list_shares(
    context: typer.Context,
    on: On = None,
    under: Under = None,
    unmapped: Annotated[
        bool, typer.Option("--unmapped", help="Only accounts that nobody pays for.")
    ] = False,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """All accounts with the split in force; those that nobody pays for come first."""
    if context.invoked_subcommand is not None:
        return
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    asked = {"on": on, "element": under, "unmapped": "true" if unmapped else None}
    answer_list(api, "shares", show=show_shares, as_json=as_json, as_csv=as_csv, asked=asked)


def show_shares(items: Sequence[Mapping[str, Any]]) -> None:
    """Accounts and who pays for them, as a table."""
    table = screen.table(
        "Shares", "Account", "Name", "Product", "Status", "Until", right=("Share",)
    )
    for one in items:
        current = one["current"]
        until = one["next"]["start"] if one["next"] else ""
        about = [one["account_id"], screen.plain(one["name"] or "")]
        for product, share in split_of(current) if current else [("nobody", "")]:
            table.add_row(*about, screen.plain(product), one["status"] or "", until, share)
            about = ["", ""]
    screen.console.print(table)


def split_of(parts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The products of a split with their percent; those of other people as one.

    >>> split_of({"shares": [{"product_id": "a", "percent": "60.00"}], "others_basis_points": 4000})
    [('a', '60.00 %'), ('others', '40.00 %')]
    """
    told = [(one["product_id"], f"{one['percent']} %") for one in parts["shares"]]
    if others := parts["others_basis_points"]:
        told.append(("others", f"{others // 100}.{others % 100:02} %"))
    return told


@app.command()
def show(
    account_id: AccountId,
    on: On = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """One account: every split it ever had, and what is proposed for the next year."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    told = api.get("shares", account_id, on=on)
    if as_json:
        screen.answer(told)
    else:
        show_account(told)


def show_account(told: Mapping[str, Any]) -> None:
    """An account's splits, the newest last."""
    following, renewal = told["next"], told["renewal"]
    screen.facts(
        {
            "Account": told["account_id"],
            "Name": told["name"],
            "Status": told["status"] or "nobody pays for it",
            "Then": f"{_listed(following) or 'nobody'} from {following['start']}"
            if following
            else None,
            "Proposed": f"{_listed(renewal)} from {renewal['start']}" if renewal else None,
        }
    )
    if told["revisions"]:
        show_revisions(told["revisions"])


def show_revisions(revisions: Iterable[Mapping[str, Any]]) -> None:
    """Splits as a table: what was set, by whom, when and why."""
    table = screen.table(
        None, "No.", "Product", "Start", "End", "Status", "Set by", "Reason", right=("Share",)
    )
    for one in revisions:
        about = (one["start"], one["end"], one.get("status", ""), one["set_by"])
        head = (str(one["number"]), about, screen.plain(one["reason"] or ""))
        for product, share in split_of(one):
            number, days, reason = head
            table.add_row(number, screen.plain(product), *days, reason, share)
            head = ("", ("", "", "", ""), "")
    screen.console.print(table)


def _listed(parts: Mapping[str, Any]) -> str:
    return ", ".join(f"{product} {share}" for product, share in split_of(parts))


@app.command("set")
def set_shares(
    account_id: AccountId,
    shares: Annotated[
        list[str], typer.Argument(metavar="PRODUCT=PERCENT...", help="Together 100 percent.")
    ],
    start: Annotated[
        str | None,
        typer.Option(help="The first day of a spend period, YYYY-MM-DD; a first split needs none."),
    ] = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Split an account over products."""
    parts = [parsed(one) for one in shares]
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    etag = api.read("shares", account_id).etag
    body = {"shares": parts, "start": start, "reason": reason}
    _told(api.put("shares", account_id, body=body, etag=etag), as_json)


def parsed(said: str) -> dict[str, Any]:
    """A share as people write it.

    >>> parsed("retail.online.storefront.web-shop=33.33")
    {'product_id': 'retail.online.storefront.web-shop', 'basis_points': 3333}
    """
    product, sign, share = said.partition("=")
    if not sign or not product:
        raise LoadError(f"{said!r} is no share; write PRODUCT=PERCENT, as a.b.c.web-shop=33.33")
    return {"product_id": product, "basis_points": points(share)}


@app.command()
def renew(
    account_id: AccountId,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Take over the split of this fiscal year for the next one, in the year's last month."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    etag = api.read("shares", account_id).etag
    _told(api.post("shares", account_id, "renewals", body={"reason": reason}, etag=etag), as_json)


def _told(changed: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        screen.answer(changed)
    else:
        show_revisions(changed["revisions"])


@app.command()
def load(
    file: Annotated[
        Path, typer.Argument(help="A CSV file: account_id, product_id, share, start, reason.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Report only; change nothing.")
    ] = False,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Split every account that a file names, or none where a row is wrong."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise LoadError(f'{file.name} is no UTF-8; save it as "CSV UTF-8"') from error
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    report = api.post("share-loads", body={"csv": text, "dry_run": dry_run})
    if as_json:
        screen.answer(report)
    else:
        show_load(report)
    if wrong := report["errors"]:
        raise LoadError(
            f"Refused: {len(wrong)} error{'s' if len(wrong) > 1 else ''}; nothing was changed."
            f" Row {wrong[0]['row']}: {wrong[0]['detail']}"
        )


def show_load(report: Mapping[str, Any]) -> None:
    """What a file of shares did, or every reason why it did nothing."""
    done = ", ".join(f"{len(report[name])} {name}" for name in ("mapped", "remapped", "unchanged"))
    applied = "" if report["applied"] else " (nothing was changed)"
    screen.facts({"Rows": report["rows"], "Accounts": f"{done}{applied}"})
    if not report["errors"]:
        return
    table = screen.table("Refused", "Row", "Column", "Found", "What is wrong")
    for error in report["errors"]:
        table.add_row(
            str(error["row"]),
            error["column"] or "",
            screen.plain(error["value"] or ""),
            screen.plain(error["detail"]),
        )
    screen.console.print(table)
