"""The door to resources, and the path that leads to it."""

from constructs import Construct

from infra.buckets import LedgerBucket
from infra.callers import ApiDoor, Callers
from infra.layers import Layers
from infra.rest import Rest
from infra.tables import FinOpsTable

MEMORY_MB = 3538  # two processors: a question is one scan on both
ENGINE_MB = 1400  # two million resources at hand, and room to sort; beyond it the engine spills


class ResourcesApi(Construct):
    """The resources of a month by any of their words, with who has claimed them."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        rest: Rest,
        layers: Layers,
        callers: Callers,
        ledger: LedgerBucket,
        bills: FinOpsTable,
        rules: FinOpsTable,
        settings_table: FinOpsTable,
        workloads: FinOpsTable,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "resources_api",
            layers=layers.analytics,
            callers=callers,
            environment={
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
                "BILLS_TABLE": bills.table.table_name,
                "RULES_TABLE": rules.table.table_name,
                "SETTINGS_TABLE": settings_table.table.table_name,
                "WORKLOADS_TABLE": workloads.table.table_name,
                "LEDGER_MEMORY_MB": str(ENGINE_MB),
                "LEDGER_THREADS": "2",
            },
            memory_mb=MEMORY_MB,
            scratch_mb=4096,
        )
        rights = self.door.rights
        ledger.allow_read(rights, "ledger/", "rules/")
        bills.allow(rights, "GetItem", indexes=("by_kind",))
        rules.allow(rights, "GetItem", indexes=("by_kind",))
        workloads.allow(rights, indexes=("by_kind",))
        # How else tags are spelled, for claim rules.
        settings_table.allow(rights, "GetItem")

        rest.route("GET", "resources", self.door)
