"""The door to corrections and closed years, and the paths that lead to it."""

from constructs import Construct

from infra.buckets import CloseBucket, LedgerBucket
from infra.callers import API_MEMORY_MB, ApiDoor, Callers
from infra.functions import engine
from infra.layers import Layers
from infra.rest import Rest
from infra.tables import FinOpsTable


class CorrectionsApi(Construct):
    """What later bills changed of closed months, and a year as it was closed and is by now."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        rest: Rest,
        layers: Layers,
        callers: Callers,
        close_bucket: CloseBucket,
        closes: FinOpsTable,
        ledger: LedgerBucket,
        bills: FinOpsTable,
        allocations: FinOpsTable,
        fiscal_year_starts: int,
        cost_basis: str,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "corrections_api",
            layers=layers.analytics,
            callers=callers,
            environment={
                "CLOSES_TABLE": closes.table.table_name,
                "CLOSES_BUCKET": close_bucket.bucket.bucket_name,
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
                "BILLS_TABLE": bills.table.table_name,
                "ALLOCATIONS_TABLE": allocations.table.table_name,
                "FISCAL_YEAR_STARTS": str(fiscal_year_starts),
                "COST_BASIS": cost_basis,
                **engine(API_MEMORY_MB),
            },
            scratch_mb=4096,
        )
        rights = self.door.rights
        closes.allow(rights, indexes=("by_kind",))
        close_bucket.allow_read(rights, "snapshots/", "corrections/")
        ledger.allow_read(rights, "allocations/")
        # Query: the spend of a bill that no run was made of yet.
        bills.allow(rights, "GetItem", "Query", indexes=("by_kind",))
        allocations.allow(rights, "GetItem", indexes=("by_kind",))

        rest.route("GET", "corrections", self.door)
        rest.route("GET", "corrections/years/{fiscal_year}", self.door)
