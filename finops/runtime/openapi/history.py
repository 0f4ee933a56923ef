"""What history answers."""

from typing import Annotated

from pydantic import Field

from finops.domain.class_policies import CostBasis
from finops.domain.history import Step
from finops.runtime.openapi.words import Answers, Count, Currency, Day, Money, Month, Time, Told

Percent = Annotated[
    str | None, Field(description="In percent; null of nothing", examples=["-4.17"])
]
Values = Annotated[
    list[str | None],
    Field(description="What the dimensions have, in the order of `by`; null: none"),
]
Names = Annotated[list[str], Field(description="The same as people call it")]


class ComparedMonth(Told):
    """The first days of a month, and of the one that it is compared with."""

    month: Month
    days: Count
    before: Month
    before_days: Count


class HistorySpan(Told):
    """A month or a fiscal quarter."""

    span: Annotated[str, Field(examples=["2026-09", "FY2026 Q3"])]
    start: Annotated[Day, Field(description="Of the first month of it that was asked for")]
    end: Annotated[Day, Field(description="The day after the last one")]
    months: list[Month]
    gaps: Annotated[list[Month], Field(description="Those of the months that are not loaded")]
    days: Annotated[Count, Field(description="How many the bills cover")]
    is_part: Annotated[bool, Field(description="A month or a day of it is missing")]
    compared: Annotated[
        list[ComparedMonth],
        Field(description="Which days changes are of; none: nothing to compare with"),
    ]


class HistoryChange(Told):
    """The days that are compared, against those of the span before."""

    amount: Money
    days: Count
    before: Money
    before_days: Count
    change: Money
    percent: Percent
    per_day: Annotated[Money, Field(description="The amount over its days")]
    per_day_before: Money
    per_day_change: Annotated[Money, Field(description="What changed where spans differ in length")]
    per_day_percent: Percent


class HistoryAmount(Told):
    """What a span comes to; null where nothing of it is loaded."""

    amount: Money | None
    change: HistoryChange | None


class HistoryLine(Told):
    values: Values
    names: Names
    spans: list[HistoryAmount]


class OtherLines(Told):
    """The rows beyond the limit, as one."""

    rows: Count
    spans: list[HistoryAmount]


class HistoryMover(HistoryChange):
    values: Values
    names: Names


class HistoryOfCurrency(Told):
    """Rows and others add up to the total; with what AWS credited it is the net of the bills."""

    currency: Currency
    rows: list[HistoryLine]
    others: OtherLines | None
    total: list[HistoryAmount]
    aws_credits: Annotated[
        list[HistoryAmount] | None, Field(description="Null for who sees a part of the enterprise")
    ]
    net: list[HistoryAmount] | None
    movers: Annotated[
        list[HistoryMover], Field(description="What changed most a day in the newest span")
    ]


class HistoryBill(Told):
    """How fresh a bill is that this is made of."""

    payer_id: str
    billing_period: Month
    last_delivery: Time
    complete_through: Day | None
    is_final: bool


class HistoryAnswer(Told):
    """Months or fiscal quarters side by side, each against the one before."""

    by: list[str]
    step: Step
    element: str
    elements: Annotated[list[str], Field(description="None: the whole enterprise")]
    scope: Annotated[str, Field(description="What they are called")]
    where: list[str]
    made_at: Time
    basis: CostBasis | None
    spans: list[HistorySpan]
    items: list[HistoryOfCurrency]
    gaps: Annotated[list[str], Field(description="What is missing of it")]
    notes: Annotated[list[str], Field(description="How it is compared, where that is not plain")]
    freshness: list[HistoryBill]


HISTORY = ("get", "/reports/history")
ANSWERS: Answers = {HISTORY: ("200", HistoryAnswer)}
