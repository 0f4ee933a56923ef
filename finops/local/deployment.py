"""Deploys an assembly to the local AWS: what `cdk bootstrap` and `cdk deploy` do, with boto3."""

import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from finops.domain.errors import FinOpsError
from finops.local.assembly import Assembly, Asset, Stack
from finops.local.local_aws import LocalAws
from finops.local.rest_definition import put_what_is_not_read

BOOTSTRAP_VERSION = "30"
BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
DEPLOYED_PARAMETER = "/finops/local/deployed"
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
POLL_SECONDS = 0.1
STACK_SECONDS = 300

# A stack that ended so was never there; CloudFormation wants it deleted before it is made again.
STILLBORN = {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "REVIEW_IN_PROGRESS"}
GOOD = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


class DeploymentError(FinOpsError):
    """A stack could not be deployed; says which resource of it, and why."""


def deploy(
    assembly: Assembly, aws: LocalAws, tell: Callable[[str], None] = lambda said: None
) -> bool:
    """Makes *aws* what *assembly* says; whether there was anything to do.

    Can be interrupted anywhere and run again. Raises DeploymentError.
    """
    if deployed(aws) == assembly.digest:
        return False
    ssm, s3, cloudformation = (aws.client(name) for name in ("ssm", "s3", "cloudformation"))
    _remember(ssm, BOOTSTRAP_PARAMETER, BOOTSTRAP_VERSION)
    _upload(s3, {asset: None for stack in assembly.stacks for asset in stack.assets})
    for stack in assembly.stacks:
        tell(f"Deploying {stack.name}")
        _deploy(cloudformation, stack, f"{aws.endpoint}")
        put_what_is_not_read(aws.client, stack)
    _remember(ssm, DEPLOYED_PARAMETER, assembly.digest)
    return True


def deployed(aws: LocalAws) -> str | None:
    """The digest of the assembly that *aws* holds, whole; kept there, so lost when it is."""
    try:
        answer = aws.client("ssm").get_parameter(Name=DEPLOYED_PARAMETER)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ParameterNotFound":
            return None
        raise
    return str(answer["Parameter"]["Value"])


def _remember(ssm: Any, name: str, value: str) -> None:
    ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)


def _upload(s3: Any, assets: dict[Asset, None]) -> None:
    """Puts what is not there; an asset's key is a digest of its content."""
    for bucket in sorted({asset.bucket for asset in assets}):
        with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket=bucket)
    there = {
        (bucket, item["Key"])
        for bucket in {asset.bucket for asset in assets}
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for item in page.get("Contents", ())
    }
    with tempfile.TemporaryDirectory() as work:
        for asset in assets:
            if (asset.bucket, asset.key) not in there:
                s3.put_object(
                    Bucket=asset.bucket,
                    Key=asset.key,
                    Body=asset.body(Path(work)).read_bytes(),
                )


def _deploy(cloudformation: Any, stack: Stack, endpoint: str) -> None:
    existing = _settled(cloudformation, stack.name)
    if existing in STILLBORN:
        cloudformation.delete_stack(StackName=stack.name)
        existing = _settled(cloudformation, stack.name)
    bucket = next((asset.bucket for asset in stack.assets if asset.source == stack.template), None)
    where = (
        {"TemplateURL": f"{endpoint}/{bucket}/{stack.template_key}"}
        if bucket
        else {"TemplateBody": stack.template.read_text()}
    )
    words = {
        "StackName": stack.name,
        **where,
        "Parameters": _pairs("Parameter", stack.parameters),
        "Tags": _pairs("", stack.tags),
        "Capabilities": CAPABILITIES,
    }
    try:
        if existing is None:
            cloudformation.create_stack(**words)
        else:
            cloudformation.update_stack(**words)
    except ClientError as error:
        said = error.response["Error"]["Message"]
        if "No updates are to be performed" in said:
            return
        raise DeploymentError(f"{stack.name}: {said}") from error
    status = _settled(cloudformation, stack.name)
    if status not in GOOD:
        raise DeploymentError(f"{stack.name}: {status}\n{_reasons(cloudformation, stack.name)}")


def _pairs(prefix: str, values: dict[str, str]) -> list[dict[str, str]]:
    return [{f"{prefix}Key": key, f"{prefix}Value": value} for key, value in values.items()]


def _settled(cloudformation: Any, name: str) -> str | None:
    """The stack's status once nothing is under way; None where there is none."""
    deadline = time.monotonic() + STACK_SECONDS
    while time.monotonic() < deadline:
        try:
            status = str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return None
            raise
        if status == "DELETE_COMPLETE":
            return None
        if not status.endswith("_IN_PROGRESS") or status == "REVIEW_IN_PROGRESS":
            return status
        time.sleep(POLL_SECONDS)
    raise DeploymentError(f"{name}: still {status} after {STACK_SECONDS} s")


def _reasons(cloudformation: Any, name: str) -> str:
    """The resources that failed by themselves, first of all those of the latest attempt."""
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failed = []
    for event in events:  # newest first
        status = event["ResourceStatus"]
        if event["ResourceType"] == "AWS::CloudFormation::Stack" and status in {
            "CREATE_IN_PROGRESS",
            "UPDATE_IN_PROGRESS",
        }:
            break
        reason = event.get("ResourceStatusReason", "")
        if status.endswith("_FAILED") and "cancelled" not in reason:
            failed.append(f"  {event['ResourceType']} {event['LogicalResourceId']}: {reason}")
    return "\n".join(reversed(failed)) or "  no resource says why"
