"""`finops load`, `finops bill` and `finops loads`: bills in, exact sums out."""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from finops.domain.loads import DeliveryKind, LoadStatus
from finops.local import machine, screen
from finops.local.api import Api, ApiError
from finops.local.commands.options import As, Csv, Json, Profile, Region, api_of
from finops.local.errors import LoadError
from finops.local.installation import Installation
from finops.local.uploads import LocalDelivery, Uploaded, deliveries_at, upload

POLL = 0.25
UNSEEN = 120  # seconds after which a delivery that nobody noticed is started by hand
PAGE = 5_000
SUCCESS = frozenset({"Published", "Unchanged", "Older", "Superseded"})


def load(
    path: Annotated[Path, typer.Argument(help="A delivery's folder, or one file of a bill.")],
    payer: Annotated[str | None, typer.Option(help="Whose bill it is, whatever it says.")] = None,
    timeout: Annotated[int, typer.Option(help="Seconds to follow each load.")] = 3600,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Upload a delivery, follow its load, and show what the bill adds up to now."""
    place = machine.installation(profile, region)
    api = Api(place, who)
    failures = []
    for delivery in deliveries_at(path):
        told = bring(delivery, place, api, payer=payer, timeout=timeout, quiet=as_json)
        _show_load(told, as_json)
        if told["status"] not in SUCCESS:
            failures.append(f"{told['status']}: {told['reason'] or 'no reason was given'}")
    if failures:
        raise LoadError("; ".join(failures))


def bring(
    delivery: LocalDelivery,
    place: Installation,
    api: Api,
    *,
    payer: str | None = None,
    timeout: int = 3600,
    quiet: bool = False,
) -> dict[str, Any]:
    """Upload *delivery* and follow its load to the end; what the API says of it then."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        console=screen.aside,
        transient=True,
        disable=quiet,
    )
    with bar:
        task = bar.add_task("Upload", total=len(delivery.files))

        def tell(number: int, of: int, file: Path) -> None:
            bar.update(task, description=f"Upload {file.name}", completed=number, total=of)

        # Known from a time before: then the same delivery changes nothing, and that is the answer.
        sent = upload(delivery, place.client("s3"), place.billing_bucket, payer, tell)
        before = _find(api, sent)
        if before is not None and before["status"] == "Published":
            return _told_again(before)
        return _follow(sent, api, before, timeout, bar, task)


def _find(api: Api, sent: Uploaded) -> dict[str, Any] | None:
    try:
        return api.get("loads", sent.load_id)
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def _told_again(load: dict[str, Any]) -> dict[str, Any]:
    """A delivery that was loaded before: it is in force, or something newer is."""
    status = "Unchanged" if all(bill["is_current"] for bill in load["bills"]) else "Older"
    reason = (
        "this very delivery is loaded already"
        if status == "Unchanged"
        else "loaded before, and replaced since by a newer delivery"
    )
    bills = [bill | {"status": status} for bill in load["bills"]]
    return load | {"status": status, "reason": reason, "bills": bills}


def _follow(
    sent: Uploaded,
    api: Api,
    before: dict[str, Any] | None,
    timeout: int,
    bar: Progress,
    task: Any,
) -> dict[str, Any]:
    began = time.monotonic()
    is_started = False
    while (waited := time.monotonic() - began) < timeout:
        found = _find(api, sent)
        is_anew = found is not None and (before is None or found["version"] > before["version"])
        if found is not None and is_anew:
            total = max(1, found["items_total"])
            bar.update(
                task,
                description=f"{found['status']:<10}",
                completed=min(found["items_done"], total),
                total=total,
            )
            if LoadStatus(found["status"]).is_final:
                return found
        elif waited > UNSEEN and not is_started:
            api.post("loads", body={"manifest_key": sent.manifest_key})
            is_started = True
        time.sleep(POLL)
    raise LoadError(f"no end after {timeout} s; finops loads show {sent.load_id} tells where it is")


