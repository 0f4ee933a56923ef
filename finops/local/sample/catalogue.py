"""What AWS sells: meters with their public prices, instance sizes, regions, forms of resource ids.

Prices are of the right order, not of a given day.
"""

# ruff: noqa: E501  a price list is read as a table, one meter to a line

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Region(NamedTuple):
    code: str
    location: str
    prefix: str  # of usage types
    markup: int  # percent of the price in us-east-1


REGIONS: Mapping[str, Region] = {
    region.code: region
    for region in (
        Region("us-east-1", "US East (N. Virginia)", "", 100),
        Region("us-east-2", "US East (Ohio)", "USE2-", 100),
        Region("eu-west-1", "EU (Ireland)", "EU-", 110),
        Region("eu-central-1", "EU (Frankfurt)", "EUC1-", 115),
    )
}


class Size(NamedTuple):
    """One rung of an instance family: its type, USD an hour, and normalization factor."""

    name: str
    price: float
    factor: float


_GENERAL = (
    Size("t3.nano", 0.0052, 0.25),
    Size("t3.micro", 0.0104, 0.5),
    Size("t3.small", 0.0208, 1),
    Size("t3.medium", 0.0416, 2),
    Size("m6i.large", 0.096, 4),
    Size("m6i.xlarge", 0.192, 8),
    Size("m6i.2xlarge", 0.384, 16),
    Size("m6i.4xlarge", 0.768, 32),
    Size("m6i.8xlarge", 1.536, 64),
    Size("m6i.16xlarge", 3.072, 128),
    Size("m6i.32xlarge", 6.144, 256),
)
_COMPUTE = (
    Size("t4g.small", 0.0168, 1),
    Size("c7g.medium", 0.0363, 2),
    Size("c7g.large", 0.0725, 4),
    Size("c7g.xlarge", 0.145, 8),
    Size("c7g.2xlarge", 0.29, 16),
    Size("c7g.4xlarge", 0.58, 32),
    Size("c7g.8xlarge", 1.16, 64),
    Size("c7g.16xlarge", 2.32, 128),
)
_DATABASE = (
    Size("db.t4g.micro", 0.016, 0.5),
    Size("db.t4g.small", 0.032, 1),
    Size("db.t4g.medium", 0.065, 2),
    Size("db.r6g.large", 0.225, 4),
    Size("db.r6g.xlarge", 0.45, 8),
    Size("db.r6g.2xlarge", 0.899, 16),
    Size("db.r6g.4xlarge", 1.798, 32),
    Size("db.r6g.8xlarge", 3.597, 64),
    Size("db.r6g.16xlarge", 7.194, 128),
)
_CACHE = (
    Size("cache.t4g.micro", 0.016, 0.5),
    Size("cache.t4g.small", 0.032, 1),
    Size("cache.t4g.medium", 0.065, 2),
    Size("cache.r6g.large", 0.206, 4),
    Size("cache.r6g.xlarge", 0.411, 8),
    Size("cache.r6g.2xlarge", 0.821, 16),
    Size("cache.r6g.4xlarge", 1.642, 32),
)
_WAREHOUSE = (
    Size("dc2.large", 0.25, 4),
    Size("ra3.xlplus", 1.086, 8),
    Size("ra3.4xlarge", 3.26, 32),
    Size("ra3.16xlarge", 13.04, 128),
)


@dataclass(frozen=True)
class Meter:
    """One kind of usage that AWS meters and charges.

    `price` is USD for one `unit` (of the smallest size where there are `sizes`); `resource` names
    a form of resource id, None where AWS gives none. `usage` may hold `{size}`.
    """

    product: str
    name: str
    family: str
    usage: str
    operation: str
    unit: str
    price: float
    words: str
    resource: str | None = None
    sizes: tuple[Size, ...] = ()
    idle: float = 1.0  # what a resource uses in an hour where it costs nothing
    service: str = ""  # the price list it is in, where that is another product's
    zonal: bool = False
    entity: str = "AWS"

    @property
    def timed(self) -> bool:
        """Charged by the hour it runs, whatever it does."""
        return self.unit == "Hrs"


