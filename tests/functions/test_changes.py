"""Changes at the doors: made from a version, made once, and refused whole when they cannot be read."""

import json
from collections.abc import Mapping
from urllib.parse import quote

import pytest

from finops.domain.people import Role
from finops.runtime import rest, wiring
from finops.runtime.rest import LARGEST_BODY
from tests.functions.conftest import Answer, Loaded, ask
from tests.functions.routes import (
    JSON,
    MINE,
    OPERATIONS,
    REPLAYED,
    ROUTES,
    THEIRS,
    VERSIONED,
    WRITES,
    World,
    world,
)
from tests.usecases.organisation import WEB_SHOP, Organisation

Of = tuple[str, str]
KEY = {"Idempotency-Key": "5f0c2f6e-8f5b-4a53-a0b1-3a6f4b8d8e11"}
WITH_BODY = [of for of in WRITES if ROUTES[of].body]
# A reason, whether to look again at once, a month, and other changes than proposed, may be said.
NEED_NOTHING = {
    ("post", "/people/{email}/suspension"),
    ("post", "/accounts/checks"),
    ("post", "/workloads/{workload_id}/endings"),
    ("post", "/shares/{account_id}/renewals"),
    ("post", "/delegations/{delegation_id}/end"),
    ("post", "/spend-card-runs"),
    ("post", "/spend-cards/{product_id}/{start}/remaps"),
}


@pytest.fixture
def here(loaded: Loaded, organisation: Organisation) -> World:
    return world(loaded, organisation)


def tell(
    here: World,
    of: Of,
    headers: Mapping[str, str] | None = None,
    *,
    role: Role | None = None,
    version: int | None = None,
) -> Answer:
    """Ask a route by somebody who may."""
    route = ROUTES[of]
    allowed = [by for by in here.staff.values() if route.expected(by, MINE) == route.good]
    by = here.staff[role] if role else allowed[0]
    return route.ask(of[0], here, MINE, by=by, headers=headers, version=version)


# Versions -----------------------------------------------------------------------------------------


def test_every_change_of_an_entity_says_that_it_needs_a_version() -> None:
    documented = {of for of, told in OPERATIONS.items() if "428" in told["responses"]}

    assert documented == set(VERSIONED)


@pytest.mark.parametrize("of", VERSIONED, ids=" ".join)
def test_a_change_without_a_version_is_asked_for_one(here: World, of: Of) -> None:
    route = ROUTES[of]
    route.given(here, MINE)
    before = len(here.organisation.records)
    body = route.body(here, MINE) if route.body else None

    answer = ask(
        of[0],
        route.path(here, MINE),
        by=here.staff[Role.FINANCIAL_ADMIN],
        headers=JSON if body else {},
        body=body,
    )

    assert answer.status == 428, answer.body
    assert "If-Match" in answer.json["detail"]
    assert len(here.organisation.records) == before


@pytest.mark.parametrize("of", VERSIONED, ids=" ".join)
def test_a_change_of_an_old_version_is_told_what_is_there_now(here: World, of: Of) -> None:
    ROUTES[of].given(here, MINE)
    before = len(here.organisation.records)

    answer = tell(here, of, version=7)

    assert answer.status == 409, answer.body
    entity = ROUTES[of].entity
    assert entity is not None
    known = entity(here, MINE)
    assert answer.json["current"]["version"] == (known.version if known else 0)
    assert len(here.organisation.records) == before


@pytest.mark.parametrize("of", VERSIONED, ids=" ".join)
@pytest.mark.parametrize("said", ["*", '"x"', "-1", '"1", "2"', 'W/"1"', "", "1e3"])
def test_a_version_that_is_none_of_ours_is_said_so(here: World, of: Of, said: str) -> None:
    ROUTES[of].given(here, MINE)

    answer = tell(here, of, {"If-Match": said})

    assert answer.status == 422, answer.body
    assert "is no ETag of ours" in answer.json["detail"]


@pytest.mark.parametrize("of", VERSIONED, ids=" ".join)
def test_a_change_tells_the_version_that_the_next_one_names(here: World, of: Of) -> None:
    ROUTES[of].given(here, MINE)
    answer = tell(here, of)

    assert answer.status == ROUTES[of].good, answer.body
    assert answer.headers["ETag"] == f'"{answer.json["version"]}"'
    entity = ROUTES[of].entity
    assert entity is not None
    assert entity(here, MINE).version == answer.json["version"]


