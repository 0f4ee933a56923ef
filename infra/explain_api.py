"""The door to explanations, and the paths that lead to it."""

from constructs import Construct

from infra.buckets import BillingBucket, LedgerBucket
from infra.callers import API_MEMORY_MB, ApiDoor, Callers
from infra.functions import engine
from infra.layers import Layers
from infra.rest import Rest
from infra.tables import FinOpsTable

# The bill's own files that were asked about (4 GB), the ledger's (2 GB), and room to spill.
SCRATCH_MB = 8192


class ExplainApi(Construct):
    """Any figure taken apart, down to the lines of the bill in the versions that were loaded."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        rest: Rest,
        layers: Layers,
        callers: Callers,
        billing: BillingBucket,
        ledger: LedgerBucket,
        loads: FinOpsTable,
        bills: FinOpsTable,
        allocations: FinOpsTable,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "explain_api",
            layers=layers.analytics,
            callers=callers,
            environment={
                "BILLING_BUCKET": billing.bucket.bucket_name,
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
                "LOADS_TABLE": loads.table.table_name,
                "BILLS_TABLE": bills.table.table_name,
                "ALLOCATIONS_TABLE": allocations.table.table_name,
                **engine(API_MEMORY_MB),
            },
            scratch_mb=SCRATCH_MB,
        )
        rights = self.door.rights
        billing.allow_read(rights, versions=True)
        ledger.allow_read(rights, "ledger/", "allocations/")
        loads.allow(rights, "GetItem")
        bills.allow(rights, "GetItem", indexes=("by_kind",))
        allocations.allow(rights, "GetItem", indexes=("by_kind",))

        rest.route("GET", "explain/{product_id}", self.door)
        rest.route("GET", "explain/{product_id}/charges", self.door)
        rest.route("GET", "explain/{product_id}/lines", self.door)
