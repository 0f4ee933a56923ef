"""A state machine of `statemachines/`, and what it may do."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.buckets import LedgerBucket
from infra.functions import FinOpsFunction
from infra.notices import Notices
from infra.rights import Rights

MACHINES = Path(__file__).parent.parent / "statemachines"


class Machine(Construct):
    """The machine of `statemachines/<id>.asl.json`, logged and traced, its *steps* by placeholder.

    It reads the items of its distributed maps in `work/` of the ledger, and says what it has done;
    one that has no maps needs no *ledger*, and one whose steps say it themselves no *notices*.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        steps: Mapping[str, FinOpsFunction],
        ledger: LedgerBucket | None = None,
        notices: Notices | None = None,
        max_concurrency: int = 1,
    ) -> None:
        super().__init__(scope, id_)
        self._file = MACHINES / f"{id_}.asl.json"
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        rights = Rights(self, "Rights", role=role)
        log_group = logs.LogGroup(
            self,
            "Logs",
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_string(self._definition(max_concurrency)),
            definition_substitutions={
                **{name: door.function.function_arn for name, door in steps.items()},
                **({"NoticesName": notices.bus.event_bus_name} if notices else {}),
            },
            role=rights.role,
            logs=sfn.LogOptions(
                destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=True
            ),
            tracing_enabled=True,
        )
        rights.allow(
            "TakeSteps",
            "lambda:InvokeFunction",
            on=[door.function.function_arn for door in steps.values()],
        )
        if ledger:
            ledger.allow_read(rights, "work/")
        if notices:
            notices.allow_put(rights)
        rights.allow(
            "DeliverLogs",
            "logs:CreateLogDelivery",
            "logs:GetLogDelivery",
            "logs:UpdateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:DescribeResourcePolicies",
            "logs:DescribeLogGroups",
            on=["*"],
            why="The log delivery of Step Functions has no resource-level permissions.",
        )
        rights.allow(
            "Trace",
            "xray:PutTraceSegments",
            "xray:PutTelemetryRecords",
            "xray:GetSamplingRules",
            "xray:GetSamplingTargets",
            on=["*"],
            why="X-Ray has no resource-level permissions.",
        )
        # Step Functions tries the role when it creates the machine.
        self.machine.node.add_dependency(rights.policy)
        if any(_maps(self._written())):
            self._allow_itself(role)

    def allow_start(self, rights: Rights, *, by_name: bool = False) -> None:
        """Start it; *by_name* also ask what became of an execution of some name."""
        words = self.node.id.title().replace("_", "")
        rights.allow(f"Start{words}", "states:StartExecution", on=[self.machine.state_machine_arn])
        if by_name:
            rights.allow(
                f"Follow{words}",
                "states:DescribeExecution",
                on=[self._executions(f"{self.machine.state_machine_name}:*")],
                why="An execution is named by what it is for.",
            )

    def _allow_itself(self, role: iam.Role) -> None:
        """Run its distributed maps: their items are executions of the machine itself.

        In a policy of its own: the machine waits for the other one, and this one for the machine.
        """
        itself = Rights(self, "Itself", role=role)
        itself.allow("RunMaps", "states:StartExecution", on=[self.machine.state_machine_arn])
        name = self.machine.state_machine_name
        itself.allow(
            "FollowItems",
            "states:DescribeExecution",
            "states:StopExecution",
            on=[self._executions(f"{name}:*")],
            why="Step Functions names the executions of a map's items.",
        )
        itself.allow(
            "RedriveItems",
            "states:RedriveExecution",
            on=[self._executions(f"{name}/{state['Label']}:*") for state in _maps(self._written())],
            why="Step Functions names the executions of a map's items.",
        )

    def _executions(self, name: str) -> str:
        return Stack.of(self).format_arn(
            service="states",
            resource="execution",
            resource_name=name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )

    def _written(self) -> dict[str, Any]:
        machine: dict[str, Any] = json.loads(self._file.read_text())
        return machine

    def _definition(self, max_concurrency: int) -> str:
        """The machine with this deployment's width of its maps, which no substitution could hold:
        a substitution is text, and the file must stay the JSON that is linted and tested."""
        machine = self._written()
        for state in _maps(machine):
            state["MaxConcurrency"] = max_concurrency
        return json.dumps(machine, separators=(",", ":"))


def _maps(machine: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (state for state in machine["States"].values() if state["Type"] == "Map")
