"""`finops workloads`, `finops claims`, `finops claim`, `finops release` and `finops spaces`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from finops.domain.errors import InvalidError
from finops.domain.rule_changes import MOST_RESOURCES
from finops.local import screen
from finops.local.commands.listing import PAGE, answer_list
from finops.local.commands.options import (
    As,
    Csv,
    Json,
    Profile,
    Reason,
    Region,
    Under,
    api_of,
)
from finops.local.errors import LoadError
from finops.local.sign_in import FINANCIAL_ADMIN

AccountId = Annotated[str, typer.Argument(help="The account's id, twelve digits.")]
WorkloadId = Annotated[str, typer.Argument(help="The workload's id, from `finops workloads`.")]
Resources = Annotated[list[str] | None, typer.Argument(help="Ids of resources, e.g. ARNs.")]
FromFile = Annotated[
    Path | None,
    typer.Option("--from-file", help="A file with the id of a resource on each line."),
]
Monthly = Annotated[
    str | None, typer.Option(help="What it should cost a month, in the currency of plans.")
]
Parts = Annotated[
    list[str] | None,
    typer.Option("--component", metavar="NAME=AMOUNT", help="A part of that; may be repeated."),
]
Url = Annotated[str | None, typer.Option(help="Where that was worked out, https only.")]
Launch = Annotated[str | None, typer.Option(help="Its first month, YYYY-MM.")]
End = Annotated[str | None, typer.Option(help="Its last month, YYYY-MM.")]

app = typer.Typer(invoke_without_command=True, help="What runs for products in accounts.")


# Workloads ----------------------------------------------------------------------------------------


@app.callback()
def list_workloads(
    context: typer.Context,
    under: Under = None,
    account: Annotated[str | None, typer.Option(help="Only in this account.")] = None,
    warning: Annotated[
        bool, typer.Option("--warning", help="Only those with something to look at in them.")
    ] = False,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """All workloads that you may see, by product."""
    if context.invoked_subcommand is not None:
        return
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    asked = {"element": under, "account": account, "warning": "true" if warning else None}
    answer_list(api, "workloads", show=show_workloads, as_json=as_json, as_csv=as_csv, asked=asked)


def show_workloads(items: Sequence[Mapping[str, Any]]) -> None:
    """Workloads as a table."""
    names = ("Id", "Name", "Product", "Account", "Months", "What is wrong")
    table = screen.table("Workloads", *names, right=("Estimate", "Spent"))
    for one in items:
        table.add_row(
            one["workload_id"],
            screen.plain(one["name"]),
            one["product_id"],
            one["account_id"],
            f"{one['launch']} to {one['end']}",
            ", ".join(one["warnings"]),
            screen.cents(one["monthly"]),
            screen.cents(one["spent"]),
        )
    screen.console.print(table)


@app.command()
def show(
    workload_id: WorkloadId,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """One workload: its plan, and what to look at in it."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    _told(api.get("workloads", workload_id), as_json)


@app.command()
def add(
    account_id: AccountId,
    product: Annotated[str, typer.Argument(help="The product's id, from `finops chart show`.")],
    name: Annotated[str, typer.Argument(help="What to call it.")],
    monthly: Monthly = None,
    component: Parts = None,
    url: Url = None,
    launch: Launch = None,
    end: End = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Plan a workload of a product in an account."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    body = {
        "account_id": account_id,
        "product_id": product,
        "name": name,
        "monthly": monthly,
        "components": _components(component),
        "estimate_url": url,
        "launch": launch,
        "end": end,
        "reason": reason,
    }
    _told(api.post("workloads", body=body), as_json)


