"""The ports, answered: the only place that makes clients, and only once they are needed.

Functions are named like the ports. Importing this costs nothing and asks nothing of the environment.
"""

import atexit
import json
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finops.runtime import settings

if TYPE_CHECKING:
    from finops.adapters.records import Records
    from finops.adapters.rules import Kind, S3ClaimRuleBook, S3Claims
    from finops.adapters.spend_cards import DynamoSpendCards
    from finops.domain.class_policies import ClassPolicies, CostBasis
    from finops.domain.delegations import Delegation
    from finops.domain.month_closes import MonthClose
    from finops.domain.organisation_settings import OrganisationSettings
    from finops.domain.people import Role
    from finops.domain.savings import Saving
    from finops.domain.shares import AccountShares
    from finops.domain.workloads import Workload
    from finops.ledger.engine import Connection, Limits
    from finops.ledger.inventory import Inventory
    from finops.usecases.alert_crossings import WatchSources
    from finops.usecases.allocated import Shelf
    from finops.usecases.allocation_answers import Sources
    from finops.usecases.bill_notes import BillNotes
    from finops.usecases.book_corrections import Ledgers
    from finops.usecases.budgets import Desk
    from finops.usecases.card_tasks import CardDesk
    from finops.usecases.charts import Bench
    from finops.usecases.claims import ClaimsDesk
    from finops.usecases.close_month import Archive
    from finops.usecases.closed_years import YearSources
    from finops.usecases.cost_reports import ReportSources
    from finops.usecases.costs import Summing
    from finops.usecases.credits import Treasury
    from finops.usecases.digest import Letterhead
    from finops.usecases.disputes import RemapDesk
    from finops.usecases.financial_scope import ScopeSources
    from finops.usecases.grounds import Book, Grounds
    from finops.usecases.kept_cost_reports import ReportShelf
    from finops.usecases.make_spend_cards import Press
    from finops.usecases.memo import Memo
    from finops.usecases.month_closes import CloseDesk
    from finops.usecases.month_sums import ViewSources
    from finops.usecases.originals import Originals
    from finops.usecases.plan_spend_cards import Sources as CardSources
    from finops.usecases.plan_spend_cards import Timing
    from finops.usecases.plans import Planning
    from finops.usecases.ports import (
        Accounts,
        Alerts,
        AllocationRuns,
        Allocations,
        Audit,
        AwsBudgets,
        BilledMonths,
        Bills,
        Budgets,
        CardRuns,
        CardSpending,
        ChartFiles,
        Charts,
        CloseDelivery,
        CloseFiles,
        CloseRuns,
        Credits,
        CubeHeads,
        DailySpend,
        Deliveries,
        Dispatches,
        KeptReports,
        Ledger,
        Loads,
        Mails,
        Notices,
        Organizations,
        People,
        Pictures,
        ProductSpend,
        RealisedKept,
        Receipts,
        Recommendations,
        Remaps,
        ReportHeads,
        ReportRuns,
        Rulebook,
        RulesHeads,
        Runs,
        SavingsSnapshots,
        Settlement,
        SignIns,
        SpendCubes,
        Spending,
        TaggedResources,
        Webhooks,
        WorkloadSpend,
    )
    from finops.usecases.previews import Studio
    from finops.usecases.push_budgets import BudgetSources
    from finops.usecases.resource_owners import OwnerSources
    from finops.usecases.resources import Stock
    from finops.usecases.savings import SavingsBoard
    from finops.usecases.savings_intake import SavingsDesk
    from finops.usecases.send_cost_reports import ReportPress
    from finops.usecases.spaces import SpaceSources
    from finops.usecases.spending import AllocatedSpending
    from finops.usecases.tag_reports import TagDesk
    from finops.usecases.tasks import Office
    from finops.usecases.tend_cards import Post
    from finops.usecases.watch_spend import Outlets
    from finops.usecases.weekly_digest import Sources as WeeklySources


@cache
def client(service: str) -> Any:
    """A client of AWS's *service*; connections are kept from call to call."""
    return _made(service)


