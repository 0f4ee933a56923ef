"""Resources of a month, found among a million: what each cost, and who has claimed it."""

import base64
import hashlib
import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import unquote

from finops.domain.authorization import Action, Reach, may, must_reach
from finops.domain.bills import Bill
from finops.domain.claim_rules import ClaimRule, ClaimRules, Resource
from finops.domain.claims import AccountClaims, Claim
from finops.domain.errors import ConflictError, InvalidError
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod, Period
from finops.domain.places import account_folder, generation
from finops.domain.resources import (
    NONE,
    BilledResource,
    Found,
    Generation,
    Place,
    ResourceQuery,
    Sight,
    Total,
)
from finops.domain.rule_documents import RulesHead
from finops.domain.shares import AccountShares
from finops.domain.workloads import Workload
from finops.usecases.memo import Memo, stamp
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import (
    Bills,
    ClaimRuleBook,
    Claims,
    Ledger,
    SettingsKept,
    Shares,
    Workloads,
)

INVENTORY = "resources.parquet"
DOWNLOADS = 32
PAGE_BYTES = 4_500_000  # of the 6 MB that a function may answer
ROW_BYTES = 900  # of a resource beside its id, name and tags


class Inventory(Protocol):
    """The engine's way of finding: see `finops.ledger.inventory.Inventory`."""

    def accounts(self, of: Generation) -> Sequence[str | None] | None: ...
    def open(self, of: Generation, accounts: Iterable[str | None]) -> None: ...
    def lacking(self, of: Generation, accounts: Iterable[str | None]) -> list[str | None]: ...
    def take(self, of: Generation, files: Mapping[str | None, Path]) -> None: ...
    def unmarked(self, of: Generation, stamps: Mapping[str | None, object]) -> list[str | None]: ...
    def mark(
        self, of: Generation, claimed: Mapping[str | None, tuple[object, Collection[str]]]
    ) -> None: ...
    def search(
        self,
        asked: Mapping[Generation, Collection[str | None]],
        query: ResourceQuery,
        *,
        after: Place | None = None,
        limit: int,
        sights: Mapping[Generation, Sight] | None = None,
    ) -> Found: ...


class Stock(NamedTuple):
    """Where resources are found, and what says whose they are."""

    bills: Bills
    ledger: Ledger
    inventory: Inventory
    shares: Shares
    workloads: Workloads
    claims: Claims
    claim_rules: ClaimRuleBook
    memo: Memo
    settings: SettingsKept


class Holding(NamedTuple):
    """Why a resource is not its account's: a claim by hand, else a claim rule.

    Both are None where it is of a product outside the caller's scope: then only that it is held is
    told, and by which of the two.
    """

    by_rule: bool
    claim: Claim | None = None
    rule: ClaimRule | None = None
    workload: Workload | None = None


class Held(NamedTuple):
    """The resources of an account that products hold by hand, by product.

    *in_month* on a day of a month, *ahead* today or later.
    """

    in_month: Mapping[str, frozenset[str]]
    ahead: Mapping[str, frozenset[str]]


class ResourcePage(NamedTuple):
    """Some resources with their holdings, the number of all that fit, and the bills they are from.

    *totals* are of all whose cost is told. No *month*: there is no bill at all.
    """

    month: str | None
    resources: Sequence[tuple[BilledResource, Holding | None]]
    totals: Sequence[Total]
    bills: Sequence[Bill]
    next_cursor: str | None
    number: int = 0


