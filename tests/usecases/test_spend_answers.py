"""Signed and unsigned spend: added up by hand, always the bill's, and nothing from outside a scope."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.elements import ENTERPRISE
from finops.domain.errors import InvalidError, NotFoundError
from finops.domain.money import text
from finops.domain.month_closes import CloseStatus
from finops.domain.paces import Colour
from finops.domain.people import Person, Role
from finops.domain.spend_cards import CardCommand, CardStatus
from finops.usecases import spend_answers, spend_views
from finops.usecases.spend_answers import Rows, Summary, SummaryLine
from finops.usecases.spend_frames import Question, Span, span_of
from tests.plotted import drawn
from tests.spend_world import OTHER, Entry, SpendWorld
from tests.usecases.organisation import (
    CHECKOUT,
    LOANS,
    SEARCH,
    STOREFRONT,
    TILLS,
    UNIT,
    WEB_SHOP,
)

MONTH = "2026-09"
TODAY = date(2026, 9, 21)
ADMIN = Person(email="fin@example.com", role=Role.FINANCIAL_ADMIN)
ACCEPT, APPROVE, DISPUTE = CardCommand.ACCEPT, CardCommand.APPROVE, CardCommand.DISPUTE


def owner(*scope: str, role: Role = Role.PRODUCT_OWNER) -> Person:
    return Person(email="owner@example.com", role=role, scope=scope)


def question(
    world: SpendWorld,
    element: str = ENTERPRISE,
    by: Person = ADMIN,
    *,
    span: str | None = None,
    month: str | None = MONTH,
    year: int | None = None,
    today: date = TODAY,
) -> Question:
    return Question(element, span_of(span, month, year, today, world.sources), today, by)


def summary(world: SpendWorld, element: str = ENTERPRISE, by: Person = ADMIN, **of: Any) -> Summary:
    return spend_answers.summary(question(world, element, by, **of), sources=world.sources)


def line(
    world: SpendWorld, element: str = ENTERPRISE, by: Person = ADMIN, **of: Any
) -> SummaryLine:
    [only] = summary(world, element, by, **of).lines
    return only


def units(ticks: int) -> int:
    assert ticks % UNIT == 0
    return ticks // UNIT


def on_cards(found: SummaryLine) -> dict[str, tuple[int, int]]:
    """How many cards, and their amount in units, by status."""
    return {
        f"{one.state.status}{'?' if one.state.is_provisional else ''}": (
            *(one.cards, units(one.amount)),
        )
        for one in found.on_cards
    }


def rows(found: Rows) -> dict[str, dict[str, Any]]:
    """A snapshot's rows by element."""
    return {one["element"]: one for one in spend_views.snapshot_rows(found, found.keys)}


SEPTEMBER = [
    Entry("2026-09-02", 10, WEB_SHOP),
    Entry("2026-09-08", 20, WEB_SHOP),
    Entry("2026-09-15", 5, WEB_SHOP),
    Entry("2026-09-08", 7, SEARCH),
    Entry("2026-09-03", 40, LOANS),
    Entry("2026-09-03", 3),
    Entry("2026-09-03", -2, is_credit=True),
]


@pytest.fixture
def world() -> SpendWorld:
    """Weeks from the 1st (5 days), 6th and 13th; cards are made of the first two."""
    made = SpendWorld()
    made.load(SEPTEMBER)
    made.make_cards(MONTH, until="2026-09-13")
    return made


def card(world: SpendWorld, product: str, day: int) -> Any:
    cards = world.organisation.spend_cards.of_product(product, "USD", date(2026, 9, day))
    return next(one for one in cards if one.start.day == day)


# Summary ------------------------------------------------------------------------------------------


