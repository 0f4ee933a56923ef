"""Alerts: watched after every allocation and every hour; only the secrets that are named are read."""

import json
from typing import Any

from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from infra.alerts import allow_webhooks
from infra.rights import Rights
from infra.settings import Room, Webhook
from tests.infra.synthesis import Synthesized


def _rules(made: Synthesized) -> dict[str, dict[str, Any]]:
    """What calls the watch, by the event it waits for."""
    return {
        rule["Properties"]["EventPattern"]["detail-type"][0]: rule["Properties"]
        for rule in made.resources("AWS::Events::Rule", "Alerts").values()
        if "watchspendFunction" in json.dumps(rule["Properties"]["Targets"])
    }


def test_every_allocation_and_every_wish_calls_the_watch(plain: Synthesized) -> None:
    rules = _rules(plain)

    assert set(rules) == {"MonthAllocated", "AlertCheckAsked"}
    for rule in rules.values():
        assert rule["EventPattern"]["source"] == ["finops.center"]
        [target] = rule["Targets"]
        assert target["DeadLetterConfig"]
        assert target["RetryPolicy"] == {
            "MaximumEventAgeInSeconds": 7200,
            "MaximumRetryAttempts": 20,
        }
    [target] = rules["MonthAllocated"]["Targets"]
    assert target["InputTransformer"]["InputPathsMap"] == {
        "detail-billing_period": "$.detail.billing_period"
    }


def test_the_watch_looks_every_hour_also_when_nothing_is_delivered(plain: Synthesized) -> None:
    schedules: dict[str, dict[str, Any]] = {
        name: schedule["Properties"]
        for name, schedule in plain.resources("AWS::Scheduler::Schedule").items()
    }
    [schedule] = (one for name, one in schedules.items() if "watchspend" in name)

    assert schedule["ScheduleExpression"] == "cron(20 * * * ? *)"
    assert schedule["Description"] == "watch_spend, hourly"


def test_no_secret_may_be_read_where_no_webhook_is_named(plain: Synthesized) -> None:
    policies = json.dumps(plain.resources("AWS::IAM::Policy", "Alerts"))

    assert "secretsmanager" not in policies


def test_the_secrets_of_the_webhooks_are_read_and_no_other() -> None:
    stack = Stack(App(), "Stack")
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    webhooks = [
        Webhook(name="chat", room=Room.SLACK, secret="finops/chat"),
        Webhook(name="again", room=Room.TEAMS, secret="finops/chat"),
    ]

    allow_webhooks(Rights(stack, "Rights", role=role), webhooks)

    [policy] = Template.from_stack(stack).find_resources("AWS::IAM::Policy").values()
    [statement] = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "secretsmanager:GetSecretValue"
    assert json.dumps(statement["Resource"]).count("secret:finops/chat-??????") == 1
