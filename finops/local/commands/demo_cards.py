"""The part of `finops demo` in which owners sign for weeks of spend, and one of them disputes."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from finops.local import organization, screen
from finops.local.api import Answer, Api
from finops.local.commands.card_runs import made_cards
from finops.local.commands.cards import decide_all, show_card
from finops.local.commands.demo_people import Company
from finops.local.commands.disputes import show_proposal
from finops.local.commands.listing import PAGE
from finops.local.commands.previews import made_preview
from finops.local.commands.views import ENTERPRISE, show_statuses
from finops.local.errors import DemoError
from finops.local.sample.chart import PORTFOLIO_OWNERS, PRODUCTS, Product

ZERO_WAITS = "Who pays is not settled yet: a card of nothing waits like any other"
ZERO_SETTLES = "Who pays is settled: what costs nothing needs no signature"
CARDS, DECISIONS = "spend-cards", "decisions"
WHATS = ("Spend", "Adjusted", "Amount")
ACCEPT, APPROVE, REJECT, DISPUTE, REMAP = "Accept", "Approve", "Reject", "Dispute", "Remap"
MOST = 8  # rows of a table of many
FROZEN = frozenset({"Accepted", "Approved", "Rejected", "Resolved"})


class Week(NamedTuple):
    """A card of an application."""

    application: str
    start: str

    @property
    def product(self) -> Product:
        return PRODUCTS[self.application]

    @property
    def path(self) -> tuple[str, str, str]:
        return CARDS, self.product.id, self.start


REJECTED = Week("routing", "2026-08-09")
WHY_REJECTED = "Is the load test in it, and is it over?"
WHY_ACCEPTED = "It is in it, as planned, and it ended on Friday"
DISPUTED = Week("search", "2026-08-16")
WHY_DISPUTED = (
    "Search moved its indexing off the shop's account on the 16th: 10 % is ours now, not 15"
)
WHY_REMAPPED = "Agreed with the web shop, which keeps the servers"
ANEW = {"web-shop": 65, "orders": 25, "search": 10}  # percent of the shop's account


# Made ---------------------------------------------------------------------------------------------


def let_zero_cards_wait(api: Api) -> None:
    """Until it is settled who pays, a card of nothing is for people to look at."""
    known = api.read("settings")
    if known.body["version"]:
        screen.tell("Nothing to do: it was set before")
    else:
        _set_zero_cards(api, known, approve=False, why=ZERO_WAITS)


def let_zero_cards_settle(api: Api) -> None:
    """From now on what costs nothing approves itself."""
    known = api.read("settings")
    if known.body["cards"]["approves_zero"]:
        screen.tell("Nothing to do: it was set before")
    else:
        _set_zero_cards(api, known, approve=True, why=ZERO_SETTLES)


def _set_zero_cards(api: Api, known: Answer, *, approve: bool, why: str) -> None:
    body = {**known.body["cards"], "approves_zero": approve, "reason": why}
    api.put("settings", "cards", body=body, etag=known.etag)
    screen.console.print(why)


def make(api: Api, month: str) -> None:
    """Cards that are due, and what there is of a month by then; a week that waits says for what."""
    told = made_cards(api)
    show_weeks(cards_of(api, month))
    for week in told["weeks"]:
        if week["waiting"]:
            why = screen.plain(week["waiting"])
            screen.console.print(f"The week from {week['start']} waits: {why}")


def show_weeks(cards: Sequence[Mapping[str, Any]]) -> None:
    """Cards by week, and what they come to."""
    table = screen.table("Spend cards", "Week", "Status", right=("Cards", *WHATS))
    by_week: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for one in cards:
        by_week[one["start"]].append(one)
    for start in sorted(by_week):
        of = by_week[start]
        statuses = Counter(
            one["status"].lower() + (", provisional" if one["is_provisional"] else "") for one in of
        )
        said = ", ".join(f"{number} {status}" for status, number in sorted(statuses.items()))
        table.add_row(of[0]["week"], said, str(len(of)), *_sums(of))
    table.add_section()
    table.add_row("All", "", str(len(cards)), *_sums(cards))
    screen.console.print(table)


def _sums(cards: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        screen.cents(str(sum((Decimal(one[what.lower()]) for one in cards), Decimal())))
        for what in WHATS
    ]


def cards_of(api: Api, month: str) -> list[dict[str, Any]]:
    """The cards of a month, all that there are."""
    return list(api.items(CARDS, month=month, limit=PAGE))


def signed_amounts(api: Api, month: str) -> dict[tuple[str, str], str]:
    """What was signed of a month, by product and week."""
    return {
        (one["product_id"], one["start"]): one["amount"]
        for one in cards_of(api, month)
        if one["status"] in FROZEN
    }


def must_be_kept(
    before: Mapping[tuple[str, str], str], after: Mapping[tuple[str, str], str]
) -> int:
    """How many amounts that were signed are as they were. Raises DemoError for one that is not."""
    for (product, week), amount in before.items():
        if after.get((product, week)) != amount:
            raise DemoError(
                f"the card of {product} of {week} was signed with {amount}; now it has"
                f" {after.get((product, week))}"
            )
    return len(before)


# Decided ------------------------------------------------------------------------------------------


def accept(company: Company, month: str, *, element: str | None = None) -> None:
    """All product owners accept what waits for them of a month."""
    owners = dict.fromkeys(one.owner for one in PRODUCTS.values() if one.owner)
    _decide(company, tuple(owners), ACCEPT, month, element)


def approve(company: Company, month: str, *, element: str | None = None) -> None:
    """All portfolio owners approve what waits for them of a month."""
    _decide(company, tuple(dict.fromkeys(PORTFOLIO_OWNERS.values())), APPROVE, month, element)


def _decide(
    company: Company, names: Sequence[str], command: str, month: str, element: str | None
) -> None:
    some = {"month": month, "element": element}
    word = {ACCEPT: "accepted", APPROVE: "approved"}[command]
    table = screen.table(None, f"Who {word}", right=("Cards", "Amount"))
    number, amount = 0, Decimal()
    for name in names:
        told = decide_all(company.api(name), command, some, None)
        if told["refused"]:
            raise DemoError(f"{name} was refused {command}: {told['refused'][0]['detail']}")
        if told["decided"]:
            theirs = sum((Decimal(one["amount"]) for one in told["decided"]), Decimal())
            table.add_row(name, str(len(told["decided"])), screen.cents(str(theirs)))
            number, amount = number + len(told["decided"]), amount + theirs
    if not number:
        screen.tell(f"Nothing to do: what waited of {month} was {word} before")
        return
    table.add_section()
    table.add_row("All", str(number), screen.cents(str(amount)))
    screen.console.print(table)


def _steps(card: Mapping[str, Any]) -> list[str]:
    return [one["command"] for one in card["history"]]


def reject_one(company: Company) -> None:
    """A portfolio owner gives a card back with a reason; its owner answers, and accepts it again."""
    above = company.api(PORTFOLIO_OWNERS[REJECTED.product.names[:3]])
    owner = company.api(REJECTED.product.owner or "")
    if REJECT in _steps(above.get(*REJECTED.path)):
        screen.tell("Nothing to do: it was rejected and accepted again before")
    else:
        for api, command, why in (
            (above, REJECT, WHY_REJECTED),
            (owner, ACCEPT, WHY_ACCEPTED),
        ):
            etag = api.read(*REJECTED.path).etag
            api.post(*REJECTED.path, DECISIONS, body={"command": command, "reason": why}, etag=etag)
    _show_history(above, REJECTED)


def _show_history(api: Api, week: Week) -> None:
    card = api.get(*week.path)
    table = screen.table(
        f"{week.product.names[-1]}, week from {week.start}",
        *("Step", "Who", "Reason"),
        right=("Amount",),
    )
    for one in card["history"]:
        by = "by itself" if one["is_automatic"] else one["by"].partition("@")[0]
        why = screen.plain(one["reason"] or "")
        table.add_row(one["command"], by, why, screen.cents(one["amount"]))
    screen.console.print(table)


def dispute_one(company: Company) -> None:
    """An owner disputes a card and proposes a remap, whose effect in money is told before anything."""
    owner = company.api(DISPUTED.product.owner or "")
    if DISPUTE in _steps(owner.get(*DISPUTED.path)):
        screen.tell("Nothing to do: it was disputed before")
    else:
        etag = owner.read(*DISPUTED.path).etag
        asked = made_preview(owner, [_split_anew()])
        body = {
            "command": DISPUTE,
            "reason": WHY_DISPUTED,
            "preview_id": asked["preview_id"],
        }
        owner.post(*DISPUTED.path, DECISIONS, body=body, etag=etag)
    above = company.api(PORTFOLIO_OWNERS[DISPUTED.product.names[:3]])
    show_proposal(above.get(*DISPUTED.path, "proposal"))


def _split_anew() -> dict[str, Any]:
    return {
        "kind": "MapAccount",
        "account_id": organization.members()["shop-production"].account_id,
        "start": DISPUTED.start,
        "shares": [
            {"product_id": PRODUCTS[application].id, "basis_points": 100 * percent}
            for application, percent in ANEW.items()
        ],
        "reason": WHY_DISPUTED,
    }


def remap_one(company: Company) -> bool:
    """Whether the dispute was still to be answered: the portfolio's owner remaps as proposed."""
    above = company.api(PORTFOLIO_OWNERS[DISPUTED.product.names[:3]])
    card, etag = above.read(*DISPUTED.path)
    if REMAP in _steps(card):
        screen.tell("Nothing to do: it was remapped before")
        return False
    above.post(*DISPUTED.path, "remaps", body={"reason": WHY_REMAPPED}, etag=etag)
    return True


