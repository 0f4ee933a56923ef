"""The door to spend cards and delegations, and the paths that lead to it."""

from constructs import Construct

from infra.buckets import LedgerBucket
from infra.callers import API_MEMORY_MB, ApiDoor, Callers
from infra.charts import ChartOfAccounts
from infra.functions import engine
from infra.layers import Layers
from infra.open_months import need_open_month
from infra.rest import Rest
from infra.tables import FinOpsTable

CARDS = "cards/"  # the lines of large cards


class SpendCardsApi(Construct):
    """Cards seen, taken apart and decided on by who owes the step, or who stands in for them."""

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
        rules: FinOpsTable,
        workloads: FinOpsTable,
        spend_cards: FinOpsTable,
        closes: FinOpsTable,
        delegations: FinOpsTable,
        settings_table: FinOpsTable,
        alerts: FinOpsTable,
        bills: FinOpsTable,
        ledger: LedgerBucket,
        allocations: FinOpsTable,
        currency: str,
        cost_basis: str,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "spend_cards_api",
            layers=layers.analytics,
            callers=callers,
            environment={
                "SPEND_CARDS_TABLE": spend_cards.table.table_name,
                "CLOSES_TABLE": closes.table.table_name,
                "DELEGATIONS_TABLE": delegations.table.table_name,
                "SETTINGS_TABLE": settings_table.table.table_name,
                "ALERTS_TABLE": alerts.table.table_name,
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
                "BILLS_TABLE": bills.table.table_name,
                "ALLOCATIONS_TABLE": allocations.table.table_name,
                "CHARTS_BUCKET": chart.sorfile.bucket.bucket_name,
                "CHARTS_TABLE": chart.charts.table.table_name,
                "FISCAL_YEAR_STARTS": str(chart.fiscal_year_starts),
                "ACCOUNTS_TABLE": accounts.table.table_name,
                "RULES_TABLE": rules.table.table_name,
                "WORKLOADS_TABLE": workloads.table.table_name,
                "CURRENCY": currency,
                "COST_BASIS": cost_basis,
                **engine(API_MEMORY_MB),
            },
            scratch_mb=4096,
        )
        rights = self.door.rights
        spend_cards.allow(rights, "GetItem", "PutItem", indexes=("by_month",))
        # A card of a month that is closed takes no decision.
        closes.allow(rights, "GetItem", indexes=("by_kind",))
        need_open_month(rights, closes)
        delegations.allow(rights, "GetItem", "PutItem", indexes=("by_kind",))
        # Until when a step may wait.
        settings_table.allow(rights, "GetItem")
        # The unusual days of a card's week.
        alerts.allow(rights, indexes=("by_kind",))
        # The charges behind a line, and what a dispute proposes.
        ledger.allow_read(rights, CARDS, "ledger/", "allocations/", "previews/")
        ledger.allow_write(rights, CARDS)
        # How fresh the bills are; Query: whether a scope pays something of them.
        bills.allow(rights, "GetItem", indexes=("by_kind",))
        allocations.allow(rights, "GetItem", "Query", indexes=("by_kind",))
        # How many changes of the rules and charts there were.
        rules.allow(rights, indexes=("by_kind",))
        chart.charts.allow(rights, "Query")

        rest.route("GET", "spend-cards", self.door)
        rest.route("GET", "spend-cards/{product_id}/{start}", self.door)
        rest.route("GET", "spend-cards/{product_id}/{start}/lines", self.door)
        rest.route("GET", "spend-cards/{product_id}/{start}/resources", self.door)
        rest.route("POST", "spend-cards/{product_id}/{start}/decisions", self.door)
        rest.route("POST", "spend-card-decisions", self.door)
        rest.route("GET", "delegations", self.door)
        rest.route("POST", "delegations", self.door)
        rest.route("POST", "delegations/{delegation_id}/end", self.door)
