"""Every day: delete the generations, allocations and cubes that no reader sees any more."""

from datetime import timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import settings, wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.housekeeping import expire_allocations, expire_cubes, expire_generations


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    keep = timedelta(days=settings.number("KEEP_DAYS", 7))
    bills, ledger = wiring.bills(), wiring.ledger()
    deleted = expire_generations(
        now=now(), keep=keep, bills=bills, loads=wiring.loads(), ledger=ledger
    )
    deleted += expire_allocations(
        now=now(), keep=keep, bills=bills, allocations=wiring.allocations(), ledger=ledger
    )
    deleted += expire_cubes(
        now=now(), keep=keep, bills=bills, heads=wiring.cube_heads(), ledger=ledger
    )
    count("ObjectsExpired", deleted)
    logger.info("expired", objects=deleted)
    return {"deleted": deleted}
