"""Restatements: what a later run changes of weeks that have their cards already.

For every product, Σ cards + differences that wait + corrections = what the latest runs say, and what
somebody decided on stays as it was. Source: specification section 10; trap 5.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from finops.domain.errors import InvalidError
from finops.domain.spend_cards import (
    Adjustment,
    Cause,
    Lines,
    Spend,
    SpendCard,
    added,
    total,
)


class Restatement(NamedTuple):
    """What became of a product's cards.

    *cards* are those that changed. *due* waits for the product's next card (`SpendCard.made`), and
    *corrections* are of closed months: all of the difference to what was signed, each time anew.
    """

    cards: tuple[SpendCard, ...]
    due: tuple[Adjustment, ...]
    corrections: tuple[Adjustment, ...]


def restated(
    cards: Iterable[SpendCard],
    latest: Mapping[date, Spend],
    *,
    cause: Cause | Mapping[date, Cause],
    closed_before: date = date.min,
    by: str,
    at: datetime,
) -> Restatement:
    """A product's *cards* in one currency, after runs that gave it *latest*, by week.

    A week that *latest* leaves out stays as it is; one that costs nothing any more is there with no
    lines. An open card takes its week's lines. The difference to a frozen card goes onto the
    earliest open card of a later week. A disputed card whose remap the run knows is opened again;
    what frozen cards have of its week by then, it takes off itself. Differences between lines that
    come to nothing in all move no money, and make no adjustment. No card of a month before
    *closed_before* ever changes. *cause* is one, or by week where it is not the bill.

    The same once more changes nothing. Raises InvalidError for cards of several products or
    currencies, and for two of one week.
    """
    before = _by_start(cards)
    after = {
        start: card.reopened(by=by, at=at)
        if start >= closed_before and _is_answered(card, latest.get(start))
        else card
        for start, card in before.items()
    }
    open_weeks = [
        start for start, card in after.items() if not card.is_frozen and start >= closed_before
    ]
    moving = [start for start in open_weeks if start in latest]
    items = {start: card.adjustments for start, card in after.items()}
    for start in open_weeks:
        items[start] = tuple(one for one in items[start] if one.start not in moving)
    for start in moving:
        if total(elsewhere := _about(start, items)):
            own = added(less=elsewhere)
            known = _own(after[start], own)
            one = known or _adjustment(start, latest[start], own, Cause.ELSEWHERE, at)
            items[start] = (*items[start], one)
    waiting: list[Adjustment] = []
    for start in after:
        if start in latest and start not in moving:
            lines = added(latest[start].lines, less=(*after[start].lines, *_about(start, items)))
            if total(lines):
                why = cause if isinstance(cause, Cause) else cause.get(start, Cause.BILL)
                waiting.append(_adjustment(start, latest[start], lines, why, at))
    adjustments, corrections = apart(waiting, closed_before)
    due: list[Adjustment] = []
    for one in adjustments:
        target = next((start for start in open_weeks if start > one.start), None)
        if target is None:
            due.append(one)
        else:
            items[target] = (*items[target], one)
    for start in open_weeks:
        card = after[start]
        lines, runs = card.lines, card.runs
        if start in moving and latest[start].lines != lines:
            lines, runs = latest[start].lines, latest[start].runs
        in_order = tuple(sorted(items[start], key=lambda one: one.start))
        after[start] = card.restated(lines, runs, in_order, at)
    changed = tuple(card for start, card in after.items() if card != before[start])
    return Restatement(changed, tuple(due), corrections)


def apart(
    differences: Iterable[Adjustment], closed_before: date
) -> tuple[tuple[Adjustment, ...], tuple[Adjustment, ...]]:
    """*differences* to weeks of open months, which are adjustments, and to closed ones: corrections."""
    listed = tuple(differences)
    return (
        tuple(one for one in listed if one.start >= closed_before),
        tuple(one for one in listed if one.start < closed_before),
    )


def booked(cards: Iterable[SpendCard]) -> dict[date, int]:
    """What all cards together have of each week, in ticks: its own card's spend and adjustments."""
    sums: dict[date, int] = {}
    for card in cards:
        sums[card.start] = sums.get(card.start, 0) + card.spend
        for one in card.adjustments:
            sums[one.start] = sums.get(one.start, 0) + one.amount
    return sums


def _by_start(cards: Iterable[SpendCard]) -> dict[date, SpendCard]:
    """*cards* in order of their weeks."""
    found = sorted(cards, key=lambda card: card.start)
    if len({(card.product_id, card.currency) for card in found}) > 1:
        raise InvalidError("these cards are of several products or currencies; take one at a time")
    by_start = {card.start: card for card in found}
    if len(by_start) < len(found):
        raise InvalidError("two of these cards are of one week; a week has one card")
    return by_start


def _is_answered(card: SpendCard, spend: Spend | None) -> bool:
    """Whether *spend* knows the rules that *card* waits for."""
    return card.awaits is not None and spend is not None and spend.revision >= card.awaits


def _about(start: date, items: Mapping[date, Sequence[Adjustment]]) -> Lines:
    """The lines of all adjustments about the week from *start* on."""
    return added(*(one.lines for some in items.values() for one in some if one.start == start))


def _own(card: SpendCard, lines: Lines) -> Adjustment | None:
    """The adjustment of *card* about its own week, where it has just these *lines*."""
    found = (one for one in card.adjustments if one.start == card.start and one.lines == lines)
    return next(found, None)


def _adjustment(start: date, spend: Spend, lines: Lines, cause: Cause, at: datetime) -> Adjustment:
    return Adjustment(start=start, cause=cause, runs=spend.runs, lines=lines, made_at=at)
