"""The weekly digest: what each role reads, and that nobody reads beyond their scope."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from finops.domain.audit import Deed
from finops.domain.people import Person, Role
from finops.domain.spend_cards import Adjustment, CardCommand, Cause
from finops.usecases.digest import Letterhead
from finops.usecases.mail_rounds import Sent
from finops.usecases.ports import Mail, Save
from finops.usecases.tend_cards import Post
from finops.usecases.weekly_digest import Sources, ended_weeks, send_weekly_digests
from tests.card_fakes import InMemoryCardSpending
from tests.tending import MONDAY, choose, give, lines, make
from tests.usecases.organisation import LOANS, SEARCH, UNIT, WEB_SHOP, Organisation, act

HERE = Path(__file__).parent
AT = MONDAY + timedelta(hours=1)
PAPER = Letterhead(
    subject="FinOps Center: spend of $week",
    text="Hello $name,\n\nthis is what was spent in the week of $week.",
    app_url="https://finops.example/?from=mail&in=one",
)
OWNER, PORTFOLIO, FINANCE = "product@example.com", "portfolio@example.com", "fin@example.com"


# Of the six months that are looked at.
UNOWNED: dict[str | None, Sequence[int]] = {"USD": [0, 0, 0, 0, 0, 5 * UNIT]}


class Painted:
    """`Pictures` that keep what was drawn."""

    def __init__(self) -> None:
        self.drawn: list[str] = []

    def png(self, svg: str) -> bytes:
        self.drawn.append(svg)
        return b"png"


@pytest.fixture
def organisation() -> Organisation:
    made = Organisation()
    made.drop()
    made.staff()
    return made


def send(
    organisation: Organisation,
    at: datetime = AT,
    *,
    billed: InMemoryCardSpending | None = None,
    pictures: Painted | None = None,
) -> Sent:
    sources = Sources(
        organisation.office.card_desk,
        organisation.charts,
        organisation.spending,
        billed or InMemoryCardSpending(),
        "USD",
    )
    post = Post(organisation.mails, organisation.receipts, PAPER)
    return send_weekly_digests(at, sources=sources, post=post, pictures=pictures)


def mail(organisation: Organisation, to: str) -> Mail:
    [found] = [one for one in organisation.mails.sent if one.to == to]
    return found


def rows(mail: Mail, title: str) -> list[list[str]]:
    """The rows of a table of a mail's text, by its cells, without the header."""
    block = next(one for one in mail.text.split("\n\n") if one.startswith(title))
    table = [line for line in block.splitlines() if line.startswith("  ")]
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in table][1:]


def test_the_week_just_ended_is_two_where_a_month_ended_in_it() -> None:
    assert [(one.start, one.end) for one in ended_weeks(date(2026, 3, 9))] == [
        (date(2026, 3, 1), date(2026, 3, 8))
    ]
    assert [one.start for one in ended_weeks(date(2026, 4, 6))] == [
        date(2026, 3, 29),
        date(2026, 4, 1),
    ]


@pytest.mark.parametrize("day", range(7))
def test_it_is_the_same_week_from_sunday_to_saturday(day: int) -> None:
    assert ended_weeks(date(2026, 3, 8) + timedelta(day)) == ended_weeks(date(2026, 3, 8))


def test_a_product_owner_reads_of_their_cards_of_the_week(organisation: Organisation) -> None:
    adjustment = Adjustment(
        start=date(2026, 2, 22), cause=Cause.BILL, runs=("run-1",), lines=lines(-8), made_at=MONDAY
    )
    make(organisation, WEB_SHOP, 78, due=[adjustment])
    make(organisation, SEARCH, 50)

    send(organisation)

    assert rows(mail(organisation, OWNER), "Your cards of the week") == [
        [
            *("Web shop", "70.00 USD", "-8.00", "far over budget", "open"),
            "accept or dispute by 2026-03-16",
        ]
    ]
    assert "Search" not in mail(organisation, OWNER).html


