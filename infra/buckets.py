"""The buckets: where bills land, where the ledger is kept, and who reads them."""

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.rights import Rights

# The one name that is fixed: a payer's stack creates this role after our bucket must allow it.
REPLICATION_ROLE = "finops-export-replication"
ONE_WEEK = Duration.days(7)
ONE_MONTH = Duration.days(35)


class FinOpsBucket(s3.Bucket):
    """Closed to the public, encrypted, for TLS 1.2 only, kept when its stack goes."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        lifecycle_rules: Sequence[s3.LifecycleRule],
        versioned: bool = True,
        key: kms.IKey | None = None,
        access_logs: s3.IBucket | None = None,
        access_logs_prefix: str | None = None,
        cors: Sequence[s3.CorsRule] | None = None,
    ) -> None:
        super().__init__(
            scope,
            id_,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=key,
            bucket_key_enabled=True if key else None,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=versioned,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=access_logs,
            server_access_logs_prefix=access_logs_prefix,
            removal_policy=RemovalPolicy.RETAIN,
            lifecycle_rules=lifecycle_rules,
            cors=cors,
        )

    @property
    def resource(self) -> s3.CfnBucket:
        """What CloudFormation makes of it, for the few settings that CDK has no word for."""
        resource = self.node.default_child
        assert isinstance(resource, s3.CfnBucket)  # noqa: S101 - tells mypy what CDK made
        return resource

    def tell_eventbridge(self) -> None:
        """Every object that comes is an event on the account's default bus."""
        # Set on the resource itself: CDK's own way is a custom resource with rights on all buckets.
        self.resource.add_property_override(
            "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", True
        )


class AccessLogs(Construct):
    """Who asked our buckets for what, for 400 days."""

    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_)
        self.bucket = FinOpsBucket(
            self,
            "Bucket",
            versioned=False,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=Duration.days(400), abort_incomplete_multipart_upload_after=ONE_WEEK
                )
            ],
        )


class BillingBucket(Construct):
    """Where the payers' exports land, whole and as AWS wrote them; a manifest starts a load.

    Encrypted with S3's own key also where the deployment has one of its own: the objects come
    from other accounts, and theirs is the side that would need rights to it.
    """

    def __init__(
        self, scope: Construct, id_: str, *, payers: Sequence[str], access_logs: s3.IBucket
    ) -> None:
        super().__init__(scope, id_)
        self.bucket = FinOpsBucket(
            self,
            "Bucket",
            access_logs=access_logs,
            access_logs_prefix="billing/",
            lifecycle_rules=[
                # An export rewrites its month up to three times a day. A load that failed can be
                # redriven for two weeks, and then reads the versions it began with.
                s3.LifecycleRule(
                    noncurrent_version_expiration=Duration.days(14),
                    abort_incomplete_multipart_upload_after=ONE_WEEK,
                ),
                s3.LifecycleRule(expired_object_delete_marker=True),
            ],
        )
        self.bucket.tell_eventbridge()
        if payers:
            self._accept_direct_delivery(payers)
            self._accept_replication(payers)

    def allow_read(self, rights: Rights, *, versions: bool = False) -> None:
        """Read deliveries, with *versions* also as they were when a load began."""
        # Who may not list is told 403, not 404, of an object that is not there.
        rights.allow("ListDeliveries", "s3:ListBucket", on=[self.bucket.bucket_arn])
        rights.allow(
            "ReadDeliveries",
            *("s3:GetObject", "s3:GetObjectVersion") if versions else ("s3:GetObject",),
            on=[self.bucket.arn_for_objects("*")],
            why="Payers choose the keys of their exports.",
        )

    def _accept_direct_delivery(self, payers: Sequence[str]) -> None:
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="DirectDelivery",
                principals=[iam.ServicePrincipal("bcm-data-exports.amazonaws.com")],
                actions=["s3:PutObject"],
                resources=[self.bucket.arn_for_objects("*")],
                conditions={
                    "StringEquals": {"aws:SourceAccount": list(payers)},
                    "ArnLike": {
                        "aws:SourceArn": [
                            f"arn:aws:bcm-data-exports:us-east-1:{payer}:export/*"
                            for payer in payers
                        ]
                    },
                },
            )
        )

    def _accept_replication(self, payers: Sequence[str]) -> None:
        # A policy cannot name a role that does not exist yet; it can ask who the caller is.
        roles = [f"arn:aws:iam::{payer}:role/{REPLICATION_ROLE}" for payer in payers]
        accounts = [iam.ArnPrincipal(f"arn:aws:iam::{payer}:root") for payer in payers]
        for sid, actions, resource in (
            (
                "Replication",
                [
                    "s3:ReplicateObject",
                    "s3:ReplicateDelete",
                    "s3:ReplicateTags",
                    "s3:ObjectOwnerOverrideToBucketOwner",
                ],
                self.bucket.arn_for_objects("*"),
            ),
            ("ReplicationChecks", ["s3:GetBucketVersioning"], self.bucket.bucket_arn),
        ):
            self.bucket.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    principals=list(accounts),
                    actions=actions,
                    resources=[resource],
                    conditions={"ArnEquals": {"aws:PrincipalArn": roles}},
                )
            )


