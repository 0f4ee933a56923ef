"""The whole product on one machine: what `finops local up` promises."""

import json
import stat
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from typer.testing import CliRunner

from finops.local import machine, sign_in
from finops.local.cli import app
from finops.local.installation import Installation, NotInstalledError
from finops.local.local_aws import LocalAws
from finops.local.sign_in import Person, SignInError

pytestmark = pytest.mark.local_aws


def local(installation: Installation) -> LocalAws:
    assert installation.local is not None
    return installation.local


def test_the_templates_that_cdk_deploys_deploy_here(installation: Installation) -> None:
    cloudformation = installation.client("cloudformation")

    stacks = cloudformation.describe_stacks()["Stacks"]

    assert {stack["StackName"] for stack in stacks} == {
        *("Data", "Identity", "Billing", "Api", "Observability")
    }
    assert {stack["StackStatus"] for stack in stacks} <= {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


def test_up_again_says_the_same(installation: Installation) -> None:
    assert machine.up().api == installation.api


def test_status_says_where_everything_is(installation: Installation) -> None:
    result = CliRunner().invoke(app, ["local", "status", "--json"])

    said = json.loads(result.stdout)
    assert said["running"]
    assert said["deployed"]
    assert said["aws_endpoint"] == local(installation).endpoint
    assert said["api"] == installation.api
    assert said["billing_bucket"] == installation.billing_bucket
    assert said["account_id"] == "111122223333"
    installation.client("s3").head_bucket(Bucket=said["billing_bucket"])


def test_nobody_gets_in_without_a_token(installation: Installation) -> None:
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{installation.api}/bills")  # noqa: S310 - on this machine

    assert refused.value.code == 401


def test_the_local_person_signs_in(installation: Installation) -> None:
    person = sign_in.person_of(installation)

    token = sign_in.token(installation, person)

    assert len(token.split(".")) == 3


def test_a_wrong_password_is_refused(installation: Installation) -> None:
    person = Person(sign_in.person_of(installation).username, "Not-the-passw0rd")

    with pytest.raises(SignInError, match=person.username):
        sign_in.token(installation, person)


def test_the_password_is_for_its_owner_only_and_is_not_printed(installation: Installation) -> None:
    kept = sign_in.kept(local(installation).folder)
    person = sign_in.person_of(installation)

    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert person.password not in repr(person)


def test_the_local_person_is_a_financial_admin(installation: Installation) -> None:
    groups = installation.client("cognito-idp").admin_list_groups_for_user(
        UserPoolId=installation.user_pool_id, Username=sign_in.USERNAME
    )["Groups"]

    assert [group["GroupName"] for group in groups] == ["financial_admin"]


def test_what_runs_without_stacks_is_no_installation(running_aws: LocalAws) -> None:
    with pytest.raises(NotInstalledError, match=r"ApiUrl.*finops local up"):
        Installation.on_this_machine(running_aws)


def test_what_does_not_run_is_no_installation(tmp_path: Path) -> None:
    with pytest.raises(NotInstalledError, match="finops local up"):
        Installation.on_this_machine(LocalAws(tmp_path))
