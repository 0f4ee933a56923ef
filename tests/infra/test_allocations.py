"""What starts allocations: whatever makes one old, gathered, and a look every day."""

from typing import Any

from infra.people import FOLLOWED
from tests.infra.synthesis import Synthesized


def _queue(synthesized: Synthesized) -> dict[str, Any]:
    [queue] = (
        queue["Properties"]
        for id_, queue in synthesized.resources("AWS::SQS::Queue", "Allocation").items()
        if "Reasons" in id_
    )
    made: dict[str, Any] = queue
    return made


def _rule(synthesized: Synthesized) -> dict[str, Any]:
    [rule] = synthesized.resources("AWS::Events::Rule", "Allocation").values()
    made: dict[str, Any] = rule["Properties"]
    return made


def test_bills_charts_and_rules_that_are_new_start_allocations(plain: Synthesized) -> None:
    rule = plain.referred(_rule(plain))

    assert rule["EventPattern"]["source"] == ["finops.center"]
    assert set(rule["EventPattern"]["detail-type"]) == {
        *("BillLoaded", "ChartLoaded", "AccountMapped", "PolicyDecided"),
        *("ClaimRulesChanged", "ResourcesClaimed", "ResourcesReleased"),
        *("MonthClosed", "MonthCloseGivenUp", "TagSettingsChanged"),
    }
    assert not set(rule["EventPattern"]["detail-type"]) & set(FOLLOWED)


def test_an_event_is_kept_in_the_queue_by_its_name_alone(plain: Synthesized) -> None:
    """Ten thousand of them must fit into one call of six megabytes."""
    [target] = _rule(plain)["Targets"]

    assert target["InputPath"] == "$.detail-type"
    assert "Reasons" in target["Arn"]["Fn::GetAtt"][0]
    assert "DeadLettersQueue" in target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]


def test_all_that_comes_in_ten_seconds_is_looked_at_together(plain: Synthesized) -> None:
    [mapping] = plain.resources("AWS::Lambda::EventSourceMapping", "Allocation").values()
    told = mapping["Properties"]

    assert (told["BatchSize"], told["MaximumBatchingWindowInSeconds"]) == (10_000, 10)
    assert told["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert any("Policy" in name for name in mapping["DependsOn"]), "Lambda tries the right"


def test_what_fails_again_and_again_is_left_with_the_dead_letters(plain: Synthesized) -> None:
    queue = _queue(plain)

    assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
    assert "DeadLettersQueue" in queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
    # As AWS advises: six times what the door may take.
    assert queue["VisibilityTimeout"] == 6 * 120


def test_allocations_are_looked_at_every_day(plain: Synthesized) -> None:
    [schedule] = plain.resources("AWS::Scheduler::Schedule", "Allocation").values()

    assert schedule["Properties"]["ScheduleExpression"] == "cron(40 5 * * ? *)"
    called = schedule["Properties"]["Target"]["Arn"]["Fn::GetAtt"][0]
    assert called.startswith("Allocationsstartallocations")
