"""Many spend cards decided on by one request: those that are named, or all that wait for somebody."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import cache
from typing import Any, NamedTuple

from finops.domain.audit import Act, Deed, Receipt
from finops.domain.delegations import Signature
from finops.domain.elements import shared
from finops.domain.errors import ConflictError, FinOpsError, ForbiddenError, InvalidError
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod
from finops.domain.spend_cards import (
    IN_BULK,
    CardCommand,
    CardKey,
    CardStatus,
    SpendCard,
    decided_in_bulk,
)
from finops.domain.values import Frozen
from finops.usecases.card_steps import alone, steps
from finops.usecases.card_tasks import CardDesk
from finops.usecases.choices import chosen_before, noted
from finops.usecases.ports import Audit, Receipts, Save
from finops.usecases.spend_cards import (
    DECISIONS,
    CardQuery,
    Sight,
    is_open,
    save_of,
    seen_cards,
    sight,
    signed,
    unknown_card,
)

MOST = 1_000  # cards decided on by one request
MOST_LINES = 100_000  # and no more cards once they hold as many: an answer has half a minute
READERS = 16
# The status that a bulk command is for, where nobody names the cards: what was rejected is for
# somebody to look at.
TAKEN_IN_BULK: Mapping[CardCommand, CardStatus] = {
    CardCommand.ACCEPT: CardStatus.OPEN,
    CardCommand.APPROVE: CardStatus.ACCEPTED,
}


class Chosen(NamedTuple):
    """A card that is to be decided on, as it was read."""

    key: CardKey
    version: int


class Choice(Frozen):
    """What one request decides on; *left* wait too."""

    cards: tuple[Chosen, ...]
    left: int


class Refusal(NamedTuple):
    """Why a card took no decision."""

    key: CardKey
    error: FinOpsError


class Decisions(NamedTuple):
    """What became of many decisions; *left* were not looked at yet."""

    command: CardCommand
    decided: tuple[SpendCard, ...]
    refused: tuple[Refusal, ...]
    left: int = 0


# Chosen -------------------------------------------------------------------------------------------


def decide_waiting(
    query: CardQuery,
    command: CardCommand,
    *,
    by: Person,
    desk: CardDesk,
    audit: Audit,
    receipts: Receipts,
    act: Act,
) -> Decisions:
    """All `waiting_cards` accepted or approved for one reason, as far as one request goes.

    With an Idempotency-Key the choice is on record before anything is decided: a request that broke
    off and is sent again decides on no card that came up meanwhile.
    """
    receipt = act.receipt
    choice = (
        None if receipt is None else chosen_before(Choice, receipt, audit=audit, receipts=receipts)
    )
    if choice is None:
        found = waiting_cards(query, command, act.at.date(), by=by, desk=desk)
        choice = Choice(cards=tuple(found[:MOST]), left=len(found[MOST:]))
        if receipt is not None:
            deed = Deed(
                action=f"ChooseTo{command}",
                element=shared(one.key.product_id for one in choice.cards),
            )
            choice = noted(
                *(choice, _on_record(receipt), deed, receipt, act), audit=audit, receipts=receipts
            )
    made = decide_cards(choice.cards, command, by=by, desk=desk, act=act)
    return made._replace(left=made.left + choice.left)


def waiting_cards(
    query: CardQuery, command: CardCommand, today: date, *, by: Person, desk: CardDesk
) -> list[Chosen]:
    """All cards that match and wait for *by* to take a bulk *command*, in the order of a list."""
    _must_be_bulk(command)
    look = sight(today, by=by, desk=desk)
    wanted = query._replace(mine=True, status=TAKEN_IN_BULK[command])
    found = seen_cards(wanted, today, look=look, desk=desk)
    return [Chosen(card.key, card.version) for card in found]


def _on_record(receipt: Receipt) -> str:
    return f"{DECISIONS}#{receipt.key[:32]}"


# Decided ------------------------------------------------------------------------------------------


def decide_cards(
    chosen: Sequence[Chosen], command: CardCommand, *, by: Person, desk: CardDesk, act: Act
) -> Decisions:
    """Many cards accepted or approved for one reason; one keeps no other one up.

    As far as one request goes: up to `MOST`, as long as they hold less than `MOST_LINES`. A card that
    the same person has decided on in the same way, from the very version that is named, counts as
    decided: a request that broke off may be sent again.
    """
    _must_be_bulk(command)
    if len({one.key for one in chosen}) < len(chosen):
        raise InvalidError("a card is named twice; name each of them once")
    look = sight(act.at.date(), by=by, desk=desk)
    takes_any = cache(lambda month: is_open(month, desk.closes))
    done: dict[CardKey, SpendCard] = {}
    refused: dict[CardKey, FinOpsError] = {}

    def saves() -> Iterator[Save]:
        for some in _read(chosen[:MOST], look, desk):
            ready: list[tuple[SpendCard, Signature]] = []
            for (key, version), card in some:
                if card is None:
                    refused[key] = unknown_card(key)
                elif _is_done(card, version, command, act):
                    done[key] = card
                else:
                    is_closed = not takes_any(BillingPeriod.of(key.start))
                    try:
                        by_whom = signed(card, command, version, look, is_closed=is_closed)
                        ready.append((card, by_whom))
                    except (ConflictError, ForbiddenError) as error:
                        refused[key] = error
            bulk = decided_in_bulk(ready, command, at=act.at, reason=act.reason)
            refused.update(bulk.refused)
            before = {card.key: card for card, _ in ready}
            for after in bulk.decided:
                yield save_of(before[after.key], after, command)

    each = act.model_copy(update={"receipt": None})
    for step in steps(saves(), alone):
        for key, saved in _saved(step, command, desk, each):
            if isinstance(saved, FinOpsError):
                refused[key] = saved
            else:
                done[key] = saved
    return Decisions(
        command,
        tuple(done[one.key] for one in chosen if one.key in done),
        tuple(Refusal(one.key, refused[one.key]) for one in chosen if one.key in refused),
        len(chosen) - len(done.keys() | refused.keys()),
    )


def _must_be_bulk(command: CardCommand) -> None:
    if command not in IN_BULK:
        raise InvalidError(f"{command} is for one card at a time; in bulk, accept or approve")


def _read(
    chosen: Sequence[Chosen], look: Sight, desk: CardDesk
) -> Iterator[list[tuple[Chosen, SpendCard | None]]]:
    """Some at a time as they are now, until enough lines are read; None: there is none in sight."""

    def read(one: Chosen) -> SpendCard | None:
        return desk.cards.find(one.key) if look.sees(one.key.product_id) else None

    lines = 0
    with ThreadPoolExecutor(READERS) as pool:
        for start in range(0, len(chosen), READERS):
            if lines >= MOST_LINES:
                return
            some = chosen[start : start + READERS]
            found = list(zip(some, pool.map(read, some), strict=True))
            lines += sum(_lines(card) for _, card in found if card is not None)
            yield found


def _lines(card: SpendCard) -> int:
    return len(card.lines) + sum(len(one.lines) for one in card.adjustments)


def _is_done(card: SpendCard, version: int, command: CardCommand, act: Act) -> bool:
    last = card.history[-1] if card.history else None
    return (
        card.version == version + 1
        and last is not None
        and (last.command, last.signature.by, last.reason) == (command, act.actor, act.reason)
        and last.status is card.status
    )


def _saved(
    step: Sequence[Save], command: CardCommand, desk: CardDesk, act: Act
) -> Iterator[tuple[CardKey, SpendCard | FinOpsError]]:
    """What became of each; where somebody was faster with one of them, each is saved by itself."""
    try:
        saved = desk.cards.save(step, act)
    except ConflictError as error:
        if len(step) == 1:
            [one] = step
            current = error.members.get("current")
            # The same request, sent twice at once, is no other one.
            if isinstance(current, SpendCard) and _is_done(
                current, one.before.version, command, act
            ):
                yield current.key, current
            else:
                yield one.after.key, error
            return
        for one in step:
            yield from _saved([one], command, desk, act)
        return
    yield from ((card.key, card) for card in saved)


def remember_decisions(
    answer: Mapping[str, Any], made: Decisions, *, act: Act, audit: Audit
) -> None:
    """Keep what a request for many was answered, where it named an Idempotency-Key.

    Each card's record says what was done; this one only answers the same request again.
    """
    if act.receipt is None:
        return
    deed = Deed(action=made.command.value, element=shared(card.on_record for card in made.decided))
    audit.note(_on_record(act.receipt), answer, deed, act)
