"""Credits: a loaded bill is read for them, and every day somebody is told of what ends."""

import json
from typing import Any

from tests.infra.synthesis import Synthesized


def test_a_loaded_bill_is_read_for_its_credits(plain: Synthesized) -> None:
    [rule] = (
        rule["Properties"]
        for rule in plain.resources("AWS::Events::Rule", "Organization").values()
        if "findcreditsFunction" in json.dumps(rule["Properties"]["Targets"])
    )
    [target] = rule["Targets"]

    assert rule["EventPattern"] == {"source": ["finops.center"], "detail-type": ["BillLoaded"]}
    assert plain.referred(rule["EventBusName"])["Ref"].startswith("NoticesBus")
    assert target["InputPath"] == "$.detail"


def test_credits_that_end_are_looked_for_before_the_digest_goes_out(plain: Synthesized) -> None:
    schedules: dict[str, dict[str, Any]] = {
        name: schedule["Properties"]
        for name, schedule in plain.resources("AWS::Scheduler::Schedule").items()
    }
    [schedule] = (one for name, one in schedules.items() if "warnofcredits" in name)

    assert schedule["ScheduleExpression"] == "cron(30 5 * * ? *)"
    assert schedule["Target"]["Input"] == "{}"
