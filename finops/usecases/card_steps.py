"""Steps of saving spend cards: as many as one transaction takes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from finops.domain.periods import BillingPeriod
from finops.domain.spend_cards import months_booked
from finops.usecases.ports import Save

WRITES = (
    99  # in a transaction, beside the receipt: each card and its record, and a look at each month
)
LINES = 4_000  # and no more than fit into one: each is written up to four times

T = TypeVar("T")


def steps(some: Iterable[T], saves: Callable[[T], Sequence[Save]]) -> Iterator[list[T]]:
    """*some* in transactions that hold the *saves* of each; one at least, which may be too large."""
    step: list[T] = []
    cards = lines = 0
    months: set[BillingPeriod] = set()
    for one in some:
        own = saves(one)
        own_lines = sum(
            len(group.lines) for each in own for group in (each.after, *each.after.adjustments)
        )
        own_months = {month for each in own for month in months_booked(each.before, each.after)}
        writes = 2 * (cards + len(own)) + len(months | own_months)
        if step and (writes > WRITES or lines + own_lines > LINES):
            yield step
            step, cards, lines, months = [], 0, 0, set()
        step.append(one)
        cards += len(own)
        lines += own_lines
        months |= own_months
    if step:
        yield step


def alone(one: Save) -> Sequence[Save]:
    """A save as all that is saved of it."""
    return (one,)