class LedgerBucket(Construct):
    """`ledger/` the published generations of bills, `allocations/` who pays for them, `rules/` the
    documents it was decided by, `savings/` what AWS recommended by day, `previews/` what was only
    asked, `work/` the scratch of all.
    """

    def __init__(
        self, scope: Construct, id_: str, *, access_logs: s3.IBucket, key: kms.IKey | None
    ) -> None:
        super().__init__(scope, id_)
        self.bucket = FinOpsBucket(
            self,
            "Bucket",
            key=key,
            access_logs=access_logs,
            access_logs_prefix="ledger/",
            lifecycle_rules=[
                *(
                    s3.LifecycleRule(
                        prefix=prefix,
                        expiration=kept,
                        noncurrent_version_expiration=Duration.days(1),
                    )
                    for prefix, kept in (("work/", ONE_WEEK), ("previews/", Duration.days(30)))
                ),
                # What was deleted by mistake can be had back for so long.
                s3.LifecycleRule(
                    noncurrent_version_expiration=ONE_MONTH,
                    abort_incomplete_multipart_upload_after=ONE_WEEK,
                ),
                s3.LifecycleRule(expired_object_delete_marker=True),
            ],
        )

    def allow_read(self, rights: Rights, *under: str) -> None:
        """Read the objects under these prefixes."""
        # Who may not list is told 403, not 404, of an object that is not there.
        rights.allow("ListLedger", "s3:ListBucket", on=[self.bucket.bucket_arn])
        self._allow(rights, "ReadLedger", "s3:GetObject", under)

    def allow_write(self, rights: Rights, *under: str) -> None:
        """Write objects under these prefixes."""
        self._allow(rights, "WriteLedger", "s3:PutObject", under)

    def allow_delete(self, rights: Rights, *under: str) -> None:
        """Find the objects under these prefixes, and delete them."""
        rights.allow("ListLedger", "s3:ListBucket", on=[self.bucket.bucket_arn])
        self._allow(rights, "DeleteFromLedger", "s3:DeleteObject", under)

    def _allow(self, rights: Rights, sid: str, action: str, under: Sequence[str]) -> None:
        rights.allow(
            sid,
            action,
            on=[self.bucket.arn_for_objects(f"{prefix}*") for prefix in under],
            why="Objects are named by load, month and account.",
        )


