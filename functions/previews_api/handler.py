"""The door to previews: what a change of who pays would do, in money, before anybody makes it."""

from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from finops.domain.audit import Deed
from finops.domain.rule_changes import Change
from finops.runtime import settings, wiring
from finops.runtime.observability import logger
from finops.runtime.rest import (
    READ,
    WRITE,
    Cursor,
    Limit,
    act,
    answer,
    as_csv,
    as_json,
    caller,
    instead_of_ok,
    located,
    page,
    rest_api,
    wants_csv,
)
from finops.usecases import preview_views
from finops.usecases.previews import MOST_CHANGES, ask_preview, preview_effects

app = rest_api()


class Question(BaseModel):
    """What if these changes were made now, one upon the other?"""

    model_config = ConfigDict(extra="forbid")

    changes: Annotated[list[Change], Field(min_length=1, max_length=MOST_CHANGES)]


@app.post(
    "/previews",
    summary="Try changes of who pays",
    tags=["Previews"],
    operation_id="post_preview",
    responses=instead_of_ok(WRITE, 202, "The preview is made; `Location` says where it will be"),
)
def post_preview(question: Question) -> Response[Any]:
    """What if? Nothing changes; what would be wrong with a change is said at once.

    Every open bill that the changes may concern is allocated with them and without them. Who may
    not make a change may not try it. A change is given as the routes that make it take it, with its
    `kind` and what it is of.
    """
    by_request = act(app, status=HTTPStatus.ACCEPTED)
    asked = ask_preview(question.changes, by=caller(app), at=by_request.at, studio=wiring.studio())
    told = preview_views.asked_preview(asked)
    wiring.audit().note(
        f"preview#{asked.preview_id}",
        told,
        Deed(action="AskPreview", element=asked.element),
        by_request,
    )
    return located(as_json(told, status=HTTPStatus.ACCEPTED), f"preview#{asked.preview_id}")


@app.get(
    "/previews/<preview_id>",
    summary="What changes of who pays would do",
    tags=["Previews"],
    operation_id="get_preview",
    responses=READ,
)
def get_preview(
    preview_id: Annotated[str, Path(description="The preview's id", pattern="^[0-9a-f]{20}$")],
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Response[Any]:
    """Each product that pays another amount, and the elements above it, by month: before and after.

    Amounts are of the bills that the preview names. There are none before its status is `Done`; of
    one that is `Failed`, ask again. With a scope it is what lies in it, of one's own previews only.
    CSV by `Accept: text/csv`.
    """
    found = preview_effects(preview_id, by=caller(app), studio=wiring.studio())
    some, following = page(found.moved, limit, cursor, lambda one: one.order)
    known = wiring.charts()
    charts = [known.read(head) for head in known.heads()]
    if wants_csv(app):
        return as_csv(*preview_views.preview_table(some, charts), following)
    return as_json(preview_views.preview(found, some, charts, following))


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
