"""Months that are billed, closed and billed anew on fakes, for tests of corrections."""

import gzip
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from finops.domain.allocation_runs import Allocation, AllocationTotal
from finops.domain.audit import Act, Deed
from finops.domain.class_policies import ChargeClass, CostBasis
from finops.domain.close_figures import (
    Allotment,
    Allotments,
    Correction,
    Figures,
    InvoiceSum,
    digest,
    summed,
)
from finops.domain.close_files import FileSeal
from finops.domain.column_plans import FileKind
from finops.domain.corrections import CorrectionDocument
from finops.domain.delegations import Signature
from finops.domain.month_closes import (
    BookedCorrections,
    CloseStatus,
    MonthClose,
    Snapshot,
    findings,
)
from finops.domain.places import close_snapshot
from finops.usecases.book_corrections import Booking, Ledgers, book_corrections
from finops.usecases.corrections import booked_in_month, keep
from finops.usecases.ports import BilledMonth, CloseFiles, Closes, Save
from tests.allocation_fakes import InMemoryAllocations
from tests.card_fakes import InMemoryBilledMonths, InMemoryCloseFiles, in_memory_closes
from tests.fakes import InMemoryRecords

UNIT = 10**10
JULY, AUGUST, SEPTEMBER, OCTOBER = "2026-07", "2026-08", "2026-09", "2026-10"
AT = datetime(2026, 11, 3, 9, tzinfo=UTC)
ACT = Act(actor="the calendar", at=AT, request_id="request-1")
FIN = Signature(by="fin@example.com")
PAYER = "111111111111"
SHOP = "retail.digital.storefront.web-shop"
TILLS = "retail.stores.tills.registers"
LOANS = "bank.credit.lending.loans"


def allotment(amount: int, product: str | None = SHOP, **said: Any) -> Allotment:
    """So many units that a product pays on invoice INV-1."""
    usual: dict[str, Any] = {
        "payer": PAYER,
        "currency": "USD",
        "invoice_id": "INV-1",
        "issuer": "AWS",
        "account": "3333",
        "charge_category": "Usage",
        "charge_class": ChargeClass.USAGE,
        "product_id": product,
        "reason": None if product else "NoShare",
        "ticks": amount * UNIT,
    }
    return Allotment(**usual | said)


