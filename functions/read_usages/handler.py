"""A step of measure_savings: what some resources used, by a delivered file, or cost by the ledger."""

from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics
from finops.usecases.measure_savings import Item, read_usages


@logger.inject_lambda_context(correlation_id_path="load_id")
@metrics.log_metrics
@event_parser(model=Item)
def handler(event: Item, context: LambdaContext) -> dict[str, Any]:
    read = read_usages(
        event,
        deliveries=wiring.deliveries(),
        loads=wiring.loads(),
        ledger=wiring.ledger(),
        limits=wiring.limits(),
    )
    count("UsageRows", read.rows)
    logger.info("read", load_id=event.load_id, item=event.item, **read.model_dump(mode="json"))
    return read.model_dump(mode="json")
