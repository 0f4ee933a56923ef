"""Doors with their wiring replaced: two payers' bills are loaded on fakes, one of them restated.

Beside the bills there is an organisation, with somebody of each role.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from finops.domain.class_policies import CostBasis
from finops.domain.people import Person, Role
from finops.ledger.engine import connect
from finops.runtime import rest, wiring
from finops.usecases.allocated import Shelf
from finops.usecases.bill_notes import BillNotes
from finops.usecases.card_spending import RunCardSpending
from finops.usecases.digest import Letterhead
from finops.usecases.originals import Originals
from finops.usecases.watch_spend import Outlets
from functions.accounts_api import handler as accounts_api
from functions.alerts_api import handler as alerts_api
from functions.allocations_api import handler as allocations_api
from functions.audit_api import handler as audit_api
from functions.bills_api import handler as bills_api
from functions.budgets_api import handler as budgets_api
from functions.card_runs_api import handler as card_runs_api
from functions.charts_api import handler as charts_api
from functions.claims_api import handler as claims_api
from functions.closes_api import handler as closes_api
from functions.corrections_api import handler as corrections_api
from functions.credits_api import handler as credits_api
from functions.explain_api import handler as explain_api
from functions.people_api import handler as people_api
from functions.policies_api import handler as policies_api
from functions.previews_api import handler as previews_api
from functions.remaps_api import handler as remaps_api
from functions.reports_api import handler as reports_api
from functions.resources_api import handler as resources_api
from functions.savings_api import handler as savings_api
from functions.settings_api import handler as settings_api
from functions.shares_api import handler as shares_api
from functions.spend_cards_api import handler as spend_cards_api
from functions.tags_api import handler as tags_api
from functions.views_api import handler as views_api
from tests.alert_fakes import InMemoryDispatches, InMemoryWebhooks
from tests.closing import closing_of
from tests.cube_fakes import InMemoryCubeHeads, InMemorySpendCubes
from tests.exports import Line, csv_file, overwritten
from tests.loading import House
from tests.usecases.organisation import NOW, Organisation, sign_in

DOORS: tuple[Any, ...] = (
    bills_api,
    charts_api,
    people_api,
    budgets_api,
    audit_api,
    accounts_api,
    alerts_api,
    claims_api,
    credits_api,
    settings_api,
    shares_api,
    policies_api,
    resources_api,
    allocations_api,
    previews_api,
    card_runs_api,
    explain_api,
    spend_cards_api,
    remaps_api,
    closes_api,
    corrections_api,
    views_api,
    savings_api,
    tags_api,
    reports_api,
)
APPS = [door.app for door in DOORS]
# By the first part of the path, as API Gateway knows them.
OPENED: dict[str, Any] = {
    path.split("/")[1]: door for door in DOORS for path in door.app.get_openapi_schema().paths or {}
}

# Several doors share the paths of a card.
WHOLE: dict[re.Pattern[str], Any] = {
    re.compile(re.sub(r"{\w+}", "[^/]+", path)): door
    for door in DOORS
    for path in door.app.get_openapi_schema().paths or {}
}

OTHER_PAYER = "888877776666"
AT = datetime(2026, 9, 20, 8, 0, tzinfo=UTC)
FORMULA = "=HYPERLINK(1)"
FIRST = [
    Line("1.50", account="444455556666", resource="i-1"),
    Line("0.25", account="111111111111", day="2026-09-03", service="AmazonS3", resource=FORMULA),
]
# Restated: one account changed, one left, tax without an account came.
SECOND = [
    Line("2.50", account="444455556666", resource="i-1"),
    Line("-0.75", account="444455556666", line_item_type="Credit", day="2026-09-03"),
    Line("0.30", account="", line_item_type="Tax", service="AWSTax", invoice="INV-1"),
]
ABROAD = [Line("10.00", payer=OTHER_PAYER, account="222222222222", currency="EUR")]


class Loaded(NamedTuple):
    """The house with its bills, and the loads by what became of them."""

    house: House
    first: str
    second: str
    abroad: str
    refused: str


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    house = House(tmp_path_factory.mktemp("house"))
    executions = [f"{number:08d}-0000-0000-0000-000000000000" for number in range(4)]
    bad = csv_file([Line("a lot")])
    return Loaded(
        house,
        house.load(overwritten(executions[0], [csv_file(FIRST)]), AT),
        house.load(overwritten(executions[1], [csv_file(SECOND)]), AT + timedelta(hours=8)),
        house.load(overwritten(executions[2], [csv_file(ABROAD)], export="abroad"), AT),
        house.load(overwritten(executions[3], [bad], export="bad"), AT + timedelta(hours=9)),
    )


class Answer(NamedTuple):
    """What a client of the API gets."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


BILLING_PORTS = ("deliveries", "ledger", "loads", "bills", "runs", "limits", "inventory")
PORTS = (
    *("people", "charts", "chart_files", "budgets", "audit", "receipts"),
    *("spending", "notices", "sign_ins", "mails", "memo"),
    *("accounts", "organizations"),
    *("shares", "claims", "workloads", "workload_spend"),
    *("credits", "product_spend"),
    *("rulebook", "allocations", "allocation_runs"),
    *("policies", "claim_rule_book", "claim_rule_heads", "claim_heads"),
    *("card_runs", "report_runs", "report_heads", "kept_reports"),
    *("spend_cards", "closes", "delegations", "settings_kept", "remaps"),
    *("savings", "savings_snapshots", "realised_kept"),
    "alerts",
)


