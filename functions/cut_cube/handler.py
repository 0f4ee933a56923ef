"""A step of cut_cubes: the spend cube of some accounts."""

from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics
from finops.usecases.cut_cubes import Item, cut_cube


@logger.inject_lambda_context(correlation_id_path="run_id")
@metrics.log_metrics
@event_parser(model=Item)
def handler(event: Item, context: LambdaContext) -> dict[str, Any]:
    rows = cut_cube(event, ledger=wiring.ledger(), limits=wiring.limits())
    count("CubeRows", rows)
    logger.info("cut", run_id=event.run_id, shard=event.shard, rows=rows)
    return {"rows": rows}
