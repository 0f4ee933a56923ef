"""Credits: what was granted to a product, which of its costs that pays, and how long it will last.

A credit pays the cost of the days from its start up to and with its *expiry*, the last day it may be
used on, as AWS states it: cost of every class, tax and support too, after discounts. What a month
uses is worked out anew while the month is open and written down once, when it is closed: only then
the balance is less. Source: specification section 8.
"""

import re
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Self

from pydantic import model_validator

from finops.domain.bill_notes import CreditLine
from finops.domain.elements import LEVELS, level
from finops.domain.errors import ConflictError, InvalidError
from finops.domain.fiscal_years import FIRST_YEAR, LAST_YEAR
from finops.domain.money import text
from finops.domain.periods import BillingPeriod
from finops.domain.values import Entity, Frozen

LONGEST_TEXT = 500
LONGEST_WORD = 100
CURRENCY = re.compile(r"[A-Z]{3}")
WARNED_BEFORE = (60, 30, 7)  # days


class CreditSource(StrEnum):
    """How a credit came to be known."""

    GRANTED = "Granted"
    FOUND_ON_BILL = "FoundOnBill"


class CreditStatus(StrEnum):
    """Where a credit is in its life; Queued was found on a bill, and nobody has said whose it is."""

    QUEUED = "Queued"
    FUTURE = "Future"
    ACTIVE = "Active"
    USED_UP = "UsedUp"
    EXPIRED = "Expired"
    WITHDRAWN = "Withdrawn"


class WarningKind(StrEnum):
    """What a credit comes to its end by."""

    EXPIRY = "Expiry"
    RUN_OUT = "RunOut"


class CreditTerms(Frozen):
    """What a credit is: how much (ticks), for which product and days, and for what of its costs.

    *service* None: all services. *account_id* is the account that it was applied to.
    """

    product_id: str
    text: str
    amount: int
    currency: str
    start: date
    expiry: date
    service: str | None = None
    account_id: str | None = None
    reference: str | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if level(self.product_id) != LEVELS:
            raise InvalidError(f"{self.product_id} is no product; a credit is for one product")
        if not 1 <= len(self.text.strip()) <= LONGEST_TEXT:
            raise InvalidError(
                f"the text of a credit is its promotion code, or words: 1 to {LONGEST_TEXT} "
                "characters"
            )
        if self.amount <= 0:
            raise InvalidError(
                f"the amount of a credit is more than zero, not {text(self.amount)}; "
                "withdraw a credit that is to end"
            )
        if not CURRENCY.fullmatch(self.currency):
            raise InvalidError(f"{self.currency!r} is no currency; write it like USD")
        if self.expiry < self.start:
            raise InvalidError(
                f"the expiry {self.expiry} is before the start {self.start}; it is the last day "
                "that the credit may be used on"
            )
        if self.start.year < FIRST_YEAR or self.expiry.year > LAST_YEAR:
            raise InvalidError(
                f"{self.start} to {self.expiry} is not within the years {FIRST_YEAR} to {LAST_YEAR}"
            )
        for name in ("service", "account_id", "reference"):
            said = getattr(self, name)
            if said is not None and not 1 <= len(said.strip()) <= LONGEST_WORD:
                raise InvalidError(
                    f"{name} has 1 to {LONGEST_WORD} characters; leave it out where there is none"
                )
        return self


class CreditUse(Frozen):
    """What a credit pays (ticks) of a month; an estimate until the month is closed."""

    month: str
    amount: int
    is_final: bool = False


class CreditWarning(Frozen):
    """A credit ends on *day*, which is at most *before* days away."""

    kind: WarningKind
    before: int
    day: date


class Entry(NamedTuple):
    """A line of a credit's ledger: what changed (ticks), when, and the balance after it."""

    what: str
    when: str
    amount: int
    balance: int
    is_final: bool


