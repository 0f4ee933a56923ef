"""The tables: one for each aggregate, so that rights and backups are for each aggregate too."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.rights import Rights


class FinOpsTable(Construct):
    """On demand, restorable to any second of 35 days, protected from deletion; TTL `expires_at`.

    *key* and the values of *indexes* are (partition key, sort key or None), all text. An index holds
    whole items, or what *holds* says of it. With *stream*, every item as it is after a change can be
    followed for a day.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        key: tuple[str, str | None],
        own_key: kms.IKey | None,
        indexes: Mapping[str, tuple[str, str]] | None = None,
        holds: Mapping[str, Sequence[str]] | None = None,
        stream: bool = False,
    ) -> None:
        super().__init__(scope, id_)
        partition_key, sort_key = key
        encryption = (
            dynamodb.TableEncryptionV2.customer_managed_key(own_key)
            if own_key
            else dynamodb.TableEncryptionV2.dynamo_owned_key()
        )
        self.table = dynamodb.TableV2(
            self,
            "Table",
            partition_key=_text(partition_key),
            sort_key=_text(sort_key) if sort_key else None,
            billing=dynamodb.Billing.on_demand(),
            encryption=encryption,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
            time_to_live_attribute="expires_at",
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=name,
                    partition_key=_text(partition),
                    sort_key=_text(sort),
                    **_projection((holds or {}).get(name)),
                )
                for name, (partition, sort) in (indexes or {}).items()
            ],
            dynamo_stream=dynamodb.StreamViewType.NEW_IMAGE if stream else None,
        )

    @property
    def stream_arn(self) -> str:
        """What to follow; ValueError for a table without a stream."""
        if self.table.table_stream_arn is None:
            raise ValueError(f"{self.node.path} has no stream")
        return self.table.table_stream_arn

    def allow(
        self,
        rights: Rights,
        *operations: str,
        indexes: tuple[str, ...] = (),
        keys: tuple[str, ...] = (),
        sid: str | None = None,
    ) -> None:
        """*operations* (`"GetItem"`) on the table, and `Query` on the indexes named.

        With *keys*, the operations are on items of these partition keys only. A second statement on
        the same table for the same role needs a *sid* of its own.
        """
        name = sid or self.node.id
        if operations:
            actions = [f"dynamodb:{operation}" for operation in operations]
            only: dict[str, Any] = {}
            if keys:
                only["ForAllValues:StringEquals"] = {"dynamodb:LeadingKeys": list(keys)}
            rights.allow(name, *actions, on=[self.table.table_arn], **only)
        if indexes:
            arns = [f"{self.table.table_arn}/index/{index}" for index in indexes]
            rights.allow(f"{name}Index", "dynamodb:Query", on=arns)

    def allow_follow(self, rights: Rights) -> None:
        """Follow the stream, as Lambda does on behalf of a door."""
        rights.allow(
            f"Follow{self.node.id}",
            "dynamodb:DescribeStream",
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            on=[self.stream_arn],
        )
        # One of the four actions that Lambda asks for before it connects a function to a stream.
        rights.allow(
            "FindStreams",
            "dynamodb:ListStreams",
            on=["*"],
            why="The list of streams has no resource-level permissions.",
        )


def _projection(attributes: Sequence[str] | None) -> dict[str, Any]:
    if attributes is None:
        return {}
    return {
        "projection_type": dynamodb.ProjectionType.INCLUDE,
        "non_key_attributes": list(attributes),
    }


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
