"""`finops chart`: the chart of accounts, checked, loaded and shown."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError

from finops.domain.chart_files import Controls
from finops.domain.elements import ENTERPRISE, LEVELS, covers
from finops.local import machine, screen
from finops.local.api import Api
from finops.local.commands.options import (
    As,
    Csv,
    Json,
    Profile,
    Region,
    Under,
    Year,
    api_of,
    year_of,
)
from finops.local.errors import LoadError
from finops.local.installation import Installation
from finops.local.waiting import waited_for

PAGE = 1_000
SHOWN = 20  # changes of each kind in a table; --json tells all
FOLDER = "in/"  # where a file is dropped

File = Annotated[Path, typer.Argument(help="A CSV file whose name carries its controls.")]

app = typer.Typer(no_args_is_help=True, help="The chart of accounts: what there is to budget.")


@app.command()
def check(
    file: File,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Say what loading a file would do, or every reason why it would do nothing."""
    told = upload(api_of(who, profile, region), file, dry_run=True)
    _tell(told, as_json)


@app.command()
def load(
    file: File,
    drop: Annotated[bool, typer.Option("--drop", help="Put it into the bucket instead.")] = False,
    timeout: Annotated[int, typer.Option(help="Seconds to wait for a dropped file.")] = 120,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Load a file: it takes effect as a whole, or changes nothing."""
    place = machine.installation(profile, region)
    api = Api(place, who)
    told = drop_file(place, api, file, timeout) if drop else upload(api, file, dry_run=False)
    if drop and not as_json:
        screen.facts({"Report": f"s3://{place.sorfile_bucket}/{FOLDER}{file.name}{'.report.json'}"})
    _tell(told, as_json)


def upload(api: Api, file: Path, *, dry_run: bool) -> dict[str, Any]:
    """What the API says to *file*: its load, none of a dry run, and its report."""
    controls = Controls.of(file.name)
    content = file.read_bytes()
    place = api.post("chart-uploads", body={})
    api.upload(place["url"], content)
    return api.post(
        *("charts", str(controls.year), "loads"),
        body={
            "upload_id": place["upload_id"],
            "is_new": controls.is_new,
            "start_date": controls.start.isoformat(),
            "is_override": controls.is_override,
            "file_name": file.name,
            "dry_run": dry_run,
        },
    )


def drop_file(place: Installation, api: Api, file: Path, timeout: int = 120) -> dict[str, Any]:
    """What the API says of *file* once it was put into the bucket and its report lies beside it."""
    s3, key = place.client("s3"), f"{FOLDER}{file.name}"
    beside = {"Bucket": place.sorfile_bucket, "Key": f"{key}{'.report.json'}"}
    before = _state(s3, beside)
    s3.put_object(Bucket=place.sorfile_bucket, Key=key, Body=file.read_bytes())

    def reported() -> dict[str, Any] | None:
        if _state(s3, beside) != before:
            report = json.loads(s3.get_object(**beside)["Body"].read())
            # The report is there a moment before the load that it is of.
            for load in api.get("charts", str(report["year"] or 0), "loads")["items"]:
                if load["loaded_at"] == report["loaded_at"]:
                    return api.get("chart-loads", load["load_id"])
        return None

    return waited_for(reported, timeout, f"no report lies beside {key} after {timeout} s")


def _state(s3: Any, beside: Mapping[str, str]) -> tuple[str, ...] | None:
    """What tells one report from the next; None where there is none."""
    try:
        found = s3.head_object(**beside)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
            return None
        raise
    return tuple(str(found.get(name)) for name in ("VersionId", "ETag", "LastModified"))


def _tell(told: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        screen.answer(told)
    else:
        show_report(told)
    if wrong := told["report"]["errors"]:
        number = told["report"]["counts"]["errors"]
        raise LoadError(
            f"Refused: {number} error{'s' if number > 1 else ''}; nothing was changed."
            f" {'The first: ' if number > 1 else ''}{_where(wrong[0])}{wrong[0]['detail']}"
        )


def _where(error: Mapping[str, Any]) -> str:
    named = [f"row {error['row']}"] if error["row"] is not None else []
    named += [error["column"]] if error["column"] else []
    return f"{', '.join(named)}: " if named else ""


def show_report(told: Mapping[str, Any]) -> None:
    """What a file does or did, or every reason why it does nothing."""
    report, made = told["report"], told["load"]
    counts = report["counts"]
    screen.facts(
        {
            "File": report["file_name"],
            "Load": f"{made['load_id']}, {made['status']}" if made else "none: only checked",
            "Takes effect": report["starts"],
            "Rows": report["rows"],
            "Does": ", ".join(f"{counts[name]} {name}" for name in DOES),
            "Annual": f"{screen.cents(report['annual_before'])} → "
            f"{screen.cents(report['annual_after'])}",
        }
    )
    if report["errors"]:
        screen.console.print(_errors(report["errors"]))
    elif any(report[name] for name in ("added", "changed", "ended")):
        screen.console.print(_changes(report))
    for one in report["flagged"]:
        screen.console.print(
            f"! {screen.plain(_path(one['names']))}: {screen.cents(one['annual_after'])} a year is"
            " less than what is planned already; its owner is told"
        )
    for warning in report["warnings"]:
        screen.tell(f"Note: {warning}")


DOES = ("added", "changed", "ended", "unchanged", "errors")


def _errors(errors: Sequence[Mapping[str, Any]]) -> Any:
    table = screen.table("Refused", "Row", "Column", "Found", "What is wrong")
    for error in errors:
        table.add_row(
            "" if error["row"] is None else str(error["row"]),
            screen.plain(error["column"] or ""),
            screen.plain(_short(error["value"] or "", 22)),
            screen.plain(error["detail"]),
        )
    return table


def _short(said: str, most: int) -> str:
    return said if len(said) <= most else f"{said[: most - 1]}…"


def _changes(report: Mapping[str, Any]) -> Any:
    table = screen.table("Changes", "", "Product", right=("Before", "After", "Difference"))
    for kind in ("added", "changed", "ended"):
        for one in report[kind][:SHOWN]:
            before, after = one["annual_before"], one["annual_after"]
            difference = Decimal(after or 0) - Decimal(before or 0)
            table.add_row(
                kind,
                screen.plain(_path(one["names"])),
                *(screen.cents(before), screen.cents(after), screen.cents(f"{difference:.10f}")),
            )
        if left := report["counts"][kind] - len(report[kind][:SHOWN]):
            table.add_row("", f"… and {left} more {kind}", "", "", "")
    return table


def _path(names: Sequence[str]) -> str:
    return " / ".join(names)


@app.command()
def show(
    year: Year = None,
    under: Under = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """The chart in force: its products, and what each has in the year."""
    api = api_of(who, profile, region)
    of = str(year_of(api, year))
    if as_csv:
        screen.write(_rows_under(under or ENTERPRISE, api.csv("charts", of, limit=PAGE)))
        return
    first, *others = api.pages("charts", of, limit=PAGE)
    items = [
        item
        for page in (first, *others)
        for item in page["items"]
        if covers(under or ENTERPRISE, item["product_id"])
    ]
    if as_json:
        screen.answer({"year": first["year"], "labels": first["labels"], "items": items})
        return
    labels = [first["labels"][f"e{level}"] for level in range(1, 5)]
    table = screen.table(
        f"Chart of accounts {of}: {' / '.join(labels)}", "Name", "Id", right=("Annual",)
    )
    for name, id_, annual in _tree(items):
        table.add_row(screen.plain(name), id_, annual)
    table.add_section()
    total = sum((Decimal(item["steps"][-1]["annual"] or 0) for item in items), Decimal(0))
    count = f"{len(items)} product{'' if len(items) == 1 else 's'}"
    table.add_row("Total", count, screen.cents(f"{total:.10f}"), style="bold")
    screen.console.print(table)


def _rows_under(element: str, text: str) -> str:
    """The header of *text*, and the rows whose product *element* covers."""
    header, *rows = list(csv.reader(io.StringIO(text, newline=""))) or [[]]
    table = io.StringIO()
    kept = [row for row in rows if covers(element, row[PRODUCT])]
    csv.writer(table, lineterminator="\n").writerows([header, *kept])
    return table.getvalue()


PRODUCT = LEVELS + 1  # its id comes after the names and the annual amount


def _tree(items: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """A line for each element once, products with their amounts and the days these start."""
    told: set[str] = set()
    for item in items:
        parts = item["product_id"].split(".")
        for depth, name in enumerate(item["names"][:-1]):
            element = ".".join(parts[: depth + 1])
            if element not in told:
                told.add(element)
                yield f"{'  ' * depth}{name}", element, ""
        steps = item["steps"]
        yield (
            f"      {item['names'][-1]}",
            item["product_id"],
            screen.cents(steps[-1]["annual"]) or f"ends {item['ends']}",
        )
        for before, after in zip(reversed(steps[:-1]), reversed(steps[1:]), strict=True):
            yield f"        until {after['start']}", "", screen.cents(before["annual"])


@app.command()
def loads(
    year: Year = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """The files that came, newest first. Year 0: those whose names say none."""
    api = api_of(who, profile, region)
    items = list(api.items("charts", str(year_of(api, year)), "loads"))
    if as_json:
        screen.answer({"items": items})
        return
    table = screen.table(
        "Files of the chart of accounts, newest first",
        *("Load", "Loaded", "Status", "File"),
    )
    for item in items:
        done = ", ".join(f"{item[name]} {name}" for name in DOES if item[name])
        table.add_row(
            item["load_id"],
            item["loaded_at"][:16].replace("T", " "),
            item["status"],
            f"{screen.plain(item['file_name'])}\n[dim]{done}[/dim]",
        )
    screen.console.print(table)


@app.command()
def report(
    load_id: Annotated[str, typer.Argument(help="The load's id, from `finops chart loads`.")],
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """What one file did, or every reason why it did nothing."""
    told = api_of(who, profile, region).get("chart-loads", load_id)
    if as_json:
        screen.answer(told)
    else:
        show_report(told)
