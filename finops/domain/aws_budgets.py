"""AWS budgets: what AWS can watch of the approved schedules, and what keeps its budgets in step.

AWS watches accounts of a payer, and nothing finer: an element whose spend is not just what some
accounts cost in a month is not watched, and the reason is named.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from finops.domain.allocations import Lives, Rules
from finops.domain.class_policies import ChargeClass, CostBasis, PolicyKind
from finops.domain.elements import ENTERPRISE, ancestors, covers
from finops.domain.money import TICKS_PER_UNIT
from finops.domain.periods import BillingPeriod, Period
from finops.domain.values import Frozen

PREFIX = "finops-center/"
LONGEST_NAME = 100
MOST_MONTHS = 12  # planned limits of a budget
MOST_LEVELS = 10  # notifications of a budget
CURRENCY = "USD"
CENT = TICKS_PER_UNIT // 100
AWS_ACCOUNT = re.compile(r"[0-9]{12}")

Months = Mapping[str, int]  # ticks by month, `YYYY-MM`


class Watch(Frozen):
    """A budget as it should be at AWS, in the account *payer*.

    *accounts* are those it watches; none: all that the payer is billed. *limits* are ticks by month,
    in whole cents, from the running month on without a gap. *levels* are in basis points, and
    *address* hears of each that is passed.
    """

    payer: str
    element: str
    accounts: tuple[str, ...]
    limits: tuple[tuple[str, int], ...]
    is_amortized: bool
    levels: tuple[int, ...]
    address: str

    @property
    def name(self) -> str:
        return budget_name(self.element)

    @property
    def end(self) -> date | None:
        """The day after its last one; None: it goes on."""
        if len(self.limits) == MOST_MONTHS:
            return None
        return BillingPeriod(self.limits[-1][0]).end


class Found(Frozen):
    """A budget of ours as AWS has it.

    *has_our_terms*: it is of cost by the month, without credits, filtered by accounts or not at all.
    *addresses* are who hears of it; None: nobody has looked.
    """

    name: str
    start: date
    end: date | None
    accounts: tuple[str, ...]
    limits: tuple[tuple[str, int], ...]
    is_amortized: bool
    has_our_terms: bool
    levels: tuple[int, ...]
    addresses: tuple[str, ...] | None = None


class Unwatched(Frozen):
    """An element that AWS cannot watch exactly, and why."""

    element: str
    reason: str


class StepKind(StrEnum):
    """What is done to a budget."""

    CREATE = "Create"
    CHANGE = "Change"
    DELETE = "Delete"


class Step(NamedTuple):
    """What brings one budget in step: *wanted* is None of one to delete, *found* of a new one."""

    kind: StepKind
    payer: str
    name: str
    wanted: Watch | None
    found: Found | None


class Billing(NamedTuple):
    """Who pays in *month*: rules, when products live, and who is billed for each account then."""

    month: BillingPeriod
    rules: Rules
    lives: Lives
    payers: Mapping[str, Collection[str]]  # by account


class Terms(NamedTuple):
    """What all budgets have in common; *payers* are those whose budgets are ours to keep."""

    payers: Sequence[str]
    currency: str
    levels: Sequence[int]
    address: str


# What should be there -----------------------------------------------------------------------------


def watches(
    schedules: Mapping[str, Months], billing: Billing, terms: Terms
) -> tuple[list[Watch], list[Unwatched]]:
    """The budgets that should be there, and the elements with a schedule that get none.

    *schedules* are what is approved, by product and month. An element has the months from the running
    one on for which something under it is approved.
    """
    watched, unwatched = [], []
    sums = _sums(schedules)
    paying = _Paying(billing)
    for element in sorted(sums):
        limits = _limits(sums[element], billing.month)
        if not limits:
            continue
        try:
            payer, accounts = _place(element, paying, terms)
        except _CannotBeWatchedError as error:
            unwatched.append(Unwatched(element=element, reason=str(error)))
            continue
        watched.append(
            Watch(
                payer=payer,
                element=element,
                accounts=accounts,
                limits=limits,
                is_amortized=billing.rules.basis is CostBasis.EFFECTIVE,
                levels=tuple(sorted(terms.levels))[-MOST_LEVELS:],
                address=terms.address,
            )
        )
    return watched, unwatched


def budget_name(element: str) -> str:
    """What the budget of an element is called. AWS wants no more than 100 characters, and no URLs.

    >>> budget_name("retail.digital"), budget_name("")
    ('finops-center/retail_digital', 'finops-center/enterprise')
    """
    name = PREFIX + (element.replace(".", "_") or "enterprise")
    if len(name) <= LONGEST_NAME:
        return name
    seal = sha256(element.encode()).hexdigest()[:12]
    return f"{name[: LONGEST_NAME - len(seal) - 1]}_{seal}"


def cents(ticks: int) -> int:
    """*ticks* in whole cents, half to even, as ticks; never less than one cent.

    A level is a part of the limit: of nothing every part is nothing, so a month that plans nothing
    is told of from its first cent on.

    >>> cents(12_345_600_000), cents(50_000_000), cents(0)
    (12300000000, 100000000, 100000000)
    """
    whole, rest = divmod(ticks, CENT)
    is_up = 2 * rest > CENT or (2 * rest == CENT and whole % 2 == 1)
    return max(1, whole + is_up) * CENT


def _sums(schedules: Mapping[str, Months]) -> dict[str, dict[str, int]]:
    sums: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    for product, months in schedules.items():
        for element in ancestors(product):
            for month, amount in months.items():
                sums[element][month] += amount
    return {element: dict(months) for element, months in sums.items()}


def _limits(months: Months, first: BillingPeriod) -> tuple[tuple[str, int], ...]:
    limits: list[tuple[str, int]] = []
    month = first
    while len(limits) < MOST_MONTHS and month in months:
        limits.append((str(month), cents(months[month])))
        month = BillingPeriod.of(month.end)
    return tuple(limits)


class _Paying:
    """Who may pay for some of each account in a month."""

    def __init__(self, billing: Billing) -> None:
        self.billing, self.period = billing, billing.month.period
        self.products: defaultdict[str, set[str]] = defaultdict(set)
        self.gaps: dict[str, str] = {}
        self._look_at_shares()
        self._look_at_claims()
        self.accounts: defaultdict[str, set[str]] = defaultdict(set)
        for account, products in self.products.items():
            for element in {element for product in products for element in ancestors(product)}:
                self.accounts[element].add(account)

    def _look_at_shares(self) -> None:
        for account, split in self.billing.rules.shares.items():
            for span in split.spans(self.period):
                if span.revision is None:
                    self.gaps[account] = f"nobody owns all of account {account} in {self.month}"
                else:
                    self.products[account] |= {product for product, _ in span.revision.shares}
        for account in self.billing.payers:
            if account not in self.billing.rules.shares:
                self.gaps[account] = f"nobody owns account {account} in {self.month}"

    def _look_at_claims(self) -> None:
        for account, claims in self.billing.rules.claims.items():
            for claim in claims.claims:
                if _meet(claim.start, claim.end, self.period):
                    self.products[account].add(claim.product_id)
        known = {*self.billing.payers, *self.billing.rules.shares}
        for rule in self.billing.rules.claim_rules.rules:
            if _meet(rule.start, rule.end, self.period):
                for account in known if rule.account_id is None else (rule.account_id,):
                    self.products[account].add(rule.product_id)

    @property
    def month(self) -> str:
        return str(self.billing.month)

    def lives(self, product: str) -> bool:
        """Whether *product* is alive on all days of the month: on the others nobody pays."""
        return any(
            life.start <= self.period.start and self.period.end <= life.end
            for life in self.billing.lives.get(product, ())
        )

    def policies(self, payer: str) -> Iterator[tuple[ChargeClass, str | None]]:
        """The classes that go by another policy than the accounts' shares, and to which product."""
        known = self.billing.rules.policies.get(payer)
        for charge_class in ChargeClass if known else ():
            is_never_there = (
                charge_class is ChargeClass.UNUSED_COMMITMENT
                and self.billing.rules.basis is CostBasis.BILLED
            )
            found = None if known is None else known.on(charge_class, self.month)
            if found and found.kind is not PolicyKind.FOLLOW_SHARES and not is_never_there:
                yield charge_class, found.product_id


