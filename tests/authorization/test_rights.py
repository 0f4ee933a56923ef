"""What holds for everybody, whatever the table of rights says in detail."""

import pytest
from hypothesis import given, settings

from finops.domain import authorization
from finops.domain.authorization import (
    ADMINS,
    OF_OTHERS,
    OWNERS,
    RIGHTS,
    Action,
    Reach,
    may,
    must,
    must_reach,
    reach,
)
from finops.domain.elements import ancestors, level
from finops.domain.errors import FinOpsError, ForbiddenError, NotFoundError
from finops.domain.people import Person, PersonStatus, Role
from tests.authorization.oracle import Case
from tests.authorization.questions import ME, OTHER, WEB_SHOP, person, questions
from tests.authorization.worlds import World, worlds

some = settings(max_examples=60, deadline=None, derandomize=True)

SEEING = (
    Action.SEE_ELEMENT,
    Action.SEE_PEOPLE,
    Action.SEE_AUDIT,
    Action.SEE_ALLOCATIONS,
    Action.SEE_RESOURCES,
    Action.SEE_CREDITS,
    Action.SEE_CARDS,
    Action.SEE_CORRECTIONS,
    Action.SEE_REPORTS,
    Action.SEE_TAGS,
    Action.SEE_SAVINGS,
    Action.SEE_ALERTS,
)


def told(case: Case) -> FinOpsError | None:
    """What `must` answers."""
    try:
        must(case.person, case.action, case.element, **case.facts)
    except FinOpsError as error:
        return error
    return None


# Denied by default -------------------------------------------------------------------------------


def test_nobody_may_do_anything_that_the_table_does_not_allow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(authorization, "RIGHTS", {})

    assert [case for case in questions() if case.is_allowed] == []


