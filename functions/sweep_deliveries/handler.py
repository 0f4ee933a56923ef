"""Every day: start a load for each delivery that no event has told us of."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.housekeeping import sweep_deliveries


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    started = sweep_deliveries(
        now=now(), deliveries=wiring.deliveries(), loads=wiring.loads(), runs=wiring.runs()
    )
    count("DeliveriesSwept", len(started))
    logger.info("swept", started=started[:20], count=len(started))
    return {"started": len(started)}
