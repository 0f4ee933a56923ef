"""Corrections and closed years as they leave the product: FOCUS columns, money as decimal text."""

from collections.abc import Iterable
from typing import Any

from finops.domain.corrections import YearLine, focus_row
from finops.domain.money import text
from finops.usecases.closed_years import YearAnswer
from finops.usecases.corrections import SeenCorrection
from finops.usecases.views import freshness

FOCUS_COLUMNS = (
    *("BillingAccountId", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd"),
    *("ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory", "ChargeClass"),
    *("InvoiceId", "InvoiceIssuerName", "SubAccountId", "BilledCost", "EffectiveCost"),
    *("x_ChargeClass", "x_ProductId", "x_UnallocatedReason", "x_OriginalBillingPeriod"),
)
YEAR_COLUMNS = (
    *("of", "element", "month", "is_closed", "is_passed_over", "currency"),
    *("closed", "corrected", "waiting", "latest"),
)


def correction(one: SeenCorrection) -> dict[str, str | None]:
    """A correction by the columns of FOCUS; what owners are charged, in the column of its cost."""
    return focus_row(one.correction, one.booked_in, one.basis)


def corrections_table(
    found: Iterable[SeenCorrection],
) -> tuple[list[str], list[list[str | None]]]:
    """The same as a header and rows."""
    rows = (correction(one) for one in found)
    return list(FOCUS_COLUMNS), [[row[name] for name in FOCUS_COLUMNS] for row in rows]


def bookings(found: Iterable[SeenCorrection]) -> list[dict[str, str]]:
    """When the corrections were booked that some of these are of."""
    told = {
        one.booked.key: {
            "original_period": one.booked.original_period,
            "month": one.booked_in,
            "booked_at": one.booked.at.isoformat(),
        }
        for one in found
    }
    return list(told.values())


def closed_year(answer: YearAnswer) -> dict[str, Any]:
    """A fiscal year by element and month; `bill` are the invoices, for who sees the bill."""
    return {
        "fiscal_year": answer.year.year,
        "items": [{"element": one.element, **_line(one.line)} for one in answer.lines],
        "totals": [_line(one) for one in answer.totals],
        "bill": None if answer.bill is None else [_line(one) for one in answer.bill],
        "freshness": [freshness(bill) for bill in answer.bills],
    }


def year_table(answer: YearAnswer) -> tuple[list[str], list[list[Any]]]:
    """The same as a table: what owners pay by element, all of it, and the invoices."""
    told = closed_year(answer)
    rows = [
        *(
            {"of": "owners" if one["element"] is not None else "nobody", **one}
            for one in told["items"]
        ),
        *({"of": "total", **one} for one in told["totals"]),
        *({"of": "bill", **one} for one in told["bill"] or ()),
    ]
    return list(YEAR_COLUMNS), [[row.get(name) for name in YEAR_COLUMNS] for row in rows]


def _line(one: YearLine) -> dict[str, Any]:
    return {
        "month": one.month,
        "is_closed": one.is_closed,
        "is_passed_over": one.is_passed_over,
        "currency": one.currency,
        "closed": text(one.closed),
        "corrected": text(one.corrected),
        "waiting": text(one.waiting),
        "latest": text(one.latest),
    }
