"""Cost reports: which days a report is of, and the rules that its rows obey."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.domain.cost_reports import (
    ChangePart,
    ReportFigures,
    ReportRow,
    ReportSpan,
    RowKind,
    driver,
    in_as_many_days,
    kept_rows,
    parts,
    reaches,
)
from finops.domain.errors import InvalidError
from finops.domain.periods import BillingPeriod, billed_period
from finops.domain.report_settings import Dimension, Rhythm, Threshold

UNIT = 10**10
TICKS = st.integers(-(10**16), 10**16)


def row(amount: int, key: str | None = "a", before: int = 0, share: int = 100) -> ReportRow:
    figures = ReportFigures.of(amount * UNIT, before * UNIT, before * UNIT)
    kind = RowKind.NONE if key is None else RowKind.VALUE
    return ReportRow(
        **figures.model_dump(), kind=kind, key=key, name=key or "Untagged", share=share
    )


def part(name: str, change: int) -> ChangePart:
    return ChangePart(service=name, name=name, change=change, share=None)


# Spans --------------------------------------------------------------------------------------------


def test_a_week_ends_before_a_sunday_and_nothing_else_does() -> None:
    assert ReportSpan.ending(Rhythm.WEEKLY, date(2026, 3, 8)).start == date(2026, 3, 1)
    with pytest.raises(InvalidError, match=r"newest one by then ends before 2026-03-08"):
        ReportSpan.ending(Rhythm.WEEKLY, date(2026, 3, 9))


def test_a_month_ends_before_a_first() -> None:
    assert ReportSpan.ending(Rhythm.MONTHLY, date(2026, 1, 1)).start == date(2025, 12, 1)
    with pytest.raises(InvalidError, match=r"write 2026-03-01"):
        ReportSpan.ending(Rhythm.MONTHLY, date(2026, 3, 9))


@pytest.mark.parametrize(
    "rhythm, end", [(Rhythm.WEEKLY, date(1, 1, 7)), (Rhythm.MONTHLY, date(1, 1, 1))]
)
def test_no_bill_is_of_a_time_without_a_cloud(rhythm: Rhythm, end: date) -> None:
    with pytest.raises(InvalidError, match=r"end 0001-01-0.: the first bills of AWS are of 2006"):
        ReportSpan.ending(rhythm, end)


def test_the_month_before_march_is_february_and_the_week_before_starts_seven_days_earlier() -> None:
    march = ReportSpan.ending(Rhythm.MONTHLY, date(2026, 4, 1))
    week = ReportSpan.ending(Rhythm.WEEKLY, date(2026, 3, 8))

    assert (march.before.start, march.before.end) == (date(2026, 2, 1), date(2026, 3, 1))
    assert (week.before.start, week.before.end) == (date(2026, 2, 22), date(2026, 3, 1))


@given(st.dates(date(2020, 1, 1), date(2035, 12, 31)), st.sampled_from(Rhythm))
def test_the_newest_span_is_over_and_the_next_one_is_not(day: date, rhythm: Rhythm) -> None:
    span = ReportSpan.ended(rhythm, day)

    assert span.end <= day
    assert day - span.end < timedelta(31)
    assert sum(one.days.days for one in parts(span.period)) == span.period.days


@given(st.dates(date(2026, 1, 1), date(2026, 12, 31)), st.integers(-40, 40))
def test_weeks_count_what_a_bill_has_of_other_days_where_cards_do(day: date, away: int) -> None:
    """Of each bill a charge of any day lies in one week's part, that of its spend card."""
    month = BillingPeriod.of(day)
    charged = day + timedelta(away)
    sunday = date(2025, 11, 2)
    weeks = [ReportSpan.ending(Rhythm.WEEKLY, sunday + timedelta(7 * n)).period for n in range(70)]

    found = [
        one
        for week in weeks
        for one in parts(week)
        if one.month == month
        and (one.start is None or charged >= one.start)
        and (one.end is None or charged < one.end)
    ]

    assert [(one.days.start, one.days.end) for one in found] == [
        (billed_period(month, charged).start, billed_period(month, charged).end)
    ]


# Rows ---------------------------------------------------------------------------------------------


