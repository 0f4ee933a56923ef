"""A step of allocate_month: the rules as they are, and the bill cut into shares of the accounts."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics
from finops.usecases.allocate_month import plan_allocation


class Step(BaseModel):
    payer: str
    billing_period: str
    preview_id: str | None = None


@logger.inject_lambda_context(correlation_id_path="billing_period")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    planned = plan_allocation(
        event.payer,
        event.billing_period,
        event.preview_id,
        book=wiring.book(),
        bills=wiring.bills(),
        allocations=wiring.allocations(),
        closes=wiring.closes(),
        ledger=wiring.ledger(),
        bucket=wiring.ledger_bucket(),
    )
    count(f"Allocations{planned.status}")
    logger.info("planned", payer=event.payer, run_id=planned.run_id, status=planned.status)
    return planned.model_dump(mode="json")
