"""A step of load_bill: record that a step failed, and how."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics
from finops.usecases.load_bill import fail_load


class Step(BaseModel):
    manifest_key: str
    input: dict[str, Any] = Field(default_factory=dict)


@logger.inject_lambda_context
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    error = event.input.get("error") or {}
    cause = f"{error.get('Error', 'unknown')}: {error.get('Cause', '')}"[:1000]
    load_id = (event.input.get("delivery") or {}).get("load_id")
    load = fail_load(load_id, cause, loads=wiring.loads(), deliveries=wiring.deliveries())
    status = load.status if load else "Failed"
    count(f"Loads{status}")
    logger.error("a load failed", manifest_key=event.manifest_key, load_id=load_id, cause=cause)
    return {"status": status, "load_id": load_id}
