"""A fiscal year is twelve months from its first one, and every day is in exactly one of them."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.errors import InvalidError
from finops.domain.fiscal_years import FiscalYear

some = settings(max_examples=100, deadline=None, derandomize=True)


def test_a_year_from_january_is_the_calendar_year() -> None:
    year = FiscalYear(2026)

    assert (year.start, year.end) == (date(2026, 1, 1), date(2027, 1, 1))
    assert year.last_day == date(2026, 12, 31)
    assert (year.months[0], year.months[-1]) == ("2026-01", "2026-12")


def test_a_year_from_july_is_named_after_the_year_it_ends_in() -> None:
    year = FiscalYear(2026, first_month=7)

    assert (year.start, year.end) == (date(2025, 7, 1), date(2026, 7, 1))
    assert year.months == (
        *("2025-07", "2025-08", "2025-09", "2025-10", "2025-11", "2025-12"),
        *("2026-01", "2026-02", "2026-03", "2026-04", "2026-05", "2026-06"),
    )
    assert [FiscalYear.of(day, 7).year for day in (date(2026, 6, 30), date(2026, 7, 1))] == [
        2026,
        2027,
    ]


def test_the_end_is_not_in_the_year() -> None:
    year = FiscalYear(2026, first_month=4)

    assert date(2025, 4, 1) in year
    assert date(2026, 3, 31) in year
    assert date(2026, 4, 1) not in year
    assert date(2025, 3, 31) not in year


def test_the_first_and_the_last_year_have_twelve_months_from_any_month() -> None:
    years = [FiscalYear(year, month) for year in (2000, 2199) for month in range(1, 13)]

    assert {len(set(year.months)) for year in years} == {12}


@pytest.mark.parametrize("month", [0, 13, -1])
def test_a_first_month_outside_the_calendar_is_refused(month: int) -> None:
    with pytest.raises(InvalidError, match=f"^{month} is no month"):
        FiscalYear(2026, month)


@pytest.mark.parametrize("year", [1999, 2200, 0])
def test_a_year_nobody_plans_is_refused(year: int) -> None:
    with pytest.raises(InvalidError, match=f"^{year} is no fiscal year"):
        FiscalYear(year)


@some
@given(st.dates(date(2000, 1, 1), date(2197, 12, 31)), st.integers(1, 12))
def test_every_day_is_in_the_year_it_is_of_and_in_no_other(day: date, month: int) -> None:
    year = FiscalYear.of(day, month)

    assert day in year
    assert FiscalYear.of(year.end, month).start == year.end
    assert FiscalYear.of(year.end - timedelta(1), month) == year
