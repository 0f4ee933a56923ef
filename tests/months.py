"""Months of an organisation on fakes: bills that come again, runs, spend cards, people, closes.

The fakes are stores only; all that is decided is decided by the real use cases.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

from finops.domain.accounts import Account, Listed
from finops.domain.allocation import split
from finops.domain.allocation_runs import Allocation
from finops.domain.allocations import Part, PartKind, Reason
from finops.domain.audit import Act, Deed
from finops.domain.bills import Bill, BillTotal
from finops.domain.card_runs import Mondays
from finops.domain.class_policies import ChargeClass, CostBasis
from finops.domain.close_figures import Allotment, Header, allotted, summed
from finops.domain.errors import ConflictError, NotFoundError
from finops.domain.fiscal_years import FIRST_YEAR
from finops.domain.loads import Costs
from finops.domain.month_closes import (
    NEVER_WAIVED,
    CheckStatus,
    CloseStatus,
    MonthClose,
    closed_before,
    frozen_before,
)
from finops.domain.people import Person, Role
from finops.domain.periods import BillingPeriod, spend_periods
from finops.domain.places import allocation
from finops.domain.rule_changes import MapAccount
from finops.domain.rule_snapshots import Snapshot
from finops.domain.shares import AccountShares
from finops.domain.spend_cards import (
    CardCommand,
    CardKey,
    CardStatus,
    LineKey,
    Lines,
    SpendCard,
    card_lines,
)
from finops.usecases.allocated import Run, Shelf
from finops.usecases.allocation_starts import start_allocations
from finops.usecases.bill_notes import BillNotes
from finops.usecases.billed_months import LedgerBilledMonths
from finops.usecases.book_corrections import Booking, Ledgers, book_all_corrections
from finops.usecases.card_decisions import decide_cards, waiting_cards
from finops.usecases.card_spending import RunCardSpending
from finops.usecases.close_month import (
    Archive,
    begin,
    complete,
    deliver,
    give_up,
    settle,
    write_files,
)
from finops.usecases.closed_years import YearSources
from finops.usecases.credits import Treasury
from finops.usecases.digest import Letterhead
from finops.usecases.disputes import RemapDesk
from finops.usecases.grounds import Book, Edition, ground_of
from finops.usecases.make_spend_cards import Press, make_cards
from finops.usecases.month_closes import CloseDesk, Inspection, seen_close, set_headers, waive
from finops.usecases.plan_spend_cards import Item, Sources, Timing, plan
from finops.usecases.ports import Save
from finops.usecases.spend_cards import CardQuery, decide_card, sight, standing
from finops.usecases.tell_spend_cards import tell
from finops.usecases.tend_cards import Post, Tended, tend_cards
from tests.card_fakes import InMemoryCloseDelivery, InMemoryCloseFiles, InMemorySettlement
from tests.fakes import InMemoryBills
from tests.usecases.organisation import (
    CHECKOUT,
    LOANS,
    ROWS,
    SEARCH,
    STOREFRONT,
    UNIT,
    WEB_SHOP,
    Organisation,
    act,
    chart_csv,
)

JANUARY, FEBRUARY, MARCH = MONTHS = ("2026-01", "2026-02", "2026-03")
PAYER, OTHER = PAYERS = ("111111111111", "222222222222")
CURRENCIES: Mapping[str, str | None] = {PAYER: "USD", OTHER: "EUR"}
SHARED, OWN, LENDING, STRAY = "331111111111", "332222222222", "333333333333", "334444444444"
PAID_BY: Mapping[str, str] = {SHARED: PAYER, OWN: PAYER, STRAY: PAYER, LENDING: OTHER}
PRODUCTS = (WEB_SHOP, SEARCH, CHECKOUT, LOANS)
FIRST = datetime(2026, 1, 12, 8, tzinfo=UTC)  # a Monday
TIMING = Timing(Mondays(6, "UTC"), None, retry_minutes=30, retry_hours=24)
PAPER = Letterhead(subject="$count cards", text="Dear $name,", app_url="https://finops.example")
# Search and the checkout have no owner of their own: who holds their portfolio answers for them.
STAFF: Mapping[str, tuple[Role, tuple[str, ...]]] = {
    "fin@example.com": (Role.FINANCIAL_ADMIN, ()),
    "cloud@example.com": (Role.CLOUD_ENGINEER, ()),
    "ola@example.com": (Role.PRODUCT_OWNER, (WEB_SHOP,)),
    "lena@example.com": (Role.PRODUCT_OWNER, (LOANS,)),
    "pia@example.com": (Role.PORTFOLIO_OWNER, (STOREFRONT,)),
    "kim@example.com": (Role.PORTFOLIO_OWNER, ("retail.digital.payments",)),
    "dora@example.com": (Role.DEPARTMENT_OWNER, ("retail.digital",)),
    "ben@example.com": (Role.BUSINESS_UNIT_OWNER, ("bank",)),
}
WAIVER, CLOSER = "planner@example.com", "fin@example.com"


class CrashError(Exception):
    """The machine dies at this call."""


class BillLine(NamedTuple):
    """A line of a bill in ticks; no invoice until AWS gives it one."""

    account: str
    day: date
    service: str
    category: str
    ticks: int
    invoice: str | None = None

    @property
    def payer(self) -> str:
        return PAID_BY[self.account]

    @property
    def charge_class(self) -> ChargeClass | None:
        if self.category == "Credit":
            return None
        return ChargeClass.TAX if self.category == "Tax" else ChargeClass.USAGE


class JsonLedger:
    """`Ledger`, as far as JSON goes, in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def put_json(self, key: str, value: Any) -> None:
        self.kept[key] = json.dumps(value, sort_keys=True, default=str)

    def get_json(self, key: str) -> Any:
        if key not in self.kept:
            raise NotFoundError(f"the ledger has no {key}")
        return json.loads(self.kept[key])

    def keys(self, prefix: str) -> Iterator[str]:
        yield from sorted(key for key in self.kept if key.startswith(prefix))


