"""Corrections: looked for when a month was allocated, when a close has ended, and every day."""

import json
from typing import Any

from tests.infra.synthesis import Synthesized


def _rules(plain: Synthesized) -> dict[str, dict[str, Any]]:
    return {
        str(rule["Properties"]["EventPattern"]["detail-type"]): rule["Properties"]
        for rule in plain.resources("AWS::Events::Rule", "Close").values()
        if "bookcorrectionsFunction" in json.dumps(rule["Properties"]["Targets"])
    }


def test_a_month_that_was_allocated_is_looked_at(plain: Synthesized) -> None:
    rule = _rules(plain)["['MonthAllocated']"]
    [target] = rule["Targets"]

    assert rule["EventPattern"]["source"] == ["finops.center"]
    assert plain.referred(rule["EventBusName"])["Ref"].startswith("NoticesBus")
    assert target["InputPath"] == "$.detail"


def test_every_closed_month_is_looked_at_once_a_close_has_ended(plain: Synthesized) -> None:
    rule = _rules(plain)["['MonthClosed', 'MonthCloseGivenUp']"]
    [target] = rule["Targets"]

    assert target["Input"] == "{}"


def test_every_closed_month_is_looked_at_every_day(plain: Synthesized) -> None:
    schedules = plain.resources("AWS::Scheduler::Schedule", "Close")
    [schedule] = (one for name, one in schedules.items() if "bookcorrections" in name)

    assert schedule["Properties"]["ScheduleExpression"] == "cron(20 6 * * ? *)"
    assert schedule["Properties"]["Target"]["Input"] == "{}"
