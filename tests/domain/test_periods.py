"""The calendar of trap 14: months, business weeks, and the day that a charge belongs to."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.errors import InvalidError
from finops.domain.periods import (
    BillingPeriod,
    billed_period,
    is_last_of_month,
    label,
    spend_period,
    spend_periods,
    usage_day,
)


def weeks(month: str) -> list[tuple[int, int]]:
    """First and last day of each spend period."""
    periods = spend_periods(BillingPeriod(month))
    return [(period.start.day, (period.end - timedelta(1)).day) for period in periods]


def test_february_2026_starts_on_a_sunday_and_has_four_weeks() -> None:
    assert weeks("2026-02") == [(1, 7), (8, 14), (15, 21), (22, 28)]


def test_august_2026_starts_on_a_saturday_and_has_six_weeks() -> None:
    assert weeks("2026-08") == [(1, 1), (2, 8), (9, 15), (16, 22), (23, 29), (30, 31)]


def test_a_leap_february_keeps_its_last_day() -> None:
    assert weeks("2028-02") == [(1, 5), (6, 12), (13, 19), (20, 26), (27, 29)]
    assert BillingPeriod("2028-02").end == date(2028, 3, 1)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.dates(date(1999, 1, 1), date(2199, 12, 31)))
def test_every_day_of_a_month_is_in_just_one_of_its_weeks(day: date) -> None:
    month = BillingPeriod.of(day)
    periods = spend_periods(month)

    assert [d for period in periods for d in period] == list(month.period)
    assert sum(day in period for period in periods) == 1
    assert 4 <= len(periods) <= 6


def test_a_month_ends_before_the_first_of_the_next() -> None:
    december = BillingPeriod("2026-12").period

    assert december.end == date(2027, 1, 1)
    assert date(2026, 12, 31) in december
    assert date(2027, 1, 1) not in december
    assert december.days == 31


def test_an_hour_across_midnight_belongs_to_the_day_it_starts_on() -> None:
    assert usage_day(datetime(2026, 8, 31, 23, tzinfo=UTC)) == date(2026, 8, 31)
    assert usage_day(datetime(2026, 9, 1, 0, tzinfo=UTC)) == date(2026, 9, 1)


def test_a_time_of_another_zone_belongs_to_its_day_in_utc() -> None:
    madrid = timezone(timedelta(hours=2))

    assert usage_day(datetime(2026, 9, 1, 1, tzinfo=madrid)) == date(2026, 8, 31)


@pytest.mark.parametrize(
    "text",
    ["2026-9", "2026-13", "2026-00", "26-09", "0000-01", "", "2026-09\n", "9999-12", "1998-12"],
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(InvalidError, match="write it as YYYY-MM"):
        BillingPeriod(text)


def test_the_first_and_the_last_month_have_days() -> None:
    assert BillingPeriod("1999-01").period.days == 31
    assert BillingPeriod("2199-12").end == date(2200, 1, 1)


def test_months_sort_as_text() -> None:
    assert sorted(map(BillingPeriod, ["2026-10", "2025-12", "2026-09"])) == [
        "2025-12",
        "2026-09",
        "2026-10",
    ]


# Business weeks by day and by clock ---------------------------------------------------------------


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.dates(date(1999, 1, 1), date(2199, 12, 31)))
def test_the_week_of_a_day_is_the_one_of_its_month(day: date) -> None:
    assert spend_period(day) == next(
        period for period in spend_periods(BillingPeriod.of(day)) if day in period
    )


def test_only_the_week_that_a_month_ends_in_is_its_last() -> None:
    last = {
        month: [is_last_of_month(period) for period in spend_periods(BillingPeriod(month))]
        for month in ("2026-02", "2026-08")
    }

    assert last == {"2026-02": [False] * 3 + [True], "2026-08": [False] * 5 + [True]}


def test_a_week_is_over_at_midnight_in_utc_and_not_before() -> None:
    week = spend_period(date(2026, 8, 5))

    assert not week.has_ended(datetime(2026, 8, 8, 23, 59, 59, tzinfo=UTC))
    assert week.has_ended(datetime(2026, 8, 9, tzinfo=UTC))


@pytest.mark.parametrize("hours", [-10, 2, 14])
def test_where_a_clock_stands_does_not_move_the_end_of_a_week(hours: int) -> None:
    zone = timezone(timedelta(hours=hours))
    midnight = datetime(2026, 8, 9, tzinfo=UTC)
    week = spend_period(date(2026, 8, 5))

    assert week.has_ended(midnight.astimezone(zone))
    assert not week.has_ended((midnight - timedelta(seconds=1)).astimezone(zone))


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)])
def test_a_week_that_begins_where_clocks_change_has_seven_days(day: date) -> None:
    assert spend_period(day).days == (3 if day.month == 3 else 7)
    assert spend_period(day).start == day


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.dates(date(2026, 7, 1), date(2026, 10, 31)))
def test_what_a_bill_has_of_other_months_counts_in_its_own_weeks(day: date) -> None:
    august = BillingPeriod("2026-08")
    weeks = spend_periods(august)

    found = billed_period(august, day)

    if day < august.start:
        assert found == weeks[0]
    elif day >= august.end:
        assert found == weeks[-1]
    else:
        assert day in found


def test_weeks_of_a_month_have_labels_of_their_own() -> None:
    assert [label(period) for period in spend_periods(BillingPeriod("2026-02"))] == [
        "2026-02 week 1 of 4 (1 to 7)",
        "2026-02 week 2 of 4 (8 to 14)",
        "2026-02 week 3 of 4 (15 to 21)",
        "2026-02 week 4 of 4 (22 to 28)",
    ]
