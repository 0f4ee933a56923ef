"""The audit trail as people read it: filtered, in scope, page by page, and walked."""

import base64
import json
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from finops.domain.audit import AuditRecord, Deed, Fault
from finops.domain.errors import ForbiddenError, InvalidError
from finops.domain.people import Person, Role
from finops.usecases.audit import (
    CHAINS,
    LARGEST_PAGE,
    TrailQuery,
    Verification,
    trail,
    trail_query,
    verify,
)
from finops.usecases.budgets import set_gate
from finops.usecases.ports import Audit, Save
from tests.usecases.organisation import (
    CHECKOUT,
    LOANS,
    NOW,
    STOREFRONT,
    TODAY,
    UNIT,
    WEB_SHOP,
    Organisation,
    act,
)

ADMIN = Person(email="fin@example.com", role=Role.FINANCIAL_ADMIN)


def owner(*scope: str, role: Role = Role.PRODUCT_OWNER) -> Person:
    return Person(email="o@example.com", role=role, scope=scope)


@pytest.fixture
def organisation() -> Organisation:
    made = Organisation()
    made.drop(at=datetime(2026, 1, 2, tzinfo=NOW.tzinfo))
    for product in (WEB_SHOP, CHECKOUT, LOANS):
        made.approve(product, [UNIT] * 12)
    return made


def told(
    organisation: Organisation, by: Person = ADMIN, *, limit: int = 3, **query: Any
) -> list[AuditRecord]:
    """All that is told, to the last page."""
    asked = TrailQuery(**({"since": date(2026, 1, 1), "until": TODAY} | query))
    found: list[AuditRecord] = []
    cursor = None
    while True:
        page = trail(asked, limit, cursor, by=by, audit=organisation.audit)
        assert len(page.items) <= limit
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


def test_the_trail_is_told_newest_first_to_the_last_page(organisation: Organisation) -> None:
    for limit in (1, 3, 100):
        found = told(organisation, limit=limit)
        assert len(found) == 2 + 2 + 9  # a load and its chart, two people, three budgets
        assert [one.at for one in found] == sorted((one.at for one in found), reverse=True)


@pytest.mark.parametrize(
    "query, count",
    [
        ({"entity": f"budget#2026#{WEB_SHOP}"}, 3),
        ({"entity": "budget#2026#nothing"}, 0),
        ({"actor": "planner@example.com"}, 6),
        ({"actor": "decider@example.com"}, 3),
        ({"actor": "nobody@example.com"}, 0),
        ({"element": "retail"}, 6),
        ({"element": "retail.digital.storefront"}, 3),
        ({"element": "ret"}, 0),
        ({"since": TODAY}, 11),
        ({"until": date(2026, 1, 31)}, 2),
        ({"until": date(2026, 1, 1)}, 0),
        ({"element": "bank", "actor": "decider@example.com"}, 1),
        ({"entity": f"budget#2026#{WEB_SHOP}", "actor": "decider@example.com"}, 1),
    ],
)
def test_the_trail_is_filtered(
    organisation: Organisation, query: dict[str, Any], count: int
) -> None:
    for limit in (1, 2, 50):
        assert len(told(organisation, limit=limit, **query)) == count


# Which days ---------------------------------------------------------------------------------------


def days(since: date | None = None, until: date | None = None) -> tuple[date, date]:
    query = trail_query(None, None, None, since, until, TODAY)
    return query.since, query.until


@pytest.mark.parametrize(
    "since, until, first, last",
    [
        (None, None, date(2025, 12, 8), TODAY),  # 92 days before
        (date(2026, 1, 1), None, date(2026, 1, 1), TODAY),
        (None, date(2025, 12, 31), date(2025, 9, 30), date(2025, 12, 31)),
        (TODAY, TODAY, TODAY, TODAY),
        (None, date(9999, 12, 31), date(2025, 12, 8), TODAY),  # nothing is told of the future
        (None, date(2000, 2, 1), date(2000, 1, 1), date(2000, 2, 1)),
        (date(2016, 3, 9), None, date(2016, 3, 9), TODAY),  # ten years
    ],
)
def test_a_trail_goes_back_three_months_where_nobody_says(
    since: date | None, until: date | None, first: date, last: date
) -> None:
    assert days(since, until) == (first, last)


@pytest.mark.parametrize(
    "since, until",
    [
        (TODAY, date(2026, 1, 1)),
        (TODAY + timedelta(1), None),
        (date(9999, 12, 31), date(9999, 12, 31)),
        (None, date(1999, 12, 31)),
        (None, date.min),
    ],
)
def test_a_trail_that_ends_before_it_begins_is_refused(
    since: date | None, until: date | None
) -> None:
    with pytest.raises(InvalidError, match="is after until"):
        days(since, until)


@pytest.mark.parametrize("since", [date.min, date(2016, 3, 8)])
def test_a_trail_of_more_than_ten_years_is_refused(since: date) -> None:
    with pytest.raises(InvalidError, match="is too long: ask for 3653 days at most"):
        days(since)