def test_a_portfolio_owner_reads_by_status_who_owes_what_and_what_is_over(
    organisation: Organisation,
) -> None:
    web_shop = make(organisation, WEB_SHOP, 78)
    make(organisation, SEARCH, 100)
    make(organisation, LOANS, 999)
    give(organisation, web_shop, CardCommand.ACCEPT, OWNER)

    send(organisation)
    told = mail(organisation, PORTFOLIO)

    assert rows(told, "Cards by status, in USD") == [
        ["open", "1", "100.00 USD"],
        ["accepted", "1", "78.00 USD"],
    ]
    assert sorted(rows(told, "Who owes the next step")) == [
        [PORTFOLIO, "accept or dispute", "1", "100.00 USD", "2026-03-09"],
        [PORTFOLIO, "approve or reject", "1", "78.00 USD", "2026-03-09"],
    ]
    assert [row[:3] for row in rows(told, "Most above budget")] == [
        ["Search, week of 2026-03-01", "100.00 USD", "30.00 USD"],
        ["Web shop, week of 2026-03-01", "78.00 USD", "8.00 USD"],
    ]
    assert "999" not in told.html


def test_amounts_of_two_currencies_are_in_two_tables(organisation: Organisation) -> None:
    make(organisation, WEB_SHOP, 78)
    make(organisation, WEB_SHOP, 9, currency="EUR", budget=None)

    send(organisation)
    told = mail(organisation, PORTFOLIO)

    assert rows(told, "Cards by status, in EUR") == [["open", "1", "9.00 EUR"]]
    assert rows(told, "Cards by status, in USD") == [["open", "1", "78.00 USD"]]


def test_finance_reads_of_late_cards_unowned_spend_and_weeks_without_a_bill(
    organisation: Organisation,
) -> None:
    choose(organisation, escalate_after=(3,))
    make(organisation, WEB_SHOP, 78, start=date(2026, 2, 22), at=MONDAY - timedelta(7))
    organisation.spending.nobodys = UNOWNED
    billed = InMemoryCardSpending()
    billed.tell("2026-03", {}, runs={"1": "run-1"}, complete_through=date(2026, 3, 4))

    send(organisation, billed=billed)
    told = mail(organisation, FINANCE)

    assert rows(told, "Late cards (1)")[0][2] == OWNER
    assert rows(told, "Spend that nobody owns") == [["2026-03", "5.00 USD"]]
    assert rows(told, "Weeks that wait for the bill") == [
        ["2026-03 week 1 of 5 (1 to 7)", "complete through 2026-03-04"]
    ]
    for who in (OWNER, PORTFOLIO):
        assert "nobody owns" not in mail(organisation, who).text


def test_a_month_before_the_first_bill_waits_for_none(organisation: Organisation) -> None:
    make(organisation, WEB_SHOP, 78)
    billed = InMemoryCardSpending()
    billed.tell("2026-02", {}, runs={"1": "run-1"}, is_final=True)

    send(organisation, billed=billed)

    assert rows(mail(organisation, FINANCE), "Weeks that wait for the bill") == [
        ["2026-03 week 1 of 5 (1 to 7)", "no payer has a bill"]
    ]


def test_who_has_nothing_to_read_gets_no_mail_and_cloud_engineers_never_do(
    organisation: Organisation,
) -> None:
    make(organisation, LOANS, 70)

    sent = send(organisation).sent

    assert set(sent) == {FINANCE, "vendor@example.com"}


def test_it_is_one_mail_a_week_however_often_it_is_asked(organisation: Organisation) -> None:
    make(organisation, WEB_SHOP, 78)

    first, again = send(organisation), send(organisation, AT + timedelta(hours=5))

    assert set(again.sent_before) == set(first.sent)
    assert again.sent == ()


def test_a_mail_that_bounces_keeps_nobody_from_theirs_and_is_sent_by_the_next_try(
    organisation: Organisation,
) -> None:
    make(organisation, WEB_SHOP, 78)
    organisation.mails.bounces.add(OWNER)
    first = send(organisation)
    organisation.mails.bounces.clear()

    again = send(organisation)

    assert [to for to, _ in first.failed] == [OWNER]
    assert again.sent == (OWNER,)


def test_a_managers_mail_shows_the_cards_of_their_scope_at_a_glance(
    organisation: Organisation,
) -> None:
    make(organisation, WEB_SHOP, 78)
    make(organisation, LOANS, 999)
    painted = Painted()

    send(organisation, pictures=painted)
    told = mail(organisation, PORTFOLIO)

    assert dict(told.images) == {"cards": b"png"}
    assert '<img src="cid:cards" alt="The cards of open months by status' in told.html
    assert mail(organisation, OWNER).images == {}
    [drawn] = {svg for svg in painted.drawn if "Web shop" in svg and "Bank" not in svg}
    assert "999" not in drawn


