"""A month that is ready to be closed, on the fakes of an organisation: February 2026, seen in March."""

import tempfile
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from finops.domain.allocation_runs import Allocation
from finops.domain.audit import Deed
from finops.domain.bills import Bill, BillTotal
from finops.domain.class_policies import ChargeClass, CostBasis
from finops.domain.close_figures import Allotment, Header, InvoiceSum, summed
from finops.domain.loads import Costs
from finops.domain.month_closes import MonthClose
from finops.domain.paces import Pace
from finops.domain.people import Person, Role
from finops.domain.periods import BillingPeriod, spend_periods
from finops.domain.spend_cards import CardKey, CardStatus, Spend, SpendCard
from finops.usecases.bill_notes import BillNotes
from finops.usecases.close_month import (
    Archive,
    begin,
    complete,
    deliver,
    give_up,
    settle,
    write_files,
)
from finops.usecases.credits import Treasury
from finops.usecases.grounds import Edition
from finops.usecases.month_closes import CloseDesk, set_headers
from finops.usecases.ports import BilledMonth, Save, Settlement
from tests.card_fakes import (
    InMemoryBilledMonths,
    InMemoryCardSpending,
    InMemoryCloseDelivery,
    InMemoryCloseFiles,
    InMemoryCloseRuns,
    InMemorySettlement,
)
from tests.fakes import FolderLedger, InMemoryBills
from tests.usecases.organisation import LOANS, NOW, UNIT, WEB_SHOP, Organisation, act

MONTH, NEXT = "2026-02", "2026-03"
PAYER, OTHER = "111111111111", "222222222222"
ACCOUNT = "333333333333"


def allotment(amount: int, product: str | None = WEB_SHOP, **said: Any) -> Allotment:
    """So many units that a product pays of an account's usage on invoice INV-1."""
    usual: dict[str, Any] = {
        "payer": PAYER,
        "currency": "USD",
        "invoice_id": "INV-1",
        "issuer": "AWS",
        "account": ACCOUNT,
        "charge_category": "Usage",
        "charge_class": ChargeClass.USAGE,
        "product_id": product,
        "reason": None if product else "No share in force",
        "ticks": amount * UNIT,
    }
    return Allotment(**usual | said)


USUAL = (
    allotment(100),
    allotment(40, LOANS),
    allotment(7, LOANS, payer=OTHER, invoice_id="INV-2", issuer="A seller", currency="EUR"),
)


