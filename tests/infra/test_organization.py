"""What happens by itself when the organization changes: charts, sign-ins, notices, the digest."""

import json
import re
from typing import Any

from tests.infra.synthesis import PAYERS, Synthesized, Template


def _rule(synthesized: Synthesized, door: str) -> dict[str, Any]:
    [rule] = (
        rule
        for rule in synthesized.resources("AWS::Events::Rule", "Organization").values()
        if f"{door}Function" in json.dumps(rule["Properties"]["Targets"])
    )
    properties: dict[str, Any] = rule["Properties"]
    return properties


def _followed(synthesized: Synthesized) -> Template:
    mappings = synthesized.resources("AWS::Lambda::EventSourceMapping", "Organization")
    [mapping] = mappings.values()
    return mapping


def test_a_csv_in_the_sorfile_bucket_is_loaded_whatever_the_case_of_its_ending(
    plain: Synthesized,
) -> None:
    pattern = _rule(plain, "loadchart")["EventPattern"]
    [bucket] = plain.referred(pattern["detail"]["bucket"]["name"])

    assert (pattern["source"], pattern["detail-type"]) == (["aws.s3"], ["Object Created"])
    assert bucket["Ref"].startswith("SorfileBucket")
    assert pattern["detail"]["object"]["key"] == [{"suffix": ".csv"}, {"suffix": ".CSV"}]


def test_load_chart_is_told_the_file_and_the_version_that_came(plain: Synthesized) -> None:
    [target] = _rule(plain, "loadchart")["Targets"]
    paths = target["InputTransformer"]["InputPathsMap"]
    template = target["InputTransformer"]["InputTemplate"]

    assert {key: paths[name] for key, name in re.findall(r'"(\w+)":<([\w-]+)>', template)} == {
        "key": "$.detail.object.key",
        "version_id": "$.detail.object.version-id",
    }


def test_sign_ins_follow_what_the_product_says_of_people_on_its_own_bus(
    plain: Synthesized,
) -> None:
    rule = _rule(plain, "keepsignins")

    assert plain.referred(rule["EventBusName"])["Ref"].startswith("NoticesBus")
    assert rule["EventPattern"] == {
        "source": ["finops.center"],
        "detail-type": ["PersonInvited", "PersonReminded", "PersonSuspended", "PersonRestored"],
    }


def test_an_event_that_no_door_took_is_a_dead_letter(plain: Synthesized) -> None:
    rules = plain.resources("AWS::Events::Rule", "Organization")
    [policy] = plain.resources("AWS::SQS::QueuePolicy", "Organization").values()
    named = [
        statement["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::GetAtt"][0]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]

    assert {f"Organization/{rule}" for rule in named} == set(rules)
    for rule in rules.values():
        [target] = rule["Properties"]["Targets"]
        assert "DeadLettersQueue" in target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]
        assert target["RetryPolicy"] == {
            "MaximumEventAgeInSeconds": 7200,
            "MaximumRetryAttempts": 20,
        }


def test_only_the_rules_call_the_doors_of_the_organization(plain: Synthesized) -> None:
    permissions = plain.resources("AWS::Lambda::Permission", "Organization").values()

    assert len(permissions) == 6
    for permission in permissions:
        assert permission["Properties"]["Principal"] == "events.amazonaws.com"
        assert "Rule" in permission["Properties"]["SourceArn"]["Fn::GetAtt"][0]


def test_of_the_audit_trail_what_is_new_and_an_event_is_told(plain: Synthesized) -> None:
    followed = _followed(plain)["Properties"]
    [only] = followed["FilterCriteria"]["Filters"]
    [stream, attribute] = plain.referred(followed["EventSourceArn"])["Fn::GetAtt"]

    assert stream.startswith("AuditTable")
    assert attribute == "StreamArn"
    assert json.loads(only["Pattern"]) == {
        "eventName": ["INSERT"],
        "dynamodb": {"NewImage": {"event": {"S": [{"exists": True}]}}},
    }


