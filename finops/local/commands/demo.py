"""`finops demo`: two months of a company's spend, signed for, closed, corrected, and told of."""

import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from finops.domain.periods import BillingPeriod
from finops.local import clock, machine, screen, sign_in
from finops.local.api import Api
from finops.local.commands import demo_accounts as accounts
from finops.local.commands import demo_alerts as alerts
from finops.local.commands import demo_allocation as allocation
from finops.local.commands import demo_cards as cards
from finops.local.commands import demo_close as close
from finops.local.commands import demo_organisation as organisation
from finops.local.commands import demo_reports as reports
from finops.local.commands import demo_savings as savings
from finops.local.commands import demo_tags as tags
from finops.local.commands import demo_views as views
from finops.local.commands.bills import ask, bring, show_bill
from finops.local.commands.demo_people import Company
from finops.local.errors import DemoError
from finops.local.installation import Installation
from finops.local.sample import SampleBill, write_organisation, write_sample, write_shares
from finops.local.uploads import deliveries_at

LINES = 20_000
WEEK_END = date(2026, 9, 20)  # the Sunday after the week that the bill of the 22nd covers
AUGUST, SEPTEMBER = COMPANY_MONTHS = ("2026-08", "2026-09")


class Story(NamedTuple):
    """Where it plays, as whom, and where its files are written."""

    place: Installation
    company: Company
    folder: Path

    @property
    def api(self) -> Api:
        return self.company.admin

    def settle(self, *months: str) -> None:
        """Waits until the open ones of *months* are allocated by the rules as they are."""
        if ahead := [month for month in months if not close.is_closed(self.api, month)]:
            allocation.wait(self.api, ahead)


class Day(NamedTuple):
    """A moment of the sample's own time, and what happens then."""

    moment: datetime
    told: Callable[[Story], None]


def demo() -> None:
    """Start local AWS, deploy the product; a sample company signs for two months, and closes one.

    It plays in the sample's own time: the product's clock is put to each of its days, and stays at
    the last one.
    """
    _headline("The product on this machine: local AWS, and the template that `cdk deploy` deploys")
    place = machine.up(screen.tell)
    if place.local is None:
        raise DemoError("the demonstration is for this machine")
    with tempfile.TemporaryDirectory() as scratch:
        story = Story(place, Company(place), Path(scratch))
        _begin(story)
        for day in DAYS:
            _put(place.local.folder, day.moment)
            day.told(story)
    _what_next(place)


def _begin(story: Story) -> None:
    """The clock where the story starts, or where it ended if it was told before."""
    folder = _folder(story.place)
    if not story.api.get("charts")["items"]:
        clock.put(folder, DAYS[0].moment)
    elif clock.is_right(folder) and close.is_closed(story.api, AUGUST):
        clock.put(folder, DAYS[-1].moment)


def _folder(place: Installation) -> Path:
    if place.local is None:
        raise DemoError("the demonstration is for this machine")
    return place.local.folder


def _put(folder: Path, moment: datetime) -> None:
    """The product's clock at *moment*, or where it is if that is later: it never goes back."""
    if clock.is_right(folder) or clock.now(folder) < moment:
        clock.put(folder, moment)
    screen.console.print()
    now = clock.now(folder)
    screen.console.rule(f"[bold reverse] {now:%A}, {now.day} {now:%B %Y, %H:%M} UTC [/]")


# The days -----------------------------------------------------------------------------------------


def _third_of_august(story: Story) -> None:
    place, api = story.place, story.api
    files = write_organisation(story.folder / "organisation", year=organisation.YEAR)
    _headline("The chart of accounts, dropped into a bucket; and one that is refused")
    organisation.load_chart(place, api, files)
    _headline("Its people, invited by a file; a second financial admin")
    organisation.load_people(place, files)
    organisation.invite_admin(story.company)
    organisation.let_in(place)
    _headline("Its AWS accounts, found in the organization before they cost anything")
    accounts.find_accounts(place)
    _headline("Schedules: planned by product owners, approved by portfolio owners")
    organisation.plan_year(place)
    _headline("Other amounts from July on; an owner asks for other months")
    organisation.change_chart(place, api, files)
    _headline("Who pays: accounts split over products by a file")
    allocation.map_accounts(api, write_shares(story.folder / "shares"))
    _headline(
        "Settings: cards of nothing wait until it is settled who pays; cost centres; levels of alerts"
    )
    cards.let_zero_cards_wait(api)
    close.set_cost_centres(api)
    alerts.choose(api)


