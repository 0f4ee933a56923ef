"""`finops credits` and `finops discounts`: what was granted, what it pays, and the price book."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import typer

from finops.domain.credits import CreditStatus
from finops.domain.errors import InvalidError
from finops.local import screen
from finops.local.commands.claims import fresh_in_words
from finops.local.commands.listing import answer_list, answer_whole
from finops.local.commands.options import As, Csv, Json, Profile, Reason, Region, Under, api_of
from finops.local.sign_in import FINANCIAL_ADMIN

CreditId = Annotated[str, typer.Argument(help="The credit's id, as the list has it.")]
Product = Annotated[str, typer.Argument(help="The product it is for, by its id.")]
Text = Annotated[str, typer.Option(help="The promotion code, or words.")]
Amount = Annotated[str, typer.Option(help="How much, e.g. 1200.00.")]
Currency = Annotated[str, typer.Option(help="In which currency.")]
Start = Annotated[str, typer.Option(help="The first day whose cost it pays, YYYY-MM-DD.")]
Expiry = Annotated[str, typer.Option(help="The last such day, YYYY-MM-DD.")]
Service = Annotated[str | None, typer.Option(help="Only this service's cost, as the bill has it.")]
Account = Annotated[str | None, typer.Option(help="The account that it was applied to.")]
Reference = Annotated[str | None, typer.Option(help="A contract, a ticket, a mail.")]
RATE = re.compile(r"(?:(?P<service>[^=]+)=)?(?P<percent>\d{1,3})(?:\.(?P<cents>\d{1,2}))?%?")

app = typer.Typer(
    invoke_without_command=True, help="What was granted to products, and what it pays."
)
discounts = typer.Typer(invoke_without_command=True, help="The price book.")


# Credits ------------------------------------------------------------------------------------------


@app.callback()
def list_credits(
    context: typer.Context,
    status: Annotated[CreditStatus | None, typer.Option(help="Only this status.")] = None,
    product: Annotated[str | None, typer.Option(help="Only of this product.")] = None,
    element: Under = None,
    warning: Annotated[
        bool, typer.Option("--warning", help="Only those that end within 60 days.")
    ] = False,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """The credits of your scope, with what open months would use of them."""
    if context.invoked_subcommand is not None:
        return
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    answer_list(
        api,
        "credits",
        show=show_credits,
        as_json=as_json,
        as_csv=as_csv,
        asked={
            "status": status,
            "product": product,
            "element": element,
            "warning": "true" if warning else None,
        },
    )


def show_credits(items: Sequence[Mapping[str, Any]]) -> None:
    """Credits as a table; amounts to the cent."""
    table = screen.table(
        *("Credits", "Credit", "Name", "Product", "Status", "Expiry", "Ends"),
        right=("Amount", "Balance", "Estimated"),
    )
    for one in items:
        table.add_row(
            one["credit_id"],
            screen.plain(one["text"]),
            one["product_id"] or "",
            one["status"],
            one["expiry"] or "",
            ", ".join(f"{each['kind']} {each['day']}" for each in one["warnings"]),
            screen.cents(one["amount"]),
            screen.cents(one["balance"]),
            screen.cents(one["estimated_balance"]),
        )
    screen.console.print(table)


@app.command()
def show(
    credit_id: CreditId,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """One credit: its ledger, and how long it lasts at the pace so far."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    found = api.get("credits", credit_id)
    _told(found, as_json)
    if as_json:
        return
    if (ahead := found["burn_down"]) is not None:
        left = screen.cents(ahead["left"])
        ends = (
            f"runs out on {ahead['run_out']}"
            if ahead["run_out"]
            else (f"{screen.cents(ahead['lapses'])} of it lapses")
        )
        screen.facts({"Left": f"{left} through {ahead['through']}; at this pace {ends}"})
    table = screen.table("Ledger", "What", "When", "Final", right=("Amount", "Balance"))
    for one in found["ledger"]:
        table.add_row(
            one["what"],
            one["when"],
            "yes" if one["is_final"] else "estimate",
            screen.money(one["amount"]),
            screen.money(one["balance"]),
        )
    screen.console.print(table)
    for one in found["freshness"]:
        told = screen.plain(f"{one['billing_period']}: {fresh_in_words(one)}")
        screen.console.print(f"[dim]{told}[/dim]")


@app.command()
def grant(
    product: Product,
    text: Text,
    amount: Amount,
    start: Start,
    expiry: Expiry,
    currency: Currency = "USD",
    service: Service = None,
    account: Account = None,
    reference: Reference = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Grant a credit to a product."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    body = {
        "product_id": product,
        "text": text,
        "amount": amount,
        "currency": currency,
        "start": start,
        "expiry": expiry,
        "service": service,
        "account_id": account,
        "reference": reference,
        "reason": reason,
    }
    _told(api.post("credits", body=body), as_json)


