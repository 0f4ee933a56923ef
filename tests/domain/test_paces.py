"""The colour of a card, at its edges, and its word."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from finops.domain.paces import Colour, MonthDays, Pace
from finops.domain.periods import BillingPeriod

# 3,000 a month of 30 days is 100 a day.
PACE = Pace(budget=3_000)


@pytest.mark.parametrize(
    "spend, colour",
    [
        (111, Colour.RED),
        (110, Colour.ORANGE),
        (103, Colour.ORANGE),
        (102, Colour.BLACK),
        (100, Colour.BLACK),
        (98, Colour.BLACK),
        (97, Colour.GREEN),
        (0, Colour.GREEN),
        (-5, Colour.GREEN),
    ],
)
def test_a_day_has_the_colour_of_its_pace(spend: int, colour: Colour) -> None:
    assert PACE.colour(spend, 1) is colour


def test_a_tick_decides_at_the_edge() -> None:
    exact = Pace(budget=3_000 * 10**10)

    assert exact.colour(7 * 110 * 10**10, 7) is Colour.ORANGE
    assert exact.colour(7 * 110 * 10**10 + 1, 7) is Colour.RED


def test_without_an_approved_budget_a_card_is_grey() -> None:
    assert {Pace().colour(spend, 7) for spend in (-1, 0, 10**15)} == {Colour.GREY}
    assert not Pace().exceeds(0, 10**15, 7)


def test_with_a_budget_of_nothing_any_spend_is_far_over() -> None:
    nothing = Pace(budget=0)

    assert [nothing.colour(spend, 7) for spend in (1, 0, -1)] == [
        Colour.RED,
        Colour.BLACK,
        Colour.GREEN,
    ]


def test_the_days_of_the_calendar_may_be_meant_instead_of_30() -> None:
    february = BillingPeriod("2026-02")

    assert MonthDays.THIRTY.of(february) == 30
    assert MonthDays.CALENDAR.of(february) == 28
    assert PACE.colour(107, 1) is Colour.ORANGE
    assert Pace(budget=3_000, month_days=28).colour(107, 1) is Colour.BLACK  # 107.14 a day


def test_every_colour_has_a_word_of_its_own() -> None:
    assert {colour.word for colour in Colour} == {
        "far over budget",
        "over budget",
        "on budget",
        "under budget",
        "no approved budget",
    }


def test_a_budget_is_zero_or_more() -> None:
    with pytest.raises(ValidationError):
        Pace(budget=-1)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.integers(-(10**15), 10**15),
    st.integers(1, 10**15),
    st.integers(1, 7),
    st.integers(28, 31),
)
def test_the_colour_is_the_formula_of_the_specification(
    spend: int, budget: int, days: int, month_days: int
) -> None:
    daily = Fraction(budget, month_days)
    x = (Fraction(spend, days) - daily) / daily
    expected = (
        Colour.RED
        if x > Fraction(10, 100)
        else Colour.ORANGE
        if x > Fraction(2, 100)
        else Colour.GREEN
        if x < Fraction(-2, 100)
        else Colour.BLACK
    )

    assert Pace(budget=budget, month_days=month_days).colour(spend, days) is expected
