"""The last step of make_reports: the mails, and what the run came to."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics
from finops.usecases.send_cost_reports import PlannedReports, tell


class Step(BaseModel):
    planned: PlannedReports


@logger.inject_lambda_context(correlation_id_path="planned.run_id")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    post = wiring.post()
    if post is None:
        logger.info("no mails: the deployment names no sender")
    told = tell(
        event.planned,
        post=post,
        kept=wiring.kept_reports(),
        heads=wiring.report_heads(),
        ledger=wiring.ledger(),
    )
    count("CostReportsSent", told.sent)
    logger.info("told", sent=told.sent, before=told.sent_before)
    if told.problems:
        count("CostReportProblems", told.problems)
        logger.error("reports are not whole", cause=told.cause, failed=told.failed)
    return told.model_dump(mode="json")
