"""An organisation of two business units on fakes, for tests of what is done in it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from finops.adapters.accounts import DynamoAccounts
from finops.adapters.alerts import DynamoAlerts
from finops.adapters.chart_files import S3ChartFiles
from finops.adapters.closes import dynamo_closes, dynamo_delegations, dynamo_settings
from finops.adapters.credits import DynamoCredits
from finops.adapters.organisation import DynamoBudgets, DynamoCharts, DynamoPeople
from finops.adapters.realised_savings import DynamoRealised
from finops.adapters.records import DynamoAudit, DynamoReceipts, Records
from finops.adapters.rules import (
    S3ClaimRuleBook,
    S3Claims,
    dynamo_claim_heads,
    dynamo_claim_rule_heads,
    dynamo_policies,
    dynamo_shares,
    dynamo_workloads,
)
from finops.adapters.savings import S3SavingsSnapshots, dynamo_savings
from finops.adapters.spend_cards import DynamoSpendCards
from finops.domain.audit import Act, Deed, Receipt
from finops.domain.budgets import Budget, Command
from finops.domain.chart_loads import ChartLoad
from finops.domain.charts import Chart
from finops.domain.fiscal_years import FIRST_YEAR
from finops.domain.people import Person, PersonStatus, Role
from finops.usecases.audit import Books
from finops.usecases.budgets import Desk, decide, save_draft
from finops.usecases.card_tasks import CardDesk
from finops.usecases.charts import Bench, load_dropped_file
from finops.usecases.claims import ClaimsDesk
from finops.usecases.grounds import Grounds
from finops.usecases.memo import Memo
from finops.usecases.plans import Planning
from finops.usecases.ports import (
    Accounts,
    Alerts,
    Allocations,
    Audit,
    Budgets,
    ChartFiles,
    Charts,
    ClaimRuleBook,
    Claims,
    Closes,
    Credits,
    Delegations,
    People,
    Policies,
    RealisedKept,
    Receipts,
    Remaps,
    Rulebook,
    RulesHeads,
    Save,
    SavingsKept,
    SavingsSnapshots,
    SettingsKept,
    Shares,
    SpendCards,
    Workloads,
)
from finops.usecases.resource_owners import OwnerSources
from finops.usecases.savings import SavingsBoard
from finops.usecases.tasks import Office
from tests.alert_fakes import InMemoryAlerts
from tests.allocation_fakes import InMemoryAllocationRuns, InMemoryAllocations
from tests.aws import (
    ACCOUNTS,
    ALERTS,
    AUDIT,
    BUDGETS,
    CHARTS,
    CHARTS_BUCKET,
    CLOSES,
    CREDITS,
    DELEGATIONS,
    LEDGER,
    PEOPLE,
    REQUESTS,
    RULES,
    SAVINGS,
    SETTINGS,
    SPEND_CARDS,
    WORKLOADS,
    client,
)
from tests.card_fakes import (
    InMemorySpendCards,
    in_memory_closes,
    in_memory_delegations,
    in_memory_settings,
)
from tests.card_run_fakes import InMemoryCardRuns
from tests.claims_fakes import InMemoryWorkloadSpend
from tests.credits_fakes import InMemoryCredits, InMemoryProductSpend
from tests.fakes import (
    InMemoryAccounts,
    InMemoryAudit,
    InMemoryBudgets,
    InMemoryChartFiles,
    InMemoryCharts,
    InMemoryMails,
    InMemoryNotices,
    InMemoryOrganizations,
    InMemoryPeople,
    InMemoryReceipts,
    InMemoryRecords,
    InMemorySignIns,
    InMemorySpending,
)
from tests.realised_fakes import InMemoryRealised
from tests.remaps_fakes import InMemoryRemaps
from tests.report_fakes import InMemoryKeptReports, InMemoryReportHeads, InMemoryReportRuns
from tests.rules_fakes import (
    InMemoryClaimRuleBook,
    InMemoryClaims,
    InMemoryRulebook,
    in_memory_heads,
    in_memory_policies,
    in_memory_shares,
    in_memory_workloads,
)
from tests.savings_fakes import InMemorySavingsSnapshots, in_memory_savings

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
TODAY = NOW.date()
UNIT = 10**10  # ticks
HEADER = ("Business unit", "Department", "Portfolio", "Product", "Annual amount")
NEW_YEAR = "Acme_2026_true_2026-01-01_false_Budget_v1.csv"

WEB_SHOP = "retail.digital.storefront.web-shop"
SEARCH = "retail.digital.storefront.search"
CHECKOUT = "retail.digital.payments.checkout"
TILLS = "retail.stores.tills.registers"
LOANS = "bank.credit.lending.loans"
STOREFRONT = "retail.digital.storefront"
ROWS: Mapping[tuple[str, str, str, str], str] = {
    ("Retail", "Digital", "Storefront", "Web shop"): "1200",
    ("Retail", "Digital", "Storefront", "Search"): "600",
    ("Retail", "Digital", "Payments", "Checkout"): "900",
    ("Retail", "Stores", "Tills", "Registers"): "300",
    ("Bank", "Credit", "Lending", "Loans"): "2400",
}
# Somebody of each role, all of whose scopes lead to the web shop.
WHO: Mapping[Role, tuple[str, tuple[str, ...]]] = {
    Role.FINANCIAL_ADMIN: ("fin@example.com", ()),
    Role.VENDOR_MANAGER: ("vendor@example.com", ()),
    Role.CLOUD_ENGINEER: ("cloud@example.com", ()),
    Role.BUSINESS_UNIT_OWNER: ("unit@example.com", ("retail",)),
    Role.DEPARTMENT_OWNER: ("department@example.com", ("retail.digital",)),
    Role.PORTFOLIO_OWNER: ("portfolio@example.com", (STOREFRONT,)),
    Role.PRODUCT_OWNER: ("product@example.com", (WEB_SHOP,)),
}


def sign_in(email: str) -> str:
    """What the user pool calls somebody."""
    return f"sub-of-{email}"


def act(
    actor: str = "fin@example.com",
    at: datetime = NOW,
    *,
    reason: str | None = None,
    receipt: Receipt | None = None,
) -> Act:
    return Act(actor=actor, at=at, request_id="request-1", reason=reason, receipt=receipt)


def chart_csv(
    rows: Mapping[tuple[str, str, str, str], str] | Iterable[Sequence[str]] = ROWS,
    header: Sequence[str] = HEADER,
) -> str:
    """A chart file as people make it."""
    lines = (
        [(*names, amount) for names, amount in rows.items()] if isinstance(rows, Mapping) else rows
    )
    return "".join(",".join(line) + "\n" for line in (header, *lines))


class Organisation:
    """All ports, and ways to fill them; *records* are those of the fakes."""

    def __init__(self) -> None:
        self.records = InMemoryRecords()
        self.people: People = InMemoryPeople(self.records)
        self.charts: Charts = InMemoryCharts(self.records)
        self.files = InMemoryChartFiles()
        self.chart_files: ChartFiles = self.files
        self.budgets: Budgets = InMemoryBudgets(self.records)
        self.audit: Audit = InMemoryAudit(self.records)
        self.receipts: Receipts = InMemoryReceipts(self.records)
        self.spending = InMemorySpending()
        self.mails = InMemoryMails()
        self.notices = InMemoryNotices()
        self.sign_ins = InMemorySignIns()
        self.accounts: Accounts = InMemoryAccounts(self.records)
        self.organizations = InMemoryOrganizations()
        self.shares: Shares = in_memory_shares(self.records)
        self.policies: Policies = in_memory_policies(self.records)
        self.claims: Claims = InMemoryClaims(self.records)
        self.claim_heads: RulesHeads = in_memory_heads(self.records, "claims")
        self.claim_rule_book: ClaimRuleBook = InMemoryClaimRuleBook(self.records)
        self.claim_rule_heads: RulesHeads = in_memory_heads(self.records, "claim-rules")
        self.workloads: Workloads = in_memory_workloads(self.records)
        self.workload_spend = InMemoryWorkloadSpend()
        self.settings_kept: SettingsKept = in_memory_settings(self.records)
        self.rulebook: Rulebook = InMemoryRulebook(
            *(self.shares, self.policies, self.claims, self.claim_rule_book, self.settings_kept)
        )
        self.allocations: Allocations = InMemoryAllocations()
        self.allocation_runs = InMemoryAllocationRuns()
        self.credits: Credits = InMemoryCredits(self.records)
        self.product_spend = InMemoryProductSpend()
        self.spend_cards: SpendCards = InMemorySpendCards(self.records)
        self.card_runs = InMemoryCardRuns()
        self.report_runs = InMemoryReportRuns()
        self.report_heads = InMemoryReportHeads()
        self.kept_reports = InMemoryKeptReports()
        self.closes: Closes = in_memory_closes(self.records)
        self.delegations: Delegations = in_memory_delegations(self.records)
        self.remaps: Remaps = InMemoryRemaps(self.records, self.claims)
        self.alerts: Alerts = InMemoryAlerts(self.records)
        self.savings: SavingsKept = in_memory_savings(self.records)
        self.savings_snapshots: SavingsSnapshots = InMemorySavingsSnapshots(self.records)
        self.realised_kept: RealisedKept = InMemoryRealised()
        self.memo = Memo()
        self.first_month = 1
        self.open_from = date(FIRST_YEAR, 1, 1)

    @classmethod
    def on_aws(cls) -> "Organisation":
        """Its tables and its bucket in `tests.aws.organised`."""
        made = cls()
        writer = Records(client("dynamodb"), AUDIT, REQUESTS)
        made.people = DynamoPeople(writer, PEOPLE)
        made.charts = DynamoCharts(writer, CHARTS, client("s3"), CHARTS_BUCKET)
        made.chart_files = S3ChartFiles(client("s3"), CHARTS_BUCKET)
        made.budgets = DynamoBudgets(writer, BUDGETS)
        made.accounts = DynamoAccounts(writer, ACCOUNTS)
        made.shares = dynamo_shares(writer, RULES)
        made.policies = dynamo_policies(writer, RULES)
        made.claims = S3Claims(writer, RULES, client("s3"), LEDGER)
        made.claim_heads = dynamo_claim_heads(writer, RULES)
        made.claim_rule_book = S3ClaimRuleBook(writer, RULES, client("s3"), LEDGER)
        made.claim_rule_heads = dynamo_claim_rule_heads(writer, RULES)
        made.workloads = dynamo_workloads(writer, WORKLOADS)
        made.credits = DynamoCredits(writer, CREDITS)
        made.spend_cards = DynamoSpendCards(writer, SPEND_CARDS, CLOSES, client("s3"), LEDGER)
        made.closes = dynamo_closes(writer, CLOSES)
        made.delegations = dynamo_delegations(writer, DELEGATIONS)
        made.settings_kept = dynamo_settings(writer, SETTINGS)
        made.alerts = DynamoAlerts(writer, ALERTS)
        made.savings = dynamo_savings(writer, SAVINGS)
        made.savings_snapshots = S3SavingsSnapshots(writer, SAVINGS, client("s3"), LEDGER)
        made.realised_kept = DynamoRealised(client("dynamodb"), SAVINGS, client("s3"), LEDGER)
        made.audit = DynamoAudit(writer, AUDIT)
        made.receipts = DynamoReceipts(client("dynamodb"), REQUESTS)
        return made

    @property
    def bench(self) -> Bench:
        return Bench(
            *(self.charts, self.chart_files, self.budgets, self.first_month, self.open_from)
        )

    @property
    def desk(self) -> Desk:
        return Desk(self.charts, self.budgets, self.people)

    @property
    def office(self) -> Office:
        return Office(
            *(self.charts, self.budgets, self.people, self.accounts, self.shares, self.credits),
            *(self.first_month, self.memo),
            cards=self.spend_cards,
            closes=self.closes,
            delegations=self.delegations,
            settings=self.settings_kept,
            savings=self.savings,
        )

    @property
    def planning(self) -> Planning:
        return Planning(self.charts, self.budgets, self.spending, self.memo)

    @property
    def card_desk(self) -> CardDesk:
        return CardDesk(
            *(self.spend_cards, self.people, self.closes, self.delegations, self.settings_kept),
            *(self.first_month, self.memo),
        )

    @property
    def books(self) -> Books:
        return Books(
            people=self.people,
            charts=self.charts,
            budgets=self.budgets,
            accounts=self.accounts,
            shares=self.shares,
            policies=self.policies,
            claim_rules=self.claim_rule_heads,
            claims=self.claim_heads,
            workloads=self.workloads,
            credits=self.credits,
            cards=self.spend_cards,
            closes=self.closes,
            delegations=self.delegations,
            settings=self.settings_kept,
            alerts=self.alerts,
            savings=self.savings,
            savings_days=self.savings_snapshots,
        )

    @property
    def grounds(self) -> Grounds:
        return Grounds(
            *(self.charts, self.accounts, self.workloads),
            *(self.first_month, self.open_from, self.memo),
        )

    @property
    def savings_board(self) -> SavingsBoard:
        owners = OwnerSources(
            *(self.shares, self.claims, self.claim_rule_book, self.settings_kept, self.memo)
        )
        return SavingsBoard(
            *(self.savings, self.savings_snapshots, owners, self.accounts, self.people)
        )

    @property
    def claims_desk(self) -> ClaimsDesk:
        return ClaimsDesk(self.claims, self.shares, self.grounds)

    def put(self, key: str, content: str | bytes, came_at: datetime | None = None) -> str:
        """A file in the bucket; its version. On AWS it comes when it comes."""
        if isinstance(self.chart_files, InMemoryChartFiles):
            return self.chart_files.put(key, content, came_at)
        put = client("s3").put_object(Bucket=CHARTS_BUCKET, Key=key, Body=content)
        return str(put["VersionId"])

    def drop(
        self,
        name: str = NEW_YEAR,
        content: str | bytes | None = None,
        at: datetime = NOW - timedelta(days=60),
    ) -> ChartLoad:
        """A file comes into the bucket and is loaded."""
        version = self.put(name, chart_csv() if content is None else content, at)
        return load_dropped_file(name, version, act=act("bucket", at), bench=self.bench)

    def chart(self, year: int = 2026) -> Chart:
        head = self.charts.head(year)
        assert head is not None
        return self.charts.read(head)

    def hire(
        self,
        email: str,
        role: Role,
        scope: Iterable[str] = (),
        status: PersonStatus = PersonStatus.ACTIVE,
    ) -> Person:
        """Somebody who is there, however that came about."""
        new = Person(
            email=email,
            role=role,
            scope=tuple(sorted(scope)),
            status=status,
            sign_ins=() if status is PersonStatus.INVITED else (sign_in(email),),
            changed_at=NOW,
        )
        return self.people.save([Save(None, new, Deed(action="Invite"))], act())[0]

    def staff(self) -> dict[Role, Person]:
        """Somebody of each role."""
        return {role: self.hire(email, role, scope) for role, (email, scope) in WHO.items()}

    def approve(self, product: str, months: Sequence[int], year: int = 2026) -> Budget:
        """A schedule of *months* (ticks) in force, whoever there is."""
        planner = self.people.find("planner@example.com") or self.hire(
            "planner@example.com", Role.FINANCIAL_ADMIN
        )
        decider = self.people.find("decider@example.com") or self.hire(
            "decider@example.com", Role.FINANCIAL_ADMIN
        )
        known = self.budgets.find(product, year)
        version = known.version if known else 0
        save_draft(
            product,
            year,
            tuple(months),
            version,
            by=planner,
            desk=self.desk,
            act=act(planner.email),
        )
        for number, (command, by) in enumerate(
            [(Command.SUBMIT, planner), (Command.APPROVE, decider)], start=1
        ):
            done = decide(
                product, year, command, version + number, by=by, desk=self.desk, act=act(by.email)
            )
        return done
