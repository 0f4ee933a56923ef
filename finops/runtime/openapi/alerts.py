"""What the door to alerts answers."""

from typing import Annotated

from pydantic import Field

from finops.domain.alerts import AlertCommand, AlertKind, AlertStatus, CreditEnd
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

Version = Annotated[int, Field(ge=0, description="What `ETag` says: changes so far")]


class AlertAnswer(Told):
    """What was done with an alert, by whom and why."""

    command: AlertCommand
    by: str
    at: Time
    reason: str | None
    to: Annotated[str | None, Field(description="Of Assign: who looks after it from then on")]


class Alert(Told):
    """An alert as it is kept; null is what its kind does not have."""

    alert_id: str
    kind: AlertKind
    status: AlertStatus
    element: Annotated[str, Field(description="`enterprise`: of all, of a bill, of nobody")]
    month: Month | None
    currency: Currency
    actual: Annotated[
        Money | None,
        Field(description="Spent in the month, on the unusual day, or left of a credit"),
    ]
    limit: Annotated[
        Money | None,
        Field(description="The month's schedule, what is usual, or what a credit was granted with"),
    ]
    expected: Annotated[
        Money | None, Field(description="By forecast; of a pace, what was planned by then")
    ]
    low: Money | None
    high: Money | None
    level: Annotated[int | None, Field(description="Of the schedule, in basis points")]
    schedule: Annotated[str | None, Field(description="Which one it is of")]
    day: Annotated[
        Day | None, Field(description="The unusual one, the last one, or that of the crossing")
    ]
    since: Annotated[Day | None, Field(description="The first of an unusual run")]
    service: str | None
    account_id: Annotated[str | None, Field(description="One that nobody owns")]
    is_new: Annotated[bool, Field(description="Whether it is a new spender's")]
    credit_id: str | None
    credit_end: CreditEnd | None
    within: Annotated[
        int | None,
        Field(description="Days that a credit is told of ahead; hours that a bill is late"),
    ]
    payer: str | None
    delivered_at: Annotated[Time | None, Field(description="The payer's last delivery")]
    assigned_to: str | None
    answers: list[AlertAnswer]
    allowed: Annotated[list[AlertCommand], Field(description="What its status takes")]
    raised_at: Time
    told_at: Annotated[Time | None, Field(description="Null: some have not been reached yet")]
    told: Annotated[Count, Field(description="Mails and rooms that a message went to")]
    missed: Annotated[Count, Field(description="Those that were given up")]
    changed_at: Time
    version: Version


class AlertInWords(Alert):
    """An alert with what happened in a sentence, and who looks after it now."""

    sentence: str
    owners: list[str]


class AlertPage(Told):
    items: list[AlertInWords]
    next_cursor: Cursor


class AlertCheck(Told):
    """A look that somebody asked for."""

    check_id: str
    asked_by: str
    asked_at: Time


class ChannelResult(Told):
    """What became of a test message."""

    target: Annotated[str, Field(description="A mail address, or the name of a webhook")]
    is_sent: bool
    why: Annotated[str | None, Field(description="Why it did not go out")]


class ChannelTest(Told):
    """A channel that was tried."""

    channel: str
    tested_at: Time
    results: list[ChannelResult]


class CardAnomaly(Told):
    """An unusual day in the week of a spend card."""

    alert_id: str
    status: AlertStatus
    day: Day | None
    service: str | None
    currency: Currency
    actual: Money | None
    expected: Money | None
    is_new: bool
    owners: list[str]
    reason: Annotated[str | None, Field(description="What was last said of it")]


ANSWERS: Answers = {
    ("get", "/alerts"): ("200", AlertPage),
    ("get", "/alerts/{alert_id}"): ("200", AlertInWords),
    ("post", "/alerts/{alert_id}/answers"): ("200", Alert),
    ("post", "/alerts/checks"): ("202", AlertCheck),
    ("post", "/alerts/channels/{name}/tests"): ("200", ChannelTest),
}
