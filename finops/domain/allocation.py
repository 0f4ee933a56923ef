"""Splitting an amount so that the parts add up to it, to the last tick."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from finops.domain.errors import InvalidError


def split(amount: int, weights: Mapping[str, int]) -> dict[str, int]:
    """*amount* over the keys of *weights* by largest remainder; ties go to the smaller key.

    The unit is whatever *amount* counts: ticks inside the product, cents in a file that is booked.
    Splitting a negative amount is splitting the positive one with the sign changed.

    >>> split(10_000, {"a": 1, "b": 1, "c": 1})
    {'a': 3334, 'b': 3333, 'c': 3333}
    >>> split(-1, {"b": 1, "a": 1, "c": 1})
    {'b': 0, 'a': -1, 'c': 0}

    Raises InvalidError for no weights, a negative weight, or weights that are all zero.
    Source: specification section 7.6.
    """
    if not weights:
        raise InvalidError("nothing to split over: name at least one part")
    if negative := [key for key, weight in weights.items() if weight < 0]:
        raise InvalidError(f"the weight of {negative[0]} is negative; weights are zero or more")
    total = sum(weights.values())
    if total == 0:
        raise InvalidError("all weights are zero: at least one part must take something")
    sign = -1 if amount < 0 else 1
    quotas = {key: Fraction(abs(amount) * weight, total) for key, weight in weights.items()}
    parts = {key: int(quota) for key, quota in quotas.items()}
    missing = abs(amount) - sum(parts.values())
    by_remainder = sorted(quotas, key=lambda key: (parts[key] - quotas[key], key))
    for key in by_remainder[:missing]:
        parts[key] += 1
    return {key: sign * part for key, part in parts.items()}


def apportioned(amount: int, weights: Sequence[int]) -> list[int]:
    """*amount* in proportion to *weights* of either sign, by largest remainder; ties go to the first.

    What a refund is weighed by goes the other way, and all together is *amount*:

    >>> apportioned(60, [150, -50]), apportioned(10, [1, 1, 1])
    ([90, -30], [4, 3, 3])

    Raises InvalidError where the weights add up to zero.
    """
    whole = sum(weights)
    if whole == 0:
        raise InvalidError("the weights come to zero: nothing can be in proportion to them")
    parts = [amount * weight // whole for weight in weights]
    left = [
        Fraction(amount * weight, whole) - part for weight, part in zip(weights, parts, strict=True)
    ]
    missing = amount - sum(parts)
    for place in sorted(range(len(parts)), key=lambda one: (-left[one], one))[:missing]:
        parts[place] += 1
    return parts
