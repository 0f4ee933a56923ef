"""Who hears of it: alarms for everything that can fail, late data among them."""

import re
from typing import Any

from tests.infra.synthesis import Synthesized
from tests.infra.test_doors import DOORS, OPTIONAL


def _alarms(synthesized: Synthesized) -> list[dict[str, Any]]:
    return [
        synthesized.referred(alarm["Properties"])
        for alarm in synthesized.resources("AWS::CloudWatch::Alarm").values()
    ]


def _watched(synthesized: Synthesized, namespace: str, metric: str) -> list[str]:
    """What the alarms on *metric* look at, by the names of the resources."""
    return sorted(
        re.sub(r"[0-9A-F]{8}$", "", str(next(iter(value.values()))))
        if isinstance(value := alarm["Dimensions"][-1]["Value"], dict)
        else str(value)
        for alarm in _alarms(synthesized)
        if (alarm["Namespace"], alarm["MetricName"]) == (namespace, metric)
    )


def test_every_door_has_an_alarm_for_errors_and_one_for_throttles(plain: Synthesized) -> None:
    for metric in ("Errors", "Throttles"):
        watched = _watched(plain, "AWS/Lambda", metric)
        assert len(watched) == len(DOORS) - len(OPTIONAL)
        for door in set(DOORS) - OPTIONAL:
            assert any(name.endswith(f"{door.replace('_', '')}Function") for name in watched), door


def test_a_load_or_allocation_that_fails_or_never_ends_is_heard_of(plain: Synthesized) -> None:
    for metric in ("ExecutionsFailed", "ExecutionsTimedOut"):
        assert _watched(plain, "AWS/States", metric) == [
            "AllocationsallocatemonthMachine",
            "BillsloadbillMachine",
            "ClosesclosemonthMachine",
            "CostReportsmakereportsMachine",
            "RealisedmeasuresavingsMachine",
            "SpendCardsmakespendcardsMachine",
            "SpendCubescutcubesMachine",
        ]


def test_every_table_has_alarms_for_throttles(plain: Synthesized) -> None:
    for metric in ("ReadThrottleEvents", "WriteThrottleEvents"):
        assert _watched(plain, "AWS/DynamoDB", metric) == [
            "AccountsTable",
            "AlertsTable",
            "AllocationsTable",
            "AuditTable",
            "BillsTable",
            "BudgetsTable",
            "ChartsTable",
            "ClosesTable",
            "CreditsTable",
            "DelegationsTable",
            "LoadsTable",
            "PeopleTable",
            "ReportsTable",
            "RequestsTable",
            "RulesTable",
            "SavingsTable",
            "SettingsTable",
            "SpendCardsTable",
            "WorkloadsTable",
        ]


def test_dead_letters_and_errors_of_the_api_are_heard_of(plain: Synthesized) -> None:
    queues = {
        id_
        for id_, queue in plain.resources("AWS::SQS::Queue").items()
        if "RedrivePolicy" not in queue["Properties"]
    }
    assert {id_.partition("/")[0] for id_ in queues} == {
        *("Allocation", "Billing", "Cards", "Close", "Organization"),
        *("Reports", "Savings", "Alerts"),
    }
    assert len(_watched(plain, "AWS/SQS", "ApproximateNumberOfMessagesVisible")) == len(queues)
    assert _watched(plain, "AWS/ApiGateway", "5XXError") == ["v1"]


def test_notices_that_stay_untold_are_heard_of_after_a_quarter_of_an_hour(
    plain: Synthesized,
) -> None:
    [behind] = [alarm for alarm in _alarms(plain) if alarm["MetricName"] == "IteratorAge"]

    assert _watched(plain, "AWS/Lambda", "IteratorAge") == ["NotificationstellnoticesFunction"]
    assert (behind["Statistic"], behind["Threshold"]) == ("Maximum", 15 * 60 * 1000)
    assert behind["ComparisonOperator"] == "GreaterThanThreshold"


