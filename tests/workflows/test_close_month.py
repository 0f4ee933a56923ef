"""`close_month` as AWS would run it: the machine of the file, the doors of `functions/`, on moto."""

import json
from typing import Any

import pytest

from finops.domain.month_closes import CloseStatus, MonthClose
from finops.runtime import wiring
from tests.aws import CLOSES_BUCKET, client
from tests.closing import MONTH, USUAL, Closing, header
from tests.fakes import InMemoryRecords
from tests.usecases.organisation import Organisation
from tests.workflows.conftest import Machine

BY = "fin@example.com"
STEPS = ["begin_close", "write_close_files", "complete_close", "settle_close", "deliver_close"]
LAST = ["Settle", "Deliver", "WereCreditsSettled", "MonthClosed"]
WAY = ["Begin", "IsItClosedAlready", "WriteFiles", "Complete", *LAST]


@pytest.fixture
def closing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Closing:
    """A month that is green; what it is made of is told, all else is on moto."""
    organisation = Organisation.on_aws()
    organisation.records = InMemoryRecords()
    organisation.closes = wiring.closes()
    made = Closing(organisation)
    monkeypatch.setattr(made, "files", wiring.close_files())
    monkeypatch.setattr(wiring, "close_desk", lambda: made.desk)
    made.ready()
    return made


def _close() -> MonthClose:
    found = wiring.closes().find(MONTH)
    assert found is not None
    return found


def _objects(prefix: str) -> dict[str, bytes]:
    s3 = client("s3")
    listed = s3.list_objects_v2(Bucket=CLOSES_BUCKET, Prefix=prefix).get("Contents", [])
    return {
        one["Key"].removeprefix(prefix): s3.get_object(Bucket=CLOSES_BUCKET, Key=one["Key"])[
            "Body"
        ].read()
        for one in listed
    }


def _delivered() -> dict[str, bytes]:
    return _objects(f"delivered/{MONTH}/")


def _fail(_: dict[str, Any]) -> None:
    raise OSError("no space left on device")


def test_a_month_is_closed_and_its_files_are_delivered(machine: Machine, closing: Closing) -> None:
    ended = machine.close(MONTH, BY)

    assert (ended.status, ended.error, ended.states) == ("SUCCEEDED", None, WAY)
    close = _close()
    assert close.is_closed
    told = json.loads(_delivered()["manifest.json"])
    assert {one["name"] for one in told["files"]} == {seal.name for seal in close.files}
    assert _delivered().keys() == {*(seal.name for seal in close.files), "manifest.json"}
    assert len(_objects(f"files/{MONTH}/")) == 6


def test_steps_that_fail_once_are_taken_again(machine: Machine, closing: Closing) -> None:
    for door in STEPS:
        machine.before(door, _fail)

    ended = machine.close(MONTH, BY)

    assert ended.states == WAY
    assert [machine.doors().count(door) for door in STEPS] == [2] * 5


@pytest.mark.parametrize("door", STEPS)
def test_a_step_that_dies_after_its_work_is_found_done(
    machine: Machine, closing: Closing, door: str
) -> None:
    machine.after(door, _fail)

    ended = machine.close(MONTH, BY)

    assert ended.states == WAY
    records = wiring.audit().chain(f"month-close#{MONTH}")
    assert [one.event for one in records].count("MonthClosed") == 1


@pytest.mark.parametrize("door", STEPS[:3])
def test_what_keeps_failing_before_the_one_write_is_given_up_and_says_why(
    machine: Machine, closing: Closing, door: str
) -> None:
    machine.before(door, *[_fail] * 4)

    ended = machine.close(MONTH, BY)

    assert (ended.status, ended.error) == ("FAILED", "CloseFailed")
    assert ended.states[-3:] == ["GiveUp", "WasItClosedAfterAll", "CloseFailed"]
    close = _close()
    assert (close.status, close.files) == (CloseStatus.PREPARING, ())
    assert close.abandoned == "no space left on device"
    assert _delivered() == {}

    assert machine.close(MONTH, BY).states == WAY


def test_the_one_write_that_was_done_after_all_is_gone_on_with(
    machine: Machine, closing: Closing
) -> None:
    machine.after("complete_close", _fail)
    machine.before("complete_close", None, *[_fail] * 3)

    ended = machine.close(MONTH, BY)

    assert ended.status == "SUCCEEDED"
    assert ended.states[-6:] == ["GiveUp", "WasItClosedAfterAll", *LAST]
    assert _close().is_closed
    assert "manifest.json" in _delivered()


def test_a_delivery_that_fails_many_times_is_tried_on_and_the_month_stays_closed(
    machine: Machine, closing: Closing
) -> None:
    machine.before("deliver_close", *[_fail] * 100)

    ended = machine.close(MONTH, BY)

    assert ended.states == WAY
    assert machine.doors().count("deliver_close") == 101


def test_credits_that_cannot_pay_stop_no_delivery_and_are_settled_when_it_is_started_again(
    machine: Machine, closing: Closing
) -> None:
    machine.before("settle_close", *[_fail] * 11)

    ended = machine.close(MONTH, BY)

    assert (ended.status, ended.error) == ("FAILED", "SettlementFailed")
    assert ended.states[-4:] == ["Settle", "Deliver", "WereCreditsSettled", "SettlementFailed"]
    assert "manifest.json" in _delivered()
    assert machine.close(MONTH, BY).states == ["Begin", "IsItClosedAlready", *LAST]


def test_a_run_beside_the_one_that_closes_gives_nothing_up(
    machine: Machine, closing: Closing
) -> None:
    others: list[Any] = []
    machine.before("write_close_files", lambda _: others.append(machine.close(MONTH, BY, 2)))

    ended = machine.close(MONTH, BY, 1)

    assert (others[0].status, others[0].error) == ("FAILED", "CloseFailed")
    assert "another run is closing" in others[0].cause
    assert (ended.status, ended.states) == ("SUCCEEDED", WAY)


def test_a_line_that_turned_red_since_fails_the_run_and_is_told(
    machine: Machine, closing: Closing
) -> None:
    closing.bill(*USUAL, is_final=False)

    ended = machine.close(MONTH, BY)

    assert (ended.status, ended.error) == ("FAILED", "CloseFailed")
    assert "BillFinal" in (_close().abandoned or "")
    assert _objects("snapshots/") == {}


def test_of_two_runs_at_once_the_month_is_closed_once(machine: Machine, closing: Closing) -> None:
    others: list[Any] = []
    machine.before("complete_close", lambda _: others.append(machine.close(MONTH, BY)))

    ended = machine.close(MONTH, BY)

    assert [ended.status, others[0].status] == ["SUCCEEDED", "SUCCEEDED"]
    records = wiring.audit().chain(f"month-close#{MONTH}")
    assert [one.event for one in records].count("MonthClosed") == 1


def test_a_closed_month_that_is_run_again_is_only_delivered(
    machine: Machine, closing: Closing
) -> None:
    machine.close(MONTH, BY)
    before = _delivered()

    ended = machine.close(MONTH, BY)

    assert ended.states == ["Begin", "IsItClosedAlready", *LAST]
    assert _delivered() == before


def test_headers_and_figures_of_the_beginning_are_those_of_the_files(
    machine: Machine, closing: Closing
) -> None:
    admin = closing.organisation.people.find(BY)
    assert admin is not None
    closing.fill_headers(admin, header("111111111111", "retail", "INV-1", memo="=1+1"))

    machine.close(MONTH, BY)

    assert b"'=1+1" in _delivered()["AccountsPayable.csv"]
