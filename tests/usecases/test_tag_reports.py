"""Tag hygiene of a month: what each may see of it, who is asked, and how it is told."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finops.domain.audit import Deed
from finops.domain.bills import Bill, BillTotal
from finops.domain.claim_rules import ClaimRule, Resource, TagPattern
from finops.domain.claims import Claim
from finops.domain.class_policies import CostBasis
from finops.domain.errors import ForbiddenError, InvalidError
from finops.domain.loads import Costs
from finops.domain.people import Person, PersonStatus, Role
from finops.domain.places import account_folder, generation
from finops.domain.resource_owners import owners_of
from finops.domain.resources import BilledResource, ResourceQuery
from finops.domain.shares import AccountShares, Revision
from finops.domain.tag_coverage import OTHERS, CoverageBy
from finops.domain.tag_settings import KeyAlias, TagSettings
from finops.ledger.engine import Limits, connect
from finops.ledger.inventory import Inventory
from finops.usecases import tag_reports, tag_views
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import Save
from finops.usecases.resources import Stock, resources
from finops.usecases.tag_pages import html_page
from finops.usecases.tag_reports import TagDesk
from tests.allocating import RUNS_TILLS
from tests.fakes import FolderLedger, InMemoryBills
from tests.ledger.test_inventory import resource, write
from tests.usecases.organisation import CHECKOUT, SEARCH, WEB_SHOP, Organisation, act

PAYER, MONTH = "999988887777", "2026-09"
WEB, LAB = "111111111111", "333333333333"
TODAY = date(2026, 10, 5)
NOW = datetime(2026, 10, 1, tzinfo=UTC)
TEAM, STAGE = "user:Team", "user:Stage"
ADMIN = Person(email="fin@example.com", role=Role.FINANCIAL_ADMIN)
SHOP = Person(
    email="who@example.com", role=Role.PRODUCT_OWNER, scope=(WEB_SHOP,), status=PersonStatus.ACTIVE
)
TAGS = TagSettings(
    required_keys=(TEAM, STAGE), key_aliases=(KeyAlias(key=TEAM, alias="user:team"),)
)
# Web: 10 with both keys, 20 with the other spelling of one, 30 with none; 5 of no resource.
# Lab: 40 with none, 2 of no resource.
ROWS = (
    resource("i-1", 10, account_id=WEB, tags={TEAM: "web", STAGE: "prod"}),
    resource("i-2", 20, account_id=WEB, tags={"user:team": "web"}),
    resource("bucket", 30, account_id=WEB, service="AmazonS3"),
    resource("i-4", 40, account_id=LAB),
)
REST = ((WEB, "AWSSupportBusiness", 5), (LAB, "AmazonEC2", 2))


class World(NamedTuple):
    """A month's bill, an organisation, and where tags are looked up."""

    organisation: Organisation
    ledger: FolderLedger
    desk: TagDesk
    bills: InMemoryBills
    folder: Path

    def bill(
        self,
        rows: Sequence[BilledResource] = ROWS,
        rest: Sequence[tuple[str | None, str, int]] = REST,
        payer: str = PAYER,
    ) -> None:
        root = generation(payer, MONTH, "load-1")
        names = ["cube-0.parquet"]
        charges = [*((one.account_id, one.service, one.billed_cost) for one in rows), *rest]
        cube = self.folder / f"{payer}.parquet"
        columns = ("sub_account_id", "service_code", "billed_cost")
        cells: dict[str, Any] = dict(zip(columns, zip(*charges, strict=True), strict=True))
        pq.write_table(pa.table(cells | {"billing_currency": ["USD"] * len(charges)}), cube)
        self.ledger.put(f"{root}/{names[0]}", cube)
        for account in sorted({one[0] or "" for one in charges}):
            of = [one for one in rows if (one.account_id or "") == account]
            names.append(f"{account_folder(account or None)}/resources.parquet")
            path = write(self.folder / f"{payer}-{account}.parquet", of)
            self.ledger.put(f"{root}/{names[-1]}", path)
        files = [{"name": name, "rows": 1} for name in names]
        self.ledger.put_json(f"{root}/index.json", {"files": files})
        made = Bill(
            billing_account_id=payer,
            billing_period=MONTH,
            load_id="load-1",
            delivered_at=NOW,
            published_at=NOW,
            lineage=("load-1",),
            totals=(BillTotal(billing_currency="USD", costs=Costs()),),
        )
        self.bills.publish([made])

    def split(self, account: str, *shares: tuple[str, int]) -> None:
        revision = Revision(
            number=1,
            start=date(2026, 9, 1),
            end=date(2027, 1, 1),
            shares=shares,
            set_by="fin@example.com",
            set_at=NOW,
        )
        made = AccountShares(account_id=account, revisions=(revision,))
        self.organisation.shares.save([Save(None, made, Deed(action="Map"))], act())

    def claim(self, account: str, resource_id: str, product: str, start: date) -> Claim:
        claim = Claim(
            account_id=account,
            resource_id=resource_id,
            workload_id="w",
            product_id=product,
            start=start,
            claimed_by="ann@example.com",
            claimed_at=NOW,
        )
        before = self.organisation.claims.find(account)
        after = before.model_copy(update={"claims": (*before.claims, claim)})
        self.organisation.claims.save(before, after, Deed(action="Claim"), act())
        return claim

    def rule(self, product: str, **fields: Any) -> None:
        book = self.organisation.claim_rule_book
        before = book.find()
        rule = ClaimRule(
            rule_id=f"r{len(before.rules)}",
            workload_id="w",
            product_id=product,
            start=date(2026, 9, 1),
            **fields,
        )
        book.save(
            before, before.changed(rules=(*before.rules, rule)), Deed(action="AddRule"), act()
        )

    def settle(self, tags: TagSettings) -> None:
        kept = self.organisation.settings_kept
        before = in_force(kept)
        known = before if before.version else None
        kept.save([Save(known, before.with_tags(tags), Deed(action="SetTags"))], act())

    def ask(self, what: Any, *said: Any, by: Person = ADMIN, **more: Any) -> Any:
        return what(*said, by=by, today=TODAY, desk=self.desk, **more)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    organisation = Organisation()
    bills, ledger = InMemoryBills(), FolderLedger(tmp_path / "ledger")
    with connect(Limits(scratch=tmp_path, memory_mb=200, threads=1)) as connection:
        inventory = Inventory(connection)
        stock = Stock(
            bills=bills,
            ledger=ledger,
            inventory=inventory,
            shares=organisation.shares,
            workloads=organisation.workloads,
            claims=organisation.claims,
            claim_rules=organisation.claim_rule_book,
            memo=organisation.memo,
            settings=organisation.settings_kept,
        )
        desk = TagDesk(stock, inventory, CostBasis.BILLED)
        made = World(organisation, ledger, desk, bills, tmp_path)
        made.settle(TAGS)
        yield made


