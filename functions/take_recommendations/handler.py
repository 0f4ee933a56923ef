"""A step of load_bill: what a delivery recommends to save, against the cases there are."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.domain.audit import Act
from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.take_recommendations import take_recommendations

ACTOR = "the bill"


class Step(BaseModel):
    load_id: str


@logger.inject_lambda_context(correlation_id_path="load_id")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    taken = take_recommendations(
        event.load_id,
        deliveries=wiring.deliveries(),
        loads=wiring.loads(),
        desk=wiring.savings_desk(),
        limits=wiring.limits(),
        act=Act(actor=ACTOR, at=now(), request_id=context.aws_request_id),
    )
    count("RecommendationsTaken", taken.number)
    logger.info("took recommendations", load_id=event.load_id, **taken.model_dump(mode="json"))
    return taken.model_dump(mode="json")
