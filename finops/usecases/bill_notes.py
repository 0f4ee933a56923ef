"""What the bills in force say beside their sums: credits that lines name, discounts they hold."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from finops.domain.bill_notes import BilledDiscounts, CreditLine
from finops.domain.bills import MEASURES, Bill
from finops.domain.charges import ChargeCategory
from finops.domain.places import generation
from finops.usecases.ports import Bills, Ledger

BILLED = MEASURES.index("billed_cost")
KEPT = 200  # loads of bills that are remembered
Of = tuple[str, str, str]
Value = TypeVar("Value")


class _Discounts(NamedTuple):
    """The services by name that a bill has discounts on, and whether it has some on all of it."""

    services: frozenset[str]
    is_whole: bool


class BillNotes:
    """What is asked again and again is read once for each load of a bill, which never changes."""

    def __init__(self, bills: Bills, ledger: Ledger) -> None:
        self._bills = bills
        self._ledger = ledger
        self._discounts: dict[Of, _Discounts] = {}
        self._credited: dict[Of, Mapping[str | None, int]] = {}

    def credits(self, payer: str, period: str) -> list[CreditLine]:
        """The credits that lines of a bill name, the largest first; none where there is no bill."""
        bill = self._bills.find(payer, period)
        lines = self._index(bill).get("credits", ()) if bill else ()
        return [CreditLine.model_validate(line) for line in lines]

    def discounts(self, month: str) -> BilledDiscounts:
        """The discounts that the bills of *month* hold.

        A bill of net costs holds all of them, as does one with a discount on no service by name.
        """
        payers: set[str] = set()
        services: set[tuple[str, str]] = set()
        for bill in self._bills.in_period(month):
            payer, held = bill.billing_account_id, self._discounts_on(bill)
            if held.is_whole:
                payers.add(payer)
            services.update((payer, service) for service in held.services)
        return BilledDiscounts(payers=frozenset(payers), services=frozenset(services))

    def credited(self, month: str) -> dict[str | None, int]:
        """What AWS credited on the bills of *month*, in ticks by currency; more is more credit."""
        sums: dict[str | None, int] = {}
        for bill in self._bills.in_period(month):
            for currency, ticks in self._credited_on(bill).items():
                sums[currency] = sums.get(currency, 0) + ticks
        return sums

    def _discounts_on(self, bill: Bill) -> _Discounts:
        def read() -> _Discounts:
            index = self._index(bill)
            named = index.get("discounted", ())
            is_net = any(summary["is_net"] for summary in index["summaries"])
            return _Discounts(
                frozenset(service for service in named if service is not None),
                is_whole=is_net or None in named,
            )

        return _once(self._discounts, bill, read)

    def _credited_on(self, bill: Bill) -> Mapping[str | None, int]:
        def read() -> Mapping[str | None, int]:
            sums: dict[str | None, int] = {}
            for totals in self._bills.account_totals(bill):
                for day in (totals.days or {}).values():
                    if ChargeCategory.CREDIT in day:
                        less = int(day[ChargeCategory.CREDIT][BILLED])
                        sums[totals.currency] = sums.get(totals.currency, 0) - less
            return sums

        return _once(self._credited, bill, read)

    def _index(self, bill: Bill) -> dict[str, Any]:
        found: dict[str, Any] = self._ledger.get_json(f"{generation(*_of(bill))}/index.json")
        return found


def _once(known: dict[Of, Value], bill: Bill, read: Callable[[], Value]) -> Value:
    """What was read of a load before; of many, those that were read first are forgotten."""
    of = _of(bill)
    if of not in known:
        found = read()
        if len(known) >= KEPT:
            known.pop(next(iter(known)))
        known[of] = found
    return known[of]


def _of(bill: Bill) -> Of:
    return bill.billing_account_id, bill.billing_period, bill.load_id
