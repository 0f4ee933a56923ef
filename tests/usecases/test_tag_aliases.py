"""Other spellings of tags decide who pays: in open months, in previews, and in no closed month."""

from datetime import date
from pathlib import Path

import pytest

from finops.domain.audit import Act
from finops.domain.claim_rules import ClaimRule, Resource, TagPattern
from finops.domain.errors import ForbiddenError, InvalidError
from finops.domain.people import Person, Role
from finops.domain.places import allocation
from finops.domain.rule_changes import AddClaimRule, MapAccount, SetTagAliases
from finops.domain.tag_settings import KeyAlias, TagSettings, ValueAlias
from finops.usecases.organisation_settings import in_force, set_tags
from finops.usecases.previews import ask_preview, preview_effects
from tests.allocating import AT, FIRST, OF, SHARED, Allocating, furnish, ticks
from tests.exports import Line
from tests.remembered import remembering
from tests.usecases.organisation import SEARCH, TILLS

ADMIN = Person(email="fin@example.com", role=Role.FINANCIAL_ADMIN)
ACT = Act(actor="fin@example.com", at=AT, request_id="request-1")
# 2.00 as the rule spells it, 3.00 otherwise, 5.00 of nobody's team.
LINES = (
    Line("2.00", SHARED, resource="i-1", tags='{"resourceTags/user:Team": "web"}'),
    Line("3.00", SHARED, resource="i-2", tags='{"resourceTags/user:team": "WEB"}'),
    Line("5.00", SHARED, resource="i-3"),
)
RULES = (
    MapAccount(account_id=SHARED, shares=((SEARCH, 10_000),), start=FIRST),
    AddClaimRule(
        rule_id="web",
        workload_id="w-tills",
        tag=TagPattern(key="user:Team", value="web"),
        start=FIRST,
    ),
)
TABLE = TagSettings(
    key_aliases=(KeyAlias(key="user:Team", alias="user:team"),),
    value_aliases=(ValueAlias(key="user:Team", value="web", alias="WEB"),),
)
UNASKED = TagSettings(key_aliases=(KeyAlias(key="user:Stage", alias="user:stage"),))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    remembering(monkeypatch)


@pytest.fixture
def made(tmp_path: Path) -> Allocating:
    """September is allocated, with no aliases."""
    world = Allocating(tmp_path)
    furnish(world.organisation, RULES, (SHARED,))
    world.load(1, LINES)
    world.run()
    return world


def settle(made: Allocating, tags: TagSettings) -> None:
    kept = made.organisation.settings_kept
    set_tags(tags, in_force(kept).version, by=ADMIN, settings=kept, act=ACT)


def run_id(made: Allocating) -> str:
    found = made.allocations.find(*OF)
    assert found is not None
    return found.run_id


def paid(made: Allocating, product: str) -> int:
    index = made.house.ledger.get_json(f"{allocation(*OF, run_id(made))}/index.json")
    return int(index["products"]["USD"].get(product, 0))


def test_a_rule_takes_what_is_tagged_otherwise_where_the_table_says_so(made: Allocating) -> None:
    assert (paid(made, TILLS), paid(made, SEARCH)) == (ticks("2.00"), ticks("8.00"))
    settle(made, TABLE)

    assert made.start() == [OF]
    assert made.run() == "Published"
    assert (paid(made, TILLS), paid(made, SEARCH)) == (ticks("5.00"), ticks("5.00"))
    assert made.start() == []


def test_without_the_table_who_pays_is_again_as_it_was_and_so_is_the_run(made: Allocating) -> None:
    before = run_id(made)
    settle(made, TABLE)
    made.run()
    assert run_id(made) != before
    settle(made, TagSettings())

    assert made.start() == [OF]
    assert made.run() == "Published"
    assert run_id(made) == before


def test_a_spelling_that_no_rule_asks_for_is_looked_at_and_makes_no_other_run(
    made: Allocating,
) -> None:
    settle(made, UNASKED)

    assert made.start() == [OF]
    assert made.run() == "Unchanged"
    assert made.start() == []


def test_tag_settings_that_say_nothing_of_spellings_start_nothing(made: Allocating) -> None:
    settle(made, TagSettings(required_keys=("user:Team",)))

    assert made.start() == []


def test_a_closed_month_is_read_by_the_spellings_that_it_was_closed_with(
    made: Allocating,
) -> None:
    made.organisation.open_from = date(2026, 10, 1)
    settle(made, TABLE)
    assert made.start() == []
    late = Line("4.00", SHARED, resource="i-4", tags='{"resourceTags/user:team": "WEB"}')
    made.load(2, (*LINES, late))

    assert made.start() == [OF]
    assert made.run() == "Published"
    assert (paid(made, TILLS), paid(made, SEARCH)) == (ticks("2.00"), ticks("12.00"))


CHANGE = SetTagAliases(key_aliases=TABLE.key_aliases, value_aliases=TABLE.value_aliases)


def test_what_a_table_would_do_is_told_before_it_is_set(made: Allocating) -> None:
    asked = ask_preview([CHANGE], by=ADMIN, at=AT, studio=made.studio)
    assert asked.bills == (OF,)
    made.run(asked.preview_id)
    told = preview_effects(asked.preview_id, by=ADMIN, studio=made.studio)
    moved = {one.element: (one.before, one.after) for one in told.moved}
    settle(made, TABLE)
    made.run()

    assert moved[TILLS] == (ticks("2.00"), ticks("5.00"))
    assert moved[SEARCH] == (ticks("8.00"), ticks("5.00"))
    assert (paid(made, TILLS), paid(made, SEARCH)) == (moved[TILLS][1], moved[SEARCH][1])


def test_who_may_not_set_the_table_may_not_try_it(made: Allocating) -> None:
    owner = Person(email="tills@example.com", role=Role.PRODUCT_OWNER, scope=(TILLS,))

    with pytest.raises(ForbiddenError):
        ask_preview([CHANGE], by=owner, at=AT, studio=made.studio)


def test_a_table_that_leads_to_two_keys_is_tried_by_nobody(made: Allocating) -> None:
    twice = [KeyAlias(key=key, alias="user:team") for key in ("user:Team", "user:Squad")]

    with pytest.raises(InvalidError, match="leads to two keys"):
        ask_preview([SetTagAliases(key_aliases=twice)], by=ADMIN, at=AT, studio=made.studio)


# Tables by themselves -----------------------------------------------------------------------------


def test_a_rule_that_is_written_in_another_spelling_means_the_same() -> None:
    table = TABLE.aliases
    rule = ClaimRule(
        rule_id="web",
        workload_id="w",
        product_id=TILLS,
        start=FIRST,
        tag=TagPattern(key="user:team", value="WEB"),
    ).meant(table)

    assert rule.tag == TagPattern(key="user:Team", value="web")
    tagged = Resource("1", "i-1", None, '{"user:Team":"web"}').meant(table)
    assert rule.fits(tagged)


def test_an_older_table_beside_a_newer_one_says_what_it_said() -> None:
    newer = TagSettings(
        key_aliases=(
            KeyAlias(key="user:Squad", alias="user:Team"),
            KeyAlias(key="user:Stage", alias="user:stage"),
        )
    ).aliases

    beside = TABLE.aliases.beside(newer, {"user:Team"})

    assert [(one.key, one.alias) for one in beside.keys] == [
        ("user:Stage", "user:stage"),
        ("user:Team", "user:team"),
    ]
    assert beside.values == TABLE.aliases.values
