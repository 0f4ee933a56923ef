"""A step of close_month: the credits that had no room in the write that closed the month."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.domain.audit import Act
from finops.runtime import wiring
from finops.runtime.observability import logger, metrics, now
from finops.usecases.close_month import settle


class Step(BaseModel):
    month: str
    by: str


@logger.inject_lambda_context(correlation_id_path="month")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    settled = settle(
        event.month,
        archive=wiring.close_archive(),
        credits_=wiring.credits(),
        act=Act(actor=event.by, at=now(), request_id=context.aws_request_id),
    )
    logger.info("settled", month=event.month, credits=settled)
    return {"credits": settled}
