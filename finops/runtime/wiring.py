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
    from finops.domain.class_policies import ClassPolicies, CostBasis
    from finops.domain.people import Role
    from finops.domain.shares import AccountShares
    from finops.domain.workloads import Workload
    from finops.ledger.engine import Connection, Limits
    from finops.ledger.inventory import Inventory
    from finops.usecases.allocated import Shelf
    from finops.usecases.allocation_answers import Sources
    from finops.usecases.bill_notes import BillNotes
    from finops.usecases.budgets import Desk
    from finops.usecases.charts import Bench
    from finops.usecases.claims import ClaimsDesk
    from finops.usecases.costs import Summing
    from finops.usecases.credits import Treasury
    from finops.usecases.financial_scope import ScopeSources
    from finops.usecases.grounds import Book, Grounds
    from finops.usecases.memo import Memo
    from finops.usecases.originals import Originals
    from finops.usecases.plans import Planning
    from finops.usecases.ports import (
        Accounts,
        AllocationRuns,
        Allocations,
        Audit,
        Bills,
        Budgets,
        ChartFiles,
        Charts,
        Credits,
        Deliveries,
        Ledger,
        Loads,
        Mails,
        Notices,
        Organizations,
        People,
        ProductSpend,
        Receipts,
        Rulebook,
        RulesHeads,
        Runs,
        SignIns,
        Spending,
        WorkloadSpend,
    )
    from finops.usecases.previews import Studio
    from finops.usecases.resources import Stock
    from finops.usecases.spaces import SpaceSources
    from finops.usecases.spending import AllocatedSpending
    from finops.usecases.tasks import Office


@cache
def client(service: str) -> Any:
    """A client of AWS's *service*; connections are kept from call to call."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        service,
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

    return Bench(charts(), chart_files(), budgets(), first_month())


def office() -> "Office":
    from finops.usecases.tasks import Office

    return Office(
        *(charts(), budgets(), people(), accounts(), shares(), credits()),
        *(first_month(), memo()),
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

    return DynamoRulebook(shares(), policies(), claims(), claim_rule_book())


@cache
def workloads() -> "Kind[Workload]":
    from finops.adapters.rules import dynamo_workloads

    return dynamo_workloads(records(), settings.text("WORKLOADS_TABLE"))


def workload_spend() -> "WorkloadSpend":
    return allocated_spending()


def open_from() -> date:
    """The first day of the first month that is open: all are, until months are closed."""
    from finops.domain.fiscal_years import FIRST_YEAR

    return date(FIRST_YEAR, 1, 1)


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
        open_from=open_from(),
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
        bills(), ledger(), inventory(), shares(), workloads(), claims(), claim_rule_book(), memo()
    )
