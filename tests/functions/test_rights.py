"""Whoever asks whatever: the answer is what `authorization` says, and nothing else is told."""

from types import SimpleNamespace
from typing import Any

import pytest

from finops.domain import authorization
from finops.domain.people import Person, PersonStatus, Role
from finops.runtime import rest
from tests.functions.conftest import Loaded, ask, claims_of
from tests.functions.routes import MINE, OPERATIONS, ROUTES, THEIRS, Place, World, world
from tests.usecases.organisation import LOANS, WEB_SHOP, Organisation, sign_in

Of = tuple[str, str]


@pytest.fixture
def here(loaded: Loaded, organisation: Organisation) -> World:
    return world(loaded, organisation)


def test_every_route_is_in_the_table() -> None:
    assert set(OPERATIONS) == set(ROUTES)


@pytest.mark.parametrize("place", [MINE, THEIRS], ids=["in scope", "out of scope"])
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("of", ROUTES, ids=" ".join)
def test_the_status_is_what_authorization_says(
    here: World, of: Of, role: Role, place: Place
) -> None:
    route, by = ROUTES[of], here.staff[role]
    route.given(here, place)
    before = len(here.organisation.records)

    answer = route.ask(of[0], here, place, by=by)

    expected = route.expected(by, place)
    if of == ("put", "/people/{email}") and place is MINE and role is Role.PRODUCT_OWNER:
        expected = 403  # oneself
    assert answer.status == expected, answer.body
    if answer.status >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert len(here.organisation.records) == before
    if place is THEIRS and role.level and answer.status == 200 and of[1] != "/charts":
        told = answer.body
        assert THEIRS.portfolio not in told
        assert THEIRS.owner not in told


def _everybodys(here: World, of: Of) -> list[tuple[Person, Place]]:
    ROUTES[of].given(here, MINE)
    return [(by, MINE) for by in here.staff.values()]


