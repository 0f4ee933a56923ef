"""The stacks of the FinOps account: they only wire the parts."""

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from infra.accounts import Accounts
from infra.accounts_api import AccountsApi
from infra.alarms import Alarms
from infra.alerts import SpendAlerts
from infra.alerts_api import AlertsApi
from infra.allocations import Allocations
from infra.allocations_api import AllocationsApi, PreviewsApi
from infra.audit_api import AuditApi
from infra.aws_budgets import AwsBudgets
from infra.bills import Bills
from infra.bills_api import BillsApi
from infra.buckets import AccessLogs, BillingBucket, CloseBucket, LedgerBucket, SorfileBucket
from infra.budgets_api import BudgetsApi
from infra.callers import Callers
from infra.card_notices import CardNotices
from infra.card_runs_api import CardRunsApi
from infra.charts import ChartOfAccounts, Charts
from infra.charts_api import ChartsApi
from infra.claims_api import ClaimsApi
from infra.closes import Closes
from infra.closes_api import ClosesApi
from infra.corrections import Corrections
from infra.corrections_api import CorrectionsApi
from infra.cost_reports import CostReports
from infra.credits import Credits
from infra.credits_api import CreditsApi
from infra.dead_letters import DeadLetters
from infra.explain_api import ExplainApi
from infra.federation import FederatedSignIns
from infra.functions import FinOpsFunction
from infra.identity import SignIns
from infra.keys import OwnKey
from infra.layers import Layers
from infra.machines import Machine
from infra.nag import acknowledge
from infra.notices import Notices
from infra.notifications import Notifications
from infra.open_months import OpenMonths
from infra.people import People
from infra.people_api import PeopleApi
from infra.policies_api import PoliciesApi
from infra.realised_savings import RealisedSavings
from infra.remaps_api import RemapsApi
from infra.reports_api import ReportsApi
from infra.resources_api import ResourcesApi
from infra.rest import Rest
from infra.savings import SavingsIntake
from infra.savings_api import SavingsApi
from infra.settings import Settings
from infra.settings_api import SettingsApi
from infra.shares_api import SharesApi
from infra.spend_cards import SpendCards
from infra.spend_cards_api import SpendCardsApi
from infra.spend_cubes import SpendCubes
from infra.tables import FinOpsTable
from infra.tag_scans import TagScans
from infra.tags_api import TagsApi
from infra.views_api import ViewsApi
from infra.waiting_cards import WaitingCards


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
        self.sorfile = SorfileBucket(
            self,
            "Sorfile",
            origins=settings.spa_origins,
            access_logs=access_logs,
            key=self.key,
        )
        self.close_bucket = CloseBucket(
            self,
            "CloseFiles",
            origins=settings.spa_origins,
            access_logs=access_logs,
            key=self.key,
        )
        self.charts = FinOpsTable(self, "Charts", key=("pk", "sk"), own_key=self.key)
        self.people = FinOpsTable(
            self,
            "People",
            key=("person", None),
            indexes={"by_kind": ("kind", "changed_at")},
            own_key=self.key,
        )
        self.budgets = FinOpsTable(
            self,
            "Budgets",
            key=("pk", "sk"),
            indexes={"by_year": ("year", "changed_at")},
            own_key=self.key,
        )
        self.accounts = FinOpsTable(
            self,
            "Accounts",
            key=("account", None),
            indexes={"by_kind": ("kind", "changed_at")},
            own_key=self.key,
        )
        self.rules = FinOpsTable(
            self,
            "Rules",
            key=("pk", "sk"),
            indexes={"by_kind": ("kind", "changed_at")},
            own_key=self.key,
        )
        self.workloads = FinOpsTable(
            self,
            "Workloads",
            key=("pk", "sk"),
            indexes={"by_kind": ("kind", "changed_at")},
            own_key=self.key,
        )
        self.allocations = FinOpsTable(
            self,
            "Allocations",
            key=("pk", "sk"),
            indexes={"by_kind": ("kind", "billing_period")},
            own_key=self.key,
        )
        self.credits = FinOpsTable(
            self,
            "Credits",
            key=("pk", "sk"),
            indexes={"by_kind": ("kind", "changed_at")},
            own_key=self.key,
        )
        self.spend_cards = FinOpsTable(
            self,
            "SpendCards",
            key=("pk", "sk"),
            indexes={"by_month": ("kind", "changed_at")},
            # A month has tens of thousands of cards; lists are made of what is short of each.
            holds={"by_month": ("card", "summary", "version")},
            own_key=self.key,
        )
        self.closes, self.delegations, self.settings = (
            FinOpsTable(
                self,
                name,
                key=("pk", "sk"),
                indexes={"by_kind": ("kind", "changed_at")},
                own_key=self.key,
            )
            for name in ("Closes", "Delegations", "Settings")
        )
        self.reports, self.savings, self.alerts = (
            FinOpsTable(
                self,
                name,
                key=("pk", "sk"),
                indexes={"by_kind": ("kind", "changed_at")},
                own_key=self.key,
            )
            for name in ("Reports", "Savings", "Alerts")
        )
        self.open_months = OpenMonths(closes=self.closes)
        self.waiting_cards = WaitingCards(
            spend_cards=self.spend_cards,
            closes=self.closes,
            delegations=self.delegations,
            settings_table=self.settings,
            ledger=self.ledger,
        )
        self.audit = FinOpsTable(
            self,
            "Audit",
            key=("entity", "sequence"),
            indexes={"by_month": ("month", "at"), "by_actor": ("actor", "at")},
            stream=True,
            own_key=self.key,
        )
        self.requests = FinOpsTable(self, "Requests", key=("request", None), own_key=self.key)
        self.chart = ChartOfAccounts(
            sorfile=self.sorfile,
            charts=self.charts,
            budgets=self.budgets,
            fiscal_year_starts=settings.fiscal_year_starts,
        )
        _tell(
            self,
            BillingBucketName=self.billing.bucket.bucket_name,
            LedgerBucketName=self.ledger.bucket.bucket_name,
            LoadsTableName=self.loads.table.table_name,
            BillsTableName=self.bills.table.table_name,
            SorfileBucketName=self.sorfile.bucket.bucket_name,
            CloseBucketName=self.close_bucket.bucket.bucket_name,
            ChartsTableName=self.charts.table.table_name,
            PeopleTableName=self.people.table.table_name,
            BudgetsTableName=self.budgets.table.table_name,
            AccountsTableName=self.accounts.table.table_name,
            RulesTableName=self.rules.table.table_name,
            WorkloadsTableName=self.workloads.table.table_name,
            AllocationsTableName=self.allocations.table.table_name,
            CreditsTableName=self.credits.table.table_name,
            SpendCardsTableName=self.spend_cards.table.table_name,
            ClosesTableName=self.closes.table.table_name,
            DelegationsTableName=self.delegations.table.table_name,
            SettingsTableName=self.settings.table.table_name,
            ReportsTableName=self.reports.table.table_name,
            SavingsTableName=self.savings.table.table_name,
            AlertsTableName=self.alerts.table.table_name,
            AuditTableName=self.audit.table.table_name,
            RequestsTableName=self.requests.table.table_name,
        )


