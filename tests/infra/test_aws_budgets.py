"""AWS Budgets as a second alarm: off by itself; on, with no more rights than it takes."""

import json
from typing import Any

from infra.aws_budgets import ROLE
from tests.infra.synthesis import PAYERS, Synthesized


def _door(synthesized: Synthesized) -> dict[str, Any]:
    door: dict[str, Any]
    [door] = (
        one["Properties"]
        for name, one in synthesized.resources("AWS::Lambda::Function", "Alerts").items()
        if "pushbudgets" in name
    )
    return door


def _statements(synthesized: Synthesized, stack: str, word: str) -> dict[str, dict[str, Any]]:
    return {
        statement["Sid"]: statement
        for name, policy in synthesized.resources("AWS::IAM::Policy", stack).items()
        if word in name
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    }


def _listed(said: Any) -> list[Any]:
    return said if isinstance(said, list) else [said]


def _text(said: Any) -> str:
    """Text that CloudFormation puts together, with the partition filled in."""
    match said:
        case {"Fn::Join": ["", parts]}:
            return "".join(_text(part) for part in parts)
        case {"Ref": "AWS::Partition"}:
            return "aws"
        case {"Ref": name}:
            return f"<{name}>"
        case _:
            return str(said)


def test_it_is_off_until_somebody_switches_it_on(plain: Synthesized) -> None:
    assert "pushbudgets" not in json.dumps(plain.templates["Alerts"])
    assert "PushBudgetsRoleArn" not in plain.templates["Management"]["Parameters"]
    assert ROLE not in json.dumps(plain.templates["Management"])


def test_each_payer_lends_its_role_by_one_name(with_budgets: Synthesized) -> None:
    said = json.loads(_text(_door(with_budgets)["Environment"]["Variables"]["BUDGETS_ROLES"]))
    lent = _statements(with_budgets, "Alerts", "pushbudgets")["GoToThePayers"]
    roles = [f"arn:aws:iam::{payer}:role/{ROLE}" for payer in PAYERS]

    assert lent["Action"] == "sts:AssumeRole"
    assert [_text(one) for one in _listed(lent["Resource"])] == roles
    assert [said[payer] for payer in PAYERS] == roles


def test_the_role_of_a_payer_is_for_the_door_alone_and_changes_our_budgets_only(
    with_budgets: Synthesized,
) -> None:
    [role] = (
        one["Properties"]
        for one in with_budgets.resources("AWS::IAM::Role", "Management").values()
        if one["Properties"].get("RoleName") == ROLE
    )
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    rights = _statements(with_budgets, "Management", "Budgets")

    assert "FinOpsAccountId" in json.dumps(trust["Principal"]["AWS"])
    assert trust["Condition"] == {"ArnEquals": {"aws:PrincipalArn": {"Ref": "PushBudgetsRoleArn"}}}
    assert {sid: one["Action"] for sid, one in rights.items()} == {
        "LookAtBudgets": "budgets:ViewBudget",
        "KeepOurBudgets": "budgets:ModifyBudget",
    }
    assert json.dumps(rights["KeepOurBudgets"]["Resource"]).count("budget/finops-center/*") == 1
    assert "PushBudgetsRoleArn" in with_budgets.templates["Alerts"]["Outputs"]


def test_a_payer_that_is_the_own_account_lends_nothing_to_itself(
    with_budgets: Synthesized,
) -> None:
    said = _text(_door(with_budgets)["Environment"]["Variables"]["BUDGETS_ROLES"])
    rights = _statements(with_budgets, "Alerts", "pushbudgets")

    assert json.loads(said)["111122223333"] is None
    assert "111122223333" not in json.dumps(rights["GoToThePayers"]["Resource"])
    assert rights["KeepOurBudgets"]["Action"] == "budgets:ModifyBudget"
    [ours] = _listed(rights["KeepOurBudgets"]["Resource"])
    assert _text(ours) == "arn:aws:budgets::111122223333:budget/finops-center/*"


def test_it_is_called_on_what_changes_a_budget_gathered_and_every_day(
    with_budgets: Synthesized,
) -> None:
    [rule] = (
        one["Properties"]
        for name, one in with_budgets.resources("AWS::Events::Rule", "Alerts").items()
        if "AwsBudgets" in name
    )
    [mapping] = (
        one["Properties"]
        for name, one in with_budgets.resources("AWS::Lambda::EventSourceMapping", "Alerts").items()
        if "AwsBudgets" in name
    )
    [schedule] = (
        one["Properties"]
        for name, one in with_budgets.resources("AWS::Scheduler::Schedule", "Alerts").items()
        if "pushbudgets" in name
    )

    assert {"BudgetApproved", "AlertSettingsChanged", "AccountMapped"} <= set(
        rule["EventPattern"]["detail-type"]
    )
    assert mapping["MaximumBatchingWindowInSeconds"] == 60
    assert json.loads(schedule["Target"]["Input"]) == {"thorough": True}
