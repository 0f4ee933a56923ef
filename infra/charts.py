"""The chart of accounts: where it is kept, and the door that loads a file of it."""

from dataclasses import dataclass

from aws_cdk import aws_events as events
from constructs import Construct

from infra.buckets import SorfileBucket
from infra.dead_letters import DeadLetters
from infra.events import OnEvent
from infra.functions import FinOpsFunction
from infra.layers import Layers
from infra.open_months import OpenMonths
from infra.rights import Rights
from infra.tables import FinOpsTable


@dataclass(frozen=True, kw_only=True)
class ChartOfAccounts:
    """The files, the charts made of them, and the budgets of the products they name."""

    sorfile: SorfileBucket
    charts: FinOpsTable
    budgets: FinOpsTable
    fiscal_year_starts: int

    @property
    def told(self) -> dict[str, str]:
        """What a door is told that opens the chart of a year it is asked for."""
        return {
            "CHARTS_BUCKET": self.sorfile.bucket.bucket_name,
            "CHARTS_TABLE": self.charts.table.table_name,
            "BUDGETS_TABLE": self.budgets.table.table_name,
        }

    @property
    def told_of_years(self) -> dict[str, str]:
        """What a door is told that has to know which fiscal year a day is in."""
        return {**self.told, "FISCAL_YEAR_STARTS": str(self.fiscal_year_starts)}

    @property
    def told_of_products(self) -> dict[str, str]:
        """What a door is told that has to know which products there are, and when."""
        return {k: v for k, v in self.told_of_years.items() if k != "BUDGETS_TABLE"}

    def allow_read(self, rights: Rights, *operations: str) -> None:
        """Read the charts that these *operations* find."""
        self.sorfile.allow_read(rights, "charts/")
        self.charts.allow(rights, *operations)

    def allow_load(self, rights: Rights, *write_under: str) -> None:
        """Read any file, make a chart of it, and see what is planned with the one before.

        What is written goes under the prefixes named, or anywhere.
        """
        self.sorfile.allow_read(rights, versions=True)
        self.sorfile.allow_write(rights, *write_under)
        self.charts.allow(rights, "GetItem", "PutItem", "Query")
        self.budgets.allow(rights, indexes=("by_year",))


class Charts(Construct):
    """A file of the chart in the bucket is loaded, and a report laid beside it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        layers: Layers,
        chart: ChartOfAccounts,
        open_months: OpenMonths,
        audit: FinOpsTable,
        requests: FinOpsTable,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_)
        self.load_chart = FinOpsFunction(
            self,
            "load_chart",
            layers=layers.core,
            environment={
                **chart.told_of_years,
                **open_months.told,
                "AUDIT_TABLE": audit.table.table_name,
                # What it could answer again, had anybody asked: a file is loaded once by its version.
                "REQUESTS_TABLE": requests.table.table_name,
            },
            memory_mb=1769,
            timeout_seconds=120,
        )
        rights = self.load_chart.rights
        open_months.allow(rights)
        chart.allow_load(rights)
        audit.allow(rights, "PutItem")
        OnEvent(
            self,
            "chart_arrived",
            door=self.load_chart,
            description="A file of the chart of accounts is loaded",
            pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [chart.sorfile.bucket.bucket_name]},
                    # A key can be matched by one end only: none of our own objects ends so.
                    "object": {"key": [{"suffix": ".csv"}, {"suffix": ".CSV"}]},
                },
            ),
            told=events.RuleTargetInput.from_object(
                {
                    "key": events.EventField.from_path("$.detail.object.key"),
                    "version_id": events.EventField.from_path("$.detail.object.version-id"),
                }
            ),
            dead_letters=dead_letters,
        )
