"""Signing in: the user pool, a group for each of the seven roles, and the first person."""

from html import escape

from aws_cdk import CfnCondition, CfnParameter, Duration, Fn, RemovalPolicy
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from infra.nag import acknowledge
from infra.roles import ROLES
from infra.settings import Mail, Mfa

# The groups that an identity provider of the organization says somebody is in.
GROUPS = "groups"


class SignIns(Construct):
    """Who may sign in. Nobody signs up; somebody invites, by mail."""

    def __init__(self, scope: Construct, id_: str, *, mfa: Mfa, mail: Mail) -> None:
        super().__init__(scope, id_)
        self.pool = cognito.UserPool(
            self,
            "Pool",
            self_sign_up_enabled=False,
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            auto_verify=cognito.AutoVerifiedAttrs(email=True),
            # A person is known by their mail address. Cognito lets nobody forbid a client to write
            # an attribute that is required, so another address counts only once its mailbox has
            # confirmed it: nobody becomes somebody else by writing down their address.
            keep_original=cognito.KeepOriginalAttrs(email=True),
            standard_attributes=cognito.StandardAttributes(
                email=cognito.StandardAttribute(required=True, mutable=True)
            ),
            custom_attributes={GROUPS: cognito.StringAttribute(mutable=True, max_len=2048)},
            password_policy=cognito.PasswordPolicy(
                min_length=12,
                require_lowercase=True,
                require_uppercase=True,
                require_digits=True,
                require_symbols=True,
                temp_password_validity=Duration.days(7),
            ),
            mfa=cognito.Mfa.REQUIRED if mfa is Mfa.REQUIRED else cognito.Mfa.OPTIONAL,
            mfa_second_factor=cognito.MfaSecondFactor(sms=False, otp=True),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            email=cognito.UserPoolEmail.with_ses(from_email=mail.sender)
            if mail.sender and mail.sends_invitations
            else None,
            user_invitation=cognito.UserInvitationConfig(
                email_subject=mail.invitation_subject, email_body=invitation(mail)
            ),
            feature_plan=cognito.FeaturePlan.ESSENTIALS,
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        self.client = self.pool.add_client(
            "Client",
            auth_flows=cognito.AuthFlow(user_password=True, user_srp=True),
            generate_secret=False,
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            disable_o_auth=True,
            access_token_validity=Duration.hours(1),
            id_token_validity=Duration.hours(1),
            refresh_token_validity=Duration.hours(12),
            # As little as Cognito allows: what is required, and nothing else of oneself.
            write_attributes=cognito.ClientAttributes().with_standard_attributes(email=True),
        )
        for precedence, (role, description) in enumerate(ROLES.items(), start=1):
            cognito.CfnUserPoolGroup(
                self,
                role,
                user_pool_id=self.pool.user_pool_id,
                group_name=role,
                description=description,
                precedence=precedence,
            )
        self._invite_first()
        if mfa is not Mfa.REQUIRED:
            acknowledge(
                self.pool,
                "COG2",
                "A second factor is offered to everybody and required by context mfa=required.",
            )
        acknowledge(
            self.pool,
            "COG8",
            "The Plus plan costs more than all else here; Essentials has what the product uses.",
        )

    def _invite_first(self) -> None:
        mail = CfnParameter(
            self,
            "AdminEmail",
            default="",
            description="Mail address of the first person; empty to invite them yourself.",
        )
        role = CfnParameter(
            self,
            "AdminRole",
            default="cloud_engineer",
            allowed_values=list(ROLES),
            description="Their role: a cloud engineer invites the others.",
        )
        for parameter, name in ((mail, "AdminEmail"), (role, "AdminRole")):
            parameter.override_logical_id(name)
        known = CfnCondition(
            self,
            "HasAdmin",
            expression=Fn.condition_not(Fn.condition_equals(mail.value_as_string, "")),
        )
        admin = cognito.CfnUserPoolUser(
            self,
            "Admin",
            user_pool_id=self.pool.user_pool_id,
            username=mail.value_as_string,
            desired_delivery_mediums=["EMAIL"],
            user_attributes=[
                cognito.CfnUserPoolUser.AttributeTypeProperty(
                    name="email", value=mail.value_as_string
                ),
                cognito.CfnUserPoolUser.AttributeTypeProperty(name="email_verified", value="true"),
            ],
        )
        membership = cognito.CfnUserPoolUserToGroupAttachment(
            self,
            "AdminsRole",
            user_pool_id=self.pool.user_pool_id,
            username=mail.value_as_string,
            group_name=role.value_as_string,
        )
        membership.add_resource_dependency(admin)
        for group in self.node.children:
            if isinstance(group, cognito.CfnUserPoolGroup):
                membership.add_resource_dependency(group)
        for resource in (admin, membership):
            resource.cfn_options.condition = known


def invitation(mail: Mail) -> str:
    """The mail that invites somebody, as the HTML that Cognito sends."""
    told = escape(mail.invitation_text, quote=False)
    for placeholder in ("{username}", "{####}"):
        told = told.replace(placeholder, f"<b>{placeholder}</b>")
    parts = [f"<p>{part.strip()}</p>" for part in told.split("\n\n") if part.strip()]
    if mail.logo:
        parts.insert(0, f'<p><img src="{escape(mail.logo)}" alt="" height="48"></p>')
    if mail.app_url:
        parts.append(f'<p><a href="{escape(mail.app_url)}">{escape(mail.app_url)}</a></p>')
    return "\n".join(parts)
