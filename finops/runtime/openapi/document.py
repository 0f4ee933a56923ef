"""The contract as a document (OpenAPI 3.1): what the resolvers know, and what they answer.

The doors answer without these models. That they tell the truth is checked by asking the doors
(`tests/functions`).
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from finops.domain.bills import DIMENSIONS
from finops.runtime.openapi import (
    accounts,
    alerts,
    allocations,
    bills,
    card_runs,
    claims,
    closes,
    corrections,
    explain,
    history,
    organisation,
    remaps,
    reports,
    resources,
    shares,
    spend_cards,
)
from finops.runtime.openapi import credits as credits_
from finops.runtime.openapi import savings as savings_
from finops.runtime.openapi import settings as settings_
from finops.runtime.openapi import tags as tags_
from finops.runtime.openapi import views as views_
from finops.runtime.openapi.words import Answers, Problem
from finops.runtime.rest import PROBLEM
from finops.usecases.explain import FILTERS

TITLE = "FinOps Center"
VERSION = "1"
ABOUT = """\
Every dollar of the bill of an AWS organisation: who planned it, who owns it, to its last decimal.

**Money** is decimal text and is never added over currencies. **Times** are UTC. What is absent is
null. A list goes on where `next_cursor` says, to the last page; most are tables too, by
`Accept: text/csv`.

**Rights** follow the caller's role and financial scope. What lies outside of it is answered like
what does not exist, with 404, and no total reveals it.

**Changes** name the version they are made from: `If-Match` with the `ETag` that was read. Who comes
second is told 409 with the item as it is now. With an `Idempotency-Key` a request is done once, and
answered the same way however often it is sent within a day.

