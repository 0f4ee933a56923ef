"""The management (payer) account's part: its data exports, and the way to our bucket.

A template without assets and without bootstrap: it is deployed as it is, in us-east-1, by the
command, the console or `aws cloudformation deploy`. It is no part of the FinOps account.
"""

from aws_cdk import (
    Aws,
    BootstraplessSynthesizer,
    CfnCondition,
    CfnOutput,
    CfnParameter,
    Duration,
    Environment,
    Fn,
    Stack,
)
from aws_cdk import aws_bcmdataexports as bcmdataexports
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_organizations as organizations
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.aws_budgets import BudgetsRole
from infra.buckets import REPLICATION_ROLE, FinOpsBucket
from infra.nag import acknowledge
from infra.organization_events import CHANGES
from infra.rights import Rights
from infra.settings import Delivery, Export, Settings

TABLE = "COST_AND_USAGE_REPORT"
NAME = "finops-cur2"
SAVINGS_TABLE = "COST_OPTIMIZATION_RECOMMENDATIONS"
SAVINGS_NAME = "finops-coh"
KEYS = "AWS chooses the keys of an export's files."

# All columns of a CUR 2.0 export, in AWS's order. Data Exports does not accept `SELECT *`.
COLUMNS = """
bill_bill_type bill_billing_entity bill_billing_period_end_date bill_billing_period_start_date
bill_invoice_id bill_invoicing_entity bill_payer_account_id bill_payer_account_name
cost_category discount discount_bundled_discount discount_total_discount
identity_line_item_id identity_time_interval
line_item_availability_zone line_item_blended_cost line_item_blended_rate line_item_currency_code
line_item_legal_entity line_item_line_item_description line_item_line_item_type
line_item_net_unblended_cost line_item_net_unblended_rate line_item_normalization_factor
line_item_normalized_usage_amount line_item_operation line_item_product_code line_item_resource_id
line_item_tax_type line_item_unblended_cost line_item_unblended_rate line_item_usage_account_id
line_item_usage_account_name line_item_usage_amount line_item_usage_end_date
line_item_usage_start_date line_item_usage_type line_item_user_identifier
pricing_currency pricing_lease_contract_length pricing_offering_class
pricing_public_on_demand_cost pricing_public_on_demand_rate pricing_purchase_option
pricing_rate_code pricing_rate_id pricing_term pricing_unit
product product_comment product_fee_code product_fee_description product_from_location
product_from_location_type product_from_region_code product_instance_family product_instance_type
product_instancesku product_location product_location_type product_operation product_pricing_unit
product_product_family product_region_code product_servicecode product_sku product_to_location
product_to_location_type product_to_region_code product_usagetype
reservation_amortized_upfront_cost_for_usage reservation_amortized_upfront_fee_for_billing_period
reservation_availability_zone reservation_effective_cost reservation_end_time
reservation_modification_status reservation_net_amortized_upfront_cost_for_usage
reservation_net_amortized_upfront_fee_for_billing_period reservation_net_effective_cost
reservation_net_recurring_fee_for_usage
reservation_net_unused_amortized_upfront_fee_for_billing_period
reservation_net_unused_recurring_fee reservation_net_upfront_value
reservation_normalized_units_per_reservation reservation_number_of_reservations
reservation_recurring_fee_for_usage reservation_reservation_a_r_n reservation_start_time
reservation_subscription_id reservation_total_reserved_normalized_units
reservation_total_reserved_units reservation_units_per_reservation
reservation_unused_amortized_upfront_fee_for_billing_period
reservation_unused_normalized_unit_quantity reservation_unused_quantity
reservation_unused_recurring_fee reservation_upfront_value
resource_tags
savings_plan_amortized_upfront_commitment_for_billing_period savings_plan_end_time
savings_plan_instance_type_family
savings_plan_net_amortized_upfront_commitment_for_billing_period
savings_plan_net_recurring_commitment_for_billing_period
savings_plan_net_savings_plan_effective_cost savings_plan_offering_type
savings_plan_payment_option savings_plan_purchase_term
savings_plan_recurring_commitment_for_billing_period savings_plan_region
savings_plan_savings_plan_a_r_n savings_plan_savings_plan_effective_cost
savings_plan_savings_plan_rate savings_plan_start_time savings_plan_total_commitment_to_date
savings_plan_used_commitment
split_line_item_actual_usage split_line_item_net_split_cost split_line_item_net_unused_cost
split_line_item_parent_resource_id split_line_item_public_on_demand_split_cost
split_line_item_public_on_demand_unused_cost split_line_item_reserved_usage
split_line_item_split_cost split_line_item_split_usage split_line_item_split_usage_ratio
split_line_item_unused_cost
tags
""".split()

