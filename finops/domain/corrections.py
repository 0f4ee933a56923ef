"""Corrections: what later bills change of a month that is closed, booked in the open one.

The closed snapshot never changes. For every product, account, class and invoice, snapshot +
corrections = latest bill. Source: specification section 11; trap 5; FOCUS ChargeClass.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Self

from pydantic import field_validator

from finops.domain.allocation import split
from finops.domain.charges import ChargeCategory
from finops.domain.class_policies import ChargeClass, CostBasis
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
from finops.domain.values import Frozen


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


def invoiced(booked: Iterable[Allotment], latest: Iterable[Allotment]) -> Allotments:
    """*booked*, and what had no invoice id then has the one that *latest* gives its like.

    A month may be closed before AWS invoices it. What has no id goes to what the invoices of its
    issuer say beyond all that is booked under their ids, the nearest charges first; what is more
    than that, to the same invoices. Where *latest* still has charges of the like without an id, or
    no invoice lacks anything, it stays without. The sum for every product, account and class stays
    the same, and for every issuer that is known.
    """
    given = summed(booked)
    found = [one for one in given if one.invoice_id is not None]
    if len(found) == len(given):
        return given
    # Amounts and discounts apart: what remains of each is looked for a home of its own.
    rest = [
        each
        for one in given
        if one.invoice_id is None
        for each in (one._replace(discount=0), one._replace(ticks=0))
        if each.ticks or each.discount
    ]
    lacking = _Lacking(latest, found, {level for one in rest for level in _levels(one)})
    for depth in range(len(_LIKE)):
        moved = [lacking.filled(one, depth) for one in rest]
        found += [each for taken, _ in moved for each in taken]
        rest = [left for _, left in moved if left.ticks or left.discount]
    return summed([*found, *(each for one in rest for each in lacking.beyond(one))])


# What is the same charge but for its invoice, the nearest first: of one issuer, and of any, where
# nobody said who it was.
_LIKE: Sequence[tuple[str, ...]] = (
    (
        *("payer", "currency", "issuer", "account", "charge_category", "charge_class"),
        *("product_id", "reason"),
    ),
    ("payer", "currency", "issuer", "account"),
    ("payer", "currency", "issuer"),
)
_LIKE_OF_ANY: Sequence[tuple[str, ...]] = tuple(
    tuple(name for name in level if name != "issuer") for level in _LIKE
)
_Bill = tuple[str | None, str | None]  # an invoice id, and who issued it


def _levels(one: Allotment) -> Sequence[tuple[str, ...]]:
    return _LIKE_OF_ANY if one.issuer is None else _LIKE


class _Lacking:
    """What the invoices of a bill say beyond what is booked under their ids, and who filled it."""

    def __init__(
        self,
        latest: Iterable[Allotment],
        booked: Iterable[Allotment],
        levels: Iterable[tuple[str, ...]],
    ) -> None:
        self._levels = tuple(levels)
        self._lacks: defaultdict[Key, Counter[_Bill]] = defaultdict(Counter)
        self._filled: defaultdict[Key, Counter[_Bill]] = defaultdict(Counter)
        self._open: set[Key] = set()  # of which *latest* has charges without an id
        for one in latest:
            if one.invoice_id is None:
                self._open.update(likeness(level, one) for level in self._levels)
            else:
                self._add(one, 1)
        for one in booked:
            self._add(one, -1)

    def _add(self, one: Allotment, sign: int) -> None:
        bill = one.invoice_id, one.issuer
        for level in self._levels:
            like = likeness(level, one)
            self._lacks["ticks", *like][bill] += sign * one.ticks
            self._lacks["discount", *like][bill] += sign * one.discount

    def filled(self, one: Allotment, depth: int) -> tuple[list[Allotment], Allotment]:
        """What invoices lack of *one*, an amount or a discount alone, and what is left of it."""
        like, what = likeness(_levels(one)[depth], one), _measure(one)
        if self._is_open(one, depth):
            return [], one
        amount, lacks = getattr(one, what), self._lacks[what, *like]
        if amount == lacks.total():
            parts = dict(lacks)
        else:
            sign = -1 if amount < 0 else 1
            weights = {bill: sign * ticks for bill, ticks in lacks.items() if sign * ticks > 0}
            parts = _over(sign * min(abs(amount), sum(weights.values())), weights)
        taken = _under(one, what, parts)
        for each in taken:
            self._add(each, -1)
            for level in self._levels:
                bill = each.invoice_id, each.issuer
                self._filled[likeness(level, each)][bill] += abs(getattr(each, what))
        return taken, _coming_to(one, what, amount - sum(parts.values()))

    def beyond(self, one: Allotment) -> list[Allotment]:
        """What no invoice lacks, where the nearest ones are that its like has filled."""
        what = _measure(one)
        for depth, level in enumerate(_levels(one)):
            if self._is_open(one, depth):
                break
            if weights := self._filled.get(likeness(level, one)):
                return _under(one, what, _over(getattr(one, what), weights))
        return [one]

    def _is_open(self, one: Allotment, depth: int) -> bool:
        return any(likeness(level, one) in self._open for level in _levels(one)[: depth + 1])


def _measure(one: Allotment) -> str:
    return "discount" if one.discount else "ticks"


def _coming_to(one: Allotment, what: str, amount: int) -> Allotment:
    return one._replace(discount=amount) if what == "discount" else one._replace(ticks=amount)


def _over(amount: int, weights: Mapping[_Bill, int]) -> dict[_Bill, int]:
    """*amount* over some invoices in proportion to *weights*; nothing over none."""
    listed = {f"{n:06}": bill for n, bill in enumerate(sorted(weights, key=order))}
    parts = split(amount, {name: weights[bill] for name, bill in listed.items()}) if listed else {}
    return {listed[name]: part for name, part in parts.items()}


def _under(one: Allotment, what: str, parts: Mapping[_Bill, int]) -> list[Allotment]:
    """*one* under the ids of some invoices."""
    return [
        _coming_to(one._replace(invoice_id=id_, issuer=issuer), what, part)
        for (id_, issuer), part in parts.items()
        if part
    ]


class CorrectionDocument(Frozen):
    """Corrections of a closed month that are booked together, as they are kept for ever.

    *corrections* are of the billed cost, AWS's credits among them; *charged* are of another cost,
    where owners were charged by it. *booked* is what the month and the corrections that closed
    months have booked of it have of each invoice (`Figures.booked`).
    """

    original_period: str
    corrections: tuple[Correction, ...]
    charged: tuple[Correction, ...] | None = None
    booked: tuple[InvoiceSum, ...] = ()

    @field_validator("corrections", "charged")
    @classmethod
    def _in_order(cls, given: tuple[Correction, ...] | None) -> tuple[Correction, ...] | None:
        if given is None:
            return None
        return tuple(sorted(given, key=lambda one: order((one.original_period, *one.of.key))))

    @property
    def basis(self) -> CostBasis:
        """The cost that owners were charged by."""
        return CostBasis.BILLED if self.charged is None else CostBasis.EFFECTIVE

    @property
    def owners(self) -> tuple[Correction, ...]:
        """What owners are charged more or less: AWS's credits are no cost of theirs."""
        every = self.corrections if self.charged is None else self.charged
        return tuple(one for one in every if not one.of.is_credit)

    @property
    def is_empty(self) -> bool:
        return not self.corrections and not self.charged

    @property
    def net(self) -> tuple[tuple[str | None, int], ...]:
        """What the invoices change by, in ticks by currency."""
        sums: Counter[str | None] = Counter()
        for one in self.corrections:
            sums[one.of.currency] += one.of.ticks
        return tuple((name, sums[name]) for name in sorted(sums, key=lambda one: order((one,))))

    @property
    def content(self) -> bytes:
        return self.model_dump_json().encode()

    @classmethod
    def of(cls, content: bytes) -> Self:
        return cls.model_validate_json(content)