class Identity(Stack):
    """Who may sign in."""

    def __init__(self, scope: Construct, id_: str, *, settings: Settings, **kwargs: Any) -> None:
        super().__init__(scope, id_, termination_protection=True, **kwargs)
        # Its id is that of the pool's name in the template: another one would be another pool.
        self.sign_ins = SignIns(self, "People", mfa=settings.mfa, mail=settings.mail)
        _tell(
            self,
            UserPoolId=self.sign_ins.pool.user_pool_id,
            UserPoolClientId=self.sign_ins.client.user_pool_client_id,
        )
        if settings.federation:
            federated = FederatedSignIns(
                self, "Federated", pool=self.sign_ins.pool, federation=settings.federation
            )
            _tell(
                self,
                FederatedClientId=federated.client.user_pool_client_id,
                SignInUrl=federated.domain.base_url(),
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
            allocations=data.allocations,
            reports=data.reports,
            savings=data.savings,
            audit=data.audit,
            requests=data.requests,
            notices=self.notices,
            dead_letters=self.dead_letters,
        )
        _tell(
            self,
            LoadBillArn=self.bills.load_bill.machine.state_machine_arn,
            NoticesName=self.notices.bus.event_bus_name,
        )


class Allocation(Stack):
    """From bills and rules to who pays."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        data: Data,
        billing: Billing,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        self.dead_letters = DeadLetters(self, "DeadLetters")
        self.allocations = Allocations(
            self,
            "Allocations",
            settings=settings,
            layers=Layers(self, "Layers", local=settings.local),
            ledger=data.ledger,
            chart=data.chart,
            bills=data.bills,
            accounts=data.accounts,
            open_months=data.open_months,
            rules=data.rules,
            settings_table=data.settings,
            workloads=data.workloads,
            allocations=data.allocations,
            audit=data.audit,
            requests=data.requests,
            notices=billing.notices,
            dead_letters=self.dead_letters,
        )
        _tell(self, AllocateMonthArn=self.allocations.allocate_month.machine.state_machine_arn)


class Cards(Stack):
    """From what is allocated to spend cards."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        data: Data,
        billing: Billing,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        self.dead_letters = DeadLetters(self, "DeadLetters")
        self.spend_cards = SpendCards(
            self,
            "SpendCards",
            settings=settings,
            layers=Layers(self, "Layers", local=settings.local),
            ledger=data.ledger,
            chart=data.chart,
            bills=data.bills,
            allocations=data.allocations,
            cards=data.spend_cards,
            open_months=data.open_months,
            settings_table=data.settings,
            audit=data.audit,
            requests=data.requests,
            notices=billing.notices,
            dead_letters=self.dead_letters,
        )
        _tell(self, MakeSpendCardsArn=self.spend_cards.make_spend_cards.machine.state_machine_arn)


