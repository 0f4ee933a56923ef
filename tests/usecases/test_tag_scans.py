"""Tag scans: every region is asked, and one that does not answer is never taken for a good one."""

from collections.abc import Iterator, Mapping

import pytest

from finops.domain.errors import ConflictError, ForbiddenError, UnansweredError
from finops.domain.people import Person, Role
from finops.usecases import tag_views
from finops.usecases.tag_scans import NEWEST, ask_scan, scan_tags, seen_scan
from finops.usecases.tag_views import scan
from tests.usecases.organisation import SEARCH, WEB_SHOP, act
from tests.usecases.test_tag_reports import (
    ADMIN,
    NOW,
    SHOP,
    STAGE,
    TEAM,
    TODAY,
    WEB,
    World,
    world,
)

__all__ = ["world"]
HERE, THERE = "eu-west-1", "us-east-1"
BOTH = {"Team": "web", "Stage": "prod"}


def arn(name: str) -> str:
    return f"arn:aws:ec2:{HERE}:{WEB}:instance/{name}"


class InMemoryTaggedResources:
    """`TaggedResources` in a dictionary; a region that is not there does not answer."""

    def __init__(self, **regions: Mapping[str, Mapping[str, str]]) -> None:
        self._regions = {name.replace("_", "-"): its for name, its in regions.items()}

    def of_region(self, region: str) -> Iterator[tuple[str, Mapping[str, str]]]:
        if region not in self._regions:
            raise UnansweredError("it refuses the right to ask")
        yield from self._regions[region].items()


TAGGING = InMemoryTaggedResources(
    # i-1 is on the bill; of the others one has both keys, and one a single one.
    eu_west_1={arn("i-1"): {}, arn("i-8"): BOTH, arn("i-9"): {"team": "web"}}
)


def test_resources_that_cost_nothing_are_what_a_scan_adds_to_the_bill(world: World) -> None:
    world.bill()
    scan_tags(WEB, [HERE], at=NOW, tagging=TAGGING, ledger=world.ledger)

    told = seen_scan(by=ADMIN, today=TODAY, desk=world.desk, ledger=world.ledger)

    [region] = told.regions
    assert (region.resources, region.complete) == (2, 1)
    assert region.lacking == [(arn("i-9"), (STAGE,))]


def test_a_region_that_does_not_answer_fails_the_scan_once_the_others_are_kept(
    world: World,
) -> None:
    world.bill()
    with pytest.raises(UnansweredError, match="us-east-1: it refuses the right to ask"):
        scan_tags(WEB, [THERE, HERE], at=NOW, tagging=TAGGING, ledger=world.ledger)

    told = scan(seen_scan(by=ADMIN, today=TODAY, desk=world.desk, ledger=world.ledger))

    assert not told["all_answered"]
    assert told["regions"][0] == {
        "region": THERE,
        "answered": False,
        "why": "it refuses the right to ask",
        "resources": None,
        "complete": None,
        "lacking": None,
    }
    assert told["regions"][1]["resources"] == 2


def test_every_scan_stays(world: World) -> None:
    scan_tags(WEB, [HERE], at=NOW, tagging=TAGGING, ledger=world.ledger)

    assert sorted(world.ledger.keys("tags/")) == [NEWEST, "tags/scans/2026-10-01T00-00-00.json"]


def test_before_any_scan_there_is_nothing_to_see(world: World) -> None:
    told = seen_scan(by=ADMIN, today=TODAY, desk=world.desk, ledger=world.ledger)

    assert (told.account_id, told.at, list(told.regions)) == (None, None, [])
    assert not scan(told)["all_answered"]


def test_of_many_resources_that_lack_a_key_some_are_named_and_all_are_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tag_views, "MOST_LACKING", 2)
    many = InMemoryTaggedResources(eu_west_1={arn(f"i-{number}"): {} for number in range(3)})
    scan_tags(WEB, [HERE], at=NOW, tagging=many, ledger=world.ledger)

    [region] = scan(seen_scan(by=ADMIN, today=TODAY, desk=world.desk, ledger=world.ledger))[
        "regions"
    ]

    assert [one["resource_id"] for one in region["lacking"]] == [arn("i-0"), arn("i-1")]
    assert (region["resources"], region["complete"]) == (3, 0)


def test_an_owner_sees_the_scan_of_an_account_that_is_theirs(world: World) -> None:
    world.bill()
    scan_tags(WEB, [HERE], at=NOW, tagging=TAGGING, ledger=world.ledger)

    def seen() -> str | None:
        told = seen_scan([TEAM], by=SHOP, today=TODAY, desk=world.desk, ledger=world.ledger)
        return told.account_id

    assert seen() is None
    world.split(WEB, (WEB_SHOP, 5_000), (SEARCH, 5_000))
    assert seen() == WEB


def test_before_any_bill_only_who_sees_every_account_sees_a_scan(world: World) -> None:
    scan_tags(WEB, [HERE], at=NOW, tagging=TAGGING, ledger=world.ledger)

    def seen(by: Person) -> str | None:
        return seen_scan(by=by, today=TODAY, desk=world.desk, ledger=world.ledger).account_id

    assert (seen(SHOP), seen(ADMIN)) == (None, WEB)


def test_a_scan_is_asked_for_on_record(world: World) -> None:
    told = ask_scan([HERE], by=ADMIN, audit=world.organisation.audit, act=act())

    assert told["status"] == "Asked"
    [record] = world.organisation.audit.chain("tag-scan#asked")
    assert record.event == "TagScanAsked"


def test_who_may_not_scan_asks_for_none(world: World) -> None:
    buyer = Person(email="vendor@example.com", role=Role.VENDOR_MANAGER)
    with pytest.raises(ForbiddenError):
        ask_scan([HERE], by=buyer, audit=world.organisation.audit, act=act())


def test_without_regions_a_scan_says_where_to_name_them(world: World) -> None:
    with pytest.raises(ConflictError, match=r"tagging_regions in cdk\.json"):
        ask_scan([], by=ADMIN, audit=world.organisation.audit, act=act())
