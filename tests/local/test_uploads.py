"""Deliveries on disk: what is found, under which keys, and in which order."""

import json
from pathlib import Path

import pytest

from finops.domain.deliveries import parse_manifest
from finops.domain.errors import InvalidError
from finops.local.uploads import deliveries_at

DATA = "cur2/export/data/BILLING_PERIOD=2026-09"
METADATA = "cur2/export/metadata/BILLING_PERIOD=2026-09"


def _put(root: Path, key: str, text: str = "x") -> Path:
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _manifest(execution: str, *keys: str) -> str:
    return json.dumps({"executionId": execution, "dataFiles": [f"s3://theirs/{k}" for k in keys]})


def test_a_tree_keeps_the_keys_that_its_manifest_names(tmp_path: Path) -> None:
    _put(tmp_path, f"{DATA}/export-00001.csv.gz")
    _put(
        tmp_path, f"{METADATA}/export-Manifest.json", _manifest("e", f"{DATA}/export-00001.csv.gz")
    )

    (found,) = deliveries_at(tmp_path)

    assert list(found.files) == [f"{DATA}/export-00001.csv.gz"]
    assert list(found.manifests) == [f"{METADATA}/export-Manifest.json"]


@pytest.mark.parametrize("below", ["somewhere/else", "."])
def test_a_tree_may_lie_deeper_than_the_bucket_s_root(tmp_path: Path, below: str) -> None:
    _put(tmp_path / below, f"{DATA}/a.csv.gz")
    _put(tmp_path / below, f"{METADATA}/e-Manifest.json", _manifest("e", f"{DATA}/a.csv.gz"))

    (found,) = deliveries_at(tmp_path)

    assert (list(found.files), list(found.manifests)) == (
        [f"{DATA}/a.csv.gz"],
        [f"{METADATA}/e-Manifest.json"],
    )


def test_a_branch_of_a_tree_gets_its_whole_keys_back(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    key = "/report/20180801-20180901/16e57707-f9e3-49be-8be6-b84e684b5194/report-1.csv.gz"
    _put(folder, key.removeprefix("/report/"))
    said = json.dumps({"assemblyId": "16e57707", "reportKeys": [key]})
    _put(folder, "20180801-20180901/report-Manifest.json", said)

    (found,) = deliveries_at(folder)

    assert list(found.files) == [key.lstrip("/")]
    assert list(found.manifests) == ["report/20180801-20180901/report-Manifest.json"]


def test_two_manifests_of_one_execution_are_one_delivery(tmp_path: Path) -> None:
    run = "2026-09-21T09:41:00.000Z-e1"
    text = _manifest("e1", f"{DATA}/{run}/a.csv.gz")
    _put(tmp_path, f"{DATA}/{run}/a.csv.gz")
    _put(tmp_path, f"{METADATA}/{run}/e-Manifest.json", text)
    _put(tmp_path, f"{METADATA}/e-Manifest.json", text)

    (found,) = deliveries_at(tmp_path)

    assert list(found.manifests) == [
        f"{METADATA}/{run}/e-Manifest.json",
        f"{METADATA}/e-Manifest.json",
    ]


def test_deliveries_are_brought_in_the_order_they_were_made(tmp_path: Path) -> None:
    for execution, day in (("late", "26"), ("early", "20")):
        run = f"2026-09-{day}T09:41:00.000Z-{execution}"
        _put(tmp_path, f"{DATA}/{run}/a.csv.gz")
        manifest = _manifest(execution, f"{DATA}/{run}/a.csv.gz")
        _put(tmp_path, f"{METADATA}/{run}/e-Manifest.json", manifest)

    assert [found.execution_id for found in deliveries_at(tmp_path)] == ["early", "late"]


def test_a_file_that_the_manifest_names_and_that_is_not_there_is_named(tmp_path: Path) -> None:
    _put(tmp_path, f"{METADATA}/e-Manifest.json", _manifest("e", f"{DATA}/gone.csv.gz"))

    with pytest.raises(InvalidError, match=r"names .*gone\.csv\.gz, which is not below"):
        deliveries_at(tmp_path)


def test_a_bare_file_becomes_a_delivery_with_a_manifest_that_names_it(tmp_path: Path) -> None:
    file = _put(tmp_path, "bill of may.csv")

    (found,) = deliveries_at(file)
    ((key, text),) = found.manifests.items()
    manifest = parse_manifest(key, text)

    assert manifest.files == tuple(found.files)
    assert list(found.files.values()) == [file]
    assert manifest.execution_id == found.execution_id


def test_bare_files_of_one_partition_are_one_delivery_of_its_month(tmp_path: Path) -> None:
    for month, name in ((10, "a"), (10, "b"), (11, "a")):
        _put(tmp_path, f"cur/year=2018/month={month}/{name}.snappy.parquet")

    found = deliveries_at(tmp_path)

    assert [len(one.files) for one in found] == [2, 1]
    months = [
        parse_manifest(k, t).billing_period for one in found for k, t in one.manifests.items()
    ]
    assert months == ["2018-10", "2018-11"]


def test_the_same_bare_file_is_a_new_delivery_each_time(tmp_path: Path) -> None:
    file = _put(tmp_path, "bill.csv")

    assert deliveries_at(file)[0].execution_id != deliveries_at(file)[0].execution_id


def test_a_folder_without_a_bill_says_what_was_looked_for(tmp_path: Path) -> None:
    _put(tmp_path, "notes.txt")

    with pytest.raises(InvalidError, match="holds no delivery"):
        deliveries_at(tmp_path)


def test_what_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="there is no"):
        deliveries_at(tmp_path / "nothing")
