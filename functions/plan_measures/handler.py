"""A step of measure_savings: which bills tell what implemented savings saved."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.measure_savings import plan_measures


class Step(BaseModel):
    """Nothing is said: all savings are looked at, and what is known of them already is not read."""


@logger.inject_lambda_context
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    planned = plan_measures(
        at=now(),
        savings=wiring.savings(),
        kept=wiring.realised_kept(),
        bills=wiring.bills(),
        loads=wiring.loads(),
        ledger=wiring.ledger(),
        bucket=wiring.ledger_bucket(),
    )
    count("SavingsToMeasure", planned.savings)
    logger.info("planned", **planned.model_dump(mode="json"))
    return planned.model_dump(mode="json")
