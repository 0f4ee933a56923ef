"""Who calls: what every door of the API is told of people, and may note of what they do."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.functions import FinOpsFunction
from infra.rights import Rights
from infra.tables import FinOpsTable

API_MEMORY_MB = 1769  # one processor


@dataclass(frozen=True, kw_only=True)
class Callers:
    """People, the audit trail of what they do, and the requests they have made before."""

    people: FinOpsTable
    audit: FinOpsTable
    requests: FinOpsTable
    group_roles: Mapping[str, str]
    origins: Sequence[str]

    @property
    def told(self) -> dict[str, str]:
        """What a door is told about those who call it."""
        return {
            "ALLOWED_ORIGINS": " ".join(self.origins),
            "PEOPLE_TABLE": self.people.table.table_name,
            "AUDIT_TABLE": self.audit.table.table_name,
            "REQUESTS_TABLE": self.requests.table.table_name,
            "GROUP_ROLES": json.dumps(self.group_roles, sort_keys=True, ensure_ascii=False),
        }

    def allow(self, rights: Rights) -> None:
        """Know a caller, or put them on record; note what they do, and answer it again when asked."""
        self.people.allow(rights, "GetItem", "PutItem", indexes=("by_kind",), sid="KnowCallers")
        self.audit.allow(rights, "PutItem", "Query", sid="KeepAudit")
        self.requests.allow(rights, "GetItem", "PutItem", sid="RememberRequests")


class ApiDoor(FinOpsFunction):
    """A door of the API: knows its callers, and answers while API Gateway waits."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        layers: Sequence[lambda_.ILayerVersion],
        callers: Callers,
        environment: Mapping[str, str],
        memory_mb: int = API_MEMORY_MB,
        scratch_mb: int = 512,
    ) -> None:
        super().__init__(
            scope,
            id_,
            layers=layers,
            environment={**environment, **callers.told},
            memory_mb=memory_mb,
            timeout_seconds=29,  # API Gateway waits no longer
            scratch_mb=scratch_mb,
        )
        callers.allow(self.rights)