def show_reopened(company: Company) -> None:
    """The disputed card after the run: open again with another amount, the old one kept beside it."""
    card = company.api(DISPUTED.product.owner or "").get(*DISPUTED.path)
    if not card["former"]:
        raise DemoError(f"{DISPUTED.product.id} has no former amount: its remap came to nothing")
    show_card(card | {"freshness": []})


# Seen ---------------------------------------------------------------------------------------------


def show_standing(api: Api, month: str) -> None:
    """The cards of a month by status, and who owes what waits."""
    told = api.get("views", "cards-by-status", element=ENTERPRISE, month=month, limit=PAGE)
    show_statuses(told)


def show_adjustments(api: Api, month: str, week: str) -> None:
    """What later bills changed of signed weeks, item by item, on the cards of a later *week*."""
    found = [
        (card["product_id"], one)
        for card in cards_of(api, month)
        if card["start"] == week and Decimal(card["adjusted"])
        for one in api.get(CARDS, card["product_id"], week)["adjustments"]
    ]
    found.sort(key=lambda item: -abs(Decimal(item[1]["amount"])))
    table = screen.table(
        f"Adjustments on the cards of {week}", *("Product", "About", "Because"), right=("Amount",)
    )
    for product, one in found[:MOST]:
        table.add_row(product, one["week"], one["cause"], screen.cents(one["amount"]))
    if rest := [Decimal(one["amount"]) for _, one in found[MOST:]]:
        said = f"{len(rest)} smaller ones"
        table.add_row(said, "", "", screen.cents(str(sum(rest, Decimal()))))
    table.add_section()
    everything = sum((Decimal(one["amount"]) for _, one in found), Decimal())
    table.add_row("All", "", "", screen.cents(str(everything)))
    screen.console.print(table)


def show_one(api: Api, week: Week) -> None:
    """A card with its tree, its adjustments and its history."""
    show_card(api.get(*week.path) | {"freshness": []})
