"""The door to alerts, and the paths that lead to it."""

from constructs import Construct

from infra.alerts import allow_webhooks, told_of_outlets
from infra.callers import ApiDoor, Callers
from infra.charts import ChartOfAccounts
from infra.layers import Layers
from infra.mails import allow_mail
from infra.rest import Rest
from infra.settings import Settings
from infra.tables import FinOpsTable


class AlertsApi(Construct):
    """Alerts seen and answered, a look asked for, and channels tried with a test message."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        rest: Rest,
        layers: Layers,
        callers: Callers,
        settings: Settings,
        chart: ChartOfAccounts,
        settings_table: FinOpsTable,
        alerts: FinOpsTable,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "alerts_api",
            layers=layers.core,
            callers=callers,
            environment={
                **told_of_outlets(settings),
                "ALERTS_TABLE": alerts.table.table_name,
                "SETTINGS_TABLE": settings_table.table.table_name,
                "CHARTS_BUCKET": chart.sorfile.bucket.bucket_name,
                "CHARTS_TABLE": chart.charts.table.table_name,
            },
        )
        rights = self.door.rights
        alerts.allow(rights, "GetItem", "PutItem", indexes=("by_kind",))
        settings_table.allow(rights, "GetItem")
        # What elements are called, in any year's chart.
        chart.allow_read(rights, "Query")
        allow_mail(rights, settings.mail)
        allow_webhooks(rights, settings.webhooks)

        rest.route("GET", "alerts", self.door)
        rest.route("GET", "alerts/{alert_id}", self.door)
        rest.route("POST", "alerts/{alert_id}/answers", self.door)
        rest.route("POST", "alerts/checks", self.door)
        rest.route("POST", "alerts/channels/{name}/tests", self.door)
