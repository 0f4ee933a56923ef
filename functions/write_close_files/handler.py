"""A step of close_month: the month's files, written from its snapshot and read back."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import logger, metrics
from finops.usecases.close_month import write_files


class Step(BaseModel):
    month: str
    attempt: int


@logger.inject_lambda_context(correlation_id_path="month")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    key = write_files(event.month, event.attempt, archive=wiring.close_archive())
    logger.info("written", month=event.month, seals=key)
    return {"seals_key": key}