def _made(service: str, **apart: str) -> Any:
    """A client with the rights of the door itself, or of another region, or with credentials lent."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        service,
        **apart,
        config=Config(
            # Links that people get: signed the new way, and for the region that the bucket is in.
            signature_version="s3v4" if service == "s3" else None,
            s3={"addressing_style": "virtual"},
            retries={"mode": "adaptive", "max_attempts": 8},
            max_pool_connections=32,
            connect_timeout=5,
            read_timeout=60,
        ),
    )


@cache
def deliveries() -> "Deliveries":
    from finops.adapters.s3 import S3Deliveries

    return S3Deliveries(client("s3"), settings.text("BILLING_BUCKET"))


@cache
def ledger() -> "Ledger":
    from finops.adapters.s3 import S3Ledger

    cache_folder = Path(tempfile.gettempdir()) / "finops-ledger" / ledger_bucket()
    return S3Ledger(client("s3"), ledger_bucket(), cache_folder)


def ledger_bucket() -> str:
    return settings.text("LEDGER_BUCKET")


@cache
def loads() -> "Loads":
    from finops.adapters.dynamodb import DynamoLoads

    return DynamoLoads(client("dynamodb"), settings.text("LOADS_TABLE"))


@cache
def bills() -> "Bills":
    from finops.adapters.dynamodb import DynamoBills

    return DynamoBills(client("dynamodb"), settings.text("BILLS_TABLE"))


@cache
def runs() -> "Runs":
    from finops.adapters.stepfunctions import StepFunctionsRuns

    return StepFunctionsRuns(client("stepfunctions"), settings.text("LOAD_BILL_ARN"))


def limits() -> "Limits":
    """What the engine may use here; it spills to the function's own disk."""
    from finops.ledger.engine import Limits

    return Limits(
        scratch=Path(tempfile.gettempdir()),
        memory_mb=settings.number("LEDGER_MEMORY_MB", 600),
        threads=settings.number("LEDGER_THREADS", 2),
    )


@contextmanager
def engine() -> "Iterator[Summing]":
    """The engine for one question; imported when the first one needs it."""
    from finops.ledger import queries
    from finops.ledger.engine import connect

    with connect(limits()) as connection:
        yield partial(queries.sums, connection)


# The organisation ---------------------------------------------------------------------------------


@cache
def records() -> "Records":
    from finops.adapters.records import Records

    return Records(
        client("dynamodb"), settings.text("AUDIT_TABLE"), settings.text("REQUESTS_TABLE")
    )


@cache
def people() -> "People":
    from finops.adapters.organisation import DynamoPeople

    return DynamoPeople(records(), settings.text("PEOPLE_TABLE"))


@cache
def charts() -> "Charts":
    from finops.adapters.organisation import DynamoCharts

    table, bucket = settings.text("CHARTS_TABLE"), settings.text("CHARTS_BUCKET")
    return DynamoCharts(records(), table, client("s3"), bucket)


@cache
def chart_files() -> "ChartFiles":
    from finops.adapters.chart_files import S3ChartFiles

    return S3ChartFiles(client("s3"), settings.text("CHARTS_BUCKET"))


@cache
def budgets() -> "Budgets":
    from finops.adapters.organisation import DynamoBudgets

    return DynamoBudgets(records(), settings.text("BUDGETS_TABLE"))


@cache
def audit() -> "Audit":
    from finops.adapters.records import DynamoAudit

    return DynamoAudit(records(), settings.text("AUDIT_TABLE"))


@cache
def receipts() -> "Receipts":
    from finops.adapters.records import DynamoReceipts

    return DynamoReceipts(client("dynamodb"), settings.text("REQUESTS_TABLE"))


def spending() -> "Spending":
    return allocated_spending()


@cache
def allocated_spending() -> "AllocatedSpending":
    from finops.usecases.spending import AllocatedSpending

    return AllocatedSpending(
        allocations(), bills(), ledger(), currency=currency(), basis=cost_basis()
    )


@cache
def notices() -> "Notices":
    from finops.adapters.eventbridge import EventBridgeNotices

    return EventBridgeNotices(client("events"), settings.text("NOTICES_NAME"))


@cache
def sign_ins() -> "SignIns":
    from finops.adapters.cognito import CognitoSignIns

    return CognitoSignIns(client("cognito-idp"), settings.text("USER_POOL_ID"))


@cache
def mails() -> "Mails | None":
    """None where the deployment names no sender."""
    from finops.adapters.ses import SesMails

    sender = settings.text("MAIL_FROM")
    return SesMails(client("sesv2"), sender) if sender else None


@cache
def pictures() -> "Pictures":
    from finops.adapters.pictures import ResvgPictures

    return ResvgPictures()


@cache
def memo() -> "Memo":
    from finops.usecases.memo import Memo

    return Memo()


