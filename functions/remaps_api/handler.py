"""The door to remaps: what the dispute of a spend card proposes, and the changes that answer it."""

from datetime import date
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from finops.domain.audit import AuditRecord
from finops.domain.people import Person
from finops.domain.remaps import MOST_CHANGES, Remap
from finops.domain.spend_cards import CardKey
from finops.runtime import settings, wiring
from finops.runtime.observability import logger, now
from finops.runtime.rest import (
    READ,
    VERSIONED,
    Reason,
    act,
    answer,
    as_entity,
    caller,
    rest_api,
    version,
)
from finops.usecases import dispute_views, disputes, spend_cards
from finops.usecases.spend_card_views import spend_card


def _may_be_told_again(by: Person, record: AuditRecord) -> bool:
    """Who stands in for somebody is told what they did in their place, as long as they do."""
    today, desk = now().date(), wiring.card_desk()
    return spend_cards.may_be_told_again(by, record, today=today, desk=desk)


app = rest_api(may_be_told_again=_may_be_told_again)

ProductId = Annotated[str, Path(description="The product's id", max_length=250)]
Start = Annotated[date, Path(description="The first day of the week")]
OfCurrency = Annotated[
    str | None,
    Query(description="The card's; empty: none is named; without it, that of plans", max_length=10),
]


@app.get(
    "/spend-cards/<product_id>/<start>/proposal",
    summary="What a dispute proposes",
    tags=["Spend cards"],
    operation_id="get_card_proposal",
    responses=READ,
)
def get_card_proposal(
    product_id: ProductId, start: Start, currency: OfCurrency = None
) -> Response[Any]:
    """The changes of who pays, and by how much products would pay more in the card's month.

    Of products out of the caller's scope there is one sum: `others`. The `ETag` is the card's.
    """
    desk = wiring.card_desk()
    found = disputes.seen_proposal(
        _key(product_id, start, currency),
        look=spend_cards.sight(now().date(), by=caller(app), desk=desk),
        desk=desk,
        workloads=wiring.workloads(),
    )
    return as_entity(found.card, dispute_views.proposal(found))


class NewRemap(BaseModel):
    """The changes that answer a dispute; without any, those that it proposes."""

    model_config = ConfigDict(extra="forbid")

    changes: Annotated[
        list[Annotated[Remap, Field(discriminator="kind")]] | None,
        Field(
            min_length=1,
            max_length=MOST_CHANGES,
            description="As `/previews` takes them; a claim needs no reason of its own",
        ),
    ] = None
    reason: Reason = None


@app.post(
    "/spend-cards/<product_id>/<start>/remaps",
    summary="Answer a dispute by a remap",
    tags=["Spend cards"],
    operation_id="post_card_remap",
    responses=VERSIONED,
)
def post_card_remap(
    product_id: ProductId, start: Start, remap: NewRemap, currency: OfCurrency = None
) -> Response[Any]:
    """The rules are changed in one step with the card, which stays disputed until it is computed anew.

    Its old amount is kept. Who owes the step moves cost between products of their own portfolios; a
    financial admin between any.
    """
    doing = act(app, remap.reason)
    card = disputes.remap(
        _key(product_id, start, currency),
        remap.changes,
        version(app),
        by=caller(app),
        desk=wiring.remap_desk(),
        act=doing,
    )
    return as_entity(card, spend_card(card))


def _key(product_id: str, start: date, currency: str | None) -> CardKey:
    said = wiring.currency() if currency is None else currency
    return CardKey(product_id, start, said or None)


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
