"""Standings: how fresh a month's bills are, and whether what readers see of them is still current."""

import hashlib
import json
from collections.abc import Iterable
from typing import NamedTuple

from finops.domain.allocation_runs import Allocation
from finops.domain.authorization import Action, Reach, reach
from finops.domain.bills import Bill
from finops.domain.people import Person
from finops.usecases.grounds import Book
from finops.usecases.ports import Allocations


class Standing(NamedTuple):
    """A bill, what readers see of its allocation, and whether bill and rules are the same since."""

    bill: Bill
    allocation: Allocation | None
    is_current: bool


def standings(
    bills: Iterable[Bill], allocations: Iterable[Allocation], book: Book
) -> list[Standing]:
    """How far bills are, as every answer about their months says."""
    made = {(one.billing_account_id, one.billing_period): one for one in allocations}
    revision = book.revision() if made else 0
    return [
        Standing(
            bill,
            found := made.get((bill.billing_account_id, bill.billing_period)),
            found is not None
            and found.is_of(
                bill.load_id,
                revision,
                book.basis,
                is_closed=book.is_closed(bill.billing_period),
            ),
        )
        for bill in bills
    ]


def state(found: Iterable[Standing]) -> str:
    """A short name of what is there to be read: another load or run has another one."""
    told = [
        (one.bill.billing_account_id, one.bill.load_id, one.allocation and one.allocation.run_id)
        for one in found
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def seen_standings(
    found: Iterable[Standing], *, by: Person, allocations: Allocations
) -> list[Standing]:
    """Those of bills that *by* may know of: with a scope, where a product in it pays for something."""
    if reach(by, Action.SEE_ALLOCATIONS) is Reach.EVERYWHERE:
        return list(found)
    return [
        one
        for one in found
        if one.allocation and any(allocations.rollups(one.allocation, own) for own in by.reach)
    ]
