"""The doors of `load_bill` and of every day: an event in, an answer out, wiring replaced."""

import importlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from finops.domain.loads import LoadStatus
from tests.exports import MONTH, PAYER, Line, csv_file, overwritten
from tests.functions.conftest import AT, context, replace_wiring
from tests.loading import House

Door = Callable[[str, dict[str, Any]], Any]
EXPORT = overwritten("00000001-0000-0000-0000-000000000000", [csv_file([Line("1.50")])])
LOOK = {"manifest_key": EXPORT.manifest_key, "attempt": 0}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    made = House(tmp_path)
    replace_wiring(monkeypatch, made)
    monkeypatch.setenv("LEDGER_BUCKET", "ledger-bucket")
    return made


@pytest.fixture
def door(house: House) -> Door:
    def opened(name: str, event: dict[str, Any]) -> Any:
        handler = importlib.import_module(f"functions.{name}.handler").handler
        answer = handler(event, context(name))
        assert json.loads(json.dumps(answer)) == answer  # Lambda carries it as JSON
        return answer

    return opened


def _made(house: House, door: Door) -> str:
    """A load that is ready to be published; its id."""
    house.deliver(EXPORT, AT)
    load_id: str = door("find_delivery", LOOK)["load_id"]
    house.make(load_id)
    return load_id


def test_a_whole_delivery_is_ready(house: House, door: Door) -> None:
    house.deliver(EXPORT, AT)

    found = door("find_delivery", LOOK)

    assert found["status"] == "Ready"
    assert house.loads.get(found["load_id"]).status is LoadStatus.REDUCING


def test_a_delivery_without_its_file_is_waited_for(
    house: House, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAIT_SECONDS", "7")
    house.deliveries.put(EXPORT.manifest_key, EXPORT.manifest)

    found = door("find_delivery", LOOK | {"attempt": 3})

    assert (found["status"], found["next_attempt"], found["wait_seconds"]) == ("Waiting", 4, 7)


def test_a_plan_says_where_its_items_lie(house: House, door: Door) -> None:
    house.deliver(EXPORT, AT)
    load_id = door("find_delivery", LOOK)["load_id"]

    plan = door("plan_load", {"load_id": load_id})

    assert (plan["status"], plan["bucket"], plan["items"]) == ("Planned", "ledger-bucket", 1)
    [item] = house.ledger.get_json(plan["items_key"])
    assert item["load_id"] == load_id
    assert house.ledger.get_json(plan["shards_key"]) == [{"load_id": load_id, "shard": 0}]


def test_an_item_is_reduced_and_a_shard_merged(house: House, door: Door) -> None:
    house.deliver(EXPORT, AT)
    load_id = door("find_delivery", LOOK)["load_id"]
    plan = door("plan_load", {"load_id": load_id})
    [item] = house.ledger.get_json(plan["items_key"])

    assert door("reduce_bill", item) == {"status": "Reduced", "count": 1}
    assert house.loads.get(load_id).items_done == 1
    # A cube; charges and resources of the one account.
    assert door("merge_bill", {"load_id": load_id, "shard": 0}) == {"status": "Merged", "count": 3}
    assert door("check_load", {"load_id": load_id}) == {"status": "Checking", "load_id": load_id}


def test_what_is_published_is_what_the_event_bus_is_told(house: House, door: Door) -> None:
    load_id = _made(house, door)

    told = door("publish_load", {"load_id": load_id})

    assert told == {
        "status": "Published",
        "load_id": load_id,
        "reason": None,
        "bills": [
            {
                "payer_id": PAYER,
                "billing_period": MONTH,
                "currency": "USD",
                "billed_cost": "1.5000000000",
            }
        ],
    }


def test_a_failure_is_recorded_with_its_cause(house: House, door: Door) -> None:
    load_id = _made(house, door)
    error = {"Error": "States.Timeout", "Cause": "x" * 5000}

    told = door(
        "fail_load",
        {
            "manifest_key": EXPORT.manifest_key,
            "input": {"error": error, "delivery": {"load_id": load_id, "status": "Ready"}},
        },
    )

    assert told == {"status": "Failed", "load_id": load_id}
    load = house.loads.get(load_id)
    assert load.status is LoadStatus.FAILED
    assert (load.reason or "").startswith("States.Timeout: xxx")
    assert len(load.reason or "") <= 1000


@pytest.mark.parametrize("given", [{}, {"error": None, "delivery": None}, {"delivery": {}}])
def test_a_failure_before_any_load_was_known_is_no_second_failure(
    door: Door, given: dict[str, Any]
) -> None:
    told = door("fail_load", {"manifest_key": EXPORT.manifest_key, "input": given})

    assert told == {"status": "Failed", "load_id": None}


def test_the_sweep_starts_what_no_event_has_told_of(
    house: House, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.sweep_deliveries.handler.now", lambda: AT + timedelta(days=1))
    house.deliver(EXPORT, AT)

    assert door("sweep_deliveries", {}) == {"started": 1}
    assert house.runs.started == [EXPORT.manifest_key]


def test_the_sweep_starts_nothing_that_is_loaded(
    house: House, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.sweep_deliveries.handler.now", lambda: AT + timedelta(days=1))
    house.load(EXPORT, AT)

    assert door("sweep_deliveries", {}) == {"started": 0}


def test_generations_are_kept_as_long_as_the_deployment_says(
    house: House, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = overwritten("00000002-0000-0000-0000-000000000000", [csv_file([Line("2.50")])])
    before = house.load(EXPORT, AT)
    house.load(newer, AT + timedelta(hours=8))
    monkeypatch.setenv("KEEP_DAYS", "3")
    month = f"ledger/payer={PAYER}/billing_period={MONTH}/load={before}/"

    later = "functions.expire_generations.handler.now"
    monkeypatch.setattr(later, lambda: AT + timedelta(days=2))
    door("expire_generations", {})
    kept = list(house.ledger.keys(month))
    monkeypatch.setattr(later, lambda: AT + timedelta(days=4))
    door("expire_generations", {})

    assert len(kept) == 4  # a cube, charges, resources, the index
    assert list(house.ledger.keys(month)) == []


@pytest.mark.parametrize(
    "name, event",
    [
        ("find_delivery", {}),
        ("find_delivery", {"manifest_key": "a", "attempt": "many"}),
        ("plan_load", {}),
        ("reduce_bill", {"load_id": "a"}),
        ("merge_bill", {"load_id": "a", "shard": "none"}),
        ("check_load", {"load_id": None}),
        ("publish_load", {"load": "a"}),
        ("fail_load", {"input": {}}),
        ("plan_allocation", {"payer": "a"}),
        ("allocate_accounts", {"payer": "a", "shard": 0}),
        ("spread_classes", {"run_id": "a"}),
        ("publish_allocation", {"planned": {"status": "Planned"}}),
    ],
)
def test_an_event_of_another_shape_is_refused(door: Door, name: str, event: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, ValueError)):
        door(name, event)