def test_a_notice_that_cannot_be_told_holds_up_no_other_for_long(plain: Synthesized) -> None:
    followed = _followed(plain)["Properties"]

    assert (followed["BatchSize"], followed["StartingPosition"]) == (25, "TRIM_HORIZON")
    assert followed["BisectBatchOnFunctionError"] is True
    assert followed["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert followed["MaximumRetryAttempts"] == 10
    assert followed["MaximumRecordAgeInSeconds"] == 24 * 3600
    destination = followed["DestinationConfig"]["OnFailure"]["Destination"]
    assert "DeadLettersQueue" in destination["Fn::GetAtt"][0]


def test_lambda_finds_the_right_when_it_begins_to_follow(plain: Synthesized) -> None:
    assert any("tellnoticesRightsPolicy" in name for name in _followed(plain)["DependsOn"])


def test_the_digest_comes_at_the_hour_that_was_asked_for(
    plain: Synthesized, full: Synthesized
) -> None:
    for synthesized, expression in ((plain, "cron(0 6 * * ? *)"), (full, "cron(0 0 * * ? *)")):
        [schedule] = (
            schedule
            for name, schedule in synthesized.resources("AWS::Scheduler::Schedule").items()
            if "senddigest" in name
        )
        assert schedule["Properties"]["ScheduleExpression"] == expression
        assert schedule["Properties"]["ScheduleExpressionTimezone"] == "UTC"


def _mail(synthesized: Synthesized) -> list[Template]:
    return [
        statement
        for policy in synthesized.resources("AWS::IAM::Policy", "Organization").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "ses:" in json.dumps(statement["Action"])
    ]


def test_without_a_sender_nobody_may_send_mail(plain: Synthesized) -> None:
    assert _mail(plain) == []
    assert not plain.resources("AWS::SES::EmailIdentity")


def test_mail_is_sent_as_the_sender_and_nobody_else(full: Synthesized, local: Synthesized) -> None:
    for synthesized, sender in (
        (full, "finops@example.com"),
        (local, "finops@fernhollow.example"),
    ):
        statements = _mail(synthesized)
        [identity] = synthesized.resources("AWS::SES::EmailIdentity").values()
        assert identity["Properties"]["EmailIdentity"] == sender
        # What waits for people, reminders; and the mails of the week, which hold images.
        assert [statement["Action"] for statement in statements] == [
            "ses:SendEmail",
            "ses:SendEmail",
            ["ses:SendEmail", "ses:SendRawEmail"],
        ]
        for statement in statements:
            assert statement["Resource"].endswith(f":identity/{sender}")
            assert statement["Condition"] == {"StringEquals": {"ses:FromAddress": sender}}


def test_a_sender_that_ses_knows_already_is_used_by_address_or_by_domain(
    known_sender: Synthesized,
) -> None:
    assert not known_sender.resources("AWS::SES::EmailIdentity")
    for statement in _mail(known_sender):
        assert [arn.rpartition("/")[2] for arn in statement["Resource"]] == [
            "example.com",
            "finops@example.com",
        ]


# Accounts -----------------------------------------------------------------------------------------


def test_the_organization_is_looked_at_every_day(plain: Synthesized) -> None:
    [schedule] = (
        schedule["Properties"]
        for name, schedule in plain.resources("AWS::Scheduler::Schedule").items()
        if "checkaccounts" in name
    )

    assert schedule["ScheduleExpression"] == "cron(30 4 * * ? *)"
    assert schedule["Target"]["Input"] == "{}"


def test_a_look_that_is_asked_for_and_changes_of_the_organization_say_when_they_happened(
    plain: Synthesized,
) -> None:
    rules = [
        rule["Properties"]
        for rule in plain.resources("AWS::Events::Rule", "Organization").values()
        if "checkaccountsFunction" in json.dumps(rule["Properties"]["Targets"])
    ]

    assert len(rules) == 2
    for rule in rules:
        [target] = rule["Targets"]
        assert list(target["InputTransformer"]["InputPathsMap"].values()) == ["$.time"]
        assert target["InputTransformer"]["InputTemplate"].startswith('{"time":')
    [own] = [rule for rule in rules if "EventBusName" in rule]
    assert plain.referred(own["EventBusName"])["Ref"].startswith("NoticesBus")
    assert own["EventPattern"] == {
        "source": ["finops.center"],
        "detail-type": ["AccountCheckAsked"],
    }


def test_a_loaded_bill_is_read_for_its_accounts(plain: Synthesized) -> None:
    rule = _rule(plain, "findaccounts")
    machine = json.dumps(plain.resources("AWS::StepFunctions::StateMachine"))

    assert rule["EventPattern"] == {"source": ["finops.center"], "detail-type": ["BillLoaded"]}
    for word in ("finops.center", "BillLoaded"):
        assert word in machine, "what the state machine says"
    [target] = rule["Targets"]
    assert target["InputPath"] == "$.detail"


def test_only_the_payers_may_tell_of_their_organizations_and_nothing_else(
    plain: Synthesized, local: Synthesized
) -> None:
    policies = plain.resources("AWS::Events::EventBusPolicy", "Organization").values()
    said = [policy["Properties"]["Statement"] for policy in policies]

    assert len(said) == len(PAYERS)
    assert all(payer in json.dumps([one["Principal"] for one in said]) for payer in PAYERS)
    for one in said:
        assert one["Action"] == "events:PutEvents"
        assert one["Condition"] == {
            "StringEquals": {"events:source": ["aws.organizations", "aws.account"]}
        }
    assert not local.resources("AWS::Events::EventBusPolicy")
