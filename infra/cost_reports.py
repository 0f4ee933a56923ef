"""Cost reports: made and mailed on Mondays, on the first of each month, and when somebody asks."""

from typing import Any

from constructs import Construct

from infra.buckets import LedgerBucket
from infra.charts import ChartOfAccounts
from infra.dead_letters import DeadLetters
from infra.functions import FinOpsFunction, engine
from infra.layers import Layers
from infra.machines import Machine
from infra.mails import allow_mail
from infra.notices import Notices
from infra.rights import Rights
from infra.schedules import SCHEDULED_TIME, MachineSchedule
from infra.settings import Settings
from infra.tables import FinOpsTable

MEMORY_MB = 1769  # one processor
KEPT = "reports/"
NOW = ""  # what the doors' own clock says; a null would be left out on the way


class CostReports(Construct):
    """`make_reports` with the doors of its steps, and what starts it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        layers: Layers,
        ledger: LedgerBucket,
        chart: ChartOfAccounts,
        people: FinOpsTable,
        accounts: FinOpsTable,
        bills: FinOpsTable,
        allocations: FinOpsTable,
        reports: FinOpsTable,
        settings_table: FinOpsTable,
        audit: FinOpsTable,
        requests: FinOpsTable,
        notices: Notices,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_)
        self._settings, self._layers, self._ledger, self._chart = settings, layers, ledger, chart
        self._people, self._accounts, self._bills = people, accounts, bills
        self._allocations, self._reports, self._requests = allocations, reports, requests
        self._settings_table = settings_table
        mail = settings.mail
        self._told_of_cubes = {
            "LEDGER_BUCKET": ledger.bucket.bucket_name,
            "REPORTS_TABLE": reports.table.table_name,
            "BILLS_TABLE": bills.table.table_name,
            "ALLOCATIONS_TABLE": allocations.table.table_name,
            "SETTINGS_TABLE": settings_table.table.table_name,
            # With what settings could be written, had a door the right to.
            "AUDIT_TABLE": audit.table.table_name,
            "REQUESTS_TABLE": requests.table.table_name,
            **engine(MEMORY_MB),
        }
        self._told_of_paper = {
            "MAIL_SUBJECT": mail.report_subject,
            "MAIL_TEXT": mail.report_text,
            "MAIL_LOGO": mail.logo or "",
            "APP_URL": mail.app_url or "",
        }
        steps = {
            "PlanReports": self._plan_reports(),
            "WriteReport": self._write_report(),
            "TellReports": self._tell_reports(),
        }
        self.make_reports = Machine(
            self,
            "make_reports",
            steps=steps,
            ledger=ledger,
            notices=notices,
            max_concurrency=settings.max_concurrency,
        )
        for id_of_schedule, rhythm, days in (
            ("make_reports_on_mondays", "Weekly", {"mondays": True}),
            ("make_reports_on_firsts", "Monthly", {"firsts": True}),
        ):
            said: dict[str, Any] = {
                # The local AWS leaves the words as they are, and its doors have a clock of their own.
                "at": NOW if settings.local else SCHEDULED_TIME,
                "rhythm": rhythm,
                "end": None,
                "again": False,
                "waits": True,
            }
            MachineSchedule(
                self,
                id_of_schedule,
                machine=self.make_reports.machine.state_machine_arn,
                said=said,
                hour=settings.reports_hour,
                minute=0,
                time_zone=settings.cards.time_zone,
                dead_letters=dead_letters,
                **days,
            )
        self.doors = list(steps.values())

    # The steps of make_reports ------------------------------------------------------------------

    def _plan_reports(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "plan_reports",
            layers=self._layers.analytics,
            environment={
                **self._told_of_cubes,
                "PEOPLE_TABLE": self._people.table.table_name,
                "REPORTS_TIME_ZONE": self._settings.cards.time_zone,
            },
            memory_mb=MEMORY_MB,
            timeout_seconds=600,
            scratch_mb=4096,
        )
        rights = door.rights
        allow_cubes(rights, ledger=self._ledger, reports=self._reports)
        self._bills.allow(rights, "GetItem", indexes=("by_kind",))
        self._allocations.allow(rights, "GetItem")
        self._settings_table.allow(rights, "GetItem")
        self._people.allow(rights, indexes=("by_kind",))
        self._ledger.allow_write(rights, "work/")
        return door

    def _write_report(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "write_report",
            layers=self._layers.both,
            environment={
                **self._chart.told_of_years,
                **self._told_of_cubes,
                **self._told_of_paper,
                "ACCOUNTS_TABLE": self._accounts.table.table_name,
                "COST_BASIS": self._settings.cost_basis,
                "CURRENCY": self._settings.currency,
            },
            memory_mb=MEMORY_MB,
            timeout_seconds=900,
            scratch_mb=4096,
        )
        rights = door.rights
        allow_report(
            rights,
            ledger=self._ledger,
            reports=self._reports,
            chart=self._chart,
            accounts=self._accounts,
            bills=self._bills,
            allocations=self._allocations,
            settings_table=self._settings_table,
        )
        self._ledger.allow_write(rights, KEPT, "work/")
        return door

    def _tell_reports(self) -> FinOpsFunction:
        mail = self._settings.mail
        door = FinOpsFunction(
            self,
            "tell_reports",
            layers=self._layers.core,
            environment={
                "LEDGER_BUCKET": self._told_of_cubes["LEDGER_BUCKET"],
                "REPORTS_TABLE": self._told_of_cubes["REPORTS_TABLE"],
                "REQUESTS_TABLE": self._told_of_cubes["REQUESTS_TABLE"],
                "MAIL_FROM": mail.sender or "",
                **self._told_of_paper,
            },
            memory_mb=MEMORY_MB,
            timeout_seconds=900,
        )
        rights = door.rights
        self._ledger.allow_read(rights, KEPT, "work/")
        self._reports.allow(rights, "PutItem")
        # A key of each mail that goes out; given back for one that does not.
        self._requests.allow(rights, "PutItem", "DeleteItem")
        allow_mail(rights, mail, with_images=True)
        return door


def allow_cubes(rights: Rights, *under: str, ledger: LedgerBucket, reports: FinOpsTable) -> None:
    """Ask spend cubes, and read what the ledger has *under* other prefixes."""
    reports.allow(rights, "Query")
    ledger.allow_read(rights, "cubes/", *under)


def allow_report(
    rights: Rights,
    *under: str,
    ledger: LedgerBucket,
    reports: FinOpsTable,
    chart: ChartOfAccounts,
    accounts: FinOpsTable,
    bills: FinOpsTable,
    allocations: FinOpsTable,
    settings_table: FinOpsTable,
) -> None:
    """Put a report together: cubes, names, and what is approved for the month.

    And read what the ledger has *under* other prefixes.
    """
    allow_cubes(rights, "allocations/", *under, ledger=ledger, reports=reports)
    bills.allow(rights, "GetItem", indexes=("by_kind",))
    allocations.allow(rights, "GetItem", indexes=("by_kind",))
    settings_table.allow(rights, "GetItem")
    accounts.allow(rights, indexes=("by_kind",))
    chart.allow_read(rights, "GetItem", "Query")
    chart.budgets.allow(rights, indexes=("by_year",))
