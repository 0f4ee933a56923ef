"""`allocate_month` as AWS would run it: the machine of the file, the doors of `functions/`, on moto."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from finops.domain.allocation_runs import Allocation
from finops.domain.places import allocation
from finops.domain.rule_changes import Change
from finops.runtime import wiring
from finops.usecases.previews import Effect, Preview
from tests.allocating import ANOTHER, AT, BY, LINES, OF, OWN, RULES, bill, decide, furnish, ticks
from tests.aws import ALLOCATIONS, BILLING, LEDGER, client
from tests.exports import Line
from tests.usecases.organisation import LOANS, SEARCH, TILLS, WEB_SHOP, Organisation
from tests.workflows.conftest import Ended, Machine

WHAT_IF = "what-if"
STEPS = ["plan_allocation", "allocate_accounts", "spread_classes", "publish_allocation"]


@pytest.fixture
def organisation(machine: Machine) -> Organisation:
    """It is decided who pays for a bill that is loaded."""
    made = Organisation.on_aws()
    furnish(made)
    _load(machine)
    return made


def _load(machine: Machine, number: int = 1, lines: Sequence[Line] = LINES) -> None:
    export = bill(number, lines)
    for key, body in (*export.files.items(), (export.manifest_key, export.manifest)):
        client("s3").put_object(Bucket=BILLING, Key=key, Body=body)
    assert machine.run(export.manifest_key).status == "SUCCEEDED"
    machine.calls.clear()


def _fail(_: dict[str, Any]) -> None:
    raise OSError("no space left on device")


def _current() -> Allocation:
    found = wiring.allocations().find(*OF)
    assert found is not None
    return found


def _index() -> Mapping[str, Any]:
    root = allocation(*OF, _current().run_id)
    found: Mapping[str, Any] = wiring.ledger().get_json(f"{root}/index.json")
    return found


def _ask(*changes: Change) -> str:
    asked = Preview(preview_id=WHAT_IF, by=BY, at=AT, changes=changes, bills=(OF,))
    wiring.ledger().put_json(Preview.place(WHAT_IF), asked.model_dump(mode="json"))
    return WHAT_IF


def _written() -> tuple[list[Any], list[Any]]:
    """All that is in the table of allocations, and the versions of all objects beside it."""
    items = client("dynamodb").scan(TableName=ALLOCATIONS)["Items"]
    versions = client("s3").list_object_versions(Bucket=LEDGER, Prefix="allocations/")["Versions"]
    return items, [(one["Key"], one["VersionId"]) for one in versions]


def test_a_bill_becomes_what_products_pay_and_says_so(
    machine: Machine, organisation: Organisation
) -> None:
    ended = machine.allocate(*OF)

    assert (ended.status, ended.error) == ("SUCCEEDED", None)
    assert ended.states == [
        *("PlanAllocation", "IsThereAnythingToDo", "AllocateAccounts", "IsAnythingInProportion"),
        *("SpreadClasses", "PublishAllocation", "WasItPublished", "SayMonthAllocated"),
        "MonthAllocated",
    ]
    [notice] = ended.notices
    assert (notice["DetailType"], notice["EventBusName"]) == ("MonthAllocated", "notices")
    detail = notice["Detail"]
    told = json.loads(detail) if isinstance(detail, str) else detail
    assert (told["payer"], told["billing_period"]) == OF
    assert told["run_id"] == _current().run_id


def test_products_and_nobody_together_are_the_bill_to_the_last_digit(
    machine: Machine, organisation: Organisation
) -> None:
    machine.allocate(*OF)

    [total] = _current().totals
    assert sum(_index()["products"]["USD"].values()) == total.allocated
    assert total.unallocated == {"No share in force": ticks("1.00")}
    found = wiring.bills().find(*OF)
    assert found is not None
    assert total.whole == found.totals[0].costs.unblended_cost + ticks("0.75") == ticks("32.01")
    [tills] = wiring.allocations().rollups(_current(), TILLS)
    assert sum(tills.days.values()) == _index()["products"]["USD"][TILLS]


def test_without_a_class_in_proportion_nothing_is_spread(
    machine: Machine, organisation: Organisation
) -> None:
    decide(organisation, ANOTHER[-1])

    ended = machine.allocate(*OF)

    assert "SpreadClasses" not in ended.states
    assert machine.doors() == ["plan_allocation", "allocate_accounts", "publish_allocation"]


def test_the_same_again_is_unchanged_and_nothing_is_written(
    machine: Machine, organisation: Organisation
) -> None:
    machine.allocate(*OF)
    before = _written()
    machine.calls.clear()

    ended = machine.allocate(*OF)

    assert ended.states == ["PlanAllocation", "IsThereAnythingToDo", "NothingToAllocate"]
    assert machine.doors() == ["plan_allocation"]
    assert _written() == before


def test_a_change_of_one_share_rewrites_the_roll_ups_that_it_changes(
    machine: Machine, organisation: Organisation
) -> None:
    decide(organisation, ANOTHER[-1])  # where a class goes in proportion, all change with one
    machine.allocate(*OF)
    decide(organisation, ANOTHER[0])  # a basis point from one product to another of its portfolio

    machine.allocate(*OF)

    turn = _current().lineage[-1]
    rewritten = {
        item["element"]["S"] for item in _written()[0] if item.get("run_id", {}).get("S") == turn
    }
    assert rewritten == {WEB_SHOP, SEARCH}


def test_a_run_is_overtaken_by_a_load_that_comes_in_the_middle_and_the_next_is_current(
    machine: Machine, organisation: Organisation
) -> None:
    machine.before("publish_allocation", lambda _: _load(machine, 2, [Line("9.00", OWN)]))

    ended = machine.allocate(*OF)

    assert ended.states[-2:] == ["WasItPublished", "NothingToAllocate"]
    assert wiring.allocations().find(*OF) is None
    assert machine.allocate(*OF).states[-1] == "MonthAllocated"
    assert _index()["products"]["USD"] == {LOANS: ticks("9.00")}


def test_of_two_executions_at_once_one_publishes(
    machine: Machine, organisation: Organisation
) -> None:
    others: list[Ended] = []
    machine.before("publish_allocation", lambda _: others.append(machine.allocate(*OF)))

    ended = machine.allocate(*OF)

    assert [ended.status, others[0].status] == ["SUCCEEDED", "SUCCEEDED"]
    assert [one.states[-1] for one in (ended, *others)] == ["MonthAllocated"] * 2
    assert _current().version == 1


def test_steps_that_fail_once_are_taken_again(machine: Machine, organisation: Organisation) -> None:
    for door in STEPS:
        machine.before(door, _fail)

    ended = machine.allocate(*OF)

    assert ended.states[-1] == "MonthAllocated"
    assert [machine.doors().count(door) for door in STEPS] == [2, 2, 2, 2]
    assert _current().totals[0].whole == ticks("32.01")


def test_a_step_that_dies_after_its_work_is_taken_again_and_nothing_is_doubled(
    machine: Machine, organisation: Organisation
) -> None:
    for door in STEPS[:3]:
        machine.after(door, _fail)

    ended = machine.allocate(*OF)

    assert ended.states[-1] == "MonthAllocated"
    assert _current().totals[0].whole == ticks("32.01")


def test_a_publication_that_dies_after_its_work_is_found_done_and_told(
    machine: Machine, organisation: Organisation
) -> None:
    machine.after("publish_allocation", _fail)

    ended = machine.allocate(*OF)

    assert ended.states[-1] == "MonthAllocated"
    assert [one["DetailType"] for one in ended.notices] == ["MonthAllocated"]
    assert _current().version == 1


@pytest.mark.parametrize("door", STEPS)
def test_a_step_that_keeps_failing_fails_the_run_and_the_next_one_goes_through(
    machine: Machine, organisation: Organisation, door: str
) -> None:
    machine.before(door, *[_fail] * 4)

    ended = machine.allocate(*OF)

    assert (ended.status, ended.error) == ("FAILED", "AllocationFailed")
    assert "no space left on device" in ended.cause
    assert wiring.allocations().find(*OF) is None

    assert machine.allocate(*OF).states[-1] == "MonthAllocated"
    assert _current().totals[0].whole == ticks("32.01")


@pytest.mark.parametrize("change", ANOTHER, ids=lambda change: change.kind)
def test_a_preview_is_what_applying_then_gives_and_readers_see_nothing_of_it(
    machine: Machine, organisation: Organisation, change: Change
) -> None:
    machine.allocate(*OF)
    before, current = _index(), _current()

    asked = machine.allocate(*OF, _ask(change))

    assert asked.states[-1] == "NothingToAllocate"
    assert asked.notices == []
    assert (_index(), _current()) == (before, current)
    told = Effect(**wiring.ledger().get_json(Preview.result(WHAT_IF, *OF)))
    decide(organisation, change, AT + timedelta(hours=3))
    assert machine.allocate(*OF).states[-1] == "MonthAllocated"
    for outcome, found in ((told.before, before), (told.after, _index())):
        assert outcome.products == found["products"]
        assert outcome.unallocated == found["unallocated"]
    assert told.before != told.after


def test_a_preview_that_cannot_be_made_fails(machine: Machine, organisation: Organisation) -> None:
    ended = machine.allocate(*OF, "nobody-asked")

    assert (ended.status, ended.error) == ("FAILED", "AllocationFailed")
    assert "there is no previews/nobody-asked" in ended.cause or "the ledger has no" in ended.cause


def test_rules_need_no_claims_to_be_previewed(machine: Machine, organisation: Organisation) -> None:
    ended = machine.allocate(*OF, _ask(RULES[0]))

    assert ended.status == "SUCCEEDED"
    told = Effect(**wiring.ledger().get_json(Preview.result(WHAT_IF, *OF)))
    assert told.before == told.after


def test_where_owners_pay_another_cost_the_billed_one_is_published_beside_it(
    machine: Machine, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COST_BASIS", "effective")

    ended = machine.allocate(*OF)

    assert ended.states[-1] == "MonthAllocated"
    assert _current().run_id != _current().billed_run_id
    shelf = wiring.shelf()
    [run] = shelf.month(OF[1]).runs
    on_billed = shelf.billed(run)
    assert on_billed is not None
    assert [run.told["basis"], on_billed.told["basis"]] == ["effective", "billed"]
    assert machine.allocate(*OF).states[-1] == "NothingToAllocate"