class Closing:
    """What a close is made with: the organisation's ports, and those of the bill and its files."""

    def __init__(self, organisation: Organisation) -> None:
        self.organisation = organisation
        self.bills = InMemoryBills()
        self.billed = InMemoryBilledMonths()
        self.card_spending = InMemoryCardSpending()
        self.files = InMemoryCloseFiles()
        self.delivery = InMemoryCloseDelivery()
        self.runs = InMemoryCloseRuns()
        self.settlement: Settlement = InMemorySettlement(organisation.records)
        self.cards_from: date | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="closing-")
        self.ledger = FolderLedger(Path(self._folder.name))

    @property
    def treasury(self) -> Treasury:
        of = self.organisation
        notes = BillNotes(self.bills, self.ledger)
        return Treasury(of.credits, of.product_spend, self.bills, notes, date(2000, 1, 1), "USD")

    @property
    def desk(self) -> CloseDesk:
        of = self.organisation
        return CloseDesk(
            closes=of.closes,
            files=self.files,
            billed=self.billed,
            cards=of.spend_cards,
            card_spending=self.card_spending,
            cards_from=self.cards_from,
            shares=of.shares,
            treasury=self.treasury,
            budgets=of.budgets,
            charts=of.charts,
            allocations=of.allocations,
            edition=Edition(of.rulebook, of.charts, CostBasis.BILLED),
            settings=of.settings_kept,
            first_month=of.first_month,
        )

    @property
    def archive(self) -> Archive:
        return Archive(self.organisation.closes, self.files)

    # -- what there is -----------------------------------------------------------------------------

    def close(self, month: str = MONTH) -> MonthClose:
        return self.organisation.closes.find(month) or MonthClose.new(month)

    # -- what happens ------------------------------------------------------------------------------

    def bill(
        self, *billed: Allotment, month: str = MONTH, is_final: bool = True, **said: Any
    ) -> None:
        """The bills of *month* are loaded and allocated as the rules are now."""
        sums: Counter[Any] = Counter()
        for one in billed:
            sums[one.invoice] += one.ticks
        payers = sorted({one.payer for one in billed})
        every = sorted({*payers, *(one.billing_account_id for one in self.bills.in_period(month))})
        usual: dict[str, Any] = {
            "month": month,
            "bill": tuple(InvoiceSum(month, of, ticks) for of, ticks in sums.items()),
            "billed": summed(billed),
            "spend": None,
            "charged": {},
            "runs": tuple((payer, f"run-{payer}") for payer in every),
            "loads": tuple((payer, f"load-{payer}") for payer in every),
        }
        self.billed.months[month] = BilledMonth(**usual | said)
        for payer in payers:
            self._loaded(payer, month, is_final, [one for one in billed if one.payer == payer])
            self.allocated(payer, month)

    def _loaded(
        self, payer: str, month: str, is_final: bool, billed: Iterable[Allotment] = ()
    ) -> None:
        known = self.bills.find(payer, month)
        at = datetime.fromisoformat(f"{BillingPeriod(month).end}T08:00:00+00:00")
        sums: Counter[str | None] = Counter()
        for one in billed:
            sums[one.currency] += one.ticks
        totals = tuple(
            BillTotal(
                billing_currency=currency,
                costs=Costs(billed_cost=ticks),
                last_usage_day=str(BillingPeriod(month).end - timedelta(1)),
                lines_without_invoice=0 if is_final else 3,
            )
            for currency, ticks in sums.items()
        )
        bill = Bill(
            billing_account_id=payer,
            billing_period=month,
            load_id=f"load-{payer}",
            delivered_at=at,
            published_at=at,
            lineage=(f"load-{payer}",),
            totals=totals,
            version=known.version if known else 0,
        )
        self.bills.publish([bill])
        told = {"summaries": [{"is_net": False}], "discounted": [], "credits": []}
        root = f"ledger/payer={payer}/billing_period={month}/load=load-{payer}"
        self.ledger.put_json(f"{root}/index.json", told)

    def allocated(self, payer: str = PAYER, month: str = MONTH) -> None:
        """A run is published that knows all rules."""
        known = self.organisation.allocations.find(payer, month)
        self.organisation.allocations.publish(
            Allocation(
                billing_account_id=payer,
                billing_period=month,
                run_id=f"run-{payer}",
                load_id=f"load-{payer}",
                basis=CostBasis.BILLED,
                revision=self.desk.edition.revision(),
                made_at=NOW,
                lineage=(f"run-{payer}",),
                totals=(),
                version=known.version if known else 0,
            )
        )

    def card(
        self,
        product: str = WEB_SHOP,
        start: str = "2026-02-01",
        status: CardStatus = CardStatus.APPROVED,
    ) -> None:
        """A card of the month, however it came to its *status*."""
        key = CardKey(product, date.fromisoformat(start), "USD")
        made = SpendCard.made(key, Spend(lines=(), runs=("run",), revision=1), pace=Pace(), at=NOW)
        deed = Deed(action="Make", element=product)
        cards = self.organisation.spend_cards
        cards.save([Save(None, made.changed(status=status), deed)], act())

    def fill_headers(self, by: Person, *more: Header, month: str = MONTH) -> MonthClose:
        """A header for each payer and business unit that a month bills, and *more*."""
        found: dict[tuple[str, str | None], Header] = {}
        for one in self.billed.read(month).billed:
            known = found.get((one.payer, one.unit))
            invoices = {*(known.invoices if known else ()), one.invoice_id or "by mail"}
            found[one.payer, one.unit] = header(one.payer, one.unit, *sorted(invoices))
        found |= {(one.payer, one.unit): one for one in more}
        version = self.close(month).version
        return set_headers(
            month, list(found.values()), version, by=by, desk=self.desk, act=act(by.email)
        )

    def ready(self) -> Person:
        """February is billed and signed, its headers are filled: all is green; who may close it."""
        made = self.organisation
        if not made.charts.heads():
            made.drop()
        admin = made.people.find("fin@example.com") or made.staff()[Role.FINANCIAL_ADMIN]
        self.bill(*USUAL)
        self.card()
        self.fill_headers(admin)
        return admin

    # -- its steps ---------------------------------------------------------------------------------

    def begin(
        self, by: Person, month: str = MONTH, at: datetime = NOW, attempt: int = 1
    ) -> MonthClose:
        return begin(month, attempt, by=by, desk=self.desk, act=act(by.email, at))

    def write(self, month: str = MONTH, attempt: int = 1) -> str | None:
        return write_files(month, attempt, archive=self.archive)

    def complete(
        self, key: str | None, month: str = MONTH, at: datetime = NOW, attempt: int = 1
    ) -> MonthClose:
        return complete(
            month,
            attempt,
            key,
            archive=self.archive,
            credits_=self.organisation.credits,
            settlement=self.settlement,
            act=act("fin@example.com", at),
        )

    def give_up(self, reason: str, month: str = MONTH, attempt: int = 1) -> MonthClose:
        closes = self.organisation.closes
        return give_up(month, attempt, reason, closes=closes, act=act("the close"))

    def deliver(self, month: str = MONTH) -> int:
        credits_ = self.organisation.credits
        settle(month, archive=self.archive, credits_=credits_, act=act("the close"))
        return deliver(month, archive=self.archive, delivery=self.delivery)

    def run(self, by: Person, month: str = MONTH, at: datetime = NOW) -> MonthClose:
        """All steps, one after the other."""
        self.begin(by, month, at)
        found = self.complete(self.write(month), month, at)
        self.deliver(month)
        return found


_KNOWN: WeakKeyDictionary[Organisation, Closing] = WeakKeyDictionary()


def closing_of(organisation: Organisation) -> Closing:
    """The one close that an organisation's doors know of."""
    known = _KNOWN.get(organisation)
    if known is None:
        known = _KNOWN[organisation] = Closing(organisation)
    return known


def header(payer: str, unit: str | None, *invoices: str, **said: Any) -> Header:
    usual: dict[str, Any] = {"vendor": "AWS", "purchase_order": "PO-7", "memo": "Cloud"}
    return Header(payer=payer, unit=unit, invoices=invoices, **usual | said)


def weeks(month: str = MONTH) -> Iterable[date]:
    return [week.start for week in spend_periods(BillingPeriod(month))]