@cache
def group_roles() -> "dict[str, Role]":
    """What role somebody gets who is seen first, by the group at their identity provider."""
    from finops.domain.people import Role

    said: dict[str, str] = json.loads(settings.text("GROUP_ROLES") or "{}")
    return {group: Role(role) for group, role in said.items()}


def first_month() -> int:
    return settings.number("FISCAL_YEAR_STARTS", 1)


def bench() -> "Bench":
    from finops.usecases.charts import Bench

    return Bench(charts(), chart_files(), budgets(), first_month(), open_from())


def office() -> "Office":
    from finops.usecases.tasks import Office

    return Office(
        *(charts(), budgets(), people(), accounts(), shares(), credits()),
        *(first_month(), memo()),
        cards=spend_cards(),
        closes=closes(),
        delegations=delegations(),
        settings=settings_kept(),
        savings=savings(),
    )


def desk() -> "Desk":
    from finops.usecases.budgets import Desk

    return Desk(charts(), budgets(), people())


def planning() -> "Planning":
    from finops.usecases.plans import Planning

    return Planning(charts(), budgets(), spending(), memo())


# Accounts -----------------------------------------------------------------------------------------


@cache
def accounts() -> "Accounts":
    from finops.adapters.accounts import DynamoAccounts

    return DynamoAccounts(records(), settings.text("ACCOUNTS_TABLE"))


@cache
def organizations() -> "Organizations":
    from finops.adapters.organizations import AwsOrganizations

    return AwsOrganizations(client("organizations"))


# Who pays -----------------------------------------------------------------------------------------


@cache
def shares() -> "Kind[AccountShares]":
    from finops.adapters.rules import dynamo_shares

    return dynamo_shares(records(), settings.text("RULES_TABLE"))


@cache
def policies() -> "Kind[ClassPolicies]":
    from finops.adapters.rules import dynamo_policies

    return dynamo_policies(records(), settings.text("RULES_TABLE"))


@cache
def claims() -> "S3Claims":
    from finops.adapters.rules import S3Claims

    return S3Claims(records(), settings.text("RULES_TABLE"), client("s3"), ledger_bucket())


@cache
def claim_rule_book() -> "S3ClaimRuleBook":
    from finops.adapters.rules import S3ClaimRuleBook

    return S3ClaimRuleBook(records(), settings.text("RULES_TABLE"), client("s3"), ledger_bucket())


@cache
def claim_heads() -> "RulesHeads":
    from finops.adapters.rules import dynamo_claim_heads

    return dynamo_claim_heads(records(), settings.text("RULES_TABLE"))


@cache
def claim_rule_heads() -> "RulesHeads":
    from finops.adapters.rules import dynamo_claim_rule_heads

    return dynamo_claim_rule_heads(records(), settings.text("RULES_TABLE"))


@cache
def rulebook() -> "Rulebook":
    from finops.adapters.rules import DynamoRulebook

    return DynamoRulebook(shares(), policies(), claims(), claim_rule_book(), settings_kept())


def budget_sources() -> "BudgetSources":
    from finops.usecases.push_budgets import BudgetSources

    return BudgetSources(
        *(charts(), budgets(), accounts(), rulebook(), settings_kept()),
        first_month=first_month(),
        basis=cost_basis(),
        currency=currency(),
        payers=tuple(_budgets_roles()),
        address=settings.text("BUDGETS_ADDRESS"),
    )


def aws_budgets() -> "AwsBudgets":
    """Made anew for each run: what a payer lends is good for an hour."""
    from finops.adapters.aws_budgets import PayersBudgets

    return PayersBudgets(cache(_budgets_of))


def _budgets_roles() -> dict[str, str | None]:
    """By payer the role that it lends; None: it is the own account."""
    roles: dict[str, str | None] = json.loads(settings.text("BUDGETS_ROLES"))
    return roles


def _budgets_of(payer: str) -> Any:
    role = _budgets_roles()[payer]
    if role is None:
        return client("budgets")
    lent = client("sts").assume_role(RoleArn=role, RoleSessionName="push-budgets")["Credentials"]
    return _made(
        "budgets",
        aws_access_key_id=lent["AccessKeyId"],
        aws_secret_access_key=lent["SecretAccessKey"],
        aws_session_token=lent["SessionToken"],
    )


