"""The door to the audit trail: who did what, when, why, and whether the records are whole."""

from datetime import date
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.domain.audit import AuditRecord
from finops.runtime import settings, wiring
from finops.runtime.observability import logger, now
from finops.runtime.rest import (
    READ,
    Cursor,
    Limit,
    answer,
    as_csv,
    as_json,
    caller,
    rest_api,
    wants_csv,
)
from finops.usecases import audit
from finops.usecases.organisation_views import audit_record

app = rest_api()

Since = Annotated[date | None, Query(description="The first day, in UTC")]


@app.get(
    "/audit",
    summary="The audit trail",
    tags=["Audit"],
    operation_id="get_audit",
    responses=READ,
)
def get_audit(
    entity: Annotated[
        str | None,
        Query(description="Only this entity, e.g. person#ada@example.com", max_length=300),
    ] = None,
    actor: Annotated[str | None, Query(description="Only what they did", max_length=254)] = None,
    element: Annotated[
        str | None, Query(description="Only at and under this element", max_length=250)
    ] = None,
    since: Since = None,
    until: Annotated[date | None, Query(description="The last day, in UTC")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """Changes in the caller's scope, newest first: before, after, actor, request, reason, seal.

    A page may hold fewer records than `limit` and still have a `next_cursor`. CSV by
    `Accept: text/csv`.
    """
    query = audit.trail_query(entity, actor, element, since, until, now().date())
    found = audit.trail(query, limit, cursor, by=caller(app), audit=wiring.audit())
    items = [audit_record(record) for record in found.items]
    if not wants_csv(app):
        return as_json({"items": items, "next_cursor": found.next_cursor})
    columns = list(AuditRecord.model_fields)
    rows = [[item[name] for name in columns] for item in items]
    return as_csv(columns, rows, found.next_cursor)


@app.get(
    "/audit/verification",
    summary="Walk the chains",
    tags=["Audit"],
    operation_id="get_verification",
    responses=READ,
)
def get_verification(since: Since = None, cursor: Cursor = None) -> Response[Any]:
    """Some chains at a time, until `next_cursor` is null; `findings` names every broken place."""
    found = audit.verify(
        since,
        now().date(),
        cursor,
        by=caller(app),
        audit=wiring.audit(),
        books=audit.Books(
            people=wiring.people(),
            charts=wiring.charts(),
            budgets=wiring.budgets(),
            accounts=wiring.accounts(),
            shares=wiring.shares(),
            policies=wiring.policies(),
            claim_rules=wiring.claim_rule_heads(),
            claims=wiring.claim_heads(),
            workloads=wiring.workloads(),
            credits=wiring.credits(),
            cards=wiring.spend_cards(),
            closes=wiring.closes(),
            delegations=wiring.delegations(),
            settings=wiring.settings_kept(),
            alerts=wiring.alerts(),
            savings=wiring.savings(),
            savings_days=wiring.savings_snapshots(),
        ),
    )
    return as_json(found.model_dump(mode="json"))


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
