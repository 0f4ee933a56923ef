"""A door as a Lambda function, with the house defaults."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import Duration, RemovalPolicy, Size
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.nag import acknowledge
from infra.rights import Rights

ROOT = Path(__file__).parent.parent


class FinOpsFunction(Construct):
    """The door of folder `functions/<id>`: Python 3.13 on arm64, own role and log group, traced."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        layers: Sequence[lambda_.ILayerVersion],
        environment: Mapping[str, str],
        memory_mb: int = 512,
        timeout_seconds: int = 60,
        scratch_mb: int = 512,
    ) -> None:
        super().__init__(scope, id_)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.rights = Rights(self, "Rights", role=role)
        log_group = logs.LogGroup(
            self,
            "Logs",
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.function = lambda_.Function(
            self,
            "Function",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            # A stray __pycache__ would change the asset's hash, and with it the deployment.
            code=lambda_.Code.from_asset(
                str(ROOT / "functions" / id_), exclude=["**/__pycache__", "**/*.pyc"]
            ),
            handler="handler.handler",
            role=self.rights.role,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            tracing=lambda_.Tracing.ACTIVE,
            layers=list(layers),
            memory_size=memory_mb,
            timeout=Duration.seconds(timeout_seconds),
            ephemeral_storage_size=Size.mebibytes(scratch_mb),
            environment={
                "POWERTOOLS_SERVICE_NAME": id_,
                "POWERTOOLS_METRICS_NAMESPACE": "FinOpsCenter",
                "LOG_LEVEL": "INFO",
                **environment,
            },
        )
        self.rights.allow(
            "WriteLogs",
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            on=[log_group.log_group_arn],
        )
        self.rights.allow(
            "Trace",
            "xray:PutTraceSegments",
            "xray:PutTelemetryRecords",
            on=["*"],
            why="X-Ray has no resource-level permissions.",
        )
        acknowledge(
            self,
            "L1",
            "Python 3.13 is supported as long as 3.14 (2029-06-30), and the tests run on it.",
        )

    @property
    def name(self) -> str:
        """The name of the door, as in `functions/`."""
        return self.node.id


ENGINE_MB = 600
WORKER_MB = 3538  # two processors


def engine(memory_mb: int) -> dict[str, str]:
    """What a door with *memory_mb* leaves its engine, which spills beyond it.

    A worker stays below 1 GB whatever it reads: it has its memory for the processors that come with
    it, one for each 1,769 MB.
    """
    return {
        "LEDGER_MEMORY_MB": str(min(memory_mb // 2, ENGINE_MB)),
        "LEDGER_THREADS": str(max(1, memory_mb // 1769)),
    }
