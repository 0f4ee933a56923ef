"""What was spent, as plans are compared with it: what is allocated, and the rest of the bill."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from finops.domain.allocation_runs import Allocation
from finops.domain.bills import MEASURES, Bill
from finops.domain.charges import ChargeCategory
from finops.domain.class_policies import CostBasis
from finops.domain.places import allocation
from finops.usecases.ports import Allocations, Bills, Ledger, Spent

PAGE = 500
KEPT = 400  # bills and runs that are remembered

Of = tuple[str, str]


def spend_of(bill: Bill, basis: CostBasis, bills: Bills) -> dict[str | None, int]:
    """The cost of all of a bill but what AWS credited, in ticks by currency.

    Source: specification section 9.
    """
    place = MEASURES.index(basis.column)
    sums: defaultdict[str | None, int] = defaultdict(int)
    for totals in bills.account_totals(bill):
        for day in (totals.days or {}).values():
            for category, measures in day.items():
                if category != ChargeCategory.CREDIT:
                    sums[totals.currency] += int(measures[place])
    return dict(sums)


class _Seen(NamedTuple):
    """The bills of some months, and what is allocated of them."""

    bills: Mapping[Of, Bill]
    allocations: Mapping[Of, Allocation]

    @property
    def state(self) -> Hashable:
        """Runs and loads by payer and month: neither ever says anything else."""
        return tuple(
            (of, self.allocations[of].run_id if of in self.allocations else bill.load_id)
            for of, bill in sorted(self.bills.items())
        )


class AllocatedSpending:
    """`Spending` and `WorkloadSpend`: what owners pay; to nobody, what no run was made of yet.

    Plans are in one *currency*; a bill that names none is taken to be in it. What a run or a load
    says never changes, so it is read once.
    """

    def __init__(
        self,
        allocations: Allocations,
        bills: Bills,
        ledger: Ledger,
        *,
        currency: str,
        basis: CostBasis,
    ) -> None:
        self._allocations, self._bills, self._ledger = allocations, bills, ledger
        self._currency = currency
        self._basis = basis
        self._known: dict[tuple[str, str, str], Any] = {}
        self._added: dict[tuple[str, ...], Spent] = {}

    def spent(self, months: Sequence[str]) -> Spent:
        seen = self._seen(months)
        named = tuple(str(month) for month in months)
        known = self._added.get(named)
        if known is None or known.state != seen.state:
            known = self._added[named] = self._sums(named, seen)
        return known

    def of_workloads(self, month: str) -> Mapping[str, int] | None:
        """`WorkloadSpend`: ticks of a month by workload, in the currency of plans."""
        allocations = self._seen([month]).allocations
        if not allocations:
            return None
        found: defaultdict[str, int] = defaultdict(int)
        for allocated in allocations.values():
            for currency, workloads in self._told(allocated)["workloads"].items():
                for workload, ticks in workloads.items():
                    if self._is_plans(currency):
                        found[workload] += ticks
        return dict(found)

    def _sums(self, months: Sequence[str], seen: _Seen) -> Spent:
        place = {month: number for number, month in enumerate(months)}
        products: defaultdict[str, list[int]] = defaultdict(lambda: [0] * len(months))
        others: defaultdict[str | None, list[int]] = defaultdict(lambda: [0] * len(months))
        nobodys: defaultdict[str | None, list[int]] = defaultdict(lambda: [0] * len(months))
        for of, bill in seen.bills.items():
            month, allocated = place[of[1]], seen.allocations.get(of)
            for currency, ticks in self._unallocated(bill, allocated).items():
                nobodys[currency][month] += ticks
            told = self._told(allocated)["products"] if allocated else {}
            for currency, by_product in told.items():
                for product, ticks in by_product.items():
                    if self._is_plans(currency):
                        products[product][month] += ticks
                    else:
                        others[currency][month] += ticks
        return Spent(
            products=dict(products),
            unallocated={name: spent for name, spent in nobodys.items() if any(spent)},
            others=dict(others),
            state=seen.state,
        )

    def _is_plans(self, currency: str) -> bool:
        return currency in ("", self._currency)

    def _seen(self, months: Sequence[str]) -> _Seen:
        wanted = {str(month) for month in months}
        bills = {
            (bill.billing_account_id, bill.billing_period): bill
            for bill in self._all_bills()
            if bill.billing_period in wanted
        }
        return _Seen(
            bills,
            {
                of: one
                for one in self._allocations.all()
                if (of := (one.billing_account_id, one.billing_period)) in bills
            },
        )

    def _all_bills(self) -> Iterator[Bill]:
        cursor: str | None = None
        while True:
            page = self._bills.all(PAGE, cursor)
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def _unallocated(self, bill: Bill, allocated: Allocation | None) -> dict[str | None, int]:
        if allocated is not None:
            return {total.currency: sum(total.unallocated.values()) for total in allocated.totals}
        of = (bill.billing_account_id, bill.billing_period, bill.load_id)
        found: dict[str | None, int] = self._once(
            of, lambda: spend_of(bill, self._basis, self._bills)
        )
        return found

    def _told(self, allocated: Allocation) -> dict[str, dict[str, dict[str, int]]]:
        """What a run's index tells of products and workloads, by currency."""
        of = (allocated.billing_account_id, allocated.billing_period, allocated.run_id)

        def read() -> dict[str, Any]:
            index = self._ledger.get_json(f"{allocation(*of)}/index.json")
            return {name: index[name] for name in ("products", "workloads")}

        found: dict[str, dict[str, dict[str, int]]] = self._once(of, read)
        return found

    def _once(self, of: tuple[str, str, str], read: Callable[[], Any]) -> Any:
        """What a payer's month is by one run or load; those asked for longest ago are forgotten."""
        value = self._known.pop(of, None)
        if value is None:
            if len(self._known) >= KEPT:
                self._known.pop(next(iter(self._known)))
            value = read()
        self._known[of] = value
        return value
