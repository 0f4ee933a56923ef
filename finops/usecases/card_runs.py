"""Runs that make spend cards: started by somebody who does not wait for Monday, and looked at."""

import hashlib
import uuid
from datetime import date
from typing import Any, NamedTuple

from finops.domain.authorization import Action, must
from finops.domain.card_runs import asked_period
from finops.domain.errors import InvalidError, NotFoundError
from finops.domain.people import Person
from finops.usecases.ports import CardRun, CardRuns, Ledger
from finops.usecases.tell_spend_cards import Progress, Told, progress

DIGITS = 16
NAMED = r"^[0-9A-Za-z_-]{1,80}$"  # what an execution may be called


def start_card_run(
    period: str | None, key: str | None, *, by: Person, today: date, open_from: date, runs: CardRuns
) -> str:
    """Make the cards of a week or a month, or all that are due; the run's id.

    The same *key* is the same run all day, however often it is asked for. Raises InvalidError for a
    period that is none, and for one that is closed.
    """
    must(by, Action.MAKE_CARDS)
    if period is not None and asked_period(period).end <= open_from:
        raise InvalidError(
            f"period {period}: its month is closed, or being closed, and its cards stay as they "
            f"are; what changes since are corrections. Name one from {open_from} on"
        )
    token = hashlib.sha256(f"{key} {today}".encode()).hexdigest() if key else uuid.uuid4().hex
    run_id = f"{period or 'open'}-{token[:DIGITS]}"
    runs.start(run_id, period)
    return run_id


class CardRunSeen(NamedTuple):
    """How far a run is, and what it came to once it is over."""

    run_id: str
    run: CardRun
    progress: Progress | None

    @property
    def told(self) -> Told | None:
        return None if self.run.told is None else Told.model_validate(self.run.told)


def card_run(run_id: str, *, by: Person, runs: CardRuns, ledger: Ledger) -> CardRunSeen:
    """Raises NotFoundError for a run that is none, or long gone."""
    must(by, Action.MAKE_CARDS)
    found = runs.find(run_id)
    if found is None:
        raise NotFoundError(f"there is no run {run_id}; runs are known for ninety days")
    return CardRunSeen(run_id, found, progress(run_id, ledger=ledger))


# As JSON ------------------------------------------------------------------------------------------


def started(run_id: str, period: str | None) -> dict[str, Any]:
    return {"run_id": run_id, "period": period, "status": "Running"}


def seen(one: CardRunSeen) -> dict[str, Any]:
    told = one.told
    return {
        "run_id": one.run_id,
        "status": one.run.status,
        "error": one.run.cause,
        "items": one.progress.items if one.progress else None,
        "items_done": one.progress.done if one.progress else None,
        "made": told.made if told else None,
        "restated": told.restated if told else None,
        "reopened": told.reopened if told else None,
        "settled": told.settled if told else None,
        "weeks": [
            {
                "start": week.start.isoformat(),
                "end": week.end.isoformat(),
                "made": week.made,
                "restated": week.restated,
                "reopened": week.reopened,
                "settled": week.settled,
                "waiting": week.waiting,
            }
            for week in (told.weeks if told else ())
        ],
    }
