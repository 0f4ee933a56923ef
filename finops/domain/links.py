"""Links that people write down, and others follow."""

import re

from finops.domain.errors import InvalidError

LONGEST = 2_000

# A host without a user before it, so that a link leads where it seems to.
_HTTPS = re.compile(r"(?i:https)://\w[\w.-]*(:\d+)?([/?#][^\s\\\x00-\x1f\x7f]*)?")


def must_be_safe(url: str) -> str:
    """*url*, where it leads where it says. Raises InvalidError.

    >>> must_be_safe("https://calculator.aws/#/estimate?id=7")
    'https://calculator.aws/#/estimate?id=7'
    """
    if len(url) > LONGEST or not _HTTPS.fullmatch(url):
        raise InvalidError(
            f"{url[:80]!r} is no link to an estimate: it starts with https:// and a host, has "
            f"no spaces and at most {LONGEST:,} characters"
        )
    return url
