"""A step of allocate_month: the charges of some accounts to their owners."""

from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics
from finops.usecases.allocate_month import Item, allocate_accounts


@logger.inject_lambda_context(correlation_id_path="run_id")
@metrics.log_metrics
@event_parser(model=Item)
def handler(event: Item, context: LambdaContext) -> dict[str, Any]:
    parts = allocate_accounts(event, ledger=wiring.ledger(), limits=wiring.limits())
    count("Parts", parts)
    logger.info("allocated", run_id=event.run_id, shard=event.shard, parts=parts)
    return {"parts": parts}
