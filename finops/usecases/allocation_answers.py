"""Answers about who pays: how far each bill is allocated, the tree of a month, and what nobody owns."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from finops.domain.allocation_runs import UNALLOCATED, Allocation
from finops.domain.allocations import PartKind, Reason
from finops.domain.authorization import RIGHTS, Action, Reach, may, must, must_reach
from finops.domain.charts import Chart
from finops.domain.elements import ENTERPRISE, LEVELS, ancestors, covers, level
from finops.domain.errors import InvalidError, NotFoundError
from finops.domain.fiscal_years import FiscalYear
from finops.domain.people import Person, Role
from finops.domain.periods import BillingPeriod, Period
from finops.domain.rule_snapshots import Snapshot
from finops.domain.shares import AccountShares
from finops.ledger.allocating import OwnersMonth
from finops.usecases.allocated import Month, Shelf
from finops.usecases.charts import head_of
from finops.usecases.grounds import Book
from finops.usecases.ports import Bills, Charts, Shares
from finops.usecases.spending import spend_of
from finops.usecases.standings import Standing, seen_standings, standings

MOST_ROWS = 10_000  # elements and their accounts: what stays below the size that an answer may have
NOT_YET = "Not allocated yet"
REMEDIES: Mapping[str, str] = {
    Reason.NO_ACCOUNT: "decide a class policy of the payer: finops policies set",
    Reason.NO_SHARE: "split the account over products: finops shares set",
    Reason.NO_PRODUCT: "load a chart that has the product, or split the account anew",
    Reason.NOT_STARTED: "the product starts later: split the account anew up to then",
    Reason.ENDED: "the product has ended: split the account anew from its end on",
    NOT_YET: "wait for the run, or start one: finops allocations run",
}
# What the remedies take: whoever may do any of it owes it.
REMEDIED_BY: Mapping[str, tuple[Action, ...]] = {
    Reason.NO_ACCOUNT: (Action.SET_POLICY,),
    Reason.NO_SHARE: (Action.SET_SHARES,),
    Reason.NO_PRODUCT: (Action.LOAD_CHART, Action.SET_SHARES),
    Reason.NOT_STARTED: (Action.SET_SHARES,),
    Reason.ENDED: (Action.SET_SHARES,),
    NOT_YET: (Action.RUN_ALLOCATION,),
}

Sums = Mapping[str | None, int]  # ticks by currency


def newest_month(today: date, bills: Bills) -> str:
    """The month of the newest bill; of *today*, where there is none yet."""
    newest = bills.all(1).items
    return newest[0].billing_period if newest else str(BillingPeriod.of(today))


# How far ------------------------------------------------------------------------------------------


class BillStatus(NamedTuple):
    """A bill's *spend*, and what became of it.

    All are ticks by currency. *spend* is read from the bill, not from the run.
    """

    standing: Standing
    spend: Sums
    allocated: Sums
    unallocated: Sums

    @property
    def difference(self) -> Sums:
        """The spend less all that was made of it: 0, or the bill is newer than the run."""
        return {
            currency: self.spend.get(currency, 0)
            - self.allocated.get(currency, 0)
            - self.unallocated.get(currency, 0)
            for currency in {*self.spend, *self.allocated, *self.unallocated}
        }


def bill_statuses(month: str, *, by: Person, book: Book, shelf: Shelf) -> list[BillStatus]:
    """How far the bills of a month are allocated."""
    must(by, Action.SEE_UNALLOCATED)
    found = shelf.month(str(BillingPeriod(month)))
    return [_status(one, book, shelf.bills) for one in _standings(found, book)]


def _standings(month: Month, book: Book) -> list[Standing]:
    return standings(month.bills, (run.allocation for run in month.runs), book)


def _status(standing: Standing, book: Book, bills: Bills) -> BillStatus:
    allocation = standing.allocation
    spend = spend_of(standing.bill, allocation.basis if allocation else book.basis, bills)
    if allocation is None:
        return BillStatus(standing, spend, {}, spend)
    return BillStatus(
        standing=standing,
        spend=spend,
        allocated={total.currency: total.allocated for total in allocation.totals},
        unallocated=_unowned([allocation]),
    )


def _unowned(allocations: Iterable[Allocation]) -> dict[str | None, int]:
    return added(
        {total.currency: sum(total.unallocated.values())}
        for allocation in allocations
        for total in allocation.totals
    )


def added(sums: Iterable[Sums]) -> dict[str | None, int]:
    """The sums of each currency."""
    whole: defaultdict[str | None, int] = defaultdict(int)
    for one in sums:
        for currency, ticks in one.items():
            whole[currency] += ticks
    return dict(whole)


# What somebody looks at ---------------------------------------------------------------------------


class Frame(NamedTuple):
    """An element's month as somebody may see it.

    *tops* are the elements that its sums are of: itself, or of the enterprise what is in the scope
    of its reader, where *is_part*. *charts* are that of the year, and others for what is not in it.
    *unallocated* is what nobody owns, for who may know; None for everybody else.
    """

    element: str
    tops: Sequence[str]
    is_part: bool
    charts: Sequence[Chart]
    month: Month
    standings: Sequence[Standing]
    sums: Mapping[str, Sums]
    unallocated: Sums | None

    @property
    def spend(self) -> Sums:
        return added(self.sums.get(top, {}) for top in self.tops)


class Sources(NamedTuple):
    """Where answers are looked up; *first_month* is that of the fiscal year."""

    shelf: Shelf
    book: Book
    charts: Charts
    shares: Shares
    first_month: int


def _frame(element: str, month: str, by: Person, sources: Sources) -> Frame:
    """Raises NotFoundError for an element outside the scope, or that there is not."""
    reach = must_reach(by, Action.SEE_ALLOCATIONS)
    if element != ENTERPRISE:
        must(by, Action.SEE_ALLOCATIONS, element)
    period = BillingPeriod(month)
    found = sources.shelf.month(str(period))
    year = FiscalYear.of(period.start, sources.first_month).year
    chart = sources.charts.read(head_of(year, sources.charts))
    sums = _by_element(found)

    def is_there(one: str) -> bool:
        return bool(chart.products_under(one)) or one in sums

    if element != ENTERPRISE and not is_there(element):
        raise NotFoundError(f"the chart of accounts of {chart.year} has no {element}")
    is_part = element == ENTERPRISE and reach is not Reach.EVERYWHERE
    sees_bill = element == ENTERPRISE and may(by, Action.SEE_UNALLOCATED)
    charts = [chart]
    if not all(chart.products_under(one) for one in sums):
        heads = (head for head in sources.charts.heads() if head.year != chart.year)
        charts += [sources.charts.read(head) for head in heads]
    return Frame(
        element=element,
        tops=[one for one in sorted(by.reach) if is_there(one)] if is_part else [element],
        is_part=is_part,
        charts=charts,
        month=found,
        standings=seen_standings(
            _standings(found, sources.book), by=by, allocations=sources.shelf.allocations
        ),
        sums=sums,
        unallocated=_nobodys(found, sources) if sees_bill else None,
    )


def _by_element(month: Month) -> dict[str, dict[str | None, int]]:
    sums: dict[str, dict[str | None, int]] = {}
    for run in month.runs:
        for currency, products in run.told["products"].items():
            for product, ticks in products.items():
                for element in ancestors(product):
                    of = sums.setdefault(element, {})
                    of[currency or None] = of.get(currency or None, 0) + ticks
    return sums


def _nobodys(month: Month, sources: Sources) -> dict[str | None, int]:
    waiting = (spend_of(bill, sources.book.basis, sources.shelf.bills) for bill in month.waiting)
    return added([_unowned(run.allocation for run in month.runs), *waiting])


# The tree -----------------------------------------------------------------------------------------


class Paid(NamedTuple):
    """What an owner pays of an account, and the days [*start*, *end*) that the rule for it is of.

    None for claims: a workload has one for each resource.
    """

    row: OwnersMonth
    start: date | None
    end: date | None


class Node(NamedTuple):
    """An element's spend of a month: exactly the sum of its *children*, at the end its *accounts*."""

    element: str
    spend: Sums
    children: Sequence["Node"] = ()
    accounts: Sequence[Paid] = ()


