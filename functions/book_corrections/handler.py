"""A month was allocated, or closed: what later bills changed of closed months is booked."""

from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from finops.domain.audit import Act
from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.book_corrections import Outcome, book_all_corrections, book_corrections

ACTOR = "the bill"


class Reason(BaseModel):
    """What has happened: the month that was allocated; without one, every closed month is looked at."""

    billing_period: str | None = None


@logger.inject_lambda_context
@metrics.log_metrics
@event_parser(model=Reason)
def handler(event: Reason, context: LambdaContext) -> dict[str, Any]:
    act = Act(actor=ACTOR, at=now(), request_id=context.aws_request_id)
    ledgers = wiring.ledgers()
    if event.billing_period is None:
        found = book_all_corrections(ledgers=ledgers, act=act)
    else:
        found = [book_corrections(event.billing_period, ledgers=ledgers, act=act)]
    told = [one for one in found if one.outcome is not Outcome.NOTHING]
    booked = sum(one.outcome is Outcome.BOOKED for one in told)
    count("CorrectionsBooked", booked)
    logger.info(
        "looked for corrections",
        months=len(found),
        told=[(one.original_period, one.outcome, one.booked_in) for one in told],
    )
    return {"booked": booked, "waiting": len(told) - booked}
