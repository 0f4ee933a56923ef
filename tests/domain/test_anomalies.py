"""Anomalies: a day above its weekday, in money and in spreads; never a drop, never a few cents."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from finops.domain.alert_settings import AnomalySettings
from finops.domain.anomalies import Anomalous, anomalies_of
from finops.domain.money import TICKS_PER_UNIT
from tests.seasons import KINDS, MONTH, season, spiked

USUAL = AnomalySettings()  # 5 spreads, 100 at least, 4 weeks, new spenders from 100 on
DAY = date(2026, 9, 16)  # a Wednesday
UNIT = TICKS_PER_UNIT


def flat(amount: int, weeks: int = 8) -> dict[date, int]:
    return {DAY - timedelta(n): amount * UNIT for n in range(1, 7 * weeks + 1)}


def told(days: dict[date, int], day: date = DAY, settings: AnomalySettings = USUAL) -> Anomalous:
    found = anomalies_of(days, day, settings)
    assert found is not None
    return found


def test_a_day_far_above_its_weekday_is_told_of_with_what_it_should_have_cost() -> None:
    found = told(flat(20) | {DAY: 150 * UNIT})
    assert (found.expected, found.actual, found.excess) == (20 * UNIT, 150 * UNIT, 130 * UNIT)
    assert (found.since, found.weeks, found.is_new) == (DAY, 6, False)
    assert found.sentence == (
        "Wednesday, 2026-09-16 cost 150.00, 130.00 more than the 20.00 of a usual Wednesday"
        " (6 before)"
    )


def test_less_than_the_least_amount_is_not_told_of() -> None:
    assert anomalies_of(flat(20) | {DAY: 119 * UNIT}, DAY, USUAL) is None
    assert anomalies_of(flat(20) | {DAY: 120 * UNIT}, DAY, USUAL) is not None


def test_a_flat_series_does_not_alarm_for_a_small_part_of_it() -> None:
    assert anomalies_of(flat(10_000) | {DAY: 10_499 * UNIT}, DAY, USUAL) is None
    assert anomalies_of(flat(10_000) | {DAY: 10_500 * UNIT}, DAY, USUAL) is not None


def test_a_drop_is_no_anomaly() -> None:
    assert anomalies_of(flat(10_000) | {DAY: 0}, DAY, USUAL) is None
    assert anomalies_of(flat(10_000) | {DAY: -50_000 * UNIT}, DAY, USUAL) is None
    assert anomalies_of(flat(10_000), DAY, USUAL) is None


def test_a_wednesday_is_held_against_wednesdays() -> None:
    busy = {day: ticks * (30 if day.weekday() == 2 else 1) for day, ticks in flat(20).items()}
    assert anomalies_of(busy | {DAY: 600 * UNIT}, DAY, USUAL) is None
    thursday = DAY + timedelta(1)
    assert anomalies_of(busy | {DAY: 600 * UNIT, thursday: 600 * UNIT}, thursday, USUAL)


def test_what_varies_anyway_must_vary_more() -> None:
    restless = {
        day: ticks + (n % 3 - 1) * 100 * UNIT for n, (day, ticks) in enumerate(flat(500).items())
    }
    assert anomalies_of(restless | {DAY: 900 * UNIT}, DAY, USUAL) is None
    assert anomalies_of(flat(500) | {DAY: 900 * UNIT}, DAY, USUAL) is not None


def test_a_spike_before_does_not_hide_another() -> None:
    assert told(flat(20) | {DAY - timedelta(7): 900 * UNIT, DAY: 150 * UNIT}).expected == 20 * UNIT


def test_a_new_spender_is_told_of_from_its_amount_on() -> None:
    found = told({DAY: 100 * UNIT})
    assert (found.expected, found.is_new, found.weeks) == (0, True, 0)
    assert found.sentence.endswith("spending that was not there before")
    assert anomalies_of({DAY: 99 * UNIT}, DAY, USUAL) is None


def test_a_new_spender_is_told_of_again_only_when_it_spends_so_much_more() -> None:
    began = DAY - timedelta(3)
    days = {began: 150 * UNIT, DAY: 249 * UNIT}
    assert anomalies_of(days, DAY, USUAL) is None
    found = told(days | {DAY: 250 * UNIT})
    assert found.expected == 150 * UNIT
    assert found.sentence.endswith("100.00 more than any day since it began on 2026-09-13")


def test_who_is_not_known_for_long_is_not_new() -> None:
    days = {DAY - timedelta(n): 500 * UNIT for n in range(10)}
    window = DAY - timedelta(9)
    assert anomalies_of(days, window, USUAL) is not None
    assert anomalies_of(days, window, USUAL, known_from=window) is None
    assert anomalies_of(days | {DAY: 9_000 * UNIT}, DAY, USUAL, known_from=window) is None


def test_three_weeks_are_enough_of_who_is_not_known_for_longer() -> None:
    days = flat(20, weeks=3) | {DAY: 150 * UNIT}
    found = anomalies_of(days, DAY, USUAL, known_from=DAY - timedelta(21))
    assert found is not None
    assert (found.weeks, found.is_new) == (3, False)


def test_a_first_of_a_month_is_allowed_what_firsts_cost() -> None:
    fees = {date(2026, month, 1): 5_000 * UNIT for month in (7, 8)}
    days = {date(2026, 6, 20) + timedelta(n): 20 * UNIT for n in range(73)} | fees
    first = date(2026, 9, 1)
    assert anomalies_of(days | {first: 5_050 * UNIT}, first, USUAL) is None
    assert told(days | {first: 9_000 * UNIT}, first).expected == 5_000 * UNIT
    # Nor does the fee hide what a usual day of the same weekday costs too much.
    saturday = date(2026, 8, 29)
    assert told(days | {saturday: 300 * UNIT}, saturday).expected == 20 * UNIT


def test_an_unbroken_run_is_known_by_its_first_day() -> None:
    days = flat(20) | {DAY - timedelta(n): 500 * UNIT for n in range(3)}
    assert told(days).since == DAY - timedelta(2)


def test_amounts_of_another_currency_are_held_against_what_a_unit_is_worth_there() -> None:
    days = flat(2_000) | {DAY: 15_000 * UNIT}
    assert anomalies_of(days, DAY, USUAL, 150 * UNIT) is None
    assert anomalies_of(days, DAY, USUAL, 100 * UNIT) is not None


def test_a_new_level_is_usual_after_some_weeks() -> None:
    days = flat(20, weeks=12) | {DAY - timedelta(n): 500 * UNIT for n in range(35)}
    assert anomalies_of(days, DAY - timedelta(34), USUAL) is not None
    assert anomalies_of(days, DAY, USUAL) is None


@given(
    st.dictionaries(
        st.integers(0, 80).map(lambda n: DAY - timedelta(n)),
        st.integers(-(10**15), 10**15),
        max_size=80,
    )
)
def test_what_is_told_of_is_more_than_expected_by_the_least_amount(days: dict[date, int]) -> None:
    found = anomalies_of(days, DAY, USUAL)
    if found is not None:
        assert found.actual == days[DAY]
        assert found.excess >= 100 * UNIT
        assert found.since <= found.day == DAY


def test_spikes_are_found_and_little_else() -> None:
    settings = AnomalySettings(least=Decimal(1), new_spender=Decimal(1))
    found = missed = false = 0
    for kind in KINDS:
        if kind in ("spiky", "young", "stepped", "sparse"):
            continue  # their own surprises are anomalies too
        for seed in range(25):
            one = spiked(season(kind, seed), seed)
            for n in range(30):
                day = MONTH + timedelta(n)
                is_told = anomalies_of(one.days, day, settings) is not None
                if day in one.spikes:
                    found, missed = found + is_told, missed + (not is_told)
                else:
                    false += is_told
    assert found / (found + missed) >= 0.95  # recall
    assert found / (found + false) >= 0.85  # precision
