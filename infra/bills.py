"""The road of a bill: from a delivery in the billing bucket to a published generation."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.buckets import BillingBucket, LedgerBucket
from infra.dead_letters import DeadLetters
from infra.functions import WORKER_MB, FinOpsFunction, engine
from infra.layers import Layers
from infra.machines import Machine
from infra.notices import Notices
from infra.rights import Rights
from infra.schedules import DailySchedule
from infra.settings import Settings
from infra.tables import FinOpsTable


class Bills(Construct):
    """`load_bill` with the doors of its steps, what starts it, and the daily sweep and expiry."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        layers: Layers,
        billing: BillingBucket,
        ledger: LedgerBucket,
        loads: FinOpsTable,
        bills: FinOpsTable,
        allocations: FinOpsTable,
        reports: FinOpsTable,
        savings: FinOpsTable,
        audit: FinOpsTable,
        requests: FinOpsTable,
        notices: Notices,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_)
        self._layers, self._billing, self._ledger = layers, billing, ledger
        self._loads, self._bills, self._allocations = loads, bills, allocations
        self._reports, self._savings, self._audit = reports, savings, audit
        self._told = {
            "BILLING_BUCKET": billing.bucket.bucket_name,
            "LEDGER_BUCKET": ledger.bucket.bucket_name,
            "LOADS_TABLE": loads.table.table_name,
            "BILLS_TABLE": bills.table.table_name,
            "SAVINGS_TABLE": savings.table.table_name,
            "AUDIT_TABLE": audit.table.table_name,
            # What it could answer again, had anybody asked.
            "REQUESTS_TABLE": requests.table.table_name,
        }
        steps = {
            "FindDelivery": self._find_delivery(settings),
            "PlanLoad": self._plan_load(settings.max_lines_per_item),
            "ReduceBill": self._reduce_bill(),
            "MergeBill": self._merge_bill(),
            "CheckLoad": self._check_load(),
            "PublishLoad": self._publish_load(),
            "TakeRecommendations": self._take_recommendations(),
            "FailLoad": self._fail_load(),
        }
        self.load_bill = Machine(
            self,
            "load_bill",
            steps=steps,
            ledger=ledger,
            notices=notices,
            max_concurrency=settings.max_concurrency,
        )
        self._start_on_manifest(dead_letters)
        sweep = self._sweep_deliveries()
        expire = self._expire_generations(settings.keep_days)
        for door, hour, minute in ((sweep, 4, 10), (expire, 5, 10)):
            DailySchedule(
                self,
                f"{door.name}_daily",
                door=door,
                hour=hour,
                minute=minute,
                dead_letters=dead_letters,
            )
        self.doors = [*steps.values(), sweep, expire]
        self.publisher = steps["PublishLoad"]

    # The steps of load_bill --------------------------------------------------------------------

    def _find_delivery(self, settings: Settings) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "find_delivery",
            layers=self._layers.core,
            environment={
                **self._tell("BILLING_BUCKET", "LOADS_TABLE"),
                "WAIT_SECONDS": str(settings.wait_seconds),
                "QUIET_SECONDS": str(settings.quiet_seconds),
            },
        )
        self._billing.allow_read(door.rights)
        self._loads.allow(door.rights, "GetItem", "UpdateItem", indexes=("by_place",))
        return door

    def _plan_load(self, max_lines_per_item: int) -> FinOpsFunction:
        memory_mb = 1024
        door = FinOpsFunction(
            self,
            "plan_load",
            layers=self._layers.analytics,
            environment={
                **self._tell("BILLING_BUCKET", "LEDGER_BUCKET", "LOADS_TABLE"),
                **engine(memory_mb),
                "MAX_LINES_PER_ITEM": str(max_lines_per_item),
            },
            memory_mb=memory_mb,
            timeout_seconds=120,
        )
        self._billing.allow_read(door.rights, versions=True)
        self._ledger.allow_write(door.rights, "work/")
        self._loads.allow(door.rights, "GetItem", "UpdateItem")
        return door

    def _reduce_bill(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "reduce_bill",
            layers=self._layers.analytics,
            environment={
                **self._tell("BILLING_BUCKET", "LEDGER_BUCKET", "LOADS_TABLE"),
                **engine(WORKER_MB),
            },
            memory_mb=WORKER_MB,
            timeout_seconds=900,
            scratch_mb=4096,
        )
        self._billing.allow_read(door.rights, versions=True)
        self._ledger.allow_write(door.rights, "work/")
        self._loads.allow(door.rights, "GetItem", "UpdateItem")
        return door

    def _merge_bill(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "merge_bill",
            layers=self._layers.analytics,
            environment={**self._tell("LEDGER_BUCKET", "LOADS_TABLE"), **engine(WORKER_MB)},
            memory_mb=WORKER_MB,
            timeout_seconds=900,
            scratch_mb=10_240,
        )
        self._ledger.allow_read(door.rights, "work/")
        self._ledger.allow_write(door.rights, "work/", "ledger/")
        self._loads.allow(door.rights, "GetItem")
        return door

    def _check_load(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "check_load",
            layers=self._layers.core,
            environment=self._tell("LEDGER_BUCKET", "LOADS_TABLE"),
            memory_mb=1024,
            timeout_seconds=300,
        )
        self._ledger.allow_read(door.rights, "work/")
        self._ledger.allow_write(door.rights, "ledger/")
        self._loads.allow(door.rights, "GetItem", "UpdateItem")
        return door

    def _publish_load(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "publish_load",
            layers=self._layers.core,
            environment=self._tell("BILLING_BUCKET", "LEDGER_BUCKET", "LOADS_TABLE", "BILLS_TABLE"),
            memory_mb=1024,
            timeout_seconds=300,
        )
        self._billing.allow_read(door.rights)
        self._ledger.allow_read(door.rights, "work/", "ledger/")
        self._loads.allow(door.rights, "GetItem", "UpdateItem")
        self._bills.allow(door.rights, "GetItem", "Query", "PutItem", "BatchWriteItem")
        return door

    def _take_recommendations(self) -> FinOpsFunction:
        memory_mb = 1769  # one processor
        door = FinOpsFunction(
            self,
            "take_recommendations",
            layers=self._layers.analytics,
            environment={
                **self._tell("BILLING_BUCKET", "LEDGER_BUCKET", "LOADS_TABLE"),
                **self._tell("SAVINGS_TABLE", "AUDIT_TABLE", "REQUESTS_TABLE"),
                **engine(memory_mb),
            },
            memory_mb=memory_mb,
            timeout_seconds=900,
            scratch_mb=4096,
        )
        self._billing.allow_read(door.rights, versions=True)
        self._ledger.allow_read(door.rights, "savings/")
        self._ledger.allow_write(door.rights, "savings/")
        self._loads.allow(door.rights, "GetItem", "UpdateItem")
        self._savings.allow(door.rights, "GetItem", "PutItem", indexes=("by_kind",))
        self._audit.allow(door.rights, "PutItem")
        return door

    def _fail_load(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "fail_load",
            layers=self._layers.core,
            environment=self._tell("BILLING_BUCKET", "LOADS_TABLE"),
        )
        self._billing.allow_read(door.rights)
        self._loads.allow(door.rights, "GetItem", "UpdateItem")
        return door

    # What is done every day --------------------------------------------------------------------

    def _sweep_deliveries(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "sweep_deliveries",
            layers=self._layers.core,
            environment={
                **self._tell("BILLING_BUCKET", "LOADS_TABLE"),
                "LOAD_BILL_ARN": self.load_bill.machine.state_machine_arn,
            },
            timeout_seconds=300,
        )
        self._billing.allow_read(door.rights)
        self._loads.allow(door.rights, indexes=("by_place",))
        self.load_bill.allow_start(door.rights)
        return door

    def _expire_generations(self, keep_days: int) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "expire_generations",
            layers=self._layers.core,
            environment={
                **self._tell("LEDGER_BUCKET", "LOADS_TABLE", "BILLS_TABLE"),
                "ALLOCATIONS_TABLE": self._allocations.table.table_name,
                "REPORTS_TABLE": self._reports.table.table_name,
                "KEEP_DAYS": str(keep_days),
            },
            timeout_seconds=300,
        )
        self._ledger.allow_delete(door.rights, "ledger/", "allocations/", "cubes/")
        self._loads.allow(door.rights, "GetItem")
        self._bills.allow(door.rights, "GetItem", "Query", "BatchWriteItem", indexes=("by_kind",))
        self._allocations.allow(door.rights, "GetItem", "Query", "BatchWriteItem")
        self._reports.allow(door.rights, "GetItem")
        return door

    # What starts load_bill ---------------------------------------------------------------------

    def _start_on_manifest(self, dead_letters: DeadLetters) -> None:
        role = iam.Role(self, "Starter", assumed_by=iam.ServicePrincipal("events.amazonaws.com"))
        starter = Rights(self, "StartersRights", role=role)
        self.load_bill.allow_start(starter)
        rule = events.Rule(
            self,
            "manifest_arrived",
            description="A manifest in the billing bucket starts load_bill",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [self._billing.bucket.bucket_name]},
                    "object": {"key": [{"suffix": "-Manifest.json"}]},
                },
            ),
        )
        rule.add_target(
            targets.SfnStateMachine(
                self.load_bill.machine,
                role=starter.role,
                input=events.RuleTargetInput.from_object(
                    {
                        "manifest_key": events.EventField.from_path("$.detail.object.key"),
                        "attempt": 0,
                    }
                ),
                dead_letter_queue=dead_letters.queue,
                max_event_age=Duration.hours(2),
                retry_attempts=20,
            )
        )

    def _tell(self, *names: str) -> dict[str, str]:
        return {name: self._told[name] for name in names}
