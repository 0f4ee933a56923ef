"""What the door to the organisation's settings answers."""

from typing import Annotated

from pydantic import Field

from finops.domain.column_plans import DateFormat, DecimalMark, FileKind, LineEnd, Separator
from finops.domain.paces import MonthDays
from finops.domain.people import Role
from finops.domain.report_settings import Dimension, Rhythm
from finops.runtime.openapi.words import Answers, Told

Amount = Annotated[str, Field(description="Decimal text", examples=["250"])]
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


class Threshold(Told):
    """From when on a row of a report is told about: where it reaches all that is stated."""

    dimension: Dimension
    tag_key: str | None
    value: Annotated[str | None, Field(description="Exactly; null: every one of the dimension")]
    amount: Amount | None
    growth: Annotated[Amount | None, Field(description="Against the span before")]
    share: Annotated[int | None, Field(description="Of the report's total, in basis points")]


class ReportGroup(Told):
    """Some who get the report of one element, whether or not they have a sign-in."""

    name: str
    element: str
    recipients: list[str]
    rhythms: list[Rhythm]
    thresholds: list[Threshold]


class AccountFilter(Told):
    """The accounts that reports take apart; the rest is a row of its own, so no total changes."""

    only: list[str]
    without: list[str]


class ReportSettings(Told):
    """Who gets which cost report, when, and what is told of in it."""

    roles: list[Role]
    rhythms: list[Rhythm]
    groups: list[ReportGroup]
    thresholds: list[Threshold]
    accounts: AccountFilter


class KeySpelling(Told):
    """Another spelling of a tag's key."""

    key: str
    alias: str


class ValueSpelling(Told):
    """Another spelling of the value that a tag of a key has."""

    key: str
    value: str
    alias: str


class TagSettings(Told):
    """The tags that spend is told by, those that are required, and what other spellings mean."""

    report_keys: list[str]
    required_keys: list[str]
    key_aliases: list[KeySpelling]
    value_aliases: list[ValueSpelling]


class AnomalySettings(Told):
    """From when on a day is unusual."""

    spreads: Annotated[str, Field(description="Decimal text: robust spreads above the median")]
    least: Amount
    weeks: int
    new_spender: Amount


class Channel(Told):
    """Where alerts about an element and what is below it go besides its owners."""

    name: str
    element: str
    recipients: list[str]
    webhook: str | None


class AlertSettings(Told):
    """From when on spend is told of while it happens, and to whom besides its owners."""

    levels: Annotated[list[int], Field(description="Of the month's schedule, in basis points")]
    forecast: bool
    pace: bool
    credit_days: list[int]
    late_hours: int
    anomalies: AnomalySettings
    channels: list[Channel]


class OrganisationSettings(Told):
    """What the organisation chose."""

    cards: CardSettings
    close: CloseSettings
    reports: ReportSettings
    tags: TagSettings
    alerts: AlertSettings
    version: Version


ANSWERS: Answers = {
    ("get", "/settings"): ("200", OrganisationSettings),
    ("put", "/settings/cards"): ("200", OrganisationSettings),
    ("put", "/settings/close"): ("200", OrganisationSettings),
    ("put", "/settings/reports"): ("200", OrganisationSettings),
    ("put", "/settings/tags"): ("200", OrganisationSettings),
    ("put", "/settings/alerts"): ("200", OrganisationSettings),
}
