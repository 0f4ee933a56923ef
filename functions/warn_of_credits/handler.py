"""Every day: who looks after credits is told of those that come near their end."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.domain.audit import Act
from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.credits import warn_of_credits

ACTOR = "the calendar"


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    at = now()
    told = warn_of_credits(
        at.date(),
        treasury=wiring.treasury(),
        act=Act(actor=ACTOR, at=at, request_id=context.aws_request_id),
    )
    count("CreditsEnding", len(told))
    logger.info("warned of credits", told=[credit.credit_id for credit in told[:20]])
    return {"told": len(told)}