@given(st.lists(TICKS, max_size=30), st.integers(1, 31), st.integers(1, 31))
def test_parts_brought_to_as_many_days_add_up_to_the_whole(
    amounts: list[int], days: int, of: int
) -> None:
    whole = in_as_many_days([sum(amounts)], days, of)

    assert [sum(in_as_many_days(amounts, days, of))] == whole


def test_a_change_is_beyond_as_many_days_of_the_span_before() -> None:
    figures = ReportFigures.of(31 * UNIT, 28 * UNIT, *in_as_many_days([28 * UNIT], 31, 28))

    assert (figures.change, figures.growth) == (0, 0)


@given(st.lists(st.integers(-(10**6), 10**6), max_size=40), st.integers(1, 10))
def test_what_is_not_shown_is_one_row_and_nothing_is_lost(units: list[int], most: int) -> None:
    rows = [row(one, f"v{n}") for n, one in enumerate(units)]

    found = kept_rows(rows, 0, most)

    assert sum(one.amount for one in found) == sum(one.amount for one in rows)
    assert len(found) <= most + 1
    assert sum(one.count for one in found) == len(rows)


def test_a_marked_row_is_shown_however_small_it_is() -> None:
    rows = [row(n, f"v{n}") for n in range(1, 9)]
    rows[0] = rows[0].model_copy(update={"is_marked": True})

    assert [one.name for one in kept_rows(rows, 0, 2)] == ["v8", "v7", "v1", "5 others"]


# Thresholds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "limits, reached",
    [
        ({"amount": Decimal(10)}, True),
        ({"amount": Decimal("10.01")}, False),
        ({"growth": Decimal(4)}, True),
        ({"growth": Decimal(5)}, False),
        ({"share": 100}, True),
        ({"amount": Decimal(1), "growth": Decimal(5)}, False),
        ({"amount": Decimal(1), "growth": Decimal(1), "share": 100}, True),
        ({"amount": Decimal(1), "value": "a"}, True),
        ({"amount": Decimal(1), "value": "A"}, False),
        ({"amount": Decimal(1), "value": "a "}, False),
    ],
)
def test_a_threshold_is_reached_by_its_value_when_all_limits_are(
    limits: dict[str, object], reached: bool
) -> None:
    threshold = Threshold(dimension=Dimension.SERVICE, **limits)

    found = reaches(threshold, Dimension.SERVICE, None, row(10, before=6), in_plans_currency=True)

    assert found is reached


def test_a_threshold_of_an_amount_says_nothing_of_another_currency() -> None:
    amount = Threshold(dimension=Dimension.SERVICE, amount=Decimal(1))
    share = Threshold(dimension=Dimension.SERVICE, share=1)

    found = [
        reaches(one, Dimension.SERVICE, None, row(10), in_plans_currency=False)
        for one in (amount, share)
    ]

    assert found == [False, True]


def test_a_threshold_of_a_tag_is_about_that_key_and_the_untagged_too() -> None:
    any_team = Threshold(dimension=Dimension.TAG, tag_key="Team", amount=Decimal(1))

    def reached(key: str, one: ReportRow) -> bool:
        return reaches(any_team, Dimension.TAG, key, one, in_plans_currency=True)

    assert reached("Team", row(1, None))
    assert not reached("team", row(1))


# What moved it --------------------------------------------------------------------------------------


def test_the_main_driver_explains_half_of_the_change_or_more() -> None:
    found = driver(10, [part("a", 5), part("b", 4), part("c", 1)], [])

    assert found is not None
    assert (found.is_spread, [one.name for one in found.parts]) == (False, ["a"])


def test_an_owner_is_named_where_no_service_explains_half() -> None:
    found = driver(-10, [part("a", -4), part("b", -4), part("c", -2)], [part("unit", -8)])

    assert found is not None
    assert [one.name for one in found.parts] == ["unit"]


def test_a_change_that_is_spread_names_its_largest_parts_in_its_own_direction() -> None:
    parts_ = [part("a", 3), part("b", 4), part("c", 4), part("d", 4), part("e", -5)]

    found = driver(10, parts_, [])

    assert found is not None
    assert (found.is_spread, [one.name for one in found.parts]) == (True, ["b", "c", "d"])


def test_where_nothing_changed_nothing_drove_it() -> None:
    assert driver(0, [part("a", 5), part("b", -5)], []) is None
    assert driver(None, [], []) is None
