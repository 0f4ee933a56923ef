"""The door to class policies and claim rules, and the paths that lead to it."""

from constructs import Construct

from infra.buckets import LedgerBucket
from infra.callers import ApiDoor, Callers
from infra.charts import ChartOfAccounts
from infra.layers import Layers
from infra.open_months import OpenMonths
from infra.rest import Rest
from infra.tables import FinOpsTable


class PoliciesApi(Construct):
    """How whole classes of charges go, and what workloads take by tag, name or service."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        rest: Rest,
        layers: Layers,
        callers: Callers,
        chart: ChartOfAccounts,
        ledger: LedgerBucket,
        accounts: FinOpsTable,
        open_months: OpenMonths,
        rules: FinOpsTable,
        workloads: FinOpsTable,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "policies_api",
            layers=layers.core,
            callers=callers,
            environment={
                **chart.told_of_products,
                "ACCOUNTS_TABLE": accounts.table.table_name,
                **open_months.told,
                "RULES_TABLE": rules.table.table_name,
                "WORKLOADS_TABLE": workloads.table.table_name,
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
            },
        )
        rights = self.door.rights
        open_months.allow(rights)
        rules.allow(rights, "GetItem", indexes=("by_kind",))
        rules.allow(rights, "PutItem", keys=("class-policies", "claim-rules"), sid="WriteRules")
        ledger.allow_read(rights, "rules/claim-rules/")
        ledger.allow_write(rights, "rules/claim-rules/")
        # What a policy or a rule may name.
        chart.allow_read(rights, "Query")
        accounts.allow(rights, indexes=("by_kind",))
        workloads.allow(rights, indexes=("by_kind",))

        rest.route("GET", "class-policies", self.door)
        rest.route("PUT", "class-policies/{payer_id}/{charge_class}", self.door)
        rest.route("GET", "claim-rules", self.door)
        rest.route("POST", "claim-rules", self.door)
        rest.route("POST", "claim-rules/{rule_id}/endings", self.door)
        rest.route("PUT", "claim-rules/order", self.door)
