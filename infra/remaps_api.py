"""The door to remaps, and the paths that lead to it."""

from constructs import Construct

from infra.buckets import LedgerBucket
from infra.callers import ApiDoor, Callers
from infra.charts import ChartOfAccounts
from infra.layers import Layers
from infra.open_months import OpenMonths
from infra.rest import Rest
from infra.settings import Settings
from infra.tables import FinOpsTable

CLAIMS, CARDS = "rules/claims/", "cards/"


class RemapsApi(Construct):
    """What disputes propose, and the changes of shares and claims that answer them."""

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
        cards: FinOpsTable,
        open_months: OpenMonths,
        delegations: FinOpsTable,
        settings_table: FinOpsTable,
        ledger: LedgerBucket,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "remaps_api",
            layers=layers.core,
            callers=callers,
            environment={
                **chart.told_of_products,
                "ACCOUNTS_TABLE": accounts.table.table_name,
                "RULES_TABLE": rules.table.table_name,
                "WORKLOADS_TABLE": workloads.table.table_name,
                "SPEND_CARDS_TABLE": cards.table.table_name,
                **open_months.told,
                "DELEGATIONS_TABLE": delegations.table.table_name,
                "SETTINGS_TABLE": settings_table.table.table_name,
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
                "COST_BASIS": settings.cost_basis,
                "CURRENCY": settings.currency,
            },
        )
        rights = self.door.rights
        # One step changes a card, splits and claims.
        cards.allow(rights, "GetItem", "PutItem")
        rules.allow(rights, "PutItem", keys=("shares", "claims"), sid="WriteRules")
        ledger.allow_write(rights, CLAIMS, CARDS)
        # All rules as they are in this moment, and what a change of them may name.
        rules.allow(rights, "GetItem", "Query")
        ledger.allow_read(rights, "rules/", CARDS)
        chart.allow_read(rights, "Query")
        accounts.allow(rights, indexes=("by_kind",))
        workloads.allow(rights, "GetItem", indexes=("by_kind",))
        # Who owes the step, and whether its month still takes it.
        open_months.closes.allow(rights, "GetItem", indexes=("by_kind",))
        open_months.allow_need(rights)
        delegations.allow(rights, indexes=("by_kind",))
        settings_table.allow(rights, "GetItem")

        rest.route("GET", "spend-cards/{product_id}/{start}/proposal", self.door)
        rest.route("POST", "spend-cards/{product_id}/{start}/remaps", self.door)