@cache
def workloads() -> "Kind[Workload]":
    from finops.adapters.rules import dynamo_workloads

    return dynamo_workloads(records(), settings.text("WORKLOADS_TABLE"))


def workload_spend() -> "WorkloadSpend":
    return allocated_spending()


def open_from() -> date:
    """The first day that changes may reach: what is closed, or being closed, stays as it is."""
    from finops.domain.fiscal_years import FIRST_YEAR
    from finops.domain.month_closes import frozen_before

    return max(date(FIRST_YEAR, 1, 1), frozen_before(closes().all().values()))


def unpaid_from() -> date:
    """The first day that credits have not paid for yet: of a month that is being closed they will."""
    from finops.domain.fiscal_years import FIRST_YEAR
    from finops.domain.month_closes import closed_before

    return max(date(FIRST_YEAR, 1, 1), closed_before(closes().all().values()))


def grounds() -> "Grounds":
    from finops.usecases.grounds import Grounds

    return Grounds(charts(), accounts(), workloads(), first_month(), open_from(), memo())


def book() -> "Book":
    from finops.usecases.grounds import Book

    return Book(rulebook(), grounds(), cost_basis())


@cache
def allocations() -> "Allocations":
    from finops.adapters.allocations import DynamoAllocations

    return DynamoAllocations(client("dynamodb"), settings.text("ALLOCATIONS_TABLE"))


@cache
def allocation_runs() -> "AllocationRuns":
    from finops.adapters.stepfunctions import StepFunctionsAllocationRuns

    return StepFunctionsAllocationRuns(client("stepfunctions"), settings.text("ALLOCATE_MONTH_ARN"))


def studio() -> "Studio":
    from finops.usecases.previews import Studio

    return Studio(book(), bills(), ledger(), allocation_runs())


def currency() -> str:
    """The currency that plans are made in."""
    return settings.text("CURRENCY") or "USD"


@cache
def shelf() -> "Shelf":
    from finops.usecases.allocated import Shelf

    return Shelf(allocations(), bills(), ledger(), connect)


def connect() -> "AbstractContextManager[Connection]":
    """The engine for some questions, within `limits`."""
    from finops.ledger.engine import connect as opened

    return opened(limits())


@cache
def originals() -> "Originals":
    from finops.usecases.originals import Originals

    bucket = settings.text("BILLING_BUCKET")
    return Originals(deliveries(), Path(tempfile.gettempdir()) / "finops-originals" / bucket)


def answers() -> "Sources":
    from finops.usecases.allocation_answers import Sources

    return Sources(shelf(), book(), charts(), shares(), first_month())


def scope_sources() -> "ScopeSources":
    from finops.usecases.financial_scope import ScopeSources

    return ScopeSources(charts(), budgets(), people(), accounts(), shares(), first_month())


def claims_desk() -> "ClaimsDesk":
    from finops.usecases.claims import ClaimsDesk

    return ClaimsDesk(claims(), shares(), grounds())


def space_sources() -> "SpaceSources":
    from finops.usecases.spaces import SpaceSources

    return SpaceSources(claims_desk(), workload_spend(), credits(), bills(), allocations(), book())


def cost_basis() -> "CostBasis":
    """The cost that owners' spend is made of, as the deployment says."""
    from finops.domain.class_policies import cost_basis as named

    return named(settings.text("COST_BASIS"))


# Credits ------------------------------------------------------------------------------------------


@cache
def credits() -> "Credits":  # noqa: A001  # named like its port
    from finops.adapters.credits import DynamoCredits

    return DynamoCredits(records(), settings.text("CREDITS_TABLE"))


@cache
def product_spend() -> "ProductSpend":
    from finops.usecases.allocated import RunSpend

    return RunSpend(shelf())


@cache
def bill_notes() -> "BillNotes":
    from finops.usecases.bill_notes import BillNotes

    return BillNotes(bills(), ledger())


def treasury() -> "Treasury":
    from finops.usecases.credits import Treasury

    return Treasury(
        *(credits(), product_spend(), bills(), bill_notes()),
        open_from=unpaid_from(),
        currency=currency(),
    )


# Resources ----------------------------------------------------------------------------------------


@cache
def inventory() -> "Inventory":
    """The inventories at hand, in an engine that stays open as long as this process does."""
    from finops.ledger.engine import connect
    from finops.ledger.inventory import Inventory

    opened = ExitStack()
    atexit.register(opened.close)
    return Inventory(opened.enter_context(connect(limits())))


