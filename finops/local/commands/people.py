"""`finops people`, `finops me` and `finops tasks`: who is here, and what waits for whom."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from finops.domain.people import Role
from finops.local import screen
from finops.local.api import Api
from finops.local.commands.listing import answer_list
from finops.local.commands.options import As, Csv, Json, Profile, Reason, Region, api_of
from finops.local.errors import LoadError
from finops.local.sign_in import CLOUD_ENGINEER

Address = Annotated[str, typer.Argument(help="The mail address.")]
RoleOption = Annotated[Role, typer.Option(help="One role; it says what somebody may do.")]
Scope = Annotated[
    list[str] | None, typer.Option(help="An element of the role's level; can be repeated.")
]
Name = Annotated[str | None, typer.Option(help="What they are called.")]

app = typer.Typer(invoke_without_command=True, help="Who is here, with which role and scope.")


@app.callback()
def list_people(
    context: typer.Context,
    role: Annotated[Role | None, typer.Option(help="Only this role.")] = None,
    element: Annotated[str | None, typer.Option(help="Only who holds this element.")] = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Everybody the caller may see, by address."""
    if context.invoked_subcommand is not None:
        return
    api = api_of(who, profile, region, usually=CLOUD_ENGINEER)
    asked = {"role": role, "element": element}
    answer_list(api, "people", show=show_people, as_json=as_json, as_csv=as_csv, asked=asked)


def show_people(items: Iterable[Mapping[str, Any]]) -> None:
    """People as a table."""
    table = screen.table("People", "Address", "Role", "Scope")
    for one in items:
        scope = "\n".join(one["scope"]) or ("everything" if one["level"] == 0 else "nothing yet")
        status = "" if one["status"] == "Active" else f"\n[dim]{one['status']}[/dim]"
        table.add_row(screen.plain(one["email"]), f"{one['role']}{status}", screen.plain(scope))
    screen.console.print(table)


