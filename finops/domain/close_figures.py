"""Close figures: all that the files of a closed month are made of, exact, and nothing else.

They are kept as the month's snapshot. The same figures give the same bytes, whatever order they came
in. Source: specification section 11.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple, Self

from pydantic import field_validator, model_validator

from finops.domain.allocation import split
from finops.domain.allocations import Part, PartKind, Reason
from finops.domain.charges import ChargeCategory
from finops.domain.chart_files import Names
from finops.domain.class_policies import ChargeClass
from finops.domain.elements import ancestors
from finops.domain.errors import ConflictError, InvalidError
from finops.domain.money import text
from finops.domain.periods import BillingPeriod
from finops.domain.rounding import Key, order
from finops.domain.values import Frozen

CREDIT = ChargeCategory.CREDIT.value
CORRECTION = "Correction"  # FOCUS ChargeClass
LONGEST_FIELD = 200


class Invoice(NamedTuple):
    """An invoice of a payer's month in one currency; the id is None until AWS gives one."""

    payer: str
    currency: str | None
    invoice_id: str | None


class Allotment(NamedTuple):
    """What a product pays of an account's charges of one kind on an invoice, in ticks.

    No product: nobody owns it, for *reason*. No class: AWS credited it. *discount* is what AWS took
    off already, as far as the bill says: *ticks* are net of it, and it is positive.
    """

    payer: str
    currency: str | None
    invoice_id: str | None
    issuer: str | None
    account: str | None
    charge_category: str | None
    charge_class: ChargeClass | None
    product_id: str | None
    reason: str | None
    ticks: int
    discount: int = 0

    @property
    def key(self) -> Key:
        return self[:-2]

    @property
    def invoice(self) -> Invoice:
        return Invoice(self.payer, self.currency, self.invoice_id)

    @property
    def unit(self) -> str | None:
        """The business unit of its product."""
        return unit_of(self.product_id)

    @property
    def is_credit(self) -> bool:
        """Whether AWS credited it."""
        return self.charge_category == CREDIT


Allotments = tuple[Allotment, ...]


class Correction(NamedTuple):
    """What a later bill changes of a month that is closed: *of* holds the difference.

    FOCUS calls it ChargeClass `Correction`; the invoice id is that of the original month.
    """

    original_period: str
    of: Allotment


class InvoiceSum(NamedTuple):
    """All lines of an invoice in ticks; *period* is the month that it is of."""

    period: str
    invoice: Invoice
    ticks: int


class ProductSum(NamedTuple):
    """An amount of a product in one currency, in ticks."""

    product_id: str
    currency: str | None
    ticks: int


class CreditPaid(NamedTuple):
    """What a credit of the ledger pays of a month, in ticks; *version* is the credit's own by then."""

    credit_id: str
    month: str
    ticks: int
    version: int


class Difference(NamedTuple):
    """An invoice whose parts are not its lines, in ticks."""

    invoice: Invoice
    lines: int
    parts: int

    @property
    def ticks(self) -> int:
        return self.lines - self.parts


class Header(Frozen):
    """What finance books the bill of a payer for a business unit under; None of *unit*: nobody's.

    Without a *period* it is the month.
    """

    payer: str
    unit: str | None
    vendor: str | None = None
    purchase_order: str | None = None
    invoices: tuple[str, ...] = ()
    memo: str | None = None
    period: str | None = None

    @field_validator("vendor", "purchase_order", "memo", "period")
    @classmethod
    def _says_something(cls, said: str | None) -> str | None:
        kept = (said or "").strip() or None
        if kept is not None and len(kept) > LONGEST_FIELD:
            raise InvalidError(f"a header field has at most {LONGEST_FIELD} characters")
        return kept

    @field_validator("invoices")
    @classmethod
    def _each_once(cls, said: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(kept for one in said if (kept := one.strip())))

    @property
    def missing(self) -> tuple[str, ...]:
        """The fields that still say nothing."""
        said = {
            "vendor": self.vendor,
            "PO": self.purchase_order,
            "invoice number": self.invoices,
            "memo": self.memo,
        }
        return tuple(name for name, value in said.items() if not value)


class JournalAccounts(Frozen):
    """The accounts of the general ledger that a journal books on."""

    expense: str = "Cloud expense"
    payable: str = "Accounts payable"
    aws_credits: str = "AWS credits"
    ledger_credits: str = "Internal credits"
    discounts: str = "Expected discounts"
    amortization: str = "Prepaid commitments"
    unallocated: str = "Unallocated cloud cost"
    rounding: str = "Rounding"