def test_a_summary_adds_up_to_the_bill(world: SpendWorld) -> None:
    """Cards of 10, 20, 7 and 40; 5 are on none yet, 3 are nobody's: 85 without AWS's 2."""
    world.give(card(world, WEB_SHOP, 1), ACCEPT, APPROVE)
    world.give(card(world, LOANS, 1), ACCEPT)
    found = summary(world)
    [only] = found.lines

    assert on_cards(only) == {"Open": (2, 27), "Accepted": (1, 40), "Approved": (1, 10)}
    assert (units(only.uncarded), units(only.waiting), units(only.spend)) == (5, 0, 82)
    assert only.whole == only.spend
    [told] = spend_views.summary(found)["totals"]
    assert told == {
        "currency": "USD",
        "spend": text(82 * UNIT),
        "unallocated": text(3 * UNIT),
        "bill_spend": text(85 * UNIT),
        "difference": text(0),
        "aws_credits": text(-2 * UNIT),
    }


def test_what_a_later_bill_says_of_a_signed_week_waits_for_the_next_card(
    world: SpendWorld,
) -> None:
    """10 were signed and are 11 now; the next card that is made has the difference."""
    world.give(card(world, WEB_SHOP, 1), ACCEPT, APPROVE)
    world.give(card(world, WEB_SHOP, 6), ACCEPT)
    world.load([Entry("2026-09-02", 11, WEB_SHOP), *SEPTEMBER[1:]])
    before = line(world, WEB_SHOP)
    world.make_cards(MONTH)
    after = line(world, WEB_SHOP)

    assert (units(before.waiting), units(before.uncarded)) == (1, 5)
    assert on_cards(before) == {"Accepted": (1, 20), "Approved": (1, 10)}
    assert (units(after.waiting), units(after.uncarded)) == (0, 0)
    assert on_cards(after) == {"Open": (1, 6), "Accepted": (1, 20), "Approved": (1, 10)}
    assert before.whole == before.spend == after.whole == after.spend == 36 * UNIT


def test_an_adjustment_belongs_to_the_month_that_it_is_about(world: SpendWorld) -> None:
    """The card of October has 1 of September: it is in September's sum, and not in October's."""
    world.make_cards(MONTH)
    for day in (1, 6, 13):
        world.give(card(world, WEB_SHOP, day), ACCEPT)
    october = Entry("2026-10-01", 4, WEB_SHOP)
    world.load([Entry("2026-09-02", 11, WEB_SHOP), *SEPTEMBER[1:], october])
    world.make_cards(MONTH, "2026-10")
    today = date(2026, 10, 5)

    of_september = line(world, WEB_SHOP, today=today)
    of_october = line(world, WEB_SHOP, month="2026-10", today=today)
    year = line(world, WEB_SHOP, span="year", today=today)

    assert on_cards(of_september) == {"Open": (0, 1), "Accepted": (3, 35)}
    assert on_cards(of_october) == {"Open": (1, 4)}
    assert on_cards(year) == {"Open": (1, 5), "Accepted": (3, 35)}
    for found in (of_september, of_october, year):
        assert found.whole == found.spend


def test_what_changes_after_the_close_is_a_correction(world: SpendWorld) -> None:
    for one in world.make_cards(MONTH):
        assert one.status is CardStatus.OPEN
    for day in (1, 6, 13):
        world.give(card(world, WEB_SHOP, day), ACCEPT, APPROVE)
    world.close(MONTH)
    world.load([Entry("2026-09-02", 4, WEB_SHOP), *SEPTEMBER[1:]])
    found = line(world, WEB_SHOP)

    assert (units(found.corrections), units(found.waiting)) == (-6, 0)
    assert found.whole == found.spend == 29 * UNIT


def test_a_provisional_card_is_told_apart(world: SpendWorld) -> None:
    world.make_cards(MONTH, is_provisional=True)

    assert on_cards(line(world, WEB_SHOP)) == {"Open": (2, 30), "Open?": (1, 5)}


def test_a_bill_that_is_not_allocated_yet_is_nobodys(world: SpendWorld) -> None:
    world.load([Entry("2026-09-04", 9, TILLS, payer=OTHER)], is_allocated=False)
    [told] = spend_views.summary(summary(world))["totals"]

    assert (told["unallocated"], told["difference"]) == (text(12 * UNIT), text(0))


def test_a_bill_newer_than_its_run_shows_the_difference(world: SpendWorld) -> None:
    world.load([*SEPTEMBER, Entry("2026-09-16", 2, WEB_SHOP)], is_allocated=False)
    [told] = spend_views.summary(summary(world))["totals"]

    assert told["difference"] == text(2 * UNIT)
    assert "Difference" in {row[2] for row in spend_views.summary_table(summary(world))[1]}


