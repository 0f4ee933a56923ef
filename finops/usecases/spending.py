"""What was spent, as plans are compared with it: the bill, until accounts have owners."""

from collections.abc import Iterator, Mapping, Sequence

from finops.domain.bills import MEASURES, Bill
from finops.usecases.ports import Bills

CREDIT = "Credit"
BILLED = MEASURES.index("billed_cost")
PAGE = 500
NOBODY: Mapping[str, Sequence[int]] = {}


class BilledSpending:
    """`Spending` of an organisation whose accounts have no shares yet: all of it is unallocated.

    Spend is billed cost without AWS-applied credits (specification section 9). A bill never changes
    under its load, so what it adds up to is read once.
    """

    def __init__(self, bills: Bills) -> None:
        self._bills = bills
        self._known: dict[tuple[str, str, str], dict[str | None, int]] = {}

    def of_products(self, months: Sequence[str]) -> Mapping[str, Sequence[int]]:
        return NOBODY

    def unallocated(self, months: Sequence[str]) -> Mapping[str | None, Sequence[int]]:
        place = {str(month): number for number, month in enumerate(months)}
        spent: dict[str | None, list[int]] = {}
        for bill in self._all():
            if bill.billing_period in place:
                for currency, ticks in self._spent(bill).items():
                    sums = spent.setdefault(currency, [0] * len(months))
                    sums[place[bill.billing_period]] += ticks
        return spent

    def _all(self) -> Iterator[Bill]:
        cursor: str | None = None
        while True:
            page = self._bills.all(PAGE, cursor)
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def _spent(self, bill: Bill) -> dict[str | None, int]:
        of = (bill.billing_account_id, bill.billing_period, bill.load_id)
        if of not in self._known:
            sums: dict[str | None, int] = {}
            for totals in self._bills.account_totals(bill):
                for day in (totals.days or {}).values():
                    for category, measures in day.items():
                        if category != CREDIT:
                            sums[totals.currency] = sums.get(totals.currency, 0) + int(
                                measures[BILLED]
                            )
            self._known[of] = sums
        return self._known[of]
