"""A step of load_bill: readers see the new bill from now on."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.load_bill import publish_load
from finops.usecases.views import load_event


class Step(BaseModel):
    load_id: str


@logger.inject_lambda_context(correlation_id_path="load_id")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    load = publish_load(
        event.load_id,
        now=now(),
        deliveries=wiring.deliveries(),
        loads=wiring.loads(),
        bills=wiring.bills(),
        ledger=wiring.ledger(),
    )
    count(f"Loads{load.status}")
    logger.info("published", load_id=event.load_id, status=load.status, reason=load.reason)
    return load_event(load)