class _CannotBeWatchedError(Exception):
    """AWS has no way to watch an element exactly; its text says why."""


def _place(element: str, paying: _Paying, terms: Terms) -> tuple[str, tuple[str, ...]]:
    """The payer, and the accounts whose cost is just what the element spends; none: all of them."""
    if terms.currency != CURRENCY:
        raise _CannotBeWatchedError(
            f"plans are made in {terms.currency}, and budgets at AWS in {CURRENCY}"
        )
    if element == ENTERPRISE:
        return _payer(sorted(paying.billing.payers), paying, terms), ()
    accounts = sorted(paying.accounts[element])
    if not accounts:
        raise _CannotBeWatchedError(f"no account is split to it in {paying.month}")
    payer = _payer(accounts, paying, terms)
    for account in accounts:
        _must_own(element, account, paying)
    _must_keep_classes(element, payer, paying)
    return payer, tuple(accounts)


def _payer(accounts: Iterable[str], paying: _Paying, terms: Terms) -> str:
    """The one payer of *accounts*, of those whose budgets are ours to keep."""
    payers: set[str] = set()
    for account in accounts:
        if not AWS_ACCOUNT.fullmatch(account):
            raise _CannotBeWatchedError(f"account {account} is not at AWS")
        if not (billed := paying.billing.payers.get(account)):
            raise _CannotBeWatchedError(f"nobody knows who is billed for account {account}")
        payers.update(billed)
    if len(payers) != 1:
        told = " and ".join(sorted(payers)) or "nobody"
        raise _CannotBeWatchedError(f"accounts are billed to {told}; a budget is of one payer")
    [payer] = payers
    if payer not in terms.payers:
        raise _CannotBeWatchedError(
            f"accounts are billed to {payer}, which is none of the payers of this deployment"
        )
    return payer


