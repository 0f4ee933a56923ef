"""`measure_savings` as AWS would run it: the machine of the file, the doors, on moto."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from finops.domain.audit import Act, Deed
from finops.domain.realised_savings import RealisedMonth
from finops.runtime import wiring
from finops.usecases.ports import Save
from tests.aws import BILLING, client
from tests.usecases.test_measure_savings import AFTER, BEFORE, dollars
from tests.using import Used, done, month_of
from tests.workflows.conftest import Machine

STEPS = ["plan_measures", "read_usages", "publish_measures"]


def _load(machine: Machine, number: int, month: str, lines: Sequence[Used]) -> None:
    export = month_of(number, month, lines, suffix="parquet", export=f"usage-{month}")
    for key, body in (*export.files.items(), (export.manifest_key, export.manifest)):
        client("s3").put_object(Bucket=BILLING, Key=key, Body=body)
    assert machine.run(export.manifest_key).status == "SUCCEEDED"


def _keep() -> None:
    act = Act(actor="x", at=datetime(2026, 4, 20, tzinfo=UTC), request_id="request-1")
    wiring.savings().save([Save(None, done(), Deed(action="Find"))], act)


def _figures() -> dict[str, RealisedMonth]:
    head = wiring.realised_kept().find()
    if head is None:
        return {}
    return {one.billing_period: one for one in wiring.realised_kept().read(head).figures}


@pytest.fixture
def loaded(machine: Machine) -> Machine:
    _load(machine, 1, "2026-02", BEFORE)
    _load(machine, 2, "2026-03", AFTER)
    _keep()
    machine.calls.clear()
    return machine


def _fail(_: dict[str, Any]) -> None:
    raise OSError("no space left on device")


def test_what_was_implemented_is_measured_in_the_delivered_bill(loaded: Machine) -> None:
    ended = loaded.measure_savings()

    assert (ended.status, ended.error) == ("SUCCEEDED", None)
    assert ended.states == [
        *("PlanMeasures", "IsThereAnythingToMeasure", "ReadUsages", "PublishMeasures"),
        "SavingsMeasured",
    ]
    assert loaded.doors() == ["plan_measures", *["read_usages"] * 4, "publish_measures"]
    # 29 or 30 days: the newest day of a bill counts once it is over.
    march = _figures()["2026-03"]
    assert march.realised == dollars(2.4 * march.days)


def test_the_same_again_reads_nothing_and_shows_the_same_as_fresh(loaded: Machine) -> None:
    loaded.measure_savings()
    before = wiring.realised_kept().find()
    loaded.calls.clear()

    assert loaded.measure_savings().status == "SUCCEEDED"
    assert loaded.doors() == ["plan_measures", "publish_measures"]
    after = wiring.realised_kept().find()
    assert before is not None
    assert after is not None
    assert after.document == before.document
    assert after.planned_at >= before.planned_at


def test_without_anything_done_it_ends_at_once(machine: Machine) -> None:
    ended = machine.measure_savings()

    assert ended.states == ["PlanMeasures", "IsThereAnythingToMeasure", "NothingToMeasure"]


@pytest.mark.parametrize("door", STEPS)
def test_a_step_that_fails_once_is_tried_again(loaded: Machine, door: str) -> None:
    loaded.before(door, _fail)

    assert loaded.measure_savings().status == "SUCCEEDED"
    assert "2026-03" in _figures()


@pytest.mark.parametrize("door", STEPS)
def test_a_step_that_keeps_failing_fails_the_run_visibly(loaded: Machine, door: str) -> None:
    loaded.before(door, *[_fail] * 40)

    ended = loaded.measure_savings()

    assert (ended.status, ended.error) == ("FAILED", "MeasuringFailed")
    assert _figures() == {}
    loaded.before(door)
    assert loaded.measure_savings().status == "SUCCEEDED"
    assert "2026-03" in _figures()
