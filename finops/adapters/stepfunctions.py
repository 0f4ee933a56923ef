"""The state machines: those that load bills, allocate them, and close months."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

FAILED = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})


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


class NamedRuns:
    """Executions of a machine by what they are for: a name is given away once in ninety days.

    So what is tried again has its number behind its name.
    """

    def __init__(self, client: Any, machine_arn: str) -> None:
        self._client = client
        self._arn = machine_arn

    def run(self, name: str, told: Mapping[str, str | int | None]) -> None:
        """Unless the newest run of that name is still under way."""
        if self._started(name, told):
            return
        tries, state = self._newest(name)
        if state != "RUNNING":
            # Where another was faster, there is nothing left to do.
            self._started(_try(name, tries + 1), told)

    def has_failed(self, name: str) -> bool:
        return self._newest(name)[1] in FAILED

    def _started(self, name: str, told: Mapping[str, str | int | None]) -> bool:
        """Whether it runs now; not, where an execution had that name before."""
        try:
            self._client.start_execution(
                stateMachineArn=self._arn, name=name, input=json.dumps(dict(told))
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionAlreadyExists":
                return False
            raise
        return True

    def _newest(self, name: str) -> tuple[int, str | None]:
        """How many tries there were, and the state of the last one: found by halves, for there may
        be many."""
        last, state, none = 0, None, 1
        while (found := self._state(_try(name, none))) is not None:
            last, state, none = none, found, 2 * none
        while none - last > 1:
            between = (last + none) // 2
            found = self._state(_try(name, between))
            if found is None:
                none = between
            else:
                last, state = between, found
        return last, state

    def _state(self, name: str) -> str | None:
        """None where there is no such execution, or no more."""
        arn = self._arn.replace(":stateMachine:", ":execution:", 1)
        try:
            told = self._client.describe_execution(executionArn=f"{arn}:{name}")
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                return None
            raise
        return str(told["status"])


class StepFunctionsAllocationRuns(NamedRuns):
    """`finops.usecases.ports.AllocationRuns`."""

    def start(self, name: str, payer: str, period: str, preview_id: str | None = None) -> None:
        self.run(name, {"payer": payer, "billing_period": period, "preview_id": preview_id})


class StepFunctionsCloseRuns(NamedRuns):
    """`finops.usecases.ports.CloseRuns`."""

    def start(self, month: str, attempt: int, by: str) -> None:
        self.run(f"close-{month}-{attempt}", {"month": month, "by": by, "attempt": attempt})


def _try(name: str, number: int) -> str:
    """The first has the name itself.

    >>> _try("2026-09-abc-7", 1), _try("2026-09-abc-7", 2)
    ('2026-09-abc-7', '2026-09-abc-7-try-2')
    """
    return name if number == 1 else f"{name}-try-{number}"
