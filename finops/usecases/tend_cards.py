"""Tending cards, every day: what settles by itself, who is reminded, and what goes up a level.

A notice is kept with its card, and the deed that keeps it is the event that tells of it: it goes out
as often as it is kept, once. Mails are made of what the run has kept, so a run that failed half-way
is run again as of the same moment: it mails to whom it did not, and to nobody twice.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import NamedTuple

from finops.domain.audit import Act, Deed
from finops.domain.card_tasks import (
    CardNotice,
    CardNoticeKind,
    CardStep,
    CardTask,
    notices,
    task_of,
    told,
    told_at,
)
from finops.domain.charts import Chart
from finops.domain.errors import ConflictError
from finops.domain.people import Holders, Person, holders
from finops.domain.spend_cards import CardKey, CardSettings, CardStatus, CardSummary, SpendCard
from finops.domain.values import Frozen
from finops.usecases.card_tasks import (
    CardDesk,
    CardWork,
    OwedCard,
    card_work,
    cards_in,
    open_months,
)
from finops.usecases.digest import Letterhead, amount, product_name
from finops.usecases.mail_pages import Block, page
from finops.usecases.mail_rounds import Sent, sent_to_each
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import Charts, Mail, Mails, Receipts, Save

ACTOR = "the calendar"
TRIES = 3
WRITERS = 16
NAMED = 5  # people named in a reason
STEP_WORDS: Mapping[CardStep, str] = {
    CardStep.ACCEPT_CARD: "accept or dispute",
    CardStep.DECIDE_CARD: "approve or reject",
    CardStep.ANSWER_REJECTION: "answer the rejection",
    CardStep.RESOLVE_DISPUTE: "resolve the dispute",
}
EVENTS: Mapping[CardNoticeKind, tuple[str, str]] = {
    CardNoticeKind.REMINDER: ("RemindOfCard", "CardReminded"),
    CardNoticeKind.ESCALATION: ("EscalateCard", "CardEscalated"),
}


class Tended(Frozen):
    """What a run came to; *missed* are cards that others were changing all the time."""

    settled: int
    reminded: int
    escalated: int
    missed: tuple[str, ...]
    mails: Sent


class Post(NamedTuple):
    """The way to people: mails, which of them went out already, and how they look."""

    mails: Mails
    receipts: Receipts
    letterhead: Letterhead


def tend_cards(
    at: datetime, request_id: str, *, desk: CardDesk, charts: Charts, post: Post | None
) -> Tended:
    """Settle, remind and escalate what is due at a moment; without a *post* nobody gets a mail.

    The same moment again does what was left undone.
    """
    settings = in_force(desk.settings).cards
    act = Act(actor=ACTOR, at=at, request_id=request_id)
    settled = _each(
        [card.key for card in _cards(at, desk) if _may_settle(card, settings, at)],
        lambda key: _settle(key, settings, act, desk),
    )
    held = holders(desk.people.all())
    noticed = _each(
        [card.key for card in _cards(at, desk) if notices(card, settings, at)],
        lambda key: _notice(key, settings, held, act, desk),
    )
    work = card_work(at.date(), desk)
    kinds = [
        notice.kind for card in _cards(at, desk) for notice in told_at(card, at)
    ]  # also of what the same run has kept before
    return Tended(
        settled=sum(done or 0 for done in settled.values()),
        reminded=kinds.count(CardNoticeKind.REMINDER),
        escalated=kinds.count(CardNoticeKind.ESCALATION),
        missed=tuple(
            key.entity
            for done in (settled, noticed)
            for key, count in done.items()
            if count is None
        ),
        mails=_mailed(at, work, desk.people.all(), charts, post) if post else Sent(),
    )


def _cards(at: datetime, desk: CardDesk) -> list[CardSummary]:
    months = open_months(at.date(), desk.closes.all().values())
    return [card for some in cards_in(months, desk.cards) for card in some]


def _each(keys: Sequence[CardKey], do: Callable[[CardKey], int]) -> dict[CardKey, int | None]:
    """What *do* came to for each card; None where others were faster again and again."""

    def tried(key: CardKey) -> int | None:
        for _ in range(TRIES):
            try:
                return do(key)
            except ConflictError:
                continue
        return None

    with ThreadPoolExecutor(WRITERS) as pool:
        return dict(zip(keys, pool.map(tried, keys), strict=True))


# What happens by itself -----------------------------------------------------------------------------


def _may_settle(card: CardSummary, settings: CardSettings, at: datetime) -> bool:
    """Whether it is worth reading *card*: whether it settles is seen by its lines."""
    if card.status is not CardStatus.OPEN or card.is_provisional:
        return False
    is_zero = settings.approves_zero and card.amount == 0 and card.spend == 0
    days = settings.accept_after
    is_due = days is not None and card.budget is not None and at >= card.since + timedelta(days)
    return is_zero or is_due


def _settle(key: CardKey, settings: CardSettings, act: Act, desk: CardDesk) -> int:
    before = desk.cards.find(key)
    if before is None:
        return 0
    after = before.settled(settings, by=ACTOR, at=act.at)
    if after == before:
        return 0
    deed = Deed(action="SettleCard", element=after.on_record, event_element=key.product_id)
    desk.cards.save([Save(before, after, deed)], act)
    return 1


# What is told ---------------------------------------------------------------------------------------


def _notice(key: CardKey, settings: CardSettings, held: Holders, act: Act, desk: CardDesk) -> int:
    """Keep each notice that is due with its card; how many."""
    card = desk.cards.find(key)
    if card is None:
        return 0
    due = notices(card, settings, act.at)
    for notice in due:
        action, event = EVENTS[notice.kind]
        after = told(card, [notice], act.at)
        deed = Deed(
            action=action,
            element=after.on_record,
            event=event,
            event_element=key.product_id,
        )
        why = act.because(_why(after, notice, held))
        [card] = desk.cards.save([Save(card, after, deed)], why)
    return len(due)


def _why(card: SpendCard, notice: CardNotice, held: Holders) -> str | None:
    """Who owes the step, in words: what the event tells."""
    task = task_of(card, held)
    if task is None:
        return None
    since = f"{task.step} waits since {task.since:%Y-%m-%d} for {who_owes(task, held)}"
    if notice.kind is CardNoticeKind.REMINDER or task.escalated_to is None:
        return since
    above = ".".join(task.product_id.split(".")[: task.escalated_to])
    return f"{since}; it went up to {above or 'the financial admins'}"


# Mails ----------------------------------------------------------------------------------------------


def _mailed(
    at: datetime, work: CardWork, people: Sequence[Person], charts: Charts, post: Post
) -> Sent:
    """One mail to each person whom the notices of the run are for, about all of them."""
    named = {head.year: charts.read(head) for head in charts.heads()}
    held = holders(people)
    owed = {
        person.email: [one for one in work.of(person) if told_at(one.card, at)] for person in people
    }
    return sent_to_each(
        [person for person in people if owed[person.email]],
        lambda person: f"card-notices#{at.isoformat()}#{person.email}",
        lambda person: reminder(person, owed[person.email], at, named, held, post.letterhead),
        mails=post.mails,
        receipts=post.receipts,
    )


def reminder(
    person: Person,
    owed: Sequence[OwedCard],
    at: datetime,
    charts: Mapping[int, Chart],
    held: Holders,
    letterhead: Letterhead,
) -> Mail:
    """The mail to one person: what has waited too long first, then what still waits for them."""
    kinds = {one.card.key: {notice.kind for notice in told_at(one.card, at)} for one in owed}
    risen = [one for one in owed if CardNoticeKind.ESCALATION in kinds[one.card.key]]
    waiting = [one for one in owed if one not in risen]
    blocks = [
        _block("Waiting too long", "These steps went up a level.", risen, charts, held),
        _block("Still waiting", "Accept, decide or answer these cards.", waiting, charts, held),
    ]
    said = {"count": str(len(owed)), "name": person.name or person.email}
    return page(person.email, [one for one in blocks if one.rows], letterhead, said)


def _block(
    title: str, about: str, owed: Sequence[OwedCard], charts: Mapping[int, Chart], held: Holders
) -> Block:
    rows = [
        (
            f"{product_name(one.card.product_id, charts.get(one.year))}, week of {one.card.start}",
            f"{amount(one.card.amount, one.card.currency)}, {one.card.colour.word}",
            STEP_WORDS[one.kind],
            who_owes(one.task, held),
            f"{one.since:%Y-%m-%d}",
        )
        for one in owed
    ]
    return Block(title, about, ("Card", "Amount", "Step", "Owed by", "Since"), rows)


def who_owes(task: CardTask, held: Holders) -> str:
    """Those who owe a step, by mail address."""
    owing = sorted(one for one in held.get(task.owed_by, ()) if one not in task.authors)
    more = f" and {len(owing) - NAMED} more" if len(owing) > NAMED else ""
    return ", ".join(owing[:NAMED]) + more or "the financial admins"
