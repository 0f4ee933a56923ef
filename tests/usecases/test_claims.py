"""Many resources are claimed and released in one step, by who may, and never by two at once."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.audit import Receipt
from finops.domain.elements import ENTERPRISE
from finops.domain.errors import (
    ConflictError,
    FinOpsError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from finops.domain.people import Person, Role
from finops.usecases.audit import trail, trail_query
from finops.usecases.claims import seen_claims
from finops.usecases.notices import notice
from tests.claiming import (
    LAB,
    SHARED,
    UNKNOWN,
    admin,
    give_back,
    holders,
    know_accounts,
    run,
    share,
    take,
)
from tests.usecases.organisation import (
    LOANS,
    NOW,
    SEARCH,
    STOREFRONT,
    TODAY,
    WEB_SHOP,
    Organisation,
    act,
)

TOMORROW = TODAY + timedelta(1)


@pytest.fixture
def organisation() -> Organisation:
    made = Organisation()
    made.drop()
    know_accounts(made)
    return made


@pytest.fixture
def owner(organisation: Organisation) -> Person:
    return organisation.hire("owner@example.com", Role.PRODUCT_OWNER, [WEB_SHOP])


def seen(organisation: Organisation, by: Person, account_id: str = SHARED, **of: Any) -> list[str]:
    found = seen_claims(account_id, TODAY, by=by, desk=organisation.claims_desk, **of)
    return [one.claim.resource_id for one in found.claims]


# Claimed ------------------------------------------------------------------------------------------


def test_a_claim_starts_tomorrow_and_is_on_record(
    organisation: Organisation, owner: Person
) -> None:
    share(organisation, SHARED, (WEB_SHOP, 10_000))
    made = run(organisation)

    head = take(organisation, made, "i-1", "i-2", by=owner)

    assert (head.of, head.number, head.version) == (SHARED, 2, 1)
    assert holders(organisation, TODAY) == {}
    assert holders(organisation, TOMORROW) == dict.fromkeys(("i-1", "i-2"), made.workload_id)
    [record] = organisation.audit.chain(f"claims#{SHARED}")
    assert (record.action, record.event) == ("ClaimResources", "ResourcesClaimed")
    assert (record.actor, record.element) == (owner.email, WEB_SHOP)


def test_an_earlier_start_needs_a_reason_which_is_kept(organisation: Organisation) -> None:
    made, start = run(organisation), date(2026, 2, 1)

    with pytest.raises(InvalidError, match="say why the claim starts on 2026-02-01"):
        take(organisation, made, "i-1", start=start)
    take(organisation, made, "i-1", start=start, doing=act("admin@example.com", reason="it was"))

    assert holders(organisation, start) == {"i-1": made.workload_id}
    [record] = organisation.audit.chain(f"claims#{SHARED}")
    assert record.reason == "it was"


def test_no_claim_starts_before_the_open_period(organisation: Organisation) -> None:
    made = run(organisation)
    organisation.open_from = date(2026, 3, 1)
    why = act("admin@example.com", reason="it was")

    with pytest.raises(InvalidError, match="2026-02-28 is before the open period"):
        take(organisation, made, "i-1", start=date(2026, 2, 28), doing=why)


def test_one_resource_that_is_taken_refuses_all(organisation: Organisation) -> None:
    first, second = run(organisation), run(organisation, SEARCH)
    take(organisation, first, "i-2")
    before = len(organisation.records)

    with pytest.raises(ConflictError, match=f"i-2 is claimed .* {first.workload_id} of {WEB_SHOP}"):
        take(organisation, second, "i-1", "i-2", "i-3")

    assert len(organisation.records) == before
    assert holders(organisation, TOMORROW) == {"i-2": first.workload_id}


def test_a_holder_out_of_scope_is_not_named(organisation: Organisation, owner: Person) -> None:
    share(organisation, SHARED, (WEB_SHOP, 10_000))
    mine, theirs = run(organisation), run(organisation, LOANS)
    take(organisation, theirs, "i-1")

    with pytest.raises(ConflictError) as told:
        take(organisation, mine, "i-1", by=owner)

    assert told.value.detail == (
        "i-1 is claimed from 2026-03-11 by a workload outside your financial scope; nothing was "
        "claimed"
    )


def test_owners_claim_for_workloads_of_their_products_only(
    organisation: Organisation, owner: Person
) -> None:
    portfolio = organisation.hire("portfolio@example.com", Role.PORTFOLIO_OWNER, [STOREFRONT])
    mine, theirs = run(organisation), run(organisation, LOANS)

    with pytest.raises(NotFoundError):
        take(organisation, theirs, "i-1", by=owner)
    with pytest.raises(ForbiddenError):
        take(organisation, mine, "i-1", by=portfolio)


def test_owners_claim_only_where_a_product_of_theirs_has_a_share_now_or_later(
    organisation: Organisation, owner: Person
) -> None:
    """Otherwise they would keep the resources of an account that was taken away, and take more."""
    share(organisation, LAB, (LOANS, 10_000))
    engineer = organisation.hire("cloud@example.com", Role.CLOUD_ENGINEER)
    lab, shared = run(organisation, account_id=LAB), run(organisation)

    for made in (lab, shared):
        with pytest.raises(
            NotFoundError, match="has a share of it today or later; ask a financial"
        ):
            take(organisation, made, "i-1", by=owner)
    take(organisation, lab, "i-1", by=engineer)
    share(organisation, SHARED, (WEB_SHOP, 10_000), start=date(2026, 4, 5))
    take(organisation, shared, "i-1", by=owner)

    assert give_back(organisation, "i-1", account_id=LAB, by=owner).version == 2


def test_a_record_of_claims_is_for_who_may_see_all_of_them(
    organisation: Organisation, owner: Person
) -> None:
    """It says how many there are; the event says for which product it was."""
    share(organisation, SHARED, (WEB_SHOP, 10_000))
    mine = run(organisation)
    steps: tuple[tuple[Callable[[], object], str, str], ...] = (
        (lambda: take(organisation, mine, "i-1", by=owner), WEB_SHOP, WEB_SHOP),
        (lambda: take(organisation, run(organisation, SEARCH), "i-2"), STOREFRONT, SEARCH),
        (lambda: give_back(organisation, "i-1", by=owner), STOREFRONT, WEB_SHOP),
        (lambda: take(organisation, run(organisation, LOANS), "i-3"), ENTERPRISE, LOANS),
        (lambda: take(organisation, mine, "i-4", by=owner), ENTERPRISE, WEB_SHOP),
    )
    for step, element, product in steps:
        step()
        *_, record = organisation.audit.chain(f"claims#{SHARED}")
        assert (record.element, notice(record).detail["element"]) == (element, product)

    query = trail_query(f"claims#{SHARED}", None, None, None, None, TODAY)
    seen = trail(query, 10, None, by=owner, audit=organisation.audit).items
    assert [one.sequence for one in seen] == [1]


def test_of_two_who_claim_at_once_the_second_is_told(organisation: Organisation) -> None:
    made = run(organisation)
    take(organisation, made, "i-1", version=0)

    with pytest.raises(ConflictError, match="look at it again"):
        take(organisation, made, "i-2", version=0)


def test_a_claim_whose_head_loses_the_race_leaves_nothing(organisation: Organisation) -> None:
    """Its document is written by then, and nobody ever reads it."""
    first, second = run(organisation), run(organisation, SEARCH)
    organisation.records.meanwhile.append(lambda: take(organisation, second, "i-1"))
    receipt = Receipt(key="key-1", fingerprint="print-1")

    with pytest.raises(ConflictError) as told:
        take(organisation, first, "i-1", "i-2", doing=act("admin@example.com", receipt=receipt))

    assert told.value.members["current"].version == 1
    assert holders(organisation, TOMORROW) == {"i-1": second.workload_id}
    assert organisation.receipts.find("key-1") is None
    take(organisation, first, "i-2")
    assert holders(organisation, TOMORROW)["i-2"] == first.workload_id


# Released -----------------------------------------------------------------------------------------


def test_what_is_released_goes_by_the_shares_from_tomorrow_on(organisation: Organisation) -> None:
    made = run(organisation)
    why = act("admin@example.com", reason="it was")
    take(organisation, made, "i-1", "i-2", start=date(2026, 3, 1), doing=why)

    head = give_back(organisation, "i-1")

    assert (head.number, head.version) == (2, 2)
    assert holders(organisation, TODAY).keys() == {"i-1", "i-2"}
    assert holders(organisation, TOMORROW).keys() == {"i-2"}
    *_, record = organisation.audit.chain(f"claims#{SHARED}")
    assert (record.event, record.element) == ("ResourcesReleased", WEB_SHOP)


def test_a_release_is_of_one_product(organisation: Organisation) -> None:
    take(organisation, run(organisation), "i-1")
    take(organisation, run(organisation, SEARCH), "i-2")

    with pytest.raises(InvalidError, match=f"2 products \\({SEARCH}, {WEB_SHOP}\\)"):
        give_back(organisation, "i-1", "i-2")

    assert holders(organisation, TOMORROW).keys() == {"i-1", "i-2"}


def test_what_others_hold_is_released_like_what_nobody_holds(
    organisation: Organisation, owner: Person
) -> None:
    take(organisation, run(organisation), "i-1")
    take(organisation, run(organisation, LOANS), "i-2")

    for resource in ("i-2", "i-3"):
        with pytest.raises(NotFoundError) as told:
            give_back(organisation, "i-1", resource, by=owner)
        assert told.value.detail == (
            f"{resource}: claimed by nobody in your financial scope, so there is nothing to release"
        )
    assert holders(organisation, TOMORROW).keys() == {"i-1", "i-2"}


# Seen ---------------------------------------------------------------------------------------------


def test_each_sees_the_claims_of_their_products(organisation: Organisation, owner: Person) -> None:
    mine = run(organisation)
    take(organisation, mine, "i-1")
    take(organisation, run(organisation, LOANS), "i-2")
    boss = admin(organisation)

    assert seen(organisation, owner) == ["i-1"]
    assert seen(organisation, boss) == ["i-1", "i-2"]
    assert seen(organisation, boss, workload_id=mine.workload_id) == ["i-1"]
    assert seen(organisation, boss, resource_id="i-2") == ["i-2"]
    assert seen(organisation, owner, resource_id="i-2") == []


def test_a_resource_tells_all_that_ever_held_it(organisation: Organisation) -> None:
    first, second = run(organisation), run(organisation, SEARCH)
    take(organisation, first, "i-1")
    give_back(organisation, "i-1")
    take(organisation, second, "i-1")

    found = seen_claims(
        SHARED, TODAY, by=admin(organisation), desk=organisation.claims_desk, resource_id="i-1"
    ).claims

    assert [one.claim.workload_id for one in found] == [first.workload_id, second.workload_id]
    assert [one.claim.end for one in found] == [TOMORROW, None]


def test_an_account_is_seen_through_its_split_or_a_workload(
    organisation: Organisation, owner: Person
) -> None:
    for account in (SHARED, LAB, UNKNOWN):
        with pytest.raises(NotFoundError):
            seen(organisation, owner, account)
    share(organisation, SHARED, (WEB_SHOP, 1), (LOANS, 9_999))
    run(organisation, account_id=LAB)

    assert seen(organisation, owner, SHARED) == []
    assert seen(organisation, owner, LAB) == []
    assert seen(organisation, admin(organisation), SHARED) == []
    with pytest.raises(NotFoundError):
        seen(organisation, admin(organisation), UNKNOWN)


# Whatever happens ---------------------------------------------------------------------------------

RESOURCES = ("i-1", "i-2", "i-3", "i-4")
STEPS = st.tuples(
    st.sampled_from(["claim", "release"]),
    st.integers(0, 1),  # for which workload
    st.lists(st.sampled_from(RESOURCES), min_size=1, max_size=3),
    st.integers(-3, 1),  # days from today to the start
    st.integers(0, 2),  # days until the next step
    st.booleans(),  # whether somebody else claims just before it is written
)


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(steps=st.lists(STEPS, max_size=10))
def test_no_resource_ever_has_two_holders_and_no_step_is_half_done(steps: Sequence[Any]) -> None:
    organisation = _RUNNING.fresh()
    workloads = _RUNNING.workloads
    at = NOW
    for does, number, resources, start, wait, is_crossed in steps:
        before = organisation.claims.find(SHARED)
        doing = act("admin@example.com", at, reason="why not")
        if is_crossed:
            other = act("other@example.com", at)
            crossing = partial(_quietly, organisation, workloads[1], "i-5", other)
            organisation.records.meanwhile.append(crossing)
        try:
            if does == "claim":
                day = at.date() + timedelta(start)
                take(organisation, workloads[number], *resources, start=day, doing=doing)
            else:
                give_back(organisation, *resources, doing=doing)
            wanted = set(resources)
        except FinOpsError:
            wanted = set()
        organisation.records.meanwhile.clear()
        after = organisation.claims.find(SHARED)
        changed = {one.resource_id for one in set(after.claims) ^ set(before.claims)} - {"i-5"}
        assert changed == wanted
        at += timedelta(days=wait)
    for days in range(-5, 30):
        holders(organisation, TODAY + timedelta(days))


def _quietly(organisation: Organisation, workload: Any, resource: str, doing: Any) -> None:
    """A claim of somebody else, where the resource is free."""
    if not organisation.claims.find(SHARED).of(resource):
        take(organisation, workload, resource, doing=doing)


class _Running:
    """An organisation with two workloads, whose claims are none again for each example."""

    def __init__(self) -> None:
        self._made: Organisation | None = None
        self.workloads: list[Any] = []

    def fresh(self) -> Organisation:
        if self._made is None:
            self._made = Organisation()
            self._made.drop()
            know_accounts(self._made)
            self.workloads = [run(self._made), run(self._made, SEARCH)]
        for kept in (self._made.records.states, self._made.records.chains):
            kept.pop(f"claims#{SHARED}", None)
        return self._made


_RUNNING = _Running()
