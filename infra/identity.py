"""People: the user pool, the seven roles, and the first person."""

from aws_cdk import CfnCondition, CfnParameter, Duration, Fn, RemovalPolicy
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from infra.nag import acknowledge
from infra.settings import Mfa

# Lower counts more where a person is in two groups by mistake.
ROLES = {
    "financial_admin": "Everything about money",
    "vendor_manager": "Budgets, credits, discounts, savings decisions; sees all spend",
    "cloud_engineer": "People and roles, accounts, configuration",
    "business_unit_owner": "Sees a business unit",
    "department_owner": "Sees a department",
    "portfolio_owner": "Approves schedules and spend cards of a portfolio",
    "product_owner": "Plans a product and answers for its spend",
}

INVITATION = """\
<p>Hello,</p>
<p>you are invited to the FinOps Center, where every dollar of the AWS bill has an owner.</p>
<p>Sign in as <b>{username}</b> with the password <b>{####}</b>.
You choose your own at the first sign-in; this one is good for seven days.</p>
"""


class People(Construct):
    """Who may sign in. Nobody signs up; somebody invites, by mail."""

    def __init__(self, scope: Construct, id_: str, *, mfa: Mfa) -> None:
        super().__init__(scope, id_)
        self.pool = cognito.UserPool(
            self,
            "Pool",
            self_sign_up_enabled=False,
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            auto_verify=cognito.AutoVerifiedAttrs(email=True),
            standard_attributes=cognito.StandardAttributes(
                email=cognito.StandardAttribute(required=True, mutable=True)
            ),
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
            user_invitation=cognito.UserInvitationConfig(
                email_subject="Your invitation to the FinOps Center", email_body=INVITATION
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
