"""Who may sign in, and as what."""

import re
from typing import Any

from infra.identity import ROLES
from tests.infra.synthesis import Synthesized


def _one(synthesized: Synthesized, type_: str) -> dict[str, Any]:
    [resource] = synthesized.resources(type_).values()
    properties: dict[str, Any] = resource["Properties"]
    return properties


def test_there_is_a_group_for_each_of_the_seven_roles(plain: Synthesized) -> None:
    groups = plain.resources("AWS::Cognito::UserPoolGroup").values()
    names = [group["Properties"]["GroupName"] for group in groups]

    assert len(names) == 7
    assert set(names) == set(ROLES)
    assert sorted(group["Properties"]["Precedence"] for group in groups) == list(range(1, 8))


def test_nobody_signs_up_by_themselves(plain: Synthesized) -> None:
    invited = _one(plain, "AWS::Cognito::UserPool")["AdminCreateUserConfig"]

    assert invited["AllowAdminCreateUserOnly"] is True


def test_the_invitation_says_who_it_is_for_and_how_to_begin(plain: Synthesized) -> None:
    invited = _one(plain, "AWS::Cognito::UserPool")["AdminCreateUserConfig"]
    text = invited["InviteMessageTemplate"]["EmailMessage"]

    assert "{username}" in text
    assert "{####}" in text
    assert len(text) < 20_000


def test_a_password_has_twelve_characters_of_four_kinds(plain: Synthesized) -> None:
    policy = _one(plain, "AWS::Cognito::UserPool")["Policies"]["PasswordPolicy"]

    assert policy.pop("TemporaryPasswordValidityDays") == 7
    assert policy.pop("MinimumLength") == 12
    assert policy == {
        f"Require{kind}": True for kind in ("Lowercase", "Uppercase", "Numbers", "Symbols")
    }


def test_a_second_factor_is_offered_and_can_be_required(
    plain: Synthesized, full: Synthesized
) -> None:
    assert _one(plain, "AWS::Cognito::UserPool")["MfaConfiguration"] == "OPTIONAL"
    assert _one(full, "AWS::Cognito::UserPool")["MfaConfiguration"] == "ON"
    assert _one(plain, "AWS::Cognito::UserPool")["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"]


def test_mail_addresses_that_differ_in_case_are_one_person(plain: Synthesized) -> None:
    assert _one(plain, "AWS::Cognito::UserPool")["UsernameConfiguration"] == {
        "CaseSensitive": False
    }


def test_the_command_signs_in_with_a_password_and_no_secret(plain: Synthesized) -> None:
    client = _one(plain, "AWS::Cognito::UserPoolClient")

    assert client["GenerateSecret"] is False
    assert set(client["ExplicitAuthFlows"]) == {
        "ALLOW_USER_PASSWORD_AUTH",
        "ALLOW_USER_SRP_AUTH",
        "ALLOW_REFRESH_TOKEN_AUTH",
    }


def test_the_pool_is_not_deleted_by_accident(plain: Synthesized) -> None:
    [pool] = plain.resources("AWS::Cognito::UserPool").values()

    assert pool["DeletionPolicy"] == "Retain"
    assert pool["Properties"]["DeletionProtection"] == "ACTIVE"


def test_the_first_person_is_invited_where_a_mail_address_is_given(plain: Synthesized) -> None:
    identity = plain.templates["Identity"]
    [admin] = plain.resources("AWS::Cognito::UserPoolUser").values()
    [role] = plain.resources("AWS::Cognito::UserPoolUserToGroupAttachment").values()

    assert identity["Parameters"]["AdminEmail"]["Default"] == ""
    assert identity["Conditions"][admin["Condition"]] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "AdminEmail"}, ""]}]
    }
    assert role["Condition"] == admin["Condition"]
    assert set(identity["Parameters"]["AdminRole"]["AllowedValues"]) == set(ROLES)
    waits_for = {re.sub(r"[0-9A-F]{8}$", "", name) for name in role["DependsOn"]}
    assert "PeopleAdmin" in waits_for
    assert len(waits_for) == 8
