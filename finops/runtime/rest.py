"""REST as every API of the product speaks it: callers, versions, receipts, problems, CSV."""

import base64
import csv
import hashlib
import io
import json
import re
import time
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from finops.domain.audit import Act, AuditRecord, Receipt, reason
from finops.domain.authorization import Action, may
from finops.domain.cells import harmless
from finops.domain.errors import (
    ConflictError,
    FinOpsError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    VersionNeededError,
)
from finops.domain.people import Person
from finops.domain.values import Entity
from finops.runtime import wiring
from finops.runtime.observability import logger, now
from finops.usecases.people import SignIn, recognize

PROBLEM = "application/problem+json"
JSON = "application/json"
STATUSES: dict[type[FinOpsError], HTTPStatus] = {
    InvalidError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    VersionNeededError: HTTPStatus.PRECONDITION_REQUIRED,
}
# What every route may answer, as the contract tells it.
READ: dict[int, Any] = {
    200: {"description": "The answer"},
    400: {"description": "The request cannot be read"},
    401: {"description": "No valid token"},
    403: {"description": "Not for the caller's role"},
    404: {"description": "There is no such thing in the caller's financial scope"},
    422: {"description": "A parameter is wrong; `detail` says which and why"},
}
WRITE: dict[int, Any] = READ | {
    409: {"description": "Somebody else was faster; `current` is what is there now"},
    413: {"description": "The body is too large"},
    415: {"description": "The body is no JSON"},
}
VERSIONED: dict[int, Any] = WRITE | {
    428: {"description": "`If-Match` must say which version was read"}
}
CHANGED: dict[int, Any] = {409: {"description": "What is listed has changed while paging"}}

Cursor = Annotated[str | None, Query(description="Where the page before ended", max_length=2000)]
Limit = Annotated[int, Query(ge=1, le=1000, description="Items a page")]
Reason = Annotated[str | None, Field(max_length=500)]

RIGHTS_KEPT = 30  # seconds: whoever loses a right has lost it within a minute
KNOWN_AT_ONCE = 1_000
# Bytes: 10,000 resources are claimed in one step, and an ARN can be hundreds of characters long.
# Lambda takes requests of 6 MB, in which the body is quoted.
LARGEST_BODY = 4 * 2**20
# Bytes of a page's items: Lambda answers with 6 MB, in which the body is quoted, and a table says of
# each row what is said once of an item.
LARGEST_PAGE = 2 * 2**20
# Where what a request made is looked at, by the kind of its records.
PLACES = {
    "cost-report-run": "/reports/cost/runs",
    "credit": "/credits",
    "preview": "/previews",
    "spend-card-run": "/spend-card-runs",
    "workload": "/workloads",
}
EXPOSED = ("ETag", "Location", "X-Next-Cursor", "Idempotency-Replayed")
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
KEY = re.compile(r"[\x21-\x7e]{1,128}")
VERSION = re.compile(r'"?(\d{1,9})"?')

MayBeTold = Callable[[Person, AuditRecord], bool]

_known: dict[str, tuple[float, Person]] = {}


def instead_of_ok(answers: Mapping[int, Any], code: int, told: str) -> dict[int, Any]:
    """*answers* of a route whose good one is *code*."""
    return {c: a for c, a in answers.items() if c != 200} | {code: {"description": told}}


class _Resolver(APIGatewayRestResolver):
    """Matches a path as it was sent, and reads what its parts are called only then.

    The ids of some providers hold slashes, which part a path once they are read.
    """

    def _convert_matches_into_route_keys(self, match: re.Match[str]) -> dict[str, str]:
        return {name: unquote(part) for name, part in match.groupdict().items()}


def _by_element(by: Person, record: AuditRecord) -> bool:
    """Whether *by* may see where it was done that *record* tells of."""
    return may(by, Action.SEE_ELEMENT, record.done_at)


