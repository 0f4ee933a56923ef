"""A bill was loaded: the credits that its lines name, and nobody knew, are queued to be mapped."""

from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.domain.audit import Act
from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.accounts import BillsLoaded
from finops.usecases.credits import find_credits

ACTOR = "the bill"


@logger.inject_lambda_context(correlation_id_path="load_id")
@metrics.log_metrics
@event_parser(model=BillsLoaded)
def handler(event: BillsLoaded, context: LambdaContext) -> dict[str, Any]:
    new = find_credits(
        event.bills,
        notes=wiring.bill_notes(),
        credits_=wiring.credits(),
        act=Act(actor=ACTOR, at=now(), request_id=context.aws_request_id),
    )
    count("CreditsFound", len(new))
    logger.info("found credits", found=[credit.credit_id for credit in new[:20]])
    return {"found": len(new)}