class ExchangeRate(Frozen):
    """What one unit of *currency* is in the reporting currency, and who says so; kept at close."""

    currency: str
    rate: Decimal
    source: str

    @field_validator("rate")
    @classmethod
    def _is_positive(cls, rate: Decimal) -> Decimal:
        if not rate.is_finite() or rate <= 0:
            raise InvalidError(f"an exchange rate is more than zero, not {rate}")
        return rate


class Figures(Frozen):
    """A month's figures at its close, each list in order and summed.

    *bill* is what the ledger has of each invoice; *billed* the owners of the billed cost, AWS's
    credits among them (`credited`); *spend* those of another cost, where owners are charged by it.
    *booked* is what closed months and corrections before these have of the invoices corrected.
    *discounts* (of the price book) and *credits* (of the ledger) are positive; *paid* says which
    credits pay that, and what they pay of months before this one that no close has settled. *budgets*
    are of the month, in *budget_currency*; only approved ones are here.
    """

    month: str
    bill: tuple[InvoiceSum, ...]
    billed: Allotments
    spend: Allotments | None = None
    corrections: tuple[Correction, ...] = ()
    spend_corrections: tuple[Correction, ...] | None = None
    booked: tuple[InvoiceSum, ...] = ()
    discounts: tuple[ProductSum, ...] = ()
    credits: tuple[ProductSum, ...] = ()
    paid: tuple[CreditPaid, ...] = ()
    budgets: tuple[tuple[str, int], ...] = ()
    budget_currency: str | None = None
    names: tuple[tuple[str, Names], ...] = ()
    cost_centres: tuple[tuple[str, str], ...] = ()
    accounts: JournalAccounts = JournalAccounts()
    headers: tuple[Header, ...] = ()
    rates: tuple[ExchangeRate, ...] = ()
    reporting_currency: str | None = None
    waived_unallocated: str | None = None  # who, and why

    @field_validator("month")
    @classmethod
    def _is_a_month(cls, month: str) -> str:
        return str(BillingPeriod(month))

    @field_validator("billed", "spend")
    @classmethod
    def _allotted(cls, given: Allotments | None) -> Allotments | None:
        return None if given is None else summed(given)

    @field_validator("corrections", "spend_corrections")
    @classmethod
    def _corrected(cls, given: tuple[Correction, ...] | None) -> tuple[Correction, ...] | None:
        if given is None:
            return None
        periods = sorted({one.original_period for one in given})
        return tuple(
            Correction(period, of)
            for period in periods
            for of in summed(one.of for one in given if one.original_period == period)
        )

    @field_validator("bill", "booked")
    @classmethod
    def _of_invoices(cls, given: tuple[InvoiceSum, ...]) -> tuple[InvoiceSum, ...]:
        sums: Counter[tuple[str, Invoice]] = Counter()
        for one in given:
            sums[one.period, one.invoice] += one.ticks
        listed = sorted(sums, key=lambda of: order((of[0], *of[1])))
        return tuple(InvoiceSum(*of, sums[of]) for of in listed)

    @field_validator("discounts", "credits")
    @classmethod
    def _of_products(cls, given: tuple[ProductSum, ...]) -> tuple[ProductSum, ...]:
        sums: Counter[tuple[str, str | None]] = Counter()
        for one in given:
            sums[one.product_id, one.currency] += one.ticks
        return tuple(ProductSum(*of, sums[of]) for of in sorted(sums, key=order) if sums[of])

    @field_validator("paid")
    @classmethod
    def _once_each(cls, given: tuple[CreditPaid, ...]) -> tuple[CreditPaid, ...]:
        if len({one[:2] for one in given}) < len(given):
            raise InvalidError("a credit pays of a month once; add up what it pays")
        return tuple(sorted(given))

    @field_validator("budgets", "names", "cost_centres")
    @classmethod
    def _by_element(cls, given: tuple[tuple[str, Any], ...]) -> tuple[tuple[str, Any], ...]:
        found = dict(given)
        if len(found) < len(given):
            raise InvalidError("an element is named twice; name each of them once")
        return tuple((element, found[element]) for element in sorted(found))

    @field_validator("headers")
    @classmethod
    def _by_payer(cls, given: tuple[Header, ...]) -> tuple[Header, ...]:
        return by_payer(given)

    @field_validator("rates")
    @classmethod
    def _by_currency(cls, given: tuple[ExchangeRate, ...]) -> tuple[ExchangeRate, ...]:
        return tuple(sorted(given, key=lambda one: one.currency))

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.budgets and self.budget_currency is None:
            raise InvalidError("say which currency the budgets are in")
        if self.rates and self.reporting_currency is None:
            raise InvalidError("say which currency the exchange rates lead to")
        if len({one.currency for one in self.rates}) < len(self.rates):
            raise InvalidError("a currency has two exchange rates; state one of them")
        if (self.spend is None) != (self.spend_corrections is None) and self.corrections:
            raise InvalidError(
                "owners are charged by another cost than the billed one, or not: give the "
                "corrections of the cost that they are charged by"
            )
        if wrong := differences(self.bill, self.billed):
            first = wrong[0]
            raise ConflictError(
                f"invoice {first.invoice.invoice_id or '(no id)'} of payer {first.invoice.payer} "
                f"is {text(first.lines)} and its parts are {text(first.parts)}; allocate the bill "
                "that is loaded, and close then"
            )
        return self

    @property
    def charged(self) -> Allotments:
        """What owners are charged: without AWS's credits."""
        every = self.billed if self.spend is None else self.spend
        return tuple(one for one in every if not one.is_credit)

    @property
    def charged_corrections(self) -> tuple[Correction, ...]:
        every = self.corrections if self.spend_corrections is None else self.spend_corrections
        return tuple(one for one in every if not one.of.is_credit)

    @property
    def snapshot(self) -> bytes:
        """These figures as they are kept, for ever."""
        return self.model_dump_json().encode()

    @classmethod
    def of(cls, snapshot: bytes) -> Self:
        """The figures that were kept."""
        return cls.model_validate_json(snapshot)

    @cached_property
    def _named(self) -> dict[str, Names]:
        return dict(self.names)

    def named(self, product_id: str) -> Names:
        """What a product and all above it are called."""
        return self._named.get(product_id) or unnamed(product_id)


