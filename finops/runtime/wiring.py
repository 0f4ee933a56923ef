"""The ports, answered: the only place that makes clients, and only once they are needed.

Functions are named like the ports. Importing this costs nothing and asks nothing of the environment.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finops.runtime import settings

if TYPE_CHECKING:
    from finops.adapters.records import Records
    from finops.domain.people import Role
    from finops.ledger.engine import Limits
    from finops.usecases.budgets import Desk
    from finops.usecases.charts import Bench
    from finops.usecases.costs import Summing
    from finops.usecases.memo import Memo
    from finops.usecases.plans import Planning
    from finops.usecases.ports import (
        Accounts,
        Audit,
        Bills,
        Budgets,
        ChartFiles,
        Charts,
        Deliveries,
        Ledger,
        Loads,
        Mails,
        Notices,
        Organizations,
        People,
        Receipts,
        Runs,
        SignIns,
        Spending,
    )
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


@cache
def spending() -> "Spending":
    from finops.usecases.spending import BilledSpending

    return BilledSpending(bills())


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

    return Office(charts(), budgets(), people(), first_month(), memo())


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