class RunShelf(Shelf):
    """`Shelf` over bills and runs that are kept as lines and parts."""

    def __init__(self, world: "Months") -> None:
        self.allocations, self.bills = world.organisation.allocations, world.bills
        self._world = world
        self._known: dict[str, Mapping[CardKey, Lines]] = {}

    def run(self, allocated: Allocation) -> Run:
        return Run(allocated, self._world.told[allocated.run_id])

    def rules(self, run: Run, account: str | None = None) -> Snapshot:
        found: Any = SimpleNamespace(policies=None)
        return found  # type: ignore[no-any-return]

    def card_lines(
        self, runs: Iterable[Run], products: Collection[str] | None
    ) -> list[tuple[CardKey, LineKey, int]]:
        return [
            (key, line.key, line.amount)
            for run in runs
            for key, lines in self._cards(run).items()
            if products is None or key.product_id in products
            for line in lines
        ]

    def _cards(self, run: Run) -> Mapping[CardKey, Lines]:
        name = run.allocation.run_id
        if name not in self._known:
            self._known[name] = card_lines(self._of([run]))
        return self._known[name]

    def weeks(self, runs: Iterable[Run]) -> list[tuple[tuple[str, str | None], date, int]]:
        sums: Counter[CardKey] = Counter()
        for key, line, ticks in self.card_lines(runs, None):
            del line
            sums[key] += ticks
        return [((key.product_id, key.currency), key.start, sums[key]) for key in sums]

    def allotments(self, runs: Iterable[Run]) -> list[Allotment]:
        return list(allotted(self._of(runs)))

    def invoiced(self, bill: Bill) -> list[Allotment]:
        return [
            Allotment(
                *(one.payer, CURRENCIES[one.payer], one.invoice, issuer(one), one.account),
                *(one.category, one.charge_class, None, None, one.ticks),
            )
            for one in self._world.loads[bill.load_id]
        ]

    def charged_days(
        self, bill: Bill, basis: CostBasis, classes: Collection[ChargeClass]
    ) -> Mapping[str, set[date]]:
        days: defaultdict[str, set[date]] = defaultdict(set)
        for one in self._world.loads[bill.load_id]:
            if one.charge_class in classes:
                days[one.account].add(one.day)
        return days

    def _of(self, runs: Iterable[Run]) -> list[Part]:
        return [part for run in runs for part in self._world.parts[run.allocation.run_id]]


