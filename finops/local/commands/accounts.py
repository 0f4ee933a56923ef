"""`finops accounts`: every account that was ever seen, what it needs, and a look for new ones."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer

from finops.domain.accounts import AccountState, AccountType, CheckStatus, NoticeKind
from finops.local import screen
from finops.local.api import Api
from finops.local.commands.listing import answer_list
from finops.local.commands.options import As, Csv, Json, Profile, Reason, Region, api_of
from finops.local.errors import LoadError
from finops.local.sign_in import CLOUD_ENGINEER
from finops.local.waiting import waited_for

CHECK_SECONDS = 900  # as long as the door may take

AccountId = Annotated[str, typer.Argument(help="The account's id, twelve digits.")]
On = Annotated[str | None, typer.Option(help="Name, payer and place as of this day, YYYY-MM-DD.")]

app = typer.Typer(invoke_without_command=True, help="Every account that was ever seen.")


@app.callback()
def list_accounts(
    context: typer.Context,
    type_: Annotated[AccountType | None, typer.Option("--type", help="Only this type.")] = None,
    state: Annotated[AccountState | None, typer.Option(help="Only this state.")] = None,
    notice: Annotated[
        NoticeKind | None, typer.Option(help="Only with an open notice of this kind.")
    ] = None,
    on: On = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """All accounts, by id; none is ever left out, whatever became of it."""
    if context.invoked_subcommand is not None:
        return
    api = api_of(who, profile, region, usually=CLOUD_ENGINEER)
    asked = {"type": type_, "state": state, "notice": notice, "on": on}
    answer_list(api, "accounts", show=show_accounts, as_json=as_json, as_csv=as_csv, asked=asked)


def show_accounts(items: Iterable[Mapping[str, Any]]) -> None:
    """Accounts as a table."""
    table = screen.table(
        "Accounts", "Account", "Account name", "Place", "Type", "State", "Waits for"
    )
    for one in items:
        table.add_row(
            one["account_id"],
            screen.plain(one["name"] or ""),
            screen.plain(place(one["path"])),
            one["type"] or "",
            one["state"],
            ", ".join(notice["kind"] for notice in one["notices"]),
        )
    screen.console.print(table)


def place(path: list[str] | None) -> str:
    """Where an account stands, as people write it.

    >>> place(["Retail", "Digital"]), place([]), place(None)
    ('Retail / Digital', 'the root', '')
    """
    if path is None:
        return ""
    return " / ".join(path) or "the root"


@app.command()
def check(
    force: Annotated[
        bool,
        typer.Option("--force", help="Take a listing that lacks most of the accounts, too."),
    ] = False,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Look at the organization now, and say what is new."""
    api = api_of(who, profile, region, usually=CLOUD_ENGINEER)
    ended = look(api, force=force)
    if as_json:
        screen.answer(ended)
    else:
        show_check(ended)


def look(api: Api, *, force: bool = False) -> dict[str, Any]:
    """What became of a look at the organization. Raises LoadError where it was refused."""
    asked = api.post("accounts", "checks", body={"force": force})

    def ended_look() -> dict[str, Any] | None:
        found = asked if asked["status"] != CheckStatus.ASKED else api.get("accounts", "checks")
        return None if found["status"] == CheckStatus.ASKED else found

    ended = waited_for(
        ended_look,
        CHECK_SECONDS,
        f"the look at the organization has not ended in {CHECK_SECONDS} s; the log of "
        "check_accounts says why",
    )
    if ended["status"] == CheckStatus.REFUSED:
        raise LoadError(ended["detail"])
    return ended


def show_check(ended: Mapping[str, Any]) -> None:
    """What a look has found."""
    found = ", ".join(f"{number} {kind}" for kind, number in ended["found"].items())
    screen.facts({"Accounts": ended["listed"], "Changes": found or "none"})


@app.command()
def show(
    account_id: AccountId,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """One account: what it is, and what it was called and where it stood since when."""
    api = api_of(who, profile, region, usually=CLOUD_ENGINEER)
    _told(api.get("accounts", account_id), as_json)


@app.command("type")
def set_type(
    account_id: AccountId,
    type_: Annotated[AccountType, typer.Argument(metavar="TYPE", help="What it is for.")],
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Say what an account is for, which finishes its mapping."""
    api = api_of(who, profile, region, usually=CLOUD_ENGINEER)
    etag = api.read("accounts", account_id).etag
    body = {"type": type_.value, "reason": reason}
    _told(api.put("accounts", account_id, "type", body=body, etag=etag), as_json)


@app.command()
def acknowledge(
    account_id: AccountId,
    kind: Annotated[NoticeKind, typer.Argument(help="The notice you have seen to.")],
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Close a notice."""
    api = api_of(who, profile, region, usually=CLOUD_ENGINEER)
    etag = api.read("accounts", account_id).etag
    body = {"kind": kind.value, "reason": reason}
    _told(
        api.post("accounts", account_id, "acknowledgements", body=body, etag=etag),
        as_json,
    )


def _told(account: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        screen.answer(account)
        return
    screen.facts(
        {
            "Account": account["account_id"],
            "Name": _since(account["names"], str),
            "Payer": _since(account["payers"], str),
            "Place": _since(account["paths"], place),
            "Type": account["type"],
            "State": f"{account['state']} since {account['state_since']}",
            "Mail": account["email"],
            "Joined": account["joined"],
            "First seen": account["first_seen"],
            "Tags": ", ".join(f"{key}={value}" for key, value in account["tags"].items()) or None,
            "Waits for": ", ".join(f"{one['kind']} ({one['need']})" for one in account["notices"])
            or None,
        }
    )


def _since(history: list[dict[str, Any]], told: Any) -> str | None:
    """What it is, and what it was before."""
    words = [told(one["value"]) for one in history]
    if len(words) < 2:
        return words[0] if words else None
    changed = "; ".join(
        f"{word} until {following['since']}"
        for word, following in zip(words, history[1:], strict=False)
    )
    return f"{words[-1]} ({changed})"


@app.command()
def tasks(
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """What accounts need of people of your role, the longest waiting first."""
    api = api_of(who, profile, region, usually=CLOUD_ENGINEER)
    answer_list(api, "accounts", "tasks", show=show_tasks, as_json=as_json, as_csv=as_csv)


def show_tasks(items: Sequence[Mapping[str, Any]]) -> None:
    """What accounts need, as a table."""
    if not items:
        screen.console.print("Nothing waits.")
        return
    table = screen.table(
        "Accounts that wait", "Account", "Account name", "Notice", "Needs", "Since"
    )
    for one in items:
        table.add_row(
            one["account_id"],
            screen.plain(one["name"] or ""),
            one["notice"],
            one["need"],
            one["since"][:10],
        )
    screen.console.print(table)
