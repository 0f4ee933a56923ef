"""The clock of the product on this machine, and the doors that go by it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from finops.local import clock
from finops.runtime import observability

MONDAY = datetime(2026, 8, 10, 6, tzinfo=UTC)
SOON = timedelta(seconds=5)


def test_a_door_takes_for_now_what_the_clock_was_put_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOCK", str(clock.file(tmp_path)))

    clock.put(tmp_path, MONDAY)

    assert MONDAY <= observability.now() < MONDAY + SOON
    assert MONDAY <= clock.now(tmp_path) < MONDAY + SOON
    assert not clock.is_right(tmp_path)


def test_put_right_it_is_that_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOCK", str(clock.file(tmp_path)))
    clock.put(tmp_path, MONDAY)

    clock.put_right(tmp_path)
    clock.put_right(tmp_path)  # and once more

    assert abs(observability.now() - datetime.now(UTC)) < SOON
    assert clock.is_right(tmp_path)


def test_without_a_clock_of_its_own_a_door_goes_by_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CLOCK", raising=False)

    assert abs(observability.now() - datetime.now(UTC)) < SOON
