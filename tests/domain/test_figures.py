"""What a budget says next to what was spent, and that a node is the sum of its children."""

from collections.abc import Sequence
from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from finops.domain.figures import ZERO, Figures, Line, figures, monthly, variance

some = settings(max_examples=100, deadline=None, derandomize=True)

EVEN = (100,) * 12


def spent(*months: int) -> tuple[int, ...]:
    return (*months, *(0,) * (12 - len(months)))


# -- one product ------------------------------------------------------------------------------


def test_figures_of_a_running_year() -> None:
    # January 10 over, February 20 under, 40 of March's 100 spent; April to December to come.
    assert figures(1_500, EVEN, spent(110, 80, 40), current=2) == Figures(
        annual=1_500,
        planned=1_200,
        unallocated=300,  # 1500 - 1200
        eoy_planned=960,  # (100 - 40) + 900
        eoy_forecast=1_190,  # 230 + 60 + 900
        spent=230,
        variance=-70,  # 230 - 300
    )


def test_a_month_that_is_over_its_plan_leaves_no_rest_to_forecast() -> None:
    now = figures(1_200, EVEN, spent(130), current=0)

    assert (now.eoy_planned, now.eoy_forecast) == (1_070, 1_230)  # (100 - 130) + 1100; 130 + 1100
    assert now.variance == 30  # positive is overspent


def test_a_year_that_has_not_begun_is_heading_for_its_plan() -> None:
    now = figures(1_200, EVEN, spent(), current=-1)

    assert (now.eoy_planned, now.eoy_forecast, now.spent, now.variance) == (1_200, 1_200, 0, 0)


@pytest.mark.parametrize("current, forecast", [(11, 1_200), (None, 1_170)])
def test_a_year_that_is_over_keeps_the_figures_of_its_last_month_and_forecasts_what_was_spent(
    current: int | None, forecast: int
) -> None:
    now = figures(1_200, EVEN, (100,) * 11 + (70,), current)

    assert (now.eoy_planned, now.eoy_forecast, now.spent) == (30, forecast, 1_170)
    assert now.variance == -30


def test_the_forecast_of_years_that_are_over_adds_up() -> None:
    """One is over its plan and one is below: together they forecast what they spent."""
    over, below = (Line.of(1_200, EVEN, (each,) * 12, "Approved") for each in (130, 90))

    assert (over + below).figures(None).eoy_forecast == 12 * (130 + 90)


def test_more_can_be_planned_than_a_chart_that_shrank_allows() -> None:
    assert figures(1_000, EVEN, spent(), current=0).unallocated == -200


def test_without_an_approved_schedule_there_is_spend_and_no_variance() -> None:
    assert figures(1_200, None, spent(50, 20), current=1) == Figures(
        annual=1_200,
        planned=0,
        unallocated=1_200,
        eoy_planned=-20,  # nothing is approved, and 20 of it are spent this month
        eoy_forecast=70,
        spent=70,
        variance=None,
    )


def test_a_plan_of_zeros_has_a_variance() -> None:
    assert figures(0, (0,) * 12, spent(50), current=0).variance == 50


def test_money_that_came_back_leaves_more_to_spend() -> None:
    now = figures(1_200, EVEN, spent(100, -30), current=1)

    assert (now.eoy_planned, now.eoy_forecast, now.spent) == (1_130, 1_200, 70)


def test_a_variance_is_of_the_months_asked_for() -> None:
    told = spent(110, 80, 40)

    assert variance(EVEN, told, 0, 2) == -70
    assert variance(EVEN, told, 1, 1) == -20
    assert variance(EVEN, told, 0, -1) == 0  # no month
    assert variance(None, told, 0, 2) is None


def test_each_month_has_its_own_variance() -> None:
    assert monthly(EVEN, spent(110, 80)) == (10, -20, *(-100,) * 10)
    assert monthly(None, spent(110, 80)) == (None,) * 12


# -- many -------------------------------------------------------------------------------------

SHOP = Line.of(1_500, EVEN, spent(110, 80, 40), "Approved")
OVER = Line.of(1_200, EVEN, spent(100, 100, 160), "Rescheduling")
LAB = Line.of(600, None, spent(0, 50, 20), "Draft")


