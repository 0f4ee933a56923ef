"""The door to spend cards: seen, taken apart, decided on; and to who acts for whom meanwhile."""

from collections.abc import Iterable
from datetime import date
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from finops.domain.allocations import PartKind
from finops.domain.audit import AuditRecord
from finops.domain.card_trees import Branch
from finops.domain.errors import InvalidError
from finops.domain.paces import Colour
from finops.domain.people import Person
from finops.domain.spend_cards import Card, CardCommand, CardKey, CardStatus
from finops.runtime import settings, wiring
from finops.runtime.observability import logger, now
from finops.runtime.rest import (
    CHANGED,
    READ,
    VERSIONED,
    WRITE,
    Cursor,
    Limit,
    Reason,
    act,
    answer,
    as_csv,
    as_entity,
    as_json,
    caller,
    instead_of_ok,
    page,
    rest_api,
    version,
    wants_csv,
)
from finops.usecases import alerts_views, card_decisions, disputes, spend_card_views, views
from finops.usecases import delegations as delegation_cases
from finops.usecases import spend_cards as use_cases
from finops.usecases.alerts import Answering
from finops.usecases.card_anomalies import card_anomalies
from finops.usecases.card_decisions import Chosen
from finops.usecases.card_resources import card_resources
from finops.usecases.organisation_views import element_said, shown
from finops.usecases.spend_cards import CardQuery, standing


def _may_be_told_again(by: Person, record: AuditRecord) -> bool:
    if delegation_cases.may_be_told_again(by, record):
        return True
    today, desk = now().date(), wiring.card_desk()
    return use_cases.may_be_told_again(by, record, today=today, desk=desk)


app = rest_api(may_be_told_again=_may_be_told_again)

GONE: dict[int, Any] = {409: {"description": "What the card is made of is not kept any more"}}

ProductId = Annotated[str, Path(description="The product's id", max_length=250)]
Start = Annotated[date, Path(description="The first day of the week")]
Word = Annotated[str | None, Field(max_length=250)]
OfCurrency = Annotated[
    str | None,
    Query(description="The card's; empty: none is named; without it, that of plans", max_length=10),
]


