"""Templates reach the local AWS as CloudFormation would take them, and a failure says why."""

import json
from pathlib import Path
from typing import Any

import pytest

from finops.local.assembly import Assembly
from finops.local.deployment import DeploymentError, deploy, deployed
from finops.local.local_aws import LocalAws
from tests.local.test_assembly import write_assembly

pytestmark = pytest.mark.local_aws


def parameter(value: object) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}


def template(**resources: object) -> dict[str, Any]:
    outputs = {f"{name}Name": {"Value": {"Ref": name}} for name in resources}
    return {"Resources": resources, "Outputs": outputs}


def assembly(folder: Path, **templates: dict[str, Any]) -> Assembly:
    """Stacks in the given order, each after the one before."""
    folder.mkdir(exist_ok=True)
    names = list(templates)
    return Assembly.read(
        write_assembly(
            folder,
            {
                name: {"template": templates[name], "after": names[: names.index(name)]}
                for name in names
            },
        )
    )


def value_in(aws: LocalAws, stack: str) -> str:
    cloudformation = aws.client("cloudformation")
    (resource,) = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    answer = aws.client("ssm").get_parameter(Name=resource["PhysicalResourceId"])
    return str(answer["Parameter"]["Value"])


def test_the_same_again_does_nothing(running_aws: LocalAws, tmp_path: Path) -> None:
    one = assembly(tmp_path, Same=template(Rate=parameter("1")))

    assert deploy(one, running_aws)
    assert not deploy(one, running_aws)
    assert deployed(running_aws) == one.digest


def test_a_change_updates_what_is_there(running_aws: LocalAws, tmp_path: Path) -> None:
    deploy(assembly(tmp_path, Changing=template(Rate=parameter("1"))), running_aws)
    deploy(assembly(tmp_path, Changing=template(Rate=parameter("2"))), running_aws)

    assert value_in(running_aws, "Changing") == "2"


def test_one_stack_reads_anothers_output(running_aws: LocalAws, tmp_path: Path) -> None:
    output = {"Fn::GetStackOutput": {"StackName": "Giving", "OutputName": "RateName"}}
    deploy(
        assembly(
            tmp_path,
            Giving=template(Rate=parameter("1")),
            Taking=template(Name=parameter(output)),
        ),
        running_aws,
    )

    assert value_in(running_aws, "Taking") == "/Giving/Rate"


def test_a_failure_names_the_resource_and_can_be_mended(
    running_aws: LocalAws, tmp_path: Path
) -> None:
    wrong = parameter("1") | {"Properties": {"Type": "Nonsense", "Value": "1"}}

    with pytest.raises(
        DeploymentError, match=r"Mended: .*\n.*AWS::SSM::Parameter Rate: .*Nonsense"
    ):
        deploy(assembly(tmp_path, Mended=template(Rate=wrong)), running_aws)

    assert deploy(assembly(tmp_path, Mended=template(Rate=parameter("1"))), running_aws)
    assert value_in(running_aws, "Mended") == "1"


def test_a_resource_the_local_aws_does_not_know_is_named(
    running_aws: LocalAws, tmp_path: Path
) -> None:
    unknown = template(Archive={"Type": "AWS::Events::Archive", "Properties": {}})

    with pytest.raises(DeploymentError, match=r"Unknown: .*AWS::Events::Archive"):
        deploy(assembly(tmp_path, Unknown=unknown), running_aws)


def test_a_lambda_sees_the_local_aws_and_nothing_of_the_caller(
    tmp_path: Path, aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    aws.up()
    code = "import os\ndef handler(event, context):\n    return dict(os.environ)\n"
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
    }
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.13",
            "Handler": "index.handler",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Code": {"ZipFile": code},
        },
    }
    deploy(assembly(tmp_path / "assembly", Door=template(Role=role, Function=function)), aws)
    (listed,) = aws.client("lambda").list_functions()["Functions"]

    answer = aws.client("lambda").invoke(FunctionName=listed["FunctionName"])
    seen = json.loads(answer["Payload"].read())

    assert seen["AWS_ENDPOINT_URL"] == aws.endpoint
    assert seen["AWS_ACCESS_KEY_ID"] == "111122223333"
    assert seen["TMPDIR"].startswith(str(aws.folder))
    assert not {"AWS_PROFILE", "HTTPS_PROXY"} & seen.keys()
