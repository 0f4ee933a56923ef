"""The table of rights and the Cedar policies, each written from the specification, say the same."""

import re
from collections.abc import Mapping
from functools import cache

import cedarpy
import pytest
from hypothesis import given, settings

from finops.domain import authorization
from finops.domain.authorization import RIGHTS, Action, Reach
from finops.domain.people import Person, PersonStatus, Role
from tests.authorization.oracle import POLICIES, SCHEMA, Case, answers
from tests.authorization.questions import ME, WEB_SHOP, person, questions
from tests.authorization.worlds import World, worlds

EVERYWHERE = frozenset({Reach.EVERYWHERE, Reach.IN_SCOPE})  # the same for who is about everything


@cache
def asked() -> Mapping[tuple[Role, Action], list[tuple[Case, bool]]]:
    """Every question to somebody active, and Cedar's answer to it."""
    cases = questions()
    found: dict[tuple[Role, Action], list[tuple[Case, bool]]] = {}
    for case, answer in zip(cases, answers(cases), strict=True):
        found.setdefault((case.person.role, case.action), []).append((case, answer))
    return found


def differences() -> list[Case]:
    every = (some for found in asked().values() for some in found)
    return [case for case, answer in every if case.is_allowed is not answer]


def test_the_policies_fit_their_schema_and_name_only_what_it_knows() -> None:
    assert [str(error) for error in cedarpy.validate_policies(POLICIES, SCHEMA).errors] == []


def test_the_schema_has_the_actions_of_the_table_and_no_others() -> None:
    lists = re.findall(r"^action ([\w, ]+?)(?: in \[\w+\])?\s+appliesTo", SCHEMA, re.MULTILINE)

    assert sorted(", ".join(lists).split(", ")) == sorted(action.value for action in Action)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(worlds())
def test_both_agree_about_anybody_in_any_organisation(world: World) -> None:
    for case, answer in zip(world.cases, answers(world.cases), strict=True):
        assert case.is_allowed is answer, case


def test_both_agree_on_every_question_that_the_rules_can_tell_apart() -> None:
    assert sum(map(len, asked().values())) > 10_000
    assert differences() == []


@pytest.mark.parametrize("status", [PersonStatus.INVITED, PersonStatus.SUSPENDED])
def test_both_agree_on_who_was_invited_and_on_who_was_suspended(status: PersonStatus) -> None:
    cases = [case for case in questions(status) if case.owed_at in (None, case.person.role.level)]

    assert [case.is_allowed for case in cases] == answers(cases)


def test_a_product_owner_decides_nothing_whatever_a_caller_says_is_owed() -> None:
    case = Case(person(Role.PRODUCT_OWNER), Action.DECIDE_BUDGET, WEB_SHOP, owed_at=4)

    assert answers([case]) == [False]
    assert case.is_allowed is False


# Canaries: what the oracle is good for -------------------------------------------------------


@pytest.mark.parametrize("action", Action)
def test_every_wrong_cell_of_the_table_is_noticed(
    action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    unnoticed = []
    for role in Role:
        right = RIGHTS[action].get(role)
        for wrong in (None, *Reach):
            if wrong is right or (role.level == 0 and {wrong, right} == EVERYWHERE):
                continue
            row = {**RIGHTS[action], role: wrong}
            monkeypatch.setattr(authorization, "RIGHTS", {**RIGHTS, action: row})
            if all(case.is_allowed is answer for case, answer in asked()[role, action]):
                unnoticed.append((role, wrong))
            monkeypatch.undo()

    assert unnoticed == []


@pytest.mark.parametrize("name", ["OF_TWO_PEOPLE", "OF_OTHERS"])
@pytest.mark.parametrize("action", Action)
def test_a_rule_of_two_people_on_the_wrong_action_is_noticed(
    name: str, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule: frozenset[Action] = getattr(authorization, name)
    monkeypatch.setattr(authorization, name, rule ^ {action})

    assert {case.action for case in differences()} == {action}


def test_a_scope_that_reaches_what_only_begins_alike_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def covers(self: Person, element: str) -> bool:
        return any(element.startswith(own) for own in self.reach)

    monkeypatch.setattr(Person, "covers", covers)

    assert {case.element.endswith("-outlet") for case in differences()} == {True}


def test_a_scope_of_another_level_that_gives_rights_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = person(Role.PRODUCT_OWNER).changed(scope=("retail",))
    case = Case(wrong, Action.SEE_ELEMENT, WEB_SHOP)
    assert case.is_allowed is answers([case])[0] is False

    monkeypatch.setattr(Person, "reach", property(lambda self: self.scope))

    assert case.is_allowed is not answers([case])[0]


def test_an_address_is_told_from_another_one() -> None:
    assert answers(
        [
            Case(person(Role.FINANCIAL_ADMIN), Action.DECIDE_BUDGET, WEB_SHOP, author=who)
            for who in (None, ME, f"x{ME}", "")
        ]
    ) == [True, False, True, True]