def test_currencies_are_never_added(world: SpendWorld) -> None:
    world.load([Entry("2026-09-04", 9, WEB_SHOP, payer=OTHER, currency="EUR")])
    found = summary(world, WEB_SHOP)

    assert [(one.currency, units(one.spend)) for one in found.lines] == [("EUR", 9), ("USD", 35)]


def test_a_table_of_a_summary_adds_up_to_the_bill(world: SpendWorld) -> None:
    header, listed = spend_views.summary_table(summary(world))
    amounts = [row[header.index("amount")] for row in listed]

    assert sum(round(float(one)) for one in amounts) == 85


@pytest.mark.parametrize(
    "today, days, spend, before",
    [
        (20, 20, 20, 20),  # a unit a day, up to the 20th of February and of March
        (31, 28, 28, 28),  # February has 28 days: 28 of each are compared
    ],
)
def test_a_trend_compares_as_many_days_of_the_month_before(
    today: int, days: int, spend: int, before: int
) -> None:
    world = SpendWorld()
    world.load([Entry(f"2026-02-{day:02}", 1, WEB_SHOP) for day in range(1, 29)])
    march = [Entry(f"2026-03-{day:02}", 1, WEB_SHOP) for day in range(1, today + 1)]
    world.load(march)
    found = line(world, month="2026-03", today=date(2026, 4, 2)).trend

    assert (found.days, units(found.spend), units(found.before)) == (days, spend, before)


def test_months_of_long_ago_stay_reachable() -> None:
    """Also such as no chart of accounts was ever loaded for."""
    world = SpendWorld()
    world.load([Entry("2023-02-03", 8, WEB_SHOP), Entry("2023-02-03", 1)])
    found = line(world, month="2023-02")

    assert (units(found.spend), units(found.uncarded)) == (8, 8)
    assert found.plan.budget is None
    assert spend_views.summary(summary(world, month="2023-02"))["name"] == "Enterprise"


# Rights -------------------------------------------------------------------------------------------


def test_an_owner_sees_their_scope_and_nothing_of_the_bill(world: SpendWorld) -> None:
    by = owner(SEARCH)
    found = summary(world, by=by)
    told = json.dumps(spend_views.summary(found))

    assert units(found.lines[0].spend) == 7
    assert "web-shop" not in told
    [totals] = spend_views.summary(found)["totals"]
    assert totals["bill_spend"] is None
    assert totals["unallocated"] is None


def test_an_element_outside_a_scope_is_not_there(world: SpendWorld) -> None:
    for element in (WEB_SHOP, STOREFRONT, "nobody.knows.it.here"):
        with pytest.raises(NotFoundError):
            summary(world, element, owner(SEARCH))
    with pytest.raises(NotFoundError):
        summary(world, "nobody")


@pytest.mark.parametrize("of", [{"span": "week"}, {"month": "2026-13"}, {"year": 2025}])
def test_a_span_that_does_not_fit_is_refused(world: SpendWorld, of: dict[str, Any]) -> None:
    with pytest.raises(InvalidError):
        question(world, **of)


def test_the_newest_bill_and_the_year_are_asked_for_by_default(world: SpendWorld) -> None:
    def asked(name: str | None, month: str | None, year: int | None) -> Span:
        return span_of(name, month, year, TODAY, world.sources)

    assert asked(None, None, None).months == (MONTH,)
    assert asked(None, None, 2025).name == "year"
    assert asked("year", MONTH, None).months[0] == "2026-01"


# Elements -----------------------------------------------------------------------------------------


