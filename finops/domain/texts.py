"""Texts as records keep them: long ones packed, for no record holds more than so much."""

import gzip
from typing import Any

LONG = 16_384  # characters: shorter ones can be read in the table


def kept(text: str) -> str | bytes:
    """*text*, packed where it is long. The same text is always kept the same way.

    >>> kept("a"), len(kept("abc" * 10_000)) < 200
    ('a', True)
    """
    return gzip.compress(text.encode(), mtime=0) if len(text) > LONG else text


def told(value: Any) -> str:
    """The text that was *kept*, whatever a table made of its bytes.

    >>> told(kept("abc" * 10_000)) == "abc" * 10_000
    True
    """
    return value if isinstance(value, str) else gzip.decompress(bytes(value)).decode()
