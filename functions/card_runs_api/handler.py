"""The door to runs that make spend cards: start one, and see what became of it."""

from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from finops.domain.audit import Deed
from finops.runtime import settings, wiring
from finops.runtime.observability import logger
from finops.runtime.rest import (
    READ,
    WRITE,
    act,
    answer,
    as_json,
    caller,
    instead_of_ok,
    located,
    rest_api,
)
from finops.usecases import card_runs

app = rest_api()


class Wish(BaseModel):
    """Which cards shall be made."""

    model_config = ConfigDict(extra="forbid")

    period: Annotated[
        str | None,
        Field(
            description="A month, YYYY-MM, or a business week by one of its days, YYYY-MM-DD; "
            "without it, all that is due",
            max_length=10,
        ),
    ] = None


@app.post(
    "/spend-card-runs",
    summary="Make the spend cards that are due",
    tags=["Spend cards"],
    operation_id="post_spend_card_run",
    responses=instead_of_ok(WRITE, 202, "A run was started; `Location` says where to look at it"),
)
def post_spend_card_run(wish: Wish) -> Response[Any]:
    """Make cards that are due and not there, and bring open ones up to the bill.

    It happens by itself on Mondays and after each allocation; this is for who does not want to
    wait. A week is due from the Monday after it on, once the bill covers it. What is there already
    is not made twice.
    """
    by_request = act(app, status=HTTPStatus.ACCEPTED)
    run_id = card_runs.start_card_run(
        wish.period,
        by_request.receipt.key if by_request.receipt else None,
        by=caller(app),
        today=by_request.at.date(),
        open_from=wiring.open_from(),
        runs=wiring.card_runs(),
    )
    told = card_runs.started(run_id, wish.period)
    name = f"spend-card-run#{run_id}"
    wiring.audit().note(name, told, Deed(action="MakeCards"), by_request)
    return located(as_json(told, status=HTTPStatus.ACCEPTED), name)


@app.get(
    "/spend-card-runs/<run_id>",
    summary="What became of a run that makes spend cards",
    tags=["Spend cards"],
    operation_id="get_spend_card_run",
    responses=READ,
)
def get_spend_card_run(
    run_id: Annotated[str, Path(description="The run's id", pattern=card_runs.NAMED)],
) -> Response[Any]:
    """How far it is; once it is over, how many cards were made and changed of each week, and which
    weeks wait for what.

    *settled* are cards that were approved or accepted by themselves.
    """
    found = card_runs.card_run(
        run_id, by=caller(app), runs=wiring.card_runs(), ledger=wiring.ledger()
    )
    return as_json(card_runs.seen(found))


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return answer(app, event, context, origins=settings.words("ALLOWED_ORIGINS"))