def stock() -> "Stock":
    from finops.usecases.resources import Stock

    return Stock(
        *(bills(), ledger(), inventory(), shares(), workloads(), claims(), claim_rule_book()),
        *(memo(), settings_kept()),
    )


# Spend cards and the close --------------------------------------------------------------------------


@cache
def spend_cards() -> "DynamoSpendCards":
    from finops.adapters.spend_cards import DynamoSpendCards

    table, closing = settings.text("SPEND_CARDS_TABLE"), settings.text("CLOSES_TABLE")
    return DynamoSpendCards(records(), table, closing, client("s3"), ledger_bucket())


@cache
def card_spending() -> "CardSpending":
    from finops.usecases.card_spending import RunCardSpending

    return RunCardSpending(shelf())


@cache
def billed_months() -> "BilledMonths":
    from finops.usecases.billed_months import LedgerBilledMonths

    return LedgerBilledMonths(shelf())


def card_desk() -> "CardDesk":
    from finops.usecases.card_tasks import CardDesk

    return CardDesk(
        *(spend_cards(), people(), closes(), delegations(), settings_kept()),
        *(first_month(), memo()),
    )


def post() -> "Post | None":
    """The way to people, with the texts of this door's mails; None where nobody is the sender."""
    from finops.usecases.tend_cards import Post

    way = mails()
    if way is None:
        return None
    return Post(way, receipts(), letterhead())


def weekly_sources() -> "WeeklySources":
    from finops.usecases.weekly_digest import Sources

    return Sources(card_desk(), charts(), spending(), card_spending(), currency())


@cache
def closes() -> "Kind[MonthClose]":
    from finops.adapters.closes import dynamo_closes

    return dynamo_closes(records(), settings.text("CLOSES_TABLE"))


@cache
def close_files() -> "CloseFiles":
    from finops.adapters.close_files import S3CloseFiles

    return S3CloseFiles(client("s3"), settings.text("CLOSES_BUCKET"))


@cache
def close_delivery() -> "CloseDelivery":
    """Where the finance system picks up files: a bucket of its own, else a prefix of ours."""
    from finops.adapters.close_files import KeptDelivery, S3CloseDelivery

    bucket, _, account = settings.text("CLOSE_DELIVERY").partition("@")
    if not bucket:
        return KeptDelivery(close_files())
    return S3CloseDelivery(client("s3"), bucket, account)


@cache
def settlement() -> "Settlement":
    from finops.adapters.closes import DynamoSettlement
    from finops.adapters.credits import dynamo_credits

    credits_ = dynamo_credits(records(), settings.text("CREDITS_TABLE"))
    return DynamoSettlement(records(), closes(), credits_)


@cache
def close_runs() -> "CloseRuns":
    from finops.adapters.stepfunctions import StepFunctionsCloseRuns

    return StepFunctionsCloseRuns(client("stepfunctions"), settings.text("CLOSE_MONTH_ARN"))


def close_archive() -> "Archive":
    from finops.usecases.close_month import Archive

    return Archive(closes(), close_files())


def close_desk() -> "CloseDesk":
    from finops.domain.periods import BillingPeriod
    from finops.usecases.grounds import Edition
    from finops.usecases.month_closes import CloseDesk

    first = settings.text("CARDS_FROM")
    return CloseDesk(
        closes=closes(),
        files=close_files(),
        billed=billed_months(),
        cards=spend_cards(),
        card_spending=card_spending(),
        cards_from=BillingPeriod(first).start if first else None,
        shares=shares(),
        treasury=treasury(),
        budgets=budgets(),
        charts=charts(),
        allocations=allocations(),
        edition=Edition(rulebook(), charts(), cost_basis()),
        settings=settings_kept(),
        first_month=first_month(),
    )


@cache
def delegations() -> "Kind[Delegation]":
    from finops.adapters.closes import dynamo_delegations

    return dynamo_delegations(records(), settings.text("DELEGATIONS_TABLE"))


@cache
def settings_kept() -> "Kind[OrganisationSettings]":
    from finops.adapters.closes import dynamo_settings

    return dynamo_settings(records(), settings.text("SETTINGS_TABLE"))


# Corrections --------------------------------------------------------------------------------------


def ledgers() -> "Ledgers":
    from finops.usecases.book_corrections import Ledgers

    return Ledgers(closes(), close_files(), billed_months(), allocations())


