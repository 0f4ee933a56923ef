"""The last step of make_spend_cards: what the run came to, week by week."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics
from finops.usecases.plan_spend_cards import Planned
from finops.usecases.tell_spend_cards import tell


class Step(BaseModel):
    planned: Planned


@logger.inject_lambda_context(correlation_id_path="planned.run_id")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    told = tell(event.planned, ledger=wiring.ledger())
    count("CardRuns")
    logger.info("told", made=told.made, restated=told.restated, waits=told.waits)
    return told.model_dump(mode="json")
