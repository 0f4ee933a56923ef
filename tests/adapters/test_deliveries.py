"""The contract of `Deliveries`: every read is of one version, or it fails."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from finops.domain.errors import DeliveryChangedError, NotFoundError
from finops.domain.loads import LoadedFile
from tests.adapters.conftest import Bucket

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
KEY = "exports/cur2/data/BILLING_PERIOD=2026-09/2026-09-20T08:00:00.000Z-e1/cur2-00001.csv"


def _looked_at(bucket: Bucket, key: str = KEY) -> LoadedFile:
    seen = bucket.port.look([key])[key]
    assert seen is not None
    return LoadedFile(key=key, etag=seen.etag, version_id=seen.version_id, size=seen.size)


def test_a_document_is_read_with_its_version_and_notes(bucket: Bucket) -> None:
    version = bucket.put(KEY, '{"a": 1}', notes={"finops-payer": "999988887777"})

    document = bucket.port.read(KEY)

    assert document.text == '{"a": 1}'
    assert document.version == version == bucket.port.version(KEY)
    assert document.notes == {"finops-payer": "999988887777"}
    assert document.modified_at.tzinfo is not None


def test_a_byte_order_mark_is_no_part_of_a_document(bucket: Bucket) -> None:
    bucket.put(KEY, b"\xef\xbb\xbf{}")

    assert bucket.port.read(KEY).text == "{}"


@pytest.mark.parametrize("key", ["a b+c%20d.csv", "ä/ö=ü.csv", "100%.csv", "a//b"])
def test_a_key_is_taken_as_it_is(bucket: Bucket, key: str) -> None:
    bucket.put(key, "content")

    assert bucket.port.read(key).text == "content"
    assert bucket.port.look([key])[key] is not None


def test_what_is_not_there_is_not_found(bucket: Bucket) -> None:
    with pytest.raises(NotFoundError, match=r"no exports/nothing"):
        bucket.port.read("exports/nothing")

    assert bucket.port.version("exports/nothing") is None


def test_what_was_deleted_is_not_there(bucket: Bucket) -> None:
    bucket.put(KEY, "content")
    bucket.remove(KEY)

    assert bucket.port.version(KEY) is None
    assert bucket.port.look([KEY]) == {KEY: None}


def test_a_look_says_of_every_key_what_is_there(bucket: Bucket) -> None:
    version = bucket.put(KEY, "12345")

    seen = bucket.port.look([KEY, "exports/missing"])

    assert seen["exports/missing"] is None
    found = seen[KEY]
    assert found is not None
    assert (found.size, found.version_id) == (5, version)
    assert found.etag == "827ccb0eea8a706c4c34a16891f84e7b"  # MD5 of 12345, without quotes


def test_the_same_content_written_again_is_another_version(bucket: Bucket) -> None:
    bucket.put(KEY, "content")
    before = _looked_at(bucket)
    bucket.put(KEY, "content")
    after = _looked_at(bucket)

    assert before.etag == after.etag
    assert before.version_id != after.version_id


@pytest.mark.parametrize("start, length, piece", [(0, 4, b"0123"), (8, 2, b"89"), (3, 0, b"")])
def test_a_range_is_just_those_bytes(bucket: Bucket, start: int, length: int, piece: bytes) -> None:
    bucket.put(KEY, "0123456789")

    assert bucket.port.read_range(_looked_at(bucket), start, length) == piece


def test_a_file_that_was_replaced_is_read_as_it_was(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put(KEY, "first")
    file = _looked_at(bucket)
    bucket.put(KEY, "second, and longer")

    bucket.port.download(file, tmp_path / "whole")

    assert (tmp_path / "whole").read_text() == "first"
    assert bucket.port.read_range(file, 0, 3) == b"fir"


def test_a_file_that_was_deleted_is_read_as_it_was(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put(KEY, "first")
    file = _looked_at(bucket)
    bucket.remove(KEY)

    bucket.port.download(file, tmp_path / "whole")

    assert (tmp_path / "whole").read_text() == "first"


def test_a_file_whose_version_is_gone_is_said_to_have_changed(
    bucket: Bucket, tmp_path: Path
) -> None:
    bucket.put(KEY, "first")
    file = _looked_at(bucket)
    bucket.put(KEY, "second")
    bucket.forget_versions(KEY)

    with pytest.raises(DeliveryChangedError, match="replaced while it was read"):
        bucket.port.download(file, tmp_path / "whole")
    with pytest.raises(DeliveryChangedError):
        bucket.port.read_range(file, 0, 3)


def test_the_same_content_under_another_version_is_that_very_content(
    bucket: Bucket, tmp_path: Path
) -> None:
    bucket.put(KEY, "first")
    file = _looked_at(bucket)
    bucket.put(KEY, "first")
    bucket.forget_versions(KEY)

    bucket.port.download(file, tmp_path / "whole")

    assert (tmp_path / "whole").read_text() == "first"


def test_manifests_are_found_among_2500_other_objects(bucket: Bucket) -> None:
    manifests = ["exports/a/a-Manifest.json", "exports/z/z-Manifest.json"]
    for key in manifests:
        bucket.put(key, "{}")
    bucket.fill(f"exports/m/{number:04d}.csv" for number in range(2500))

    assert sorted(bucket.port.manifests(LONG_AGO)) == manifests


def test_a_manifest_of_long_ago_is_left_aside(bucket: Bucket) -> None:
    bucket.put("a-Manifest.json", "{}")
    seen = bucket.port.look(["a-Manifest.json"])["a-Manifest.json"]
    assert seen is not None

    assert list(bucket.port.manifests(seen.modified_at + timedelta(seconds=1))) == []


def test_a_deleted_manifest_is_none(bucket: Bucket) -> None:
    bucket.put("a-Manifest.json", "{}")
    bucket.remove("a-Manifest.json")

    assert list(bucket.port.manifests(LONG_AGO)) == []
