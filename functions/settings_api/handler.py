"""The door to the settings of the organisation: cards, files of a close, reports, tags, alerts."""

from decimal import Decimal
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from finops.domain.alert_settings import (
    MOST_CHANNELS,
    MOST_LEVELS,
    AlertSettings,
    AnomalySettings,
    Channel,
)
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
from finops.domain.people import LONGEST_ADDRESS, Role
from finops.domain.report_settings import (
    MOST_ACCOUNTS,
    MOST_GROUPS,
    MOST_RECIPIENTS,
    MOST_THRESHOLDS,
    AccountFilter,
    Dimension,
    ReportGroup,
    ReportSettings,
    Rhythm,
    Threshold,
)
from finops.domain.spend_cards import CardSettings
from finops.domain.tag_settings import (
    LONGEST_VALUE,
    MOST_ALIASES,
    MOST_KEYS,
    KeyAlias,
    TagSettings,
    ValueAlias,
)
from finops.domain.tags import LONGEST_KEY
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
from finops.usecases.organisation_views import ENTERPRISE_ID, element_said

app = rest_api()

WaitDays = Annotated[int, Field(ge=1, le=365)]
Account = Annotated[str, Field(min_length=1, max_length=100)]
Code = Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["USD"])]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Element = Annotated[
    str,
    Field(
        min_length=1,
        max_length=250,
        description="By its id; enterprise for all of it",
        examples=["retail.digital"],
    ),
]
Address = Annotated[str, Field(max_length=LONGEST_ADDRESS, examples=["ada@example.com"])]
Addresses = Annotated[list[Address], Field(max_length=MOST_RECIPIENTS)]
Amount = Annotated[
    str,
    Field(
        pattern=r"^\d{1,12}(\.\d{1,10})?$",
        description="Decimal text, more than zero",
        examples=["250"],
    ),
]
AccountId = Annotated[str, Field(max_length=128, examples=["444455556666"])]
Key = Annotated[
    str,
    Field(
        max_length=LONGEST_KEY,
        description="As its owner spells it, without `resourceTags/`",
        examples=["user:Team"],
    ),
]
Keys = Annotated[list[Key], Field(max_length=MOST_KEYS)]


@app.get(
    "/settings",
    summary="What the organisation chose",
    tags=["Settings"],
    operation_id="get_settings",
    responses=READ,
)
def get_settings() -> Response[Any]:
    """About cards, closes, reports, tags and alerts; until somebody changes them, the usual ones."""
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


class NewThreshold(BaseModel):
    """From when on a row of a report is told about: where it reaches all that is stated."""

    model_config = ConfigDict(extra="forbid")

    dimension: Dimension
    tag_key: Annotated[Key | None, Field(description="Of the dimension Tag, and of no other")] = (
        None
    )
    value: Annotated[
        str | None,
        Field(
            max_length=256,
            description="Exactly as the bill spells it; null: every one of the dimension",
        ),
    ] = None
    amount: Annotated[Amount | None, Field(description="Spent, in the currency of plans")] = None
    growth: Annotated[
        Amount | None, Field(description="More than in the span before, in the currency of plans")
    ] = None
    share: Annotated[
        int | None,
        Field(gt=0, le=10_000, description="Of the report's total, in basis points: 2000 are 20 %"),
    ] = None

    def threshold(self) -> Threshold:
        return Threshold(
            dimension=self.dimension,
            tag_key=self.tag_key,
            value=self.value,
            amount=None if self.amount is None else Decimal(self.amount),
            growth=None if self.growth is None else Decimal(self.growth),
            share=self.share,
        )


Thresholds = Annotated[list[NewThreshold], Field(max_length=MOST_THRESHOLDS)]
Rhythms = Annotated[list[Rhythm], Field(max_length=len(Rhythm))]


