"""Exact money: whole ticks of 1e-10 of a currency, and decimal text at the edges."""

from collections.abc import Iterable
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal

TICK = Decimal("1e-10")
TICKS_PER_UNIT = 10**10
DUST_PER_TICK = 10**10
HALF = Decimal("0.5")

# Totals of an organisation pass the 28 digits of the default context.
EXACT = Context(prec=60)


def to_ticks(amount: Decimal) -> int:
    """*amount* in whole ticks, half to even.

    >>> to_ticks(Decimal("0.00000000015"))
    2
    """
    scaled = amount.scaleb(10, context=EXACT)
    return int(scaled.to_integral_value(rounding=ROUND_HALF_EVEN, context=EXACT))


def from_ticks(ticks: int) -> Decimal:
    """The amount that *ticks* stand for.

    >>> from_ticks(-676)
    Decimal('-6.76E-8')
    """
    return Decimal(ticks).scaleb(-10, context=EXACT)


def text(ticks: int, dust: int = 0) -> str:
    """*ticks* and *dust* as decimal text, as money leaves the product; ten decimals or more.

    >>> text(-676), text(20_000_000_000), text(8, 2_500_000_000)
    ('-0.0000000676', '2.0000000000', '0.000000000825')
    """
    if not dust:
        return f"{from_ticks(ticks):.10f}"
    exact = EXACT.add(from_ticks(ticks), Decimal(dust).scaleb(-20, context=EXACT))
    whole, _, decimals = f"{exact:.20f}".partition(".")
    return f"{whole}.{decimals.rstrip('0'):0<10}"


def settled(ticks: int, dust: int) -> tuple[int, int]:
    """The same amount with its dust below a tick, and never negative.

    >>> settled(5, -1)
    (4, 9999999999)
    """
    return ticks + dust // DUST_PER_TICK, dust % DUST_PER_TICK


def exactly(amount: Decimal) -> tuple[int, int]:
    """*amount* in ticks and dust: all of its first twenty decimals."""
    scaled = amount.scaleb(20, context=EXACT)
    return settled(0, int(scaled.to_integral_value(rounding=ROUND_HALF_EVEN, context=EXACT)))


def carried(amounts: Iterable[Decimal]) -> list[int]:
    """Each of *amounts* in ticks, so that every running sum is the exact one, rounded.

    A bill may state more than ten decimals. What one amount loses in rounding the next ones carry,
    so their total is off by at most half a tick however many there are. Halves go up, so that the
    result does not depend on where a sum started.

    >>> carried([Decimal("0.00000000004")] * 5)
    [0, 1, 0, 1, 0]
    """
    parts: list[int] = []
    exact, told = Decimal(0), 0
    for amount in amounts:
        exact = EXACT.add(exact, amount)
        scaled = EXACT.add(exact.scaleb(10, context=EXACT), HALF)
        running = int(scaled.to_integral_value(rounding=ROUND_FLOOR, context=EXACT))
        parts.append(running - told)
        told = running
    return parts