@app.command()
def change(
    workload_id: WorkloadId,
    name: Annotated[str | None, typer.Option(help="Another name.")] = None,
    monthly: Monthly = None,
    component: Parts = None,
    url: Url = None,
    launch: Launch = None,
    end: End = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Plan a workload anew; what is not said stays as it was."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    known, etag = api.read("workloads", workload_id)
    is_new_estimate = monthly is not None or component
    body = {
        "name": name or known["name"],
        "monthly": monthly if is_new_estimate else known["monthly"],
        "components": _components(component) if is_new_estimate else known["components"],
        "estimate_url": url or known["estimate_url"],
        "launch": launch or known["launch"],
        "end": end or known["end"],
        "reason": reason,
    }
    _told(api.put("workloads", workload_id, body=body, etag=etag), as_json)


@app.command("end")
def end_early(
    workload_id: WorkloadId,
    month: Annotated[
        str | None, typer.Option(help="Its last month, YYYY-MM; without it, this month.")
    ] = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """End a workload earlier than was planned; what it claims stays its own until released."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    etag = api.read("workloads", workload_id).etag
    body = {"month": month, "reason": reason}
    _told(api.post("workloads", workload_id, "endings", body=body, etag=etag), as_json)


def _components(said: Sequence[str] | None) -> list[dict[str, str]]:
    """Parts of an estimate as the API reads them.

    >>> _components(["compute=80.00"])
    [{'name': 'compute', 'monthly': '80.00'}]
    """
    parts = []
    for one in said or ():
        name, equals, amount = one.rpartition("=")
        if not equals:
            raise InvalidError(f"--component is {one!r}; write it as NAME=AMOUNT")
        parts.append({"name": name, "monthly": amount})
    return parts


def _told(workload: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        screen.answer(workload)
        return
    screen.facts(
        {
            "Workload": workload["workload_id"],
            "Name": workload["name"],
            "Product": workload["product_id"],
            "Account": workload["account_id"],
            "Months": f"{workload['launch']} to {workload['end']}",
            "Estimate": screen.cents(workload["monthly"]) or None,
            "Components": ", ".join(
                f"{part['name']} {screen.cents(part['monthly'])}" for part in workload["components"]
            )
            or None,
            "Worked out": workload["estimate_url"],
            "Spent": screen.cents(workload.get("spent")) or None,
            "Look at": ", ".join(workload.get("warnings", ())) or None,
        }
    )


# Claims -------------------------------------------------------------------------------------------


def claims(
    account_id: AccountId,
    workload: Annotated[str | None, typer.Option(help="Only for this workload.")] = None,
    resource: Annotated[
        str | None, typer.Option(help="Only on this resource: who ever held it.")
    ] = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Every claim there ever was on the resources of an account, oldest first."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    asked = {"workload": workload, "resource": resource}
    answer_list(
        *(api, "claims", account_id),
        show=show_claims,
        as_json=as_json,
        as_csv=as_csv,
        asked=asked,
    )


def show_claims(items: Sequence[Mapping[str, Any]]) -> None:
    """Claims as a table."""
    if not items:
        screen.console.print("Nothing is claimed.")
        return
    table = screen.table("Claims", "Resource", "Workload", "From", "Until", "Claimed by")
    for one in items:
        table.add_row(
            screen.plain(one["resource_id"]),
            screen.plain(one["workload"] or one["workload_id"]),
            one["start"],
            one["end"] or "",
            one["claimed_by"],
        )
    screen.console.print(table)


def claim(
    workload_id: WorkloadId,
    resources: Resources = None,
    from_file: FromFile = None,
    start: Annotated[
        str | None,
        typer.Option(help="From this day on; without it from tomorrow on. Earlier: say why."),
    ] = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Claim resources for a workload: all of them, or none."""
    wanted = named(resources, from_file)
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    account = api.get("workloads", workload_id)["account_id"]
    etag = api.read("claims", account, limit=1).etag
    body = {"workload_id": workload_id, "resources": wanted, "start": start, "reason": reason}
    _changed(api.post("claims", account, body=body, etag=etag), "claimed", wanted, as_json)


def release(
    account_id: AccountId,
    resources: Resources = None,
    from_file: FromFile = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Give resources of one product back to their account's shares: all of them, or none."""
    given = named(resources, from_file)
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    etag = api.read("claims", account_id, limit=1).etag
    body = {"resources": given, "reason": reason}
    _changed(api.post("releases", account_id, body=body, etag=etag), "released", given, as_json)


def named(resources: Sequence[str] | None, from_file: Path | None) -> list[str]:
    """The resources that are named here or in a file, whose empty lines do not count.

    Raises LoadError where none is, where too many are, and for a file that cannot be read.
    """
    wanted = list(resources or ())
    if from_file is not None:
        try:
            lines = from_file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise LoadError(f"{from_file} cannot be read: {error}") from error
        wanted += [line.strip() for line in lines if line.strip()]
    if not wanted:
        raise LoadError("name resources, or a file of them with --from-file")
    if len(wanted) > MOST_RESOURCES:
        raise LoadError(f"{len(wanted):,} resources are named; one step takes {MOST_RESOURCES:,}")
    return wanted


def _changed(head: Mapping[str, Any], done: str, resources: Sequence[str], as_json: bool) -> None:
    if as_json:
        screen.answer(head)
    else:
        screen.facts({"Account": head["of"], done.capitalize(): f"{len(resources):,} resources"})


# Spaces -------------------------------------------------------------------------------------------


def spaces(
    under: Under = None,
    month: Annotated[str | None, typer.Option(help="YYYY-MM; without it, this month.")] = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """The accounts of a scope: who they are split over, what runs in them; and its credits."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    asked = {"element": under, "month": month, "limit": PAGE}
    if as_csv:
        screen.write(api.csv("spaces", **asked))
        return
    first, *others = api.pages("spaces", **asked)
    for page in others:
        first["items"] += page["items"]
        first["credits"] += page["credits"]
    answer = first | {"next_cursor": None}
    if as_json:
        screen.answer(answer)
        return
    show_spaces(answer["items"])
    if answer["credits"]:
        show_credits(answer["credits"])
    for fresh in answer["freshness"]:
        screen.console.print(f"[dim]{screen.plain(fresh_in_words(fresh))}[/dim]")


def show_credits(items: Sequence[Mapping[str, Any]]) -> None:
    """Credits of a scope, as a table."""
    names = ("Credit", "Product", "Status", "Until")
    table = screen.table("Credits", *names, right=("Amount", "Balance", ""))
    for one in items:
        table.add_row(
            *(screen.plain(one["text"]), one["product_id"], one["status"], one["expiry"]),
            *(screen.cents(one["amount"]), screen.cents(one["balance"]), one["currency"]),
        )
    screen.console.print(table)


def fresh_in_words(one: Mapping[str, Any]) -> str:
    """How fresh a bill and its allocation are.

    >>> fresh_in_words({"payer_id": "999988887777", "last_delivery": "2026-09-20T08:00:00+00:00",
    ...     "complete_through": "2026-09-19", "allocation": None})
    'Payer 999988887777: delivered 2026-09-20T08:00, complete through 2026-09-19, not allocated yet'
    """
    made = one["allocation"]
    is_newer = "" if made is None or made["is_current"] else ", bill or rules are newer"
    how_far = f"allocated {made['made_at'][:16]}{is_newer}" if made else "not allocated yet"
    return (
        f"Payer {one['payer_id']}: delivered {one['last_delivery'][:16]}, complete through "
        f"{one['complete_through']}, {how_far}"
    )


def show_spaces(items: Sequence[Mapping[str, Any]]) -> None:
    """Accounts with their splits and workloads, as a table."""
    # The name is that of a workload; the line of a share has none.
    names = ("Account", "Type", "Product", "Status", "Name")
    table = screen.table("Spaces", *names, right=("Share", "Estimate", "Spent", "Claims"))
    for one in items:
        account = (one["account_id"], one["type"] or "")
        for share in one["shares"]:
            for product in share["products"]:
                points = product["basis_points"]
                part = f"{points // 100}.{points % 100:02} %"
                table.add_row(*account, product["product_id"], share["status"], "", part)
        for each in one["workloads"]:
            table.add_row(
                *(*account, each["product_id"], "", screen.plain(each["name"]), ""),
                *(screen.cents(each["monthly"]), screen.cents(each["spent"])),
                str(each["claims"]),
            )
    screen.console.print(table)
