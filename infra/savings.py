"""Savings: what AWS recommends to payers that deliver no file of it, asked for every day."""

from aws_cdk import aws_events as events
from constructs import Construct

from infra.buckets import LedgerBucket
from infra.dead_letters import DeadLetters
from infra.events import OnEvent
from infra.functions import FinOpsFunction
from infra.layers import Layers
from infra.notices import Notices
from infra.schedules import DailySchedule
from infra.tables import FinOpsTable

NO_RESOURCE = "Cost Optimization Hub has no resource-level permissions."


class SavingsIntake(Construct):
    """`collect_recommendations` asks the API, daily and when somebody wants to know now.

    Files go the way of the bill (`infra.bills`).
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        layers: Layers,
        savings: FinOpsTable,
        bills: FinOpsTable,
        ledger: LedgerBucket,
        audit: FinOpsTable,
        requests: FinOpsTable,
        notices: Notices,
        dead_letters: DeadLetters,
        daily: bool,
    ) -> None:
        super().__init__(scope, id_)
        self.collect_recommendations = FinOpsFunction(
            self,
            "collect_recommendations",
            layers=layers.core,
            environment={
                "SAVINGS_TABLE": savings.table.table_name,
                "BILLS_TABLE": bills.table.table_name,
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
                "AUDIT_TABLE": audit.table.table_name,
                # What it could answer again, had anybody asked.
                "REQUESTS_TABLE": requests.table.table_name,
            },
            memory_mb=1769,  # one processor
            timeout_seconds=900,
        )
        rights = self.collect_recommendations.rights
        savings.allow(rights, "GetItem", "PutItem", indexes=("by_kind",))
        bills.allow(rights, "GetItem", indexes=("by_kind",))
        audit.allow(rights, "PutItem")
        ledger.allow_read(rights, "savings/")
        ledger.allow_write(rights, "savings/")
        rights.allow(
            "AskWhatCouldBeSaved",
            "cost-optimization-hub:GetPreferences",
            "cost-optimization-hub:ListEnrollmentStatuses",
            "cost-optimization-hub:ListRecommendations",
            on=["*"],
            why=NO_RESOURCE,
        )
        rights.allow(
            "KnowTheOrganization",
            "organizations:DescribeOrganization",
            on=["*"],
            why="The organization that an account is in has no resource-level permissions.",
        )
        if daily:
            DailySchedule(
                self,
                "collect_recommendations_daily",
                door=self.collect_recommendations,
                hour=5,
                minute=50,
                dead_letters=dead_letters,
            )
        OnEvent(
            self,
            "collection_asked",
            door=self.collect_recommendations,
            description="Somebody wants to know now what could be saved",
            bus=notices.bus,
            pattern=events.EventPattern(
                source=[notices.source], detail_type=["SavingsCollectionAsked"]
            ),
            told=events.RuleTargetInput.from_object(
                {
                    "actor": events.EventField.from_path("$.detail.actor"),
                    "request_id": events.EventField.from_path("$.detail.request_id"),
                }
            ),
            dead_letters=dead_letters,
        )
