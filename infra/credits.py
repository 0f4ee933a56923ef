"""Credits: found on the bills that name them, and told of before they end."""

from aws_cdk import aws_events as events
from constructs import Construct

from infra.buckets import LedgerBucket
from infra.dead_letters import DeadLetters
from infra.events import OnEvent
from infra.functions import FinOpsFunction, engine
from infra.layers import Layers
from infra.notices import Notices
from infra.open_months import OpenMonths
from infra.schedules import DailySchedule
from infra.tables import FinOpsTable

WARNER_MB = 1769  # one processor


class Credits(Construct):
    """`find_credits` reads what lines of a bill name, `warn_of_credits` what ends soon."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        layers: Layers,
        credits_table: FinOpsTable,
        open_months: OpenMonths,
        bills: FinOpsTable,
        ledger: LedgerBucket,
        allocations: FinOpsTable,
        audit: FinOpsTable,
        requests: FinOpsTable,
        notices: Notices,
        dead_letters: DeadLetters,
        currency: str,
    ) -> None:
        super().__init__(scope, id_)
        told = {
            "CREDITS_TABLE": credits_table.table.table_name,
            "BILLS_TABLE": bills.table.table_name,
            "LEDGER_BUCKET": ledger.bucket.bucket_name,
            "AUDIT_TABLE": audit.table.table_name,
            # What it could answer again, had anybody asked.
            "REQUESTS_TABLE": requests.table.table_name,
        }
        self.find_credits = FinOpsFunction(
            self,
            "find_credits",
            layers=layers.core,
            environment=told,
            memory_mb=1024,
            timeout_seconds=300,
        )
        self.warn_of_credits = FinOpsFunction(
            self,
            "warn_of_credits",
            layers=layers.analytics,
            environment={
                **told,
                "ALLOCATIONS_TABLE": allocations.table.table_name,
                "CURRENCY": currency,
                **open_months.told,
                **engine(WARNER_MB),
            },
            memory_mb=WARNER_MB,
            timeout_seconds=900,
            scratch_mb=4096,
        )
        open_months.allow(self.warn_of_credits.rights)
        allocations.allow(self.warn_of_credits.rights, "GetItem", indexes=("by_kind",))
        for door in (self.find_credits, self.warn_of_credits):
            credits_table.allow(door.rights, "GetItem", "PutItem", indexes=("by_kind",))
            audit.allow(door.rights, "PutItem")
        ledger.allow_read(self.find_credits.rights, "ledger/")
        ledger.allow_read(self.warn_of_credits.rights, "ledger/", "allocations/")
        bills.allow(self.find_credits.rights, "GetItem")
        bills.allow(self.warn_of_credits.rights, "GetItem", indexes=("by_kind",))
        OnEvent(
            self,
            "bill_loaded",
            door=self.find_credits,
            description="Credits that a bill names are queued to be mapped",
            bus=notices.bus,
            pattern=events.EventPattern(source=[notices.source], detail_type=["BillLoaded"]),
            told=events.RuleTargetInput.from_event_path("$.detail"),
            dead_letters=dead_letters,
        )
        DailySchedule(
            self,
            "warn_of_credits_daily",
            door=self.warn_of_credits,
            hour=5,
            minute=30,
            dead_letters=dead_letters,
        )
