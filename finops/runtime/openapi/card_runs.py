"""What the door to runs that make spend cards answers."""

from typing import Annotated, Literal

from pydantic import Field

from finops.runtime.openapi.words import Answers, Count, Day, Told

RunId = Annotated[str, Field(description="Its name, as the state machine knows it")]


class StartedCardRun(Told):
    """A run that makes spend cards has begun."""

    run_id: RunId
    period: Annotated[str | None, Field(description="As it was asked for; null: all that is due")]
    status: Literal["Running"]


class CardRunWeek(Told):
    """What a run did to the cards of a business week."""

    start: Day
    end: Annotated[Day, Field(description="The day after the last one")]
    made: Count
    restated: Annotated[Count, Field(description="Brought up to the bill")]
    reopened: Annotated[Count, Field(description="Disputed cards whose remap was computed")]
    settled: Annotated[Count, Field(description="Approved or accepted by themselves")]
    waiting: Annotated[
        str | None, Field(description="Why its cards are not made yet; null: they are")
    ]


class CardRun(Told):
    """How far a run is, and what it came to once it is over."""

    run_id: RunId
    status: Literal["Running", "Done", "Failed"]
    error: Annotated[str | None, Field(description="Why it failed")]
    items: Annotated[int | None, Field(ge=0, description="Groups of products; null: not known")]
    items_done: Annotated[int | None, Field(ge=0)]
    made: Annotated[int | None, Field(ge=0, description="Null until it is over")]
    restated: Annotated[int | None, Field(ge=0)]
    reopened: Annotated[int | None, Field(ge=0)]
    settled: Annotated[int | None, Field(ge=0)]
    weeks: list[CardRunWeek]


ANSWERS: Answers = {
    ("post", "/spend-card-runs"): ("202", StartedCardRun),
    ("get", "/spend-card-runs/{run_id}"): ("200", CardRun),
}
