"""A step of make_spend_cards: which cards are due, which weeks wait, and the products in items."""

from datetime import datetime
from typing import Annotated, Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BeforeValidator

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.plan_spend_cards import plan

# What an event says nothing of comes as no text: it cannot be told to say null.
Said = BeforeValidator(lambda said: said or None)


class Step(BaseModel):
    run_id: str
    at: Annotated[datetime | None, Said] = None
    period: Annotated[str | None, Said] = None
    waits: bool = False


@logger.inject_lambda_context(correlation_id_path="run_id")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    planned = plan(
        event.run_id,
        event.at,
        event.period,
        now=now(),
        timing=wiring.card_timing(),
        sources=wiring.card_sources(),
        ledger=wiring.ledger(),
        bucket=wiring.ledger_bucket(),
    )
    count("CardWeeksWaiting", planned.waits)
    if event.waits and planned.is_late:
        count("CardWeeksLate", planned.waits)
    logger.info("planned", months=planned.months, items=planned.items, waits=planned.waits)
    return planned.model_dump(mode="json")
