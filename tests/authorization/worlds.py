"""Organisations drawn at random, the people in them, and what those people might want to do."""

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import strategies as st

from finops.domain.authorization import Action
from finops.domain.elements import ancestors, level
from finops.domain.people import Person, PersonStatus, Role, holders, owed_at
from tests.authorization.oracle import Case

ADDRESSES = ("ada@example.org", "bob@example.org", "cyd@example.org")
STRANGER = "eve@example.org"
# Each is how another one begins, or could be taken for a part of it.
SLUGS = st.sampled_from(["a", "ab", "a-b", "b"])
PRODUCTS = st.tuples(SLUGS, SLUGS, SLUGS, SLUGS).map(".".join)
# What nobody has in a chart: too short, too long, with a part missing.
MADE_UP = st.text("ab.-", max_size=10)
# Whose step it is, as the specification says; other actions are nobody's step.
STEPS = {
    Action.PLAN_BUDGET: 4,
    Action.DECIDE_BUDGET: 3,
    Action.ANSWER_CARD: 4,
    Action.DECIDE_CARD: 3,
}
CASES = 40


class World(NamedTuple):
    """A chart's elements by id, people with scopes in it, and questions."""

    elements: Sequence[str]
    people: Sequence[Person]
    cases: Sequence[Case]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    products = draw(st.lists(PRODUCTS, min_size=1, max_size=5))
    elements = sorted({above for product in products for above in ancestors(product)})
    people = [draw(_person(address, elements)) for address in ADDRESSES]
    held = holders(people)
    element = st.sampled_from(elements) | st.sampled_from(elements) | MADE_UP
    who = st.sampled_from([None, *ADDRESSES, STRANGER])

    def case(drawn: tuple[Person, Action, str, int | None, str | None, str | None]) -> Case:
        person, action, on, owed, author, subject = drawn
        if owed is not None and owed < 0:
            owed = owed_at(on, STEPS.get(action, 4), held, author)
        return Case(person, action, on, owed, author, subject)

    actions = st.sampled_from(Action) | st.sampled_from(sorted(STEPS))
    levels = st.sampled_from([None, *range(5), -1, -1, -1])
    drawn = st.tuples(st.sampled_from(people), actions, element, levels, who, who)
    cases = draw(st.lists(drawn, min_size=CASES, max_size=CASES))
    return World(elements, people, list(map(case, cases)))


@st.composite
def _person(draw: st.DrawFn, email: str, elements: Sequence[str]) -> Person:
    """Mostly with a scope that fits their role; also with none, or one of another level."""
    role = draw(st.sampled_from(Role))
    fitting = [element for element in elements if element and level(element) == role.level]
    scopes = [st.just([]), st.lists(st.sampled_from(elements) | MADE_UP, max_size=3)]
    if fitting:
        scopes += [st.lists(st.sampled_from(fitting), min_size=1, max_size=3)] * 3
    scope = draw(st.one_of(scopes))
    status = draw(st.sampled_from([PersonStatus.ACTIVE, *PersonStatus]))
    return Person(email=email, role=role, scope=tuple(scope), status=status)