@pytest.mark.parametrize("name", ["if-match", "IF-MATCH", "If-Match"])
def test_headers_are_known_however_they_are_written(here: World, name: str) -> None:
    answer = ask(
        "PUT",
        f"/budgets/2026/{WEB_SHOP}/draft",
        by=here.staff[Role.FINANCIAL_ADMIN],
        headers=JSON | {name: '"0"'},
        body=json.dumps({"months": ["0"] * 12}),
    )

    assert answer.status == 200, answer.body


# Once ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", REPLAYED, ids=" ".join)
def test_the_same_request_twice_is_one_change_and_one_answer(here: World, of: Of) -> None:
    ROUTES[of].given(here, MINE)
    version = _version(here, of)
    first = tell(here, of, KEY, version=version)
    written = len(here.organisation.records)
    second = tell(here, of, KEY, version=version)

    assert first.status == second.status == ROUTES[of].good, first.body
    assert first.json == second.json
    assert first.headers.get("ETag") == second.headers.get("ETag")
    assert first.headers.get("Location") == second.headers.get("Location")
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(here.organisation.records) == written


@pytest.mark.parametrize(
    "of", [("post", "/credits"), ("post", "/previews"), ("post", "/workloads")], ids=" ".join
)
def test_what_is_made_is_where_its_location_says_also_when_it_is_told_again(
    here: World, of: Of
) -> None:
    ROUTES[of].given(here, MINE)
    by = next(b for b in here.staff.values() if ROUTES[of].expected(b, MINE) == ROUTES[of].good)

    told = [tell(here, of, KEY) for _ in range(2)]

    [place] = {one.headers["Location"] for one in told}
    assert ask("GET", place, by=by).status == 200


@pytest.mark.parametrize("of", REPLAYED, ids=" ".join)
def test_the_same_request_twice_at_once_is_one_change_and_one_answer(here: World, of: Of) -> None:
    ROUTES[of].given(here, MINE)
    version = _version(here, of)
    other: list[Answer] = []
    tell(here, ("get", "/me"))  # who asks is known already
    here.organisation.records.meanwhile.append(
        lambda: other.append(tell(here, of, KEY, version=version))
    )
    mine = tell(here, of, KEY, version=version)

    [theirs] = other
    assert (mine.status, mine.json) == (theirs.status, theirs.json)
    assert mine.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("of", REPLAYED, ids=" ".join)
def test_the_same_key_with_another_request_is_refused(here: World, of: Of) -> None:
    ROUTES[of].given(here, MINE)
    tell(here, of, KEY)
    written = len(here.organisation.records)
    by = next(b for b in here.staff.values() if ROUTES[of].expected(b, MINE) == ROUTES[of].good)

    answer = ask(
        "PUT",
        f"/budgets/2026/{WEB_SHOP}/draft",
        by=by,
        headers=JSON | KEY | {"If-Match": '"0"'},
        body=json.dumps({"months": ["3"] * 12}),
    )
    assert answer.status == 422, answer.body
    assert "choose a new one" in answer.json["detail"]
    assert len(here.organisation.records) == written


def test_the_same_key_of_two_people_is_two_requests(here: World) -> None:
    statuses = [
        ask(
            "PUT",
            f"/budgets/2026/{WEB_SHOP}/draft",
            by=here.staff[role],
            headers=JSON | KEY | {"If-Match": f'"{version}"'},
            body=json.dumps({"months": [str(version)] * 12}),
        ).status
        for version, role in enumerate((Role.FINANCIAL_ADMIN, Role.PRODUCT_OWNER))
    ]

    assert statuses == [200, 200]


def test_an_answer_is_not_told_again_to_who_has_lost_the_right_to_it(here: World) -> None:
    owner = here.staff[Role.PRODUCT_OWNER]

    def save() -> Answer:
        return ask(
            "PUT",
            f"/budgets/2026/{WEB_SHOP}/draft",
            by=owner,
            headers=JSON | KEY | {"If-Match": '"0"'},
            body=json.dumps({"months": ["1"] * 12}),
        )

    assert save().status == 200
    moved = owner.changed(scope=(THEIRS.product,))
    here.organisation.records.states[f"person#{owner.email}"] = moved
    rest._known.clear()

    assert save().status == 404


