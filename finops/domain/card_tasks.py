"""Card tasks: the step each spend card waits for, who owes it, and when they are told of it again."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from finops.domain.delegations import Signature
from finops.domain.elements import ancestors
from finops.domain.people import Holders, Person, Role, owed_at
from finops.domain.spend_cards import Card, CardSettings, CardStatus, SpendCard
from finops.domain.values import Frozen


class CardStep(StrEnum):
    """What is to be done."""

    ACCEPT_CARD = "AcceptCard"
    DECIDE_CARD = "DecideCard"
    ANSWER_REJECTION = "AnswerRejection"
    RESOLVE_DISPUTE = "ResolveDispute"


# The step that a card of this status waits for, and the level whose step it is.
STEPS: Mapping[CardStatus, tuple[CardStep, int]] = {
    CardStatus.OPEN: (CardStep.ACCEPT_CARD, 4),
    CardStatus.ACCEPTED: (CardStep.DECIDE_CARD, 3),
    CardStatus.REJECTED: (CardStep.ANSWER_REJECTION, 4),
    CardStatus.DISPUTED: (CardStep.RESOLVE_DISPUTE, 3),
}
# Steps about what somebody else has said.
DECIDING = frozenset({CardStep.DECIDE_CARD, CardStep.RESOLVE_DISPUTE})


class CardTask(Frozen):
    """A step on a card. *level*, *owed_at* and *owed_by* are as in `tasks.Task`.

    *authors* accepted or disputed the card; it is for somebody else. Once it has waited too long it
    is for the holders of all levels up to *escalated_to* as well; nobody loses it by that.
    """

    step: CardStep
    product_id: str
    start: date
    currency: str | None
    level: int
    owed_at: int
    owed_by: str
    since: datetime
    authors: tuple[str, ...] = ()
    is_unowned: bool = False  # nobody at all holds the element whose step it is
    escalated_to: int | None = None

    @property
    def is_escalated(self) -> bool:
        return self.owed_at < self.level or self.escalated_to is not None

    def is_for(self, person: Person) -> bool:
        """Whether *person* is one of those who owe it."""
        if person.is_suspended or person.email.lower() in self.authors:
            return False
        highest = self.owed_at if self.escalated_to is None else self.escalated_to
        return any(self._is_held(person, level) for level in range(highest, self.owed_at + 1))

    def signature(self, person: Person, absent: Iterable[Person] = ()) -> Signature | None:
        """How *person* signs for it: themselves, else for one of those they stand in for; or not.

        *absent* are those of `delegations.absentees`. Nobody signs as a delegate, nor through one,
        what they accepted or disputed themselves.
        """
        if self.is_for(person):
            return Signature(by=person.email)
        if person.is_suspended or person.email.lower() in self.authors:
            return None
        stood_in_for = min((one.email for one in absent if self.is_for(one)), default=None)
        if stood_in_for is None:
            return None
        return Signature(by=person.email, acting_for=stood_in_for)

    def _is_held(self, person: Person, level: int) -> bool:
        if level == 0:
            return person.role is Role.FINANCIAL_ADMIN
        element = ".".join(self.product_id.split(".")[:level])
        return person.role.level == level and element in person.scope


def waits_for(card: Card) -> tuple[CardStep, int] | None:
    """The step of people that *card* waits for, and its level.

    None for one that is final, provisional, or awaits the run after its remap.
    """
    if card.is_provisional or card.awaits is not None:
        return None
    return STEPS.get(card.status)


def task_of(card: Card, held: Holders) -> CardTask | None:
    """Who owes the step of *card*; *held* says who holds each element (`people.holders`).

    Where only authors of what is to be decided hold the element, it goes to the level above.
    """
    if (found := waits_for(card)) is None:
        return None
    step, level = found
    authors = card.authors if step in DECIDING else frozenset[str]()
    judges = {
        element: frozenset(email for email in held[element] if email.lower() not in authors)
        for element in ancestors(card.product_id)
        if element in held
    }
    owed = owed_at(card.product_id, level, judges)
    return CardTask(
        step=step,
        product_id=card.product_id,
        start=card.start,
        currency=card.currency,
        level=level,
        owed_at=owed,
        owed_by=".".join(card.product_id.split(".")[:owed]),
        since=card.since,
        authors=tuple(sorted(authors)),
        is_unowned=owed_at(card.product_id, level, held) < level,
        escalated_to=owed_at(card.product_id, max(owed - card.escalated, 0), judges)
        if card.escalated
        else None,
    )


class CardNoticeKind(StrEnum):
    """What is told about a card that waits."""

    REMINDER = "Reminder"
    ESCALATION = "Escalation"


class CardNotice(Frozen):
    """The *number*-th notice of its kind since the step came up.

    A reminder is for who owes the step; an escalation also for so many levels above them.
    """

    kind: CardNoticeKind
    number: int


def notices(card: Card, settings: CardSettings, now: datetime) -> tuple[CardNotice, ...]:
    """What is due to be told: of each kind the newest, and only what `told` has not noted.

    After days without a run the notices in between are not made up for.
    """
    if waits_for(card) is None:
        return ()
    waited = now - card.since
    reminders = sum(waited >= timedelta(days) for days in settings.remind_after)
    escalations = sum(waited >= timedelta(days) for days in settings.escalate_after)
    found = []
    if reminders > card.reminded:
        found.append(CardNotice(kind=CardNoticeKind.REMINDER, number=reminders))
    if escalations > card.escalated:
        found.append(CardNotice(kind=CardNoticeKind.ESCALATION, number=escalations))
    return tuple(found)


def told(card: SpendCard, made: Iterable[CardNotice], at: datetime) -> SpendCard:
    """*card* after some notices went out, so that none of them goes out again."""
    numbers = {notice.kind: notice.number for notice in sorted(made, key=lambda one: one.number)}
    fields: dict[str, Any] = {}
    if numbers.get(CardNoticeKind.REMINDER, 0) > card.reminded:
        fields |= {"reminded": numbers[CardNoticeKind.REMINDER], "reminded_at": at}
    if numbers.get(CardNoticeKind.ESCALATION, 0) > card.escalated:
        fields |= {"escalated": numbers[CardNoticeKind.ESCALATION], "escalated_at": at}
    return card.changed(**fields, changed_at=at) if fields else card


def told_at(card: Card, at: datetime) -> tuple[CardNotice, ...]:
    """The notices about *card* that the run of a moment has made."""
    found = []
    if card.reminded_at == at:
        found.append(CardNotice(kind=CardNoticeKind.REMINDER, number=card.reminded))
    if card.escalated_at == at:
        found.append(CardNotice(kind=CardNoticeKind.ESCALATION, number=card.escalated))
    return tuple(found)


def deadline(card: Card, settings: CardSettings) -> datetime | None:
    """When the step of *card* goes up to another level for the first time; None where none waits."""
    if waits_for(card) is None or not settings.escalate_after:
        return None
    return card.since + timedelta(settings.escalate_after[0])
