"""A door opened every day."""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra.dead_letters import DeadLetters
from infra.functions import FinOpsFunction
from infra.rights import Rights


class DailySchedule(Construct):
    """Calls *door* at *minute* past *hour* UTC; what stays undone goes to the dead letters."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        door: FinOpsFunction,
        hour: int,
        minute: int,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            ),
        )
        rights = Rights(self, "Rights", role=role)
        rights.allow("CallTheDoor", "lambda:InvokeFunction", on=[door.function.function_arn])
        dead_letters.allow_send(rights)
        schedule = scheduler.CfnSchedule(
            self,
            "Schedule",
            description=f"{door.name}, daily",
            schedule_expression=f"cron({minute} {hour} * * ? *)",
            schedule_expression_timezone="UTC",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(
                mode="FLEXIBLE", maximum_window_in_minutes=15
            ),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=door.function.function_arn,
                role_arn=rights.role.role_arn,
                input="{}",
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=3600, maximum_retry_attempts=3
                ),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(
                    arn=dead_letters.queue.queue_arn
                ),
            ),
        )
        schedule.node.add_dependency(rights.policy)
        dead_letters.keep_calls(self, door)
