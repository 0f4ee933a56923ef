"""The findings of cdk-nag that are answered with a reason instead of a change."""

import json
from typing import Any

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct

IAM5 = "AwsSolutions::AwsSolutions-IAM5"


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Answers *rule* of AwsSolutions for *construct* and what is below it."""
    # Only an id with the pack's name in front is listed with its reason in the report.
    finding = Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason)
    Validations.of(construct).acknowledge(finding)


def flat(value: Any) -> str:
    """A template's value as cdk-nag writes it in the name of a finding.

    >>> flat({"Fn::Join": ["", [{"Fn::GetAtt": ["Bucket", "Arn"]}, "/work/*"]]})
    '<Bucket.Arn>/work/*'
    """
    match value:
        case str():
            return value.replace("${", "<").replace("}", ">")
        case {"Fn::Join": [str() as between, list() as parts]}:
            return between.join(flat(part) for part in parts)
        case {"Fn::GetAtt": [logical_id, attribute]}:
            return f"<{flat(logical_id)}.{flat(attribute)}>"
        case {"Ref": logical_id}:
            return f"<{flat(logical_id)}>"
        case _:
            return json.dumps(value, separators=(",", ":"))
