"""Spend cubes: cut after each allocation, when the tags that spend is told by change, and daily."""

from aws_cdk import aws_events as events
from constructs import Construct

from infra.buckets import LedgerBucket
from infra.dead_letters import DeadLetters
from infra.events import Start, start_on_events
from infra.functions import WORKER_MB, FinOpsFunction, engine
from infra.layers import Layers
from infra.machines import Machine
from infra.notices import Notices
from infra.schedules import MachineSchedule
from infra.settings import Settings
from infra.tables import FinOpsTable

ALL = ""  # payers, or periods


class SpendCubes(Construct):
    """`cut_cubes` with the doors of its steps, and what starts it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        layers: Layers,
        ledger: LedgerBucket,
        bills: FinOpsTable,
        allocations: FinOpsTable,
        reports: FinOpsTable,
        settings_table: FinOpsTable,
        audit: FinOpsTable,
        requests: FinOpsTable,
        notices: Notices,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_)
        self._layers, self._ledger = layers, ledger
        self._bills, self._allocations = bills, allocations
        self._reports, self._settings_table = reports, settings_table
        self._told = {
            "LEDGER_BUCKET": ledger.bucket.bucket_name,
            "ALLOCATIONS_TABLE": allocations.table.table_name,
            "REPORTS_TABLE": reports.table.table_name,
            "SETTINGS_TABLE": settings_table.table.table_name,
            # With what settings could be written, had a door the right to.
            "AUDIT_TABLE": audit.table.table_name,
            "REQUESTS_TABLE": requests.table.table_name,
        }
        steps = {
            "PlanCubes": self._plan_cubes(),
            "CutCubes": self._cut_cube(),
            "PublishCubes": self._publish_cubes(),
        }
        self.cut_cubes = Machine(
            self,
            "cut_cubes",
            steps=steps,
            ledger=ledger,
            max_concurrency=settings.max_concurrency,
        )
        MachineSchedule(
            self,
            "cut_cubes_daily",
            machine=self.cut_cubes.machine.state_machine_arn,
            said={"payer": ALL, "billing_period": ALL},
            hour=6,
            minute=10,
            dead_letters=dead_letters,
        )
        self._start_on_events(notices, dead_letters)
        self.doors = list(steps.values())

    # The steps of cut_cubes ---------------------------------------------------------------------

    def _plan_cubes(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "plan_cubes",
            layers=self._layers.analytics,
            environment={**self._told, "BILLS_TABLE": self._bills.table.table_name},
            memory_mb=1024,
            timeout_seconds=600,
        )
        rights = door.rights
        self._bills.allow(rights, "GetItem", indexes=("by_kind",))
        self._allocations.allow(rights, "GetItem")
        self._reports.allow(rights, "GetItem")
        self._settings_table.allow(rights, "GetItem")
        self._ledger.allow_read(rights, "allocations/")
        self._ledger.allow_write(rights, "work/")
        return door

    def _cut_cube(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "cut_cube",
            layers=self._layers.analytics,
            environment={"LEDGER_BUCKET": self._told["LEDGER_BUCKET"], **engine(WORKER_MB)},
            memory_mb=WORKER_MB,
            timeout_seconds=900,
            scratch_mb=10_240,
        )
        self._ledger.allow_read(door.rights, "ledger/", "allocations/", "work/")
        self._ledger.allow_write(door.rights, "cubes/", "work/")
        return door

    def _publish_cubes(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "publish_cubes",
            layers=self._layers.analytics,
            environment=self._told,
            memory_mb=1024,
            timeout_seconds=600,
        )
        rights = door.rights
        self._allocations.allow(rights, "GetItem")
        self._reports.allow(rights, "GetItem", "PutItem")
        self._settings_table.allow(rights, "GetItem")
        self._ledger.allow_read(rights, "ledger/", "work/")
        return door

    # What starts it -----------------------------------------------------------------------------

    def _start_on_events(self, notices: Notices, dead_letters: DeadLetters) -> None:
        of_event = events.EventField.from_path
        of_bill = {
            "payer": of_event("$.detail.payer"),
            "billing_period": of_event("$.detail.billing_period"),
        }
        starts = (
            Start(
                "month_allocated",
                ["MonthAllocated"],
                "A bill that is allocated anew has its cube cut",
                of_bill,
            ),
            Start(
                "tag_settings_changed",
                ["TagSettingsChanged"],
                "Other tags to tell spend by have all cubes cut anew",
                dict.fromkeys(of_bill, ALL),
            ),
        )
        start_on_events(self, self.cut_cubes, starts, notices=notices, dead_letters=dead_letters)
