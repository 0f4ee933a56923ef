"""The demonstration's part about savings: decided on once, and measured as the bill says."""

from typing import Any

import pytest

from finops.local import organization, screen
from finops.local.commands import demo_savings as story
from finops.local.errors import DemoError
from tests.demo_fakes import api_of

MONTH = "2026-09"


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told aside."""
    told: list[str] = []
    monkeypatch.setattr(screen, "tell", told.append)
    monkeypatch.setattr(story, "SECONDS", 0)
    monkeypatch.setattr("finops.local.waiting.POLL", 0)
    return told


def case(
    choice: story.Choice, saves: str = "10.0000000000", status: str = "New", **more: Any
) -> dict[str, Any]:
    return {
        "saving_id": f"{choice.account}-{saves}",
        "account_id": organization.members()[choice.account].account_id,
        "resource_type": choice.resource_type,
        "resource_id": "db-1",
        "action_type": "Stop",
        "monthly_savings": saves,
        "currency": "USD",
        "status": status,
        "returned": None,
        "ignored_until": None,
        "implemented_on": None,
        "reason": None,
        **more,
    }


def answers(*cases: dict[str, Any], **more: Any) -> dict[tuple[str, ...], Any]:
    told: dict[tuple[str, ...], Any] = {("savings",): {"items": list(cases)}}
    for one in cases:
        told[("savings", one["saving_id"])] = one | more
        told[("POST", "savings", one["saving_id"], "decisions")] = one
    return told


def test_one_is_approved_and_others_are_set_aside_until_a_day() -> None:
    api, fake = api_of(answers(case(story.STOPPED), *map(case, story.IGNORED)))

    story.decide(api)

    assert [body["decision"] for body in fake.bodies] == ["Approve", "Ignore", "Ignore"]
    assert [body.get("until") for body in fake.bodies] == [None, "2026-12-31", "2026-11-30"]


def test_the_largest_of_an_account_is_decided_on() -> None:
    more = case(story.STOPPED, "30.0000000000")
    api, fake = api_of(answers(case(story.STOPPED), more, *map(case, story.IGNORED)))

    story.decide(api)

    assert fake.written[0] == ("savings", more["saving_id"], "decisions")


def test_what_was_decided_or_came_back_is_left_alone(said: list[str]) -> None:
    ignored, returned = story.IGNORED
    cases = (
        case(story.STOPPED, status="Implemented"),
        case(ignored, status="Ignored"),
        case(returned, returned="Grown"),
    )
    api, fake = api_of(answers(*cases))

    story.decide(api)

    assert fake.written == []
    assert said == ["Nothing to do: what there is was decided on before"]


def test_without_what_the_story_is_about_it_fails() -> None:
    api, _ = api_of(answers())

    with pytest.raises(DemoError, match="nothing is recommended for a RdsDbInstance"):
        story.decide(api)


@pytest.mark.parametrize("status, times", [("Approved", 1), ("Implemented", 0)])
def test_it_is_done_once(status: str, times: int) -> None:
    task = {"title": "Stop db-1", "steps": ["Look"], "commands": ["aws …"]}
    api, fake = api_of(answers(case(story.STOPPED, status=status), task=task))

    story.implement(api)

    assert [body["on"] for body in fake.bodies] == ["2026-09-13"] * times


def test_something_ignored_has_to_come_back() -> None:
    api, _ = api_of(answers(case(story.STOPPED)))

    with pytest.raises(DemoError, match="nothing that was ignored has come back"):
        story.show_returned(api)


def measured(realised: str) -> dict[str, Any]:
    figure = {"billing_period": MONTH, "currency": "USD", "days": 16, "cost": "10.0000000000"}
    return {
        "cost_before": "130.0000000000",
        "days_before": 13,
        "months": [figure | {"realised": realised, "expected": "160.0000000000"}],
    }


def test_what_was_saved_is_the_days_before_less_the_days_after() -> None:
    told = answers(case(story.STOPPED, implemented_on="2026-09-13"))
    right, wrong = (
        api_of({path: body | {"realised": measured(amount)} for path, body in told.items()})[0]
        for amount in ("150.0000000000", "150.0000000001")
    )

    story.show_realised(right, MONTH)
    with pytest.raises(DemoError, match="is not the 150"):
        story.show_realised(wrong, MONTH)


def test_what_is_not_measured_fails() -> None:
    api, _ = api_of(answers(case(story.STOPPED), realised=None))

    with pytest.raises(DemoError, match="is not measured in 2026-09"):
        story.show_realised(api, MONTH)
