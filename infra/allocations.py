"""The allocation of a bill: from rules and charges to who pays, and what starts it."""

from aws_cdk import Duration
from constructs import Construct

from infra.buckets import LedgerBucket
from infra.charts import ChartOfAccounts
from infra.dead_letters import DeadLetters
from infra.events import gather_events
from infra.functions import WORKER_MB, FinOpsFunction, engine
from infra.layers import Layers
from infra.machines import Machine
from infra.notices import Notices
from infra.open_months import OpenMonths
from infra.schedules import DailySchedule
from infra.settings import Settings
from infra.tables import FinOpsTable

# What may make an allocation another one: a bill, who pays for it, or which rules count of a month.
REASONS = (
    "BillLoaded",
    "AccountMapped",
    "ClaimRulesChanged",
    "ResourcesClaimed",
    "ResourcesReleased",
    "PolicyDecided",
    "TagSettingsChanged",
    "ChartLoaded",
    # What was planned meanwhile goes by other rules now.
    "MonthClosed",
    "MonthCloseGivenUp",
)
STARTER_SECONDS = 120
# All that comes in so many seconds is looked at together: a file of changes is hundreds of events.
GATHERED = Duration.seconds(10)
# The index that changes are found by follows its table.
SETTLED = Duration.seconds(2)


class Allocations(Construct):
    """`allocate_month` with the doors of its steps, and `start_allocations`, which starts it.

    Whatever happened, the same is done: all bills are looked at, and those that are not up to date
    are allocated. So events are gathered, and a daily look finds what no event told.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        layers: Layers,
        ledger: LedgerBucket,
        chart: ChartOfAccounts,
        bills: FinOpsTable,
        accounts: FinOpsTable,
        open_months: OpenMonths,
        rules: FinOpsTable,
        settings_table: FinOpsTable,
        workloads: FinOpsTable,
        allocations: FinOpsTable,
        audit: FinOpsTable,
        requests: FinOpsTable,
        notices: Notices,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_)
        self._layers, self._ledger, self._chart = layers, ledger, chart
        self._bills, self._accounts, self._rules = bills, accounts, rules
        self._workloads, self._allocations = workloads, allocations
        self._settings_table = settings_table
        self._open_months = open_months
        # With the tables that what is asked could be written with, had a door the right to.
        self._told_of_closes = {
            **open_months.told,
            "AUDIT_TABLE": audit.table.table_name,
            "REQUESTS_TABLE": requests.table.table_name,
        }
        self._told = {
            "LEDGER_BUCKET": ledger.bucket.bucket_name,
            "BILLS_TABLE": bills.table.table_name,
            "ALLOCATIONS_TABLE": allocations.table.table_name,
        }
        self._told_of_rules = {
            **chart.told_of_products,
            **self._told_of_closes,
            "ACCOUNTS_TABLE": accounts.table.table_name,
            "RULES_TABLE": rules.table.table_name,
            "SETTINGS_TABLE": settings_table.table.table_name,
            "WORKLOADS_TABLE": workloads.table.table_name,
            "COST_BASIS": settings.cost_basis,
        }
        steps = {
            "PlanAllocation": self._plan_allocation(),
            "AllocateAccounts": self._worker("allocate_accounts", "ledger/", "work/"),
            "SpreadClasses": self._worker("spread_classes", "work/"),
            "PublishAllocation": self._publish_allocation(),
        }
        self.allocate_month = Machine(
            self,
            "allocate_month",
            steps=steps,
            ledger=ledger,
            notices=notices,
            max_concurrency=settings.max_concurrency,
        )
        starter = self._start_allocations()
        gather_events(
            self,
            door=starter,
            seconds=STARTER_SECONDS,
            description="A bill or a rule that is new makes allocations anew",
            reasons=REASONS,
            notices=notices,
            dead_letters=dead_letters,
            gathered=GATHERED,
            settled=SETTLED,
        )
        DailySchedule(
            self,
            "start_allocations_daily",
            door=starter,
            hour=5,
            minute=40,
            dead_letters=dead_letters,
        )
        self.doors = [*steps.values(), starter]

    # The steps of allocate_month ---------------------------------------------------------------

    def _plan_allocation(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "plan_allocation",
            layers=self._layers.analytics,
            environment={**self._told, **self._told_of_rules},
            memory_mb=1769,
            timeout_seconds=300,
        )
        rights = door.rights
        self._open_months.closes.allow(rights, "GetItem", indexes=("by_kind",))
        self._ledger.allow_read(rights, "ledger/", "rules/", "allocations/", "previews/")
        self._ledger.allow_write(rights, "work/", "allocations/")
        self._chart.allow_read(rights, "Query")
        self._rules.allow(rights, "GetItem", "Query")
        self._settings_table.allow(rights, "GetItem")  # how else tags are spelled
        # What a preview's changes may name.
        self._accounts.allow(rights, indexes=("by_kind",))
        self._workloads.allow(rights, indexes=("by_kind",))
        self._bills.allow(rights, "GetItem")
        self._allocations.allow(rights, "GetItem", "PutItem")
        return door

    def _worker(self, name: str, *sources: str) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            name,
            layers=self._layers.analytics,
            environment={"LEDGER_BUCKET": self._told["LEDGER_BUCKET"], **engine(WORKER_MB)},
            memory_mb=WORKER_MB,
            timeout_seconds=900,
            scratch_mb=10_240,
        )
        self._ledger.allow_read(door.rights, *sources)
        self._ledger.allow_write(door.rights, "work/", "allocations/")
        return door

    def _publish_allocation(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "publish_allocation",
            layers=self._layers.analytics,
            environment={**self._told, **self._told_of_closes, **engine(WORKER_MB)},
            memory_mb=WORKER_MB,
            timeout_seconds=600,
            scratch_mb=4096,
        )
        self._ledger.allow_read(door.rights, "ledger/", "work/", "allocations/")
        self._ledger.allow_write(door.rights, "allocations/", "previews/")
        self._bills.allow(door.rights, "GetItem")
        self._open_months.closes.allow(door.rights, "GetItem")
        self._allocations.allow(door.rights, "GetItem", "PutItem", "Query", "BatchWriteItem")
        return door

    # What starts it ----------------------------------------------------------------------------

    def _start_allocations(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "start_allocations",
            layers=self._layers.core,
            environment={
                **self._told,
                **self._told_of_rules,
                "ALLOCATE_MONTH_ARN": self.allocate_month.machine.state_machine_arn,
            },
            memory_mb=1024,
            timeout_seconds=STARTER_SECONDS,
        )
        self._open_months.allow(door.rights)
        self._chart.charts.allow(door.rights, "Query")
        self._rules.allow(door.rights, indexes=("by_kind",))
        self._settings_table.allow(door.rights, "GetItem")
        self._bills.allow(door.rights, indexes=("by_kind",))
        self._allocations.allow(door.rights, "GetItem", indexes=("by_kind",))
        self.allocate_month.allow_start(door.rights, by_name=True)
        return door
