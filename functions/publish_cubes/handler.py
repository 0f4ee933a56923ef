"""A step of cut_cubes: reports and history are answered from the new cubes from now on."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.cut_cubes import Planned, publish_cubes


class Step(BaseModel):
    planned: Planned


@logger.inject_lambda_context(correlation_id_path="planned.cubes_key")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    published = publish_cubes(
        event.planned,
        now=now(),
        allocations=wiring.allocations(),
        heads=wiring.cube_heads(),
        settings=wiring.settings_kept(),
        ledger=wiring.ledger(),
    )
    count("CubesPublished", published.published)
    logger.info("published", **published.model_dump(mode="json"))
    return published.model_dump(mode="json")
