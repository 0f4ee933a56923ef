"""Previews: asked by who may make the changes, refused as they would be, answered in money."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from finops.domain.elements import ENTERPRISE
from finops.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from finops.domain.people import Person, Role
from finops.domain.rule_changes import (
    AddClaimRule,
    Change,
    ClaimResources,
    DecidePolicy,
    MapAccount,
    ReleaseResources,
)
from finops.usecases.previews import (
    MOST_CHANGES,
    Effects,
    Preview,
    PreviewStatus,
    ask_preview,
    preview_effects,
)
from tests.allocating import AT, FIRST, OF, RULES, SHARED, Allocating, decide, furnish, ticks
from tests.exports import MONTH, PAYER, Line
from tests.usecases.organisation import CHECKOUT, LOANS, SEARCH, TILLS, WEB_SHOP

ADMIN = Person(email="fin@example.com", role=Role.FINANCIAL_ADMIN)
ENGINEER = Person(email="cloud@example.com", role=Role.CLOUD_ENGINEER)
BUYER = Person(email="vendor@example.com", role=Role.VENDOR_MANAGER)
SHOP = Person(email="shop@example.com", role=Role.PRODUCT_OWNER, scope=(WEB_SHOP,))
PORTFOLIO = Person(
    email="portfolio@example.com", role=Role.PORTFOLIO_OWNER, scope=("retail.digital.storefront",)
)
CASHIER = Person(email="tills@example.com", role=Role.PRODUCT_OWNER, scope=(TILLS,))

# Web shop 6.00, search 4.00; the tills' 5.00 are claimed; loans have nothing yet.
LINES = (Line("10.00", SHARED, resource="i-2"), Line("5.00", SHARED, resource="i-1"))
SPLIT = MapAccount(account_id=SHARED, shares=((LOANS, 2_500), (WEB_SHOP, 7_500)), start=FIRST)
CLAIM = ClaimResources(
    workload_id="w-checkout", resources=("i-2",), start=FIRST, reason="it was theirs all along"
)
RELEASE = ReleaseResources(account_id=SHARED, resources=("i-1",))
SUNDAY = date(2026, 9, 13)


@pytest.fixture
def made(tmp_path: Path) -> Allocating:
    world = Allocating(tmp_path)
    furnish(world.organisation, RULES[:3])
    world.load(1, LINES)
    return world


def ask(made: Allocating, *changes: Change, by: Person = ADMIN) -> Preview:
    return ask_preview(changes, by=by, at=AT, studio=made.studio)


def answer(made: Allocating, asked: Preview, by: Person = ADMIN) -> Effects:
    return preview_effects(asked.preview_id, by=by, studio=made.studio)


def effects(made: Allocating, *changes: Change, by: Person = ADMIN) -> Effects:
    """Asked, made and answered."""
    asked = ask(made, *changes, by=by)
    for payer, period, preview_id in list(made.runs.started.values()):
        assert made.run(preview_id, (payer, period)) == "Previewed"
    return answer(made, asked, by)


def moves(found: Effects) -> dict[tuple[str | None, str | None], tuple[int, int]]:
    return {(one.element, one.reason): (one.before, one.after) for one in found.moved}


# Answered -----------------------------------------------------------------------------------------


def test_a_preview_tells_what_moves_and_what_it_moves_in(made: Allocating) -> None:
    """Search pays 4.00 less, loans 2.50 more, web shop 1.50 more: retail 2.50 less."""
    found = effects(made, SPLIT)

    assert found.status is PreviewStatus.DONE
    assert moves(found) == {
        (ENTERPRISE, None): (ticks("15"), ticks("15")),
        ("retail", None): (ticks("15"), ticks("12.50")),
        ("retail.digital", None): (ticks("10"), ticks("7.50")),
        ("retail.digital.storefront", None): (ticks("10"), ticks("7.50")),
        (SEARCH, None): (ticks("4"), 0),
        (WEB_SHOP, None): (ticks("6"), ticks("7.50")),
        ("bank", None): (0, ticks("2.50")),
        ("bank.credit", None): (0, ticks("2.50")),
        ("bank.credit.lending", None): (0, ticks("2.50")),
        (LOANS, None): (0, ticks("2.50")),
    }
    [total] = found.totals
    assert (total.before, total.after) == (ticks("15"), ticks("15"))


def test_changes_are_made_one_upon_the_other(made: Allocating) -> None:
    found = effects(made, SPLIT, RULES[0])

    assert (found.moved, found.totals) == ([], [])


def test_a_preview_equals_what_applying_then_gives(made: Allocating) -> None:
    made.run()
    found = effects(made, SPLIT, CLAIM)
    decide(made.organisation, SPLIT, AT + timedelta(hours=1))
    decide(made.organisation, CLAIM, AT + timedelta(hours=1))
    assert made.run() == "Published"

    allocated = made.allocations.find(*OF)
    assert allocated is not None
    for one in found.moved:
        if one.element is not None:
            rolled = made.allocations.rollups(allocated, one.element)
            assert sum(sum(each.days.values()) for each in rolled) == one.after


def test_whose_claim_it_is_sees_what_it_costs_them_and_no_more(made: Allocating) -> None:
    """The search has paid 4.00 of it, which is none of theirs."""
    by = Person(email="o@example.com", role=Role.PRODUCT_OWNER, scope=(CHECKOUT, WEB_SHOP))

    found = effects(made, CLAIM, by=by)

    assert moves(found) == {(CHECKOUT, None): (0, ticks("10")), (WEB_SHOP, None): (ticks("6"), 0)}
    assert [(one.before, one.after) for one in found.totals] == [(ticks("6"), ticks("10"))]


def test_a_preview_of_what_changes_nothing_is_done_at_once(made: Allocating) -> None:
    later = SPLIT.model_copy(update={"start": FIRST.replace(year=2027, month=8)})
    made.organisation.drop("Acme_2027_true_2027-01-01_false_Budget_v1.csv")
    asked = ask(made, later)

    assert (asked.bills, made.runs.started) == ((), {})
    assert answer(made, asked) == Effects(asked, PreviewStatus.DONE, [], [])


def test_a_preview_is_running_until_it_is_there_or_has_failed(made: Allocating) -> None:
    asked = ask(made, SPLIT)
    assert asked.bills == (OF,)
    assert answer(made, asked).status is PreviewStatus.RUNNING

    made.runs.failed.add(asked.run_name(*OF))

    assert answer(made, asked) == Effects(asked, PreviewStatus.FAILED)


def test_the_same_question_again_joins_the_preview_that_is_there(made: Allocating) -> None:
    """Running, done or failed: only what has failed is tried again."""

    def again(hours: int) -> Preview:
        return ask_preview([SPLIT], by=ADMIN, at=AT + timedelta(hours=hours), studio=made.studio)

    first = ask(made, SPLIT)
    assert again(1) == first
    [(payer, period, preview_id)] = made.runs.started.values()
    made.runs.failed.add(first.run_name(*OF))
    assert again(2) == first
    assert made.runs.failed == set()
    assert made.run(preview_id, (payer, period)) == "Previewed"
    made.runs.succeeded.add(first.run_name(*OF))

    assert again(3) == first

    assert made.runs.succeeded == {first.run_name(*OF)}  # it was not started once more
    assert len(made.runs.started) == 1


def test_another_bill_rule_change_or_person_is_another_preview(made: Allocating) -> None:
    asked = [ask(made, SPLIT), ask(made, SPLIT, CLAIM)]
    asked.append(ask(made, SPLIT, by=ADMIN.model_copy(update={"email": "else@example.com"})))
    decide(made.organisation, CLAIM, AT)
    asked.append(ask(made, SPLIT))
    made.load(2, LINES)
    asked.append(ask(made, SPLIT))

    assert len({one.preview_id for one in asked}) == len(asked)


def test_a_preview_changes_nothing(made: Allocating) -> None:
    before = (len(made.organisation.records), made.rulebook.now())

    effects(made, SPLIT, CLAIM)

    assert (len(made.organisation.records), made.rulebook.now()) == before
    assert made.allocations.find(*OF) is None


# Who ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, allowed",
    [
        (SPLIT, {ADMIN.email}),
        (
            DecidePolicy(payer=PAYER, charge_class="Tax", policy="InProportion", start=MONTH),
            {ADMIN.email},
        ),
        (
            AddClaimRule(rule_id="new", workload_id="w-tills", name="i-2", start=FIRST),
            {ADMIN.email, ENGINEER.email},
        ),
        (RELEASE, {ADMIN.email, ENGINEER.email, CASHIER.email}),
    ],
    ids=lambda one: getattr(one, "kind", ""),
)
def test_who_may_not_make_a_change_may_not_try_it(
    made: Allocating, change: Change, allowed: set[str]
) -> None:
    for by in (ADMIN, ENGINEER, BUYER, CASHIER):
        if by.email in allowed:
            assert ask(made, change, by=by).by == by.email
        else:
            with pytest.raises((ForbiddenError, NotFoundError)):
                ask(made, change, by=by)


@pytest.mark.parametrize("change", [CLAIM, RELEASE], ids=lambda one: str(one.kind))
def test_what_lies_outside_a_scope_is_not_there_and_not_named(
    made: Allocating, change: Change
) -> None:
    with pytest.raises(NotFoundError) as refused:
        ask(made, change, by=SHOP)

    assert not {CHECKOUT, TILLS} & set(refused.value.detail.split())
    assert made.runs.started == {}


def test_who_holds_a_resource_outside_the_scope_is_not_named(made: Allocating) -> None:
    by = Person(email="o@example.com", role=Role.PRODUCT_OWNER, scope=(CHECKOUT, WEB_SHOP))
    taken = CLAIM.model_copy(update={"resources": ("i-1",)})

    with pytest.raises(ConflictError) as refused:
        ask(made, taken, by=by)

    assert "outside your financial scope" in refused.value.detail
    assert TILLS not in refused.value.detail


def test_who_has_no_share_of_an_account_learns_nothing_of_its_costs_by_trying(
    made: Allocating,
) -> None:
    """The checkout has a workload there, from when the account was its own."""
    by = Person(email="o@example.com", role=Role.PRODUCT_OWNER, scope=(CHECKOUT,))

    with pytest.raises(NotFoundError, match="no product of yours has a share of it"):
        ask(made, CLAIM, by=by)
    assert made.runs.started == {}


def test_a_preview_is_of_who_asked_for_it_and_of_who_sees_the_bill(made: Allocating) -> None:
    asked = ask(made, RELEASE, by=CASHIER)

    for by in (CASHIER, ADMIN, BUYER):
        assert answer(made, asked, by).preview == asked
    with pytest.raises(NotFoundError, match="no preview"):
        answer(made, asked, SHOP)
    assert asked.element == TILLS


def test_a_preview_that_nobody_asked_for_is_not_found(made: Allocating) -> None:
    with pytest.raises(NotFoundError, match="kept for a month"):
        preview_effects("0" * 20, by=ADMIN, studio=made.studio)


# Of owners, who propose --------------------------------------------------------------------------


def test_owners_try_another_split_of_what_they_pay_for_and_see_their_own_part(
    made: Allocating,
) -> None:
    """Web shop 6.00 before, 7.50 after; who pays the rest is none of theirs."""
    found = effects(made, SPLIT, by=SHOP)

    assert moves(found) == {(WEB_SHOP, None): (ticks("6"), ticks("7.50"))}
    assert [one.difference for one in found.others] == [ticks("-1.50")]
    assert effects(made, SPLIT).others == ()


def test_a_portfolio_owner_tries_it_for_their_products(made: Allocating) -> None:
    found = effects(made, SPLIT, by=PORTFOLIO)

    assert moves(found)["retail.digital.storefront", None] == (ticks("10"), ticks("7.50"))


def test_a_split_tried_by_an_owner_tells_nothing_of_products_out_of_sight(
    made: Allocating,
) -> None:
    """A product that there is, one that there is not, and one that has ended are all the same."""
    told = set()
    for other in (LOANS, SEARCH, "bank.credit.lending.none", "a.b.c.d"):
        change = SPLIT.model_copy(update={"shares": ((other, 2_500), (WEB_SHOP, 7_500))})
        found = effects(made, change, by=SHOP)
        told.add((found.status, tuple(found.moved), found.others, found.preview.bills))
    assert len(told) == 1


def test_whether_an_owner_has_guessed_the_split_of_others_is_not_told(made: Allocating) -> None:
    """Searching for 40 %: it is the one that is in force."""
    guesses = [
        effects(
            made,
            SPLIT.model_copy(update={"shares": ((other, 4_000), (WEB_SHOP, 6_000))}),
            by=SHOP,
        )
        for other in (SEARCH, LOANS)
    ]

    assert guesses[0].preview.bills == guesses[1].preview.bills == (OF,)
    assert [(one.moved, one.others) for one in guesses] == [([], ())] * 2


def test_an_account_that_none_of_their_products_pays_for_is_not_there(made: Allocating) -> None:
    """The tills hold a resource of it, and no share."""
    said = set()
    for account in (SHARED, "5" * 12):
        with pytest.raises(NotFoundError) as refused:
            ask(made, SPLIT.model_copy(update={"account_id": account}), by=CASHIER)
        said.add(refused.value.detail.replace(account, ""))
    assert len(said) == 1


def test_an_owner_tries_nothing_for_days_of_which_they_see_nothing(made: Allocating) -> None:
    """Up to the 13th the account is the search's alone."""
    alone = SPLIT.model_copy(update={"shares": ((SEARCH, 10_000),)})
    decide(made.organisation, alone, AT)
    later = RULES[0].model_copy(update={"start": SUNDAY})
    decide(made.organisation, later, AT)

    with pytest.raises(InvalidError, match="propose a later start"):
        ask(made, SPLIT, by=SHOP)
    assert ask(made, SPLIT.model_copy(update={"start": SUNDAY}), by=SHOP).by == SHOP.email


