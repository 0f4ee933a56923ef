"""A step of load_bill: is the delivery of this manifest whole, and new?"""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import settings, wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.load_bill import find_delivery


class Step(BaseModel):
    manifest_key: str
    attempt: int = 0


@logger.inject_lambda_context(correlation_id_path="manifest_key")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    found = find_delivery(
        event.manifest_key,
        event.attempt,
        now=now(),
        wait=settings.seconds("WAIT_SECONDS", 60),
        quiet=settings.seconds("QUIET_SECONDS", 900),
        deliveries=wiring.deliveries(),
        loads=wiring.loads(),
    )
    count(f"Deliveries{found.status}")
    logger.info("looked at a delivery", manifest_key=event.manifest_key, **found.model_dump())
    return found.model_dump(mode="json")
