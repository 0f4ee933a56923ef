"""A step of close_month: the files of a closed month go to where finance picks them up."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics
from finops.usecases.close_month import deliver


class Step(BaseModel):
    month: str


@logger.inject_lambda_context(correlation_id_path="month")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    delivered = deliver(
        event.month, archive=wiring.close_archive(), delivery=wiring.close_delivery()
    )
    count("CloseFilesDelivered", delivered)
    logger.info("delivered", month=event.month, files=delivered)
    return {"files": delivered}
