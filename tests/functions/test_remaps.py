"""The door to remaps: a proposal in sight, a remap made once, refused to whom it is not."""

import json
from datetime import date
from typing import Any

import pytest

from finops.domain.allocations import PartKind
from finops.domain.audit import Deed
from finops.domain.delegations import Delegation, Signature
from finops.domain.paces import Pace
from finops.domain.people import Person, Role
from finops.domain.rule_changes import Change, ClaimResources, MapAccount, ReleaseResources
from finops.domain.spend_cards import (
    CardCommand,
    CardKey,
    CardLine,
    RemapProposal,
    Spend,
    SpendCard,
)
from finops.domain.workloads import Workload
from finops.usecases.accounts import check_accounts
from finops.usecases.ports import Save
from finops.usecases.shares import map_account
from tests.functions.conftest import Answer, ask
from tests.usecases.organisation import (
    LOANS,
    NOW,
    SEARCH,
    UNIT,
    WEB_SHOP,
    Organisation,
    act,
)

ACCOUNT = "444455556666"
WEEK = date(2026, 3, 1)
KEY = CardKey(WEB_SHOP, WEEK, "USD")
PATH = f"/spend-cards/{WEB_SHOP}/{WEEK}"
JSON = {"Content-Type": "application/json"}
HALVES = MapAccount(account_id=ACCOUNT, shares=((SEARCH, 5_000), (WEB_SHOP, 5_000)), start=WEEK)
AWAY = MapAccount(
    account_id=ACCOUNT, shares=((LOANS, 4_000), (SEARCH, 1_000), (WEB_SHOP, 5_000)), start=WEEK
)
LENDING = Workload(
    workload_id="w-loans",
    product_id=LOANS,
    account_id=ACCOUNT,
    name="loans",
    launch="2026-03",
    end="2026-12",
)


@pytest.fixture
def made(organisation: Organisation, staff: dict[Role, Person]) -> Organisation:
    """An account of the web shop, its card of a week, and its owner's disputes."""
    organisation.organizations.put(ACCOUNT, "shop")
    check_accounts(
        None,
        accounts=organisation.accounts,
        organizations=organisation.organizations,
        act=act("the organization"),
    )
    map_account(
        MapAccount(account_id=ACCOUNT, shares=((WEB_SHOP, 10_000),)),
        0,
        by=staff[Role.FINANCIAL_ADMIN],
        shares=organisation.shares,
        grounds=organisation.grounds,
        act=act(),
    )
    organisation.workloads.save([Save(None, LENDING, Deed(action="Plan"))], act())
    line = CardLine(account_id=ACCOUNT, kind=PartKind.SHARE, rule="1", amount=6 * UNIT)
    card = SpendCard.made(KEY, Spend(lines=(line,)), pace=Pace(), at=NOW)
    organisation.spend_cards.save([Save(None, card, Deed(action="MakeCards"))], act())
    return organisation


def dispute(made: Organisation, *changes: Change, effect: dict[str, int] | None = None) -> None:
    card = made.spend_cards.find(KEY)
    assert card is not None
    money = tuple((effect or {}).items())
    proposed = RemapProposal(changes=changes, effect=money, preview_id="p") if changes else None
    after = card.decided(
        CardCommand.DISPUTE,
        by=Signature(by="product@example.com"),
        at=NOW,
        reason="half of it is searched",
        proposal=proposed,
    )
    made.spend_cards.save([Save(card, after, Deed(action="Dispute"))], act())


def remap(by: Person | str, version: int = 2, *, key: str | None = None, **said: Any) -> Answer:
    headers = JSON | {"If-Match": f'"{version}"'} | ({"Idempotency-Key": key} if key else {})
    return ask("POST", f"{PATH}/remaps", by=by, headers=headers, body=json.dumps(said))


def proposal(by: Person | str) -> Answer:
    return ask("GET", f"{PATH}/proposal", by=by)


# Seen ---------------------------------------------------------------------------------------------


def test_a_proposal_is_told_with_its_money(made: Organisation, staff: dict[Role, Person]) -> None:
    dispute(made, HALVES, effect={SEARCH: 3 * UNIT, WEB_SHOP: -3 * UNIT})

    told = proposal(staff[Role.PORTFOLIO_OWNER])

    assert (told.status, told.headers["ETag"]) == (200, '"2"')
    assert told.json["reason"] == "half of it is searched"
    assert (told.json["proposed_by"], told.json["preview_id"]) == ("product@example.com", "p")
    assert told.json["effect"] == [
        {"product_id": SEARCH, "difference": "3.0000000000"},
        {"product_id": WEB_SHOP, "difference": "-3.0000000000"},
    ]
    assert told.json["rest"] == "0.0000000000"
    [change] = told.json["changes"]
    assert (change["kind"], change["account_id"], change["start"]) == (
        *("MapAccount", ACCOUNT),
        "2026-03-01",
    )
    assert [one["percent"] for one in change["shares"]] == ["50.00", "50.00"]


def test_of_what_is_out_of_sight_there_is_one_number(
    made: Organisation, staff: dict[Role, Person]
) -> None:
    claim = ClaimResources(workload_id="w-loans", resources=("i-1",))
    dispute(made, AWAY, claim, effect={SEARCH: UNIT, WEB_SHOP: -3 * UNIT})

    told = proposal(staff[Role.PRODUCT_OWNER])

    assert told.json["effect"] == [{"product_id": WEB_SHOP, "difference": "-3.0000000000"}]
    assert told.json["rest"] == "3.0000000000"
    split, claimed = told.json["changes"]
    assert [one["product_id"] for one in split["shares"]] == [WEB_SHOP]
    assert split["others_basis_points"] == 5_000
    assert claimed["workload_id"] is None
    assert not any(word in told.body for word in ("bank", SEARCH, "w-loans"))
    whole = proposal(staff[Role.FINANCIAL_ADMIN]).json["changes"]
    assert (whole[0]["others_basis_points"], whole[1]["workload_id"]) == (0, "w-loans")