def replace_wiring(
    patch: pytest.MonkeyPatch, house: House, organisation: Organisation | None = None
) -> None:
    """The ports are those of *house* and *organisation*, nobody is known yet, and it is March."""
    made = organisation or Organisation()
    ports = {name: getattr(house, name) for name in BILLING_PORTS}
    ports |= {name: getattr(made, name) for name in PORTS}
    for name, port in ports.items():
        patch.setattr(wiring, name, lambda port=port: port)
    patch.setattr(wiring, "group_roles", dict)
    patch.setattr(wiring, "first_month", lambda: made.first_month)
    patch.setattr(wiring, "bill_notes", lambda: BillNotes(house.bills, house.ledger))
    patch.setattr(wiring, "cost_basis", lambda: CostBasis.BILLED)
    patch.setattr(wiring, "currency", lambda: "USD")
    shelf = Shelf(made.allocations, house.bills, house.ledger, lambda: connect(house.limits))
    patch.setattr(wiring, "shelf", lambda: shelf)
    patch.setattr(wiring, "card_spending", lambda: RunCardSpending(shelf))
    heads = InMemoryCubeHeads()
    patch.setattr(wiring, "cube_heads", lambda: heads)
    originals = Originals(house.deliveries, house.limits.scratch / "originals")
    patch.setattr(wiring, "originals", lambda: originals)
    outlets = Outlets(
        *(made.people, made.charts, InMemoryDispatches(), made.mails),
        *(InMemoryWebhooks(chat="Slack"), Letterhead(subject="$alert", text="Hello $name")),
    )
    patch.setattr(wiring, "outlets", lambda: outlets)
    patch.setattr(wiring, "spend_cubes", InMemorySpendCubes)
    patch.setattr(wiring, "letterhead", lambda: Letterhead(subject="", text=""))
    patch.setattr(wiring, "tagging_regions", lambda: ("eu-west-1",))
    patch.setattr(wiring, "logo", lambda: "https://example.com/logo.png")
    closing = closing_of(made)
    patch.setattr(wiring, "close_desk", lambda: closing.desk)
    patch.setattr(wiring, "close_files", lambda: closing.files)
    patch.setattr(wiring, "close_runs", lambda: closing.runs)
    patch.setattr(credits_api, "now", lambda: NOW)
    for module in (
        rest,
        alerts_api,
        people_api,
        budgets_api,
        audit_api,
        claims_api,
        shares_api,
        policies_api,
        resources_api,
        allocations_api,
        spend_cards_api,
        remaps_api,
        views_api,
        savings_api,
        tags_api,
        reports_api,
    ):
        patch.setattr(module, "now", lambda: NOW)
    rest._known.clear()


@pytest.fixture(autouse=True)
def _nobody_is_known() -> Iterator[None]:
    rest._known.clear()
    yield
    rest._known.clear()


def context(door: str = "bills_api") -> Any:
    return SimpleNamespace(
        function_name=door,
        memory_limit_in_mb=512,
        invoked_function_arn=f"arn:aws:lambda:us-east-1:123456789012:function:{door}",
        aws_request_id="request-1",
    )


def claims_of(email: str, groups: str | None = "") -> dict[str, str]:
    """What a token says of somebody."""
    return {"sub": sign_in(email), "email": email, "cognito:groups": groups or ""}


def ask(
    method: str,
    path: str,
    query: Mapping[str, str] | None = None,
    *,
    groups: str | None = "financial_admin",
    by: Person | str | None = None,
    claims: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes | str | None = None,
) -> Answer:
    """What the door answers, asked as API Gateway asks it.

    Asked *by* a person; else by somebody of these *groups* who comes for the first time; with None
    by nobody at all.
    """
    if claims is None and by is not None:
        claims = claims_of(by if isinstance(by, str) else by.email)
    elif claims is None and groups is not None:
        claims = claims_of("someone@example.com", groups)
    authorizer = {"claims": dict(claims)} if claims is not None else {}
    is_binary = isinstance(body, bytes)
    event = {
        "resource": path,
        "path": path,
        "httpMethod": method.upper(),
        "headers": dict(headers or {}),
        "multiValueHeaders": {name: [value] for name, value in (headers or {}).items()},
        "queryStringParameters": dict(query) if query else None,
        "multiValueQueryStringParameters": {k: [v] for k, v in query.items()} if query else None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "requestId": "request-1",
            "stage": "v1",
            "path": f"/v1{path}",
            "httpMethod": method.upper(),
            "authorizer": authorizer,
        },
        "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": is_binary,
    }
    first = OPENED.get(path.split("/")[1] if "/" in path else "", bills_api)
    door = next((one for pattern, one in WHOLE.items() if pattern.fullmatch(path)), first)
    answered = door.handler(event, context(door.__name__.split(".")[-2]))
    told = {
        **(answered.get("headers") or {}),
        **{k: v[0] for k, v in (answered.get("multiValueHeaders") or {}).items()},
    }
    return Answer(answered["statusCode"], told, answered["body"])


@pytest.fixture
def api(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """The doors on what was loaded."""
    replace_wiring(monkeypatch, loaded.house)
    return loaded


@pytest.fixture
def organisation(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> Organisation:
    """The doors on an organisation with its chart of 2026; nobody is there yet."""
    made = Organisation()
    made.drop()
    replace_wiring(monkeypatch, loaded.house, made)
    return made


@pytest.fixture
def staff(organisation: Organisation) -> dict[Role, Person]:
    """Somebody of each role."""
    return organisation.staff()
