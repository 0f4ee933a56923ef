"""A step of make_spend_cards: the cards of some products, brought up to the bill."""

from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics
from finops.usecases.make_spend_cards import make_cards
from finops.usecases.plan_spend_cards import Item


@logger.inject_lambda_context(correlation_id_path="run_id")
@metrics.log_metrics
@event_parser(model=Item)
def handler(event: Item, context: LambdaContext) -> dict[str, Any]:
    weeks = make_cards(event, press=wiring.card_press())
    made = sum(week.made for week in weeks)
    restated = sum(week.restated for week in weeks)
    count("CardsMade", made)
    count("CardsRestated", restated)
    logger.info("made cards", item=event.number, made=made, restated=restated)
    return {"made": made, "restated": restated}
