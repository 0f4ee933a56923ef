"""The customer's own key, where the deployment asks for one."""

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct


class OwnKey(Construct):
    """One key for the ledger, the charts, the tables and the alarms.

    The services use it on behalf of whoever in this account may use *them*, as with AWS's own
    keys: no role needs a statement about it.
    """

    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_)
        self.key = kms.Key(
            self,
            "Key",
            description="FinOps Center: ledger, tables, alarms",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN,
        )
        stack = Stack.of(self)
        services = [f"{service}.{stack.region}.amazonaws.com" for service in ("s3", "dynamodb")]
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="ThroughTheServices",
                principals=[iam.AnyPrincipal()],
                actions=[
                    "kms:CreateGrant",
                    "kms:Decrypt",
                    "kms:DescribeKey",
                    "kms:GenerateDataKey",
                ],
                resources=["*"],  # in a key's policy: this key
                conditions={
                    "StringEquals": {
                        "kms:CallerAccount": stack.account,
                        "kms:ViaService": services,
                    }
                },
            )
        )
        self.key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsToTheirTopic",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],  # in a key's policy: this key
                conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
            )
        )