def digest(content: bytes) -> str:
    """The checksum of a file: SHA-256, in hex."""
    return hashlib.sha256(content).hexdigest()


def unit_of(product_id: str | None) -> str | None:
    """The business unit of a product."""
    return None if product_id is None else product_id.partition(".")[0]


def unnamed(product_id: str) -> Names:
    """A product that no chart names is called by its slugs."""
    one, two, three, four, *_ = [*product_id.split("."), "", "", ""]
    return one, two, three, four


def by_payer(headers: Iterable[Header]) -> tuple[Header, ...]:
    """*headers* in order. Raises InvalidError for two of one payer and business unit."""
    listed = sorted(headers, key=lambda one: order((one.payer, one.unit)))
    if len({(one.payer, one.unit) for one in listed}) < len(listed):
        raise InvalidError("a payer's business unit has two headers; give it one")
    return tuple(listed)


def cost_centre(element: str, cost_centres: Mapping[str, str]) -> str | None:
    """That of *element*, else of the nearest one above it.

    >>> cost_centre("retail.digital.web.shop", {"retail": "4100", "retail.digital": "4110"})
    '4110'
    """
    return next((cost_centres[one] for one in ancestors(element) if one in cost_centres), None)


def summed(given: Iterable[Allotment]) -> Allotments:
    """*given* with one of each key, in order, without those that come to nothing."""
    ticks: Counter[Key] = Counter()
    discounts: Counter[Key] = Counter()
    for one in given:
        ticks[one.key] += one.ticks
        discounts[one.key] += one.discount
    found = (_allotment(key, ticks[key], discounts[key]) for key in sorted(ticks, key=order))
    return tuple(one for one in found if one.ticks or one.discount)


def _allotment(key: Key, ticks: int, discount: int) -> Allotment:
    return Allotment._make((*key, ticks, discount))


def is_of_policy(part: Part) -> bool:
    """Whether a class policy gave *part* to a product."""
    return part.kind == PartKind.POLICY and part.product_id is not None


def allotted(parts: Iterable[Part]) -> Allotments:
    """What the parts of an allocation come to; AWS's credits are in none of them (`credited`).

    What a policy gave a product is of no account: every product would have a row for each one.
    """
    return summed(
        Allotment(
            payer=part.payer,
            currency=part.currency,
            invoice_id=part.invoice_id,
            issuer=part.issuer,
            account=None if is_of_policy(part) else part.account,
            charge_category=part.charge_category,
            charge_class=part.charge_class,
            product_id=part.product_id,
            reason=part.reason,
            ticks=part.amount,
        )
        for part in parts
    )


# How near a charge is to a credit, the nearest first; what AWS credits an account is a part of its
# owners' invoice.
_NEARNESS: Sequence[tuple[str, ...]] = (
    ("payer", "currency", "account", "invoice_id"),
    ("payer", "currency", "account"),
    ("payer", "currency", "invoice_id"),
    ("payer", "currency"),
)