def test_a_snapshot_has_every_child_with_its_plan_its_cards_and_its_owner(
    world: SpendWorld,
) -> None:
    """Half of September is over; 60 a month are approved for the web shop, which spent 35."""
    world.organisation.approve(WEB_SHOP, [60 * UNIT] * 12)
    world.organisation.hire("ola@example.com", Role.PRODUCT_OWNER, [WEB_SHOP])
    found = spend_answers.snapshot(question(world, STOREFRONT), 1, sources=world.sources)
    told = rows(found)

    assert list(told) == [STOREFRONT, SEARCH, WEB_SHOP]
    shop = told[WEB_SHOP]
    assert (shop["spend"], shop["budget"]) == (text(35 * UNIT), text(60 * UNIT))
    assert (shop["variance"], shop["variance_percent"]) == (text(-25 * UNIT), "-41.67")
    assert (shop["colour"], shop["word"]) == ("Red", Colour.RED.word)  # 35 in 15 days, of 30
    assert [one["email"] for one in shop["owners"]] == ["ola@example.com"]
    assert told[SEARCH]["colour"] == "Grey"
    assert told[STOREFRONT]["spend"] == text(42 * UNIT)
    assert told[STOREFRONT]["unbudgeted_spend"] == text(7 * UNIT)


def test_of_a_scope_the_elements_in_it_are_the_children(world: SpendWorld) -> None:
    by = owner(SEARCH, WEB_SHOP)
    found = spend_answers.snapshot(question(world, by=by), 1, sources=world.sources)

    assert {name: one["spend"] for name, one in rows(found).items()} == {
        "enterprise": text(42 * UNIT),
        SEARCH: text(7 * UNIT),
        WEB_SHOP: text(35 * UNIT),
    }


def test_a_variance_is_of_the_month_and_of_the_year_so_far(world: SpendWorld) -> None:
    """30 a month: 35 in September, and 10 in August; nothing before."""
    world.organisation.approve(WEB_SHOP, [30 * UNIT] * 12)
    world.load([*SEPTEMBER, Entry("2026-08-03", 10, WEB_SHOP)])
    found = spend_answers.variances(question(world, WEB_SHOP), 0, sources=world.sources)
    [row] = spend_views.variance_rows(found, found.keys)

    assert row["month"] == {
        "spend": text(35 * UNIT),
        "budget": text(30 * UNIT),
        "unbudgeted_spend": text(0),
        "variance": text(5 * UNIT),
        "variance_percent": "16.67",
    }
    assert row["year_to_date"]["spend"] == text(45 * UNIT)
    assert row["year_to_date"]["variance"] == text(-225 * UNIT)


def test_a_heat_map_is_of_products_and_their_portfolios(world: SpendWorld) -> None:
    world.organisation.approve(WEB_SHOP, [60 * UNIT] * 12)
    found = spend_answers.heat_map(question(world), sources=world.sources)
    told = spend_views.heat_rows(found, found.keys)

    assert {one["element"]: one["spend"] for one in told if one["level"] == 4} == {
        WEB_SHOP: text(35 * UNIT),
        SEARCH: text(7 * UNIT),
        LOANS: text(40 * UNIT),
    }
    assert {one["element"]: one["spend"] for one in told if one["level"] == 3} == {
        STOREFRONT: text(42 * UNIT),
        "bank.credit.lending": text(40 * UNIT),
    }
    in_picture = drawn(spend_views.heat_plot(found))
    assert in_picture == {one["name"]: one["spend"] for one in told if one["level"] == 4}


# Weeks and statuses -------------------------------------------------------------------------------


def test_the_weekly_tree_has_a_column_for_each_week(world: SpendWorld) -> None:
    world.give(card(world, WEB_SHOP, 1), ACCEPT)
    found = spend_answers.weekly_cards(question(world, STOREFRONT), 1, sources=world.sources)
    top, search, shop = spend_views.week_rows(found, found.keys)

    assert [week["start"][-2:] for week in shop["weeks"]] == ["01", "06", "13", "20", "27"]
    amounts = [week["amount"] for week in shop["weeks"]]
    assert amounts == [text(ticks * UNIT) for ticks in (10, 20, 0, 0, 0)]
    assert [week["status"] for week in shop["weeks"]][:3] == ["Accepted", "Open", None]
    assert shop["weeks"][2]["uncarded"] == text(5 * UNIT)
    assert top["weeks"][1]["cards"] == 2
    assert top["total"]["amount"] == text(37 * UNIT)
    assert search["total"]["amount"] == text(7 * UNIT)