def _twenty_fourth_of_august(story: Story) -> None:
    place, api = story.place, story.api
    _headline(f"The bill of {AUGUST}, as AWS delivered it: complete through the 22nd")
    _load(story, "august-22", month=AUGUST, through_day=22)
    _show(api, AUGUST, "account")
    _headline("Who pays: support and marketplace by a policy, resources by claims")
    allocation.decide_policies(api)
    allocation.claim_resources(place, AUGUST)
    story.settle(AUGUST)
    _headline("A rule by tag: what it would do in money; and that it did just that")
    allocation.apply_rule(api, (AUGUST,))
    cards.let_zero_cards_settle(api)
    _headline("Spend cards of the four weeks that are over: finops cards make")
    cards.make(api, AUGUST)
    _headline("An owner disputes a card, and proposes who should pay instead")
    cards.dispute_one(story.company)
    _headline("The other owners accept; one card is given back, and accepted again")
    cards.accept(story.company, AUGUST)
    cards.reject_one(story.company)
    _headline(
        "The dispute is resolved by the remap: the card is made again, and keeps its old amount"
    )
    if cards.remap_one(story.company):
        story.settle(AUGUST)
    cards.make(api, AUGUST)
    cards.show_reopened(story.company)
    _headline("Accepted, and approved by portfolio owners")
    cards.accept(story.company, AUGUST)
    cards.approve(story.company, AUGUST)
    cards.show_standing(api, AUGUST)


def _thirty_first_of_august(story: Story) -> None:
    _headline("The next Monday: the bill does not cover the week that is over, so its cards wait")
    cards.make(story.api, AUGUST)


def _fifth_of_september(story: Story) -> None:
    api = story.api
    before = cards.signed_amounts(api, AUGUST)
    _headline(f"{AUGUST} again, now whole: late lines, changed lines, a late refund")
    _load(story, "august-whole", month=AUGUST, restate=1)
    _show(api, AUGUST, "line_item_type")
    story.settle(AUGUST)
    cards.make(api, AUGUST)
    _headline("What was signed keeps its amount; the difference is on the product's next card")
    kept = cards.must_be_kept(before, cards.signed_amounts(api, AUGUST))
    cards.show_adjustments(api, AUGUST, "2026-08-23")
    screen.console.print(f"[dim]{kept} cards were signed before, and have the same amounts[/dim]")
    cards.show_one(api, cards.Week("search", "2026-08-23"))
    _headline("The organization changes: what becomes of an account is somebody's task")
    accounts.follow_accounts(story.place)


def _seventh_of_september(story: Story) -> None:
    _headline("Cards of the last days: provisional, until the invoice is there")
    cards.make(story.api, AUGUST)
    cards.accept(story.company, AUGUST)
    cards.approve(story.company, AUGUST)
    cards.show_standing(story.api, AUGUST)


def _eighth_of_september(story: Story) -> None:
    place, company, api = story.place, story.company, story.api
    before = cards.signed_amounts(api, AUGUST)
    _headline(f"The invoice of {AUGUST}: the bill is final, with support on it")
    invoiced = _load(story, "august-final", month=AUGUST, restate=1, final=True)
    story.settle(AUGUST)
    cards.make(api, AUGUST)
    cards.must_be_kept(before, cards.signed_amounts(api, AUGUST))
    cards.show_adjustments(api, AUGUST, "2026-08-30")
    _headline("What stands in the way of the close: finops close check 2026-08")
    close.show_check(api, AUGUST)
    _headline("The last cards are signed, headers filled in, and what has no owner is waived")
    cards.accept(company, AUGUST)
    cards.approve(company, AUGUST)
    close.fill_headers(api, AUGUST)
    close.waive(api, AUGUST)
    close.show_check(api, AUGUST)
    _headline("The close, by another financial admin than the one who waived")
    found = close.close_month(company.second_admin, AUGUST)
    close.show_files(api, AUGUST, found)
    close.must_be_delivered(place, found)
    _headline("Signed is what is paid; and accounts payable pays the invoices")
    close.must_be_signed(api, AUGUST)
    close.must_be_invoices(
        api, found, {one.key or "": one.billed_cost for one in invoiced.by_invoice}
    )
    _headline("What could be saved, as Cost Optimization Hub exports it; approved, and set aside")
    _recommend(story, "august-final", day=date(2026, 9, 7))
    savings.show_open(api)
    savings.decide(api)


def _fifteenth_of_september(story: Story) -> None:
    _headline(f"{SEPTEMBER}, complete through the 13th; and what is unusual in it")
    _load(story, "september-13", month=SEPTEMBER, through_day=13)
    story.settle(SEPTEMBER)
    alerts.explain(story.company, SEPTEMBER)
    _headline("A saving that was approved is a task of the cloud engineer, and is done")
    savings.implement(story.company.engineer)


