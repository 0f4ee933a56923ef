"""What starts cubes, and what their doors may do."""

from typing import Any

import pytest

from tests.infra.synthesis import Synthesized


def _rules(synthesized: Synthesized) -> dict[str, Any]:
    """The rules of the stack that start cut_cubes, by the event."""
    found = {}
    for rule in synthesized.resources("AWS::Events::Rule", "Reports").values():
        told = rule["Properties"]
        for target in told["Targets"]:
            if "cutcubesMachine" in str(target["Arn"]):
                found[told["EventPattern"]["detail-type"][0]] = target
    return found


def test_an_allocation_and_other_tags_start_cubes(plain: Synthesized) -> None:
    rules = _rules(plain)

    assert set(rules) == {"MonthAllocated", "TagSettingsChanged"}
    of_bill = rules["MonthAllocated"]["InputTransformer"]
    assert set(of_bill["InputPathsMap"].values()) == {
        "$.detail.payer",
        "$.detail.billing_period",
    }
    assert rules["TagSettingsChanged"]["Input"] == '{"payer":"","billing_period":""}'
    for target in rules.values():
        assert "DeadLettersQueue" in target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]


def test_cubes_are_looked_at_every_day(plain: Synthesized) -> None:
    [schedule] = (
        each["Properties"]
        for id_, each in plain.resources("AWS::Scheduler::Schedule", "Reports").items()
        if "cutcubesdaily" in id_
    )

    assert schedule["ScheduleExpression"] == "cron(10 6 * * ? *)"
    assert schedule["Target"]["Input"] == '{"payer": "", "billing_period": ""}'


@pytest.mark.parametrize("failure", ["ExecutionsFailed", "ExecutionsTimedOut"])
def test_a_cube_that_fails_is_an_alarm(plain: Synthesized, failure: str) -> None:
    alarms = [
        each["Properties"]
        for each in plain.resources("AWS::CloudWatch::Alarm").values()
        if "cutcubes" in str(each["Properties"]).lower()
    ]

    assert any(failure in str(alarm) for alarm in alarms)
