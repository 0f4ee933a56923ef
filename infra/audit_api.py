"""The door to the audit trail, and the paths that lead to it."""

from constructs import Construct

from infra.buckets import LedgerBucket
from infra.callers import ApiDoor, Callers
from infra.charts import ChartOfAccounts
from infra.layers import Layers
from infra.rest import Rest
from infra.tables import FinOpsTable


class AuditApi(Construct):
    """Who changed what and when, by month, person or thing, and whether the trail is whole."""

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
        credits_table: FinOpsTable,
        spend_cards: FinOpsTable,
        closes: FinOpsTable,
        delegations: FinOpsTable,
        settings_table: FinOpsTable,
        savings: FinOpsTable,
        alerts: FinOpsTable,
        ledger: LedgerBucket,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "audit_api",
            layers=layers.core,
            callers=callers,
            environment={
                **chart.told,
                "ACCOUNTS_TABLE": accounts.table.table_name,
                "RULES_TABLE": rules.table.table_name,
                "WORKLOADS_TABLE": workloads.table.table_name,
                "CREDITS_TABLE": credits_table.table.table_name,
                "SPEND_CARDS_TABLE": spend_cards.table.table_name,
                "CLOSES_TABLE": closes.table.table_name,
                "DELEGATIONS_TABLE": delegations.table.table_name,
                "SETTINGS_TABLE": settings_table.table.table_name,
                "SAVINGS_TABLE": savings.table.table_name,
                "ALERTS_TABLE": alerts.table.table_name,
                # Where the lines of large cards are; the trail knows those cards without them.
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
            },
        )
        rights = self.door.rights
        callers.audit.allow(rights, indexes=("by_month", "by_actor"))
        callers.people.allow(rights, indexes=("by_kind",))
        # The state of each thing, to compare its records with; not the charts themselves.
        chart.budgets.allow(rights, "GetItem", indexes=("by_year",))
        chart.charts.allow(rights, "GetItem", "Query")
        kept = (accounts, rules, workloads, credits_table, closes, delegations, savings, alerts)
        for table in kept:
            table.allow(rights, "GetItem", indexes=("by_kind",))
        spend_cards.allow(rights, "GetItem", indexes=("by_month",))
        settings_table.allow(rights, "GetItem")

        rest.route("GET", "audit", self.door)
        rest.route("GET", "audit/verification", self.door)
