"""After every allocation, and every hour: what was crossed is told of, once."""

from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.watch_spend import watch_spend

NAMED = 20  # alerts in a line of the log


class Asked(BaseModel):
    """Why it is looked now: the month of the bill that was allocated, if one was."""

    billing_period: str | None = None


class WatchFailedError(RuntimeError):
    """Some part could not be looked at, or some message did not go out; the rest was done."""


@logger.inject_lambda_context
@metrics.log_metrics
@event_parser(model=Asked)
def handler(event: Asked, context: LambdaContext) -> dict[str, Any]:
    told = watch_spend(
        now(),
        context.aws_request_id,
        month=event.billing_period,
        sources=wiring.watch_sources(),
        alerts=wiring.alerts(),
        settings=wiring.settings_kept(),
        outlets=wiring.outlets(),
    )
    count("AlertsRaised", len(told.raised))
    count("AlertMessagesSent", len(told.sent))
    logger.info(
        "watched spend",
        raised=told.raised[:NAMED],
        settled=told.settled[:NAMED],
        returned=told.returned[:NAMED],
        sent=len(told.sent),
    )
    if told.failed:
        count("WatchFailures", len(told.failed))
        logger.error("not all was watched or told", failed=told.failed)
        raise WatchFailedError(
            f"{len(told.failed)} parts or messages failed; the log says which and why"
        )
    return {"raised": len(told.raised), "settled": len(told.settled), "sent": len(told.sent)}
