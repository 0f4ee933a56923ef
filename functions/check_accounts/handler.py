"""Every day, when somebody asks, and when the organization changes: take over what it says."""

from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from finops.domain.audit import Act
from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.accounts import check_accounts

ACTOR = "the organization"


class Occasion(BaseModel):
    """Why to look: something happened at a *time*; the daily look has none."""

    time: datetime | None = None


@logger.inject_lambda_context
@metrics.log_metrics
@event_parser(model=Occasion)
def handler(event: Occasion, context: LambdaContext) -> dict[str, Any]:
    check = check_accounts(
        event.time,
        accounts=wiring.accounts(),
        organizations=wiring.organizations(),
        act=Act(actor=ACTOR, at=now(), request_id=context.aws_request_id),
    )
    if check is None:
        count("AccountChecksSpared")
        logger.info("looked at the organization since", since=event.time)
        return {"status": "Known", "listed": 0, "found": {}}
    count("AccountsListed", check.listed)
    found = dict(check.found)
    count("AccountNotices", sum(found.values()))
    logger.info("checked accounts", listed=check.listed, found=found)
    return {"status": check.status.value, "listed": check.listed, "found": found}
