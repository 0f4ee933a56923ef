"""The state machine that makes and sends cost reports."""

from typing import Any

from finops.adapters.executions import Executions
from finops.domain.cost_reports import ReportSpan
from finops.usecases.ports import ReportRun


class StepFunctionsReportRuns:
    """`finops.usecases.ports.ReportRuns`: a run is an execution, and goes by its name."""

    def __init__(self, client: Any, make_reports_arn: str) -> None:
        self._runs = Executions(client, make_reports_arn)

    def start(self, run_id: str, span: ReportSpan, *, again: bool) -> None:
        given = {
            "at": "",
            "rhythm": span.rhythm,
            "end": span.end.isoformat(),
            "again": again,
            "waits": False,
        }
        self._runs.start(run_id, given)

    def find(self, run_id: str) -> ReportRun | None:
        found = self._runs.find(run_id)
        return None if found is None else ReportRun(*found)
