"""A bill was loaded: the accounts it charges are known from now on."""

from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.domain.audit import Act
from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.accounts import BillsLoaded, find_accounts

ACTOR = "the bill"


@logger.inject_lambda_context(correlation_id_path="load_id")
@metrics.log_metrics
@event_parser(model=BillsLoaded)
def handler(event: BillsLoaded, context: LambdaContext) -> dict[str, Any]:
    new = find_accounts(
        event.bills,
        bills=wiring.bills(),
        accounts=wiring.accounts(),
        act=Act(actor=ACTOR, at=now(), request_id=context.aws_request_id),
    )
    count("AccountsFound", len(new))
    logger.info("found accounts", found=[account.account_id for account in new[:20]])
    return {"found": len(new)}
