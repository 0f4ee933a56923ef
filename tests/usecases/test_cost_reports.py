"""The cost report: what is in it, that all of it adds up, and what it says of what is missing."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain import cost_reports as rules
from finops.domain.chart_loads import ChartHead
from finops.domain.charts import Chart
from finops.domain.cost_reports import CostReport, ReportRow, ReportSpan, RowKind, kept_rows
from finops.domain.errors import InvalidError, NotFoundError
from finops.domain.people import Role
from finops.domain.report_settings import AccountFilter, Dimension, Rhythm, Threshold
from finops.domain.spend_cubes import CREDIT, CubeQuery, CubeRow
from finops.usecases.cost_reports import Names, may_see, report_for, shown_name
from finops.usecases.ports import CubeAnswer
from tests.cube_fakes import InMemorySpendCubes, row
from tests.reporting import (
    ALL,
    AT,
    BANK,
    FEBRUARY,
    SHOP,
    TEAM,
    WEEK,
    amounts,
    chosen,
    daily,
    only,
    organised,
    reported,
    sources,
    usual_rows,
)
from tests.usecases.organisation import CHECKOUT, LOANS, SEARCH, UNIT, WEB_SHOP

ORGANISED = organised()  # read only
MARCH = ReportSpan.ending(Rhythm.MONTHLY, date(2026, 4, 1))


def units(row: ReportRow) -> tuple[str, int, int | None, int | None]:
    def whole(ticks: int | None) -> int | None:
        return None if ticks is None else ticks // UNIT

    return row.name, row.amount // UNIT, whole(row.before), whole(row.change)


# Totals -------------------------------------------------------------------------------------------


def test_the_total_is_spend_beside_what_nobody_owns_what_aws_credited_and_the_net() -> None:
    section = only(reported())

    assert (section.total.amount, section.total.before) == (30 * UNIT, 21 * UNIT)
    assert (section.total.change, section.total.growth) == (9 * UNIT, 4286)
    assert section.unowned == 2 * UNIT
    assert section.credits is not None
    assert section.credits.amount == -5 * UNIT
    assert section.net is not None
    assert section.net.amount == 25 * UNIT


def test_each_breakdown_has_the_span_before_the_share_and_the_change() -> None:
    section = only(reported())
    by = {one.dimension: list(map(units, one.rows)) for one in section.breakdowns}

    assert by == {
        "Owner": [
            ("Retail", 21, 14, 7),
            ("Bank", 7, 7, 0),
            ("Nobody owns it", 2, 0, 2),
        ],
        "Account": [(SHOP, 23, 14, 9), (BANK, 7, 7, 0)],
        "Service": [("AmazonEC2", 21, 14, 7), ("AmazonRDS", 7, 7, 0), ("AmazonS3", 2, 0, 2)],
        "Region": [("eu-central-1", 21, 14, 7), ("us-east-1", 7, 7, 0), ("No region", 2, 0, 2)],
        "Tag": [("web", 21, 14, 7), ("loans", 7, 7, 0), ("Untagged", 2, 0, 2)],
    }
    assert [one.share for one in section.breakdowns[0].rows] == [7000, 2333, 667]


def test_a_scope_has_its_own_spend_and_neither_credits_nor_what_nobody_owns() -> None:
    section = only(reported(elements=("retail",)))

    assert section.total.amount == 21 * UNIT
    assert (section.credits, section.net, section.unowned) == (None, None, None)
    assert amounts(section, "Owner") == {"Digital": 21}


def test_elements_of_a_scope_are_told_apart_and_a_product_by_itself() -> None:
    two = only(reported(elements=("bank.credit", "retail.digital")))
    one = only(reported(elements=(WEB_SHOP,)))

    assert amounts(two, "Owner") == {"Digital": 21, "Credit": 7}
    assert amounts(one, "Owner") == {"Web shop": 21}


def test_a_week_over_the_end_of_a_month_is_of_two_bills() -> None:
    week = ReportSpan.ending(Rhythm.WEEKLY, date(2026, 4, 5))
    rows = [
        *daily("2026-03-29", "2026-03-31", 2),
        *daily("2026-04-01", "2026-04-04", 5),
        row("2026-04-02", UNIT, month="2026-03"),  # late usage on March's bill
        row("2026-03-20", UNIT),
    ]

    assert only(reported(rows, week)).total.amount == (6 + 20 + 1) * UNIT


def test_a_month_is_the_bill_whatever_days_its_charges_are_of() -> None:
    rows = [*daily("2026-02-01", "2026-02-28", 1), row("2026-01-31", 3 * UNIT, month="2026-02")]
    section = only(reported(rows, FEBRUARY))

    assert section.total.amount == 31 * UNIT
    assert section.days[0].amount == 4 * UNIT
    assert sum(one.amount for one in section.days) == 31 * UNIT


def test_months_of_unequal_length_are_compared_by_day_and_the_report_says_so() -> None:
    rows = [*daily("2026-02-01", "2026-02-28", 2), *daily("2026-03-01", "2026-03-31", 2)]
    report = reported(rows, MARCH)

    total = only(report).total
    assert (total.amount, total.before, total.comparable) == (62 * UNIT, 56 * UNIT, 62 * UNIT)
    assert (total.change, total.growth) == (0, 0)
    assert any(note.startswith("Compared by day: 31 days with 28") for note in report.notes)


def test_two_currencies_are_two_sections() -> None:
    rows = [
        *daily("2026-03-01", "2026-03-07", 1),
        *daily("2026-03-01", "2026-03-07", 2, currency="EUR"),
    ]

    found = {one.currency: one.total.amount // UNIT for one in reported(rows).sections}

    assert found == {"EUR": 14, "USD": 7}


def test_a_span_without_any_spend_is_a_section_of_nothing() -> None:
    report = reported([row("2026-01-05", UNIT)])

    assert only(report).total.amount == 0
    assert only(report).currency == "USD"


# Adding up ------------------------------------------------------------------------------------------

DAYS = [f"2026-0{month}-{day:02}" for month in (2, 3) for day in (1, 5, 14, 22, 27, 28)]


@st.composite
def cube_rows(draw: st.DrawFn) -> list[CubeRow]:
    """Rows of two months: owned, nobody's, and credited, in one or two currencies."""

    def one() -> CubeRow:
        kind = draw(st.sampled_from(["owned", "owned", "nobody", "credit"]))
        fields: dict[str, Any] = {
            "account": draw(st.sampled_from([SHOP, BANK, None])),
            "service": draw(st.sampled_from(["AmazonEC2", "AmazonS3", None])),
            "region": draw(st.sampled_from(["eu-central-1", None])),
            "currency": draw(st.sampled_from(["USD", "EUR", None])),
            "tags": draw(st.sampled_from([{}, {TEAM: "web"}, {TEAM: "<b>"}])),
            "product_id": draw(st.sampled_from([WEB_SHOP, SEARCH, CHECKOUT, LOANS]))
            if kind == "owned"
            else None,
        }
        if kind == "credit":
            fields["charge_class"] = CREDIT
        day, month = draw(st.sampled_from(DAYS)), draw(st.sampled_from(["2026-02", "2026-03"]))
        return row(day, draw(st.integers(-(10**12), 10**13)), month=month, **fields)

    return [one() for _ in range(draw(st.integers(0, 12)))]


