"""What the door to views answers."""

from typing import Annotated, Literal

from pydantic import Field

from finops.domain.card_tasks import CardStep
from finops.domain.paces import Colour
from finops.domain.spend_cards import CardStatus
from finops.runtime.openapi.allocations import AllocationElement, AllocationFreshness
from finops.runtime.openapi.organisation import Labels
from finops.runtime.openapi.savings import TopSavings
from finops.runtime.openapi.words import (
    Answers,
    Count,
    Currency,
    Cursor,
    Day,
    Money,
    Month,
    Time,
    Told,
)

Percent = Annotated[
    str | None, Field(description="In percent; null of nothing", examples=["-4.17"])
]
Year = Annotated[int, Field(description="The fiscal year")]
BUDGET = "Approved by schedules, up to the last month with a bill; null: nothing is"
UNBUDGETED = "Of products without an approved schedule, a part of spend"
VARIANCE = "What products with an approved schedule spent beyond it"


class ViewTotal(Told):
    """Spend with an owner and, for who may know, the bill's and what of it nobody owns."""

    currency: Currency
    spend: Money
    unallocated: Money | None
    bill_spend: Annotated[Money | None, Field(description="Without what AWS credited")]
    difference: Annotated[Money | None, Field(description="Zero, or a bill is newer than its run")]
    aws_credits: Annotated[Money | None, Field(description="As on the bill: negative; no spend")]


class View(AllocationElement):
    """An element's month or fiscal year, and how fresh it is."""

    span: Literal["month", "year"]
    year: Year
    months: list[Month]
    labels: Labels | None
    complete_through: Annotated[
        Day | None, Field(description="The last day that the newest bills cover")
    ]
    totals: list[ViewTotal]
    freshness: list[AllocationFreshness]


class AgainstPlan(Told):
    """Spend = budget + variance + unbudgeted spend."""

    spend: Money
    budget: Annotated[Money | None, Field(description=BUDGET)]
    unbudgeted_spend: Annotated[Money, Field(description=UNBUDGETED)]
    variance: Annotated[Money | None, Field(description=VARIANCE)]
    variance_percent: Percent


class Coloured(AgainstPlan):
    """The same with its pace; the colour never goes without its word."""

    colour: Colour
    word: Annotated[str, Field(examples=[Colour.ORANGE.word])]


class CardsOfState(Told):
    """Cards of one status: their own weeks' spend and adjustments."""

    status: CardStatus
    is_provisional: Annotated[bool, Field(description="Until its month's bill is final")]
    cards: Count
    spend: Money
    adjustments: Money
    amount: Annotated[Money, Field(description="Spend and adjustments")]


class ViewTrend(Told):
    """The first days of the span, and as many of the one before it."""

    days: Count
    spend: Money
    before: Money
    difference: Money
    percent: Percent


class SummaryLine(Coloured):
    """Spend = on cards + waiting + corrections + uncarded, in one currency."""

    currency: Currency
    on_cards: Annotated[
        list[CardsOfState], Field(description="With the adjustments about this span, on any card")
    ]
    signed: Annotated[Money, Field(description="On cards that are final")]
    waiting: Annotated[Money, Field(description="Differences to cards that no card has yet")]
    corrections: Annotated[Money, Field(description="The same of months that are closed")]
    uncarded: Annotated[Money, Field(description="Of weeks that have no card")]
    trend: ViewTrend


class SummaryView(View):
    items: list[SummaryLine]
    savings: Annotated[TopSavings, Field(description="As they are now, whatever the span")]


class ViewOwner(Told):
    """Somebody who holds an element, or owes a step."""

    email: str
    name: str | None


class SnapshotRow(AllocationElement, Coloured):
    """An element in one currency; adjustments are those about the span."""

    currency: Currency
    on_cards: list[CardsOfState]
    waiting: Money
    uncarded: Money
    owners: list[ViewOwner]


class SnapshotView(View):
    items: list[SnapshotRow]
    next_cursor: Cursor


class VarianceRow(AllocationElement):
    """An element in one currency: a month, and the fiscal year up to it."""

    currency: Currency
    month: AgainstPlan
    year_to_date: AgainstPlan


class VarianceView(View):
    items: list[VarianceRow]
    next_cursor: Cursor


