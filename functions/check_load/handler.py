"""A step of load_bill: the ledger against the control totals of every file."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics
from finops.usecases.load_bill import check_load


class Step(BaseModel):
    load_id: str


@logger.inject_lambda_context(correlation_id_path="load_id")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    load = check_load(event.load_id, loads=wiring.loads(), ledger=wiring.ledger())
    count("BillsChecked", len(load.bills))
    logger.info("checked", load_id=event.load_id, status=load.status, bills=len(load.bills))
    return {"status": load.status, "load_id": load.load_id}
