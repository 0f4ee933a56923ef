"""History: which days are compared with which, quarter by fiscal year, and what a change comes to."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.domain.errors import InvalidError
from finops.domain.history import (
    Change,
    Layout,
    MonthKnown,
    Span,
    Step,
    Sums,
    dimensions,
    movers,
    pairs,
    ranked,
    spans,
)
from finops.domain.periods import BillingPeriod


def known(first: str, *days: int | None) -> list[MonthKnown]:
    """Months that follow one another; 99: all of their days."""
    month, found = BillingPeriod(first), []
    for some in days:
        whole = month.period.days
        found.append(MonthKnown(month, whole if some == 99 else some))
        month = BillingPeriod.of(month.end)
    return found


def of(first: str, *days: int | None, step: Step = Step.MONTH, start: int = 1) -> list[Span]:
    return spans(known(first, *days), step, start)


def compared(before: Span, span: Span) -> list[tuple[str, int, str, int]]:
    return [(one.month, one.days, one.before, one.days_before) for one in pairs(span, before)]


# Which days ---------------------------------------------------------------------------------------


def test_whole_months_are_compared_as_they_are() -> None:
    assert compared(*of("2026-02", 99, 99)) == [("2026-03", 31, "2026-02", 28)]


@pytest.mark.parametrize("day, before", [(1, 1), (27, 27), (28, 28), (29, 28), (30, 28)], ids=str)
def test_a_month_to_date_is_compared_with_the_same_days_or_all_there_are(
    day: int, before: int
) -> None:
    assert compared(*of("2026-02", 99, day)) == [("2026-03", day, "2026-02", before)]


def test_the_29th_of_a_leap_year_has_its_own_day() -> None:
    assert compared(*of("2028-02", 99, 29)) == [("2028-03", 29, "2028-02", 29)]


def test_a_month_that_lacks_days_is_compared_by_what_it_has() -> None:
    assert compared(*of("2026-04", 20, 99)) == [("2026-05", 20, "2026-04", 20)]


def test_a_gap_is_compared_with_nothing() -> None:
    one, gap, three = of("2026-04", 99, None, 99)
    assert compared(one, gap) == []
    assert compared(gap, three) == []
    assert gap.gaps == ("2026-05",)


def test_a_month_without_a_complete_day_is_compared_with_nothing() -> None:
    assert compared(*of("2026-04", 99, 0)) == []


# Quarters -----------------------------------------------------------------------------------------


def test_quarters_are_those_of_the_fiscal_year() -> None:
    found = of("2025-12", *[99] * 5, step=Step.QUARTER, start=2)
    assert [(one.label, one.loaded) for one in found] == [
        ("FY2026 Q4", ("2025-12", "2026-01")),
        ("FY2027 Q1", ("2026-02", "2026-03", "2026-04")),
    ]
    assert [one.is_part for one in found] == [True, False]


def test_a_part_of_a_quarter_is_compared_with_the_same_months() -> None:
    first, second = of("2026-01", 99, 99, 99, 99, 12, step=Step.QUARTER)
    assert compared(first, second) == [
        ("2026-04", 30, "2026-01", 31),
        ("2026-05", 12, "2026-02", 12),
    ]
    assert second.is_part


def test_a_quarter_with_a_gap_is_compared_without_that_month() -> None:
    first, second = of("2026-01", 99, None, 99, 99, 99, 99, step=Step.QUARTER)
    assert [one[0] for one in compared(first, second)] == ["2026-04", "2026-06"]
    assert first.is_part
    assert first.gaps == ("2026-02",)


@given(
    st.integers(1, 12),
    st.lists(st.one_of(st.none(), st.integers(0, 28), st.just(99)), min_size=1, max_size=30),
)
def test_every_month_is_in_one_quarter_and_no_day_is_compared_twice(
    start: int, days: list[int | None]
) -> None:
    found = of("2024-03", *days, step=Step.QUARTER, start=start)
    months = [one for span in found for one in span.months]
    assert months == known("2024-03", *days)
    assert all(span.places == tuple(sorted(set(span.places))) for span in found)
    for before, span in pairwise(found):
        for one in pairs(span, before):
            assert one.month in span.loaded
            assert one.before in before.loaded
            assert 0 < one.days <= one.month.period.days
            assert 0 < one.days_before <= one.before.period.days
            assert (
                one.before.start + timedelta(95) > one.month.start > one.before.end - timedelta(1)
            )


# What it comes to ---------------------------------------------------------------------------------


def test_a_longer_month_at_the_same_pace_has_changed_nothing_a_day() -> None:
    change = Change(amount=310, before=280, days=31, days_before=28)
    assert (change.change, change.percent) == (30, 1071)
    assert (change.per_day, change.per_day_before, change.per_day_change) == (10, 10, 0)
    assert change.per_day_percent == 0
    assert not change.is_even


def test_nothing_before_has_no_percent() -> None:
    change = Change(amount=310, before=0, days=31, days_before=31)
    assert (change.percent, change.per_day_percent) == (None, None)


def test_a_refund_that_shrinks_is_a_rise() -> None:
    assert Change(amount=-50, before=-100, days=30, days_before=30).percent == 5000


def test_sums_take_the_first_days_where_only_those_are_compared() -> None:
    layout = Layout.of(of("2026-02", 99, 10))
    february, march = BillingPeriod("2026-02"), BillingPeriod("2026-03")
    assert layout.parts() == [(february, 10), (march, 10)]
    sums = layout.sums({february: 280, march: 130}, {(february, 10): 100, (march, 10): 120})
    assert sums == Sums((280, 130), (None, (120, 100)))


def test_a_gap_comes_to_nothing_known_and_not_to_zero() -> None:
    layout = Layout.of(of("2026-02", 99, None, 99))
    sums = layout.sums({BillingPeriod("2026-02"): 5, BillingPeriod("2026-04"): 7}, {})
    assert sums == Sums((5, None, 7), (None, None, None))
    assert layout.nothing() == Sums((0, None, 0), (None, None, None))
    assert layout.newest is None


def test_the_largest_of_the_newest_span_is_first() -> None:
    rows = [
        (("a",), Sums((9, 1), (None, (1, 9)))),
        (("b",), Sums((0, 5), (None, (5, 0)))),
        ((None,), Sums((9, 1), (None, (1, 9)))),
    ]
    assert [values for values, _ in ranked(rows)] == [("b",), ("a",), (None,)]


def test_movers_go_by_what_changed_a_day() -> None:
    layout = Layout.of(of("2026-02", 99, 99))
    rows = [
        (("same pace",), Sums((280, 310), (None, (310, 280)))),
        (("up",), Sums((280, 341), (None, (341, 280)))),
        (("down",), Sums((280, 62), (None, (62, 280)))),
    ]
    found = movers(rows, layout, 5)
    assert [(values, one.per_day_change) for values, one in found] == [
        (("down",), -8),
        (("up",), 1),
    ]
    assert movers(rows, layout, 1) == found[:1]


# What can be asked ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said, words",
    [
        ([], "1 to 3 dimensions, not by 0"),
        (["service", "account", "region", "unit"], "not by 4"),
        (["month"], "month is told apart anyway"),
        (["colour"], "'colour' is no dimension of spend"),
        (["service", "service"], "named twice"),
    ],
    ids=str,
)
def test_what_cannot_be_told_apart_is_named(said: list[str], words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        dimensions(said)