_EC2 = "Amazon Elastic Compute Cloud"
_S3 = "Amazon Simple Storage Service"
_RDS = "Amazon Relational Database Service"
_CW = "AmazonCloudWatch"
_DT = "AWSDataTransfer"
_VPC = "Amazon Virtual Private Cloud"
_CDN = "Amazon CloudFront"
_TRANSFER = "Data Transfer"

# fmt: off
METERS: Mapping[str, Meter] = {
    # compute
    "instance": Meter("AmazonEC2", _EC2, "Compute Instance", "BoxUsage:{size}", "RunInstances", "Hrs", 0, "On Demand Linux {size} Instance Hour", "instance", _GENERAL, zonal=True),
    "arm-instance": Meter("AmazonEC2", _EC2, "Compute Instance", "BoxUsage:{size}", "RunInstances", "Hrs", 0, "On Demand Linux {size} Instance Hour", "instance", _COMPUTE, zonal=True),
    "volume": Meter("AmazonEC2", _EC2, "Storage", "EBS:VolumeUsage.gp3", "CreateVolume-Gp3", "GB-Mo", 0.08, "GB-month of General Purpose (gp3) provisioned storage", "volume"),
    "snapshot": Meter("AmazonEC2", _EC2, "Storage Snapshot", "EBS:SnapshotUsage", "CreateSnapshot", "GB-Mo", 0.05, "GB-Month of snapshot data stored", "snapshot"),
    "nat-hours": Meter("AmazonEC2", _EC2, "NAT Gateway", "NatGateway-Hours", "NatGateway", "Hrs", 0.045, "NAT Gateway Hour", "nat"),
    "nat-bytes": Meter("AmazonEC2", _EC2, "NAT Gateway", "NatGateway-Bytes", "NatGateway", "GB", 0.045, "GB Data Processed by NAT Gateways", "nat"),
    "transfer-in": Meter("AmazonEC2", _EC2, _TRANSFER, "DataTransfer-In-Bytes", "RunInstances", "GB", 0, "GB data transfer in", "instance", idle=2.5, service=_DT),
    "transfer-regional": Meter("AmazonEC2", _EC2, _TRANSFER, "DataTransfer-Regional-Bytes", "InterZone-In", "GB", 0.01, "GB regional data transfer - in/out/between EC2 AZs", "instance", service=_DT),
    "transfer-out": Meter("AmazonEC2", _EC2, _TRANSFER, "DataTransfer-Out-Bytes", "RunInstances", "GB", 0.09, "GB data transfer out", "instance", service=_DT),
    "pod-vcpu": Meter("AmazonEC2", _EC2, "Compute Instance", "EKS-EC2-vCPU-Hours", "EKSPod-EC2", "vCPU-Hours", 0, "EKS pod on EC2, vCPU", "pod", idle=0.75),
    "pod-memory": Meter("AmazonEC2", _EC2, "Compute Instance", "EKS-EC2-GB-Hours", "EKSPod-EC2", "GB-Hours", 0, "EKS pod on EC2, memory", "pod", idle=2.5),
    "task-vcpu": Meter("AmazonEC2", _EC2, "Compute Instance", "ECS-EC2-vCPU-Hours", "ECSTask-EC2", "vCPU-Hours", 0, "ECS task on EC2, vCPU", "task", idle=0.5),
    "task-memory": Meter("AmazonEC2", _EC2, "Compute Instance", "ECS-EC2-GB-Hours", "ECSTask-EC2", "GB-Hours", 0, "ECS task on EC2, memory", "task", idle=1.5),
    "cluster": Meter("AmazonEKS", "Amazon Elastic Container Service for Kubernetes", "Compute", "AmazonEKS-Hours:perCluster", "CreateOperation", "Hrs", 0.10, "Amazon EKS cluster hour", "cluster"),
    "fargate": Meter("AmazonECS", "Amazon Elastic Container Service", "Compute", "Fargate-vCPU-Hours:perCPU", "FargateTask", "hours", 0.04048, "AWS Fargate vCPU hour", "task"),
    "function": Meter("AWSLambda", "AWS Lambda", "Serverless", "Lambda-GB-Second-ARM", "Invoke", "Lambda-GB-Second", 0.0000133334, "GB-Second of AWS Lambda compute on Arm", "function"),
    "function-requests": Meter("AWSLambda", "AWS Lambda", "Serverless", "Request-ARM", "Invoke", "Requests", 0, "first 1,000,000 requests", "function", idle=40),
    # load balancing, networks, delivery
    "balancer": Meter("AWSELB", "Elastic Load Balancing", "Load Balancer-Application", "LoadBalancerUsage", "LoadBalancing:Application", "Hrs", 0.0225, "Application LoadBalancer-hour (or partial hour)", "balancer"),
    "balancer-capacity": Meter("AWSELB", "Elastic Load Balancing", "Load Balancer-Application", "LCUUsage", "LoadBalancing:Application", "LCU-Hrs", 0.008, "used Application load balancer capacity unit-hour", "balancer"),
    "balancer-in": Meter("AWSELB", "Elastic Load Balancing", _TRANSFER, "DataTransfer-In-Bytes", "LoadBalancing-PublicIP-In", "GB", 0, "GB data transfer in", "balancer", idle=4, service=_DT),
    "transit-hours": Meter("AmazonVPC", _VPC, "TransitGateway", "TransitGateway-Hours", "TransitGatewayVPC", "Hrs", 0.05, "Transit Gateway VPC attachment-hour", "attachment"),
    "transit-bytes": Meter("AmazonVPC", _VPC, "TransitGateway", "TransitGateway-Bytes", "TransitGatewayVPC", "GB", 0.02, "GB Data Processed by Transit Gateway", "attachment"),
    "endpoint": Meter("AmazonVPC", _VPC, "VpcEndpoint", "VpcEndpoint-Hours", "VpcEndpoint", "Hrs", 0.01, "VPC Endpoint Hour", "endpoint"),
    "address": Meter("AmazonVPC", _VPC, "VPC", "PublicIPv4:InUseAddress", "AllocateAddressVPC", "Hrs", 0.005, "In-use public IPv4 address per hour", "address"),
    "connection": Meter("AWSDirectConnect", "AWS Direct Connect", "Direct Connect", "PortUsage:1G", "CreateConnection", "Hrs", 0.30, "1G Direct Connect port-hour", "connection"),
    "cdn-out": Meter("AmazonCloudFront", _CDN, _TRANSFER, "US-DataTransfer-Out-Bytes", "GET", "GB", 0.085, "GB data transfer out to the internet", "distribution", service="AmazonCloudFront"),
    "cdn-requests": Meter("AmazonCloudFront", _CDN, "Request", "US-Requests-Tier2-HTTPS", "GET", "Requests", 0.000001, "HTTPS request", "distribution"),
    "cdn-origin": Meter("AmazonCloudFront", _CDN, _TRANSFER, "US-DataTransfer-In-OBytes", "Origin", "GB", 0, "GB from AWS origins", "distribution", idle=12),
    "firewall": Meter("awswaf", "AWS WAF", "Web Application Firewall", "RequestV2-Tier1", "", "Request", 0.0000006, "AWS WAF request", "webacl"),
    "gateway-calls": Meter("AmazonApiGateway", "Amazon API Gateway", "API Calls", "ApiGatewayHttpRequest", "ApiGatewayHttpApi", "Requests", 0.000001, "HTTP API request", "api"),
    "dns": Meter("AmazonRoute53", "Amazon Route 53", "DNS Query", "DNS-Queries", "A", "Queries", 0.0000004, "DNS query"),
    "dns-internal": Meter("AmazonRoute53", "Amazon Route 53", "DNS Query", "Intra-AWS-DNS-Queries", "AAAA", "Queries", 0, "queries to an alias of an AWS resource", idle=9_000),
    # storage and databases
    "storage": Meter("AmazonS3", _S3, "Storage", "TimedStorage-ByteHrs", "StandardStorage", "GB-Mo", 0.023, "GB - first 50 TB / month of storage used", "bucket"),
    "archive": Meter("AmazonS3", _S3, "Storage", "TimedStorage-GIR-ByteHrs", "GlacierInstantRetrievalStorage", "GB-Mo", 0.004, "GB-Month of storage used in Glacier Instant Retrieval", "bucket"),
    "storage-writes": Meter("AmazonS3", _S3, "API Request", "Requests-Tier1", "PutObject", "Requests", 0.000005, "PUT, COPY, POST, or LIST request", "bucket"),
    "storage-reads": Meter("AmazonS3", _S3, "API Request", "Requests-Tier2", "GetObject", "Requests", 0.0000004, "GET and all other requests", "bucket"),
    "storage-in": Meter("AmazonS3", _S3, _TRANSFER, "C3DataTransfer-In-Bytes", "PutObject", "GB", 0, "GB data transfer in", "bucket", idle=1.5, service=_DT),
    "storage-deletes": Meter("AmazonS3", _S3, "API Request", "Requests-Tier8", "DeleteObject", "Requests", 0, "DELETE request", "bucket", idle=700),
    "database": Meter("AmazonRDS", _RDS, "Database Instance", "InstanceUsage:{size}", "CreateDBInstance:0014", "Hrs", 0, "RDS {size} Single-AZ instance hour running PostgreSQL", "database", _DATABASE, zonal=True),
    "database-storage": Meter("AmazonRDS", _RDS, "Database Storage", "RDS:GP3-Storage", "CreateDBInstance:0014", "GB-Mo", 0.115, "GB-month of provisioned gp3 storage running PostgreSQL", "database"),
    "database-backup": Meter("AmazonRDS", _RDS, "Storage Snapshot", "RDS:ChargedBackupUsage", "CreateDBInstance:0014", "GB-Mo", 0, "GB-month of backup storage within the free allocation", "database", idle=0.2),
    "cache": Meter("AmazonElastiCache", "Amazon ElastiCache", "Cache Instance", "NodeUsage:{size}", "CreateCacheCluster:0002", "Hrs", 0, "{size} node hour running Redis", "cache", _CACHE),
    "table-reads": Meter("AmazonDynamoDB", "Amazon DynamoDB", "Amazon DynamoDB PayPerRequest Throughput", "ReadRequestUnits", "PayPerRequestThroughput", "ReadRequestUnits", 0.000000125, "read request unit", "table"),
    "table-storage": Meter("AmazonDynamoDB", "Amazon DynamoDB", "Database Storage", "TimedStorage-ByteHrs", "StandardStorage", "GB-Mo", 0.25, "GB-Month of storage used beyond the first 25 GB", "table"),
    "table-free": Meter("AmazonDynamoDB", "Amazon DynamoDB", "Database Storage", "TimedStorage-ByteHrs-FreeTier", "StandardStorage", "GB-Mo", 0, "GB-Month of storage for the first 25 GB", "table", idle=0.03),
    "files": Meter("AmazonEFS", "Amazon Elastic File System", "Storage", "TimedStorage-ByteHrs", "", "GB-Mo", 0.30, "GB-Mo for Standard storage", "files"),
    "search": Meter("AmazonES", "Amazon OpenSearch Service", "Amazon OpenSearch Service Instance", "ESInstance:r6g.large", "ESDomain", "Hrs", 0.167, "r6g.large.search instance hour", "domain"),
    # data, messages, models
    "warehouse": Meter("AmazonRedshift", "Amazon Redshift", "Compute Instance", "Node:{size}", "RunComputeNode:0001", "Hrs", 0, "Redshift {size} Compute Node-hour (or partial hour)", "warehouse", _WAREHOUSE),
    "etl": Meter("AWSGlue", "AWS Glue", "AWS Glue", "ETL-DPU-Hour", "Jobrun", "DPU-Hour", 0.44, "Data Processing Unit-Hour for AWS Glue ETL", "job"),
    "queries": Meter("AmazonAthena", "Amazon Athena", "Athena Queries", "DataScannedInTB", "ExecuteQuery", "Terabytes", 5, "Terabyte of data scanned", "workgroup"),
    "stream": Meter("AmazonKinesis", "Amazon Kinesis", "Kinesis Streams", "OnDemand-BilledIncomingBytes", "PutRecord", "GB", 0.08, "GB of data ingested", "stream"),
    "queue": Meter("AWSQueueService", "Amazon Simple Queue Service", "API Request", "Requests-Tier1", "SendMessage", "Requests", 0.0000004, "Amazon SQS request", "queue"),
    "queue-free": Meter("AWSQueueService", "Amazon Simple Queue Service", "API Request", "Requests-FreeTier", "ReceiveMessage", "Requests", 0, "first 1,000,000 requests per month", idle=800),
    "topic": Meter("AmazonSNS", "Amazon Simple Notification Service", "API Request", "Requests-Tier1", "Publish", "Requests", 0.0000005, "SNS request", "topic"),
    "topic-free": Meter("AmazonSNS", "Amazon Simple Notification Service", "Message Delivery", "DeliveryAttempts-SQS", "Publish", "Notifications", 0, "notifications to SQS", idle=500),
    "workflow": Meter("AmazonStates", "AWS Step Functions", "AWS Step Functions", "StateTransition", "", "StateTransitions", 0.000025, "state transition", "machine"),
    "training": Meter("AmazonSageMaker", "Amazon SageMaker", "ML Instance", "Train:ml.m5.2xlarge", "RunInstance", "Hrs", 0.461, "Training ml.m5.2xlarge hour", "training"),
    "model": Meter("AmazonBedrock", "Amazon Bedrock", "Amazon Bedrock", "Text-OutputTokenCount", "InvokeModelInference", "1K tokens", 0.015, "1,000 output tokens", "profile"),
    "places": Meter("AmazonLocationService", "Amazon Location Service", "Location Service", "Routes-Requests", "CalculateRoute", "Requests", 0.0005, "route calculated"),
    # watching and guarding
    "logs": Meter(_CW, _CW, "Data Payload", "DataProcessing-Bytes", "PutLogEvents", "GB", 0.50, "GB custom log data ingested", "logs"),
    "logs-stored": Meter(_CW, _CW, "Storage Snapshot", "TimedStorage-ByteHrs-FreeTier", "HourlyStorageMetering", "GB-Mo", 0, "first 5 GB-mo of logs storage", "logs", idle=0.01),
    "metrics": Meter(_CW, _CW, "Metric", "CW:MetricMonitorUsage", "MetricStorage", "Metrics", 0.30, "metric-month for the first 10,000 metrics"),
    "metric-requests": Meter(_CW, _CW, "API Request", "CW:Requests", "GetMetricData", "Requests", 0, "first 1,000,000 requests", idle=60),
    "trail": Meter("AWSCloudTrail", "AWS CloudTrail", "Management Tools - AWS CloudTrail Data Events Recorded", "DataEventsRecorded", "None", "Events", 0.000001, "data event recorded"),
    "trail-free": Meter("AWSCloudTrail", "AWS CloudTrail", "Management Tools - AWS CloudTrail Free Events Recorded", "FreeEventsRecorded", "None", "Events", 0, "free event recorded", idle=350),
    "threats": Meter("AmazonGuardDuty", "Amazon GuardDuty", "Security Services - Amazon GuardDuty Paid CloudTrail Events Analyzed", "PaidEventsAnalyzed", "none", "Events", 0.000004, "event analyzed"),
    "config": Meter("AWSConfig", "AWS Config", "Management Tools - AWS Config", "ConfigurationItemRecorded", "None", "ConfigurationItemRecorded", 0.003, "configuration item recorded"),
    "findings": Meter("AWSSecurityHub", "AWS Security Hub", "AWS Security Hub", "PaidComplianceCheck", "None", "Checks", 0.001, "security check"),
    "key": Meter("awskms", "AWS Key Management Service", "Encryption Key", "KMS-Keys", "", "Keys", 1, "customer managed key version", "key"),
    "key-requests": Meter("awskms", "AWS Key Management Service", "API Request", "KMS-Requests", "GenerateDataKey", "Requests", 0.000003, "KMS request beyond the free tier"),
    "key-free": Meter("awskms", "AWS Key Management Service", "API Request", "KMS-Requests-FreeTier", "Decrypt", "Requests", 0, "first 20,000 requests", idle=25),
    "secret": Meter("AWSSecretsManager", "AWS Secrets Manager", "Secret", "AWSSecretsManager-Secrets", "", "Secrets", 0.40, "secret", "secret"),
    "builds": Meter("CodeBuild", "CodeBuild", "Build", "Build-Min:Linux:g1.small", "", "Minutes", 0.005, "build minute, general1.small", "project"),
    "cost-requests": Meter("AWSCostExplorer", "AWS Cost Explorer", "AWS Cost Explorer", "APIRequest", "GetCostAndUsage", "API calls", 0.01, "Cost Explorer API request"),
    # sold by somebody else
    "market": Meter("4kmv2x8r9qhj1wz6tbp0dyn5c", "Halcyon Trace Observability", "", "Global-HostHours", "Hourly", "Units", 0.031, "monitored host hour", entity="AWS Marketplace"),
}
# fmt: on

