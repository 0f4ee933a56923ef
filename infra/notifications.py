"""What the product says by itself: notices of what was changed, and a mail every morning."""

import json

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_ses as ses
from constructs import Construct

from infra.charts import ChartOfAccounts
from infra.dead_letters import DeadLetters
from infra.functions import FinOpsFunction
from infra.layers import Layers
from infra.mails import allow_mail
from infra.notices import Notices
from infra.schedules import DailySchedule
from infra.settings import Mail
from infra.tables import FinOpsTable
from infra.waiting_cards import WaitingCards


class Notifications(Construct):
    """`tell_notices` follows the audit trail, `send_digest` tells people what waits for them."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        layers: Layers,
        mail: Mail,
        chart: ChartOfAccounts,
        people: FinOpsTable,
        accounts: FinOpsTable,
        rules: FinOpsTable,
        credits_table: FinOpsTable,
        savings: FinOpsTable,
        waiting_cards: WaitingCards,
        audit: FinOpsTable,
        requests: FinOpsTable,
        notices: Notices,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_)
        self.tell_notices = self._tell_notices(layers, audit, notices, dead_letters)
        self.send_digest = self._send_digest(
            *(layers, mail, chart, people, accounts, rules, credits_table, savings),
            *(waiting_cards, audit, requests),
        )
        DailySchedule(
            self,
            "send_digest_daily",
            door=self.send_digest,
            hour=mail.digest_hour,
            minute=0,
            dead_letters=dead_letters,
        )

    def _tell_notices(
        self, layers: Layers, audit: FinOpsTable, notices: Notices, dead_letters: DeadLetters
    ) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "tell_notices",
            layers=layers.core,
            environment={"NOTICES_NAME": notices.bus.event_bus_name},
        )
        audit.allow_follow(door.rights)
        notices.allow_put(door.rights)
        dead_letters.allow_send(door.rights)
        an_event = {
            "eventName": ["INSERT"],
            # A filter sees whether a value is there, not whether an attribute is.
            "dynamodb": {"NewImage": {"event": {"S": [{"exists": True}]}}},
        }
        followed = lambda_.EventSourceMapping(
            self,
            "AuditFollowed",
            target=door.function,
            event_source_arn=audit.stream_arn,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=25,
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
            retry_attempts=10,
            max_record_age=Duration.days(1),
            on_failure=sources.SqsDlq(dead_letters.queue),
            filters=[{"pattern": json.dumps(an_event)}],
        )
        # Lambda tries the role when it is told what to follow.
        followed.node.add_dependency(door.rights.policy)
        return door

    def _send_digest(
        self,
        layers: Layers,
        mail: Mail,
        chart: ChartOfAccounts,
        people: FinOpsTable,
        accounts: FinOpsTable,
        rules: FinOpsTable,
        credits_table: FinOpsTable,
        savings: FinOpsTable,
        waiting_cards: WaitingCards,
        audit: FinOpsTable,
        requests: FinOpsTable,
    ) -> FinOpsFunction:
        door = FinOpsFunction(
            self,
            "send_digest",
            layers=layers.core,
            environment={
                **chart.told_of_years,
                "PEOPLE_TABLE": people.table.table_name,
                "ACCOUNTS_TABLE": accounts.table.table_name,
                "RULES_TABLE": rules.table.table_name,
                "CREDITS_TABLE": credits_table.table.table_name,
                "SAVINGS_TABLE": savings.table.table_name,
                **waiting_cards.told,
                # What it could write budgets with, had it the right to.
                "AUDIT_TABLE": audit.table.table_name,
                "REQUESTS_TABLE": requests.table.table_name,
                "MAIL_FROM": mail.sender or "",
                "MAIL_LOGO": mail.logo or "",
                "APP_URL": mail.app_url or "",
                "DIGEST_SUBJECT": mail.digest_subject,
                "DIGEST_TEXT": mail.digest_text,
            },
            memory_mb=1024,
            timeout_seconds=900,
        )
        chart.allow_read(door.rights, "Query")
        chart.budgets.allow(door.rights, indexes=("by_year",))
        people.allow(door.rights, indexes=("by_kind",))
        accounts.allow(door.rights, indexes=("by_kind",))
        rules.allow(door.rights, indexes=("by_kind",))
        credits_table.allow(door.rights, indexes=("by_kind",))
        savings.allow(door.rights, indexes=("by_kind",))
        waiting_cards.allow_look(door.rights)
        # A key of each mail that goes out; given back for one that does not.
        requests.allow(door.rights, "PutItem", "DeleteItem")
        if mail.sender and mail.make_identity:
            ses.EmailIdentity(self, "Sender", identity=ses.Identity.email(mail.sender))
        allow_mail(door.rights, mail)
        return door
