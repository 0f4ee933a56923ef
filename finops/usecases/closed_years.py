"""A year of months: what each was closed with, what was corrected since, what it is by now."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from finops.domain.authorization import Action, may, must, must_reach
from finops.domain.bills import Bill
from finops.domain.class_policies import CostBasis
from finops.domain.corrections import MonthSums, Sums, YearLine, sums_of, year_lines
from finops.domain.elements import ENTERPRISE, ancestors, covers, level
from finops.domain.fiscal_years import FiscalYear
from finops.domain.month_closes import BookedCorrections, MonthClose, closed_before
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod
from finops.usecases.allocated import Month, Shelf
from finops.usecases.close_month import snapshot_of
from finops.usecases.corrections import document
from finops.usecases.memo import Memo
from finops.usecases.ports import CloseFiles, Closes
from finops.usecases.spending import spend_of


class YearSources(NamedTuple):
    """What a year is told from; what was closed never changes, and is read once."""

    closes: Closes
    files: CloseFiles
    shelf: Shelf
    first_month: int
    basis: CostBasis
    memo: Memo


class ElementLine(NamedTuple):
    """A month of an element; None: of what nobody owns."""

    element: str | None
    line: YearLine


class YearAnswer(NamedTuple):
    """A fiscal year by month: of elements, of all of them together, and of the invoices.

    *bill* holds AWS's credits, and is None for who does not see the bill. *bills* are those in force
    that the newest figures are of, as far as the reader may know of them.
    """

    year: FiscalYear
    lines: Sequence[ElementLine]
    totals: Sequence[YearLine]
    bill: Sequence[YearLine] | None
    bills: Sequence[Bill]


def closed_year(year: int, element: str | None, *, by: Person, sources: YearSources) -> YearAnswer:
    """What owners are charged with in each month of a fiscal year, by what they were told of it.

    Of *element* and those right below it, or of all of a scope. Raises NotFoundError for an element
    that lies outside of it.
    """
    must_reach(by, Action.SEE_CORRECTIONS)
    if element is not None:
        must(by, Action.SEE_CORRECTIONS, element)
    tops = by.reach if element is None else (element,)
    fiscal_year = FiscalYear(year, sources.first_month)
    closes = sources.closes.all()
    months = [sources.shelf.month(month) for month in fiscal_year.months]
    told = [_month(month, closes, sources) for month in months]
    lines = [
        ElementLine(each, line)
        for each in _elements(told, tops)
        for line in year_lines(told, (each,))
    ]
    if ENTERPRISE in tops:
        lines += [ElementLine(None, line) for line in year_lines(map(_nobodys, told))]
    return YearAnswer(
        fiscal_year,
        lines,
        year_lines(told, tops),
        _bill(months, closes, sources) if may(by, Action.SEE_BILL) else None,
        [bill for month in months for bill in _known(month, by)],
    )


def _elements(months: Iterable[MonthSums], tops: Sequence[str]) -> list[str]:
    """Each of *tops*, and behind it the elements right below it that any month has something of."""
    products = {
        product
        for month in months
        for sums in (month.closed, month.corrected, month.latest)
        for product, _ in sums
        if product is not None
    }
    found: list[str] = []
    for top in tops:
        below = {
            element
            for product in products
            if covers(top, product)
            for element in ancestors(product)
            if level(element) == level(top) + 1
        }
        found += [top, *sorted(below)]
    return list(dict.fromkeys(found))


def _nobodys(month: MonthSums) -> MonthSums:
    def of(sums: Sums) -> Sums:
        return {key: ticks for key, ticks in sums.items() if key[0] is None}

    return month._replace(
        closed=of(month.closed), corrected=of(month.corrected), latest=of(month.latest)
    )


def _month(month: Month, closes: Mapping[str, MonthClose], sources: YearSources) -> MonthSums:
    """What owners were charged with at the close, what was corrected, and what they are by now."""
    close = closes.get(month.billing_period)
    if close is None or not close.is_closed:
        return _not_closed(month.billing_period, _latest(month, sources), closes)
    corrected: Counter[tuple[str | None, str | None]] = Counter()
    for sums, _ in _corrections(month.billing_period, closes, sources):
        corrected.update(sums)
    return MonthSums(
        month.billing_period, _closed(close, sources)[0], corrected, _latest(month, sources)
    )


def _not_closed(month: str, latest: Sums, closes: Mapping[str, MonthClose]) -> MonthSums:
    """An open month, or one that was passed over: all that its bill says now."""
    is_passed_over = BillingPeriod(month).start < closed_before(closes.values())
    return MonthSums(month, {}, {}, latest, is_closed=False, is_passed_over=is_passed_over)


def _latest(month: Month, sources: YearSources) -> Sums:
    """As the published runs have it; nobody owns what no run was made of yet."""
    sums: Counter[tuple[str | None, str | None]] = Counter()
    for run in month.runs:
        for currency, products in run.told["products"].items():
            for product, ticks in products.items():
                sums[product, currency or None] += ticks
        for currency, reasons in run.told["unallocated"].items():
            sums[None, currency or None] += sum(reasons.values())
    for bill in month.waiting:
        for name, ticks in spend_of(bill, sources.basis, sources.shelf.bills).items():
            sums[None, name] += ticks
    return sums


Kept = tuple[Sums, Mapping[str | None, int]]  # of owners, and of the invoices by currency


def _closed(close: MonthClose, sources: YearSources) -> Kept:
    """What a month was closed with."""

    def read() -> Kept:
        figures = snapshot_of(close, sources.files)
        invoices: Counter[str | None] = Counter()
        for one in figures.bill:
            invoices[one.invoice.currency] += one.ticks
        return sums_of(figures.charged), invoices

    return sources.memo.of(("closed month", close.month), close.snapshot, read)


def _corrections(month: str, closes: Mapping[str, MonthClose], sources: YearSources) -> list[Kept]:
    """What was corrected of a month, booking by booking."""
    booked = (one for close in closes.values() for one in close.corrections)
    return [
        sources.memo.of(("corrections", one.key), one.sha256, partial(_read, one, sources.files))
        for one in booked
        if one.original_period == month
    ]


def _read(booked: BookedCorrections, files: CloseFiles) -> Kept:
    made = document(booked, files)
    return sums_of(each.of for each in made.owners), dict(made.net)


def _bill(
    months: Iterable[Month], closes: Mapping[str, MonthClose], sources: YearSources
) -> list[YearLine]:
    """The same of the invoices, AWS's credits among them."""

    def of(sums: Mapping[str | None, int]) -> Sums:
        return {(None, currency): ticks for currency, ticks in sums.items()}

    found = []
    for month in months:
        latest: Counter[str | None] = Counter()
        for bill in month.bills:
            for total in bill.totals:
                latest[total.billing_currency] += total.costs.billed_cost
        close = closes.get(month.billing_period)
        if close is None or not close.is_closed:
            found.append(_not_closed(month.billing_period, of(latest), closes))
            continue
        corrected: Counter[str | None] = Counter()
        for _, net in _corrections(month.billing_period, closes, sources):
            corrected.update(net)
        closed = _closed(close, sources)[1]
        found.append(MonthSums(month.billing_period, of(closed), of(corrected), of(latest)))
    return year_lines(found)


def _known(month: Month, by: Person) -> list[Bill]:
    """The bills that somebody may know of: with a scope, where a product in it pays for something."""
    if may(by, Action.SEE_BILL):
        return list(month.bills)
    paid = {
        run.allocation.billing_account_id
        for run in month.runs
        for products in run.told["products"].values()
        if any(by.covers(product) for product in products)
    }
    return [bill for bill in month.bills if bill.billing_account_id in paid]
