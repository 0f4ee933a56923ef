"""The door to shares, and the paths that lead to it."""

from constructs import Construct

from infra.callers import ApiDoor, Callers
from infra.charts import ChartOfAccounts
from infra.layers import Layers
from infra.open_months import OpenMonths
from infra.rest import Rest
from infra.tables import FinOpsTable


class SharesApi(Construct):
    """The products that pay for each account, one by one and by files."""

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
        workloads: FinOpsTable,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "shares_api",
            layers=layers.core,
            callers=callers,
            environment={
                **chart.told_of_products,
                "ACCOUNTS_TABLE": accounts.table.table_name,
                **open_months.told,
                "RULES_TABLE": rules.table.table_name,
                "WORKLOADS_TABLE": workloads.table.table_name,
            },
        )
        rights = self.door.rights
        open_months.allow(rights)
        rules.allow(rights, "GetItem", indexes=("by_kind",))
        rules.allow(rights, "PutItem", keys=("shares",), sid="WriteRules")
        # What a split may name, and which accounts there are.
        chart.allow_read(rights, "Query")
        accounts.allow(rights, "GetItem", indexes=("by_kind",))
        workloads.allow(rights, indexes=("by_kind",))

        rest.route("GET", "shares", self.door)
        rest.route("GET", "shares/{account_id}", self.door)
        rest.route("PUT", "shares/{account_id}", self.door)
        rest.route("POST", "shares/{account_id}/renewals", self.door)
        rest.route("POST", "share-loads", self.door)