def test_who_applies_what_was_proposed_is_told_what_is_wrong_with_it(made: Allocating) -> None:
    change = SPLIT.model_copy(update={"shares": (("a.b.c.d", 2_500), (WEB_SHOP, 7_500))})

    assert ask(made, change, by=SHOP).by == SHOP.email
    with pytest.raises(InvalidError, match=r"there is no product a\.b\.c\.d"):
        ask(made, change)


def test_an_early_claim_is_tried_with_its_reason(made: Allocating) -> None:
    with pytest.raises(InvalidError, match="say why the claim starts on 2026-09-01"):
        ask(made, CLAIM.model_copy(update={"reason": None}))
    tomorrow = AT.date() + timedelta(1)
    assert ask(made, CLAIM.model_copy(update={"reason": None, "start": tomorrow})).bills


# Refused ------------------------------------------------------------------------------------------


def test_what_is_wrong_with_a_change_is_said_at_once(made: Allocating) -> None:
    too_little = SPLIT.model_copy(update={"shares": ((LOANS, 2_500), (WEB_SHOP, 7_499))})
    with pytest.raises(InvalidError, match=r"99\.99 %"):
        ask(made, too_little)
    with pytest.raises(InvalidError, match="no product"):
        ask(made, SPLIT.model_copy(update={"shares": (("a.b.c.d", 10_000),)}))

    assert made.runs.started == {}


