"""Corrections: what later bills change of a month that is closed, booked in the open one.

The closed snapshot never changes. For every product, account, class and invoice, snapshot +
corrections = latest bill. Source: specification section 11; trap 5; FOCUS ChargeClass.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from finops.domain.allocation import split
from finops.domain.charges import ChargeCategory
from finops.domain.class_policies import ChargeClass
from finops.domain.close_figures import (
    CORRECTION,
    Allotment,
    Allotments,
    Correction,
    Invoice,
    InvoiceSum,
    likeness,
    summed,
)
from finops.domain.elements import ENTERPRISE, covers
from finops.domain.errors import ConflictError
from finops.domain.money import text
from finops.domain.periods import BillingPeriod
from finops.domain.rounding import Key, order


def corrected(
    month: str, booked: Iterable[Allotment], latest: Iterable[Allotment]
) -> tuple[Correction, ...]:
    """What *latest* says of a closed *month* beyond what is *booked*: snapshot and corrections so far.

    The second time, only the rest is corrected; the same bill once more corrects nothing. What was
    booked before AWS gave it an invoice id goes by the one it has by now (`invoiced`).

    >>> told = ("1111", "USD", "INV-1", None, "2222", "Usage", ChargeClass.USAGE, "a.b.c.d", None)
    >>> [one.of.ticks for one in corrected("2026-08", [Allotment(*told, 100)],
    ...                                    [Allotment(*told, 115)])]
    [15]
    """
    now = list(latest)
    before = (
        one._replace(ticks=-one.ticks, discount=-one.discount) for one in invoiced(booked, now)
    )
    return tuple(Correction(str(BillingPeriod(month)), one) for one in summed([*now, *before]))


def booked_so_far(
    month: str, snapshot: Iterable[Allotment], corrections: Iterable[Correction]
) -> Allotments:
    """What a closed *month* has in its snapshot and in all *corrections* of it."""
    return summed([*snapshot, *(one.of for one in corrections if one.original_period == month)])


def booked_invoices(
    month: str, booked: Iterable[Allotment], latest: Iterable[Allotment]
) -> tuple[InvoiceSum, ...]:
    """What a closed *month* has *booked* of each invoice: `Figures.booked` of its corrections.

    So what accounts payable pays of an invoice, then and now, is the invoice to the cent.
    """
    sums: Counter[Invoice] = Counter()
    for one in invoiced(booked, latest):
        sums[one.invoice] += one.ticks
    return tuple(InvoiceSum(month, of, sums[of]) for of in sorted(sums, key=order) if sums[of])


# What is the same charge but for its invoice, the nearest first.
_LIKE: Sequence[tuple[str, ...]] = (
    (
        *("payer", "currency", "account", "charge_category", "charge_class"),
        *("product_id", "reason"),
    ),
    ("payer", "currency", "account"),
    ("payer", "currency"),
)


def invoiced(booked: Iterable[Allotment], latest: Iterable[Allotment]) -> Allotments:
    """*booked*, and what had no invoice id then has the one that *latest* gives its like.

    A month may be closed before AWS invoices it. Where *latest* still has charges without an id, or
    none of the like, it stays without. Over several invoices it goes in proportion to them; the sum
    for every product, account and class stays the same.
    """
    given = list(booked)
    if all(one.invoice_id is not None for one in given):
        return summed(given)
    invoices: defaultdict[Key, Counter[Key]] = defaultdict(Counter)
    open_ = set()
    for one in latest:
        for level in _LIKE:
            like = likeness(level, one)
            invoices[like][one.invoice_id, one.issuer] += one.ticks
            if one.invoice_id is None:
                open_.add(like)
    found: list[Allotment] = []
    for one in given:
        known = [like for level in _LIKE if (like := likeness(level, one)) in invoices]
        if one.invoice_id is not None or not known or known[0] in open_:
            found.append(one)
        else:
            found += _over(one, invoices[known[0]])
    return summed(found)


def _over(one: Allotment, invoices: Mapping[Key, int]) -> list[Allotment]:
    """*one* over some invoices, each an id and an issuer, in proportion to their amounts."""
    listed = {f"{n:06}": key for n, key in enumerate(sorted(invoices, key=order))}
    weights = {name: abs(invoices[key]) for name, key in listed.items()}
    if not any(weights.values()):
        weights = dict.fromkeys(listed, 1)
    ticks, discounts = split(one.ticks, weights), split(one.discount, weights)
    return [
        one._replace(
            invoice_id=listed[name][0],
            issuer=listed[name][1],
            ticks=ticks[name],
            discount=discounts[name],
        )
        for name in listed
    ]


# As FOCUS has it ----------------------------------------------------------------------------------

_CATEGORIES: Mapping[ChargeClass | None, ChargeCategory] = {
    None: ChargeCategory.CREDIT,
    ChargeClass.TAX: ChargeCategory.TAX,
    ChargeClass.ONE_OFF_FEE: ChargeCategory.PURCHASE,
}


def focus_row(correction: Correction, booked_in: str) -> dict[str, str | None]:
    """A correction by the columns of FOCUS 1.2, booked in the open month *booked_in*.

    The billing period is the open month; the charge period is the original one. What FOCUS has no
    column for begins with `x_`.
    """
    of, original = correction.of, BillingPeriod(correction.original_period)
    open_month = BillingPeriod(booked_in)
    category = of.charge_category or _CATEGORIES.get(of.charge_class, ChargeCategory.USAGE).value
    return {
        "BillingAccountId": of.payer,
        "BillingCurrency": of.currency,
        "BillingPeriodStart": f"{open_month.start}T00:00:00Z",
        "BillingPeriodEnd": f"{open_month.end}T00:00:00Z",
        "ChargePeriodStart": f"{original.start}T00:00:00Z",
        "ChargePeriodEnd": f"{original.end}T00:00:00Z",
        "ChargeCategory": category,
        "ChargeClass": CORRECTION,
        "InvoiceId": of.invoice_id,
        "InvoiceIssuerName": of.issuer,
        "SubAccountId": of.account,
        "BilledCost": text(of.ticks),
        "x_ChargeClass": None if of.charge_class is None else of.charge_class.value,
        "x_ProductId": of.product_id,
        "x_UnallocatedReason": of.reason,
        "x_OriginalBillingPeriod": correction.original_period,
    }


# The year -----------------------------------------------------------------------------------------


class ClosedMonth(NamedTuple):
    """A month that is closed: what it was closed with, and what the newest bill says."""

    month: str
    snapshot: Allotments
    latest: Allotments


class YearLine(NamedTuple):
    """A month in one currency, in ticks: closed + corrected + waiting = latest.

    *waiting* is what no correction has booked yet.
    """

    month: str
    currency: str | None
    closed: int
    corrected: int
    waiting: int
    latest: int


def year_view(
    months: Iterable[ClosedMonth],
    corrections: Iterable[Correction],
    *,
    scope: Iterable[str] = (ENTERPRISE,),
) -> list[YearLine]:
    """Every month of *months* as closed, what was corrected since, and what it is by the latest bill.

    Of the products that *scope* covers; what nobody owns is the enterprise's alone. Raises
    ConflictError for a month given twice.
    """
    listed, reach = sorted(months, key=lambda one: one.month), tuple(scope)
    if len({one.month for one in listed}) < len(listed):
        raise ConflictError("a month is closed once; one of these is here twice")
    by_month: defaultdict[str, list[Allotment]] = defaultdict(list)
    for correction in corrections:
        by_month[correction.original_period].append(correction.of)
    found = []
    for month in listed:
        closed = _sums(month.snapshot, reach)
        since = _sums(by_month[month.month], reach)
        latest = _sums(month.latest, reach)
        for currency in sorted({*closed, *since, *latest}, key=lambda one: order((one,))):
            waiting = latest[currency] - closed[currency] - since[currency]
            found.append(
                YearLine(
                    *(month.month, currency, closed[currency], since[currency]),
                    *(waiting, latest[currency]),
                )
            )
    return found


def _sums(given: Iterable[Allotment], scope: Sequence[str]) -> Counter[str | None]:
    sums: Counter[str | None] = Counter()
    for one in given:
        if any(covers(element, one.product_id or ENTERPRISE) for element in scope):
            sums[one.currency] += one.ticks
    return sums
