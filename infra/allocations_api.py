"""The doors to allocations and previews, and the paths that lead to them."""

from constructs import Construct

from infra.buckets import LedgerBucket
from infra.callers import API_MEMORY_MB, ApiDoor, Callers
from infra.charts import ChartOfAccounts
from infra.functions import engine
from infra.layers import Layers
from infra.machines import Machine
from infra.open_months import OpenMonths
from infra.rest import Rest
from infra.settings import Settings
from infra.tables import FinOpsTable


class AllocationsApi(Construct):
    """Who pays what of a month, what nobody does, a run started by hand, and the financial scope."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        rest: Rest,
        layers: Layers,
        callers: Callers,
        settings: Settings,
        chart: ChartOfAccounts,
        accounts: FinOpsTable,
        open_months: OpenMonths,
        rules: FinOpsTable,
        settings_table: FinOpsTable,
        workloads: FinOpsTable,
        bills: FinOpsTable,
        allocations: FinOpsTable,
        ledger: LedgerBucket,
        allocate_month: Machine,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "allocations_api",
            layers=layers.analytics,
            callers=callers,
            environment={
                **chart.told_of_years,
                "ACCOUNTS_TABLE": accounts.table.table_name,
                **open_months.told,
                "RULES_TABLE": rules.table.table_name,
                "SETTINGS_TABLE": settings_table.table.table_name,
                "WORKLOADS_TABLE": workloads.table.table_name,
                "BILLS_TABLE": bills.table.table_name,
                "ALLOCATIONS_TABLE": allocations.table.table_name,
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
                "ALLOCATE_MONTH_ARN": allocate_month.machine.state_machine_arn,
                "COST_BASIS": settings.cost_basis,
                **engine(API_MEMORY_MB),
            },
            scratch_mb=4096,
        )
        rights = self.door.rights
        open_months.allow(rights)
        ledger.allow_read(rights, "allocations/")
        bills.allow(rights, "GetItem", "Query", indexes=("by_kind",))
        allocations.allow(rights, "GetItem", "Query", indexes=("by_kind",))
        chart.allow_read(rights, "GetItem", "Query")
        chart.budgets.allow(rights, indexes=("by_year",))
        # How many changes of the rules there were, the shares, and what things are called.
        settings_table.allow(rights, "GetItem")
        for table in (accounts, rules, workloads):
            table.allow(rights, indexes=("by_kind",))
        allocate_month.allow_start(rights, by_name=True)

        rest.route("GET", "allocations", self.door)
        rest.route("POST", "allocations", self.door)
        rest.route("GET", "allocations/tree", self.door)
        rest.route("GET", "allocations/days", self.door)
        rest.route("GET", "allocations/unallocated", self.door)
        rest.route("GET", "financial-scope", self.door)


class PreviewsApi(Construct):
    """What a change of who pays would do, asked and answered."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        rest: Rest,
        layers: Layers,
        callers: Callers,
        settings: Settings,
        chart: ChartOfAccounts,
        accounts: FinOpsTable,
        open_months: OpenMonths,
        rules: FinOpsTable,
        settings_table: FinOpsTable,
        workloads: FinOpsTable,
        bills: FinOpsTable,
        ledger: LedgerBucket,
        allocate_month: Machine,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "previews_api",
            layers=layers.core,
            callers=callers,
            environment={
                **chart.told_of_products,
                "ACCOUNTS_TABLE": accounts.table.table_name,
                **open_months.told,
                "RULES_TABLE": rules.table.table_name,
                "SETTINGS_TABLE": settings_table.table.table_name,
                "WORKLOADS_TABLE": workloads.table.table_name,
                "BILLS_TABLE": bills.table.table_name,
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
                "ALLOCATE_MONTH_ARN": allocate_month.machine.state_machine_arn,
                "COST_BASIS": settings.cost_basis,
            },
        )
        rights = self.door.rights
        open_months.allow(rights)
        ledger.allow_read(rights, "rules/", "previews/")
        ledger.allow_write(rights, "previews/")
        bills.allow(rights, "GetItem", indexes=("by_kind",))
        # All rules as they are in this moment, and what a change of them may name.
        rules.allow(rights, "GetItem", "Query")
        settings_table.allow(rights, "GetItem")
        chart.allow_read(rights, "Query")
        accounts.allow(rights, indexes=("by_kind",))
        workloads.allow(rights, indexes=("by_kind",))
        allocate_month.allow_start(rights, by_name=True)

        rest.route("POST", "previews", self.door)
        rest.route("GET", "previews/{preview_id}", self.door)