@settings(max_examples=20, deadline=None)
@given(
    cube_rows(),
    st.sampled_from([WEEK, FEBRUARY, MARCH]),
    st.sampled_from([(), ("retail",), (WEB_SHOP,), ("bank", "retail")]),
    st.sampled_from(
        [
            AccountFilter(),
            AccountFilter(only=(SHOP,)),
            AccountFilter(without=(SHOP, "111122223333")),
        ]
    ),
)
def test_all_parts_add_up_to_the_total_in_every_breakdown(
    rows: list[CubeRow],
    span: ReportSpan,
    elements: tuple[str, ...],
    accounts: AccountFilter,
) -> None:
    report = reported(
        rows, span, elements, chosen=chosen(accounts=accounts), organisation=ORGANISED
    )

    for section in report.sections:
        for one in section.breakdowns:
            assert sum(row.amount for row in one.rows) == section.total.amount
            # Of a span before that no cube tells by the tag, its rows know nothing.
            if one.tag_key is not None and all(row.before is None for row in one.rows):
                continue
            if section.total.before is not None:
                assert sum(row.before or 0 for row in one.rows) == section.total.before
            if section.total.change is not None:
                assert sum(row.change or 0 for row in one.rows) == section.total.change
        for group in section.groups:
            assert sum(row.amount for row in group.services) == group.amount
        assert sum(one.amount for one in section.days) == section.total.amount
    if not elements and span.rhythm is Rhythm.MONTHLY:
        billed = sum(one.amount for one in rows if one.month == f"{span.start:%Y-%m}")
        nets = (one.net for one in report.sections)
        assert sum(net.amount for net in nets if net is not None) == billed


