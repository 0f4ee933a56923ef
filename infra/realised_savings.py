"""Realised savings: measured when something was done, when a bill is allocated anew, and daily."""

from constructs import Construct

from infra.buckets import BillingBucket, LedgerBucket
from infra.dead_letters import DeadLetters
from infra.events import Start, start_on_events
from infra.functions import WORKER_MB, FinOpsFunction, engine
from infra.layers import Layers
from infra.machines import Machine
from infra.notices import Notices
from infra.schedules import MachineSchedule
from infra.settings import Settings
from infra.tables import FinOpsTable

USAGES, REALISED = "savings/usages/", "savings/realised/"


class RealisedSavings(Construct):
    """`measure_savings` with the doors of its steps, and what starts it."""

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
        savings: FinOpsTable,
        rules: FinOpsTable,
        settings_table: FinOpsTable,
        audit: FinOpsTable,
        requests: FinOpsTable,
        notices: Notices,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_)
        self._layers, self._billing, self._ledger = layers, billing, ledger
        self._loads, self._bills, self._savings = loads, bills, savings
        self._rules, self._settings_table = rules, settings_table
        self._told = {
            "LEDGER_BUCKET": ledger.bucket.bucket_name,
            "SAVINGS_TABLE": savings.table.table_name,
            # With what cases and rules could be written, had a door the right to.
            "AUDIT_TABLE": audit.table.table_name,
            "REQUESTS_TABLE": requests.table.table_name,
        }
        steps = {
            "PlanMeasures": self._plan_measures(),
            "ReadUsages": self._read_usages(),
            "PublishMeasures": self._publish_measures(),
        }
        self.measure_savings = Machine(
            self,
            "measure_savings",
            steps=steps,
            ledger=ledger,
            max_concurrency=settings.max_concurrency,
        )
        MachineSchedule(
            self,
            "measure_savings_daily",
            machine=self.measure_savings.machine.state_machine_arn,
            said={},
            hour=6,
            minute=40,
            dead_letters=dead_letters,
        )
        self._start_on_events(notices, dead_letters)
        self.doors = list(steps.values())

    # The steps of measure_savings ---------------------------------------------------------------

    def _plan_measures(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "plan_measures",
            layers=self._layers.analytics,
            environment={
                **self._told,
                "BILLS_TABLE": self._bills.table.table_name,
                "LOADS_TABLE": self._loads.table.table_name,
            },
            memory_mb=1769,  # one processor
            timeout_seconds=600,
        )
        rights = door.rights
        self._savings.allow(rights, "GetItem", indexes=("by_kind",))
        self._bills.allow(rights, "GetItem", indexes=("by_kind",))
        self._loads.allow(rights, "GetItem")
        # What was read before, it finds by listing.
        self._ledger.allow_read(rights, "ledger/")
        self._ledger.allow_write(rights, "work/")
        return door

    def _read_usages(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "read_usages",
            layers=self._layers.analytics,
            environment={
                "BILLING_BUCKET": self._billing.bucket.bucket_name,
                "LEDGER_BUCKET": self._told["LEDGER_BUCKET"],
                "LOADS_TABLE": self._loads.table.table_name,
                **engine(WORKER_MB),
            },
            memory_mb=WORKER_MB,
            timeout_seconds=900,
            scratch_mb=10_240,
        )
        self._billing.allow_read(door.rights, versions=True)
        self._loads.allow(door.rights, "GetItem")
        self._ledger.allow_read(door.rights, "ledger/", "work/")
        self._ledger.allow_write(door.rights, "work/")
        return door

    def _publish_measures(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "publish_measures",
            layers=self._layers.analytics,
            environment={
                **self._told,
                "RULES_TABLE": self._rules.table.table_name,
                "SETTINGS_TABLE": self._settings_table.table.table_name,
            },
            memory_mb=WORKER_MB,
            timeout_seconds=900,
        )
        rights = door.rights
        self._savings.allow(rights, "GetItem", "PutItem")
        # Who pays for a resource: claims and claim rules are documents, shares are items.
        self._rules.allow(rights, "GetItem", indexes=("by_kind",))
        self._settings_table.allow(rights, "GetItem")
        self._ledger.allow_read(rights, "work/", "rules/", USAGES, REALISED)
        self._ledger.allow_write(rights, USAGES, REALISED)
        # What it may list it was told with what it may read.
        rights.allow(
            "DropWhatWasReplaced",
            "s3:DeleteObject",
            on=[self._ledger.bucket.arn_for_objects(f"{prefix}*") for prefix in (USAGES, REALISED)],
            why="Objects are named by what they are made of.",
        )
        return door

    # What starts it -----------------------------------------------------------------------------

    def _start_on_events(self, notices: Notices, dead_letters: DeadLetters) -> None:
        starts = (
            Start(
                "month_allocated_for_savings",
                ["MonthAllocated"],
                "A bill that is allocated anew has its savings measured anew",
                {},
            ),
            Start(
                "saving_implemented",
                ["SavingImplemented", "SavingReopened"],
                "What was done is measured, and what is not done after all is no more",
                {},
            ),
        )
        start_on_events(
            self, self.measure_savings, starts, notices=notices, dead_letters=dead_letters
        )
