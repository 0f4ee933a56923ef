"""The door to accounts, and the paths that lead to it."""

from constructs import Construct

from infra.callers import ApiDoor, Callers
from infra.layers import Layers
from infra.rest import Rest
from infra.tables import FinOpsTable


class AccountsApi(Construct):
    """All accounts that were ever seen, what waits on them, and a look for new ones."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        rest: Rest,
        layers: Layers,
        callers: Callers,
        accounts: FinOpsTable,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "accounts_api",
            layers=layers.core,
            callers=callers,
            environment={"ACCOUNTS_TABLE": accounts.table.table_name},
        )
        accounts.allow(self.door.rights, "GetItem", "PutItem", indexes=("by_kind",))

        rest.route("GET", "accounts", self.door)
        rest.route("GET", "accounts/tasks", self.door)
        rest.route("GET", "accounts/checks", self.door)
        rest.route("POST", "accounts/checks", self.door)
        rest.route("GET", "accounts/{account_id}", self.door)
        rest.route("PUT", "accounts/{account_id}/type", self.door)
        rest.route("POST", "accounts/{account_id}/acknowledgements", self.door)
