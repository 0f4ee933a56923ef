"""`finops explain`: any figure of a product taken apart, step by step down to the lines of the bill."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from shlex import quote
from typing import Annotated, Any

import typer

from finops.domain.errors import InvalidError
from finops.local import screen
from finops.local.commands.options import As, Csv, Json, Profile, Region, api_of

NOBODY = "unallocated"
WITHOUT = "(none)"
# The words of a question, and the options that say them.
OPTIONS = {
    "month": "--month",
    "account": "--account",
    "day": "--day",
    "service": "--service",
    "class": "--class",
    "payer": "--payer",
    "currency": "--currency",
    "resource": "--resource",
    "charge": "--charge",
}
# What else a figure is narrowed by, as `--where`.
WHERE = (
    *("charge_category", "invoice", "issuer"),
    *("kind", "workload", "rule", "reason", "meant_for"),
)
HIDDEN = frozenset({"currency", "class", "share"})  # columns that others tell


def explain(
    product: Annotated[str, typer.Argument(help=f"The product's id; {NOBODY}: what nobody owns.")],
    month: Annotated[
        str | None, typer.Option(help="The billing period, YYYY-MM; without it, the newest.")
    ] = None,
    account: Annotated[
        str | None, typer.Option(help="Of this account; '': charges of no account.")
    ] = None,
    day: Annotated[str | None, typer.Option(help="Of this day, YYYY-MM-DD.")] = None,
    service: Annotated[
        str | None, typer.Option(help="Of this service, e.g. AmazonEC2; '': without one.")
    ] = None,
    class_: Annotated[
        str | None, typer.Option("--class", help="What charges are for, e.g. Tax.")
    ] = None,
    payer: Annotated[str | None, typer.Option(help="On this payer's bill.")] = None,
    currency: Annotated[str | None, typer.Option(help="In this currency.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Narrowed further, as NAME=VALUE, e.g. kind=Claim; can be repeated."),
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="Other dimensions, comma separated, e.g. account,day.")
    ] = None,
    charges: Annotated[
        bool, typer.Option("--charges", help="The charges of an account's day.")
    ] = False,
    lines: Annotated[
        bool, typer.Option("--lines", help="The lines of the bill behind those charges.")
    ] = False,
    charge: Annotated[
        str | None, typer.Option(help="Lines of this charge only, by its id.")
    ] = None,
    resource: Annotated[
        str | None, typer.Option(help="Lines of this resource only; '': of none.")
    ] = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """What a product pays, and why: accounts, days, services, charges, lines of the bill."""
    if charges and lines:
        raise InvalidError("--charges and --lines are two steps: take one of them")
    if (charges or lines) and (account is None or day is None):
        raise InvalidError("charges and lines are of an account's day: add --account and --day")
    if not lines and (charge is not None or resource is not None):
        raise InvalidError("--charge and --resource choose lines: add --lines")
    asked = {
        "month": month,
        "account": account,
        "day": day,
        "service": service,
        "class": class_,
        "payer": payer,
        "currency": currency,
        **dict(map(_named, where or ())),
    }
    step: tuple[str, ...] = ()
    if charges:
        step = ("charges",)
    elif lines:
        step = ("lines",)
        asked |= {"charge": charge, "resource": resource}
    else:
        asked |= {"by": by}
    api = api_of(who, profile, region)
    path = ("explain", product, *step)
    if as_csv:
        screen.write(api.csv(*path, **asked))
        return
    told = api.get(*path, **asked)
    if as_json:
        screen.answer(told)
        return
    said = {"month": told["billing_period"]} | {
        name: value for name, value in asked.items() if value is not None and name != "by"
    }
    if charges:
        show_charges(told, said)
    elif lines:
        show_lines(told, said)
    else:
        show_figure(told, said)


# A figure -----------------------------------------------------------------------------------------


def show_figure(told: Mapping[str, Any], said: Mapping[str, str]) -> None:
    """The rows that add up to a figure, the sum, the rules, and how to go on."""
    rows = told["rows"]
    # A column in which nothing is said is none that anybody has to read.
    names = [
        name
        for name in told["by"]
        if name not in HIDDEN and any(row[name] is not None for row in rows)
    ]
    has_shares = any(row.get("share") for row in rows)
    table = screen.table(
        _title(told),
        *(name.replace("_", " ").capitalize() for name in names),
        right=(*(("Share %",) if has_shares else ()), "Amount", ""),
    )
    for row in rows:
        table.add_row(
            *(screen.plain(_shown(row[name])) for name in names),
            *((row.get("share") or "",) if has_shares else ()),
            _exact(row["amount"]),
            row["currency"] or "",
        )
    screen.console.print(table)
    _sums("Sum", told["totals"])
    _rules(told["rules"])
    if rows:
        largest = max(rows, key=lambda row: abs(Decimal(row["amount"])))
        _go_on(told["product_id"], _narrowed(said, largest), "of the largest row")


def _narrowed(said: Mapping[str, str], row: Mapping[str, Any]) -> list[str]:
    asked = dict(said)
    for name in (
        *(name for name in OPTIONS if name not in ("month", "resource", "charge")),
        *WHERE,
    ):
        if name in row:
            asked[name] = row[name] or ""
    return [*_options(asked), *(["--charges"] if {"account", "day"} <= asked.keys() else [])]


# Its charges --------------------------------------------------------------------------------------


def show_charges(told: Mapping[str, Any], said: Mapping[str, str]) -> None:
    """The groups of charges, each with what the product pays of it and by what rule."""
    screen.console.print(f"[bold]{screen.plain(_title(told))}[/bold]")
    rules = {(rule["kind"], rule["rule"]): rule for rule in told["rules"]}
    for group in told["groups"]:
        table = screen.table(
            screen.plain(_group(group)), *("Resource", "Type", "Charge"), right=("Lines", "Cost")
        )
        for one in group["charges"]:
            table.add_row(
                screen.plain(_shown(one["resource_id"])),
                screen.plain(_shown(one["line_item_type"])),
                one["charge_id"],
                str(one["lines"]),
                _exact(one["cost"]),
            )
        if group["others"]:
            table.add_row(f"{group['others']} more", "", "", "", _exact(group["rest"]))
        screen.console.print(table)
        for words in _given(group, rules):
            screen.console.print(screen.plain(words), soft_wrap=True)
        screen.console.print()
    _sums("Sum of the parts", told["totals"])
    charges = [one for group in told["groups"] for one in group["charges"]]
    if charges:
        largest = max(charges, key=lambda one: abs(Decimal(one["cost"])))
        options = [*_options(said), "--lines", "--charge", largest["charge_id"]]
        _go_on(told["product_id"], options, "of the largest charge")


def _group(group: Mapping[str, Any]) -> str:
    about = [group["service"] or "without a service", group["class"]]
    if group["invoice_id"]:
        about.append(f"invoice {group['invoice_id']}")
    return " · ".join([*about, f"payer {group['payer_id']}"])


def _given(group: Mapping[str, Any], rules: Mapping[tuple[str, str], Any]) -> Iterator[str]:
    """What the product pays of a group, in words: "60.00 % of 10.00 = 6.00", by whom and why."""
    whole, part = _exact(group["whole"]), _exact(group["part"])
    currency = group["currency"] or "without a currency"
    if group["share"] is not None:
        yield f"{group['share']} % of {whole} = {part} {currency}"
    elif group["whole"] == group["part"]:
        yield f"all of {whole} = {part} {currency}"
    else:
        yield f"of {whole}, in proportion to spend: {part} {currency}"
    if group["reason"]:
        meant = f"; it would be {group['meant_for']}'s" if group["meant_for"] else ""
        yield f"Nobody owns it: {group['reason']}{meant}"
    if group["kind"] == "Claim":
        yield from dict.fromkeys(
            f"Claimed from {one['claimed_from']} by {one['claimed_by']}"
            f" ({one['claimed_at'][:16]} UTC) for workload {group['workload_id']}"
            for one in group["charges"]
            if one["claimed_by"]
        )
    for kind in (group["kind"], "Share", "Rule", "Policy"):
        if (rule := rules.get((kind, group["rule"]))) is not None:
            yield rule_in_words(rule)
            return


# Their lines --------------------------------------------------------------------------------------


def show_lines(told: Mapping[str, Any], said: Mapping[str, str]) -> None:
    """The lines of the bill, and what leads from what they state to what the charges cost."""
    for bill in told["bills"]:
        table = screen.table(
            f"{_title(told)}: lines of payer {bill['payer_id']}",
            *("Place", "Line", "Usage type", "Name"),
            right=("Quantity", "Stated", "Cost"),
        )
        files = list(dict.fromkeys(line["file"] for line in bill["lines"]))
        for line in bill["lines"]:
            table.add_row(
                f"{files.index(line['file']) + 1}:{line['row']}",
                screen.plain(line["line_item_id"] or ""),
                screen.plain(line["usage_type"] or line["line_item_type"] or ""),
                screen.plain(line["description"] or line["operation"] or ""),
                screen.plain(" ".join(filter(None, (line["quantity"], line["unit"])))),
                _exact(line["unblended_cost"]),
                _exact(line["cost"]),
            )
        if bill["others"]:
            rest = (bill["rest_unblended_cost"], bill["rest_cost"])
            table.add_row("", "", "", f"{bill['others']} more", "", *map(_exact, rest))
        screen.console.print(table)
        for number, file in enumerate(files, 1):
            screen.console.print(f"[dim]{number}: {screen.plain(file)}[/dim]", soft_wrap=True)
        for words in adding_up(bill):
            screen.console.print(screen.plain(words))
    if said.get("charge") is None and said.get("resource") is None:
        screen.tell("One charge alone: --charge ID, as --charges names them")


def adding_up(bill: Mapping[str, Any]) -> Iterator[str]:
    """The way from what lines state to what their charges cost, a step a line."""
    amounts = [
        ("Stated by the lines", bill["unblended_cost"]),
        *((one["step"], one["amount"]) for one in bill["steps"]),
        (f"Cost of the charges ({bill['basis']})", bill["cost"]),
    ]
    names = max(len(name) for name, _ in amounts)
    width = max(len(_exact(amount)) for _, amount in amounts)
    for name, amount in amounts:
        yield f"{name:<{names}}  {_exact(amount):>{width}} {bill['currency'] or ''}".rstrip()


# Words --------------------------------------------------------------------------------------------


def rule_in_words(rule: Mapping[str, Any]) -> str:
    """A rule as a sentence: what it says, from when, by whom and why."""
    name = {
        "Share": f"Split {rule['rule']} of account {rule['of']}",
        "Rule": f"Claim rule {rule['rule']} for {rule['of']}",
        "Policy": f"Policy {rule['rule']} of payer {rule['of']}",
    }[rule["kind"]]
    until = f" up to {rule['end']}" if rule["end"] else ""
    by = f", set by {rule['set_by']} at {rule['set_at'][:16]} UTC" if rule["set_by"] else ""
    why = f": {rule['reason']}" if rule["reason"] else ""
    return f"{name}: {rule['said']}, from {rule['start']}{until}{by}{why}"


def _rules(rules: Sequence[Mapping[str, Any]]) -> None:
    for rule in rules:
        screen.console.print(screen.plain(rule_in_words(rule)), soft_wrap=True)


def _title(told: Mapping[str, Any]) -> str:
    narrowed = " · ".join(f"{name} {_shown(value)}" for name, value in told["asked"].items())
    return f"{told['product_id']} in {told['billing_period']}" + (narrowed and f" · {narrowed}")


def _sums(name: str, totals: Sequence[Mapping[str, Any]]) -> None:
    for total in totals:
        amount = _exact(total["amount"])
        screen.console.print(f"[bold]{name}: {amount} {total['currency'] or ''}[/bold]".rstrip())
    if not totals:
        screen.console.print(f"{name}: nothing")


def _go_on(product: str, options: Sequence[str], of: str) -> None:
    words = " ".join(quote(word) for word in ("finops", "explain", product, *options))
    screen.console.print(f"[dim]Next, {of}:[/dim] {screen.plain(words)}", soft_wrap=True)


def _named(said: str) -> tuple[str, str]:
    name, is_there, value = said.partition("=")
    if not is_there or name not in WHERE:
        raise InvalidError(f"--where {said!r}: write NAME=VALUE; names are {', '.join(WHERE)}")
    return name, value


def _options(asked: Mapping[str, str]) -> list[str]:
    return [
        word
        for name, value in asked.items()
        for word in ((OPTIONS[name], value) if name in OPTIONS else ("--where", f"{name}={value}"))
    ]


def _shown(value: str | None) -> str:
    return value or WITHOUT


def _exact(amount: str) -> str:
    """Decimal text with its thousands apart, and all of its decimals."""
    whole, _, decimals = amount.partition(".")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{int(whole.lstrip('-') or 0):,}.{decimals}"
