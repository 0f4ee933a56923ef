"""Close files: what accounts payable pays, planning accrues, and the ledger books of a month.

Rounding to cents happens here and only here: by largest remainder, so that in every file the rows
add up to the columns' totals, and those of an invoice to the invoice. Source: specification
section 11; the columns are documented in `docs/files.md`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from finops.domain.class_policies import ChargeClass
from finops.domain.close_figures import (
    CORRECTION,
    Allotment,
    Figures,
    Header,
    Invoice,
    cost_centre,
    digest,
    unit_of,
)
from finops.domain.column_plans import (
    USUAL,
    Amount,
    Cell,
    ColumnPlan,
    FileKind,
    Row,
    amount_text,
    totals,
)
from finops.domain.errors import InvalidError
from finops.domain.money import EXACT, from_ticks, to_ticks
from finops.domain.periods import BillingPeriod
from finops.domain.rounding import (
    MOST_DIGITS,
    Key,
    digits,
    order,
    rounded,
    rounded_rows,
    rounded_table,
)
from finops.domain.values import Frozen

UNALLOCATED = "Unallocated"
AP_COLUMNS = ("gross", "discount", "aws_credits", "tax")
FPA_COLUMNS = ("spend", "discount", "ledger_credits")


class LineKind(StrEnum):
    """What a line of the reconciliation is: Start + Σ Difference = End."""

    START = "Start"
    DIFFERENCE = "Difference"
    END = "End"


class Section(StrEnum):
    """What a part of the reconciliation leads from, and to."""

    BILL_TO_AP = "Bill to AP"
    AP_TO_FPA = "AP to FP&A"
    WITHIN_FPA = "Within FP&A"
    CREDITS = "Credits"


class FileTotal(Frozen):
    """What the columns of amounts of a file come to in one currency, as decimal text."""

    currency: str | None
    sums: tuple[tuple[str, str], ...]


class FileSeal(Frozen):
    """What a file of the close is known by; *unit* is the business unit whose rows alone it has."""

    kind: FileKind
    unit: str | None = None
    sha256: str
    size: int
    rows: int
    totals: tuple[FileTotal, ...] = ()

    @property
    def name(self) -> str:
        """What the file is called.

        >>> FileSeal(kind=FileKind.FPA, unit="retail", sha256="9f", size=0, rows=0).name
        'PlanningAndAnalysis.retail.csv'
        """
        return f"{self.kind.value}{'' if self.unit is None else f'.{self.unit}'}.csv"


class CloseFile(NamedTuple):
    """A file of the close, and the seal that it is kept under."""

    seal: FileSeal
    content: bytes


def written(figures: Figures, plans: Iterable[ColumnPlan] = ()) -> list[CloseFile]:
    """The files of a month: four for finance, and planning's once more for each business unit.

    The same *figures* and *plans* give the same bytes. A kind without a plan has the usual columns.
    Raises InvalidError for two plans of one kind.
    """
    listed = list(plans)
    chosen = {plan.kind: plan for plan in listed}
    if len(chosen) < len(listed):
        raise InvalidError("a file has two column plans; keep one")
    rows = close_rows(figures)
    found = []
    for kind in FileKind:
        plan = chosen.get(kind, ColumnPlan(kind=kind))
        found.append(_file(plan, None, rows[kind]))
        if kind is FileKind.FPA:
            units = sorted({unit for row in rows[kind] if isinstance(unit := row["unit_id"], str)})
            found += [_file(plan, unit, of_units(rows[kind], {unit})) for unit in units]
    return found


def of_units(rows: Iterable[Row], units: Iterable[str]) -> list[Row]:
    """The rows that the owners of some business units may see; what nobody owns is not among them."""
    seen = frozenset(units)
    return [row for row in rows if row.get("unit_id") in seen]


def close_rows(figures: Figures) -> dict[FileKind, list[Row]]:
    """The rows of each file, before anybody's choice of columns."""
    payable, planning = accounts_payable(figures), planning_and_analysis(figures)
    return {
        FileKind.AP: payable,
        FileKind.FPA: planning,
        FileKind.JOURNAL: journal(figures, payable, planning),
        FileKind.RECONCILIATION: reconciliation(figures, payable, planning),
    }


