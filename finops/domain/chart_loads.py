"""Loads of the chart of accounts: each file that came, and what became of it."""

import hashlib
from datetime import datetime
from enum import StrEnum

from finops.domain.charts import ChartReport
from finops.domain.values import Entity


class ChartLoadStatus(StrEnum):
    """What became of a file."""

    LOADED = "Loaded"
    UNCHANGED = "Unchanged"
    OLDER = "Older"  # a newer file of this name is in force
    REFUSED = "Refused"


class ChartHead(Entity):
    """The chart of accounts in force of a fiscal year: where its document is, and what it holds."""

    year: int
    document: str
    load_id: str
    file_name: str
    file_came_at: datetime
    products: int
    annual: int
    changed_at: datetime


class ChartLoad(Entity):
    """A file of the chart of accounts; the version of it that was read stays readable."""

    load_id: str
    year: int  # 0: the file's name does not say
    status: ChartLoadStatus
    file_name: str
    file_key: str
    file_version: str
    report_key: str
    file_came_at: datetime
    loaded_by: str
    loaded_at: datetime
    rows: int = 0
    added: int = 0
    changed_products: int = 0
    ended: int = 0
    unchanged: int = 0
    flagged: int = 0
    errors: int = 0
    warnings: int = 0
    chart_version: int | None = None  # the chart's after this load


def chart_load_id(*parts: str) -> str:
    """The same file in the same version is the same load."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def status_of(report: ChartReport) -> ChartLoadStatus:
    """What a load with this *report* comes to."""
    if report.is_refused:
        return ChartLoadStatus.REFUSED
    return ChartLoadStatus.UNCHANGED if report.changes_nothing else ChartLoadStatus.LOADED
