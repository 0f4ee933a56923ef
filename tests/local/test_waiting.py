"""Waiting ends when something is found, or when it takes too long."""

import pytest

from finops.local import waiting
from finops.local.errors import DemoError, LoadError
from finops.local.waiting import wait_until, waited_for


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "POLL", 0)


def test_what_is_found_at_the_third_look_is_given() -> None:
    looks = iter([None, None, "bill"])

    assert waited_for(lambda: next(looks), 60, "it never came") == "bill"


def test_what_is_there_already_is_found_without_any_time() -> None:
    assert waited_for(lambda: 0, -1, "it never came") == 0


def test_what_takes_too_long_is_told() -> None:
    with pytest.raises(LoadError, match="it never came"):
        waited_for(lambda: None, -1, "it never came")
    with pytest.raises(DemoError, match="it is not so"):
        wait_until(lambda: False, -1, "it is not so", DemoError)
