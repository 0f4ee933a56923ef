"""Elements of the organisation: ids that are paths of slugs, and who is above whom.

Levels are 1 business unit, 2 department, 3 portfolio, 4 product; level 0 is the enterprise.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha256

from finops.domain.errors import InvalidError

ENTERPRISE = ""
LEVELS = 4
LONGEST_SLUG = 48

# Letters of the Latin script that Unicode does not take apart into a letter and its accent.
_LATIN = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "&": " and ",
    }
)
# A business unit of this name must not be taken for the enterprise, which URLs write so.
_TAKEN = {"enterprise": "enterprise-unit"}


@lru_cache(maxsize=2**16)
def slug(name: str) -> str:
    """*name* in [a-z0-9-]: without accents, and the same for spellings that only look different.

    >>> slug("Crédit & Risk"), slug("credit and  risk")
    ('credit-and-risk', 'credit-and-risk')

    What a slug cannot hold goes on as part of the SHA-256 of the name (in lower case, its spaces
    single): the end of a name of more than 48 characters, and the letters of other scripts.

    >>> slug("東京 IT"), slug("大阪 IT"), slug("東京")
    ('it-1ff279', 'it-bf8933', 'x130016b2')
    """
    decomposed = unicodedata.normalize("NFKD", name).lower().translate(_LATIN)
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    kept = re.sub(r"[^a-z0-9]+", "-", bare).strip("-")
    folded = " ".join(unicodedata.normalize("NFKC", name).lower().split())
    seal = sha256(folded.encode()).hexdigest()
    if not kept:
        return f"x{seal[:8]}"
    has_lost_letters = any(letter.isalnum() and not letter.isascii() for letter in bare)
    if has_lost_letters or len(kept) > LONGEST_SLUG:
        return f"{kept[: LONGEST_SLUG - 7].rstrip('-')}-{seal[:6]}"
    return kept


def element_id(names: Sequence[str]) -> str:
    """The id of the element that *names* lead to, from its business unit down.

    >>> element_id(["Retail", "Digital", "Storefront", "Web shop"])
    'retail.digital.storefront.web-shop'
    """
    parts = [slug(name) for name in names]
    if parts:
        parts[0] = _TAKEN.get(parts[0], parts[0])
    return ".".join(parts)


def level(element: str) -> int:
    """How far below the enterprise *element* is: 4 for a product."""
    return element.count(".") + 1 if element else 0


def parent(element: str) -> str:
    """The element above *element*; raises InvalidError for the enterprise."""
    if element == ENTERPRISE:
        raise InvalidError("the enterprise has nothing above it")
    return element.rpartition(".")[0]


def ancestors(element: str) -> tuple[str, ...]:
    """*element* itself, then those above it, the enterprise last.

    >>> ancestors("retail.digital")
    ('retail.digital', 'retail', '')
    """
    parts = element.split(".") if element else []
    return tuple(".".join(parts[:count]) for count in range(len(parts), -1, -1))


def shared(ids: Iterable[str]) -> str:
    """The lowest element that covers all of *ids*.

    >>> shared(["retail.shop.web.a", "retail.shop.app.b"]), shared(["retail", "logistics"])
    ('retail.shop', '')
    """
    paths = [id_.split(".") for id_ in ids]
    if not paths:
        return ENTERPRISE
    kept = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        kept.append(parts[0])
    return ".".join(kept)


def covers(scope: str, element: str) -> bool:
    """Whether *element* is *scope* or below it.

    >>> covers("retail", "retail.digital"), covers("retail", "retail-x"), covers("", "retail")
    (True, False, True)
    """
    return scope in (ENTERPRISE, element) or element.startswith(f"{scope}.")