class CloseBucket(Construct):
    """`snapshots/` the figures that months were closed with, `files/` and `seals/` what was made of
    them, `corrections/` what came after, `delivered/` what finance picks up.

    Nobody deletes anything here, and an object is written where there is none: the bucket refuses
    both, whatever rights somebody has.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        origins: Sequence[str],
        access_logs: s3.IBucket,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, id_)
        self.bucket = FinOpsBucket(
            self,
            "Bucket",
            key=key,
            access_logs=access_logs,
            access_logs_prefix="closes/",
            lifecycle_rules=[s3.LifecycleRule(abort_incomplete_multipart_upload_after=ONE_WEEK)],
            cors=_presigned_from(origins),
        )
        for sid, actions, conditions in (
            ("NobodyDeletes", ["s3:DeleteObject", "s3:DeleteObjectVersion"], None),
            (
                "NothingIsReplaced",
                ["s3:PutObject"],
                {
                    "Null": {"s3:if-none-match": "true"},
                    # The parts of an upload say nothing yet; its end does.
                    "Bool": {"s3:ObjectCreationOperation": "true"},
                },
            ),
        ):
            self.bucket.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    effect=iam.Effect.DENY,
                    principals=[iam.AnyPrincipal()],
                    actions=actions,
                    resources=[self.bucket.arn_for_objects("*")],
                    conditions=conditions,
                )
            )

    def allow_read(self, rights: Rights, *under: str) -> None:
        """Read the objects under these prefixes."""
        # Who may not list is told 403, not 404, of an object that is not there.
        rights.allow("ListCloses", "s3:ListBucket", on=[self.bucket.bucket_arn])
        self._allow(rights, "ReadCloses", "s3:GetObject", under)

    def allow_write(self, rights: Rights, *under: str) -> None:
        """Write objects under these prefixes, where there are none."""
        self._allow(rights, "WriteCloses", "s3:PutObject", under)

    def _allow(self, rights: Rights, sid: str, action: str, under: Sequence[str]) -> None:
        rights.allow(
            sid,
            action,
            on=[self.bucket.arn_for_objects(f"{prefix}*") for prefix in under],
            why="What is kept of a close is named by month and checksum.",
        )


class SorfileBucket(Construct):
    """Where the chart of accounts comes in as a file, and where it is kept as it was loaded.

    People put `*.csv` anywhere. Ours are `drafts/` (uploads through the API, gone after a week),
    `files/` (those of them that were loaded), `charts/` (the documents) and `reports/`. Every version
    of a file that was loaded stays: a load names its own.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        origins: Sequence[str],
        access_logs: s3.IBucket,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, id_)
        self.bucket = FinOpsBucket(
            self,
            "Bucket",
            key=key,
            access_logs=access_logs,
            access_logs_prefix="sorfile/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    prefix="drafts/",
                    expiration=ONE_WEEK,
                    noncurrent_version_expiration=Duration.days(1),
                ),
                s3.LifecycleRule(abort_incomplete_multipart_upload_after=ONE_WEEK),
                s3.LifecycleRule(expired_object_delete_marker=True),
            ],
            cors=_presigned_from(origins),
        )
        self.bucket.tell_eventbridge()

    def allow_read(self, rights: Rights, *under: str, versions: bool = False) -> None:
        """Read the files under these prefixes, or all; with *versions* also as they once were."""
        # Who may not list is told 403, not 404, of an object that is not there.
        rights.allow("ListSorfile", "s3:ListBucket", on=[self.bucket.bucket_arn])
        actions = ("s3:GetObject", "s3:GetObjectVersion") if versions else ("s3:GetObject",)
        self._allow(rights, "ReadSorfile", actions, under)

    def allow_write(self, rights: Rights, *under: str) -> None:
        """Write files under these prefixes, or anywhere."""
        self._allow(rights, "WriteSorfile", ("s3:PutObject",), under)

    def _allow(
        self, rights: Rights, sid: str, actions: Sequence[str], under: Sequence[str]
    ) -> None:
        rights.allow(
            sid,
            *actions,
            on=[self.bucket.arn_for_objects(f"{prefix}*") for prefix in under or ("",)],
            why="Charts are named by year and version, uploads by chance."
            if under
            else "People name the files of a chart, and where they put them.",
        )


def _presigned_from(origins: Sequence[str]) -> list[s3.CorsRule] | None:
    """Pages of *origins* may send and fetch by an address that the API signed for them."""
    if not origins:
        return None
    return [
        s3.CorsRule(
            allowed_methods=[s3.HttpMethods.GET, s3.HttpMethods.PUT],
            allowed_origins=list(origins),
            allowed_headers=["*"],
            exposed_headers=["ETag", "x-amz-version-id"],
            max_age=3000,
        )
    ]