def test_an_answer_about_no_element_is_not_told_again_to_who_has_lost_the_right_to_it(
    here: World,
) -> None:
    engineer = here.staff[Role.CLOUD_ENGINEER]

    def invite() -> Answer:
        said = json.dumps({"email": "new@example.com", "role": "vendor_manager"})
        return ask("POST", "/people", by=engineer, headers=JSON | KEY, body=said)

    assert invite().status == 201
    moved = engineer.changed(role=Role.PRODUCT_OWNER, scope=(THEIRS.product,))
    here.organisation.records.states[f"person#{engineer.email}"] = moved
    rest._known.clear()

    assert invite().status in (403, 404)


def test_a_request_that_was_refused_may_be_sent_again_with_its_key(here: World) -> None:
    """Only what was done is on record under a key."""
    tries = [
        ask(
            "PUT",
            f"/budgets/2026/{WEB_SHOP}/draft",
            by=here.staff[Role.PRODUCT_OWNER],
            headers=JSON | KEY | {"If-Match": '"0"'},
            body=json.dumps({"months": [amount] * 12}),
        ).status
        for amount in ("1000000", "1")
    ]

    assert tries == [422, 200]


@pytest.mark.parametrize("key", ["", "a b", "x" * 129, "é"])
def test_a_key_that_is_none_is_said_so(here: World, key: str) -> None:
    answer = ask(
        "PUT",
        f"/budgets/2026/{WEB_SHOP}/draft",
        by=here.staff[Role.PRODUCT_OWNER],
        headers=JSON | {"Idempotency-Key": key, "If-Match": '"0"'},
        body=json.dumps({"months": ["1"] * 12}),
    )

    assert answer.status == 422
    assert "visible characters" in answer.json["detail"]


def _version(here: World, of: Of) -> int | None:
    entity = ROUTES[of].entity
    if entity is None:
        return None
    known = entity(here, MINE)
    return known.version if known else 0


# Bodies -------------------------------------------------------------------------------------------

UNREADABLE: list[tuple[dict[str, str], str | bytes, int]] = [
    (JSON, "{", 400),
    (JSON, "nonsense", 400),
    (JSON, b"\xff\xfe", 400),
    (JSON, '{"months": ["1"] * 12}', 400),
    (JSON, "[" * 100_000, 400),
    ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x\r\n\r\n", 415),
    ({"Content-Type": "text/csv"}, "a,b", 415),
    ({"Content-Type": "application/xml"}, "<a/>", 415),
    (JSON, '{"x": "' + "x" * LARGEST_BODY + '"}', 413),
    (JSON, "null", 422),
    (JSON, "[]", 422),
    (JSON, '"text"', 422),
    (JSON, "{}", 422),
    (JSON, '{"unknown": 1}', 422),
]


@pytest.mark.parametrize("of", WITH_BODY, ids=" ".join)
def test_a_body_that_cannot_be_read_is_a_problem_and_changes_nothing(here: World, of: Of) -> None:
    route = ROUTES[of]
    route.given(here, MINE)
    before = len(here.organisation.records)
    by = next(b for b in here.staff.values() if route.expected(b, MINE) == route.good)
    for headers, body, status in UNREADABLE:
        if of in NEED_NOTHING and body == "{}":
            continue
        answer = ask(
            of[0],
            route.path(here, MINE),
            by=by,
            headers=headers | {"If-Match": '"1"'},
            body=body,
        )
        assert answer.status == status, (body[:40], answer.body)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json["status"] == status
    assert len(here.organisation.records) == before


@pytest.mark.parametrize("of", WITH_BODY, ids=" ".join)
def test_values_of_another_type_are_named_and_change_nothing(here: World, of: Of) -> None:
    route = ROUTES[of]
    route.given(here, MINE)
    before = len(here.organisation.records)
    assert route.body is not None
    said = json.loads(route.body(here, MINE))
    by = next(b for b in here.staff.values() if route.expected(b, MINE) == route.good)
    for name in said:
        for value in ({"a": 1}, [[1]], 1e300):
            answer = ask(
                of[0],
                route.path(here, MINE),
                by=by,
                headers=JSON | {"If-Match": '"1"'},
                body=json.dumps(said | {name: value}),
            )
            assert answer.status == 422, answer.body
            assert any(name in one["where"] for one in answer.json["errors"])
    assert len(here.organisation.records) == before


