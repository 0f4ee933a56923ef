"""The door to remaps may change a card, splits and claims, and nothing else that says who pays."""

from typing import Any

from tests.infra.synthesis import Synthesized, Template


def _statements(synthesized: Synthesized) -> list[Template]:
    return [
        statement
        for name, policy in synthesized.resources("AWS::IAM::Policy", "Api").items()
        if "RemapsApi" in name
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def _of(synthesized: Synthesized, action: str) -> list[Template]:
    return [one for one in _statements(synthesized) if action in _listed(one["Action"])]


def _listed(said: Any) -> list[Any]:
    return said if isinstance(said, list) else [said]


def test_of_the_rules_only_splits_and_claims_are_written(plain: Synthesized) -> None:
    [statement] = (one for one in _of(plain, "dynamodb:PutItem") if one["Sid"] == "WriteRules")

    keys = {"dynamodb:LeadingKeys": ["shares", "claims"]}
    assert statement["Condition"] == {"ForAllValues:StringEquals": keys}
    assert _listed(statement["Action"]) == ["dynamodb:PutItem"]


def test_what_is_written_is_put_and_never_taken_away(plain: Synthesized) -> None:
    actions = {action for one in _statements(plain) for action in _listed(one["Action"])}

    assert actions >= {"dynamodb:PutItem", "s3:PutObject"}
    assert not {one for one in actions if "Delete" in one or "Update" in one or "Scan" in one}
    assert not {one for one in actions if one.startswith("states:")}


def test_documents_are_written_of_claims_and_cards_only(plain: Synthesized) -> None:
    [statement] = _of(plain, "s3:PutObject")
    cards, claims = sorted(str(plain.referred(one)) for one in _listed(statement["Resource"]))

    assert "'/cards/*'" in cards
    assert "'/rules/claims/*'" in claims