def test_the_picture_shows_what_the_table_below_says(organisation: Organisation) -> None:
    """Thirteen products of 1 each are eleven bars and one of two others; euros are in no bar."""
    for number in range(12):
        make(organisation, f"retail.digital.storefront.p{number:02}", 1)
    make(organisation, "retail.digital.storefront.p12", 1, currency=None)
    make(organisation, WEB_SHOP, 9, currency="EUR")
    painted = Painted()

    send(organisation, pictures=painted)
    told = mail(organisation, PORTFOLIO)

    assert rows(told, "Cards by status, in USD") == [["open", "13", "13.00 USD"]]
    assert "by status, in USD, as in the table below" in told.html
    [drawn] = {svg for svg in painted.drawn if "2 others" in svg}
    assert [name in drawn for name in ("p10", "p11", "p12", "Web shop")] == [True, *[False] * 3]


def test_nobody_reads_of_what_lies_outside_their_scope(organisation: Organisation) -> None:
    for product, units in ((WEB_SHOP, 78), (SEARCH, 71), (LOANS, 12_345)):
        make(organisation, product, units)
    organisation.hire("lending@example.com", Role.PORTFOLIO_OWNER, ["bank.credit.lending"])

    send(organisation)

    for one in organisation.mails.sent:
        person = organisation.people.find(one.to)
        assert isinstance(person, Person)
        assert ("12,345.00" in one.text) is person.covers(LOANS)
        assert ("Web shop" in one.text) is person.covers(WEB_SHOP)


HOSTILE = '"<script>alert(1)</script> & ""Söhne"""'


def hostile() -> Organisation:
    """An organisation whose names try to be markup, in a week with something of everything."""
    made = Organisation()
    made.drop(
        content="Business unit,Department,Portfolio,Product,Annual amount\r\n"
        f"Retail,Digital,Storefront,{HOSTILE},1200\r\n"
        "Retail,Digital,Storefront,Search,1200\r\n"
        "Bank,Credit,Lending,Loans,1200\r\n"
    )
    staff = made.staff()
    shop = next(
        product.id for product in made.chart().products if product.names[-1].startswith("<script>")
    )
    owner = staff[Role.PRODUCT_OWNER]
    named = owner.changed(scope=(shop,), name="Ada <b>& Co</b>")
    made.people.save([Save(owner, named, Deed(action="Remap"))], act())
    choose(made, escalate_after=(3,))
    adjustment = Adjustment(
        start=date(2026, 2, 15), cause=Cause.BILL, runs=("run-1",), lines=lines(-8), made_at=MONDAY
    )
    make(made, shop, 1_234, due=[adjustment])
    make(made, SEARCH, 71, budget=None)
    make(made, LOANS, 60)
    late = make(made, shop, 70, start=date(2026, 2, 22), at=MONDAY - timedelta(7))
    give(made, late, CardCommand.DISPUTE, owner.email, MONDAY - timedelta(6))
    made.spending.nobodys = UNOWNED
    return made


@pytest.mark.parametrize(
    "name, to",
    [("product_owner", OWNER), ("portfolio_owner", PORTFOLIO), ("financial_admin", FINANCE)],
)
def test_the_mails_are_those_that_somebody_looked_at(name: str, to: str) -> None:
    organisation = hostile()
    billed = InMemoryCardSpending()
    billed.tell("2026-03", {}, runs={"1": "run-1"}, complete_through=date(2026, 3, 4))
    send(organisation, billed=billed, pictures=Painted())
    told = mail(organisation, to)

    assert told.html + "\n" == (HERE / f"weekly_digest.{name}.golden.html").read_text()
    assert told.text + "\n" == (HERE / f"weekly_digest.{name}.golden.txt").read_text()
    assert "<script>" not in told.html
    assert "<b>&" not in told.html


def test_every_mail_says_which_week_it_is_of_and_leads_to_the_product(
    organisation: Organisation,
) -> None:
    make(organisation, WEB_SHOP, 78)

    send(organisation)

    subjects: Mapping[str, Any] = {one.to: one.subject for one in organisation.mails.sent}
    assert set(subjects.values()) == {"FinOps Center: spend of 2026-03-01 to 2026-03-07"}
    assert all("from=mail&amp;in=one" in one.html for one in organisation.mails.sent)