class Close(Stack):
    """From what is allocated and signed to the files that finance books."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        data: Data,
        billing: Billing,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        self.dead_letters = DeadLetters(self, "DeadLetters")
        layers = Layers(self, "Layers", local=settings.local)
        self.closes = Closes(
            self,
            "Closes",
            settings=settings,
            layers=layers,
            close_bucket=data.close_bucket,
            closes=data.closes,
            cards=data.spend_cards,
            settings_table=data.settings,
            credits_table=data.credits,
            people=data.people,
            ledger=data.ledger,
            chart=data.chart,
            bills=data.bills,
            rules=data.rules,
            allocations=data.allocations,
            audit=data.audit,
            requests=data.requests,
        )
        self.corrections = Corrections(
            self,
            "Corrections",
            layers=layers,
            close_bucket=data.close_bucket,
            closes=data.closes,
            ledger=data.ledger,
            bills=data.bills,
            allocations=data.allocations,
            audit=data.audit,
            requests=data.requests,
            notices=billing.notices,
            dead_letters=self.dead_letters,
        )
        self.doors = [*self.closes.doors, *self.corrections.doors]
        _tell(self, CloseMonthArn=self.closes.close_month.machine.state_machine_arn)


class Reports(Stack):
    """What is told of spend by itself: cubes to ask, cost reports, tags."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        data: Data,
        billing: Billing,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        self.dead_letters = DeadLetters(self, "DeadLetters")
        layers = Layers(self, "Layers", local=settings.local)
        self.spend_cubes = SpendCubes(
            self,
            "SpendCubes",
            settings=settings,
            layers=layers,
            ledger=data.ledger,
            bills=data.bills,
            allocations=data.allocations,
            reports=data.reports,
            settings_table=data.settings,
            audit=data.audit,
            requests=data.requests,
            notices=billing.notices,
            dead_letters=self.dead_letters,
        )
        self.cost_reports = CostReports(
            self,
            "CostReports",
            settings=settings,
            layers=layers,
            ledger=data.ledger,
            chart=data.chart,
            people=data.people,
            accounts=data.accounts,
            bills=data.bills,
            allocations=data.allocations,
            reports=data.reports,
            settings_table=data.settings,
            audit=data.audit,
            requests=data.requests,
            notices=billing.notices,
            dead_letters=self.dead_letters,
        )
        self.tag_scans = TagScans(
            self,
            "TagScans",
            settings=settings,
            layers=layers,
            ledger=data.ledger,
            notices=billing.notices,
            dead_letters=self.dead_letters,
        )
        self.doors: list[FinOpsFunction] = [*self.spend_cubes.doors, *self.cost_reports.doors]
        self.doors.append(self.tag_scans.scan_tags)
        # By what one of their runs is.
        self.machines: dict[str, Machine] = {
            "cube": self.spend_cubes.cut_cubes,
            "cost report run": self.cost_reports.make_reports,
        }
        _tell(
            self,
            CutCubesArn=self.spend_cubes.cut_cubes.machine.state_machine_arn,
            MakeReportsArn=self.cost_reports.make_reports.machine.state_machine_arn,
        )


