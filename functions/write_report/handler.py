"""A step of make_reports: one cost report, made and kept for all of its readers."""

from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics
from finops.usecases.send_cost_reports import ReportItem, write


@logger.inject_lambda_context(correlation_id_path="run_id")
@metrics.log_metrics
@event_parser(model=ReportItem)
def handler(event: ReportItem, context: LambdaContext) -> dict[str, Any]:
    written = write(event, press=wiring.report_press())
    count("CostReportsMade")
    logger.info("made a report", item=event.number, report=written.report_id)
    return {"number": written.number, "report_id": written.report_id}
