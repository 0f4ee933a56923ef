"""The contract of `Loads`: what became of each delivery, however many there are."""

import random
from datetime import timedelta

import pytest

from finops.domain.errors import ConflictError, InvalidError, NotFoundError
from finops.domain.loads import LoadedFile, LoadStatus
from finops.usecases.ports import Loads
from tests import samples
from tests.aws import LOADS, copy_items


def test_what_was_saved_is_found_with_its_next_version(loads: Loads) -> None:
    file = LoadedFile(key="k", etag="e", version_id="v", size=1)
    saved = loads.save(samples.load(files=(file,), reason="because", payer="999988887777"))

    assert saved.version == 1
    assert loads.get(saved.load_id) == saved == loads.find(saved.load_id)


def test_a_load_nobody_saw_is_not_found(loads: Loads) -> None:
    assert loads.find("nobody") is None
    with pytest.raises(NotFoundError, match="no load nobody"):
        loads.get("nobody")


def test_the_second_of_two_who_create_a_load_is_told(loads: Loads) -> None:
    loads.save(samples.load())

    with pytest.raises(ConflictError, match="another run"):
        loads.save(samples.load())


def test_the_second_of_two_who_change_a_load_is_told(loads: Loads) -> None:
    read = loads.save(samples.load())
    first = read.model_copy(update={"status": LoadStatus.CHECKING})
    loads.save(first)

    with pytest.raises(ConflictError):
        loads.save(read.model_copy(update={"status": LoadStatus.FAILED}))

    assert loads.get(read.load_id).status is LoadStatus.CHECKING


def test_an_item_that_is_done_twice_counts_once(loads: Loads) -> None:
    saved = loads.save(samples.load(items_total=3))
    for item in (0, 1, 1, 0):
        loads.add_done(saved.load_id, item)

    assert loads.get(saved.load_id).items_done == 2


def test_items_done_outlive_a_change_of_the_load(loads: Loads) -> None:
    saved = loads.save(samples.load(items_total=3))
    loads.add_done(saved.load_id, 2)
    changed = loads.save(saved.model_copy(update={"status": LoadStatus.MERGING}))

    assert changed.version == 2
    assert loads.get(saved.load_id).items_done == 1


def test_an_item_done_does_not_stand_in_a_writers_way(loads: Loads) -> None:
    saved = loads.save(samples.load(items_total=3))
    loads.add_done(saved.load_id, 0)

    assert loads.save(saved.model_copy(update={"status": LoadStatus.MERGING})).version == 2


def test_the_loads_of_a_place_come_newest_first(loads: Loads) -> None:
    for number in range(3):
        later = samples.DELIVERED + timedelta(hours=number)
        loads.save(samples.load(f"load-{number}", recorded_at=later))
    loads.save(samples.load("elsewhere", place="exports/other-Manifest.json"))

    found = loads.at_place(samples.load().place)

    assert [load.load_id for load in found] == ["load-2", "load-1", "load-0"]


def test_a_place_that_was_changed_is_told_as_it_is(loads: Loads) -> None:
    saved = loads.save(samples.load())
    loads.save(saved.model_copy(update={"status": LoadStatus.PUBLISHED}))

    assert [load.status for load in loads.at_place(saved.place)] == [LoadStatus.PUBLISHED]


def test_a_page_goes_on_where_the_one_before_ended(loads: Loads) -> None:
    for number in range(5):
        later = samples.DELIVERED + timedelta(hours=number)
        loads.save(samples.load(f"load-{number}", recorded_at=later))

    pages, cursor = [], None
    while True:
        page = loads.recent(2, cursor)
        pages.append([load.load_id for load in page.items])
        cursor = page.next_cursor
        if cursor is None:
            break

    assert [name for page in pages for name in page] == [f"load-{n}" for n in (4, 3, 2, 1, 0)]
    assert [len(page) for page in pages][:2] == [2, 2]


@pytest.mark.parametrize(
    "cursor", ["nonsense", "NQ==", "bnVsbA==", "e30=", "eyJhIjogMX0=", "W10=", "é", "8J+YgA"]
)
def test_a_cursor_that_is_none_of_ours_is_said_so(loads: Loads, cursor: str) -> None:
    loads.save(samples.load())

    with pytest.raises(InvalidError, match="none of ours"):
        loads.recent(2, cursor)


def test_5001_loads_are_listed_to_the_last(kind: str, loads: Loads) -> None:
    names = {
        f"load-{number:04d}": samples.DELIVERED + timedelta(seconds=number)
        for number in range(5001)
    }
    if kind == "fake":
        for name, at in names.items():
            loads.save(samples.load(name, recorded_at=at))
    else:
        loads.save(samples.load("load-0000"))
        copy_items(
            LOADS, ({"load_id": n, "recorded_at": at.isoformat()} for n, at in names.items())
        )

    found, cursor = 0, None
    while True:
        page = loads.recent(1000, cursor)
        found += len(page.items)
        cursor = page.next_cursor
        if cursor is None:
            break

    assert found == 5001


def test_loads_of_a_place_that_fill_more_than_one_answer_are_all_listed(loads: Loads) -> None:
    """DynamoDB answers a megabyte at a time; these are a hundred kilobytes each, packed."""
    drawn = random.Random(4)
    for number in range(15):
        files = tuple(
            LoadedFile(key=f"f-{n}", etag=f"{drawn.getrandbits(128):x}", version_id=None, size=n)
            for n in range(5000)
        )
        loads.save(samples.load(f"load-{number:02d}", files=files))

    assert len(loads.at_place(samples.load().place)) == 15