class Tree(NamedTuple):
    """The month of an element and what is below it."""

    node: Node
    frame: Frame


def allocation_tree(element: str, month: str, depth: int, *, by: Person, sources: Sources) -> Tree:
    """Who pays what in a month, *depth* levels deep; products with the accounts that they pay for.

    Raises NotFoundError outside the scope, InvalidError for more nodes than one answer holds.
    """
    frame = _frame(element, month, by, sources)
    below: defaultdict[str, set[str]] = defaultdict(set)
    for name in {*frame.sums, *(product.id for product in frame.charts[0].products)}:
        for child, parent in zip(ancestors(name), ancestors(name)[1:], strict=False):
            below[parent].add(child)
    # The first level below somebody's scope is the scope itself.
    deeper = depth - 1 if frame.is_part else depth
    reaching = [top for top in frame.tops if level(top) + deeper >= LEVELS]
    accounts = _paid(reaching, frame, sources)
    count = 0

    def node(name: str, deeper: int) -> Node:
        nonlocal count
        count += 1 + len(accounts.get(name, ()))
        _must_fit(count)
        children = [node(child, deeper - 1) for child in sorted(below[name])] if deeper else []
        return Node(name, frame.sums.get(name, {}), children, accounts.get(name, ()))

    if not frame.is_part:
        return Tree(node(element, depth), frame)
    children = [node(top, deeper) for top in frame.tops] if depth else []
    return Tree(Node(ENTERPRISE, frame.spend, children), frame)


def _must_fit(count: int) -> None:
    if count > MOST_ROWS:
        raise InvalidError(
            f"more than {MOST_ROWS:,} elements and accounts: ask for an element further down,"
            " or for less depth"
        )


