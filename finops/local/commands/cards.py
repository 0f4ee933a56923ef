"""`finops cards`: what products cost in a week, and who signs for it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.tree import Tree

from finops.domain.errors import InvalidError
from finops.domain.paces import Colour
from finops.domain.spend_cards import CardStatus
from finops.local import screen
from finops.local.api import Api
from finops.local.commands.claims import fresh_in_words
from finops.local.commands.listing import answer_list, answer_whole
from finops.local.commands.options import As, Csv, Json, Profile, Reason, Region, Under, api_of
from finops.local.sign_in import FINANCIAL_ADMIN

Product = Annotated[str, typer.Argument(help="The product, by its id.")]
Week = Annotated[str, typer.Argument(help="The first day of the week, YYYY-MM-DD.")]
Currency = Annotated[
    str | None, typer.Option(help="The card's currency; '': none is named; without it, of plans.")
]
Month = Annotated[str | None, typer.Option(help="Only this month, YYYY-MM.")]
Why = Annotated[str, typer.Option("--reason", help="Why; it is kept in the audit trail.")]
OfColour = Annotated[Colour | None, typer.Option("--colour", help="Only this colour.")]
AllThatWait = Annotated[bool, typer.Option("--all", help="All cards that wait for you.")]
SomeProduct = Annotated[str | None, typer.Argument(help="The product, by its id; not with --all.")]
SomeWeek = Annotated[
    str | None, typer.Argument(help="The first day of the week, YYYY-MM-DD; not with --all.")
]
# How a word looks; without colours the word says the same.
STYLES: Mapping[str, str] = {
    Colour.RED: "bold red",
    Colour.ORANGE: "dark_orange",
    Colour.BLACK: "bold",
    Colour.GREEN: "green",
    Colour.GREY: "dim",
}
KINDS: Mapping[str, str] = {
    "Share": "share",
    "Claim": "claim",
    "Rule": "claim rule",
    "Policy": "policy",
}

app = typer.Typer(no_args_is_help=True, help="Spend cards: weeks of spend, signed by their owners.")


@app.command("list")
def list_cards(
    month: Month = None,
    element: Under = None,
    status: Annotated[CardStatus | None, typer.Option(help="Only this status.")] = None,
    currency: Annotated[
        str | None, typer.Option(help="Only in this currency; '': none is named.")
    ] = None,
    colour: OfColour = None,
    mine: Annotated[bool, typer.Option("--mine", help="Only what waits for you.")] = False,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """The cards of your scope: of a month, or of all that are open, with who owes the step."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    answer_list(
        api,
        "spend-cards",
        show=show_cards,
        as_json=as_json,
        as_csv=as_csv,
        asked={
            "month": month,
            "element": element,
            "status": status,
            "currency": currency,
            "colour": colour,
            "mine": "true" if mine else None,
        },
    )


def show_cards(items: Sequence[Mapping[str, Any]]) -> None:
    """Cards as a table, amounts to the cent, and what all of them come to."""
    table = screen.table(
        *("Spend cards", "Product", "Week", "Status", "Pace", "Owed by"),
        right=("Adjusted", "Amount", ""),
    )
    for one in items:
        task = one["task"]
        table.add_row(
            one["product_id"],
            one["start"],
            "Provisional" if one["is_provisional"] else one["status"],
            in_colour(one),
            f"{_owed(task)}{_until(task)}" if task else "",
            *(screen.cents(one[name]) for name in ("adjusted", "amount")),
            one["currency"] or "",
        )
    screen.console.print(table)


def in_colour(card: Mapping[str, Any]) -> str:
    """The pace as a word in its colour.

    >>> in_colour({"colour": "Green", "word": "under budget"})
    '[green]under budget[/green]'
    """
    style = STYLES[card["colour"]]
    return f"[{style}]{card['word']}[/{style}]"


def _owed(task: Mapping[str, Any]) -> str:
    by = "financial admins" if task["owed_at"] == 0 else task["owed_by"].rpartition(".")[2]
    up = " (escalated)" if task["is_escalated"] else ""
    return f"E{task['level']} {task['step']}: {by}{up}"


def _until(task: Mapping[str, Any]) -> str:
    return f", by {task['due'][:10]}" if task["due"] else ""


