"""What a door does when something has happened."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from infra.dead_letters import DeadLetters
from infra.functions import FinOpsFunction


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
