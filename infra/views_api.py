"""The door to views, and the paths that lead to it."""

from constructs import Construct

from infra.buckets import LedgerBucket
from infra.callers import API_MEMORY_MB, ApiDoor, Callers
from infra.charts import ChartOfAccounts
from infra.functions import engine
from infra.layers import Layers
from infra.rest import Rest
from infra.settings import Settings
from infra.tables import FinOpsTable

VIEWS = (
    *("summary", "snapshot", "cards-by-status", "variance"),
    *("heat-map", "weekly-cards", "trend", "schedule"),
)


class ViewsApi(Construct):
    """What of the spend is signed, what is not, and what was planned; told and drawn."""

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
        rules: FinOpsTable,
        workloads: FinOpsTable,
        spend_cards: FinOpsTable,
        closes: FinOpsTable,
        settings_table: FinOpsTable,
        savings: FinOpsTable,
        bills: FinOpsTable,
        ledger: LedgerBucket,
        allocations: FinOpsTable,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "views_api",
            layers=layers.both,
            callers=callers,
            environment={
                **chart.told_of_years,
                "ACCOUNTS_TABLE": accounts.table.table_name,
                "RULES_TABLE": rules.table.table_name,
                "WORKLOADS_TABLE": workloads.table.table_name,
                "SPEND_CARDS_TABLE": spend_cards.table.table_name,
                "CLOSES_TABLE": closes.table.table_name,
                "SETTINGS_TABLE": settings_table.table.table_name,
                "SAVINGS_TABLE": savings.table.table_name,
                "BILLS_TABLE": bills.table.table_name,
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
                "ALLOCATIONS_TABLE": allocations.table.table_name,
                "COST_BASIS": settings.cost_basis,
                "CURRENCY": settings.currency,
                **engine(API_MEMORY_MB),
            },
            scratch_mb=4096,
        )
        rights = self.door.rights
        # What lists know of cards; none is opened.
        spend_cards.allow(rights, indexes=("by_month",))
        closes.allow(rights, indexes=("by_kind",))
        settings_table.allow(rights, "GetItem")
        bills.allow(rights, "GetItem", "Query", indexes=("by_kind",))
        allocations.allow(rights, "GetItem", "Query", indexes=("by_kind",))
        # What could be saved, what its account is called, and the claims that say whose it is.
        savings.allow(rights, indexes=("by_kind",))
        accounts.allow(rights, indexes=("by_kind",))
        ledger.allow_read(rights, "allocations/", "rules/")
        chart.allow_read(rights, "GetItem", "Query")
        chart.budgets.allow(rights, indexes=("by_year",))
        # Shares and claims, and how many changes of the rules there were: how fresh allocations are.
        rules.allow(rights, "GetItem", indexes=("by_kind",))

        for view in VIEWS:
            rest.route("GET", f"views/{view}", self.door)