@app.command("map")
def map_credit(
    credit_id: CreditId,
    product: Product,
    amount: Amount,
    start: Start,
    expiry: Expiry,
    text: Annotated[str | None, typer.Option(help="Other words than it has.")] = None,
    currency: Annotated[str | None, typer.Option(help="Another currency than it has.")] = None,
    service: Annotated[
        str | None, typer.Option(help="Only this service's cost; without it, as it was.")
    ] = None,
    all_services: Annotated[
        bool, typer.Option("--all-services", help="The cost of all services.")
    ] = False,
    account: Annotated[str | None, typer.Option(help="Another account than it has.")] = None,
    reference: Annotated[str | None, typer.Option(help="Another reference than it has.")] = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Say whose a queued credit is, how much and until when; or correct one that has not paid."""
    if service and all_services:
        raise InvalidError("say --service for one of them or --all-services, not both")
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    known = api.read("credits", credit_id)
    body = {
        "product_id": product,
        "text": text or known.body["text"],
        "amount": amount,
        "currency": currency or known.body["currency"] or "USD",
        "start": start,
        "expiry": expiry,
        "service": None if all_services else service or known.body["service"],
        "account_id": account or known.body["account_id"],
        "reference": reference or known.body["reference"],
        "reason": reason,
    }
    _told(api.put("credits", credit_id, body=body, etag=known.etag), as_json)


@app.command()
def withdraw(
    credit_id: CreditId,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the audit trail.")],
    day: Annotated[
        str | None, typer.Option(help="From this day on it pays nothing; without it, today.")
    ] = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """End a credit; set a queued one aside."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    etag = api.read("credits", credit_id).etag
    body = {"day": day, "reason": reason}
    _told(api.post("credits", credit_id, "withdrawals", body=body, etag=etag), as_json)


def _told(credit: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        screen.answer(credit)
        return
    screen.facts(
        {
            "Credit": credit["credit_id"],
            "Text": credit["text"],
            "Source": credit["source"],
            "Product": credit["product_id"],
            "Account": credit["account_id"],
            "Service": credit["service"],
            "Reference": credit["reference"],
            "Amount": _amount(credit["amount"], credit["currency"]),
            "Balance": _amount(credit["balance"], credit["currency"]),
            "Pays": f"{credit['start']} to {credit['expiry']}" if credit["start"] else None,
            "Withdrawn": credit["withdrawn_from"],
        }
    )


def _amount(said: str | None, currency: str | None) -> str | None:
    return None if said is None else f"{screen.money(said)} {currency or ''}".rstrip()


@app.command()
def reconcile(
    month: Annotated[str, typer.Argument(help="The bill's month, YYYY-MM.")],
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """What AWS credited in a month, what the credits here do, and the difference."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    answer_whole(
        *(api, "credits", "reconciliation"),
        show=partial(show_reconciliation, month),
        as_json=as_json,
        as_csv=as_csv,
        asked={"month": month},
    )


def show_reconciliation(month: str, found: Mapping[str, Any]) -> None:
    """What bills and the ledger have of credits, a line by currency."""
    names = ("On bills", "In the ledger", "Difference")
    table = screen.table(f"Credits of {month}", "Currency", "Ledger is", right=names)
    for one in found["items"]:
        table.add_row(
            one["currency"] or "",
            "estimated" if one["is_estimated"] else "final",
            *(screen.money(one[name]) for name in ("on_bills", "in_ledger", "difference")),
        )
    screen.console.print(table)


# The price book -----------------------------------------------------------------------------------


@discounts.callback()
def list_discounts(
    context: typer.Context,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Every price list, oldest first; of those that began, the newest counts."""
    if context.invoked_subcommand is not None:
        return
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    if as_csv:
        screen.write(api.csv("discounts"))
        return
    _show_book(api.get("discounts"), as_json)


@discounts.command("set")
def set_discounts(
    start: Annotated[str, typer.Argument(help="The first day, YYYY-MM-DD.")],
    rates: Annotated[
        list[str] | None,
        typer.Argument(help="5% for all services, AmazonS3=7.5% for one; none: no discount."),
    ] = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Other discounts, from a day on, in place of all before."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    etag = api.read("discounts").etag
    body = {"start": start, "rates": [rate(said) for said in rates or ()], "reason": reason}
    _show_book(api.put("discounts", body=body, etag=etag), as_json)


def rate(said: str) -> dict[str, object]:
    """A rate as people write it.

    >>> rate("AmazonS3=7.5%"), rate("5")
    ({'service': 'AmazonS3', 'basis_points': 750}, {'service': None, 'basis_points': 500})

    Raises InvalidError.
    """
    found = RATE.fullmatch(said.strip())
    if found is None:
        raise InvalidError(
            f"{said!r} is no rate; write 5% for all services, AmazonS3=7.5% for one of them"
        )
    points = 100 * int(found["percent"]) + int((found["cents"] or "0").ljust(2, "0"))
    return {"service": found["service"], "basis_points": points}


def percent(basis_points: int) -> str:
    """Basis points for reading.

    >>> percent(750), percent(10_000)
    ('7.50%', '100.00%')
    """
    return f"{basis_points // 100}.{basis_points % 100:02}%"


def _show_book(book: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        screen.answer(book)
        return
    table = screen.table("Price lists", "From", "Rates", "Set by", "Reason")
    for one in book["lists"]:
        rates = ", ".join(
            f"{each['service'] or 'all services'} {percent(each['basis_points'])}"
            for each in one["rates"]
        )
        table.add_row(
            one["start"],
            screen.plain(rates or "none"),
            one["set_by"],
            screen.plain(one["reason"] or ""),
        )
    screen.console.print(table)
