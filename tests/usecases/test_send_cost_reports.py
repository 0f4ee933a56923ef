"""Sending cost reports: who gets which, once, and what is kept and told when something is missing."""

import json
import os
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from finops.domain.cost_reports import CostReport, ReportHead
from finops.domain.errors import InvalidError, NotFoundError
from finops.domain.organisation_settings import OrganisationSettings
from finops.domain.people import PersonStatus, Role
from finops.domain.report_settings import Dimension, ReportGroup, Rhythm, Threshold
from finops.domain.spend_cubes import CubeRow
from finops.domain.tag_settings import TagSettings
from finops.usecases import send_cost_reports
from finops.usecases.cost_report_pages import (
    blocks,
    drawings,
    pictures_of,
    report_mail,
    report_page,
)
from finops.usecases.digest import Letterhead
from finops.usecases.kept_cost_reports import (
    ReportShelf,
    kept_page,
    kept_report,
    kept_reports,
    start_report_run,
)
from finops.usecases.organisation_settings import set_reports, set_tags
from finops.usecases.send_cost_reports import (
    PlannedReports,
    ReportItem,
    ReportPress,
    ToldReports,
    plan,
    tell,
    write,
)
from finops.usecases.tend_cards import Post
from tests.cube_fakes import InMemorySpendCubes, row
from tests.months import JsonLedger
from tests.plotted import drawn
from tests.report_fakes import InMemoryKeptReports, InMemoryReportHeads, InMemoryReportRuns
from tests.reporting import AT, TEAM, WEEK, daily, organised, reported, sources, usual_rows
from tests.usecases.organisation import UNIT, WEB_SHOP, act

GOLDEN = Path(__file__).parent / "golden" / "cost_report.html"
PAPER = Letterhead(
    subject="FinOps Center: costs of $span: $total",
    text="Hello $name,\n\nthis is what $scope cost in $span.",
    app_url="https://finops.example/?from=mail&in=one",
)
TODAY = AT.date()
TEAM_LEADS = ReportGroup(
    name="Team leads",
    element="retail",
    recipients=("lead@example.com", "deputy@example.com"),
    thresholds=(Threshold(dimension=Dimension.SERVICE, share=1),),
)


class Painted:
    """`Pictures` of no size."""

    def png(self, svg: str) -> bytes:
        assert svg.startswith("<svg")
        return b"png"


def json_ledger() -> Any:
    """As much of a `Ledger` as a run needs."""
    return JsonLedger()


class Office:
    """Everything that a run touches; `run` goes through it as the state machine does."""

    def __init__(self, rows: Iterable[CubeRow] | InMemorySpendCubes | None = None) -> None:
        self.organisation = organised()
        self.sources = sources(usual_rows() if rows is None else rows, self.organisation)
        self.kept, self.heads = InMemoryKeptReports(), InMemoryReportHeads()
        self.ledger = json_ledger()
        self.press = ReportPress(self.sources, Painted(), self.kept, self.ledger, PAPER)
        self.choose(tags=TagSettings(report_keys=(TEAM,)))

    def choose(self, **parts: Any) -> None:
        made = OrganisationSettings(**parts)
        admin = self.organisation.people.find("fin@example.com")
        assert admin is not None
        by: Mapping[str, Any] = {
            "by": admin,
            "settings": self.organisation.settings_kept,
            "act": act(),
        }
        version = self._settings().version
        if "tags" in parts:
            set_tags(made.tags, version, **by)
        if "reports" in parts:
            set_reports(
                made.reports, self._settings().version, charts=self.organisation.charts, **by
            )

    def _settings(self) -> OrganisationSettings:
        return self.organisation.settings_kept.find("all") or OrganisationSettings()

    def plan(
        self,
        run_id: str = "run-1",
        rhythm: Rhythm = Rhythm.WEEKLY,
        *,
        due: datetime = AT,
        now: datetime | None = None,
        end: date | None = None,
        again: bool = False,
        waits: bool = True,
        time_zone: str = "UTC",
    ) -> PlannedReports:
        return plan(
            run_id,
            due,
            rhythm,
            end,
            again=again,
            waits=waits,
            now=now or due,
            time_zone=time_zone,
            cubes=self.sources.cubes,
            settings=self._settings(),
            people=self.organisation.people,
            ledger=self.ledger,
            bucket="ledger",
        )

    def items(self, planned: PlannedReports) -> list[ReportItem]:
        return [ReportItem.model_validate(one) for one in self.ledger.get_json(planned.items_key)]

    def tell(self, planned: PlannedReports, *, has_sender: bool = True) -> ToldReports:
        post = Post(self.organisation.mails, self.organisation.receipts, PAPER)
        return tell(
            planned,
            post=post if has_sender else None,
            kept=self.kept,
            heads=self.heads,
            ledger=self.ledger,
        )

    def run(self, run_id: str = "run-1", *, has_sender: bool = True, **asked: Any) -> ToldReports:
        planned = self.plan(run_id, **asked)
        for item in self.items(planned):
            write(item, press=self.press)
        return self.tell(planned, has_sender=has_sender)

    @property
    def sent_to(self) -> list[str]:
        return sorted(mail.to for mail in self.organisation.mails.sent)

    @property
    def shelf(self) -> ReportShelf:
        return ReportShelf(self.heads, self.kept)