def _show_load(told: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        rows = told["bills"] or [{"payer_id": None, "billing_period": None, "currency": None}]
        for bill in rows:
            shown = {
                **bill,
                "status": bill.get("status", told["status"]),
                "load_id": told["load_id"],
                "reason": told["reason"],
                "warnings": told["warnings"],
            }
            sys.stdout.write(json.dumps(shown, ensure_ascii=False) + "\n")
        return
    if told["kind"] == DeliveryKind.SAVINGS:
        number = told["recommendations"]
        said = f"{number or 0:,} recommendations of {told['day']}: {told['status']}"
        screen.tell(f"Load {told['load_id']}, {said}")
        for note in (told["reason"], *told["warnings"]):
            if note:
                screen.tell(f"Note: {note}")
        return
    table = screen.table(
        f"Load {told['load_id']}",
        "Payer",
        "Month",
        "Status",
        right=("Lines", "Unblended", "Billed", "Effective", ""),
    )
    for bill in told["bills"]:
        table.add_row(
            bill["payer_id"],
            bill["billing_period"],
            bill["status"],
            f"{bill['lines']:,}",
            *(screen.cents(bill[f"{cost}_cost"]) for cost in ("unblended", "billed", "effective")),
            bill["currency"] or "",
        )
    if told["bills"]:
        screen.console.print(table)
    if told["reason"] and told["status"] in SUCCESS:
        screen.tell(f"{told['status']}: {told['reason']}")
    for warning in told["warnings"]:
        screen.tell(f"Note: {warning}")


def bill(
    month: Annotated[str, typer.Option(help="The billing period, YYYY-MM.")],
    payer: Annotated[str | None, typer.Option(help="Only this payer.")] = None,
    by: Annotated[str, typer.Option(help="Dimensions, e.g. account,day,service.")] = "",
    cost: Annotated[str, typer.Option(help="billed, effective, list, unblended.")] = "",
    where: Annotated[
        list[str] | None, typer.Option(help="A filter, e.g. service=AmazonEC2; can be repeated.")
    ] = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Exact sums of a month, by any combination of dimensions."""
    answer = ask(api_of(who, profile, region), month, payer, by, cost, where or [])
    if as_json:
        screen.answer(answer)
    elif as_csv:
        _write_csv(answer, by, cost)
    else:
        show_bill(answer, by)


def ask(
    api: Api, month: str, payer: str | None, by: str, cost: str, where: list[str]
) -> dict[str, Any]:
    """The whole answer to a question, all its pages; started again where a newer bill comes."""
    filters = {}
    for one in where:
        name, found, value = one.partition("=")
        if not found:
            raise LoadError(f"{one!r} is no filter; write dimension=value")
        filters[name] = value
    asked = {**filters, "by": by or None, "cost": cost or None, "payer_id": payer}
    while True:
        try:
            first, *others = api.pages("bills", month, "costs", **asked, limit=PAGE)
        except ApiError as error:
            if error.status != 409:
                raise
            continue
        rows = [row for page in (first, *others) for row in page["rows"]]
        return {name: value for name, value in first.items() if name != "next_cursor"} | {
            "rows": rows
        }


def _write_csv(answer: Mapping[str, Any], by: str, cost: str) -> None:
    import csv

    from finops.domain.cells import harmless

    rows = answer["rows"]
    names = list(rows[0]) if rows else [*filter(None, by.split(","))]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([[harmless(row[name]) for name in names] for row in rows])


def show_bill(answer: Mapping[str, Any], by: str, note: str | None = None) -> None:
    """An answer as a table for people, in cents; the totals and how fresh they are, exactly."""
    dimensions = [word.strip() for word in by.split(",") if word.strip()]
    totals = answer["totals"]
    names = [name for name in (totals or [answer["total"]])[0] if name not in ("currency", "lines")]
    table = screen.table(
        f"Bill {answer['billing_period']}",
        *map(_titled, dimensions),
        right=[_titled(name) for name in ("lines", *names)],
    )
    for row in answer["rows"] if dimensions else ():
        keys = ["(none)" if row[name] is None else str(row[name]) for name in dimensions]
        table.add_row(*map(screen.plain, keys), *_measures(row, names))
    table.add_section()
    for total in totals:
        title = f"Total {total['currency'] or ''}"
        keys = [title, *[""] * (len(dimensions) - 1)] if dimensions else []
        table.add_row(*keys, *_measures(total, names), style="bold")
    screen.console.print(table)
    if note is not None:
        screen.console.print(f"[dim]{screen.plain(note)}[/dim]")
    for total in totals:
        exact = ", ".join(f"{_titled(name).lower()} {screen.money(total[name])}" for name in names)
        screen.console.print(f"[dim]Exactly, {total['currency'] or 'no currency'}: {exact}[/dim]")
    for fresh in answer["freshness"]:
        final = "final" if fresh["is_final"] else "not final yet"
        screen.console.print(
            f"[dim]Payer {screen.plain(fresh['payer_id'])}: delivered {fresh['last_delivery'][:16]}, "
            f"complete through {fresh['complete_through']}, {final}[/dim]"
        )


def _titled(name: str) -> str:
    return name.removesuffix("_cost").replace("_", " ").capitalize()


def _measures(row: Mapping[str, Any], names: list[str]) -> list[str]:
    return [f"{row['lines']:,}", *(screen.cents(row[name]) for name in names)]


loads = typer.Typer(no_args_is_help=False, invoke_without_command=True, help="What was delivered.")


@loads.callback()
def list_loads(
    context: typer.Context,
    month: Annotated[str | None, typer.Option(help="Only this billing period.")] = None,
    payer: Annotated[str | None, typer.Option(help="Only this payer.")] = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Deliveries and what became of them, newest first."""
    if context.invoked_subcommand is not None:
        return
    api = api_of(who, profile, region)
    items = list(api.items("loads", billing_period=month, payer_id=payer))
    if as_json:
        screen.answer({"items": items})
        return
    table = screen.table(
        "Loads, newest first",
        *("Load", "Recorded", "Kind", "Status", "Month or day"),
        right=("Lines", "Billed"),
    )
    for item in items:
        for one in item["bills"] or [{}]:
            table.add_row(
                item["load_id"],
                item["recorded_at"][:16].replace("T", " "),
                item["kind"],
                f"{item['status']}{' ●' if one.get('is_current') else ''}",
                one.get("billing_period", item["day"] or ""),
                f"{one.get('lines', item['recommendations'] or 0):,}",
                screen.cents(one.get("billed_cost")),
            )
    screen.console.print(table)
    screen.console.print("[dim]● in force[/dim]")


@loads.command("show")
def show_load(
    load_id: Annotated[str, typer.Argument(help="The load's id, from `finops loads`.")],
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """One delivery: its files' control totals, and what it changed."""
    told = api_of(who, profile, region).get("loads", load_id)
    if as_json:
        screen.answer(told)
        return
    _show_load(told, as_json=False)
    screen.facts(
        {
            "Manifest": told["manifest_key"],
            "Execution": told["execution_id"],
            "Delivered": told["delivered_at"],
            "Format": told["format"],
        }
    )
    files = screen.table("Control totals", "File", right=("Lines", "Unblended"))
    for file in told["files"]:
        for control in file["control_totals"] or [{"lines": 0, "unblended_cost": None}]:
            files.add_row(
                file["key"].rpartition("/")[2],
                f"{control['lines']:,}",
                screen.money(control["unblended_cost"]),
            )
    screen.console.print(files)
    for change in told["changes"]:
        if not change["lines_before"]:
            screen.tell(f"First load of {change['billing_period']} of {change['payer_id']}")
            continue
        table = screen.table(
            f"Changes to {change['billing_period']} of {change['payer_id']}: "
            f"{change['lines_before']:,} → {change['lines_after']:,} lines",
            "Of",
            "Which",
            right=("Before", "After", "Difference"),
        )
        for dimension in ("charge_category", "account", "service", "day"):
            for one in change[f"by_{dimension}"][:8]:
                table.add_row(
                    dimension.replace("_", " "),
                    screen.plain(one[dimension]),
                    *(screen.cents(one[name]) for name in ("before", "after", "difference")),
                )
        screen.console.print(table)
