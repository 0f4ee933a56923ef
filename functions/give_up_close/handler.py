"""A step of close_month: what could not be closed is prepared again, and says why."""

import json
from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.domain.audit import LONGEST_REASON, Act
from finops.domain.month_closes import CloseStatus
from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.close_month import give_up

ACTOR = "the close"


class Step(BaseModel):
    month: str
    attempt: int
    cause: str


@logger.inject_lambda_context(correlation_id_path="month")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    close = give_up(
        event.month,
        event.attempt,
        _said(event.cause),
        closes=wiring.closes(),
        act=Act(actor=ACTOR, at=now(), request_id=context.aws_request_id),
    )
    count("ClosesGivenUp", 1 if close.status is CloseStatus.PREPARING else 0)
    logger.info("given up", month=close.month, status=close.status.value, why=close.abandoned)
    return {"status": close.status.value}


def _said(cause: str) -> str:
    """What a step that failed said, without where in the code it was."""
    try:
        told = json.loads(cause)
    except ValueError:
        told = None
    said = told.get("errorMessage") if isinstance(told, dict) else None
    return str(said or cause or "a step failed and said nothing")[:LONGEST_REASON]
