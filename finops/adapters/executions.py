"""Executions of a state machine that go by names of ours."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

# What Step Functions calls the states of an execution, in our words.
STATUSES = {
    "RUNNING": "Running",
    "PENDING_REDRIVE": "Running",
    "SUCCEEDED": "Done",
    "FAILED": "Failed",
    "TIMED_OUT": "Failed",
    "ABORTED": "Failed",
}


class Execution(NamedTuple):
    """How it stands: *told* is what its last step told of it, *cause* why it failed."""

    status: str
    told: Mapping[str, Any] | None
    cause: str | None


class Executions:
    """Those of one machine."""

    def __init__(self, client: Any, machine_arn: str) -> None:
        self._client = client
        self._arn = machine_arn

    def start(self, name: str, given: Mapping[str, Any]) -> None:
        """Unless there is one of that name already."""
        try:
            self._client.start_execution(
                stateMachineArn=self._arn, name=name, input=json.dumps(dict(given))
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise

    def find(self, name: str) -> Execution | None:
        arn = self._arn.replace(":stateMachine:", ":execution:", 1)
        try:
            found = self._client.describe_execution(executionArn=f"{arn}:{name}")
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                return None
            raise
        told = json.loads(found["output"]).get("told") if found.get("output") else None
        return Execution(STATUSES[found["status"]], told, found.get("cause"))
