"""The door to the settings of the organisation: about its cards, and the files of a close."""

from decimal import Decimal
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from finops.domain.close_figures import ExchangeRate, JournalAccounts
from finops.domain.column_plans import (
    Column,
    ColumnPlan,
    DateFormat,
    DecimalMark,
    FileKind,
    LineEnd,
    Separator,
)
from finops.domain.organisation_settings import CloseSettings
from finops.domain.paces import MonthDays
from finops.domain.spend_cards import CardSettings
from finops.runtime import settings, wiring
from finops.runtime.observability import logger
from finops.runtime.rest import (
    READ,
    VERSIONED,
    Reason,
    act,
    answer,
    as_entity,
    caller,
    rest_api,
    version,
)
from finops.usecases import organisation_settings as use_cases
from finops.usecases import settings_views
from finops.usecases.organisation_views import element_said

app = rest_api()

WaitDays = Annotated[int, Field(ge=1, le=365)]
Account = Annotated[str, Field(min_length=1, max_length=100)]
Code = Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["USD"])]


@app.get(
    "/settings",
    summary="What the organisation chose",
    tags=["Settings"],
    operation_id="get_settings",
    responses=READ,
)
def get_settings() -> Response[Any]:
    """About its cards, and about the files of a close; until somebody changes them, the usual ones."""
    found = use_cases.seen_settings(by=caller(app), settings=wiring.settings_kept())
    return as_entity(found, settings_views.organisation_settings(found))


class NewCardSettings(BaseModel):
    """All about cards, also what stays as it is."""

    model_config = ConfigDict(extra="forbid")

    approves_zero: Annotated[
        bool, Field(description="A card of nothing at all is approved by itself")
    ]
    month_days: Annotated[
        MonthDays,
        Field(description="The days that a month's budget is meant for, by which a pace is told"),
    ]
    accept_after: Annotated[
        WaitDays | None,
        Field(description="Days after which an open card accepts itself; null: never"),
    ]
    tolerance: Annotated[
        int,
        Field(
            ge=0,
            le=100_000,
            description="So far above the budget's pace a card may accept itself, in basis points:"
            " 200 are 2 %",
        ),
    ]
    remind_after: Annotated[
        list[WaitDays],
        Field(max_length=10, description="Days after which who owes a step is told again"),
    ]
    escalate_after: Annotated[
        list[WaitDays],
        Field(max_length=10, description="Days after which it goes up, a level more each time"),
    ]
    reason: Reason = None


@app.put(
    "/settings/cards",
    summary="Set how cards are signed",
    tags=["Settings"],
    operation_id="put_card_settings",
    responses=VERSIONED,
)
def put_card_settings(cards: NewCardSettings) -> Response[Any]:
    """From now on; what cards were decided by stays decided. Days count from when a step came up."""
    said = cards.model_dump(exclude={"reason"})
    found = use_cases.set_cards(
        CardSettings.model_validate(
            said | {name: tuple(said[name]) for name in ("remind_after", "escalate_after")}
        ),
        version(app),
        by=caller(app),
        settings=wiring.settings_kept(),
        act=act(app, cards.reason),
    )
    return as_entity(found, settings_views.organisation_settings(found))


class NewColumn(BaseModel):
    """A column by its word, and another header than the usual one."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=100)]
    header: Annotated[str | None, Field(max_length=100)] = None


class NewColumnPlan(BaseModel):
    """How a file of the close is written; without columns, the usual ones."""

    model_config = ConfigDict(extra="forbid")

    kind: FileKind
    columns: Annotated[list[NewColumn], Field(max_length=50)] = []
    separator: Separator = Separator.COMMA
    decimal_mark: DecimalMark = DecimalMark.POINT
    dates: DateFormat = DateFormat.ISO
    has_totals: Annotated[bool, Field(description="A row for each currency at the end")] = False
    has_byte_order_mark: bool = False
    line_end: LineEnd = LineEnd.CRLF

    def plan(self) -> ColumnPlan:
        said = self.model_dump(exclude={"columns"})
        return ColumnPlan(**said, columns=tuple(Column(**one.model_dump()) for one in self.columns))


_BOOKED_ON = JournalAccounts()


class NewAccounts(BaseModel):
    """The accounts of the general ledger that a journal books on."""

    model_config = ConfigDict(extra="forbid")

    expense: Account = _BOOKED_ON.expense
    payable: Account = _BOOKED_ON.payable
    aws_credits: Account = _BOOKED_ON.aws_credits
    ledger_credits: Account = _BOOKED_ON.ledger_credits
    discounts: Account = _BOOKED_ON.discounts
    amortization: Account = _BOOKED_ON.amortization
    unallocated: Account = _BOOKED_ON.unallocated
    rounding: Account = _BOOKED_ON.rounding


class NewRate(BaseModel):
    """What one unit of a currency is in the reporting currency, and who says so."""

    model_config = ConfigDict(extra="forbid")

    currency: Code
    rate: Annotated[
        str,
        Field(
            pattern=r"^\d{1,9}(\.\d{1,10})?$",
            description="Decimal text, more than zero, ten decimals at most",
            examples=["1.0835"],
        ),
    ]
    source: Annotated[str, Field(min_length=1, max_length=200)]


class NewCloseSettings(BaseModel):
    """All about the files of a close, also what stays as it is."""

    model_config = ConfigDict(extra="forbid")

    plans: Annotated[
        list[NewColumnPlan],
        Field(max_length=4, description="One for a file; without, the usual columns"),
    ]
    accounts: NewAccounts
    cost_centres: Annotated[
        dict[str, Annotated[str, Field(min_length=1, max_length=100)]],
        Field(
            max_length=10_000,
            description="By element; one without has that of the nearest above it",
            examples=[{"retail.online": "CC-4711"}],
        ),
    ]
    rates: Annotated[list[NewRate], Field(max_length=200)]
    reporting_currency: Annotated[Code | None, Field(description="null: no amount is converted")]
    reason: Reason = None

    def settings(self) -> CloseSettings:
        return CloseSettings(
            plans=tuple(plan.plan() for plan in self.plans),
            accounts=JournalAccounts(**self.accounts.model_dump()),
            cost_centres=tuple(
                (element_said(element), centre) for element, centre in self.cost_centres.items()
            ),
            rates=tuple(
                ExchangeRate(currency=one.currency, rate=Decimal(one.rate), source=one.source)
                for one in self.rates
            ),
            reporting_currency=self.reporting_currency,
        )


@app.put(
    "/settings/close",
    summary="Set how the files of a close are written",
    tags=["Settings"],
    operation_id="put_close_settings",
    responses=VERSIONED,
)
def put_close_settings(close: NewCloseSettings) -> Response[Any]:
    """For closes that begin from now on; a closed month keeps the settings it was closed with."""
    found = use_cases.set_close(
        close.settings(),
        version(app),
        by=caller(app),
        settings=wiring.settings_kept(),
        charts=wiring.charts(),
        act=act(app, close.reason),
    )
    return as_entity(found, settings_views.organisation_settings(found))


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
