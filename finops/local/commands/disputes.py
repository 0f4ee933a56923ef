"""`finops cards propose` and `finops cards remap`: a dispute with its remap, and what answers it."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

import typer

from finops.domain.errors import InvalidError
from finops.domain.periods import spend_period
from finops.local import screen
from finops.local.api import Api
from finops.local.commands.options import As, Json, Profile, Reason, Region, api_of
from finops.local.commands.previews import changes_in, made_preview, show_preview
from finops.local.sign_in import FINANCIAL_ADMIN

CARDS = "spend-cards"
Product = Annotated[str, typer.Argument(metavar="PRODUCT", help="The card's product, by its id.")]
Week = Annotated[str, typer.Argument(metavar="WEEK", help="Any day of the card's week.")]
OfCurrency = Annotated[
    str | None, typer.Option(help="The card's currency; without it, that of plans.")
]


def propose(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE|-", help="A JSON list of changes; -: from standard input."),
    ],
    product_id: Product,
    week: Week,
    reason: Annotated[str, typer.Option(help="Why the card is disputed; it is kept.")],
    currency: OfCurrency = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Dispute a card, and propose who should pay instead: first what that would do, in money.

    Changes are as in `finops preview`; of kinds MapAccount, ClaimResources and ReleaseResources.
    """
    changes, start = changes_in(file), _start(week)
    api = api_of(who, profile, region)
    etag = api.read(CARDS, product_id, start, currency=currency).etag
    told = made_preview(api, changes)
    if not as_json:
        show_preview(told)
    said = {"command": "Dispute", "reason": reason, "preview_id": told["preview_id"]}
    path = (CARDS, product_id, start, "decisions")
    card = api.post(*path, body=said, etag=etag, currency=currency)
    if as_json:
        screen.answer({"preview": told, "card": card})
    else:
        show_card(card)


def remap(
    product_id: Product,
    week: Week,
    file: Annotated[
        str | None,
        typer.Option(metavar="FILE|-", help="Other changes than the proposed ones, as JSON."),
    ] = None,
    reason: Reason = None,
    currency: OfCurrency = None,
    who: As = None,
    profile: Profile = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Answer a dispute: change who pays as it proposes. The next run opens the card again."""
    changes, start = changes_in(file) if file is not None else None, _start(week)
    api = api_of(who, profile, region, usually=FINANCIAL_ADMIN)
    etag = api.read(CARDS, product_id, start, currency=currency).etag
    if changes is None and not as_json:
        show_proposal(_proposal(api, product_id, start, currency))
    path = (CARDS, product_id, start, "remaps")
    said = {"changes": changes, "reason": reason}
    card = api.post(*path, body=said, etag=etag, currency=currency)
    if as_json:
        screen.answer(card)
    else:
        show_card(card)


def _proposal(api: Api, product_id: str, start: str, currency: str | None) -> dict[str, Any]:
    return api.get(CARDS, product_id, start, "proposal", currency=currency)


def show_proposal(told: Mapping[str, Any]) -> None:
    """Who proposes what, and what products would pay more in the card's month."""
    screen.facts(
        {
            "Disputed by": told["proposed_by"],
            "Because": told["reason"],
            "Changes": ", ".join(one["kind"] for one in told["changes"]),
        }
    )
    table = screen.table(f"Proposed for {told['billing_period']}", "Product", right=("More", ""))
    for one in told["effect"]:
        _add(table, one["product_id"], one["difference"], told["currency"])
    _add(table, "others", told["rest"], told["currency"])
    screen.console.print(table)


def _add(table: Any, name: str, difference: str, currency: str | None) -> None:
    table.add_row(screen.plain(name), screen.cents(difference), currency or "")


def show_card(card: Mapping[str, Any]) -> None:
    """Where a card stands after a step of its dispute."""
    screen.facts(
        {
            "Card": f"{card['product_id']}, {card['week']}",
            "Amount": f"{screen.money(card['amount'])} {card['currency'] or ''}".strip(),
            "Status": card["status"],
            "Then": "open again once its month is allocated by the changed rules"
            if card["awaits_run"]
            else None,
        }
    )


def _start(said: str) -> str:
    """The first day of the week that a day lies in.

    >>> _start("2026-09-09"), _start("2026-09-02")
    ('2026-09-06', '2026-09-01')
    """
    try:
        return spend_period(date.fromisoformat(said)).start.isoformat()
    except ValueError as error:
        raise InvalidError(f"{said!r} is no day; write the week as YYYY-MM-DD") from error
