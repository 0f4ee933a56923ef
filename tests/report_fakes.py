"""Kept cost reports and the runs that send them, in memory."""

from collections.abc import Iterator, Sequence

from finops.domain.cost_reports import ReportHead, ReportSpan
from finops.domain.errors import NotFoundError
from finops.usecases.ports import ReportRun


class InMemoryKeptReports:
    """`KeptReports`: contents and their types by key."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.types: dict[str, str] = {}

    def put(self, key: str, content: bytes, content_type: str) -> None:
        self.contents[key], self.types[key] = content, content_type

    def read(self, key: str) -> bytes:
        if key not in self.contents:
            raise NotFoundError(f"no report is kept as {key}")
        return self.contents[key]

    def keys(self, prefix: str) -> Iterator[str]:
        return (key for key in sorted(self.contents) if key.startswith(prefix))


class InMemoryReportHeads:
    """`ReportHeads`: by id."""

    def __init__(self) -> None:
        self.kept: dict[str, ReportHead] = {}

    def put(self, head: ReportHead) -> None:
        self.kept[head.report_id] = head

    def find(self, report_id: str) -> ReportHead | None:
        return self.kept.get(report_id)

    def of_span(self, span: ReportSpan) -> Sequence[ReportHead]:
        found = (one for one in self.kept.values() if one.span == span)
        return sorted(found, key=lambda one: (one.elements, one.made_at, one.report_id))


class InMemoryReportRuns:
    """`ReportRuns`: what was started, in order; a run goes on until `end` says what it came to."""

    def __init__(self) -> None:
        self.started: list[tuple[str, ReportSpan, bool]] = []
        self._runs: dict[str, ReportRun] = {}

    def start(self, run_id: str, span: ReportSpan, *, again: bool) -> None:
        if run_id not in self._runs:
            self.started.append((run_id, span, again))
            self._runs[run_id] = ReportRun("Running")

    def find(self, run_id: str) -> ReportRun | None:
        return self._runs.get(run_id)

    def end(self, run_id: str, run: ReportRun) -> None:
        self._runs[run_id] = run
