"""Every day: cards that settle by themselves, reminders, and steps that go up a level."""

from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.tend_cards import tend_cards


class Asked(BaseModel):
    """The moment of the run: the same one again goes on with what was left undone."""

    at: datetime | None = None


class RemindersFailedError(RuntimeError):
    """Some mails did not go out, or cards were changed by others all the time."""


@logger.inject_lambda_context
@metrics.log_metrics
@event_parser(model=Asked)
def handler(event: Asked, context: LambdaContext) -> dict[str, Any]:
    post = wiring.post()
    if post is None:
        logger.info("no mails: the deployment names no sender")
    told = tend_cards(
        event.at or now(),
        context.aws_request_id,
        desk=wiring.card_desk(),
        charts=wiring.charts(),
        post=post,
    )
    count("CardsSettled", told.settled)
    count("CardsReminded", told.reminded)
    count("CardsEscalated", told.escalated)
    mails = told.mails
    logger.info(
        "tended cards",
        settled=told.settled,
        reminded=told.reminded,
        escalated=told.escalated,
        sent=len(mails.sent),
        before=len(mails.sent_before),
    )
    if mails.failed or told.missed:
        count("CardMailsFailed", len(mails.failed))
        logger.error("reminders did not go out", failed=mails.failed, missed=told.missed)
        raise RemindersFailedError(
            f"{len(mails.failed)} mails did not go out, {len(told.missed)} cards were left out;"
            " the log says why"
        )
    return {
        "settled": told.settled,
        "reminded": told.reminded,
        "escalated": told.escalated,
        "sent": len(mails.sent),
    }