def covered(told: tag_reports.CoverageTold) -> Mapping[str | None, tuple[int, ...]]:
    """By group: resources, those with all keys, cost, cost of those, and what is untaggable."""
    return {
        one.of: (
            *(one.resources, one.complete.resources, one.cost, one.complete.cost, one.untaggable),
        )
        for one in told.found
    }


# Coverage -----------------------------------------------------------------------------------------


def test_coverage_is_in_count_and_money_and_adds_up_to_the_bill(world: World) -> None:
    world.bill()

    told = world.ask(tag_reports.coverage_of, CoverageBy.TOTAL)

    assert covered(told) == {None: (4, 1, 100, 10, 7)}
    [one] = told.found
    assert [(key.key, key.resources, key.cost) for key in one.keys[:-1]] == [
        (TEAM, 2, 30),
        (STAGE, 1, 10),
    ]


@pytest.mark.parametrize(
    "by, expected",
    [
        (CoverageBy.ACCOUNT, {WEB: (3, 1, 60, 10, 5), LAB: (1, 0, 40, 0, 2)}),
        (
            CoverageBy.SERVICE,
            {
                "AmazonEC2": (3, 1, 70, 10, 2),
                "AmazonS3": (1, 0, 30, 0, 0),
                "AWSSupportBusiness": (0, 0, 0, 0, 5),
            },
        ),
        # The web shop has the largest part of the web account; the bucket is claimed; i-2 is ruled.
        (
            CoverageBy.OWNER,
            {
                WEB_SHOP: (1, 1, 10, 10, 5),
                SEARCH: (1, 0, 20, 0, 0),
                CHECKOUT: (1, 0, 30, 0, 0),
                None: (1, 0, 40, 0, 2),
            },
        ),
    ],
)
def test_coverage_is_told_by_account_service_and_owner(
    world: World, by: CoverageBy, expected: Mapping[str | None, tuple[int, ...]]
) -> None:
    world.bill()
    world.split(WEB, (SEARCH, 4_000), (WEB_SHOP, 6_000))
    world.claim(WEB, "bucket", CHECKOUT, date(2026, 9, 10))
    world.rule(SEARCH, tag=TagPattern(key="user:team", value="web"), name="*-2")

    assert covered(world.ask(tag_reports.coverage_of, by)) == expected


