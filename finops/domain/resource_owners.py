"""Resource owners: the products that pay for a resource now, and the one that is asked about it.

A hand-made claim goes before any claim rule, and a rule before the account's shares, as in every
allocation (specification section 7.5). Nobody pays where none of the three is in force.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from finops.domain.claim_rules import ClaimRule, Resource
from finops.domain.claims import AccountClaims, Claim
from finops.domain.shares import WHOLE, AccountShares

# What the bill calls the services of ARNs and of the types of resources that recommendations are
# about. Source: the service codes of the AWS price list.
SERVICES: Mapping[str, str] = {
    "autoscaling": "AmazonEC2",
    "dynamodb": "AmazonDynamoDB",
    "ec2": "AmazonEC2",
    "ecs": "AmazonECS",
    "elasticache": "AmazonElastiCache",
    "es": "AmazonES",
    "lambda": "AWSLambda",
    "memorydb": "AmazonMemoryDB",
    "rds": "AmazonRDS",
    "redshift": "AmazonRedshift",
    "s3": "AmazonS3",
    "sagemaker": "AmazonSageMaker",
    "workspaces": "AmazonWorkSpaces",
}
TYPES: Mapping[str, str] = {
    "AuroraDbClusterStorage": "AmazonRDS",
    "DocumentDBCluster": "AmazonDocDB",
    "DynamoDBTable": "AmazonDynamoDB",
    "EbsVolume": "AmazonEC2",
    "Ec2AutoScalingGroup": "AmazonEC2",
    "Ec2Instance": "AmazonEC2",
    "EcsService": "AmazonECS",
    "ElastiCacheCluster": "AmazonElastiCache",
    "LambdaFunction": "AWSLambda",
    "MemoryDBCluster": "AmazonMemoryDB",
    "NatGateway": "AmazonEC2",
    "RdsDbInstance": "AmazonRDS",
    "RdsDbInstanceStorage": "AmazonRDS",
    "SageMakerEndpoint": "AmazonSageMaker",
    "WorkSpaces": "AmazonWorkSpaces",
}


class HeldBy(StrEnum):
    """What makes a product the owner of a resource."""

    CLAIM = "Claim"
    CLAIM_RULE = "ClaimRule"
    SHARES = "Shares"


class ResourceOwners(NamedTuple):
    """The products that pay for a resource, in basis points of it, the largest part first.

    *held_by* None: nobody pays, and *products* are none.
    """

    held_by: HeldBy | None = None
    products: tuple[tuple[str, int], ...] = ()
    workload_id: str | None = None

    @property
    def asked(self) -> str | None:
        """The product that is asked about the resource: the one that pays most of it."""
        return self.products[0][0] if self.products else None

    def seen(self, sees: Callable[[str], bool]) -> "ResourceOwners":
        """The same without the products that somebody is not to know of.

        Of a claim or a rule that is none of theirs nothing is left.
        """
        theirs = tuple(one for one in self.products if sees(one[0]))
        return self._replace(products=theirs) if theirs else ResourceOwners()


NOBODY = ResourceOwners()


def owners_of(
    resource: Resource,
    on: date,
    *,
    claims: AccountClaims | None,
    rules: Sequence[ClaimRule],
    shares: AccountShares | None,
) -> ResourceOwners:
    """Who pays for *resource* from a day on, by what is known now; *rules* are those in force.

    A claim that starts later counts already: whoever made it answers for the resource.
    """
    claimed = claims.of(resource.resource_id) if claims is not None else ()
    if (claim := next((one for one in claimed if _is_ahead(one, on)), None)) is not None:
        return _whole(HeldBy.CLAIM, claim)
    if (rule := next((one for one in rules if one.fits(resource)), None)) is not None:
        return _whole(HeldBy.CLAIM_RULE, rule)
    revision = shares.on(on) if shares is not None else None
    if revision is None:
        return NOBODY
    parts = sorted(revision.shares, key=lambda one: (-one[1], one[0]))
    return ResourceOwners(HeldBy.SHARES, tuple(parts))


def _whole(by: HeldBy, held: Claim | ClaimRule) -> ResourceOwners:
    return ResourceOwners(by, ((held.product_id, WHOLE),), held.workload_id)


def _is_ahead(claim: Claim, on: date) -> bool:
    """Whether a claim covers a day or any later one."""
    return claim.end is None or max(claim.start, on) < claim.end


def service_of(resource_id: str | None, resource_type: str | None) -> str | None:
    """The service code that the bill has a resource under; None where it cannot be told.

    >>> service_of("arn:aws:lambda:us-east-1:444455556666:function:f", None)
    'AWSLambda'
    >>> service_of("vol-0b", "EbsVolume")
    'AmazonEC2'
    """
    if resource_type is not None and resource_type in TYPES:
        return TYPES[resource_type]
    parts = (resource_id or "").split(":", 5)
    return SERVICES.get(parts[2]) if len(parts) == 6 and parts[0] == "arn" else None