# All columns of an export of recommendations.
SAVINGS_COLUMNS = """
account_id action_type currency_code current_resource_details current_resource_summary
current_resource_type estimated_monthly_cost_after_discount estimated_monthly_cost_before_discount
estimated_monthly_savings_after_discount estimated_monthly_savings_before_discount
estimated_savings_percentage_after_discount estimated_savings_percentage_before_discount
implementation_effort last_refresh_timestamp recommendation_id
recommendation_lookback_period_in_days recommendation_source recommended_resource_details
recommended_resource_summary recommended_resource_type region resource_arn restart_needed
rollback_possible tags
""".split()

# What FinOps may ask the organization: its shape, its accounts and their tags. Nothing else.
READ_ORGANIZATION = [
    f"organizations:{operation}"
    for operation in (
        *("DescribeOrganization", "DescribeOrganizationalUnit", "DescribeAccount"),
        *("ListRoots", "ListOrganizationalUnitsForParent", "ListParents", "ListChildren"),
        *("ListAccounts", "ListAccountsForParent", "ListTagsForResource"),
    )
]


class Management(Stack):
    """The export of CUR 2.0, by replication or direct delivery, and the right to read accounts."""

    def __init__(self, scope: Construct, id_: str, *, settings: Settings) -> None:
        super().__init__(
            scope,
            id_,
            stack_name="finops-management",
            description="FinOps Center: the management account's data export and read delegation",
            # No account: the same template is for every payer. Exports exist in us-east-1 only.
            env=Environment(region="us-east-1"),
            synthesizer=BootstraplessSynthesizer(),
        )
        finops_account = CfnParameter(
            self,
            "FinOpsAccountId",
            allowed_pattern=r"\d{12}",
            description="The account that the FinOps Center is installed in.",
        ).value_as_string
        target = CfnParameter(
            self,
            "BillingBucketName",
            allowed_pattern=r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
            description="Output BillingBucketName of the FinOps account's stack Data.",
        ).value_as_string

        export = settings.export
        # Several payers deliver into one bucket: each under its own account id.
        prefix = f"cur2/{Aws.ACCOUNT_ID}"
        savings = f"coh/{Aws.ACCOUNT_ID}"
        match export.delivery:
            case Delivery.REPLICATION:
                source = Source(self, "Source", target=target, finops_account=finops_account)
                cur2 = Cur2(
                    self,
                    "Cur2",
                    export=export,
                    bucket=source.bucket.bucket_name,
                    owner=None,
                    region="us-east-1",
                    prefix=prefix,
                )
                recommended = Recommended(
                    self,
                    "Recommended",
                    bucket=source.bucket.bucket_name,
                    owner=None,
                    region="us-east-1",
                    prefix=savings,
                )
                # The right to write is tried when the export is created.
                cur2.node.add_dependency(source)
                recommended.node.add_dependency(source)
                CfnOutput(self, "SourceBucketName", value=source.bucket.bucket_name)
            case Delivery.DIRECT:
                target_region = CfnParameter(
                    self,
                    "BillingBucketRegion",
                    default="us-east-1",
                    description="The region of that bucket.",
                ).value_as_string
                cur2 = Cur2(
                    self,
                    "Cur2",
                    export=export,
                    bucket=target,
                    owner=finops_account,
                    region=target_region,
                    prefix=prefix,
                )
                Recommended(
                    self,
                    "Recommended",
                    bucket=target,
                    owner=finops_account,
                    region=target_region,
                    prefix=savings,
                )
        CfnOutput(self, "ExportArn", value=cur2.resource.attr_export_arn)
        if export.organization_delegation:
            _let_read_organization(self, finops_account)
        if export.organization_events:
            Changes(self, "Changes", finops_account=finops_account)
        if settings.aws_budgets:
            BudgetsRole(self, "Budgets", finops_account=finops_account)


class Changes(Construct):
    """What the organization says of its accounts, told to the FinOps account as it happens.

    It says so here and in us-east-1 only, by CloudTrail. Without it an account is known a day later
    at most.
    """

    def __init__(self, scope: Construct, id_: str, *, finops_account: str) -> None:
        super().__init__(scope, id_)
        region = CfnParameter(
            Stack.of(self),
            "FinOpsRegion",
            default="us-east-1",
            allowed_pattern=r"[a-z]{2}(-[a-z]+)+-\d",
            description="The region that the FinOps Center is installed in.",
        ).value_as_string
        bus = f"arn:aws:events:{region}:{finops_account}:event-bus/default"
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "events.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            ),
        )
        rights = Rights(self, "Rights", role=role)
        rights.allow("TellFinOps", "events:PutEvents", on=[bus])
        rule = events.CfnRule(
            self,
            "Rule",
            description="The FinOps Center hears of accounts that come, go or change",
            event_pattern={
                "source": CHANGES["source"],
                "detail-type": CHANGES["detail_type"],
                "detail": CHANGES["detail"],
            },
            targets=[
                events.CfnRule.TargetProperty(id="FinOps", arn=bus, role_arn=role.role_arn),
            ],
        )
        rule.node.add_dependency(rights.policy)


