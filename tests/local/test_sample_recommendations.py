"""The sample export of recommendations: of resources that the sample bill has, and readable."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from finops.domain.claim_rules import read_tags
from finops.domain.deliveries import parse_manifest
from finops.domain.errors import InvalidError
from finops.domain.loads import DeliveryKind
from finops.domain.money import from_ticks
from finops.domain.savings import Recommendation, cases_of, sums
from finops.domain.savings import Saving as Case
from finops.domain.tags import canonical
from finops.ledger import recommendations
from finops.local import cli
from finops.local.sample import (
    SampleBill,
    SampleRecommendations,
    write_recommendations,
    write_sample,
)
from finops.usecases.resource_owners import as_ruled

DAY = date(2026, 9, 30)
DATABASE = ("RdsDbInstance", "Stop")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recommended")


@pytest.fixture(scope="module")
def bill(folder: Path) -> SampleBill:
    return write_sample(folder / "bill", month="2026-09", lines=5_000)


@pytest.fixture(scope="module")
def written(folder: Path, bill: SampleBill) -> SampleRecommendations:
    return write_recommendations(folder / "coh", folder / "bill", day=DAY)


def _read(root: Path, written: SampleRecommendations) -> list[Recommendation]:
    manifest = parse_manifest(written.manifest_key, written.manifest_path.read_text())
    assert (manifest.kind, manifest.day, manifest.account) == (
        *(DeliveryKind.SAVINGS, DAY),
        written.payer_id,
    )
    with duckdb.connect() as connection:
        found = [recommendations.read(connection, root / key) for key in manifest.files]
    assert [one.notes for one in found] == [[]]
    return [one for stated in found for one in stated.recommendations]


def test_tags_are_spelled_as_their_owners_do_and_become_those_of_the_bill(
    folder: Path, bill: SampleBill, written: SampleRecommendations
) -> None:
    files = [str(folder / "bill" / file.key) for file in bill.files]
    with duckdb.connect() as connection:
        columns = "line_item_resource_id, to_json(tags)::VARCHAR"
        rows = connection.read_parquet(files).project(columns).distinct().fetchall()
    billed: dict[str, list[str]] = {}
    for resource, tags in rows:
        billed.setdefault(resource, []).append(canonical(json.loads(tags)) or "{}")

    stated = [one for one in _read(folder / "coh", written) if one.resource_id and one.tags]

    assert any("Team" in one.tags for one in stated)
    for one in stated:
        assert one.resource_id is not None
        known = as_ruled(one.account_id, one.resource_id, None, one.tags.items()).tags
        told = [
            {key: value for key, value in read_tags(tags).items() if "accountTag/" not in key}
            for tags in billed[one.resource_id]
        ]
        assert read_tags(known) in told


def test_every_resource_is_on_the_bill_and_saves_no_more_than_it_costs(
    folder: Path, bill: SampleBill, written: SampleRecommendations
) -> None:
    files = [str(folder / "bill" / file.key) for file in bill.files]
    with duckdb.connect() as connection:
        columns = "line_item_usage_account_id, line_item_resource_id"
        named = connection.read_parquet(files).project(columns).fetchall()

    stated = _read(folder / "coh", written)

    assert {
        (one.account_id, one.resource_id) for one in stated if one.resource_id is not None
    } <= set(named)
    for one in stated:
        assert one.monthly_cost is not None
        assert 0 < one.monthly_savings <= one.monthly_cost


def test_it_has_something_of_each_kind_and_several_things_of_one_instance(
    folder: Path, written: SampleRecommendations
) -> None:
    stated = _read(folder / "coh", written)

    assert {one.resource_type for one in stated} >= {
        *("Ec2Instance", "EbsVolume", "RdsDbInstance", "LambdaFunction"),
        None,
    }
    assert any(one.action_type == "PurchaseSavingsPlans" for one in stated)
    actions = [{one.action_type for one in case} for case in cases_of(stated).values()]
    assert {"Rightsize", "MigrateToGraviton", "Stop"} in actions


def test_its_sum_is_that_of_each_resource_once(
    folder: Path, written: SampleRecommendations
) -> None:
    stated = _read(folder / "coh", written)
    cases = [Case.found(some, written.payer_id, DAY) for some in cases_of(stated).values()]

    [total] = sums(cases)

    assert (len(stated), len(cases)) == (written.recommendations, written.resources)
    assert from_ticks(total.monthly_savings) == written.monthly_savings


def test_the_same_arguments_write_the_same_bytes(
    folder: Path, written: SampleRecommendations
) -> None:
    again = write_recommendations(folder / "again", folder / "bill", day=DAY)

    assert again.manifest_path.read_bytes() == written.manifest_path.read_bytes()
    assert [path.read_bytes() for path in (folder / "again").rglob("*.parquet")] == [
        path.read_bytes() for path in (folder / "coh").rglob("*.parquet")
    ]


def test_a_database_that_ended_could_have_been_stopped(
    folder: Path, written: SampleRecommendations
) -> None:
    stated = _read(folder / "coh", written)

    (stop,) = [one for one in stated if (one.resource_type, one.action_type) == DATABASE]
    assert "catalogue" in (stop.resource_id or "")
    assert stop.monthly_savings == stop.monthly_cost


def test_a_later_day_has_less_and_one_that_has_grown(
    folder: Path, written: SampleRecommendations
) -> None:
    later = write_recommendations(folder / "later", folder / "bill", day=DAY, later=True)
    before, after = (
        {(one.account_id, one.resource_id, one.action_type): one.monthly_savings for one in stated}
        for stated in (_read(folder / "coh", written), _read(folder / "later", later))
    )

    gone = before.keys() - after.keys()
    ended = {
        resource for _, resource, action in before if action == "Stop" and ":db:" in str(resource)
    }
    assert sum("vol-" in str(resource) for _, resource, _ in gone) == 1
    assert {resource for _, resource, _ in gone if "vol-" not in str(resource)} == ended
    grown = [(before[of], after[of]) for of in after if after[of] > before.get(of, after[of])]
    assert len(grown) == 1
    assert Decimal("1.24") < Decimal(grown[0][1]) / grown[0][0] < Decimal("1.26")


def test_without_a_bill_there_is_nothing_to_recommend(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="holds no sample bill; finops sample --out writes one"):
        write_recommendations(tmp_path / "coh", tmp_path, day=DAY)


def test_the_command_says_what_it_has_written(folder: Path, written: SampleRecommendations) -> None:
    words = ["--savings-of", str(folder / "bill"), "--out", str(folder / "told")]

    result = CliRunner().invoke(cli.app, ["sample", *words, "--day", "2026-09-30", "--json"])

    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["recommendations"] == written.recommendations
    assert told["monthly_savings"] == str(written.monthly_savings)
