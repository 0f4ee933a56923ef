"""The state machines of `statemachines/` on moto's interpreter, their steps the real doors.

moto (5.2) reads the Distributed Map's items from S3 itself and knows every state that is used here.
Four things are not as on AWS:

- a whole number for ToleratedFailurePercentage is not understood: 0 is written 0.0;
- a distributed map whose item fails goes on: its items are run as those of an inline map, which end
  the map with the item's own error (AWS: States.ExceedToleratedFailureThreshold);
- retries come at once;
- nothing can be redriven: `Machine.again_from` starts the same definition at the step that failed,
  with the input that it had.
"""

import importlib
import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval import (
    resource_eval_s3,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor import (
    distributed_item_processor_worker as distributed,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor import (
    inline_item_processor_worker as inline,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_events,
)
from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for

from finops.runtime import wiring
from tests.aws import (
    ACCOUNTS,
    ALLOCATIONS,
    AUDIT,
    BILLING,
    BILLS,
    BUDGETS,
    CHARTS,
    CHARTS_BUCKET,
    CLOSES,
    CLOSES_BUCKET,
    CREDITS,
    LEDGER,
    LOADS,
    PEOPLE,
    REPORTS,
    REQUESTS,
    RULES,
    SAVINGS,
    SETTINGS,
    SPEND_CARDS,
    WORKLOADS,
    client,
    furnished,
    organised,
)
from tests.remembered import remembering

MACHINES = Path(__file__).parents[2] / "statemachines"
# By machine: the doors that its placeholders stand for.
STEPS = {
    "load_bill": {
        "FindDelivery": "find_delivery",
        "PlanLoad": "plan_load",
        "ReduceBill": "reduce_bill",
        "MergeBill": "merge_bill",
        "CheckLoad": "check_load",
        "PublishLoad": "publish_load",
        "TakeRecommendations": "take_recommendations",
        "FailLoad": "fail_load",
    },
    "allocate_month": {
        "PlanAllocation": "plan_allocation",
        "AllocateAccounts": "allocate_accounts",
        "SpreadClasses": "spread_classes",
        "PublishAllocation": "publish_allocation",
    },
    "close_month": {
        "BeginClose": "begin_close",
        "WriteCloseFiles": "write_close_files",
        "CompleteClose": "complete_close",
        "SettleClose": "settle_close",
        "DeliverClose": "deliver_close",
        "GiveUpClose": "give_up_close",
    },
    "make_spend_cards": {
        "PlanSpendCards": "plan_spend_cards",
        "WriteSpendCards": "write_spend_cards",
        "TellSpendCards": "tell_spend_cards",
    },
    "make_reports": {
        "PlanReports": "plan_reports",
        "WriteReport": "write_report",
        "TellReports": "tell_reports",
    },
    "cut_cubes": {
        "PlanCubes": "plan_cubes",
        "CutCubes": "cut_cube",
        "PublishCubes": "publish_cubes",
    },
}
STEPS["measure_savings"] = {
    "PlanMeasures": "plan_measures",
    "ReadUsages": "read_usages",
    "PublishMeasures": "publish_measures",
}
OF_ITEMS = (
    "Read",
    "NotRead",
    "Reduce",
    "Merge",
    "Allocate",
    "Spread",
    "Make",
    "Cut",
    "NotCut",
    "Write",
    "NotWritten",
)
TOLD = {
    "BILLING_BUCKET": BILLING,
    "LEDGER_BUCKET": LEDGER,
    "LOADS_TABLE": LOADS,
    "BILLS_TABLE": BILLS,
    "ALLOCATIONS_TABLE": ALLOCATIONS,
    "RULES_TABLE": RULES,
    "WORKLOADS_TABLE": WORKLOADS,
    "ACCOUNTS_TABLE": ACCOUNTS,
    "CHARTS_TABLE": CHARTS,
    "CHARTS_BUCKET": CHARTS_BUCKET,
    "AUDIT_TABLE": AUDIT,
    "REQUESTS_TABLE": REQUESTS,
    "BUDGETS_TABLE": BUDGETS,
    "SPEND_CARDS_TABLE": SPEND_CARDS,
    "CLOSES_TABLE": CLOSES,
    "CLOSES_BUCKET": CLOSES_BUCKET,
    "CLOSE_DELIVERY": "",
    "CREDITS_TABLE": CREDITS,
    "PEOPLE_TABLE": PEOPLE,
    "SETTINGS_TABLE": SETTINGS,
    "SAVINGS_TABLE": SAVINGS,
    "REPORTS_TABLE": REPORTS,
    "REPORTS_TIME_ZONE": "UTC",
    "MAIL_SUBJECT": "Costs of $span: $total",
    "MAIL_TEXT": "Hello $name,\n\nthis is what $scope cost in $span.",
    "MAIL_LOGO": "",
    "APP_URL": "",
    "CURRENCY": "USD",
    "CARDS_HOUR": "6",
    "CARDS_TIME_ZONE": "UTC",
    "CARDS_FROM": "",
    "CARDS_RETRY_MINUTES": "0",  # nobody waits for half an hour here
    "CARDS_RETRY_HOURS": "24",
    "FISCAL_YEAR_STARTS": "1",
    "COST_BASIS": "billed",
    "WAIT_SECONDS": "1",
    "QUIET_SECONDS": "0",
    "MAX_LINES_PER_ITEM": "2",
    "LEDGER_MEMORY_MB": "200",
    "LEDGER_THREADS": "1",
}
PORTS = [
    port for port in vars(wiring).values() if hasattr(port, "cache_clear") and port != wiring.client
]
ROLE = "arn:aws:iam::123456789012:role/machines"

Happening = Callable[[dict[str, Any]], None]


class Ended:
    """An execution of *machine* that is over."""

    def __init__(self, machine: str, arn: str) -> None:
        self.machine = machine
        self._sfn = client("stepfunctions")
        self._told = self._sfn.describe_execution(executionArn=arn)
        self.events = self._sfn.get_execution_history(executionArn=arn, maxResults=1000)["events"]

    @property
    def status(self) -> str:
        return str(self._told["status"])

    @property
    def error(self) -> str | None:
        told = self._told.get("error")
        return None if told is None else str(told)

    @property
    def cause(self) -> str:
        return str(self._told.get("cause"))

    @property
    def states(self) -> list[str]:
        """The states it went through, in order; a map's own are left out."""
        entered = [e["stateEnteredEventDetails"] for e in self.events if "Entered" in e["type"]]
        return [one["name"] for one in entered if one["name"] not in OF_ITEMS]

    @property
    def output(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._told["output"])
        return told

    def input_of(self, state: str) -> dict[str, Any]:
        """What *state* was given when it was entered last."""
        *_, found = (
            e["stateEnteredEventDetails"]["input"]
            for e in self.events
            if e.get("stateEnteredEventDetails", {}).get("name") == state
        )
        given: dict[str, Any] = json.loads(found)
        return given

    @property
    def notices(self) -> list[dict[str, Any]]:
        """What was put on the event bus."""
        put = [
            json.loads(e["taskScheduledEventDetails"]["parameters"])
            for e in self.events
            if e.get("taskScheduledEventDetails", {}).get("resource") == "putEvents"
        ]
        return [entry for one in put for entry in one["Entries"]]


class Machine:
    """The state machines, and what happens to their steps."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._before: dict[str, list[Happening | None]] = {}
        self._after: dict[str, list[Happening | None]] = {}

    def before(self, door: str, *happenings: Happening | None) -> None:
        """Ahead of the first, second… call of *door* this happens; an exception is its failure."""
        self._before[door] = list(happenings)

    def after(self, door: str, *happenings: Happening | None) -> None:
        self._after[door] = list(happenings)

    def run(self, manifest_key: str, attempt: int = 0) -> Ended:
        return self._execute("load_bill", {"manifest_key": manifest_key, "attempt": attempt})

    def allocate(self, payer: str, period: str, preview_id: str | None = None) -> Ended:
        given = {"payer": payer, "billing_period": period, "preview_id": preview_id}
        return self._execute("allocate_month", given)

    def make_cards(
        self, at: datetime | None = None, period: str | None = None, *, waits: bool = False
    ) -> Ended:
        given = {"at": at.isoformat() if at else "", "period": period, "waits": waits}
        return self._execute("make_spend_cards", given)

    def cut_cubes(self, payer: str = "", period: str = "") -> Ended:
        return self._execute("cut_cubes", {"payer": payer, "billing_period": period})

    def measure_savings(self) -> Ended:
        return self._execute("measure_savings", {})

    def make_reports(
        self, rhythm: str, end: str | None = None, *, at: str = "", waits: bool = False
    ) -> Ended:
        given = {"at": at, "rhythm": rhythm, "end": end, "again": False, "waits": waits}
        return self._execute("make_reports", given)

    def close(self, month: str, by: str, attempt: int = 1) -> Ended:
        return self._execute("close_month", {"month": month, "by": by, "attempt": attempt})

    def again_from(self, state: str, ended: Ended) -> Ended:
        """The rest of *ended* from *state* on, which gets the input that it had."""
        return self._execute(ended.machine, ended.input_of(state), state)

    def doors(self) -> list[str]:
        return [door for door, _ in self.calls]

    def invoke(self, door: str, event: dict[str, Any]) -> Any:
        """The door's answer, as Lambda would carry it: through JSON."""
        self.calls.append((door, event))
        _happen(self._before.get(door), event)
        handler = importlib.import_module(f"functions.{door}.handler").handler
        answer = json.loads(json.dumps(handler(event, _context(door))))
        _happen(self._after.get(door), event)
        return answer

    def _execute(self, name: str, given: dict[str, Any], start_at: str | None = None) -> Ended:
        sfn = client("stepfunctions")
        definition = json.loads(_filled(name))
        if start_at is not None:
            definition |= {"StartAt": start_at}
        machine = self._deployed(name, definition)
        # AWS gives an execution that nobody names a name of its own; moto does not.
        arn = sfn.start_execution(
            stateMachineArn=machine, name=machine.rpartition(":")[2], input=json.dumps(given)
        )["executionArn"]
        self.wait_for(arn)
        return Ended(name, arn)

    def deploy(self, name: str) -> str:
        """The machine of a file, to be started by somebody else; its ARN."""
        return self._deployed(name, json.loads(_filled(name)))

    def wait_for(self, arn: str) -> None:
        """Until an execution is over."""
        sfn, until = client("stepfunctions"), time.monotonic() + 30
        while sfn.describe_execution(executionArn=arn)["status"] == "RUNNING":
            assert time.monotonic() < until, "the execution does not end"
            time.sleep(0.02)

    def _deployed(self, name: str, definition: dict[str, Any]) -> str:
        sfn = client("stepfunctions")
        number = len(sfn.list_state_machines()["stateMachines"])
        made = sfn.create_state_machine(
            name=f"{name}-{number}", definition=json.dumps(definition), roleArn=ROLE
        )
        return str(made["stateMachineArn"])


def _happen(happenings: list[Happening | None] | None, event: dict[str, Any]) -> None:
    if happenings and (happening := happenings.pop(0)):
        happening(event)


def _context(door: str) -> Any:
    return SimpleNamespace(
        function_name=door,
        memory_limit_in_mb=512,
        invoked_function_arn=f"arn:aws:lambda:us-east-1:123456789012:function:{door}",
        aws_request_id="request-1",
    )


@cache
def _client(region: str, service: str) -> Any:
    return boto_client_for(region=region, service=service)


def _client_for(region: str, service: str, state_credentials: Any = None) -> Any:
    return _client(region, service)


@cache
def _filled(machine_name: str) -> str:
    text = (MACHINES / f"{machine_name}.asl.json").read_text()
    for name, door in STEPS[machine_name].items():
        arn = f"arn:aws:lambda:us-east-1:123456789012:function:{door}"
        text = text.replace(f"${{{name}}}", arn)
    machine = json.loads(text.replace("${NoticesName}", "notices"))
    for state in machine["States"].values():
        if "ToleratedFailurePercentage" in state:
            state["ToleratedFailurePercentage"] = float(state["ToleratedFailurePercentage"])
        if "Seconds" in state:
            state["Seconds"] = 0  # for an index that moto keeps at once
    return json.dumps(machine)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    for name, value in TOLD.items():
        monkeypatch.setenv(name, value)
    for port in PORTS:
        port.cache_clear()
    remembering(monkeypatch)
    made = Machine()

    def invoke(
        _: Any, function_name: str, qualifier: str, body: Any, headers: Any, response_headers: Any
    ) -> bytes:
        door = function_name.rpartition(":")[2]
        try:
            return json.dumps(made.invoke(door, json.loads(body))).encode()
        except Exception as error:
            response_headers["x-amz-function-error"] = "Unhandled"
            told = {"errorType": type(error).__name__, "errorMessage": str(error)}
            return json.dumps(told).encode()

    monkeypatch.setattr(LambdaSimpleBackend, "invoke", invoke)
    for module in (lambda_eval_utils, resource_eval_s3, state_task_service_events):
        # Making a client takes longer than any of these requests.
        monkeypatch.setattr(module, "boto_client_for", _client_for)
    monkeypatch.setattr(retrier_decl, "time", SimpleNamespace(sleep=lambda _: None))
    item = inline.InlineItemProcessorWorker._eval_job
    monkeypatch.setattr(distributed.DistributedItemProcessorWorker, "_eval_job", item)
    running = {
        "stepfunctions": {"execute_state_machine": True},
        "lambda": {"use_docker": False},
    }
    with furnished(**running), organised():
        client("events").create_event_bus(Name="notices")
        role = client("iam").create_role(RoleName="door", AssumeRolePolicyDocument="{}")
        for door in [door for steps in STEPS.values() for door in steps.values()]:
            client("lambda").create_function(
                FunctionName=door,
                Runtime="python3.13",
                Role=role["Role"]["Arn"],
                Handler="handler.handler",
                Code={"ZipFile": b"none: the door is called in this process"},
            )
        yield made
    for port in PORTS:
        port.cache_clear()
