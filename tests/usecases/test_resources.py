"""Resources of a month: whose they are, who may see them, and pages of one state of the bills."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from finops.domain.audit import Deed
from finops.domain.bills import Bill, BillTotal
from finops.domain.claim_rules import ClaimRule, ClaimRules
from finops.domain.claims import AccountClaims, Claim
from finops.domain.errors import ConflictError, ForbiddenError, InvalidError
from finops.domain.loads import Costs
from finops.domain.people import Person, PersonStatus, Role
from finops.domain.places import account_folder, generation
from finops.domain.resources import NONE, ResourceOrder, ResourceQuery
from finops.domain.shares import AccountShares, Revision
from finops.domain.workloads import Workload
from finops.ledger.engine import Limits, connect
from finops.ledger.inventory import Inventory
from finops.usecases import resource_views
from finops.usecases import resources as finding
from finops.usecases.ports import Save
from finops.usecases.resources import ResourcePage, Stock, resources
from tests.fakes import FolderLedger, InMemoryBills
from tests.usecases.organisation import (
    LOANS,
    SEARCH,
    STOREFRONT,
    WEB_SHOP,
    Organisation,
    act,
)

PAYER, OTHER_PAYER, MONTH = "999988887777", "888877776666", "2026-09"
WEB, BANK, LAB = "111111111111", "222222222222", "333333333333"
TODAY = date(2026, 10, 5)
NOW = datetime(2026, 10, 1, tzinfo=UTC)
Costed = Mapping[str | None, Mapping[str, int]]


class World(NamedTuple):
    """A stock on fakes with a real engine, and ways to fill it."""

    organisation: Organisation
    bills: InMemoryBills
    ledger: FolderLedger
    stock: Stock
    folder: Path

    def bill(
        self, costs: Costed, load: str = "load-1", payer: str = PAYER, month: str = MONTH
    ) -> None:
        """A bill in force: what each resource of each account costs."""
        root = generation(payer, month, load)
        names = []
        for account, its in costs.items():
            name = f"{account_folder(account)}/resources.parquet"
            self.ledger.put(f"{root}/{name}", inventory_file(self.folder, its))
            names.append(name)
        files = [{"name": name, "rows": 1} for name in ("cube-0.parquet", *names)]
        self.ledger.put_json(f"{root}/index.json", {"files": files})
        known = self.bills.find(payer, month)
        made = Bill(
            billing_account_id=payer,
            billing_period=month,
            load_id=load,
            delivered_at=NOW,
            published_at=NOW,
            lineage=(load,),
            totals=(BillTotal(billing_currency="USD", costs=Costs()),),
            version=known.version if known else 0,
        )
        self.bills.publish([made])

    def ask(self, by: Person, query: ResourceQuery | None = None, **asked: Any) -> ResourcePage:
        told: dict[str, Any] = {"today": TODAY, "limit": 100, "stock": self.stock} | asked
        return resources(query or ResourceQuery(), by=by, **told)

    def split(self, account: str, product: str, start: str = "2026-09-01") -> None:
        revision = Revision(
            number=1,
            start=date.fromisoformat(start),
            end=date(2027, 1, 1),
            shares=((product, 10_000),),
            set_by="fin@example.com",
            set_at=NOW,
        )
        shares = AccountShares(account_id=account, revisions=(revision,))
        self.organisation.shares.save([Save(None, shares, Deed(action="Map"))], act())

    def run(self, workload: str, account: str, product: str, launch: str = MONTH) -> None:
        made = Workload(
            workload_id=workload,
            product_id=product,
            account_id=account,
            name=f"The {workload}",
            launch=launch,
            end="2026-12",
        )
        self.organisation.workloads.save([Save(None, made, Deed(action="Plan"))], act())

    def claim(self, *claims: Claim) -> None:
        [account] = {claim.account_id for claim in claims}
        before = self.organisation.claims.find(account)
        after = AccountClaims(version=before.version, account_id=account, claims=claims)
        self.organisation.claims.save(before, after, Deed(action="Claim"), act())

    def rule(self, *rules: ClaimRule) -> None:
        book = self.organisation.claim_rule_book
        before = book.find()
        book.save(before, before.changed(rules=rules), Deed(action="AddRule"), act())


def inventory_file(folder: Path, costs: Mapping[str, int]) -> Path:
    path = folder / "resources.parquet"
    names, amounts = list(costs), list(costs.values())
    tags = [f'{{"user:Name":"{name.upper()}"}}' for name in names]
    duckdb.execute(
        "COPY (SELECT unnest(?::VARCHAR[]) AS resource_id, unnest(?::BIGINT[]) AS billed_cost,"
        " unnest(?::VARCHAR[]) AS tags, billed_cost AS effective_cost, 'AmazonEC2' AS service_code,"
        " 'eu-west-1' AS region_id, 'USD' AS billing_currency, DATE '2026-09-01' AS first_day,"
        f" DATE '2026-09-30' AS last_day) TO '{path}' (FORMAT parquet)",
        [names, amounts, tags],
    )
    return path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    organisation = Organisation()
    bills, ledger = InMemoryBills(), FolderLedger(tmp_path / "ledger")
    with connect(Limits(scratch=tmp_path, memory_mb=200, threads=1)) as connection:
        stock = Stock(
            bills=bills,
            ledger=ledger,
            inventory=Inventory(connection),
            shares=organisation.shares,
            workloads=organisation.workloads,
            claims=organisation.claims,
            claim_rules=organisation.claim_rule_book,
            memo=organisation.memo,
            settings=organisation.settings_kept,
        )
        yield World(organisation, bills, ledger, stock, tmp_path)


def somebody(role: Role = Role.FINANCIAL_ADMIN, *scope: str) -> Person:
    return Person(email="who@example.com", role=role, scope=scope, status=PersonStatus.ACTIVE)


OWNER = somebody(Role.PRODUCT_OWNER, WEB_SHOP)


def claim(resource: str, product: str = WEB_SHOP, account: str = WEB, **fields: Any) -> Claim:
    told: dict[str, Any] = {
        "account_id": account,
        "resource_id": resource,
        "workload_id": "shop",
        "product_id": product,
        "start": date(2026, 9, 10),
        "claimed_by": "ann@example.com",
        "claimed_at": NOW,
    }
    return Claim(**told | fields)


def rule(rule_id: str, product: str = WEB_SHOP, **fields: Any) -> ClaimRule:
    told: dict[str, Any] = {"workload_id": "shop", "start": date(2026, 9, 1)}
    return ClaimRule(rule_id=rule_id, product_id=product, **told | fields)


def ids(page: ResourcePage) -> list[str]:
    return [one.resource_id for one, _ in page.resources]


def items(page: ResourcePage) -> dict[str, dict[str, Any]]:
    return {item["resource_id"]: item for item in resource_views.answer(page)["items"]}


# The month ----------------------------------------------------------------------------------------


def test_without_a_month_it_is_the_newest_with_a_bill(world: World) -> None:
    world.bill({WEB: {"old": 1}}, month="2026-08")
    world.bill({WEB: {"new": 1}})

    assert (page := world.ask(somebody())).month == MONTH
    assert ids(page) == ["new"]
    assert ids(world.ask(somebody(), month="2026-08")) == ["old"]
    assert ids(world.ask(somebody(), month="2026-07")) == []


def test_where_there_is_no_bill_at_all_there_is_no_month(world: World) -> None:
    assert resource_views.answer(world.ask(somebody())) == {
        "billing_period": None,
        "items": [],
        "resources": 0,
        "totals": [],
        "freshness": [],
        "next_cursor": None,
    }


def test_a_month_that_is_none_is_refused(world: World) -> None:
    with pytest.raises(InvalidError, match="is no billing period"):
        world.ask(somebody(), month="September")


def test_bills_of_all_payers_are_asked_and_each_says_how_fresh_it_is(world: World) -> None:
    world.bill({WEB: {"a": 1}})
    world.bill({LAB: {"b": 2}}, payer=OTHER_PAYER)

    page = world.ask(somebody())

    assert [(one.payer, one.resource_id) for one, _ in page.resources] == [
        (OTHER_PAYER, "b"),
        (PAYER, "a"),
    ]
    told = resource_views.answer(page)
    assert [fresh["payer_id"] for fresh in told["freshness"]] == [OTHER_PAYER, PAYER]
    assert told["totals"] == [
        {
            "currency": "USD",
            "resources": 2,
            "billed_cost": "0.0000000003",
            "effective_cost": "0.0000000003",
        }
    ]


# Who sees -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [role for role in Role if role.level == 0])
def test_admins_see_the_resources_of_every_account_and_of_none(world: World, role: Role) -> None:
    world.bill({WEB: {"a": 3}, BANK: {"b": 2}, None: {"c": 1}})

    assert ids(world.ask(somebody(role))) == ["a", "b", "c"]
    assert ids(world.ask(somebody(role), ResourceQuery(accounts=(BANK, NONE)))) == ["b", "c"]


def test_an_owner_sees_accounts_that_a_product_of_theirs_has_a_share_of(world: World) -> None:
    world.bill({WEB: {"a": 1}, BANK: {"b": 2}, LAB: {"c": 4}, None: {"d": 8}})
    world.split(WEB, WEB_SHOP)
    world.split(BANK, LOANS)

    page = world.ask(OWNER)

    assert ids(page) == ["a"]
    assert [total[1:3] for total in page.totals] == [(1, 1)]
    assert ids(world.ask(somebody(Role.BUSINESS_UNIT_OWNER, "bank"))) == ["b"]
    assert ids(world.ask(somebody(Role.BUSINESS_UNIT_OWNER, "ban"))) == []


def test_a_share_of_another_month_shows_nothing(world: World) -> None:
    world.bill({WEB: {"a": 1}})
    world.split(WEB, WEB_SHOP, start="2026-10-04")

    assert ids(world.ask(OWNER)) == []


def test_a_workload_opens_its_account_while_a_share_of_it_is_in_force(world: World) -> None:
    world.bill({WEB: {"a": 1}, BANK: {"b": 1}, LAB: {"c": 1}}, month="2026-08")
    for account, launch in ((WEB, "2026-08"), (BANK, "2026-10"), (LAB, "2026-11")):
        world.run(f"in-{account}", account, WEB_SHOP, launch=launch)

    assert ids(world.ask(OWNER)) == []
    for account in (WEB, BANK, LAB):
        world.split(account, WEB_SHOP)
    assert ids(world.ask(OWNER)) == ["a", "b"]
    # In January nobody has a share any more.
    assert ids(world.ask(OWNER, today=date(2027, 1, 2))) == []


@pytest.mark.parametrize(
    "start, end, is_seen",
    [
        ("2026-09-30", "2026-10-01", True),  # a day of the month
        ("2026-10-06", None, True),  # from tomorrow on
        ("2026-08-10", "2026-09-01", False),
        ("2026-10-02", "2026-10-04", False),
    ],
)
def test_without_a_share_a_workload_opens_what_it_claims_itself(
    world: World, start: str, end: str | None, is_seen: bool
) -> None:
    world.bill({WEB: {"a": 1, "b": 2}, BANK: {"a": 4}})
    world.run("shop", WEB, WEB_SHOP, launch="2026-08")
    until = date.fromisoformat(end) if end else None
    world.claim(
        claim("a", start=date.fromisoformat(start), end=until),
        claim("b", SEARCH, workload_id="other"),
    )

    page = world.ask(OWNER)

    assert ids(page) == (["a"] if is_seen else [])
    assert [total[1:3] for total in page.totals] == ([(1, 1)] if is_seen else [])
    assert len(page.bills) == is_seen


def test_what_others_claimed_costs_nothing_that_is_told(world: World) -> None:
    """Of three that share an account one claims for another scope, one for theirs."""
    world.bill({WEB: {"mine": 1, "split": 2, "theirs": 64}})
    world.split(WEB, WEB_SHOP)
    world.claim(claim("mine"), claim("theirs", SEARCH))

    told = resource_views.answer(page := world.ask(OWNER))

    assert ids(page) == ["split", "mine", "theirs"]
    theirs = told["items"][2]
    assert (theirs["billed_cost"], theirs["effective_cost"], theirs["held_by"]) == (
        *(None, None),
        "Claim",
    )
    assert told["resources"] == 3
    assert [total[1:] for total in page.totals] == [(2, 3, 3)]
    for query in (ResourceQuery(least=3), ResourceQuery(most=0), ResourceQuery(most=64)):
        assert "theirs" not in ids(world.ask(OWNER, query))
    assert [ids(one) for one in pages(world, OWNER)] == [["split"], ["mine"], ["theirs"]]
    assert [total[1:3] for total in world.ask(somebody()).totals] == [(3, 67)]
    boss = somebody(Role.PORTFOLIO_OWNER, STOREFRONT)
    assert [total[1:3] for total in world.ask(boss).totals] == [(3, 67)]


@pytest.mark.parametrize(
    "start, end, is_told",
    [
        ("2026-09-30", "2026-10-01", False),  # of the month's last day, and released since
        ("2026-08-10", "2026-09-01", True),
        ("2026-10-01", None, True),  # the split paid for September
        ("2026-09-10", "2026-09-10", True),  # released before its first day
    ],
)
def test_a_claim_hides_the_cost_of_the_months_that_it_covers_a_day_of(
    world: World, start: str, end: str | None, is_told: bool
) -> None:
    world.bill({WEB: {"a": 1}})
    world.split(WEB, WEB_SHOP)
    until = date.fromisoformat(end) if end else None
    world.claim(claim("a", SEARCH, start=date.fromisoformat(start), end=until))

    [(one, _)] = world.ask(OWNER).resources

    assert one.billed_cost == (1 if is_told else None)


def pages(world: World, by: Person) -> Iterator[ResourcePage]:
    """One resource after the other."""
    cursor: str | None = None
    while True:
        page = world.ask(by, limit=1, cursor=cursor)
        yield page
        cursor = page.next_cursor
        if cursor is None:
            return


def test_an_account_out_of_sight_is_like_one_that_does_not_exist(world: World) -> None:
    world.bill({WEB: {"a": 1}, BANK: {"b": 2}})
    world.bill({LAB: {"c": 4}}, payer=OTHER_PAYER)
    world.split(WEB, WEB_SHOP)

    [theirs, nobodys] = [
        resource_views.answer(world.ask(OWNER, ResourceQuery(accounts=(account,))))
        for account in (BANK, "000000000000")
    ]

    assert theirs == nobodys
    assert (theirs["items"], theirs["totals"]) == ([], [])
    assert [fresh["payer_id"] for fresh in theirs["freshness"]] == [PAYER]


def test_only_accounts_that_were_asked_for_are_fetched(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.bill({WEB: {"a": 1}, BANK: {"b": 2}})
    fetched: list[str] = []
    get = FolderLedger.get

    def watched(self: FolderLedger, key: str, target: Path) -> None:
        fetched.append(key)
        get(self, key, target)

    monkeypatch.setattr(FolderLedger, "get", watched)
    world.split(WEB, WEB_SHOP)
    for by in (OWNER, OWNER, somebody(), somebody()):
        world.ask(by)

    assert [key.rpartition("account=")[2] for key in fetched] == [
        f"{WEB}/resources.parquet",
        f"{BANK}/resources.parquet",
    ]


def test_who_is_suspended_finds_nothing(world: World) -> None:
    gone = somebody().changed(status=PersonStatus.SUSPENDED)
    with pytest.raises(ForbiddenError, match="is suspended"):
        world.ask(gone)


# Whose they are -----------------------------------------------------------------------------------


def test_a_claim_tells_by_whom_since_when_and_until_when(world: World) -> None:
    world.bill({WEB: {"a": 1, "b": 2}})
    world.split(WEB, WEB_SHOP)
    world.run("shop", WEB, WEB_SHOP)
    world.claim(claim("a", end=date(2026, 10, 6), released_by="bob@example.com", released_at=NOW))

    found = items(world.ask(OWNER))

    assert found["a"]["held_by"] == "Claim"
    assert found["a"]["claim"] == {
        "product_id": WEB_SHOP,
        "workload_id": "shop",
        "workload": "The shop",
        "claimed_by": "ann@example.com",
        "claimed_at": "2026-10-01T00:00:00+00:00",
        "start": "2026-09-10",
        "end": "2026-10-06",
    }
    assert (found["b"]["held_by"], found["b"]["claim"], found["b"]["claim_rule"]) == (
        None,
        None,
        None,
    )


def test_of_a_claim_for_another_scope_it_is_told_that_it_is_there(world: World) -> None:
    world.bill({WEB: {"a": 1, "b": 2}})
    world.split(WEB, WEB_SHOP)
    world.claim(claim("a", SEARCH))
    world.rule(rule("by-name", LOANS, name="b*"))

    found = items(world.ask(OWNER))

    assert [(one["held_by"], one["claim"], one["claim_rule"]) for one in found.values()] == [
        ("ClaimRule", None, None),
        ("Claim", None, None),
    ]
    assert SEARCH not in json.dumps(found)
    assert items(world.ask(somebody()))["a"]["claim"]["product_id"] == SEARCH


def test_without_a_claim_the_first_rule_of_today_takes_a_resource(world: World) -> None:
    world.bill({WEB: {"a": 1, "b": 2, "c": 3}})
    world.claim(claim("a"))
    world.rule(
        rule("over", name="?", end=date(2026, 10, 5)),
        rule("first", name="[ab]", start=date(2026, 9, 1)),
        rule("second", service="AmazonEC2"),
    )

    found = items(world.ask(somebody()))

    held = {one: told["held_by"] for one, told in found.items()}
    assert held == {"a": "Claim", "b": "ClaimRule", "c": "ClaimRule"}
    assert found["b"]["claim_rule"]["rule_id"] == "second"


@pytest.mark.parametrize(
    "start, end, is_claimed",
    [
        ("2026-09-10", None, True),
        ("2026-10-06", None, True),  # from tomorrow on
        ("2026-09-10", "2026-10-06", True),  # released today
        ("2026-09-10", "2026-10-05", False),  # released yesterday
        ("2026-10-06", "2026-10-06", False),  # released before its first day
    ],
)
def test_claimed_is_what_a_claim_covers_today_or_later(
    world: World, start: str, end: str | None, is_claimed: bool
) -> None:
    world.bill({WEB: {"a": 1, "b": 2}})
    until = date.fromisoformat(end) if end else None
    world.claim(claim("a", start=date.fromisoformat(start), end=until))

    claimed = world.ask(somebody(), ResourceQuery(claimed=True))
    unclaimed = world.ask(somebody(), ResourceQuery(claimed=False))

    assert ids(claimed) == (["a"] if is_claimed else [])
    assert ids(unclaimed) == (["b"] if is_claimed else ["b", "a"])
    assert items(world.ask(somebody()))["a"]["held_by"] == ("Claim" if is_claimed else None)


def test_a_new_claim_is_felt_by_the_next_question_and_so_is_the_next_day(world: World) -> None:
    world.bill({WEB: {"a": 1}, BANK: {"b": 2}})
    unclaimed = ResourceQuery(claimed=False)
    assert ids(world.ask(somebody(), unclaimed)) == ["b", "a"]

    world.claim(claim("a", end=date(2026, 10, 6)))
    assert ids(world.ask(somebody(), unclaimed)) == ["b"]
    assert ids(world.ask(somebody(), unclaimed, today=date(2026, 10, 6))) == ["b", "a"]


# Pages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "order, expected",
    [
        (ResourceOrder.COST, ["d", "b", "c", "a", "e"]),
        (ResourceOrder.ID, ["a", "b", "c", "d", "e"]),
        (ResourceOrder.LAST_DAY, ["a", "b", "c", "d", "e"]),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_hold_every_resource_once_in_order(
    world: World, order: ResourceOrder, expected: list[str], limit: int
) -> None:
    world.bill({WEB: {"a": 1, "b": 2, "c": 2}, BANK: {"d": 9, "e": 0}})

    pages = list(_pages(world, ResourceQuery(order=order), limit))

    assert [one for page in pages for one in ids(page)] == expected
    assert {page.totals[0].number for page in pages} == {5}


def _pages(world: World, query: ResourceQuery, limit: int) -> Iterator[ResourcePage]:
    cursor = None
    while True:
        page = world.ask(somebody(), query, limit=limit, cursor=cursor)
        yield page
        cursor = page.next_cursor
        if cursor is None:
            return


def test_a_page_ends_where_one_answer_can_carry_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "PAGE_BYTES", 2_000)
    world.bill({WEB: dict.fromkeys("abcde", 1)})

    pages = list(_pages(world, ResourceQuery(), 100))

    assert [ids(page) for page in pages] == [["a", "b"], ["c", "d"], ["e"]]


def test_a_cursor_is_of_one_state_of_the_bills(world: World) -> None:
    world.bill({WEB: {"a": 1, "b": 2}})
    cursor = world.ask(somebody(), limit=1).next_cursor
    world.bill({WEB: {"a": 1, "b": 2}}, load="load-2")

    with pytest.raises(ConflictError, match="a newer delivery was published"):
        world.ask(somebody(), limit=1, cursor=cursor)
    assert ids(world.ask(somebody(), limit=1)) == ["b"]


def test_a_cursor_is_of_one_order(world: World) -> None:
    world.bill({WEB: {"a": 1, "b": 2}})
    cursor = world.ask(somebody(), limit=1).next_cursor

    with pytest.raises(InvalidError, match="the cursor is of order Cost"):
        world.ask(somebody(), ResourceQuery(order=ResourceOrder.ID), cursor=cursor)


def _cursors(said: Iterable[Any]) -> Sequence[str]:
    return [base64.urlsafe_b64encode(json.dumps(one).encode()).decode() for one in said]


@pytest.mark.parametrize(
    "cursor",
    [
        "?",
        "é",
        *_cursors([None, 1, [], {}, ["s", "Cost", 1, 2], ["s", "Cost", 1, 2, "x"]]),
        *_cursors([["s", "Cost", True, 2, 3], ["s", "Cost", 2**63, 2, 3], [1, 2, 3, 4, 5, 6]]),
    ],
)
def test_a_cursor_of_nobody_s_is_refused(world: World, cursor: str) -> None:
    world.bill({WEB: {"a": 1}})
    with pytest.raises(InvalidError, match="the cursor is none of ours"):
        world.ask(somebody(), cursor=cursor)


# Told ---------------------------------------------------------------------------------------------


def test_a_table_has_a_row_for_each_resource(world: World) -> None:
    world.bill({WEB: {"a": 1, "b": 2}})
    world.run("shop", WEB, WEB_SHOP)
    world.claim(claim("a"))

    header, rows = resource_views.table(world.ask(somebody()))

    told = [dict(zip(header, row, strict=True)) for row in rows]
    assert [(one["resource_id"], one["name"], one["held_by"]) for one in told] == [
        ("b", "B", None),
        ("a", "A", "Claim"),
    ]
    assert (told[1]["workload"], told[1]["start"], told[1]["end"]) == (
        "The shop",
        "2026-09-10",
        None,
    )
    assert told[0]["tags"] == '{"user:Name":"B"}'


def test_an_empty_list_of_rules_takes_nothing(world: World) -> None:
    world.bill({WEB: {"a": 1}})

    assert world.organisation.claim_rule_book.find() == ClaimRules()
    assert items(world.ask(somebody()))["a"]["held_by"] is None
