"""The door to views looks, and changes nothing that it looks at."""

import json
from typing import Any

from finops.runtime.openapi.document import ANSWERS
from infra.views_api import VIEWS
from tests.infra.synthesis import Synthesized


def test_every_view_of_the_contract_has_its_path() -> None:
    assert {f"/views/{view}" for view in VIEWS} == {
        path for _, path in ANSWERS if path.startswith("/views/")
    }


def test_the_door_writes_of_its_callers_only(plain: Synthesized) -> None:
    written = [
        statement["Sid"]
        for statement in _statements(plain)
        for action in _listed(statement["Action"])
        if not action.startswith(("dynamodb:Get", "dynamodb:Query", "s3:Get", "s3:List"))
        and action.startswith(("dynamodb:", "s3:"))
    ]

    assert set(written) == {"KnowCallers", "KeepAudit", "RememberRequests"}


def test_cards_are_looked_up_by_month_and_never_opened(plain: Synthesized) -> None:
    on_cards = [
        (statement["Sid"], statement["Action"])
        for statement in _statements(plain)
        if "SpendCards" in json.dumps(statement["Resource"])
    ]

    assert on_cards == [("SpendCardsIndex", "dynamodb:Query")]


def _statements(plain: Synthesized) -> list[dict[str, Any]]:
    return [
        statement
        for kind in ("AWS::IAM::Policy", "AWS::IAM::Role")
        for name, found in plain.resources(kind, "Api").items()
        if "/viewsapi" in name.lower()
        for policy in (
            [found["Properties"]]
            if kind == "AWS::IAM::Policy"
            else found["Properties"].get("Policies", [])
        )
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def _listed(said: Any) -> list[str]:
    return [said] if isinstance(said, str) else said
