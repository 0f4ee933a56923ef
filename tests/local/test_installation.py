"""Commands find an installation by the outputs of its stacks, here or in an AWS account."""

import json

import pytest

from finops.local.installation import Installation, NotInstalledError
from finops.local.local_aws import LocalAws

pytestmark = pytest.mark.local_aws

OUTPUTS = {
    "ApiUrl": "https://abc.execute-api.eu-west-1.amazonaws.com/v1/",
    "BillingBucketName": "bills",
    "LedgerBucketName": "ledger",
    "SorfileBucketName": "charts",
    "UserPoolId": "pool",
    "UserPoolClientId": "client",
}


@pytest.fixture
def account(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> LocalAws:
    """Stands in for an AWS account; the local AWS is addressed as any AWS is."""
    aws.up()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"{aws.endpoint}")
    return aws


def make_stack(aws: LocalAws, name: str, outputs: dict[str, str]) -> None:
    parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "1"}}
    template = {
        "Resources": {"Any": parameter},
        "Outputs": {key: {"Value": value} for key, value in outputs.items()},
    }
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )


def test_the_one_in_an_account_is_found_by_the_outputs_of_its_stacks(account: LocalAws) -> None:
    make_stack(account, "Data", {k: v for k, v in OUTPUTS.items() if "Bucket" in k})
    make_stack(account, "Api", {k: v for k, v in OUTPUTS.items() if "Bucket" not in k})

    found = Installation.in_account(None, "us-east-1")

    assert found.api == "https://abc.execute-api.eu-west-1.amazonaws.com/v1"
    assert (found.billing_bucket, found.ledger_bucket) == ("bills", "ledger")
    assert found.sorfile_bucket == "charts"
    assert (found.user_pool_id, found.client_id) == ("pool", "client")
    assert found.local is None


def test_half_an_installation_is_none(account: LocalAws) -> None:
    make_stack(account, "Data", {"BillingBucketName": "bills"})

    with pytest.raises(NotInstalledError, match=r"ApiUrl, LedgerBucketName.*cdk deploy"):
        Installation.in_account(None, "us-east-1")


def test_of_two_it_does_not_guess(account: LocalAws) -> None:
    make_stack(account, "Ours", OUTPUTS)
    make_stack(account, "Theirs", {"ApiUrl": "https://example.com/"})

    with pytest.raises(NotInstalledError, match="Ours and Theirs both have the output ApiUrl"):
        Installation.in_account(None, "us-east-1")
