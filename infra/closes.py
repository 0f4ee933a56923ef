"""The close of a month: from its figures to the files that finance picks up."""

from aws_cdk import Stack
from constructs import Construct

from infra.buckets import CloseBucket, LedgerBucket
from infra.charts import ChartOfAccounts
from infra.functions import WORKER_MB, FinOpsFunction, engine
from infra.layers import Layers
from infra.machines import Machine
from infra.rights import Rights
from infra.settings import Settings
from infra.tables import FinOpsTable

WRITER_MB = 3538


class Closes(Construct):
    """`close_month` with the doors of its steps; it is started by the door of the API alone.

    *delivery* is the bucket of somebody else's that files go to; without one, a prefix of ours.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        layers: Layers,
        close_bucket: CloseBucket,
        closes: FinOpsTable,
        cards: FinOpsTable,
        settings_table: FinOpsTable,
        credits_table: FinOpsTable,
        people: FinOpsTable,
        ledger: LedgerBucket,
        chart: ChartOfAccounts,
        bills: FinOpsTable,
        rules: FinOpsTable,
        allocations: FinOpsTable,
        audit: FinOpsTable,
        requests: FinOpsTable,
    ) -> None:
        super().__init__(scope, id_)
        self._layers, self._bucket, self._closes = layers, close_bucket, closes
        self._credits, self._audit = credits_table, audit
        self._told = {
            "CLOSES_TABLE": closes.table.table_name,
            "AUDIT_TABLE": audit.table.table_name,
            # What it could answer again, had anybody asked.
            "REQUESTS_TABLE": requests.table.table_name,
        }
        self._told_of_files = {"CLOSES_BUCKET": close_bucket.bucket.bucket_name}
        self._told_of_credits = {"CREDITS_TABLE": credits_table.table.table_name}
        self.sources = CloseSources(
            self._told | self._told_of_files | self._told_of_credits,
            settings=settings,
            cards=cards,
            settings_table=settings_table,
            ledger=ledger,
            chart=chart,
            bills=bills,
            rules=rules,
            allocations=allocations,
            credits_table=credits_table,
            closes=closes,
            close_bucket=close_bucket,
        )
        steps = {
            "BeginClose": self._begin_close(people),
            "WriteCloseFiles": self._write_close_files(),
            "CompleteClose": self._complete_close(),
            "SettleClose": self._settle_close(),
            "DeliverClose": self._deliver_close(settings),
            "GiveUpClose": self._give_up_close(),
        }
        self.close_month = Machine(self, "close_month", steps=steps)
        self.doors = list(steps.values())

    def _begin_close(self, people: FinOpsTable) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "begin_close",
            layers=self._layers.analytics,
            environment={
                **self.sources.told,
                "PEOPLE_TABLE": people.table.table_name,
                **engine(WORKER_MB),
            },
            memory_mb=WORKER_MB,
            timeout_seconds=900,
            scratch_mb=4096,
        )
        self.sources.allow_check(door.rights, "snapshots/")
        self.sources.allow_figures(door.rights)
        self._bucket.allow_write(door.rights, "snapshots/")
        self._closes.allow(door.rights, "PutItem", sid="WriteCloseStates")
        self._audit.allow(door.rights, "PutItem")
        people.allow(door.rights, "GetItem")
        return door

    def _write_close_files(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "write_close_files",
            layers=self._layers.core,
            environment=self._told | self._told_of_files,
            memory_mb=WRITER_MB,
            timeout_seconds=900,
        )
        self._bucket.allow_read(door.rights, "snapshots/", "files/", "seals/")
        self._bucket.allow_write(door.rights, "files/", "seals/")
        self._closes.allow(door.rights, "GetItem")
        return door

    def _complete_close(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "complete_close",
            layers=self._layers.core,
            environment=self._told | self._told_of_files | self._told_of_credits,
            memory_mb=1769,
            timeout_seconds=300,
        )
        self._bucket.allow_read(door.rights, "snapshots/", "files/", "seals/")
        # That no other month is closing, or was closed, out of turn.
        self._closes.allow(door.rights, "GetItem", "PutItem", indexes=("by_kind",))
        self._settle(door.rights)
        return door

    def _settle_close(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "settle_close",
            layers=self._layers.core,
            environment=self._told | self._told_of_files | self._told_of_credits,
            memory_mb=1769,
            timeout_seconds=900,
        )
        self._bucket.allow_read(door.rights, "snapshots/")
        self._closes.allow(door.rights, "GetItem")
        self._settle(door.rights)
        return door

    def _deliver_close(self, settings: Settings) -> FinOpsFunction:
        inbox = settings.close_delivery
        door = FinOpsFunction(
            self,
            "deliver_close",
            layers=self._layers.core,
            environment=self._told
            | self._told_of_files
            | {"CLOSE_DELIVERY": f"{inbox.bucket}@{inbox.account}" if inbox else ""},
            memory_mb=1769,
            timeout_seconds=900,
        )
        if inbox is None:
            self._bucket.allow_read(door.rights, "files/", "delivered/")
            self._bucket.allow_write(door.rights, "delivered/")
        else:
            self._bucket.allow_read(door.rights, "files/")
            door.rights.allow(
                "DeliverFiles",
                "s3:PutObject",
                on=[f"arn:{Stack.of(self).partition}:s3:::{inbox.bucket}/*"],
                why="Files are named by month and kind, in a bucket of somebody else's.",
                StringEquals={"s3:ResourceAccount": inbox.account},
            )
        self._closes.allow(door.rights, "GetItem")
        return door

    def _give_up_close(self) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "give_up_close",
            layers=self._layers.core,
            environment=self._told,
            timeout_seconds=60,
        )
        self._closes.allow(door.rights, "GetItem", "PutItem")
        self._audit.allow(door.rights, "PutItem")
        return door

    def _settle(self, rights: Rights) -> None:
        """Write down what credits have paid."""
        self._credits.allow(rights, "GetItem", "PutItem")
        self._audit.allow(rights, "PutItem")


class CloseSources:
    """All that says what is wrong with a month, and what its figures are made of; only to be read."""

    def __init__(
        self,
        told: dict[str, str],
        *,
        settings: Settings,
        cards: FinOpsTable,
        settings_table: FinOpsTable,
        ledger: LedgerBucket,
        chart: ChartOfAccounts,
        bills: FinOpsTable,
        rules: FinOpsTable,
        allocations: FinOpsTable,
        credits_table: FinOpsTable,
        closes: FinOpsTable,
        close_bucket: CloseBucket,
    ) -> None:
        self._cards, self._settings, self._ledger, self._chart = (
            *(cards, settings_table),
            *(ledger, chart),
        )
        self._bills, self._rules, self._allocations = bills, rules, allocations
        self._credits, self._closes, self._bucket = credits_table, closes, close_bucket
        self.told = {
            **told,
            **chart.told_of_years,
            "SPEND_CARDS_TABLE": cards.table.table_name,
            "SETTINGS_TABLE": settings_table.table.table_name,
            "BILLS_TABLE": bills.table.table_name,
            "ALLOCATIONS_TABLE": allocations.table.table_name,
            "LEDGER_BUCKET": ledger.bucket.bucket_name,
            "RULES_TABLE": rules.table.table_name,
            "CURRENCY": settings.currency,
            "COST_BASIS": settings.cost_basis,
            "CARDS_FROM": settings.cards.first_month or "",
        }

    def allow_check(self, rights: Rights, *under: str) -> None:
        """Read what the check list is made of, and in the closes' bucket what is *under* prefixes."""
        self._closes.allow(rights, "GetItem", indexes=("by_kind",))
        self._bucket.allow_read(rights, "corrections/", *under)
        self._cards.allow(rights, indexes=("by_month",))
        self._ledger.allow_read(rights, "ledger/", "allocations/")
        self._chart.allow_read(rights, "Query")
        self._bills.allow(rights, "GetItem", indexes=("by_kind",))
        self._allocations.allow(rights, "GetItem", indexes=("by_kind",))
        self._settings.allow(rights, "GetItem")
        # The shares, and how many changes of rules there were, which says whether runs are current.
        self._rules.allow(rights, indexes=("by_kind",))

    def allow_figures(self, rights: Rights) -> None:
        """Read what the figures are made of beside that."""
        self._credits.allow(rights, "GetItem", indexes=("by_kind",))
        self._chart.budgets.allow(rights, indexes=("by_year",))
