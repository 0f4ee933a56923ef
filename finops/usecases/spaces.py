"""Spaces: the accounts of a scope, their splits, the workloads in them, and its credits."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from finops.domain.accounts import Account
from finops.domain.authorization import Action, may, must, must_reach
from finops.domain.credits import Credit
from finops.domain.elements import ENTERPRISE, covers
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod
from finops.domain.shares import WHOLE, AccountShares, Revision, ShareStatus
from finops.domain.workloads import Workload
from finops.usecases.claims import ClaimsDesk
from finops.usecases.credits import seen_credits
from finops.usecases.grounds import Book
from finops.usecases.ports import Allocations, Bills, Credits, WorkloadSpend
from finops.usecases.standings import Standing, seen_standings, standings
from finops.usecases.workloads import open_claims, seen_workloads, spent_by


class SpaceSources(NamedTuple):
    """Where spaces are looked up."""

    desk: ClaimsDesk
    spend: WorkloadSpend
    credits: Credits
    bills: Bills
    allocations: Allocations
    book: Book


class SpaceShare(NamedTuple):
    """A split of an account that is in force on some days of the month.

    *shares* are those of the scope; *others* are the basis points of everybody else.
    """

    revision: Revision
    status: ShareStatus
    shares: tuple[tuple[str, int], ...]
    others: int


class SpaceWorkload(NamedTuple):
    """A workload of the scope, the ticks it pays for in the month, and its unreleased claims.

    *spent* is None while nothing of the month is allocated.
    """

    workload: Workload
    spent: int | None
    claims: int


class Space(NamedTuple):
    """An account of a scope; *account* is None for one that nobody has seen."""

    account_id: str
    account: Account | None
    shares: tuple[SpaceShare, ...]
    workloads: tuple[SpaceWorkload, ...]


class Spaces(NamedTuple):
    """The accounts of a scope in a month, by id, with its splits and workloads of them.

    Statuses are as of *day*; *spent* is by workload, in ticks, None while nothing is allocated.
    *credits* are those of the scope's products, by id; *standings* how fresh all of that is.
    """

    element: str
    month: BillingPeriod
    day: date
    accounts: Sequence[str]
    splits: Mapping[str, AccountShares]
    workloads: Mapping[str, Sequence[Workload]]
    spent: Mapping[str, int] | None
    credits: Sequence[Credit]
    standings: Sequence[Standing]

    @property
    def entries(self) -> list[str | Credit]:
        """What a list of it is made of: the accounts, and then the credits."""
        return [*self.accounts, *self.credits]


def place(entry: str | Credit) -> str:
    """Where an entry stands in that list."""
    return entry if isinstance(entry, str) else f"credit {entry.credit_id}"


def spaces(
    element: str,
    month: BillingPeriod,
    today: date,
    *,
    by: Person,
    sources: SpaceSources,
) -> Spaces:
    """The accounts in which *element* pays for a share or a workload in *month*, and its credits.

    Without an element (the enterprise) it is all that *by* may see. Statuses are as of *today*, or
    of the day of the month that is next to it. Raises NotFoundError for an element out of scope.
    """
    must_reach(by, Action.SEE_ALLOCATIONS)
    if element != ENTERPRISE:
        must(by, Action.SEE_ALLOCATIONS, element)
    desk = sources.desk
    splits = {
        account_id: split
        for account_id, split in desk.shares.all().items()
        if any(
            _is_of(product, element, by)
            for revision in _in_force(split, month)
            for product, _ in revision.shares
        )
    }
    spent = sources.spend.of_workloads(month)
    workloads: dict[str, list[Workload]] = {}
    for one in seen_workloads(by=by, workloads=desk.grounds.workloads, under=element):
        # One that has ended goes on paying for what it does not release.
        if one.runs_in(month) or (spent and spent.get(one.workload_id)):
            workloads.setdefault(one.account_id, []).append(one)
    day = min(max(today, month.start), month.end - timedelta(1))
    return Spaces(
        element=element,
        month=month,
        day=day,
        accounts=sorted(splits.keys() | workloads.keys()),
        splits=splits,
        workloads=workloads,
        spent=spent,
        # Those that nobody has mapped are of no product, and so of no scope.
        credits=[
            credit
            for credit in seen_credits(day, by=by, credits_=sources.credits, under=element)
            if credit.product_id is not None
        ],
        standings=seen_standings(
            standings(
                sources.bills.in_period(month), sources.allocations.in_period(month), sources.book
            ),
            by=by,
            allocations=sources.allocations,
        ),
    )


def some_spaces(
    found: Spaces, accounts: Iterable[str], *, by: Person, desk: ClaimsDesk
) -> list[Space]:
    """What there is in some of the accounts that were *found*."""
    wanted = list(accounts)
    claims = open_claims((one for one in wanted if one in found.workloads), desk.claims)
    return [
        Space(
            account_id=account_id,
            account=desk.grounds.accounts.find(account_id),
            shares=_shares(found, account_id, by),
            workloads=tuple(
                SpaceWorkload(one, spent_by(one, found.spent), claims[one.workload_id])
                for one in found.workloads.get(account_id, ())
            ),
        )
        for account_id in wanted
    ]


def _shares(found: Spaces, account_id: str, by: Person) -> tuple[SpaceShare, ...]:
    split = found.splits.get(account_id)
    if split is None:
        return ()
    told = []
    for revision in _in_force(split, found.month):
        own = tuple(one for one in revision.shares if _is_of(one[0], found.element, by))
        if own:
            others = WHOLE - sum(points for _, points in own)
            told.append(SpaceShare(revision, split.status(revision, found.day), own, others))
    return tuple(told)


def _in_force(split: AccountShares, month: BillingPeriod) -> list[Revision]:
    """The splits that are in force on some day of *month*, in the order they come into force."""
    revisions = (span.revision for span in split.spans(month.period))
    return list({one.number: one for one in revisions if one is not None}.values())


def _is_of(product: str, element: str, by: Person) -> bool:
    return covers(element, product) and may(by, Action.SEE_ALLOCATIONS, product)
