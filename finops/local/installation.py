"""An installed FinOps Center as a command sees it: on this machine, or in an AWS account."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlsplit

import boto3

from finops.domain.errors import FinOpsError
from finops.local import clock
from finops.local.local_aws import REGION, LocalAws

# What the stacks call what we need of them.
API, BILLING_BUCKET, LEDGER_BUCKET = "ApiUrl", "BillingBucketName", "LedgerBucketName"
SORFILE_BUCKET, USER_POOL, CLIENT = "SorfileBucketName", "UserPoolId", "UserPoolClientId"


class NotInstalledError(FinOpsError):
    """No whole installation was found; says what is missing."""


@dataclass(frozen=True)
class Installation:
    """Where its parts are. `api` has no slash at its end; `client` makes clients of services."""

    region: str
    api: str
    billing_bucket: str
    ledger_bucket: str
    sorfile_bucket: str
    user_pool_id: str
    client_id: str
    client: Callable[[str], Any]
    local: LocalAws | None

    def now(self) -> datetime:
        """What its doors take for this moment."""
        return datetime.now(UTC) if self.local is None else clock.now(self.local.folder)

    @classmethod
    def on_this_machine(cls, aws: LocalAws) -> Self:
        """The one that `finops local up` deployed. Raises NotInstalledError."""
        if aws.endpoint is None:
            raise NotInstalledError("nothing runs on this machine: `finops local up` starts it")
        outputs = _outputs(aws.client("cloudformation"), "`finops local up` deploys it")
        return cls._of(outputs, REGION, _local_address(outputs[API], aws.endpoint), aws.client, aws)

    @classmethod
    def in_account(cls, profile: str | None, region: str | None = None) -> Self:
        """The one that `cdk deploy` deployed where *profile* leads. Raises NotInstalledError."""
        session = boto3.Session(profile_name=profile, region_name=region)
        if session.region_name is None:
            raise NotInstalledError(f"profile {profile} names no region, and none was given")
        outputs = _outputs(session.client("cloudformation"), "`cdk deploy` deploys it")
        address = outputs[API].rstrip("/")
        return cls._of(outputs, session.region_name, address, session.client, None)

    @classmethod
    def _of(
        cls,
        outputs: dict[str, str],
        region: str,
        address: str,
        client: Callable[[str], Any],
        aws: LocalAws | None,
    ) -> Self:
        return cls(
            region=region,
            api=address,
            billing_bucket=outputs[BILLING_BUCKET],
            ledger_bucket=outputs[LEDGER_BUCKET],
            sorfile_bucket=outputs[SORFILE_BUCKET],
            user_pool_id=outputs[USER_POOL],
            client_id=outputs[CLIENT],
            client=client,
            local=aws,
        )


def _outputs(cloudformation: Any, how: str) -> dict[str, str]:
    """The outputs we need, of whichever stacks have them."""
    found: dict[str, dict[str, str]] = {}
    for page in cloudformation.get_paginator("describe_stacks").paginate():
        for stack in page["Stacks"]:
            for output in stack.get("Outputs", ()):
                told = found.setdefault(output["OutputKey"], {})
                told[stack["StackName"]] = output["OutputValue"]
    wanted = (API, BILLING_BUCKET, LEDGER_BUCKET, SORFILE_BUCKET, USER_POOL, CLIENT)
    if missing := [name for name in wanted if name not in found]:
        raise NotInstalledError(f"no stack has the outputs {', '.join(missing)}: {how}")
    for name in wanted:
        if len(found[name]) > 1:
            stacks = " and ".join(sorted(found[name]))
            raise NotInstalledError(f"stacks {stacks} both have the output {name}: which is ours?")
    return {name: next(iter(found[name].values())) for name in wanted}


def _local_address(address: str, endpoint: str) -> str:
    """Where the emulator answers for an API whose address in AWS would be *address*.

    >>> _local_address("https://abc.execute-api.us-east-1.amazonaws.com/v1/", "http://127.0.0.1:1")
    'http://127.0.0.1:1/_aws/execute-api/abc/v1'
    """
    parts = urlsplit(address)
    name = parts.netloc.partition(".")[0]
    return f"{endpoint}/_aws/execute-api/{name}/{parts.path.strip('/')}"