@pytest.mark.parametrize("of", ROUTES, ids=" ".join)
def test_every_route_goes_through_authorization(
    here: World, of: Of, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _everybodys(here, of)
    before, started = len(here.organisation.records), len(here.loaded.house.runs.started)
    monkeypatch.setattr(authorization, "RIGHTS", {})

    statuses = {ROUTES[of].ask(of[0], here, place, by=by).status for by, place in asked}

    assert statuses <= {403, 404}
    assert len(here.organisation.records) == before
    assert len(here.loaded.house.runs.started) == started


@pytest.mark.parametrize("of", ROUTES, ids=" ".join)
def test_who_is_suspended_or_nobody_gets_no_answer(here: World, of: Of) -> None:
    ROUTES[of].given(here, MINE)
    gone = here.organisation.hire(
        "gone@example.com", Role.FINANCIAL_ADMIN, status=PersonStatus.SUSPENDED
    )
    before = len(here.organisation.records)

    for by in (gone, "stranger@example.com"):
        assert ROUTES[of].ask(of[0], here, MINE, by=by).status == 403
    path = ROUTES[of].path(here, MINE).partition("?")[0]
    body = ROUTES[of].body
    nobody = ask(
        of[0], path, groups=None, headers={"If-Match": '"1"'}, body=body and body(here, MINE)
    )
    assert nobody.status == 403
    assert len(here.organisation.records) == before


# Rights of now ------------------------------------------------------------------------------------


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(rest, "time", SimpleNamespace(monotonic=made.monotonic))
    return made


def _change(here: World, by: Role, method: str, path: str, **asked: Any) -> None:
    answer = ask(method, path, by=here.staff[by], **asked)
    assert answer.status == 200, answer.body


def test_a_suspension_is_felt_by_the_next_request_beyond_what_is_kept(
    here: World, clock: Clock
) -> None:
    """Another process suspends: this one knows within half a minute."""
    owner = here.staff[Role.PRODUCT_OWNER]
    assert ask("GET", f"/budgets/2026/{WEB_SHOP}", by=owner).status == 200
    _change(
        here,
        Role.CLOUD_ENGINEER,
        "POST",
        f"/people/{owner.email}/suspension",
        headers={"If-Match": '"1"', "Content-Type": "application/json"},
        body="{}",
    )
    clock.seconds += rest.RIGHTS_KEPT + 0.1

    for method, path in (("GET", f"/budgets/2026/{WEB_SHOP}"), ("GET", "/me")):
        answer = ask(method, path, by=owner)
        assert answer.status == 403
        assert "is suspended" in answer.json["detail"]
    assert rest.RIGHTS_KEPT <= 60


def test_another_scope_is_felt_by_the_next_request_beyond_what_is_kept(
    here: World, clock: Clock
) -> None:
    owner = here.staff[Role.PRODUCT_OWNER]
    assert ask("GET", f"/budgets/2026/{LOANS}", by=owner).status == 404
    _change(
        here,
        Role.FINANCIAL_ADMIN,
        "PUT",
        f"/people/{owner.email}",
        headers={"If-Match": '"1"', "Content-Type": "application/json"},
        body=f'{{"role": "product_owner", "scope": ["{LOANS}"]}}',
    )
    clock.seconds += rest.RIGHTS_KEPT + 0.1

    assert ask("GET", f"/budgets/2026/{LOANS}", by=owner).status == 200
    assert ask("GET", f"/budgets/2026/{WEB_SHOP}", by=owner).status == 404


def test_rights_are_read_once_in_a_while_and_not_with_every_request(
    here: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    find = here.organisation.people.find

    def watched(email: str) -> Person | None:
        read.append(email)
        return find(email)

    monkeypatch.setattr(here.organisation.people, "find", watched)
    for _ in range(3):
        ask("GET", "/charts", by=here.staff[Role.PRODUCT_OWNER])
    assert len(read) == 1
    clock.seconds += rest.RIGHTS_KEPT + 0.1
    ask("GET", "/charts", by=here.staff[Role.PRODUCT_OWNER])
    assert len(read) == 2


# Who it is ----------------------------------------------------------------------------------------


def test_the_record_counts_and_not_the_token(here: World) -> None:
    owner = here.staff[Role.PRODUCT_OWNER]
    claims = claims_of(owner.email, "financial_admin")

    assert ask("GET", "/me", claims=claims).json["role"] == "product_owner"
    assert ask("GET", "/bills", claims=claims).status == 403


def test_who_comes_for_the_first_time_is_on_record_from_then_on(here: World) -> None:
    claims = claims_of("New@Example.com", "[vendor_manager]")

    told = ask("GET", "/me", claims=claims)

    assert (told.json["email"], told.json["role"]) == ("new@example.com", "vendor_manager")
    [record] = here.organisation.audit.chain("person#new@example.com")
    assert (record.action, record.actor, record.request_id) == (
        "Recognize",
        "new@example.com",
        "request-1",
    )


def test_what_somebody_does_is_on_record_under_their_address(here: World) -> None:
    claims = claims_of("Fin@Example.com")
    answer = ask(
        "PUT",
        f"/budgets/2026/{WEB_SHOP}/draft",
        claims=claims | {"sub": sign_in("fin@example.com")},
        headers={"If-Match": '"0"', "Content-Type": "application/json"},
        body='{"months": ["1"' + ', "0"' * 11 + "]}",
    )

    assert answer.status == 200, answer.body
    [record] = here.organisation.audit.chain(f"budget#2026#{WEB_SHOP}")
    assert record.actor == "fin@example.com"


@pytest.mark.parametrize(
    "said, status",
    [
        ({"email_verified": "true"}, 200),
        ({"email_verified": True}, 200),
        ({"email_verified": "false"}, 403),
        ({"email_verified": False}, 403),
        ({"email_verified": "false", "identities": '[{"providerName":"Okta"}]'}, 200),
        ({"email": ""}, 403),
        ({"email": "nobody"}, 422),
    ],
)
def test_only_an_address_that_is_known_to_be_theirs_tells_who_asks(
    here: World, said: dict[str, Any], status: int
) -> None:
    claims = claims_of("fin@example.com") | said

    assert ask("GET", "/me", claims=claims).status == status