@pytest.mark.parametrize("action", Action)
def test_an_action_that_the_table_forgets_is_nobodys(
    action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest = {known: row for known, row in RIGHTS.items() if known is not action}
    monkeypatch.setattr(authorization, "RIGHTS", rest)

    assert [case for case in questions() if case.action is action and case.is_allowed] == []
    with pytest.raises(ForbiddenError, match=f"{action.value} is for nobody"):
        must_reach(person(Role.FINANCIAL_ADMIN), action)


def test_every_action_is_somebodys() -> None:
    assert set(RIGHTS) == set(Action)
    assert all(RIGHTS.values())


def test_whoever_is_suspended_may_nothing_and_is_told_so() -> None:
    for case in questions(PersonStatus.SUSPENDED):
        assert not case.is_allowed
        assert reach(case.person, case.action) is None
        assert isinstance(told(case), ForbiddenError | NotFoundError)
    with pytest.raises(ForbiddenError, match="is suspended; a cloud engineer restores"):
        must(person(Role.FINANCIAL_ADMIN, PersonStatus.SUSPENDED), Action.LOAD_CHART)


def test_an_owner_without_a_scope_sees_only_who_they_are() -> None:
    for role in OWNERS:
        new = person(role).changed(scope=())
        for case in questions():
            assert not (
                case.action is not Action.SEE_ONESELF and case._replace(person=new).is_allowed
            )


def test_a_scope_of_another_level_gives_no_right() -> None:
    wrong = person(Role.PRODUCT_OWNER).changed(scope=("retail", "retail.digital", ""))

    for element in ("", "retail", "retail.digital", WEB_SHOP):
        assert [a for a in Action if may(wrong, a, element, owed_at=4)] == [Action.SEE_ONESELF]
    both = wrong.changed(scope=("retail", WEB_SHOP))
    assert may(both, Action.PLAN_BUDGET, WEB_SHOP, owed_at=4)
    assert not may(both, Action.SEE_ELEMENT, "retail")


# Budgets -----------------------------------------------------------------------------------------

BUDGET_ACTIONS = (Action.LOAD_CHART, Action.PLAN_BUDGET, Action.DECIDE_BUDGET, Action.SET_GATE)


def test_who_answers_for_all_budgets_takes_every_step_whoever_owes_it() -> None:
    for role, may_all in (
        (Role.FINANCIAL_ADMIN, True),
        (Role.VENDOR_MANAGER, True),
        (Role.CLOUD_ENGINEER, False),
    ):
        for owed in (None, 0, 1, 2, 3, 4):
            for element in ("", "retail", WEB_SHOP):
                found = [may(person(role), a, element, owed_at=owed) for a in BUDGET_ACTIONS]
                assert found == [may_all] * 4


def test_a_product_owner_plans_and_never_decides() -> None:
    owner = person(Role.PRODUCT_OWNER)

    assert [may(owner, Action.PLAN_BUDGET, WEB_SHOP, owed_at=owed) for owed in (3, 4)] == [
        False,
        True,
    ]
    assert reach(owner, Action.DECIDE_BUDGET) is None


# Who pays for what -------------------------------------------------------------------------------


def allowed(action: Action, element: str = WEB_SHOP) -> set[Role]:
    """The roles that may, each with a scope on the way down to the web shop."""
    return {role for role in Role if may(person(role), action, element)}


def test_only_a_financial_admin_says_how_an_account_and_its_classes_are_split() -> None:
    for action in (Action.SET_SHARES, Action.SET_POLICY):
        assert allowed(action) == allowed(action, "") == {Role.FINANCIAL_ADMIN}


def test_what_runs_for_a_product_is_said_by_its_owner_or_on_the_owners_behalf() -> None:
    behalf = {Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER}

    for action in (Action.PLAN_WORKLOAD, Action.CLAIM_RESOURCES):
        assert allowed(action) == behalf | {Role.PRODUCT_OWNER}
        assert allowed(action, "retail.digital.storefront.beside") == behalf


def test_a_claim_rule_reaches_over_all_products_and_is_no_owners() -> None:
    assert allowed(Action.SET_CLAIM_RULE) == {Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER}


def test_credits_are_given_and_prices_known_by_who_answers_for_money_or_for_vendors() -> None:
    for action in (Action.GRANT_CREDIT, Action.SEE_DISCOUNTS, Action.SET_DISCOUNT):
        assert allowed(action) == {Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER}


def test_a_claim_waits_for_nobody_whatever_a_caller_says_is_owed() -> None:
    owner = person(Role.PRODUCT_OWNER)

    for owed in (None, 0, 3, 4):
        assert may(owner, Action.CLAIM_RESOURCES, WEB_SHOP, owed_at=owed, author=ME)


# Two people --------------------------------------------------------------------------------------


def test_nobody_approves_what_they_submitted_whatever_their_role_and_whoever_owes_it() -> None:
    own = [c for c in questions() if c.action is Action.DECIDE_BUDGET and c.author == ME]

    assert len(own) > 100
    assert [case for case in own if case.is_allowed] == []
    for role in (Role.FINANCIAL_ADMIN, Role.VENDOR_MANAGER, Role.PORTFOLIO_OWNER):
        decision = Case(person(role), Action.DECIDE_BUDGET, WEB_SHOP, owed_at=3, author=ME)
        assert "nobody decides what they submitted themselves" in str(told(decision))
        assert told(decision._replace(author=OTHER)) is None


def test_who_submitted_may_still_plan() -> None:
    owner = person(Role.PRODUCT_OWNER)

    assert may(owner, Action.PLAN_BUDGET, WEB_SHOP, owed_at=4, author=ME)


def test_nobody_changes_their_own_role_scope_or_status() -> None:
    assert {Action.CHANGE_ROLE, Action.CHANGE_SCOPE, Action.SUSPEND_PERSON} < OF_OTHERS
    for case in questions():
        if case.action in OF_OTHERS and case.subject == ME:
            assert not case.is_allowed
    with pytest.raises(ForbiddenError, match="nobody changes their own role, scope or status"):
        must(person(Role.CLOUD_ENGINEER), Action.CHANGE_ROLE, subject=ME)
    must(person(Role.CLOUD_ENGINEER), Action.CHANGE_ROLE, subject=OTHER)


def test_only_a_financial_admin_grants_across_parents_and_not_to_themselves() -> None:
    others = {role for role in Role if may(person(role), Action.GRANT_ACROSS, subject=OTHER)}

    assert others == {Role.FINANCIAL_ADMIN}
    assert not may(person(Role.FINANCIAL_ADMIN), Action.GRANT_ACROSS, subject=ME)


# Out of sight ------------------------------------------------------------------------------------


@some
@given(worlds())
def test_owners_see_what_is_at_and_under_their_elements_and_nothing_beside(world: World) -> None:
    for one in world.people:
        if one.role in OWNERS and one.status is not PersonStatus.SUSPENDED:
            own = {element for element in one.scope if level(element) == one.role.level}
            for element in world.elements:
                is_own = bool(own & set(ancestors(element)))
                assert [may(one, action, element) for action in SEEING] == [is_own] * len(SEEING)


def test_what_shows_everything_is_never_an_owners() -> None:
    for role in OWNERS:
        assert [a for a in Action if reach(person(role), a) is Reach.EVERYWHERE] == [
            Action.SEE_ONESELF
        ]
        for action in (
            Action.SEE_BILL,
            Action.SEE_WHOLE_CHART,
            Action.SEE_UNALLOCATED,
            Action.SEE_DISCOUNTS,
        ):
            assert reach(person(role), action) is None
        assert not may(person(role), Action.SEE_ELEMENT)  # the whole enterprise
    for action in (Action.SEE_BILL, Action.SEE_UNALLOCATED):
        assert all(reach(person(role), action) for role in ADMINS)


@some
@given(worlds())
def test_who_must_may_and_what_is_out_of_sight_is_not_there(world: World) -> None:
    for case in world.cases:
        is_seen = case.element == "" or may(case.person, Action.SEE_ELEMENT, case.element)
        error = told(case)

        assert (error is None) == (is_seen and case.is_allowed)
        assert isinstance(error, NotFoundError) == (not is_seen)


@some
@given(worlds())
def test_no_answer_tells_whether_an_element_outside_the_scope_exists(world: World) -> None:
    made_up = "zz.zz.zz.zz"
    for case in world.cases:
        if case.element and not may(case.person, Action.SEE_ELEMENT, case.element):
            there, not_there = told(case), told(case._replace(element=made_up))

            assert type(there) is type(not_there) is NotFoundError
            assert str(there).replace(case.element, made_up, 1) == str(not_there)


# What is told ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "role, action, owed_at, message",
    [
        (Role.PORTFOLIO_OWNER, Action.PLAN_BUDGET, 4, "is owed by the holder at level E4, not by"),
        (Role.DEPARTMENT_OWNER, Action.DECIDE_BUDGET, 3, "owed by the holder at level E3, not by"),
        (Role.PORTFOLIO_OWNER, Action.DECIDE_BUDGET, 0, "is owed by a financial admin, not by a"),
        (Role.PRODUCT_OWNER, Action.DECIDE_BUDGET, 3, "portfolio_owner, vendor_manager; ask an"),
        (Role.PRODUCT_OWNER, Action.DECIDE_BUDGET, 4, "DecideBudget is for business_unit_owner, "),
        (Role.CLOUD_ENGINEER, Action.PLAN_BUDGET, 4, "PlanBudget is for business_unit_owner, "),
        (Role.DEPARTMENT_OWNER, Action.SET_GATE, None, "portfolio_owner, vendor_manager; ask an"),
        (Role.FINANCIAL_ADMIN, Action.INVITE_PERSON, None, "InvitePerson is for cloud_engineer; "),
        (Role.PORTFOLIO_OWNER, Action.SET_SHARES, None, "SetShares is for financial_admin; ask an"),
        (Role.PORTFOLIO_OWNER, Action.CLAIM_RESOURCES, None, "financial_admin, product_owner; ask"),
        (Role.CLOUD_ENGINEER, Action.GRANT_CREDIT, None, "financial_admin, vendor_manager; ask an"),
    ],
)
def test_who_may_not_is_told_who_may(
    role: Role, action: Action, owed_at: int | None, message: str
) -> None:
    with pytest.raises(ForbiddenError, match=message):
        must(person(role), action, WEB_SHOP, owed_at=owed_at)


@pytest.mark.parametrize(
    "role, action",
    [
        *((role, action) for role in OWNERS for action in SEEING),
        (Role.PORTFOLIO_OWNER, Action.SET_GATE),
        (Role.PRODUCT_OWNER, Action.PLAN_WORKLOAD),
        (Role.PRODUCT_OWNER, Action.CLAIM_RESOURCES),
    ],
)
def test_an_owner_who_asks_for_everything_is_told_what_it_is_for(
    role: Role, action: Action
) -> None:
    with pytest.raises(ForbiddenError) as refused:
        must(person(role), action)

    assert refused.value.detail == f"{action.value} is for what lies in your financial scope"


@pytest.mark.parametrize("role", Role)
def test_how_far_a_right_goes_is_asked_before_anything_is_listed(role: Role) -> None:
    asking: Person = person(role)

    assert must_reach(asking, Action.SEE_ELEMENT) is (
        Reach.EVERYWHERE if role in ADMINS else Reach.IN_SCOPE
    )
    if role in OWNERS:
        with pytest.raises(ForbiddenError, match="SeeBill is for cloud_engineer, financial_admin"):
            must_reach(asking, Action.SEE_BILL)
