"""The door to bills, loads and freshness, and the paths that lead to it."""

from constructs import Construct

from infra.buckets import LedgerBucket
from infra.callers import API_MEMORY_MB, ApiDoor, Callers
from infra.functions import engine
from infra.layers import Layers
from infra.machines import Machine
from infra.rest import Rest
from infra.rest_definition import Model
from infra.tables import FinOpsTable

MANIFEST = Model(
    "Manifest",
    {
        "type": "object",
        "properties": {"manifest_key": {"type": "string", "minLength": 1, "maxLength": 1024}},
        "required": ["manifest_key"],
    },
)


class BillsApi(Construct):
    """Totals of the bill by any dimensions, the history of loads, and a load started by hand."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        rest: Rest,
        layers: Layers,
        ledger: LedgerBucket,
        loads: FinOpsTable,
        bills: FinOpsTable,
        load_bill: Machine,
        callers: Callers,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "bills_api",
            layers=layers.analytics,
            callers=callers,
            environment={
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
                "LOADS_TABLE": loads.table.table_name,
                "BILLS_TABLE": bills.table.table_name,
                "LOAD_BILL_ARN": load_bill.machine.state_machine_arn,
                **engine(API_MEMORY_MB),
            },
            scratch_mb=4096,
        )
        rights = self.door.rights
        ledger.allow_read(rights, "ledger/")
        loads.allow(rights, "GetItem", indexes=("by_kind",))
        bills.allow(rights, "GetItem", "Query", indexes=("by_kind",))
        load_bill.allow_start(rights)

        rest.route("GET", "bills", self.door)
        rest.route("GET", "bills/{billing_period}/costs", self.door)
        rest.route("GET", "loads", self.door)
        rest.route("POST", "loads", self.door, body=MANIFEST)
        rest.route("GET", "loads/{load_id}", self.door)
        rest.route("GET", "freshness", self.door)
