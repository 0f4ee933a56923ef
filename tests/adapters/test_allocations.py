"""The contract of `Allocations`: switched in one step, roll-ups by the newest run of the lineage."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from moto.stepfunctions.models import stepfunctions_backends

from finops.adapters.allocations import DynamoAllocations
from finops.adapters.stepfunctions import StepFunctionsAllocationRuns
from finops.domain.allocation_runs import Allocation, AllocationTotal
from finops.domain.class_policies import CostBasis
from finops.domain.errors import ConflictError
from finops.usecases.ports import Allocations, Rollup
from tests.allocation_fakes import InMemoryAllocations
from tests.aws import ALLOCATIONS, client, copy_items, count_items

PAYER, OTHER, MONTH = "999988887777", "888877776666", "2026-09"
AT = datetime(2026, 9, 20, 8, 0, tzinfo=UTC)
SHOP = "retail.digital.shop"
MANY = 3_000  # more than a page of a query


@pytest.fixture
def allocations(kind: str) -> Allocations:
    if kind == "fake":
        return InMemoryAllocations()
    return DynamoAllocations(client("dynamodb"), ALLOCATIONS)


def allocation(*lineage: str, version: int = 0, **told: Any) -> Allocation:
    given: dict[str, Any] = {
        "billing_account_id": PAYER,
        "billing_period": MONTH,
        "run_id": lineage[-1],
        "load_id": "load",
        "basis": CostBasis.BILLED,
        "revision": 7,
        "made_at": AT,
        "lineage": lineage,
        "totals": (
            AllocationTotal(currency="USD", allocated=28, unallocated={"No share in force": 4}),
            AllocationTotal(currency=None, allocated=10**19),
        ),
        "version": version,
    }
    return Allocation(**given | told)


def rollup(element: str = SHOP, currency: str | None = "USD", **days: int) -> Rollup:
    return Rollup.of(
        (element, currency), {f"2026-09-{day[1:]}": some for day, some in days.items()}
    )


def sums(allocations: Allocations, of: Allocation, element: str) -> Mapping[str | None, int]:
    """Ticks by currency."""
    return {one.currency: sum(one.days.values()) for one in allocations.rollups(of, element)}


def test_what_was_published_is_found_with_its_next_version(allocations: Allocations) -> None:
    allocations.publish(allocation("a"))

    assert allocations.find(PAYER, MONTH) == allocation("a", version=1)
    assert allocations.find(OTHER, MONTH) is None


def test_allocations_are_found_by_month_and_all_together(allocations: Allocations) -> None:
    for payer, month in ((PAYER, MONTH), (OTHER, MONTH), (PAYER, "2026-08")):
        allocations.publish(allocation("a", billing_account_id=payer, billing_period=month))

    assert [one.billing_account_id for one in allocations.in_period(MONTH)] == [OTHER, PAYER]
    assert len(allocations.all()) == 3
    assert allocations.in_period("2026-07") == []


def test_the_second_of_two_who_publish_is_told(allocations: Allocations) -> None:
    allocations.publish(allocation("a"))
    with pytest.raises(ConflictError, match="another run"):
        allocations.publish(allocation("b"))
    allocations.publish(allocation("a", "b", version=1))
    with pytest.raises(ConflictError, match="another run"):
        allocations.publish(allocation("a", "c", version=1))

    found = allocations.find(PAYER, MONTH)
    assert found is not None
    assert (found.run_id, found.version) == ("b", 2)


def test_a_roll_up_comes_back_as_it_was_written_in_each_currency(allocations: Allocations) -> None:
    made = [rollup(_1=10**16, _2=-1), rollup(currency=None, _3=2), rollup("", _1=5)]

    assert allocations.write_rollups(allocation("a"), made) == 3

    found = {one.currency: one for one in allocations.rollups(allocation("a"), SHOP)}
    assert found == {"USD": made[0], None: made[1]}
    assert allocations.rollups(allocation("a"), "") == [made[2]]


def test_an_element_is_not_taken_for_one_whose_name_it_begins(allocations: Allocations) -> None:
    allocations.write_rollups(allocation("a"), [rollup(f"{SHOP}-two", _1=1), rollup(_1=2)])

    assert sums(allocations, allocation("a"), SHOP) == {"USD": 2}
    assert allocations.rollups(allocation("a"), "retail") == []


def test_of_each_element_the_newest_run_of_the_lineage_counts(allocations: Allocations) -> None:
    allocations.write_rollups(allocation("a"), [rollup(_1=1), rollup("bank", _1=9)])
    allocations.write_rollups(allocation("a", "b"), [rollup(_1=2)])

    for lineage, expected in ((("a",), 1), (("a", "b"), 2), (("b", "a"), 1)):
        assert sums(allocations, allocation(*lineage), SHOP) == {"USD": expected}
        assert sums(allocations, allocation(*lineage), "bank") == {"USD": 9}


def test_what_runs_made_that_never_were_published_is_seen_by_nobody(
    allocations: Allocations,
) -> None:
    allocations.write_rollups(allocation("a"), [rollup(_1=1)])
    allocations.write_rollups(allocation("a", "lost"), [rollup(_1=2), rollup("bank", _1=3)])

    assert sums(allocations, allocation("a"), SHOP) == {"USD": 1}
    assert allocations.rollups(allocation("a"), "bank") == []
    assert set(allocations.digests(allocation("a"))) == {(SHOP, "USD")}


def test_an_element_that_pays_nothing_any_more_is_gone(allocations: Allocations) -> None:
    allocations.write_rollups(allocation("a"), [rollup(_1=1)])
    allocations.write_rollups(allocation("a", "b"), [rollup()])

    assert allocations.rollups(allocation("a", "b"), SHOP) == []
    assert allocations.digests(allocation("a", "b")) == {}
    assert allocations.digests(allocation("a")) == {(SHOP, "USD"): rollup(_1=1).digest}


def test_a_digest_is_of_the_days_whatever_order_they_come_in() -> None:
    assert rollup(_1=1, _2=2).digest == rollup(_2=2, _1=1).digest
    assert rollup(_1=1).digest != rollup(_2=1).digest != ""


def test_the_payers_months_are_kept_apart(allocations: Allocations) -> None:
    allocations.write_rollups(allocation("a"), [rollup(_1=1)])

    other = allocation("a", billing_account_id=OTHER)
    assert allocations.rollups(other, SHOP) == []


def test_what_no_reader_can_see_any_more_is_dropped(allocations: Allocations) -> None:
    allocations.write_rollups(allocation("a"), [rollup(_1=1), rollup("bank", _1=9)])
    allocations.write_rollups(allocation("a", "lost"), [rollup(_1=5)])
    for number, run in enumerate(["b", "c", "d"]):
        allocations.write_rollups(allocation("a", run), [rollup(_1=2 + number)])
    current = allocation("a", "b", "c", "d")

    # That of "a" and "b" and of the one that lost; "c" may still be read.
    assert allocations.expire_rollups(current) == 3
    assert allocations.expire_rollups(current) == 0

    assert sums(allocations, current, SHOP) == {"USD": 4}
    assert sums(allocations, current, "bank") == {"USD": 9}
    assert sums(allocations, allocation("a", "b", "c"), SHOP) == {"USD": 3}


def test_what_is_written_for_the_next_version_stays_until_that_version_has_passed(
    allocations: Allocations,
) -> None:
    allocations.write_rollups(allocation("a.1"), [rollup(_1=1)])
    allocations.publish(allocation("a.1"))
    for run in ("won.2", "lost.2"):
        allocations.write_rollups(allocation("a.1", run, version=1), [rollup(_1=2)])
    assert allocations.expire_rollups(allocation("a.1", version=1)) == 0

    allocations.publish(allocation("a.1", "won.2", version=1))

    current = allocations.find(PAYER, MONTH)
    assert current is not None
    assert allocations.expire_rollups(current) == 1
    assert sums(allocations, current, SHOP) == {"USD": 2}


def test_many_roll_ups_are_written_and_dropped_to_the_last_one(allocations: Allocations) -> None:
    made = [rollup(f"retail.p{n:04}", _1=n + 1) for n in range(120)]

    assert allocations.write_rollups(allocation("a"), iter(made)) == 120
    assert len(allocations.digests(allocation("a"))) == 120
    assert allocations.expire_rollups(allocation("x", "y", "z")) == 120


@pytest.mark.parametrize("kind", ["real"], indirect=True)
def test_roll_ups_are_read_to_the_last_page(allocations: Allocations) -> None:
    days = {f"2026-09-{day:02}": 10**12 + day for day in range(1, 31)}
    allocations.write_rollups(allocation("a"), [Rollup.of(("first", "USD"), days)])
    copies = (
        {"sk": f"ELEMENT#p{n:05}#USD#a", "element": f"p{n:05}", "digest": f"d{n}"}
        for n in range(MANY)
    )
    copy_items(ALLOCATIONS, copies, element="first")

    assert count_items(ALLOCATIONS) == MANY + 1
    assert len(allocations.digests(allocation("a"))) == MANY + 1


# -- runs -------------------------------------------------------------------------------------


@pytest.fixture
def arn(kind: str) -> str:
    """Of a machine; there is one on moto only."""
    made = client("stepfunctions").create_state_machine(
        name="allocate_month",
        roleArn="arn:aws:iam::123456789012:role/machines",
        definition='{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}',
    )
    return str(made["stateMachineArn"])


def _executions(arn: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client("stepfunctions").list_executions(stateMachineArn=arn)[
        "executions"
    ]
    return found


def _stop(arn: str) -> None:
    for one in _executions(arn):
        client("stepfunctions").stop_execution(executionArn=one["executionArn"])


@pytest.mark.parametrize("kind", ["real"], indirect=True)
def test_a_run_is_started_once_for_its_name_and_told_what_to_do(arn: str) -> None:
    runs = StepFunctionsAllocationRuns(client("stepfunctions"), arn)
    for _ in range(2):
        runs.start("2026-09-abc-7", PAYER, MONTH)

    [one] = _executions(arn)
    told = client("stepfunctions").describe_execution(executionArn=one["executionArn"])["input"]
    assert told == '{"payer": "999988887777", "billing_period": "2026-09", "preview_id": null}'
    assert not runs.has_failed("2026-09-abc-7")


@pytest.mark.parametrize("kind", ["real"], indirect=True)
def test_a_run_that_failed_is_started_again_under_another_name(arn: str) -> None:
    runs = StepFunctionsAllocationRuns(client("stepfunctions"), arn)
    runs.start("2026-09-abc-7", PAYER, MONTH)
    _stop(arn)
    assert runs.has_failed("2026-09-abc-7")

    runs.start("2026-09-abc-7", PAYER, MONTH)

    assert len(_executions(arn)) == 2


@pytest.mark.parametrize("kind", ["real"], indirect=True)
def test_while_the_next_try_of_a_failed_run_is_under_way_there_is_no_other(arn: str) -> None:
    runs = StepFunctionsAllocationRuns(client("stepfunctions"), arn)
    runs.start("2026-09-abc-7", PAYER, MONTH)
    _stop(arn)
    for _ in range(3):
        runs.start("2026-09-abc-7", PAYER, MONTH)

    assert len(_executions(arn)) == 2
    assert not runs.has_failed("2026-09-abc-7")


@pytest.mark.parametrize("kind", ["real"], indirect=True)
def test_a_run_that_is_needed_again_is_started_though_it_succeeded_before(arn: str) -> None:
    runs = StepFunctionsAllocationRuns(client("stepfunctions"), arn)
    runs.start("2026-09-abc-7", PAYER, MONTH)
    [machine] = stepfunctions_backends["123456789012"]["us-east-1"].state_machines
    machine.executions[0].status = "SUCCEEDED"

    runs.start("2026-09-abc-7", PAYER, MONTH)

    assert len(_executions(arn)) == 2


@pytest.mark.parametrize("kind", ["real"], indirect=True)
def test_the_newest_try_is_found_among_many(arn: str) -> None:
    runs = StepFunctionsAllocationRuns(client("stepfunctions"), arn)
    for tries in range(1, 12):
        runs.start("2026-09-abc-7", PAYER, MONTH)
        runs.start("2026-09-abc-7", PAYER, MONTH)
        assert len(_executions(arn)) == tries
        _stop(arn)
    assert runs.has_failed("2026-09-abc-7")


@pytest.mark.parametrize("kind", ["real"], indirect=True)
def test_a_run_that_nobody_started_has_not_failed(arn: str) -> None:
    runs = StepFunctionsAllocationRuns(client("stepfunctions"), arn)

    assert not runs.has_failed("2026-09-abc-7")
