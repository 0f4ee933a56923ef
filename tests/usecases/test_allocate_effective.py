"""Where owners pay the effective cost, what is invoiced is allocated beside it, by the same rules."""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from finops.domain.allocation_runs import Allocation
from finops.domain.class_policies import CostBasis
from finops.domain.places import allocation
from finops.usecases import housekeeping
from finops.usecases.housekeeping import expire_allocations
from finops.usecases.previews import Preview
from tests.allocating import ANOTHER, AT, BY, LINES, OF, OWN, Allocating, decide, furnish, ticks
from tests.exports import Line
from tests.remembered import remembering
from tests.usecases.organisation import LOANS

FEE = Line("24.00", OWN, line_item_type="SavingsPlanRecurringFee")  # all of it is used


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    remembering(monkeypatch)


@pytest.fixture
def made(tmp_path: Path) -> Allocating:
    """The fee of a plan is billed with 24.00, and its effective cost is nothing."""
    new = Allocating(tmp_path)
    new.basis = CostBasis.EFFECTIVE
    furnish(new.organisation)
    new.load(1, [*LINES, FEE])
    return new


def current(made: Allocating) -> Allocation:
    found = made.allocations.find(*OF)
    assert found is not None
    return found


def index(made: Allocating, run_id: str | None) -> Mapping[str, Any]:
    assert run_id is not None
    found: Mapping[str, Any] = made.house.ledger.get_json(f"{allocation(*OF, run_id)}/index.json")
    return found


def runs(made: Allocating) -> set[str]:
    month = allocation(*OF, "")
    return {key.removeprefix(month).partition("/")[0] for key in made.house.ledger.keys(month)}


def test_both_costs_are_allocated_and_each_is_its_bill(made: Allocating) -> None:
    assert made.run() == "Published"

    mine, billed = index(made, current(made).run_id), index(made, current(made).billed_run_id)
    assert (mine["basis"], billed["basis"]) == ("effective", "billed")
    assert sum(mine["products"]["USD"].values()) == ticks("31.01")
    assert sum(billed["products"]["USD"].values()) == ticks("31.01") + FEE.ticks
    assert billed["products"]["USD"][LOANS] > mine["products"]["USD"][LOANS]


def test_readers_see_what_owners_pay(made: Allocating) -> None:
    made.run()

    [total] = current(made).totals
    assert (current(made).basis, total.whole) == (CostBasis.EFFECTIVE, ticks("32.01"))
    [loans] = made.allocations.rollups(current(made), LOANS)
    mine = index(made, current(made).run_id)
    assert sum(loans.days.values()) == mine["products"]["USD"][LOANS]


def test_the_same_again_is_unchanged(made: Allocating) -> None:
    made.run()

    assert made.run() == "Unchanged"


def test_a_change_of_the_rules_changes_both(made: Allocating) -> None:
    made.run()
    before = current(made)

    decide(made.organisation, ANOTHER[0])
    made.run()

    after = current(made)
    assert after.run_id != before.run_id
    assert after.billed_run_id != before.billed_run_id
    assert after.runs_read == {
        *(before.run_id, before.billed_run_id, after.run_id, after.billed_run_id)
    }


def test_the_run_on_billed_cost_is_the_one_that_it_would_be_by_itself(made: Allocating) -> None:
    made.run()
    billed = current(made).billed_run_id

    made.basis = CostBasis.BILLED
    made.run()

    assert current(made).run_id == current(made).billed_run_id == billed


def test_who_pays_the_billed_cost_needs_one_run(made: Allocating) -> None:
    made.basis = CostBasis.BILLED
    made.run()

    assert runs(made) == {current(made).run_id} == {current(made).billed_run_id}


def test_a_preview_needs_none_on_billed_cost(made: Allocating) -> None:
    asked = Preview(preview_id="what-if", by=BY, at=AT, changes=(ANOTHER[0],), bills=(OF,))
    made.house.ledger.put_json(Preview.place("what-if"), asked.model_dump(mode="json"))

    planned = made.plan("what-if")

    assert {item.run_id for item in made.items(planned)} == {planned.base_id, planned.run_id}
    assert planned.billed_run_id == ""


def test_one_of_the_two_that_is_there_is_not_made_again(made: Allocating) -> None:
    made.basis = CostBasis.BILLED
    made.run()
    made.basis = CostBasis.EFFECTIVE

    planned = made.plan()

    assert planned.billed_run_id == current(made).run_id
    assert {item.run_id for item in made.items(planned)} == {planned.run_id}


def test_what_is_read_of_either_cost_is_kept(
    made: Allocating, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three changes, the runs of the first are deleted once they are eight days old."""
    monkeypatch.setattr(housekeeping, "TURNS", 1)
    seen = []
    for change in ANOTHER[:3]:
        decide(made.organisation, change)
        made.run()
        seen.append({current(made).run_id, current(made).billed_run_id})
    then = time.time() - timedelta(days=8).total_seconds()
    for key in made.house.ledger.keys("allocations/"):
        os.utime(made.house.ledger.cached(key), (then, then))

    expire_allocations(
        now=datetime.now(UTC),
        keep=timedelta(days=7),
        bills=made.house.bills,
        allocations=made.allocations,
        ledger=made.house.ledger,
    )

    assert runs(made) == seen[1] | seen[2]


def test_a_bill_that_differs_on_either_cost_is_not_published(
    made: Allocating, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = made.plan()
    made.make(planned)
    scratch = f"work/allocate-{planned.billed_run_id}/allocated/0.json"
    told = made.house.ledger.get_json(scratch)
    made.house.ledger.put_json(scratch, told | {"days": []})

    with pytest.raises(ArithmeticError, match="ticks of spend, its parts are"):
        made.publish(planned)
    assert made.allocations.find(*OF) is None