class Cur2(Construct):
    """A CUR 2.0 export in Parquet that rewrites its month up to three times a day.

    *owner* is the account of *bucket* where that is not the payer itself.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        export: Export,
        bucket: str,
        owner: str | None,
        region: str,
        prefix: str,
    ) -> None:
        super().__init__(scope, id_)
        part = bcmdataexports.CfnExport
        self.resource = part(
            self,
            "Export",
            export=part.ExportProperty(
                name=NAME,
                description="Every line of the bill, for the FinOps Center",
                data_query=part.DataQueryProperty(
                    query_statement=f"SELECT {', '.join(columns(export))} FROM {TABLE}",  # noqa: S608 - our own column names
                    table_configurations={
                        TABLE: {
                            "TIME_GRANULARITY": export.granularity.value,
                            "INCLUDE_RESOURCES": _said(export.resources),
                            "INCLUDE_SPLIT_COST_ALLOCATION_DATA": _said(export.split_cost),
                            "INCLUDE_MANUAL_DISCOUNT_COMPATIBILITY": _said(export.manual_discount),
                        }
                    },
                ),
                destination_configurations=part.DestinationConfigurationsProperty(
                    s3_destination=part.S3DestinationProperty(
                        s3_bucket=bucket,
                        s3_bucket_owner=owner,
                        s3_prefix=prefix,
                        s3_region=region,
                        s3_output_configurations=part.S3OutputConfigurationsProperty(
                            output_type="CUSTOM",
                            format="PARQUET",
                            compression="PARQUET",
                            overwrite="OVERWRITE_REPORT",
                        ),
                    )
                ),
                refresh_cadence=part.RefreshCadenceProperty(frequency="SYNCHRONOUS"),
            ),
        )


class Recommended(Construct):
    """An export of what Cost Optimization Hub recommends, whole once a day, where it is wanted.

    AWS makes it only of an organization that is enrolled there, so the parameter says whether.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        bucket: str,
        owner: str | None,
        region: str,
        prefix: str,
    ) -> None:
        super().__init__(scope, id_)
        wanted = CfnParameter(
            Stack.of(self),
            "ExportRecommendations",
            default="no",
            allowed_values=["yes", "no"],
            description="Whether to export what Cost Optimization Hub recommends; enrol first.",
        ).value_as_string
        part = bcmdataexports.CfnExport
        self.resource = part(
            self,
            "Export",
            export=part.ExportProperty(
                name=SAVINGS_NAME,
                description="What could be saved, for the FinOps Center",
                data_query=part.DataQueryProperty(
                    query_statement=f"SELECT {', '.join(SAVINGS_COLUMNS)} FROM {SAVINGS_TABLE}",  # noqa: S608 - our own column names
                    table_configurations={
                        SAVINGS_TABLE: {
                            "FILTER": "{}",
                            # One of what excludes each other: the others' savings add to nothing.
                            "INCLUDE_ALL_RECOMMENDATIONS": _said(False),
                        }
                    },
                ),
                destination_configurations=part.DestinationConfigurationsProperty(
                    s3_destination=part.S3DestinationProperty(
                        s3_bucket=bucket,
                        s3_bucket_owner=owner,
                        s3_prefix=prefix,
                        s3_region=region,
                        s3_output_configurations=part.S3OutputConfigurationsProperty(
                            output_type="CUSTOM",
                            format="PARQUET",
                            compression="PARQUET",
                            overwrite="OVERWRITE_REPORT",
                        ),
                    )
                ),
                refresh_cadence=part.RefreshCadenceProperty(frequency="SYNCHRONOUS"),
            ),
        )
        self.resource.cfn_options.condition = CfnCondition(
            self, "Wanted", expression=Fn.condition_equals(wanted, "yes")
        )