def _file(plan: ColumnPlan, unit: str | None, rows: Sequence[Row]) -> CloseFile:
    content = plan.written(rows)
    sums = totals(plan.kind, rows)
    seal = FileSeal(
        kind=plan.kind,
        unit=unit,
        sha256=digest(content),
        size=len(content),
        rows=len(rows),
        totals=tuple(
            FileTotal(
                currency=currency,
                sums=tuple(
                    (name, amount_text(amount))
                    for name, amount in of.items()
                    if name in USUAL[plan.kind]
                ),
            )
            for currency, of in sums.items()
            if of
        ),
    )
    return CloseFile(seal, content)


# Accounts payable ---------------------------------------------------------------------------------


class _Paid(NamedTuple):
    """An invoice as a month pays it: its own (None), or a correction of an earlier one's."""

    original_period: str | None
    invoice: Invoice


def accounts_payable(figures: Figures) -> list[Row]:
    """What is paid for each business unit of each invoice: AWS's credits off, tax on.

    net = gross + discount + AWS credits + tax in every row; discount and credits are negative. The
    net of an invoice is the invoice in cents, and with the corrections of it the invoice as it is by
    then. What nobody owns has rows of its own.
    """
    cells: defaultdict[_Paid, defaultdict[Key, Counter[str]]] = defaultdict(
        lambda: defaultdict(Counter)
    )
    for period, one in _every(figures):
        row = cells[_Paid(period, one.invoice)][one.unit, one.issuer]
        if one.is_credit:
            row["aws_credits"] += one.ticks
        else:
            row["tax" if one.charge_class is ChargeClass.TAX else "gross"] += (
                one.ticks + one.discount
            )
            row["discount"] -= one.discount
    booked = {(one.period, one.invoice): one.ticks for one in figures.booked}
    headers = {(one.payer, one.unit): one for one in figures.headers}
    names = {unit_of(product): called[0] for product, called in figures.names}
    found: list[Row] = []
    for paid in sorted(cells, key=lambda paid: order((paid.original_period, *paid.invoice))):
        of, places = cells[paid], digits(paid.invoice.currency)
        before = booked.get((paid.original_period or figures.month, paid.invoice), 0)
        exact = sum(row.total() for row in of.values())
        total = rounded(before + exact, places) - rounded(before, places)
        table = rounded_table(
            {key: _whole(row, AP_COLUMNS) for key, row in of.items()}, places, total
        )
        for unit, issuer in sorted(of, key=order):
            cents = table[unit, issuer]
            header = headers.get((paid.invoice.payer, unit))
            found.append(
                {
                    **_amounts(cents | {"net": sum(cents.values())}, places),
                    **_head(header, figures.month, paid),
                    "unit_id": unit,
                    "business_unit": UNALLOCATED if unit is None else names.get(unit, unit),
                    "issuer": issuer,
                }
            )
    return found


def _head(header: Header | None, month: str, paid: _Paid) -> dict[str, Cell]:
    said = header or Header(payer=paid.invoice.payer, unit=None)
    return {
        "vendor": said.vendor,
        "purchase_order": said.purchase_order,
        "invoice": paid.invoice.invoice_id or ", ".join(said.invoices) or None,
        "memo": said.memo,
        **_period(month, said.period),
        "currency": paid.invoice.currency,
        "payer": paid.invoice.payer,
        "aws_invoice": paid.invoice.invoice_id,
        **_correction(paid.original_period),
    }


def _every(figures: Figures) -> Iterator[tuple[str | None, Allotment]]:
    """What is billed, and the corrections with the month that they are of."""
    yield from ((None, one) for one in figures.billed)
    yield from ((one.original_period, one.of) for one in figures.corrections)


# Planning and analysis ----------------------------------------------------------------------------


