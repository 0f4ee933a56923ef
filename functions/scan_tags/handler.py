"""Every day, or when somebody asks: what the tagging API knows of the regions to scan."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.tag_scans import scan_tags


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    scan = scan_tags(
        context.invoked_function_arn.split(":")[4],
        wiring.tagging_regions(),
        at=now(),
        tagging=wiring.tagged_resources(),
        ledger=wiring.ledger(),
    )
    number = sum(len(one.resources) for one in scan.regions)
    count("ResourcesScanned", number)
    return {"regions": len(scan.regions), "resources": number}
