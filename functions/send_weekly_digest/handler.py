"""Every Monday: a mail to everybody who answers for spend, about the cards under them."""

from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.weekly_digest import send_weekly_digests


class Asked(BaseModel):
    """The moment that the week is looked back from."""

    at: datetime | None = None


class WeeklyDigestsFailedError(RuntimeError):
    """Some mails did not go out; the others did."""


@logger.inject_lambda_context
@metrics.log_metrics
@event_parser(model=Asked)
def handler(event: Asked, context: LambdaContext) -> dict[str, Any]:
    post = wiring.post()
    if post is None:
        logger.info("no mails: the deployment names no sender")
        return {"sent": 0}
    told = send_weekly_digests(
        event.at or now(),
        sources=wiring.weekly_sources(),
        post=post,
        pictures=wiring.pictures(),
    )
    count("WeeklyDigestsSent", len(told.sent))
    logger.info("sent weekly digests", sent=len(told.sent), before=len(told.sent_before))
    if told.failed:
        count("WeeklyDigestsFailed", len(told.failed))
        logger.error("weekly digests did not go out", failed=told.failed)
        raise WeeklyDigestsFailedError(
            f"{len(told.failed)} weekly digests did not go out; the log says why"
        )
    return {"sent": len(told.sent)}