class Credit(Entity):
    """A credit; None of *terms*: it was *found* on a bill, and is queued to be mapped.

    *uses* are final, one a month. From *withdrawn_from* on it pays nothing.
    """

    credit_id: str
    source: CreditSource
    terms: CreditTerms | None = None
    found: CreditLine | None = None
    uses: tuple[CreditUse, ...] = ()
    withdrawn_from: date | None = None
    warned: tuple[CreditWarning, ...] = ()
    recorded_at: datetime
    changed_at: datetime

    # What it is ----------------------------------------------------------------------------------

    @property
    def product_id(self) -> str | None:
        return self.terms.product_id if self.terms else None

    @property
    def text(self) -> str:
        return self.terms.text if self.terms else self.found.description if self.found else ""

    @property
    def account_id(self) -> str | None:
        if self.terms is not None:
            return self.terms.account_id
        return self.found.sub_account_id if self.found else None

    @property
    def used(self) -> int:
        """What closed months have used, in ticks."""
        return sum(use.amount for use in self.uses)

    @property
    def balance(self) -> int:
        """What closed months have left of it; never below zero."""
        return self.terms.amount - self.used if self.terms else 0

    @property
    def last_day(self) -> date | None:
        """The last day that it pays for; None while it is queued."""
        if self.terms is None:
            return None
        if self.withdrawn_from is None:
            return self.terms.expiry
        return min(self.terms.expiry, self.withdrawn_from - timedelta(1))

    def pays(self, day: date, service: str | None) -> bool:
        """Whether it may pay what *service* costs on *day*."""
        if self.terms is None or self.last_day is None:
            return False
        return self.terms.start <= day <= self.last_day and self.terms.service in (None, service)

    def status(self, on: date) -> CreditStatus:
        """Where it is in its life on a day, by what closed months have used."""
        if self.terms is None or self.last_day is None:
            return CreditStatus.QUEUED if self.withdrawn_from is None else CreditStatus.WITHDRAWN
        if self.withdrawn_from is not None and self.withdrawn_from <= on:
            return CreditStatus.WITHDRAWN
        if self.balance == 0:
            return CreditStatus.USED_UP
        if on < self.terms.start:
            return CreditStatus.FUTURE
        return CreditStatus.EXPIRED if self.last_day < on else CreditStatus.ACTIVE

    def ledger(self, estimates: Iterable[CreditUse] = (), on: date | None = None) -> list[Entry]:
        """What was granted, what each month uses, and what lapsed by the day *on*; balances after."""
        if self.terms is None or self.last_day is None:
            return []
        left = self.terms.amount
        found = [Entry("Grant", self.terms.start.isoformat(), left, left, is_final=True)]
        for use in sorted((*self.uses, *estimates), key=lambda use: use.month):
            left -= use.amount
            found.append(Entry("Use", use.month, -use.amount, left, use.is_final))
        if on is not None and self.last_day < on and left:
            is_final = all(entry.is_final for entry in found)
            what = "Withdrawal" if self.withdrawn_from is not None else "Expiry"
            found.append(Entry(what, self.last_day.isoformat(), -left, 0, is_final))
        return found

    # What is done to it --------------------------------------------------------------------------

    @classmethod
    def granted(cls, credit_id: str, terms: CreditTerms, at: datetime) -> Self:
        """A new one, of which somebody says all there is to say."""
        return cls(
            credit_id=credit_id,
            source=CreditSource.GRANTED,
            terms=terms,
            recorded_at=at,
            changed_at=at,
        )

    @classmethod
    def seen(cls, credit_id: str, line: CreditLine, at: datetime) -> Self:
        """One that a bill names and nobody knew."""
        return cls(
            credit_id=credit_id,
            source=CreditSource.FOUND_ON_BILL,
            found=line,
            recorded_at=at,
            changed_at=at,
        )

    def with_terms(self, terms: CreditTerms, at: datetime) -> Self:
        """With its product, amount and dates, for the first time or corrected.

        Raises ConflictError once a closed month has used it, and after it was withdrawn. Who was
        warned of another end is warned again.
        """
        self._must_be_there()
        if self.uses and terms != self.terms:
            raise ConflictError(
                f"credit {self.credit_id} has paid in {self.uses[0].month}, which is closed; "
                "withdraw it, and grant another one",
                current=self,
            )
        before = self.terms
        same = {
            WarningKind.EXPIRY: before is not None and before.expiry == terms.expiry,
            WarningKind.RUN_OUT: before is not None and _pace(before) == _pace(terms),
        }
        kept = tuple(one for one in self.warned if same[one.kind])
        after = self.changed(terms=terms, warned=kept)
        return self if after == self else after.changed(changed_at=at)

    def withdrawn(self, day: date, at: datetime) -> Self:
        """Paying nothing from *day* on; what closed months have used stays.

        Raises ConflictError where it was withdrawn before, or has paid for that day already.
        """
        self._must_be_there()
        paid = [use.month for use in self.uses if use.month >= BillingPeriod.of(day)]
        if paid:
            raise ConflictError(
                f"credit {self.credit_id} has paid in {paid[-1]}, which is closed; withdraw it "
                f"from {BillingPeriod(paid[-1]).end} or later",
                current=self,
            )
        return self.changed(withdrawn_from=day, changed_at=at)

    def closed(self, month: str, amount: int, at: datetime) -> Self:
        """After *month* was closed and it has paid *amount* (ticks) of it.

        The same again changes nothing. Raises ConflictError for another amount of the same month,
        and for more than its balance.
        """
        known = next((use for use in self.uses if use.month == month), None)
        if known is not None and known.amount == amount:
            return self
        if known is not None or not 0 < amount <= self.balance:
            had = f"has {text(self.balance)} left"
            if known is not None:
                had = f"has paid {text(known.amount)} of it already"
            raise ConflictError(
                f"credit {self.credit_id} cannot pay {text(amount)} of {month}: it {had}",
                current=self,
            )
        use = CreditUse(month=BillingPeriod(month), amount=amount, is_final=True)
        uses = tuple(sorted((*self.uses, use), key=lambda one: one.month))
        return self.changed(uses=uses, changed_at=at)

    def told(self, warnings: Iterable[CreditWarning], at: datetime) -> Self:
        """After somebody was warned: not again of the same, nor of an end that is farther away."""
        return self.changed(warned=(*self.warned, *warnings), changed_at=at)

    def _must_be_there(self) -> None:
        if self.withdrawn_from is not None:
            raise ConflictError(
                f"credit {self.credit_id} was withdrawn from {self.withdrawn_from} on; grant "
                "another one",
                current=self,
            )


