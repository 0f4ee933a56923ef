"""The door to workloads, claims and spaces, and the paths that lead to it."""

from constructs import Construct

from infra.buckets import LedgerBucket
from infra.callers import ApiDoor, Callers
from infra.charts import ChartOfAccounts
from infra.layers import Layers
from infra.open_months import OpenMonths
from infra.rest import Rest
from infra.settings import Settings
from infra.tables import FinOpsTable

CLAIMS = "rules/claims/"


class ClaimsApi(Construct):
    """What runs for products in accounts, the resources it claims, and the accounts of a scope."""

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
        credits_table: FinOpsTable,
        ledger: LedgerBucket,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "claims_api",
            layers=layers.core,
            callers=callers,
            environment={
                "CHARTS_BUCKET": chart.sorfile.bucket.bucket_name,
                "CHARTS_TABLE": chart.charts.table.table_name,
                "FISCAL_YEAR_STARTS": str(chart.fiscal_year_starts),
                "ACCOUNTS_TABLE": accounts.table.table_name,
                **open_months.told,
                "RULES_TABLE": rules.table.table_name,
                "SETTINGS_TABLE": settings_table.table.table_name,
                "WORKLOADS_TABLE": workloads.table.table_name,
                "BILLS_TABLE": bills.table.table_name,
                "ALLOCATIONS_TABLE": allocations.table.table_name,
                "CREDITS_TABLE": credits_table.table.table_name,
                "COST_BASIS": settings.cost_basis,
                "CURRENCY": settings.currency,
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
            },
        )
        rights = self.door.rights
        open_months.allow(rights)
        # Which products are alive, in any year's chart.
        chart.allow_read(rights, "Query")
        accounts.allow(rights, "GetItem", indexes=("by_kind",))
        rules.allow(rights, "GetItem", indexes=("by_kind",))
        rules.allow(rights, "PutItem", keys=("claims",), sid="WriteRules")
        workloads.allow(rights, "GetItem", "PutItem", indexes=("by_kind",))
        # How else tags are spelled, and how often that was changed.
        settings_table.allow(rights, "GetItem")
        # What workloads spend beside their estimates, how fresh that is, and a scope's credits.
        bills.allow(rights, "GetItem", indexes=("by_kind",))
        allocations.allow(rights, "GetItem", "Query", indexes=("by_kind",))
        credits_table.allow(rights, indexes=("by_kind",))
        ledger.allow_read(rights, CLAIMS, "allocations/")
        ledger.allow_write(rights, CLAIMS)

        rest.route("GET", "workloads", self.door)
        rest.route("POST", "workloads", self.door)
        rest.route("GET", "workloads/{workload_id}", self.door)
        rest.route("PUT", "workloads/{workload_id}", self.door)
        rest.route("POST", "workloads/{workload_id}/endings", self.door)
        rest.route("GET", "claims/{account_id}", self.door)
        rest.route("POST", "claims/{account_id}", self.door)
        rest.route("POST", "releases/{account_id}", self.door)
        rest.route("GET", "spaces", self.door)