@app.get(
    "/spend-cards",
    summary="The spend cards of a scope",
    tags=["Spend cards"],
    operation_id="get_spend_cards",
    responses=READ,
)
def get_spend_cards(
    month: Annotated[
        str | None, Query(description="YYYY-MM; without it, the open months", max_length=7)
    ] = None,
    element: Annotated[
        str | None, Query(description="Only at and under this element", max_length=250)
    ] = None,
    status: Annotated[CardStatus | None, Query(description="Only this status")] = None,
    currency: Annotated[
        str | None, Query(description="Only in this currency; empty: none is named", max_length=10)
    ] = None,
    colour: Annotated[Colour | None, Query(description="Only this colour")] = None,
    mine: Annotated[
        bool, Query(description="Only what waits for the caller, or whom they stand in for")
    ] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """Cards by week and product, each with its colour in a word and who owes the step.

    Of the open months the newest six. CSV by `Accept: text/csv`.
    """
    by, today, desk = caller(app), now().date(), wiring.card_desk()
    look = use_cases.sight(today, by=by, desk=desk)
    query = CardQuery(month, element_said(element), status, currency, colour, mine)
    found = use_cases.seen_cards(query, today, look=look, desk=desk)
    some, following = page(found, limit, cursor, lambda card: use_cases.place(card.key))
    open_ = use_cases.open_in(some, desk.closes)
    told = [(card, standing(card, look=look, is_open=open_(card))) for card in some]
    if wants_csv(app):
        return as_csv(*spend_card_views.card_table(told), following)
    unusual = card_anomalies(some, wiring.currency(), wiring.alerts())
    items = [
        spend_card_views.card_in_list(*one) | {"anomalies": len(unusual[one[0].key])}
        for one in told
    ]
    return as_json({"items": items, "freshness": _fresh(some, by), "next_cursor": following})


@app.get(
    "/spend-cards/<product_id>/<start>",
    summary="One spend card",
    tags=["Spend cards"],
    operation_id="get_spend_card",
    responses=READ,
)
def get_spend_card(
    product_id: ProductId, start: Start, currency: OfCurrency = None
) -> Response[Any]:
    """Its tree of account, share or claim, and service; its adjustments by week; its history.

    `allowed` is what the caller may do with it now. The trees of a very large card end earlier, with
    null for what is below: its lines have a list of their own.
    """
    by, desk = caller(app), wiring.card_desk()
    look = use_cases.sight(now().date(), by=by, desk=desk)
    card = use_cases.seen_card(_key(product_id, start, currency), look=look, desk=desk)
    is_open = use_cases.is_open(card.month, desk.closes)
    told = spend_card_views.card_whole(card, standing(card, look=look, is_open=is_open))
    answering = Answering(desk.people.all())
    unusual = card_anomalies([card], wiring.currency(), wiring.alerts())[card.key]
    told["anomalies"] = [alerts_views.anomaly_on_card(one, answering) for one in unusual]
    return as_entity(card, told | {"freshness": _fresh([card], by)})


def _key(product_id: str, start: date, currency: str | None) -> CardKey:
    said = wiring.currency() if currency is None else currency
    return CardKey(product_id, start, said or None)


def _fresh(some: Iterable[Card], by: Person) -> list[dict[str, Any]]:
    """How fresh the bills are that these cards are about."""
    found = use_cases.bill_standings(
        some,
        by=by,
        bills=wiring.bills(),
        allocations=wiring.allocations(),
        book=wiring.book(),
    )
    return [views.standing(one) for one in found]


@app.get(
    "/spend-cards/<product_id>/<start>/lines",
    summary="The lines of a card",
    tags=["Spend cards"],
    operation_id="get_card_lines",
    responses=READ | CHANGED,
)
def get_card_lines(
    product_id: ProductId,
    start: Start,
    account: Annotated[
        str | None, Query(description="Only this account; empty: charges of none", max_length=250)
    ] = None,
    currency: OfCurrency = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """All that the card adds up: the lines of its week, then of each that an adjustment is about.

    CSV by `Accept: text/csv`.
    """
    by, desk = caller(app), wiring.card_desk()
    look = use_cases.sight(now().date(), by=by, desk=desk)
    card = use_cases.seen_card(_key(product_id, start, currency), look=look, desk=desk)
    found = spend_card_views.placed_lines(card, account)
    some, following = page(found, limit, cursor, lambda one: one.place, state=card.version)
    if wants_csv(app):
        return as_csv(*spend_card_views.line_table(some, card), following)
    items = [spend_card_views.card_line(one, card) for one in some]
    return as_json({"items": items, "next_cursor": following})


@app.get(
    "/spend-cards/<product_id>/<start>/resources",
    summary="The resources behind a line",
    tags=["Spend cards"],
    operation_id="get_card_resources",
    responses=READ | GONE,
)
def get_card_resources(
    product_id: ProductId,
    start: Start,
    account: Annotated[
        str | None, Query(description="The account, which has to be named; empty: charges of none")
    ] = None,
    kind: Annotated[PartKind | None, Query(description="What gave them to the product")] = None,
    workload: Annotated[
        str | None, Query(description="Only of this workload; empty: of none")
    ] = None,
    rule: Annotated[str | None, Query(description="Only by this rule; empty: by none")] = None,
    service: Annotated[str | None, Query(description="Only this service; empty: of none")] = None,
    currency: OfCurrency = None,
    limit: Limit = 100,
) -> Response[Any]:
    """A branch of the card's tree by resource, the largest first, the rest as a sum.

    They add up to the branch. `whole` is what a resource's charges cost, whoever pays. CSV by
    `Accept: text/csv`.
    """
    by, desk = caller(app), wiring.card_desk()
    look = use_cases.sight(now().date(), by=by, desk=desk)
    card = use_cases.seen_card(_key(product_id, start, currency), look=look, desk=desk)
    if account is None:
        raise InvalidError("name the account whose resources are wanted; the card's tree has them")
    branch = Branch(account, kind, workload, rule, service)
    found = card_resources(card, branch, limit, shelf=wiring.shelf())
    if wants_csv(app):
        return as_csv(*spend_card_views.resource_table(found, card))
    return as_json(spend_card_views.card_resources(found, card))


class NewDecision(BaseModel):
    """A step of a card; to reject, dispute or resolve needs a reason."""

    model_config = ConfigDict(extra="forbid")

    command: Literal[
        CardCommand.ACCEPT,
        CardCommand.APPROVE,
        CardCommand.REJECT,
        CardCommand.DISPUTE,
        CardCommand.RESOLVE,
    ]
    reason: Reason = None
    preview_id: Annotated[
        str | None,
        Field(max_length=64, description="Of a dispute: the preview of the remap it proposes"),
    ] = None


@app.post(
    "/spend-cards/<product_id>/<start>/decisions",
    summary="Decide on a card",
    tags=["Spend cards"],
    operation_id="post_card_decision",
    responses=VERSIONED,
)
def post_card_decision(
    product_id: ProductId, start: Start, decision: NewDecision, currency: OfCurrency = None
) -> Response[Any]:
    """Accept or dispute it as its owner; approve, reject or resolve it as the owner above.

    The first decision freezes the amount. Nobody decides on what they accepted or disputed.
    """
    by = caller(app)
    propose = None
    if decision.preview_id is not None:
        if decision.command is not CardCommand.DISPUTE:
            raise InvalidError("only a dispute proposes a remap; leave preview_id out")
        propose = partial(disputes.proposal, decision.preview_id, by=by, ledger=wiring.ledger())
    made = use_cases.decide_card(
        _key(product_id, start, currency),
        decision.command,
        version(app),
        by=by,
        desk=wiring.card_desk(),
        act=act(app, decision.reason),
        propose=propose,
    )
    return as_entity(made, shown(made))


class ChosenCard(BaseModel):
    """A card as it was read."""

    model_config = ConfigDict(extra="forbid")

    product_id: Annotated[str, Field(max_length=250)]
    start: date
    currency: Annotated[
        str | None,
        Field(
            description="The card's; null or empty: none is named; without it, that of plans",
            max_length=10,
        ),
    ] = None
    version: Annotated[int, Field(ge=1)]

    @property
    def chosen(self) -> Chosen:
        said = (self.currency or "") if "currency" in self.model_fields_set else None
        return Chosen(_key(self.product_id, self.start, said), self.version)


class WaitingCards(BaseModel):
    """All cards that wait for the caller, narrowed as in a list."""

    model_config = ConfigDict(extra="forbid")

    month: Annotated[str | None, Field(max_length=7, description="YYYY-MM")] = None
    element: Word = None
    currency: Annotated[str | None, Field(max_length=10, description="Empty: none is named")] = None
    colour: Colour | None = None


class NewDecisions(BaseModel):
    """One step of many cards with one reason: the *cards* that are named, or all that are *waiting*."""

    model_config = ConfigDict(extra="forbid")

    command: Literal[CardCommand.ACCEPT, CardCommand.APPROVE]
    reason: Reason = None
    cards: Annotated[list[ChosenCard] | None, Field(min_length=1, max_length=1000)] = None
    waiting: WaitingCards | None = None


@app.post(
    "/spend-card-decisions",
    summary="Decide on many cards",
    tags=["Spend cards"],
    operation_id="post_card_decisions",
    responses=WRITE,
)
def post_card_decisions(decisions: NewDecisions) -> Response[Any]:
    """Accept or approve up to 1,000 cards, each by itself: `refused` says why one took it not.

    `left` are for the next request: cards beyond the thousand, or after very large ones. Of those
    that wait, accepting takes what is open; what was chosen stays chosen for an Idempotency-Key.
    """
    by, desk, audit = caller(app), wiring.card_desk(), wiring.audit()
    doing = act(app, decisions.reason)
    if (decisions.cards is None) == (decisions.waiting is None):
        raise InvalidError("name the cards, or say which waiting ones: `cards` or `waiting`")
    if decisions.waiting is not None:
        said = decisions.waiting
        query = CardQuery(said.month, element_said(said.element), None, said.currency, said.colour)
        made = card_decisions.decide_waiting(
            query,
            decisions.command,
            by=by,
            desk=desk,
            audit=audit,
            receipts=wiring.receipts(),
            act=doing,
        )
    else:
        chosen = [one.chosen for one in decisions.cards or ()]
        made = card_decisions.decide_cards(chosen, decisions.command, by=by, desk=desk, act=doing)
    told = spend_card_views.decisions(made)
    card_decisions.remember_decisions(told, made, act=doing, audit=audit)
    return as_json(told)


# Delegations --------------------------------------------------------------------------------------


@app.get(
    "/delegations",
    summary="Who acts for whom",
    tags=["Delegations"],
    operation_id="get_delegations",
    responses=READ,
)
def get_delegations(limit: Limit = 100, cursor: Cursor = None) -> Response[Any]:
    """Those that the caller granted or was granted, by first day; administrators see all.

    CSV by `Accept: text/csv`.
    """
    today = now().date()
    found = delegation_cases.seen_delegations(by=caller(app), delegations=wiring.delegations())
    some, following = page(found, limit, cursor, delegation_cases.place)
    if wants_csv(app):
        return as_csv(*spend_card_views.delegation_table(some, today), following)
    items = [spend_card_views.delegation_in_list(one, today) for one in some]
    return as_json({"items": items, "next_cursor": following})


class NewDelegation(BaseModel):
    """Who acts, from when, and until when: the end is the first day that the absent one is back."""

    model_config = ConfigDict(extra="forbid")

    delegate: Annotated[str, Field(max_length=254, description="By mail address")]
    absent: Annotated[
        str | None, Field(max_length=254, description="For whom; without it, for the caller")
    ] = None
    start: Annotated[date | None, Field(description="The first day; without it, today")] = None
    end: date
    reason: Reason = None


@app.post(
    "/delegations",
    summary="Let somebody act for who is absent",
    tags=["Delegations"],
    operation_id="post_delegation",
    responses=instead_of_ok(WRITE, 201, "The delegation as it was granted"),
)
def post_delegation(delegation: NewDelegation) -> Response[Any]:
    """For oneself; administrators do it for others, but make nobody's delegate of themselves.

    As long as it lasts the delegate sees the cards of the absent one's scope, signs for them, and
    sees nothing else by it.
    """
    doing = act(app, delegation.reason, status=HTTPStatus.CREATED)
    made = delegation_cases.grant_delegation(
        delegation.delegate,
        delegation.start or doing.at.date(),
        delegation.end,
        absent=delegation.absent,
        by=caller(app),
        people=wiring.people(),
        delegations=wiring.delegations(),
        act=doing,
    )
    return as_entity(made, shown(made), status=HTTPStatus.CREATED)


class Return(BaseModel):
    """When somebody is back earlier."""

    model_config = ConfigDict(extra="forbid")

    day: Annotated[date | None, Field(description="The first such day; without it, today")] = None
    reason: Reason = None


@app.post(
    "/delegations/<delegation_id>/end",
    summary="End a delegation early",
    tags=["Delegations"],
    operation_id="post_delegation_end",
    responses=VERSIONED,
)
def post_delegation_end(
    delegation_id: Annotated[str, Path(description="The delegation's id", max_length=64)],
    end: Return,
) -> Response[Any]:
    """By who granted it for themselves, or an administrator. What was done stays done."""
    made = delegation_cases.end_delegation(
        delegation_id,
        end.day,
        version(app),
        by=caller(app),
        people=wiring.people(),
        delegations=wiring.delegations(),
        act=act(app, end.reason),
    )
    return as_entity(made, shown(made))


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
