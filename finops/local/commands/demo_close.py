"""The part of `finops demo` in which a month is closed, and stays as it was whatever comes later."""

import csv
import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from finops.domain.elements import element_id
from finops.domain.month_closes import Check
from finops.local import screen
from finops.local.api import Api
from finops.local.commands import close, corrections
from finops.local.commands.demo_cards import cards_of
from finops.local.commands.listing import PAGE
from finops.local.errors import DemoError
from finops.local.installation import Installation
from finops.local.sample.chart import PORTFOLIO_OWNERS
from finops.local.waiting import wait_until

CENT = Decimal("0.01")
SECONDS = 120
VENDOR = "Amazon Web Services"
ORDERS: Mapping[str | None, str] = {
    "logistics": "PO-4711-LO",
    "retail": "PO-4711-RE",
    "technology": "PO-4711-TE",
    None: "PO-4711-00",
}
WHY_WAIVED = "Two accounts of trials, and late lines of July: paid centrally this once"
COST_CENTRES = {"logistics": "CC-1000", "retail": "CC-2000", "technology": "CC-3000"}
MOST = 8  # rows of a table of many
WHY_CENTRES = "As the general ledger has them"
DELIVERED = "delivered"
BUCKET = "CloseBucketName"  # the output of the stack that has it
FILES = ("AccountsPayable.csv", "PlanningAndAnalysis.csv", "Journal.csv", "Reconciliation.csv")


def is_closed(api: Api, month: str) -> bool:
    """Whether a month is closed for ever."""
    closes = api.get("closes")["items"]
    return any(one["month"] == month and one["status"] == "Closed" for one in closes)


def set_cost_centres(api: Api) -> None:
    """What the journal books the spend of a business unit on."""
    known = api.read("settings")
    if known.body["close"]["cost_centres"]:
        screen.tell("Nothing to do: the cost centres were set before")
        return
    body = {**known.body["close"], "cost_centres": COST_CENTRES, "reason": WHY_CENTRES}
    api.put("settings", "close", body=body, etag=known.etag)
    screen.facts(COST_CENTRES)


# On the way ---------------------------------------------------------------------------------------


def show_check(api: Api, month: str) -> dict[str, Any]:
    """The check list as it is now."""
    found = api.get("closes", month)
    close.show_check_list(found)
    return found


def fill_headers(api: Api, month: str) -> None:
    """Vendor, purchase order, invoices and memo for each payer and business unit."""
    known = api.read("closes", month)
    if known.body["status"] != "Preparing" or known.body["headers"]:
        screen.tell("Nothing to do: the headers were filled in before")
        return
    headers = [
        one
        | {
            "vendor": VENDOR,
            "purchase_order": ORDERS[one["business_unit"]],
            "memo": f"Cloud, {month}",
        }
        for one in close.merged(known.body)
    ]
    api.put("closes", month, "headers", body={"headers": headers}, etag=known.etag)
    screen.tell(f"{len(headers)} headers filled in")


def waive(api: Api, month: str) -> None:
    """What stays without an owner is let be: by name, with a reason, by who will not close."""
    found = api.get("closes", month)
    red = [one["check"] for one in found["check_list"] if one["status"] == "Red"]
    if found["status"] != "Preparing" or not red:
        screen.tell("Nothing to do: what is red was waived before")
        return
    for check in red:
        if check not in (Check.NOTHING_UNALLOCATED, Check.SHARES_SET):
            raise DemoError(f"{check} is red, and not to be waived")
        etag = api.read("closes", month).etag
        api.post("closes", month, "waivers", body={"check": check, "reason": WHY_WAIVED}, etag=etag)


def close_month(api: Api, month: str) -> dict[str, Any]:
    """The month closed, by somebody who waived nothing."""
    found = api.get("closes", month)
    if found["status"] == "Closed":
        screen.tell(f"Nothing to do: {month} was closed before")
        return found
    api.post("closes", month, "close", body={})
    return close.closed_month(api, month, found["version"])