def test_cards_that_wait_are_told_with_who_owes_the_step_the_longest_first(
    world: SpendWorld,
) -> None:
    organisation = world.organisation
    organisation.hire("ola@example.com", Role.PRODUCT_OWNER, [WEB_SHOP])
    organisation.hire("pia@example.com", Role.PORTFOLIO_OWNER, [STOREFRONT])
    organisation.hire(ADMIN.email, Role.FINANCIAL_ADMIN)
    earlier = datetime(2026, 9, 7, 6, tzinfo=UTC)
    world.give(card(world, WEB_SHOP, 1), ACCEPT, at=earlier)
    found = spend_answers.cards_by_status(question(world, "retail"), sources=world.sources)
    told = spend_views.cards_by_status(found, found.waiting, None)

    assert [(one["step"], one["product_id"], one["level"]) for one in told["items"]] == [
        ("DecideCard", WEB_SHOP, 3),
        ("AcceptCard", SEARCH, 3),
        ("AcceptCard", WEB_SHOP, 4),
    ]
    assert [[each["email"] for each in one["owners"]] for one in told["items"]] == [
        ["pia@example.com"],
        ["pia@example.com"],
        ["ola@example.com"],
    ]
    assert told["items"][0]["due"] == "2026-09-14"  # it goes up after 7 days
    assert [
        (one["status"], one["level"], one["cards"], one["amount"]) for one in told["statuses"]
    ] == [
        ("Open", 3, 1, text(7 * UNIT)),
        ("Open", 4, 1, text(20 * UNIT)),
        ("Accepted", 3, 1, text(10 * UNIT)),
    ]


@pytest.mark.parametrize(
    "month, status",
    [
        (MONTH, CloseStatus.CLOSING),
        (MONTH, CloseStatus.CLOSED),
        ("2026-10", CloseStatus.CLOSING),
    ],
)
@pytest.mark.parametrize("element", ["retail", ENTERPRISE])
def test_cards_wait_for_nobody_once_a_close_has_begun(
    world: SpendWorld, month: str, status: CloseStatus, element: str
) -> None:
    """Of their month, or of a later one: what was open then stays so."""
    ask = question(world, element)
    waited = spend_answers.cards_by_status(ask, sources=world.sources)
    world.close(month, status)
    found = spend_answers.cards_by_status(ask, sources=world.sources)

    assert waited.waiting
    assert found.waiting == []
    assert [(one.state, one.level) for one in found.statuses] == [
        (state, None) for state in dict.fromkeys(one.state for one in waited.statuses)
    ]


def test_the_cards_that_are_drawn_are_those_that_are_told(world: SpendWorld) -> None:
    world.give(card(world, WEB_SHOP, 1), ACCEPT)
    found = spend_answers.cards_by_status(question(world), sources=world.sources)
    told = spend_views.cards_by_status(found, [], None)
    of = drawn(spend_views.status_plot(found))

    first, second, third, *_ = told["periods"]
    assert of["09-01 to 09-05 accepted, 1 cards"] == first["on_cards"][1]["amount"]
    assert of["09-01 to 09-05 open, 1 cards"] == first["on_cards"][0]["amount"] == text(40 * UNIT)
    assert of["09-06 to 09-12 open, 2 cards"] == second["amount"] == text(27 * UNIT)
    assert of["09-13 to 09-19 uncarded"] == third["uncarded"] == text(5 * UNIT)
    assert len(of) == 4


# Trend and schedule -------------------------------------------------------------------------------


