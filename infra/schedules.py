"""What happens again and again: doors opened and machines started by the clock."""

import json
from collections.abc import Mapping

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra.dead_letters import DeadLetters
from infra.functions import FinOpsFunction
from infra.rights import Rights

# What EventBridge Scheduler puts the moment for that a call was meant for, however late it comes.
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
UTC = "UTC"


class Schedule(Construct):
    """Does *action* on *target* at *minute* past *hour* and tells it *said*: daily, on Mondays, or on
    the first of each month; without an hour, past every one.

    What stays undone goes to the dead letters.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        target: str,
        action: str,
        sid: str,
        said: Mapping[str, object],
        hour: int | None,
        minute: int,
        mondays: bool,
        time_zone: str,
        dead_letters: DeadLetters,
        firsts: bool = False,
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
        rights.allow(sid, action, on=[target])
        dead_letters.allow_send(rights)
        days, when = "* * ? *", "daily"
        if mondays or firsts:
            days, when = ("? * MON *", "on Mondays") if mondays else ("1 * ? *", "on the 1st")
        if hour is None:
            when = "hourly"
        schedule = scheduler.CfnSchedule(
            self,
            "Schedule",
            description=f"{name}, {when}",
            schedule_expression=f"cron({minute} {'*' if hour is None else hour} {days})",
            schedule_expression_timezone=time_zone,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(
                mode="FLEXIBLE", maximum_window_in_minutes=15
            ),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=target,
                role_arn=rights.role.role_arn,
                input=json.dumps(said),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=3600, maximum_retry_attempts=3
                ),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(
                    arn=dead_letters.queue.queue_arn
                ),
            ),
        )
        schedule.node.add_dependency(rights.policy)


class DoorSchedule(Schedule):
    """Calls *door* at *minute* past *hour*, daily or on Mondays, and tells it *said*."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        door: FinOpsFunction,
        hour: int | None,
        minute: int,
        dead_letters: DeadLetters,
        mondays: bool = False,
        time_zone: str = UTC,
        said: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(
            scope,
            id_,
            name=door.name,
            target=door.function.function_arn,
            action="lambda:InvokeFunction",
            sid="CallTheDoor",
            said=said or {},
            hour=hour,
            minute=minute,
            mondays=mondays,
            time_zone=time_zone,
            dead_letters=dead_letters,
        )
        dead_letters.keep_calls(self, door)


class DailySchedule(DoorSchedule):
    """Calls *door* every day at *minute* past *hour* UTC."""


class HourlySchedule(DoorSchedule):
    """Calls *door* at *minute* past every hour."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        door: FinOpsFunction,
        minute: int,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_, door=door, hour=None, minute=minute, dead_letters=dead_letters)


class MachineSchedule(Schedule):
    """Starts the *machine* of an ARN at *minute* past *hour* with *said*: daily, on Mondays, or on the
    first of each month.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        machine: str,
        said: Mapping[str, object],
        hour: int,
        minute: int,
        dead_letters: DeadLetters,
        mondays: bool = False,
        firsts: bool = False,
        time_zone: str = UTC,
    ) -> None:
        super().__init__(
            scope,
            id_,
            name=id_,
            target=machine,
            action="states:StartExecution",
            sid="StartTheMachine",
            said=said,
            hour=hour,
            minute=minute,
            mondays=mondays,
            firsts=firsts,
            time_zone=time_zone,
            dead_letters=dead_letters,
        )
