"""The door to the organisation's settings, and the paths that lead to it."""

from collections.abc import Iterable

from constructs import Construct

from infra.callers import ApiDoor, Callers
from infra.charts import ChartOfAccounts
from infra.layers import Layers
from infra.rest import Rest
from infra.tables import FinOpsTable


class SettingsApi(Construct):
    """What the organisation chooses while the product runs: cards, closes, reports, tags, alerts.

    *webhooks* are the names of those that alerts can go to.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        rest: Rest,
        layers: Layers,
        callers: Callers,
        chart: ChartOfAccounts,
        settings_table: FinOpsTable,
        webhooks: Iterable[str],
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "settings_api",
            layers=layers.core,
            callers=callers,
            environment={
                "SETTINGS_TABLE": settings_table.table.table_name,
                "CHARTS_BUCKET": chart.sorfile.bucket.bucket_name,
                "CHARTS_TABLE": chart.charts.table.table_name,
                "WEBHOOK_NAMES": " ".join(webhooks),
            },
        )
        rights = self.door.rights
        settings_table.allow(rights, "GetItem", "PutItem")
        # Which elements there are, in any year's chart.
        chart.allow_read(rights, "Query")

        rest.route("GET", "settings", self.door)
        rest.route("PUT", "settings/cards", self.door)
        rest.route("PUT", "settings/close", self.door)
        rest.route("PUT", "settings/reports", self.door)
        rest.route("PUT", "settings/tags", self.door)
        rest.route("PUT", "settings/alerts", self.door)