def test_a_trend_has_days_and_weeks_of_two_months_side_by_side(world: SpendWorld) -> None:
    """30 are approved for September, a unit a day; a charge of August on its bill is of the 1st."""
    world.organisation.approve(WEB_SHOP, [30 * UNIT] * 12)
    late = Entry("2026-08-31", 2, WEB_SHOP, month=MONTH)
    world.load([*SEPTEMBER, late, Entry("2026-08-31", 9, WEB_SHOP)])
    found = spend_answers.trend(question(world, WEB_SHOP), sources=world.sources)
    august, september = spend_views.trend(found)["items"]

    assert (august["spend"], september["spend"]) == (text(9 * UNIT), text(37 * UNIT))
    assert [len(one["days"]) for one in (august, september)] == [31, 30]
    assert [one["amount"] for one in september["days"]][:3] == [
        text(ticks * UNIT) for ticks in (2, 10, 0)
    ]
    assert [one["schedule"] for one in september["days"]][:2] == [text(UNIT), text(2 * UNIT)]
    assert september["days"][-1]["schedule"] == text(30 * UNIT)
    assert [one["amount"] for one in september["weeks"]][:3] == [
        text(ticks * UNIT) for ticks in (12, 20, 5)
    ]
    of = drawn(spend_views.trend_plot(found))
    assert of["15 2026-09"] == september["days"][14]["to_date"] == text(37 * UNIT)
    assert of["30 schedule"] == text(30 * UNIT)
    assert "16 2026-09" not in of  # nothing is known of it


def test_a_schedule_is_told_for_every_month_of_a_year(world: SpendWorld) -> None:
    world.organisation.approve(WEB_SHOP, [30 * UNIT] * 12)
    found = spend_answers.schedule(question(world, WEB_SHOP, span="year"), sources=world.sources)
    told = {one["month"]: one for one in spend_views.schedule(found)["items"]}

    assert len(told) == 12
    assert (told[MONTH]["spend"], told[MONTH]["variance"]) == (text(35 * UNIT), text(5 * UNIT))
    assert (told["2026-10"]["approved"], told["2026-10"]["spend"]) == (text(30 * UNIT), None)
    of = drawn(spend_views.schedule_plot(found))
    assert of["2026-09 spend above the schedule"] == told[MONTH]["spend"]
    assert of["2026-10 schedule"] == told["2026-10"]["approved"]


def test_tables_have_a_header_for_each_cell(world: SpendWorld) -> None:
    ask, sources = question(world), world.sources
    snap = spend_answers.snapshot(ask, 4, sources=sources)
    variances = spend_answers.variances(ask, 4, sources=sources)
    heat = spend_answers.heat_map(ask, sources=sources)
    weekly = spend_answers.weekly_cards(ask, 4, sources=sources)
    status = spend_answers.cards_by_status(ask, sources=sources)
    tables = [
        spend_views.snapshot_table(spend_views.snapshot_rows(snap, snap.keys)),
        spend_views.variance_table(spend_views.variance_rows(variances, variances.keys)),
        spend_views.heat_table(spend_views.heat_rows(heat, heat.keys)),
        spend_views.week_table(spend_views.week_rows(weekly, weekly.keys)),
        spend_views.waiting_table(status, status.waiting),
        spend_views.trend_table(spend_answers.trend(ask, sources=sources)),
        spend_views.schedule_table(spend_answers.schedule(ask, sources=sources)),
    ]

    for header, listed in tables:
        assert listed
        assert all(len(row) == len(header) for row in listed)
        column = header.index("element") if "element" in header else 0
        assert all(row[column] for row in listed)


# Properties ---------------------------------------------------------------------------------------

