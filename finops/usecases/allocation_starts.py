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

    A bill of a closed month is allocated where it was loaded anew, and not because of rules. It may
    be called as often as anybody likes: one run at a time is made for the same bill and rules.
    """
    revision = book.revision()
    # Closed months grow ever more, and hardly one of them changes: they are read at once.
    known = {(one.billing_account_id, one.billing_period): one for one in allocations.all()}
    started: list[tuple[str, str]] = []
    for bill in every_bill(bills):
        of = (bill.billing_account_id, bill.billing_period)
        is_closed = book.is_closed(bill.billing_period)
        current = known.get(of) if is_closed else allocations.find(*of)
        if current is None or not current.is_of(
            bill.load_id, revision, book.basis, is_closed=is_closed
        ):
            runs.start(_name(bill, revision, book), *of)
            started.append(of)
    return started


def open_bills(bills: Bills, open_from: date) -> Iterator[Bill]:
    """The bills of open months, newest month first."""
    first = BillingPeriod.of(open_from)
    return (bill for bill in every_bill(bills) if BillingPeriod(bill.billing_period) >= first)


def every_bill(bills: Bills) -> Iterator[Bill]:
    """All of them, newest month first."""
    cursor: str | None = None
    while True:
        page = bills.all(PAGE, cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _name(bill: Bill, revision: int, book: Book) -> str:
    told = f"{bill.billing_account_id} {bill.load_id} {revision} {book.basis} {ENGINE}"
    return f"{bill.billing_period}-{hashlib.sha256(told.encode()).hexdigest()[:NAMED]}-{revision}"
