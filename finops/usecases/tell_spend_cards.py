"""Telling of a run of spend cards: what it came to, and how far it is."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from finops.domain.card_runs import WeekTally, added_up
from finops.domain.errors import NotFoundError
from finops.domain.values import Frozen
from finops.usecases.plan_spend_cards import Planned, round_name, run_place
from finops.usecases.ports import Ledger


class Told(Frozen):
    """What a run came to so far, by the weeks that it made or changed cards of, and those that wait.

    *has_news*: its newest round made or changed something.
    """

    run_id: str
    at: datetime
    made: int
    restated: int
    reopened: int
    settled: int
    waits: int
    has_news: bool
    weeks: tuple[WeekTally, ...]


def tell(planned: Planned, *, ledger: Ledger) -> Told:
    """What the run came to so far, its rounds put together, and which weeks wait."""
    rounds: defaultdict[str, list[WeekTally]] = defaultdict(list)
    for key in ledger.keys(run_place(planned.run_id, "")):
        if not key.endswith(("/plan.json", "/items.json")):
            rounds[key.split("/")[-2]] += [WeekTally(**one) for one in ledger.get_json(key)]
    done = [one for tallies in rounds.values() for one in tallies]
    weeks = added_up([*done, *planned.waiting])
    return Told(
        run_id=planned.run_id,
        at=planned.at,
        made=sum(week.made for week in weeks),
        restated=sum(week.restated for week in weeks),
        reopened=sum(week.reopened for week in weeks),
        settled=sum(week.settled for week in weeks),
        waits=planned.waits,
        has_news=any(not one.is_quiet for one in rounds[round_name(planned.at)]),
        weeks=weeks,
    )


class Progress(NamedTuple):
    """How many items a run has, and how many of them are done; of its last round."""

    items: int
    done: int


def progress(run_id: str, *, ledger: Ledger) -> Progress | None:
    """None before it is planned, and when that is long ago."""
    try:
        told: Mapping[str, Any] = ledger.get_json(run_place(run_id, "plan.json"))
    except NotFoundError:
        return None
    keys = list(ledger.keys(run_place(run_id, f"{told['round']}/")))
    return Progress(int(told["items"]), sum(not key.endswith("/items.json") for key in keys))
