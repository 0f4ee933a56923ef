"""Plans: an element is the sum of its children, and nobody sees what reveals a sibling."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import reduce
from operator import add

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.elements import ENTERPRISE, ancestors, covers, element_id, level
from finops.domain.errors import ForbiddenError, NotFoundError
from finops.domain.figures import ZERO, Line
from finops.domain.people import Person, PersonStatus, Role
from finops.usecases.organisation_views import plan as shown_plan
from finops.usecases.organisation_views import plan_table
from finops.usecases.plans import Plan, plan
from tests.usecases.organisation import (
    CHECKOUT,
    LOANS,
    ROWS,
    SEARCH,
    TILLS,
    TODAY,
    UNIT,
    WEB_SHOP,
    Organisation,
    chart_csv,
)

ADMIN = Person(email="fin@example.com", role=Role.FINANCIAL_ADMIN)
EACH = (10 * UNIT,) * 12


@pytest.fixture
def organisation() -> Organisation:
    made = Organisation()
    made.drop()
    return made


def planned(organisation: Organisation, element: str, by: Person = ADMIN) -> Plan:
    return plan(element, 2026, TODAY, by=by, planning=organisation.planning)


def owner(role: Role, *scope: str) -> Person:
    return Person(email="o@example.com", role=role, scope=scope)


# By hand ------------------------------------------------------------------------------------------


def test_a_portfolio_is_the_sum_of_its_two_products(organisation: Organisation) -> None:
    organisation.approve(WEB_SHOP, EACH)
    organisation.spending.products = {
        WEB_SHOP: [12 * UNIT, 0, 3 * UNIT, *[0] * 9],
        SEARCH: [UNIT, *[0] * 11],
    }

    found = planned(organisation, "retail.digital.storefront")

    assert [child for child, _ in found.children] == [SEARCH, WEB_SHOP]
    figures = found.line.figures(found.current)
    assert found.current == 2
    assert (figures.annual, figures.planned) == (1800 * UNIT, 120 * UNIT)
    assert (figures.spent, figures.variance) == (16 * UNIT, -15 * UNIT)  # search has no schedule
    assert figures.eoy_forecast == (16 + 7 + 90) * UNIT
    assert sum(found.line.unbudgeted) == UNIT
    assert dict(found.line.counts) == {"Approved": 1, "New": 1}


def test_a_plan_follows_what_is_approved_and_what_is_loaded(organisation: Organisation) -> None:
    before = planned(organisation, ENTERPRISE).line
    organisation.approve(WEB_SHOP, EACH)
    approved = planned(organisation, ENTERPRISE).line
    organisation.drop(
        "Acme_2026_false_2026-02-01_false_Budget_v1.csv",
        chart_csv({("Bank", "Credit", "Lending", "Loans"): "2500"}),
    )
    loaded = planned(organisation, ENTERPRISE).line

    assert (sum(before.approved), before.annual) == (0, 5400 * UNIT)
    assert (sum(approved.approved), approved.annual) == (120 * UNIT, 5400 * UNIT)
    assert (sum(loaded.approved), loaded.annual) == (120 * UNIT, 5500 * UNIT)


def end_from(organisation: Organisation, day: str, *kept: tuple[str, str, str, str]) -> None:
    """All but what is *kept* ends the day before."""
    rows = {names: amount for names, amount in ROWS.items() if names in kept}
    organisation.drop(f"Acme_2026_false_{day}_true_Budget_v1.csv", chart_csv(rows))


SHOP, LENDING = (next(n for n in ROWS if n[3] == name) for name in ("Web shop", "Loans"))


def test_what_has_ended_keeps_of_its_amount_what_was_approved_for_the_months_it_lived(
    organisation: Organisation,
) -> None:
    organisation.approve(WEB_SHOP, [10 * UNIT, 20 * UNIT, *[30 * UNIT] * 10])
    organisation.spending.products = {WEB_SHOP: [8 * UNIT, *[0] * 10, UNIT]}
    end_from(organisation, "2026-03-01", LENDING)

    shop = planned(organisation, WEB_SHOP)
    assert shop.line.approved == (10 * UNIT, 20 * UNIT, *[0] * 10)
    figures = shop.line.figures(shop.current)
    assert (figures.annual, figures.planned, figures.unallocated) == (30 * UNIT, 30 * UNIT, 0)
    assert (figures.spent, figures.eoy_forecast) == (9 * UNIT, 9 * UNIT)
    whole = planned(organisation, ENTERPRISE).line
    assert whole.annual == (2400 + 30) * UNIT  # loans go on, the others had no schedule
    assert sum(whole.approved) == 30 * UNIT


def test_what_has_ended_without_a_schedule_has_nothing(organisation: Organisation) -> None:
    end_from(organisation, "2026-03-01", SHOP)
    line = planned(organisation, LOANS).line

    assert (line.annual, sum(line.approved), line.budgeted) == (0, 0, 0)


def test_what_ends_later_has_its_whole_amount_until_then(organisation: Organisation) -> None:
    organisation.approve(WEB_SHOP, EACH)
    end_from(organisation, "2026-04-01", LENDING)

    line = planned(organisation, WEB_SHOP).line

    assert (line.annual, line.approved) == (1200 * UNIT, EACH)
    after = plan(WEB_SHOP, 2026, date(2026, 4, 1), by=ADMIN, planning=organisation.planning).line
    assert (after.annual, after.approved) == (30 * UNIT, (10 * UNIT,) * 3 + (0,) * 9)


def test_what_starts_later_counts_already(organisation: Organisation) -> None:
    organisation.drop(
        "Acme_2026_false_2026-07-01_false_Budget_v1.csv",
        chart_csv({("Retail", "Digital", "Payments", "Wallet"): "120"}),
    )

    assert planned(organisation, "retail.digital.payments").line.annual == (900 + 120) * UNIT


def test_a_year_that_is_over_forecasts_what_was_spent(organisation: Organisation) -> None:
    organisation.approve(WEB_SHOP, EACH)
    organisation.spending.products = {WEB_SHOP: [9 * UNIT] * 12}
    found = plan(WEB_SHOP, 2026, date(2027, 1, 1), by=ADMIN, planning=organisation.planning)

    assert found.current is None
    assert found.line.figures(found.current).eoy_forecast == 108 * UNIT


def test_spend_in_other_currencies_stands_beside_the_plan_for_who_sees_the_bill(
    organisation: Organisation,
) -> None:
    organisation.spending.others = {"EUR": [UNIT] * 12}

    found = planned(organisation, ENTERPRISE)
    assert found.others == organisation.spending.others
    assert sum(found.line.spent) == 0
    [told] = shown_plan(found)["other_currencies"]
    assert (told["currency"], told["total"]) == ("EUR", "12.0000000000")
    assert planned(organisation, "retail").others == {}
    unit = owner(Role.BUSINESS_UNIT_OWNER, "retail")
    assert planned(organisation, ENTERPRISE, unit).others == {}


def test_spend_without_an_owner_is_a_row_of_its_own_for_those_who_see_the_bill(
    organisation: Organisation,
) -> None:
    organisation.spending.nobodys = {"USD": [UNIT] * 12, None: [1] * 12}

    assert planned(organisation, ENTERPRISE).unallocated == organisation.spending.nobodys
    assert planned(organisation, "retail").unallocated == {}
    unit = owner(Role.BUSINESS_UNIT_OWNER, "retail")
    assert planned(organisation, ENTERPRISE, unit).unallocated == {}


@pytest.mark.parametrize("element", ["nothing", "retail.nothing", WEB_SHOP + ".more", "Retail"])
def test_an_element_that_no_chart_has_is_not_there(
    organisation: Organisation, element: str
) -> None:
    with pytest.raises(NotFoundError):
        planned(organisation, element)


def test_a_year_without_a_chart_has_no_plan(organisation: Organisation) -> None:
    with pytest.raises(NotFoundError, match="there is no chart of accounts of 2030"):
        plan(ENTERPRISE, 2030, TODAY, by=ADMIN, planning=organisation.planning)


def test_who_is_suspended_sees_nothing(organisation: Organisation) -> None:
    with pytest.raises(ForbiddenError):
        planned(organisation, ENTERPRISE, ADMIN.changed(status=PersonStatus.SUSPENDED))


# What a scope shows -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "role, scope, elements",
    [
        (Role.BUSINESS_UNIT_OWNER, ("retail",), ["retail"]),
        (Role.PRODUCT_OWNER, (WEB_SHOP, LOANS), [LOANS, WEB_SHOP]),
        (Role.PRODUCT_OWNER, ("retail.gone.x.y",), []),
        (Role.PRODUCT_OWNER, (), []),
    ],
)
def test_of_the_enterprise_an_owner_sees_their_elements_and_their_sum(
    organisation: Organisation, role: Role, scope: tuple[str, ...], elements: list[str]
) -> None:
    found = planned(organisation, ENTERPRISE, owner(role, *scope))

    assert [child for child, _ in found.children] == elements
    assert found.line == reduce(add, (line for _, line in found.children), ZERO)


def test_what_is_above_and_beside_a_scope_is_not_there(organisation: Organisation) -> None:
    by = owner(Role.PRODUCT_OWNER, WEB_SHOP)

    for element in (SEARCH, CHECKOUT, TILLS, "retail", "retail.digital", "bank", LOANS):
        with pytest.raises(NotFoundError, match="in your financial scope"):
            planned(organisation, element, by)


# Any chart, any budgets ---------------------------------------------------------------------------

SLUGS = st.sampled_from(["A", "B", "C"])
AMOUNTS = st.integers(0, 10**14)
PATHS = st.tuples(SLUGS, SLUGS, SLUGS, SLUGS.map(lambda name: f"P{name}"))


class World:
    """A chart drawn at random, with schedules and spend of some of its products."""

    def __init__(
        self,
        rows: Mapping[tuple[str, str, str, str], int],
        approved: Mapping[str, Sequence[int]],
        spent: Mapping[str, Sequence[int]],
    ) -> None:
        self.organisation = Organisation()
        listed = {names: f"{ticks / UNIT:.10f}" for names, ticks in rows.items()}
        self.organisation.drop(content=chart_csv(listed))
        self.products = [element_id(names) for names in rows]
        for product, months in approved.items():
            self.organisation.approve(product, months)
        self.organisation.spending.products = dict(spent)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    paths = draw(st.lists(PATHS, min_size=1, max_size=7, unique=True))
    # A product has one parent: its own name goes with its path.
    rows = {
        (a, b, c, f"{p} {a}{b}{c}"): draw(st.integers(12, 10**6)) * UNIT for a, b, c, p in paths
    }
    products = [element_id(names) for names in rows]
    approved = draw(
        st.dictionaries(st.sampled_from(products), st.lists(AMOUNTS, min_size=12, max_size=12))
    )
    limits = dict(zip(products, rows.values(), strict=True))
    fitting = {
        product: [ticks % (limits[product] // 12) for ticks in months]
        for product, months in approved.items()
    }
    spent = draw(
        st.dictionaries(st.sampled_from(products), st.lists(AMOUNTS, min_size=12, max_size=12))
    )
    return World(rows, fitting, spent)


def exact(found: Plan, organisation: Organisation) -> Line:
    """The line of an element, added up from its products one by one."""
    chart = organisation.chart()
    budgets = organisation.budgets.of_year(2026)
    lines = []
    for product in chart.products:
        if covers(found.element, product.id):
            budget = budgets.get(product.id)
            lines.append(
                Line.of(
                    product.limit(TODAY) or 0,
                    budget.approved if budget else None,
                    organisation.spending.products.get(product.id, (0,) * 12),
                    budget.status if budget else "New",
                )
            )
    return reduce(add, lines, ZERO)


@settings(max_examples=15, deadline=None)
@given(worlds())
def test_every_element_is_the_sum_of_its_children_at_every_tier(world: World) -> None:
    chart = world.organisation.chart()

    for element in (ENTERPRISE, *chart.elements):
        found = planned(world.organisation, element)
        assert found.line == exact(found, world.organisation)
        if level(element) < 4:
            assert found.line == reduce(add, (line for _, line in found.children), ZERO)


@settings(max_examples=15, deadline=None)
@given(worlds(), st.data())
def test_no_total_tells_a_scoped_person_what_others_have(world: World, data: st.DataObject) -> None:
    """What somebody sees is the same whatever is planned and spent outside their scope."""
    chart = world.organisation.chart()
    role = data.draw(st.sampled_from([role for role in Role if role.level]))
    of_level = [element for element in chart.elements if level(element) == role.level]
    scope = data.draw(st.lists(st.sampled_from(of_level), max_size=2, unique=True))
    by = owner(role, *scope)

    def seen() -> list[object]:
        found: list[object] = []
        for element in (ENTERPRISE, *chart.elements):
            try:
                told = planned(world.organisation, element, by)
                found.append((element, shown_plan(told), plan_table(told)))
            except NotFoundError as error:
                found.append((element, str(error)))
        return found

    before, spent = seen(), world.organisation.spending.products
    others = [product for product in world.products if not by.covers(product)]
    world.organisation.spending.products = spent | {one: [987_654_321] * 12 for one in others}
    for product in others:
        if world.organisation.budgets.find(product, 2026) is None:
            world.organisation.approve(product, [1] * 12)

    assert seen() == before
    for element in chart.elements:
        if not set(ancestors(element)) & set(scope):
            with pytest.raises(NotFoundError):
                planned(world.organisation, element, by)


def test_a_year_that_is_over_and_one_to_come_have_plans_too(organisation: Organisation) -> None:
    def current(today: date) -> int | None:
        return plan(ENTERPRISE, 2026, today, by=ADMIN, planning=organisation.planning).current

    assert [current(date(2025, 12, 31)), current(date(2026, 1, 1)), current(date(2027, 1, 1))] == [
        -1,
        0,
        None,
    ]
