"""Rounding to cents: once, where money leaves for finance, so that rows add up to their total."""

from collections.abc import Mapping

from finops.domain.errors import InvalidError

Key = tuple[str | None, ...]

MOST_DIGITS = 10  # those of a tick
USUAL_DIGITS = 2
# Currencies without cents, and with a thousandth. Source: ISO 4217.
DIGITS: Mapping[str, int] = {
    **dict.fromkeys("CLP ISK JPY KRW PYG UGX VND XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
}


def digits(currency: str | None) -> int:
    """How many decimals an amount of *currency* is booked with."""
    return DIGITS.get(currency or "", USUAL_DIGITS)


def rounded(ticks: int, places: int = USUAL_DIGITS) -> int:
    """*ticks* in cents, or what else has so many decimal *places*; halves go up.

    >>> rounded(10_049_999_999), rounded(10_050_000_000), rounded(-50_000_000)
    (100, 101, 0)
    """
    unit = _unit(places)
    return (2 * ticks + unit) // (2 * unit)


def rounded_rows(
    rows: Mapping[Key, int], places: int = USUAL_DIGITS, total: int | None = None
) -> dict[Key, int]:
    """Each of *rows* (ticks) in cents, so that they add up to *total*, else to their rounded sum.

    By largest remainder; ties go to the smaller key, what is absent last. No row is a cent or more
    off, and one that is whole cents stays what it is. Rounding the negatives gives the negatives.

    >>> third = 3_333_333_333
    >>> rounded_rows({("a",): third, ("b",): third, ("c",): third + 1})
    {('a',): 33, ('b',): 33, ('c',): 34}

    Raises InvalidError for a *total* that is a cent or more away from the sum.
    """
    unit, exact = _unit(places), sum(rows.values())
    whole = rounded(exact, places) if total is None else total
    sign = -1 if exact < 0 else 1
    cents = {key: sign * ticks // unit for key, ticks in rows.items()}
    over = {key: sign * ticks % unit for key, ticks in rows.items()}
    missing = sign * whole - sum(cents.values())
    if not 0 <= missing <= sum(1 for rest in over.values() if rest):
        raise InvalidError(f"{whole} cents are no rounding of {exact} ticks")
    for key in sorted(over, key=lambda key: (-over[key], order(key)))[:missing]:
        cents[key] += 1
    return {key: sign * amount for key, amount in cents.items()}


def rounded_table(
    rows: Mapping[Key, Mapping[str, int]], places: int = USUAL_DIGITS, total: int | None = None
) -> dict[Key, dict[str, int]]:
    """Rows of several columns (ticks) in cents: each column adds up, and the columns' totals too.

    *total* is what all columns of all rows come to; else it is their rounded sum. A row's own sum
    is the sum of its cells, and so less than a cent for each column away from the exact one.
    """
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    columns: dict[Key, int] = {
        (name,): sum(row.get(name, 0) for row in rows.values()) for name in names
    }
    totals = rounded_rows(columns, places, total)
    found: dict[Key, dict[str, int]] = {key: {} for key in rows}
    for name in names:
        cells = rounded_rows(
            {key: row.get(name, 0) for key, row in rows.items()}, places, totals[name,]
        )
        for key, cents in cells.items():
            found[key][name] = cents
    return found


def order(key: Key) -> tuple[tuple[bool, str], ...]:
    """Where a key stands: part by part, what is absent last."""
    return tuple((part is None, part or "") for part in key)


def _unit(places: int) -> int:
    """Ticks in one of the smallest coins."""
    return int(10 ** (MOST_DIGITS - places))