@app.command()
def invite(
    address: Address,
    role: RoleOption,
    scope: Scope = None,
    name: Name = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Invite somebody: the record is made at once, the sign-in and the mail follow."""
    api = api_of(who, profile, region, usually=CLOUD_ENGINEER)
    body = {"email": address, "role": role.value, "scope": scope or [], "name": name}
    _told(api.post("people", body=body), as_json)


@app.command()
def remap(
    address: Address,
    role: RoleOption,
    scope: Scope = None,
    name: Name = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Give somebody another role or scope; what waited for them is the next holder's."""
    api = api_of(who, profile, region, usually=CLOUD_ENGINEER)
    person, etag = api.read("people", address)
    body = {
        "role": role.value,
        "scope": scope or [],
        "name": name or person["name"],
        "reason": reason,
    }
    _told(api.put("people", address, body=body, etag=etag), as_json)


@app.command()
def suspend(
    address: Address,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """No right for them from now on; their sign-in is closed."""
    api = api_of(who, profile, region, usually=CLOUD_ENGINEER)
    etag = api.read("people", address).etag
    _told(api.post("people", address, "suspension", body={"reason": reason}, etag=etag), as_json)


@app.command()
def restore(
    address: Address,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """As they were before they were suspended."""
    api = api_of(who, profile, region, usually=CLOUD_ENGINEER)
    etag = api.read("people", address).etag
    _told(api.delete("people", address, "suspension", etag=etag), as_json)


@app.command()
def remind(
    address: Address,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """The invitation once more, for somebody who has not come yet."""
    api = api_of(who, profile, region, usually=CLOUD_ENGINEER)
    etag = api.read("people", address).etag
    _told(api.post("people", address, "reminders", body={}, etag=etag), as_json)


def _told(person: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        screen.answer(person)
        return
    screen.facts(
        {
            "Address": person["email"],
            "Name": person["name"],
            "Role": person["role"],
            "Scope": ", ".join(person["scope"]) or None,
            "Status": person["status"],
            "Invited again": person["reminded_at"],
        }
    )


@app.command()
def load(
    file: Annotated[Path, typer.Argument(help="A CSV file: email, role, scope, name.")],
    check: Annotated[bool, typer.Option("--check", help="Report only; change nothing.")] = False,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Invite and remap everybody that a file names, or nobody where a row is wrong."""
    report = load_file(api_of(who, profile, region, usually=CLOUD_ENGINEER), file, check=check)
    if as_json:
        screen.answer(report)
    else:
        show_load(report)
    if wrong := report["errors"]:
        raise LoadError(
            f"Refused: {len(wrong)} error{'s' if len(wrong) > 1 else ''}; nobody was changed."
            f" Row {wrong[0]['row']}: {wrong[0]['detail']}"
        )


def load_file(api: Api, file: Path, *, check: bool = False) -> dict[str, Any]:
    """What the API says to a file of people."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise LoadError(f'{file.name} is no UTF-8; save it as "CSV UTF-8"') from error
    return api.post("people-loads", body={"csv": text, "dry_run": check})


def show_load(report: Mapping[str, Any]) -> None:
    """What a file of people did, or every reason why it did nothing."""
    done = ", ".join(f"{len(report[name])} {name}" for name in ("invited", "remapped", "unchanged"))
    applied = "" if report["applied"] else " (nothing was changed)"
    screen.facts({"Rows": report["rows"], "People": f"{done}{applied}"})
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


@app.command()
def missing(
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """The elements that nobody holds while something waits there, and who has it meanwhile."""
    api = api_of(who, profile, region, usually=CLOUD_ENGINEER)
    answer_list(api, "missing-owners", show=show_missing, as_json=as_json, as_csv=as_csv)


def show_missing(items: Iterable[Mapping[str, Any]]) -> None:
    """Missing owners as a table."""
    table = screen.table(
        "Elements without an owner", "Year", "Level", "Element", "Goes to", right=("Steps",)
    )
    for one in items:
        table.add_row(
            str(one["year"]),
            one["label"],
            screen.plain(one["element"]),
            screen.plain(one["goes_to"]),
            str(one["tasks"]),
        )
    screen.console.print(table)


def me(
    who: As = None, profile: Profile = None, region: Region = None, as_json: Json = False
) -> None:
    """Who you are here: role, scope, and how many steps wait for you."""
    told = api_of(who, profile, region).get("me")
    if as_json:
        screen.answer(told)
        return
    screen.facts(
        {
            "Address": told["email"],
            "Name": told["name"],
            "Role": told["role"],
            "Scope": ", ".join(one["name"] for one in told["elements"]) or None,
            "Status": told["status"],
            "Open tasks": told["open_tasks"],
        }
    )


def tasks(
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """What waits for you: steps on elements, what accounts need, and who is to pay."""
    api = api_of(who, profile, region)
    answer_list(api, "tasks", show=show_tasks, as_json=as_json, as_csv=as_csv)


def show_tasks(items: Sequence[Mapping[str, Any]]) -> None:
    """Tasks as a table; one that is about an account has its name and id, and what became of it.

    One about a credit has its text and its id; one about a card its week and what is to be signed;
    one about savings what they save.
    """
    if not items:
        screen.console.print("Nothing waits.")
        return
    table = screen.table("Tasks", "Task", "Year", "Element", "Since", "")
    for one in items:
        about = one["element"]
        if one["savings"]:
            saved = f"{screen.cents(one['amount'])} {one['currency']} a month"
            about = " ".join(told for told in (one["name"], one["saving_id"], saved) if told)
        elif one["credit_id"]:
            about = f"{one['name']} {one['credit_id']}"
        elif one["account_id"]:
            notice = f": {one['notice']}" if one["notice"] else ""
            about = f"{one['name'] or 'account'} {one['account_id']}{notice}"
        elif one["start"]:
            about = f"{one['element']}, week of {one['start']}: {_signed(one)}"
        table.add_row(
            one["kind"],
            str(one["year"] or ""),
            screen.plain(about),
            (one["since"] or "")[:10],
            "escalated" if one["is_escalated"] else "",
        )
    screen.console.print(table)


def _signed(task: Mapping[str, Any]) -> str:
    """What a card is signed for, how that compares with the budget, until when, and for whom."""
    told = [f"{screen.cents(task['amount'])} {task['currency'] or ''}".rstrip(), task["pace"]]
    if task["due"]:
        told.append(f"due by {task['due'][:10]}")
    if task["acting_for"]:
        told.append(f"in the place of {task['acting_for']}")
    return ", ".join(told)