@pytest.mark.parametrize(
    "change, error",
    [
        (SPLIT.model_copy(update={"account_id": "1" * 12}), NotFoundError),
        (
            AddClaimRule(
                rule_id="new",
                workload_id="w-tills",
                account_id="1" * 12,
                name="i-2",
                start=FIRST,
            ),
            InvalidError,
        ),
        (
            DecidePolicy(payer="1" * 12, charge_class="Tax", policy="InProportion", start=MONTH),
            NotFoundError,
        ),
    ],
    ids=lambda one: getattr(one, "kind", ""),
)
def test_what_nobody_has_seen_is_refused_as_it_is_to_who_makes_the_change(
    made: Allocating, change: Change, error: type[Exception]
) -> None:
    with pytest.raises(error, match="1" * 12):
        ask(made, change)


def test_a_release_that_is_of_several_products_is_refused(made: Allocating) -> None:
    both = RELEASE.model_copy(update={"resources": ("i-1", "i-2")})

    with pytest.raises(InvalidError, match="2 products"):
        ask(made, CLAIM, both)


def test_the_same_split_again_moves_nothing(made: Allocating) -> None:
    as_it_is = RULES[0]
    assert isinstance(as_it_is, MapAccount)

    for again in (as_it_is, as_it_is.model_copy(update={"start": None})):
        assert ask(made, again).bills == ()


@pytest.mark.parametrize("number", [0, MOST_CHANGES + 1])
def test_a_preview_is_of_some_changes(made: Allocating, number: int) -> None:
    with pytest.raises(InvalidError, match="1 to 100"):
        ask(made, *[SPLIT] * number)