def test_a_report_is_the_same_after_its_json() -> None:
    report = reported(thresholds=[Threshold(dimension=Dimension.REGION, amount=Decimal("0.1"))])

    assert CostReport.model_validate_json(report.model_dump_json()) == report
    assert report.model_dump(mode="json")["sections"][0]["total"]["amount"] == "30.0000000000"


# What stands out ------------------------------------------------------------------------------------


def test_the_service_in_an_account_that_moved_the_total_is_named() -> None:
    found = only(reported()).driver

    assert found is not None
    [part] = found.parts
    assert (part.service, part.account, part.change, part.share) == (
        *("AmazonEC2", SHOP),
        *(7 * UNIT, 7778),
    )


def test_rows_over_a_threshold_are_marked_and_stand_in_a_block_of_their_own() -> None:
    section = only(
        reported(
            thresholds=[
                Threshold(dimension=Dimension.SERVICE, growth=Decimal(5)),
                Threshold(dimension=Dimension.TAG, tag_key=TEAM, value="loans", amount=Decimal(7)),
                Threshold(dimension=Dimension.ACCOUNT, value="4444", amount=Decimal(1)),
            ]
        )
    )

    assert [(one.dimension, one.row.name) for one in section.marked] == [
        ("Service", "AmazonEC2"),
        ("Tag", "loans"),
    ]
    marked = [row.name for one in section.breakdowns for row in one.rows if row.is_marked]
    assert marked == ["AmazonEC2", "loans"]


