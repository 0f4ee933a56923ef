"""The contract of the accounts' table, and what is asked of AWS Organizations."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from finops.adapters.organizations import AwsOrganizations
from finops.domain.accounts import Account, AccountCheck, AccountState, AccountType, Listed
from finops.domain.audit import Deed, Receipt, findings
from finops.domain.errors import ConflictError
from finops.usecases.ports import Save
from tests.usecases.organisation import NOW, Organisation, act

PAYER = "999988887777"
SHOP, LAB = "444455556666", "555566667777"
FIND, TYPE = Deed(action="List", event="AccountFound"), Deed(action="SetType")
RECEIPT = Receipt(key="key-1", fingerprint="print-1")


def new(account_id: str = SHOP, name: str = "shop", at: datetime = NOW) -> Account:
    said = Listed(account_id=account_id, name=name, path=("Retail",), tags=(("a", "b"),))
    return Account.listed(said, PAYER, at)


# The table ----------------------------------------------------------------------------------------


def test_an_account_is_read_as_it_was_saved(organisation: Organisation) -> None:
    [saved] = organisation.accounts.save([Save(None, new(), FIND)], act())

    assert organisation.accounts.find(SHOP) == saved
    assert organisation.accounts.find(LAB) is None
    assert saved == new().changed(version=1, head=saved.head)
    [record] = organisation.audit.chain(f"account#{SHOP}")
    assert (record.event, saved.head) == ("AccountFound", record.hash)


def test_all_accounts_are_told_by_id_as_they_are(organisation: Organisation) -> None:
    accounts = organisation.accounts
    assert list(accounts.all()) == []
    lab, shop = accounts.save([Save(None, new(LAB), FIND), Save(None, new(), FIND)], act())
    assert list(accounts.all()) == [shop, lab]
    after = shop.typed(AccountType.SHARED, NOW + timedelta(days=1))
    [typed] = accounts.save([Save(shop, after, TYPE)], act())

    assert list(accounts.all()) == [typed, lab]
    records = list(organisation.audit.chain(f"account#{SHOP}"))
    assert findings(f"account#{SHOP}", records, typed) == []


def test_of_two_who_change_an_account_the_second_is_told(organisation: Organisation) -> None:
    accounts = organisation.accounts
    [shop] = accounts.save([Save(None, new(), FIND)], act())
    [first] = accounts.save([Save(shop, shop.typed(AccountType.SHARED, NOW), TYPE)], act())

    with pytest.raises(ConflictError) as told:
        accounts.save(
            [Save(shop, shop.typed(AccountType.SANDBOX, NOW), TYPE)], act(receipt=RECEIPT)
        )

    assert told.value.members["current"] == first
    assert organisation.receipts.find("key-1") is None


def test_of_many_accounts_in_a_step_all_are_written_or_none(organisation: Organisation) -> None:
    accounts = organisation.accounts
    accounts.save([Save(None, new(LAB), FIND)], act())

    with pytest.raises(ConflictError):
        accounts.save([Save(None, new(), FIND), Save(None, new(LAB), FIND)], act())

    assert [one.account_id for one in accounts.all()] == [LAB]


def test_45_accounts_fit_in_one_step_with_a_receipt(organisation: Organisation) -> None:
    crowd = [Save(None, new(f"{number:012d}"), FIND) for number in range(45)]

    organisation.accounts.save(crowd, act(receipt=RECEIPT))

    assert len(organisation.accounts.all()) == 45


def test_the_last_look_is_no_account(organisation: Organisation) -> None:
    accounts = organisation.accounts
    assert accounts.check() is None
    asked = AccountCheck().asked("ada@example.com", NOW, force=True)
    first = accounts.save_check(None, asked, Deed(action="AskCheck"), act())
    second = accounts.save_check(first, first.done(NOW, 3, []), Deed(action="EndCheck"), act())

    assert accounts.check() == second
    assert list(accounts.all()) == []
    assert accounts.find("CHECK") is None
    with pytest.raises(ConflictError) as told:
        accounts.save_check(first, first.done(NOW, 4, []), Deed(action="EndCheck"), act())
    assert told.value.members["current"] == second


# AWS Organizations --------------------------------------------------------------------------------


@pytest.fixture
def stubbed() -> Iterator[tuple[AwsOrganizations, Stubber]]:
    client = boto3.client(
        "organizations",
        region_name="us-east-1",
        aws_access_key_id="none",
        aws_secret_access_key="none",
    )
    with Stubber(client) as stubber:
        yield AwsOrganizations(client), stubber
        stubber.assert_no_pending_responses()


def account(account_id: str, **said: Any) -> dict[str, Any]:
    return {"Id": account_id, "Name": f"name {account_id[0]}", "State": "ACTIVE", **said}


def answer_until_accounts(stubber: Stubber, *pages: list[dict[str, Any]]) -> None:
    """The pages of `ListAccounts`, each but the last with a token for the next."""
    stubber.add_response("describe_organization", {"Organization": {"MasterAccountId": PAYER}})
    for number, page in enumerate(pages):
        more = {"NextToken": f"t{number + 1}"} if number < len(pages) - 1 else {}
        asked = {"NextToken": f"t{number}"} if number else {}
        stubber.add_response("list_accounts", {"Accounts": page, **more}, asked)


def answer_the_tree(stubber: Stubber, *accounts: dict[str, Any]) -> None:
    """A root with these accounts, and no unit."""
    stubber.add_response("list_roots", {"Roots": [{"Id": "r-root"}]})
    here = {"ParentId": "r-root"}
    stubber.add_response("list_accounts_for_parent", {"Accounts": list(accounts)}, here)
    stubber.add_response("list_organizational_units_for_parent", {"OrganizationalUnits": []}, here)


def test_a_page_without_accounts_is_not_the_last(
    stubbed: tuple[AwsOrganizations, Stubber],
) -> None:
    organizations, stubber = stubbed
    answer_until_accounts(stubber, [], [account(SHOP)], [], [])
    answer_the_tree(stubber, account(SHOP))
    stubber.add_response("list_tags_for_resource", {"Tags": [], "NextToken": "t"})
    stubber.add_response("list_tags_for_resource", {"Tags": [{"Key": "a", "Value": "b"}]})

    listing = organizations.listing()

    assert listing.payer == PAYER
    [said] = listing.accounts
    assert (said.account_id, said.path, said.tags) == (SHOP, (), (("a", "b"),))


@pytest.mark.parametrize(
    "said, state",
    [
        ({"State": "PENDING_ACTIVATION"}, AccountState.PENDING_ACTIVATION),
        ({"State": "CLOSED", "Status": "SUSPENDED"}, AccountState.CLOSED),
        ({"State": None, "Status": "PENDING_CLOSURE"}, AccountState.PENDING_CLOSURE),
        ({"State": "SOMETHING_NEW"}, AccountState.UNKNOWN),
        ({"State": None}, AccountState.UNKNOWN),
    ],
)
def test_state_counts_and_status_only_where_there_is_none(
    stubbed: tuple[AwsOrganizations, Stubber], said: dict[str, Any], state: AccountState
) -> None:
    organizations, stubber = stubbed
    told = {name: value for name, value in account(SHOP, **said).items() if value is not None}
    answer_until_accounts(stubber, [told])
    answer_the_tree(stubber)
    stubber.add_response("list_tags_for_resource", {"Tags": []})

    assert organizations.listing().accounts[0].state is state


def test_who_is_moved_or_leaves_meanwhile_is_listed_without_what_was_not_said(
    stubbed: tuple[AwsOrganizations, Stubber],
) -> None:
    organizations, stubber = stubbed
    answer_until_accounts(stubber, [account(SHOP)])
    answer_the_tree(stubber)
    stubber.add_client_error("list_tags_for_resource", "TargetNotFoundException")

    [said] = organizations.listing().accounts

    assert (said.account_id, said.path, said.tags) == (SHOP, None, None)


def test_a_listing_that_fails_half_way_is_no_shorter_listing(
    stubbed: tuple[AwsOrganizations, Stubber],
) -> None:
    organizations, stubber = stubbed
    stubber.add_response("describe_organization", {"Organization": {"MasterAccountId": PAYER}})
    stubber.add_response("list_accounts", {"Accounts": [account(SHOP)], "NextToken": "t"})
    stubber.add_client_error("list_accounts", "TooManyRequestsException")

    with pytest.raises(Exception, match="TooManyRequests"):
        organizations.listing()


def test_an_organization_is_listed_with_places_and_tags() -> None:
    with mock_aws():
        client = boto3.client("organizations", region_name="us-east-1")
        client.create_organization(FeatureSet="ALL")
        [root] = client.list_roots()["Roots"]

        def unit(parent: str, name: str) -> str:
            made = client.create_organizational_unit(ParentId=parent, Name=name)
            return str(made["OrganizationalUnit"]["Id"])

        digital = unit(unit(root["Id"], "Retail"), "Digital")
        made = client.create_account(
            Email="shop@example.com", AccountName="shop", Tags=[{"Key": "Team", "Value": "Web"}]
        )
        shop = made["CreateAccountStatus"]["AccountId"]
        client.move_account(AccountId=shop, SourceParentId=root["Id"], DestinationParentId=digital)
        listing = AwsOrganizations(client).listing()

    said = {one.account_id: one for one in listing.accounts}
    assert said[listing.payer].path == ()
    assert said[shop] == Listed(
        account_id=shop,
        name="shop",
        email="shop@example.com",
        joined=said[shop].joined,
        path=("Retail", "Digital"),
        tags=(("Team", "Web"),),
    )
    assert abs((said[shop].joined or date.min) - datetime.now(UTC).date()) <= timedelta(days=1)
