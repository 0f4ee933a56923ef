"""Remaps: which changes answer a dispute, and whose part of an account each may change."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.domain.allocations import Rules
from finops.domain.errors import InvalidError, NotFoundError
from finops.domain.remaps import LARGEST, MOST_CHANGES, Remapped, remapped, remaps
from finops.domain.rule_changes import (
    AddClaimRule,
    Change,
    MapAccount,
    ReleaseResources,
    applied,
)
from tests.domain.test_rule_changes import (
    ACCOUNT,
    ADD,
    CLAIM,
    FIRST,
    GROUND,
    OLD,
    SEARCH,
    SHOP,
    SPLIT,
    TAXES,
)

HALVES = SPLIT.model_copy(update={"shares": ((SEARCH, 5_000), (SHOP, 5_000))})
RELEASE = ReleaseResources(account_id=ACCOUNT, resources=("i-1", "i-2"))
DAYS = (FIRST, date(2026, 9, 6), date(2026, 9, 13), date(2026, 9, 20))


def made(*changes: Change, upon: tuple[Change, ...] = ()) -> Remapped:
    return remapped(remaps(changes), applied(upon, Rules(), GROUND), GROUND)


def parts(*changes: Change, upon: tuple[Change, ...] = ()) -> list[set[str]]:
    return [set(step.parts) for step in made(*changes, upon=upon).steps]


# What a remap is made of --------------------------------------------------------------------------


@pytest.mark.parametrize("change", [ADD, TAXES], ids=lambda one: str(one.kind))
def test_a_remap_is_of_shares_and_claims(change: Change) -> None:
    with pytest.raises(InvalidError, match=f"{change.kind} is no change of a remap"):
        remaps([change])


@pytest.mark.parametrize("number", [0, MOST_CHANGES + 1])
def test_a_remap_is_of_some_changes(number: int) -> None:
    with pytest.raises(InvalidError, match="1 to 40"):
        remaps([SPLIT] * number)


def test_what_a_card_could_not_keep_is_no_remap() -> None:
    many = CLAIM.model_copy(update={"resources": tuple(f"i-{n:09}" for n in range(LARGEST // 12))})

    with pytest.raises(InvalidError, match="name fewer resources"):
        remaps([many])


# Whose part changes -------------------------------------------------------------------------------


def test_a_split_changes_those_parts_that_are_another_size() -> None:
    assert parts(SPLIT) == [{SHOP}]
    assert parts(HALVES, upon=(SPLIT,)) == [{SHOP, SEARCH}]
    kept = HALVES.model_copy(update={"shares": ((OLD, 2_000), (SEARCH, 3_000), (SHOP, 5_000))})
    early = kept.model_copy(update={"start": date(2026, 8, 2)})
    moved = early.model_copy(update={"shares": ((OLD, 2_000), (SEARCH, 5_000), (SHOP, 3_000))})
    assert parts(moved, upon=(early,)) == [{SHOP, SEARCH}]


def test_a_split_that_takes_the_place_of_a_planned_one_changes_its_parts_too() -> None:
    later = HALVES.model_copy(update={"start": DAYS[2]})

    assert parts(SPLIT.model_copy(update={"start": DAYS[1]}), upon=(SPLIT, later)) == [
        {SHOP, SEARCH}
    ]


def test_a_claim_is_about_its_product_and_those_that_share_the_account_from_then_on() -> None:
    later = SPLIT.model_copy(update={"start": DAYS[1]})
    [step] = made(CLAIM.model_copy(update={"start": DAYS[2]}), upon=(HALVES, later)).steps
    assert (set(step.own), set(step.parts)) == ({SHOP}, {SHOP})

    [step] = made(CLAIM, upon=(HALVES, later)).steps
    assert (set(step.own), set(step.parts)) == ({SHOP}, {SHOP, SEARCH})


def test_a_release_is_about_whom_it_was_claimed_for_and_those_that_pay_next() -> None:
    [step] = made(
        RELEASE, upon=(SPLIT.model_copy(update={"shares": ((SEARCH, 10_000),)}), CLAIM)
    ).steps

    assert (set(step.own), set(step.parts)) == ({SHOP}, {SHOP, SEARCH})


@pytest.mark.parametrize(
    "rule, is_about",
    [
        ({"name": "i-*"}, True),
        ({"name": "web-*"}, False),
        ({"name": None, "service": "AmazonEC2"}, True),
        ({"account_id": ACCOUNT}, False),
        ({"name": "i-*", "end": DAYS[0]}, False),
    ],
)
def test_whose_claim_rule_may_fit_pays_for_what_is_claimed_or_released(
    rule: dict[str, object], is_about: bool
) -> None:
    workload = GROUND.workloads["w-1"].model_copy(
        update={"workload_id": "w-2", "product_id": SEARCH}
    )
    ground = GROUND._replace(workloads={**GROUND.workloads, "w-2": workload})
    theirs: AddClaimRule = ADD.model_copy(update={"workload_id": "w-2"} | rule)
    rules = applied((SPLIT, theirs), Rules(), ground)

    [step] = remapped([CLAIM], rules, ground).steps

    assert (SEARCH in step.parts) is is_about


# What is in force ---------------------------------------------------------------------------------


def test_what_is_in_force_makes_no_step() -> None:
    upon = (SPLIT, CLAIM)
    found = made(SPLIT, CLAIM, upon=upon)

    assert found == Remapped(applied(upon, Rules(), GROUND), (), (), ())
    assert made(RELEASE, upon=(*upon, RELEASE)).steps == ()


def test_what_was_never_claimed_is_not_released() -> None:
    with pytest.raises(NotFoundError, match="nothing to release"):
        made(RELEASE, upon=(SPLIT,))


def test_a_claim_from_a_later_day_is_another_one() -> None:
    known = CLAIM.model_copy(update={"start": DAYS[1]})

    with pytest.raises(Exception, match="is claimed from"):
        made(CLAIM, upon=(SPLIT, known))
    assert made(CLAIM.model_copy(update={"start": DAYS[2]}), upon=(SPLIT, known)).steps == ()


@st.composite
def splits(draw: st.DrawFn) -> MapAccount:
    points = draw(st.integers(0, 10_000))
    shares = tuple(
        (product, part) for product, part in ((SEARCH, points), (SHOP, 10_000 - points)) if part
    )
    return MapAccount(account_id=ACCOUNT, shares=shares, start=draw(st.sampled_from(DAYS)))


@given(st.lists(splits(), min_size=1, max_size=4))
def test_made_twice_it_is_made_once(changes: list[MapAccount]) -> None:
    """What the last of them has made is in force, whatever was before."""
    once = remapped(changes, Rules(), GROUND)
    again = remapped([changes[-1]], once.rules, GROUND)

    assert (again.rules, again.steps) == (once.rules, ())
    assert set(once.shares) == {ACCOUNT}
