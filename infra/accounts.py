"""Accounts: looked up in the organization, and found on the bills that charge them."""

from collections.abc import Sequence

from aws_cdk import Aws, Stack
from aws_cdk import aws_events as events
from constructs import Construct

from infra.dead_letters import DeadLetters
from infra.events import OnEvent
from infra.functions import FinOpsFunction
from infra.layers import Layers
from infra.notices import Notices
from infra.organization_events import CHANGES
from infra.rights import Rights
from infra.schedules import DailySchedule
from infra.tables import FinOpsTable

NO_RESOURCE = "The list of an organization has no resource-level permissions."
NOT_OURS = "Organizations names roots, units and accounts, in the payer's own account."


class Accounts(Construct):
    """`check_accounts` lists the organization, `find_accounts` reads who is on a bill.

    The organization is listed every day, when somebody asks, and when it says that it has changed:
    its events come late or never at times, so they are for speed and the daily list for truth.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        layers: Layers,
        payers: Sequence[str],
        accounts: FinOpsTable,
        bills: FinOpsTable,
        audit: FinOpsTable,
        requests: FinOpsTable,
        notices: Notices,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_)
        told = {
            "ACCOUNTS_TABLE": accounts.table.table_name,
            "AUDIT_TABLE": audit.table.table_name,
            # What it could answer again, had anybody asked.
            "REQUESTS_TABLE": requests.table.table_name,
        }
        self.check_accounts = FinOpsFunction(
            self,
            "check_accounts",
            layers=layers.core,
            environment=told,
            memory_mb=1024,
            timeout_seconds=900,  # AWS answers a few calls a second; each account is one
        )
        self.find_accounts = FinOpsFunction(
            self,
            "find_accounts",
            layers=layers.core,
            environment={**told, "BILLS_TABLE": bills.table.table_name},
            memory_mb=1024,
            timeout_seconds=300,
        )
        for door in (self.check_accounts, self.find_accounts):
            accounts.allow(door.rights, "GetItem", "PutItem", indexes=("by_kind",))
            audit.allow(door.rights, "PutItem")
        bills.allow(self.find_accounts.rights, "GetItem", "Query")
        _let_list_organization(self.check_accounts.rights)
        self._when_to_check(payers, notices, dead_letters)
        OnEvent(
            self,
            "bill_loaded",
            door=self.find_accounts,
            description="Accounts on a bill are known from then on",
            bus=notices.bus,
            pattern=events.EventPattern(source=[notices.source], detail_type=["BillLoaded"]),
            told=events.RuleTargetInput.from_event_path("$.detail"),
            dead_letters=dead_letters,
        )

    def _when_to_check(
        self, payers: Sequence[str], notices: Notices, dead_letters: DeadLetters
    ) -> None:
        when = events.RuleTargetInput.from_object({"time": events.EventField.time})
        DailySchedule(
            self,
            "check_accounts_daily",
            door=self.check_accounts,
            hour=4,
            minute=30,
            dead_letters=dead_letters,
        )
        OnEvent(
            self,
            "check_asked",
            door=self.check_accounts,
            description="Somebody wants the organization to be looked at",
            bus=notices.bus,
            pattern=events.EventPattern(source=[notices.source], detail_type=["AccountCheckAsked"]),
            told=when,
            dead_letters=dead_letters,
        )
        OnEvent(
            self,
            "organization_changed",
            door=self.check_accounts,
            description="The organization says that it has changed",
            pattern=events.EventPattern(**CHANGES),
            told=when,
            dead_letters=dead_letters,
        )
        for payer in payers:
            _let_tell(self, payer)


def _let_list_organization(rights: Rights) -> None:
    """What the payer's delegation policy allows this account, allowed to this role of it."""
    rights.allow(
        "ListOrganization",
        "organizations:DescribeOrganization",
        "organizations:ListAccounts",
        "organizations:ListRoots",
        on=["*"],
        why=NO_RESOURCE,
    )
    # Their ARNs are of the management account, which is not ours.
    anywhere = f"arn:{Aws.PARTITION}:organizations::*"
    rights.allow(
        "WalkOrganization",
        "organizations:ListAccountsForParent",
        "organizations:ListOrganizationalUnitsForParent",
        on=[f"{anywhere}:root/o-*/r-*", f"{anywhere}:ou/o-*/ou-*"],
        why=NOT_OURS,
    )
    rights.allow(
        "ReadAccountTags",
        "organizations:ListTagsForResource",
        on=[f"{anywhere}:account/o-*/*"],
        why=NOT_OURS,
    )


def _let_tell(scope: Construct, payer: str) -> None:
    """The rule in the payer's account (`infra.management`) may put these events on our bus."""
    stack = Stack.of(scope)
    name = f"OrganizationChangedAt{payer}"
    bus = stack.format_arn(service="events", resource="event-bus", resource_name="default")
    events.CfnEventBusPolicy(
        scope,
        name,
        statement_id=name,
        statement={
            "Sid": name,
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{Aws.PARTITION}:iam::{payer}:root"},
            "Action": "events:PutEvents",
            "Resource": bus,
            "Condition": {"StringEquals": {"events:source": CHANGES["source"]}},
        },
    )