def _twenty_second_of_september(story: Story) -> None:
    api = story.api
    _headline(f"{SEPTEMBER}, complete through the 20th")
    _load(story, "september-20", month=SEPTEMBER, through_day=20)
    closed = api.get("closes", AUGUST)["snapshot_sha256"]
    _headline(f"{AUGUST} once more, after its close: corrections, which {SEPTEMBER} books")
    august = _load(story, "august-late", month=AUGUST, restate=2, final=True)
    story.settle(SEPTEMBER)
    close.wait_for_corrections(api, AUGUST)
    if api.get("closes", AUGUST)["snapshot_sha256"] != closed:
        raise DemoError(f"the snapshot of {AUGUST} has changed after its close")
    close.show_corrections(api, AUGUST)
    close.must_add_up(api, AUGUST, august.billed_cost)
    _headline("An account goes another way from a Sunday in mid-month on; a credit is granted")
    allocation.remap(api)
    allocation.grant_credit(api)
    story.settle(SEPTEMBER)
    _headline(f"Cards of {SEPTEMBER}")
    cards.make(api, SEPTEMBER)
    _headline("Required tags, other spellings of them, and who gets which report")
    tags.choose(api, SEPTEMBER)
    reports.choose(api)
    story.settle(SEPTEMBER)
    _headline("The reports of the week, to everybody by role and scope, with a forecast")
    reports.send(api, "week", WEEK_END, tags.REPORT_KEYS)
    reports.show(api, "week", WEEK_END)
    reports.save_mails(story.place, api, "week", WEEK_END)


def _fifth_of_october(story: Story) -> None:
    place, api = story.place, story.api
    _headline(f"{SEPTEMBER} again, now whole: late lines, changed lines, a refund")
    september = _load(story, "september-whole", month=SEPTEMBER, restate=1)
    august = _written(story, "august-late", month=AUGUST, restate=2, final=True)
    story.settle(SEPTEMBER)
    cards.make(api, SEPTEMBER)
    cards.accept(story.company, SEPTEMBER)
    _headline(f"{SEPTEMBER} at a glance: finops summary, finops views")
    views.show_views(place, api, SEPTEMBER)
    _headline(f"Who pays what of {SEPTEMBER}, and what nobody does")
    allocation.show_month(api, SEPTEMBER)
    _headline("One figure taken apart: charges of a day, lines of the bill")
    allocation.explain_product(api, SEPTEMBER)
    _headline("The year: what was planned and spent, what was closed and corrected")
    organisation.show_year(api, COMPANY_MONTHS)
    close.show_year(api, organisation.YEAR)
    _headline("What waits for whom, and the mails that say so")
    organisation.show_work(place)
    organisation.send_digest(place)
    views.send_weekly_digest(place, SEPTEMBER)
    _headline("Who did what: every record sealed, every chain walked")
    organisation.verify_records(api)
    _headline("Against the bill, to the last digit")
    _compare(api, [august, september])
    allocation.prove(api, COMPANY_MONTHS)
    _come_to_you(story)


def _come_to_you(story: Story) -> None:
    """What nobody has to go and look for: savings, tags, alerts, and the reports of the month."""
    place, api = story.place, story.api
    _headline("What could be saved by now: something is gone, something is back")
    _recommend(story, "september-whole", day=date(2026, 10, 4), later=True)
    savings.show_open(api)
    savings.show_returned(api)
    _headline("And what was saved, by the bill: finops report savings")
    savings.show_realised(api, SEPTEMBER)
    _headline("How much has its tags, and what to type where they are missing: finops tags")
    tags.show(api, SEPTEMBER)
    _headline("Alerts: what was crossed while bills came in")
    found = alerts.told_of(api, COMPANY_MONTHS)
    alerts.show(found)
    alerts.save_mail(place, found)
    _headline(f"The reports of {SEPTEMBER}, to everybody by role and scope")
    end = BillingPeriod(SEPTEMBER).end
    reports.send(api, "month", end, tags.REPORT_KEYS)
    reports.show(api, "month", end)
    (page, *_) = reports.save_mails(place, api, "month", end)
    _headline("Month over month: finops report history")
    reports.show_history(place, api)
    reports.save_pages(place, api, SEPTEMBER)
    _headline(f"Reports of {SEPTEMBER} against its bill, to the last digit")
    reports.prove(api, SEPTEMBER, page)
    _headline("Pages and pictures to open")
    for path in sorted(views.kept_in(place).iterdir()):
        screen.console.print(f"  {path}", soft_wrap=True)