def resources(
    query: ResourceQuery,
    *,
    month: str | None = None,
    by: Person,
    today: date,
    limit: int,
    cursor: str | None = None,
    stock: Stock,
) -> ResourcePage:
    """The resources of a month that fit *query*, a page of them; without a *month*, of the newest.

    An owner finds those of the accounts that a product of their scope has a share of in that month;
    or has one of today, and a workload that runs there, then or now. Elsewhere they find what
    their workloads claim by hand, in that month or from today on. What a product outside their
    scope claims by hand on a day of that month shows no cost, and is in no total.

    A cursor is of one state of the bills: ConflictError where a newer delivery has come since.
    """
    view = look(month, query.accounts, by=by, today=today, stock=stock)
    if view is None:
        return ResourcePage(None, (), (), (), None)
    period, bills, asked, sights = view
    state = _state(bills)
    after = _place(cursor, query.order, state)
    if query.claimed is not None:
        for of in asked:
            _mark(of, today, stock)
    found = stock.inventory.search(asked, query, after=after, limit=limit + 1, sights=sights)
    page = _fitting(found.resources[:limit])
    more = len(page) < len(found.resources)
    return ResourcePage(
        month=period,
        resources=_held([resource for _, resource in page], by, today, stock),
        totals=found.totals,
        bills=bills,
        next_cursor=_cursor(page[-1][0], query.order, state) if more else None,
        number=found.number,
    )


class View(NamedTuple):
    """The bills of a month that somebody sees something of, and how much of their resources.

    *asked* are accounts that have resources, whose inventories are at hand; no *sights*: all of them.
    """

    month: str
    bills: list[Bill]
    asked: Mapping[Generation, list[str | None]]
    sights: Mapping[Generation, Sight] | None


def look(
    month: str | None,
    accounts: Sequence[str] = (),
    *,
    by: Person,
    today: date,
    stock: Stock,
    action: Action = Action.SEE_RESOURCES,
) -> View | None:
    """What somebody who may *action* sees of a month, or of the newest; of all *accounts* or of some.

    None where there is no bill at all.
    """
    reach = must_reach(by, action)
    period = _month(month, stock.bills)
    if period is None:
        return None
    seen = None if reach is Reach.EVERYWHERE else _seen_by(by, period, today, stock)
    bills: list[Bill] = []
    asked: dict[Generation, list[str | None]] = {}
    for bill in stock.bills.in_period(period):
        known = _accounts(bill, stock)
        visible = [account for account in known if seen is None or seen.opens(account)]
        if visible or seen is None:
            bills.append(bill)
            asked[_generation(bill)] = [
                one for one in visible if not accounts or (one or NONE) in accounts
            ]
    for of, its in asked.items():
        _take(of, its, stock)
    sights = {of: seen.sight(its, stock) for of, its in asked.items()} if seen else None
    return View(period, bills, asked, sights)


def _month(said: str | None, bills: Bills) -> str | None:
    if said is not None:
        return str(BillingPeriod(said))
    newest = bills.all(1).items
    return newest[0].billing_period if newest else None


class _Seen(NamedTuple):
    """What somebody sees of a month who does not see all: *whole* accounts, and ids of others."""

    sees: Callable[[str], bool]
    month: str
    today: date
    whole: frozenset[str]
    claimed: Mapping[str, frozenset[str]]

    def opens(self, account: str | None) -> bool:
        return account in self.whole or account in self.claimed

    def sight(self, accounts: Iterable[str | None], stock: Stock) -> Sight:
        """What they see of these accounts' resources."""
        named = [account for account in accounts if account is not None]
        untold = {
            account: frozenset[str]().union(
                *(its for product, its in held.in_month.items() if not self.sees(product))
            )
            for account, held in _held_in(named, self.month, self.today, stock).items()
        }
        return Sight(
            only={one: self.claimed[one] for one in named if one not in self.whole},
            untold={account: its for account, its in untold.items() if its},
        )


def _seen_by(by: Person, month: str, today: date, stock: Stock) -> _Seen:
    sees = cache(partial(may, by, Action.SEE_RESOURCES))
    this_month = str(BillingPeriod.of(today))
    whole = {
        account for account, products in _split_in(month, stock).items() if any(map(sees, products))
    }
    workloads = [one for one in stock.workloads.all().values() if sees(one.product_id)]
    shares = stock.shares.all()
    for one in workloads:
        split = shares.get(one.account_id)
        revision = split.on(today) if split else None
        is_running = one.runs_in(month) or one.runs_in(this_month)
        if is_running and revision and any(sees(product) for product, _ in revision.shares):
            whole.add(one.account_id)
    elsewhere = {one.account_id for one in workloads} - whole
    claimed = {
        account: frozenset[str]().union(
            *(its for products in held for product, its in products.items() if sees(product))
        )
        for account, held in _held_in(elsewhere, month, today, stock).items()
    }
    return _Seen(
        sees, month, today, frozenset(whole), {one: its for one, its in claimed.items() if its}
    )


