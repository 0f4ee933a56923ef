"""Doors with their wiring replaced: two payers' bills are loaded on fakes, one of them restated."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from finops.runtime import wiring
from functions.bills_api.handler import handler
from tests.exports import Line, csv_file, overwritten
from tests.loading import House

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


def replace_wiring(patch: pytest.MonkeyPatch, house: House) -> None:
    for name in ("deliveries", "ledger", "loads", "bills", "runs", "limits"):
        port = getattr(house, name)
        patch.setattr(wiring, name, lambda port=port: port)


def context(door: str = "bills_api") -> Any:
    return SimpleNamespace(
        function_name=door,
        memory_limit_in_mb=512,
        invoked_function_arn=f"arn:aws:lambda:us-east-1:123456789012:function:{door}",
        aws_request_id="request-1",
    )


def ask(
    method: str,
    path: str,
    query: Mapping[str, str] | None = None,
    *,
    groups: str | None = "financial_admin",
    headers: Mapping[str, str] | None = None,
    body: bytes | str | None = None,
) -> Answer:
    """What the door answers, asked as API Gateway asks it."""
    claims = {} if groups is None else {"claims": {"sub": "someone", "cognito:groups": groups}}
    is_binary = isinstance(body, bytes)
    event = {
        "resource": path,
        "path": path,
        "httpMethod": method,
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
            "httpMethod": method,
            "authorizer": claims,
        },
        "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": is_binary,
    }
    answered = handler(event, context())
    told = {
        **(answered.get("headers") or {}),
        **{k: v[0] for k, v in (answered.get("multiValueHeaders") or {}).items()},
    }
    return Answer(answered["statusCode"], told, answered["body"])


@pytest.fixture
def api(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """The bills_api door on what was loaded."""
    replace_wiring(monkeypatch, loaded.house)
    return loaded