class Savings(Stack):
    """What could be saved, who decided on it, and what it has saved."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        data: Data,
        billing: Billing,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        self.dead_letters = DeadLetters(self, "DeadLetters")
        layers = Layers(self, "Layers", local=settings.local)
        self.intake = SavingsIntake(
            self,
            "Intake",
            layers=layers,
            savings=data.savings,
            bills=data.bills,
            ledger=data.ledger,
            audit=data.audit,
            requests=data.requests,
            notices=billing.notices,
            dead_letters=self.dead_letters,
            daily=settings.savings_api,
        )
        self.realised = RealisedSavings(
            self,
            "Realised",
            settings=settings,
            layers=layers,
            billing=data.billing,
            ledger=data.ledger,
            loads=data.loads,
            bills=data.bills,
            savings=data.savings,
            rules=data.rules,
            settings_table=data.settings,
            audit=data.audit,
            requests=data.requests,
            notices=billing.notices,
            dead_letters=self.dead_letters,
        )
        self.doors: list[FinOpsFunction] = [
            self.intake.collect_recommendations,
            *self.realised.doors,
        ]
        # By what one of their runs is.
        self.machines: dict[str, Machine] = {"savings measurement": self.realised.measure_savings}
        _tell(self, MeasureSavingsArn=self.realised.measure_savings.machine.state_machine_arn)


class Alerts(Stack):
    """What is told of spend while it happens, here and by AWS Budgets."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        data: Data,
        billing: Billing,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        self.dead_letters = DeadLetters(self, "DeadLetters")
        layers = Layers(self, "Layers", local=settings.local)
        self.spend_alerts = SpendAlerts(
            self,
            "SpendAlerts",
            settings=settings,
            layers=layers,
            chart=data.chart,
            people=data.people,
            bills=data.bills,
            allocations=data.allocations,
            ledger=data.ledger,
            credits_table=data.credits,
            open_months=data.open_months,
            settings_table=data.settings,
            alerts=data.alerts,
            audit=data.audit,
            requests=data.requests,
            notices=billing.notices,
            dead_letters=self.dead_letters,
        )
        self.doors: list[FinOpsFunction] = [*self.spend_alerts.doors]
        if settings.aws_budgets:
            budgets = AwsBudgets(
                self,
                "AwsBudgets",
                settings=settings,
                layers=layers,
                chart=data.chart,
                accounts=data.accounts,
                rules=data.rules,
                settings_table=data.settings,
                ledger=data.ledger,
                audit=data.audit,
                requests=data.requests,
                notices=billing.notices,
                dead_letters=self.dead_letters,
            )
            self.doors.append(budgets.push_budgets)
            _tell(self, PushBudgetsRoleArn=budgets.push_budgets.rights.role.role_arn)


