"""Spend cards as people see them, and decide on them one by one; `card_decisions` are of many.

Who may decide is who owes the step (`card_tasks`), or who stands in for them; beside that the rights
of `authorization` hold for whoever the step is signed for.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from finops.domain.audit import Act, AuditRecord, Deed
from finops.domain.authorization import Action, may, must_reach, reach
from finops.domain.card_tasks import CardTask, deadline, task_of
from finops.domain.delegations import Signature, absentees
from finops.domain.elements import ENTERPRISE, covers
from finops.domain.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from finops.domain.month_closes import frozen_before
from finops.domain.paces import Colour
from finops.domain.people import Holders, Person, holders
from finops.domain.periods import BillingPeriod
from finops.domain.spend_cards import (
    COMMAND_LEVELS,
    TRANSITIONS,
    Card,
    CardCommand,
    CardKey,
    CardSettings,
    CardStatus,
    CardSummary,
    RemapProposal,
    SpendCard,
)
from finops.usecases.card_tasks import CardDesk, cards_in, open_months
from finops.usecases.grounds import Book
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import Allocations, Bills, Closes, Save
from finops.usecases.standings import Standing, seen_standings, standings

DECISIONS = "spend-card-decisions"  # what the answer to many is on record as
# The right that each command needs; a remap is a change of rules and has a path of its own.
NEEDED: Mapping[CardCommand, Action] = {
    CardCommand.ACCEPT: Action.ANSWER_CARD,
    CardCommand.DISPUTE: Action.ANSWER_CARD,
    CardCommand.APPROVE: Action.DECIDE_CARD,
    CardCommand.REJECT: Action.DECIDE_CARD,
    CardCommand.RESOLVE: Action.DECIDE_CARD,
    CardCommand.REMAP: Action.DECIDE_CARD,
}
EVENTS: Mapping[CardCommand, str] = {
    CardCommand.ACCEPT: "CardAccepted",
    CardCommand.DISPUTE: "CardDisputed",
    CardCommand.APPROVE: "CardApproved",
    CardCommand.REJECT: "CardRejected",
    CardCommand.RESOLVE: "CardResolved",
}

Propose = Callable[[SpendCard], RemapProposal]


class Sight(NamedTuple):
    """What somebody sees of cards on a day, and what they may sign.

    A delegate sees the cards of the scope of each whom they stand in for, as long as they do, and
    nothing else of that scope: only the paths of cards ask this.
    """

    by: Person
    absent: tuple[Person, ...]
    held: Holders
    settings: CardSettings

    def sees(self, product_id: str) -> bool:
        return any(may(one, Action.SEE_CARDS, product_id) for one in (self.by, *self.absent))

    def signature(self, task: CardTask | None) -> Signature | None:
        """How they would sign for a step; None where it is not theirs."""
        return None if task is None else task.signature(self.by, self.absent)

    def signer(self, signature: Signature) -> Person:
        """Whose right a signature goes by."""
        found = (one for one in self.absent if one.email == signature.acting_for)
        return next(found, self.by)


def sight(today: date, *, by: Person, desk: CardDesk) -> Sight:
    """That of *by*. Raises ForbiddenError for who sees no cards at all."""
    must_reach(by, Action.SEE_CARDS)
    people = desk.people.all()
    away = set(absentees(desk.delegations.all().values(), by.email, today))
    absent = tuple(one for one in people if one.email in away)
    return Sight(by, absent, holders(people), in_force(desk.settings).cards)


# Seen ---------------------------------------------------------------------------------------------


class CardQuery(NamedTuple):
    """Which cards are wanted; of all months that are open: no *month*. "" is no currency.

    *mine*: those that wait for who asks, or for somebody whom they stand in for.
    """

    month: str | None = None
    under: str = ENTERPRISE
    status: CardStatus | None = None
    currency: str | None = None
    colour: Colour | None = None
    mine: bool = False


def seen_cards(query: CardQuery, today: date, *, look: Sight, desk: CardDesk) -> list[CardSummary]:
    """The cards in sight that match, by week, product and currency."""
    found = [
        card
        for some in cards_in(_months(query.month, today, desk.closes), desk.cards)
        for card in some
        if _matches(card, query) and look.sees(card.product_id)
    ]
    if query.mine:
        opened = open_in(found, desk.closes)
        found = [
            card
            for card in found
            if opened(card) and look.signature(task_of(card, look.held)) is not None
        ]
    return sorted(found, key=lambda card: place(card.key))


def place(key: CardKey) -> str:
    """Where a card stands in a list."""
    return f"{key.start} {key.product_id} {key.currency or ''}"


def _months(said: str | None, today: date, closes: Closes) -> Sequence[str]:
    if said is not None:
        return [str(BillingPeriod(said))]
    return open_months(today, closes.all().values())


def _matches(card: CardSummary, query: CardQuery) -> bool:
    return (
        covers(query.under, card.product_id)
        and query.status in (None, card.status)
        and query.currency in (None, card.currency or "")
        and query.colour in (None, card.colour)
    )


def seen_card(key: CardKey, *, look: Sight, desk: CardDesk) -> SpendCard:
    """One of them. Raises NotFoundError, also for one that is out of sight."""
    found = desk.cards.find(key) if look.sees(key.product_id) else None
    if found is None:
        raise unknown_card(key)
    return found


def unknown_card(key: CardKey) -> NotFoundError:
    currency = f" in {key.currency}" if key.currency else " that names no currency"
    return NotFoundError(
        f"there is no card of {key.product_id} of the week from {key.start}{currency} in your "
        "financial scope; finops cards list has those there are"
    )


class CardStanding(NamedTuple):
    """Where a card stands: the step it waits for, until when, and what who asks may do with it."""

    task: CardTask | None
    due: datetime | None
    is_mine: bool
    allowed: tuple[CardCommand, ...]


def standing(card: Card, *, look: Sight, is_open: bool) -> CardStanding:
    """Of a card of a month that *is_open* or not; of one that is not nothing may be done."""
    task = task_of(card, look.held) if is_open else None
    signature = look.signature(task)
    allowed = tuple(
        command
        for command in COMMAND_LEVELS
        if signature is not None
        and (card.status, command) in TRANSITIONS
        and _has_right(look.signer(signature), command, card.product_id)
    )
    return CardStanding(task, deadline(card, look.settings), bool(allowed), allowed)


def _has_right(signer: Person, command: CardCommand, product_id: str) -> bool:
    if not may(signer, NEEDED[command], product_id, owed_at=signer.role.level):
        return False
    return command is not CardCommand.REMAP or any(
        reach(signer, action) is not None
        for action in (Action.REMAP, Action.SET_SHARES, Action.CLAIM_RESOURCES)
    )


def is_open(month: str, closes: Closes) -> bool:
    """Whether cards of *month* still take decisions.

    Not once its close has begun, nor once a later month is closed: one that was passed over is open
    to nothing any more.
    """
    close = closes.find(month)
    if close is not None and close.is_frozen:
        return False
    return BillingPeriod(month).start >= frozen_before(closes.all().values())


def open_in(cards: Iterable[Card], closes: Closes) -> Callable[[Card], bool]:
    """Whether each of *cards* is of a month that `is_open`."""
    months = {BillingPeriod.of(card.start) for card in cards}
    opened = {month for month in months if is_open(month, closes)}
    return lambda card: BillingPeriod.of(card.start) in opened


def bill_standings(
    some: Iterable[Card], *, by: Person, bills: Bills, allocations: Allocations, book: Book
) -> list[Standing]:
    """How fresh the bills are that the months of some cards are made of, those in the scope of *by*."""
    months = sorted({str(BillingPeriod.of(card.start)) for card in some})
    found = standings(
        [bill for month in months for bill in bills.in_period(month)],
        [made for month in months for made in allocations.in_period(month)],
        book,
    )
    return seen_standings(found, by=by, allocations=allocations)


# Decided ------------------------------------------------------------------------------------------


def decide_card(
    key: CardKey,
    command: CardCommand,
    version: int,
    *,
    by: Person,
    desk: CardDesk,
    act: Act,
    propose: Propose | None = None,
) -> SpendCard:
    """A step of a card, for the reason that *act* gives; *propose* says what a dispute proposes."""
    look = sight(act.at.date(), by=by, desk=desk)
    card = seen_card(key, look=look, desk=desk)
    is_closed = not is_open(card.month, desk.closes)
    signature = signed(card, command, version, look, is_closed=is_closed)
    proposal = propose(card) if propose is not None else None
    after = card.decided(command, by=signature, at=act.at, reason=act.reason, proposal=proposal)
    return desk.cards.save([save_of(card, after, command)], act)[0]


def signed(
    card: SpendCard, command: CardCommand, version: int, look: Sight, *, is_closed: bool
) -> Signature:
    """How a decision is signed. Raises ConflictError where the card takes none, or not this one now,
    ForbiddenError where it is somebody else's."""
    if card.version != version:
        raise ConflictError(
            "the card has changed since you read it: look at it again", current=card
        )
    if is_closed:
        raise ConflictError(
            f"{card.month} is closed, or being closed: its cards stay as they are", current=card
        )
    if card.awaits is not None:
        raise ConflictError(
            "the remap of this card is made; it opens again once its month is allocated by the "
            "changed rules",
            current=card,
        )
    if command not in NEEDED or command is CardCommand.REMAP:
        raise InvalidError(f"{command} is no decision; it has a path of its own, or is nobody's")
    task = task_of(card, look.held)
    if task is None or (card.status, command) not in TRANSITIONS:
        # It says itself why not.
        card.decided(command, by=Signature(by=look.by.email), at=card.changed_at, reason="asked")
        raise ConflictError(f"this card waits for nobody, and takes no {command}", current=card)
    signature = task.signature(look.by, look.absent)
    if signature is not None and _has_right(look.signer(signature), command, card.product_id):
        return signature
    if look.by.email.lower() in task.authors:
        raise ForbiddenError("nobody decides on what they accepted or disputed themselves")
    owing = (
        f"the holder of {task.owed_by} (E{task.owed_at})" if task.owed_at else "a financial admin"
    )
    raise ForbiddenError(f"this step is owed by {owing}, or who stands in for them")


def save_of(card: SpendCard, after: SpendCard, command: CardCommand) -> Save:
    """A decision as it is kept and told of."""
    deed = Deed(
        action=command.value,
        element=after.on_record,
        event=EVENTS[command],
        event_element=after.product_id,
    )
    return Save(card, after, deed)


def may_be_told_again(by: Person, record: AuditRecord, *, today: date, desk: CardDesk) -> bool:
    """Whether *by* may have the answer of *record* again: the cards in it are still in sight."""
    kind = record.entity.partition("#")[0]
    if kind not in (DECISIONS, "spend-card") or record.actor != by.email:
        return False
    look = sight(today, by=by, desk=desk)
    if kind == "spend-card":
        return look.sees(record.done_at)
    return all(look.sees(one["product_id"]) for one in json.loads(record.after)["decided"])