def rest_api(*, may_be_told_again: MayBeTold = _by_element) -> APIGatewayRestResolver:
    """A resolver that validates by types and answers every error as a problem.

    *may_be_told_again* says whether somebody may have the answer to a request of theirs once more.
    """
    app = _Resolver(enable_validation=True)

    def once(app: APIGatewayRestResolver, go_on: Callable[..., Response[Any]]) -> Response[Any]:
        return _once(app, go_on, may_be_told_again)

    app.use(middlewares=[once])

    @app.exception_handler(list(STATUSES))  # type: ignore[untyped-decorator]
    def explained(error: FinOpsError) -> Response[Any]:
        return problem(STATUSES[type(error)], error.detail, **_members(error))

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
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    began = time.monotonic()
    event = event | {"path": event.get("path") or "/"}
    refused = _unreadable(event, headers)
    answered = refused if refused is not None else app.resolve(event, context)
    logger.info(
        "answered",
        extra={
            "method": event.get("httpMethod"),
            "route": event.get("resource"),
            "status": answered["statusCode"],
            "milliseconds": round(1000 * (time.monotonic() - began), 1),
        },
    )
    told = answered.setdefault("multiValueHeaders", {})
    told["Cache-Control"] = ["no-store"]  # who asks next may be somebody else
    origin = headers.get("origin")
    if origin and origin in origins:
        told["Access-Control-Allow-Origin"] = [origin]
        told["Access-Control-Expose-Headers"] = [", ".join(EXPOSED)]
        told["Vary"] = ["Origin"]
    return answered


def _unreadable(event: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any] | None:
    """Why the body of *event* cannot be read at all, as an answer; None where it can."""
    body = event.get("body")
    if not body:
        return None
    kind = (headers.get("content-type") or JSON).partition(";")[0].strip().lower()
    if kind != JSON:
        return _refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send a body as application/json")
    try:
        raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
        if len(raw) > LARGEST_BODY:
            told = f"the body has {len(raw):,} bytes; at most {LARGEST_BODY:,} are read"
            return _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, told)
        json.loads(raw)
    except (ValueError, RecursionError) as error:
        logger.warning("unreadable body", exc_info=error)
        return _refusal(HTTPStatus.BAD_REQUEST, f"the body is no JSON: {error}")
    return None


def _refusal(status: HTTPStatus, detail: str) -> dict[str, Any]:
    told = problem(status, detail)
    return {
        "statusCode": told.status_code,
        "body": told.body,
        "isBase64Encoded": False,
        "multiValueHeaders": {"Content-Type": [PROBLEM]},
    }


# Problems -----------------------------------------------------------------------------------------


def problem(status: HTTPStatus, detail: str, **members: Any) -> Response[Any]:
    """An error as RFC 9457 has it."""
    body = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
    return Response(
        status_code=status, content_type=PROBLEM, body=json.dumps(body | members, default=str)
    )


def _members(error: FinOpsError) -> dict[str, Any]:
    """What else an error tells; of a lost race, the current item as its resource shows it."""
    from finops.usecases.organisation_views import shown

    return {
        name: shown(value) if isinstance(value, Entity) else value
        for name, value in error.members.items()
        if value is not None
    }


# Callers ------------------------------------------------------------------------------------------


def caller(app: APIGatewayRestResolver) -> Person:
    """Who asks, with the rights of now: read from their record, and kept for half a minute.

    Raises ForbiddenError for somebody who is not known here, or suspended.
    """
    sign_in = _sign_in(app)
    known = _known.get(sign_in.email)
    if known is not None and time.monotonic() - known[0] < RIGHTS_KEPT:
        return known[1]
    act = Act(actor=sign_in.email, at=now(), request_id=_request_id(app))
    person = recognize(sign_in, group_roles=wiring.group_roles(), people=wiring.people(), act=act)
    if len(_known) >= KNOWN_AT_ONCE:
        _known.clear()
    _known[sign_in.email] = (time.monotonic(), person)
    return person