# One card -----------------------------------------------------------------------------------------


@app.command()
def show(
    product: Product,
    week: Week,
    currency: Currency = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """One card with its tree: account, share or claim, service; adjustments, and history."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    answer_whole(
        *(api, "spend-cards", product, week),
        show=show_card,
        as_json=as_json,
        as_csv=False,
        asked={"currency": currency},
    )


def show_card(card: Mapping[str, Any]) -> None:
    """A card as people read it."""
    _facts(card)
    currency = card["currency"] or ""
    screen.console.print(tree_of("Spend", card["spend"], currency, card["tree"]))
    for one in card["adjustments"]:
        name = f"Adjustment of {one['week']} ({one['cause']})"
        screen.console.print(tree_of(name, one["amount"], currency, one["tree"]))
    if card["is_folded"]:
        told = f"It is too large to be shown: finops cards lines has its {card['line_count']} lines"
        screen.console.print(f"[dim]{told}[/dim]")
    amount = f"{screen.money(card['amount'])} {currency}".rstrip()
    screen.console.print(f"[bold]Amount: {amount}[/bold]")
    for one in card.get("anomalies", ()):
        screen.console.print(screen.plain(anomaly_in_words(one)), soft_wrap=True)
    for one in card["former"]:
        until = f"{one['until'][:16]} UTC"
        screen.console.print(f"Until {until} it was {screen.money(one['amount'])}")
    for one in card["history"]:
        screen.console.print(screen.plain(decision_in_words(one)), soft_wrap=True)
    for one in card["freshness"]:
        told = screen.plain(f"{one['billing_period']}: {fresh_in_words(one)}")
        screen.console.print(f"[dim]{told}[/dim]")


def anomaly_in_words(one: Mapping[str, Any]) -> str:
    """An unusual day of the week as a sentence.

    >>> anomaly_in_words({"day": "2026-03-11", "service": "AmazonEC2", "actual": "500.0000000000",
    ...     "expected": "20.0000000000", "currency": "USD", "status": "Open", "owners": ["a@b.example"],
    ...     "reason": None, "alert_id": "2026-03-1f"})
    'Unusual on 2026-03-11: 500.00 USD for AmazonEC2, usually 20.00 (Open, a@b.example, 2026-03-1f)'
    """
    what = f" for {one['service']}" if one["service"] else ""
    cost = f"{screen.cents(one['actual'])} {one['currency'] or ''}".rstrip()
    who = ", ".join([one["status"], *one["owners"], one["alert_id"]])
    why = f": {one['reason']}" if one["reason"] else ""
    usual = screen.cents(one["expected"])
    return f"Unusual on {one['day']}: {cost}{what}, usually {usual} ({who}){why}"


def _facts(card: Mapping[str, Any]) -> None:
    task = card.get("task")
    screen.facts(
        {
            "Product": card["product_id"],
            "Week": card["week"],
            "Status": card["status"] + (" (provisional)" if card["is_provisional"] else ""),
            "Pace": card["word"],
            "Budget": screen.money(card["budget"]) if card["budget"] else None,
            "Waits for": _owed(task) if task else None,
            "Until": f"{task['due'][:16]} UTC" if task and task["due"] else None,
            "You may": ", ".join(card["allowed"]) if card.get("allowed") else None,
        }
    )


def tree_of(name: str, amount: str, currency: str, nodes: Sequence[Mapping[str, Any]]) -> Tree:
    """Accounts, what gave them to the product, and services; each with its amount."""
    width = max(len(screen.money(amount)), *(len(screen.money(one["amount"])) for one in nodes), 0)

    def said(figure: str, words: str) -> str:
        return f"{screen.money(figure):>{width}} {currency}  {screen.plain(words)}"

    tree = Tree(f"[bold]{said(amount, name)}[/bold]")
    for node in nodes:
        account = tree.add(said(node["amount"], node["account_id"] or "charges of no account"))
        for given in node["given"] or ():
            branch = account.add(said(given["amount"], given_in_words(given)))
            for service in given["services"] or ():
                branch.add(said(service["amount"], service["service"] or "without a service"))
    return tree


def given_in_words(given: Mapping[str, Any]) -> str:
    """What gave something to a product.

    >>> given_in_words({"kind": "Claim", "workload_id": "w-1", "rule": None})
    'claim for workload w-1'
    >>> given_in_words({"kind": "Share", "workload_id": None, "rule": "2"})
    'share 2'
    """
    told: str = KINDS.get(given["kind"], given["kind"])
    told += f" {given['rule']}" if given["rule"] else ""
    return told + (f" for workload {given['workload_id']}" if given["workload_id"] else "")


def decision_in_words(one: Mapping[str, Any]) -> str:
    """A step of a card as a sentence: when, what, by whom, and why."""
    by = one["by"] + (f" for {one['acting_for']}" if one["acting_for"] else "")
    by += " (automatic)" if one["is_automatic"] else ""
    why = f": {one['reason']}" if one["reason"] else ""
    remap = ", with a proposed remap" if one["has_proposal"] else ""
    amount = screen.money(one["amount"])
    return f"{one['at'][:16]} UTC  {one['command']} of {amount} by {by}{remap}{why}"


@app.command()
def lines(
    product: Product,
    week: Week,
    account: Annotated[
        str | None, typer.Option(help="Only this account; '': charges of none.")
    ] = None,
    currency: Currency = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """All lines of a card: those of its week, then those of weeks that adjustments are about."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    answer_list(
        *(api, "spend-cards", product, week, "lines"),
        show=show_lines,
        as_json=as_json,
        as_csv=as_csv,
        asked={"account": account, "currency": currency},
    )


