"""What the use cases need from outside, in their own words; `finops.adapters` answers."""

import hashlib
import json
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from finops.domain.accounts import Account, AccountCheck, Listing
from finops.domain.alerts import Alert
from finops.domain.allocation_runs import Allocation, Days
from finops.domain.allocations import Rules
from finops.domain.audit import Act, AuditRecord, Deed, Receipt
from finops.domain.aws_budgets import Found, Watch
from finops.domain.bills import Bill
from finops.domain.budgets import Budget
from finops.domain.chart_loads import ChartHead, ChartLoad
from finops.domain.charts import Chart
from finops.domain.claim_rules import ClaimRules
from finops.domain.claims import AccountClaims
from finops.domain.class_policies import ClassPolicies
from finops.domain.close_figures import Allotments, InvoiceSum
from finops.domain.cost_reports import ReportHead, ReportSpan
from finops.domain.credits import Credit
from finops.domain.delegations import Delegation
from finops.domain.deliveries import FileSeen
from finops.domain.discounts import PriceBook, ProductCost
from finops.domain.gates import Gate
from finops.domain.loads import Load, LoadedFile
from finops.domain.month_closes import MonthClose
from finops.domain.organisation_settings import OrganisationSettings
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod
from finops.domain.realised_savings import RealisedHead, RealisedSavings
from finops.domain.rule_documents import RulesHead
from finops.domain.savings import Recommendation, Saving, Snapshot, SnapshotDay, Via
from finops.domain.shares import AccountShares
from finops.domain.spend_cards import CardKey, CardSummary, Spend, SpendCard
from finops.domain.spend_cubes import CubeHead, CubeQuery
from finops.domain.workloads import Workload


class Document(NamedTuple):
    """A small object as it was read: its text, and the version of the text."""

    text: str
    version: str
    modified_at: datetime
    notes: dict[str, str]


class Deliveries(Protocol):
    """The bucket that bills are delivered to. Every read is of one version, or it fails."""

    def read(self, key: str) -> Document:
        """The object *key* as it is now; NotFoundError where there is none."""
        ...

    def version(self, key: str) -> str | None:
        """The version of *key* now, None where it is gone."""
        ...

    def look(self, keys: Iterable[str]) -> dict[str, FileSeen | None]:
        """Each of *keys* as it is now, None for those that are not there."""
        ...

    def read_range(self, file: LoadedFile, start: int, length: int) -> bytes:
        """Some bytes of that very version; DeliveryChangedError where it is gone."""
        ...

    def download(self, file: LoadedFile, target: Path) -> None:
        """That very version, whole; DeliveryChangedError where it is gone."""
        ...

    def manifests(self, since: datetime) -> Iterator[str]:
        """The keys of all manifests written *since* then, to the last page."""
        ...


