"""Where events and calls go that could not be delivered."""

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs
from constructs import Construct

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

    def allow_send(self, rights: Rights) -> None:
        """Leave here what could not be delivered."""
        rights.allow("LeaveDeadLetters", "sqs:SendMessage", on=[self.queue.queue_arn])
