"""What the door to credits answers."""

from typing import Annotated

from pydantic import Field

from finops.domain.credits import CreditSource, CreditStatus, WarningKind
from finops.runtime.openapi.allocations import AllocationFreshness
from finops.runtime.openapi.bills import Freshness
from finops.runtime.openapi.words import (
    Answers,
    Count,
    Currency,
    Cursor,
    Day,
    Money,
    Month,
    Payer,
    Time,
    Told,
)

Version = Annotated[int, Field(ge=0, description="What `ETag` says: changes so far")]
FRESH = Field(description="Of the bills that the estimates are made of, and those of this month")


class FoundCredit(Told):
    """Where a credit was seen first, and what the lines that named it came to by then."""

    payer_id: Payer
    billing_period: Month
    account_id: str | None
    currency: Currency
    description: str
    amount: Annotated[Money, Field(description="As on the bill: negative")]
    first_day: Day
    last_day: Day


class Credit(Told):
    """A credit as it is kept; what a queued one lacks is null until somebody maps it."""

    credit_id: str
    text: Annotated[str, Field(description="The promotion code, or words")]
    source: CreditSource
    product_id: str | None
    account_id: Annotated[str | None, Field(description="The account it was applied to")]
    service: Annotated[str | None, Field(description="Only this service's cost; null: all")]
    reference: str | None
    currency: Currency
    amount: Money | None
    used: Annotated[Money, Field(description="By months that are closed")]
    balance: Annotated[Money, Field(description="What closed months have left; never below zero")]
    start: Day | None
    expiry: Annotated[Day | None, Field(description="The last day whose cost it pays")]
    withdrawn_from: Annotated[Day | None, Field(description="From this day on it pays nothing")]
    found: FoundCredit | None
    recorded_at: Time
    changed_at: Time
    version: Version


class CreditWarning(Told):
    """A credit ends on *day*, at most so many days *before* it."""

    kind: WarningKind
    before: int
    day: Day


class CreditInList(Credit):
    """A credit with what it would pay of open months, and when it ends."""

    status: CreditStatus
    estimated_use: Annotated[Money, Field(description="Of open months; final once they are closed")]
    estimated_balance: Money
    run_out: Annotated[Day | None, Field(description="Projected; null: not before its expiry")]
    warnings: list[CreditWarning]


class CreditPage(Told):
    items: list[CreditInList]
    freshness: Annotated[list[AllocationFreshness], FRESH]
    next_cursor: Cursor


class CreditEntry(Told):
    """A line of the ledger, and the balance after it."""

    what: Annotated[str, Field(description="Grant, Use, Expiry or Withdrawal")]
    when: Annotated[str, Field(description="A day; of a use, the month")]
    amount: Money
    balance: Money
    is_final: Annotated[bool, Field(description="False: an estimate of an open month")]


class CreditMonth(Told):
    """A month of the credit's product, in the credit's currency."""

    month: Month
    spend: Annotated[Money, Field(description="Before discounts of the price book and credits")]
    estimated_discount: Annotated[
        Money, Field(description="On usage by the price book, until it is billed")
    ]
    used: Money
    is_final: bool


class BurnDown(Told):
    """How long it lasts at the pace so far."""

    through: Annotated[Day, Field(description="The last day that the pace is taken from")]
    left: Money
    run_out: Day | None
    lapses: Annotated[Money, Field(description="What it would expire with")]


class CreditWithLedger(CreditInList):
    """A credit with its ledger, the months of its product, and its burn-down."""

    ledger: list[CreditEntry]
    months: list[CreditMonth]
    burn_down: BurnDown | None
    freshness: Annotated[list[AllocationFreshness], FRESH]


class DiscountRate(Told):
    """What the usage of a service costs less; null: of all services without a rate of their own."""

    service: str | None
    basis_points: Annotated[int, Field(ge=0, le=10_000, description="10,000 are 100 %")]


class PriceList(Told):
    """The rates from a day on; a later list takes its place from its own start on."""

    number: Count
    start: Day
    rates: list[DiscountRate]
    set_by: str
    set_at: Time
    reason: str | None


class PriceBook(Told):
    """Every price list, oldest first; of those that began, the newest counts."""

    lists: list[PriceList]
    changed_at: Time | None
    version: Version


class ReconciliationLine(Told):
    """What AWS credited and what the ledger credits: two figures, and their difference."""

    month: Month
    currency: Currency
    on_bills: Annotated[Money, Field(description="Credited by AWS; part of the bill, not of spend")]
    in_ledger: Annotated[Money, Field(description="Credited to products by the credits here")]
    difference: Annotated[Money, Field(description="On bills, less in the ledger")]
    is_estimated: Annotated[bool, Field(description="Whether some of the ledger's may change")]


class Reconciliation(Told):
    """A month's credits, a line by currency, and how fresh its bills are."""

    items: list[ReconciliationLine]
    freshness: list[Freshness]


ANSWERS: Answers = {
    ("get", "/credits"): ("200", CreditPage),
    ("post", "/credits"): ("201", Credit),
    ("get", "/credits/reconciliation"): ("200", Reconciliation),
    ("get", "/credits/{credit_id}"): ("200", CreditWithLedger),
    ("put", "/credits/{credit_id}"): ("200", Credit),
    ("post", "/credits/{credit_id}/withdrawals"): ("200", Credit),
    ("get", "/discounts"): ("200", PriceBook),
    ("put", "/discounts"): ("200", PriceBook),
}
