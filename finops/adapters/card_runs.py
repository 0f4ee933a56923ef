"""The state machine that makes spend cards."""

from typing import Any

from finops.adapters.executions import Executions
from finops.usecases.ports import CardRun


class StepFunctionsCardRuns:
    """`finops.usecases.ports.CardRuns`: a run is an execution, and goes by its name."""

    def __init__(self, client: Any, make_spend_cards_arn: str) -> None:
        self._runs = Executions(client, make_spend_cards_arn)

    def start(self, run_id: str, period: str | None) -> None:
        self._runs.start(run_id, {"at": "", "period": period, "waits": False})

    def find(self, run_id: str) -> CardRun | None:
        found = self._runs.find(run_id)
        return None if found is None else CardRun(*found)
