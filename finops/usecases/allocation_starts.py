"""Starting allocations: of each bill whose load or rules are newer than what readers see."""

import hashlib
from collections.abc import Iterator
from datetime import date

from finops.domain.allocation_runs import ENGINE
from finops.domain.authorization import Action, must
from finops.domain.bills import Bill
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod
from finops.usecases.grounds import Book
from finops.usecases.ports import AllocationRuns, Allocations, Bills

PAGE = 100
NAMED = 12  # characters of a hash


def ask_allocations(
    *, by: Person, book: Book, bills: Bills, allocations: Allocations, runs: AllocationRuns
) -> list[tuple[str, str]]:
    """The same, because somebody wants it."""
    must(by, Action.RUN_ALLOCATION)
    return start_allocations(book=book, bills=bills, allocations=allocations, runs=runs)


def start_allocations(
    *, book: Book, bills: Bills, allocations: Allocations, runs: AllocationRuns
) -> list[tuple[str, str]]:
    """Allocate what is not up to date; the payers and months.

    It may be called as often as anybody likes: one run at a time is made for the same bill and rules.
    """
    revision = book.revision()
    started: list[tuple[str, str]] = []
    for bill in open_bills(bills, book.grounds.open_from):
        of = (bill.billing_account_id, bill.billing_period)
        current = allocations.find(*of)
        if current is None or not current.is_of(bill.load_id, revision, book.basis):
            runs.start(_name(bill, revision, book), *of)
            started.append(of)
    return started


def open_bills(bills: Bills, open_from: date) -> Iterator[Bill]:
    """The bills of open months, newest month first."""
    first = BillingPeriod.of(open_from)
    cursor: str | None = None
    while True:
        page = bills.all(PAGE, cursor)
        for bill in page.items:
            if BillingPeriod(bill.billing_period) >= first:
                yield bill
        cursor = page.next_cursor
        if cursor is None:
            return


def _name(bill: Bill, revision: int, book: Book) -> str:
    told = f"{bill.billing_account_id} {bill.load_id} {revision} {book.basis} {ENGINE}"
    return f"{bill.billing_period}-{hashlib.sha256(told.encode()).hexdigest()[:NAMED]}-{revision}"
