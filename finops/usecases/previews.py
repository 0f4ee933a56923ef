"""Previews: what a change of who pays would do to each product of each open month, in money."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from finops.domain.allocations import Lives, Rules
from finops.domain.authorization import Action, Reach, may, must, must_reach, reach
from finops.domain.bills import Bill
from finops.domain.elements import ENTERPRISE, ancestors, covers
from finops.domain.errors import InvalidError, NotFoundError
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod, Period
from finops.domain.places import preview, quoted
from finops.domain.rule_changes import (
    AddClaimRule,
    Change,
    ClaimResources,
    DecidePolicy,
    EndClaimRule,
    Ground,
    MapAccount,
    OrderClaimRules,
    ReleaseResources,
    SetTagAliases,
    applied,
)
from finops.domain.rule_snapshots import Scene, Snapshot
from finops.domain.shares import AccountShares
from finops.domain.values import Frozen
from finops.usecases.allocation_starts import open_bills
from finops.usecases.claims import must_say_why
from finops.usecases.grounds import Book, ground
from finops.usecases.ports import AllocationRuns, Bills, Ledger
from finops.usecases.workloads import must_have_a_share

MOST_CHANGES = 100
NEIGHBOURS = timedelta(days=62)  # how far outside its month a charge of a bill may lie
NEEDED = {
    MapAccount: Action.SET_SHARES,
    DecidePolicy: Action.SET_POLICY,
    AddClaimRule: Action.SET_CLAIM_RULE,
    EndClaimRule: Action.SET_CLAIM_RULE,
    OrderClaimRules: Action.SET_CLAIM_RULE,
    SetTagAliases: Action.CHANGE_SETTINGS,
}


class Preview(Frozen):
    """What is asked: some *changes*, made together at a moment, and the bills they may change.

    *element* is one that they are for; *reach* is what who asked has rights at and under.
    """

    preview_id: str
    by: str
    at: datetime
    element: str = ENTERPRISE
    reach: tuple[str, ...] = (ENTERPRISE,)
    changes: tuple[Change, ...]
    bills: tuple[tuple[str, str], ...]

    def sees(self, product_id: str) -> bool:
        """Whether who asked may know of a product."""
        return any(covers(own, product_id) for own in self.reach)

    @staticmethod
    def place(preview_id: str) -> str:
        return preview(preview_id, "asked.json")

    @staticmethod
    def result(preview_id: str, payer: str, period: str) -> str:
        return preview(preview_id, f"{quoted(payer)}-{period}.json")

    def run_name(self, payer: str, period: str) -> str:
        return f"preview-{self.preview_id}-{period}-{_short(payer)}"


def _short(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:12]


Month = tuple[str, str]  # a billing period in a currency ("": none is named)
Of = tuple[str | None, str | None]  # an element; or nobody, for a reason or for all of them
Sums = Mapping[str, Mapping[str, int]]  # ticks by currency ("": none is named), then by name


class Outcome(Frozen):
    """What products pay of a bill, and by reason what nobody pays."""

    products: Sums
    unallocated: Sums


class Effect(Frozen):
    """What becomes of one bill without the changes and with them."""

    payer: str
    billing_period: str
    before: Outcome
    after: Outcome


def compared(
    payer: str, period: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Effect:
    """The outcomes of two runs, of which these are the indexes."""
    told = [
        Outcome(products=one["products"], unallocated=one["unallocated"]) for one in (before, after)
    ]
    return Effect(payer=payer, billing_period=period, before=told[0], after=told[1])


# Asked --------------------------------------------------------------------------------------------


class Studio(NamedTuple):
    """What previews are made with."""

    book: Book
    bills: Bills
    ledger: Ledger
    runs: AllocationRuns


def ask_preview(changes: Sequence[Change], *, by: Person, at: datetime, studio: Studio) -> Preview:
    """What if these changes were made now? `preview_effects` has the answer in a moment.

    Who may not make a change may not try it, but owners may try what they want to propose: who else
    pays for an account that they pay for. What would be wrong with a change is said at once, as it
    would be to who makes it; of products out of sight nothing is said. The same question of the same
    day, rules and bills is the same preview: it joins the one that is there.
    """
    if not 1 <= len(changes) <= MOST_CHANGES:
        raise InvalidError(f"name 1 to {MOST_CHANGES} changes to try, not {len(changes)}")
    grounds = studio.book.grounds
    base = ground(by, at, grounds=grounds)
    # A workload outside of the scope is none: its product must not be told.
    seen = {id_: one for id_, one in base.workloads.items() if base.sees(one.product_id)}
    base = base._replace(workloads=seen)
    rules, revision = studio.book.now()
    products = [product for change in changes for product in _must(by, change, base, rules)]
    after = applied(changes, rules, base)
    accounts = frozenset({*rules.shares, *rules.claims, *after.shares, *after.claims})
    guesses = () if may(by, Action.SET_SHARES) else tuple(changes)
    bills = [
        bill
        for bill in open_bills(studio.bills, grounds.open_from)
        if _concern(rules, after, base.products, bill, accounts)
        or any(_may_concern(change, bill, at.date()) for change in guesses)
    ]
    loads = [bill.load_id for bill in bills]
    tried = [one.model_dump_json() for one in changes]
    told = json.dumps([by.email, by.reach, str(at.date()), revision, loads, tried])
    asked = Preview(
        preview_id=hashlib.sha256(told.encode()).hexdigest()[:20],
        by=by.email,
        at=at,
        element=products[0] if products else ENTERPRISE,
        reach=by.reach,
        changes=tuple(changes),
        bills=tuple((bill.billing_account_id, bill.billing_period) for bill in bills),
    )
    place = Preview.place(asked.preview_id)
    if (known := _found(place, studio.ledger)) is not None:
        asked = Preview(**known)
    else:
        studio.ledger.put_json(place, asked.model_dump(mode="json"))
    for of in asked.bills:
        if _found(Preview.result(asked.preview_id, *of), studio.ledger) is None:
            studio.runs.start(asked.run_name(*of), *of, asked.preview_id)
    return asked


def _found(place: str, ledger: Ledger) -> Any:
    try:
        return ledger.get_json(place)
    except NotFoundError:
        return None


def _concern(
    before: Rules, after: Rules, products: Lives, bill: Bill, accounts: frozenset[str]
) -> bool:
    """Whether rules that differ may differ for *bill*, whose days may lie beside its month."""
    month = BillingPeriod(bill.billing_period).period
    days = Period(month.start - NEIGHBOURS, month.end + NEIGHBOURS)
    named = {rule.account_id for rules in (before, after) for rule in rules.claim_rules.rules}
    scene = Scene(
        payer=bill.billing_account_id,
        billing_period=bill.billing_period,
        days=days,
        accounts=accounts | frozenset(account for account in named if account),
    )
    return Snapshot.of(before, products, scene) != Snapshot.of(after, products, scene)


def _may_concern(change: Change, bill: Bill, today: date) -> bool:
    """Whether another split of an account could differ for *bill*, whatever the one in force is: who
    sees only a part of that learns nothing of the rest from what a preview does not look at.
    """
    if not isinstance(change, MapAccount):
        return False
    return (change.start or today) < BillingPeriod(bill.billing_period).end + NEIGHBOURS


def _must(by: Person, change: Change, base: Ground, rules: Rules) -> list[str]:
    """The products that *change* is for, where it needs a right on them."""
    if isinstance(change, MapAccount) and not may(by, Action.SET_SHARES):
        return _must_pay_for(by, change, base.at.date(), rules.shares.get(change.account_id))
    needed = NEEDED.get(type(change))
    if needed is not None:
        must(by, needed)
        return []
    action, plans = Action.CLAIM_RESOURCES, Action.PLAN_WORKLOAD
    if reach(by, action) is None:
        action = plans = Action.PROPOSE_REMAP
        if reach(by, action) is None:
            must_reach(by, Action.CLAIM_RESOURCES)
    products: list[str] = []
    if isinstance(change, ClaimResources):
        workload = base.workload(change.workload_id)
        split = rules.shares.get(workload.account_id)
        must_have_a_share(workload.account_id, split, base.at.date(), by=by, action=plans)
        must_say_why(change.start, base.at.date(), change.reason)
        products.append(workload.product_id)
    elif isinstance(change, ReleaseResources):
        claims = rules.claims.get(change.account_id)
        products += change.products(claims, base) if claims else ()
    for product in products:
        must(by, action, product)
    return products


def _must_pay_for(
    by: Person, change: MapAccount, today: date, split: AccountShares | None
) -> list[str]:
    """The products of *by* that pay for the account today, and for each day that is to change.

    Raises NotFoundError for an account that none of them pays for, as for one that there is not,
    and InvalidError for a start on a day of which they see nothing.
    """
    start = min(change.start or today, today)
    spans = split.spans(Period(start, today + timedelta(1))) if split else ()
    paying = [
        [product for product, _ in span.revision.shares if may(by, Action.PROPOSE_REMAP, product)]
        if span.revision
        else []
        for span in spans
    ]
    parts = spans[-1].revision.shares if spans and spans[-1].revision else ()
    if must_reach(by, Action.SEE_ALLOCATIONS) is Reach.EVERYWHERE or any(
        may(by, Action.SEE_ALLOCATIONS, product) for product, _ in parts
    ):
        must_reach(by, Action.PROPOSE_REMAP)
    if not paying or not paying[-1]:
        raise NotFoundError(
            f"there is no account {change.account_id} in your financial scope: no product of yours "
            "has a share of it today; ask a financial admin to try this"
        )
    if not all(paying):
        raise InvalidError(
            f"no product of yours pays for account {change.account_id} on every day from {start} "
            "on; propose a later start"
        )
    return paying[-1]


# Answered -----------------------------------------------------------------------------------------


class PreviewStatus(StrEnum):
    """How far a preview is."""

    RUNNING = "Running"
    DONE = "Done"
    FAILED = "Failed"


class Moved(NamedTuple):
    """Ticks of an element in a month, before the changes and after, of the bills of the preview.

    Without an element it is what nobody pays: for a reason, or, without one, for all of them.
    """

    billing_period: str
    currency: str | None
    element: str | None
    reason: str | None
    before: int
    after: int

    @property
    def order(self) -> str:
        """Where it stands among the others: elements first, each above what is below it."""
        name = f"0{self.element}" if self.element is not None else f"1{self.reason or ''}"
        return "\0".join([self.billing_period, self.currency or "", name])


class Others(NamedTuple):
    """By how much (ticks) a month changes for all that its reader does not see, together: products
    out of their scope, and nobody. It is what their own pay less, so it tells nothing of the rest.
    """

    billing_period: str
    currency: str | None
    difference: int


class Effects(NamedTuple):
    """What a preview has found out; *moved* is there for all months, once it is done.

    *totals* are of all that its reader may see of what moves: their elements, or the whole bill.
    *bills* are those that hold some of it, as they are now. *others* is for readers with a scope.
    """

    preview: Preview
    status: PreviewStatus
    moved: Sequence[Moved] = ()
    totals: Sequence[Moved] = ()
    bills: Sequence[Bill] = ()
    others: Sequence[Others] = ()


def preview_effects(preview_id: str, *, by: Person, studio: Studio) -> Effects:
    """The effect on every product and every element above, of what *by* may see.

    Raises NotFoundError for the previews of others, but to administrators.
    """
    must_reach(by, Action.SEE_ALLOCATIONS)
    asked = asked_preview(preview_id, ledger=studio.ledger)
    sees_bill = may(by, Action.SEE_UNALLOCATED)
    if asked.by != by.email and not sees_bill:
        raise unknown_preview(preview_id)
    found: list[Effect] = []
    for of in asked.bills:
        try:
            found.append(Effect(**studio.ledger.get_json(Preview.result(preview_id, *of))))
        except NotFoundError:
            failed = studio.runs.has_failed(asked.run_name(*of))
            return Effects(asked, PreviewStatus.FAILED if failed else PreviewStatus.RUNNING)
    moved = sorted(_moved(found), key=lambda one: one.order)
    if sees_bill:
        tops: Collection[str | None] = (ENTERPRISE, None)
    else:
        tops = by.reach
        moved = [
            one
            for one in moved
            if one.element is not None and may(by, Action.SEE_ALLOCATIONS, one.element)
        ]
    whole = [one for one in moved if one.element in tops and one.reason is None]
    bills = (
        studio.bills.find(one.payer, one.billing_period)
        for one in found
        if sees_bill or _is_known(by, one)
    )
    told = tuple(bill for bill in bills if bill is not None)
    totals = _totals(whole)
    others = tuple(
        Others(one.billing_period, one.currency, one.before - one.after)
        for one in totals
        if not sees_bill
    )
    return Effects(asked, PreviewStatus.DONE, moved, totals, told, others)


def asked_preview(preview_id: str, *, ledger: Ledger) -> Preview:
    """What was asked, by whomever. Raises NotFoundError."""
    try:
        return Preview(**ledger.get_json(Preview.place(preview_id)))
    except NotFoundError as error:
        raise unknown_preview(preview_id) from error


def unknown_preview(preview_id: str) -> NotFoundError:
    return NotFoundError(f"there is no preview {preview_id}; they are kept for a month")


def _is_known(by: Person, effect: Effect) -> bool:
    """Whether a product that *by* may see pays for something of the bill."""
    return any(
        may(by, Action.SEE_ALLOCATIONS, product)
        for outcome in (effect.before, effect.after)
        for products in outcome.products.values()
        for product in products
    )


def _moved(effects: Sequence[Effect]) -> Iterator[Moved]:
    """What differs, with the elements above it, the enterprise, and all that nobody pays."""
    months: defaultdict[Month, defaultdict[Of, list[int]]] = defaultdict(
        lambda: defaultdict(lambda: [0, 0])
    )
    for effect in effects:
        for place, outcome in enumerate((effect.before, effect.after)):
            for currency, of, ticks in _told(outcome):
                months[effect.billing_period, currency][of][place] += ticks
    for (period, currency), sums in months.items():
        kept: set[Of] = set()
        for of, (before, after) in sums.items():
            if before != after:
                kept |= {of, (ENTERPRISE, None), (None, None)}
                kept |= {(one, None) for one in ancestors(of[0])} if of[0] is not None else set()
        for element, reason in kept & sums.keys():
            before, after = sums[element, reason]
            yield Moved(period, currency or None, element, reason, before, after)


def _told(outcome: Outcome) -> Iterator[tuple[str, Of, int]]:
    """Currency, element or reason, and ticks: of a product also for every element above it."""
    for currency, products in outcome.products.items():
        for product, ticks in products.items():
            for element in ancestors(product):
                yield currency, (element, None), ticks
    for currency, reasons in outcome.unallocated.items():
        for reason, ticks in reasons.items():
            yield currency, (None, reason), ticks
            yield currency, (None, None), ticks


def _totals(whole: Iterable[Moved]) -> list[Moved]:
    sums: defaultdict[Month, list[int]] = defaultdict(lambda: [0, 0])
    for one in whole:
        of = sums[one.billing_period, one.currency or ""]
        of[0] += one.before
        of[1] += one.after
    return [
        Moved(period, currency or None, None, None, *both)
        for (period, currency), both in sorted(sums.items())
    ]
