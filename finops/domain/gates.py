"""Gates: what a portfolio demands before a schedule may be submitted."""

from datetime import datetime

from finops.domain.values import Entity


class Gate(Entity):
    """*monthly* is the size of an estimate, in ticks a month, above which its owner must approve it.

    None: the portfolio demands nothing.
    """

    portfolio: str
    monthly: int | None = None
    changed_at: datetime | None = None
