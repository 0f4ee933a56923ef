"""Savings: taken on the way of the bill, and asked for every day where no file comes."""

import json
from typing import Any

from tests.infra.synthesis import Synthesized
from tests.infra.test_load_bill import machine


def _statements(synthesized: Synthesized, door: str) -> dict[str, Any]:
    [policy] = (
        one["Properties"]["PolicyDocument"]["Statement"]
        for name, one in synthesized.resources("AWS::IAM::Policy").items()
        if f"{door}Rights" in name
    )
    return {one["Sid"]: one for one in policy}


def _schedules(synthesized: Synthesized) -> list[dict[str, Any]]:
    return [
        one["Properties"]
        for name, one in synthesized.resources("AWS::Scheduler::Schedule").items()
        if "collectrecommendations" in name
    ]


def test_recommendations_leave_the_way_of_the_bill_once_they_are_found_whole(
    plain: Synthesized,
) -> None:
    states = json.loads(machine(plain)["DefinitionString"])["States"]
    first, *_ = states["IsItReady"]["Choices"]

    assert first["Next"] == "TakeRecommendations"
    assert {one["Variable"] for one in first["And"]} == {"$.delivery.status", "$.delivery.kind"}
    assert states["TakeRecommendations"]["Catch"][0]["Next"] == "RecordFailure"
    assert states["WereTheyTaken"]["Choices"][0]["Next"] == "DeliveryRefused"


def test_recommendations_are_asked_for_every_morning(plain: Synthesized) -> None:
    [schedule] = _schedules(plain)

    assert schedule["ScheduleExpression"] == "cron(50 5 * * ? *)"


def test_who_asks_may_read_what_is_recommended_and_change_nothing_in_aws(
    plain: Synthesized,
) -> None:
    allowed = _statements(plain, "collectrecommendations")

    asked = [*allowed["AskWhatCouldBeSaved"]["Action"], allowed["KnowTheOrganization"]["Action"]]
    assert asked == [
        "cost-optimization-hub:GetPreferences",
        "cost-optimization-hub:ListEnrollmentStatuses",
        "cost-optimization-hub:ListRecommendations",
        "organizations:DescribeOrganization",
    ]


def test_snapshots_are_written_under_their_own_prefix_only(plain: Synthesized) -> None:
    for door in ("collectrecommendations", "takerecommendations"):
        wrote = json.dumps(_statements(plain, door)["WriteLedger"]["Resource"])
        assert "/savings/*" in wrote
        assert "/ledger/*" not in wrote


def test_recommendations_are_asked_for_now_where_somebody_wants_it(plain: Synthesized) -> None:
    [rule] = (
        one["Properties"]
        for one in plain.resources("AWS::Events::Rule", "Savings").values()
        if "SavingsCollectionAsked" in json.dumps(one["Properties"])
    )
    [target] = rule["Targets"]

    assert rule["EventPattern"]["detail-type"] == ["SavingsCollectionAsked"]
    assert target["InputTransformer"]["InputPathsMap"] == {
        "detail-actor": "$.detail.actor",
        "detail-request_id": "$.detail.request_id",
    }


def test_who_decides_reads_who_pays_and_writes_savings_alone(plain: Synthesized) -> None:
    allowed = _statements(plain, "savingsapi")

    assert allowed["Savings"]["Action"] == ["dynamodb:GetItem", "dynamodb:PutItem"]
    assert allowed["Rules"]["Action"] == "dynamodb:GetItem"
    assert allowed["Settings"]["Action"] == "dynamodb:GetItem"
    writing = [sid for sid, one in allowed.items() if "dynamodb:PutItem" in one["Action"]]
    assert sorted(writing) == ["KeepAudit", "KnowCallers", "RememberRequests", "Savings"]