def _pace(terms: CreditTerms) -> tuple[object, ...]:
    """What decides when a credit runs out."""
    return terms.product_id, terms.service, terms.currency, terms.amount, terms.start, terms.expiry


# Use ----------------------------------------------------------------------------------------------


class Cost(NamedTuple):
    """What a service costs on a day, after discounts, in ticks; a refund is negative."""

    day: date
    service: str | None
    ticks: int


Cell = tuple[date, str | None]


def apply(
    granted: Iterable[Credit], costs: Iterable[Cost], balances: Mapping[str, int] | None = None
) -> dict[str, int]:
    """What each of *granted* (of one product and currency) pays of a month's *costs*, in ticks.

    Each in its turn pays as much as it can: who expires soonest first, then the oldest. A cost that
    a later credit may pay too is left to it as far as the earlier one finds others to pay, so that
    all pay the most they can, and the order of rows and credits does not matter.
    A refund lowers what there is to pay, of its own service and the days near it first; a credit
    pays no more than the net of all that it may pay, and all together never more than the net of
    the month. *balances* are what they have left; else it is what closed months left of each.

    >>> terms = CreditTerms(product_id="a.b.c.d", text="x", amount=1_200, currency="USD",
    ...                     start=date(2026, 1, 1), expiry=date(2026, 12, 31))
    >>> credit = Credit.granted("c-1", terms, datetime(2026, 1, 1))
    >>> apply([credit], [Cost(date(2026, 1, 9), "AmazonEC2", 950)])
    {'c-1': 950}
    """
    rows = list(costs)
    queue = sorted((credit for credit in granted if credit.terms), key=_turn)
    left = [max(0, min(_balance(credit, balances), _net_of(credit, rows))) for credit in queue]
    # Costs that the same credits may pay are one.
    pools: Counter[frozenset[int]] = Counter()
    for (day, service), ticks in _netted(rows).items():
        pools[frozenset(n for n, one in enumerate(queue) if one.pays(day, service))] += ticks
    paid = _paid(left, pools)
    return {credit.credit_id: amount for credit, amount in zip(queue, paid, strict=True) if amount}


