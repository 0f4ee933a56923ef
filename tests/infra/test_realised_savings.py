"""What starts a measurement of savings, and what its doors may do."""

from typing import Any

import pytest

from tests.infra.synthesis import Synthesized


def _rules(synthesized: Synthesized) -> dict[str, Any]:
    """The targets of the rules that start measure_savings, by the event."""
    found: dict[str, Any] = {}
    for rule in synthesized.resources("AWS::Events::Rule", "Savings").values():
        told = rule["Properties"]
        for target in told["Targets"]:
            if "measuresavingsMachine" in str(target["Arn"]):
                found |= dict.fromkeys(told["EventPattern"]["detail-type"], target)
    return found


def test_what_is_done_or_allocated_starts_a_measurement(plain: Synthesized) -> None:
    rules = _rules(plain)

    assert set(rules) == {"MonthAllocated", "SavingImplemented", "SavingReopened"}
    for target in rules.values():
        assert target["Input"] == "{}"
        assert "DeadLettersQueue" in target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]


def test_savings_are_measured_every_day(plain: Synthesized) -> None:
    [schedule] = (
        each["Properties"]
        for id_, each in plain.resources("AWS::Scheduler::Schedule", "Savings").items()
        if "measuresavingsdaily" in id_
    )

    assert schedule["ScheduleExpression"] == "cron(40 6 * * ? *)"
    assert schedule["Target"]["Input"] == "{}"


@pytest.mark.parametrize("failure", ["ExecutionsFailed", "ExecutionsTimedOut"])
def test_a_measurement_that_fails_is_an_alarm(plain: Synthesized, failure: str) -> None:
    alarms = [
        each["Properties"]
        for each in plain.resources("AWS::CloudWatch::Alarm").values()
        if "measuresavings" in str(each["Properties"]).lower()
    ]

    assert any(failure in str(alarm) for alarm in alarms)
