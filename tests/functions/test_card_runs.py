"""The door to runs that make spend cards."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from finops.domain.card_runs import WeekTally
from finops.domain.people import Person, Role
from finops.runtime import wiring
from finops.usecases.ports import CardRun
from finops.usecases.tell_spend_cards import Told
from tests.functions.conftest import Answer, ask
from tests.usecases.organisation import Organisation

PATH = "/spend-card-runs"
WEEK = WeekTally(start=date(2026, 8, 2), end=date(2026, 8, 9), made=5, settled=4)
TOLD = Told(
    run_id="run-1",
    at=datetime(2026, 8, 10, 6, tzinfo=UTC),
    made=5,
    restated=0,
    reopened=0,
    settled=4,
    waits=0,
    has_news=True,
    weeks=(WEEK,),
)


@pytest.fixture
def by(organisation: Organisation, staff: dict[Role, Person]) -> Person:
    return staff[Role.FINANCIAL_ADMIN]


def start(by: Person, body: dict[str, Any], **headers: str) -> Answer:
    return ask(
        "POST", PATH, by=by, headers={"Content-Type": "application/json"} | headers,
        body=json.dumps(body),
    )  # fmt: skip


def test_a_run_is_started_for_a_period_and_noted(organisation: Organisation, by: Person) -> None:
    answer = start(by, {"period": "2026-08-05"})

    [(run_id, period)] = organisation.card_runs.started
    assert answer.status == 202
    assert answer.json == {"run_id": run_id, "period": "2026-08-05", "status": "Running"}
    assert (period, answer.headers["Location"]) == ("2026-08-05", f"{PATH}/{run_id}")
    assert run_id.startswith("2026-08-05-")
    [record] = organisation.audit.chain(f"spend-card-run#{run_id}")
    assert (record.action, record.actor) == ("MakeCards", by.email)


def test_the_same_wish_with_the_same_key_is_one_run(organisation: Organisation, by: Person) -> None:
    first = start(by, {}, **{"Idempotency-Key": "key-1"})
    again = start(by, {}, **{"Idempotency-Key": "key-1"})

    assert first.json == again.json
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(organisation.card_runs.started) == 1
    assert start(by, {}).json["run_id"] != first.json["run_id"]


@pytest.mark.parametrize("said", ["2026-13", "soon", "2026-02-30", 8])
def test_a_period_that_is_none_is_refused_and_nothing_is_started(
    organisation: Organisation, by: Person, said: object
) -> None:
    answer = start(by, {"period": said})

    assert answer.status == 422
    assert "period" in answer.json["detail"]
    assert organisation.card_runs.started == []


def test_a_closed_month_is_refused_with_what_to_do(
    organisation: Organisation, by: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "open_from", lambda: date(2026, 9, 1))

    answer = start(by, {"period": "2026-08"})

    assert answer.status == 422
    assert "its month is closed" in answer.json["detail"]
    assert "2026-09-01" in answer.json["detail"]


def test_a_run_under_way_says_how_far_it_is(organisation: Organisation, by: Person) -> None:
    organisation.card_runs.start("run-1", None)
    ledger = wiring.ledger()
    ledger.put_json("work/cards-run-1/plan.json", {"round": "r", "items": 3})
    ledger.put_json("work/cards-run-1/r/items.json", [])
    ledger.put_json("work/cards-run-1/r/0.json", [])

    told = ask("GET", f"{PATH}/run-1", by=by).json

    assert (told["status"], told["items"], told["items_done"]) == ("Running", 3, 1)
    assert (told["made"], told["weeks"]) == (None, [])


def test_a_run_that_is_over_says_what_it_came_to(organisation: Organisation, by: Person) -> None:
    organisation.card_runs.end("run-1", CardRun("Done", TOLD.model_dump(mode="json")))

    told = ask("GET", f"{PATH}/run-1", by=by).json

    assert (told["status"], told["made"], told["settled"]) == ("Done", 5, 4)
    assert told["weeks"] == [
        {
            "start": "2026-08-02",
            "end": "2026-08-09",
            "made": 5,
            "restated": 0,
            "reopened": 0,
            "settled": 4,
            "waiting": None,
        }
    ]


def test_a_run_that_failed_says_why(organisation: Organisation, by: Person) -> None:
    organisation.card_runs.end("run-1", CardRun("Failed", cause="no space left on device"))

    told = ask("GET", f"{PATH}/run-1", by=by).json

    assert (told["status"], told["error"]) == ("Failed", "no space left on device")


def test_a_run_that_is_none_is_not_found(organisation: Organisation, by: Person) -> None:
    assert ask("GET", f"{PATH}/run-1", by=by).status == 404
    assert ask("GET", f"{PATH}/a:b", by=by).status == 422


def test_owners_start_no_run_and_see_none(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    organisation.card_runs.start("run-1", None)
    owner = staff[Role.PRODUCT_OWNER]

    assert start(owner, {}).status == 403
    assert ask("GET", f"{PATH}/run-1", by=owner).status == 403
