"""Recommendations on the way of the bill: the machine of the file, the doors, on moto."""

import pytest

from finops.domain.loads import Load, LoadStatus
from finops.runtime import wiring
from tests.aws import BILLING, client
from tests.exports import MONTH, PAYER, Export, Line, csv_file, overwritten
from tests.savings_exports import delivered, parquet_file, row
from tests.workflows.conftest import Machine


def _id(number: int) -> str:
    return f"{number:08d}-0000-0000-0000-000000000000"


def _deliver(export: Export) -> str:
    s3 = client("s3")
    for key, body in export.files.items():
        s3.put_object(Bucket=BILLING, Key=key, Body=body)
    s3.put_object(Bucket=BILLING, Key=export.manifest_key, Body=export.manifest)
    return export.manifest_key


def _load(machine: Machine) -> Load:
    [*_, load_id] = [e["load_id"] for _, e in machine.calls if "load_id" in e]
    return wiring.loads().get(load_id)


def test_a_delivery_of_recommendations_becomes_cases_and_no_bill(machine: Machine) -> None:
    ended = machine.run(_deliver(delivered(_id(1), [parquet_file([row(), row("i-2")])])))

    assert (ended.status, ended.error) == ("SUCCEEDED", None)
    assert ended.states == [
        *("FindDelivery", "IsItReady", "TakeRecommendations", "WereTheyTaken"),
        "RecommendationsTaken",
    ]
    assert {one.resource_id for one in wiring.savings().all().values()} == {"i-1", "i-2"}
    assert (_load(machine).status, _load(machine).recommendations) == (LoadStatus.PUBLISHED, 2)
    assert wiring.bills().find(PAYER, MONTH) is None
    assert ended.notices == [], "the audit trail tells of it"


def test_recommendations_that_cannot_be_read_end_the_run_as_refused(machine: Machine) -> None:
    ended = machine.run(_deliver(delivered(_id(1), [parquet_file([row(currency_code="")])])))

    assert (ended.status, ended.error) == ("FAILED", "DeliveryRefused")
    assert "row 1: currency_code is empty" in str(_load(machine).reason)


def test_a_step_that_fails_is_recorded_with_the_load(machine: Machine) -> None:
    def fail(_: object) -> None:
        raise OSError("no space left on device")

    machine.before("take_recommendations", *[fail] * 4)
    ended = machine.run(_deliver(delivered(_id(1), [parquet_file([row()])])))

    assert (ended.status, ended.error) == ("FAILED", "LoadFailed")
    assert _load(machine).status is LoadStatus.FAILED
    assert wiring.savings().all() == {}


@pytest.mark.parametrize("first", ["bill", "recommendations"])
def test_a_bill_and_recommendations_do_not_stand_in_each_others_way(
    machine: Machine, first: str
) -> None:
    bill = overwritten(_id(1), [csv_file([Line("1.50")])])
    stated = delivered(_id(2), [parquet_file([row()])])

    for export in (bill, stated) if first == "bill" else (stated, bill):
        assert machine.run(_deliver(export)).status == "SUCCEEDED"

    assert wiring.bills().find(PAYER, MONTH) is not None
    assert len(wiring.savings().all()) == 1