def _paid(tops: Sequence[str], frame: Frame, sources: Sources) -> dict[str, list[Paid]]:
    """The accounts that each product of *tops* pays for; counted first, for there may be many."""
    runs = {run.allocation.billing_account_id: run for run in frame.month.runs}
    products = [
        element
        for element in frame.sums
        if level(element) == LEVELS and any(covers(top, element) for top in tops)
    ]
    if not products:
        return {}
    shelf, where = sources.shelf, {"product": products}
    _must_fit(shelf.count_owners(frame.month.runs, where))
    shares = sources.shares.all()
    known: dict[str, _InForce] = {}
    found: defaultdict[str, list[Paid]] = defaultdict(list)
    for row in shelf.owners(frame.month.runs, where):
        if row.payer not in known:
            known[row.payer] = _InForce(shelf.rules(runs[row.payer]), shares)
        found[row.product_id or ""].append(Paid(row, *known[row.payer].days(row)))
    return dict(found)


class _InForce:
    """The days that the rules of a run are of.

    Of its *snapshot*; but of all *shares* as they are: it has none that only other months need, and
    one of those may have ended a split.
    """

    def __init__(self, snapshot: Snapshot, shares: Mapping[str, AccountShares]) -> None:
        self._shares = shares
        self._rules = {rule.rule_id: rule for rule in snapshot.claim_rules.rules}
        policies = snapshot.policies.policies if snapshot.policies else ()
        self._policies = {str(policy.number): policy for policy in policies}

    def days(self, row: OwnersMonth) -> tuple[date | None, date | None]:
        """Of the rule that gave a product *row*: its first day, and the day after its last one."""
        match row.kind:
            case PartKind.SHARE:
                return self._of_share(row)
            case PartKind.RULE if rule := self._rules.get(row.rule or ""):
                return rule.start, rule.end
            case PartKind.POLICY if policy := self._policies.get(row.rule or ""):
                return BillingPeriod(policy.start).start, None
            case _:
                return None, None

    def _of_share(self, row: OwnersMonth) -> tuple[date | None, date | None]:
        shares = self._shares.get(row.account or "")
        for revision in shares.revisions if shares else ():
            if shares and str(revision.number) == row.rule:
                spans = shares.spans(Period(revision.start, revision.end))
                own = [one for one in spans if one.revision is revision]
                return (own[0].start, own[-1].end) if own else (revision.start, revision.end)
        return None, None


# The days -----------------------------------------------------------------------------------------

ByDay = Mapping[tuple[str, str | None], int]  # ticks by day and currency


class Days(NamedTuple):
    """What an element pays by day, and what nobody does, for who may know."""

    frame: Frame
    days: ByDay
    unallocated: ByDay | None


def days_of(element: str, month: str, *, by: Person, sources: Sources) -> Days:
    """What an element pays by (day, currency), from the roll-ups."""
    frame = _frame(element, month, by, sources)

    def rolled(names: Iterable[str]) -> ByDay:
        sums: defaultdict[tuple[str, str | None], int] = defaultdict(int)
        for name in names:
            for run in frame.month.runs:
                for rollup in sources.shelf.allocations.rollups(run.allocation, name):
                    for day, ticks in rollup.days.items():
                        sums[day, rollup.currency or None] += ticks
        return dict(sorted(sums.items(), key=lambda one: (one[0][0], one[0][1] or "")))

    unallocated = None if frame.unallocated is None else rolled([UNALLOCATED])
    return Days(frame, rolled(frame.tops), unallocated)


# What nobody owns ---------------------------------------------------------------------------------


class Unowned(NamedTuple):
    """Spend without an owner: why, since when, and what would give it one."""

    currency: str | None
    reason: str
    payer: str
    account: str | None
    meant_for: str | None
    charge_class: str | None
    first_day: date | None
    last_day: date | None
    amount: int

    @property
    def remedy(self) -> str:
        return REMEDIES[self.reason]

    @property
    def owed_by(self) -> tuple[Role, ...]:
        """Who can do it."""
        rights = [RIGHTS[action] for action in REMEDIED_BY[self.reason]]
        return tuple(role for role in Role if any(role in right for right in rights))


def unallocated(
    month: str, *, by: Person, book: Book, shelf: Shelf
) -> tuple[list[Standing], list[Unowned]]:
    """What nobody owns of a month, the largest first; whole bills where no run was made yet."""
    must(by, Action.SEE_UNALLOCATED)
    found = shelf.month(str(BillingPeriod(month)))
    rows = [
        Unowned(
            currency=row.currency,
            reason=row.reason or "",
            payer=row.payer,
            account=row.account,
            meant_for=row.meant_for,
            charge_class=row.charge_class,
            first_day=row.first_day,
            last_day=row.last_day,
            amount=row.amount,
        )
        for row in shelf.owners(found.runs, {"kind": [PartKind.UNALLOCATED.value]})
    ]
    for bill in found.waiting:
        payer = bill.billing_account_id
        for currency, ticks in spend_of(bill, book.basis, shelf.bills).items():
            rows.append(Unowned(currency, NOT_YET, payer, None, None, None, None, None, ticks))
    return _standings(found, book), sorted(
        rows,
        key=lambda row: (
            *(-abs(row.amount), row.reason, row.payer, row.account or ""),
            *(row.meant_for or "", row.charge_class or "", row.currency or ""),
        ),
    )