class Organization(Stack):
    """What happens by itself when the organization changes: its chart, its people, its plans."""

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
        # Of its own: a queue's policy names the rules that leave letters there, and those of this
        # stack cannot be named in one that it waits for.
        self.dead_letters = DeadLetters(self, "DeadLetters")
        layers = Layers(self, "Layers", local=settings.local)
        self.charts = Charts(
            self,
            "Charts",
            layers=layers,
            chart=data.chart,
            open_months=data.open_months,
            audit=data.audit,
            requests=data.requests,
            dead_letters=self.dead_letters,
        )
        self.people = People(
            self,
            "People",
            layers=layers,
            pool=identity.sign_ins.pool,
            people=data.people,
            audit=data.audit,
            requests=data.requests,
            notices=billing.notices,
            dead_letters=self.dead_letters,
        )
        self.notifications = Notifications(
            self,
            "Notifications",
            layers=layers,
            mail=settings.mail,
            chart=data.chart,
            people=data.people,
            accounts=data.accounts,
            rules=data.rules,
            credits_table=data.credits,
            savings=data.savings,
            waiting_cards=data.waiting_cards,
            audit=data.audit,
            requests=data.requests,
            notices=billing.notices,
            dead_letters=self.dead_letters,
        )
        self.card_notices = CardNotices(
            self,
            "CardNotices",
            settings=settings,
            layers=layers,
            chart=data.chart,
            waiting_cards=data.waiting_cards,
            people=data.people,
            bills=data.bills,
            allocations=data.allocations,
            ledger=data.ledger,
            audit=data.audit,
            requests=data.requests,
            dead_letters=self.dead_letters,
        )
        self.accounts = Accounts(
            self,
            "Accounts",
            layers=layers,
            payers=settings.payers,
            accounts=data.accounts,
            bills=data.bills,
            audit=data.audit,
            requests=data.requests,
            notices=billing.notices,
            dead_letters=self.dead_letters,
        )
        self.credits = Credits(
            self,
            "Credits",
            layers=layers,
            credits_table=data.credits,
            open_months=data.open_months,
            bills=data.bills,
            ledger=data.ledger,
            allocations=data.allocations,
            audit=data.audit,
            requests=data.requests,
            notices=billing.notices,
            dead_letters=self.dead_letters,
            currency=settings.currency,
        )
        self.doors = [
            self.credits.find_credits,
            self.credits.warn_of_credits,
            self.accounts.check_accounts,
            self.accounts.find_accounts,
            self.charts.load_chart,
            self.people.keep_sign_ins,
            self.notifications.tell_notices,
            self.notifications.send_digest,
            *self.card_notices.doors,
        ]


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
        allocation: Allocation,
        cards: Cards,
        close: Close,
        reports: Reports,
        savings: Savings,
        alerts: Alerts,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        self.rest = Rest(
            self,
            "Rest",
            pool=identity.sign_ins.pool,
            origins=settings.spa_origins,
            log_role=settings.api_log_role,
            waf=settings.waf,
        )
        layers = Layers(self, "Layers", local=settings.local)
        callers = Callers(
            people=data.people,
            audit=data.audit,
            requests=data.requests,
            group_roles=settings.group_roles,
            origins=settings.spa_origins,
        )
        at_hand: dict[str, Any] = {"rest": self.rest, "layers": layers, "callers": callers}
        bills_api = BillsApi(
            self,
            "BillsApi",
            **at_hand,
            ledger=data.ledger,
            loads=data.loads,
            bills=data.bills,
            load_bill=billing.bills.load_bill,
        )
        charts_api = ChartsApi(
            self, "ChartsApi", **at_hand, chart=data.chart, open_months=data.open_months
        )
        people_api = PeopleApi(
            self,
            "PeopleApi",
            **at_hand,
            chart=data.chart,
            accounts=data.accounts,
            rules=data.rules,
            credits_table=data.credits,
            savings=data.savings,
            waiting_cards=data.waiting_cards,
        )
        budgets_api = BudgetsApi(
            self,
            "BudgetsApi",
            **at_hand,
            settings=settings,
            chart=data.chart,
            bills=data.bills,
            allocations=data.allocations,
            ledger=data.ledger,
            workloads=data.workloads,
        )
        card_runs_api = CardRunsApi(
            self,
            "CardRunsApi",
            **at_hand,
            ledger=data.ledger,
            open_months=data.open_months,
            make_spend_cards=cards.spend_cards.make_spend_cards,
        )
        audit_api = AuditApi(
            self,
            "AuditApi",
            **at_hand,
            alerts=data.alerts,
            chart=data.chart,
            accounts=data.accounts,
            rules=data.rules,
            workloads=data.workloads,
            credits_table=data.credits,
            spend_cards=data.spend_cards,
            closes=data.closes,
            delegations=data.delegations,
            settings_table=data.settings,
            savings=data.savings,
            ledger=data.ledger,
        )
        spend_cards_api = SpendCardsApi(
            self,
            "SpendCardsApi",
            **at_hand,
            alerts=data.alerts,
            chart=data.chart,
            accounts=data.accounts,
            rules=data.rules,
            workloads=data.workloads,
            spend_cards=data.spend_cards,
            closes=data.closes,
            delegations=data.delegations,
            settings_table=data.settings,
            bills=data.bills,
            ledger=data.ledger,
            allocations=data.allocations,
            currency=settings.currency,
            cost_basis=settings.cost_basis,
        )
        credits_api = CreditsApi(
            self,
            "CreditsApi",
            **at_hand,
            chart=data.chart,
            accounts=data.accounts,
            open_months=data.open_months,
            rules=data.rules,
            settings_table=data.settings,
            workloads=data.workloads,
            credits_table=data.credits,
            bills=data.bills,
            ledger=data.ledger,
            allocations=data.allocations,
            currency=settings.currency,
            cost_basis=settings.cost_basis,
        )
        alerts_api = AlertsApi(
            self,
            "AlertsApi",
            **at_hand,
            settings=settings,
            chart=data.chart,
            settings_table=data.settings,
            alerts=data.alerts,
        )
        settings_api = SettingsApi(
            self,
            "SettingsApi",
            **at_hand,
            chart=data.chart,
            settings_table=data.settings,
            webhooks=[webhook.name for webhook in settings.webhooks],
        )
        who_pays: dict[str, Any] = {
            **at_hand,
            "chart": data.chart,
            "accounts": data.accounts,
            "open_months": data.open_months,
            "rules": data.rules,
            "workloads": data.workloads,
        }
        shares_api = SharesApi(self, "SharesApi", **who_pays)
        policies_api = PoliciesApi(self, "PoliciesApi", **who_pays, ledger=data.ledger)
        of_months: dict[str, Any] = {
            **who_pays,
            "settings": settings,
            "settings_table": data.settings,
            "bills": data.bills,
            "ledger": data.ledger,
            "allocate_month": allocation.allocations.allocate_month,
        }
        allocations_api = AllocationsApi(
            self, "AllocationsApi", **of_months, allocations=data.allocations
        )
        previews_api = PreviewsApi(self, "PreviewsApi", **of_months)
        remaps_api = RemapsApi(
            self,
            "RemapsApi",
            **who_pays,
            settings=settings,
            cards=data.spend_cards,
            delegations=data.delegations,
            settings_table=data.settings,
            ledger=data.ledger,
        )
        views_api = ViewsApi(
            self,
            "ViewsApi",
            **at_hand,
            settings=settings,
            chart=data.chart,
            accounts=data.accounts,
            rules=data.rules,
            workloads=data.workloads,
            spend_cards=data.spend_cards,
            closes=data.closes,
            settings_table=data.settings,
            savings=data.savings,
            bills=data.bills,
            ledger=data.ledger,
            allocations=data.allocations,
        )
        reports_api = ReportsApi(
            self,
            "ReportsApi",
            **at_hand,
            settings=settings,
            chart=data.chart,
            accounts=data.accounts,
            bills=data.bills,
            ledger=data.ledger,
            allocations=data.allocations,
            reports=data.reports,
            settings_table=data.settings,
            make_reports=reports.cost_reports.make_reports,
        )
        accounts_api = AccountsApi(self, "AccountsApi", **at_hand, accounts=data.accounts)
        savings_api = SavingsApi(
            self,
            "SavingsApi",
            **at_hand,
            accounts=data.accounts,
            rules=data.rules,
            settings_table=data.settings,
            savings=data.savings,
            ledger=data.ledger,
        )
        closes_api = ClosesApi(
            self,
            "ClosesApi",
            **at_hand,
            sources=close.closes.sources,
            close_bucket=data.close_bucket,
            closes=data.closes,
            close_month=close.closes.close_month,
        )
        corrections_api = CorrectionsApi(
            self,
            "CorrectionsApi",
            **at_hand,
            close_bucket=data.close_bucket,
            closes=data.closes,
            ledger=data.ledger,
            bills=data.bills,
            allocations=data.allocations,
            fiscal_year_starts=settings.fiscal_year_starts,
            cost_basis=settings.cost_basis,
        )
        claims_api = ClaimsApi(
            self,
            "ClaimsApi",
            **who_pays,
            settings_table=data.settings,
            settings=settings,
            bills=data.bills,
            allocations=data.allocations,
            credits_table=data.credits,
            ledger=data.ledger,
        )
        resources_api = ResourcesApi(
            self,
            "ResourcesApi",
            **at_hand,
            ledger=data.ledger,
            bills=data.bills,
            rules=data.rules,
            settings_table=data.settings,
            workloads=data.workloads,
        )
        tags_api = TagsApi(
            self,
            "TagsApi",
            **at_hand,
            settings=settings,
            ledger=data.ledger,
            bills=data.bills,
            rules=data.rules,
            settings_table=data.settings,
            workloads=data.workloads,
            tagging_regions=settings.tagging_regions,
        )
        explain_api = ExplainApi(
            self,
            "ExplainApi",
            **at_hand,
            billing=data.billing,
            ledger=data.ledger,
            loads=data.loads,
            bills=data.bills,
            allocations=data.allocations,
        )
        self.doors = [
            each.door
            for each in (
                *(bills_api, charts_api, people_api, budgets_api, audit_api),
                accounts_api,
                alerts_api,
                claims_api,
                credits_api,
                *(views_api, reports_api),
                savings_api,
                settings_api,
                *(closes_api, corrections_api),
                spend_cards_api,
                *(shares_api, policies_api),
                card_runs_api,
                *(allocations_api, previews_api, remaps_api),
                *(resources_api, tags_api),
                explain_api,
            )
        ]
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
        allocation: Allocation,
        cards: Cards,
        close: Close,
        reports: Reports,
        savings: Savings,
        alerts: Alerts,
        organization: Organization,
        api: Api,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id_, **kwargs)
        bills, allocations = billing.bills, allocation.allocations
        doors = [*bills.doors, *allocations.doors, *cards.spend_cards.doors, *close.doors]
        doors += [*reports.doors, *savings.doors, *alerts.doors]
        doors += [*organization.doors, *api.doors]
        alarms = Alarms(self, "Alarms", mail=settings.alarm_email, key=data.key)
        alarms.watch_load_bill(bills.load_bill.machine)
        alarms.watch_allocate_month(allocations.allocate_month.machine)
        alarms.watch_close_month(close.closes.close_month.machine)
        alarms.watch_spend_cards(
            cards.spend_cards.make_spend_cards.machine, cards.spend_cards.planner
        )
        for door in doors:
            alarms.watch_door(door)
        for table in (
            data.loads,
            data.bills,
            data.charts,
            data.people,
            data.budgets,
            data.accounts,
            data.rules,
            data.workloads,
            data.allocations,
            data.credits,
            data.spend_cards,
            data.closes,
            data.delegations,
            data.settings,
            data.reports,
            data.savings,
            data.alerts,
            data.audit,
            data.requests,
        ):
            alarms.watch_table(table)
        alarms.watch_stream(organization.notifications.tell_notices)
        alarms.watch_dead_letters("DeadLetters", billing.dead_letters.queue)
        alarms.watch_dead_letters("AllocationDeadLetters", allocation.dead_letters.queue)
        alarms.watch_dead_letters("CardsDeadLetters", cards.dead_letters.queue)
        alarms.watch_dead_letters("CloseDeadLetters", close.dead_letters.queue)
        alarms.watch_dead_letters("ReportsDeadLetters", reports.dead_letters.queue)
        alarms.watch_dead_letters("SavingsDeadLetters", savings.dead_letters.queue)
        alarms.watch_dead_letters("AlertsDeadLetters", alerts.dead_letters.queue)
        alarms.watch_dead_letters("OrganizationDeadLetters", organization.dead_letters.queue)
        alarms.watch_api(api.rest.api)
        alarms.watch_freshness(bills.publisher)
        machines = {
            "load": bills.load_bill,
            "allocation": allocations.allocate_month,
            "card run": cards.spend_cards.make_spend_cards,
            "close": close.closes.close_month,
            **reports.machines,
            **savings.machines,
        }
        for name, each in (reports.machines | savings.machines).items():
            alarms.watch_machine(name, each.machine)
        alarms.show(doors, {name: each.machine for name, each in machines.items()})
        _tell(self, AlarmTopicArn=alarms.topic.topic_arn)


def _tell(stack: Stack, **values: str) -> None:
    for key, value in values.items():
        CfnOutput(stack, key, value=value)
