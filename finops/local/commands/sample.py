"""`finops sample`: what an invented company brings: its bill as AWS delivers it, or its files."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finops.domain.errors import InvalidError
from finops.local import screen
from finops.local.screen import Json

if TYPE_CHECKING:
    from finops.local.sample import SampleBill


def sample(
    out: Annotated[
        Path | None, typer.Option(help="The folder to write the delivery of a bill to.")
    ] = None,
    month: Annotated[str | None, typer.Option(help="Its billing period, YYYY-MM.")] = None,
    chart: Annotated[
        Path | None,
        typer.Option(help="The folder to write the chart, the people and the shares to instead."),
    ] = None,
    savings_of: Annotated[
        Path | None,
        typer.Option(help="The folder of a sample bill: write to --out what could be saved on it."),
    ] = None,
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day of the savings.")
    ] = None,
    later: Annotated[
        bool, typer.Option("--later", help="Savings as of a later day: one gone, one grown.")
    ] = False,
    year: Annotated[int, typer.Option(help="The fiscal year of the chart.")] = 2026,
    lines: Annotated[int, typer.Option(help="Line items of the whole month.")] = 20_000,
    restate: Annotated[int, typer.Option(help="Which later rewrite of the month.")] = 0,
    through_day: Annotated[int | None, typer.Option(help="The last day delivered.")] = None,
    final: Annotated[bool, typer.Option("--final", help="Invoiced: ids on every line.")] = False,
    seed: Annotated[int, typer.Option(help="Another seed is another company.")] = 1,
    layout: Annotated[str, typer.Option(help="overwrite or create-new.")] = "overwrite",
    discounts: Annotated[str, typer.Option(help="Discounts as lines or columns.")] = "lines",
    as_json: Json = False,
) -> None:
    """Write a sample bill (CUR 2.0, Parquet, with its manifest) and tell its control totals.

    With --chart: a chart of accounts, its change in mid-year, one with errors, the people, and who
    pays for the accounts. With --savings-of: what AWS recommends to save on the resources of a
    sample bill, as its export says it on a --day.
    """
    if chart is not None:
        _write_organisation(chart, year, as_json)
        return
    if savings_of is not None:
        if out is None or day is None:
            raise InvalidError("give --out and --day too: where to write the savings, and of when")
        _write_recommendations(out, savings_of, day.date(), later, as_json)
        return
    if out is None or month is None:
        raise InvalidError("give --out and --month for a bill, or --chart for an organisation")
    from finops.local.sample import write_sample

    written = write_sample(
        out,
        month=month,
        lines=lines,
        restate=restate,
        through_day=through_day,
        final=final,
        seed=seed,
        layout=screen.one_of("layout", layout, ("overwrite", "create-new")),
        discounts=screen.one_of("discounts", discounts, ("lines", "columns")),
    )
    if as_json:
        screen.answer(written.model_dump(mode="json"))
    else:
        _show(written, out)


def _write_organisation(folder: Path, year: int, as_json: bool) -> None:
    from finops.local.sample import write_organisation, write_shares

    files, shares = write_organisation(folder, year=year), write_shares(folder)
    told = {
        "Chart of accounts": (files.chart, "chart load"),
        "Change in mid-year": (files.change, "chart load"),
        "With errors": (files.broken, "chart check"),
        "People": (files.people, "people load"),
        "Shares of accounts": (shares.shares, "shares load"),
        "Shares with errors": (shares.broken, "shares load --dry-run"),
    }
    if as_json:
        screen.answer(
            {name.lower().replace(" ", "_"): str(path) for name, (path, _) in told.items()}
        )
        return
    screen.facts({name: f"finops {command} {path}" for name, (path, command) in told.items()})


def _write_recommendations(out: Path, bill: Path, day: date, later: bool, as_json: bool) -> None:
    from finops.local.sample import write_recommendations

    written = write_recommendations(out, bill, day=day, later=later)
    if as_json:
        screen.answer(written.model_dump(mode="json"))
        return
    screen.facts(
        {
            "Day": str(written.day),
            "Payer": written.payer_id,
            "Recommendations": f"{written.recommendations:,}",
            "Resources": f"{written.resources:,}",
            "Savings a month": screen.cents(f"{written.monthly_savings:.10f}"),
        }
    )
    screen.tell(f"Written to {out}; finops load {out} brings it in.")


def _show(written: "SampleBill", out: Path) -> None:
    table = screen.table(
        f"{written.payer_name}, {written.billing_period}",
        "Line item type",
        right=("Lines", "Unblended", "Billed", "Effective"),
    )
    for group in written.by_line_item_type:
        table.add_row(
            group.key,
            f"{group.lines:,}",
            *(
                screen.cents(f"{cost:.10f}")
                for cost in (group.unblended_cost, group.billed_cost, group.effective_cost)
            ),
        )
    table.add_section()
    table.add_row(
        "Total",
        f"{written.lines:,}",
        *(
            screen.cents(f"{cost:.10f}")
            for cost in (written.unblended_cost, written.billed_cost, written.effective_cost)
        ),
    )
    screen.console.print(table)
    screen.tell(f"Written to {out}; finops load {out} brings it in.")