def _balance(credit: Credit, balances: Mapping[str, int] | None) -> int:
    return credit.balance if balances is None else balances[credit.credit_id]


def _net_of(credit: Credit, costs: Iterable[Cost]) -> int:
    """All that it may pay, less the refunds of it."""
    return sum(cost.ticks for cost in costs if credit.pays(cost.day, cost.service))


def _turn(credit: Credit) -> tuple[date, date, datetime, str]:
    assert credit.terms is not None  # noqa: S101  # who has none has no turn
    return credit.terms.expiry, credit.terms.start, credit.recorded_at, credit.credit_id


def _netted(costs: Iterable[Cost]) -> dict[Cell, int]:
    """What is left to pay by day and service, after each refund has lowered what it can."""
    cells: Counter[Cell] = Counter()
    for cost in costs:
        cells[cost.day, cost.service] += cost.ticks
    for day, service in sorted((c for c, ticks in cells.items() if ticks < 0), key=_by_cell):

        def distance(
            cell: Cell, day: date = day, service: str | None = service
        ) -> tuple[object, ...]:
            return cell[1] != service, abs((cell[0] - day).days), *_by_cell(cell)

        for cell in sorted((c for c, ticks in cells.items() if ticks > 0), key=distance):
            lowered = min(cells[cell], -cells[day, service])
            cells[cell] -= lowered
            cells[day, service] += lowered
    return {cell: ticks for cell, ticks in cells.items() if ticks > 0}


def _by_cell(cell: Cell) -> tuple[date, bool, str]:
    return cell[0], cell[1] is None, cell[1] or ""


def _paid(left: Sequence[int], pools: Mapping[frozenset[int], int]) -> list[int]:
    """What each payer pays, who has so much *left*, of *pools* that only some may pay of.

    A payer who finds all pools empty makes earlier ones pay elsewhere, where they can; none of them
    pays less for it (a maximum flow by shortest augmenting paths).
    """
    free = dict(pools)
    pays: dict[tuple[int, frozenset[int]], int] = defaultdict(int)
    rest = list(left)
    for payer in range(len(rest)):
        while rest[payer] and (path := _path(payer, free, pays)):
            moved = [pays[one, pool] for (one, pool) in path[1::2]]
            amount = min(rest[payer], free[path[-1][1]], *moved)
            for one, pool in path[0::2]:
                pays[one, pool] += amount
            for one, pool in path[1::2]:
                pays[one, pool] -= amount
            free[path[-1][1]] -= amount
            rest[payer] -= amount
    return [amount - unused for amount, unused in zip(left, rest, strict=True)]


def _path(
    payer: int, free: Mapping[frozenset[int], int], pays: Mapping[tuple[int, frozenset[int]], int]
) -> list[tuple[int, frozenset[int]]]:
    """From *payer* to a pool that is not empty: who pays there more, then less, then more, …

    Empty where there is none.
    """
    ahead = deque([[payer_pool] for payer_pool in _may(payer, free)])
    seen = {path[0][1] for path in ahead}
    while ahead:
        path = ahead.popleft()
        pool = path[-1][1]
        if free[pool]:
            return path
        for other in sorted(pool):
            if pays.get((other, pool), 0):
                for step in _may(other, free):
                    if step[1] not in seen:
                        seen.add(step[1])
                        ahead.append([*path, (other, pool), step])
    return []