def _must_own(element: str, account: str, paying: _Paying) -> None:
    """Nothing where all that *account* costs in the month is paid for under *element*."""
    if account in paying.gaps:
        raise _CannotBeWatchedError(paying.gaps[account])
    for product in sorted(paying.products[account]):
        if not covers(element, product):
            raise _CannotBeWatchedError(
                f"{product} pays for some of account {account} in {paying.month}"
            )
        if not paying.lives(product):
            raise _CannotBeWatchedError(f"{product} does not live all of {paying.month}")


def _must_keep_classes(element: str, payer: str, paying: _Paying) -> None:
    """Nothing where no class of charges goes to or from the element by a policy."""
    for charge_class, _ in paying.policies(payer):
        raise _CannotBeWatchedError(
            f"{charge_class} of {payer} goes by another policy than the accounts' shares"
        )
    for other in sorted(paying.billing.rules.policies):
        for charge_class, product in paying.policies(other):
            if product is not None and covers(element, product):
                raise _CannotBeWatchedError(f"{charge_class} of {other} goes to {product}")


def _meet(start: date, end: date | None, period: Period) -> bool:
    return start < period.end and (end is None or period.start < end) and start != end


# What keeps it in step ----------------------------------------------------------------------------


def steps(
    wanted: Iterable[Watch], found: Mapping[str, Sequence[Found]], month: BillingPeriod
) -> list[Step]:
    """What is to be done so that the budgets *found* at each payer are those *wanted*.

    What is done twice finds nothing to do the second time. Payers that *found* does not name are
    left alone: nobody could look at them.
    """
    ways: list[Step] = []
    by_name = {(watch.payer, watch.name): watch for watch in wanted if watch.payer in found}
    there = {(payer, one.name): one for payer in found for one in found[payer]}
    for (payer, name), one in sorted(there.items()):
        watch = by_name.get((payer, name))
        if watch is None:
            ways.append(Step(StepKind.DELETE, payer, name, None, one))
        elif not (watches_as(watch, one, month) and warns_as(watch, one)):
            ways.append(Step(StepKind.CHANGE, payer, name, watch, one))
    for (payer, name), watch in sorted(by_name.items()):
        if (payer, name) not in there:
            ways.append(Step(StepKind.CREATE, payer, name, watch, None))
    return ways


def watches_as(wanted: Watch, found: Found, month: BillingPeriod) -> bool:
    """Whether the budget *found* watches what is *wanted*, from *month* on."""
    to_come = tuple(sorted(limit for limit in found.limits if limit[0] >= month))
    return (
        found.has_our_terms
        and (found.accounts, found.end, found.is_amortized)
        == (wanted.accounts, wanted.end, wanted.is_amortized)
        and to_come == wanted.limits
    )


def warns_as(wanted: Watch, found: Found) -> bool:
    """Whether it warns at the levels that are wanted, and whom, as far as anybody has looked."""
    return found.levels == wanted.levels and found.addresses in (None, (wanted.address,))