class NewGroup(BaseModel):
    """Some who get the report of one element, whether or not they have a sign-in."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    element: Element = ENTERPRISE_ID
    recipients: Annotated[Addresses, Field(min_length=1)]
    rhythms: Annotated[Rhythms, Field(min_length=1)] = list(Rhythm)
    thresholds: Thresholds = []

    def group(self) -> ReportGroup:
        return ReportGroup(
            name=self.name,
            element=element_said(self.element),
            recipients=tuple(self.recipients),
            rhythms=tuple(self.rhythms),
            thresholds=tuple(one.threshold() for one in self.thresholds),
        )


class NewAccountFilter(BaseModel):
    """The accounts that reports take apart; the rest is a row of its own, so no total changes."""

    model_config = ConfigDict(extra="forbid")

    only: Annotated[
        list[AccountId], Field(max_length=MOST_ACCOUNTS, description="These, and no others")
    ] = []
    without: Annotated[
        list[AccountId], Field(max_length=MOST_ACCOUNTS, description="All others than these")
    ] = []


class NewReportSettings(BaseModel):
    """All about cost reports, also what stays as it is."""

    model_config = ConfigDict(extra="forbid")

    roles: Annotated[
        list[Role],
        Field(max_length=len(Role), description="Who get a report of what they may see"),
    ]
    rhythms: Annotated[Rhythms, Field(description="When; none: no reports by role")]
    groups: Annotated[
        list[NewGroup], Field(max_length=MOST_GROUPS, description="Who get one besides")
    ]
    thresholds: Annotated[
        Thresholds, Field(description="Of all reports; a group may have some of its own besides")
    ]
    accounts: NewAccountFilter
    reason: Reason = None

    def settings(self) -> ReportSettings:
        return ReportSettings(
            roles=tuple(self.roles),
            rhythms=tuple(self.rhythms),
            groups=tuple(group.group() for group in self.groups),
            thresholds=tuple(one.threshold() for one in self.thresholds),
            accounts=AccountFilter(
                only=tuple(self.accounts.only), without=tuple(self.accounts.without)
            ),
        )


@app.put(
    "/settings/reports",
    summary="Set who gets which cost report",
    tags=["Settings"],
    operation_id="put_report_settings",
    responses=VERSIONED,
)
def put_report_settings(reports: NewReportSettings) -> Response[Any]:
    """For reports that are sent from now on; those that were sent stay as they are kept."""
    found = use_cases.set_reports(
        reports.settings(),
        version(app),
        by=caller(app),
        settings=wiring.settings_kept(),
        charts=wiring.charts(),
        act=act(app, reports.reason),
    )
    return as_entity(found, settings_views.organisation_settings(found))


class NewKeyAlias(BaseModel):
    """Another spelling of a tag's key."""

    model_config = ConfigDict(extra="forbid")

    key: Annotated[Key, Field(description="What is meant")]
    alias: Annotated[Key, Field(description="What somebody wrote")]


class NewValueAlias(BaseModel):
    """Another spelling of the value that a tag of a key has."""

    model_config = ConfigDict(extra="forbid")

    key: Key
    value: Annotated[str, Field(max_length=LONGEST_VALUE, description="What is meant")]
    alias: Annotated[str, Field(max_length=LONGEST_VALUE, description="What somebody wrote")]


class NewTagSettings(BaseModel):
    """All about tags, also what stays as it is."""

    model_config = ConfigDict(extra="forbid")

    report_keys: Annotated[Keys, Field(description="What spend is taken apart by")]
    required_keys: Annotated[Keys, Field(description="What every resource should have")]
    key_aliases: Annotated[list[NewKeyAlias], Field(max_length=MOST_ALIASES)]
    value_aliases: Annotated[list[NewValueAlias], Field(max_length=MOST_ALIASES)]
    reason: Reason = None

    def settings(self) -> TagSettings:
        return TagSettings(
            report_keys=tuple(self.report_keys),
            required_keys=tuple(self.required_keys),
            key_aliases=tuple(KeyAlias(**one.model_dump()) for one in self.key_aliases),
            value_aliases=tuple(ValueAlias(**one.model_dump()) for one in self.value_aliases),
        )


