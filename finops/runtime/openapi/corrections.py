"""What the door to corrections answers."""

from typing import Annotated, Literal

from pydantic import Field

from finops.runtime.openapi.bills import Freshness
from finops.runtime.openapi.words import (
    Answers,
    Currency,
    Cursor,
    Money,
    Month,
    Payer,
    Time,
    Told,
)

Text = str | None
Amount = Annotated[Money | None, Field(description="Of the one cost that the correction is of")]


class Correction(Told):
    """What a later bill changed of a closed month, by the columns of FOCUS 1.2."""

    BillingAccountId: Payer
    BillingCurrency: Currency
    BillingPeriodStart: Annotated[Time, Field(description="The month that has booked it")]
    BillingPeriodEnd: Time
    ChargePeriodStart: Annotated[Time, Field(description="The closed month that it is of")]
    ChargePeriodEnd: Time
    ChargeCategory: str
    ChargeClass: Literal["Correction"]
    InvoiceId: Annotated[Text, Field(description="Of the closed month; null: none given yet")]
    InvoiceIssuerName: Text
    SubAccountId: Text
    BilledCost: Amount
    EffectiveCost: Amount
    # Columns beside those of FOCUS are to begin so.
    x_ChargeClass: Annotated[Text, Field(description="null: AWS credited it")]  # noqa: N815
    x_ProductId: Annotated[Text, Field(description="Who pays it; null: nobody")]  # noqa: N815
    x_UnallocatedReason: Text  # noqa: N815
    x_OriginalBillingPeriod: Month  # noqa: N815


class Booking(Told):
    """When corrections of a month were booked, and in which one."""

    original_period: Month
    month: Month
    booked_at: Time


class CorrectionPage(Told):
    items: list[Correction]
    bookings: Annotated[list[Booking], Field(description="Those that the items are of")]
    next_cursor: Cursor


class YearLine(Told):
    """A month in one currency: closed + corrected + waiting = latest."""

    month: Month
    is_closed: bool
    is_passed_over: Annotated[
        bool,
        Field(
            description="It is before the first close: it is never closed, and nothing books what "
            "changes of it"
        ),
    ]
    currency: Currency
    closed: Annotated[Money, Field(description="What it was closed with; zero while it is open")]
    corrected: Annotated[Money, Field(description="What open months have booked of it since")]
    waiting: Annotated[
        Money,
        Field(description="What nothing has booked yet; of a month that is not closed, all of it"),
    ]
    latest: Annotated[Money, Field(description="What the bills in force say")]


class ElementYearLine(YearLine):
    """A month of an element; null: of what nobody owns."""

    element: str | None


class ClosedYear(Told):
    """A fiscal year: what owners are charged by element, all of it, and the invoices."""

    fiscal_year: int
    items: list[ElementYearLine]
    totals: Annotated[list[YearLine], Field(description="Of all that was asked for together")]
    bill: Annotated[
        list[YearLine] | None,
        Field(description="Of the invoices, AWS's credits among them; null without that right"),
    ]
    freshness: list[Freshness]


ANSWERS: Answers = {
    ("get", "/corrections"): ("200", CorrectionPage),
    ("get", "/corrections/years/{fiscal_year}"): ("200", ClosedYear),
}
