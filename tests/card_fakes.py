"""The ports of spend cards and of the close, in memory."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import date

from finops.adapters.close_files import same
from finops.domain.audit import Act
from finops.domain.delegations import Delegation
from finops.domain.errors import ConflictError, NotFoundError
from finops.domain.month_closes import MonthClose
from finops.domain.organisation_settings import OrganisationSettings
from finops.domain.spend_cards import CardKey, CardSummary, Spend, SpendCard, months_booked
from finops.usecases.ports import BilledMonth, MonthSpend, MonthStanding, Save
from tests.fakes import InMemoryRecords
from tests.rules_fakes import InMemoryKind


class InMemorySpendCards:
    """`SpendCards` in a dictionary."""

    def __init__(self, records: InMemoryRecords) -> None:
        self._records = records

    def find(self, key: CardKey) -> SpendCard | None:
        return self._records.states.get(key.entity)

    def kept(self, key: CardKey) -> SpendCard | None:
        return self.find(key)

    def of_product(self, product_id: str, currency: str | None, since: date) -> Sequence[SpendCard]:
        found = [
            card
            for card in self.all()
            if (card.product_id, card.currency) == (product_id, currency) and card.start >= since
        ]
        return sorted(found, key=lambda card: card.start)

    def in_month(self, month: str) -> Sequence[CardSummary]:
        return [CardSummary.of(card) for card in self.all() if card.month == month]

    def save(self, saves: Sequence[Save], act: Act) -> list[SpendCard]:
        months = {month for one in saves for month in months_booked(one.before, one.after)}
        if 2 * len(saves) + len(months) + 1 > 100:  # with their records, and a receipt
            raise ValueError(f"{len(saves)} cards are more than one step takes")
        named = {one.after.key.entity: one for one in saves}
        try:
            return self._records.commit(named, act)
        except ConflictError as error:
            current = self._records.states.get(next(iter(named))) if len(saves) == 1 else None
            raise ConflictError(error.detail, current=current) from error

    def all(self) -> list[SpendCard]:
        """Every card, by its name."""
        return self._records.of_kind("spend-card#")


class InMemoryCardSpending:
    """`CardSpending` that says what it was told, month by month."""

    def __init__(self) -> None:
        self.months: dict[str, MonthSpend] = {}

    def standing(self, month: str) -> MonthStanding:
        return self.spend(month).standing

    def spend(self, month: str, products: Collection[str] | None = None) -> MonthSpend:
        nothing = MonthStanding(month, {}, 0, None, False, ("no payer has a bill",))
        found = self.months.get(month, MonthSpend(nothing, {}))
        if products is None:
            return found
        return found._replace(
            spends={of: weeks for of, weeks in found.spends.items() if of[0] in products}
        )

    def totals(self, month: str) -> Mapping[tuple[str, str | None], Mapping[date, int]]:
        return {
            of: {start: spend.amount for start, spend in weeks.items()}
            for of, weeks in self.spend(month).spends.items()
        }

    def tell(
        self,
        month: str,
        spends: Mapping[tuple[str, str | None], Mapping[date, Spend]],
        *,
        runs: Mapping[str, str],
        revision: int = 1,
        complete_through: date | None = None,
        is_final: bool = False,
    ) -> None:
        """From now on the runs of *month* say this."""
        standing = MonthStanding(month, runs, revision, complete_through, is_final)
        self.months[month] = MonthSpend(standing, spends)


class InMemoryBilledMonths:
    """`BilledMonths` that says what it was told."""

    def __init__(self) -> None:
        self.months: dict[str, BilledMonth] = {}

    def read(self, month: str, *, is_closed: bool = False) -> BilledMonth:
        nothing = BilledMonth(month, (), (), None, {}, (), (), ("there is no bill",))
        return self.months.get(month, nothing)


class InMemoryCloseFiles:
    """`CloseFiles` in a dictionary; *puts* are the keys in the order they were asked for."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.puts: list[str] = []

    def put(self, key: str, content: bytes) -> None:
        self.puts.append(key)
        if not same(key, self.objects.setdefault(key, content), content):
            raise ConflictError(f"{key} holds something else, and stays as it is")

    def read(self, key: str) -> bytes:
        if key not in self.objects:
            raise NotFoundError(f"the bucket of closes has no {key}")
        return self.objects[key]

    def link(self, key: str, name: str, seconds: int) -> str:
        seal = hashlib.sha256(key.encode()).hexdigest()[:8]
        return f"https://closes.example.com/{key}?name={name}&seconds={seconds}&seal={seal}"


class InMemoryCloseDelivery:
    """`CloseDelivery` in a dictionary, and in what order it was filled."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.puts: list[str] = []

    def put(self, key: str, content: bytes) -> None:
        self.puts.append(key)
        self.objects[key] = content


class InMemoryCloseRuns:
    """`CloseRuns` that remembers what was started."""

    def __init__(self) -> None:
        self.started: list[tuple[str, int, str]] = []

    def start(self, month: str, attempt: int, by: str) -> None:
        if (month, attempt, by) not in self.started:
            self.started.append((month, attempt, by))


class InMemorySettlement:
    """`Settlement` over the records of all fakes."""

    def __init__(self, records: InMemoryRecords) -> None:
        self._records = records

    def save(self, close: Save, credits_: Sequence[Save], act: Act) -> MonthClose:
        named = {f"month-close#{close.after.month}": close}
        named |= {f"credit#{one.after.credit_id}": one for one in credits_}
        found: MonthClose = self._records.commit(named, act)[0]
        return found


def in_memory_closes(records: InMemoryRecords) -> InMemoryKind[MonthClose]:
    return InMemoryKind(records, "month-close", "month")


def in_memory_delegations(records: InMemoryRecords) -> InMemoryKind[Delegation]:
    return InMemoryKind(records, "delegation", "delegation_id")


def in_memory_settings(records: InMemoryRecords) -> InMemoryKind[OrganisationSettings]:
    return InMemoryKind(records, "settings", "settings_id")