# What a discount shares with the charges that it was taken off.
_ALIKE = (
    *("payer", "currency", "invoice_id", "issuer"),
    *("account", "charge_category", "charge_class"),
)
_Owner = tuple[str | None, str | None]  # a product; or none, and why


def credited(given: Iterable[Allotment], charged: Iterable[Allotment]) -> Allotments:
    """What AWS credited to accounts (*given*, negative), by who is *charged* for them.

    In proportion to what they pay of the account on that invoice; where nobody pays anything, of the
    account, then of the invoice, then of the payer's bill. Σ parts = whole for every credit. A
    credit on a bill that costs nobody anything is nobody's.
    """
    pays = _payments(charged, _NEARNESS)
    return summed(
        credit._replace(
            charge_class=None,
            charge_category=CREDIT,
            product_id=product,
            reason=reason,
            ticks=ticks,
        )
        for credit in summed(given)
        for (product, reason), ticks in _split(credit.ticks, _nearest(pays, credit)).items()
    )


def discounted(given: Iterable[Allotment], charged: Iterable[Allotment]) -> Allotments:
    """What AWS took off of an account's charges of one kind (*given*: discounts, and no ticks), by
    who is *charged* for them.

    In proportion to what they pay of these charges. Where the bill has discounts as lines of their
    own, these charges are the discounts: less than nothing, and all of it taken off. Where nobody
    pays anything of them any more, as for a credit. Σ parts = whole for every discount.
    """
    listed = tuple(charged)
    pays = _payments(listed, (_ALIKE, *_NEARNESS))
    found: list[Allotment] = []
    for one in summed(given):
        if not pays.get(likeness(_ALIKE, one)):
            one = _of_no_account(one, pays)
        alike = pays.get(likeness(_ALIKE, one), Counter())
        sign = -1 if alike.total() < 0 else 1
        weights = _above_zero({owner: sign * ticks for owner, ticks in alike.items()})
        parts = _split(one.discount, weights or _nearest(pays, one))
        found += [
            one._replace(product_id=product, reason=reason, discount=discount)
            for (product, reason), discount in parts.items()
        ]
    return summed(found)


def _of_no_account(one: Allotment, pays: Mapping[Key, Counter[_Owner]]) -> Allotment:
    """*one* as of no account, where charges like it are: a policy gave them away."""
    other = one._replace(account=None)
    return other if pays.get(likeness(_ALIKE, other)) else one


def _payments(
    charged: Iterable[Allotment], levels: Iterable[Sequence[str]]
) -> Mapping[Key, Counter[_Owner]]:
    """What owners pay of all that is alike in what each level names."""
    listed = tuple(levels)
    pays: defaultdict[Key, Counter[_Owner]] = defaultdict(Counter)
    for one in charged:
        for level in listed:
            pays[likeness(level, one)][one.product_id, one.reason] += one.ticks
    return pays


def _nearest(pays: Mapping[Key, Counter[_Owner]], one: Allotment) -> dict[_Owner, int]:
    """What owners pay of what is nearest to *one*; all of it is nobody's, where no owner pays."""
    for level in _NEARNESS:
        if weights := _above_zero(pays.get(likeness(level, one), {})):
            return weights
    return {(None, Reason.NO_SHARE.value): 1}


def _above_zero(sums: Mapping[_Owner, int]) -> dict[_Owner, int]:
    return {owner: ticks for owner, ticks in sums.items() if ticks > 0}


def _split(ticks: int, weights: Mapping[_Owner, int]) -> dict[_Owner, int]:
    owners = {_owner(*owner): owner for owner in weights}
    parts = split(ticks, {_owner(*owner): weight for owner, weight in weights.items()})
    return {owners[name]: part for name, part in parts.items()}


def _owner(product_id: str | None, reason: str | None) -> str:
    """A name to split by; no product's begins so."""
    return product_id if product_id is not None else f"~{reason or ''}"


def likeness(level: Sequence[str], one: Allotment) -> Key:
    """What *one* shares with its like: the fields that *level* names."""
    return (*level, *(getattr(one, name) for name in level))


def differences(bill: Iterable[InvoiceSum], billed: Iterable[Allotment]) -> list[Difference]:
    """The invoices whose parts do not add up to their lines, to the last tick."""
    lines: Counter[Invoice] = Counter()
    parts: Counter[Invoice] = Counter()
    for one in bill:
        lines[one.invoice] += one.ticks
    for part in billed:
        parts[part.invoice] += part.ticks
    every = sorted(lines.keys() | parts.keys(), key=order)
    found = (Difference(invoice, lines[invoice], parts[invoice]) for invoice in every)
    return [one for one in found if one.ticks]
