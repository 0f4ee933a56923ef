"""What the product says of spend cards by itself: reminders every day, and a mail every Monday."""

from constructs import Construct

from infra.buckets import LedgerBucket
from infra.charts import ChartOfAccounts
from infra.dead_letters import DeadLetters
from infra.functions import FinOpsFunction, engine
from infra.layers import Layers
from infra.mails import allow_mail
from infra.schedules import SCHEDULED_TIME, DailySchedule, DoorSchedule
from infra.settings import Settings
from infra.tables import FinOpsTable
from infra.waiting_cards import WaitingCards

LAST_HOUR = 23
MEMORY_MB = 1769  # one processor


class CardNotices(Construct):
    """`tend_cards` settles, reminds and escalates; `send_weekly_digest` tells each scope of its week.

    Both are told the moment that they were meant for, so that a call that failed is made again as
    of the same one.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        layers: Layers,
        chart: ChartOfAccounts,
        waiting_cards: WaitingCards,
        people: FinOpsTable,
        bills: FinOpsTable,
        allocations: FinOpsTable,
        ledger: LedgerBucket,
        audit: FinOpsTable,
        requests: FinOpsTable,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_)
        mail, cards = settings.mail, settings.cards
        told = {
            **chart.told_of_products,
            **waiting_cards.told,
            "PEOPLE_TABLE": people.table.table_name,
            "AUDIT_TABLE": audit.table.table_name,
            "REQUESTS_TABLE": requests.table.table_name,
            "MAIL_FROM": mail.sender or "",
            "MAIL_LOGO": mail.logo or "",
            "APP_URL": mail.app_url or "",
        }
        self.tend_cards = FinOpsFunction(
            self,
            "tend_cards",
            layers=layers.core,
            environment={
                **told,
                "MAIL_SUBJECT": mail.reminder_subject,
                "MAIL_TEXT": mail.reminder_text,
            },
            memory_mb=MEMORY_MB,
            timeout_seconds=900,
        )
        waiting_cards.allow_change(self.tend_cards.rights)
        audit.allow(self.tend_cards.rights, "PutItem")
        self.send_weekly_digest = FinOpsFunction(
            self,
            "send_weekly_digest",
            layers=layers.both,
            environment={
                **told,
                "BILLS_TABLE": bills.table.table_name,
                "ALLOCATIONS_TABLE": allocations.table.table_name,
                "CURRENCY": settings.currency,
                "COST_BASIS": settings.cost_basis,
                **engine(MEMORY_MB),
                "MAIL_SUBJECT": mail.weekly_subject,
                "MAIL_TEXT": mail.weekly_text,
            },
            memory_mb=MEMORY_MB,
            timeout_seconds=900,
        )
        rights = self.send_weekly_digest.rights
        waiting_cards.allow_look(rights)
        # How far the bills are, and what nobody owns of them.
        bills.allow(rights, "GetItem", indexes=("by_kind",))
        allocations.allow(rights, "GetItem", indexes=("by_kind",))
        ledger.allow_read(rights, "allocations/")
        for door in self.doors:
            chart.allow_read(door.rights, "Query")
            people.allow(door.rights, indexes=("by_kind",))
            # A key of each mail that goes out; given back for one that does not.
            requests.allow(door.rights, "PutItem", "DeleteItem")
            allow_mail(door.rights, mail, with_images=door is self.send_weekly_digest)
        DailySchedule(
            self,
            "tend_cards_daily",
            door=self.tend_cards,
            hour=mail.reminder_hour,
            minute=0,
            said={"at": SCHEDULED_TIME},
            dead_letters=dead_letters,
        )
        is_late = cards.hour == LAST_HOUR
        DoorSchedule(
            self,
            "send_weekly_digest_on_mondays",
            door=self.send_weekly_digest,
            # An hour after the cards are made, and on the same day.
            hour=cards.hour if is_late else cards.hour + 1,
            minute=59 if is_late else 0,
            time_zone=cards.time_zone,
            mondays=True,
            said={"at": SCHEDULED_TIME},
            dead_letters=dead_letters,
        )

    @property
    def doors(self) -> list[FinOpsFunction]:
        return [self.tend_cards, self.send_weekly_digest]
