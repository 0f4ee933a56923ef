"""The REST API: who gets in, how fast, and what it says when it refuses before a door is asked."""

import json
from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from infra.functions import FinOpsFunction
from infra.nag import acknowledge

STAGE = "v1"
REQUESTS_PER_SECOND, BURST = 50, 100
REQUESTS_PER_5_MINUTES_AND_ADDRESS = 2000

# API Gateway's own refusals, as problems: its words for an unknown path, for one, tell nobody.
REFUSALS = (
    (apigateway.ResponseType.UNAUTHORIZED, 401, "Sign in: no valid token came with the request"),
    (apigateway.ResponseType.EXPIRED_TOKEN, 401, "Sign in again: the token is too old"),
    (apigateway.ResponseType.ACCESS_DENIED, 403, "This is not for you"),
    (apigateway.ResponseType.MISSING_AUTHENTICATION_TOKEN, 404, "There is no such path"),
    # The status by which a door answers a body that it cannot use.
    (apigateway.ResponseType.BAD_REQUEST_BODY, 422, "The body is not as docs/openapi.json has it"),
    (apigateway.ResponseType.REQUEST_TOO_LARGE, 413, "The request is too large"),
    (apigateway.ResponseType.THROTTLED, 429, "Too many requests: wait a little"),
    (apigateway.ResponseType.WAF_FILTERED, 403, "The firewall refused the request"),
    (apigateway.ResponseType.INTEGRATION_TIMEOUT, 504, "It took too long: ask for less"),
    (apigateway.ResponseType.DEFAULT_5_XX, 500, "Something went wrong on our side"),
)


class Rest(Construct):
    """Every method asks for a token, is validated, throttled, logged; a firewall is optional."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        pool: cognito.IUserPool,
        origins: Sequence[str],
        log_role: bool,
        waf: bool,
    ) -> None:
        super().__init__(scope, id_)
        access = logs.LogGroup(
            self,
            "Access",
            retention=logs.RetentionDays.ONE_YEAR,
            removal_policy=RemovalPolicy.RETAIN,
        )
        self.api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name="finops-center",  # an API has no name unless one is given
            description="The FinOps Center",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            cloud_watch_role=False,
            default_cors_preflight_options=_cors(origins),
            deploy_options=apigateway.StageOptions(
                stage_name=STAGE,
                tracing_enabled=True,
                metrics_enabled=False,  # by method: dear, and the access log has it too
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,  # answers hold money; logs should not
                throttling_rate_limit=REQUESTS_PER_SECOND,
                throttling_burst_limit=BURST,
                access_log_destination=apigateway.LogGroupLogDestination(access),
                access_log_format=_access_log(),
            ),
        )
        self.api.node.try_remove_child("Endpoint")  # an output of CDK's own naming
        self._authorizer = apigateway.CognitoUserPoolsAuthorizer(
            self, "People", cognito_user_pools=[pool]
        )
        self._validator = self.api.add_request_validator(
            "Validator", validate_request_body=True, validate_request_parameters=True
        )
        self._refuse_in_problems(origins)
        if log_role:
            self._let_it_log()
        if waf:
            self._put_behind_firewall()

    @property
    def url(self) -> str:
        """Where it is, with its stage."""
        return self.api.url

    def route(
        self, method: str, path: str, door: FinOpsFunction, *, body: apigateway.IModel | None = None
    ) -> None:
        """*method* of *path* is answered by *door*; a body unlike the model *body* is a 422."""
        resource = self.api.root.resource_for_path(path)
        resource.add_method(
            method,
            apigateway.LambdaIntegration(door.function, scope_permission_to_method=False),
            authorization_type=apigateway.AuthorizationType.COGNITO,
            authorizer=self._authorizer,
            request_validator=self._validator,
            request_models={"application/json": body} if body else None,
        )

    def _refuse_in_problems(self, origins: Sequence[str]) -> None:
        headers = {"Content-Type": "'application/problem+json'"}
        if len(origins) == 1:
            headers["Access-Control-Allow-Origin"] = f"'{origins[0]}'"
        for type_, status, title in REFUSALS:
            problem = {"type": "about:blank", "title": title, "status": status}
            self.api.add_gateway_response(
                f"Refusal{type_.response_type}",
                type=type_,
                status_code=str(status),
                response_headers=headers,
                templates={"application/json": json.dumps(problem)},
            )

    def _let_it_log(self) -> None:
        """API Gateway writes logs by one role for all APIs of the account and region."""
        role = iam.Role(
            self,
            "LogRole",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name(
                    "service-role/AmazonAPIGatewayPushToCloudWatchLogs"
                )
            ],
        )
        acknowledge(
            role,
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
            "AmazonAPIGatewayPushToCloudWatchLogs]",
            "One role for all APIs of the account; API Gateway refuses one with less.",
        )
        account = apigateway.CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)
        # Other APIs of the account may log by it too.
        for kept in (role, account):
            kept.apply_removal_policy(RemovalPolicy.RETAIN)
        self.api.deployment_stage.node.add_dependency(account)

    def _put_behind_firewall(self) -> None:
        acl = wafv2.CfnWebACL(
            self,
            "Firewall",
            scope="REGIONAL",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_seen("finops-center"),
            rules=[
                wafv2.CfnWebACL.RuleProperty(
                    name="common",
                    priority=1,
                    override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
                    statement=wafv2.CfnWebACL.StatementProperty(
                        managed_rule_group_statement=(
                            wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
                                vendor_name="AWS",
                                name="AWSManagedRulesCommonRuleSet",
                                # It refuses bodies above 8 KB; a file of people is larger, and
                                # the doors refuse what is larger than they read.
                                rule_action_overrides=[
                                    wafv2.CfnWebACL.RuleActionOverrideProperty(
                                        name="SizeRestrictions_BODY",
                                        action_to_use=wafv2.CfnWebACL.RuleActionProperty(count={}),
                                    )
                                ],
                            )
                        )
                    ),
                    visibility_config=_seen("common"),
                ),
                wafv2.CfnWebACL.RuleProperty(
                    name="rate",
                    priority=2,
                    action=wafv2.CfnWebACL.RuleActionProperty(block={}),
                    statement=wafv2.CfnWebACL.StatementProperty(
                        rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
                            limit=REQUESTS_PER_5_MINUTES_AND_ADDRESS, aggregate_key_type="IP"
                        )
                    ),
                    visibility_config=_seen("rate"),
                ),
            ],
        )
        wafv2.CfnWebACLAssociation(
            self,
            "FirewallInFront",
            web_acl_arn=acl.attr_arn,
            resource_arn=self.api.deployment_stage.stage_arn,
        )


def _cors(origins: Sequence[str]) -> apigateway.CorsOptions | None:
    if not origins:
        return None
    return apigateway.CorsOptions(
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        allow_headers=[
            *("Authorization", "Content-Type", "Accept"),
            *("Idempotency-Key", "If-Match", "If-None-Match"),
        ],
        expose_headers=["ETag", "Location", "X-Next-Cursor", "Idempotency-Replayed"],
    )


def _access_log() -> apigateway.AccessLogFormat:
    field = apigateway.AccessLogField
    words = {
        "requestId": field.context_request_id(),
        "at": field.context_request_time_epoch(),
        "ip": field.context_identity_source_ip(),
        "person": field.context_authorizer_claims("sub"),
        "method": field.context_http_method(),
        "path": field.context_path(),
        "status": field.context_status(),
        "milliseconds": field.context_response_latency(),
        "bytes": field.context_response_length(),
        "error": field.context_error_message(),
    }
    return apigateway.AccessLogFormat.custom(json.dumps(words))


def _seen(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
    )
