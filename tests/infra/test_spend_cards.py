"""What starts spend cards: Mondays in the organisation's time, each allocation, and people."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from infra.settings import Cards, Settings
from tests.infra.synthesis import Synthesized

ROOT = Path(__file__).parent.parent.parent
CONTEXT = json.loads((ROOT / "cdk.json").read_text())["context"]


def _settings(**changed: Any) -> Cards:
    return Settings.of(App(context={**CONTEXT, **changed}).node).cards


def _schedule(synthesized: Synthesized) -> dict[str, Any]:
    [schedule] = synthesized.resources("AWS::Scheduler::Schedule", "Cards").values()
    made: dict[str, Any] = schedule["Properties"]
    return made


def _target(synthesized: Synthesized, event: str) -> dict[str, Any]:
    """What *event* starts."""
    rules = map(
        synthesized.referred,
        (
            rule["Properties"]
            for rule in synthesized.resources("AWS::Events::Rule", "Cards").values()
        ),
    )
    [rule] = [one for one in rules if one["EventPattern"]["detail-type"] == [event]]
    assert rule["EventPattern"]["source"] == ["finops.center"]
    [target] = rule["Targets"]
    made: dict[str, Any] = target
    return made


def test_cards_are_made_on_mondays_and_wait_for_bills(plain: Synthesized) -> None:
    schedule = _schedule(plain)

    assert schedule["ScheduleExpression"] == "cron(0 6 ? * MON *)"
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    assert "makespendcards" in schedule["Target"]["Arn"]["Ref"]
    assert json.loads(schedule["Target"]["Input"]) == {
        "at": "<aws.scheduler.scheduled-time>",
        "period": None,
        "waits": True,
    }


def test_on_one_machine_the_doors_have_a_clock_of_their_own(local: Synthesized) -> None:
    assert json.loads(_schedule(local)["Target"]["Input"])["at"] == ""


def test_an_allocation_makes_cards_of_its_month_and_waits_for_nothing(plain: Synthesized) -> None:
    target = _target(plain, "MonthAllocated")

    assert target["InputTransformer"] == {
        "InputPathsMap": {"detail-billing_period": "$.detail.billing_period"},
        "InputTemplate": '{"at":"","period":<detail-billing_period>,"waits":false}',
    }
    assert "DeadLetterConfig" in target


def test_a_remap_is_waited_for_though_no_allocation_tells_of_it(plain: Synthesized) -> None:
    target = _target(plain, "CardRemapped")

    assert json.loads(target["Input"]) == {"at": "", "period": "", "waits": True}
    assert "DeadLetterConfig" in target


def test_who_writes_cards_looks_at_the_locks_of_months_and_at_nothing_beside(
    plain: Synthesized,
) -> None:
    found = [
        (statement["Resource"], statement["Condition"])
        for policy in plain.resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "dynamodb:ConditionCheckItem" in statement["Action"]
    ]

    assert len(found) == 4  # write_spend_cards, tend_cards, spend_cards_api, remaps_api
    of_locks = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["month-lock"]}}
    assert [condition for _, condition in found] == [of_locks] * 4


def test_failures_and_weeks_that_are_late_are_alarms(plain: Synthesized) -> None:
    alarms = {
        alarm["Properties"]["AlarmDescription"]: alarm["Properties"]
        for alarm in plain.resources("AWS::CloudWatch::Alarm").values()
    }

    late = alarms["Weeks have no spend cards, for their bills did not come"]
    assert (late["MetricName"], late["Dimensions"]) == (
        "CardWeeksLate",
        [{"Name": "service", "Value": "plan_spend_cards"}],
    )
    assert "Making spend cards failed" in alarms


def test_the_hour_the_time_zone_and_the_first_month_are_settings() -> None:
    assert _settings() == Cards(
        hour=6, time_zone="UTC", first_month=None, retry_minutes=30, retry_hours=24
    )
    chosen = _settings(cards_hour="0", cards_time_zone="Europe/Berlin", cards_from="2026-09")
    assert (chosen.hour, chosen.time_zone, chosen.first_month) == (0, "Europe/Berlin", "2026-09")


@pytest.mark.parametrize(
    "word, said",
    [
        ("cards_hour", 24),
        ("cards_time_zone", "Berlin"),
        ("cards_time_zone", "../etc/passwd"),
        ("cards_from", "2026-13"),
        ("cards_from", "September"),
        ("cards_retry_minutes", 4),
        ("cards_retry_hours", 145),
    ],
)
def test_a_word_that_means_nothing_is_refused(word: str, said: object) -> None:
    with pytest.raises(ValueError, match=f"context {word}"):
        _settings(**{word: said})