def _at(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


DAYS = (
    Day(_at("2026-08-03T07:00"), _third_of_august),
    Day(_at("2026-08-24T06:00"), _twenty_fourth_of_august),
    Day(_at("2026-08-31T06:00"), _thirty_first_of_august),
    Day(_at("2026-09-05T09:00"), _fifth_of_september),
    Day(_at("2026-09-07T06:00"), _seventh_of_september),
    Day(_at("2026-09-08T07:00"), _eighth_of_september),
    Day(_at("2026-09-15T07:00"), _fifteenth_of_september),
    Day(_at("2026-09-22T08:00"), _twenty_second_of_september),
    Day(_at("2026-10-05T06:00"), _fifth_of_october),
)


# Told ---------------------------------------------------------------------------------------------


def _headline(said: str) -> None:
    screen.console.print()
    screen.console.rule(f"[bold]{said}[/bold]", align="left")


def _load(
    story: Story,
    name: str,
    *,
    month: str,
    through_day: int | None = None,
    restate: int = 0,
    final: bool = False,
) -> SampleBill:
    written = _written(
        story, name, month=month, through_day=through_day, restate=restate, final=final
    )
    (delivery,) = deliveries_at(story.folder / name)
    told = bring(delivery, story.place, story.api)
    if told["status"] not in ("Published", "Unchanged", "Older"):
        raise DemoError(f"the sample bill was not loaded: {told['status']}, {told['reason']}")
    again = "" if told["status"] == "Published" else f" ({told['reason']})"
    screen.tell(
        f"{month}: {written.lines:,} lines in {len(written.files)} files: {told['status']}{again}"
    )
    return written


def _written(
    story: Story,
    name: str,
    *,
    month: str,
    through_day: int | None = None,
    restate: int = 0,
    final: bool = False,
) -> SampleBill:
    """The same arguments write the same bill."""
    return write_sample(
        story.folder / name,
        month=month,
        lines=LINES,
        restate=restate,
        through_day=through_day,
        final=final,
        bucket=story.place.billing_bucket,
    )


def _recommend(story: Story, bill: str, *, day: date, later: bool = False) -> None:
    folder = story.folder / f"savings-{day}"
    savings.take(story.place, story.api, folder, story.folder / bill, day=day, later=later)


def _show(api: Api, month: str, by: str, *, cost: str = "", rows: int | None = None) -> None:
    answer = ask(api, month, None, by, cost, [])
    if rows is not None and len(answer["rows"]) > rows:
        left = len(answer["rows"]) - rows
        answer["rows"] = sorted(answer["rows"], key=lambda r: -abs(Decimal(r["billed_cost"])))
        answer["rows"] = answer["rows"][:rows]
        show_bill(answer, by, note=f"… and {left} smaller rows")
    else:
        show_bill(answer, by)


def _compare(api: Api, bills: list[SampleBill]) -> None:
    table = screen.table(None, "Month", right=("Σ lines of the files", "Product", "Difference"))
    for bill in bills:
        answer = ask(api, bill.billing_period, bill.payer_id, "", "unblended", [])
        ours = Decimal(answer["total"]["unblended_cost"])
        difference = ours - bill.unblended_cost
        table.add_row(
            bill.billing_period,
            f"{bill.unblended_cost:,.10f}",
            f"{ours:,.10f}",
            f"{difference:.10f}",
        )
        if difference:
            raise DemoError(f"{bill.billing_period} differs from its files by {difference}")
    screen.console.print(table)


def _what_next(place: Installation) -> None:
    _headline("What to try next")
    folder = _folder(place)
    now = f"{clock.now(folder):%Y-%m-%d %H:%M} UTC: finops local clock --today puts it right"
    screen.facts({"API": place.api, "Passwords in": sign_in.kept(folder), "Clock": now})
    for command in (
        "finops accounts",
        "finops bill --month 2026-09 --by account,day",
        "finops bill --month 2026-09 --by resource --where service=AmazonEC2 --json",
        "finops cards list --month 2026-09 --element retail",
        "finops cards show retail.digital.storefront.search 2026-08-16",
        "finops tasks --as ingrid.solheim@fernhollow.example",
        "finops close show 2026-08",
        "finops close download 2026-08 --to out/close",
        "finops close check 2026-09",
        "finops summary",
        "finops savings",
        "finops savings realised --by owner",
        "finops report cost --month 2026-09 --element retail --html retail.html",
        "finops report history --by account --by service --months 2",
        "finops report tags --html tags.html",
        "finops tags keys",
        "finops alerts --kind Anomaly",
        "finops views heat-map --svg heat-map.svg",
        "finops plan retail.digital",
        "finops allocations tree retail.digital --month 2026-09 --depth 2",
        "finops allocations unallocated --month 2026-09",
        "finops explain retail.digital.customer.loyalty --month 2026-09",
        "finops resources --tag user:Application=search --as theo.brandt@fernhollow.example",
        "finops credits",
        "finops tasks --as lucia.fernandez@fernhollow.example",
        "finops budget show retail.digital.storefront.web-shop",
        "finops audit --entity budget#2026#retail.digital.storefront.web-shop",
        "finops sample --chart out/organisation",
        "finops sample --out out/october --month 2026-10 --lines 200000",
        "finops load out/october",
        "finops local down",
    ):
        screen.console.print(f"  .venv/bin/{command}", soft_wrap=True)
