"""Sending cost reports: planned for all readers, each made once, kept, and mailed to those it is for.

Nothing is kept of a run but its reports, and who had them: each step can be run again at any time.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from finops.domain.authorization import Action, reach
from finops.domain.cost_reports import CostReport, ReportHead, ReportSpan, Ticks, parts, report_id
from finops.domain.elements import ENTERPRISE
from finops.domain.errors import NotFoundError
from finops.domain.organisation_settings import OrganisationSettings
from finops.domain.people import Person
from finops.domain.places import cost_report as report_place
from finops.domain.places import work
from finops.domain.report_settings import Rhythm, Threshold
from finops.domain.spend_cubes import CubeQuery
from finops.domain.values import Frozen
from finops.usecases.cost_report_pages import pictures_of, report_mail, report_page
from finops.usecases.cost_reports import ReportSources, cost_report, scope_of
from finops.usecases.digest import Letterhead
from finops.usecases.mail_rounds import Sent, sent_to_each
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import (
    KeptReports,
    Ledger,
    Mail,
    People,
    Pictures,
    ReportHeads,
    SpendCubes,
)
from finops.usecases.tend_cards import Post

DIGITS = 16
RETRY = timedelta(minutes=30)
PATIENCE = timedelta(hours=8)  # for cubes and bills that are late
KEPT = timedelta(days=100)  # how long it is known who had a report
NAMED = 20  # of what failed, or is missing
READERS = 500  # of an item: a state machine takes no more than 256 KiB
OWN = "own"
AT_HAND = 64  # reports while they are mailed
JSON, HTML, PNG = "application/json", "text/html; charset=utf-8", "image/png"
REPORT, PAGE = "report.json", "report.html"


class Reader(Frozen):
    """Somebody who gets a report: of their *own* scope, or as one of a group."""

    email: str
    name: str
    part: str


class ReportItem(Frozen):
    """A report that is made once, for all of its *readers*; those of many readers are several."""

    run_id: str
    number: int
    at: datetime
    span: ReportSpan
    elements: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    readers: tuple[Reader, ...]


class PlannedReports(Frozen):
    """What `plan` tells the state machine.

    *gaps* are what no cube has of the span, in words, *waits* counts them and the months that their
    bills do not cover yet. It *goes_on* once there are none, or when it has waited long enough.
    """

    run_id: str
    at: datetime
    due_at: datetime
    span: ReportSpan
    again: bool
    items: int
    bucket: str
    items_key: str
    gaps: tuple[str, ...]
    waits: int
    goes_on: bool
    wait_seconds: int


class WrittenReport(Frozen):
    """What became of an item: where its report is kept, and what it came to."""

    number: int
    report_id: str
    digest: str
    elements: tuple[str, ...]
    scope: str
    made_at: datetime
    totals: tuple[tuple[str, Ticks], ...]
    gaps: tuple[str, ...]
    images: tuple[str, ...]


class ToldReports(Frozen):
    """What a run came to. *problems*: reports that were not made, mails that failed, and gaps."""

    run_id: str
    rhythm: Rhythm
    start: date
    end: date
    reports: int
    sent: int
    sent_before: int
    unwritten: int
    failed: tuple[tuple[str, str], ...]
    gaps: tuple[str, ...]
    problems: int
    cause: str


class ReportPress(NamedTuple):
    """What reports are made with, and where they are kept."""

    sources: ReportSources
    pictures: Pictures
    kept: KeptReports
    ledger: Ledger
    letterhead: Letterhead


# Planning -------------------------------------------------------------------------------------------


def plan(
    run_id: str,
    due_at: datetime | None,
    rhythm: Rhythm,
    end: date | None,
    *,
    again: bool,
    waits: bool,
    now: datetime,
    time_zone: str,
    cubes: SpendCubes,
    settings: OrganisationSettings,
    people: People,
    ledger: Ledger,
    bucket: str,
) -> PlannedReports:
    """Which reports there are to be of the span before *end*; without one, of the newest by then.

    Where it *waits*, it goes on once the cubes are there and the bills cover the span, or hours
    later, with what is missing named.
    """
    due = due_at or now
    today = due.astimezone(ZoneInfo(time_zone)).date()
    span = ReportSpan.ended(rhythm, today) if end is None else ReportSpan.ending(rhythm, end)
    gaps, uncovered = _missing(span, cubes)
    goes_on = not waits or not (gaps or uncovered) or now >= due + PATIENCE
    items = list(_items(run_id, now, span, settings, people)) if goes_on else []
    more = len(gaps) - NAMED
    key = run_place(run_id, "items.json")
    ledger.put_json(key, [one.model_dump(mode="json") for one in items])
    return PlannedReports(
        run_id=run_id,
        at=now,
        due_at=due,
        span=span,
        again=again,
        items=len(items),
        bucket=bucket,
        items_key=key,
        gaps=tuple(gaps[:NAMED]) + ((f"and {more} more",) if more > 0 else ()),
        waits=len(gaps) + uncovered,
        goes_on=goes_on,
        wait_seconds=int(RETRY.total_seconds()),
    )


def run_place(run_id: str, name: str) -> str:
    """Where something of a run is kept while it is made."""
    return work(f"reports-{run_id}", name)


def _missing(span: ReportSpan, cubes: SpendCubes) -> tuple[list[str], int]:
    """What no cube has of a span, in words, and how many months their bills do not cover so far."""
    gaps: list[str] = []
    uncovered = 0
    for part in parts(span.period):
        answer = cubes.ask(CubeQuery(months=(part.month,), by=("currency",)))
        gaps += answer.missing
        if not answer.heads and not answer.missing:
            gaps.append(f"nothing of {part.month} is loaded and allocated yet")
        last = part.days.end - timedelta(1)
        uncovered += any(
            not one.is_final and (one.complete_through is None or one.complete_through < last)
            for one in answer.heads
        )
    return gaps, uncovered


def _items(
    run_id: str,
    at: datetime,
    span: ReportSpan,
    settings: OrganisationSettings,
    people: People,
) -> Iterable[ReportItem]:
    """Who have a scope and thresholds in common share a report."""
    readers: dict[tuple[tuple[str, ...], tuple[Threshold, ...]], list[Reader]] = {}
    chosen = settings.reports
    if span.rhythm in chosen.rhythms:
        for person in people.all():
            if (elements := _scope(person)) is not None and person.role in chosen.roles:
                name = person.name or person.email
                one = Reader(email=person.email, name=name, part=OWN)
                readers.setdefault((elements, chosen.thresholds), []).append(one)
    for group in chosen.groups:
        if span.rhythm not in group.rhythms:
            continue
        elements = () if group.element == ENTERPRISE else (group.element,)
        # Those of all reports, and those of the group; each once.
        thresholds = tuple(dict.fromkeys((*chosen.thresholds, *group.thresholds)))
        for email in dict.fromkeys(group.recipients):
            one = Reader(email=email, name=group.name, part=f"group {group.name}")
            readers.setdefault((elements, thresholds), []).append(one)
    shared = (
        (*of, tuple(some[first : first + READERS]))
        for of, some in readers.items()
        for first in range(0, len(some), READERS)
    )
    for number, (elements, thresholds, its) in enumerate(shared):
        yield ReportItem(
            run_id=run_id,
            number=number,
            at=at,
            span=span,
            elements=elements,
            thresholds=thresholds,
            readers=its,
        )


def _scope(person: Person) -> tuple[str, ...] | None:
    """What the report of *person* is about; None for who gets none."""
    if reach(person, Action.SEE_REPORTS) is None or not person.reach:
        return None
    return scope_of(ENTERPRISE, by=person)


# Making ---------------------------------------------------------------------------------------------


def write(item: ReportItem, *, press: ReportPress) -> WrittenReport:
    """Make a report and keep it as JSON, as a page, and its plots beside it.

    It is kept under what it says, so that a report that somebody had is never written over.
    """
    report = cost_report(
        item.span,
        item.elements,
        item.thresholds,
        at=item.at,
        chosen=in_force(press.sources.settings),
        sources=press.sources,
    )
    told = report.model_dump(mode="json")
    digest = _digest(told)
    images = pictures_of(report, press.pictures)
    page = report_page(report, press.letterhead, images)

    def put(name: str, content: bytes, kind: str) -> None:
        press.kept.put(place(item.span, digest, name), content, kind)

    for name, png in images.items():
        put(f"{name}.png", png, PNG)
    put(PAGE, page.encode(), HTML)
    put(REPORT, json.dumps(told, ensure_ascii=False).encode(), JSON)
    written = WrittenReport(
        number=item.number,
        report_id=report_id(item.span, digest),
        digest=digest,
        elements=item.elements,
        scope=report.scope,
        made_at=item.at,
        totals=tuple((one.currency, one.total.amount) for one in report.sections),
        gaps=report.gaps,
        images=tuple(images),
    )
    done = run_place(item.run_id, f"written/{item.number}.json")
    press.ledger.put_json(done, written.model_dump(mode="json"))
    return written


def place(span: ReportSpan, digest: str, name: str) -> str:
    """Where a file of a report is kept."""
    return report_place(span.rhythm.lower(), span.end.isoformat(), digest, name)


def _digest(told: Mapping[str, object]) -> str:
    """What a report says is known by, whenever it was made."""
    said = {name: value for name, value in told.items() if name != "made_at"}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:DIGITS]


# Telling --------------------------------------------------------------------------------------------


class _Letter(NamedTuple):
    """A mail that is to go out: a report to a reader."""

    item: ReportItem
    written: WrittenReport
    reader: Reader

    @property
    def email(self) -> str:
        return self.reader.email

    @property
    def head(self) -> ReportHead:
        return ReportHead(
            report_id=self.written.report_id,
            span=self.item.span,
            elements=self.written.elements,
            scope=self.written.scope,
            made_at=self.written.made_at,
            totals=self.written.totals,
            gaps=self.written.gaps,
        )


def tell(
    planned: PlannedReports,
    *,
    post: Post | None,
    kept: KeptReports,
    heads: ReportHeads,
    ledger: Ledger,
) -> ToldReports:
    """Mail each report to its readers, each of them once a span, and put on the list what goes out.

    It is on the list before anybody has it, so that no report is out that nobody finds. A report
    that was not made, and a mail that does not go out, keep nobody else from theirs. Without *post*
    the reports are kept and nobody gets any.
    """
    items = [ReportItem.model_validate(one) for one in ledger.get_json(planned.items_key)]
    written = {item.number: _written(item, ledger) for item in items}
    letters = [
        _Letter(item, found, reader)
        for item in items
        if (found := written[item.number]) is not None
        for reader in item.readers
    ]
    if post is None:
        for letter in letters:
            heads.put(letter.head)
        sent = Sent()
    else:
        sent = _mailed(planned, letters, post, kept, heads)
    return _told(planned, list(written.values()), sent)


def _told(
    planned: PlannedReports, written: Sequence[WrittenReport | None], sent: Sent
) -> ToldReports:
    unwritten = sum(one is None for one in written)
    problems = unwritten + len(sent.failed) + len(planned.gaps)
    return ToldReports(
        run_id=planned.run_id,
        rhythm=planned.span.rhythm,
        start=planned.span.start,
        end=planned.span.end,
        reports=len({one.report_id for one in written if one is not None}),
        sent=len(sent.sent),
        sent_before=len(sent.sent_before),
        unwritten=unwritten,
        failed=sent.failed[:NAMED],
        gaps=planned.gaps,
        problems=problems,
        cause=_cause(unwritten, len(sent.failed), planned.gaps),
    )


def _cause(unwritten: int, failed: int, gaps: Sequence[str]) -> str:
    """What went wrong, in words."""
    told = [
        f"{unwritten} reports were not made" if unwritten else "",
        f"{failed} mails did not go out" if failed else "",
        f"reports went out with gaps: {'; '.join(gaps)}" if gaps else "",
    ]
    return ". ".join(one for one in told if one)


def _written(item: ReportItem, ledger: Ledger) -> WrittenReport | None:
    try:
        found = ledger.get_json(run_place(item.run_id, f"written/{item.number}.json"))
    except NotFoundError:
        return None
    return WrittenReport.model_validate(found)


def _mailed(
    planned: PlannedReports,
    letters: Sequence[_Letter],
    post: Post,
    kept: KeptReports,
    heads: ReportHeads,
) -> Sent:
    """What became of the mails."""
    letterhead = post.letterhead
    by_number = {one.item.number: one for one in letters}

    @lru_cache(AT_HAND)
    def listed(number: int) -> tuple[CostReport, dict[str, bytes]]:
        letter = by_number[number]
        found = letter.written
        raw = kept.read(place(planned.span, found.digest, REPORT))
        images = {
            name: kept.read(place(planned.span, found.digest, f"{name}.png"))
            for name in found.images
        }
        heads.put(letter.head)
        return CostReport.model_validate_json(raw), images

    def write_mail(letter: _Letter) -> Mail:
        report, images = listed(letter.item.number)
        return report_mail(letter.email, letter.reader.name, report, letterhead, images)

    once = f"cost-report#{planned.span.rhythm}#{planned.span.end}"
    once += f"#{planned.run_id}" if planned.again else ""
    return sent_to_each(
        letters,
        lambda letter: f"{once}#{letter.reader.part}#{letter.email}",
        write_mail,
        mails=post.mails,
        receipts=post.receipts,
        kept=KEPT,
    )
