"""A step of close_month: the month is closed, its files are seen, and credits have paid."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.domain.audit import Act
from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.close_month import complete


class Step(BaseModel):
    month: str
    by: str
    attempt: int
    seals_key: str | None


@logger.inject_lambda_context(correlation_id_path="month")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    close = complete(
        event.month,
        event.attempt,
        event.seals_key,
        archive=wiring.close_archive(),
        credits_=wiring.credits(),
        settlement=wiring.settlement(),
        act=Act(actor=event.by, at=now(), request_id=context.aws_request_id),
    )
    count("MonthsClosed")
    logger.info("closed", month=close.month, files=len(close.files))
    return {"status": close.status.value, "files": len(close.files)}
