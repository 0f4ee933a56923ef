"""A step of allocate_month: classes of charges in proportion to what owners spend."""

from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics
from finops.usecases.allocate_month import Item, spread_classes


@logger.inject_lambda_context(correlation_id_path="run_id")
@metrics.log_metrics
@event_parser(model=Item)
def handler(event: Item, context: LambdaContext) -> dict[str, Any]:
    parts = spread_classes(event, ledger=wiring.ledger(), limits=wiring.limits())
    count("Parts", parts)
    logger.info("allocated", run_id=event.run_id, shard=event.shard, parts=parts)
    return {"parts": parts}
