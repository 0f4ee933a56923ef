"""A step of load_bill: one range of a file to partial charges."""

from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics
from finops.usecases.reduce_bill import Item, reduce_bill


@logger.inject_lambda_context(correlation_id_path="load_id")
@metrics.log_metrics
@event_parser(model=Item)
def handler(event: Item, context: LambdaContext) -> dict[str, Any]:
    outcome = reduce_bill(
        event,
        deliveries=wiring.deliveries(),
        loads=wiring.loads(),
        ledger=wiring.ledger(),
        limits=wiring.limits(),
    )
    count("LinesReduced", outcome.count)
    logger.info("reduced", load_id=event.load_id, item=event.item, lines=outcome.count)
    return outcome.model_dump(mode="json")
