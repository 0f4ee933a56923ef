"""Reminders of cards every day, and the digest every Monday: when, and told what."""

import json
from typing import Any

import pytest

from tests.infra.synthesis import Synthesized


def schedule(made: Synthesized, door: str) -> dict[str, Any]:
    [found] = (
        one["Properties"]
        for name, one in made.resources("AWS::Scheduler::Schedule").items()
        if door in name
    )
    return dict(found)


def test_cards_are_tended_every_day_as_of_the_moment_that_was_meant(plain: Synthesized) -> None:
    found = schedule(plain, "tendcards")

    assert found["ScheduleExpression"] == "cron(0 7 * * ? *)"
    assert json.loads(found["Target"]["Input"]) == {"at": "<aws.scheduler.scheduled-time>"}


def test_the_weekly_digest_goes_out_an_hour_after_the_cards_are_made(plain: Synthesized) -> None:
    found = schedule(plain, "sendweeklydigest")

    assert found["ScheduleExpression"] == "cron(0 7 ? * MON *)"
    assert found["ScheduleExpressionTimezone"] == "UTC"


@pytest.mark.parametrize("door", ["tend_cards", "send_weekly_digest"])
def test_their_mails_have_words_of_their_own(plain: Synthesized, door: str) -> None:
    [told] = (
        one["Properties"]["Environment"]["Variables"]
        for one in plain.resources("AWS::Lambda::Function", "Organization").values()
        if one["Properties"]
        .get("Environment", {})
        .get("Variables", {})
        .get("POWERTOOLS_SERVICE_NAME")
        == door
    )

    assert "$name" in told["MAIL_TEXT"]
    assert told["MAIL_SUBJECT"]
