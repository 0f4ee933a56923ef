"""`load_bill` as AWS would run it: the machine of the file, the doors of `functions/`, on moto."""

import json
from typing import Any

import pytest

from finops.domain.loads import Load, LoadStatus
from finops.domain.money import from_ticks
from finops.runtime import wiring
from tests.aws import BILLING, client
from tests.exports import MONTH, PAYER, Export, Line, csv_file, overwritten, parquet_file
from tests.workflows.conftest import Machine

FIRST = [Line("1.50"), Line("0.25", account="111111111111")]
SECOND = [Line("2.00"), Line("-0.75", line_item_type="Credit")]


def _export(number: int, *files: bytes, suffix: str = "csv") -> Export:
    return overwritten(f"{number:08d}-0000-0000-0000-000000000000", files, suffix=suffix)


def _put(key: str, body: bytes | str) -> None:
    client("s3").put_object(Bucket=BILLING, Key=key, Body=body)


def _deliver(export: Export, *, without: str | None = None) -> str:
    for key, body in export.files.items():
        if key != without:
            _put(key, body)
    _put(export.manifest_key, export.manifest)
    return export.manifest_key


def _load(machine: Machine) -> Load:
    """The load that the last run was about."""
    [*_, load_id] = [e["load_id"] for _, e in machine.calls if "load_id" in e]
    return wiring.loads().get(load_id)


def _billed() -> str:
    bill = wiring.bills().find(PAYER, MONTH)
    return "nothing" if bill is None else f"{from_ticks(bill.totals[0].costs.unblended_cost):f}"


def _fail(_: dict[str, Any]) -> None:
    raise OSError("no space left on device")


def test_a_delivery_becomes_a_bill_and_says_so(machine: Machine) -> None:
    ended = machine.run(_deliver(_export(1, csv_file(FIRST), csv_file(SECOND))))

    assert (ended.status, ended.error) == ("SUCCEEDED", None)
    assert ended.states == [
        *("FindDelivery", "IsItReady", "PlanLoad", "IsItReadable", "ReduceBill", "MergeBill"),
        *("CheckLoad", "IsItSound", "PublishLoad", "WasItPublished", "SayBillLoaded", "BillLoaded"),
    ]
    assert _billed() == "3.0000000000"
    load = _load(machine)
    assert (load.status, load.items_total, load.items_done) == (LoadStatus.PUBLISHED, 2, 2)


def test_the_event_bus_is_told_of_a_bill_once(machine: Machine) -> None:
    ended = machine.run(_deliver(_export(1, csv_file(FIRST))))

    [notice] = ended.notices
    assert (notice["Source"], notice["DetailType"]) == ("finops.center", "BillLoaded")
    assert notice["EventBusName"] == "notices"
    detail = notice["Detail"]
    told = json.loads(detail) if isinstance(detail, str) else detail
    assert told["status"] == "Published"
    assert told["bills"] == [
        {
            "payer_id": PAYER,
            "billing_period": MONTH,
            "currency": "USD",
            "billed_cost": "1.7500000000",
        }
    ]


def test_a_parquet_file_is_reduced_range_by_range(machine: Machine) -> None:
    lines = [Line(f"{n}.5") for n in range(5)]
    whole = parquet_file(lines, rows_per_group=2)

    machine.run(_deliver(_export(1, whole, suffix="parquet")))

    ranges = [(e["first_group"], e["last_group"]) for d, e in machine.calls if d == "reduce_bill"]
    assert sorted(ranges) == [(0, 1), (1, 2), (2, 3)]
    assert _billed() == "12.5000000000"


def test_a_delivery_that_is_not_whole_yet_is_waited_for(machine: Machine) -> None:
    export = _export(1, csv_file(FIRST), csv_file(SECOND))
    late = list(export.files)[1]
    machine.after("find_delivery", lambda _: _put(late, export.files[late]))

    ended = machine.run(_deliver(export, without=late))

    assert ended.status == "SUCCEEDED"
    assert ended.states[:6] == [
        *("FindDelivery", "IsItReady", "WaitForFiles", "LookAgain", "FindDelivery", "IsItReady")
    ]
    assert [e["attempt"] for d, e in machine.calls if d == "find_delivery"] == [0, 1]
    assert _billed() == "3.0000000000"


def test_a_delivery_that_is_not_whole_after_a_day_is_incomplete(machine: Machine) -> None:
    export = _export(1, csv_file(FIRST), csv_file(SECOND))
    late = list(export.files)[1]

    ended = machine.run(_deliver(export, without=late), attempt=24 * 60 * 60)

    assert (ended.status, ended.error) == ("FAILED", "DeliveryIncomplete")
    assert "1 of 2 files are not there yet" in ended.cause
    assert _billed() == "nothing"


def test_the_same_delivery_again_is_nothing_to_load(machine: Machine) -> None:
    key = _deliver(_export(1, csv_file(FIRST)))
    machine.run(key)
    machine.calls.clear()

    ended = machine.run(key)

    assert ended.states == ["FindDelivery", "IsItReady", "NothingToLoad"]
    assert machine.doors() == ["find_delivery"]


def test_a_newer_delivery_takes_the_place_of_the_one_before(machine: Machine) -> None:
    machine.run(_deliver(_export(1, csv_file(FIRST), csv_file(SECOND))))
    assert _billed() == "3.0000000000"

    machine.run(_deliver(_export(2, csv_file(SECOND))))

    assert _billed() == "1.2500000000"
    [bill] = _load(machine).bills
    assert bill.changes is not None
    assert (bill.changes.lines_before, bill.changes.lines_after) == (4, 2)


