"""The state machine that makes spend cards."""

import json
from typing import Any

from botocore.exceptions import ClientError

from finops.usecases.ports import CardRun

# What Step Functions calls the states of an execution, in our words.
STATUSES = {
    "RUNNING": "Running",
    "PENDING_REDRIVE": "Running",
    "SUCCEEDED": "Done",
    "FAILED": "Failed",
    "TIMED_OUT": "Failed",
    "ABORTED": "Failed",
}


class StepFunctionsCardRuns:
    """`finops.usecases.ports.CardRuns`: a run is an execution, and goes by its name."""

    def __init__(self, client: Any, make_spend_cards_arn: str) -> None:
        self._client = client
        self._arn = make_spend_cards_arn

    def start(self, run_id: str, period: str | None) -> None:
        told = {"at": "", "period": period, "waits": False}
        try:
            self._client.start_execution(
                stateMachineArn=self._arn, name=run_id, input=json.dumps(told)
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise

    def find(self, run_id: str) -> CardRun | None:
        arn = self._arn.replace(":stateMachine:", ":execution:", 1)
        try:
            found = self._client.describe_execution(executionArn=f"{arn}:{run_id}")
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                return None
            raise
        told = json.loads(found["output"]).get("told") if found.get("output") else None
        return CardRun(STATUSES[found["status"]], told, found.get("cause"))