def test_who_is_asked_is_who_all_other_parts_of_the_product_ask(world: World) -> None:
    world.bill()
    world.split(WEB, (SEARCH, 5_000), (WEB_SHOP, 5_000))
    world.claim(WEB, "bucket", CHECKOUT, date(2026, 11, 1))
    world.rule(WEB_SHOP, tag=TagPattern(key=TEAM, value="w*"), name="i-2")
    day, aliases = date(2026, 9, 30), TAGS.aliases

    found = tag_reports.owners_on(day, [WEB, LAB], ADMIN, world.desk.stock)

    rules = world.organisation.claim_rule_book.find().meant(aliases).rules
    for one in ROWS:
        account = one.account_id or ""
        of = Resource(account, one.resource_id, one.service, one.tags).meant(aliases)
        expected = owners_of(
            of,
            day,
            claims=world.organisation.claims.find(account),
            rules=[rule for rule in rules if rule.covers(day)],
            shares=world.organisation.shares.find(account),
        )
        assert found.of(of) == expected.asked


def test_keys_that_are_asked_for_take_the_place_of_those_required(world: World) -> None:
    world.bill()

    told = world.ask(tag_reports.coverage_of, CoverageBy.TOTAL, ["user:team"])

    assert told.keys == (TEAM,)
    assert covered(told) == {None: (4, 2, 100, 30, 7)}


def test_without_required_keys_any_tag_will_do(world: World) -> None:
    world.settle(TagSettings())
    world.bill()

    assert covered(world.ask(tag_reports.coverage_of, CoverageBy.TOTAL)) == {
        None: (4, 2, 100, 30, 7)
    }


def test_where_there_is_no_bill_there_is_nothing_to_cover(world: World) -> None:
    told = world.ask(tag_reports.coverage_of, CoverageBy.TOTAL)

    assert (told.month, list(told.found)) == (None, [])
    assert world.ask(tag_reports.keys_of).found == []


def test_what_is_missing_most_is_what_most_money_lacks(world: World) -> None:
    world.bill()

    told = tag_views.missing(world.ask(tag_reports.coverage_of, CoverageBy.TOTAL))

    assert [(one["key"], one["resources"], one["cost"]) for one in told["items"]] == [
        (STAGE, 3, "0.0000000090"),
        (TEAM, 2, "0.0000000070"),
    ]


# Scope --------------------------------------------------------------------------------------------


def test_an_owner_sees_the_accounts_that_they_have_a_share_of(world: World) -> None:
    world.bill()
    world.split(WEB, (WEB_SHOP, 6_000), (SEARCH, 4_000))

    told = world.ask(tag_reports.coverage_of, CoverageBy.ACCOUNT, by=SHOP)

    assert covered(told) == {WEB: (3, 1, 60, 10, 5)}


def test_what_others_hold_is_in_no_figure_of_an_owner_and_names_nobody(world: World) -> None:
    world.bill()
    world.split(WEB, (WEB_SHOP, 4_000), (SEARCH, 6_000))
    world.claim(WEB, "bucket", CHECKOUT, date(2026, 9, 10))

    told = world.ask(tag_reports.coverage_of, CoverageBy.OWNER, by=SHOP)

    assert covered(told) == {OTHERS: (2, 1, 30, 10, 5)}


def test_of_an_account_where_they_only_claim_an_owner_sees_no_other_charge(world: World) -> None:
    world.bill()
    made = world.claim(LAB, "i-4", WEB_SHOP, date(2026, 9, 10))
    _run(world, made)

    told = world.ask(tag_reports.coverage_of, CoverageBy.OWNER, by=SHOP)

    assert covered(told) == {WEB_SHOP: (1, 0, 40, 0, 0)}


def _run(world: World, claim: Claim) -> None:
    one = RUNS_TILLS.model_copy(
        update={
            "workload_id": claim.workload_id,
            "product_id": claim.product_id,
            "account_id": claim.account_id,
        }
    )
    world.organisation.workloads.save([Save(None, one, Deed(action="Plan"))], act())


def test_who_is_suspended_is_told_nothing(world: World) -> None:
    world.bill()
    gone = ADMIN.model_copy(update={"status": PersonStatus.SUSPENDED})

    with pytest.raises(ForbiddenError):
        world.ask(tag_reports.keys_of, by=gone)


# Keys and values ----------------------------------------------------------------------------------


def test_keys_are_told_as_they_are_spelled_with_what_they_look_like(world: World) -> None:
    world.settle(TagSettings(required_keys=(TEAM, "user:Owner")))
    world.bill()

    told = world.ask(tag_reports.keys_of)

    assert [(one.use.key, one.use.resources, one.is_required) for one in told.found] == [
        (STAGE, 1, False),
        (TEAM, 1, True),
        ("user:team", 1, False),
    ]
    assert [one.like.like for one in told.found if one.like] == [TEAM]
    assert list(told.alike) == [(TEAM, "user:team")]
    assert list(told.unused) == ["user:Owner"]


