"""The door to credits and the price book: granted, mapped, withdrawn, and beside the bill."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from finops.domain.authorization import Action, may
from finops.domain.credits import Credit, CreditStatus, CreditTerms
from finops.domain.discounts import DiscountRate
from finops.domain.money import to_ticks
from finops.domain.people import Person
from finops.runtime import settings, wiring
from finops.runtime.observability import logger, now
from finops.runtime.rest import (
    READ,
    VERSIONED,
    WRITE,
    Cursor,
    Limit,
    Reason,
    act,
    answer,
    as_csv,
    as_entity,
    as_json,
    caller,
    instead_of_ok,
    located,
    page,
    rest_api,
    version,
    wants_csv,
)
from finops.usecases import credits as use_cases
from finops.usecases import credits_views, views
from finops.usecases.organisation_views import element_said, shown

app = rest_api()

CreditId = Annotated[str, Path(description="The credit's id", max_length=64)]
Word = Annotated[str | None, Field(min_length=1, max_length=100)]


@app.get(
    "/credits",
    summary="The credits of a scope",
    tags=["Credits"],
    operation_id="get_credits",
    responses=READ,
)
def get_credits(
    status: Annotated[CreditStatus | None, Query(description="Only this status")] = None,
    product: Annotated[
        str | None, Query(description="Only of this product", max_length=250)
    ] = None,
    element: Annotated[
        str | None, Query(description="Only under this element", max_length=250)
    ] = None,
    warning: Annotated[
        bool | None, Query(description="Only those that end within 60 days (true), or not (false)")
    ] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """Credits by id: what they are worth, what open months would use, when they run out.

    Queued ones, found on a bill and nobody's yet, are for who sees all. CSV by `Accept: text/csv`.
    """
    by, today, treasury = caller(app), now().date(), wiring.treasury()
    found = use_cases.seen_credits(
        today,
        by=by,
        credits_=treasury.credits,
        status=status,
        product=product,
        under=element_said(element),
    )
    if warning is not None:
        every = use_cases.statements(found, today, treasury)
        found = [one.credit for one in every if bool(one.warnings) is warning]
    some, following = page(found, limit, cursor, lambda credit: credit.credit_id)
    told = use_cases.statements(some, today, treasury)
    if wants_csv(app):
        return as_csv(*credits_views.credit_table(told, today), following)
    with_bill = may(by, Action.SEE_BILL)
    items = [credits_views.credit_in_list(one, today, with_bill=with_bill) for one in told]
    return as_json({"items": items, "freshness": _fresh(some, today, by), "next_cursor": following})


class NewCredit(BaseModel):
    """What a credit is: how much, for which product and days, and for what of its costs."""

    model_config = ConfigDict(extra="forbid")

    product_id: Annotated[str, Field(max_length=250)]
    text: Annotated[str, Field(max_length=500, description="The promotion code, or words")]
    amount: Annotated[
        str,
        Field(
            pattern=r"^\d{1,12}(\.\d{1,10})?$",
            description="Decimal text, more than zero, ten decimals at most",
            examples=["1200.00"],
        ),
    ]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["USD"])]
    start: date
    expiry: Annotated[date, Field(description="The last day whose cost it pays")]
    service: Annotated[Word, Field(description="Only the cost of this service")] = None
    account_id: Annotated[Word, Field(description="The account that it was applied to")] = None
    reference: Word = None
    reason: Reason = None

    def terms(self) -> CreditTerms:
        """The same in ticks."""
        said = self.model_dump(exclude={"reason", "amount"})
        return CreditTerms(**said, amount=to_ticks(Decimal(self.amount)))


@app.post(
    "/credits",
    summary="Grant a credit",
    tags=["Credits"],
    operation_id="post_credit",
    responses=instead_of_ok(WRITE, 201, "The credit as it was granted"),
)
def post_credit(credit: NewCredit) -> Response[Any]:
    """It pays its product's cost from its start to its expiry, after discounts, in its turn.

    Cost of every class: usage, support, tax, Marketplace, fees; what AWS credited is no cost.
    """
    made = use_cases.grant(
        credit.terms(),
        by=caller(app),
        credits_=wiring.credits(),
        charts=wiring.charts(),
        open_from=wiring.open_from(),
        act=act(app, credit.reason, status=HTTPStatus.CREATED),
    )
    told = as_entity(made, shown(made), status=HTTPStatus.CREATED)
    return located(told, f"credit#{made.credit_id}")


@app.get(
    "/credits/reconciliation",
    summary="Credits beside the bill",
    tags=["Credits"],
    operation_id="get_reconciliation",
    responses=READ,
)
def get_reconciliation(
    month: Annotated[
        str | None, Query(description="YYYY-MM; without it, this month", max_length=7)
    ] = None,
) -> Response[Any]:
    """What AWS credited on the month's bills, what the credits here do, and the difference.

    Two figures, a line by currency; they are never added. CSV by `Accept: text/csv`.
    """
    treasury, today = wiring.treasury(), now().date()
    period = month or f"{today:%Y-%m}"
    lines = use_cases.reconcile(period, today, by=caller(app), treasury=treasury)
    items = credits_views.reconciliation(period, lines)
    if wants_csv(app):
        columns = credits_views.RECONCILIATION_COLUMNS
        return as_csv(columns, [[item[name] for name in columns] for item in items])
    fresh = [views.freshness(bill) for bill in treasury.bills.in_period(period)]
    return as_json({"items": items, "freshness": fresh})


@app.get(
    "/credits/<credit_id>",
    summary="One credit",
    tags=["Credits"],
    operation_id="get_credit",
    responses=READ,
)
def get_credit(credit_id: CreditId) -> Response[Any]:
    """Its ledger, what its product spends, and how long it lasts at the pace so far."""
    by, today, treasury = caller(app), now().date(), wiring.treasury()
    found = use_cases.seen_credit(credit_id, by=by, credits_=treasury.credits)
    [statement] = use_cases.statements([found], today, treasury)
    with_bill = may(by, Action.SEE_BILL)
    told = credits_views.credit_with_ledger(statement, today, with_bill=with_bill)
    return as_entity(found, told | {"freshness": _fresh([found], today, by)})


def _fresh(some: Sequence[Credit], today: date, by: Person) -> list[dict[str, Any]]:
    """How fresh the bills are that estimates of these credits are made of."""
    found = use_cases.credit_standings(
        some,
        today,
        by=by,
        treasury=wiring.treasury(),
        allocations=wiring.allocations(),
        book=wiring.book(),
    )
    return [views.standing(one) for one in found]


@app.put(
    "/credits/<credit_id>",
    summary="Map or correct a credit",
    tags=["Credits"],
    operation_id="put_credit",
    responses=VERSIONED,
)
def put_credit(credit_id: CreditId, credit: NewCredit) -> Response[Any]:
    """A queued credit gets its product, amount and dates; any is corrected until it has paid.

    Once a closed month has used it, it is withdrawn, and another one granted.
    """
    made = use_cases.map_credit(
        credit_id,
        credit.terms(),
        version(app),
        by=caller(app),
        credits_=wiring.credits(),
        charts=wiring.charts(),
        open_from=wiring.open_from(),
        act=act(app, credit.reason),
    )
    return as_entity(made, shown(made))


class Withdrawal(BaseModel):
    """From when on a credit pays nothing, and why."""

    model_config = ConfigDict(extra="forbid")

    day: Annotated[date | None, Field(description="The first such day; without it, today")] = None
    reason: Annotated[str, Field(min_length=1, max_length=500)]


@app.post(
    "/credits/<credit_id>/withdrawals",
    summary="End a credit",
    tags=["Credits"],
    operation_id="post_withdrawal",
    responses=VERSIONED,
)
def post_withdrawal(credit_id: CreditId, withdrawal: Withdrawal) -> Response[Any]:
    """What closed months have used stays used; the rest is gone. A queued one is set aside."""
    made = use_cases.withdraw(
        credit_id,
        withdrawal.day,
        version(app),
        by=caller(app),
        credits_=wiring.credits(),
        open_from=wiring.open_from(),
        act=act(app, withdrawal.reason),
    )
    return as_entity(made, shown(made))


@app.get(
    "/discounts",
    summary="The price book",
    tags=["Discounts"],
    operation_id="get_discounts",
    responses=READ,
)
def get_discounts() -> Response[Any]:
    """Every price list, oldest first. CSV by `Accept: text/csv`, a row for each rate."""
    book = use_cases.price_book(by=caller(app), credits_=wiring.credits())
    if wants_csv(app):
        return as_csv(*credits_views.price_table(book, now().date()))
    return as_entity(book, shown(book))


class Rate(BaseModel):
    """What the usage of a service costs less; without a service, of all without a rate of their own."""

    model_config = ConfigDict(extra="forbid")

    service: Word = None
    basis_points: Annotated[int, Field(ge=0, le=10_000, description="500 are 5 %")]


class NewPriceList(BaseModel):
    """The rates from a day on, in place of all before; none: no discount from then on."""

    model_config = ConfigDict(extra="forbid")

    start: date
    rates: Annotated[list[Rate], Field(max_length=500)]
    reason: Reason = None


@app.put(
    "/discounts",
    summary="Set the discounts from a day on",
    tags=["Discounts"],
    operation_id="put_discounts",
    responses=VERSIONED,
)
def put_discounts(prices: NewPriceList) -> Response[Any]:
    """On usage alone: tax, support, Marketplace, fees and unused commitments have no discount.

    Estimated until it is billed: where a bill carries a discount itself, that one counts.
    """
    book = use_cases.set_discounts(
        [DiscountRate(**rate.model_dump()) for rate in prices.rates],
        prices.start,
        version(app),
        by=caller(app),
        credits_=wiring.credits(),
        open_from=wiring.open_from(),
        act=act(app, prices.reason),
    )
    return as_entity(book, shown(book))


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
