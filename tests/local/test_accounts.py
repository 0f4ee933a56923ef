"""`finops accounts`, as the people run it who look after the organization."""

import csv
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from finops.local import cli, organization, screen, sign_in
from finops.local.api import Api, ApiError
from finops.local.commands import demo_accounts as story
from finops.local.installation import Installation

pytestmark = [pytest.mark.local_aws, pytest.mark.cdk]


def finops(*words: str) -> Result:
    return CliRunner().invoke(cli.app, list(words))


def told(*words: str) -> Any:
    result = finops(*words, "--json")
    assert result.exit_code == 0, result.output + repr(result.exception)
    return json.loads(result.stdout)


@pytest.fixture(scope="module", autouse=True)
def _installed(installation: Installation) -> Iterator[None]:
    """The command finds the shared installation."""
    assert installation.local is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINOPS_LOCAL_DIR", str(installation.local.folder))
        yield


@pytest.fixture
def account(installation: Installation) -> str:
    """An account of the local organization, in a unit of its own, which nobody has looked at."""
    organizations = installation.client("organizations")
    [root] = organizations.list_roots()["Roots"]
    name = uuid4().hex[:8]
    unit = organizations.create_organizational_unit(ParentId=root["Id"], Name=f"Unit {name}")
    made = organizations.create_account(
        Email=f"{name}@example.com",
        AccountName=f"shop-{name}",
        Tags=[{"Key": "Team", "Value": "Storefront"}],
    )
    account_id = str(made["CreateAccountStatus"]["AccountId"])
    organizations.move_account(
        AccountId=account_id,
        SourceParentId=root["Id"],
        DestinationParentId=unit["OrganizationalUnit"]["Id"],
    )
    return account_id


def test_a_look_finds_an_account_before_its_first_charge(account: str) -> None:
    with pytest.raises(ApiError, match="nobody has seen an account"):
        CliRunner().invoke(cli.app, ["accounts", "show", account], catch_exceptions=False)
    ended = told("accounts", "check")

    assert (ended["status"], ended["found"]["New"] > 0) == ("Done", True)
    found = told("accounts", "show", account)
    assert (found["state"], found["tags"]) == ("Active", {"Team": "Storefront"})
    assert found["path"] == [f"Unit {found['name'].removeprefix('shop-')}"]
    assert account in finops("accounts").stdout
    assert "SetType" in finops("accounts", "tasks").stdout


def test_a_type_finishes_its_mapping_and_a_notice_is_closed(
    account: str, installation: Installation
) -> None:
    told("accounts", "check")
    typed = told("accounts", "type", account, "Development")
    assert (typed["type"], typed["notices"]) == ("Development", [])
    installation.client("organizations").close_account(AccountId=account)
    ended = told("accounts", "check", "--as", sign_in.FINANCIAL_ADMIN)
    assert ended["found"]["Suspended"] == 1
    shown = finops("accounts", "show", account).stdout
    assert "Suspended since" in shown
    assert "CheckShares" in shown

    done = told("accounts", "acknowledge", account, "Suspended", "--reason", "it was planned")

    assert done["notices"] == []
    listed = finops("accounts", "--type", "Development", "--state", "Suspended", "--csv").stdout
    assert account in [row["account_id"] for row in csv.DictReader(io.StringIO(listed))]
    [newest, *_] = told("audit", "--entity", f"account#{account}")["items"]
    assert (newest["action"], newest["reason"]) == ("AcknowledgeSuspended", "it was planned")


def test_every_account_on_a_bill_is_known_once_the_bill_is_loaded(tmp_path: Path) -> None:
    """A company of its own, of which the organization here knows nothing."""
    bill = told(
        *("sample", "--out", str(tmp_path), "--month", "2026-04", "--seed", "7"),
        *("--lines", "2000"),
    )
    told("load", str(tmp_path))
    charged = {group["key"] for group in bill["by_account"] if group["key"]}
    deadline = time.monotonic() + 60
    while True:
        known = {one["account_id"]: one for one in told("accounts")["items"]}
        if charged <= known.keys():
            break
        assert time.monotonic() < deadline
        time.sleep(0.3)

    assert len(charged) > 10
    found = [known[account_id] for account_id in charged]
    assert {(one["state"], one["payer"]) for one in found} == {("Unknown", bill["payer_id"])}
    assert max(one["first_seen"] for one in found) < "2026-05"


def test_what_an_account_needs_is_among_the_tasks_of_who_looks_after_it(account: str) -> None:
    told("accounts", "check")
    mine = told("tasks", "--as", sign_in.CLOUD_ENGINEER)["items"]

    [task] = [one for one in mine if one["account_id"] == account]
    assert (task["kind"], task["notice"], task["label"]) == ("SetType", "New", "Account")
    shown = " ".join(finops("tasks", "--as", sign_in.CLOUD_ENGINEER).stdout.split())
    assert account in shown
    listed = finops("tasks", "--as", sign_in.CLOUD_ENGINEER, "--csv").stdout
    assert account in [row["account_id"] for row in csv.DictReader(io.StringIO(listed))]


def test_the_demonstration_s_second_run_changes_no_account(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(screen, "tell", said.append)
    ours = {one.account_id: one for one in organization.members().values()}

    def play() -> dict[str, dict[str, Any]]:
        story.find_accounts(installation)
        story.follow_accounts(installation)
        found = Api(installation, sign_in.CLOUD_ENGINEER).items("accounts")
        return {one["account_id"]: one for one in found if one["account_id"] in ours}

    first = play()
    said.clear()
    assert play() == first

    assert said == ["All have their types", "Nothing to do: one was moved and one closed before"]
    assert {id_: one["type"] for id_, one in first.items()} == {
        id_: one.type for id_, one in ours.items()
    }
    waiting = {
        ours[id_].name: [notice["kind"] for notice in one["notices"]]
        for id_, one in first.items()
        if one["notices"]
    }
    assert waiting == {
        "fernhollow-payments-production": ["Moved"],
        "fernhollow-catalogue-legacy": ["Suspended"],
    }