@pytest.fixture
def office() -> Office:
    return Office()


EVERYBODY = sorted(
    f"{name}@example.com"
    for name in ("fin", "vendor", "cloud", "unit", "department", "portfolio", "product")
)


# Who gets what --------------------------------------------------------------------------------------


def test_everybody_gets_the_report_of_their_scope_and_admins_share_one(office: Office) -> None:
    told = office.run()

    assert office.sent_to == EVERYBODY
    assert (told.reports, told.sent, told.problems) == (5, 7, 0)
    texts = {mail.to: mail.text for mail in office.organisation.mails.sent}
    assert "this is what the enterprise cost" in texts["cloud@example.com"]
    assert "this is what Web shop cost" in texts["product@example.com"]
    assert "Bank" not in texts["unit@example.com"]


def test_roles_that_settings_leave_out_get_none_and_the_suspended_neither(office: Office) -> None:
    office.choose(reports={"roles": [Role.FINANCIAL_ADMIN, Role.PRODUCT_OWNER]})
    office.organisation.hire(
        "gone@example.com", Role.PRODUCT_OWNER, [WEB_SHOP], PersonStatus.SUSPENDED
    )

    office.run()

    assert office.sent_to == ["fin@example.com", "product@example.com"]


def test_each_recipient_of_a_group_gets_its_element_by_its_own_thresholds(office: Office) -> None:
    office.choose(reports={"roles": [Role.BUSINESS_UNIT_OWNER], "groups": [TEAM_LEADS]})

    told = office.run()

    assert office.sent_to == ["deputy@example.com", "lead@example.com", "unit@example.com"]
    texts = {mail.to: mail.text for mail in office.organisation.mails.sent}
    assert "Hello Team leads,\n\nthis is what Retail cost" in texts["lead@example.com"]
    assert "Over a threshold (1)" in texts["lead@example.com"]
    assert "Over a threshold" not in texts["unit@example.com"]
    assert told.reports == 2


def test_a_scope_that_no_chart_has_stands_in_nobodys_way(office: Office) -> None:
    office.organisation.hire("old@example.com", Role.PRODUCT_OWNER, ["gone.for.good.now"])

    told = office.run()

    assert (told.sent, told.problems) == (8, 0)
    [mail] = (one for one in office.organisation.mails.sent if one.to == "old@example.com")
    assert "costs of the week 2026-03-01 to 2026-03-07: 0.00 USD" in mail.subject


def test_a_rhythm_that_is_switched_off_sends_nothing(office: Office) -> None:
    office.choose(reports={"rhythms": [Rhythm.MONTHLY]})

    assert office.run().reports == 0


def test_a_report_goes_out_once_however_often_it_is_asked_for(office: Office) -> None:
    office.run()

    again = office.run("run-2")

    assert (again.sent, again.sent_before) == (0, 7)
    assert office.sent_to == EVERYBODY
    assert office.run("run-3", again=True).sent == 7


