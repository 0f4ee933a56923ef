"""Who may sign in, and as what."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from aws_cdk import App

from infra.identity import invitation
from infra.roles import ROLES
from infra.settings import Settings
from tests.infra.synthesis import Synthesized

CONTEXT = json.loads((Path(__file__).parent.parent.parent / "cdk.json").read_text())["context"]


def _one(synthesized: Synthesized, type_: str) -> dict[str, Any]:
    """The resource of *type_*; of the clients, the one that is there without federation."""
    [properties] = (
        resource["Properties"]
        for id_, resource in synthesized.resources(type_).items()
        if "Federated" not in id_
    )
    made: dict[str, Any] = properties
    return made


def test_there_is_a_group_for_each_of_the_seven_roles(plain: Synthesized) -> None:
    groups = plain.resources("AWS::Cognito::UserPoolGroup").values()
    names = [group["Properties"]["GroupName"] for group in groups]

    assert len(names) == 7
    assert set(names) == set(ROLES)
    assert sorted(group["Properties"]["Precedence"] for group in groups) == list(range(1, 8))


def test_nobody_signs_up_by_themselves(plain: Synthesized) -> None:
    invited = _one(plain, "AWS::Cognito::UserPool")["AdminCreateUserConfig"]

    assert invited["AllowAdminCreateUserOnly"] is True


def _invitation(synthesized: Synthesized) -> dict[str, str]:
    invited = _one(synthesized, "AWS::Cognito::UserPool")["AdminCreateUserConfig"]
    template: dict[str, str] = invited["InviteMessageTemplate"]
    return template


def test_the_invitation_says_who_it_is_for_and_how_to_begin(plain: Synthesized) -> None:
    text = _invitation(plain)["EmailMessage"]

    assert "<b>{username}</b>" in text
    assert "<b>{####}</b>" in text
    assert text.count("<p>") == 3
    assert "<img" not in text
    assert _invitation(plain)["EmailSubject"] == "Your invitation to the FinOps Center"


def test_the_invitation_shows_the_logo_first_and_the_way_last(full: Synthesized) -> None:
    first, *_, last = _invitation(full)["EmailMessage"].split("\n")

    assert first == '<p><img src="https://example.com/logo.png" alt="" height="48"></p>'
    address = "https://finops.example.com/?from=mail&amp;in=one"
    assert last == f'<p><a href="{address}">{address}</a></p>'


def test_the_text_of_the_invitation_is_no_markup() -> None:
    mail = replace(
        Settings.of(App(context=CONTEXT).node).mail,
        invitation_text="A & B <i>invite</i> you\n\n\n\n{username}: {####}\n",
    )

    assert invitation(mail) == (
        "<p>A &amp; B &lt;i&gt;invite&lt;/i&gt; you</p>\n<p><b>{username}</b>: <b>{####}</b></p>"
    )


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


def test_another_mail_address_counts_only_once_its_mailbox_confirmed_it(
    plain: Synthesized,
) -> None:
    """Cognito lets every client write what is required, and people are known by their mail."""
    pool = _one(plain, "AWS::Cognito::UserPool")
    client = _one(plain, "AWS::Cognito::UserPoolClient")

    assert client["WriteAttributes"] == ["email"]
    assert pool["UserAttributeUpdateSettings"] == {
        "AttributesRequireVerificationBeforeUpdate": ["email"]
    }


def test_nobody_says_of_themselves_which_groups_they_are_in(plain: Synthesized) -> None:
    schema = {each["Name"]: each for each in _one(plain, "AWS::Cognito::UserPool")["Schema"]}
    client = _one(plain, "AWS::Cognito::UserPoolClient")

    assert schema["groups"]["Mutable"] is True
    assert "custom:groups" not in client["WriteAttributes"]


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


def test_invitations_come_from_the_sender_of_mails_once_ses_knows_it(
    known_sender: Synthesized, full: Synthesized
) -> None:
    sent_by_us = _one(known_sender, "AWS::Cognito::UserPool")["EmailConfiguration"]

    assert sent_by_us["EmailSendingAccount"] == "DEVELOPER"
    assert sent_by_us["From"] == "finops@example.com"
    assert "EmailConfiguration" not in _one(full, "AWS::Cognito::UserPool")