class HeatMapRow(AllocationElement, Coloured):
    """A product, or a portfolio as the sum of its products."""

    group: Annotated[str, Field(description="The element above it")]
    currency: Currency


class HeatMapView(View):
    items: list[HeatMapRow]
    next_cursor: Cursor


class CardWeek(Told):
    """Cards of a business week, or of a month; adjustments are those that they bring with them."""

    start: Day
    end: Annotated[Day, Field(description="The day after the last one")]
    week: Annotated[str, Field(examples=["2026-09 week 2 of 5 (6 to 12)"])]
    status: Annotated[CardStatus | None, Field(description="Where all cards have the same")]
    is_provisional: bool | None
    cards: Count
    on_cards: list[CardsOfState]
    amount: Annotated[Money, Field(description="What is signed or to be signed")]
    adjustments: Money
    spend: Annotated[Money, Field(description="By the newest runs")]
    waiting: Money
    uncarded: Money


class CardWeekTotal(Told):
    """All weeks of a row."""

    cards: Count
    amount: Money
    adjustments: Money
    spend: Money
    waiting: Money
    uncarded: Money


class WeeklyCardsRow(AllocationElement):
    """An element's weeks in one currency."""

    currency: Currency
    weeks: list[CardWeek]
    total: CardWeekTotal


class WeeklyCardsView(View):
    items: list[WeeklyCardsRow]
    next_cursor: Cursor


Level = Annotated[
    int, Field(ge=0, le=4, description="That owes the step; 0 are the financial admins")
]


class CardsOfLevel(Told):
    """Cards of one status whose step is owed at one level; null: they wait for nobody."""

    currency: Currency
    status: CardStatus
    is_provisional: bool
    level: Level | None
    cards: Count
    amount: Money


class CardsOfPeriod(CardWeek):
    """The same of a business week, or of a year's month, in one currency."""

    currency: Currency


class WaitingCard(Told):
    """A card that waits for a step, and who owes it."""

    product_id: str
    name: str
    start: Day
    end: Day
    currency: Currency
    status: CardStatus
    is_provisional: bool
    amount: Money
    step: CardStep
    level: Level
    owed_by: Annotated[str, Field(description="The element whose holders owe it")]
    is_escalated: bool
    since: Time
    due: Annotated[Day | None, Field(description="When it goes up to the level above")]
    owners: list[ViewOwner]


class CardsByStatusView(View):
    statuses: list[CardsOfLevel]
    periods: list[CardsOfPeriod]
    items: list[WaitingCard]
    next_cursor: Cursor


class TrendOfCurrency(ViewTrend):
    currency: Currency


class TrendDay(Told):
    """A day, the month up to it, and what of the schedule is for that."""

    day: Day
    amount: Money
    to_date: Money
    schedule: Money | None


class TrendWeek(Told):
    start: Day
    end: Day
    week: str
    amount: Money


class TrendMonth(Told):
    """A month in one currency; `days_covered` are those that the bills are complete of."""

    month: Month
    currency: Currency
    days_covered: Count
    spend: Money
    days: list[TrendDay]
    weeks: list[TrendWeek]


class TrendView(View):
    trends: list[TrendOfCurrency]
    items: list[TrendMonth]


class ScheduleMonth(Told):
    """A month against its schedule; without a bill yet, all but the schedule is null."""

    month: Month
    currency: Currency
    approved: Money | None
    spend: Money | None
    budget: Money | None
    unbudgeted_spend: Money | None
    variance: Money | None
    variance_percent: Percent
    is_closed: bool


class ScheduleView(View):
    items: list[ScheduleMonth]


ANSWERS: Answers = {
    ("get", "/views/summary"): ("200", SummaryView),
    ("get", "/views/snapshot"): ("200", SnapshotView),
    ("get", "/views/cards-by-status"): ("200", CardsByStatusView),
    ("get", "/views/variance"): ("200", VarianceView),
    ("get", "/views/heat-map"): ("200", HeatMapView),
    ("get", "/views/weekly-cards"): ("200", WeeklyCardsView),
    ("get", "/views/trend"): ("200", TrendView),
    ("get", "/views/schedule"): ("200", ScheduleView),
}
DRAWN = {("get", f"/views/{name}") for name in ("cards-by-status", "heat-map", "trend", "schedule")}