def test_a_monthly_report_is_another_one_than_that_of_the_week(office: Office) -> None:
    office.run()

    told = office.run("run-2", rhythm=Rhythm.MONTHLY)

    assert (told.start, told.end, told.sent) == (date(2026, 2, 1), date(2026, 3, 1), 7)


def test_the_first_of_a_month_is_that_of_the_time_zone(office: Office) -> None:
    due = datetime.fromisoformat("2026-02-28T22:00:00+00:00")

    planned = office.plan(rhythm=Rhythm.MONTHLY, due=due, time_zone="Asia/Tokyo")

    assert planned.span.end == date(2026, 3, 1)


def test_a_mail_that_bounces_keeps_nobody_else_from_theirs(office: Office) -> None:
    office.organisation.mails.bounces = {"vendor@example.com"}

    told = office.run()

    assert (told.sent, told.problems) == (6, 1)
    assert told.cause == "1 mails did not go out"
    office.organisation.mails.bounces = set()
    assert office.run("run-2").sent == 1


def test_what_is_mailed_is_on_the_list_whenever_the_step_is_killed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = office.plan()
    for item in office.items(planned):
        write(item, press=office.press)
    mails = office.organisation.mails
    with monkeypatch.context() as patch:
        patch.setattr(send_cost_reports, "_told", _killed)
        with pytest.raises(SystemExit):
            office.tell(planned)

    told = office.tell(planned)

    assert (told.sent, told.sent_before, len(mails.sent)) == (0, 7, 7)
    assert len(office.heads.kept) == 5


def _killed(*_: Any) -> None:
    raise SystemExit


def test_many_readers_of_one_report_are_several_items_and_one_report(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_cost_reports, "READERS", 2)

    items = office.items(office.plan())
    told = office.run()

    assert sorted(len(one.readers) for one in items) == [1, 1, 1, 1, 1, 2]
    assert [one.number for one in items] == list(range(6))
    assert office.sent_to == EVERYBODY
    assert (told.reports, len(office.heads.kept)) == (5, 5)


def test_many_gaps_are_counted_and_the_first_are_named() -> None:
    gaps = [f"the bill of {number:012} for 2026-03 is not allocated yet" for number in range(600)]
    office = Office(InMemorySpendCubes(usual_rows(), missing=gaps))

    told = office.run(now=AT + timedelta(hours=8))

    assert told.gaps == (*gaps[:20], "and 580 more")
    assert told.problems > 0
    # A state machine hands on 256 KiB, and says why it failed in 32.
    assert told.cause.endswith(f"{gaps[19]}; and 580 more")


def test_a_report_that_was_not_made_is_told_of_and_the_others_go_out(office: Office) -> None:
    planned = office.plan()
    for item in office.items(planned)[1:]:
        write(item, press=office.press)

    told = office.tell(planned)

    assert (told.unwritten, told.problems) == (1, 1)
    assert told.cause == "1 reports were not made"
    assert 0 < told.sent < 7


def test_without_a_sender_reports_are_kept_and_nobody_gets_any(office: Office) -> None:
    told = office.run(has_sender=False)

    assert (told.sent, told.problems) == (0, 0)
    assert len(office.heads.kept) == 5


# What is missing ------------------------------------------------------------------------------------


def test_a_run_waits_for_cubes_and_goes_on_with_gaps_that_it_fails_for() -> None:
    office = Office([row("2026-02-25", UNIT)])

    first = office.plan()
    late = office.plan(now=AT + timedelta(hours=8))

    assert (first.goes_on, first.items, first.wait_seconds) == (False, 0, 1800)
    assert late.goes_on
    assert late.gaps == ("nothing of 2026-03 is loaded and allocated yet",)
    told = office.run(now=AT + timedelta(hours=8))
    assert told.sent == 7
    assert told.problems == 1
    assert "2026-03" in told.cause
    assert all("Missing: nothing of 2026-03" in one.text for one in office.organisation.mails.sent)


