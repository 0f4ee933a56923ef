"""REST as every API of the product speaks it: problems, callers, money as text, CSV."""

import csv
import io
import json
from collections.abc import Collection, Iterable, Sequence
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.domain.cells import harmless
from finops.domain.errors import (
    ConflictError,
    FinOpsError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from finops.runtime.observability import logger

PROBLEM = "application/problem+json"
STATUSES: dict[type[FinOpsError], HTTPStatus] = {
    InvalidError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
}
ROLES = (
    "financial_admin",
    "vendor_manager",
    "cloud_engineer",
    "business_unit_owner",
    "department_owner",
    "portfolio_owner",
    "product_owner",
)
SEE_THE_BILL = frozenset({"financial_admin", "vendor_manager", "cloud_engineer"})
LOAD_THE_BILL = frozenset({"financial_admin", "cloud_engineer"})


def rest_api() -> APIGatewayRestResolver:
    """A resolver that validates by types and answers every error as a problem."""
    app = APIGatewayRestResolver(enable_validation=True)

    @app.exception_handler(list(STATUSES))  # type: ignore[untyped-decorator]
    def explained(error: FinOpsError) -> Response[Any]:
        return problem(STATUSES[type(error)], error.detail, **error.members)

    @app.exception_handler(RequestValidationError)  # type: ignore[untyped-decorator]
    def invalid(error: RequestValidationError) -> Response[Any]:
        wrong = [
            {"where": ".".join(map(str, one["loc"])), "what": one["msg"]} for one in error.errors()
        ]
        told = "; ".join(f"{one['where']}: {one['what']}" for one in wrong)
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, told, errors=wrong)

    @app.exception_handler(RequestUnsupportedContentType)  # type: ignore[untyped-decorator]
    def of_another_kind(_: RequestUnsupportedContentType) -> Response[Any]:
        return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send a body as application/json")

    @app.exception_handler(ValueError)  # type: ignore[untyped-decorator]
    def malformed(error: ValueError) -> Response[Any]:
        logger.warning("malformed request", exc_info=error)
        return problem(HTTPStatus.BAD_REQUEST, "the request's body or parameters cannot be read")

    @app.not_found
    def unknown(_: Exception) -> Response[Any]:
        path = app.current_event.path
        return problem(HTTPStatus.NOT_FOUND, f"there is no {path}; docs/openapi.json lists what is")

    return app


def answer(
    app: APIGatewayRestResolver,
    event: dict[str, Any],
    context: LambdaContext,
    *,
    origins: Collection[str],
) -> dict[str, Any]:
    """What *app* answers to *event*; pages of *origins* may read it."""
    answered = app.resolve(event, context)
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    origin = headers.get("origin")
    if origin and origin in origins:
        told = answered.setdefault("multiValueHeaders", {})
        told["Access-Control-Allow-Origin"] = [origin]
        told["Vary"] = ["Origin"]
    return answered


def problem(status: HTTPStatus, detail: str, **members: Any) -> Response[Any]:
    """An error as RFC 9457 has it."""
    body = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
    return Response(
        status_code=status, content_type=PROBLEM, body=json.dumps(body | members, default=str)
    )


def roles(app: APIGatewayRestResolver) -> frozenset[str]:
    """The caller's roles, from the groups of the token that API Gateway has verified."""
    groups = str(_claims(app).get("cognito:groups") or "").strip("[]")
    return frozenset(groups.replace(",", " ").split()) & frozenset(ROLES)


def person(app: APIGatewayRestResolver) -> str | None:
    """The caller, as the token that API Gateway has verified names them."""
    return _claims(app).get("sub")


def _claims(app: APIGatewayRestResolver) -> dict[str, Any]:
    authorizer: Any = app.current_event.request_context.authorizer or {}
    return authorizer.get("claims") or {}


def must_be_one_of(app: APIGatewayRestResolver, allowed: frozenset[str], what: str) -> None:
    """Nothing is allowed that is not allowed by name."""
    if not roles(app) & allowed:
        raise ForbiddenError(f"{what} is for {', '.join(sorted(allowed))}; ask an administrator")


def wants_csv(app: APIGatewayRestResolver) -> bool:
    """Whether the caller asks for a table rather than for JSON."""
    headers = {name.lower(): value for name, value in (app.current_event.headers or {}).items()}
    return "text/csv" in (headers.get("accept") or "")


def as_json(body: Any) -> Response[Any]:
    """*body* as it is, past the resolver's own models."""
    return Response(
        status_code=HTTPStatus.OK, content_type="application/json", body=json.dumps(body)
    )


def as_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response[Any]:
    """*rows* as CSV, so that no cell is taken for a formula by whoever opens it."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([[harmless(cell) for cell in row] for row in rows])
    return Response(
        status_code=HTTPStatus.OK, content_type="text/csv; charset=utf-8", body=table.getvalue()
    )