class Source(Construct):
    """The bucket AWS writes the export to, replicated to ours: data *and* manifests, and deletions.

    Without the manifests (`metadata/`) nobody could know when a delivery is whole.
    """

    def __init__(self, scope: Construct, id_: str, *, target: str, finops_account: str) -> None:
        super().__init__(scope, id_)
        role = iam.Role(
            self,
            "ReplicationRole",
            role_name=REPLICATION_ROLE,  # the bucket at the other end asks for this name
            assumed_by=iam.ServicePrincipal(
                "s3.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            ),
        )
        self.bucket = FinOpsBucket(
            self,
            "Bucket",
            lifecycle_rules=[
                s3.LifecycleRule(
                    # A copy on its way: ours is the one that is kept.
                    expiration=Duration.days(14),
                    noncurrent_version_expiration=Duration.days(1),
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                )
            ],
        )
        acknowledge(
            self.bucket, "S1", "Holds copies for 14 days; the bucket they go to logs its access."
        )
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="DataExports",
                principals=[iam.ServicePrincipal("bcm-data-exports.amazonaws.com")],
                actions=["s3:PutObject", "s3:GetBucketPolicy"],
                resources=[self.bucket.bucket_arn, self.bucket.arn_for_objects("*")],
                conditions={
                    "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                    "ArnLike": {
                        "aws:SourceArn": (
                            f"arn:aws:bcm-data-exports:us-east-1:{Aws.ACCOUNT_ID}:export/*"
                        )
                    },
                },
            )
        )
        self._replicate(role, target=target, finops_account=finops_account)

    def _replicate(self, role: iam.Role, *, target: str, finops_account: str) -> None:
        target_arn = f"arn:aws:s3:::{target}"
        rights = Rights(self, "Rights", role=role)
        rights.allow(
            "ReadRules",
            "s3:GetReplicationConfiguration",
            "s3:ListBucket",
            on=[self.bucket.bucket_arn],
        )
        rights.allow(
            "ReadVersions",
            "s3:GetObjectVersionForReplication",
            "s3:GetObjectVersionAcl",
            "s3:GetObjectVersionTagging",
            on=[self.bucket.arn_for_objects("*")],
            why=KEYS,
        )
        rights.allow(
            "Replicate",
            "s3:ReplicateObject",
            "s3:ReplicateDelete",
            "s3:ReplicateTags",
            "s3:ObjectOwnerOverrideToBucketOwner",
            on=[f"{target_arn}/*"],
            why=KEYS,
        )
        self.bucket.resource.replication_configuration = (
            s3.CfnBucket.ReplicationConfigurationProperty(
                role=role.role_arn,
                # All of each export: data/ and metadata/.
                rules=[
                    _rule("to-finops", 1, "cur2/", target_arn, finops_account),
                    _rule("savings-to-finops", 2, "coh/", target_arn, finops_account),
                ],
            )
        )


def _rule(
    id_: str, priority: int, prefix: str, target_arn: str, account: str
) -> s3.CfnBucket.ReplicationRuleProperty:
    return s3.CfnBucket.ReplicationRuleProperty(
        id=id_,
        status="Enabled",
        priority=priority,
        filter=s3.CfnBucket.ReplicationRuleFilterProperty(prefix=prefix),
        delete_marker_replication=s3.CfnBucket.DeleteMarkerReplicationProperty(status="Enabled"),
        destination=s3.CfnBucket.ReplicationDestinationProperty(
            bucket=target_arn,
            account=account,
            access_control_translation=(
                s3.CfnBucket.AccessControlTranslationProperty(owner="Destination")
            ),
            metrics=s3.CfnBucket.MetricsProperty(
                status="Enabled", event_threshold=_fifteen_minutes()
            ),
            replication_time=s3.CfnBucket.ReplicationTimeProperty(
                status="Enabled", time=_fifteen_minutes()
            ),
        ),
    )


def columns(export: Export) -> list[str]:
    """The columns that an export of this configuration has."""
    left_out = set()
    if not export.resources:
        left_out.add("line_item_resource_id")
    if not export.split_cost:
        left_out |= {name for name in COLUMNS if name.startswith("split_line_item_")}
    if export.manual_discount:
        left_out.add("discount")
    return [name for name in COLUMNS if name not in left_out]


def _let_read_organization(stack: Stack, finops_account: str) -> None:
    organizations.CfnResourcePolicy(
        stack,
        "ReadOrganization",
        content={
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "FinOpsReadsOrganization",
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{finops_account}:root"},
                    "Action": READ_ORGANIZATION,
                    "Resource": "*",
                }
            ],
        },
    )


def _fifteen_minutes() -> s3.CfnBucket.ReplicationTimeValueProperty:
    return s3.CfnBucket.ReplicationTimeValueProperty(minutes=15)


def _said(yes: bool) -> str:
    return "TRUE" if yes else "FALSE"
