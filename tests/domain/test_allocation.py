"""Parts of a split add up to the amount: trap 6."""

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.allocation import apportioned, split
from finops.domain.errors import InvalidError

some = settings(max_examples=60, deadline=None, derandomize=True)

THIRDS = {"a": 1, "b": 1, "c": 1}
CENTS = st.integers(-(10**14), 10**14)
WEIGHTS = st.dictionaries(
    st.text(min_size=1, max_size=3), st.integers(0, 10**6), min_size=1
).filter(lambda weights: any(weights.values()))


@pytest.mark.parametrize(
    "cents, parts",
    [
        (100_00, {"a": 33_34, "b": 33_33, "c": 33_33}),
        (1, {"a": 1, "b": 0, "c": 0}),
        (-1, {"a": -1, "b": 0, "c": 0}),
        (0, {"a": 0, "b": 0, "c": 0}),
    ],
)
def test_thirds_add_up_and_the_first_key_takes_the_odd_cent(
    cents: int, parts: dict[str, int]
) -> None:
    assert split(cents, THIRDS) == parts
    assert split(cents, dict(reversed(THIRDS.items()))) == parts


def test_the_largest_remainder_takes_the_odd_cent_whatever_its_key() -> None:
    # 100 cents over 11 and 10 of 21 are 52.38… and 47.61…
    assert split(1_00, {"a": 11, "z": 10}) == {"a": 52, "z": 48}


@some
@given(CENTS, st.lists(st.integers(0, 10**6), min_size=1, max_size=500).filter(any))
def test_parts_add_up_and_none_is_a_cent_off(cents: int, weights: list[int]) -> None:
    parts = split(cents, {f"{n:03}": weight for n, weight in enumerate(weights)})

    assert sum(parts.values()) == cents
    for weight, part in zip(weights, parts.values(), strict=True):
        assert abs(part - Fraction(cents * weight, sum(weights))) < 1


@some
@given(CENTS, WEIGHTS, st.randoms(use_true_random=False))
def test_the_order_of_the_parts_changes_nothing(
    cents: int, weights: dict[str, int], random: Random
) -> None:
    shuffled = list(weights.items())
    random.shuffle(shuffled)

    assert split(cents, dict(shuffled)) == split(cents, weights)


@some
@given(CENTS, WEIGHTS)
def test_a_part_without_weight_takes_nothing_and_none_changes_sign(
    cents: int, weights: dict[str, int]
) -> None:
    parts = split(cents, weights)

    assert all(parts[key] == 0 for key, weight in weights.items() if weight == 0)
    assert all(part * cents >= 0 for part in parts.values())


@some
@given(CENTS, st.lists(WEIGHTS, min_size=4, max_size=4))
def test_a_split_of_a_split_adds_up_on_all_four_levels(
    cents: int, levels: list[dict[str, int]]
) -> None:
    parts = {"": cents}
    for weights in levels:
        below = {key: split(part, weights) for key, part in list(parts.items())[:20]}
        assert all(sum(some.values()) == parts[key] for key, some in below.items())
        rest = {key: part for key, part in parts.items() if key not in below}
        parts = rest | {f"{a}/{b}": part for a, some in below.items() for b, part in some.items()}
        assert sum(parts.values()) == cents


@pytest.mark.parametrize(
    "weights, reason",
    [
        ({}, "nothing to split over"),
        ({"a": 2, "b": -1}, "the weight of b is negative"),
        ({"a": 0, "b": 0}, "all weights are zero"),
    ],
)
def test_weights_that_say_nothing_are_refused(weights: dict[str, int], reason: str) -> None:
    with pytest.raises(InvalidError, match=reason):
        split(100, weights)


@given(
    st.integers(-(10**15), 10**15),
    st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=9).filter(sum),
)
def test_parts_by_weights_of_either_sign_add_up_and_are_off_by_less_than_one(
    amount: int, weights: list[int]
) -> None:
    parts = apportioned(amount, weights)

    assert sum(parts) == amount
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(Fraction(amount * weight, whole) - part) < 1


def test_nothing_is_in_proportion_to_weights_that_come_to_zero() -> None:
    with pytest.raises(InvalidError, match="come to zero"):
        apportioned(5, [1, -1])