@app.put(
    "/settings/tags",
    summary="Set which tags count, and what they mean",
    tags=["Settings"],
    operation_id="put_tag_settings",
    responses=VERSIONED,
)
def put_tag_settings(tags: NewTagSettings) -> Response[Any]:
    """The months that are loaded are taken apart anew by them; claim rules read tags as meant."""
    found = use_cases.set_tags(
        tags.settings(),
        version(app),
        by=caller(app),
        settings=wiring.settings_kept(),
        act=act(app, tags.reason),
    )
    return as_entity(found, settings_views.organisation_settings(found))


class NewAnomalySettings(BaseModel):
    """From when on a day is unusual."""

    model_config = ConfigDict(extra="forbid")

    spreads: Annotated[
        str,
        Field(
            pattern=r"^\d{1,3}(\.\d{1,4})?$",
            description="Robust spreads above the median of the same weekday; decimal text",
            examples=["5"],
        ),
    ]
    least: Annotated[Amount, Field(description="So much above it, in the currency of plans")]
    weeks: Annotated[int, Field(ge=3, le=12, description="Of the same weekday, looked back on")]
    new_spender: Annotated[
        Amount, Field(description="A day of who has spent for fewer weeks, from when on")
    ]


class NewChannel(BaseModel):
    """Where alerts about an element and what is below it go besides its owners."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    element: Element = ENTERPRISE_ID
    recipients: Addresses = []
    webhook: Annotated[
        str | None, Field(max_length=50, description="One of `webhooks` in cdk.json")
    ] = None

    def channel(self) -> Channel:
        return Channel(
            name=self.name,
            element=element_said(self.element),
            recipients=tuple(self.recipients),
            webhook=self.webhook,
        )


class NewAlertSettings(BaseModel):
    """All about alerts, also what stays as it is."""

    model_config = ConfigDict(extra="forbid")

    levels: Annotated[
        list[Annotated[int, Field(ge=1, le=100_000)]],
        Field(
            max_length=MOST_LEVELS,
            description="Of the month's schedule, in basis points, the lowest first: 8000 are 80 %",
            examples=[[5_000, 8_000, 10_000]],
        ),
    ]
    forecast: Annotated[
        bool, Field(description="Tell of a month that is going to be beyond its schedule")
    ]
    pace: Annotated[bool, Field(description="Tell of a pace that crosses the schedule, and when")]
    credit_days: Annotated[
        list[WaitDays],
        Field(
            max_length=MOST_LEVELS,
            description="Days before a credit is used up or expires",
            examples=[[30, 7]],
        ),
    ]
    late_hours: Annotated[
        int, Field(ge=6, le=336, description="Hours without a delivery until a bill is late")
    ]
    anomalies: NewAnomalySettings
    channels: Annotated[list[NewChannel], Field(max_length=MOST_CHANNELS)]
    reason: Reason = None

    def settings(self) -> AlertSettings:
        return AlertSettings(
            levels=tuple(self.levels),
            forecast=self.forecast,
            pace=self.pace,
            credit_days=tuple(self.credit_days),
            late_hours=self.late_hours,
            anomalies=AnomalySettings(
                spreads=Decimal(self.anomalies.spreads),
                least=Decimal(self.anomalies.least),
                weeks=self.anomalies.weeks,
                new_spender=Decimal(self.anomalies.new_spender),
            ),
            channels=tuple(one.channel() for one in self.channels),
        )


@app.put(
    "/settings/alerts",
    summary="Set what alerts tell of, and whom",
    tags=["Settings"],
    operation_id="put_alert_settings",
    responses=VERSIONED,
)
def put_alert_settings(alerts: NewAlertSettings) -> Response[Any]:
    """From now on; a crossing that was told of is not told of again by it."""
    found = use_cases.set_alerts(
        alerts.settings(),
        version(app),
        by=caller(app),
        settings=wiring.settings_kept(),
        charts=wiring.charts(),
        webhooks=settings.words("WEBHOOK_NAMES"),
        act=act(app, alerts.reason),
    )
    return as_entity(found, settings_views.organisation_settings(found))


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
