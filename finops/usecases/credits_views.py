"""Credits and the price book as they leave the product: money as decimal text, days as days."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from finops.domain.bill_notes import CreditLine
from finops.domain.credits import Credit, CreditWarning, Reconciliation
from finops.domain.discounts import PriceBook, PriceList
from finops.domain.money import text
from finops.usecases.credits import CreditMonth, Statement
from finops.usecases.organisation_views import shown

CREDIT_COLUMNS = (
    *("credit_id", "text", "source", "status", "product_id", "account_id", "service", "reference"),
    *("currency", "amount", "used", "balance", "estimated_use", "estimated_balance"),
    *("start", "expiry", "withdrawn_from", "run_out", "warnings", "changed_at", "version"),
)
PRICE_COLUMNS = (
    *("number", "start", "service", "basis_points", "set_by", "set_at", "reason", "is_in_force"),
)
RECONCILIATION_COLUMNS = (
    "month",
    "currency",
    "on_bills",
    "in_ledger",
    "difference",
    "is_estimated",
)


@shown.register
def credit(one: Credit) -> dict[str, Any]:
    """A credit as it is kept, without what a day makes of it."""
    terms = one.terms
    return {
        "credit_id": one.credit_id,
        "text": one.text,
        "source": one.source.value,
        "product_id": one.product_id,
        "account_id": one.account_id,
        "service": terms.service if terms else None,
        "reference": terms.reference if terms else None,
        "currency": _currency(one),
        "amount": text(terms.amount) if terms else None,
        "used": text(one.used),
        "balance": text(one.balance),
        "start": terms.start.isoformat() if terms else None,
        "expiry": terms.expiry.isoformat() if terms else None,
        "withdrawn_from": one.withdrawn_from.isoformat() if one.withdrawn_from else None,
        "found": _found(one.found) if one.found else None,
        "recorded_at": one.recorded_at.isoformat(),
        "changed_at": one.changed_at.isoformat(),
        "version": one.version,
    }


def _currency(one: Credit) -> str | None:
    if one.terms is not None:
        return one.terms.currency
    return one.found.billing_currency if one.found else None


def _found(line: CreditLine) -> dict[str, Any]:
    """Where a credit was seen first, and what AWS had credited by then."""
    return {
        "payer_id": line.billing_account_id,
        "billing_period": line.billing_period,
        "account_id": line.sub_account_id,
        "currency": line.billing_currency,
        "description": line.description,
        "amount": text(line.amount),
        "first_day": line.first_day.isoformat(),
        "last_day": line.last_day.isoformat(),
    }


def credit_in_list(statement: Statement, today: date, *, with_bill: bool) -> dict[str, Any]:
    """A credit with what it would pay of open months, and when it ends.

    *with_bill* tells what the bill says of it, which is of the whole account.
    """
    one, ahead = statement.credit, statement.ahead
    estimate = sum(use.amount for use in statement.estimates)
    return {
        **credit(one),
        **({} if with_bill else {"found": None}),
        "status": one.status(today).value,
        "estimated_use": text(estimate),
        "estimated_balance": text(one.balance - estimate),
        "run_out": ahead.run_out.isoformat() if ahead and ahead.run_out else None,
        "warnings": [_warning(warning) for warning in statement.warnings],
    }


def _warning(one: CreditWarning) -> dict[str, Any]:
    return {"kind": one.kind.value, "before": one.before, "day": one.day.isoformat()}


def credit_table(statements: Iterable[Statement], today: date) -> tuple[list[str], list[list[Any]]]:
    """The same as a table; a warning by its kind and days."""
    rows = []
    for statement in statements:
        item = credit_in_list(statement, today, with_bill=False)
        told = ";".join(f"{one['kind']} {one['before']}" for one in item["warnings"])
        rows.append([(item | {"warnings": told})[name] for name in CREDIT_COLUMNS])
    return list(CREDIT_COLUMNS), rows


def credit_with_ledger(statement: Statement, today: date, *, with_bill: bool) -> dict[str, Any]:
    """The same with its ledger, the months of its product, and its burn-down."""
    one, ahead = statement.credit, statement.ahead
    return {
        **credit_in_list(statement, today, with_bill=with_bill),
        "ledger": [
            {
                "what": entry.what,
                "when": entry.when,
                "amount": text(entry.amount),
                "balance": text(entry.balance),
                "is_final": entry.is_final,
            }
            for entry in one.ledger(statement.estimates, today)
        ],
        "months": [_month(month) for month in statement.months],
        "burn_down": None
        if ahead is None
        else {
            "through": statement.through.isoformat(),
            "left": text(ahead.left),
            "run_out": ahead.run_out.isoformat() if ahead.run_out else None,
            "lapses": text(ahead.lapses),
        },
    }


def _month(month: CreditMonth) -> dict[str, Any]:
    return {
        "month": month.month,
        "spend": text(month.spend),
        "estimated_discount": text(month.discount),
        "used": text(month.use.amount if month.use else 0),
        "is_final": month.use is not None and month.use.is_final,
    }


# The price book -----------------------------------------------------------------------------------


@shown.register
def price_book(book: PriceBook) -> dict[str, Any]:
    """Every price list, oldest first."""
    return {
        "lists": [_price_list(one) for one in book.lists],
        "changed_at": book.changed_at.isoformat() if book.changed_at else None,
        "version": book.version,
    }


def _price_list(one: PriceList) -> dict[str, Any]:
    return {
        "number": one.number,
        "start": one.start.isoformat(),
        "rates": [rate.model_dump() for rate in one.rates],
        "set_by": one.set_by,
        "set_at": one.set_at.isoformat(),
        "reason": one.reason,
    }


def price_table(book: PriceBook, today: date) -> tuple[list[str], list[list[Any]]]:
    """The same as a table: a row for each rate, and one for a list without any."""
    rows: list[list[Any]] = []
    for one in book.lists:
        rates: Sequence[tuple[str | None, int | None]] = [
            (rate.service, rate.basis_points) for rate in one.rates
        ] or [(None, None)]
        rows += [
            [
                *(one.number, one.start.isoformat(), service, points),
                *(one.set_by, one.set_at.isoformat(), one.reason, one is book.on(today)),
            ]
            for service, points in rates
        ]
    return list(PRICE_COLUMNS), rows


# Beside the bill ----------------------------------------------------------------------------------


def reconciliation(month: str, lines: Iterable[Reconciliation]) -> list[dict[str, Any]]:
    """Two figures and their difference, a line by currency."""
    return [
        {
            "month": month,
            "currency": line.currency,
            "on_bills": text(line.on_bills),
            "in_ledger": text(line.in_ledger),
            "difference": text(line.difference),
            "is_estimated": line.is_estimated,
        }
        for line in lines
    ]
