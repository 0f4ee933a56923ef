"""Nothing is believed of a delivery but its manifest and its files' own versions."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.deliveries import (
    FileSeen,
    Manifest,
    Verdict,
    delivered_at,
    load_id,
    look,
    parse_manifest,
    place_of,
)
from finops.domain.errors import RefusedError
from finops.domain.loads import Load, LoadedFile, LoadStatus

# -- manifests --------------------------------------------------------------------------------

CUR2_KEY = "cur2/e/metadata/BILLING_PERIOD=2026-09/e-Manifest.json"
CUR2_RUN = "2026-09-21T09:41:00.000Z-5c7d"
CUR2 = {
    "executionId": "5c7d",
    "exportArn": "arn:aws:bcm-data-exports:us-east-1:111122223333:export/e-1",
    "dataFiles": [
        "s3://example/cur2/e/data/BILLING_PERIOD=2026-09/e-00001.snappy.parquet",
        "s3://example/cur2/e/data/BILLING_PERIOD=2026-09/e-00002.snappy.parquet",
    ],
}
LEGACY_KEY = "billing/report/20260901-20261001/report-Manifest.json"
LEGACY = {
    "assemblyId": "6f287a97-b7c4-4019-bc81-da0b83151b8b",
    "account": "111122223333",
    "billingPeriod": {"start": "20260901T000000.000Z", "end": "20261001T000000.000Z"},
    "reportKeys": ["/billing/report/20260901-20261001/6f287a97/report-1.csv.gz"],
}


def parsed(key: str, said: Mapping[str, Any]) -> Manifest:
    return parse_manifest(key, json.dumps(said))


def test_a_data_export_names_its_files_by_their_keys_in_whichever_bucket() -> None:
    manifest = parsed(CUR2_KEY, CUR2)

    assert manifest.files == (
        "cur2/e/data/BILLING_PERIOD=2026-09/e-00001.snappy.parquet",
        "cur2/e/data/BILLING_PERIOD=2026-09/e-00002.snappy.parquet",
    )
    assert (manifest.execution_id, manifest.billing_period) == ("5c7d", "2026-09")
    assert (manifest.account, manifest.stated_at) == ("111122223333", None)


def test_a_legacy_report_says_its_account_and_month() -> None:
    manifest = parsed(LEGACY_KEY, LEGACY)

    assert manifest.files == ("billing/report/20260901-20261001/6f287a97/report-1.csv.gz",)
    assert (manifest.execution_id, manifest.billing_period, manifest.account) == (
        "6f287a97-b7c4-4019-bc81-da0b83151b8b",
        "2026-09",
        "111122223333",
    )


def test_a_create_new_export_was_delivered_when_its_folder_says() -> None:
    files = [f"s3://example/cur2/e/data/BILLING_PERIOD=2026-09/{CUR2_RUN}/e-00001.snappy.parquet"]
    manifest = parsed(CUR2_KEY, {**CUR2, "dataFiles": files})
    copied_later = datetime(2026, 9, 30, tzinfo=UTC)

    assert manifest.stated_at == datetime(2026, 9, 21, 9, 41, tzinfo=UTC)
    assert delivered_at(manifest, copied_later) == datetime(2026, 9, 21, 9, 41, tzinfo=UTC)
    assert delivered_at(parsed(CUR2_KEY, CUR2), copied_later) == copied_later


@pytest.mark.parametrize(
    "key, period",
    [
        ("x/BILLING_PERIOD=2026-09/e-Manifest.json", "2026-09"),
        ("x/billing_period%3D2026-09/e-Manifest.json", "2026-09"),
        ("x/20260901-20261001/e-Manifest.json", "2026-09"),
        ("x/year=2018/month=9/e-Manifest.json", "2018-09"),
        ("x/e-Manifest.json", None),
    ],
)
def test_the_month_is_read_from_the_partition(key: str, period: str | None) -> None:
    manifest = parsed(key, {"executionId": "1", "dataFiles": ["f.csv"]})

    assert (manifest.billing_period, manifest.account) == (period, None)


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "is no JSON"),
        ("{", "is no JSON"),
        ("[]", "holds no JSON object"),
        ("{}", "names no delivery"),
        ('{"executionId": "1"}', "names no delivery"),
        ('{"executionId": "1", "dataFiles": []}', "names no delivery"),
        ('{"executionId": 7, "dataFiles": ["f"]}', "names no delivery"),
        ('{"dataFiles": ["f"]}', "names no delivery"),
    ],
)
def test_what_is_no_manifest_is_refused_by_name(text: str, reason: str) -> None:
    with pytest.raises(RefusedError, match=f"^e-Manifest.json .*{reason}"):
        parse_manifest("e-Manifest.json", text)


@pytest.mark.parametrize(
    "key, place",
    [
        (CUR2_KEY, CUR2_KEY),
        (f"cur2/e/metadata/BILLING_PERIOD=2026-09/{CUR2_RUN}/e-Manifest.json", CUR2_KEY),
        (LEGACY_KEY, LEGACY_KEY),
        (
            f"{LEGACY_KEY[:33]}6f287a97-b7c4-4019-bc81-da0b83151b8b/report-Manifest.json",
            LEGACY_KEY,
        ),
    ],
)
def test_deliveries_of_a_month_have_one_place_in_either_layout(key: str, place: str) -> None:
    assert place_of(key) == place


# -- identity ---------------------------------------------------------------------------------


def test_a_delivery_is_its_execution_and_the_content_of_its_files() -> None:
    files = [("a", "1"), ("b", "2")]

    assert load_id("x", files) == load_id("x", files[::-1])
    assert load_id("x", files) == load_id("x", [("a", '"1"'), ("b", '"2"')])
    others = [load_id("y", files), load_id("x", files[:1]), load_id("x", [("a", "1"), ("b", "3")])]
    assert len({load_id("x", files), *others}) == 4


# -- looking ----------------------------------------------------------------------------------

DAY = datetime(2026, 9, 21, 9, tzinfo=UTC)
QUIET = timedelta(minutes=2)
A, B = "data/e-1.parquet", "data/e-2.parquet"


def seen(version: int, minutes: float = -1) -> FileSeen:
    """A file in its *version*, written *minutes* after the manifest."""
    return FileSeen(
        etag=f"e{version}",
        size=9,
        modified_at=DAY + timedelta(minutes=minutes),
        version_id=f"v{version}",
    )


def manifest(execution: str = "second") -> Manifest:
    return Manifest(key="e-Manifest.json", execution_id=execution, files=(A, B))


def known(
    execution: str,
    status: LoadStatus,
    files: Mapping[str, FileSeen],
    *,
    days: float = 0,
) -> Load:
    """A load of *files*, delivered *days* after `DAY`."""
    return Load(
        load_id=load_id(execution, [(key, file.etag) for key, file in files.items()]),
        status=status,
        manifest_key="e-Manifest.json",
        manifest_version="m1",
        execution_id=execution,
        place="e-Manifest.json",
        delivered_at=DAY + timedelta(days=days),
        recorded_at=DAY + timedelta(days=days),
        files=tuple(
            LoadedFile(key=key, etag=file.etag, version_id=file.version_id, size=file.size)
            for key, file in files.items()
        ),
    )


def looked(
    files: Mapping[str, FileSeen | None],
    *loads: Load,
    execution: str = "second",
    minutes: float = 60,
) -> Verdict:
    return look(
        manifest(execution),
        DAY,
        files,
        loads,
        now=DAY + timedelta(minutes=minutes),
        quiet=QUIET,
    )


FIRST = {A: seen(1), B: seen(1)}
SECOND = {A: seen(2), B: seen(2)}


def test_a_whole_delivery_that_nobody_knows_is_loaded() -> None:
    assert looked(SECOND) == Verdict(status=None)


def test_a_delivery_waits_for_every_file_and_names_the_first_missing() -> None:
    verdict = looked({A: seen(2), B: None})

    assert verdict.status is LoadStatus.WAITING
    assert verdict.reason == f"1 of 2 files are not there yet, first {B}"


def test_the_very_delivery_that_readers_see_is_unchanged() -> None:
    there = known("second", LoadStatus.PUBLISHED, SECOND)

    assert looked(SECOND, there).status is LoadStatus.UNCHANGED


def test_a_delivery_that_was_replaced_since_is_older() -> None:
    first = known("first", LoadStatus.PUBLISHED, FIRST)
    second = known("second", LoadStatus.PUBLISHED, SECOND, days=1)

    verdict = looked(FIRST, first, second, execution="first")

    assert verdict.status is LoadStatus.OLDER
    assert verdict.reason == f"loaded before, and replaced since by {second.load_id}"


@pytest.mark.parametrize(
    "status", [LoadStatus.WAITING, LoadStatus.REDUCING, LoadStatus.MERGING, LoadStatus.CHECKING]
)
def test_a_load_under_way_goes_on_after_a_crash(status: LoadStatus) -> None:
    assert looked(SECOND, known("second", status, SECOND)).status is None


@pytest.mark.parametrize(
    "status",
    [LoadStatus.FAILED, LoadStatus.INCOMPLETE, LoadStatus.REFUSED, LoadStatus.SUPERSEDED],
)
def test_a_delivery_that_came_to_nothing_may_be_tried_again(status: LoadStatus) -> None:
    assert looked(SECOND, known("second", status, SECOND)).status is None


def test_files_that_change_under_a_loaded_execution_are_anothers() -> None:
    first = known("first", LoadStatus.PUBLISHED, FIRST)

    verdict = looked({A: seen(2), B: seen(1)}, first, execution="first")

    assert verdict.status is LoadStatus.SUPERSEDED


@pytest.mark.parametrize("status", [LoadStatus.PUBLISHED, LoadStatus.REFUSED])
def test_a_file_that_is_still_the_delivery_befores_is_waited_for(status: LoadStatus) -> None:
    verdict = looked({A: seen(2), B: seen(1)}, known("first", status, FIRST))

    assert verdict.status is LoadStatus.WAITING
    assert verdict.reason == f"{B} is still that of delivery first"


@pytest.mark.parametrize("status", [LoadStatus.REDUCING, LoadStatus.FAILED, LoadStatus.SUPERSEDED])
def test_a_file_of_any_delivery_that_was_found_whole_is_not_the_next_one_s(
    status: LoadStatus,
) -> None:
    told = looked({A: seen(2), B: seen(1)}, known("first", status, FIRST))

    assert told.status is LoadStatus.WAITING
    assert told.reason == f"{B} is still that of delivery first"


def test_a_delivery_that_was_never_found_whole_claims_no_file() -> None:
    waiting = known("first", LoadStatus.WAITING, {})

    assert looked({A: seen(2), B: seen(1)}, waiting).status is None


def test_without_versions_a_file_cannot_be_told_from_the_one_before() -> None:
    unversioned = {key: file.model_copy(update={"version_id": None}) for key, file in FIRST.items()}

    assert looked(unversioned, known("first", LoadStatus.REFUSED, unversioned)).status is None


@pytest.mark.parametrize(
    "written, now, status",
    [
        (-1, 0, None),  # files first, manifest last: whole at once
        (1, 2, LoadStatus.WAITING),  # a file came a minute after its manifest, a minute ago
        (1, 3, None),  # quiet for two minutes: replication brought them in this order
    ],
)
def test_files_newer_than_their_manifest_have_to_be_quiet_for_a_while(
    written: float, now: float, status: LoadStatus | None
) -> None:
    files = {A: seen(2), B: seen(2, minutes=written)}

    assert looked(files, minutes=now).status is status


def test_an_older_delivery_that_arrives_late_is_recorded_and_not_loaded() -> None:
    newer = known("third", LoadStatus.PUBLISHED, {A: seen(3), B: seen(3)}, days=1)

    verdict = looked(SECOND, newer)

    assert verdict.status is LoadStatus.OLDER
    assert verdict.reason == (
        f"delivered 2026-09-21 09:00 UTC; loaded is one of 2026-09-22 09:00 UTC ({newer.load_id})"
    )


def test_a_newer_delivery_that_failed_keeps_nobody_out() -> None:
    assert looked(SECOND, known("third", LoadStatus.FAILED, {A: seen(3)}, days=1)).status is None


STATUSES = st.sampled_from(list(LoadStatus))
VERSIONS = st.integers(1, 3).map(seen)
HISTORY = st.lists(
    st.builds(
        known,
        st.sampled_from(["first", "second", "third"]),
        STATUSES,
        st.fixed_dictionaries({A: VERSIONS, B: VERSIONS}),
        days=st.integers(-2, 2),
    ),
    max_size=5,
    unique_by=lambda load: load.delivered_at,
)
some = settings(max_examples=150, deadline=None, derandomize=True)


@some
@given(st.fixed_dictionaries({A: st.none() | VERSIONS, B: st.none() | VERSIONS}), HISTORY)
def test_whatever_was_before_a_delivery_with_a_missing_file_is_not_loaded(
    files: dict[str, FileSeen | None], history: list[Load]
) -> None:
    verdict = looked(files, *history)

    assert (verdict.status is LoadStatus.WAITING) or None not in files.values()


@some
@given(st.fixed_dictionaries({A: VERSIONS, B: VERSIONS}), HISTORY)
def test_what_was_loaded_is_never_loaded_twice(
    files: dict[str, FileSeen], history: list[Load]
) -> None:
    there = known("second", LoadStatus.PUBLISHED, files, days=9)

    others = [load for load in history if load.load_id != there.load_id]
    assert looked(files, *others, there).status is LoadStatus.UNCHANGED


@some
@given(st.fixed_dictionaries({A: VERSIONS, B: VERSIONS}), HISTORY)
def test_the_order_in_which_loads_are_known_changes_nothing(
    files: dict[str, FileSeen], history: list[Load]
) -> None:
    one_of_each = list({load.load_id: load for load in history}.values())

    assert looked(files, *one_of_each).status == looked(files, *one_of_each[::-1]).status


@some
@given(st.fixed_dictionaries({A: VERSIONS, B: VERSIONS}), HISTORY)
def test_a_mixture_of_two_known_deliveries_is_never_loaded(
    files: dict[str, FileSeen], history: list[Load]
) -> None:
    old = known("first", LoadStatus.PUBLISHED, {A: seen(1), B: seen(1)}, days=-9)
    mixed = {**files, A: seen(1)}

    verdict = looked(mixed, *history, old)

    started = {load.load_id for load in history}  # one that began is never a mixture
    if load_id("second", [(key, file.etag) for key, file in mixed.items()]) not in started:
        assert verdict.status is not None