def _held_in(accounts: Iterable[str], month: str, today: date, stock: Stock) -> dict[str, Held]:
    """What is held by hand in those of some accounts where anything ever was claimed."""
    heads = stock.claims.heads()
    wanted = [heads[account] for account in accounts if account in heads]
    days = BillingPeriod(month).period

    def held(head: RulesHead) -> Held:
        return stock.memo.of(
            ("held", head.of, month),
            (head.document, today),
            lambda: _held_by(_claims(head, stock), days, today),
        )

    with ThreadPoolExecutor(DOWNLOADS) as pool:
        return dict(zip((head.of for head in wanted), pool.map(held, wanted), strict=True))


def _held_by(claims: AccountClaims, days: Period, today: date) -> Held:
    in_month: defaultdict[str, set[str]] = defaultdict(set)
    ahead: defaultdict[str, set[str]] = defaultdict(set)
    for one in claims.claims:
        if one.start < days.end and (one.end is None or max(one.start, days.start) < one.end):
            in_month[one.product_id].add(one.resource_id)
        if _is_ahead(one, today):
            ahead[one.product_id].add(one.resource_id)
    return Held(
        {product: frozenset(its) for product, its in in_month.items()},
        {product: frozenset(its) for product, its in ahead.items()},
    )


def _split_in(month: str, stock: Stock) -> Mapping[str, frozenset[str]]:
    """The products that each account is split over on some day of a month."""
    shares = stock.shares.all()
    period = BillingPeriod(month).period
    return stock.memo.of(
        ("split", month),
        stamp(shares.values()),
        lambda: {account: _products(one, period) for account, one in shares.items()},
    )


def _products(shares: AccountShares, period: Period) -> frozenset[str]:
    revisions = (span.revision for span in shares.spans(period))
    return frozenset(
        product for revision in revisions if revision for product, _ in revision.shares
    )


# Kept at hand -------------------------------------------------------------------------------------


def _generation(bill: Bill) -> Generation:
    return Generation(bill.billing_account_id, bill.billing_period, bill.load_id)


def _accounts(bill: Bill, stock: Stock) -> Sequence[str | None]:
    """All accounts of a bill that have resources."""
    of = _generation(bill)
    known = stock.inventory.accounts(of)
    if known is None:
        files = stock.ledger.get_json(f"{generation(*of)}/index.json")["files"]
        folders = [str(file["name"]).partition("/") for file in files]
        stock.inventory.open(
            of,
            [
                unquote(folder.removeprefix(account_folder(None))) or None
                for folder, _, name in folders
                if name == INVENTORY
            ],
        )
        known = stock.inventory.accounts(of) or ()
    return known


def _take(of: Generation, accounts: Iterable[str | None], stock: Stock) -> None:
    """See to it that the inventories of these accounts are at hand: what is not there is fetched."""
    lacking = stock.inventory.lacking(of, accounts)
    if not lacking:
        return
    root = generation(*of)

    def fetch(file: tuple[str | None, Path]) -> None:
        stock.ledger.get(f"{root}/{account_folder(file[0])}/{INVENTORY}", file[1])

    with tempfile.TemporaryDirectory() as folder:
        files = {one: Path(folder) / f"{number}.parquet" for number, one in enumerate(lacking)}
        with ThreadPoolExecutor(DOWNLOADS) as pool:
            list(pool.map(fetch, files.items()))
        stock.inventory.take(of, files)


