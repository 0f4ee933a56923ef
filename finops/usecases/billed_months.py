"""What the close of a month is made of: its bills as the ledger has them, and who pays for them."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date
from typing import NamedTuple

from finops.domain.bills import Bill
from finops.domain.class_policies import ChargeClass, CostBasis, PolicyKind
from finops.domain.close_figures import (
    Allotment,
    Allotments,
    InvoiceSum,
    credited,
    discounted,
    summed,
)
from finops.domain.periods import BillingPeriod
from finops.usecases.allocated import Month, Run, Shelf
from finops.usecases.card_spending import absent
from finops.usecases.ports import BilledMonth

KEPT = 3  # months that are remembered


class LedgerBilledMonths:
    """`finops.usecases.ports.BilledMonths`.

    The invoices are read from the ledger, and what is paid of them from the runs on billed cost, so
    that the one can be held against the other. Both never change, so that a month is read once for
    each set of loads and runs.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._known: dict[_Sources, BilledMonth] = {}

    def read(self, month: str, *, is_closed: bool = False) -> BilledMonth:
        look = self._shelf.month(month)
        before = [] if is_closed else self._shelf.bills.in_period(BillingPeriod(month).before)
        missing = absent(look, before)
        sources = _Sources.of(look, missing)
        if sources not in self._known:
            read = self._read(look, sources)
            if len(self._known) >= KEPT:
                self._known.pop(next(iter(self._known)))
            self._known[sources] = read
        return self._known[sources]

    def _read(self, look: Month, sources: "_Sources") -> BilledMonth:
        runs = [run for run in look.runs if "allotments" in run.told]
        found = [(run, self._shelf.billed(run)) for run in runs]
        billed = self._shelf.allotments(on_billed for _, on_billed in found if on_billed)
        invoiced = [one for bill in look.bills for one in self._shelf.invoiced(bill)]
        others = [run for run in runs if run.allocation.basis is not CostBasis.BILLED]
        return BilledMonth(
            month=look.billing_period,
            bill=_invoices(look.billing_period, invoiced),
            billed=_with_owners(invoiced, billed),
            spend=summed(self._shelf.allotments(runs)) if others else None,
            charged=self._charged(look.bills, runs),
            runs=sources.runs,
            loads=sources.loads,
            missing=(
                *sources.missing,
                *(
                    f"the billed cost of payer {run.allocation.billing_account_id} of "
                    f"{look.billing_period} is not allocated yet"
                    for run, on_billed in found
                    if on_billed is None
                ),
            ),
        )

    def _charged(
        self, bills: Collection[Bill], runs: Collection[Run]
    ) -> Mapping[str, Collection[date]]:
        by_payer = {run.allocation.billing_account_id: run for run in runs}
        days: defaultdict[str, set[date]] = defaultdict(set)
        for bill in bills:
            run = by_payer.get(bill.billing_account_id)
            basis = run.allocation.basis if run else CostBasis.BILLED
            classes = self._shared(run, bill.billing_period)
            for account, some in self._shelf.charged_days(bill, basis, classes).items():
                days[account] |= some
        return {account: frozenset(some) for account, some in sorted(days.items())}

    def _shared(self, run: Run | None, month: str) -> list[ChargeClass]:
        """The classes that the shares of accounts split, as a run went by."""
        policies = self._shelf.rules(run).policies if run else None
        decided = {name: policies.on(name, month) if policies else None for name in ChargeClass}
        return [
            name
            for name, policy in decided.items()
            if policy is None or policy.kind is PolicyKind.FOLLOW_SHARES
        ]


class _Sources(NamedTuple):
    """What a month is read from, by payer."""

    month: str
    loads: tuple[tuple[str, str], ...]
    runs: tuple[tuple[str, str], ...]
    billed_runs: tuple[str | None, ...]
    missing: tuple[str, ...]

    @classmethod
    def of(cls, look: Month, missing: tuple[str, ...]) -> "_Sources":
        runs = sorted(look.runs, key=lambda run: run.allocation.billing_account_id)
        return cls(
            look.billing_period,
            tuple(sorted((bill.billing_account_id, bill.load_id) for bill in look.bills)),
            tuple((run.allocation.billing_account_id, run.allocation.run_id) for run in runs),
            tuple(run.allocation.billed_run_id for run in runs),
            missing,
        )


def _invoices(month: str, invoiced: Collection[Allotment]) -> tuple[InvoiceSum, ...]:
    sums: defaultdict[InvoiceSum, int] = defaultdict(int)
    for one in invoiced:
        sums[InvoiceSum(month, one.invoice, 0)] += one.ticks
    return tuple(of._replace(ticks=ticks) for of, ticks in sums.items())


def _with_owners(invoiced: Collection[Allotment], billed: Collection[Allotment]) -> Allotments:
    """Who pays what is *billed*, with AWS's credits and the discounts that the bill states."""
    credits_ = [one._replace(charge_class=None) for one in invoiced if one.is_credit]
    taken_off = [one._replace(ticks=0) for one in invoiced if one.discount]
    return summed([*billed, *credited(credits_, billed), *discounted(taken_off, billed)])
