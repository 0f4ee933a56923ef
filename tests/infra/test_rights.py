"""Least privilege: every statement of every role, and why any of them is wide."""

import difflib
import doctest
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam
from policy_sentry.querying.actions import get_action_data

from infra import nag
from infra.nag import flat
from infra.rights import Rights
from tests.infra.synthesis import Synthesized, Template

GOLDEN = Path(__file__).parent / "rights.golden.txt"
HASH = re.compile(r"([A-Za-z]+)[0-9A-F]{8}")
EVERYTHING = "*"


@pytest.fixture(params=["plain", "full"])
def synthesized(request: pytest.FixtureRequest) -> Synthesized:
    made: Synthesized = request.getfixturevalue(request.param)
    return made


def test_no_action_has_a_wildcard(synthesized: Synthesized) -> None:
    wide = [
        f"{role}: {action}"
        for role, statement in _allowed(synthesized)
        for action in _list(statement["Action"])
        if "*" in action
    ]

    assert wide == []


def test_every_action_exists(synthesized: Synthesized) -> None:
    unknown = [
        f"{role}: {action}"
        for role, statement in _allowed(synthesized)
        for action in _list(statement["Action"])
        if not _rows(action)
    ]

    assert unknown == []


def test_on_everything_is_only_what_has_no_resource(synthesized: Synthesized) -> None:
    wide = [
        f"{role}: {action}"
        for role, statement in _allowed(synthesized)
        if EVERYTHING in _list(statement["Resource"])
        for action in _list(statement["Action"])
        if any(row["resource_arn_format"] != "*" for row in _rows(action))
    ]

    assert wide == []


def test_only_api_gateways_log_role_has_a_managed_policy(synthesized: Synthesized) -> None:
    managed = {
        id_.partition("/")[2]: role["Properties"]["ManagedPolicyArns"]
        for id_, role in synthesized.resources("AWS::IAM::Role").items()
        if "ManagedPolicyArns" in role["Properties"]
    }

    assert [HASH.sub(r"\1", name) for name in managed] == ["RestLogRole"]


def test_what_each_role_may_do_is_what_was_reviewed(plain: Synthesized) -> None:
    """A right more or less shows in the golden file; FINOPS_WRITE_GOLDEN=1 writes it anew."""
    now = "\n".join(_told(plain)) + "\n"
    if os.environ.get("FINOPS_WRITE_GOLDEN"):
        GOLDEN.write_text(now)
    reviewed = GOLDEN.read_text()

    changed = difflib.unified_diff(reviewed.splitlines(), now.splitlines(), lineterm="")

    assert reviewed == now, "\n".join(changed)


def test_a_wildcard_for_an_action_is_refused() -> None:
    with pytest.raises(ValueError, match="wildcard for an action"):
        _rights().allow("Read", "s3:Get*", on=["arn:aws:s3:::bills/one"])


def test_a_wildcard_for_a_resource_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="say why"):
        _rights().allow("Read", "s3:GetObject", on=["arn:aws:s3:::bills/*"])


def test_what_is_allowed_by_one_name_is_allowed_once() -> None:
    """Two statements of one name are a policy that IAM refuses."""
    rights = _rights()
    rights.allow("Read", "s3:GetObject", on=["arn:aws:s3:::bills/one"])

    with pytest.raises(ValueError, match="Read is there already"):
        rights.allow("Read", "s3:GetObject", on=["arn:aws:s3:::bills/two"])


def test_no_policy_has_two_statements_of_one_name(synthesized: Synthesized) -> None:
    for id_, policy in synthesized.resources("AWS::IAM::Policy").items():
        names = [each.get("Sid") for each in policy["Properties"]["PolicyDocument"]["Statement"]]
        assert len(names) == len(set(names)), id_


def test_the_name_of_a_finding_is_spelt_as_cdk_nag_spells_it() -> None:
    output = {"Fn::GetStackOutput": {"StackName": "Data", "OutputName": "Arn"}}

    assert doctest.testmod(nag) == (0, 1)
    assert flat({"Fn::Join": ["", [output, "/work/*"]]}) == (
        '{"Fn::GetStackOutput":{"StackName":"Data","OutputName":"Arn"}}/work/*'
    )


def _rights() -> Rights:
    stack = Stack(App(), "Stack")
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    return Rights(stack, "Rights", role=role)


def _allowed(synthesized: Synthesized) -> Iterator[tuple[str, Template]]:
    """Each statement of each role, the payer's too."""
    for stack, template in synthesized.templates.items():
        for id_, resource in template["Resources"].items():
            if resource["Type"] == "AWS::IAM::Policy":
                [role] = resource["Properties"]["Roles"]
                for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                    assert statement["Effect"] == "Allow", id_
                    yield f"{stack}/{role['Ref']}", statement


def _rows(action: str) -> list[dict[str, str]]:
    service, _, name = action.partition(":")
    found = get_action_data(service, name)
    return found[service] if found else []


def _told(synthesized: Synthesized) -> Iterator[str]:
    """The rights as a text to review: roles by name, statements in order, hashes left out."""
    lines: dict[str, list[str]] = {}
    for role, statement in _allowed(synthesized):
        resources = sorted(
            HASH.sub(r"\1", flat(synthesized.referred(resource)))
            for resource in _list(statement["Resource"])
        )
        told = lines.setdefault(HASH.sub(r"\1", role), [])
        told.append(f"  {', '.join(_list(statement['Action']))}")
        told += [f"    on {resource}" for resource in resources]
        told += [f"    if {condition}" for condition in [statement.get("Condition")] if condition]
    for role in sorted(lines):
        yield role
        yield from lines[role]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
