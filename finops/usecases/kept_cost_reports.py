"""Cost reports that were sent: listed, read again, and sent by somebody who does not wait."""

import hashlib
import uuid
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from finops.domain.authorization import Action, must, must_reach
from finops.domain.cost_reports import ReportHead, ReportSpan
from finops.domain.errors import InvalidError, NotFoundError
from finops.domain.people import Person
from finops.domain.report_settings import Rhythm
from finops.usecases.cost_reports import may_see
from finops.usecases.ports import KeptReports, ReportHeads, ReportRun, ReportRuns
from finops.usecases.send_cost_reports import PAGE, REPORT, place

MOST_SPANS = 60  # a year of weeks, and more
DIGITS = 16


class ReportShelf(NamedTuple):
    """Where reports are kept, and what there is of them."""

    heads: ReportHeads
    kept: KeptReports


def kept_reports(
    rhythms: Sequence[Rhythm], since: date, *, by: Person, today: date, shelf: ReportShelf
) -> list[ReportHead]:
    """What was sent of spans that ended on or after a day, newest first, as far as *by* may see it.

    Raises InvalidError for a day that is too long ago to look at all spans since.
    """
    must_reach(by, Action.SEE_REPORTS)
    found: list[ReportHead] = []
    for rhythm in rhythms:
        for span in _spans(rhythm, since, today):
            heads = shelf.heads.of_span(span)
            found += [one for one in heads if may_see(one.elements, by=by)]
    return sorted(found, key=order)


def order(head: ReportHead) -> str:
    """The newest span first, then by scope and id: as text, for pages."""
    age = date.max.toordinal() - head.span.end.toordinal()
    return f"{age:07}#{head.span.rhythm}#{'#'.join(head.elements)}#{head.report_id}"


def _spans(rhythm: Rhythm, since: date, today: date) -> list[ReportSpan]:
    span = ReportSpan.ended(rhythm, today)
    found: list[ReportSpan] = []
    while span.end >= since:
        if len(found) == MOST_SPANS:
            raise InvalidError(f"since {since}: name a later day, {span.end} or after it")
        found.append(span)
        span = ReportSpan.ending(rhythm, span.start)
    return found


def kept_report(report_id: str, *, by: Person, shelf: ReportShelf) -> bytes:
    """The JSON of a report as it was sent. Raises NotFoundError, outside the scope of *by* too."""
    return shelf.kept.read(_place(report_id, REPORT, by, shelf))


def kept_page(report_id: str, *, by: Person, shelf: ReportShelf) -> bytes:
    """The same as HTML, with its plots in it."""
    return shelf.kept.read(_place(report_id, PAGE, by, shelf))


def _place(report_id: str, name: str, by: Person, shelf: ReportShelf) -> str:
    must_reach(by, Action.SEE_REPORTS)
    head = shelf.heads.find(report_id)
    if head is None or not may_see(head.elements, by=by):
        raise NotFoundError(f"there is no report {report_id} in your financial scope")
    return place(head.span, report_id.rpartition("-")[2], name)


# Runs -----------------------------------------------------------------------------------------------


def start_report_run(
    span: ReportSpan,
    key: str | None,
    *,
    again: bool,
    by: Person,
    today: date,
    runs: ReportRuns,
) -> str:
    """Make the reports of a span and mail them to all who have not had them; the run's id.

    With *again*, to all. The same wish with the same *key* is the same run all day. Raises
    InvalidError for a span that is not over.
    """
    must(by, Action.SEND_REPORTS)
    if span.end > today:
        raise InvalidError(
            f"end {span.end}: {span.label} is not over; send its report from then on"
        )
    token = (
        hashlib.sha256(f"{key} {again} {today}".encode()).hexdigest() if key else uuid.uuid4().hex
    )
    run_id = f"{span.rhythm.lower()}-{span.end}-{token[:DIGITS]}"
    runs.start(run_id, span, again=again)
    return run_id


def report_run(run_id: str, *, by: Person, runs: ReportRuns) -> ReportRun:
    """Raises NotFoundError for a run that is none, or long gone."""
    must(by, Action.SEND_REPORTS)
    found = runs.find(run_id)
    if found is None:
        raise NotFoundError(f"there is no run {run_id}; runs are known for ninety days")
    return found