def _sign_in(app: APIGatewayRestResolver) -> SignIn:
    authorizer: Any = app.current_event.request_context.authorizer or {}
    claims: dict[str, Any] = authorizer.get("claims") or {}
    email = str(claims.get("email") or "")
    # An identity provider vouches for the addresses of its people; the pool has verified others.
    is_verified = str(claims.get("email_verified", "true")).lower() == "true"
    if not email or not (is_verified or claims.get("identities")):
        raise ForbiddenError("the sign-in has no verified mail address; ask a cloud engineer")
    return SignIn(
        email,
        str(claims.get("cognito:username") or claims.get("sub") or ""),
        _listed(claims.get("cognito:groups")),
        _listed(claims.get("custom:groups")),
    )


def _listed(claim: Any) -> tuple[str, ...]:
    """The groups of a claim, which come as `a,b` or `[a, b]`."""
    groups = (group.strip() for group in str(claim or "").strip("[]").split(","))
    return tuple(group for group in groups if group)


def _request_id(app: APIGatewayRestResolver) -> str:
    return str(app.current_event.request_context.request_id or "none")


# Changes ------------------------------------------------------------------------------------------


def act(
    app: APIGatewayRestResolver, why: str | None = None, *, status: HTTPStatus = HTTPStatus.OK
) -> Act:
    """What the caller is about to do; with an Idempotency-Key it is done once, whatever happens."""
    person = caller(app)
    return Act(
        actor=person.email,
        at=now(),
        request_id=_request_id(app),
        reason=reason(why),
        receipt=_receipt(app, person, status),
    )


def version(app: APIGatewayRestResolver) -> int:
    """The version that a change is made from, as `If-Match` says. Raises VersionNeededError."""
    said = _header(app, "if-match")
    if said is None:
        raise VersionNeededError(
            'say by If-Match which version you have read: its ETag, or "0" where there is none yet'
        )
    found = VERSION.fullmatch(said.strip())
    if found is None:
        raise InvalidError(f'If-Match {said[:40]!r} is no ETag of ours; they are like "3"')
    return int(found.group(1))


def _receipt(
    app: APIGatewayRestResolver, person: Person, status: HTTPStatus = HTTPStatus.OK
) -> Receipt | None:
    said = _header(app, "idempotency-key")
    if said is None:
        return None
    if not KEY.fullmatch(said):
        raise InvalidError("an Idempotency-Key has 1 to 128 visible characters")
    event = app.current_event
    query = sorted(event.resolved_query_string_parameters.items())
    asked = json.dumps([event.http_method, event.path, query, event.body])
    return Receipt(
        key=hashlib.sha256(f"{person.email}\n{said}".encode()).hexdigest(),
        fingerprint=hashlib.sha256(asked.encode()).hexdigest(),
        status=status,
    )


def _once(
    app: APIGatewayRestResolver, go_on: Callable[..., Response[Any]], may_be_told: MayBeTold
) -> Response[Any]:
    """A request that was answered before is answered the same way, and does nothing."""
    if app.current_event.http_method not in WRITES or _header(app, "idempotency-key") is None:
        return go_on(app)
    told = _told_before(app, may_be_told)
    if told is not None:
        return told
    try:
        return go_on(app)
    except ConflictError:
        # The same request may have been under way at the same time, and won.
        told = _told_before(app, may_be_told)
        if told is None:
            raise
        return told


def _told_before(app: APIGatewayRestResolver, may_be_told: MayBeTold) -> Response[Any] | None:
    wanted = _receipt(app, caller(app))
    assert wanted is not None  # noqa: S101 - asked only where there is a key
    found = wiring.receipts().find(wanted.key)
    if found is None:
        return None
    if found.fingerprint != wanted.fingerprint:
        raise InvalidError(
            "this Idempotency-Key came with another request before; choose a new one"
        )
    record = wiring.audit().record(found.entity, found.sequence)
    if record is None:
        return None
    if not may_be_told(caller(app), record):
        if record.done_at:
            raise NotFoundError(f"there is no {record.done_at} in your financial scope")
        raise ForbiddenError("what this request was answered is not for you any more")
    from finops.usecases.replay import told_again

    body, etag = told_again(record)
    response = as_json(body, status=HTTPStatus(found.status))
    response.headers["Idempotency-Replayed"] = "true"
    if etag is not None:
        response.headers["ETag"] = etag
    if found.status in (HTTPStatus.CREATED, HTTPStatus.ACCEPTED):
        return located(response, record.entity)
    return response