def show_lines(items: Sequence[Mapping[str, Any]]) -> None:
    table = screen.table(*("Lines", "Week", "Account", "Given by", "Service"), right=("Amount", ""))
    for one in items:
        table.add_row(
            one["of"],
            one["account_id"] or "(none)",
            screen.plain(given_in_words(one)),
            screen.plain(one["service"] or "(none)"),
            screen.money(one["amount"]),
            one["currency"] or "",
        )
    screen.console.print(table)


@app.command()
def resources(
    product: Product,
    week: Week,
    account: Annotated[str, typer.Argument(help="The account; '': charges of none.")],
    kind: Annotated[str | None, typer.Option(help="Only what this gave, e.g. Claim.")] = None,
    workload: Annotated[str | None, typer.Option(help="Only of this workload.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only by this rule.")] = None,
    service: Annotated[str | None, typer.Option(help="Only of this service.")] = None,
    limit: Annotated[int, typer.Option(help="How many, the largest first.")] = 20,
    currency: Currency = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """The resources behind a line of a card; they and the rest add up to it."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    answer_whole(
        *(api, "spend-cards", product, week, "resources"),
        show=show_resources,
        as_json=as_json,
        as_csv=as_csv,
        asked={
            "account": account,
            "kind": kind,
            "workload": workload,
            "rule": rule,
            "service": service,
            "limit": limit,
            "currency": currency,
        },
    )


def show_resources(found: Mapping[str, Any]) -> None:
    table = screen.table(
        f"{found['product_id']} in the week from {found['start']}",
        *("Resource", "Service"),
        right=("Charges", "Cost", "Amount"),
    )
    for one in found["resources"]:
        table.add_row(
            screen.plain(one["resource_id"] or "(none)"),
            screen.plain(one["service"] or "(none)"),
            str(one["charges"]),
            screen.money(one["whole"]),
            screen.money(one["amount"]),
        )
    if found["others"]:
        table.add_row(f"{found['others']} more", "", "", "", screen.money(found["rest"]))
    screen.console.print(table)
    amount = f"{screen.money(found['amount'])} {found['currency'] or ''}".rstrip()
    screen.console.print(f"[bold]Sum: {amount}[/bold]")


# Decisions ----------------------------------------------------------------------------------------


@app.command()
def accept(
    product: SomeProduct = None,
    week: SomeWeek = None,
    every: AllThatWait = False,
    month: Month = None,
    element: Under = None,
    colour: OfColour = None,
    currency: Currency = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Accept a card, or with --all every one that waits for you."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    some = {"month": month, "element": element, "colour": colour, "currency": currency}
    _one_or_all(api, "Accept", product, week, every, some, reason, as_json)


@app.command()
def approve(
    product: SomeProduct = None,
    week: SomeWeek = None,
    every: AllThatWait = False,
    month: Month = None,
    element: Under = None,
    colour: OfColour = None,
    currency: Currency = None,
    reason: Reason = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Approve a card that was accepted, or with --all every one that waits for you."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    some = {"month": month, "element": element, "colour": colour, "currency": currency}
    _one_or_all(api, "Approve", product, week, every, some, reason, as_json)


@app.command()
def reject(
    product: Product,
    week: Week,
    reason: Why,
    currency: Currency = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Give a card that was accepted back to its owner."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    decide(api, product, week, currency, as_json, command="Reject", reason=reason)


@app.command()
def dispute(
    product: Product,
    week: Week,
    reason: Why,
    preview: Annotated[
        str | None, typer.Option(help="The preview of the remap that you propose, by its id.")
    ] = None,
    currency: Currency = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Say that a card is wrong, and maybe how it should be."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    said = {"command": "Dispute", "reason": reason, "preview_id": preview}
    decide(api, product, week, currency, as_json, **said)


@app.command()
def resolve(
    product: Product,
    week: Week,
    reason: Why,
    currency: Currency = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """End a dispute as it is: the card keeps its amount."""
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    decide(api, product, week, currency, as_json, command="Resolve", reason=reason)


def decide(
    api: Api, product: str, week: str, currency: str | None, as_json: bool, **said: str | None
) -> None:
    """A step of one card, from the version that it has now."""
    known = api.read("spend-cards", product, week, currency=currency)
    body = {name: value for name, value in said.items() if value is not None}
    path = ("spend-cards", product, week, "decisions")
    made = api.post(*path, body=body, etag=known.etag, currency=currency)
    if as_json:
        screen.answer(made)
    else:
        _facts(made)
        last = made["history"][-1]
        screen.console.print(screen.plain(decision_in_words(last)), soft_wrap=True)


def _one_or_all(
    api: Api,
    command: str,
    product: str | None,
    week: str | None,
    every: bool,
    some: Mapping[str, str | None],
    reason: str | None,
    as_json: bool,
) -> None:
    if not every:
        narrowed = [name for name, value in some.items() if value and name != "currency"]
        if product is None or week is None or narrowed:
            raise InvalidError("name the product and the week of a card, or say --all")
        decide(api, product, week, some["currency"], as_json, command=command, reason=reason)
        return
    if product is not None:
        raise InvalidError("--all is about every card that waits: name no product with it")
    told = decide_all(api, command, some, reason)
    if as_json:
        screen.answer(told)
    else:
        show_decisions(told)


def decide_all(
    api: Api, command: str, some: Mapping[str, str | None], reason: str | None
) -> dict[str, Any]:
    """Every card that waits, a thousand at a time until none is left."""
    waiting = {name: value for name, value in some.items() if value is not None}
    body = {"command": command, "reason": reason, "waiting": waiting}
    # By card: a list may be a moment behind, and then one is told of twice.
    decided: dict[tuple[str, ...], Any] = {}
    refused: dict[tuple[str, ...], Any] = {}
    while True:
        told = api.post("spend-card-decisions", body=body)
        decided |= {_named(one): one for one in told["decided"]}
        refused |= {_named(one): one for one in told["refused"]}
        # What is refused waits still, and would be refused again and again.
        if not told["left"] or not told["decided"]:
            still = [one for of, one in refused.items() if of not in decided]
            return told | {"decided": list(decided.values()), "refused": still}


def _named(one: Mapping[str, Any]) -> tuple[str, ...]:
    return one["product_id"], one["start"], one["currency"] or ""


def show_decisions(told: Mapping[str, Any]) -> None:
    """How many cards took a decision, and why the others did not."""
    word = {"Accept": "accepted", "Approve": "approved"}[told["command"]]
    screen.console.print(f"[bold]{len(told['decided'])} cards {word}[/bold]")
    if told["refused"]:
        table = screen.table("Refused", "Product", "Week", "Reason")
        for one in told["refused"]:
            table.add_row(one["product_id"], one["start"], screen.plain(one["detail"]))
        screen.console.print(table)
    if told["left"]:
        screen.console.print(f"{told['left']} more wait")
