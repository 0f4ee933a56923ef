"""Every route of every door: what it takes to ask it, and whose right it is.

A route that is not here fails the tests that read this table.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from finops.domain.accounts import AccountType
from finops.domain.audit import Deed
from finops.domain.authorization import Action, may, reach
from finops.domain.budgets import Command
from finops.domain.people import Person, PersonStatus, Role
from finops.usecases.accounts import check_accounts
from finops.usecases.budgets import set_gate
from finops.usecases.ports import Save
from tests.exports import MONTH
from tests.functions.conftest import APPS, Answer, Loaded, ask
from tests.usecases.organisation import LOANS, NOW, WEB_SHOP, Organisation, act, chart_csv
from tests.usecases.test_budgets import give

UPLOAD = "0123456789abcdef" * 2
JSON = {"Content-Type": "application/json"}
MONTHS = json.dumps({"months": ["1.00"] * 12})
URL = "https://calculator.aws/#/estimate"


class Place(NamedTuple):
    """A product, and the people who hold it and its portfolio."""

    product: str
    owner: str
    portfolio_owner: str

    @property
    def portfolio(self) -> str:
        return self.product.rpartition(".")[0]


MINE = Place(WEB_SHOP, "product@example.com", "portfolio@example.com")
THEIRS = Place(LOANS, "loans@example.com", "lending@example.com")


class World(NamedTuple):
    """The house with its bills, the organisation, and somebody of each role in it."""

    loaded: Loaded
    organisation: Organisation
    staff: Mapping[Role, Person]


Maker = Callable[[World, Place], str]


def _nothing(world: World, place: Place) -> None:
    """What a route needs that is there already."""


class Route(NamedTuple):
    """How a route is asked, and what it asks of whoever asks.

    *of* says what decides: `whole` (the right alone), `reach` (how far it goes), `element` (the
    product of the place or what is above it), `person` (who holds the place).
    """

    action: Action
    of: str
    path: Maker
    good: int = 200
    body: Maker | None = None
    given: Callable[[World, Place], object] = _nothing
    entity: Callable[[World, Place], Any] | None = None  # what `If-Match` names
    is_replayed: bool = False  # an Idempotency-Key tells the answer again
    is_of_portfolio: bool = False

    def ask(
        self,
        method: str,
        world: World,
        place: Place,
        *,
        by: Person | str,
        headers: Mapping[str, str] | None = None,
        version: int | None = None,
    ) -> Answer:
        """*method* on this route; with `If-Match` of what is there, or of *version*."""
        told: dict[str, str] = {}
        if self.entity is not None:
            known = self.entity(world, place)
            at = version if version is not None else (known.version if known else 0)
            told["If-Match"] = f'"{at}"'
        body = self.body(world, place) if self.body else None
        path, _, query = self.path(world, place).partition("?")
        asked = dict(pair.split("=", 1) for pair in query.split("&")) if query else None
        return ask(
            method,
            path,
            asked,
            by=by,
            headers=told | (JSON if body else {}) | dict(headers or {}),
            body=body,
        )

    def expected(self, by: Person, place: Place) -> int:
        """The status that `authorization` says."""
        match self.of:
            case "whole":
                return self.good if may(by, self.action) else 403
            case "reach":
                return self.good if reach(by, self.action) else 403
            case "person":
                if not may(by, Action.SEE_PEOPLE, place.product):
                    return 404
                is_allowed = self.action is Action.SEE_PEOPLE or may(
                    by, self.action, subject=place.owner
                )
                return self.good if is_allowed else 403
            case "element":
                element = place.product
                if self.is_of_portfolio:
                    element = place.portfolio
                if not may(by, Action.SEE_ELEMENT, element):
                    return 404
                owed = {Action.PLAN_BUDGET: 4, Action.DECIDE_BUDGET: 3}.get(self.action)
                return self.good if may(by, self.action, element, owed_at=owed) else 403
        raise AssertionError(self.of)


def world(loaded: Loaded, organisation: Organisation) -> World:
    """The staff, and others beside them: each step waits for the level whose it is."""
    staff = organisation.staff()
    organisation.hire(THEIRS.owner, Role.PRODUCT_OWNER, [THEIRS.product])
    organisation.hire(THEIRS.portfolio_owner, Role.PORTFOLIO_OWNER, [THEIRS.portfolio])
    organisation.hire("planner@example.com", Role.FINANCIAL_ADMIN)
    return World(loaded, organisation, staff)


def _always(path: str) -> Maker:
    return lambda world, place: path


def _budget(end: str = "") -> Maker:
    return lambda world, place: f"/budgets/2026/{place.product}{end}"


def _gate(world: World, place: Place) -> str:
    return f"/gates/{place.portfolio}"


def _person(end: str = "") -> Maker:
    return lambda world, place: f"/people/{place.owner}{end}"


def _chart_load(end: str = "") -> Maker:
    def made(world: World, place: Place) -> str:
        head = world.organisation.charts.head(2026)
        assert head is not None
        return f"/chart-loads/{head.load_id}{end}"

    return made


def _known_budget(world: World, place: Place) -> Any:
    return world.organisation.budgets.find(place.product, 2026)


def _known_gate(world: World, place: Place) -> Any:
    return world.organisation.budgets.gate(place.portfolio)


def _known_person(world: World, place: Place) -> Any:
    return world.organisation.people.find(place.owner)


def _body(**said: Any) -> Maker:
    return lambda world, place: json.dumps(said)


def _uploaded(world: World, place: Place) -> None:
    world.organisation.files.put(f"drafts/{UPLOAD}", chart_csv())


def _submitted(world: World, place: Place) -> None:
    planner = world.organisation.people.find("planner@example.com")
    assert planner is not None
    for command in (Command.SAVE_DRAFT, Command.SUBMIT):
        give(world.organisation, command, planner, place.product)


def _status(status: PersonStatus) -> Callable[[World, Place], None]:
    def made(world: World, place: Place) -> None:
        name = f"person#{place.owner}"
        states = world.organisation.records.states
        states[name] = states[name].changed(status=status)

    return made


def _touched(world: World, place: Place) -> None:
    """A record about the product."""
    _submitted(world, place)


def _gated(world: World, place: Place) -> None:
    """A record about the portfolio."""
    planner = world.organisation.people.find("planner@example.com")
    assert planner is not None
    desk = world.organisation.desk
    set_gate(place.portfolio, 1, 0, by=planner, desk=desk, act=act(planner.email))


def _mail(name: str) -> Maker:
    return _body(email=f"{name}@example.com", role="vendor_manager")


NEW_ACCOUNT = "444455556666"


def _account(end: str = "") -> Maker:
    return lambda world, place: f"/accounts/{NEW_ACCOUNT}{end}"


def _listed(world: World, place: Place) -> None:
    """An account that is new, whose type was set and that is called something else since."""
    organisation = world.organisation
    organisation.organizations.put(NEW_ACCOUNT, "shop", path=("Retail",))
    _look(organisation)
    [known] = organisation.accounts.all()
    typed = known.typed(AccountType.PRODUCTION, NOW)
    organisation.accounts.save([Save(known, typed, Deed(action="SetType"))], act())
    organisation.organizations.put(NEW_ACCOUNT, "web shop", path=("Retail",))
    _look(organisation)


def _look(organisation: Organisation) -> None:
    check_accounts(
        None,
        accounts=organisation.accounts,
        organizations=organisation.organizations,
        act=act("the organization"),
    )


def _known_account(world: World, place: Place) -> Any:
    return world.organisation.accounts.find(NEW_ACCOUNT)


A = Action
ROUTES: Mapping[tuple[str, str], Route] = {
    ("get", "/bills"): Route(A.SEE_BILL, "whole", _always("/bills")),
    ("get", "/bills/{billing_period}/costs"): Route(
        A.SEE_BILL, "whole", _always(f"/bills/{MONTH}/costs?by=currency")
    ),
    ("get", "/loads"): Route(A.SEE_BILL, "whole", _always("/loads")),
    ("get", "/loads/{load_id}"): Route(
        A.SEE_BILL, "whole", lambda world, place: f"/loads/{world.loaded.first}"
    ),
    ("post", "/loads"): Route(
        A.START_LOAD,
        "whole",
        _always("/loads"),
        202,
        _body(manifest_key="exports/cur2-Manifest.json"),
        is_replayed=True,
    ),
    ("get", "/freshness"): Route(A.SEE_BILL, "whole", _always("/freshness")),
    ("get", "/charts"): Route(A.SEE_ONESELF, "reach", _always("/charts")),
    ("get", "/charts/{year}"): Route(A.SEE_ELEMENT, "reach", _always("/charts/2026")),
    ("post", "/chart-uploads"): Route(A.LOAD_CHART, "whole", _always("/chart-uploads"), 201),
    ("post", "/charts/{year}/loads"): Route(
        A.LOAD_CHART,
        "whole",
        _always("/charts/2026/loads"),
        body=_body(upload_id=UPLOAD, start_date="2026-01-01", is_new=True, dry_run=False),
        given=_uploaded,
    ),
    ("get", "/charts/{year}/loads"): Route(
        A.SEE_WHOLE_CHART, "whole", _always("/charts/2026/loads")
    ),
    ("get", "/chart-loads/{load_id}"): Route(A.SEE_WHOLE_CHART, "whole", _chart_load()),
    ("get", "/chart-loads/{load_id}/file"): Route(A.SEE_WHOLE_CHART, "whole", _chart_load("/file")),
    ("get", "/me"): Route(A.SEE_ONESELF, "reach", _always("/me")),
    ("get", "/tasks"): Route(A.SEE_ONESELF, "reach", _always("/tasks")),
    ("get", "/missing-owners"): Route(A.SEE_ELEMENT, "reach", _always("/missing-owners")),
    ("get", "/people"): Route(A.SEE_PEOPLE, "reach", _always("/people")),
    ("post", "/people"): Route(
        A.INVITE_PERSON, "whole", _always("/people"), 201, _mail("new"), is_replayed=True
    ),
    ("get", "/people/{email}"): Route(A.SEE_PEOPLE, "person", _person()),
    ("put", "/people/{email}"): Route(
        A.CHANGE_SCOPE,
        "person",
        _person(),
        body=_body(role="product_owner", scope=[]),
        entity=_known_person,
        is_replayed=True,
    ),
    ("post", "/people/{email}/suspension"): Route(
        A.SUSPEND_PERSON,
        "person",
        _person("/suspension"),
        body=_body(reason="left"),
        entity=_known_person,
        is_replayed=True,
    ),
    ("delete", "/people/{email}/suspension"): Route(
        A.SUSPEND_PERSON,
        "person",
        _person("/suspension"),
        given=_status(PersonStatus.SUSPENDED),
        entity=_known_person,
        is_replayed=True,
    ),
    ("post", "/people/{email}/reminders"): Route(
        A.INVITE_PERSON,
        "person",
        _person("/reminders"),
        given=_status(PersonStatus.INVITED),
        entity=_known_person,
        is_replayed=True,
    ),
    ("post", "/people-loads"): Route(
        A.CHANGE_SCOPE,
        "whole",
        _always("/people-loads"),
        body=_body(csv="email,role,scope\nbulk@example.com,vendor_manager,\n", dry_run=False),
    ),
    ("get", "/budgets/{year}"): Route(A.SEE_ELEMENT, "reach", _always("/budgets/2026")),
    ("get", "/budgets/{year}/{product}"): Route(A.SEE_ELEMENT, "element", _budget()),
    ("put", "/budgets/{year}/{product}/draft"): Route(
        A.PLAN_BUDGET,
        "element",
        _budget("/draft"),
        body=lambda world, place: MONTHS,
        entity=_known_budget,
        is_replayed=True,
    ),
    ("post", "/budgets/{year}/{product}/decisions"): Route(
        A.DECIDE_BUDGET,
        "element",
        _budget("/decisions"),
        body=_body(decision="Approve", reason="good"),
        given=_submitted,
        entity=_known_budget,
        is_replayed=True,
    ),
    ("put", "/budgets/{year}/{product}/estimate"): Route(
        A.PLAN_BUDGET,
        "element",
        _budget("/estimate"),
        body=_body(monthly="12.50", url=URL),
        entity=_known_budget,
        is_replayed=True,
    ),
    ("get", "/budgets/{year}/{product}/versions"): Route(
        A.SEE_ELEMENT, "element", _budget("/versions"), given=_touched
    ),
    ("get", "/plans/{year}/{element}"): Route(
        A.SEE_ELEMENT, "element", lambda world, place: f"/plans/2026/{place.product}"
    ),
    ("get", "/gates/{portfolio}"): Route(A.SEE_ELEMENT, "element", _gate, is_of_portfolio=True),
    ("put", "/gates/{portfolio}"): Route(
        A.SET_GATE,
        "element",
        _gate,
        body=_body(estimate_approval_above="100.00"),
        entity=_known_gate,
        is_replayed=True,
        is_of_portfolio=True,
    ),
    ("get", "/audit"): Route(A.SEE_AUDIT, "reach", _always("/audit")),
    ("get", "/audit/verification"): Route(
        A.VERIFY_AUDIT, "whole", _always("/audit/verification?since=2026-01-01")
    ),
    ("get", "/accounts"): Route(A.SEE_ACCOUNTS, "whole", _always("/accounts"), given=_listed),
    ("get", "/accounts/tasks"): Route(
        A.SEE_ACCOUNTS, "whole", _always("/accounts/tasks"), given=_listed
    ),
    ("get", "/accounts/checks"): Route(
        A.SEE_ACCOUNTS, "whole", _always("/accounts/checks"), given=_listed
    ),
    ("post", "/accounts/checks"): Route(
        A.CHECK_ACCOUNTS,
        "whole",
        _always("/accounts/checks"),
        202,
        _body(force=False),
        is_replayed=True,
    ),
    ("get", "/accounts/{account_id}"): Route(A.SEE_ACCOUNTS, "whole", _account(), given=_listed),
    ("put", "/accounts/{account_id}/type"): Route(
        A.SET_ACCOUNT_TYPE,
        "whole",
        _account("/type"),
        body=_body(type="Sandbox"),
        given=_listed,
        entity=_known_account,
        is_replayed=True,
    ),
    ("post", "/accounts/{account_id}/acknowledgements"): Route(
        A.SET_ACCOUNT_TYPE,
        "whole",
        _account("/acknowledgements"),
        body=_body(kind="Renamed"),
        given=_listed,
        entity=_known_account,
        is_replayed=True,
    ),
}
OPERATIONS: dict[tuple[str, str], Any] = {
    (method, path): operation
    for app in APPS
    for path, operations in app.get_openapi_schema()
    .model_dump(mode="json", by_alias=True, exclude_none=True)["paths"]
    .items()
    for method, operation in operations.items()
}
WRITES = [of for of in ROUTES if of[0] != "get"]
VERSIONED = [of for of in ROUTES if ROUTES[of].entity is not None]
REPLAYED = [of for of in ROUTES if ROUTES[of].is_replayed]