# What it made -------------------------------------------------------------------------------------


def show_files(api: Api, month: str, found: Mapping[str, Any]) -> None:
    """The four files in head, and the sums of their columns."""
    four = [one for one in found["files"] if one["business_unit"] is None]
    close.show_files(month, four)
    close.show_heads(api, month, four)


def must_be_invoices(api: Api, found: Mapping[str, Any], billed: Mapping[str, Decimal]) -> None:
    """What accounts payable pays is each invoice that was *billed*, to the cent.

    Raises DemoError where it is not.
    """
    month = found["month"]
    paid: defaultdict[str, Decimal] = defaultdict(Decimal)
    text = close.content_of(api, month, FILES[0]).decode("utf-8-sig")
    for row in csv.DictReader(io.StringIO(text)):
        if not row["ChargeClass"]:
            paid[row["Invoice"]] += Decimal(row["Net"])
    invoices = {
        invoice: amount.quantize(CENT, ROUND_HALF_EVEN) for invoice, amount in billed.items()
    }
    table = screen.table(
        None, "Invoice", right=("Accounts payable", "Invoice of AWS", "Difference")
    )
    for invoice in sorted(invoices.keys() | paid.keys()):
        ours, theirs = paid.get(invoice, Decimal()), invoices.get(invoice, Decimal())
        table.add_row(invoice, f"{ours:,.2f}", f"{theirs:,.2f}", f"{ours - theirs:,.2f}")
        if ours != theirs:
            raise DemoError(f"accounts payable pays {ours} of invoice {invoice}: it is {theirs}")
    table.add_section()
    ours, theirs = sum(paid.values(), Decimal()), sum(invoices.values(), Decimal())
    table.add_row("All", f"{ours:,.2f}", f"{theirs:,.2f}", f"{ours - theirs:,.2f}")
    screen.console.print(table)


def must_be_delivered(place: Installation, found: Mapping[str, Any]) -> None:
    """Finance finds each file, and last a manifest with its checksum. Raises DemoError."""
    month, bucket = found["month"], _bucket(place)
    s3 = place.client("s3")
    prefix = f"{DELIVERED}/{month}/"

    def is_there() -> bool:
        listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())
        return any(one["Key"].endswith("/manifest.json") for one in listed)

    wait_until(is_there, SECONDS, f"{month} was not delivered in {SECONDS} s", DemoError)

    def read(name: str) -> bytes:
        return bytes(s3.get_object(Bucket=bucket, Key=prefix + name)["Body"].read())

    manifest = json.loads(read("manifest.json"))
    for one in manifest["files"]:
        if hashlib.sha256(read(one["name"])).hexdigest() != one["sha256"]:
            raise DemoError(f"{one['name']} as delivered is not what its checksum says")
    if manifest["snapshot_sha256"] != found["snapshot_sha256"]:
        raise DemoError("what was delivered is of another snapshot")
    screen.console.print(
        f"Delivered under {prefix}: {len(manifest['files'])} files, each as its checksum says, and a"
        " manifest"
    )


def _bucket(place: Installation) -> str:
    cloudformation = place.client("cloudformation")
    for stack in cloudformation.describe_stacks()["Stacks"]:
        for output in stack.get("Outputs", ()):
            if output["OutputKey"] == BUCKET:
                return str(output["OutputValue"])
    raise DemoError(f"no stack has the output {BUCKET}")


# Proven -------------------------------------------------------------------------------------------