def planning_and_analysis(figures: Figures) -> list[Row]:
    """What each product spent, and what is left of it after discounts and the ledger's credits.

    net = spend + discount + ledger credits in every row; the last two are negative. variance = net
    less budget, positive is overspent; only an approved budget has one. Corrections of earlier months
    stand apart, without a budget, and so does what nobody owns, by reason.
    """
    cells: defaultdict[str | None, defaultdict[Key, Counter[str]]] = defaultdict(
        lambda: defaultdict(Counter)
    )
    for one in figures.charged:
        cells[one.currency][None, one.product_id, one.reason]["spend"] += one.ticks
    for each in figures.charged_corrections:
        of = each.of
        cells[of.currency][each.original_period, of.product_id, of.reason]["spend"] += of.ticks
    for discount in figures.discounts:
        cells[discount.currency][None, discount.product_id, None]["discount"] -= discount.ticks
    for credit in figures.credits:
        cells[credit.currency][None, credit.product_id, None]["ledger_credits"] -= credit.ticks
    budgets: dict[str | None, dict[Key, int]] = defaultdict(dict)
    for product, ticks in figures.budgets:
        budgets[figures.budget_currency][None, product, None] = ticks
        cells[figures.budget_currency][None, product, None]["spend"] += 0
    reported = _reported(figures, cells)
    found: list[Row] = []
    for currency in sorted(cells, key=lambda one: order((one,))):
        places = digits(currency)
        rows = {key: _whole(row, FPA_COLUMNS) for key, row in cells[currency].items()}
        table, planned = rounded_table(rows, places), rounded_rows(budgets[currency], places)
        for key in sorted(rows, key=order):
            cents = table[key] | {"net": sum(table[key].values())}
            if key in planned:
                cents |= {
                    "budget": planned[key],
                    "variance": cents["net"] - planned[key],
                    "spend_variance": cents["spend"] - planned[key],
                }
            found.append(
                {
                    **_amounts(cents, places),
                    **_owner(figures, key),
                    **_period(figures.month),
                    **reported.get((currency, *key), {}),
                    "currency": currency,
                }
            )
    return found


def _owner(figures: Figures, key: Key) -> dict[str, Cell]:
    original_period, product, reason = key
    called = (UNALLOCATED, None, None, None) if product is None else figures.named(product)
    return {
        **dict(zip(("business_unit", "department", "portfolio", "product"), called, strict=True)),
        "unit_id": unit_of(product),
        "product_id": product,
        "reason": reason,
        **_correction(original_period),
    }


def _reported(
    figures: Figures, cells: Mapping[str | None, Mapping[Key, Counter[str]]]
) -> dict[Key, dict[str, Cell]]:
    """The net of every row in the reporting currency, at the rates of the close, as one column.

    A bill that names no currency is in that of budgets.
    """
    into = figures.reporting_currency
    if into is None:
        return {}
    rates = {one.currency: one.rate for one in figures.rates} | {into: Decimal(1)}
    converted: dict[Key, int] = {
        (currency, *key): to_ticks(EXACT.multiply(from_ticks(row.total()), rate))
        for currency, rows in cells.items()
        if (rate := rates.get(currency or figures.budget_currency or "")) is not None
        for key, row in rows.items()
    }
    places = digits(into)
    return {
        key: {"reporting_net": Amount(cents, places), "reporting_currency": into}
        for key, cents in rounded_rows(converted, places).items()
    }


# Journal ------------------------------------------------------------------------------------------


class _Entry(NamedTuple):
    cost_centre: str | None
    account: str
    description: str | None
    payer: str | None = None
    invoice: str | None = None


def journal(figures: Figures, payable: Sequence[Row], planning: Sequence[Row]) -> list[Row]:
    """What the general ledger books: each cost centre's net, and what is owed for each invoice.

    Debits and credits are equal in every currency. What lies between planning's net and what is paid
    stands on accounts of its own (`JournalAccounts`); the cents that they differ by are rounding.
    Raises ArithmeticError where they are more than rounding can be.
    """
    accounts, centres = figures.accounts, dict(figures.cost_centres)
    books: defaultdict[str | None, Counter[_Entry]] = defaultdict(Counter)
    for row in planning:
        book, product = books[_text(row["currency"])], _text(row["product_id"])
        if product is None:
            expense = _Entry(None, accounts.unallocated, _text(row["reason"]))
        else:
            expense = _Entry(cost_centre(product, centres), accounts.expense, None)
        book[expense] += _units(row, "net")
        book[_Entry(None, accounts.discounts, None)] -= _units(row, "discount")
        book[_Entry(None, accounts.ledger_credits, None)] -= _units(row, "ledger_credits")
    for row in payable:
        book, original = books[_text(row["currency"])], _text(row["original_period"])
        owed = _Entry(
            None,
            accounts.payable,
            None if original is None else f"{CORRECTION} of {original}",
            _text(row["payer"]),
            _text(row["invoice"]),
        )
        book[owed] -= _units(row, "net")
        book[_Entry(None, accounts.aws_credits, None)] += _units(row, "aws_credits")
    amortized = _amortized(figures)
    for currency in {currency for currency, _ in amortized}:
        ticks = amortized[currency, True] + amortized[currency, False]
        books[currency][_Entry(None, accounts.amortization, None)] -= rounded(
            ticks, digits(currency)
        )
    found: list[Row] = []
    for currency in sorted(books, key=lambda one: order((one,))):
        book, places = books[currency], digits(currency)
        invoices = {_paid(row) for row in payable if row["currency"] == currency}
        # Of each invoice two columns are rounded, of planning three, and what is amortized once.
        _must_be_rounding("the journal", book.total(), 2 * len(invoices) + 4)
        book[_Entry(None, accounts.rounding, None)] -= book.total()
        for entry in sorted(book, key=order):
            if cents := book[entry]:
                side = "debit" if cents > 0 else "credit"
                found.append(
                    {
                        **entry._asdict(),
                        **_period(figures.month),
                        "posting_date": BillingPeriod(figures.month).end - timedelta(1),
                        "currency": currency,
                        side: Amount(abs(cents), places),
                    }
                )
    return found


