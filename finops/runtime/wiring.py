"""The ports, answered: the only place that makes clients, and only once they are needed.

Functions are named like the ports. Importing this costs nothing and asks nothing of the environment.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finops.runtime import settings

if TYPE_CHECKING:
    from finops.ledger.engine import Limits
    from finops.usecases.costs import Summing
    from finops.usecases.ports import Bills, Deliveries, Ledger, Loads, Runs


@cache
def client(service: str) -> Any:
    """A client of AWS's *service*; connections are kept from call to call."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        service,
        config=Config(
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