class Books:
    """Closes, snapshots and bills; each bill is a run of its own."""

    def __init__(self) -> None:
        self.records = InMemoryRecords()
        self.closes = in_memory_closes(self.records)
        self.files = InMemoryCloseFiles()
        self.billed = InMemoryBilledMonths()
        self.allocations = InMemoryAllocations()
        self._runs = 0

    @property
    def ledgers(self) -> Ledgers:
        return Ledgers(self.closes, self.files, self.billed, self.allocations)

    # -- what happens ------------------------------------------------------------------------------

    def bill(
        self,
        month: str,
        *billed: Allotment,
        spend: Iterable[Allotment] | None = None,
        missing: tuple[str, ...] = (),
    ) -> None:
        """From now on the bill of *month* says this, and is allocated."""
        self._runs += 1
        run = f"run-{self._runs}"
        sums: Counter[Any] = Counter()
        for one in billed:
            sums[one.invoice] += one.ticks
        self.billed.months[month] = BilledMonth(
            month=month,
            bill=tuple(InvoiceSum(month, of, ticks) for of, ticks in sums.items()),
            billed=summed(billed),
            spend=None if spend is None else summed(spend),
            charged={},
            runs=((PAYER, run),),
            loads=((PAYER, f"load-{self._runs}"),),
            missing=missing,
        )
        known = self.allocations.find(PAYER, month)
        self.allocations.publish(
            Allocation(
                billing_account_id=PAYER,
                billing_period=month,
                run_id=run,
                load_id=f"load-{self._runs}",
                basis=CostBasis.BILLED if spend is None else CostBasis.EFFECTIVE,
                revision=1,
                made_at=AT,
                lineage=(run,),
                totals=(AllocationTotal(currency="USD", allocated=0),),
                version=known.version if known else 0,
            )
        )

    def begin(self, month: str) -> MonthClose:
        """The close of *month* begins with the figures of now, its corrections among them."""
        before = self.closes.find(month)
        close = before or MonthClose.new(month)
        billed, corrections = self.billed.read(month), booked_in_month(close, self.files)
        is_apart = billed.spend is not None or corrections.spend is not None
        since = corrections.billed if corrections.spend is None else corrections.spend
        figures = Figures(
            month=month,
            bill=billed.bill,
            billed=billed.billed,
            spend=(billed.spend or billed.billed) if is_apart else None,
            corrections=corrections.billed,
            spend_corrections=since if is_apart else None,
            booked=corrections.booked,
        )
        kept = figures.snapshot
        snapshot = Snapshot(
            key=close_snapshot(month, digest(kept)), sha256=digest(kept), runs=billed.runs
        )
        self.files.put(snapshot.key, gzip.compress(kept, mtime=0))
        after = close.begun(findings(), snapshot, by=FIN, at=AT, last_closed=self.last_closed)
        return self._save(before, after, "Begin")

    def complete(self, month: str) -> MonthClose:
        before = self.closes.find(month)
        assert before is not None
        seal = FileSeal(kind=FileKind.AP, sha256="b" * 64, size=7, rows=1)
        return self._save(before, before.completed([seal], AT), "Complete")

    def give_up(self, month: str) -> MonthClose:
        before = self.closes.find(month)
        assert before is not None
        return self._save(before, before.given_up("no space left", AT), "GiveUp")

    def close(self, month: str) -> MonthClose:
        self.begin(month)
        return self.complete(month)

    def book(self, month: str) -> Booking:
        return book_corrections(month, ledgers=self.ledgers, act=ACT)

    def _save(self, before: MonthClose | None, after: MonthClose, action: str) -> MonthClose:
        return self.closes.save([Save(before, after, Deed(action=action))], ACT)[0]

    # -- what there is -----------------------------------------------------------------------------

    @property
    def last_closed(self) -> str | None:
        closed = [one.month for one in self.closes.all().values() if one.is_closed]
        return max(closed, default=None)

    @property
    def closing(self) -> str | None:
        every = self.closes.all().values()
        return next((one.month for one in every if one.status is CloseStatus.CLOSING), None)

    def figures(self, month: str) -> Figures:
        """What a month was closed with, as it is kept."""
        close = self.closes.find(month)
        assert close is not None
        assert close.snapshot is not None
        return Figures.of(gzip.decompress(self.files.read(close.snapshot.key)))

    def booked(self, original_period: str) -> dict[str, tuple[Correction, ...]]:
        """The corrections of a month, by the one that has booked them."""
        found = {}
        for month, close in sorted(self.closes.all().items()):
            of = booked_in_month(close, self.files).billed
            if some := tuple(one for one in of if one.original_period == original_period):
                found[month] = some
        return found

    def latest(self, month: str) -> Allotments:
        return self.billed.read(month).billed


def units(corrections: Iterable[Correction]) -> int:
    """What they come to."""
    return sum(one.of.ticks for one in corrections) // UNIT


def in_units(booked: Mapping[str, Iterable[Correction]]) -> dict[str, int]:
    return {month: units(some) for month, some in booked.items()}


def booked(
    closes: Closes,
    files: CloseFiles,
    *told: Allotment,
    product: str = SHOP,
    original_period: str = "2026-02",
    month: str = "2026-03",
    charged: Iterable[Allotment] | None = None,
) -> BookedCorrections:
    """Corrections that *month* has booked, however that came about: these, or 15 of *product*."""
    some = told or (allotment(15, product),)
    made = CorrectionDocument(
        original_period=original_period,
        corrections=tuple(Correction(original_period, one) for one in some),
        charged=None
        if charged is None
        else tuple(Correction(original_period, one) for one in charged),
    )
    key, sha256 = keep(made, files)
    new = BookedCorrections(
        original_period=original_period,
        key=key,
        sha256=sha256,
        runs=((PAYER, "run-1"),),
        net=made.net,
        at=AT,
    )
    before = closes.find(month)
    after = (before or MonthClose.new(month)).with_corrections(new, AT)
    closes.save([Save(before, after, Deed(action="BookCorrections"))], ACT)
    return new
