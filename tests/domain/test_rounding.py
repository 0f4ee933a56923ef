"""Rounding to cents: rows add up to their total, whatever is rounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.domain.errors import InvalidError
from finops.domain.rounding import digits, rounded, rounded_rows, rounded_table

CENT = 10**8
AMOUNTS = st.integers(-(10**14), 10**14)
ROWS = st.dictionaries(st.tuples(st.sampled_from("abcdefgh"), st.none()), AMOUNTS, min_size=1)


def test_thirds_of_a_hundred_cents_give_the_last_one_to_the_smaller_key() -> None:
    third = 100 * CENT // 3

    assert rounded_rows({("b",): third, ("a",): third, ("c",): third + 1}, 2, 100) == {
        ("a",): 33,
        ("b",): 33,
        ("c",): 34,
    }
    assert rounded_rows({(name,): third for name in "cba"}) == {("a",): 34, ("b",): 33, ("c",): 33}


def test_a_refund_in_thirds_is_the_charge_in_thirds_with_its_sign_changed() -> None:
    third = -100 * CENT // 3

    assert rounded_rows(dict.fromkeys([("b",), ("a",), ("c",)], third), 2, -100) == {
        ("a",): -34,
        ("b",): -33,
        ("c",): -33,
    }


def test_what_is_absent_comes_last_where_all_is_equal() -> None:
    half = CENT // 2

    assert rounded_rows({(None,): half, ("z",): half}) == {("z",): 1, (None,): 0}


def test_yen_have_no_cents_and_dinars_a_thousandth() -> None:
    unit = 10**10

    assert [digits(one) for one in ("USD", "JPY", "KWD", None)] == [2, 0, 3, 2]
    assert rounded(1_234 * unit + unit // 2, digits("JPY")) == 1_235
    assert rounded(unit + CENT // 10, digits("KWD")) == 1_001


def test_a_total_that_is_no_rounding_of_the_sum_is_refused() -> None:
    with pytest.raises(InvalidError, match="no rounding"):
        rounded_rows({("a",): 5 * CENT}, 2, 6)


@given(ROWS, st.sampled_from([0, 2, 3]))
def test_rows_add_up_and_none_is_a_cent_off(
    rows: dict[tuple[str | None, ...], int], places: int
) -> None:
    unit = 10 ** (10 - places)

    found = rounded_rows(rows, places)

    assert sum(found.values()) == rounded(sum(rows.values()), places)
    assert all(abs(found[key] * unit - ticks) < unit for key, ticks in rows.items())
    assert rounded_rows(dict(reversed(rows.items())), places) == found


@given(ROWS)
def test_the_negatives_round_to_the_negatives(rows: dict[tuple[str | None, ...], int]) -> None:
    total = rounded(sum(rows.values()))

    less = rounded_rows({key: -ticks for key, ticks in rows.items()}, 2, -total)

    if sum(rows.values()):
        assert less == {key: -cents for key, cents in rounded_rows(rows).items()}


@given(st.dictionaries(st.tuples(st.sampled_from("abcdef")), st.tuples(AMOUNTS, AMOUNTS)))
def test_a_table_adds_up_down_and_across(
    table: dict[tuple[str | None, ...], tuple[int, int]],
) -> None:
    rows = {key: {"gross": gross, "tax": tax} for key, (gross, tax) in table.items()}

    found = rounded_table(rows)

    exact = sum(gross + tax for gross, tax in table.values())
    assert sum(sum(row.values()) for row in found.values()) == rounded(exact)
    for name in ("gross", "tax"):
        column = sum(row[name] for row in rows.values())
        assert abs(sum(row[name] for row in found.values()) * CENT - column) < CENT