**Errors** are `application/problem+json` (RFC 9457): what is wrong, where, and what to do.
"""
TAGS: Mapping[str, str] = {
    "Bills": "The bill in force, and exact sums of it by any dimension",
    "Loads": "Deliveries of the bill, and what became of them",
    "Chart of accounts": "The organisation's elements and annual amounts, from files",
    "People": "Roles, financial scopes, tasks, and elements without an owner",
    "Budgets": "Schedules from draft to approved, reschedules, estimates",
    "Plans": "Budget, approved schedule and spend of every tier",
    "Accounts": "Every account that was ever seen, and what waits on it",
    "Resources": "What runs in the accounts of a month, what it cost, and who has claimed it",
    "Workloads": "What runs for products in accounts, and the resources it claims",
    "Shares": "The products that pay for each account, from when",
    "Class policies": "Who pays for support, tax and other charges of no resource",
    "Claim rules": "What workloads take by tag, name or service",
    "Allocations": "Who pays what of a month, by account and day, and what nobody owns",
    "Explanations": "Any figure taken apart, down to the lines of the bill",
    "Previews": "What a change of who pays would do in money, before it is made",
    "Credits": "What was granted to products, what it pays, and when it ends",
    "Discounts": "The price book: percentages by service, estimated until they are billed",
    "Savings": "What AWS recommends, whose it is, and what is decided on it",
    "Alerts": "What is told of spend while it happens, who looks after it, and what became of it",
    "Tags": "How much has its tags, what lacks them, which look alike, and what to type",
    "Settings": "What the organisation chose about its cards and the files of a close",
    "Spend cards": "What products cost in a week, signed by their owners, with who owes the step",
    "Delegations": "Who acts for whom while somebody is absent",
    "Month close": "What stands in a month's way, its close, and the files that finance books",
    "Corrections": "What later bills changed of closed months, and a year as it was closed",
    "Views": "What of the spend is signed, what is not, and what was planned; also drawn",
    "Reports": "What a scope cost in a span, what moved it, and the reports that were sent",
    "Audit": "Who did what, when and why, in records that seal each other",
}
REF = "#/components/schemas/{model}"
ANSWERS: Answers = {
    **bills.ANSWERS,
    **card_runs.ANSWERS,
    **organisation.ANSWERS,
    **accounts.ANSWERS,
    **alerts.ANSWERS,
    **allocations.ANSWERS,
    **claims.ANSWERS,
    **closes.ANSWERS,
    **corrections.ANSWERS,
    **credits_.ANSWERS,
    **savings_.ANSWERS,
    **tags_.ANSWERS,
    **settings_.ANSWERS,
    **explain.ANSWERS,
    **resources.ANSWERS,
    **shares.ANSWERS,
    **views_.ANSWERS,
    **remaps.ANSWERS,
    **reports.ANSWERS,
    **history.ANSWERS,
    **spend_cards.ANSWERS,
}
EXAMPLES: Mapping[str, Any] = {
    "billing_period": "2026-09",
    "payer_id": "999988887777",
    "by": "account,day",
    "cost": "billed,effective",
    "account": "444455556666",
    "limit": 100,
    "year": 2026,
    "product_id": "retail.online.storefront.web-shop",
    "product": "retail.online.storefront.web-shop",
    "element": "retail.online",
    "portfolio": "retail.online.storefront",
    "email": "ada@example.com",
    "account_id": "444455556666",
    "workload_id": "w-0f3a5b7c9d1e",
    "credit_id": "0f3a5b7c9d1e2f4a",
    "alert_id": "2026-09-0f3a5b7c9d1e2f4a",
    "saving_id": "3c1e5a7092b4d6f8",
    "check": "BillFinal",
    "fiscal_year": 2026,
    "name": "AccountsPayable.csv",
    "month": "2026-09",
    "payer": "999988887777",
    "charge_class": "Support",
    "rule_id": "web-shop-by-tag",
    "preview_id": "0f3a5b7c9d1e2f4a6b8c",
    "run_id": "2026-09-0f3a5b7c9d1e2f4a",
    "start": "2026-08-02",
    "delegation_id": "0f3a5b7c9d1e2f4a",
    "key": "user:Team",
    "report_id": "weekly-2026-09-06-0f3a5b7c9d1e2f4a",
}
COSTS = ("get", "/bills/{billing_period}/costs")
IN_CSV = {
    COSTS,
    ("get", "/charts/{year}"),
    ("get", "/tasks"),
    ("get", "/missing-owners"),
    ("get", "/people"),
    ("get", "/budgets/{year}"),
    ("get", "/plans/{year}/{element}"),
    ("get", "/audit"),
    ("get", "/accounts"),
    ("get", "/accounts/tasks"),
    ("get", "/resources"),
    ("get", "/explain/{product_id}"),
    ("get", "/explain/{product_id}/charges"),
    ("get", "/explain/{product_id}/lines"),
    ("get", "/workloads"),
    ("get", "/claims/{account_id}"),
    ("get", "/spaces"),
    ("get", "/closes"),
    ("get", "/corrections"),
    ("get", "/corrections/years/{fiscal_year}"),
    ("get", "/credits"),
    ("get", "/credits/reconciliation"),
    ("get", "/discounts"),
    ("get", "/shares"),
    ("get", "/allocations"),
    ("get", "/allocations/tree"),
    ("get", "/allocations/days"),
    ("get", "/allocations/unallocated"),
    ("get", "/financial-scope"),
    ("get", "/previews/{preview_id}"),
    ("get", "/class-policies"),
    ("get", "/claim-rules"),
    ("get", "/spend-cards"),
    ("get", "/spend-cards/{product_id}/{start}/lines"),
    ("get", "/spend-cards/{product_id}/{start}/resources"),
    ("get", "/delegations"),
    ("get", "/alerts"),
    ("get", "/reports/cost"),
    history.HISTORY,
    *savings_.IN_CSV,
    *tags_.IN_CSV,
}
IN_HTML = {("get", "/savings/report"), ("get", "/tags/report"), history.HISTORY}
TITLES: Mapping[int, tuple[str, str]] = {
    400: ("Bad Request", "the body is no JSON: Expecting value: line 1 column 1 (char 0)"),
    401: ("Unauthorized", "Sign in: no valid token came with the request"),
    403: ("Forbidden", "LoadChart is for financial_admin, vendor_manager; ask an administrator"),
    404: ("Not Found", "there is no retail.online in your financial scope"),
    409: ("Conflict", "the budget has changed since you read it: look at it again"),
    413: ("Request Entity Too Large", "the body has 5,242,880 bytes; at most 4,194,304 are read"),
    415: ("Unsupported Media Type", "send a body as application/json"),
    422: ("Unprocessable Entity", "RequestReschedule needs a reason; say why"),
    428: ("Precondition Required", "say by If-Match which version you have read"),
}
WRITES = frozenset({"post", "put", "patch", "delete"})


def document(apps: Sequence[APIGatewayRestResolver]) -> dict[str, Any]:
    """The contract of *apps* together, every answer described."""
    told: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": VERSION, "description": ABOUT},
        "tags": [{"name": name, "description": about} for name, about in TAGS.items()],
        "paths": {},
    }
    known: dict[str, Any] = {}
    for app in apps:
        schema = app.get_openapi_schema(title=TITLE, version=VERSION)
        one = schema.model_dump(mode="json", by_alias=True, exclude_none=True)
        said = _docstrings(app)
        for path, operations in one["paths"].items():
            for method, operation in operations.items():
                operation["description"] = said[operation["operationId"]]
                _complete(operation, (method, path))
        told["paths"] |= one["paths"]
        known |= one.get("components", {}).get("schemas", {})
    models: list[type[BaseModel]] = [Problem, *(model for _, model in ANSWERS.values())]
    _, described = models_json_schema(
        [(model, "serialization") for model in dict.fromkeys(models)], ref_template=REF
    )
    if twice := {
        n for n in known.keys() & described["$defs"].keys() if known[n] != described["$defs"][n]
    }:
        raise ValueError(f"two schemas have one name: {', '.join(sorted(twice))}")
    schemas = known | described["$defs"]
    used = _used(told["paths"], schemas)
    told["components"] = {
        "schemas": {name: schemas[name] for name in sorted(used)},
        "securitySchemes": {
            "SignIn": {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "An id token of the Cognito user pool",
            }
        },
    }
    told["security"] = [{"SignIn": []}]
    return told


def _used(paths: Any, schemas: Mapping[str, Any]) -> set[str]:
    """The names of all schemas that *paths* lead to."""
    found: set[str] = set()
    ahead = list(_references(paths))
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += _references(schemas[name])
    return found


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"].rpartition("/")[2]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _docstrings(app: APIGatewayRestResolver) -> dict[str, str]:
    """What the functions behind the routes say of themselves, in lines of their own length."""
    return {
        route.operation_id: " ".join((inspect.getdoc(route.func) or "").split())
        for route in (*app._static_routes, *app._dynamic_routes)
    }


def _complete(operation: dict[str, Any], of: tuple[str, str]) -> None:
    """Describe the answers of an operation, its headers, and its filters."""
    status, model = ANSWERS[of]
    described = {int(code): told["description"] for code, told in operation["responses"].items()}
    good = {"application/json": {"schema": _refer(model)}}
    answer: dict[str, Any] = {"description": described.pop(int(status)), "content": good}
    operation["responses"] = {status: answer} | {
        str(code): _refused(code, description) for code, description in sorted(described.items())
    }
    headers = {}
    if "version" in model.model_fields:
        headers["ETag"] = _header("The version; a change names it by `If-Match`")
    if of in IN_CSV:
        good["text/csv"] = {"schema": {"type": "string"}}
        headers["X-Next-Cursor"] = _header("Of CSV: what to ask for the next page with")
    if of in views_.DRAWN:
        good["image/svg+xml"] = {"schema": {"type": "string"}}
    if of in IN_HTML:
        good["text/html"] = {"schema": {"type": "string"}}
    if of[0] in WRITES:
        headers["Idempotency-Replayed"] = _header("true where this was answered before")
    if headers:
        answer["headers"] = headers
    parameters = operation.setdefault("parameters", [])
    if of == COSTS:
        parameters += [_filter(name) for name in DIMENSIONS]
    if of in explain.ANSWERS:
        parameters += [_filter(name) for name in FILTERS]
    if of[0] in WRITES:
        parameters += list(_asked(is_versioned=428 in described))
    for parameter in parameters:
        allowed = parameter["schema"].get("enum")
        example = EXAMPLES.get(parameter["name"])
        if of == history.HISTORY and parameter["name"] == "by":
            continue  # takes other dimensions, as a list
        if example is not None and (allowed is None or example in allowed):
            parameter["example"] = EXAMPLES[parameter["name"]]
    if not parameters:
        del operation["parameters"]


def _refused(code: int, description: str) -> dict[str, Any]:
    title, detail = TITLES[code]
    example = {"type": "about:blank", "title": title, "status": code, "detail": detail}
    return {
        "description": description,
        "content": {PROBLEM: {"schema": _refer(Problem), "example": example}},
    }


def _asked(*, is_versioned: bool) -> Iterator[dict[str, Any]]:
    yield {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "The same key is the same request, done once; 1 to 128 visible characters",
        "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
        "example": "5f0c2f6e-8f5b-4a53-a0b1-3a6f4b8d8e11",
    }
    if is_versioned:
        yield {
            "name": "If-Match",
            "in": "header",
            "required": True,
            "description": 'The `ETag` that was read; `"0"` where there is none yet',
            "schema": {"type": "string", "pattern": '^"[0-9]{1,9}"$'},
            "example": '"3"',
        }


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


def _filter(dimension: str) -> dict[str, Any]:
    return {
        "name": dimension,
        "in": "query",
        "required": False,
        "allowEmptyValue": True,
        "description": f"Only charges of this {dimension}; empty: only those that have none",
        "schema": {"type": "string"},
    }


def _refer(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REF.format(model=model.__name__)}
