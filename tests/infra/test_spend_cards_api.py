"""The door to spend cards: it decides on cards and keeps delegations, and changes nothing else."""

import json
from typing import Any

from tests.infra.synthesis import Synthesized


def _statements(plain: Synthesized) -> list[dict[str, Any]]:
    [policy] = (
        policy["Properties"]["PolicyDocument"]["Statement"]
        for name, policy in plain.resources("AWS::IAM::Policy", "Api").items()
        if "spendcardsapi" in name
    )
    return list(policy)


def _actions(plain: Synthesized, resource: str) -> set[str]:
    return {
        action
        for one in _statements(plain)
        for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
        if resource in json.dumps(plain.referred(one["Resource"]))
    }


def test_it_writes_cards_and_delegations_and_no_closes_or_settings(plain: Synthesized) -> None:
    writing = {
        table: "dynamodb:PutItem" in _actions(plain, table)
        for table in ("SpendCardsTable", "DelegationsTable", "ClosesTable", "SettingsTable")
    }

    assert writing == {
        "SpendCardsTable": True,
        "DelegationsTable": True,
        "ClosesTable": False,
        "SettingsTable": False,
    }


def test_of_the_ledger_it_writes_the_lines_of_large_cards_alone(plain: Synthesized) -> None:
    [write] = (one for one in _statements(plain) if one["Action"] == "s3:PutObject")

    assert "/cards/*" in json.dumps(write["Resource"])
    assert not isinstance(write["Resource"], list)


def test_the_audit_trail_reads_cards_and_writes_none(plain: Synthesized) -> None:
    [policy] = (
        json.dumps(plain.referred(one["Properties"]["PolicyDocument"]))
        for name, one in plain.resources("AWS::IAM::Policy", "Api").items()
        if "auditapi" in name
    )

    for table in ("SpendCardsTable", "ClosesTable", "DelegationsTable", "SettingsTable"):
        assert table in policy
    assert "s3:GetObject" not in policy
