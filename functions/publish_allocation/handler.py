"""A step of allocate_month: readers see what owners pay from now on; of a preview, who asked for it."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.allocate_month import Planned, publish_allocation


class Step(BaseModel):
    planned: Planned


@logger.inject_lambda_context(correlation_id_path="planned.run_id")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    published = publish_allocation(
        event.planned,
        now=now(),
        bills=wiring.bills(),
        allocations=wiring.allocations(),
        closes=wiring.closes(),
        ledger=wiring.ledger(),
        limits=wiring.limits(),
    )
    count(f"Allocations{published.status}")
    logger.info("published", **published.model_dump(mode="json"))
    return published.model_dump(mode="json")