def test_a_run_waits_for_a_bill_that_does_not_cover_the_span_and_then_says_so() -> None:
    rows = daily("2026-02-22", "2026-03-05", 1)
    office = Office(InMemorySpendCubes(rows, complete_through=date(2026, 3, 5)))

    assert not office.plan().goes_on
    told = office.run(now=AT + timedelta(hours=8))

    assert (told.sent, told.problems) == (7, 0)
    assert "of 7 days it covers 5" in office.organisation.mails.sent[0].text


def test_who_asks_for_it_now_waits_for_nothing() -> None:
    assert Office([row("2026-02-25", UNIT)]).plan(waits=False).goes_on


# What is kept ---------------------------------------------------------------------------------------


def of(office: Office, *elements: str) -> ReportHead:
    [found] = (one for one in office.heads.kept.values() if one.elements == elements)
    return found


def test_a_report_is_kept_as_json_and_as_a_page_with_its_plots_in_it(office: Office) -> None:
    office.run()

    head = of(office)
    where = f"reports/cost/weekly/2026-03-08/{head.report_id.rpartition('-')[2]}"
    files = [key.removeprefix(f"{where}/") for key in office.kept.keys(where)]
    assert {"report.html", "report.json"} < set(files)
    page = office.kept.read(f"{where}/report.html").decode()
    assert page.startswith("<!doctype html>")
    assert "cid:" not in page
    assert 'src="data:image/png;base64,cG5n"' in page
    assert "Hello" not in page
    told = json.loads(office.kept.read(f"{where}/report.json"))
    assert told["sections"][0]["total"]["amount"] == "30.0000000000"
    assert head.totals == (("USD", 30 * UNIT),)


def test_the_mail_says_the_numbers_of_the_json(office: Office) -> None:
    office.run()

    head = of(office)
    [mail] = (one for one in office.organisation.mails.sent if one.to == "fin@example.com")
    admin = office.organisation.people.find("fin@example.com")
    assert admin is not None
    raw = kept_report(head.report_id, by=admin, shelf=office.shelf)
    report = CostReport.model_validate_json(raw)
    again = report_mail(mail.to, "fin@example.com", report, PAPER, mail.images)
    assert again.text == mail.text
    assert again.html == mail.html
    for one in report.sections[0].breakdowns:
        for each in one.rows:
            assert f"{each.amount // UNIT}.00" in mail.text


def test_the_same_report_is_kept_once_and_another_one_beside_it(office: Office) -> None:
    office.run()
    first = set(office.heads.kept)
    office.run("run-2", again=True, now=AT + timedelta(minutes=5))
    assert set(office.heads.kept) == first

    cubes = office.sources.cubes
    assert isinstance(cubes, InMemorySpendCubes)
    cubes.rows.append(row("2026-03-03", UNIT))
    office.run("run-3", again=True)

    assert first < set(office.heads.kept)


def test_a_reader_is_shown_what_was_sent_of_their_scope_and_nothing_else(office: Office) -> None:
    office.run()
    owner = office.organisation.people.find("department@example.com")
    assert owner is not None

    found = kept_reports(
        [Rhythm.WEEKLY], date(2026, 1, 1), by=owner, today=AT.date(), shelf=office.shelf
    )

    assert [one.scope for one in found] == ["Digital", "Storefront", "Web shop"]
    assert b"<h2" in kept_page(found[0].report_id, by=owner, shelf=office.shelf)
    with pytest.raises(NotFoundError, match="in your financial scope"):
        kept_report(of(office).report_id, by=owner, shelf=office.shelf)
    with pytest.raises(NotFoundError):
        kept_report("weekly-2026-03-08-0000000000000000", by=owner, shelf=office.shelf)


def test_too_many_spans_are_refused_with_the_day_to_name(office: Office) -> None:
    admin = office.organisation.people.find("fin@example.com")
    assert admin is not None

    with pytest.raises(InvalidError, match="name a later day"):
        kept_reports(
            [Rhythm.WEEKLY], date(2020, 1, 1), by=admin, today=AT.date(), shelf=office.shelf
        )