def _mark(of: Generation, today: date, stock: Stock) -> None:
    """See to it that the inventory knows which resources are claimed, as claims are now."""
    heads = stock.claims.heads()
    stamps: dict[str | None, object] = {
        account: (head.document, today) for account, head in heads.items()
    }

    def claimed(account: str | None) -> tuple[object, Collection[str]]:
        if account is None or account not in heads:
            return None, ()
        claims = _claims(heads[account], stock).claims
        return stamps[account], {c.resource_id for c in claims if _is_ahead(c, today)}

    anew = stock.inventory.unmarked(of, stamps)
    with ThreadPoolExecutor(DOWNLOADS) as pool:
        stock.inventory.mark(of, dict(zip(anew, pool.map(claimed, anew), strict=True)))


# Whose --------------------------------------------------------------------------------------------


def _held(
    found: Sequence[BilledResource], by: Person, today: date, stock: Stock
) -> list[tuple[BilledResource, Holding | None]]:
    """Each resource with its holding, as much of it as *by* may know."""
    if not found:
        return []
    heads = stock.claims.heads()
    rules = stock.claim_rules.find()
    workloads = stock.workloads.all()
    claims = {
        account: _claims(heads[account], stock)
        for account in {one.account_id for one in found}
        if account is not None and account in heads
    }
    aliases = in_force(stock.settings).tags.aliases
    rules_today = ClaimRules(rules=tuple(rule for rule in rules.rules if rule.covers(today)))
    as_meant = rules_today.meant(aliases)
    as_written = {rule.rule_id: rule for rule in rules_today.rules}

    def holding(one: BilledResource) -> Holding | None:
        known = claims.get(one.account_id) if one.account_id else None
        claim = _claim(known, one.resource_id, today) if known else None
        rule = None if claim else as_meant.first(_as_ruled(one).meant(aliases), today)
        rule = as_written[rule.rule_id] if rule else None
        held = claim or rule
        if held is None:
            return None
        if not may(by, Action.SEE_RESOURCES, held.product_id):
            return Holding(by_rule=claim is None)
        return Holding(claim is None, claim, rule, workloads.get(held.workload_id))

    return [(one, holding(one)) for one in found]


def _as_ruled(one: BilledResource) -> Resource:
    return Resource(one.account_id, one.resource_id, one.service, one.tags)


def _claims(head: RulesHead, stock: Stock) -> AccountClaims:
    """What a head names, read once, with what was looked up in it."""
    return stock.memo.of(("claims", head.of), head.document, lambda: stock.claims.read(head))


def _claim(claims: AccountClaims, resource_id: str, today: date) -> Claim | None:
    return next((one for one in claims.of(resource_id) if _is_ahead(one, today)), None)


def _is_ahead(claim: Claim, today: date) -> bool:
    """Whether a claim covers today or any later day."""
    return claim.end is None or max(claim.start, today) < claim.end


# Pages --------------------------------------------------------------------------------------------


def _fitting(found: list[tuple[Place, BilledResource]]) -> list[tuple[Place, BilledResource]]:
    """As many resources as one answer can carry, whatever their tags are; one at least."""
    size = 0
    for number, (_, one) in enumerate(found):
        size += len(json.dumps((one.resource_id, one.name, one.tags))) + ROW_BYTES
        if size > PAGE_BYTES and number:
            return found[:number]
    return found


def _state(bills: Iterable[Bill]) -> str:
    loads = "".join(f"{bill.billing_account_id}{bill.load_id}" for bill in bills)
    return hashlib.sha256(loads.encode()).hexdigest()[:12]


def _cursor(place: Place, order: str, state: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([state, order, *place]).encode()).decode()


def _place(cursor: str | None, order: str, state: str) -> Place | None:
    if cursor is None:
        return None
    no_cursor = "the cursor is none of ours; start again without it"
    try:
        of, ordered, *said = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidError(no_cursor) from error
    if len(said) != 3 or any(type(part) is not int or abs(part) >= 2**63 for part in said):
        raise InvalidError(no_cursor)
    if of != state:
        raise ConflictError(
            "a newer delivery was published meanwhile; start again without a cursor"
        )
    if ordered != order:
        raise InvalidError(
            f"the cursor is of order {ordered}; go on in it, or leave the cursor out"
        )
    return Place(*said)
