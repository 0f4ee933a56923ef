"""The state machine that makes and sends cost reports."""

import json
from typing import Any

from botocore.exceptions import ClientError

from finops.adapters.card_runs import STATUSES
from finops.domain.cost_reports import ReportSpan
from finops.usecases.ports import ReportRun


class StepFunctionsReportRuns:
    """`finops.usecases.ports.ReportRuns`: a run is an execution, and goes by its name."""

    def __init__(self, client: Any, make_reports_arn: str) -> None:
        self._client = client
        self._arn = make_reports_arn

    def start(self, run_id: str, span: ReportSpan, *, again: bool) -> None:
        told = {
            "at": "",
            "rhythm": span.rhythm,
            "end": span.end.isoformat(),
            "again": again,
            "waits": False,
        }
        try:
            self._client.start_execution(
                stateMachineArn=self._arn, name=run_id, input=json.dumps(told)
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise

    def find(self, run_id: str) -> ReportRun | None:
        arn = self._arn.replace(":stateMachine:", ":execution:", 1)
        try:
            found = self._client.describe_execution(executionArn=f"{arn}:{run_id}")
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                return None
            raise
        told = json.loads(found["output"]).get("told") if found.get("output") else None
        return ReportRun(STATUSES[found["status"]], told, found.get("cause"))
