"""The door to savings, and the paths that lead to it."""

from constructs import Construct

from infra.buckets import LedgerBucket
from infra.callers import ApiDoor, Callers
from infra.layers import Layers
from infra.rest import Rest
from infra.tables import FinOpsTable


class SavingsApi(Construct):
    """What could be saved, whose it is, and what is decided on it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        rest: Rest,
        layers: Layers,
        callers: Callers,
        accounts: FinOpsTable,
        rules: FinOpsTable,
        settings_table: FinOpsTable,
        savings: FinOpsTable,
        ledger: LedgerBucket,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "savings_api",
            layers=layers.core,
            callers=callers,
            environment={
                "SAVINGS_TABLE": savings.table.table_name,
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
                "ACCOUNTS_TABLE": accounts.table.table_name,
                "RULES_TABLE": rules.table.table_name,
                "SETTINGS_TABLE": settings_table.table.table_name,
            },
        )
        rights = self.door.rights
        savings.allow(rights, "GetItem", "PutItem", indexes=("by_kind",))
        # Who pays for a resource: claims and claim rules are documents, shares are items.
        rules.allow(rights, "GetItem", indexes=("by_kind",))
        ledger.allow_read(rights, "rules/", "savings/realised/")
        # How tags are meant that claim rules read.
        settings_table.allow(rights, "GetItem")
        accounts.allow(rights, indexes=("by_kind",))

        rest.route("GET", "savings", self.door)
        rest.route("GET", "savings/totals", self.door)
        rest.route("GET", "savings/report", self.door)
        rest.route("GET", "savings/realised", self.door)
        rest.route("POST", "savings/decisions", self.door)
        rest.route("POST", "savings/collections", self.door)
        rest.route("GET", "savings/{saving_id}", self.door)
        rest.route("POST", "savings/{saving_id}/decisions", self.door)
