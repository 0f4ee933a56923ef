"""What the door to reports answers. A cost report is told as it is kept (`finops.domain`)."""

from typing import Annotated, Literal

from pydantic import Field

from finops.domain.cost_reports import CostReport
from finops.domain.report_settings import Rhythm
from finops.runtime.openapi.words import Answers, Cursor, Day, Money, Time, Told

ReportId = Annotated[str, Field(examples=["weekly-2026-09-06-0f3a5b7c9d1e2f4a"])]
RunId = Annotated[str, Field(description="Its name, as the state machine knows it")]
SpanEnd = Annotated[Day, Field(description="The day after the last one")]


class KeptTotal(Told):
    """What a kept report came to in a currency."""

    currency: str
    spend: Money


class KeptReport(Told):
    """A cost report as it was sent."""

    report_id: ReportId
    rhythm: Rhythm
    start: Day
    end: SpanEnd
    elements: Annotated[list[str], Field(description="None: the whole enterprise")]
    scope: Annotated[str, Field(description="What they are called")]
    made_at: Time
    totals: list[KeptTotal]
    gaps: Annotated[list[str], Field(description="What was missing when it was sent")]


class KeptReports(Told):
    items: list[KeptReport]
    next_cursor: Cursor


class StartedReportRun(Told):
    """A run that makes and sends cost reports has begun."""

    run_id: RunId
    rhythm: Rhythm
    end: SpanEnd
    again: bool
    status: Literal["Running"]


class ReportRun(Told):
    """What became of a run; the counts are null until it is over, and of one that failed."""

    run_id: RunId
    status: Literal["Running", "Done", "Failed"]
    error: Annotated[str | None, Field(description="Why it failed, or what is not whole")]
    reports: int | None
    sent: int | None
    sent_before: Annotated[int | None, Field(description="Readers who had theirs before")]


ANSWERS: Answers = {
    ("get", "/reports/cost"): ("200", CostReport),
    ("get", "/reports/cost/kept"): ("200", KeptReports),
    ("get", "/reports/cost/kept/{report_id}"): ("200", CostReport),
    ("post", "/reports/cost/runs"): ("202", StartedReportRun),
    ("get", "/reports/cost/runs/{run_id}"): ("200", ReportRun),
}
