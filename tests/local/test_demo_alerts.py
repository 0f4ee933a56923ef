"""The demonstration's part about alerts and tags: chosen once, told of to everybody, explained."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from finops.local import screen
from finops.local.commands import demo_alerts as story
from finops.local.commands import demo_tags as tags
from finops.local.commands.demo_people import Company
from finops.local.errors import DemoError
from tests.demo_fakes import FakeApi, api_of

MONTH = "2026-09"


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told aside."""
    told: list[str] = []
    monkeypatch.setattr(screen, "tell", told.append)
    monkeypatch.setattr(story, "SECONDS", 0)
    monkeypatch.setattr("finops.local.waiting.POLL", 0)
    return told


def alert(actual: str = "5.0000000000", status: str = "Open", **more: Any) -> dict[str, Any]:
    return {
        "alert_id": f"a-{actual}",
        "kind": "Anomaly",
        "status": status,
        "element": "retail",
        "sentence": "Retail cost 5.00",
        "actual": actual,
        "owners": ["ada@example.com"],
        "assigned_to": None,
        "raised_at": "2026-09-15T07:01:00Z",
        "told_at": "2026-09-15T07:02:00Z",
        "told": 1,
        "missed": 0,
        "answers": [],
        **more,
    }


def company_of(*found: dict[str, Any]) -> tuple[Company, FakeApi]:
    told: dict[tuple[str, ...], Any] = {("alerts",): {"items": list(found)}}
    for one in found:
        told[("alerts", one["alert_id"])] = one
        told[("POST", "alerts", one["alert_id"], "answers")] = one
    api, fake = api_of(told)
    return cast(Company, SimpleNamespace(admin=api, signed_in=lambda email: api)), fake


def test_the_dearest_unusual_day_is_explained_by_who_looks_after_it() -> None:
    company, fake = company_of(alert(), alert("70.0000000000"), alert("9.0", kind="Pace"))

    story.explain(company, MONTH)

    assert fake.written == [("alerts", "a-70.0000000000", "answers")]
    assert fake.bodies[0]["reason"] == story.EXPLAINED


def test_it_is_explained_once(said: list[str]) -> None:
    company, fake = company_of(alert(status="Acknowledged"))

    story.explain(company, MONTH)

    assert fake.written == []
    assert said == ["Nothing to do: it was explained before"]


def test_without_an_unusual_day_it_fails() -> None:
    company, _ = company_of(alert(kind="Pace"))

    with pytest.raises(DemoError, match="no day of 2026-09 is unusual"):
        story.explain(company, MONTH)


@pytest.mark.parametrize("found", [[], [alert(told_at=None)]])
def test_everybody_has_to_be_told(found: list[dict[str, Any]]) -> None:
    api, _ = api_of({("alerts",): {"items": found}, ("POST", "alerts", "checks"): {}})

    with pytest.raises(DemoError, match="are not told of"):
        story.told_of(api, [MONTH])


def test_what_is_resolved_nobody_need_be_told_of() -> None:
    found = [alert(), alert(status="Resolved", told_at=None)]
    api, _ = api_of({("alerts",): {"items": found}, ("POST", "alerts", "checks"): {}})

    assert story.told_of(api, [MONTH]) == found


@pytest.mark.parametrize("known, times", [({"levels": [5_000], "channels": []}, 1), ({}, 0)])
def test_levels_are_chosen_once(known: dict[str, Any], times: int) -> None:
    api, fake = api_of({("settings",): {"alerts": {**story.CHOSEN, **known}}})

    story.choose(api)

    assert fake.written == [("settings", "alerts")] * times


# Tags ---------------------------------------------------------------------------------------------


def covered(*shares: str) -> dict[tuple[str, ...], Any]:
    left = iter(shares)

    def coverage() -> dict[str, Any]:
        return {"items": [{"all_keys": {"cost_covered": next(left)}}]}

    nothing: dict[str, list[str]] = {name: [] for name in tags.CHOSEN}
    return {("settings",): {"tags": nothing}, ("tags", "coverage"): coverage}


def test_another_spelling_covers_more() -> None:
    api, fake = api_of(covered("0.5", "0.6"))

    tags.choose(api, MONTH)

    assert fake.written == [("settings", "tags")]


def test_a_spelling_that_covers_nothing_more_fails() -> None:
    api, _ = api_of(covered("0.5", "0.5"))

    with pytest.raises(DemoError, match="the alias user:cost-center adds nothing"):
        tags.choose(api, MONTH)


def test_tags_are_chosen_once(said: list[str]) -> None:
    api, fake = api_of({("settings",): {"tags": dict(tags.CHOSEN)}})

    tags.choose(api, MONTH)

    assert fake.written == []
    assert said == ["Nothing to do: the tags were chosen before"]
