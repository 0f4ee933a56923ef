"""The door to people and what waits for them, and the paths that lead to it."""

from constructs import Construct

from infra.callers import ApiDoor, Callers
from infra.charts import ChartOfAccounts
from infra.layers import Layers
from infra.rest import Rest
from infra.tables import FinOpsTable
from infra.waiting_cards import WaitingCards


class PeopleApi(Construct):
    """Who one is oneself, what there is to do, who has which role where, and who is missing."""

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
        credits_table: FinOpsTable,
        savings: FinOpsTable,
        waiting_cards: WaitingCards,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "people_api",
            layers=layers.core,
            callers=callers,
            environment={
                **chart.told_of_years,
                "ACCOUNTS_TABLE": accounts.table.table_name,
                "RULES_TABLE": rules.table.table_name,
                "CREDITS_TABLE": credits_table.table.table_name,
                "SAVINGS_TABLE": savings.table.table_name,
                **waiting_cards.told,
            },
        )
        rights = self.door.rights
        chart.allow_read(rights, "Query")
        chart.budgets.allow(rights, indexes=("by_year",))
        callers.people.allow(rights, indexes=("by_kind",))
        accounts.allow(rights, indexes=("by_kind",))
        # What nobody pays for, and credits that nobody has mapped, are tasks.
        rules.allow(rights, indexes=("by_kind",))
        credits_table.allow(rights, indexes=("by_kind",))
        # What could be saved waits for a decision, or to be done.
        savings.allow(rights, indexes=("by_kind",))
        # And so are cards, also those of whom somebody stands in for.
        waiting_cards.allow_look(rights)

        rest.route("GET", "me", self.door)
        rest.route("GET", "tasks", self.door)
        rest.route("GET", "people", self.door)
        rest.route("POST", "people", self.door)
        rest.route("GET", "people/{email}", self.door)
        rest.route("PUT", "people/{email}", self.door)
        rest.route("POST", "people/{email}/suspension", self.door)
        rest.route("DELETE", "people/{email}/suspension", self.door)
        rest.route("POST", "people/{email}/reminders", self.door)
        rest.route("POST", "people-loads", self.door)
        rest.route("GET", "missing-owners", self.door)
