"""Daily spend: what products pay by day, and by service, as the published runs say it."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta

from finops.domain.periods import BillingPeriod
from finops.usecases.allocated import Run, Shelf

KEPT = 24  # runs whose days are remembered
AT_ONCE = 200  # products whose services are asked for in one question

Days = dict[date, int]


class RunDailySpend:
    """`finops.usecases.ports.DailySpend`: of all payers together, in one *currency*.

    A bill that names none is taken to be in it. A run never changes, so its days are read once.
    """

    def __init__(self, shelf: Shelf, currency: str) -> None:
        self._shelf, self._currency = shelf, currency
        self._known: dict[str, Mapping[str, Days]] = {}

    def products(self, months: Sequence[str]) -> Mapping[str, Mapping[date, int]]:
        found: defaultdict[str, Days] = defaultdict(dict)
        for run in self._runs(months):
            for product, days in self._products(run).items():
                _into(found[product], days)
        return found

    def services(
        self, months: Sequence[str], products: Collection[str]
    ) -> Mapping[tuple[str, str | None], Mapping[date, int]]:
        listed = sorted(set(products))
        found: defaultdict[tuple[str, str | None], Days] = defaultdict(dict)
        for run in self._runs(months):
            for start in range(0, len(listed), AT_ONCE):
                some = listed[start : start + AT_ONCE]
                by = ("product", "service", "currency", "day")
                for product, service, currency, day, ticks in self._shelf.spend(
                    run, by, {"product": some}
                ):
                    if self._is_plans(currency):
                        _add(found[product, service], _inside(run, day), int(ticks))
        return found

    def unowned(self, months: Sequence[str]) -> Mapping[str, Mapping[date, int]]:
        runs = self._runs(months)
        newest = [run for run in runs if run.allocation.billing_period == max(months, default="")]
        accounts = sorted(
            {
                row.account
                for row in self._shelf.owners(newest, {"product": [""]})
                if row.account is not None
            }
        )
        found: defaultdict[str, Days] = defaultdict(dict)
        if not accounts:
            return found
        asked = {"product": [""], "account": accounts}
        for run in runs:
            by = ("account", "currency", "day")
            for account, currency, day, ticks in self._shelf.sums([run], by, asked):
                if self._is_plans(currency):
                    _add(found[account], _inside(run, day), int(ticks))
        return found

    def first_day(self, months: Sequence[str]) -> date | None:
        return min(
            (BillingPeriod(run.allocation.billing_period).start for run in self._runs(months)),
            default=None,
        )

    def _runs(self, months: Sequence[str]) -> list[Run]:
        return [run for month in months for run in self._shelf.month(month).runs]

    def _products(self, run: Run) -> Mapping[str, Days]:
        known = self._known.pop(run.allocation.run_id, None)
        if known is None:
            if len(self._known) >= KEPT:
                self._known.pop(next(iter(self._known)))
            known = self._read(run)
        self._known[run.allocation.run_id] = known
        return known

    def _read(self, run: Run) -> Mapping[str, Days]:
        found: defaultdict[str, Days] = defaultdict(dict)
        by = ("product", "currency", "day")
        for product, currency, day, ticks in self._shelf.spend(run, by, {}):
            if product is not None and self._is_plans(currency):
                _add(found[product], _inside(run, day), int(ticks))
        return dict(found)

    def _is_plans(self, currency: str | None) -> bool:
        return currency in (None, "", self._currency)


def _inside(run: Run, day: date) -> date:
    month = BillingPeriod(run.allocation.billing_period)
    return min(max(day, month.start), month.end - timedelta(1))


def _add(days: Days, day: date, ticks: int) -> None:
    days[day] = days.get(day, 0) + ticks


def _into(days: Days, more: Mapping[date, int]) -> None:
    for day, ticks in more.items():
        _add(days, day, ticks)
