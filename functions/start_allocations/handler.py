"""Bills were loaded or rules have changed: what is not up to date is allocated."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics
from finops.usecases.allocation_starts import start_allocations


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    started = start_allocations(
        book=wiring.book(),
        bills=wiring.bills(),
        allocations=wiring.allocations(),
        runs=wiring.allocation_runs(),
    )
    count("AllocationsStarted", len(started))
    logger.info("started", bills=started, messages=len(event.get("Records", ())))
    return {"started": len(started)}