PRODUCTS = (WEB_SHOP, SEARCH, CHECKOUT, TILLS, LOANS)
entries = st.lists(
    st.builds(
        Entry,
        day=st.sampled_from(["2026-08-31", "2026-09-01", "2026-09-08", "2026-09-20", "2026-10-01"]),
        amount=st.integers(-20, 50),
        product=st.sampled_from([*PRODUCTS, None]),
        payer=st.sampled_from([OTHER, "999988887777"]),
        currency=st.sampled_from(["USD", None, "EUR"]),
        month=st.sampled_from([None, MONTH]),
        is_credit=st.booleans(),
    ),
    min_size=1,
    max_size=12,
)
decisions = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from([(ACCEPT,), (ACCEPT, APPROVE), (DISPUTE,)])),
    max_size=4,
)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.tuples(entries, decisions), min_size=1, max_size=3), st.booleans())
def test_whatever_is_delivered_and_signed_all_parts_are_the_bill(
    deliveries: list[tuple[list[Entry], list[tuple[int, tuple[CardCommand, ...]]]]],
    is_closed: bool,
) -> None:
    world = SpendWorld()
    today = date(2026, 10, 5)
    loaded: set[tuple[str, str]] = set()
    for number, (listed, decided) in enumerate(deliveries):
        # What was on a bill once is delivered again, and be it with nothing but a credit.
        again = [
            Entry(f"{month}-01", 0, None, payer, is_credit=True)
            for payer, month in loaded - {one.of for one in listed}
        ]
        world.load([*listed, *again])
        loaded |= {one.of for one in listed}
        months = sorted({month for _, month in loaded})
        world.make_cards(*months, until="2026-09-20" if number % 2 else "2026-09-08")
        cards = world.organisation.spend_cards.all()  # type: ignore[attr-defined]
        for choice, commands in decided:
            opened = [one for one in cards if one.status is CardStatus.OPEN]
            if opened:
                world.give(opened[choice % len(opened)], *commands)
                cards = world.organisation.spend_cards.all()  # type: ignore[attr-defined]
    if is_closed:
        world.close("2026-08")

    asked: tuple[dict[str, Any], ...] = (
        {"month": "2026-08"},
        {"month": MONTH},
        {"month": "2026-10"},
        {"span": "year"},
    )
    for of in asked:
        found = summary(world, today=today, **of)
        bills = [b for m in found.frame.span.months for b in world.bills.in_period(m)]
        assert found.frame.bill is not None
        for one in found.lines:
            assert one.whole == one.spend
            assert found.frame.bill.spend.get(one.currency, 0) == (
                one.whole + found.frame.bill.unallocated.get(one.currency, 0)
            )
        assert sum(found.frame.bill.spend.values()) == sum(_spend_of(world, b) for b in bills)
        children = ["bank", "retail"]
        for currency in found.frame.currencies:
            parts = [found.frame.spend(child, currency) for child in children]
            assert sum(parts) == found.frame.spend(ENTERPRISE, currency)


def _spend_of(world: SpendWorld, bill: Any) -> int:
    return sum(
        measures[2]
        for totals in world.bills.account_totals(bill)
        for day in (totals.days or {}).values()
        for category, measures in day.items()
        if category != "Credit"
    )


@settings(max_examples=25, deadline=None, derandomize=True)
@given(entries, st.sets(st.sampled_from(PRODUCTS), max_size=3), st.sampled_from(["month", "year"]))
def test_no_view_tells_of_what_is_outside_a_scope(
    listed: list[Entry], scope: set[str], span: str
) -> None:
    world = SpendWorld()
    world.load(listed)
    world.make_cards(*{one.of[1] for one in listed})
    by = owner(*sorted(scope))
    ask = question(world, by=by, span=span, today=date(2026, 10, 5))
    sources = world.sources
    told: list[Any] = [spend_views.summary(spend_answers.summary(ask, sources=sources))]
    for answer, rows_of in (
        (spend_answers.snapshot(ask, 4, sources=sources), spend_views.snapshot_rows),
        (spend_answers.variances(ask, 4, sources=sources), spend_views.variance_rows),
        (spend_answers.heat_map(ask, sources=sources), spend_views.heat_rows),
        (spend_answers.weekly_cards(ask, 4, sources=sources), spend_views.week_rows),
    ):
        told.append(spend_views.paged(answer, rows_of(answer, answer.keys)))
    status = spend_answers.cards_by_status(ask, sources=sources)
    told.append(spend_views.cards_by_status(status, status.waiting, None))
    told.append(spend_views.trend(spend_answers.trend(ask, sources=sources)))
    told.append(spend_views.schedule(spend_answers.schedule(ask, sources=sources)))
    text_ = json.dumps(told)

    for product in set(PRODUCTS) - scope:
        assert f'"{product}"' not in text_
    months = set(ask.span.months)
    mine = [e for e in listed if e.product in scope and e.of[1] in months and not e.is_credit]
    totals = {one["currency"]: one["spend"] for one in told[0]["totals"]}
    for currency, spend in totals.items():
        of = [e.amount for e in mine if (e.currency or "USD") == currency]
        assert spend == text(sum(of) * UNIT)
    assert all(one["bill_spend"] is None for one in told[0]["totals"])