def test_a_node_is_the_sum_of_its_products() -> None:
    node = SHOP + OVER + LAB

    assert (node.annual, node.products, node.budgeted) == (3_300, 3, 2)
    assert node.approved == (200,) * 12
    assert node.spent == spent(210, 230, 220)
    assert node.unbudgeted == spent(0, 50, 20)
    assert node.counts == {"Approved": 1, "Rescheduling": 1, "Draft": 1}


def test_figures_of_a_node_are_the_sums_of_those_of_its_products() -> None:
    # The shop has 60 of March left, the other one is 60 over: the shop's 60 may still be spent.
    assert (SHOP + OVER + LAB).figures(2) == Figures(
        annual=3_300,
        planned=2_400,
        unallocated=900,
        eoy_planned=1_780,  # 960 + 840 - 20
        eoy_forecast=2_520,  # 1190 + 1260 + 70
        spent=660,
        variance=-10,  # (210 + 180 + 200) - 600; the lab's 70 have no budget to be over
    )


def test_spend_without_an_approved_schedule_is_in_no_variance() -> None:
    node = SHOP + LAB

    assert node.variance(0, 2) == -70
    assert node.variances[:3] == (10, -20, -60)


def test_nothing_budgeted_has_no_variance() -> None:
    assert (LAB + LAB).figures(2).variance is None
    assert (LAB + LAB).variances == (None,) * 12
    assert ZERO.figures(2).variance is None


def test_products_of_one_status_are_counted_together() -> None:
    assert (LAB + SHOP + LAB).counts == {"Draft": 2, "Approved": 1}


def test_a_line_has_twelve_months() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Line.of(0, EVEN, spent()[:11], "Approved")
    with pytest.raises(ValidationError):
        Line.of(0, EVEN[:11], spent()[:11], "Approved")


TWELVE = st.lists(st.integers(0, 99), min_size=12, max_size=12).map(tuple)
SPENT = st.lists(st.integers(-99, 99), min_size=12, max_size=12).map(tuple)
PRODUCTS = st.tuples(
    st.integers(0, 1_200),
    st.none() | TWELVE,
    SPENT,
    st.sampled_from(["New", "Draft", "Approved"]),
)
MONTH = st.none() | st.integers(-1, 11)
LINES = st.lists(PRODUCTS, max_size=3).map(
    lambda told: reduce(Line.__add__, [Line.of(*one) for one in told], ZERO)
)


@some
@given(LINES, LINES, LINES)
def test_lines_add_up_in_any_order(a: Line, b: Line, c: Line) -> None:
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a + ZERO == a


@some
@given(st.lists(PRODUCTS, max_size=6), MONTH)
def test_every_figure_of_a_node_is_the_sum_of_its_childrens(
    products: list[tuple[int, Sequence[int] | None, Sequence[int], str]], current: int | None
) -> None:
    node = sum((Line.of(*told) for told in products), ZERO).figures(current)
    told = [figures(annual, plan, months, current) for annual, plan, months, _ in products]

    for name in ("annual", "planned", "unallocated", "eoy_planned", "eoy_forecast", "spent"):
        assert getattr(node, name) == sum(getattr(one, name) for one in told)
    variances = [one.variance for one in told if one.variance is not None]
    assert node.variance == (sum(variances) if variances else None)


@some
@given(st.none() | TWELVE, SPENT, MONTH)
def test_variances_by_month_add_up_to_that_of_the_year_to_date(
    plan: tuple[int, ...] | None, months: tuple[int, ...], current: int | None
) -> None:
    last = 11 if current is None else current
    by_month = monthly(plan, months)[: last + 1]

    if plan is None:
        assert set(by_month) <= {None}
    else:
        assert sum(one for one in by_month if one is not None) == variance(plan, months, 0, last)


@some
@given(st.integers(0, 1_200), TWELVE, SPENT, st.integers(-1, 11))
def test_a_forecast_is_never_below_what_is_spent_and_still_planned(
    annual: int, plan: tuple[int, ...], months: tuple[int, ...], current: int
) -> None:
    now = figures(annual, plan, months, current)

    assert now.eoy_forecast >= now.spent + sum(plan[current + 1 :])
    rest = plan[current] - months[current] if current >= 0 else 0
    assert now.eoy_forecast - now.spent == now.eoy_planned + max(0, -rest)