def test_a_release_is_told_by_its_account(made: Organisation, staff: dict[Role, Person]) -> None:
    dispute(made, ReleaseResources(account_id=ACCOUNT, resources=("i-1",)))

    [change] = proposal(staff[Role.PRODUCT_OWNER]).json["changes"]

    assert (change["account_id"], change["resources"], change["start"]) == (ACCOUNT, ["i-1"], None)


def test_where_nothing_is_proposed_there_is_no_proposal(
    made: Organisation, staff: dict[Role, Person]
) -> None:
    dispute(made)

    told = proposal(staff[Role.PORTFOLIO_OWNER])

    assert (told.status, told.json["detail"]) == (
        404,
        f"no dispute of {WEB_SHOP} for the week from 2026-03-01 proposes a remap",
    )


def test_a_card_out_of_sight_is_not_there(made: Organisation) -> None:
    dispute(made, HALVES)
    made.hire("loans@example.com", Role.PRODUCT_OWNER, (LOANS,))

    for told in (proposal("loans@example.com"), remap("loans@example.com")):
        assert (told.status, "no card" in told.json["detail"]) == (404, True)


# Answered -----------------------------------------------------------------------------------------


def test_a_remap_changes_the_rules_and_has_the_card_wait(
    made: Organisation, staff: dict[Role, Person]
) -> None:
    dispute(made, HALVES)

    told = remap(staff[Role.PORTFOLIO_OWNER], reason="agreed")

    assert (told.status, told.headers["ETag"]) == (200, '"3"')
    assert (told.json["status"], told.json["awaits_run"]) == ("Disputed", True)
    assert told.json["amount"] == "6.0000000000"
    split = made.shares.find(ACCOUNT)
    assert split is not None
    assert split.revisions[-1].shares == HALVES.shares
    assert split.revisions[-1].reason == f"dispute of {WEB_SHOP}, week from 2026-03-01: agreed"


def test_other_changes_are_written_as_a_preview_takes_them(
    made: Organisation, staff: dict[Role, Person]
) -> None:
    dispute(made)
    changes = [json.loads(HALVES.model_dump_json())]

    assert remap(staff[Role.PORTFOLIO_OWNER]).status == 422
    assert remap(staff[Role.PORTFOLIO_OWNER], changes=changes).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        [],
        [{"kind": "OrderClaimRules", "rule_ids": []}],
        [{"kind": "MapAccount", "account_id": ACCOUNT, "shares": [[WEB_SHOP, 10_000]], "x": 1}],
    ],
)
def test_what_no_remap_is_made_of_is_refused(
    made: Organisation, staff: dict[Role, Person], changes: list[Any]
) -> None:
    dispute(made, HALVES)

    told = remap(staff[Role.PORTFOLIO_OWNER], changes=changes)

    assert told.status == 422
    assert "changes" in told.json["detail"]


def test_a_remap_out_of_ones_portfolios_is_refused_and_names_nobody(
    made: Organisation, staff: dict[Role, Person]
) -> None:
    dispute(made, HALVES)
    split = made.shares.find(ACCOUNT)
    assert split is not None
    thirds = MapAccount(account_id=ACCOUNT, shares=((LOANS, 5_000), (WEB_SHOP, 5_000)), start=WEEK)
    map_account(
        thirds,
        split.version,
        by=staff[Role.FINANCIAL_ADMIN],
        shares=made.shares,
        grounds=made.grounds,
        act=act(),
    )

    told = remap(staff[Role.PORTFOLIO_OWNER])

    assert (told.status, "bank" in told.body) == (403, False)


def test_a_stale_remap_is_told_the_card_as_it_is(
    made: Organisation, staff: dict[Role, Person]
) -> None:
    dispute(made, HALVES)

    told = remap(staff[Role.PORTFOLIO_OWNER], 1)

    assert (told.status, told.json["current"]["version"]) == (409, 2)


def test_a_remap_names_the_version_it_is_made_from(
    made: Organisation, staff: dict[Role, Person]
) -> None:
    dispute(made, HALVES)

    told = ask(
        "POST", f"{PATH}/remaps", by=staff[Role.PORTFOLIO_OWNER], headers=JSON, body=json.dumps({})
    )

    assert told.status == 428


def test_a_request_that_comes_twice_is_done_once(
    made: Organisation, staff: dict[Role, Person]
) -> None:
    dispute(made, HALVES)
    first = remap(staff[Role.PORTFOLIO_OWNER], key="once")
    kept = len(made.records)

    again = remap(staff[Role.PORTFOLIO_OWNER], key="once")

    assert (again.status, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert (again.json, again.headers["ETag"]) == (first.json, first.headers["ETag"])
    assert len(made.records) == kept


def test_who_stands_in_for_the_owner_above_remaps_and_is_told_again(
    made: Organisation, staff: dict[Role, Person]
) -> None:
    dispute(made, HALVES)
    made.hire("lending@example.com", Role.PORTFOLIO_OWNER, ("bank.credit.lending",))
    absence = Delegation.granted(
        "d-1",
        absent=staff[Role.PORTFOLIO_OWNER].email,
        delegate="lending@example.com",
        start=NOW.date(),
        end=date(2026, 3, 20),
        by="cloud@example.com",
        at=NOW,
    )
    made.delegations.save([Save(None, absence, Deed(action="Delegate"))], act())

    for _ in range(2):
        told = remap("lending@example.com", key="in-their-place")
        assert told.status == 200
        assert told.json["history"][-1]["acting_for"] == staff[Role.PORTFOLIO_OWNER].email