def _header(app: APIGatewayRestResolver, name: str) -> str | None:
    headers = {key.lower(): value for key, value in (app.current_event.headers or {}).items()}
    return headers.get(name)


# Answers ------------------------------------------------------------------------------------------


def wants_csv(app: APIGatewayRestResolver) -> bool:
    """Whether the caller asks for a table rather than for JSON."""
    return "text/csv" in (_header(app, "accept") or "")


def as_json(body: Any, *, status: HTTPStatus = HTTPStatus.OK) -> Response[Any]:
    """*body* as it is, past the resolver's own models."""
    return Response(status_code=status, content_type=JSON, body=json.dumps(body))


def as_entity(
    entity: Entity, body: Mapping[str, Any], *, status: HTTPStatus = HTTPStatus.OK
) -> Response[Any]:
    """*body* with the version of *entity*, which a change has to name."""
    told = as_json(body, status=status)
    told.headers["ETag"] = etag(entity.version)
    return told


def located(told: Response[Any], entity: str) -> Response[Any]:
    """*told* with the place of what was made, by its name on record: `credit#3f2a`."""
    kind, _, name = entity.partition("#")
    if kind in PLACES:
        told.headers["Location"] = f"{PLACES[kind]}/{name}"
    return told


def etag(number: int) -> str:
    """A version as a header says it."""
    return f'"{number}"'


def as_csv(
    header: Sequence[str], rows: Iterable[Sequence[Any]], next_cursor: str | None = None
) -> Response[Any]:
    """*rows* as CSV, so that no cell is taken for a formula by whoever opens it."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerow([harmless(name) for name in header])
    writer.writerows([[harmless(cell) for cell in row] for row in rows])
    told: Response[Any] = Response(
        status_code=HTTPStatus.OK, content_type="text/csv; charset=utf-8", body=table.getvalue()
    )
    if next_cursor is not None:
        told.headers["X-Next-Cursor"] = next_cursor
    return told


def page(
    found: Sequence[Any],
    limit: int,
    cursor: str | None,
    key: Callable[[Any], str],
    *,
    told: Callable[[Any], Any] | None = None,
    state: str | int | None = None,
) -> tuple[list[Any], str | None]:
    """Some of *found*, which is sorted by *key*, after the one that *cursor* names.

    What comes or goes meanwhile is not shown twice and shifts nothing. Where keys are places that
    do shift, *state* says what they are places of: ConflictError for a cursor of another one. A page
    ends early where its items, as they are *told*, would be more than an answer holds.
    """
    start = 0
    if cursor is not None:
        after, of = _read_cursor(cursor)
        if of != (None if state is None else str(state)):
            raise ConflictError(
                "what is listed has changed meanwhile; start again without a cursor"
            )
        start = bisect_right(found, after, key=key)
    shown = list(found[start : start + limit])
    if told is not None:
        shown = shown[: _fitting(map(told, shown))]
    is_last = start + len(shown) >= len(found)
    return shown, None if is_last or not shown else _write_cursor(key(shown[-1]), state)


def place_of(cursor: str | None) -> str | None:
    """The key that a cursor names, for who looks up no more than what comes behind it."""
    return None if cursor is None else _read_cursor(cursor)[0]


def _fitting(items: Iterable[Any]) -> int:
    """How many of *items* an answer holds; one at least."""
    size = count = 0
    for item in items:
        size += len(json.dumps(item))
        if count and size > LARGEST_PAGE:
            break
        count += 1
    return count


def _write_cursor(after: str, state: str | int | None) -> str:
    said = {"after": after} if state is None else {"after": after, "of": str(state)}
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode()


def _read_cursor(cursor: str) -> tuple[str, str | None]:
    try:
        said = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return str(said["after"]), str(said["of"]) if "of" in said else None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidError("the cursor is none of ours; start again without it") from error
