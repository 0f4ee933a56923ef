"""The whole document against all doors, by requests nobody thought of (schemathesis).

Whoever asks whatever, the answer has a documented status, is of a documented kind and shape, and
is never a server's error.
"""

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl
from zlib import crc32

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, load_all_checks

from finops.domain.bills import DIMENSIONS
from finops.domain.people import Person, Role
from finops.runtime.openapi.bills import WholeLoad
from finops.runtime.openapi.document import ANSWERS, document
from tests.exports import MONTH, PAYER
from tests.functions.conftest import APPS, Loaded, ask, replace_wiring
from tests.functions.routes import MINE, ROUTES, world
from tests.usecases.organisation import STOREFRONT, UNIT, WEB_SHOP, Organisation

load_all_checks()
CHECKED: list[Any] = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)


DOCUMENT = document(APPS)
ASKING: dict[str, Person] = {}


def in_process(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """The doors as a WSGI application, with API Gateway's part played by nobody in particular."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body: io.BytesIO = environ["wsgi.input"]
    raw = body.read(length) if length else b""
    headers = {
        name[5:].replace("_", "-").title(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = environ["CONTENT_TYPE"]
    answer = ask(
        environ["REQUEST_METHOD"],
        environ["PATH_INFO"].encode("latin-1").decode("utf-8", errors="replace"),
        dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)),
        by=ASKING["now"],
        headers=headers,
        body=raw or None,
    )
    start(f"{answer.status} Told", list(answer.headers.items()))
    return [answer.body.encode()]


@pytest.fixture(scope="module", autouse=True)
def wired(loaded: Loaded) -> Iterator[Organisation]:
    """The examples of the document are there: a budget under way, a gate, people, two files."""
    organisation = Organisation()
    organisation.drop()
    organisation.drop("chart.csv")
    world(loaded, organisation)
    organisation.hire("ada@example.com", Role.PRODUCT_OWNER, [WEB_SHOP])
    organisation.approve(WEB_SHOP, [UNIT] * 12)
    with pytest.MonkeyPatch.context() as patch:
        replace_wiring(patch, loaded.house, organisation)
        yield organisation


@pytest.fixture
def known(wired: Organisation) -> dict[str, Any]:
    """What paths and bodies of the document are about, as it is here."""
    return {
        "billing_period": MONTH,
        "year": 2026,
        "product": WEB_SHOP,
        "element": "retail.digital",
        "portfolio": STOREFRONT,
        "email": "ada@example.com",
        "kind": "gate",
        "id": STOREFRONT,
    }


schema = schemathesis.openapi.from_dict(DOCUMENT)
schema.app = in_process


ROLES = [Role.FINANCIAL_ADMIN, Role.CLOUD_ENGINEER, Role.PORTFOLIO_OWNER, Role.PRODUCT_OWNER]


@schema.parametrize()
@settings(
    max_examples=24,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_asked_the_answer_is_as_documented(
    case: schemathesis.Case[Any], wired: Organisation, known: dict[str, Any]
) -> None:
    """By several roles in turn; half of the cases are about something that is there."""
    drawn = crc32(repr((case.path_parameters, case.query, case.headers, case.body)).encode())
    role = ROLES[drawn // 2 % len(ROLES)]
    ASKING["now"] = next(one for one in wired.people.all() if one.role is role)
    if drawn % 2 and case.path_parameters:
        case.path_parameters.update(
            {name: value for name, value in known.items() if name in case.path_parameters}
        )
    case.call_and_validate(checks=CHECKED)


FULL: list[tuple[str, dict[str, str]]] = [
    ("/bills", {}),
    ("/freshness", {}),
    ("/loads", {}),
    (f"/bills/{MONTH}/costs", {"payer_id": PAYER, "by": "account,day"}),
    (f"/bills/{MONTH}/costs", {"payer_id": PAYER, "by": "service,resource", "cost": "list"}),
    (f"/bills/{MONTH}/costs", {"by": "currency,payer"}),
    (f"/bills/{MONTH}/costs", {"payer_id": PAYER, "by": ",".join(DIMENSIONS)}),
]


@pytest.mark.parametrize("path, query", FULL)
def test_a_full_answer_has_the_documented_fields_and_no_others(
    path: str, query: dict[str, str]
) -> None:
    _, model = ANSWERS["get", path.replace(MONTH, "{billing_period}")]

    model.model_validate_json(_told(path, query))


def test_every_load_has_the_documented_fields_and_no_others(loaded: Loaded) -> None:
    for load_id in (loaded.first, loaded.second, loaded.abroad, loaded.refused):
        WholeLoad.model_validate_json(_told(f"/loads/{load_id}", {}))


@pytest.mark.parametrize("of", ROUTES, ids=" ".join)
def test_every_good_answer_has_the_documented_fields_and_no_others(
    of: tuple[str, str], loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    organisation = Organisation()
    organisation.drop()
    replace_wiring(monkeypatch, loaded.house, organisation)
    here = world(loaded, organisation)
    route = ROUTES[of]
    route.given(here, MINE)
    by = next(b for b in here.staff.values() if route.expected(b, MINE) == route.good)
    status, model = ANSWERS[of]

    answer = route.ask(of[0], here, MINE, by=by)

    assert str(int(answer.status)) == status
    model.model_validate_json(answer.body)


def test_every_answer_is_described() -> None:
    assert set(ANSWERS) == set(ROUTES)


def _told(path: str, query: dict[str, str]) -> str:
    answer = ask("GET", path, query)
    assert answer.status == 200, answer.body
    return answer.body
