"""Structured logs and metrics, the same for every door; a delivery is followed by its load id."""

from datetime import UTC, datetime

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
metrics = Metrics(namespace="FinOpsCenter")


def now() -> datetime:
    """The clock, asked at the door and nowhere else."""
    return datetime.now(UTC)


def count(name: str, value: float = 1) -> None:
    """One more of *name*."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
