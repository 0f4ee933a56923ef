"""A step of load_bill: cut the delivery into the reducers' work."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import settings, wiring
from finops.runtime.observability import count, logger, metrics
from finops.usecases.reduce_bill import plan_load


class Step(BaseModel):
    load_id: str


@logger.inject_lambda_context(correlation_id_path="load_id")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    plan = plan_load(
        event.load_id,
        lines_per_item=settings.number("MAX_LINES_PER_ITEM", 1_000_000),
        bucket=wiring.ledger_bucket(),
        deliveries=wiring.deliveries(),
        loads=wiring.loads(),
        ledger=wiring.ledger(),
        limits=wiring.limits(),
    )
    count("ItemsPlanned", plan.items)
    logger.info("planned", load_id=event.load_id, items=plan.items, shards=plan.shards)
    return plan.model_dump(mode="json")
