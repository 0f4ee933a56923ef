"""What spend cards are made of: what the published runs of all payers say of a month's weeks."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date

from finops.domain.bills import Bill
from finops.domain.periods import BillingPeriod
from finops.domain.spend_cards import CardKey, CardLine, LineKey, Spend
from finops.usecases.allocated import Month, Run, Shelf
from finops.usecases.ports import MonthSpend, MonthStanding

KEPT = 24  # looks at months whose totals are remembered
Of = tuple[str, str | None]  # a product, and a currency


class RunCardSpending:
    """`finops.usecases.ports.CardSpending`: the runs that readers see, those of all payers together.

    What some runs say never changes, so the totals of a month are read once for each set of runs.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._totals: dict[tuple[str, ...], Mapping[Of, Mapping[date, int]]] = {}

    def standing(self, month: str) -> MonthStanding:
        return self._standing(self._shelf.month(month))

    def spend(self, month: str, products: Collection[str] | None = None) -> MonthSpend:
        look = self._shelf.month(month)
        standing = self._standing(look)
        runs = _named(look.runs)
        lines: defaultdict[CardKey, list[CardLine]] = defaultdict(list)
        for key, line, ticks in self._shelf.card_lines(_with_cards(look.runs), products):
            lines[key].append(_line(line, ticks))
        spends: defaultdict[Of, dict[date, Spend]] = defaultdict(dict)
        for key in sorted(lines, key=lambda key: (key.product_id, key.currency or "", key.start)):
            spend = Spend(lines=tuple(lines[key]), runs=runs, revision=standing.revision)
            spends[key.product_id, key.currency][key.start] = spend
        return MonthSpend(standing, dict(spends))

    def totals(self, month: str) -> Mapping[Of, Mapping[date, int]]:
        runs = self._shelf.month(month).runs
        named = _named(runs)
        if named not in self._totals:
            found: defaultdict[Of, dict[date, int]] = defaultdict(dict)
            for of, start, ticks in self._shelf.weeks(_with_cards(runs)):
                found[of][start] = ticks
            if len(self._totals) >= KEPT:
                self._totals.pop(next(iter(self._totals)))
            self._totals[named] = {of: dict(sorted(weeks.items())) for of, weeks in found.items()}
        return self._totals[named]

    def _standing(self, look: Month) -> MonthStanding:
        missing = absent(
            look, self._shelf.bills.in_period(BillingPeriod(look.billing_period).before)
        )
        days = [bill.complete_through for bill in look.bills]
        known = [day for day in days if day is not None]
        return MonthStanding(
            month=look.billing_period,
            runs={run.allocation.billing_account_id: run.allocation.run_id for run in look.runs},
            revision=min((run.allocation.revision for run in look.runs), default=0),
            complete_through=min(known) if not missing and len(known) == len(days) else None,
            is_final=not missing and all(bill.is_final for bill in look.bills),
            missing=missing,
        )


def absent(look: Month, before: Iterable[Bill]) -> tuple[str, ...]:
    """Which payers' bills of a month are not there, or not allocated as they are now, in words.

    Those with a bill are expected, and those that had one the month *before*, until all bills that
    came are final: who has sent none by then has left, or is told of by the check list of the close.
    """
    month = look.billing_period
    bills = {bill.billing_account_id: bill for bill in look.bills}
    runs = {run.allocation.billing_account_id: run for run in look.runs}
    payers = set(bills)
    if not (bills and all(bill.is_final for bill in bills.values())):
        payers |= {bill.billing_account_id for bill in before}
    if not payers:
        return (f"no payer has a bill of {month}",)
    found: list[str] = []
    for payer in sorted(payers):
        if payer not in bills:
            found.append(f"payer {payer} has no bill of {month}, and had one the month before")
        elif payer not in runs:
            found.append(f"the bill of payer {payer} of {month} is not allocated yet")
        elif runs[payer].allocation.load_id != bills[payer].load_id:
            found.append(f"the newest bill of payer {payer} of {month} is not allocated yet")
        elif "cards" not in runs[payer].told:
            found.append(f"the bill of payer {payer} of {month} is to be allocated anew")
    return tuple(found)


def _named(runs: Sequence[Run]) -> tuple[str, ...]:
    return tuple(sorted(run.allocation.run_id for run in runs))


def _with_cards(runs: Sequence[Run]) -> list[Run]:
    """Those that sum up cards; runs of an older engine do not, and are told of as absent."""
    return [run for run in runs if "cards" in run.told]


def _line(key: LineKey, ticks: int) -> CardLine:
    return CardLine(
        account_id=key.account_id,
        kind=key.kind,
        workload_id=key.workload_id,
        rule=key.rule,
        service=key.service,
        amount=ticks,
    )
