"""What starts cost reports: Mondays and the first of each month, in the organisation's time."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.infra.synthesis import Synthesized

DOORS = ("plan_reports", "write_report", "tell_reports")


def schedules(made: Synthesized) -> dict[str, dict[str, Any]]:
    """What is said to `make_reports`, by when."""
    return {
        one["Properties"]["ScheduleExpression"]: json.loads(one["Properties"]["Target"]["Input"])
        for name, one in made.resources("AWS::Scheduler::Schedule", "Reports").items()
        if "makereports" in name
    }


def told(made: Synthesized, door: str) -> dict[str, Any]:
    [found] = (
        variables
        for one in made.resources("AWS::Lambda::Function", "Reports").values()
        if (variables := one["Properties"].get("Environment", {}).get("Variables", {})).get(
            "POWERTOOLS_SERVICE_NAME"
        )
        == door
    )
    return dict(found)


def test_reports_go_out_on_mondays_and_on_the_first(plain: Synthesized) -> None:
    waits = {"at": "<aws.scheduler.scheduled-time>", "end": None, "again": False, "waits": True}

    assert schedules(plain) == {
        "cron(0 7 ? * MON *)": waits | {"rhythm": "Weekly"},
        "cron(0 7 1 * ? *)": waits | {"rhythm": "Monthly"},
    }


def test_on_one_machine_the_doors_have_a_clock_of_their_own(local: Synthesized) -> None:
    assert {one["at"] for one in schedules(local).values()} == {""}


@pytest.mark.parametrize("door", ["write_report", "tell_reports"])
def test_the_mail_and_the_page_have_the_words_of_the_deployment(
    plain: Synthesized, door: str
) -> None:
    found = told(plain, door)

    assert "$span" in found["MAIL_SUBJECT"]
    assert "$scope" in found["MAIL_TEXT"]


def test_a_run_that_fails_raises_an_alarm(plain: Synthesized) -> None:
    alarms = [
        one["Properties"]["AlarmDescription"]
        for one in plain.resources("AWS::CloudWatch::Alarm").values()
        if "cost report run" in str(one["Properties"].get("AlarmDescription"))
    ]

    assert sorted(alarms) == ["A cost report run failed", "A cost report run ran out of time"]


def test_what_thousands_of_items_say_is_handed_on_by_none() -> None:
    machine = json.loads(Path("statemachines/make_reports.asl.json").read_text(encoding="utf-8"))

    items = machine["States"]["WriteReports"]["ItemProcessor"]["States"]

    assert {name: one.get("OutputPath", "$") for name, one in items.items()} == {
        "Write": None,
        "NotWritten": None,
    }


def test_only_the_last_step_may_send_mails(known_sender: Synthesized) -> None:
    senders = {
        name
        for name, one in known_sender.resources("AWS::IAM::Policy", "Reports").items()
        for statement in one["Properties"]["PolicyDocument"]["Statement"]
        if statement.get("Sid") == "SendMail"
    }

    assert len(senders) == 1
    assert "tellreports" in senders.pop()
