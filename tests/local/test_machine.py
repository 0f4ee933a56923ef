"""The whole product on one machine: what `finops local up` promises."""

import json
import stat
from dataclasses import replace
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
        *("Data", "Identity", "Billing", "Allocation", "Cards", "Close"),
        *("Reports", "Savings", "Alerts"),
        *("Organization", "Api", "Observability"),
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
    assert said["sorfile_bucket"] == installation.sorfile_bucket
    assert set(sign_in.FIRST_PEOPLE) <= set(said["people"])
    assert said["account_id"] == "111122223333"
    installation.client("s3").head_bucket(Bucket=said["billing_bucket"])


def test_nobody_gets_in_without_a_token(installation: Installation) -> None:
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{installation.api}/bills")  # noqa: S310 - on this machine

    assert refused.value.code == 401


@pytest.mark.parametrize("email", sign_in.FIRST_PEOPLE)
def test_who_is_there_from_the_start_signs_in(installation: Installation, email: str) -> None:
    token = sign_in.token(installation, sign_in.person_of(installation, email))

    assert len(token.split(".")) == 3


def test_nobody_named_is_the_financial_admin(installation: Installation) -> None:
    assert sign_in.person_of(installation).username == sign_in.FINANCIAL_ADMIN


def test_a_wrong_password_is_refused(installation: Installation) -> None:
    person = Person(sign_in.FINANCIAL_ADMIN, "Not-the-passw0rd")

    with pytest.raises(SignInError, match=person.username):
        sign_in.token(installation, person)


def test_who_was_invited_is_let_in_with_a_password_that_the_keyring_keeps(
    installation: Installation,
) -> None:
    email = "invited@example.com"
    installation.client("cognito-idp").admin_create_user(
        UserPoolId=installation.user_pool_id, Username=email, MessageAction="SUPPRESS"
    )

    first = sign_in.person_of(installation, email)

    assert sign_in.token(installation, first)
    assert sign_in.keyring(local(installation).folder)[email] == first.password
    assert sign_in.person_of(installation, email) == first


def test_who_was_not_invited_is_not_let_in(installation: Installation) -> None:
    with pytest.raises(SignInError, match=r"nobody@example\.com has no sign-in here"):
        sign_in.person_of(installation, "nobody@example.com")

    assert "nobody@example.com" not in sign_in.keyring(local(installation).folder)


def test_elsewhere_the_environment_says_who_signs_in(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = replace(installation, local=None)
    with pytest.raises(SignInError, match="FINOPS_USERNAME"):
        sign_in.person_of(elsewhere)

    monkeypatch.setenv("FINOPS_USERNAME", "ann@example.com")
    monkeypatch.setenv("FINOPS_PASSWORD", "Made-up-1")

    assert sign_in.person_of(elsewhere).username == "ann@example.com"
    with pytest.raises(SignInError, match=r"as ben@example\.com"):
        sign_in.person_of(elsewhere, "ben@example.com")


def test_the_keyring_is_for_its_owner_only_and_no_password_is_printed(
    installation: Installation,
) -> None:
    kept = sign_in.kept(local(installation).folder)
    person = sign_in.person_of(installation)

    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert person.password not in repr(person)
    assert person.password not in CliRunner().invoke(app, ["local", "status"]).output


@pytest.mark.parametrize("email, group", sign_in.FIRST_PEOPLE.items())
def test_who_is_there_from_the_start_is_in_the_group_of_their_role(
    installation: Installation, email: str, group: str
) -> None:
    groups = installation.client("cognito-idp").admin_list_groups_for_user(
        UserPoolId=installation.user_pool_id, Username=email
    )["Groups"]

    assert [one["GroupName"] for one in groups] == [group]


def test_what_runs_without_stacks_is_no_installation(running_aws: LocalAws) -> None:
    with pytest.raises(NotInstalledError, match=r"ApiUrl.*finops local up"):
        Installation.on_this_machine(running_aws)


def test_what_does_not_run_is_no_installation(tmp_path: Path) -> None:
    with pytest.raises(NotInstalledError, match="finops local up"):
        Installation.on_this_machine(LocalAws(tmp_path))
