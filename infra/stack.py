"""The stacks of the FinOps account: they only wire the parts."""

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from infra.alarms import Alarms
from infra.bills import Bills
from infra.bills_api import BillsApi
from infra.buckets import AccessLogs, BillingBucket, LedgerBucket
from infra.dead_letters import DeadLetters
from infra.identity import People
from infra.keys import OwnKey
from infra.layers import Layers
from infra.nag import acknowledge
from infra.notices import Notices
from infra.rest import Rest
from infra.settings import Settings
from infra.tables import FinOpsTable


class Data(Stack):
    """What must outlive everything else."""

    def __init__(self, scope: Construct, id_: str, *, settings: Settings, **kwargs: Any) -> None:
        super().__init__(scope, id_, termination_protection=True, **kwargs)
        self.key = OwnKey(self, "OwnKey").key if settings.own_key else None
        access_logs = AccessLogs(self, "AccessLogs").bucket
        self.billing = BillingBucket(
            self, "Billing", payers=settings.payers, access_logs=access_logs
        )
        self.ledger = LedgerBucket(self, "Ledger", access_logs=access_logs, key=self.key)
        self.loads = FinOpsTable(
            self,
            "Loads",
            key=("load_id", None),
            indexes={
                "by_kind": ("kind", "recorded_at"),
                "by_place": ("place", "recorded_at"),
            },
            own_key=self.key,
        )
        self.bills = FinOpsTable(
            self,
            "Bills",
            key=("pk", "sk"),
            indexes={"by_kind": ("kind", "billing_period")},
            own_key=self.key,
        )
        _tell(
            self,
            BillingBucketName=self.billing.bucket.bucket_name,
            LedgerBucketName=self.ledger.bucket.bucket_name,
            LoadsTableName=self.loads.table.table_name,
            BillsTableName=self.bills.table.table_name,
        )


class Identity(Stack):
    """Who may sign in."""

    def __init__(self, scope: Construct, id_: str, *, settings: Settings, **kwargs: Any) -> None:
        super().__init__(scope, id_, termination_protection=True, **kwargs)
        self.people = People(self, "People", mfa=settings.mfa)
        _tell(
            self,
            UserPoolId=self.people.pool.user_pool_id,
            UserPoolClientId=self.people.client.user_pool_client_id,
        )


class Billing(Stack):
    """The road of a bill."""

    def __init__(
        self, scope: Construct, id_: str, *, settings: Settings, data: Data, **kwargs: Any
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        self.dead_letters = DeadLetters(self, "DeadLetters")
        # The local AWS has no archives.
        self.notices = Notices(self, "Notices", archived=not settings.local)
        self.bills = Bills(
            self,
            "Bills",
            settings=settings,
            layers=Layers(self, "Layers", local=settings.local),
            billing=data.billing,
            ledger=data.ledger,
            loads=data.loads,
            bills=data.bills,
            notices=self.notices,
            dead_letters=self.dead_letters,
        )
        _tell(
            self,
            LoadBillArn=self.bills.load_bill.machine.state_machine_arn,
            NoticesName=self.notices.bus.event_bus_name,
        )


class Api(Stack):
    """The way in for people and programs."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        data: Data,
        identity: Identity,
        billing: Billing,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        self.rest = Rest(
            self,
            "Rest",
            pool=identity.people.pool,
            origins=settings.spa_origins,
            log_role=settings.api_log_role,
            waf=settings.waf,
        )
        self.bills_api = BillsApi(
            self,
            "BillsApi",
            rest=self.rest,
            layers=Layers(self, "Layers", local=settings.local),
            ledger=data.ledger,
            loads=data.loads,
            bills=data.bills,
            load_bill=billing.bills.load_bill,
            origins=settings.spa_origins,
        )
        if not settings.waf:
            acknowledge(
                self,
                "APIG3",
                "Every method asks for a token and is throttled; context waf=true adds a firewall.",
            )
        _tell(self, ApiUrl=self.rest.url)


class Observability(Stack):
    """Who hears of it when something goes wrong."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        data: Data,
        billing: Billing,
        api: Api,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        bills = billing.bills
        doors = [*bills.doors, api.bills_api.door]
        alarms = Alarms(self, "Alarms", mail=settings.alarm_email, key=data.key)
        alarms.watch_load_bill(bills.load_bill.machine)
        for door in doors:
            alarms.watch_door(door)
        alarms.watch_table("Loads", data.loads)
        alarms.watch_table("Bills", data.bills)
        alarms.watch_dead_letters(billing.dead_letters.queue)
        alarms.watch_api(api.rest.api)
        alarms.watch_freshness(bills.publisher)
        alarms.show(doors, bills.load_bill.machine)
        _tell(self, AlarmTopicArn=alarms.topic.topic_arn)


def _tell(stack: Stack, **values: str) -> None:
    for key, value in values.items():
        CfnOutput(stack, key, value=value)
