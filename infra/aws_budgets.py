"""AWS Budgets as a second alarm: the door that keeps them in step, and its way into the payers."""

import json

from aws_cdk import Aws, CfnParameter, Duration, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.buckets import LedgerBucket
from infra.charts import ChartOfAccounts
from infra.dead_letters import DeadLetters
from infra.events import gather_events
from infra.functions import FinOpsFunction
from infra.layers import Layers
from infra.notices import Notices
from infra.rights import Rights
from infra.schedules import DailySchedule
from infra.settings import Settings
from infra.tables import FinOpsTable

ROLE = "finops-center-budgets"  # of each payer; the door knows it by this name
BUDGETS = "finops-center/*"
LISTED = "AWS lists the budgets of an account all together, or none."
NAMED = (
    "Budgets of ours are made and deleted; they have this beginning of a name, and no others do."
)
# What may make another budget: what is approved, who pays, or when to warn. Claims are looked at
# every day.
REASONS = (
    "BudgetApproved",
    "AccountMapped",
    "ClaimRulesChanged",
    "PolicyDecided",
    "ChartLoaded",
    "AlertSettingsChanged",
)
SECONDS = 900
# A morning of approvals is looked at together, and AWS is asked few times.
GATHERED = Duration.seconds(60)


class AwsBudgets(Construct):
    """`push_budgets`, called on what changes a budget, and daily."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        layers: Layers,
        chart: ChartOfAccounts,
        accounts: FinOpsTable,
        rules: FinOpsTable,
        settings_table: FinOpsTable,
        ledger: LedgerBucket,
        audit: FinOpsTable,
        requests: FinOpsTable,
        notices: Notices,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_)
        own = Stack.of(self).account
        roles = {
            payer: None if payer == own else f"arn:{Aws.PARTITION}:iam::{payer}:role/{ROLE}"
            for payer in settings.payers
        }
        self.push_budgets = FinOpsFunction(
            self,
            "push_budgets",
            layers=layers.core,
            environment={
                **chart.told_of_years,
                "ACCOUNTS_TABLE": accounts.table.table_name,
                "RULES_TABLE": rules.table.table_name,
                "SETTINGS_TABLE": settings_table.table.table_name,
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
                "AUDIT_TABLE": audit.table.table_name,
                # What could be written, had the door the right to.
                "REQUESTS_TABLE": requests.table.table_name,
                "COST_BASIS": settings.cost_basis,
                "CURRENCY": settings.currency,
                "BUDGETS_ADDRESS": settings.alarm_email or "",
                "BUDGETS_ROLES": json.dumps(roles),
            },
            memory_mb=1769,
            timeout_seconds=SECONDS,
        )
        rights = self.push_budgets.rights
        chart.allow_read(rights, "Query", "GetItem")
        chart.budgets.allow(rights, indexes=("by_year",))
        accounts.allow(rights, indexes=("by_kind",))
        rules.allow(rights, "GetItem", "Query")
        settings_table.allow(rights, "GetItem")
        ledger.allow_read(rights, "rules/")
        if lent := [role for role in roles.values() if role is not None]:
            rights.allow("GoToThePayers", "sts:AssumeRole", on=lent)
        if own in roles:
            _allow_budgets(rights, own)
        gather_events(
            self,
            door=self.push_budgets,
            seconds=SECONDS,
            description="What changes a budget brings AWS's budgets in step",
            reasons=REASONS,
            notices=notices,
            dead_letters=dead_letters,
            gathered=GATHERED,
        )
        DailySchedule(
            self,
            "push_budgets_daily",
            door=self.push_budgets,
            hour=6,
            minute=30,
            said={"thorough": True},
            dead_letters=dead_letters,
        )


class BudgetsRole(Construct):
    """In a payer: the right to keep our budgets, for `push_budgets` of the FinOps account alone."""

    def __init__(self, scope: Construct, id_: str, *, finops_account: str) -> None:
        super().__init__(scope, id_)
        pusher = CfnParameter(
            Stack.of(self),
            "PushBudgetsRoleArn",
            allowed_pattern=r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+",
            description="Output PushBudgetsRoleArn of the FinOps account's stack Alerts.",
        ).value_as_string
        role = iam.Role(
            self,
            "Role",
            role_name=ROLE,  # the door at the other end asks for this name
            assumed_by=iam.PrincipalWithConditions(
                iam.AccountPrincipal(finops_account), {"ArnEquals": {"aws:PrincipalArn": pusher}}
            ),
        )
        _allow_budgets(Rights(self, "Rights", role=role), Aws.ACCOUNT_ID)


def _allow_budgets(rights: Rights, account: str) -> None:
    arn = f"arn:{Aws.PARTITION}:budgets::{account}:budget"
    rights.allow("LookAtBudgets", "budgets:ViewBudget", on=[f"{arn}/*"], why=LISTED)
    rights.allow("KeepOurBudgets", "budgets:ModifyBudget", on=[f"{arn}/{BUDGETS}"], why=NAMED)
