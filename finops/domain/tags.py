"""Tags of a resource: one spelling for what AWS writes in four, and keys that look like one."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from finops.domain.errors import InvalidError

RESOURCE_TAG_PREFIX = "resourceTags/"
LONGEST_KEY = 150  # 128 characters of a key, and AWS's word before it


def canonical(tags: Mapping[str, str | None]) -> str | None:
    """*tags* as one JSON text: keys sorted, as their owner spelled them; None where there is none.

    CUR 2.0 prefixes resource tags in its `tags` column; other kinds (`accountTag/…`) keep theirs.

    >>> canonical({"resourceTags/user:Team": "web", "accountTag/Env": "prod", "x": None})
    '{"accountTag/Env":"prod","user:Team":"web"}'
    """
    kept: dict[str, str] = {}
    for key, value in tags.items():
        if value is not None:
            name = key.removeprefix(RESOURCE_TAG_PREFIX)
            kept[name] = max(value, kept.get(name, value))
    if not kept:
        return None
    return json.dumps(dict(sorted(kept.items())), ensure_ascii=False, separators=(",", ":"))


def normalised(name: str) -> str:
    """*name* as AWS writes it where only lower case and underscores are allowed.

    >>> [normalised(key) for key in ("user:CostCenter", "user:cost-center", "reservationARN")]
    ['user_cost_center', 'user_cost_center', 'reservation_a_r_n']

    Source: AWS CUR user guide, "Column names" of the Athena integration.
    """
    spaced = re.sub(r"([A-Z])", r"_\1", name).lower()
    return re.sub(r"[^0-9a-z]+", "_", spaced).strip("_")


def collisions(keys: Iterable[str]) -> list[tuple[str, ...]]:
    """The groups of *keys* that AWS's normalised spelling cannot tell apart.

    >>> collisions(["user:Team", "user:team", "user:Stage"])
    [('user:Team', 'user:team')]
    """
    by_name: defaultdict[str, set[str]] = defaultdict(set)
    for key in keys:
        by_name[normalised(key)].add(key)
    return sorted(tuple(sorted(group)) for group in by_name.values() if len(group) > 1)


def must_be_spelled(key: str) -> None:
    """Raises InvalidError for what is no key as the ledger keeps it.

    >>> must_be_spelled("user:Team")
    >>> must_be_spelled("resourceTags/user:Team")
    Traceback (most recent call last):
    finops.domain.errors.InvalidError: resourceTags/user:Team: leave resourceTags/ out, as in user:Team
    """
    if key.startswith(RESOURCE_TAG_PREFIX):
        bare = key.removeprefix(RESOURCE_TAG_PREFIX) or "user:Team"
        raise InvalidError(f"{key}: leave {RESOURCE_TAG_PREFIX} out, as in {bare}")
    if not key.strip() or len(key) > LONGEST_KEY:
        raise InvalidError(
            f"{key[:80]!r} is no key of a tag; it has 1 to {LONGEST_KEY} characters, as user:Team"
        )
