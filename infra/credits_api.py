"""The door to credits and the price book, and the paths that lead to it."""

from constructs import Construct

from infra.buckets import LedgerBucket
from infra.callers import API_MEMORY_MB, ApiDoor, Callers
from infra.charts import ChartOfAccounts
from infra.functions import engine
from infra.layers import Layers
from infra.open_months import OpenMonths
from infra.rest import Rest
from infra.tables import FinOpsTable


class CreditsApi(Construct):
    """What was granted to products, what it pays, and how that compares with the bills."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        rest: Rest,
        layers: Layers,
        callers: Callers,
        chart: ChartOfAccounts,
        accounts: FinOpsTable,
        open_months: OpenMonths,
        rules: FinOpsTable,
        settings_table: FinOpsTable,
        workloads: FinOpsTable,
        credits_table: FinOpsTable,
        bills: FinOpsTable,
        ledger: LedgerBucket,
        allocations: FinOpsTable,
        currency: str,
        cost_basis: str,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "credits_api",
            layers=layers.analytics,
            callers=callers,
            environment={
                "CREDITS_TABLE": credits_table.table.table_name,
                "BILLS_TABLE": bills.table.table_name,
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
                "CHARTS_BUCKET": chart.sorfile.bucket.bucket_name,
                "CHARTS_TABLE": chart.charts.table.table_name,
                "FISCAL_YEAR_STARTS": str(chart.fiscal_year_starts),
                "ACCOUNTS_TABLE": accounts.table.table_name,
                **open_months.told,
                "RULES_TABLE": rules.table.table_name,
                "SETTINGS_TABLE": settings_table.table.table_name,
                "WORKLOADS_TABLE": workloads.table.table_name,
                "ALLOCATIONS_TABLE": allocations.table.table_name,
                "CURRENCY": currency,
                "COST_BASIS": cost_basis,
                **engine(API_MEMORY_MB),
            },
            scratch_mb=4096,
        )
        rights = self.door.rights
        open_months.allow(rights)
        credits_table.allow(rights, "GetItem", "PutItem", indexes=("by_kind",))
        bills.allow(rights, "GetItem", "Query", indexes=("by_kind",))
        ledger.allow_read(rights, "ledger/", "allocations/")
        # Query: whether a scope pays something of a bill.
        allocations.allow(rights, "GetItem", "Query", indexes=("by_kind",))
        # How many changes of the rules there were, which says how fresh allocations are.
        rules.allow(rights, indexes=("by_kind",))
        settings_table.allow(rights, "GetItem")
        # Which products there are, in any year's chart.
        chart.allow_read(rights, "Query")

        rest.route("GET", "credits", self.door)
        rest.route("POST", "credits", self.door)
        rest.route("GET", "credits/reconciliation", self.door)
        rest.route("GET", "credits/{credit_id}", self.door)
        rest.route("PUT", "credits/{credit_id}", self.door)
        rest.route("POST", "credits/{credit_id}/withdrawals", self.door)
        rest.route("GET", "discounts", self.door)
        rest.route("PUT", "discounts", self.door)
