"""Spend cards: made on Mondays, after each allocation and remap, and when somebody asks."""

from aws_cdk import aws_events as events
from constructs import Construct

from infra.buckets import LedgerBucket
from infra.charts import ChartOfAccounts
from infra.dead_letters import DeadLetters
from infra.events import Start, start_on_events
from infra.functions import FinOpsFunction, engine
from infra.layers import Layers
from infra.machines import Machine
from infra.notices import Notices
from infra.open_months import OpenMonths
from infra.rights import Rights
from infra.schedules import SCHEDULED_TIME, MachineSchedule
from infra.settings import Settings
from infra.tables import FinOpsTable

MAKER_MB = 1769  # one processor
NOW = ""  # what the doors' own clock says; a null would be left out on the way
ALL = ""  # periods


class SpendCards(Construct):
    """`make_spend_cards` with the doors of its steps, and what starts it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        layers: Layers,
        ledger: LedgerBucket,
        chart: ChartOfAccounts,
        bills: FinOpsTable,
        allocations: FinOpsTable,
        cards: FinOpsTable,
        open_months: OpenMonths,
        settings_table: FinOpsTable,
        audit: FinOpsTable,
        requests: FinOpsTable,
        notices: Notices,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_)
        self._layers, self._ledger, self._chart = layers, ledger, chart
        self._bills, self._allocations, self._cards = bills, allocations, cards
        self._open_months, self._settings_table, self._audit = open_months, settings_table, audit
        self._told = {
            "LEDGER_BUCKET": ledger.bucket.bucket_name,
            "BILLS_TABLE": bills.table.table_name,
            "ALLOCATIONS_TABLE": allocations.table.table_name,
            "SPEND_CARDS_TABLE": cards.table.table_name,
            **open_months.told,
            "AUDIT_TABLE": audit.table.table_name,
            # What it could answer again, had anybody asked.
            "REQUESTS_TABLE": requests.table.table_name,
            **engine(MAKER_MB),
        }
        steps = {
            "PlanSpendCards": self._plan_spend_cards(settings),
            "WriteSpendCards": self._write_spend_cards(),
            "TellSpendCards": self._tell_spend_cards(),
        }
        self.make_spend_cards = Machine(
            self,
            "make_spend_cards",
            steps=steps,
            ledger=ledger,
            notices=notices,
            max_concurrency=settings.max_concurrency,
        )
        MachineSchedule(
            self,
            "make_spend_cards_on_mondays",
            machine=self.make_spend_cards.machine.state_machine_arn,
            # The local AWS leaves the words as they are, and its doors have a clock of their own.
            said={
                "at": NOW if settings.local else SCHEDULED_TIME,
                "period": None,
                "waits": True,
            },
            hour=settings.cards.hour,
            minute=0,
            mondays=True,
            time_zone=settings.cards.time_zone,
            dead_letters=dead_letters,
        )
        self._start_on_events(notices, dead_letters)
        self.planner = steps["PlanSpendCards"]
        self.doors = list(steps.values())

    # The steps of make_spend_cards --------------------------------------------------------------

    def _plan_spend_cards(self, settings: Settings) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "plan_spend_cards",
            layers=self._layers.analytics,
            environment={
                **self._told,
                **self._chart.told_of_products,
                "BUDGETS_TABLE": self._chart.budgets.table.table_name,
                "SETTINGS_TABLE": self._settings_table.table.table_name,
                "CURRENCY": settings.currency,
                "CARDS_HOUR": str(settings.cards.hour),
                "CARDS_TIME_ZONE": settings.cards.time_zone,
                "CARDS_FROM": settings.cards.first_month or "",
                "CARDS_RETRY_MINUTES": str(settings.cards.retry_minutes),
                "CARDS_RETRY_HOURS": str(settings.cards.retry_hours),
            },
            memory_mb=MAKER_MB,
            timeout_seconds=600,
            scratch_mb=4096,
        )
        rights = door.rights
        self._read_spend(rights)
        self._open_months.allow(rights)
        self._ledger.allow_read(rights, "allocations/")
        self._ledger.allow_write(rights, "work/")
        self._chart.allow_read(rights, "Query")
        self._chart.budgets.allow(rights, indexes=("by_year",))
        self._settings_table.allow(rights, "GetItem")
        self._cards.allow(rights, indexes=("by_month",))
        return door

    def _write_spend_cards(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "write_spend_cards",
            layers=self._layers.analytics,
            environment=self._told,
            memory_mb=MAKER_MB,
            timeout_seconds=900,
            scratch_mb=4096,
        )
        rights = door.rights
        self._read_spend(rights)
        self._ledger.allow_read(rights, "allocations/", "cards/")
        self._ledger.allow_write(rights, "cards/", "work/")
        # GetItem: who lost a race reads what is there.
        self._cards.allow(rights, "GetItem", "Query", "PutItem")
        # Which months are open in this moment; a close that begins meanwhile refuses the cards.
        self._open_months.allow_ask_now(rights)
        self._open_months.allow_need(rights)
        self._audit.allow(rights, "PutItem")
        return door

    def _tell_spend_cards(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "tell_spend_cards",
            layers=self._layers.core,
            environment={"LEDGER_BUCKET": self._told["LEDGER_BUCKET"]},
            memory_mb=1024,
            timeout_seconds=120,
        )
        self._ledger.allow_read(door.rights, "work/")
        return door

    def _read_spend(self, rights: Rights) -> None:
        """What products pay of a month."""
        self._bills.allow(rights, "GetItem", indexes=("by_kind",))
        self._allocations.allow(rights, "GetItem", indexes=("by_kind",))

    # What starts it -----------------------------------------------------------------------------

    def _start_on_events(self, notices: Notices, dead_letters: DeadLetters) -> None:
        # A remap that changes no bill is followed by no allocation that is told of: it is waited for.
        starts = (
            Start(
                "month_allocated",
                ["MonthAllocated"],
                "A bill that is allocated anew brings spend cards up to it",
                {
                    "at": NOW,
                    "period": events.EventField.from_path("$.detail.billing_period"),
                    "waits": False,
                },
            ),
            Start(
                "card_remapped",
                ["CardRemapped"],
                "A disputed card is opened again once all bills know of its remap",
                {"at": NOW, "period": ALL, "waits": True},
            ),
        )
        start_on_events(
            self, self.make_spend_cards, starts, notices=notices, dead_letters=dead_letters
        )
