"""`finops close corrections` and `finops close year`: what came after the close."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from finops.local import screen
from finops.local.commands.listing import answer_list, answer_whole
from finops.local.commands.options import As, Csv, Json, Profile, Region, api_of, year_of
from finops.local.sign_in import FINANCIAL_ADMIN

AMOUNTS = ("Closed", "Corrected", "Waiting", "Latest")


def corrections(
    month: Annotated[
        str | None, typer.Argument(help="Only those that this month has booked, YYYY-MM.")
    ] = None,
    original: Annotated[
        str | None, typer.Option("--of", help="Only those of this closed month, YYYY-MM.")
    ] = None,
    of_owners: Annotated[
        bool, typer.Option("--owners", help="What owners are charged, without AWS's credits.")
    ] = False,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """What later bills changed of closed months, as open months have booked it."""
    answer_list(
        api_of(who, profile, region, usually=FINANCIAL_ADMIN),
        "corrections",
        show=show_corrections,
        as_json=as_json,
        as_csv=as_csv,
        asked={
            "month": month,
            "original_period": original,
            "of_owners": "true" if of_owners else None,
        },
    )


def show_corrections(items: Sequence[Mapping[str, Any]]) -> None:
    """Corrections as a table, every amount in full."""
    table = screen.table(
        *("Corrections", "Of", "Booked in", "Product", "Invoice", "Account", "Class"),
        right=("Amount",),
    )
    for one in items:
        table.add_row(
            one["x_OriginalBillingPeriod"],
            one["BillingPeriodStart"][:7],
            one["x_ProductId"] or f"nobody: {one['x_UnallocatedReason'] or ''}",
            screen.plain(one["InvoiceId"] or ""),
            one["SubAccountId"] or "",
            one["x_ChargeClass"] or one["ChargeCategory"],
            screen.money(one["BilledCost"] or one["EffectiveCost"]),
        )
    screen.console.print(table)


def year(
    element: Annotated[
        str | None, typer.Argument(help="This element and those right below it.")
    ] = None,
    fiscal_year: Annotated[
        int | None, typer.Option("--year", help="The fiscal year; without it, the running one.")
    ] = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Every month of a year: closed + corrected + waiting = latest."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    answer_whole(
        *(api, "corrections", "years", str(year_of(api, fiscal_year))),
        show=show_year,
        as_json=as_json,
        as_csv=as_csv,
        asked={"element": element},
    )


def show_year(found: Mapping[str, Any]) -> None:
    """What owners pay by element and month, all of it, and the invoices."""
    title = f"Months of {found['fiscal_year']}"
    table = screen.table(title, "Of", "Month", "Status", "Currency", right=AMOUNTS)
    listed = [
        *((_called(one["element"]), one) for one in found["items"]),
        *(("all of it", one) for one in found["totals"]),
        *(("invoices", one) for one in found["bill"] or ()),
    ]
    for of, one in listed:
        table.add_row(
            of,
            one["month"],
            _status(one),
            one["currency"] or "",
            *(screen.cents(one[name.lower()]) for name in AMOUNTS),
        )
    screen.console.print(table)


def _status(one: Mapping[str, Any]) -> str:
    if one["is_passed_over"]:
        return "before the first close"
    return "closed" if one["is_closed"] else "open"


def _called(element: str | None) -> str:
    if element is None:
        return "nobody"
    return element or "enterprise"
