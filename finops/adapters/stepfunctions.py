"""The state machine that loads bills."""

import json
from typing import Any


class StepFunctionsRuns:
    """`finops.usecases.ports.Runs`."""

    def __init__(self, client: Any, load_bill_arn: str) -> None:
        self._client = client
        self._load_bill_arn = load_bill_arn

    def start(self, manifest_key: str) -> str:
        started = self._client.start_execution(
            stateMachineArn=self._load_bill_arn,
            input=json.dumps({"manifest_key": manifest_key, "attempt": 0}),
        )
        return str(started["executionArn"])
