"""A step of make_reports: which reports there are to be, for whom, and what is still missing."""

from datetime import date, datetime
from typing import Annotated, Any

from aws_lambda_powertools.utilities.parser import BaseModel, event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BeforeValidator

from finops.domain.report_settings import Rhythm
from finops.runtime import wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.organisation_settings import in_force
from finops.usecases.send_cost_reports import plan

# What an event says nothing of comes as no text: it cannot be told to say null.
Said = BeforeValidator(lambda said: said or None)


class Step(BaseModel):
    run_id: str
    at: Annotated[datetime | None, Said] = None
    rhythm: Rhythm
    end: Annotated[date | None, Said] = None
    again: bool = False
    waits: bool = False


@logger.inject_lambda_context(correlation_id_path="run_id")
@metrics.log_metrics
@event_parser(model=Step)
def handler(event: Step, context: LambdaContext) -> dict[str, Any]:
    planned = plan(
        event.run_id,
        event.at,
        event.rhythm,
        event.end,
        again=event.again,
        waits=event.waits,
        now=now(),
        time_zone=wiring.reports_time_zone(),
        cubes=wiring.spend_cubes(),
        settings=in_force(wiring.settings_kept()),
        people=wiring.people(),
        ledger=wiring.ledger(),
        bucket=wiring.ledger_bucket(),
    )
    count("ReportGaps", len(planned.gaps))
    logger.info("planned", items=planned.items, gaps=planned.gaps, waits=planned.waits)
    return planned.model_dump(mode="json")