def test_a_file_with_a_bad_amount_is_refused_with_row_and_field(machine: Machine) -> None:
    bad = csv_file([Line("1.50"), Line("a lot")])

    ended = machine.run(_deliver(_export(1, csv_file(FIRST), bad)))

    assert (ended.status, ended.error) == ("FAILED", "DeliveryRefused")
    load = _load(machine)
    assert load.status is LoadStatus.REFUSED
    reason = load.reason or ""
    assert "cur2-00002.csv, row 2" in reason  # the first line after the header is row 1
    assert "line_item_unblended_cost is 'a lot'" in reason
    assert _billed() == "nothing"


def test_a_file_that_is_no_bill_is_refused_before_any_work(machine: Machine) -> None:
    ended = machine.run(_deliver(_export(1, b"PAR1 and then nothing", suffix="parquet")))

    assert ended.error == "DeliveryRefused"
    assert "reduce_bill" not in machine.doors()
    assert _load(machine).status is LoadStatus.REFUSED


def test_a_manifest_that_is_none_is_refused(machine: Machine) -> None:
    _put("exports/odd-Manifest.json", "not json")

    ended = machine.run("exports/odd-Manifest.json")

    assert ended.error == "DeliveryRefused"
    [load] = wiring.loads().recent(10).items
    assert load.status is LoadStatus.REFUSED
    assert "is no JSON" in (load.reason or "")


def test_steps_that_fail_once_are_taken_again(machine: Machine) -> None:
    doors = ["plan_load", "reduce_bill", "merge_bill", "check_load", "publish_load"]
    for door in doors:
        machine.before(door, _fail)

    ended = machine.run(_deliver(_export(1, csv_file(FIRST))))

    assert ended.status == "SUCCEEDED"
    assert [machine.doors().count(door) for door in doors] == [2, 2, 2, 2, 2]
    assert _billed() == "1.7500000000"


@pytest.mark.parametrize(
    "state, door",
    [
        ("PlanLoad", "plan_load"),
        ("ReduceBill", "reduce_bill"),
        ("MergeBill", "merge_bill"),
        ("CheckLoad", "check_load"),
        ("PublishLoad", "publish_load"),
    ],
)
def test_a_step_that_keeps_failing_fails_the_load_and_can_be_taken_again_later(
    machine: Machine, state: str, door: str
) -> None:
    machine.before(door, *[_fail] * 4)

    ended = machine.run(_deliver(_export(1, csv_file(FIRST))))

    assert (ended.status, ended.error) == ("FAILED", "LoadFailed")
    assert ended.states[-3:] == ["RecordFailure", "WasItReplaced", "LoadFailed"]
    load = _load(machine)
    assert load.status is LoadStatus.FAILED
    assert "no space left on device" in (load.reason or "")
    assert _billed() == "nothing"

    again = machine.again_from(state, ended)

    assert again.status == "SUCCEEDED"
    assert _billed() == "1.7500000000"
    assert _load(machine).status is LoadStatus.PUBLISHED
    assert _load(machine).reason is None


def test_a_first_look_that_keeps_failing_fails_the_run(machine: Machine) -> None:
    machine.before("find_delivery", *[_fail] * 4)

    ended = machine.run(_deliver(_export(1, csv_file(FIRST))))

    assert (ended.status, ended.error) == ("FAILED", "LoadFailed")
    assert "fail_load" in machine.doors()


def test_a_delivery_replaced_while_it_is_read_is_superseded_and_no_failure(
    machine: Machine,
) -> None:
    first, second = _export(1, csv_file(FIRST)), _export(2, csv_file(SECOND))

    def replace(_: dict[str, Any]) -> None:
        [key] = first.files
        client("s3").delete_object(
            Bucket=BILLING,
            Key=key,
            VersionId=client("s3").head_object(Bucket=BILLING, Key=key)["VersionId"],
        )
        _deliver(second)

    machine.before("reduce_bill", replace)

    ended = machine.run(_deliver(first))

    assert ended.status == "SUCCEEDED"
    assert ended.states[-3:] == ["RecordFailure", "WasItReplaced", "NothingToLoad"]
    assert _load(machine).status is LoadStatus.SUPERSEDED
    assert _billed() == "nothing"

    machine.run(second.manifest_key)

    assert _billed() == "1.2500000000"


def test_a_delivery_whose_files_were_overwritten_while_it_is_read_does_not_go_back(
    machine: Machine,
) -> None:
    first, second = _export(1, csv_file(FIRST)), _export(2, csv_file(SECOND))

    def overwrite(_: dict[str, Any]) -> None:
        _deliver(second)

    machine.before("publish_load", overwrite)

    ended = machine.run(_deliver(first))

    assert ended.states[-2:] == ["WasItPublished", "NothingToLoad"]
    assert _load(machine).status is LoadStatus.SUPERSEDED
    assert _billed() == "nothing"


def test_two_runs_of_one_delivery_publish_it_once(machine: Machine) -> None:
    key = _deliver(_export(1, csv_file(FIRST)))
    others: list[Any] = []
    machine.before("publish_load", lambda _: others.append(machine.run(key)))

    ended = machine.run(key)

    assert [ended.status, others[0].status] == ["SUCCEEDED", "SUCCEEDED"]
    bill = wiring.bills().find(PAYER, MONTH)
    assert bill is not None
    assert bill.version == 1
    assert _billed() == "1.7500000000"
