"""A step of load_bill: the partial charges of some accounts to the ledger's files."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics
from finops.usecases.reduce_bill import merge_bill


class Step(BaseModel):
    load_id: str
    shard: int


@logger.inject_lambda_context(correlation_id_path="load_id")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    outcome = merge_bill(
        event.load_id,
        event.shard,
        loads=wiring.loads(),
        ledger=wiring.ledger(),
        limits=wiring.limits(),
    )
    count("FilesMerged", outcome.count)
    logger.info("merged", load_id=event.load_id, shard=event.shard, files=outcome.count)
    return outcome.model_dump(mode="json")