def _amortized(figures: Figures) -> Counter[tuple[str | None, bool]]:
    """What is charged beyond what is billed, in ticks by currency: to owners (True), and to nobody.

    The same, where owners are charged by billed cost.
    """
    found: Counter[tuple[str | None, bool]] = Counter()
    for one in (*figures.charged, *(each.of for each in figures.charged_corrections)):
        found[one.currency, one.product_id is not None] += one.ticks
    for _, one in _every(figures):
        if not one.is_credit:
            found[one.currency, one.product_id is not None] -= one.ticks
    return found


# Reconciliation -----------------------------------------------------------------------------------


def reconciliation(figures: Figures, payable: Sequence[Row], planning: Sequence[Row]) -> list[Row]:
    """From the bill to what is paid and what is accrued, every difference by its name, to the tick.

    Each section has a Start, its Differences and an End that is their sum. Raises ArithmeticError
    where what is left to rounding is more than that can be.
    """
    return [*_bill_to_ap(figures, payable), *_ap_to_fpa(figures, payable, planning)]


def _bill_to_ap(figures: Figures, payable: Sequence[Row]) -> Iterator[Row]:
    charges: Counter[_Paid] = Counter()
    by_aws: Counter[_Paid] = Counter()
    for one in figures.bill:
        charges[_Paid(None, one.invoice)] += one.ticks
    for period, part in _every(figures):
        paid = _Paid(period, part.invoice)
        if period is not None:
            charges[paid] += part.ticks
        if part.is_credit:
            by_aws[paid] += part.ticks
            charges[paid] -= part.ticks
    nets: Counter[_Paid] = Counter()
    for row in payable:
        nets[_paid(row)] += _ticks(row, "net")
    for paid in sorted(charges, key=lambda paid: order((paid.original_period, *paid.invoice))):
        original, invoice = paid
        rest = nets[paid] - charges[paid] - by_aws[paid]
        _must_be_rounding("accounts payable", rest, _coin(invoice.currency))
        start = "Bill lines" if original is None else f"{CORRECTION}s of closed months"
        ticks = (
            (start, LineKind.START, charges[paid]),
            ("AWS credits", LineKind.DIFFERENCE, by_aws[paid]),
            ("Rounding", LineKind.DIFFERENCE, rest),
            ("AP", LineKind.END, nets[paid]),
        )
        for line, kind, amount in ticks:
            row = _line(Section.BILL_TO_AP, line, kind, amount, invoice.currency)
            yield {
                **row,
                "payer": invoice.payer,
                "invoice": invoice.invoice_id,
                "period": original or figures.month,
            }


