"""The demonstration's days: time goes on, and never back."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from finops.local import clock
from finops.local.commands import demo, demo_allocation
from tests.demo_fakes import FakeApi

FIRST, LAST = demo.DAYS[0].moment, demo.DAYS[-1].moment
MINUTE = timedelta(minutes=1)


def story_of(folder: Path, *, charts: int, is_closed: bool) -> demo.Story:
    status = "Closed" if is_closed else "Preparing"
    answers: dict[tuple[str, ...], Any] = {
        ("charts",): {"items": [{}] * charts},
        ("closes",): {"items": [{"month": demo.AUGUST, "status": status}]},
    }
    place = SimpleNamespace(local=SimpleNamespace(folder=folder))
    company = SimpleNamespace(admin=FakeApi(answers))
    return demo.Story(cast(Any, place), cast(Any, company), folder)


def is_about(folder: Path, moment: datetime) -> bool:
    return moment - MINUTE < clock.now(folder) < moment + MINUTE


def test_days_follow_one_another() -> None:
    moments = [day.moment for day in demo.DAYS]

    assert moments == sorted(set(moments))


def test_a_new_installation_begins_with_the_first_day(tmp_path: Path) -> None:
    clock.put(tmp_path, LAST)

    demo._begin(story_of(tmp_path, charts=0, is_closed=False))

    assert is_about(tmp_path, FIRST)


def test_a_story_that_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    moment = datetime(2026, 9, 7, 6, 30, tzinfo=UTC)
    clock.put(tmp_path, moment)

    demo._begin(story_of(tmp_path, charts=1, is_closed=False))
    demo._put(tmp_path, FIRST)

    assert is_about(tmp_path, moment)


def test_a_story_that_was_told_is_at_its_end(tmp_path: Path) -> None:
    demo._begin(story_of(tmp_path, charts=1, is_closed=True))
    demo._put(tmp_path, FIRST)

    assert is_about(tmp_path, LAST)


def test_a_later_day_is_gone_to(tmp_path: Path) -> None:
    clock.put(tmp_path, FIRST)

    demo._put(tmp_path, LAST)

    assert is_about(tmp_path, LAST)


def test_of_a_closed_month_no_run_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[list[str]] = []
    monkeypatch.setattr(demo_allocation, "wait", lambda api, months: waited.append(list(months)))

    story_of(tmp_path, charts=1, is_closed=True).settle(demo.AUGUST, demo.SEPTEMBER)
    story_of(tmp_path, charts=1, is_closed=True).settle(demo.AUGUST)

    assert waited == [[demo.SEPTEMBER]]
