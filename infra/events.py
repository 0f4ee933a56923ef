"""What a door or a machine does when something has happened."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.dead_letters import DeadLetters
from infra.functions import FinOpsFunction
from infra.machines import Machine
from infra.notices import Notices
from infra.rights import Rights

AT_ONCE = 10_000  # reasons that one call is told of
TRIES = 5


class OnEvent(Construct):
    """Calls *door* when an event like *pattern* comes; what stays undone goes to the dead letters.

    It is told *told*, or the event as it came. The bus is the account's own unless one is named.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        door: FinOpsFunction,
        description: str,
        pattern: events.EventPattern,
        dead_letters: DeadLetters,
        bus: events.IEventBus | None = None,
        told: events.RuleTargetInput | None = None,
    ) -> None:
        super().__init__(scope, id_)
        rule = events.Rule(
            self, "Rule", description=description, event_pattern=pattern, event_bus=bus
        )
        rule.add_target(
            targets.LambdaFunction(
                door.function,
                event=told,
                dead_letter_queue=dead_letters.queue,
                max_event_age=Duration.hours(2),
                retry_attempts=20,
            )
        )
        dead_letters.keep_calls(self, door)


class Start(NamedTuple):
    """What starts a machine: events of ours by their names, and what the run is told."""

    name: str
    happened: Sequence[str]
    description: str
    told: Mapping[str, Any]


def start_on_events(
    scope: Construct,
    machine: Machine,
    starts: Iterable[Start],
    *,
    notices: Notices,
    dead_letters: DeadLetters,
) -> None:
    """Starts *machine* when one of *starts* happens; what stays undone goes to the dead letters."""
    role = iam.Role(scope, "Starter", assumed_by=iam.ServicePrincipal("events.amazonaws.com"))
    starter = Rights(scope, "StartersRights", role=role)
    machine.allow_start(starter)
    for start in starts:
        rule = events.Rule(
            scope,
            start.name,
            description=start.description,
            event_bus=notices.bus,
            event_pattern=events.EventPattern(
                source=[notices.source], detail_type=list(start.happened)
            ),
        )
        rule.add_target(
            targets.SfnStateMachine(
                machine.machine,
                role=starter.role,
                input=events.RuleTargetInput.from_object(dict(start.told)),
                dead_letter_queue=dead_letters.queue,
                max_event_age=Duration.hours(2),
                retry_attempts=20,
            )
        )


def gather_events(
    scope: Construct,
    *,
    door: FinOpsFunction,
    seconds: int,
    description: str,
    reasons: Sequence[str],
    notices: Notices,
    dead_letters: DeadLetters,
    gathered: Duration,
    settled: Duration | None = None,
) -> None:
    """Calls *door*, which takes up to *seconds*, once for all *reasons* that come within *gathered*.

    It is told why, and looks up what has changed; *settled*: no earlier than that after the event.
    """
    queue = sqs.Queue(
        scope,
        "Reasons",
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        delivery_delay=settled,
        visibility_timeout=Duration.seconds(6 * seconds),
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters.queue, max_receive_count=TRIES),
    )
    rule = events.Rule(
        scope,
        "reason_came",
        description=description,
        event_bus=notices.bus,
        event_pattern=events.EventPattern(source=[notices.source], detail_type=list(reasons)),
    )
    rule.add_target(
        targets.SqsQueue(
            queue,
            message=events.RuleTargetInput.from_event_path("$.detail-type"),
            dead_letter_queue=dead_letters.queue,
            max_event_age=Duration.hours(2),
            retry_attempts=20,
        )
    )
    door.rights.allow(
        "TakeReasons",
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        on=[queue.queue_arn],
    )
    mapping = lambda_.EventSourceMapping(
        scope,
        "ReasonsGathered",
        target=door.function,
        event_source_arn=queue.queue_arn,
        batch_size=AT_ONCE,
        max_batching_window=gathered,
        max_concurrency=2,
    )
    # Lambda tries the role when it is told where to look.
    mapping.node.add_dependency(door.rights.policy)