def _ap_to_fpa(figures: Figures, payable: Sequence[Row], planning: Sequence[Row]) -> Iterator[Row]:
    currencies = {_text(row["currency"]) for row in (*payable, *planning)}
    amortized = _amortized(figures)
    for currency in sorted(currencies, key=lambda one: order((one,))):
        paid = sum(_ticks(row, "net") for row in payable if row["currency"] == currency)
        rows = [row for row in planning if row["currency"] == currency]
        accrued = sum(_ticks(row, "net") for row in rows)
        every = [one for _, one in _every(figures) if one.currency == currency]
        exact = sum(one.ticks for one in every)
        by_aws = sum(one.ticks for one in every if one.is_credit)
        to_nobody = sum(one.ticks for one in every if one.is_credit and one.product_id is None)
        discounts = sum(one.ticks for one in figures.discounts if one.currency == currency)
        uses = sum(one.ticks for one in figures.credits if one.currency == currency)
        differences = {
            "Rounding of AP": exact - paid,
            "AWS credits, which owners are not charged with": to_nobody - by_aws,
            **_named(f"{UNALLOCATED}: AWS credits", -to_nobody),
            "Amortization of commitments": amortized[currency, True],
            **_named(f"{UNALLOCATED}: charged beyond what is billed", amortized[currency, False]),
            "Discounts of the price book": -discounts,
            "Ledger credits": -uses,
        }
        rest = accrued - paid - sum(differences.values())
        _must_be_rounding("planning", rest, _coin(currency))
        for line in _chain(
            Section.AP_TO_FPA,
            ("AP", paid),
            differences | {"Rounding of FP&A": rest},
            ("FP&A", accrued),
            currency,
            figures.month,
        ):
            is_nobodys = str(line["line"]).startswith(UNALLOCATED)
            yield {**line, "detail": figures.waived_unallocated} if is_nobodys else line
        apart: Counter[str] = Counter()
        for row in rows:
            if (original := row["original_period"]) is not None:
                apart[f"Corrections of {original}"] -= _ticks(row, "net")
            elif row["product_id"] is None:
                apart[f"Waived unallocated: {row['reason']}"] -= _ticks(row, "net")
        own = accrued + apart.total()
        for line in _chain(
            Section.WITHIN_FPA,
            ("FP&A", accrued),
            {name: apart[name] for name in sorted(apart)},
            ("Products' own of the month", own),
            currency,
            figures.month,
        ):
            is_waived = str(line["line"]).startswith("Waived")
            yield {**line, "detail": figures.waived_unallocated} if is_waived else line
        yield from _chain(
            Section.CREDITS,
            ("AWS credits on the bills", -by_aws),
            {"Ledger credits": -uses},
            ("AWS credits beyond the ledger's", -by_aws - uses),
            currency,
            figures.month,
        )


def _named(line: str, ticks: int) -> dict[str, int]:
    """A difference that is told only where it is one."""
    return {line: ticks} if ticks else {}


def _must_be_rounding(what: str, rest: int, most: int) -> None:
    """Raises ArithmeticError for a *rest* that no rounding leaves: then a figure has no name."""
    if abs(rest) > most:
        raise ArithmeticError(
            f"{rest} are left in {what} that no difference names, and rounding leaves {most} at most"
        )


def _coin(currency: str | None) -> int:
    """The smallest coin of *currency* in ticks."""
    return int(10 ** (MOST_DIGITS - digits(currency)))


def _paid(row: Row) -> _Paid:
    """The invoice that a row of accounts payable is of."""
    invoice = Invoice(str(row["payer"]), _text(row["currency"]), _text(row["aws_invoice"]))
    return _Paid(_text(row["original_period"]), invoice)


def _chain(
    section: Section,
    start: tuple[str, int],
    differences: Mapping[str, int],
    end: tuple[str, int],
    currency: str | None,
    month: str,
) -> Iterator[Row]:
    """A section in one currency; differences of nothing are named too."""
    lines = [
        (*start, LineKind.START),
        *((name, ticks, LineKind.DIFFERENCE) for name, ticks in differences.items()),
        (*end, LineKind.END),
    ]
    for line, ticks, kind in lines:
        yield {**_line(section, line, kind, ticks, currency), "period": month}


def _line(section: Section, line: str, kind: LineKind, ticks: int, currency: str | None) -> Row:
    return {
        "section": section.value,
        "line": line,
        "kind": kind.value,
        "amount": Amount(ticks, MOST_DIGITS),
        "currency": currency,
    }


# Cells --------------------------------------------------------------------------------------------


def _whole(row: Mapping[str, int], names: Iterable[str]) -> dict[str, int]:
    """*row* with all its columns, in order."""
    return {name: row.get(name, 0) for name in names}


def _amounts(cents: Mapping[str, int], places: int) -> dict[str, Cell]:
    return {name: Amount(amount, places) for name, amount in cents.items()}


def _period(month: str, called: str | None = None) -> dict[str, Cell]:
    of = BillingPeriod(month)
    return {
        "period": called or month,
        "period_start": of.start,
        "period_end": of.end - timedelta(1),
    }


def _correction(original_period: str | None) -> dict[str, Cell]:
    return {
        "charge_class": None if original_period is None else CORRECTION,
        "original_period": original_period,
    }


def _text(cell: Cell) -> str | None:
    return None if cell is None else str(cell)


def _units(row: Row, name: str) -> int:
    cell = row.get(name)
    return cell.units if isinstance(cell, Amount) else 0


def _ticks(row: Row, name: str) -> int:
    cell = row.get(name)
    return cell.units * 10 ** (MOST_DIGITS - cell.digits) if isinstance(cell, Amount) else 0