def year_sources() -> "YearSources":
    from finops.usecases.closed_years import YearSources

    return YearSources(closes(), close_files(), shelf(), first_month(), cost_basis(), memo())


# Disputes -----------------------------------------------------------------------------------------


@cache
def remaps() -> "Remaps":
    from finops.adapters.remaps import DynamoRemaps

    return DynamoRemaps(records(), spend_cards(), shares(), claims())


def remap_desk() -> "RemapDesk":
    from finops.usecases.disputes import RemapDesk

    return RemapDesk(card_desk(), book(), remaps())


# Making cards -------------------------------------------------------------------------------------


def card_timing() -> "Timing":
    """When cards are made, as the deployment says."""
    from finops.domain.card_runs import Mondays
    from finops.usecases.plan_spend_cards import Timing

    return Timing(
        Mondays(settings.number("CARDS_HOUR", 6), settings.text("CARDS_TIME_ZONE")),
        settings.text("CARDS_FROM") or None,
        retry_minutes=settings.number("CARDS_RETRY_MINUTES", 30),
        retry_hours=settings.number("CARDS_RETRY_HOURS", 24),
    )


def card_sources() -> "CardSources":
    """Where a plan of cards comes from."""
    from finops.usecases.plan_spend_cards import Sources

    return Sources(
        *(bills(), card_spending(), spend_cards(), charts(), budgets(), settings_kept()),
        fiscal_start=first_month(),
        currency=currency(),
        open_from=open_from(),
    )


def card_press() -> "Press":
    """What cards are made with; it asks the table itself which months are open, and no index."""
    from finops.domain.month_closes import frozen_before
    from finops.usecases.make_spend_cards import Press

    return Press(
        *(spend_cards(), card_spending(), ledger()),
        lambda: frozen_before(closes().now().values()),
    )


@cache
def card_runs() -> "CardRuns":
    from finops.adapters.card_runs import StepFunctionsCardRuns

    return StepFunctionsCardRuns(client("stepfunctions"), settings.text("MAKE_SPEND_CARDS_ARN"))


def view_sources() -> "ViewSources":
    """Where views of signed and unsigned spend are looked up."""
    from finops.usecases.month_sums import ViewSources

    return ViewSources(
        cards=spend_cards(),
        card_spending=card_spending(),
        closes=closes(),
        settings=settings_kept(),
        people=people(),
        bills=bills(),
        allocations=allocations(),
        planning=planning(),
        book=book(),
        first_month=first_month(),
        currency=currency(),
    )


# Reports ------------------------------------------------------------------------------------------


@cache
def cube_heads() -> "CubeHeads":
    from finops.adapters.spend_cubes import DynamoCubeHeads

    return DynamoCubeHeads(client("dynamodb"), settings.text("REPORTS_TABLE"))


@cache
def spend_cubes() -> "SpendCubes":
    from finops.usecases.spend_cubes import LedgerSpendCubes

    return LedgerSpendCubes(cube_heads(), bills(), allocations(), ledger(), connect)


# Savings ------------------------------------------------------------------------------------------


@cache
def savings() -> "Kind[Saving]":
    from finops.adapters.savings import dynamo_savings

    return dynamo_savings(records(), settings.text("SAVINGS_TABLE"))


@cache
def savings_snapshots() -> "SavingsSnapshots":
    from finops.adapters.savings import S3SavingsSnapshots

    table = settings.text("SAVINGS_TABLE")
    return S3SavingsSnapshots(records(), table, client("s3"), ledger_bucket())


@cache
def realised_kept() -> "RealisedKept":
    """What savings have realised."""
    from finops.adapters.realised_savings import DynamoRealised

    table = settings.text("SAVINGS_TABLE")
    return DynamoRealised(client("dynamodb"), table, client("s3"), ledger_bucket())


def savings_desk() -> "SavingsDesk":
    from finops.usecases.savings_intake import SavingsDesk

    return SavingsDesk(savings(), savings_snapshots())


def owner_sources() -> "OwnerSources":
    """What says who pays for a resource."""
    from finops.usecases.resource_owners import OwnerSources

    return OwnerSources(shares(), claims(), claim_rule_book(), settings_kept(), memo())


def savings_board() -> "SavingsBoard":
    """Where savings are seen and decided on."""
    from finops.usecases.savings import SavingsBoard

    return SavingsBoard(savings(), savings_snapshots(), owner_sources(), accounts(), people())


