"""Forecasts: what is known stays as it is, what is not is back-tested on generated seasons."""

from datetime import date, timedelta
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.domain import forecasts
from finops.domain.errors import InvalidError
from finops.domain.forecasts import crossing_day, days_ahead, forecast, to_date
from finops.domain.periods import BillingPeriod
from tests.seasons import KINDS, MONTH, season

SEPTEMBER = BillingPeriod("2026-09")
UNIT = 10**10


def flat(start: date, count: int, ticks: int) -> dict[date, int]:
    return {start + timedelta(n): ticks for n in range(count)}


def last(day: int) -> date:
    return date(2026, 9, day)


def test_a_month_of_which_all_days_are_known_is_what_was_spent() -> None:
    days = flat(SEPTEMBER.start, 30, 7)
    told = forecast(days, SEPTEMBER.end, today_complete=last(30))
    assert told is not None
    assert (told.spent, told.low, told.expected, told.high) == (210, 210, 210, 210)


def test_a_week_is_the_least_that_is_forecast_from() -> None:
    assert forecast(flat(last(1), 6, 7), SEPTEMBER.end, today_complete=last(6)) is None
    assert forecast(flat(last(1), 7, 7), SEPTEMBER.end, today_complete=last(7)) is not None


def test_a_month_and_its_crossing_are_of_one_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at thousands of products fits each series once."""
    fitted: list[object] = []
    make = forecasts._Model.__init__

    def counted(self: forecasts._Model, series: forecasts._Series) -> None:
        fitted.append(series)
        make(self, series)

    monkeypatch.setattr(forecasts._Model, "__init__", counted)
    days = flat(date(2026, 8, 1), 41, 1_234_567)
    forecast(days, SEPTEMBER.end, today_complete=last(10))
    to_date(days, 20 * 1_234_567, SEPTEMBER, today_complete=last(10))
    assert len(fitted) == 1


def test_nothing_known_is_no_forecast() -> None:
    assert forecast({}, SEPTEMBER.end, today_complete=last(10)) is None
    assert days_ahead({}, SEPTEMBER.end, today_complete=last(10)) is None


def test_days_that_are_not_complete_are_not_looked_at() -> None:
    days = flat(date(2026, 8, 1), 41, 10) | {last(11): 1_000_000}
    told = forecast(days, SEPTEMBER.end, today_complete=last(10))
    assert told is not None
    assert (told.spent, told.low, told.expected, told.high) == (100, 300, 300, 300)


def test_a_day_that_is_not_there_cost_nothing() -> None:
    sparse = {day: 70 for day in flat(date(2026, 7, 1), 72, 0) if day.weekday() == 0}
    told = forecast(sparse, SEPTEMBER.end, today_complete=last(10))
    written = forecast(
        flat(date(2026, 7, 6), 67, 0) | sparse, SEPTEMBER.end, today_complete=last(10)
    )
    assert told == written
    assert told is not None
    assert told.spent == 70
    assert told.low <= 70 + 3 * 70 <= told.high  # the 14th, 21st and 28th are Mondays


def test_weekends_are_weekends_again() -> None:
    days = {
        day: 2 * UNIT if day.weekday() >= 5 else 10 * UNIT for day in flat(date(2026, 7, 1), 72, 0)
    }
    ahead = days_ahead(days, SEPTEMBER.end, today_complete=last(10))
    assert ahead is not None
    assert list(ahead) == list(flat(last(11), 20, 0))
    # The shape of a week is taken a little smaller than it was, the less the more weeks there are.
    saturday, monday = ahead[last(12)], ahead[last(14)]
    assert 2 * UNIT <= saturday < 3 * UNIT
    assert monday == 10 * UNIT


def test_what_is_charged_on_the_first_alone_does_not_come_again_in_the_month() -> None:
    fees = {date(2026, month, 1): 500 for month in (7, 8, 9)}
    days = flat(date(2026, 7, 1), 72, 10) | fees
    told = forecast(days, SEPTEMBER.end, today_complete=last(10))
    assert told is not None
    assert (told.spent, told.low, told.expected, told.high) == (590, 790, 790, 790)


def test_it_comes_again_on_the_first_of_the_next_month() -> None:
    fees = {date(2026, month, 1): 510 for month in (7, 8, 9)}
    ahead = days_ahead(
        flat(date(2026, 7, 1), 72, 10) | fees, date(2026, 10, 3), today_complete=last(10)
    )
    assert ahead is not None
    assert (ahead[last(30)], ahead[date(2026, 10, 1)], ahead[date(2026, 10, 2)]) == (10, 510, 10)


def test_a_fee_that_was_seen_once_is_not_taken_for_a_habit() -> None:
    ahead = days_ahead(
        flat(last(1), 20, 10) | {last(1): 510}, date(2026, 10, 3), today_complete=last(20)
    )
    assert ahead is not None
    assert ahead[date(2026, 10, 1)] == 10


def test_one_refund_is_part_of_what_is_spent_and_of_nothing_else() -> None:
    days = flat(date(2026, 7, 1), 72, 10) | {last(8): -400}
    told = forecast(days, SEPTEMBER.end, today_complete=last(10))
    assert told is not None
    assert told.spent == 90 - 400
    assert told.low <= told.spent + 200 <= told.high


def test_a_step_is_believed_after_some_days() -> None:
    days = flat(date(2026, 7, 1), 62, 10) | flat(last(1), 10, 20)
    told = forecast(days, SEPTEMBER.end, today_complete=last(10))
    assert told is not None
    assert told.low <= 600 <= told.high
    assert told.expected > 550


def test_a_later_day_is_no_less_sure() -> None:
    days = season("weekly", 5).days
    widths = []
    for day in (7, 14, 21, 28):
        told = forecast(days, SEPTEMBER.end, today_complete=last(day))
        assert told is not None
        widths.append(told.high - told.low)
    assert widths == sorted(widths, reverse=True)


def test_a_forecast_ends_after_the_month_began() -> None:
    with pytest.raises(InvalidError, match="ends after 2026-09-01"):
        forecast({}, SEPTEMBER.start, today_complete=last(10))


# Crossing, and to date -----------------------------------------------------------------------------


def test_the_day_of_crossing_may_be_known_or_still_to_come() -> None:
    days = flat(date(2026, 8, 1), 41, 10)
    assert crossing_day(days, 45, SEPTEMBER, today_complete=last(10)) == last(5)
    assert crossing_day(days, 250, SEPTEMBER, today_complete=last(10)) == last(26)
    assert crossing_day(days, 300, SEPTEMBER, today_complete=last(10)) is None


def test_a_month_that_has_not_begun_crosses_by_its_own_days_alone() -> None:
    days = flat(date(2026, 8, 1), 26, 10)
    assert crossing_day(days, 45, SEPTEMBER, today_complete=date(2026, 8, 26)) == last(5)


def test_with_too_few_days_no_crossing_is_foreseen() -> None:
    days = flat(last(1), 3, 10)
    assert crossing_day(days, 45, SEPTEMBER, today_complete=last(3)) is None
    assert crossing_day(days, 25, SEPTEMBER, today_complete=last(3)) == last(3)


def test_weights_plan_unequal_days() -> None:
    days = flat(last(1), 10, 10)
    weights = [11, *[1] * 29]
    told = to_date(days, 400, SEPTEMBER, today_complete=last(10), weights=weights)
    assert (told.planned, told.spent, told.ahead) == (200, 100, -100)


@pytest.mark.parametrize("weights", [[1] * 31, [0] * 30, [-1, *[1] * 29]])
def test_weights_that_say_nothing_are_refused(weights: list[int]) -> None:
    with pytest.raises(InvalidError, match="30 whole numbers"):
        to_date({}, 400, SEPTEMBER, today_complete=last(10), weights=weights)


# Properties ----------------------------------------------------------------------------------------

series = st.dictionaries(
    st.integers(0, 90).map(lambda n: date(2026, 7, 1) + timedelta(n)),
    st.integers(-(10**16), 10**17),
    min_size=1,
    max_size=80,
)


@given(series, st.integers(1, 30))
def test_what_is_expected_is_what_is_spent_and_the_days_ahead(
    days: dict[date, int], at: int
) -> None:
    told = forecast(days, SEPTEMBER.end, today_complete=last(at))
    ahead = days_ahead(days, SEPTEMBER.end, today_complete=last(at))
    if told is None:
        assert ahead is None
        return
    assert told.low <= told.expected <= told.high
    assert told.expected - told.spent == sum((ahead or {}).values())
    if all(ticks >= 0 for ticks in days.values()):
        assert told.low >= told.spent


@given(series, st.integers(1, 29), st.integers(2, 1000))
def test_another_unit_of_money_gives_the_same_forecast(
    days: dict[date, int], at: int, times: int
) -> None:
    one = forecast(days, SEPTEMBER.end, today_complete=last(at))
    many = forecast(
        {day: times * ticks for day, ticks in days.items()}, SEPTEMBER.end, today_complete=last(at)
    )
    assert (one is None) == (many is None)
    if one is not None and many is not None and one.method == many.method:
        most = max(abs(ticks) for ticks in days.values()) * times
        assert abs(many.expected - times * one.expected) <= 100 * times + most // 10**9


# Back-tests ----------------------------------------------------------------------------------------


def test_four_in_five_months_end_inside_their_interval() -> None:
    hits, errors, naive = [], [], []
    for kind in KINDS:
        for seed in range(12):
            days = season(kind, seed).days
            actual = sum(ticks for day, ticks in days.items() if day >= MONTH)
            for at in (7, 14, 21):
                told = forecast(days, SEPTEMBER.end, today_complete=last(at))
                assert told is not None
                hits.append(told.low <= actual <= told.high)
                errors.append(abs(told.expected - actual) / actual)
                naive.append(abs(told.spent * 30 / at - actual) / actual)
    assert 0.70 <= mean(hits) <= 0.92
    assert mean(errors) < 0.6 * mean(naive)
