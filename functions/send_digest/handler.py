"""Every day: one mail to each person who owes a step."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from finops.runtime import settings, wiring
from finops.runtime.observability import count, logger, metrics, now
from finops.usecases.digest import Letterhead, send_digests


class DigestsFailedError(RuntimeError):
    """Some mails did not go out; the others did."""


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    mails = wiring.mails()
    if mails is None:
        logger.info("no mails: the deployment names no sender")
        return {"sent": 0}
    letterhead = Letterhead(
        subject=settings.text("DIGEST_SUBJECT"),
        text=settings.text("DIGEST_TEXT"),
        logo=settings.text("MAIL_LOGO") or None,
        app_url=settings.text("APP_URL") or None,
    )
    told = send_digests(
        now(), letterhead, office=wiring.office(), receipts=wiring.receipts(), mails=mails
    )
    count("DigestsSent", len(told.sent))
    logger.info("sent digests", sent=len(told.sent), before=len(told.sent_before))
    if told.failed:
        count("DigestsFailed", len(told.failed))
        logger.error("digests did not go out", extra={"failed": told.failed})
        raise DigestsFailedError(f"{len(told.failed)} digests did not go out; the log says why")
    return {"sent": len(told.sent)}