def test_the_largest_rows_over_a_threshold_come_first_and_no_report_grows_beyond_measure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rules, "MOST_MARKED", 3)
    rows = [row("2026-03-02", (n + 1) * UNIT, account=f"{n:012}") for n in range(9)]
    any_account = Threshold(dimension=Dimension.ACCOUNT, share=1)

    report = reported(rows, thresholds=[any_account])

    assert [one.row.amount // UNIT for one in only(report).marked] == [9, 8, 7]
    assert "6 rows more are over a threshold; the largest 3 are told of." in report.notes
    named = [one for one in kept_rows(_accounts(report), 45 * UNIT, 1) if one.is_marked]
    assert [one.amount // UNIT for one in named] == [9, 8, 7]


def _accounts(report: CostReport) -> tuple[ReportRow, ...]:
    [found] = (one for one in only(report).breakdowns if one.dimension == "Account")
    return found.rows


def test_each_group_has_its_five_largest_services_and_all_others() -> None:
    rows = [
        row("2026-03-02", (n + 1) * UNIT, service=f"S{n}", tags={TEAM: "web"}) for n in range(7)
    ]

    by_owner, by_tag = only(reported(rows)).groups

    for group, name in ((by_owner, "Retail"), (by_tag, "web")):
        assert (group.name, group.amount) == (name, 28 * UNIT)
        assert [(one.name, one.amount // UNIT) for one in group.services] == [
            *(("S6", 7), ("S5", 6), ("S4", 5), ("S3", 4), ("S2", 3)),
            ("2 others", 3),
        ]


def test_a_sixth_service_is_one_other() -> None:
    rows = [row("2026-03-02", UNIT, service=f"S{n}") for n in range(6)]

    by_owner = only(reported(rows)).groups[0]

    assert by_owner.services[-1].name == "1 other"


def test_tag_values_that_were_there_and_cost_nothing_now_are_listed() -> None:
    rows = [
        *usual_rows(),
        row("2026-02-24", 6 * UNIT, tags={TEAM: "gone"}),
        row("2026-03-03", 0, tags={TEAM: "idle"}),
    ]
    named = Threshold(dimension=Dimension.TAG, tag_key=TEAM, value="to come", amount=Decimal(1))

    found = only(reported(rows, thresholds=[named])).zeros

    assert [(one.value, one.before) for one in found] == [
        ("gone", 6 * UNIT),
        ("idle", 0),
        ("till", 0),
        ("to come", 0),
    ]


def test_the_months_before_are_asked_once_for_the_values_of_a_key() -> None:
    cubes = InMemorySpendCubes(usual_rows())
    asked: list[CubeQuery] = []

    def ask(query: CubeQuery) -> CubeAnswer:
        asked.append(query)
        return InMemorySpendCubes.ask(cubes, query)

    cubes.ask = ask  # type: ignore[method-assign]
    reported(cubes)

    of_tags = [one.months for one in asked if f"tag:{TEAM}" in one.by and not one.needs_days]
    assert of_tags == [("2026-01", "2026-02", "2026-03")]


def test_accounts_that_settings_leave_out_are_one_row_of_every_breakdown() -> None:
    section = only(reported(chosen=chosen(accounts=AccountFilter(without=(BANK,)))))

    for one in section.breakdowns:
        assert units(one.rows[-1]) == ("Accounts left out", 7, 7, 0)
        assert one.rows[-1].kind is RowKind.LEFT_OUT
        assert "AmazonRDS" not in [row.name for row in one.rows]
    assert section.total.amount == 30 * UNIT


# The month ------------------------------------------------------------------------------------------


def test_the_month_ahead_is_forecast_from_what_its_bill_covers() -> None:
    ahead = only(reported()).ahead

    assert ahead is not None
    assert (ahead.month, ahead.through) == ("2026-03", date(2026, 3, 8))
    assert ahead.spent == (8 * 4 + 2) * UNIT == sum(one.amount for one in ahead.days)
    assert ahead.spent < ahead.low <= ahead.expected <= ahead.high


def test_a_month_that_is_covered_has_nothing_ahead() -> None:
    assert only(reported(span=FEBRUARY)).ahead is None


def test_the_schedule_to_date_is_beside_what_is_spent() -> None:
    organisation = organised()
    organisation.approve(WEB_SHOP, [100 * UNIT] * 12)

    plan = only(reported(elements=("retail",), organisation=organisation)).schedule

    assert plan is not None
    assert (plan.approved, plan.to_date) == (100 * UNIT, 100 * UNIT * 8 // 31)
    assert plan.spent == 24 * UNIT
    assert only(reported(elements=("bank",), organisation=organisation)).schedule is None


# What is missing ------------------------------------------------------------------------------------


def test_a_span_that_the_bill_does_not_cover_says_so_and_is_compared_by_its_days() -> None:
    rows = [*daily("2026-02-22", "2026-02-28", 2), *daily("2026-03-01", "2026-03-04", 2)]
    report = reported(InMemorySpendCubes(rows, complete_through=date(2026, 3, 4)))

    assert report.days_covered == 4
    assert "of 7 days it covers 4 (through 2026-03-04)" in report.notes[0]
    assert (only(report).total.amount, only(report).total.change) == (8 * UNIT, 0)


def test_a_week_of_two_bills_says_how_far_each_of_them_is() -> None:
    april = InMemorySpendCubes(daily("2026-04-01", "2026-04-04", 2))
    march = InMemorySpendCubes(
        daily("2026-03-22", "2026-03-31", 2), complete_through=date(2026, 3, 30)
    )
    both = InMemorySpendCubes([*march.rows, *april.rows])
    both.heads = lambda months: [*march.heads(months), *april.heads(months)]  # type: ignore[method-assign]

    report = reported(both, ReportSpan.ending(Rhythm.WEEKLY, date(2026, 4, 5)))

    assert report.days_covered == 6
    said = "it covers 6 (2026-03 through 2026-03-30, 2026-04 through 2026-04-04)"
    assert said in report.notes[0]


def test_without_a_span_before_nothing_is_compared() -> None:
    report = reported(daily("2026-03-01", "2026-03-07", 2))

    assert only(report).total.before is None
    assert only(report).driver is None
    assert any("nothing to compare with" in note for note in report.notes)


def test_with_a_part_of_the_span_before_nothing_is_compared() -> None:
    rows = daily("2026-04-01", "2026-04-11", 2)

    report = reported(rows, ReportSpan.ending(Rhythm.WEEKLY, date(2026, 4, 12)))

    total = only(report).total
    assert (total.amount, total.before, total.change) == (14 * UNIT, None, None)
    assert "Missing of the span before: nothing of 2026-03 is loaded and allocated yet." in (
        report.notes
    )
    assert any("Not all is known of the span before, 2026-03-29" in one for one in report.notes)


def test_what_no_cube_has_is_a_gap_that_is_named() -> None:
    cubes = InMemorySpendCubes(usual_rows(), missing=["the bill of 1 for 2026-03 is not there"])

    report = reported(cubes)

    assert report.gaps == ("the bill of 1 for 2026-03 is not there",)
    assert report.notes[0] == "Missing: the bill of 1 for 2026-03 is not there."


def test_owners_are_not_told_of_payers() -> None:
    cubes = InMemorySpendCubes(usual_rows(), missing=["the bill of 1 for 2026-03 is not there"])

    report = reported(cubes, elements=("retail",))

    assert report.gaps == ("a bill of 2026-03 is not there yet",)


def test_owners_are_told_of_no_account_or_value_that_is_not_theirs() -> None:
    mine = Threshold(dimension=Dimension.TAG, tag_key=TEAM, value="web", amount=Decimal(1))
    others = Threshold(dimension=Dimension.TAG, tag_key=TEAM, value="merger", amount=Decimal(1))
    of_all = Threshold(dimension=Dimension.SERVICE, share=1)
    asked: dict[str, Any] = {
        "thresholds": [mine, others, of_all],
        "chosen": chosen(accounts=AccountFilter(without=(SHOP, BANK))),
    }

    whole, own = reported(**asked), reported(elements=(WEB_SHOP,), **asked)

    assert whole.thresholds == (mine, others, of_all)
    assert whole.accounts == AccountFilter(without=(SHOP, BANK))
    assert own.thresholds == (of_all,)  # of what is left out no threshold is reached
    assert own.accounts == AccountFilter(without=(SHOP,))
    told = reported(elements=(WEB_SHOP,), thresholds=[mine, others])
    assert told.thresholds == (mine,)
    assert "merger" not in told.model_dump_json()


def test_a_month_that_is_not_loaded_is_a_gap_and_no_zero() -> None:
    report = reported([row("2026-01-05", UNIT)])

    assert report.gaps == ("nothing of 2026-03 is loaded and allocated yet",)
    assert report.days_covered == 0


# Who may see it -------------------------------------------------------------------------------------


def test_a_reader_sees_their_scope_of_the_enterprise_and_nothing_beyond() -> None:
    organisation = organised()
    made = sources(usual_rows(), organisation)
    owner = organisation.people.find("unit@example.com")
    assert owner is not None

    whole = report_for("", WEEK, by=owner, at=AT, sources=made)

    assert (whole.elements, only(whole).total.amount) == (("retail",), 21 * UNIT)
    with pytest.raises(NotFoundError):
        report_for("bank", WEEK, by=owner, at=AT, sources=made)


def test_a_report_that_is_wider_than_a_scope_is_not_for_its_holder() -> None:
    organisation = organised()
    by = {one.role: one for one in organisation.people.all() if one.email.endswith("@example.com")}

    owner, admin = by[Role.DEPARTMENT_OWNER], by[Role.FINANCIAL_ADMIN]
    assert may_see((), by=admin)
    assert not may_see((), by=owner)
    assert may_see((WEB_SHOP, "retail.digital"), by=owner)
    assert not may_see((WEB_SHOP, "retail.stores"), by=owner)


def test_a_span_that_has_not_begun_and_an_element_that_is_not_there_are_refused() -> None:
    organisation = organised()
    admin = organisation.people.find("fin@example.com")
    assert admin is not None
    made = sources(usual_rows(), organisation)
    later = ReportSpan.ending(Rhythm.WEEKLY, date(2026, 3, 22))

    with pytest.raises(InvalidError, match="has not begun"):
        report_for("", later, by=admin, at=AT, sources=made)
    with pytest.raises(NotFoundError, match=r"no retail\.nothing"):
        report_for("retail.nothing", WEEK, by=admin, at=AT, sources=made)


def test_charts_of_other_years_are_read_where_the_first_does_not_know_an_element(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    its = organised()
    [head] = its.charts.heads()
    older = head.model_copy(update={"year": head.year - 1})
    monkeypatch.setattr(its.charts, "heads", lambda: [older, head])
    read: list[int] = []
    real = its.charts.read

    def reading(one: ChartHead) -> Chart:
        read.append(one.year)
        return real(one)

    monkeypatch.setattr(its.charts, "read", reading)
    names = Names(WEEK.last_day, sources([], its))

    assert names.element(WEB_SHOP) == "Web shop"
    assert read == [head.year]
    assert names.element("gone.for.good") == "gone.for.good"
    assert names.element("retail") == "Retail"
    assert read == [head.year, older.year]


def test_names_are_one_short_line_that_turns_no_letters() -> None:
    assert shown_name("a\r\n\tb") == "a b"
    assert shown_name("\u202eevil\u2066") == "evil"
    assert shown_name("\u05d0" * 10_240) == "\u2068" + "\u05d0" * 79 + "…\u2069"
    assert shown_name("a\x00b") == "a\N{REPLACEMENT CHARACTER}b"
    assert ALL.tags.report_keys == (TEAM,)
