"""What the door to the organisation's settings answers."""

from typing import Annotated

from pydantic import Field

from finops.domain.column_plans import DateFormat, DecimalMark, FileKind, LineEnd, Separator
from finops.domain.paces import MonthDays
from finops.runtime.openapi.words import Answers, Told

Version = Annotated[int, Field(ge=0, description="What `ETag` says: changes so far")]


class CardSettings(Told):
    """How cards are settled by themselves, and when people hear of them again."""

    approves_zero: bool
    month_days: MonthDays
    accept_after: Annotated[int | None, Field(description="Days; null: never")]
    tolerance: Annotated[int, Field(ge=0, description="Basis points above the budget's pace")]
    remind_after: Annotated[list[int], Field(description="Days since the step came up")]
    escalate_after: Annotated[list[int], Field(description="Days since the step came up")]


class ChosenColumn(Told):
    """A column by its word; null: its usual header."""

    name: str
    header: str | None


class ColumnPlan(Told):
    """How a file of the close is written; without columns, the usual ones."""

    kind: FileKind
    columns: list[ChosenColumn]
    separator: Separator
    decimal_mark: DecimalMark
    dates: DateFormat
    has_totals: bool
    has_byte_order_mark: bool
    line_end: LineEnd


class JournalAccounts(Told):
    """The accounts of the general ledger that a journal books on."""

    expense: str
    payable: str
    aws_credits: str
    ledger_credits: str
    discounts: str
    amortization: str
    unallocated: str
    rounding: str


class ExchangeRate(Told):
    """What one unit of a currency is in the reporting currency, and who says so."""

    currency: str
    rate: Annotated[str, Field(description="Decimal text", examples=["1.0835"])]
    source: str


class CloseSettings(Told):
    """How the files of a close are written, and what the journal books on."""

    plans: list[ColumnPlan]
    accounts: JournalAccounts
    cost_centres: Annotated[dict[str, str], Field(description="By element")]
    rates: list[ExchangeRate]
    reporting_currency: str | None


class OrganisationSettings(Told):
    """What the organisation chose."""

    cards: CardSettings
    close: CloseSettings
    version: Version


ANSWERS: Answers = {
    ("get", "/settings"): ("200", OrganisationSettings),
    ("put", "/settings/cards"): ("200", OrganisationSettings),
    ("put", "/settings/close"): ("200", OrganisationSettings),
}
