"""The door to tags, and the paths that lead to it."""

from collections.abc import Sequence

from constructs import Construct

from infra.buckets import LedgerBucket
from infra.callers import ApiDoor, Callers
from infra.layers import Layers
from infra.resources_api import ENGINE_MB, MEMORY_MB
from infra.rest import Rest
from infra.settings import Settings
from infra.tables import FinOpsTable


class TagsApi(Construct):
    """How much has its tags, what lacks them, which look alike, and what to type."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        rest: Rest,
        layers: Layers,
        callers: Callers,
        settings: Settings,
        ledger: LedgerBucket,
        bills: FinOpsTable,
        rules: FinOpsTable,
        settings_table: FinOpsTable,
        workloads: FinOpsTable,
        tagging_regions: Sequence[str],
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "tags_api",
            layers=layers.analytics,
            callers=callers,
            environment={
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
                "BILLS_TABLE": bills.table.table_name,
                "RULES_TABLE": rules.table.table_name,
                "SETTINGS_TABLE": settings_table.table.table_name,
                "WORKLOADS_TABLE": workloads.table.table_name,
                "COST_BASIS": settings.cost_basis,
                "MAIL_LOGO": settings.mail.logo or "",
                "TAGGING_REGIONS": " ".join(tagging_regions),
                "LEDGER_MEMORY_MB": str(ENGINE_MB),
                "LEDGER_THREADS": "2",
            },
            memory_mb=MEMORY_MB,
            scratch_mb=4096,
        )
        rights = self.door.rights
        ledger.allow_read(rights, "ledger/", "rules/", "tags/")
        bills.allow(rights, "GetItem", indexes=("by_kind",))
        # Who is asked about a resource, and how tags are meant that claim rules read.
        rules.allow(rights, "GetItem", indexes=("by_kind",))
        settings_table.allow(rights, "GetItem")
        workloads.allow(rights, indexes=("by_kind",))

        for what in ("coverage", "missing", "untagged", "keys", "values", "commands", "report"):
            rest.route("GET", f"tags/{what}", self.door)
        rest.route("GET", "tags/scans", self.door)
        rest.route("POST", "tags/scans", self.door)
