"""The REST API: who gets in, how fast, and which door answers which path."""

import json
from collections.abc import Sequence
from typing import Any

import jsii
from aws_cdk import ArnFormat, IStableAnyProducer, Lazy, RemovalPolicy, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from infra.functions import FinOpsFunction
from infra.nag import acknowledge
from infra.rest_definition import Definition, Model

STAGE = "v1"
NAME, DESCRIPTION = "finops-center", "The FinOps Center"
REQUESTS_PER_SECOND, BURST = 50, 100
REQUESTS_PER_5_MINUTES_AND_ADDRESS = 2000


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
        self._definition = Definition(
            title=NAME,
            description=DESCRIPTION,
            version=STAGE,
            pool_arn=pool.user_pool_arn,
            origins=origins,
        )
        self._callable: set[FinOpsFunction] = set()
        self.api = apigateway.SpecRestApi(
            self,
            "Definition",
            # Written when the template is: routes come in after this.
            api_definition=apigateway.ApiDefinition.from_inline(
                Lazy.any(_Written(self._definition))
            ),
            mode=apigateway.RestApiMode.OVERWRITE,  # a route taken away is gone
            rest_api_name=NAME,
            description=DESCRIPTION,
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            cloud_watch_role=False,
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
        acknowledge(
            self.api,
            "APIG2",
            "The definition validates bodies and parameters of every method.",
        )
        if log_role:
            self._let_it_log()
        if waf:
            self._put_behind_firewall()

    @property
    def url(self) -> str:
        """Where it is, with its stage."""
        return self.api.url

    def route(
        self, method: str, path: str, door: FinOpsFunction, *, body: Model | None = None
    ) -> None:
        """*method* of *path* is answered by *door*; a body unlike the model *body* is a 422.

        Raises ValueError for a route that API Gateway would not take.
        """
        uri = Stack.of(self).format_arn(
            service="apigateway",
            account="lambda",
            resource="path",
            resource_name=f"2015-03-31/functions/{door.function.function_arn}/invocations",
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )
        self._definition.route(method, path, uri, body=body)
        if door not in self._callable:
            self._callable.add(door)
            door.function.add_permission(
                "Rest",
                principal=iam.ServicePrincipal("apigateway.amazonaws.com"),
                source_arn=self.api.arn_for_execute_api(),
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


@jsii.implements(IStableAnyProducer)
class _Written:
    """The definition as it stands when the template is written."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition

    def produce(self) -> Any:
        return self._definition.document()


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
