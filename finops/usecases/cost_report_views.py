"""Cost reports as they leave the product: JSON, and a table."""

from collections.abc import Iterator
from typing import Any

from finops.domain.cost_reports import CostReport, ReportHead, ReportRow, ReportSection
from finops.domain.money import text
from finops.usecases.ports import ReportRun

COLUMNS = (
    *("billing_currency", "part", "dimension", "tag_key", "kind", "key", "name"),
    *("amount", "before", "comparable", "change", "growth", "share", "is_marked"),
)
Row = tuple[Any, ...]


def report(found: CostReport) -> dict[str, Any]:
    told: dict[str, Any] = found.model_dump(mode="json")
    return told


def table(found: CostReport) -> tuple[tuple[str, ...], list[Row]]:
    """The totals and all breakdowns as rows; those of a breakdown add up to the spend."""
    return COLUMNS, [row for one in found.sections for row in _rows(one)]


def _rows(section: ReportSection) -> Iterator[Row]:
    currency = section.currency
    totals = {"Spend": section.total, "AwsCredits": section.credits, "Net": section.net}
    for part, figures in totals.items():
        if figures is not None:
            row = ReportRow(**figures.model_dump(), key=None, name=part, share=None)
            yield (currency, part, None, None, None, None, part, *_figures(row))
    for one in section.breakdowns:
        for row in one.rows:
            of = (one.dimension, one.tag_key, row.kind.value, row.key, row.name)
            yield (currency, "Spend", *of, *_figures(row))


def _figures(row: ReportRow) -> Row:
    money = (row.amount, row.before, row.comparable, row.change)
    return (
        *(None if ticks is None else text(ticks) for ticks in money),
        row.growth,
        row.share,
        "yes" if row.is_marked else "no",
    )


def head(found: ReportHead) -> dict[str, Any]:
    """A kept report in a list."""
    return {
        "report_id": found.report_id,
        "rhythm": found.span.rhythm.value,
        "start": found.span.start.isoformat(),
        "end": found.span.end.isoformat(),
        "elements": list(found.elements),
        "scope": found.scope,
        "made_at": found.made_at.isoformat(),
        "totals": [
            {"currency": currency, "spend": text(ticks)} for currency, ticks in found.totals
        ],
        "gaps": list(found.gaps),
    }


def started(run_id: str, rhythm: str, end: str, again: bool) -> dict[str, Any]:
    return {"run_id": run_id, "rhythm": rhythm, "end": end, "again": again, "status": "Running"}


def run(run_id: str, found: ReportRun) -> dict[str, Any]:
    told = found.told or {}
    return {
        "run_id": run_id,
        "status": found.status,
        "error": found.cause,
        "reports": told.get("reports"),
        "sent": told.get("sent"),
        "sent_before": told.get("sent_before"),
    }