@cache
def recommendations() -> "Recommendations":
    """Cost Optimization Hub is in one region, wherever this is."""
    from finops.adapters.cost_optimization_hub import AwsCostOptimizationHub

    hub = _made("cost-optimization-hub", region_name="us-east-1")
    return AwsCostOptimizationHub(hub, client("organizations"), client("sts"))


# Cost reports -------------------------------------------------------------------------------------


@cache
def kept_reports() -> "KeptReports":
    from finops.adapters.kept_reports import S3KeptReports

    return S3KeptReports(client("s3"), ledger_bucket())


@cache
def report_heads() -> "ReportHeads":
    from finops.adapters.kept_reports import DynamoReportHeads

    return DynamoReportHeads(client("dynamodb"), settings.text("REPORTS_TABLE"))


@cache
def report_runs() -> "ReportRuns":
    from finops.adapters.report_runs import StepFunctionsReportRuns

    return StepFunctionsReportRuns(client("stepfunctions"), settings.text("MAKE_REPORTS_ARN"))


def reports_time_zone() -> str:
    """Where Mondays and the first of a month begin that reports are sent on."""
    return settings.text("REPORTS_TIME_ZONE")


def report_shelf() -> "ReportShelf":
    from finops.usecases.kept_cost_reports import ReportShelf

    return ReportShelf(report_heads(), kept_reports())


def report_sources() -> "ReportSources":
    """What cost reports are made of."""
    from finops.usecases.cost_reports import ReportSources

    return ReportSources(
        *(spend_cubes(), charts(), accounts(), planning(), settings_kept()),
        first_month=first_month(),
        currency=currency(),
    )


def letterhead() -> "Letterhead":
    """How the mails and pages of this door begin."""
    from finops.usecases.digest import Letterhead

    return Letterhead(
        subject=settings.text("MAIL_SUBJECT"),
        text=settings.text("MAIL_TEXT"),
        logo=settings.text("MAIL_LOGO") or None,
        app_url=settings.text("APP_URL") or None,
    )


def report_press() -> "ReportPress":
    from finops.usecases.send_cost_reports import ReportPress

    return ReportPress(report_sources(), pictures(), kept_reports(), ledger(), letterhead())


# Alerts -------------------------------------------------------------------------------------------


@cache
def alerts() -> "Alerts":
    from finops.adapters.alerts import DynamoAlerts

    return DynamoAlerts(records(), settings.text("ALERTS_TABLE"))


@cache
def dispatches() -> "Dispatches":
    from finops.adapters.alerts import DynamoDispatches

    return DynamoDispatches(client("dynamodb"), settings.text("ALERTS_TABLE"))


@cache
def webhooks() -> "Webhooks":
    """The chat rooms that the deployment names, by the secrets that hold their addresses."""
    from finops.adapters.webhooks import SecretWebhooks, known_webhooks

    said: dict[str, str] = json.loads(settings.text("WEBHOOKS") or "{}")
    return SecretWebhooks(client("secretsmanager"), known_webhooks(said))


@cache
def daily_spend() -> "DailySpend":
    from finops.usecases.daily_spend import RunDailySpend

    return RunDailySpend(shelf(), currency())


def watch_sources() -> "WatchSources":
    """What is watched."""
    from finops.usecases.alert_crossings import WatchSources

    return WatchSources(
        planning=planning(),
        spend=daily_spend(),
        bills=bills(),
        allocations=allocations(),
        treasury=treasury(),
        closes=closes(),
        first_month=first_month(),
        currency=currency(),
    )


def outlets() -> "Outlets":
    """The ways that alerts go out by."""
    from finops.usecases.watch_spend import Outlets

    return Outlets(people(), charts(), dispatches(), mails(), webhooks(), letterhead())


# Tags ---------------------------------------------------------------------------------------------


def tag_desk() -> "TagDesk":
    from finops.usecases.tag_reports import TagDesk

    return TagDesk(stock(), inventory(), cost_basis())


def logo() -> str | None:
    """What the pages of this door begin with."""
    return settings.text("MAIL_LOGO") or None


def tagging_regions() -> tuple[str, ...]:
    """The regions that the tagging API is asked for."""
    return settings.words("TAGGING_REGIONS")


def tagged_resources() -> "TaggedResources":
    from finops.adapters.resource_groups_tagging import ResourceGroupsTagging

    return ResourceGroupsTagging(
        lambda region: _made("resourcegroupstaggingapi", region_name=region)
    )
