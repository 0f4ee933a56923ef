"""The door to budgets, plans and gates, and the paths that lead to it."""

from constructs import Construct

from infra.buckets import LedgerBucket
from infra.callers import ApiDoor, Callers
from infra.charts import ChartOfAccounts
from infra.layers import Layers
from infra.rest import Rest
from infra.settings import Settings
from infra.tables import FinOpsTable


class BudgetsApi(Construct):
    """A product's budget from draft to decision, the plan of any element, the gate of a portfolio."""

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
        bills: FinOpsTable,
        allocations: FinOpsTable,
        ledger: LedgerBucket,
        workloads: FinOpsTable,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "budgets_api",
            layers=layers.core,
            callers=callers,
            environment={
                **chart.told,
                "BILLS_TABLE": bills.table.table_name,
                "ALLOCATIONS_TABLE": allocations.table.table_name,
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
                "COST_BASIS": settings.cost_basis,
                "CURRENCY": settings.currency,
                "WORKLOADS_TABLE": workloads.table.table_name,
            },
        )
        rights = self.door.rights
        chart.allow_read(rights, "GetItem", "Query")
        chart.budgets.allow(rights, "GetItem", "PutItem", indexes=("by_year",))
        # What was spent: by whom, where it is allocated, else by the bill.
        bills.allow(rights, "Query", indexes=("by_kind",))
        allocations.allow(rights, indexes=("by_kind",))
        ledger.allow_read(rights, "allocations/")
        # Their estimates, beside the months of a budget.
        workloads.allow(rights, indexes=("by_kind",))
        callers.people.allow(rights, indexes=("by_kind",))

        rest.route("GET", "budgets/{year}", self.door)
        rest.route("GET", "budgets/{year}/{product}", self.door)
        rest.route("PUT", "budgets/{year}/{product}/draft", self.door)
        rest.route("POST", "budgets/{year}/{product}/decisions", self.door)
        rest.route("PUT", "budgets/{year}/{product}/estimate", self.door)
        rest.route("GET", "budgets/{year}/{product}/versions", self.door)
        rest.route("GET", "plans/{year}/{element}", self.door)
        rest.route("GET", "gates/{portfolio}", self.door)
        rest.route("PUT", "gates/{portfolio}", self.door)