class Fuse:
    """Lets so many calls pass; then the machine dies, before the call or after it."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.is_after = False

    def burn(self) -> bool:
        """Whether the call is made before the machine dies, where it does."""
        if self.left is None:
            return False
        self.left -= 1
        if self.left >= 0:
            return False
        if not self.is_after:
            raise CrashError("before the call")
        return True


class FusedFiles(InMemoryCloseFiles):
    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    def put(self, key: str, content: bytes) -> None:
        dies = self._fuse.burn()
        super().put(key, content)
        if dies:
            raise CrashError(f"after {key}")


class FusedDelivery(InMemoryCloseDelivery):
    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    def put(self, key: str, content: bytes) -> None:
        dies = self._fuse.burn()
        super().put(key, content)
        if dies:
            raise CrashError(f"after {key}")


class FusedSettlement(InMemorySettlement):
    def __init__(self, organisation: Organisation, fuse: Fuse) -> None:
        super().__init__(organisation.records)
        self._fuse = fuse

    def save(self, close: Save, credits_: Sequence[Save], act: Act) -> MonthClose:
        dies = self._fuse.burn()
        found = super().save(close, credits_, act)
        if dies:
            raise CrashError(f"after {found.month} was closed")
        return found


class Months:
    """All of it, at a moment *now*."""

    def __init__(self) -> None:
        self.now = FIRST
        self.organisation = one = Organisation()
        one.drop(content=chart_csv({row: ROWS[row] for row in ROWS if row[2] != "Tills"}))
        for email, (role, scope) in STAFF.items():
            one.hire(email, role, scope)
        one.approve(WEB_SHOP, [100 * UNIT] * 12)
        self.records = one.records
        self.bills = InMemoryBills()
        self.ledger = JsonLedger()
        self.lines: dict[str, list[BillLine]] = {}  # of the next delivery
        self.loads: dict[str, list[BillLine]] = {}
        self.parts: dict[str, list[Part]] = {}  # by run
        self.told: dict[str, Mapping[str, Any]] = {}
        self.shelf = RunShelf(self)
        self.spending = RunCardSpending(self.shelf)
        self.billed = LedgerBilledMonths(self.shelf)
        self.fuse = Fuse()
        self.files = FusedFiles(self.fuse)
        self.delivery = FusedDelivery(self.fuse)
        self.settlement = FusedSettlement(one, self.fuse)
        self._numbers = 0
        self._furnish()

    def _furnish(self) -> None:
        one = self.organisation
        seen = [
            Account.listed(Listed(account_id=account, name=account), payer, FIRST)
            for account, payer in PAID_BY.items()
        ]
        one.accounts.save([Save(None, each, Deed(action="List")) for each in seen], act())
        for account, shares in (
            (SHARED, ((WEB_SHOP, 6_000), (SEARCH, 4_000))),
            (OWN, ((CHECKOUT, 10_000),)),
            (LENDING, ((LOANS, 10_000),)),
        ):
            self.map_account(account, shares, BillingPeriod(JANUARY).start)

    def map_account(
        self, account: str, shares: Sequence[tuple[str, int]], start: date | None
    ) -> None:
        """A split that somebody sets, whatever cards say."""
        base = ground_of("cloud@example.com", self.now, grounds=self.book.grounds)
        before = self.organisation.shares.find(account)
        known = before or AccountShares(account_id=account)
        change = MapAccount(account_id=account, shares=tuple(shares), start=start)
        after = change.after(known, base)
        if after != known:
            saves = [Save(before, after, Deed(action="MapAccount"))]
            self.organisation.shares.save(saves, self.act("cloud@example.com"))

    # -- desks -------------------------------------------------------------------------------------

    def act(self, actor: str, reason: str | None = None) -> Act:
        return act(actor, self.now, reason=reason)

    def person(self, email: str) -> Person:
        found = self.organisation.people.find(email)
        assert found is not None
        return found

    @property
    def open_from(self) -> date:
        closes = self.organisation.closes.all().values()
        return max(date(FIRST_YEAR, 1, 1), frozen_before(closes))

    @property
    def unpaid_from(self) -> date:
        closes = self.organisation.closes.all().values()
        return max(date(FIRST_YEAR, 1, 1), closed_before(closes))

    @property
    def book(self) -> Book:
        self.organisation.open_from = self.open_from
        return Book(self.organisation.rulebook, self.organisation.grounds, CostBasis.BILLED)

    @property
    def remap_desk(self) -> RemapDesk:
        one = self.organisation
        return RemapDesk(one.card_desk, self.book, one.remaps)

    @property
    def sources(self) -> Sources:
        one = self.organisation
        return Sources(
            bills=self.bills,
            spending=self.spending,
            cards=one.spend_cards,
            charts=one.charts,
            budgets=one.budgets,
            settings=one.settings_kept,
            fiscal_start=1,
            currency="USD",
            open_from=self.open_from,
        )

    @property
    def press(self) -> Press:
        ledger: Any = self.ledger
        return Press(self.organisation.spend_cards, self.spending, ledger, lambda: self.open_from)

    @property
    def close_desk(self) -> CloseDesk:
        one = self.organisation
        ledger: Any = self.ledger
        notes = BillNotes(self.bills, ledger)
        return CloseDesk(
            closes=one.closes,
            files=self.files,
            billed=self.billed,
            cards=one.spend_cards,
            card_spending=self.spending,
            cards_from=None,
            shares=one.shares,
            treasury=Treasury(
                *(one.credits, one.product_spend, self.bills, notes, self.unpaid_from, "USD")
            ),
            budgets=one.budgets,
            charts=one.charts,
            allocations=one.allocations,
            edition=Edition(one.rulebook, one.charts, CostBasis.BILLED),
            settings=one.settings_kept,
            first_month=1,
        )

    @property
    def archive(self) -> Archive:
        return Archive(self.organisation.closes, self.files)

    @property
    def ledgers(self) -> Ledgers:
        one = self.organisation
        return Ledgers(one.closes, self.files, self.billed, one.allocations)

    @property
    def year_sources(self) -> YearSources:
        one = self.organisation
        return YearSources(one.closes, self.files, self.shelf, 1, CostBasis.BILLED, one.memo)

    # -- the bill ----------------------------------------------------------------------------------

    def usual(self, month: str) -> None:
        """Every week that has begun costs something in each account."""
        known = {(one.account, one.day) for one in self.lines.setdefault(month, [])}
        for number, week in enumerate(spend_periods(BillingPeriod(month)), start=1):
            for account, units in ((SHARED, 61), (OWN, 20), (LENDING, 30)):
                if week.start < self.now.date() and (account, week.start) not in known:
                    ticks = units * UNIT * week.days // 7 + number
                    self.lines[month].append(
                        BillLine(account, week.start, "AmazonEC2", "Usage", ticks)
                    )

    def deliver(self, month: str, payers: Iterable[str] = PAYERS, *, is_final: bool) -> None:
        """The bill of *month* comes as its lines are now; finally all of them are invoiced."""
        if is_final:
            self.lines[month] = [
                one if one.invoice else one._replace(invoice=_invoice(one, month))
                for one in self.lines[month]
            ]
        period = BillingPeriod(month)
        for payer in payers:
            self._numbers += 1
            load = f"load-{self._numbers:03}"
            lines = [one for one in self.lines[month] if one.payer == payer]
            self.loads[load] = lines
            known = self.bills.find(payer, month)
            last = min(self.now.date(), period.end - timedelta(1))
            total = BillTotal(
                billing_currency=CURRENCIES[payer],
                costs=Costs(billed_cost=sum(one.ticks for one in lines)),
                last_usage_day=str(last),
                lines_without_invoice=sum(one.invoice is None for one in lines),
            )
            bill = Bill(
                billing_account_id=payer,
                billing_period=month,
                load_id=load,
                delivered_at=self.now,
                published_at=self.now,
                lineage=(load,),
                totals=(total,),
                version=known.version if known else 0,
            )
            self.bills.publish([bill])

    # -- runs of the allocation --------------------------------------------------------------------

    def allocate(self, most: int = 100) -> int:
        """What is not up to date is allocated, *most* bills of it; how many were."""
        one = self.organisation
        started = start_allocations(
            book=self.book, bills=self.bills, allocations=one.allocations, runs=one.allocation_runs
        )
        for of in started[:most]:
            self._allocate(*of)
        return len(started[:most])

    def _allocate(self, payer: str, month: str) -> None:
        one = self.organisation
        bill = self.bills.find(payer, month)
        assert bill is not None
        self._numbers += 1
        run = f"run-{self._numbers:03}"
        parts = list(self._split(bill))
        owned: Counter[str] = Counter()
        unowned: Counter[str] = Counter()
        for part in parts:
            if part.product_id is None:
                unowned[str(part.reason)] += part.amount
            else:
                owned[part.product_id] += part.amount
        currency = CURRENCIES[payer] or ""
        self.parts[run] = parts
        self.told[run] = {
            "load_id": bill.load_id,
            "cards": [],
            "days": [],
            "allotments": [],
            "products": {currency: dict(owned)},
            "unallocated": {currency: dict(unowned)},
        }
        self.ledger.put_json(f"{allocation(payer, month, run)}/index.json", self.told[run])
        known = one.allocations.find(payer, month)
        one.allocations.publish(
            Allocation(
                billing_account_id=payer,
                billing_period=month,
                run_id=run,
                load_id=bill.load_id,
                basis=CostBasis.BILLED,
                revision=self.book.revision(),
                made_at=self.now,
                lineage=(run,),
                totals=(),
                version=known.version if known else 0,
            )
        )

    def _split(self, bill: Bill) -> Iterator[Part]:
        for one in self.loads[bill.load_id]:
            if one.charge_class is None:
                continue
            of = self.organisation.shares.find(one.account)
            revision = of.on(one.day) if of else None
            usual: dict[str, Any] = {
                "payer": one.payer,
                "billing_period": bill.billing_period,
                "currency": CURRENCIES[one.payer],
                "account": one.account,
                "day": one.day,
                "charge_class": one.charge_class,
                "charge_category": one.category,
                "service": one.service,
                "invoice_id": one.invoice,
                "issuer": issuer(one),
                "workload_id": None,
                "meant_for": None,
            }
            if revision is None:
                unowned: dict[str, Any] = {"product_id": None, "rule": None, "basis_points": None}
                unowned |= {"kind": PartKind.UNALLOCATED, "reason": Reason.NO_SHARE}
                yield Part(**usual, **unowned, amount=one.ticks)
                continue
            weights = dict(revision.shares)
            for product, ticks in split(one.ticks, weights).items():
                owner: dict[str, Any] = {"kind": PartKind.SHARE, "reason": None}
                owner |= {"product_id": product, "basis_points": weights[product]}
                if ticks:
                    yield Part(**usual, **owner, rule=str(revision.number), amount=ticks)

    # -- cards -------------------------------------------------------------------------------------

    @property
    def cards(self) -> list[SpendCard]:
        return self.records.of_kind("spend-card#")

    def make(self, due_at: datetime | None = None, period: str | None = None) -> None:
        """A whole run that makes cards."""
        self._numbers += 1
        ledger: Any = self.ledger
        planned = plan(
            f"cards-{self._numbers}",
            due_at,
            period,
            now=self.now,
            timing=TIMING,
            sources=self.sources,
            ledger=ledger,
            bucket="ledger",
        )
        for item in self.ledger.get_json(planned.items_key):
            make_cards(Item(**item), press=self.press)
        tell(planned, ledger=ledger)

    def decide(
        self, card: SpendCard, command: CardCommand, by: str, reason: str | None, **said: Any
    ) -> SpendCard:
        return decide_card(
            card.key,
            command,
            said.pop("version", card.version),
            by=self.person(by),
            desk=self.organisation.card_desk,
            act=self.act(by, reason),
            **said,
        )

    def decide_all(self, command: CardCommand, by: str, month: str | None = None) -> int:
        """All that waits for somebody to take a bulk command; how many took it."""
        if self.person(by).is_suspended:
            return 0
        desk = self.organisation.card_desk
        query = CardQuery(month=month)
        chosen = waiting_cards(query, command, self.now.date(), by=self.person(by), desk=desk)
        if not chosen:
            return 0
        done = decide_cards(chosen, command, by=self.person(by), desk=desk, act=self.act(by))
        return len(done.decided)

    def allowed(self, card: SpendCard, by: str) -> tuple[CardCommand, ...]:
        """What somebody is told that they may do with a card."""
        if self.person(by).is_suspended:
            return ()
        desk = self.organisation.card_desk
        look = sight(self.now.date(), by=self.person(by), desk=desk)
        return standing(card, look=look, is_open=True).allowed

    def work(self, month: str) -> None:
        """Everybody does what they owe on the cards of *month*, and no dispute is let stand."""
        everybody = [one.email for one in self.organisation.people.all()]
        for _ in range(2):
            for by in everybody:
                for command in (CardCommand.ACCEPT, CardCommand.APPROVE):
                    self.decide_all(command, by, month)
            for card in self.cards:
                if card.month == month and card.status in (
                    CardStatus.DISPUTED,
                    CardStatus.REJECTED,
                ):
                    self._end(card, everybody)

    def _end(self, card: SpendCard, everybody: Iterable[str]) -> None:
        for by in everybody:
            for command in (CardCommand.RESOLVE, CardCommand.ACCEPT):
                if card.awaits is None and command in self.allowed(card, by):
                    self.decide(card, command, by, "it stays as it is")
                    return

    def tend(self, at: datetime) -> Tended:
        one = self.organisation
        post = Post(one.mails, one.receipts, PAPER)
        return tend_cards(at, "request-1", desk=one.card_desk, charts=one.charts, post=post)

    # -- closes ------------------------------------------------------------------------------------

    def close_of(self, month: str) -> MonthClose:
        return self.organisation.closes.find(month) or MonthClose.new(month)

    @property
    def closed(self) -> list[MonthClose]:
        every = self.organisation.closes.all().values()
        return sorted((one for one in every if one.is_closed), key=lambda one: one.month)

    @property
    def next_to_close(self) -> str | None:
        last = max((one.month for one in self.closed), default=None)
        return next((one for one in MONTHS if last is None or one > last), None)

    def prepare(self, month: str) -> None:
        """Headers are filled in, and what is red is waived, as far as it can be."""
        desk, closer = self.close_desk, self.person(CLOSER)
        told = Inspection.of(self.close_of(month), desk)
        found: dict[tuple[str, str | None], set[str]] = {}
        for one in told.invoiced:
            found.setdefault((one.payer, one.unit), {"by mail"}).update(
                [one.invoice_id] if one.invoice_id else []
            )
        headers = [
            Header(
                payer=payer,
                unit=unit,
                vendor="AWS",
                purchase_order="PO-7",
                invoices=tuple(sorted(invoices)),
                memo="Cloud",
            )
            for (payer, unit), invoices in found.items()
        ]
        close = self.close_of(month)
        set_headers(month, headers, close.version, by=closer, desk=desk, act=self.act(CLOSER))
        for line in seen_close(month, by=closer, desk=desk).lines:
            if line.status is CheckStatus.RED and line.check not in NEVER_WAIVED:
                waive(
                    month,
                    line.check,
                    self.close_of(month).version,
                    by=self.person(WAIVER),
                    desk=desk,
                    act=self.act(WAIVER, "it is known"),
                )

    def close(self, month: str, *, passes: int | None = None, is_after: bool = False) -> bool:
        """The steps of the close, as far as they go; whether the machine died."""
        attempt = self.close_of(month).asked_at
        self.fuse.left, self.fuse.is_after = passes, is_after
        credits_ = self.organisation.credits
        try:
            begin(
                *(month, attempt),
                by=self.person(CLOSER),
                desk=self.close_desk,
                act=self.act(CLOSER),
            )
            key = write_files(month, attempt, archive=self.archive)
            complete(
                *(month, attempt, key),
                archive=self.archive,
                credits_=credits_,
                settlement=self.settlement,
                act=self.act(CLOSER),
            )
            settle(month, archive=self.archive, credits_=credits_, act=self.act("the close"))
            deliver(month, archive=self.archive, delivery=self.delivery)
        except CrashError:
            return True
        finally:
            self.fuse.left = None
        return False

    def give_up(self, month: str) -> None:
        self.now += timedelta(seconds=1)
        closes, attempt = self.organisation.closes, self.close_of(month).asked_at
        act_ = self.act("the close")
        give_up(month, attempt, "the machine died", closes=closes, act=act_)

    @property
    def closing(self) -> str | None:
        every = self.organisation.closes.all().values()
        return next((one.month for one in every if one.status is CloseStatus.CLOSING), None)

    def correct(self) -> list[Booking]:
        try:
            return book_all_corrections(ledgers=self.ledgers, act=self.act("the calendar"))
        except ExceptionGroup as group:
            rest = group.split(ConflictError)[1]
            if rest is not None:
                raise rest from None
            return []


def issuer(line: BillLine) -> str:
    return "AWS" if line.payer == PAYER else "AWS EMEA"


def _invoice(line: BillLine, month: str) -> str:
    kind = "T" if line.category == "Tax" else "U"
    return f"INV-{line.payer[0]}-{month}-{kind}"


def by_owner(given: Iterable[Allotment]) -> dict[tuple[Any, ...], int]:
    """What each product pays of each account's charges of a kind, on whatever invoice."""
    plain = summed(one._replace(invoice_id=None, issuer=None, discount=0) for one in given)
    return {one.key: one.ticks for one in plain if one.ticks}
