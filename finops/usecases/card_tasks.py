"""Card tasks of people: what each owes, for whom they stand in, and what came up to them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from functools import cached_property
from typing import NamedTuple

from finops.domain.card_tasks import CardStep, CardTask, deadline, task_of
from finops.domain.delegations import Delegation, absentees
from finops.domain.elements import ENTERPRISE, level
from finops.domain.fiscal_years import FiscalYear
from finops.domain.month_closes import MonthClose, frozen_before
from finops.domain.people import Holders, Person, Role, holders
from finops.domain.periods import BillingPeriod
from finops.domain.spend_cards import CardKey, CardSettings, CardSummary
from finops.domain.tasks import MissingOwner, together
from finops.usecases.memo import Memo, stamp
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import (
    Closes,
    Delegations,
    People,
    SettingsKept,
    SpendCards,
)

LOOKED_AT = 6  # months: as many as the store of cards remembers


class CardDesk(NamedTuple):
    """What tasks on cards are worked out from."""

    cards: SpendCards
    people: People
    closes: Closes
    delegations: Delegations
    settings: SettingsKept
    first_month: int
    memo: Memo


class Waiting(NamedTuple):
    """A card that waits for somebody, and who that is."""

    task: CardTask
    card: CardSummary


class OwedCard(NamedTuple):
    """A step on a card that somebody owes, maybe in the place of who is absent (*acting_for*).

    *year* is the card's fiscal year, *due* when the step goes up to another level, if it does.
    """

    task: CardTask
    card: CardSummary
    year: int
    due: datetime | None
    acting_for: str | None = None

    @property
    def kind(self) -> CardStep:
        return self.task.step

    @property
    def since(self) -> datetime:
        return self.task.since


class _Month:
    """What waits in a month: by the element whose holders owe it, and where nobody holds one.

    It lasts as long as nobody else holds an element, and is brought up to the cards that changed:
    a decision on one of them is not paid for by all.
    """

    def __init__(self, held: Holders, first_month: int) -> None:
        self._held, self._first_month = held, first_month
        self._known: dict[CardKey, tuple[int, Waiting | None]] = {}
        self._by_element: defaultdict[str, dict[CardKey, Waiting]] = defaultdict(dict)
        self._unowned: dict[CardKey, Waiting] = {}

    def look(self, cards: Iterable[CardSummary]) -> None:
        """Know of *cards* as they are now."""
        for card in cards:
            key = card.key
            version, before = self._known.get(key, (-1, None))
            if version == card.version:
                continue
            if before is not None:
                for element in _owing(before.task):
                    del self._by_element[element][key]
                self._unowned.pop(key, None)
            task = task_of(card, self._held)
            after = None if task is None else Waiting(task, card)
            self._known[key] = card.version, after
            if after is not None:
                for element in _owing(after.task):
                    self._by_element[element][key] = after
                if after.task.is_unowned:
                    self._unowned[key] = after

    def at(self, element: str) -> Iterable[Waiting]:
        """What the holders of *element* owe."""
        found = self._by_element.get(element)
        return found.values() if found else ()

    @property
    def all(self) -> Iterator[Waiting]:
        return (waiting for _, waiting in self._known.values() if waiting is not None)

    @property
    def missing(self) -> list[MissingOwner]:
        counts: Counter[tuple[str, int, int, str]] = Counter()
        for task, card in self._unowned.values():
            own = ".".join(task.product_id.split(".")[: task.level])
            year = FiscalYear.of(card.start, self._first_month).year
            counts[own, year, task.level, task.owed_by] += 1
        return [
            MissingOwner(element=element, year=year, level=up, goes_to=goes_to, tasks=count)
            for (element, year, up, goes_to), count in counts.items()
        ]


class CardWork:
    """The cards of open months that wait, told to whom they are for."""

    def __init__(
        self,
        months: Sequence[_Month],
        people: Sequence[Person],
        delegations: Iterable[Delegation],
        settings: CardSettings,
        today: date,
        first_month: int,
    ) -> None:
        self._months = months
        self._people = people
        self._delegations = [one for one in delegations if today in one]
        self._settings = settings
        self._today, self._first_month = today, first_month

    def of(self, person: Person) -> list[OwedCard]:
        """What *person* owes, the longest waiting first; also in the place of who is absent."""
        if person.is_suspended:
            return []
        absent = self.absent(person)
        found: dict[CardKey, OwedCard] = {}
        for waiting in self._at(person, *absent):
            signature = waiting.task.signature(person, absent)
            if signature is not None:
                found[waiting.card.key] = self._owed(waiting, signature.acting_for)
        return sorted(found.values(), key=_by_age)

    def absent(self, person: Person) -> tuple[Person, ...]:
        """Those whom *person* stands in for today."""
        emails = absentees(self._delegations, person.email, self._today)
        known = (self._by_address.get(email) for email in emails)
        return tuple(one for one in known if one is not None)

    @cached_property
    def all(self) -> list[OwedCard]:
        """All that wait, whoever owes it, the longest waiting first."""
        found = (self._owed(waiting, None) for month in self._months for waiting in month.all)
        return sorted(found, key=_by_age)

    @property
    def missing(self) -> list[MissingOwner]:
        """The elements that nobody holds while cards wait there."""
        return together(*(month.missing for month in self._months))

    def _at(self, *people: Person) -> Iterator[Waiting]:
        """What waits where any of *people* may owe it."""
        for element in dict.fromkeys(one for person in people for one in _elements(person)):
            for month in self._months:
                yield from month.at(element)

    def _owed(self, waiting: Waiting, acting_for: str | None) -> OwedCard:
        year = FiscalYear.of(waiting.card.start, self._first_month).year
        due = deadline(waiting.card, self._settings)
        return OwedCard(waiting.task, waiting.card, year, due, acting_for)

    @cached_property
    def _by_address(self) -> Mapping[str, Person]:
        return {person.email.lower(): person for person in self._people}


def card_work(today: date, desk: CardDesk) -> CardWork:
    """What waits on the cards of the open months (`open_months`)."""
    people = desk.people.all()
    held, held_stamp = desk.memo.of("holders", stamp(people), lambda: _holders(people))
    listed = open_months(today, desk.closes.all().values())
    months = [
        _month(month, cards, held, held_stamp, desk)
        for month, cards in zip(listed, cards_in(listed, desk.cards), strict=True)
    ]
    return CardWork(
        months,
        people,
        desk.delegations.all().values(),
        in_force(desk.settings).cards,
        today,
        desk.first_month,
    )


def cards_in(months: Sequence[str], cards: SpendCards) -> list[Sequence[CardSummary]]:
    """The cards of each of *months*, all asked for at once: a first look is many pages long."""
    with ThreadPoolExecutor(LOOKED_AT) as pool:
        return list(pool.map(cards.in_month, months))


def open_months(today: date, closes: Iterable[MonthClose]) -> list[BillingPeriod]:
    """The months whose cards still wait for people, in order: the newest six that are open.

    >>> open_months(date(2026, 3, 9), [])[0], open_months(date(2026, 3, 9), [])[-1]
    ('2025-10', '2026-03')
    """
    first, month = frozen_before(closes), BillingPeriod.of(today)
    found: list[BillingPeriod] = []
    while month.start >= first and len(found) < LOOKED_AT:
        found.append(month)
        month = month.before
    return found[::-1]


def _holders(people: Iterable[Person]) -> tuple[Holders, tuple[tuple[str, frozenset[str]], ...]]:
    """Who holds each element, and the same as something to compare."""
    held = holders(people)
    return held, tuple(sorted(held.items(), key=lambda one: one[0]))


def _month(
    month: str,
    cards: Sequence[CardSummary],
    held: Holders,
    held_stamp: tuple[tuple[str, frozenset[str]], ...],
    desk: CardDesk,
) -> _Month:
    """What waits in a month, worked out anew for the cards that have changed."""

    found = desk.memo.of(("card tasks", month), held_stamp, lambda: _Month(held, desk.first_month))
    changes = len(cards), sum(card.version for card in cards)
    desk.memo.of(("cards", month), (changes, held_stamp), lambda: found.look(cards))
    return found


def _owing(task: CardTask) -> set[str]:
    """The elements whose holders owe *task*; the enterprise's are the financial admins."""
    parts = task.product_id.split(".")
    highest = task.owed_at if task.escalated_to is None else task.escalated_to
    return {".".join(parts[:up]) for up in range(highest, task.owed_at + 1)}


def _elements(person: Person) -> tuple[str, ...]:
    if person.role.level == 0:
        return (ENTERPRISE,) if person.role is Role.FINANCIAL_ADMIN else ()
    return tuple(element for element in person.scope if level(element) == person.role.level)


def _by_age(one: OwedCard) -> tuple[datetime, str, str, date, str]:
    card = one.card
    return one.since, one.kind.value, card.product_id, card.start, card.currency or ""
