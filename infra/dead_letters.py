"""Where events and calls go that could not be delivered."""

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.functions import FinOpsFunction
from infra.nag import acknowledge
from infra.rights import Rights


class DeadLetters(Construct):
    """A queue that should be empty; an alarm says when it is not."""

    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_)
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        acknowledge(self, "SQS3", "This is the dead-letter queue.")
        self._kept: list[FinOpsFunction] = []

    def allow_send(self, rights: Rights) -> None:
        """Leave here what could not be delivered."""
        rights.allow("LeaveDeadLetters", "sqs:SendMessage", on=[self.queue.queue_arn])

    def keep_calls(self, scope: Construct, door: FinOpsFunction) -> None:
        """Keep the calls that *door* fails at, again and again, when nobody waits for its answer.

        Whoever made such a call handed it over and is done; a door that fails is Lambda's to retry.
        Several may call the same door: its calls are kept once.
        """
        if door in self._kept:
            return
        self._kept.append(door)
        self.allow_send(door.rights)
        asked = lambda_.EventInvokeConfig(
            scope,
            "Asked",
            function=door.function,
            max_event_age=Duration.hours(1),
            retry_attempts=2,
            on_failure=destinations.SqsDestination(self.queue),
        )
        # Lambda tries the role when it is told where to leave a failed call.
        asked.node.add_dependency(door.rights.policy)