def _may(payer: int, pools: Collection[frozenset[int]]) -> list[tuple[int, frozenset[int]]]:
    return [(payer, pool) for pool in sorted(pools, key=sorted) if payer in pool]


def estimated(
    granted: Iterable[Credit], costs: Mapping[str, Iterable[Cost]], *, open_from: date
) -> dict[str, list[CreditUse]]:
    """What *granted* (of one product and currency) would pay of its open months, by credit.

    *costs* are by month (`YYYY-MM`). A month that is closed is paid: one before *open_from*, and
    one that a credit has a final use of.
    """
    every = list(granted)
    left = {credit.credit_id: credit.balance for credit in every}
    closed = {use.month for credit in every for use in credit.uses}
    found: dict[str, list[CreditUse]] = {credit_id: [] for credit_id in left}
    for month in sorted(costs):
        if month in closed or month < BillingPeriod.of(open_from):
            continue
        for credit_id, amount in apply(every, costs[month], left).items():
            left[credit_id] -= amount
            found[credit_id].append(CreditUse(month=month, amount=amount))
    return found


# Burn-down ----------------------------------------------------------------------------------------


class BurnDown(Frozen):
    """How long a credit lasts at the pace it was used with: what is *left* (ticks), and until when.

    *run_out* is the first day that it can no longer pay whole, None where it expires before;
    *lapses* is what it then expires with.
    """

    left: int
    run_out: date | None
    lapses: int


def burn_down(credit: Credit, uses: Iterable[CreditUse], through: date) -> BurnDown | None:
    """The projection from all *uses*, final and estimated, of the days up to and with *through*.

    The pace is what was used a day since the month of the first use. None for one that is queued.
    """
    if credit.terms is None or credit.last_day is None:
        return None
    every = sorted(uses, key=lambda use: use.month)
    used = sum(use.amount for use in every)
    left = credit.terms.amount - used
    if not left or not used:
        return BurnDown(left=left, run_out=None, lapses=left)
    first = max(credit.terms.start, BillingPeriod(every[0].month).start)
    last = max(first, min(through, credit.last_day))
    days, ahead = (last - first).days + 1, (credit.last_day - last).days
    lasts = left * days // used  # whole days; of a slow pace they may be beyond any calendar
    if lasts < ahead:
        return BurnDown(left=left, run_out=last + timedelta(1 + lasts), lapses=0)
    return BurnDown(left=left, run_out=None, lapses=max(0, left - used * ahead // days))


def warnings(credit: Credit, ahead: BurnDown | None, today: date) -> list[CreditWarning]:
    """What ends within 60, 30 or 7 days: the nearest of these for its expiry and its run-out.

    A credit that is withdrawn, used up, over or queued has nothing left to be lost.
    """
    if ahead is None or not ahead.left or credit.terms is None:
        return []
    if credit.status(today) not in (CreditStatus.ACTIVE, CreditStatus.FUTURE):
        return []
    ends = {WarningKind.EXPIRY: credit.last_day, WarningKind.RUN_OUT: ahead.run_out}
    found = []
    for kind, day in ends.items():
        if day is None:
            continue
        near = [before for before in WARNED_BEFORE if (day - today).days <= before]
        if near:
            found.append(CreditWarning(kind=kind, before=min(near), day=day))
    return found


def untold(credit: Credit, found: Iterable[CreditWarning]) -> list[CreditWarning]:
    """Those of *found* that nobody was warned of; after 30 days comes 7, never 60 again."""
    told = {kind: [one.before for one in credit.warned if one.kind is kind] for kind in WarningKind}
    return [
        one for one in found if one.before < min(told[one.kind], default=max(WARNED_BEFORE) + 1)
    ]


# Beside the bill ----------------------------------------------------------------------------------


class Reconciliation(Frozen):
    """A month's credits in one currency: AWS's on the bills, and the ledger's; never one sum."""

    currency: str
    on_bills: int
    in_ledger: int
    is_estimated: bool

    @property
    def difference(self) -> int:
        """What AWS credited beyond what the ledger does, in ticks."""
        return self.on_bills - self.in_ledger