def test_a_key_that_the_settings_explain_looks_like_nothing(world: World) -> None:
    world.bill()

    told = {one.use.key: one for one in world.ask(tag_reports.keys_of).found}

    assert (told["user:team"].means, told["user:team"].like) == (TEAM, None)


def test_values_are_those_of_all_spellings_of_their_key(world: World) -> None:
    rows = [
        *(resource(f"i-{n}", 1, account_id=WEB, tags={TEAM: "platform"}) for n in range(3)),
        resource("i-8", 1, account_id=WEB, tags={"user:team": "Platform"}),
        resource("i-9", 1, account_id=WEB, tags={TEAM: "plattform"}),
    ]
    world.bill(rows)

    told = world.ask(tag_reports.values_of, "user:team")

    assert told.key == TEAM
    assert [
        (one.use.value, one.use.resources, one.like and one.like.distance) for one in told.found
    ] == [
        ("platform", 3, None),
        ("Platform", 1, 0),
        ("plattform", 1, 1),
    ]


# What to do ---------------------------------------------------------------------------------------


def test_the_dearest_without_a_tag_come_first_with_who_is_asked(world: World) -> None:
    world.bill()
    world.split(LAB, (SEARCH, 10_000))

    told = world.ask(tag_reports.untagged_of, top=2)

    assert [(one.resource.resource_id, one.owner, one.missing) for one in told.found] == [
        ("i-4", SEARCH, (TEAM, STAGE)),
        ("bucket", None, (TEAM, STAGE)),
    ]


def test_commands_are_for_what_lacks_the_tag_with_what_its_owner_calls_it(world: World) -> None:
    rows = [
        resource("i-1", 10, account_id=WEB, tags={"user:team": "web"}),
        resource("i-2", 20, account_id=WEB),
        resource("no arn", 5, account_id=WEB),
    ]
    world.bill(rows)
    world.split(WEB, (WEB_SHOP, 10_000))

    told = world.ask(tag_reports.commands_of, TEAM)

    [made] = told.made
    assert made.text == (
        "aws resourcegroupstaggingapi tag-resources --region eu-west-1 --resource-arn-list"
        f" arn:aws:ec2:eu-west-1:{WEB}:instance/i-2 --tags Team=web"
    )
    assert [one.resource.resource_id for one in told.others] == ["no arn"]
    assert told.lacking == 2


def test_no_value_is_proposed_where_several_share_the_account(world: World) -> None:
    rows = [
        resource("i-1", 10, account_id=WEB, tags={TEAM: "web"}),
        resource(f"arn:aws:s3:::bucket-of-{WEB}", 30, account_id=WEB, service="AmazonS3"),
    ]
    world.bill(rows)
    world.split(WEB, (SEARCH, 4_000), (WEB_SHOP, 6_000))

    told = world.ask(tag_reports.commands_of, TEAM)

    assert [one.value for one in told.made] == [None]


def test_no_command_is_made_for_a_key_of_aws(world: World) -> None:
    world.bill()

    with pytest.raises(InvalidError, match="nobody can set it"):
        world.ask(tag_reports.commands_of, "aws:createdBy")


def test_commands_are_for_the_accounts_that_were_named(world: World) -> None:
    world.bill()

    told = world.ask(tag_reports.commands_of, STAGE, [LAB])

    assert [one.account_id for one in told.made] == [LAB]


# The page -----------------------------------------------------------------------------------------


def test_a_hostile_tag_is_text_on_the_page(world: World) -> None:
    evil = "<script>alert(1)</script>"
    world.bill([resource(evil, 9, account_id=WEB, tags={f"user:{evil}": evil})])

    page = html_page(world.ask(tag_reports.report_of), "https://example.com/logo.png")

    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "Tags of 2026-09" in page


def test_the_page_has_the_numbers_of_the_report(world: World) -> None:
    cents = 10**8
    rows = [one._replace(billed_cost=(one.billed_cost or 0) * cents) for one in ROWS]
    world.bill(rows, [(account, service, cost * cents) for account, service, cost in REST])

    page = html_page(world.ask(tag_reports.report_of), None)

    assert all(f">{said}<" in page for said in ("1.00", "10.0 %", "25.0 %", "0.07"))


def test_a_resource_says_which_rule_takes_it_in_another_spelling(world: World) -> None:
    world.bill()
    world.rule(SEARCH, tag=TagPattern(key=TEAM, value="web"))

    page = resources(ResourceQuery(), by=ADMIN, today=TODAY, limit=10, stock=world.desk.stock)

    held = {one.resource_id: holding for one, holding in page.resources}
    assert held["i-2"] is not None
    assert held["i-2"].rule is not None
    assert held["i-2"].rule.tag == TagPattern(key=TEAM, value="web")
    assert held["bucket"] is None
