"""Schedules, levels or who pays have changed, or a day has passed: AWS's budgets are kept in step."""

from typing import Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.push_budgets import push_budgets

TOLD = 100  # elements that are named in the answer; the log names all of them


class Asked(BaseModel):
    """What calls; *records* are reasons that were gathered, *thorough* looks at addresses too."""

    thorough: bool = False
    records: list[dict[str, Any]] = Field(default=[], alias="Records")


class BudgetsNotPushedError(RuntimeError):
    """Some budgets are not in step; the others are."""


@logger.inject_lambda_context
@metrics.log_metrics
@event_parser(model=Asked)
def handler(event: Asked, context: LambdaContext) -> dict[str, Any]:
    pushed = push_budgets(
        now().date(),
        is_thorough=event.thorough,
        sources=wiring.budget_sources(),
        aws=wiring.aws_budgets(),
    )
    count("AwsBudgetsWritten", len(pushed.created) + len(pushed.changed) + len(pushed.deleted))
    count("AwsBudgetsUnwatched", len(pushed.unwatched))
    logger.info(
        "pushed budgets",
        reasons=len(event.records),
        budgets_created=pushed.created,
        budgets_changed=pushed.changed,
        budgets_deleted=pushed.deleted,
        watched=pushed.watched,
    )
    for one in pushed.unwatched:
        logger.info("AWS cannot watch", element=one.element or "enterprise", reason=one.reason)
    if pushed.failed:
        count("AwsBudgetsFailed", len(pushed.failed))
        logger.error("budgets are not in step", failed=pushed.failed)
        raise BudgetsNotPushedError(
            f"{len(pushed.failed)} budgets or payers are not in step; the log says why"
        )
    return {
        "created": len(pushed.created),
        "changed": len(pushed.changed),
        "deleted": len(pushed.deleted),
        "watched": pushed.watched,
        "unwatched": len(pushed.unwatched),
        "reasons": {one.element or "enterprise": one.reason for one in pushed.unwatched[:TOLD]},
    }
