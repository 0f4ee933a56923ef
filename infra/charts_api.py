"""The door to the chart of accounts and its loads, and the paths that lead to it."""

from constructs import Construct

from infra.callers import ApiDoor, Callers
from infra.charts import ChartOfAccounts
from infra.layers import Layers
from infra.open_months import OpenMonths
from infra.rest import Rest


class ChartsApi(Construct):
    """The chart of a year, every load of it with its report, and a file loaded by hand."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        rest: Rest,
        layers: Layers,
        callers: Callers,
        chart: ChartOfAccounts,
        open_months: OpenMonths,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "charts_api",
            layers=layers.core,
            callers=callers,
            environment={**chart.told_of_years, **open_months.told},
        )
        rights = self.door.rights
        open_months.allow(rights)
        chart.allow_load(rights, "drafts/", "charts/", "reports/", "files/")
        chart.charts.allow(rights, "Query", sid="ListCharts")

        rest.route("GET", "charts", self.door)
        rest.route("GET", "charts/{year}", self.door)
        rest.route("GET", "charts/{year}/loads", self.door)
        rest.route("POST", "charts/{year}/loads", self.door)
        rest.route("POST", "chart-uploads", self.door)
        rest.route("GET", "chart-loads/{load_id}", self.door)
        rest.route("GET", "chart-loads/{load_id}/file", self.door)
