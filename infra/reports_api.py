"""The door to reports, and the paths that lead to it."""

from constructs import Construct

from infra.buckets import LedgerBucket
from infra.callers import API_MEMORY_MB, ApiDoor, Callers
from infra.charts import ChartOfAccounts
from infra.cost_reports import KEPT, allow_report
from infra.functions import engine
from infra.layers import Layers
from infra.machines import Machine
from infra.rest import Rest
from infra.settings import Settings
from infra.tables import FinOpsTable


class ReportsApi(Construct):
    """What a scope cost: made when somebody asks, and as it was sent."""

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
        accounts: FinOpsTable,
        bills: FinOpsTable,
        ledger: LedgerBucket,
        allocations: FinOpsTable,
        reports: FinOpsTable,
        settings_table: FinOpsTable,
        make_reports: Machine,
    ) -> None:
        super().__init__(scope, id_)
        mail = settings.mail
        self.door = ApiDoor(
            self,
            "reports_api",
            layers=layers.both,
            callers=callers,
            environment={
                **chart.told_of_years,
                "ACCOUNTS_TABLE": accounts.table.table_name,
                "BILLS_TABLE": bills.table.table_name,
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
                "ALLOCATIONS_TABLE": allocations.table.table_name,
                "REPORTS_TABLE": reports.table.table_name,
                "SETTINGS_TABLE": settings_table.table.table_name,
                "MAKE_REPORTS_ARN": make_reports.machine.state_machine_arn,
                "COST_BASIS": settings.cost_basis,
                "CURRENCY": settings.currency,
                "MAIL_SUBJECT": mail.report_subject,
                "MAIL_TEXT": mail.report_text,
                "MAIL_LOGO": mail.logo or "",
                "APP_URL": mail.app_url or "",
                **engine(API_MEMORY_MB),
            },
            scratch_mb=4096,
        )
        rights = self.door.rights
        allow_report(
            rights,
            KEPT,
            ledger=ledger,
            reports=reports,
            chart=chart,
            accounts=accounts,
            bills=bills,
            allocations=allocations,
            settings_table=settings_table,
        )
        # A report that was sent, by its id.
        reports.allow(rights, "GetItem", sid="KeptReports")
        make_reports.allow_start(rights, by_name=True)

        rest.route("GET", "reports/cost", self.door)
        rest.route("GET", "reports/cost/kept", self.door)
        rest.route("GET", "reports/cost/kept/{report_id}", self.door)
        rest.route("POST", "reports/cost/runs", self.door)
        rest.route("GET", "reports/cost/runs/{run_id}", self.door)
        rest.route("GET", "reports/history", self.door)
