"""What goes wrong and who hears of it: alarms, their topic, and one dashboard."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.functions import FinOpsFunction
from infra.rest import STAGE
from infra.tables import FinOpsTable

FIVE_MINUTES = Duration.minutes(5)
FALLEN_BEHIND = Duration.minutes(15)
LATE_AFTER_HOURS = 36
WEEKS_LATE = "CardWeeksLate"  # the metric of plan_spend_cards for weeks that waited too long
PUBLISHED = "LoadsPublished"  # the metric of publish_load for a bill that readers now see


class Alarms(Construct):
    """A topic that says what failed; each alarm tells it, and stands on the dashboard."""

    def __init__(
        self, scope: Construct, id_: str, *, mail: str | None, key: kms.IKey | None
    ) -> None:
        super().__init__(scope, id_)
        self.topic = sns.Topic(self, "Topic", enforce_ssl=True, master_key=key)
        # A topic with a policy of its own no longer trusts the alarms of its account unasked.
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        if mail:
            self.topic.add_subscription(subscriptions.EmailSubscription(mail))
        self._action = actions.SnsAction(self.topic)
        self._alarms: list[cloudwatch.Alarm] = []

    def watch_load_bill(self, machine: sfn.IStateMachine) -> None:
        """A load that failed, was refused or never became whole; or one that ran out of time."""
        self._above_zero(
            "LoadFailed", machine.metric_failed(period=FIVE_MINUTES), "A load of the bill failed"
        )
        self._above_zero(
            "LoadTimedOut",
            machine.metric_timed_out(period=FIVE_MINUTES),
            "A load of the bill ran out of time",
        )

    def watch_allocate_month(self, machine: sfn.IStateMachine) -> None:
        """An allocation that failed: its parts are not the bill, say; or one out of time."""
        self._above_zero(
            "AllocationFailed",
            machine.metric_failed(period=FIVE_MINUTES),
            "An allocation of a bill failed",
        )
        self._above_zero(
            "AllocationTimedOut",
            machine.metric_timed_out(period=FIVE_MINUTES),
            "An allocation of a bill ran out of time",
        )

    def watch_spend_cards(self, machine: sfn.IStateMachine, planner: FinOpsFunction) -> None:
        """Cards that could not be made, and weeks whose bills keep them waiting for too long."""
        self._above_zero(
            "CardsFailed", machine.metric_failed(period=FIVE_MINUTES), "Making spend cards failed"
        )
        self._above_zero(
            "CardsTimedOut",
            machine.metric_timed_out(period=FIVE_MINUTES),
            "Making spend cards ran out of time",
        )
        self._above_zero(
            "CardsLate",
            cloudwatch.Metric(
                namespace="FinOpsCenter",
                metric_name=WEEKS_LATE,
                dimensions_map={"service": planner.name},
                statistic="Sum",
                period=FIVE_MINUTES,
            ),
            "Weeks have no spend cards, for their bills did not come",
        )

    def watch_close_month(self, machine: sfn.IStateMachine) -> None:
        """A month that was not closed, whose credits could not pay, or whose files nobody was given."""
        self._above_zero(
            "CloseFailed",
            machine.metric_failed(period=FIVE_MINUTES),
            "A month was not closed, or its credits not settled, or its files not delivered",
        )
        self._above_zero(
            "CloseTimedOut",
            machine.metric_timed_out(period=FIVE_MINUTES),
            "The close of a month ran out of time",
        )

    def watch_machine(self, name: str, machine: sfn.IStateMachine) -> None:
        """A run, called *name*, that failed or ran out of time."""
        words = name.title().replace(" ", "")
        said = f"A {name}" if name[0] not in "aeio" else f"An {name}"
        self._above_zero(
            f"{words}Failed", machine.metric_failed(period=FIVE_MINUTES), f"{said} failed"
        )
        self._above_zero(
            f"{words}TimedOut",
            machine.metric_timed_out(period=FIVE_MINUTES),
            f"{said} ran out of time",
        )

    def watch_door(self, door: FinOpsFunction) -> None:
        """A door that raises, or that Lambda has no room for."""
        function = door.function
        self._above_zero(
            f"{door.name}_errors",
            function.metric_errors(period=FIVE_MINUTES),
            f"{door.name} raised an error",
        )
        self._above_zero(
            f"{door.name}_throttles",
            function.metric_throttles(period=FIVE_MINUTES),
            f"{door.name} was throttled: the account has too little concurrency",
        )

    def watch_stream(self, door: FinOpsFunction) -> None:
        """A door that follows a stream and falls behind: what it is to tell stays untold."""
        self._above(
            FALLEN_BEHIND.to_milliseconds(),
            f"{door.name}_falls_behind",
            door.function.metric("IteratorAge", period=FIVE_MINUTES, statistic="Maximum"),
            f"{door.name} is {FALLEN_BEHIND.to_minutes():.0f} minutes behind what it follows",
        )

    def watch_table(self, table: FinOpsTable) -> None:
        """A table that turns requests away."""
        name = table.node.id
        for metric in ("ReadThrottleEvents", "WriteThrottleEvents"):
            self._above_zero(
                f"{name}_{metric}",
                cloudwatch.Metric(
                    namespace="AWS/DynamoDB",
                    metric_name=metric,
                    dimensions_map={"TableName": table.table.table_name},
                    statistic="Sum",
                    period=FIVE_MINUTES,
                ),
                f"{name} is throttled",
            )

    def watch_dead_letters(self, name: str, queue: sqs.IQueue) -> None:
        """Something that could not be delivered."""
        self._above_zero(
            name,
            queue.metric_approximate_number_of_messages_visible(
                period=FIVE_MINUTES, statistic="Maximum"
            ),
            "An event or a scheduled call could not be delivered",
        )

    def watch_api(self, api: apigateway.IRestApi) -> None:
        """Answers that are our fault."""
        self._above_zero(
            "ApiErrors",
            cloudwatch.Metric(
                namespace="AWS/ApiGateway",
                metric_name="5XXError",
                dimensions_map={"ApiName": api.rest_api_name, "Stage": STAGE},
                statistic="Sum",
                period=FIVE_MINUTES,
            ),
            "The API answered with an error of ours",
        )

    def watch_freshness(self, publisher: FinOpsFunction) -> None:
        """No bill published for too long: AWS delivers up to three times a day."""
        metric = cloudwatch.Metric(
            namespace="FinOpsCenter",
            metric_name=PUBLISHED,
            dimensions_map={"service": publisher.name},
            statistic="Sum",
            period=Duration.hours(1),
        )
        self._alarm(
            "LateData",
            metric.create_alarm(
                self,
                "LateData",
                alarm_description=f"No bill was published for {LATE_AFTER_HOURS} hours",
                comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
                threshold=1,
                evaluation_periods=LATE_AFTER_HOURS,
                treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
            ),
        )

    def show(
        self, doors: Sequence[FinOpsFunction], machines: Mapping[str, sfn.IStateMachine]
    ) -> None:
        """The dashboard of all that is watched by now; *machines* by what one of their runs is."""
        widgets: list[cloudwatch.IWidget] = [
            cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(self._alarms), width=24),
            *(
                cloudwatch.GraphWidget(
                    title=f"{name.capitalize()}s",
                    left=[machine.metric_succeeded(), machine.metric_failed()],
                    width=12,
                )
                for name, machine in machines.items()
            ),
            *(
                cloudwatch.GraphWidget(
                    title=f"How long one {name} takes",
                    left=[machine.metric_time()],
                    width=12,
                )
                for name, machine in machines.items()
            ),
            cloudwatch.GraphWidget(
                title="How long the doors take",
                left=[door.function.metric_duration(label=door.name) for door in doors],
                width=12,
            ),
            cloudwatch.GraphWidget(
                title="How often the doors are opened",
                left=[door.function.metric_invocations(label=door.name) for door in doors],
                width=12,
            ),
        ]
        cloudwatch.Dashboard(self, "Dashboard", widgets=[[widget] for widget in widgets])

    def _above_zero(self, id_: str, metric: cloudwatch.IMetric, description: str) -> None:
        self._above(0, id_, metric, description)

    def _above(
        self, threshold: float, id_: str, metric: cloudwatch.IMetric, description: str
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            id_,
            metric=metric,
            alarm_description=description,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            threshold=threshold,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        self._alarm(id_, alarm)

    def _alarm(self, id_: str, alarm: cloudwatch.Alarm) -> None:
        alarm.add_alarm_action(self._action)
        alarm.add_ok_action(self._action)
        self._alarms.append(alarm)