def test_a_run_is_for_a_span_that_is_over_and_the_same_key_is_the_same_run(office: Office) -> None:
    admin = office.organisation.people.find("fin@example.com")
    assert admin is not None
    runs = InMemoryReportRuns()

    def start(key: str, today: date, *, again: bool = False) -> str:
        return start_report_run(WEEK, key, again=again, by=admin, today=today, runs=runs)

    assert start("key", TODAY) == start("key", TODAY)
    assert len(runs.started) == 1
    assert start("key", TODAY, again=True) != start("key", TODAY)
    with pytest.raises(InvalidError, match="is not over"):
        start("other", date(2026, 3, 7))


# The page -------------------------------------------------------------------------------------------

HOSTILE = (
    "<script>alert('tag')</script>",
    "\"quoted\" & 'single'",
    'src="cid:days-USD"',
    "two\nlines\r\n\tand more",
    "\u202eright to left\u202c \u05e9\u05dc\u05d5\u05dd",
    "=HYPERLINK(1)",
    "long " * 2_000,
)


def hostile() -> CostReport:
    rows = [
        row("2026-03-03", (20 - n) * UNIT, tags={TEAM: value}, service=value)
        for n, value in enumerate(HOSTILE)
    ]
    gone = row("2026-02-25", 5 * UNIT, tags={TEAM: "<img src=x onerror=alert(1)>"})
    threshold = Threshold(dimension=Dimension.TAG, tag_key=TEAM, value=HOSTILE[0], share=1)
    return reported([*usual_rows(), *rows, gone], thresholds=[threshold])


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_the_page_is_as_it_was_read_and_found_good() -> None:
    report = hostile()
    page = report_page(report, PAPER, {one.name: b"png" for one in drawings(report)})

    if os.environ.get("FINOPS_WRITE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(page)
    assert page == GOLDEN.read_text()


def test_no_tag_value_gets_out_of_its_cell() -> None:
    report = hostile()
    images = {one.name: b"png" for one in drawings(report)}
    mail = report_mail("a@example.com", "<b>Ada</b>", report, PAPER, images)

    for page in (mail.html, report_page(report, PAPER, images)):
        told = Tags(page)
        assert not {"script", "b", "iframe"} & told.found
        assert not {name for name in told.attributes if name.startswith("on")}
        assert "\u202e" not in page
        assert "src=x" not in page.replace("&lt;img src=x onerror=alert(1)&gt;", "")
        assert len(page) < 60_000
    assert 'src="cid:days-USD"' not in report_page(report, PAPER, images)
    assert all(len(line) < 300 for line in mail.text.splitlines())
    assert "\n" not in mail.subject


def test_plots_have_the_numbers_of_the_report() -> None:
    report = reported()
    plots = {one.name: drawn(one.svg) for one in drawings(report)}
    section = report.sections[0]

    assert section.ahead is not None
    assert list(plots) == ["days-USD", "month-USD", "parts-USD"]
    assert plots["days-USD"]["Mon 02 this week"] == "6.0000000000"
    assert plots["days-USD"]["Mon 02 the week before"] == "3.0000000000"
    assert plots["month-USD"]["8 spend to date"] == "34.0000000000"
    told = report.model_dump(mode="json")["sections"][0]["ahead"]
    assert plots["month-USD"]["expected"] == told["expected"]
    assert plots["month-USD"]["low"] == told["low"]
    assert plots["parts-USD"]["Retail this week"] == "21.0000000000"
    assert plots["parts-USD"]["Retail the week before"] == "14.0000000000"


def test_a_change_that_is_spread_is_said_to_be() -> None:
    rows = [row("2026-03-02", UNIT, service=f"S{n}") for n in range(3)]
    before = [row("2026-02-23", UNIT // 10)]
    cubes = InMemorySpendCubes([*rows, *before], complete_through=date(2026, 3, 8))
    report = reported(cubes, elements=(WEB_SHOP,))

    [short, *_] = blocks(report, {})

    assert short.about.startswith("The change is spread")
    assert pictures_of(report, Painted()).keys() == {one.name for one in drawings(report)}
