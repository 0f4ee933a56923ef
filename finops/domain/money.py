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


def text(ticks: int) -> str:
    """*ticks* as decimal text, as money leaves the product.

    >>> text(-676), text(20_000_000_000)
    ('-0.0000000676', '2.0000000000')
    """
    return f"{from_ticks(ticks):.10f}"


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