# Pages --------------------------------------------------------------------------------------------


def test_no_page_of_the_trail_outgrows_an_answer(organisation: Organisation) -> None:
    for number in range(260):
        organisation.audit.note(f"x#{number}", {}, Deed(action="Do"), act())
    query = trail_query(None, None, None, None, None, TODAY)

    page = trail(query, 1000, None, by=ADMIN, audit=organisation.audit)

    assert len(page.items) == LARGEST_PAGE == 250
    assert page.next_cursor is not None
    rest = trail(query, 1000, page.next_cursor, by=ADMIN, audit=organisation.audit)
    assert len(rest.items) == 13 + 10
    assert rest.next_cursor is None


@pytest.mark.parametrize("query", [{}, {"actor": "planner@example.com"}])
@pytest.mark.parametrize("limit", [1, 2])
def test_a_cursor_names_nothing_that_its_reader_may_not_know_of(
    organisation: Organisation, query: dict[str, Any], limit: int
) -> None:
    """The last record that was looked at may be of another scope."""
    asked = TrailQuery(since=date(2026, 1, 1), until=TODAY, **query)
    by, cursor, cursors = owner(WEB_SHOP), None, []
    while True:
        page = trail(asked, limit, cursor, by=by, audit=organisation.audit)
        cursor = page.next_cursor
        if cursor is None:
            break
        cursors.append(json.loads(base64.urlsafe_b64decode(cursor)))

    assert cursors
    for month, at, passed in cursors:
        assert re.fullmatch(r"2026-0[1-3]", month)
        assert re.fullmatch(r"(2026-0[1-3]-\d\dT[0-9:]{8}Z)?", at)
        assert isinstance(passed, int)


def test_what_is_done_while_a_trail_is_read_is_told_to_nobody_twice(
    organisation: Organisation,
) -> None:
    query = TrailQuery(since=date(2026, 1, 1), until=TODAY)
    before = told(organisation)
    first = trail(query, 5, None, by=ADMIN, audit=organisation.audit)
    organisation.audit.note("x#y", {}, Deed(action="Do"), act(at=NOW + timedelta(minutes=1)))
    rest = trail(query, 50, first.next_cursor, by=ADMIN, audit=organisation.audit)

    assert [*first.items, *rest.items] == before


def test_records_of_one_moment_are_all_told_however_small_the_pages(
    organisation: Organisation,
) -> None:
    """A file of people writes up to a thousand of them at the same time."""
    for number in range(7):
        organisation.audit.note(f"x#{number}", {}, Deed(action="Do"), act())

    for limit in (1, 2, 3, 5):
        names = [one.entity for one in told(organisation, limit=limit)]
        assert {f"x#{number}" for number in range(7)} <= set(names)
        assert len(names) == 13 + 7


def test_an_owner_is_told_what_was_done_in_their_scope(organisation: Organisation) -> None:
    assert {one.element for one in told(organisation, owner(WEB_SHOP))} == {WEB_SHOP}
    unit = owner("retail", role=Role.BUSINESS_UNIT_OWNER)
    assert {one.element for one in told(organisation, unit)} == {WEB_SHOP, CHECKOUT}
    assert told(organisation, owner(WEB_SHOP), entity=f"budget#2026#{LOANS}") == []
    assert told(organisation, owner(WEB_SHOP), actor="planner@example.com", element="bank") == []
    assert told(organisation, owner()) == []


def test_months_without_any_record_are_passed_over(organisation: Organisation) -> None:
    later = act(at=NOW + timedelta(days=300))
    organisation.audit.note("x#y", {}, Deed(action="Do"), later)

    found = told(organisation, until=date(2027, 3, 1), limit=50)

    assert found[0].entity == "x#y"
    assert len(found) == 14


def walk(organisation: Organisation, audit: Audit | None = None) -> list[Verification]:
    """A whole walk, step by step."""
    steps: list[Verification] = []
    cursor = None
    while True:
        step = verify(
            date(2026, 1, 1),
            TODAY,
            cursor,
            by=ADMIN,
            audit=audit or organisation.audit,
            books=organisation.books,
        )
        steps.append(step)
        cursor = step.next_cursor
        if cursor is None:
            return steps


def test_a_walk_says_how_far_it_came_and_goes_on(organisation: Organisation) -> None:
    for number in range(CHAINS + 5):
        organisation.hire(f"p{number}@example.com", Role.CLOUD_ENGINEER)
    steps = walk(organisation)

    assert len(steps) > 2
    assert all(step.chains <= CHAINS and step.findings == () for step in steps)


