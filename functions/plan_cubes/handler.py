"""A step of cut_cubes: which spend cubes are not up to date, cut into shares of the accounts."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics
from finops.usecases.cut_cubes import plan_cubes


class Step(BaseModel):
    """A bill; without a payer all of them."""

    payer: str = ""
    billing_period: str = ""


@logger.inject_lambda_context(correlation_id_path="billing_period")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    planned = plan_cubes(
        event.payer or None,
        event.billing_period or None,
        bills=wiring.bills(),
        allocations=wiring.allocations(),
        heads=wiring.cube_heads(),
        settings=wiring.settings_kept(),
        ledger=wiring.ledger(),
        bucket=wiring.ledger_bucket(),
    )
    count("CubesPlanned", planned.cubes)
    logger.info("planned", **planned.model_dump(mode="json"))
    return planned.model_dump(mode="json")
