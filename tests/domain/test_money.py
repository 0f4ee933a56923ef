"""Money is whole ticks of 1e-10, and nothing is lost on the way there."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.loads import ControlTotal, total
from finops.domain.money import carried, exactly, from_ticks, settled, text, to_ticks

some = settings(max_examples=100, deadline=None, derandomize=True)

AMOUNTS = st.decimals(-(10**12), 10**12, allow_nan=False, places=20)


@pytest.mark.parametrize(
    "amount, ticks",
    [
        ("1", 10_000_000_000),
        ("-0.0000000676", -676),
        ("0.00000000005", 0),  # half a tick goes to the even one
        ("0.00000000015", 2),
        ("0.000000000149", 1),
    ],
)
def test_an_amount_is_rounded_half_to_even(amount: str, ticks: int) -> None:
    assert to_ticks(Decimal(amount)) == ticks


@some
@given(st.integers(-(10**30), 10**30))
def test_ticks_and_amounts_are_the_same_thing(ticks: int) -> None:
    assert to_ticks(from_ticks(ticks)) == ticks
    assert Decimal(text(ticks)) == from_ticks(ticks)


def test_money_leaves_as_decimal_text_without_exponent() -> None:
    assert text(-676) == "-0.0000000676"
    assert text(0) == "0.0000000000"
    assert text(12_345_678_901_234_567_890) == "1234567890.1234567890"


def test_what_a_bill_states_beyond_ten_decimals_is_told_too() -> None:
    assert text(*exactly(Decimal("0.00000000082"))) == "0.00000000082"
    assert text(*exactly(Decimal("-0.00000000082"))) == "-0.00000000082"


@some
@given(AMOUNTS)
def test_twenty_decimals_survive_as_ticks_and_dust(amount: Decimal) -> None:
    ticks, dust = exactly(amount)

    assert 0 <= dust < 10**10
    assert Fraction(ticks, 10**10) + Fraction(dust, 10**20) == Fraction(amount)
    assert Decimal(text(ticks, dust)) == amount


def test_dust_is_settled_below_a_tick_and_never_negative() -> None:
    assert settled(5, 25_000_000_000) == (7, 5_000_000_000)
    assert settled(5, -1) == (4, 9_999_999_999)


def test_ten_million_lines_of_a_tenth_of_a_tick_make_a_million_ticks() -> None:
    # One in a thousand of trap 6's ten million lines: each alone rounds to nothing.
    told = carried([Decimal("1e-11")] * 10_000)

    assert sum(told) == 1_000
    assert set(told) == {0, 1}


@some
@given(st.lists(AMOUNTS, max_size=30))
def test_every_running_sum_of_carried_amounts_is_the_exact_one_rounded(
    amounts: list[Decimal],
) -> None:
    told = carried(amounts)

    exact, sum_of_told = Fraction(0), 0
    for amount, ticks in zip(amounts, told, strict=True):
        exact += Fraction(amount) * 10**10
        sum_of_told += ticks
        assert abs(exact - sum_of_told) <= Fraction(1, 2)


@some
@given(st.lists(st.integers(-(10**18), 10**18), max_size=30))
def test_whole_ticks_carry_nothing(ticks: list[int]) -> None:
    assert carried(from_ticks(some) for some in ticks) == ticks


def control(lines: int, ticks: int, dust: int = 0, currency: str = "USD") -> ControlTotal:
    return ControlTotal(
        billing_account_id="1",
        billing_period="2026-09",
        billing_currency=currency,
        lines=lines,
        unblended_cost=ticks,
        dust=dust,
    )


def test_two_halves_of_a_tick_in_two_files_are_one_tick_together() -> None:
    half = control(1, 0, 5 * 10**9)

    assert total([half, half]) == {("1", "2026-09", "USD"): control(2, 1)}


def test_control_totals_of_two_currencies_stay_two() -> None:
    added = total([control(1, 700), control(1, 5, currency="CNY"), control(2, 300)])

    assert {of[2]: some.unblended_cost for of, some in added.items()} == {"USD": 1_000, "CNY": 5}