# As FOCUS has it ----------------------------------------------------------------------------------

_CATEGORIES: Mapping[ChargeClass | None, ChargeCategory] = {
    None: ChargeCategory.CREDIT,
    ChargeClass.TAX: ChargeCategory.TAX,
    ChargeClass.ONE_OFF_FEE: ChargeCategory.PURCHASE,
}


def focus_row(
    correction: Correction, booked_in: str, basis: CostBasis = CostBasis.BILLED
) -> dict[str, str | None]:
    """A correction by the columns of FOCUS 1.2, booked in the open month *booked_in*.

    The billing period is the open month; the charge period is the original one. The amount is in the
    column of *basis*, the other one is empty. What FOCUS has no column for begins with `x_`.
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
        "BilledCost": text(of.ticks) if basis is CostBasis.BILLED else None,
        "EffectiveCost": text(of.ticks) if basis is CostBasis.EFFECTIVE else None,
        "x_ChargeClass": None if of.charge_class is None else of.charge_class.value,
        "x_ProductId": of.product_id,
        "x_UnallocatedReason": of.reason,
        "x_OriginalBillingPeriod": correction.original_period,
    }


# The year -----------------------------------------------------------------------------------------

Sums = Mapping[tuple[str | None, str | None], int]  # ticks by product (None: nobody's) and currency


class ClosedMonth(NamedTuple):
    """A month that is closed: what it was closed with, and what the newest bill says."""

    month: str
    snapshot: Allotments
    latest: Allotments


class MonthSums(NamedTuple):
    """A month as it was closed, what was corrected since, and what it is by its newest bill.

    An open month has only the latter, and so has one that *is_passed_over*: the first close came
    after it, so that it is never closed, and nothing books what changes of it.
    """

    month: str
    closed: Sums
    corrected: Sums
    latest: Sums
    is_closed: bool = True
    is_passed_over: bool = False


class YearLine(NamedTuple):
    """A month in one currency, in ticks: closed + corrected + waiting = latest.

    *waiting* is what no correction has booked yet; of an open month all that it waits to be closed
    with, and of one that *is_passed_over* all there is, for good.
    """

    month: str
    currency: str | None
    closed: int
    corrected: int
    waiting: int
    latest: int
    is_closed: bool = True
    is_passed_over: bool = False


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
    by_month: defaultdict[str, list[Allotment]] = defaultdict(list)
    for correction in corrections:
        by_month[correction.original_period].append(correction.of)
    sums = (
        MonthSums(
            *(one.month, sums_of(one.snapshot), sums_of(by_month[one.month])),
            sums_of(one.latest),
        )
        for one in months
    )
    return year_lines(sums, scope)


def sums_of(given: Iterable[Allotment]) -> Sums:
    """What some allotments come to by product and currency."""
    sums: Counter[tuple[str | None, str | None]] = Counter()
    for one in given:
        sums[one.product_id, one.currency] += one.ticks
    return sums


def year_lines(months: Iterable[MonthSums], scope: Iterable[str] = (ENTERPRISE,)) -> list[YearLine]:
    """A line for each month and currency, of the products that *scope* covers.

    What nobody owns is the enterprise's alone. Raises ConflictError for a month given twice.
    """
    listed, reach = sorted(months, key=lambda one: one.month), tuple(scope)
    if len({one.month for one in listed}) < len(listed):
        raise ConflictError("a month is closed once; one of these is here twice")
    found = []
    for month in listed:
        closed, since, latest = (
            _covered(sums, reach) for sums in (month.closed, month.corrected, month.latest)
        )
        for currency in sorted({*closed, *since, *latest}, key=lambda one: order((one,))):
            waiting = latest[currency] - closed[currency] - since[currency]
            found.append(
                YearLine(
                    *(month.month, currency, closed[currency], since[currency]),
                    *(waiting, latest[currency], month.is_closed, month.is_passed_over),
                )
            )
    return found


def _covered(given: Sums, scope: Sequence[str]) -> Counter[str | None]:
    sums: Counter[str | None] = Counter()
    for (product, currency), ticks in given.items():
        if any(covers(element, product or ENTERPRISE) for element in scope):
            sums[currency] += ticks
    return sums
