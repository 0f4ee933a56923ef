"""What the audit trail took down goes out on the event bus, each event once at least."""

from typing import Any

from aws_lambda_powertools.utilities.data_classes import DynamoDBStreamEvent, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.domain.audit import AuditRecord
from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics
from finops.usecases.notices import tell_notices


@logger.inject_lambda_context
@metrics.log_metrics
@event_source(data_class=DynamoDBStreamEvent)
def handler(event: DynamoDBStreamEvent, context: LambdaContext) -> dict[str, Any]:
    numbers: list[str] = []
    records: list[AuditRecord] = []
    for one in event.records:
        changed = one.dynamodb
        if changed is not None and changed.new_image and "event" in changed.new_image:
            numbers.append(str(changed.sequence_number))
            records.append(AuditRecord.of(changed.new_image))
    untold = tell_notices(records, notices=wiring.notices())
    count("NoticesTold", len(records) - len(untold))
    logger.info("told notices", records=len(records), untold=len(untold))
    return {"batchItemFailures": [{"itemIdentifier": numbers[one]} for one in untold]}
