"""The calendar of trap 14: months, business weeks, and the day that a charge belongs to."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.errors import InvalidError
from finops.domain.periods import BillingPeriod, spend_periods, usage_day


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
@given(st.dates(date(1000, 1, 1), date(9998, 12, 31)))
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
    "text", ["2026-9", "2026-13", "2026-00", "26-09", "0000-01", "", "2026-09\n"]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(InvalidError, match="write it as YYYY-MM"):
        BillingPeriod(text)


def test_months_sort_as_text() -> None:
    assert sorted(map(BillingPeriod, ["2026-10", "2025-12", "2026-09"])) == [
        "2025-12",
        "2026-09",
        "2026-10",
    ]
