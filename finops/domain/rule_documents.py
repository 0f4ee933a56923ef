"""Documents of rules: what is too large for an entity is written whole, and a head names it."""

from datetime import datetime

from finops.domain.values import Entity


class RulesHead(Entity):
    """Which document of rules is in force: the claims *of* an account, or the claim rules of all.

    A document never changes; *digest* is that of its content, *number* how many claims or rules it
    holds. Who made each claim, and when, is in the document itself.
    """

    of: str
    document: str
    digest: str
    number: int
    changed_at: datetime