def must_be_signed(api: Api, month: str) -> None:
    """Of each product, Σ cards = what it pays of the closed bill. Raises DemoError."""
    cards: defaultdict[str, Decimal] = defaultdict(Decimal)
    adjusted = Decimal()
    for one in cards_of(api, month):
        cards[one["product_id"]] += Decimal(one["amount"])
        adjusted += Decimal(one["adjusted"])
    pays = {
        line["element"]: Decimal(line["closed"])
        for portfolio in PORTFOLIO_OWNERS
        for line in _year(api, month, element=element_id(portfolio))["items"]
        if line["month"] == month and line["element"] and line["element"].count(".") == 3
    }
    for product in cards.keys() | pays.keys():
        if cards.get(product, Decimal()) != pays.get(product, Decimal()):
            raise DemoError(
                f"{product} signed {cards.get(product)} of {month}, and pays {pays.get(product)}"
            )
    total = sum(cards.values(), Decimal())
    screen.console.print(
        f"{month}: cards of {total - adjusted:,.10f} + adjustments of {adjusted:,.10f} ="
        f" {total:,.10f}, which is what {len(pays)} products pay of the closed bill, difference"
        f" {total - sum(pays.values(), Decimal()):.10f}"
    )


def _year(api: Api, month: str, **asked: object) -> dict[str, Any]:
    return api.get("corrections", "years", month[:4], **asked)


def wait_for_corrections(api: Api, month: str) -> None:
    """Until all that later bills changed of a closed month is booked."""

    def are_booked() -> bool:
        waits = any(Decimal(one["waiting"]) for one in _lines(api, month))
        return not waits and bool(_booked(api, month))

    wait_until(
        are_booked,
        SECONDS,
        f"the corrections of {month} are not booked after {SECONDS} s",
        DemoError,
    )


def _booked(api: Api, month: str) -> list[dict[str, Any]]:
    return list(api.items("corrections", original_period=month, limit=PAGE))


def _lines(api: Api, month: str) -> list[dict[str, Any]]:
    """What owners and nobody pay in all, and the invoices, of a month."""
    told = _year(api, month)
    return [one for one in (*told["totals"], *(told["bill"] or ())) if one["month"] == month]


def show_corrections(api: Api, month: str) -> None:
    """What the bill after the close says otherwise, by invoice, kind of charge and product."""
    found = _booked(api, month)
    sums: defaultdict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for one in found:
        invoice, category = one["InvoiceId"] or "", one["ChargeCategory"] or ""
        sums[invoice, category, one["x_ProductId"] or "nobody's"] += Decimal(one["BilledCost"])
    listed = sorted(sums.items(), key=lambda item: -abs(item[1]))
    names = ("Invoice", "Charge category", "Product")
    table = screen.table(f"Corrections of {month}", *names, right=("Amount",))
    for key, amount in listed[:MOST]:
        table.add_row(*key, screen.cents(str(amount)))
    if rest := [amount for _, amount in listed[MOST:]]:
        said = f"{len(rest)} smaller ones"
        table.add_row(said, "", "", screen.cents(str(sum(rest, Decimal()))))
    table.add_section()
    total = sum(sums.values(), Decimal())
    table.add_row("All", "", f"{len(found)} rows", screen.cents(str(total)))
    screen.console.print(table)


def must_add_up(api: Api, month: str, billed: Decimal) -> None:
    """Closed + corrected = latest bill, to the last digit. Raises DemoError."""
    table = screen.table(None, "Of", right=("Closed", "Corrections", "Latest bill", "Difference"))
    told = _year(api, month)
    for name, lines in (("Owners and nobody", told["totals"]), ("Invoices", told["bill"] or ())):
        for one in lines:
            if one["month"] != month:
                continue
            closed, corrected, latest = (
                Decimal(one[word]) for word in ("closed", "corrected", "latest")
            )
            difference = closed + corrected - latest
            table.add_row(name, *(f"{a:,.10f}" for a in (closed, corrected, latest, difference)))
            if difference or not one["is_closed"]:
                raise DemoError(f"{month}: {closed} + {corrected} is not the bill's {latest}")
            if name == "Invoices" and latest != billed:
                raise DemoError(f"{month}: {latest} is not {billed}, which the bill has")
    screen.console.print(table)


def show_year(api: Api, year: int) -> None:
    """Every month as it was closed, what was corrected since, and what it is by now."""
    corrections.show_year(api.get("corrections", "years", str(year)))
