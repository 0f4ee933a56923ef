"""Local AWS's Organizations holds the sample company, with the ids that its bills charge."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from finops.adapters.organizations import AwsOrganizations
from finops.domain.accounts import AccountState, AccountType, Listed
from finops.local import organization
from finops.local.local_aws import LocalAws
from finops.local.organization import CLOSED, MOVED, NotOursError, members, must_be_there
from finops.local.sample import write_sample

pytestmark = pytest.mark.local_aws


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """One that knew the sample company from its first start."""
    one = LocalAws(tmp_path_factory.mktemp("organization") / "local", organization.at_first)
    one.up()
    yield one
    one.reset()


def listed(aws: LocalAws) -> dict[str, Listed]:
    found = AwsOrganizations(aws.client("organizations")).listing().accounts
    return {one.account_id: one for one in found}


def test_the_organization_lists_whom_the_bill_charges_by_the_same_names(
    started: LocalAws, tmp_path: Path
) -> None:
    bill = write_sample(tmp_path, month="2026-09", lines=2_000)
    found = AwsOrganizations(started.client("organizations")).listing()

    assert {one.account_id for one in found.accounts} == {group.key for group in bill.by_account}
    assert found.payer == bill.payer_id
    names = {one.account_id: one.name for one in found.accounts}
    assert names[bill.payer_id] == bill.payer_name


def test_the_payer_stands_at_the_root_and_each_other_account_in_its_unit(
    started: LocalAws,
) -> None:
    for one in members().values():
        said = listed(started)[one.account_id]
        assert (said.name, said.email, said.joined) == (one.name, one.email, one.joined)
        assert said.tags == (("Environment", one.environment),)
    ids = {name: one.account_id for name, one in members().items()}
    paths = {name: listed(started)[ids[name]].path for name in ("management", "data-platform")}
    assert paths == {"management": (), "data-platform": ("Technology", "Production")}


def test_an_account_that_is_opened_in_a_billed_month_joins_on_that_day() -> None:
    returns = members()["returns-development"]

    assert (returns.joined.isoformat(), returns.type) == ("2026-08-20", AccountType.DEVELOPMENT)


def test_one_account_moves_and_one_is_closed_once(started: LocalAws) -> None:
    organizations = started.client("organizations")
    ours = members()

    changed = organization.reorganize(organizations)
    again = organization.reorganize(organizations)

    assert (changed, again) == ((ours[MOVED].name, ours[CLOSED].name), ())
    found = listed(started)
    assert found[ours[MOVED].account_id].path == ("Technology", "Production")
    assert found[ours[CLOSED].account_id].state is AccountState.SUSPENDED


def test_what_became_of_it_is_kept_over_a_stop(tmp_path: Path) -> None:
    aws = LocalAws(tmp_path / "local", organization.at_first)
    try:
        aws.up()
        organization.reorganize(aws.client("organizations"))
        before = listed(aws)
        aws.down()
        aws.up()

        assert listed(aws) == before
        assert organization.reorganize(aws.client("organizations")) == ()
    finally:
        aws.reset()


def test_a_crash_before_the_first_clean_stop_is_still_a_start_anew(tmp_path: Path) -> None:
    aws = LocalAws(tmp_path / "local", organization.at_first)
    try:
        aws.up()
        assert aws.pid is not None
        os.kill(aws.pid, signal.SIGKILL)
        while aws.running:
            pass
        said: list[str] = []
        aws.up(said.append)

        assert "starts anew" in said[0]
        must_be_there(aws.client("organizations"))
    finally:
        aws.reset()


def test_another_organization_is_not_taken_for_ours(running_aws: LocalAws) -> None:
    with pytest.raises(NotOursError, match="finops local reset"):
        must_be_there(running_aws.client("organizations"))
