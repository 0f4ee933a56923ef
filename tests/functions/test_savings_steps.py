"""The steps of savings: recommendations taken from a delivery, and asked for; and the load told."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from finops.domain.errors import UnansweredError
from finops.runtime import wiring
from finops.usecases import views
from finops.usecases.savings_intake import SavingsDesk
from functions.bills_api.handler import _is_of
from tests.exports import MONTH, PAYER, Line, overwritten
from tests.exports import csv_file as bill_file
from tests.fakes import InMemoryRecords
from tests.functions.conftest import AT, OTHER_PAYER, context, replace_wiring
from tests.loading import House
from tests.savings_exports import delivered, parquet_file, row
from tests.savings_fakes import (
    InMemoryRecommendations,
    InMemorySavingsSnapshots,
    in_memory_savings,
    recommendation,
)

EXPORT = delivered("00000002-0000-0000-0000-000000000000", [parquet_file([row(), row("i-2")])])
BILL = overwritten("00000001-0000-0000-0000-000000000000", [bill_file([Line("1.50")])])


class Savings:
    """The ports of savings on fakes, beside a house with a loaded bill of `PAYER`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.house = House(folder)
        replace_wiring(monkeypatch, self.house)
        self.records = InMemoryRecords()
        self.cases = in_memory_savings(self.records)
        self.desk = SavingsDesk(self.cases, InMemorySavingsSnapshots(self.records))
        self.source = InMemoryRecommendations()
        monkeypatch.setattr(wiring, "savings_desk", lambda: self.desk)
        monkeypatch.setattr(wiring, "recommendations", lambda: self.source)
        self.house.load(BILL, AT)

    def open(self, name: str, event: dict[str, Any]) -> Any:
        handler = importlib.import_module(f"functions.{name}.handler").handler
        answer = handler(event, context(name))
        assert json.loads(json.dumps(answer)) == answer
        return answer

    def actors(self) -> set[str]:
        return {one.actor for chain in self.records.chains.values() for one in chain}


@pytest.fixture
def savings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Savings:
    return Savings(tmp_path, monkeypatch)


def test_a_delivery_of_recommendations_is_found_as_such_and_taken(savings: Savings) -> None:
    savings.house.deliver(EXPORT, AT)
    found = savings.open("find_delivery", {"manifest_key": EXPORT.manifest_key, "attempt": 0})
    assert (found["status"], found["kind"]) == ("Ready", "Savings")

    taken = savings.open("take_recommendations", {"load_id": found["load_id"]})

    assert (taken["status"], taken["number"], taken["counts"]["found"]) == ("Published", 2, 2)
    assert len(savings.cases.all()) == 2
    assert savings.actors() == {"the bill"}


def test_a_load_of_recommendations_says_what_it_is(savings: Savings) -> None:
    savings.house.deliver(EXPORT, AT)
    found = savings.open("find_delivery", {"manifest_key": EXPORT.manifest_key, "attempt": 0})
    savings.open("take_recommendations", {"load_id": found["load_id"]})

    told = views.load(savings.house.loads.get(found["load_id"]))

    assert (told["kind"], told["day"], told["recommendations"]) == ("Savings", "2026-09-20", 2)
    assert (told["payer_id"], told["format"]) == (PAYER, "Cost Optimization Hub")
    assert (told["bills"], told["changes"]) == ([], [])
    assert _is_of(told, MONTH, PAYER)
    assert not _is_of(told, "2026-08", None)
    assert not _is_of(told, None, OTHER_PAYER)


def test_every_day_the_payers_of_bills_are_asked_about(savings: Savings) -> None:
    savings.source.stated = {PAYER: [recommendation()]}

    told = savings.open("collect_recommendations", {})

    [source] = told["sources"]
    assert (source["status"], source["payer"], source["number"]) == ("Taken", PAYER, 1)
    assert savings.actors() == {"the calendar"}


def test_who_asks_is_on_record(savings: Savings) -> None:
    savings.source.stated = {PAYER: [recommendation()]}

    savings.open("collect_recommendations", {"actor": "ada@fernhollow.example", "always": True})

    assert savings.actors() == {"ada@fernhollow.example"}


def test_a_source_that_does_not_answer_fails_the_door_once_it_is_noted(savings: Savings) -> None:
    with pytest.raises(UnansweredError, match=f"Cost Optimization Hub of {PAYER}: not enrolled"):
        savings.open("collect_recommendations", {})

    [day] = savings.desk.snapshots.all().values()
    assert day.unanswered is not None
