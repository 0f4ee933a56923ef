"""The door to alerts: seen, answered, looked for now, and their channels tried."""

from http import HTTPStatus
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from finops.domain.alerts import AlertCommand, AlertKind, AlertStatus
from finops.runtime import settings, wiring
from finops.runtime.observability import logger, now
from finops.runtime.rest import (
    READ,
    VERSIONED,
    WRITE,
    Cursor,
    Limit,
    Reason,
    act,
    answer,
    as_csv,
    as_entity,
    as_json,
    caller,
    instead_of_ok,
    page,
    rest_api,
    version,
    wants_csv,
)
from finops.usecases import alerts as use_cases
from finops.usecases import alerts_views
from finops.usecases.alerts import AlertQuery, Answering
from finops.usecases.organisation_views import element_said, shown

app = rest_api(may_be_told_again=use_cases.may_be_told_again)

AlertId = Annotated[str, Path(description="The alert's id", max_length=64)]


@app.get(
    "/alerts",
    summary="The alerts of a scope",
    tags=["Alerts"],
    operation_id="get_alerts",
    responses=READ,
)
def get_alerts(
    element: Annotated[
        str | None, Query(description="Only at and under this element", max_length=250)
    ] = None,
    month: Annotated[
        str | None, Query(description="YYYY-MM; without it, the newest six months", max_length=7)
    ] = None,
    status: Annotated[AlertStatus | None, Query(description="Only this status")] = None,
    kind: Annotated[AlertKind | None, Query(description="Only this kind")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[Any]:
    """Alerts by the moment they were raised, each with its sentence and who looks after it.

    Those about bills and accounts that nobody owns are for who sees all. CSV by `Accept: text/csv`.
    """
    by, today = caller(app), now().date()
    query = AlertQuery(element_said(element), month, status, kind)
    found = use_cases.seen_alerts(query, today, by=by, alerts=wiring.alerts())
    some, following = page(found, limit, cursor, use_cases.place)
    names, answering = use_cases.names_of(wiring.charts()), Answering(wiring.people().all())
    if wants_csv(app):
        return as_csv(*alerts_views.alert_table(some, names, answering), following)
    items = [alerts_views.alert_in_words(one, names, answering) for one in some]
    return as_json({"items": items, "next_cursor": following})


@app.get(
    "/alerts/<alert_id>",
    summary="One alert",
    tags=["Alerts"],
    operation_id="get_alert",
    responses=READ,
)
def get_alert(alert_id: AlertId) -> Response[Any]:
    """The figures of the moment that it was raised, and what was answered since."""
    found = use_cases.seen_alert(alert_id, by=caller(app), alerts=wiring.alerts())
    names, answering = use_cases.names_of(wiring.charts()), Answering(wiring.people().all())
    return as_entity(found, alerts_views.alert_in_words(found, names, answering))


class NewAnswer(BaseModel):
    """What is done with an alert; to acknowledge or resolve it needs a reason."""

    model_config = ConfigDict(extra="forbid")

    command: Literal[AlertCommand.ACKNOWLEDGE, AlertCommand.RESOLVE, AlertCommand.ASSIGN]
    reason: Reason = None
    to: Annotated[
        str | None, Field(max_length=254, description="Of Assign: who looks after it from now on")
    ] = None


@app.post(
    "/alerts/<alert_id>/answers",
    summary="Answer an alert",
    tags=["Alerts"],
    operation_id="post_alert_answer",
    responses=VERSIONED,
)
def post_alert_answer(alert_id: AlertId, given: NewAnswer) -> Response[Any]:
    """Acknowledge it (an anomaly: explain it), resolve it, or give it to somebody who sees it."""
    made = use_cases.answer_alert(
        alert_id,
        given.command,
        version(app),
        to=given.to,
        by=caller(app),
        alerts=wiring.alerts(),
        people=wiring.people(),
        act=act(app, given.reason),
    )
    return as_entity(made, shown(made))


@app.post(
    "/alerts/checks",
    summary="Look for alerts now",
    tags=["Alerts"],
    operation_id="post_alert_check",
    responses=instead_of_ok(WRITE, 202, "It is looked at in a moment"),
)
def post_alert_check() -> Response[Any]:
    """All of spend is looked at, as after each allocation and every hour; what is new is told of."""
    told = use_cases.ask_check(
        by=caller(app), audit=wiring.audit(), act=act(app, status=HTTPStatus.ACCEPTED)
    )
    return as_json(told, status=HTTPStatus.ACCEPTED)


@app.post(
    "/alerts/channels/<name>/tests",
    summary="Try a channel",
    tags=["Alerts"],
    operation_id="post_channel_test",
    responses=WRITE,
)
def post_channel_test(
    name: Annotated[str, Path(description="The channel's name, as the settings have it")],
) -> Response[Any]:
    """A test message to each recipient of a channel and to its room; what became of each."""
    told = use_cases.try_channel(
        name,
        by=caller(app),
        settings=wiring.settings_kept(),
        audit=wiring.audit(),
        outlets=wiring.outlets(),
        act=act(app),
    )
    return as_json(told)


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