class Ledger(Protocol):
    """The bucket of the ledger: published generations, and scratch of loads under way."""

    def put(self, key: str, path: Path) -> None: ...
    def get(self, key: str, target: Path) -> None: ...
    def cached(self, key: str) -> Path:
        """A published object as a local file, kept for the next question: it never changes."""
        ...

    def put_json(self, key: str, value: Any) -> None: ...
    def get_json(self, key: str) -> Any:
        """NotFoundError where there is no such object."""
        ...

    def keys(self, prefix: str) -> Iterator[str]: ...
    def written(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """The keys under *prefix*, each with the moment it was written last."""
        ...

    def delete(self, keys: Iterable[str]) -> int: ...


class Page(NamedTuple):
    """Some items, and the cursor to go on with."""

    items: Sequence[Any]
    next_cursor: str | None


class Loads(Protocol):
    """The record of every delivery and what became of it."""

    def get(self, load_id: str) -> Load:
        """NotFoundError where nobody has seen that delivery."""
        ...

    def find(self, load_id: str) -> Load | None: ...
    def save(self, load: Load) -> Load:
        """*load* with its next version; ConflictError where another writer was faster."""
        ...

    def add_done(self, load_id: str, item: int) -> None:
        """One more work item is reduced; saying so twice counts once."""
        ...

    def at_place(self, place: str) -> list[Load]:
        """The loads of one partition of an export, newest first."""
        ...

    def recent(self, limit: int, cursor: str | None = None) -> Page: ...


class AccountTotals(NamedTuple):
    """The totals of an account's month as one load made them."""

    account: str | None
    currency: str | None
    load_id: str
    digest: str
    days: dict[str, dict[str, list[Any]]] | None  # None: the account is gone from the bill


class Bills(Protocol):
    """The bills that readers see, and the totals of their accounts."""

    def find(self, payer: str, period: str) -> Bill | None: ...
    def in_period(self, period: str) -> list[Bill]: ...
    def all(self, limit: int, cursor: str | None = None) -> Page: ...
    def publish(self, bills: Sequence[Bill]) -> None:
        """All of *bills* in one step, each over the version it was made from; else ConflictError."""
        ...

    def digests(self, bill: Bill) -> dict[tuple[str | None, str | None], str]:
        """What is in force for each account (and currency) of *bill*."""
        ...

    def account_totals(self, bill: Bill) -> list[AccountTotals]:
        """What is in force for each account of *bill*."""
        ...

    def write_totals(self, payer: str, period: str, totals: Iterable[AccountTotals]) -> int: ...
    def expire_totals(self, bill: Bill, spared: Collection[str]) -> int:
        """Drop the totals that *bill* does not refer to, but for those that *spared* loads made."""
        ...


class Runs(Protocol):
    """The state machine that loads bills."""

    def start(self, manifest_key: str) -> str: ...


class Save(NamedTuple):
    """An entity as it was read (None: new), as it shall be, and what is done to it."""

    before: Any
    after: Any
    deed: Deed


class People(Protocol):
    """Who has a sign-in, by mail address."""

    def find(self, email: str) -> Person | None: ...
    def all(self) -> Sequence[Person]:
        """Everybody, by address."""
        ...

    def save(self, saves: Sequence[Save], act: Act) -> list[Person]:
        """Each person with its next version, all in one step; ConflictError with `current`."""
        ...


class Charts(Protocol):
    """The charts of accounts, by fiscal year, and the record of the files they came from."""

    def heads(self) -> Sequence[ChartHead]:
        """The charts in force, newest year first."""
        ...

    def head(self, year: int) -> ChartHead | None: ...
    def read(self, head: ChartHead) -> Chart: ...
    def write(self, chart: Chart, load_id: str) -> str:
        """Where the document of *chart* is now; nobody sees it before a head names it."""
        ...

    def load(self, load_id: str) -> ChartLoad | None: ...
    def loads(self, year: int, limit: int, cursor: str | None = None) -> Page:
        """The loads of a year, newest first."""
        ...

    def publish(self, load: ChartLoad, head: Save | None, act: Act) -> ChartLoad:
        """The record of *load*, and with it the *head* in force from now on, in one step.

        ConflictError where another load was faster.
        """
        ...


class UploadedFile(NamedTuple):
    """A file that somebody brought, in one version, and when it came."""

    key: str
    version: str
    content: bytes
    came_at: datetime


class ChartFiles(Protocol):
    """The bucket people bring their files to."""

    def upload_link(self, upload_id: str, seconds: int) -> str: ...
    def uploaded(self, upload_id: str) -> UploadedFile | None: ...
    def read(self, key: str, version: str | None) -> UploadedFile:
        """NotFoundError where it is gone."""
        ...

    def download_link(self, key: str, version: str, name: str, seconds: int) -> str: ...
    def keep(self, load_id: str, content: bytes) -> tuple[str, str]:
        """Where a file that was uploaded stays: its key and version. What is uploaded goes."""
        ...

    def write_report(self, load_id: str, report: Mapping[str, Any]) -> str:
        """Where a load's report is, by what it says: another one has another key."""
        ...

    def report(self, key: str) -> dict[str, Any]: ...
    def write_beside(self, key: str, report: Mapping[str, Any]) -> None:
        """A report for who brought the file *key*, where they will look for it."""
        ...


class Budgets(Protocol):
    """The budgets that somebody has touched, by product and fiscal year."""

    def find(self, product_id: str, year: int) -> Budget | None: ...
    def of_year(self, year: int) -> Mapping[str, Budget]:
        """By product; at most a moment behind what was saved elsewhere."""
        ...

    def save(self, before: Budget | None, after: Budget, deed: Deed, act: Act) -> Budget:
        """With its next version; ConflictError with `current`."""
        ...

    def gate(self, portfolio: str) -> Gate | None: ...
    def gates(self) -> Sequence[Gate]:
        """All that were ever set, by portfolio."""
        ...

    def save_gate(self, before: Gate | None, after: Gate, deed: Deed, act: Act) -> Gate: ...


class TrailPlace(NamedTuple):
    """Where a listing of the trail, newest first, goes on.

    It names no record, for the last one that was looked at may be none that the reader may know of:
    *at* is a time as it is kept, *passed* how many records of that very time are told or left out.
    """

    at: str
    passed: int


class Audit(Protocol):
    """The audit trail: it is only ever added to, by what changes."""

    def chain(self, entity: str) -> Iterator[AuditRecord]:
        """All records of *entity*, by sequence."""
        ...

    def record(self, entity: str, sequence: int) -> AuditRecord | None: ...
    def in_month(
        self, month: str, limit: int, place: TrailPlace | None = None
    ) -> Sequence[AuditRecord]:
        """The records of a month, newest first; fewer than *limit*: there are no more."""
        ...

    def of_actor(
        self, actor: str, limit: int, place: TrailPlace | None = None
    ) -> Sequence[AuditRecord]:
        """What somebody did, newest first; fewer than *limit*: there is no more."""
        ...

    def note(self, entity: str, after: Mapping[str, Any], deed: Deed, act: Act) -> AuditRecord:
        """Something was done that no entity of ours keeps: the next record of its chain."""
        ...


class Receipts(Protocol):
    """What was answered to a request, by its Idempotency-Key; for a day."""

    def find(self, key: str) -> Receipt | None: ...
    def take(self, key: str, kept: timedelta) -> bool:
        """Whether nobody has *key*, which is *kept* so long at least: for what is done once."""
        ...

    def release(self, key: str) -> None:
        """Give back a key that was taken for what could not be done."""
        ...


class Spent(NamedTuple):
    """What was spent in some months, in ticks of each, all of one look at the bills and runs.

    *products* are in the currency of plans; those that spent nothing are left out. *others* is what
    products spent in other currencies, *unallocated* what nobody owns, both by currency: they are
    never added to the rest. The same *state* again: the same figures.
    """

    products: Mapping[str, Sequence[int]]
    unallocated: Mapping[str | None, Sequence[int]]
    others: Mapping[str | None, Sequence[int]]
    state: Hashable


class Spending(Protocol):
    """What was spent, for the plans it is compared with."""

    def spent(self, months: Sequence[str]) -> Spent: ...


class Mail(NamedTuple):
    """A mail to one person, as HTML and as text; *images* are PNG, shown where `cid:<name>` is."""

    to: str
    subject: str
    html: str
    text: str
    images: Mapping[str, bytes] = {}


class Pictures(Protocol):
    """The way a plot becomes a picture that mails can show."""

    def png(self, svg: str) -> bytes: ...


class Mails(Protocol):
    """The way mails go out."""

    def send(self, mail: Mail) -> None: ...


class Notice(NamedTuple):
    """Something that happened, for whoever listens."""

    event: str
    at: datetime
    detail: Mapping[str, Any]


class Notices(Protocol):
    """The event bus of the product."""

    def tell(self, events: Sequence[Notice]) -> list[int]:
        """The numbers of those that did not go out."""
        ...


class SignIns(Protocol):
    """The sign-ins of people: the user pool."""

    def invite(self, email: str, *, again: bool) -> None:
        """Make the sign-in and send the invitation; *again* sends it once more."""
        ...

    def allow(self, name: str) -> None: ...
    def forbid(self, name: str) -> None:
        """No sign-in from now on, and none that is under way goes on."""
        ...


class Accounts(Protocol):
    """All accounts that were ever seen, by id, and the last look at the organization."""

    def find(self, account_id: str) -> Account | None: ...
    def all(self) -> Sequence[Account]:
        """Every account, by id; at most a moment behind what was saved elsewhere."""
        ...

    def save(self, saves: Sequence[Save], act: Act) -> list[Account]:
        """Each account with its next version, all in one step; ConflictError with `current`."""
        ...

    def check(self) -> AccountCheck | None: ...
    def save_check(
        self, before: AccountCheck | None, after: AccountCheck, deed: Deed, act: Act
    ) -> AccountCheck: ...


class Organizations(Protocol):
    """The organization that this installation may read."""

    def listing(self) -> Listing:
        """All its accounts, to the last page; an error on the way is no shorter listing."""
        ...


class Shares(Protocol):
    """The splits of all accounts, by account."""

    def find(self, account_id: str) -> AccountShares | None: ...
    def all(self) -> Mapping[str, AccountShares]:
        """At most a moment behind what was saved elsewhere."""
        ...

    def save(self, saves: Sequence[Save], act: Act) -> list[AccountShares]:
        """Each with its next version, all in one step; ConflictError with `current`."""
        ...


class Policies(Protocol):
    """The class policies of all payers, by payer."""

    def find(self, payer: str) -> ClassPolicies | None: ...
    def all(self) -> Mapping[str, ClassPolicies]:
        """At most a moment behind what was saved elsewhere."""
        ...

    def save(self, saves: Sequence[Save], act: Act) -> list[ClassPolicies]:
        """Each with its next version, all in one step; ConflictError with `current`."""
        ...


class Claims(Protocol):
    """The claims on the resources of each account: a document, and the head that names it."""

    def heads(self) -> Mapping[str, RulesHead]:
        """By account; at most a moment behind what was saved elsewhere."""
        ...

    def find(self, account_id: str) -> AccountClaims:
        """With the version of their head; none, of version 0, where nobody ever claimed anything."""
        ...

    def read(self, head: RulesHead) -> AccountClaims:
        """What a head names."""
        ...

    def save(self, before: AccountClaims, after: AccountClaims, deed: Deed, act: Act) -> RulesHead:
        """All of *after* or nothing; ConflictError with `current`, a head."""
        ...


class ClaimRuleBook(Protocol):
    """The one list of claim rules: a document, and the head that names it."""

    def find(self) -> ClaimRules:
        """With the version of its head; none, of version 0, where nobody ever made a rule."""
        ...

    def save(self, before: ClaimRules, after: ClaimRules, deed: Deed, act: Act) -> RulesHead:
        """ConflictError with `current`, a head."""
        ...


class RulesHeads(Protocol):
    """The heads of one kind of documents of rules, by what they are of."""

    def find(self, id_: str) -> RulesHead | None: ...
    def all(self) -> Mapping[str, RulesHead]:
        """At most a moment behind what was saved elsewhere."""
        ...


class RulesNow(NamedTuple):
    """All rules as they are in force, and how many changes they have had together.

    Of two such readings the one with more changes is the later one.
    """

    rules: Rules
    revision: int


class Rulebook(Protocol):
    """All that says who pays, together."""

    def now(self) -> RulesNow:
        """Nothing that was saved before is missing."""
        ...

    def revision(self) -> int:
        """How many changes there were; at most a moment behind."""
        ...


class AwsBudgets(Protocol):
    """The budgets that AWS watches in the accounts of payers; of these only ours."""

    def found(self, payer: str, *, with_addresses: bool) -> Sequence[Found]:
        """Ours, to the last page; who is warned only *with_addresses*."""
        ...

    def create(self, wanted: Watch, month: BillingPeriod) -> None:
        """A budget from *month* on; nothing where somebody else was faster."""
        ...

    def change(self, found: Found, wanted: Watch, month: BillingPeriod) -> None: ...
    def delete(self, payer: str, name: str) -> None:
        """Nothing where it is gone already."""
        ...


class Workloads(Protocol):
    """What runs for products in accounts, by workload."""

    def find(self, workload_id: str) -> Workload | None: ...
    def all(self) -> Mapping[str, Workload]:
        """At most a moment behind what was saved elsewhere."""
        ...

    def save(self, saves: Sequence[Save], act: Act) -> list[Workload]:
        """Each with its next version, all in one step; ConflictError with `current`."""
        ...


class WorkloadSpend(Protocol):
    """What workloads pay for, as it is allocated."""

    def of_workloads(self, month: str) -> Mapping[str, int] | None:
        """Ticks of a month by workload; those that pay for nothing are left out.

        None while nothing of the month is allocated.
        """
        ...


class Rollup(NamedTuple):
    """What an element pays by day, in ticks; or what nobody does (`allocation_runs.rollups`)."""

    element: str
    currency: str | None
    days: Days
    digest: str

    @classmethod
    def of(cls, of: tuple[str, str | None], days: Days) -> "Rollup":
        told = json.dumps(days, sort_keys=True).encode()
        return cls(*of, days, hashlib.sha256(told).hexdigest()[:16] if days else "")


class Allocations(Protocol):
    """The allocation that readers see of each bill, and its roll-ups."""

    def find(self, payer: str, period: str) -> Allocation | None: ...
    def in_period(self, period: str) -> list[Allocation]: ...
    def all(self) -> Sequence[Allocation]:
        """Those of every bill; at most a moment behind."""
        ...

    def publish(self, allocation: Allocation) -> None:
        """Over the version it was made from; else ConflictError."""
        ...

    def digests(self, allocation: Allocation) -> dict[tuple[str, str | None], str]:
        """What is in force for each element and currency."""
        ...

    def rollups(self, allocation: Allocation, element: str) -> list[Rollup]:
        """What is in force for an element, in each currency."""
        ...

    def write_rollups(self, allocation: Allocation, made: Iterable[Rollup]) -> int: ...
    def expire_rollups(self, allocation: Allocation) -> int:
        """Drop those that nobody reads and that cannot come into force (`Allocation.keeps`)."""
        ...


class AllocationRuns(Protocol):
    """The state machine that allocates a bill."""

    def start(self, name: str, payer: str, period: str, preview_id: str | None = None) -> None:
        """Unless the newest run of that name is still under way."""
        ...

    def has_failed(self, name: str) -> bool: ...


class Credits(Protocol):
    """All credits, by id, and the one price book."""

    def find(self, credit_id: str) -> Credit | None: ...
    def all(self) -> Mapping[str, Credit]:
        """At most a moment behind what was saved elsewhere."""
        ...

    def save(self, saves: Sequence[Save], act: Act) -> list[Credit]:
        """Each with its next version, all in one step; ConflictError with `current`."""
        ...

    def price_book(self) -> PriceBook:
        """Of version 0, where nobody has made a price list."""
        ...

    def save_price_book(
        self, before: PriceBook, after: PriceBook, deed: Deed, act: Act
    ) -> PriceBook:
        """With its next version; ConflictError with `current`."""
        ...


class ProductSpend(Protocol):
    """What products spent, as the bills in force are allocated; credits of AWS's are no spend."""

    def rows(self, month: str, products: Collection[str] | None) -> Iterable[ProductCost]:
        """The spend of a bill's month by product, day, service and payer; of all products: None."""
        ...


class SpendCards(Protocol):
    """All spend cards, by product, week and currency."""

    def find(self, key: CardKey) -> SpendCard | None:
        """As it is now."""
        ...

    def kept(self, key: CardKey) -> SpendCard | None:
        """The same as its audit trail knows it: the lines of a large card are not there."""
        ...

    def of_product(self, product_id: str, currency: str | None, since: date) -> Sequence[SpendCard]:
        """A product's cards of the weeks from *since* on, as they are now, by week."""
        ...

    def in_month(self, month: str) -> Sequence[CardSummary]:
        """The cards of a month, in no order; at most a moment behind what was saved elsewhere."""
        ...

    def save(self, saves: Sequence[Save], act: Act) -> list[SpendCard]:
        """Each with its next version, all in one step; ConflictError with `current`.

        One step takes what `card_steps` puts into it. Nothing is booked in a month whose close has
        begun: its own card's, or that of an adjustment that is new.
        """
        ...


class Remaps(Protocol):
    """A disputed card, and the rules of who pays that answer it."""

    def save(
        self, card: Save, shares: Sequence[Save], claims: Sequence[Save], act: Act
    ) -> SpendCard:
        """The card, splits and claims (whole, not their heads) with their next versions.

        All in one step, which takes 45 of them; ConflictError, with `current` where it is the card.
        """
        ...


class MonthStanding(NamedTuple):
    """How far the bills of a month are that cards are made of.

    *runs* are the published allocations by payer, *revision* the oldest of the rules one of them
    knows. *missing* says which payers' bills are not there or not allocated; without them nothing
    is complete: *complete_through* is the last day that all bills cover, None where there is none.
    """

    month: str
    runs: Mapping[str, str]
    revision: int
    complete_through: date | None
    is_final: bool
    missing: tuple[str, ...] = ()


class MonthSpend(NamedTuple):
    """What products pay of a month's bills by business week, and how far these bills are.

    By product and currency, then by the week's first day; a week that costs nothing is left out.
    """

    standing: MonthStanding
    spends: Mapping[tuple[str, str | None], Mapping[date, Spend]]


class CardSpending(Protocol):
    """What cards are made of: the published runs of all payers together."""

    def standing(self, month: str) -> MonthStanding: ...
    def spend(self, month: str, products: Collection[str] | None = None) -> MonthSpend:
        """Of one look at the runs; of all products: None."""
        ...

    def totals(self, month: str) -> Mapping[tuple[str, str | None], Mapping[date, int]]:
        """The same in ticks alone, of all products: little to read."""
        ...


class CardRun(NamedTuple):
    """An execution that makes cards: *told* is what it came to, *cause* why it failed."""

    status: str
    told: Mapping[str, Any] | None = None
    cause: str | None = None


class CardRuns(Protocol):
    """The state machine that makes cards."""

    def start(self, run_id: str, period: str | None) -> None:
        """Unless there is one of that id already."""
        ...

    def find(self, run_id: str) -> CardRun | None: ...


class BilledMonth(NamedTuple):
    """What a month's close is made of, from the bills in force and their published runs.

    *bill* is what the ledger has of each invoice; *billed* are the owners of the billed cost, AWS's
    credits among them, with the discounts that the bill states; *spend* are those of another cost
    where owners are charged by it. *charged* are the days that each account has charges on that
    shares may split. *runs* and *loads* are by payer; *missing* is what is not there yet, in words.
    """

    month: str
    bill: tuple[InvoiceSum, ...]
    billed: Allotments
    spend: Allotments | None
    charged: Mapping[str, Collection[date]]
    runs: tuple[tuple[str, str], ...]
    loads: tuple[tuple[str, str], ...]
    missing: tuple[str, ...] = ()


class BilledMonths(Protocol):
    """The figures of months, as the ledger has them."""

    def read(self, month: str, *, is_closed: bool = False) -> BilledMonth:
        """Nothing of a closed month is missing that had no bill when it was closed."""
        ...


class Closes(Protocol):
    """The closes of months, by month."""

    def find(self, month: str) -> MonthClose | None: ...
    def all(self) -> Mapping[str, MonthClose]:
        """At most a moment behind what was saved elsewhere."""
        ...

    def save(self, saves: Sequence[Save], act: Act) -> list[MonthClose]:
        """Each with its next version, all in one step; ConflictError with `current`."""
        ...


class CloseFiles(Protocol):
    """The bucket of closes: what is once there stays as it is for ever."""

    def put(self, key: str, content: bytes) -> None:
        """Where there is nothing; ConflictError where there is something else.

        The same again is there already; of what is packed (`.gz`) it is the content that counts.
        """
        ...

    def read(self, key: str) -> bytes:
        """NotFoundError where there is no such object."""
        ...

    def link(self, key: str, name: str, seconds: int) -> str:
        """Who has it may read the object for so long; it comes as a file of that *name*."""
        ...


class CloseDelivery(Protocol):
    """Where the finance system picks up the files of closed months."""

    def put(self, key: str, content: bytes) -> None:
        """Whole or not at all; the same again changes nothing."""
        ...


class CloseRuns(Protocol):
    """The state machine that closes months."""

    def start(self, month: str, attempt: int, by: str) -> None:
        """For *by*, unless the newest run of that attempt at the month is under way."""
        ...


class Settlement(Protocol):
    """The end of a month's close: the month, and what credits have paid of it."""

    def save(self, close: Save, credits_: Sequence[Save], act: Act) -> MonthClose:
        """The close and at most 45 credits with their next versions, in one step; ConflictError."""
        ...


class Delegations(Protocol):
    """Who acts for whom, by id."""

    def find(self, delegation_id: str) -> Delegation | None: ...
    def all(self) -> Mapping[str, Delegation]:
        """At most a moment behind what was saved elsewhere."""
        ...

    def save(self, saves: Sequence[Save], act: Act) -> list[Delegation]:
        """Each with its next version, all in one step; ConflictError with `current`."""
        ...


class SettingsKept(Protocol):
    """The settings of the organisation: one entity, known by `organisation_settings.ALL`."""

    def find(self, settings_id: str) -> OrganisationSettings | None: ...
    def save(self, saves: Sequence[Save], act: Act) -> list[OrganisationSettings]:
        """ConflictError with `current`."""
        ...


class CubeAnswer(NamedTuple):
    """Sums of some months: for each row what it has of the dimensions, and ticks.

    They are of the cubes that *heads* name, of one look. *missing* says in words what of the months
    is in no cube; without any, and without a condition, the rows are what the bills come to.
    """

    rows: Sequence[tuple[tuple[Any, ...], int]]
    heads: Sequence[CubeHead]
    missing: tuple[str, ...] = ()


class SpendCubes(Protocol):
    """What months cost, by anything that the bill says and by owner (`finops.domain.spend_cubes`)."""

    def ask(self, query: CubeQuery) -> CubeAnswer:
        """In order of the dimensions; InvalidError for a tag that no cube of the months knows."""
        ...

    def heads(self, months: Sequence[str]) -> Sequence[CubeHead]:
        """The cubes that readers see of some months, by month and payer."""
        ...


class CubeHeads(Protocol):
    """Which cube readers see of each bill."""

    def find(self, payer: str, period: str) -> CubeHead | None: ...
    def in_period(self, period: str) -> Sequence[CubeHead]: ...
    def publish(self, head: CubeHead) -> None:
        """Over the version it was made from; else ConflictError."""
        ...


class Webhooks(Protocol):
    """The addresses of chat rooms that the deployment knows, by name."""

    def names(self) -> Mapping[str, str]:
        """What kind of room each of them is: `Slack` or `Teams`."""
        ...

    def post(self, name: str, message: Mapping[str, Any]) -> None:
        """Raises FinOpsError, without the address, where it does not arrive."""
        ...


class Alerts(Protocol):
    """All alerts: a book for each month that they are about, and one for those of credits."""

    def find(self, alert_id: str) -> Alert | None: ...
    def of(self, book: str) -> Mapping[str, Alert]:
        """Those of a book, by id; at most a moment behind what was saved elsewhere."""
        ...

    def save(self, saves: Sequence[Save], act: Act) -> list[Alert]:
        """Each with its next version, all in one step; ConflictError with `current`."""
        ...


class Dispatches(Protocol):
    """Which messages went out: each is taken before it is sent, and is known to be sent after that."""

    def sent(self, alert_id: str) -> Collection[str]:
        """The targets that the messages about an alert have reached."""
        ...

    def take(self, alert_id: str, target: str, at: datetime, lease: timedelta) -> bool:
        """Whether the message is now the caller's to send: it was not sent, and nobody else took it
        within the *lease*. Who was killed meanwhile has lost it then."""
        ...

    def done(self, alert_id: str, target: str, at: datetime) -> None: ...
    def release(self, alert_id: str, target: str) -> None:
        """Give back what was taken and could not be sent."""
        ...


class DailySpend(Protocol):
    """What is paid by day in the currency of plans, as the bills in force are allocated; in ticks.

    What a bill has of other months counts on its month's first or last day. A day that is not there
    cost nothing.
    """

    def products(self, months: Sequence[str]) -> Mapping[str, Mapping[date, int]]: ...
    def services(
        self, months: Sequence[str], products: Collection[str]
    ) -> Mapping[tuple[str, str | None], Mapping[date, int]]:
        """The same of some products, by product and service."""
        ...

    def unowned(self, months: Sequence[str]) -> Mapping[str, Mapping[date, int]]:
        """What nobody owns of accounts, in the last of the months and before."""
        ...

    def first_day(self, months: Sequence[str]) -> date | None:
        """The first day that is known of; None where no bill of the months is allocated."""
        ...


class KeptReports(Protocol):
    """The bucket of reports as they were made: HTML and JSON side by side, under one key."""

    def put(self, key: str, content: bytes, content_type: str) -> None: ...
    def read(self, key: str) -> bytes:
        """NotFoundError where there is no such object."""
        ...

    def keys(self, prefix: str) -> Iterator[str]: ...


class ReportHeads(Protocol):
    """Which cost reports are kept, by the span that they are about."""

    def put(self, head: ReportHead) -> None: ...
    def find(self, report_id: str) -> ReportHead | None: ...
    def of_span(self, span: ReportSpan) -> Sequence[ReportHead]:
        """By scope, and what was made later after what was made before."""
        ...


class ReportRun(NamedTuple):
    """An execution that makes and sends reports: *told* is what it came to, *cause* why it failed."""

    status: str
    told: Mapping[str, Any] | None = None
    cause: str | None = None


class ReportRuns(Protocol):
    """The state machine that makes and sends cost reports."""

    def start(self, run_id: str, span: ReportSpan, *, again: bool) -> None:
        """Unless there is one of that id already."""
        ...

    def find(self, run_id: str) -> ReportRun | None: ...


class SavingsKept(Protocol):
    """What could be saved, a case for each resource."""

    def find(self, saving_id: str) -> Saving | None: ...
    def all(self) -> Mapping[str, Saving]:
        """At most a moment behind."""
        ...

    def save(self, saves: Sequence[Save], act: Act) -> list[Saving]:
        """All in one step (at most 45); ConflictError with `current`, where it is one."""
        ...


class SavingsSnapshots(Protocol):
    """What was recommended, by payer and day, and the documents that say it in whole."""

    def find(self, payer: str, day: date) -> SnapshotDay | None: ...
    def all(self) -> Mapping[str, SnapshotDay]:
        """At most a moment behind."""
        ...

    def save(self, saves: Sequence[Save], act: Act) -> list[SnapshotDay]:
        """All in one step; ConflictError with `current`, where it is one."""
        ...

    def write(
        self, payer: str, day: date, via: Via, stated: Iterable[Recommendation]
    ) -> tuple[str, str, int]:
        """The document, its checksum and the number in it; nobody sees it before a day names it."""
        ...

    def read(self, snapshot: Snapshot) -> Iterator[Recommendation]:
        """Raises FinOpsError where the document is not what the snapshot says."""
        ...


class RealisedKept(Protocol):
    """What savings have realised: documents, and which of them readers see."""

    def find(self) -> RealisedHead | None: ...
    def read(self, head: RealisedHead) -> RealisedSavings:
        """Raises FinOpsError where the document is not what the head says."""
        ...

    def write(self, measured: RealisedSavings) -> str:
        """The document, named by what it says; nobody sees it before a head names it."""
        ...

    def publish(self, head: RealisedHead) -> None:
        """Over the version it was made from; else ConflictError."""
        ...


class Recommendations(Protocol):
    """What AWS recommends to the accounts of a payer, asked now."""

    def of_payer(self, payer: str) -> list[Recommendation]:
        """To the last page; UnansweredError where AWS does not say, which is no word on any."""
        ...


class TaggedResources(Protocol):
    """What AWS's tagging API knows of the resources of an account."""

    def of_region(self, region: str) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Each with its tags, by bare key; UnansweredError where the region does not answer."""
        ...