@pytest.mark.parametrize(
    "amount", ["-1", "1e3", "1,000", "NaN", "", " 1", "1.12345678901", "9" * 16, "1.", ".5", "$1"]
)
def test_an_amount_that_is_none_is_refused(here: World, amount: str) -> None:
    for path, body in (
        ("draft", {"months": ["1"] * 11 + [amount]}),
        ("estimate", {"monthly": amount, "url": "https://calculator.aws/"}),
    ):
        answer = ask(
            "PUT",
            f"/budgets/2026/{WEB_SHOP}/{path}",
            by=here.staff[Role.PRODUCT_OWNER],
            headers=JSON | {"If-Match": '"0"'},
            body=json.dumps(body),
        )
        assert answer.status == 422


@pytest.mark.parametrize("count", [0, 11, 13])
def test_a_draft_has_twelve_months(here: World, count: int) -> None:
    answer = ask(
        "PUT",
        f"/budgets/2026/{WEB_SHOP}/draft",
        by=here.staff[Role.PRODUCT_OWNER],
        headers=JSON | {"If-Match": '"0"'},
        body=json.dumps({"months": ["1"] * count}),
    )

    assert answer.status == 422


@pytest.mark.parametrize(
    "path",
    ["/budgets/1999", "/budgets/2200", "/budgets/x", "/charts/20.26", "/plans/x/enterprise"],
)
def test_a_year_that_is_none_is_said_so(here: World, path: str) -> None:
    assert ask("GET", path, by=here.staff[Role.FINANCIAL_ADMIN]).status == 422


@pytest.mark.parametrize("path", ["/people/product%40example.com"])
def test_a_path_is_known_as_clients_encode_it(here: World, path: str) -> None:
    answer = ask("GET", path, by=here.staff[Role.CLOUD_ENGINEER])

    assert answer.status == 200, answer.body


def test_a_path_is_decoded_once(here: World) -> None:
    here.organisation.hire("a%2540b@example.com", Role.VENDOR_MANAGER)
    by = here.staff[Role.CLOUD_ENGINEER]

    assert ask("GET", "/people/a%252540b%40example.com", by=by).status == 200
    assert ask("GET", "/people/product%2540example.com", by=by).status in (404, 422)


@pytest.mark.parametrize("sign", "!$&'*+=^_{|}~-%")
def test_whoever_is_known_is_found_by_their_path(here: World, sign: str) -> None:
    email = f"a{sign}b@example.com"
    here.organisation.hire(email, Role.VENDOR_MANAGER)
    answer = ask("GET", f"/people/{quote(email, safe='')}", by=here.staff[Role.CLOUD_ENGINEER])

    assert answer.status == 200, answer.body
    assert answer.json["email"] == email


# Who asks, and from where -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "claims, role",
    [
        ({"cognito:groups": "others,vendor_manager"}, Role.VENDOR_MANAGER),
        ({"cognito:groups": "[others, vendor_manager]"}, Role.VENDOR_MANAGER),
        ({"custom:groups": "[Finance Team, others]"}, Role.FINANCIAL_ADMIN),
        ({"custom:groups": "Finance Team"}, Role.FINANCIAL_ADMIN),
        ({"custom:groups": "Finance,Team"}, None),
        ({"custom:groups": "financial_admin"}, None),  # a provider's word for something else
        ({"cognito:groups": "Finance Team"}, None),
        ({"cognito:groups": "not financial_admin"}, None),
        ({"cognito:groups": ""}, None),
    ],
)
def test_groups_are_split_at_commas_and_each_source_has_its_own_words(
    here: World, monkeypatch: pytest.MonkeyPatch, claims: dict[str, str], role: Role | None
) -> None:
    monkeypatch.setattr(wiring, "group_roles", lambda: {"Finance Team": Role.FINANCIAL_ADMIN})
    told = {"sub": "sub-1", "email": "new@example.com"} | claims

    answer = ask("GET", "/me", claims=told)

    assert answer.status == (200 if role else 403), answer.body
    if role:
        assert answer.json["role"] == role


def test_a_page_of_ours_may_read_versions_places_cursors_and_replays(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://finops.example.com")
    by = here.staff[Role.PRODUCT_OWNER]
    ours, theirs = (
        ask("GET", f"/budgets/2026/{WEB_SHOP}", by=by, headers={"Origin": origin})
        for origin in ("https://finops.example.com", "https://eve.example.com")
    )

    assert ours.headers["ETag"] == '"0"'
    exposed = set(ours.headers["Access-Control-Expose-Headers"].split(", "))
    assert exposed == {"ETag", "Location", "X-Next-Cursor", "Idempotency-Replayed"}
    assert "Access-Control-Expose-Headers" not in theirs.headers
