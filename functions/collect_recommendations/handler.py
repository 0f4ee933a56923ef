"""Every day, or when somebody asks: what AWS recommends to payers that deliver no file of it."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.domain.audit import Act
from finops.domain.errors import UnansweredError
from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.savings_intake import collect_recommendations, payers_of

ACTOR = "the calendar"


class Call(BaseModel):
    """Who asks, where it is not the calendar, and whether also for payers whose file is fresh."""

    actor: str = ACTOR
    request_id: str | None = None
    always: bool = False


@logger.inject_lambda_context
@metrics.log_metrics
@event_parser(model=Call)
def handler(event: Call, context: LambdaContext) -> dict[str, Any]:
    at = now()
    found = collect_recommendations(
        payers_of(wiring.bills(), at.date()),
        source=wiring.recommendations(),
        desk=wiring.savings_desk(),
        act=Act(actor=event.actor, at=at, request_id=event.request_id or context.aws_request_id),
        always=event.always,
    )
    told = [one.model_dump(mode="json") for one in found]
    count("RecommendationsTaken", sum(one.number for one in found))
    logger.info("collected recommendations", sources=told[:20])
    if silent := [one for one in found if one.status == "Unanswered"]:
        # The others are taken; that some did not answer is for somebody to see.
        raise UnansweredError("; ".join(one.reason for one in silent))
    return {"sources": told}
