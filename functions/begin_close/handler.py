"""A step of close_month: the figures are taken down, and the month is closing from now on."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.domain.audit import Act
from finops.domain.errors import ForbiddenError
from finops.runtime import wiring
from finops.runtime.observability import logger, metrics, now
from finops.usecases.close_month import begin


class Step(BaseModel):
    month: str
    by: str
    attempt: int


@logger.inject_lambda_context(correlation_id_path="month")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    person = wiring.people().find(event.by)
    if person is None:
        raise ForbiddenError(f"{event.by} is not known here any more; somebody else closes it")
    close = begin(
        event.month,
        event.attempt,
        by=person,
        desk=wiring.close_desk(),
        act=Act(actor=person.email, at=now(), request_id=context.aws_request_id),
    )
    logger.info("begun", month=close.month, status=close.status.value)
    return {"status": close.status.value}
