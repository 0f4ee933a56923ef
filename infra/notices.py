"""What happened, said to whoever listens: the event bus of the product."""

from aws_cdk import Aws, Duration
from aws_cdk import aws_events as events
from constructs import Construct

from infra.rights import Rights


class Notices(Construct):
    """The bus that events go out on, with an archive to replay from."""

    source = "finops.center"

    def __init__(self, scope: Construct, id_: str, *, archived: bool) -> None:
        super().__init__(scope, id_)
        self.bus = events.EventBus(self, "Bus", description="What the FinOps Center has to say")
        if archived:
            self.bus.archive(
                "Archive",
                event_pattern=events.EventPattern(account=[Aws.ACCOUNT_ID]),
                retention=Duration.days(400),
                description="Every notice, to replay to a new listener",
            )

    def allow_put(self, rights: Rights) -> None:
        """Say something."""
        rights.allow("SayNotices", "events:PutEvents", on=[self.bus.event_bus_arn])
