"""Somebody was invited, reminded, suspended or restored: their sign-in follows."""

from typing import Any

from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics
from finops.usecases.sign_ins import keep_sign_in


@logger.inject_lambda_context
@metrics.log_metrics
@event_source(data_class=EventBridgeEvent)
def handler(event: EventBridgeEvent, context: LambdaContext) -> dict[str, Any]:
    status = keep_sign_in(
        event.detail["id"],
        event.detail_type,
        people=wiring.people(),
        sign_ins=wiring.sign_ins(),
    )
    count(f"SignIns{status}")
    logger.info("kept a sign-in", event_name=event.detail_type, status=status)
    return {"status": status}