def test_data_is_late_when_nothing_was_published_for_36_hours(plain: Synthesized) -> None:
    [late] = [alarm for alarm in _alarms(plain) if alarm["MetricName"] == "LoadsPublished"]

    assert late["Namespace"] == "FinOpsCenter"
    assert late["Dimensions"] == [{"Name": "service", "Value": "publish_load"}]
    assert late["Period"] * late["EvaluationPeriods"] == 36 * 3600
    assert (late["ComparisonOperator"], late["Threshold"]) == ("LessThanThreshold", 1)
    assert late["TreatMissingData"] == "breaching"


def test_every_alarm_is_told_to_the_topic_and_may_be(plain: Synthesized) -> None:
    [topic] = plain.resources("AWS::SNS::Topic")
    [policy] = plain.resources("AWS::SNS::TopicPolicy").values()
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    allowed = [s["Principal"] for s in statements if s["Effect"] == "Allow"]

    for alarm in _alarms(plain):
        assert alarm["AlarmActions"] == [{"Ref": topic.partition("/")[2]}]
    assert allowed == [{"Service": "cloudwatch.amazonaws.com"}]
    assert any(s["Effect"] == "Deny" for s in statements)


def test_somebody_gets_a_mail_where_an_address_is_given(
    plain: Synthesized, full: Synthesized
) -> None:
    assert not plain.resources("AWS::SNS::Subscription")
    [subscription] = full.resources("AWS::SNS::Subscription").values()
    assert subscription["Properties"]["Endpoint"] == "finops@example.com"


def test_every_schedule_leaves_what_it_could_not_do_with_the_dead_letters(
    plain: Synthesized,
) -> None:
    schedules = plain.resources("AWS::Scheduler::Schedule").values()
    targets = [schedule["Properties"]["Target"]["Arn"] for schedule in schedules]
    called = {
        re.sub(r"[0-9A-F]{8}$", "", arn["Ref"] if "Ref" in arn else arn["Fn::GetAtt"][0])
        for arn in targets
    }

    assert called == {
        "AccountscheckaccountsFunction",
        "AllocationsstartallocationsFunction",
        "BillssweepdeliveriesFunction",
        "BillsexpiregenerationsFunction",
        "CardNoticessendweeklydigestFunction",
        "CardNoticestendcardsFunction",
        "CorrectionsbookcorrectionsFunction",
        "CostReportsmakereportsMachine",
        "CreditswarnofcreditsFunction",
        "IntakecollectrecommendationsFunction",
        "NotificationssenddigestFunction",
        "RealisedmeasuresavingsMachine",
        "SpendAlertswatchspendFunction",
        "SpendCardsmakespendcardsMachine",
        "SpendCubescutcubesMachine",
    }
    for schedule in schedules:
        target = schedule["Properties"]["Target"]
        assert "DeadLettersQueue" in target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]
        assert target["RetryPolicy"]["MaximumRetryAttempts"] == 3


def test_a_door_that_nobody_waits_for_leaves_the_call_that_it_keeps_failing_at(
    plain: Synthesized,
) -> None:
    configs = plain.resources("AWS::Lambda::EventInvokeConfig").values()
    called = {
        re.sub(r"[0-9A-F]{8}$", "", config["Properties"]["FunctionName"]["Ref"])
        for config in configs
    }

    assert called == {
        "AccountscheckaccountsFunction",
        "AccountsfindaccountsFunction",
        "AllocationsstartallocationsFunction",
        "BillssweepdeliveriesFunction",
        "BillsexpiregenerationsFunction",
        "CardNoticessendweeklydigestFunction",
        "CardNoticestendcardsFunction",
        "ChartsloadchartFunction",
        "CorrectionsbookcorrectionsFunction",
        "CreditsfindcreditsFunction",
        "CreditswarnofcreditsFunction",
        "IntakecollectrecommendationsFunction",
        "NotificationssenddigestFunction",
        "PeoplekeepsigninsFunction",
        "SpendAlertswatchspendFunction",
    }
    for config in configs:
        assert "OnFailure" in config["Properties"]["DestinationConfig"]
        assert any("Policy" in name for name in config["DependsOn"]), "Lambda tries the right"


def test_notices_are_kept_to_be_replayed(plain: Synthesized, local: Synthesized) -> None:
    [archive] = plain.resources("AWS::Events::Archive").values()

    assert archive["Properties"]["RetentionDays"] == 400
    assert not local.resources("AWS::Events::Archive")