def test_each_chain_is_walked_once(organisation: Organisation) -> None:
    """People, gates, charts, budgets and loads by their state; what only a record tells of after."""
    set_gate(STOREFRONT, 1, 0, by=ADMIN, desk=organisation.desk, act=act())
    organisation.drop("no name of ours.csv")
    for number in range(CHAINS):
        organisation.hire(f"p{number}@example.com", Role.CLOUD_ENGINEER)
    organisation.audit.note("delivery#a", {}, Deed(action="StartLoad"), act())
    organisation.audit.note("delivery#a", {}, Deed(action="StartLoad"), act())
    steps = walk(organisation)

    assert sum(step.chains for step in steps) == len(organisation.records.chains)
    written = sum(map(len, organisation.records.chains.values()))
    assert sum(step.records for step in steps) == written


class Racing:
    """The trail, where somebody does something honest just before a chain is read."""

    def __init__(self, organisation: Organisation, entity: str, times: int) -> None:
        self._audit, self._people = organisation.audit, organisation.people
        self._entity, self._left = entity, times
        self.read = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._audit, name)

    def chain(self, entity: str) -> Iterator[AuditRecord]:
        if entity == self._entity:
            self.read += 1
            if self._left:
                self._left -= 1
                known = self._people.find(entity.partition("#")[2])
                assert known is not None
                after = known.changed(name=f"name {self._left}")
                self._people.save([Save(known, after, Deed(action="Remap"))], act())
        return self._audit.chain(entity)


@pytest.mark.parametrize("times, read", [(0, 1), (1, 2), (2, 2)])
def test_an_honest_change_while_a_chain_is_read_is_no_finding(
    organisation: Organisation, times: int, read: int
) -> None:
    racing: Any = Racing(organisation, "person#planner@example.com", times)

    assert [one for step in walk(organisation, racing) for one in step.findings] == []
    assert racing.read == read


def test_a_fault_is_read_twice_and_told_once(organisation: Organisation) -> None:
    entity = "person#planner@example.com"
    chain = organisation.records.chains[entity]
    chain[0] = chain[0].model_copy(update={"actor": "eve@example.com"})
    racing: Any = Racing(organisation, entity, 0)

    [finding] = [one for step in walk(organisation, racing) for one in step.findings]

    assert (finding.entity, finding.fault, racing.read) == (entity, Fault.ALTERED, 2)


def test_a_chain_without_a_state_is_walked_once_however_long_it_goes_on(
    organisation: Organisation,
) -> None:
    for month in (1, 2, 3):
        at = datetime(2026, month, 3, tzinfo=NOW.tzinfo)
        organisation.audit.note("delivery#a", {}, Deed(action="StartLoad"), act(at=at))

    assert sum(step.chains for step in walk(organisation)) == len(organisation.records.chains)


def test_a_refused_file_of_a_year_without_a_chart_is_found_by_its_state(
    organisation: Organisation,
) -> None:
    load = organisation.drop("Acme_2030_true_2030-01-01_false_Budget_v1.csv", "nonsense")
    assert load.year == 2030
    organisation.records.chains[f"chart-load#{load.load_id}"].clear()

    found = [one.entity for step in walk(organisation) for one in step.findings]

    assert found == [f"chart-load#{load.load_id}"]


@pytest.mark.parametrize("role", Role)
def test_chains_are_walked_by_those_who_may(organisation: Organisation, role: Role) -> None:
    by = Person(email="a@example.com", role=role)

    def step() -> object:
        return verify(TODAY, TODAY, None, by=by, audit=organisation.audit, books=organisation.books)

    if role in (Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER):
        step()
    else:
        with pytest.raises(ForbiddenError):
            step()


@pytest.mark.parametrize("cursor", ["nonsense", "bnVsbA==", "W10=", "e30=", "é", "WzEsMiwzXQ=="])
@pytest.mark.parametrize("entity", [None, "chart#2026"])
def test_a_cursor_that_is_none_of_ours_is_said_so(
    organisation: Organisation, entity: str | None, cursor: str
) -> None:
    query = TrailQuery(since=TODAY, until=TODAY, entity=entity)
    with pytest.raises(InvalidError, match="none of ours"):
        trail(query, 10, cursor, by=ADMIN, audit=organisation.audit)
    with pytest.raises(InvalidError, match="none of ours"):
        verify(
            *(TODAY, TODAY, cursor),
            by=ADMIN,
            audit=organisation.audit,
            books=organisation.books,
        )


def test_who_moves_into_a_scope_does_not_tell_where_they_were(organisation: Organisation) -> None:
    """Nobody reads in a record, before or after, of elements outside of their scope."""
    from finops.usecases.people import Wanted, remap

    cloud = organisation.hire("cloud@example.com", Role.CLOUD_ENGINEER)
    person = organisation.hire("mover@example.com", Role.PRODUCT_OWNER, [LOANS])
    remap(
        Wanted(email=person.email, role=Role.PRODUCT_OWNER, scope=(WEB_SHOP,)),
        person.version,
        by=cloud,
        people=organisation.people,
        charts=organisation.charts,
        act=act(cloud.email),
    )

    seen = told(organisation, owner(STOREFRONT, role=Role.PORTFOLIO_OWNER))

    assert LOANS not in "".join(one.model_dump_json() for one in seen)
