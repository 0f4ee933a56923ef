"""Column plans: which columns a file of the close has, in which order, and how they are written."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import NamedTuple, Self

from pydantic import field_validator, model_validator

from finops.domain.cells import harmless
from finops.domain.errors import InvalidError
from finops.domain.values import Frozen


class FileKind(StrEnum):
    """The files of a close."""

    AP = "AccountsPayable"
    FPA = "PlanningAndAnalysis"
    JOURNAL = "Journal"
    RECONCILIATION = "Reconciliation"


class Amount(NamedTuple):
    """Money in a file: so many of a unit with so many decimals, cents for two."""

    units: int
    digits: int


Cell = str | date | Amount | None
Row = Mapping[str, Cell]

# The columns that a file can have: the word they are chosen by, and their usual header. What FOCUS
# has a name for carries it.
COLUMNS: Mapping[FileKind, Mapping[str, str]] = {
    FileKind.AP: {
        "business_unit": "Business unit",
        "unit_id": "Business unit id",
        "vendor": "Vendor",
        "purchase_order": "PO",
        "invoice": "Invoice",
        "memo": "Memo",
        "period": "Period",
        "period_start": "Period start",
        "period_end": "Period end",
        "gross": "Gross",
        "discount": "Discount",
        "aws_credits": "AWS credits",
        "tax": "Tax",
        "net": "Net",
        "currency": "Currency",
        "payer": "BillingAccountId",
        "issuer": "InvoiceIssuerName",
        "aws_invoice": "InvoiceId",
        "charge_class": "ChargeClass",
        "original_period": "Original period",
    },
    FileKind.FPA: {
        "business_unit": "Business unit",
        "department": "Department",
        "portfolio": "Portfolio",
        "product": "Product",
        "product_id": "Product id",
        "period": "Period",
        "period_start": "Period start",
        "period_end": "Period end",
        "spend": "Spend",
        "discount": "Discount",
        "ledger_credits": "Ledger credits",
        "net": "Net",
        "budget": "Budget",
        "variance": "Variance",
        "spend_variance": "Variance of spend",
        "currency": "Currency",
        "reporting_net": "Net in reporting currency",
        "reporting_currency": "Reporting currency",
        "reason": "Reason",
        "charge_class": "ChargeClass",
        "original_period": "Original period",
    },
    FileKind.JOURNAL: {
        "period": "Period",
        "posting_date": "Posting date",
        "cost_centre": "Cost centre",
        "account": "Account",
        "debit": "Debit",
        "credit": "Credit",
        "currency": "Currency",
        "description": "Description",
        "payer": "BillingAccountId",
        "invoice": "InvoiceId",
    },
    FileKind.RECONCILIATION: {
        "section": "Section",
        "payer": "BillingAccountId",
        "invoice": "InvoiceId",
        "period": "Period",
        "line": "Line",
        "kind": "Kind",
        "amount": "Amount",
        "currency": "Currency",
        "detail": "Detail",
    },
}
USUAL: Mapping[FileKind, tuple[str, ...]] = {
    FileKind.AP: (
        *("business_unit", "vendor", "purchase_order", "invoice", "memo", "period", "gross"),
        *("discount", "aws_credits", "tax", "net", "currency"),
        *("payer", "issuer", "charge_class", "original_period"),
    ),
    FileKind.FPA: (
        *("business_unit", "department", "portfolio", "product", "product_id", "period"),
        *("spend", "discount", "ledger_credits", "net", "budget", "variance", "currency"),
        *("reason", "charge_class", "original_period"),
    ),
    FileKind.JOURNAL: (
        *(
            "period",
            "cost_centre",
            "account",
            "debit",
            "credit",
            "currency",
            "description",
            "invoice",
        ),
    ),
    FileKind.RECONCILIATION: tuple(COLUMNS[FileKind.RECONCILIATION]),
}
AMOUNTS: Mapping[FileKind, tuple[str, ...]] = {
    FileKind.AP: ("gross", "discount", "aws_credits", "tax", "net"),
    FileKind.FPA: (
        *("spend", "discount", "ledger_credits", "net", "budget", "variance"),
        *("spend_variance", "reporting_net"),
    ),
    FileKind.JOURNAL: ("debit", "credit"),
    FileKind.RECONCILIATION: (),  # balances and differences: their sum says nothing
}
LONGEST_HEADER = 100


class DateFormat(StrEnum):
    """How a day is written; a month is what is left of it without its day."""

    ISO = "YYYY-MM-DD"
    COMPACT = "YYYYMMDD"
    GERMAN = "DD.MM.YYYY"
    BRITISH = "DD/MM/YYYY"
    AMERICAN = "MM/DD/YYYY"

    def of(self, day: date) -> str:
        """*day* as it is written.

        >>> DateFormat.GERMAN.of(date(2026, 9, 30))
        '30.09.2026'
        """
        said = self.value.replace("YYYY", f"{day.year:04}").replace("MM", f"{day.month:02}")
        return said.replace("DD", f"{day.day:02}")


class Column(Frozen):
    """A column by its word (`COLUMNS`), and another *header* than the usual one."""

    name: str
    header: str | None = None

    @field_validator("header")
    @classmethod
    def _is_short(cls, header: str | None) -> str | None:
        if header is not None and not 1 <= len(header.strip()) <= LONGEST_HEADER:
            raise InvalidError(f"a header has 1 to {LONGEST_HEADER} characters")
        return header


class Separator(StrEnum):
    """What stands between two cells."""

    COMMA = ","
    SEMICOLON = ";"
    TAB = "\t"
    PIPE = "|"


class DecimalMark(StrEnum):
    """What stands before the cents."""

    POINT = "."
    COMMA = ","


class LineEnd(StrEnum):
    """What a row ends with; RFC 4180 says CRLF."""

    CRLF = "CRLF"
    LF = "LF"


class ColumnPlan(Frozen):
    """How an organisation wants a file; without columns, the usual ones.

    *has_totals* adds a row for each currency at the end. Raises InvalidError for a column that the
    file does not have, one named twice, and amounts without their currency.
    """

    kind: FileKind
    columns: tuple[Column, ...] = ()
    separator: Separator = Separator.COMMA
    decimal_mark: DecimalMark = DecimalMark.POINT
    dates: DateFormat = DateFormat.ISO
    has_totals: bool = False
    has_byte_order_mark: bool = False
    line_end: LineEnd = LineEnd.CRLF

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        known = COLUMNS[self.kind]
        names = [column.name for column in self.columns]
        for name in names:
            if name not in known:
                raise InvalidError(
                    f"{name!r} is no column of {self.kind}; it has {', '.join(known)}"
                )
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise InvalidError(f"column {twice[0]} is named twice; name it once")
        headers = Counter(self.headers)
        if same := [header for header, count in headers.items() if count > 1]:
            raise InvalidError(f"two columns have the header {same[0]!r}; give one another")
        if names and "currency" not in names:
            raise InvalidError(
                f"{self.kind} has amounts of several currencies; name the column currency too"
            )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns) or USUAL[self.kind]

    @property
    def headers(self) -> tuple[str, ...]:
        told = {column.name: column.header for column in self.columns}
        return tuple(told.get(name) or COLUMNS[self.kind][name] for name in self.names)

    def written(self, rows: Sequence[Row]) -> bytes:
        """*rows* as a CSV file in UTF-8; what a spreadsheet would run is made harmless."""
        table = io.StringIO(newline="")
        end = "\r\n" if self.line_end is LineEnd.CRLF else "\n"
        writer = csv.writer(table, delimiter=self.separator.value, lineterminator=end)
        writer.writerow([harmless(header) for header in self.headers])
        listed = [*rows, *self._totals(rows)] if self.has_totals else rows
        writer.writerows([self._cell(row.get(name)) for name in self.names] for row in listed)
        return table.getvalue().encode("utf-8-sig" if self.has_byte_order_mark else "utf-8")

    def _totals(self, rows: Sequence[Row]) -> list[Row]:
        """A row for each currency, with the word Total where there is room for it."""
        words = [name for name in self.names if name not in (*AMOUNTS[self.kind], "currency")]
        return [
            {**dict.fromkeys(words[:1], "Total"), "currency": currency, **sums}
            for currency, sums in totals(self.kind, rows).items()
        ]

    def _cell(self, cell: Cell) -> str:
        match cell:
            case Amount():
                return amount_text(cell, self.decimal_mark)
            case date():
                return self.dates.of(cell)
            case _:
                return str(harmless(cell))


def amount_text(amount: Amount, mark: DecimalMark = DecimalMark.POINT) -> str:
    """*amount* as it is written.

    >>> amount_text(Amount(-5, 2)), amount_text(Amount(1_500, 0)), amount_text(Amount(1, 10))
    ('-0.05', '1500', '0.0000000001')
    """
    sign, plain = "-" if amount.units < 0 else "", str(abs(amount.units))
    if not amount.digits:
        return sign + plain
    padded = plain.rjust(amount.digits + 1, "0")
    return f"{sign}{padded[: -amount.digits]}{mark}{padded[-amount.digits :]}"


def totals(kind: FileKind, rows: Iterable[Row]) -> dict[str | None, dict[str, Amount]]:
    """The sum of every column of amounts for each currency of *rows*; two are never added."""
    sums: dict[str | None, dict[str, Amount]] = {}
    for row in rows:
        currency = row.get("currency")
        if isinstance(currency, str) or currency is None:
            known = sums.setdefault(currency, {})
            for name in AMOUNTS[kind]:
                cell = row.get(name)
                if isinstance(cell, Amount):
                    before = known.get(name, Amount(0, cell.digits))
                    known[name] = Amount(before.units + cell.units, cell.digits)
    return {one: sums[one] for one in sorted(sums, key=lambda one: (one is None, one or ""))}
