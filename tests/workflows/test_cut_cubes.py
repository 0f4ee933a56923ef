"""`cut_cubes` as AWS would run it: the machine of the file, the doors of `functions/`, on moto."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from finops.domain.audit import Act, Deed
from finops.domain.organisation_settings import OrganisationSettings
from finops.domain.spend_cubes import CubeHead, CubeQuery
from finops.domain.tag_settings import TagSettings
from finops.runtime import wiring
from finops.usecases import allocate_month
from finops.usecases.ports import Save
from tests.allocating import ANOTHER, AT, BY, LINES, NOBODYS, OF, OWN, bill, decide, furnish, ticks
from tests.aws import BILLING, LEDGER, REPORTS, client
from tests.exports import MONTH, Line
from tests.usecases.organisation import Organisation
from tests.workflows.conftest import Machine

OTHER = "111122223333"
STEPS = ["plan_cubes", "cut_cube", "publish_cubes"]


@pytest.fixture
def organisation(machine: Machine) -> Organisation:
    """A bill is loaded and allocated."""
    made = Organisation.on_aws()
    furnish(made)
    _load(machine)
    machine.allocate(*OF)
    machine.calls.clear()
    return made


def _load(machine: Machine, number: int = 1, lines: Sequence[Line] = LINES) -> None:
    export = bill(number, lines)
    for key, body in (*export.files.items(), (export.manifest_key, export.manifest)):
        client("s3").put_object(Bucket=BILLING, Key=key, Body=body)
    assert machine.run(export.manifest_key).status == "SUCCEEDED"


def _fail(_: dict[str, Any]) -> None:
    raise OSError("no space left on device")


def _current(payer: str = OF[0]) -> CubeHead:
    found = wiring.cube_heads().find(payer, MONTH)
    assert found is not None
    return found


def _written() -> tuple[list[Any], list[Any]]:
    """All that is in the table of reports, and the versions of all cubes."""
    items = client("dynamodb").scan(TableName=REPORTS)["Items"]
    found = client("s3").list_object_versions(Bucket=LEDGER, Prefix="cubes/")
    return items, [(one["Key"], one["VersionId"]) for one in found.get("Versions", ())]


def _tell_by(*keys: str) -> None:
    settings = OrganisationSettings(tags=TagSettings(report_keys=keys))
    act = Act(actor=BY, at=AT, request_id="request-1")
    wiring.settings_kept().save([Save(None, settings, Deed(action="SetTags"))], act)


@pytest.mark.usefixtures("organisation")
def test_a_bill_that_is_allocated_becomes_a_cube_that_answers(machine: Machine) -> None:
    ended = machine.cut_cubes(*OF)

    assert (ended.status, ended.error) == ("SUCCEEDED", None)
    assert ended.states == [
        *("PlanCubes", "IsThereAnythingToCut", "CutCubes", "PublishCubes", "CubesCut"),
    ]
    assert machine.doors() == STEPS
    answer = wiring.spend_cubes().ask(CubeQuery(months=(MONTH,), by=("class",)))
    assert {of[0]: Decimal(amount).scaleb(-10) for of, amount in answer.rows} == {
        "Usage": Decimal("30.01"),
        "Support": Decimal(2),
        "AwsCredit": Decimal("-0.75"),
    }
    assert answer.missing == ()


@pytest.mark.usefixtures("organisation")
def test_a_cube_is_its_bill_to_the_last_digit(machine: Machine) -> None:
    machine.cut_cubes(*OF)

    [total] = _current().totals
    found = wiring.bills().find(*OF)
    assert found is not None
    assert total.net == found.totals[0].costs.billed_cost == ticks("31.26")
    assert (total.unallocated, total.credited) == (ticks("1.00"), ticks("-0.75"))


@pytest.mark.usefixtures("organisation")
def test_the_daily_look_at_all_bills_finds_what_no_event_told(machine: Machine) -> None:
    assert machine.cut_cubes().status == "SUCCEEDED"
    assert _current().version == 1


@pytest.mark.usefixtures("organisation")
def test_the_same_again_is_unchanged_and_nothing_is_written(machine: Machine) -> None:
    machine.cut_cubes(*OF)
    before = _written()
    machine.calls.clear()

    ended = machine.cut_cubes()

    assert ended.states == ["PlanCubes", "IsThereAnythingToCut", "NothingToCut"]
    assert machine.doors() == ["plan_cubes"]
    assert _written() == before


@pytest.mark.usefixtures("organisation")
def test_other_tags_have_every_cube_cut_anew(machine: Machine) -> None:
    machine.cut_cubes()
    _tell_by("user:Team")

    assert machine.cut_cubes().status == "SUCCEEDED"

    assert _current().tag_keys == ("user:Team",)
    assert _current().version == 2


def test_a_run_that_is_published_in_the_middle_has_the_cube_that_is_seen(
    machine: Machine, organisation: Organisation
) -> None:
    def allocate_anew(_: dict[str, Any]) -> None:
        decide(organisation, ANOTHER[0])
        assert machine.allocate(*OF).status == "SUCCEEDED"

    machine.before("publish_cubes", allocate_anew)

    assert machine.cut_cubes(*OF).status == "SUCCEEDED"
    assert wiring.cube_heads().find(*OF) is None
    assert machine.cut_cubes(*OF).status == "SUCCEEDED"
    run = wiring.allocations().find(*OF)
    assert run is not None
    assert _current().run_id == run.run_id


@pytest.mark.usefixtures("organisation")
@pytest.mark.parametrize("door", STEPS)
def test_a_step_that_fails_once_is_tried_again(machine: Machine, door: str) -> None:
    machine.before(door, _fail)

    assert machine.cut_cubes(*OF).status == "SUCCEEDED"
    assert machine.doors().count(door) == 2
    assert _current().version == 1


@pytest.mark.usefixtures("organisation")
@pytest.mark.parametrize("door", STEPS)
def test_a_step_whose_answer_is_lost_is_run_again_and_changes_nothing_more(
    machine: Machine, door: str
) -> None:
    machine.after(door, _fail)

    assert machine.cut_cubes(*OF).status == "SUCCEEDED"
    assert _current().version == 1


@pytest.mark.usefixtures("organisation")
@pytest.mark.parametrize("door", STEPS)
def test_a_step_that_keeps_failing_fails_the_run_and_readers_see_nothing(
    machine: Machine, door: str
) -> None:
    machine.before(door, *[_fail] * 20)

    ended = machine.cut_cubes(*OF)

    assert (ended.status, ended.error) == ("FAILED", "CuttingFailed")
    assert wiring.cube_heads().find(*OF) is None
    machine.before(door)
    assert machine.cut_cubes(*OF).status == "SUCCEEDED"


def test_a_bill_that_cannot_be_cut_is_named_and_the_others_are_published(
    machine: Machine, organisation: Organisation
) -> None:
    _load(machine, 2, [*LINES, Line("9.00", OWN, payer=OTHER)])
    for payer in (OF[0], OTHER):
        assert machine.allocate(payer, MONTH).status == "SUCCEEDED"
    machine.calls.clear()
    # Payers come in order: the second item is the first bill's.
    machine.before("cut_cube", None, *[_fail] * 20)

    ended = machine.cut_cubes()

    assert (ended.status, ended.error) == ("FAILED", "CuttingFailed")
    assert "1 cubes were not published" in ended.cause
    planned = ended.input_of("PublishCubes")["plan"]
    assert planned["cubes"] == 2
    heads = wiring.cube_heads().in_period(MONTH)
    assert len(heads) == 1
    assert f"{MONTH} of {heads[0].payer}" not in ended.cause


@pytest.mark.usefixtures("organisation")
def test_each_worker_cuts_a_share_of_the_accounts(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allocate_month, "ROWS_PER_SHARD", 1)
    # A bill that no other test has: a run of it is in so many files, and files are kept by name.
    _load(machine, 2, [*LINES, Line("0.01", NOBODYS)])
    assert machine.allocate(*OF).status == "SUCCEEDED"
    machine.calls.clear()

    assert machine.cut_cubes(*OF).status == "SUCCEEDED"

    assert machine.doors() == ["plan_cubes", *["cut_cube"] * 3, "publish_cubes"]
    assert len({name[:9] for name in _current().days}) == 3
