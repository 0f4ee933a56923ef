"""A step of measure_savings: what savings saved, by month and owner, is seen from now on."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.measure_savings import Planned, publish_measures


class Step(BaseModel):
    planned: Planned


@logger.inject_lambda_context(correlation_id_path="planned.bills_key")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    published = publish_measures(
        event.planned,
        now=now(),
        kept=wiring.realised_kept(),
        owners=wiring.owner_sources(),
        ledger=wiring.ledger(),
    )
    count("SavingFigures", published.figures)
    logger.info("published", **published.model_dump(mode="json"))
    return published.model_dump(mode="json")
