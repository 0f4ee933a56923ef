"""The whole document against the door, by requests nobody thought of (schemathesis).

Whatever is asked, the answer has a documented status, is of a documented kind and shape, and is
never a server's error.
"""

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, load_all_checks

from finops.domain.bills import DIMENSIONS
from finops.runtime.openapi import ANSWERS, WholeLoad, document
from functions.bills_api.handler import app
from tests.exports import MONTH, PAYER
from tests.functions.conftest import Loaded, ask, replace_wiring

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


def in_process(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """The door as a WSGI application, with API Gateway's part played by nobody in particular."""
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
        headers=headers,
        body=raw or None,
    )
    start(f"{answer.status} Told", list(answer.headers.items()))
    return [answer.body.encode()]


@pytest.fixture(scope="module", autouse=True)
def wired(loaded: Loaded) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        replace_wiring(patch, loaded.house)
        yield


schema = schemathesis.openapi.from_dict(document(app))
schema.app = in_process


@schema.parametrize()
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_asked_the_answer_is_as_documented(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(checks=CHECKED)


@pytest.mark.parametrize(
    "path, query",
    [
        ("/bills", {}),
        ("/freshness", {}),
        ("/loads", {}),
        (f"/bills/{MONTH}/costs", {"payer_id": PAYER, "by": "account,day"}),
        (f"/bills/{MONTH}/costs", {"payer_id": PAYER, "by": "service,resource", "cost": "list"}),
        (f"/bills/{MONTH}/costs", {"by": "currency,payer"}),
        (f"/bills/{MONTH}/costs", {"payer_id": PAYER, "by": ",".join(DIMENSIONS)}),
    ],
)
def test_a_full_answer_has_the_documented_fields_and_no_others(
    path: str, query: dict[str, str]
) -> None:
    _, model = ANSWERS["get", path.replace(MONTH, "{billing_period}")]

    model.model_validate_json(_told(path, query))


def test_every_load_has_the_documented_fields_and_no_others(loaded: Loaded) -> None:
    for load_id in (loaded.first, loaded.second, loaded.abroad, loaded.refused):
        WholeLoad.model_validate_json(_told(f"/loads/{load_id}", {}))


def _told(path: str, query: dict[str, str]) -> str:
    answer = ask("GET", path, query)
    assert answer.status == 200, answer.body
    return answer.body
