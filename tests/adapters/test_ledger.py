"""The contract of `Ledger`, and how the real one keeps what it fetched."""

import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from finops.adapters.s3 import S3Ledger
from finops.domain.errors import NotFoundError
from finops.usecases.ports import Ledger
from tests.aws import LEDGER, client, furnished

Fill = Callable[[Iterable[str]], None]
KEY = "ledger/payer=999988887777/billing_period=2026-09/load=l1/account=4444/charges.parquet"


def _file(folder: Path, content: str) -> Path:
    path = folder / "given"
    path.write_text(content)
    return path


def test_what_was_put_is_there(ledger: Ledger, tmp_path: Path) -> None:
    ledger.put(KEY, _file(tmp_path, "charges"))
    ledger.get(KEY, tmp_path / "got")

    assert (tmp_path / "got").read_text() == "charges"
    assert ledger.cached(KEY).read_text() == "charges"


def test_a_value_comes_back_as_it_was(ledger: Ledger) -> None:
    told = {"items": [1, None, "é"], "ticks": 12345678901234567890}

    ledger.put_json("work/l1/plan.json", told)

    assert ledger.get_json("work/l1/plan.json") == told


def test_what_is_not_there_is_not_found(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no work/l1/plan\.json"):
        ledger.get_json("work/l1/plan.json")
    with pytest.raises(NotFoundError):
        ledger.get(KEY, tmp_path / "got")
    with pytest.raises(NotFoundError):
        ledger.cached(KEY)


def test_keys_go_to_the_last_page_and_stay_below_their_prefix(
    ledger: Ledger, ledger_fill: Fill
) -> None:
    wanted = {f"ledger/a/load={number:04d}/index.json" for number in range(1100)}
    ledger_fill(wanted | {"ledger/b/load=1/index.json"})

    found = list(ledger.keys("ledger/a/load="))

    assert len(found) == 1100
    assert set(found) == wanted


def test_what_is_deleted_is_gone_however_much_it_is(ledger: Ledger, ledger_fill: Fill) -> None:
    ledger_fill(f"ledger/a/{number}" for number in range(1100))
    ledger.put_json("ledger/b/1", {})

    assert ledger.delete(list(ledger.keys("ledger/a/"))) == 1100
    assert list(ledger.keys("ledger/")) == ["ledger/b/1"]


def test_nothing_to_delete_is_no_request(ledger: Ledger) -> None:
    assert ledger.delete([]) == 0


def test_a_published_file_is_fetched_once(tmp_path: Path) -> None:
    with furnished():
        real = S3Ledger(client("s3"), LEDGER, tmp_path / "cache")
        real.put(KEY, _file(tmp_path, "charges"))
        first = real.cached(KEY)
        client("s3").delete_object(Bucket=LEDGER, Key=KEY)

        assert real.cached(KEY) == first
        assert first.read_text() == "charges"


def test_the_cache_drops_what_was_asked_for_longest_ago(tmp_path: Path) -> None:
    with furnished():
        real = S3Ledger(client("s3"), LEDGER, tmp_path / "cache", cache_bytes=10)
        paths = []
        for number, name in enumerate(("a", "b", "c")):
            real.put(f"ledger/{name}", _file(tmp_path, name * 4))
            paths.append(real.cached(f"ledger/{name}"))
            os.utime(paths[-1], (number, number))

        assert [path.exists() for path in paths] == [False, True, True]


def test_the_cache_keeps_what_somebody_may_be_reading(tmp_path: Path) -> None:
    with furnished():
        real = S3Ledger(client("s3"), LEDGER, tmp_path / "cache", cache_bytes=10)
        paths = []
        for name in ("a", "b", "c"):
            real.put(f"ledger/{name}", _file(tmp_path, name * 4))
            paths.append(real.cached(f"ledger/{name}"))

        assert [path.exists() for path in paths] == [True, True, True]


def test_a_file_larger_than_the_cache_is_served_all_the_same(tmp_path: Path) -> None:
    with furnished():
        real = S3Ledger(client("s3"), LEDGER, tmp_path / "cache", cache_bytes=10)
        real.put(KEY, _file(tmp_path, "x" * 100))

        assert real.cached(KEY).read_text() == "x" * 100


def test_a_download_that_breaks_leaves_nothing_that_looks_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Breaking:
        def iter_chunks(self, _: int) -> object:
            yield b"half"
            raise OSError("the connection is gone")

    real = S3Ledger(None, LEDGER, tmp_path / "cache")
    monkeypatch.setattr(real, "_read", lambda _: Breaking())

    with pytest.raises(OSError, match="connection"):
        real.cached(KEY)

    assert [path.name for path in (tmp_path / "cache").rglob("charges.parquet")] == []


@pytest.mark.parametrize(
    "key", [KEY, "ledger/payer=1/billing_period=2026-09/load=l1/cube-0.parquet"]
)
def test_no_folder_of_a_local_file_is_named_like_a_column(ledger: Ledger, key: str) -> None:
    """The engine would take `account=4444` for a column, which then goes before the file's own."""
    ledger.put_json(key, {})

    assert "=" not in ledger.cached(key).as_posix().partition("ledger")[2]


def test_what_was_written_is_told_with_when_it_was_written_last(ledger: Ledger) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    for key in ("allocations/one", "allocations/two", "ledger/three"):
        ledger.put_json(key, {})

    told = dict(ledger.written("allocations/"))

    assert set(told) == {"allocations/one", "allocations/two"}
    assert all(before <= at <= datetime.now(UTC) + timedelta(seconds=1) for at in told.values())
