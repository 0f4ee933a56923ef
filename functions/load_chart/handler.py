"""A file came into the bucket of charts of accounts: it takes effect, or a report says why not."""

from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from finops.domain.audit import Act
from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.charts import load_dropped_file

ACTOR = "the bucket of charts"


class Dropped(BaseModel):
    """A new version of an object."""

    key: str
    version_id: str | None = None


@logger.inject_lambda_context
@metrics.log_metrics
@event_parser(model=Dropped)
def handler(event: Dropped, context: LambdaContext) -> dict[str, Any]:
    act = Act(actor=ACTOR, at=now(), request_id=context.aws_request_id)
    load = load_dropped_file(event.key, event.version_id, act=act, bench=wiring.bench())
    count(f"Chart{load.status.value}")
    told = {"load_id": load.load_id, "status": load.status.value, "errors": load.errors}
    logger.info("a chart of accounts came", extra={"file": event.key, **told})
    return told
