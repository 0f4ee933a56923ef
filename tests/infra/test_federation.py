"""Signing in with the organization's own identity provider: off unless described, then tight."""

import json
from typing import Any

from tests.infra.synthesis import Synthesized

PROVIDER = "AWS::Cognito::UserPoolIdentityProvider"


def _providers(synthesized: Synthesized) -> dict[str, dict[str, Any]]:
    return {
        provider["Properties"]["ProviderType"]: provider["Properties"]
        for provider in synthesized.resources(PROVIDER).values()
    }


def _client(synthesized: Synthesized) -> dict[str, Any]:
    [client] = (
        client
        for id_, client in synthesized.resources("AWS::Cognito::UserPoolClient").items()
        if "Federated" in id_
    )
    return client


def test_nothing_of_it_is_there_unless_it_is_described(
    plain: Synthesized, local: Synthesized
) -> None:
    for synthesized in (plain, local):
        assert not _providers(synthesized)
        assert not synthesized.resources("AWS::Cognito::UserPoolDomain")
        assert len(synthesized.resources("AWS::Cognito::UserPoolClient")) == 1
        assert "FederatedClientId" not in synthesized.templates["Identity"]["Outputs"]


def test_providers_are_reached_where_the_settings_say(full: Synthesized) -> None:
    providers = _providers(full)

    assert providers["SAML"]["ProviderDetails"]["MetadataURL"] == (
        "https://idp.example.com/metadata.xml"
    )
    assert providers["OIDC"]["ProviderDetails"]["oidc_issuer"] == "https://idp.example.com"
    assert providers["OIDC"]["ProviderDetails"]["client_id"] == "finops"


def test_the_secret_is_named_and_never_told(full: Synthesized) -> None:
    details = _providers(full)["OIDC"]["ProviderDetails"]

    assert details["client_secret"] == "{{resolve:secretsmanager:finops/oidc:SecretString:::}}"


def test_a_provider_says_the_mail_address_and_the_groups(full: Synthesized) -> None:
    for provider in _providers(full).values():
        assert provider["AttributeMapping"] == {"email": "email", "custom:groups": "groups"}


def test_who_comes_from_a_provider_comes_by_a_code_and_goes_back_to_our_pages(
    full: Synthesized,
) -> None:
    client = _client(full)["Properties"]
    [domain] = full.resources("AWS::Cognito::UserPoolDomain").values()

    assert domain["Properties"]["Domain"] == "example-finops"
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["CallbackURLs"] == [
        "https://finops.example.com/signed-in",
        "http://localhost:5173/",
    ]
    assert client["GenerateSecret"] is False
    providers = {name.partition("/")[2] for name in full.resources(PROVIDER)}
    assert {each["Ref"] for each in client["SupportedIdentityProviders"]} == providers
    assert set(_client(full)["DependsOn"]) == providers


def test_cognito_writes_what_a_provider_says_and_nobody_else_can(full: Synthesized) -> None:
    """A client must be able to write what is mapped; its tokens must not."""
    client = _client(full)["Properties"]

    assert set(client["WriteAttributes"]) == {"email", "custom:groups"}
    assert "aws.cognito.signin.user.admin" not in client["AllowedOAuthScopes"]
    assert client["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]
    assert "COGNITO" not in json.dumps(client["SupportedIdentityProviders"])


def test_the_token_says_who_somebody_is_and_their_groups(full: Synthesized) -> None:
    assert {"email", "custom:groups"} <= set(_client(full)["Properties"]["ReadAttributes"])


def test_pages_find_the_way_in_by_the_outputs(full: Synthesized) -> None:
    outputs = full.templates["Identity"]["Outputs"]

    assert {"FederatedClientId", "SignInUrl"} <= set(outputs)
