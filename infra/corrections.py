"""Corrections: what later bills change of closed months, booked in the open one."""

from aws_cdk import aws_events as events
from constructs import Construct

from infra.buckets import CloseBucket, LedgerBucket
from infra.dead_letters import DeadLetters
from infra.events import OnEvent
from infra.functions import WORKER_MB, FinOpsFunction, engine
from infra.layers import Layers
from infra.notices import Notices
from infra.schedules import DailySchedule
from infra.tables import FinOpsTable


class Corrections(Construct):
    """`book_corrections` is opened when a month was allocated, when one was closed, and every day."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        layers: Layers,
        close_bucket: CloseBucket,
        closes: FinOpsTable,
        ledger: LedgerBucket,
        bills: FinOpsTable,
        allocations: FinOpsTable,
        audit: FinOpsTable,
        requests: FinOpsTable,
        notices: Notices,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_)
        self.book_corrections = FinOpsFunction(
            self,
            "book_corrections",
            layers=layers.analytics,
            environment={
                "CLOSES_TABLE": closes.table.table_name,
                "CLOSES_BUCKET": close_bucket.bucket.bucket_name,
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
                "BILLS_TABLE": bills.table.table_name,
                "ALLOCATIONS_TABLE": allocations.table.table_name,
                "AUDIT_TABLE": audit.table.table_name,
                # What it could answer again, had anybody asked.
                "REQUESTS_TABLE": requests.table.table_name,
                **engine(WORKER_MB),
            },
            memory_mb=WORKER_MB,
            timeout_seconds=900,
            scratch_mb=4096,
        )
        rights = self.book_corrections.rights
        closes.allow(rights, "GetItem", "PutItem", indexes=("by_kind",))
        close_bucket.allow_read(rights, "snapshots/", "corrections/")
        close_bucket.allow_write(rights, "corrections/")
        ledger.allow_read(rights, "ledger/", "allocations/")
        bills.allow(rights, "GetItem", indexes=("by_kind",))
        allocations.allow(rights, "GetItem", indexes=("by_kind",))
        audit.allow(rights, "PutItem")
        for name, detail_types, description, told in (
            (
                "month_allocated",
                ["MonthAllocated"],
                "What a newer bill changes of a closed month is booked",
                events.RuleTargetInput.from_event_path("$.detail"),
            ),
            (
                "close_ended",
                ["MonthClosed", "MonthCloseGivenUp"],
                "What waited for the end of a close is booked",
                events.RuleTargetInput.from_object({}),
            ),
        ):
            OnEvent(
                self,
                name,
                door=self.book_corrections,
                description=description,
                bus=notices.bus,
                pattern=events.EventPattern(source=[notices.source], detail_type=detail_types),
                told=told,
                dead_letters=dead_letters,
            )
        DailySchedule(
            self,
            "book_corrections_daily",
            door=self.book_corrections,
            hour=6,
            minute=20,
            dead_letters=dead_letters,
        )
        self.doors = [self.book_corrections]
