"""Signing in with the organization's own identity provider, where it has one."""

from aws_cdk import Duration, SecretValue
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from infra.identity import GROUPS
from infra.settings import Federation, Oidc

# What the provider is asked to say of a person, by the names of SAML attributes and OIDC claims.
MAIL_CLAIM, GROUPS_CLAIM = "email", "groups"


class FederatedSignIns(Construct):
    """SAML or OpenID Connect or both, a domain for the way there and back, and a client of its own.

    The client must write what the provider says of a person: Cognito writes in its name. So it
    has only the code flow, and no scope by which people could write it themselves.
    """

    def __init__(
        self, scope: Construct, id_: str, *, pool: cognito.UserPool, federation: Federation
    ) -> None:
        super().__init__(scope, id_)
        self._pool = pool
        providers: list[cognito.IUserPoolIdentityProvider] = []
        if federation.saml_metadata_url:
            providers.append(self._saml(federation.saml_metadata_url))
        if federation.oidc:
            providers.append(self._oidc(federation.oidc))
        self.domain = pool.add_domain(
            "Domain",
            cognito_domain=cognito.CognitoDomainOptions(domain_prefix=federation.domain),
        )
        said = cognito.ClientAttributes().with_standard_attributes(email=True)
        said = said.with_custom_attributes(GROUPS)
        self.client = pool.add_client(
            "FederatedClient",
            # No flow with a password: their tokens could change what the provider said.
            auth_flows=cognito.AuthFlow(user_srp=False),
            generate_secret=False,
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            supported_identity_providers=[
                cognito.UserPoolClientIdentityProvider.custom(provider.provider_name)
                for provider in providers
            ],
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(authorization_code_grant=True),
                scopes=[cognito.OAuthScope.OPENID, cognito.OAuthScope.EMAIL],
                callback_urls=list(federation.callback_urls),
                logout_urls=list(federation.callback_urls),
            ),
            read_attributes=said.with_standard_attributes(email=True, email_verified=True),
            write_attributes=said,
            access_token_validity=Duration.hours(1),
            id_token_validity=Duration.hours(1),
            refresh_token_validity=Duration.hours(12),
        )
        for provider in providers:
            self.client.node.add_dependency(provider)

    def _saml(self, metadata_url: str) -> cognito.IUserPoolIdentityProvider:
        return cognito.UserPoolIdentityProviderSaml(
            self,
            "Saml",
            user_pool=self._pool,
            name="Saml",
            metadata=cognito.UserPoolIdentityProviderSamlMetadata.url(metadata_url),
            attribute_mapping=_mapping(),
        )

    def _oidc(self, oidc: Oidc) -> cognito.IUserPoolIdentityProvider:
        # CloudFormation fills the secret in while it deploys; no template holds it.
        secret = SecretValue.secrets_manager(oidc.client_secret_name)
        return cognito.UserPoolIdentityProviderOidc(
            self,
            "Oidc",
            user_pool=self._pool,
            name="Oidc",
            issuer_url=oidc.issuer,
            client_id=oidc.client_id,
            client_secret=secret.unsafe_unwrap(),
            scopes=["openid", "email", "profile"],
            attribute_request_method=cognito.OidcAttributeRequestMethod.GET,
            attribute_mapping=_mapping(),
        )


def _mapping() -> cognito.AttributeMapping:
    return cognito.AttributeMapping(
        email=cognito.ProviderAttribute.other(MAIL_CLAIM),
        custom={f"custom:{GROUPS}": cognito.ProviderAttribute.other(GROUPS_CLAIM)},
    )