# Sold in no region: usage types carry their own prefix, and the region columns stay empty.
GLOBAL = frozenset({"AmazonCloudFront", "AmazonRoute53", "AWSCostExplorer"})

# A form of resource id, filled from `region`, `account`, `app` and the hexadecimal `hex`.
_ARN = "arn:aws:{service}:{{region}}:{{account}}:{rest}".format
RESOURCE_IDS: Mapping[str, Callable[..., str]] = {
    kind: form.format
    for kind, form in {
        "instance": "i-0{hex:.16}",
        "volume": "vol-0{hex:.16}",
        "snapshot": "arn:aws:ec2:{region}:{account}:snapshot/snap-0{hex:.16}",
        "nat": _ARN(service="ec2", rest="natgateway/nat-0{hex:.16}"),
        "pod": _ARN(
            service="eks", rest="pod/{app}/{app}/{app}-{hex:.9}/{hex:.8}-5c1e-4f0a-9d27-{hex:.12}"
        ),
        "task": _ARN(service="ecs", rest="task/{app}/{hex:.32}"),
        "cluster": _ARN(service="eks", rest="cluster/{app}"),
        "function": _ARN(service="lambda", rest="function:{app}-{hex:.6}"),
        "balancer": _ARN(service="elasticloadbalancing", rest="loadbalancer/app/{app}/{hex:.16}"),
        "attachment": _ARN(service="ec2", rest="transit-gateway-attachment/tgw-attach-0{hex:.16}"),
        "endpoint": _ARN(service="ec2", rest="vpc-endpoint/vpce-0{hex:.16}"),
        "address": _ARN(service="ec2", rest="elastic-ip/eipalloc-0{hex:.16}"),
        "connection": _ARN(service="directconnect", rest="dxcon/dxcon-{hex:.8}"),
        "distribution": "arn:aws:cloudfront::{account}:distribution/E{hex:.13}",
        "webacl": "arn:aws:wafv2:us-east-1:{account}:global/webacl/{app}/{hex:.12}",
        "api": "arn:aws:apigateway:{region}::/apis/{hex:.10}",
        "bucket": "{app}-{region}-{hex:.8}",
        "database": _ARN(service="rds", rest="db:{app}-{hex:.6}"),
        "cache": _ARN(service="elasticache", rest="cluster:{app}-{hex:.6}"),
        "table": _ARN(service="dynamodb", rest="table/{app}-{hex:.6}"),
        "files": _ARN(service="elasticfilesystem", rest="file-system/fs-0{hex:.16}"),
        "domain": _ARN(service="es", rest="domain/{app}-{hex:.4}"),
        "warehouse": _ARN(service="redshift", rest="cluster:{app}-{hex:.6}"),
        "job": _ARN(service="glue", rest="job/{app}-{hex:.6}"),
        "workgroup": _ARN(service="athena", rest="workgroup/{app}-{hex:.4}"),
        "stream": _ARN(service="kinesis", rest="stream/{app}-{hex:.6}"),
        "queue": _ARN(service="sqs", rest="{app}-{hex:.6}"),
        "topic": _ARN(service="sns", rest="{app}-{hex:.6}"),
        "machine": _ARN(service="states", rest="stateMachine:{app}-{hex:.6}"),
        "training": _ARN(service="sagemaker", rest="training-job/{app}-{hex:.10}"),
        "profile": _ARN(service="bedrock", rest="application-inference-profile/{hex:.12}"),
        "logs": _ARN(service="logs", rest="log-group:/{app}/{hex:.6}"),
        "key": _ARN(service="kms", rest="key/{hex:.8}-84d1-4c63-b1f5-{hex:.12}"),
        "secret": _ARN(service="secretsmanager", rest="secret:{app}/{hex:.6}"),
        "project": _ARN(service="codebuild", rest="project/{app}-{hex:.6}"),
    }.items()
}
