"""Alerts: spend is watched after every allocation and every hour, and who is to know is told."""

import json
from collections.abc import Iterable

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_events as events
from constructs import Construct

from infra.buckets import LedgerBucket
from infra.charts import ChartOfAccounts
from infra.dead_letters import DeadLetters
from infra.events import OnEvent
from infra.functions import FinOpsFunction, engine
from infra.layers import Layers
from infra.mails import allow_mail
from infra.notices import Notices
from infra.open_months import OpenMonths
from infra.rights import Rights
from infra.schedules import HourlySchedule
from infra.settings import Settings, Webhook
from infra.tables import FinOpsTable

WATCHER_MB = 3538  # two processors: a large organisation's days are summed and forecast


class SpendAlerts(Construct):
    """`watch_spend`, called by the event that a month was allocated, by the clock, and when asked.

    From the landing of a bill to its alerts: `load_bill` waits some quiet seconds for the delivery's
    last file, then takes minutes; `allocate_month` takes minutes more and says MonthAllocated; the rule
    calls the watch within seconds. All of it is meant to stay within ten minutes. The hourly look finds
    what time itself makes true: late bills, credits that end.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        layers: Layers,
        chart: ChartOfAccounts,
        people: FinOpsTable,
        bills: FinOpsTable,
        allocations: FinOpsTable,
        ledger: LedgerBucket,
        credits_table: FinOpsTable,
        open_months: OpenMonths,
        settings_table: FinOpsTable,
        alerts: FinOpsTable,
        audit: FinOpsTable,
        requests: FinOpsTable,
        notices: Notices,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_)
        self.watch_spend = FinOpsFunction(
            self,
            "watch_spend",
            layers=layers.analytics,
            environment={
                **chart.told_of_years,
                **open_months.told,
                **told_of_outlets(settings),
                "PEOPLE_TABLE": people.table.table_name,
                "BILLS_TABLE": bills.table.table_name,
                "ALLOCATIONS_TABLE": allocations.table.table_name,
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
                "CREDITS_TABLE": credits_table.table.table_name,
                "SETTINGS_TABLE": settings_table.table.table_name,
                "ALERTS_TABLE": alerts.table.table_name,
                "AUDIT_TABLE": audit.table.table_name,
                # What it could answer again, had anybody asked.
                "REQUESTS_TABLE": requests.table.table_name,
                "CURRENCY": settings.currency,
                "COST_BASIS": settings.cost_basis,
                **engine(WATCHER_MB),
            },
            memory_mb=WATCHER_MB,
            timeout_seconds=900,
            scratch_mb=4096,
        )
        rights = self.watch_spend.rights
        chart.allow_read(rights, "GetItem", "Query")
        chart.budgets.allow(rights, indexes=("by_year",))
        people.allow(rights, indexes=("by_kind",))
        # Query: what a bill comes to that nothing is allocated of yet.
        bills.allow(rights, "GetItem", "Query", indexes=("by_kind",))
        allocations.allow(rights, "GetItem", indexes=("by_kind",))
        ledger.allow_read(rights, "ledger/", "allocations/")
        credits_table.allow(rights, "GetItem", indexes=("by_kind",))
        open_months.allow(rights)
        settings_table.allow(rights, "GetItem")
        # Alerts, and a key of each message that goes out; given back for one that does not.
        alerts.allow(
            rights,
            *("GetItem", "PutItem", "Query", "UpdateItem", "DeleteItem"),
            indexes=("by_kind",),
        )
        audit.allow(rights, "PutItem")
        allow_mail(rights, settings.mail)
        allow_webhooks(rights, settings.webhooks)
        OnEvent(
            self,
            "month_allocated",
            door=self.watch_spend,
            description="A bill that is allocated anew is looked at for alerts",
            bus=notices.bus,
            pattern=events.EventPattern(source=[notices.source], detail_type=["MonthAllocated"]),
            told=events.RuleTargetInput.from_object(
                {"billing_period": events.EventField.from_path("$.detail.billing_period")}
            ),
            dead_letters=dead_letters,
        )
        OnEvent(
            self,
            "check_asked",
            door=self.watch_spend,
            description="Somebody wants spend to be looked at now",
            bus=notices.bus,
            pattern=events.EventPattern(source=[notices.source], detail_type=["AlertCheckAsked"]),
            told=events.RuleTargetInput.from_object({"billing_period": None}),
            dead_letters=dead_letters,
        )
        HourlySchedule(
            self,
            "watch_spend_hourly",
            door=self.watch_spend,
            minute=20,
            dead_letters=dead_letters,
        )

    @property
    def doors(self) -> list[FinOpsFunction]:
        return [self.watch_spend]


def told_of_outlets(settings: Settings) -> dict[str, str]:
    """What a door is told that sends alerts."""
    mail = settings.mail
    return {
        "MAIL_FROM": mail.sender or "",
        "MAIL_LOGO": mail.logo or "",
        "APP_URL": mail.app_url or "",
        "MAIL_SUBJECT": mail.alert_subject,
        "MAIL_TEXT": mail.alert_text,
        "WEBHOOKS": json.dumps(
            {one.name: f"{one.room}:{one.secret}" for one in settings.webhooks}, sort_keys=True
        ),
    }


def allow_webhooks(rights: Rights, webhooks: Iterable[Webhook]) -> None:
    """Read the addresses of these, and no other secret; nothing where there are none."""
    stack = Stack.of(rights)
    # Secrets Manager ends each ARN in six characters of its own.
    named = sorted({f"{one.secret}-??????" for one in webhooks})
    if named:
        rights.allow(
            "ReadWebhooks",
            "secretsmanager:GetSecretValue",
            on=[
                stack.format_arn(
                    service="secretsmanager",
                    resource="secret",
                    resource_name=name,
                    arn_format=ArnFormat.COLON_RESOURCE_NAME,
                )
                for name in named
            ],
        )
