"""Workloads: planned for a product in an account, planned anew, ended, and what to look at in them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from finops.domain.audit import Act, Deed
from finops.domain.authorization import Action, Reach, may, must, must_reach, reach
from finops.domain.elements import ENTERPRISE, covers
from finops.domain.errors import ConflictError, InvalidError, NotFoundError
from finops.domain.fiscal_years import FiscalYear
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod, Period
from finops.domain.shares import AccountShares
from finops.domain.values import Frozen
from finops.domain.workloads import Component, Workload
from finops.usecases import standings as bill_standings
from finops.usecases.grounds import Book, Grounds, ground
from finops.usecases.ports import (
    Allocations,
    Bills,
    Claims,
    Save,
    Shares,
    Workloads,
    WorkloadSpend,
)


class WorkloadPlan(Frozen):
    """What is planned of a workload: ticks a month from month *launch* to month *end*.

    Without a *launch* it is this month, without an *end* that of the fiscal year of its launch.
    """

    name: str
    launch: str | None = None
    end: str | None = None
    estimate_url: str | None = None
    monthly: int | None = None
    components: tuple[Component, ...] = ()


class WorkloadWarning(StrEnum):
    """What somebody should look at in a workload."""

    ENDED_BUT_CLAIMING = "EndedButClaiming"
    ESTIMATE_EXCEEDED = "EstimateExceeded"


class Standing(NamedTuple):
    """A workload and how it stands in a month: the ticks it pays for and what to look at.

    *spent* is None while nothing of the month is allocated.
    """

    workload: Workload
    spent: int | None
    warnings: tuple[WorkloadWarning, ...]


# Planned ------------------------------------------------------------------------------------------


def plan_workload(
    account_id: str,
    product_id: str,
    plan: WorkloadPlan,
    *,
    by: Person,
    grounds: Grounds,
    shares: Shares,
    act: Act,
) -> Workload:
    """A new workload. The account has to be known and the product alive, not mapped to each other.

    An owner plans in accounts that a product of their scope has a share of, today or later: who has
    a workload in an account claims its resources. Raises NotFoundError for any other account,
    ConflictError for the second one of a name in the same account and product.
    """
    must(by, Action.PLAN_WORKLOAD, product_id)
    today = act.at.date()
    launch = plan.launch or str(BillingPeriod.of(today))
    new = Workload.planned(
        workload_id(account_id, product_id, plan.name),
        product_id=product_id,
        account_id=account_id,
        today=today,
        launch=launch,
        first_month=grounds.first_month,
        **plan.model_dump(exclude={"launch", "components"}),
        components=plan.components,
    )
    _must_end_in_time(new, today, grounds.first_month)
    stands_on = ground(by, act.at, grounds=grounds)
    stands_on.must_pay(product_id, max(BillingPeriod(launch).start, today))
    must_have_a_share(account_id, shares.find(account_id), today, by=by)
    if grounds.accounts.find(account_id) is None:
        raise InvalidError(
            f"nobody has seen an account {account_id}; finops accounts check looks for new ones"
        )
    _must_be_the_only_one(new, grounds.workloads)
    deed = Deed(action="PlanWorkload", element=product_id, event="WorkloadPlanned")
    return grounds.workloads.save([Save(None, new, deed)], act)[0]


def replan_workload(
    workload_id: str,
    plan: WorkloadPlan,
    version: int,
    *,
    by: Person,
    grounds: Grounds,
    shares: Shares,
    act: Act,
) -> Workload:
    """Another plan for a workload, whose months stay where *plan* names none; the same is no change.

    Its id stays, and so do its product and account. Raises NotFoundError for an owner none of whose
    products has a share of that account today or later: they may only end it.
    """
    before = _current(workload_id, version, by, grounds.workloads)
    must_have_a_share(before.account_id, shares.find(before.account_id), act.at.date(), by=by)
    after = before.replanned(
        today=act.at.date(),
        launch=plan.launch or before.launch,
        end=plan.end or before.end,
        **plan.model_dump(exclude={"launch", "end", "components"}),
        components=plan.components,
    )
    if after == before:
        return before
    if after.end != before.end:
        _must_end_in_time(after, act.at.date(), grounds.first_month)
    _must_be_the_only_one(after, grounds.workloads)
    deed = Deed(action="ReplanWorkload", element=before.product_id, event="WorkloadReplanned")
    return grounds.workloads.save([Save(before, after, deed)], act)[0]


def end_workload(
    workload_id: str, month: str | None, version: int, *, by: Person, workloads: Workloads, act: Act
) -> Workload:
    """A workload ends earlier than was planned: with *month*, or this month. Its claims stay."""
    before = _current(workload_id, version, by, workloads)
    after = before.ended(month or str(BillingPeriod.of(act.at.date())))
    deed = Deed(action="EndWorkload", element=before.product_id, event="WorkloadEnded")
    return workloads.save([Save(before, after, deed)], act)[0]


def workload_id(account_id: str, product_id: str, name: str) -> str:
    """What a workload is known by, however often it is called something else later.

    >>> workload_id("444455556666", "retail.digital.storefront.web-shop", " Front  End")
    'w-d24a2541c0f0'
    """
    said = "\n".join((account_id, product_id, _folded(name)))
    return f"w-{sha256(said.encode()).hexdigest()[:12]}"


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def must_have_a_share(
    account_id: str,
    split: AccountShares | None,
    today: date,
    *,
    by: Person,
    action: Action = Action.PLAN_WORKLOAD,
) -> None:
    """Nothing for who may do *action* in any account; else NotFoundError where no product that they
    may do it for has a share of this one, today or later.
    """
    if reach(by, action) is Reach.EVERYWHERE:
        return
    spans = split.spans(Period(today, date.max)) if split else ()
    products = {product for span in spans if span.revision for product, _ in span.revision.shares}
    if not any(may(by, action, product) for product in products):
        raise NotFoundError(
            f"there is no account {account_id} in your financial scope: no product of yours has a "
            "share of it today or later; ask a financial admin to split it, or a cloud engineer to "
            "do this for you"
        )


def _must_end_in_time(new: Workload, today: date, first_month: int) -> None:
    """Raises InvalidError for an end after the fiscal year after next, seen from the launch or, where
    that is over, from today: nobody plans for longer.
    """
    this = FiscalYear.of(max(today, BillingPeriod(new.launch).start), first_month)
    last = FiscalYear(this.year + 2, first_month).months[-1]
    if new.end > last:
        raise InvalidError(f"the workload would end in {new.end}; name {last} or an earlier month")


def _must_be_the_only_one(new: Workload, workloads: Workloads) -> None:
    for other in workloads.all().values():
        if (other.account_id, other.product_id) != (new.account_id, new.product_id):
            continue
        if other.workload_id == new.workload_id and new.version:
            continue
        if _folded(other.name) == _folded(new.name):
            raise ConflictError(
                f"{new.product_id} has a workload {other.name} in account {new.account_id} "
                f"already, {other.workload_id}; change that one, or choose another name",
                current=other,
            )
        if other.workload_id == new.workload_id:
            raise ConflictError(
                f"{other.workload_id} was called {new.name} before it was called {other.name}; "
                "choose another name",
                current=other,
            )


def _current(workload_id: str, version: int, by: Person, workloads: Workloads) -> Workload:
    found = seen_workload(workload_id, by=by, workloads=workloads)
    must(by, Action.PLAN_WORKLOAD, found.product_id)
    if found.version != version:
        raise ConflictError("it has changed since you read it: look at it again", current=found)
    return found


# Seen ---------------------------------------------------------------------------------------------


def seen_workload(workload_id: str, *, by: Person, workloads: Workloads) -> Workload:
    """One of them. Raises NotFoundError, also for one of a product outside the scope of *by*."""
    must_reach(by, Action.SEE_ALLOCATIONS)
    found = workloads.find(workload_id)
    if found is None or not may(by, Action.SEE_ALLOCATIONS, found.product_id):
        raise NotFoundError(
            f"there is no workload {workload_id} in your financial scope; finops workloads lists "
            "those that there are"
        )
    return found


def seen_workloads(
    *, by: Person, workloads: Workloads, under: str = ENTERPRISE, account_id: str | None = None
) -> list[Workload]:
    """Those of products that *by* may see and *under* covers, by `place`."""
    must_reach(by, Action.SEE_ALLOCATIONS)
    found = [
        one
        for one in workloads.all().values()
        if covers(under, one.product_id)
        and account_id in (None, one.account_id)
        and may(by, Action.SEE_ALLOCATIONS, one.product_id)
    ]
    return sorted(found, key=place)


def place(workload: Workload) -> str:
    """Where a workload stands in a list: by product, then account."""
    return f"{workload.product_id} {workload.account_id} {workload.workload_id}"


def standings(
    found: Iterable[Workload], today: date, *, claims: Claims, spend: WorkloadSpend
) -> list[Standing]:
    """Workloads, and how each stands in the month of *today*."""
    month = str(BillingPeriod.of(today))
    listed = list(found)
    spent = spend.of_workloads(month)
    ended = [one for one in listed if one.end < month]
    claiming = open_claims({one.account_id for one in ended}, claims)
    return [_standing(one, month, spent, claiming) for one in listed]


def freshness(
    today: date, *, by: Person, bills: Bills, allocations: Allocations, book: Book
) -> list[bill_standings.Standing]:
    """How far the bills are that standings of *today* are from."""
    month = BillingPeriod.of(today)
    found = bill_standings.standings(bills.in_period(month), allocations.in_period(month), book)
    return bill_standings.seen_standings(found, by=by, allocations=allocations)


def _standing(
    workload: Workload, month: str, spent: Mapping[str, int] | None, claiming: Mapping[str, int]
) -> Standing:
    ticks = spent_by(workload, spent)
    warnings = []
    if workload.end < month and claiming.get(workload.workload_id):
        warnings.append(WorkloadWarning.ENDED_BUT_CLAIMING)
    if ticks is not None and workload.monthly is not None and ticks > workload.monthly:
        warnings.append(WorkloadWarning.ESTIMATE_EXCEEDED)
    return Standing(workload, ticks, tuple(warnings))


def spent_by(workload: Workload, spent: Mapping[str, int] | None) -> int | None:
    """What a workload pays for in a month of which *spent* tells; None: nothing is allocated yet."""
    return None if spent is None else spent.get(workload.workload_id, 0)


def open_claims(accounts: Iterable[str], claims: Claims) -> Counter[str]:
    """How many claims in these accounts nobody has released, by workload."""
    heads = claims.heads()
    return Counter(
        claim.workload_id
        for account_id in sorted(set(accounts) & heads.keys())
        for claim in claims.read(heads[account_id]).claims
        if claim.end is None
    )


# Beside a budget ----------------------------------------------------------------------------------


def estimates(
    product_id: str, months: Sequence[str], *, workloads: Workloads
) -> tuple[int | None, ...]:
    """What the workloads of a product should cost in each of *months*, in ticks.

    None where none that runs then has an estimate.
    """
    own = [
        one
        for one in workloads.all().values()
        if one.product_id == product_id and one.monthly is not None
    ]
    return tuple(_sum(one.monthly for one in own if one.runs_in(month)) for month in months)


def _sum(amounts: Iterable[int | None]) -> int | None:
    stated = [amount for amount in amounts if amount is not None]
    return sum(stated) if stated else None
