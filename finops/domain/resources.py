"""Resources: what a month's bill knows of each, and the questions they are found by."""

import re
from collections.abc import Collection, Mapping
from datetime import date
from enum import StrEnum
from typing import NamedTuple, Self

from pydantic import model_validator

from finops.domain.claim_rules import LONGEST_PATTERN, MOST_STARS, like, read_tags
from finops.domain.errors import InvalidError
from finops.domain.values import Frozen

NONE = "(none)"
# The tag that names a resource, as exports of the bill spell its key; the first one there counts.
NAME_KEYS = ("user:Name", "Name", "user_name")
MOST_TAGS = 10
MOST_ACCOUNTS = 1_000


class ResourceOrder(StrEnum):
    """What comes first: what cost most, payer, account and id, or what was charged last."""

    COST = "Cost"
    ID = "Id"
    LAST_DAY = "LastDay"


class BilledResource(NamedTuple):
    """A resource in one service, as a bill charges it: two services are two of these.

    Region and *tags* (`finops.domain.tags.canonical`) are those of its last day; costs in ticks, None
    for who is not to know them (`Sight`). *part_of* is the instance that a container runs on (split
    cost allocation), whose cost it is.
    """

    payer: str
    account_id: str | None
    resource_id: str
    name: str | None
    service: str | None
    region: str | None
    tags: str | None
    currency: str | None
    first_day: date | None
    last_day: date | None
    billed_cost: int | None
    effective_cost: int | None
    part_of: str | None = None


class Generation(NamedTuple):
    """A bill as one load made it."""

    payer: str
    period: str
    load: str


class Place(NamedTuple):
    """Where a resource is in the order of an answer, *bill* being the number of its generation."""

    key: int
    bill: int
    place: int


class Total(NamedTuple):
    """What all that was found adds up to in one currency, in ticks."""

    currency: str | None
    number: int
    billed_cost: int
    effective_cost: int


class Found(NamedTuple):
    """Some of the resources that fit, each with its place, and the number of all of them.

    *totals* are of all whose cost is told.
    """

    resources: list[tuple[Place, BilledResource]]
    totals: list[Total]
    number: int = 0


class Sight(NamedTuple):
    """What somebody sees of a bill's resources who does not see all: ids, by account.

    Of an account in *only* they see just these; of those in *untold* they see no cost.
    """

    only: Mapping[str | None, Collection[str]] = {}
    untold: Mapping[str | None, Collection[str]] = {}


class TagFilter(Frozen):
    """A tag by its key, as its owner spells it, and its very value; None: any value."""

    key: str
    value: str | None = None

    def fits(self, tags: Mapping[str, str]) -> bool:
        return self.key in tags and self.value in (None, tags[self.key])


class ResourceQuery(Frozen):
    """What to look for; a resource is found where it fits all that is asked.

    *text* is sought in id and name, *resource_id* and *name* each in its own (`sought`). Service and
    region may be `NONE`. *least* and *most* are billed cost of the month, in ticks. *claimed* asks
    for resources that a hand-made claim covers today or later (True), or none does (False).
    """

    text: str | None = None
    resource_id: str | None = None
    name: str | None = None
    service: str | None = None
    region: str | None = None
    tags: tuple[TagFilter, ...] = ()
    accounts: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    claimed: bool | None = None
    order: ResourceOrder = ResourceOrder.COST

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        for word, said in (("text", self.text), ("id", self.resource_id), ("name", self.name)):
            if said is None:
                continue
            if not said:
                raise InvalidError(f"{word} is empty, which fits everything; leave it out")
            if len(said) > LONGEST_PATTERN or said.count("*") > MOST_STARS:
                raise InvalidError(
                    f"{word} has at most {LONGEST_PATTERN} characters and {MOST_STARS} stars"
                )
        if len(self.tags) > MOST_TAGS:
            raise InvalidError(f"tag: at most {MOST_TAGS} at once, not {len(self.tags)}")
        if len(self.accounts) > MOST_ACCOUNTS:
            raise InvalidError(f"account: at most {MOST_ACCOUNTS} at once; leave them out for all")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise InvalidError("min_cost is more than max_cost, which fits nothing; swap them")
        return self

    def fits(self, resource: BilledResource, *, is_claimed: bool) -> bool:
        """Whether *resource* is among what is asked for."""
        return (
            (self.text is None or _in(self.text, resource.resource_id, resource.name))
            and (self.resource_id is None or _in(self.resource_id, resource.resource_id))
            and (self.name is None or _in(self.name, resource.name))
            and _is(self.service, resource.service)
            and _is(self.region, resource.region)
            and all(tag.fits(read_tags(resource.tags)) for tag in self.tags)
            and (not self.accounts or (resource.account_id or NONE) in self.accounts)
            and self._costs(resource.billed_cost)
            and self.claimed in (None, is_claimed)
        )

    def _costs(self, billed: int | None) -> bool:
        """Whether that is a cost asked for; none that is not told is."""
        if billed is None:
            return self.least is None and self.most is None
        return (self.least is None or self.least <= billed) and (
            self.most is None or billed <= self.most
        )


def sought(text: str, value: str) -> bool:
    """Whether *value* is as *text* says: all of it where there are `*` or `?`, else a part of it.

    Upper and lower case are the same.

    >>> sought("SHOP", "web-shop-1"), sought("shop*", "web-shop-1"), sought("*Shop-?", "web-shop-1")
    (True, False, True)
    """
    wanted, found = folded(text), folded(value)
    return like(wanted, found) if is_pattern(text) else wanted in found


def is_pattern(text: str) -> bool:
    return "*" in text or "?" in text


def folded(text: str) -> str:
    """*text* in lower case, letter by letter, so that it keeps its length.

    >>> folded("İD-É")
    'id-é'
    """
    return "".join(letter.lower()[0] for letter in text)


def name_of(tags: str | None) -> str | None:
    """What a resource is called, by its tags.

    >>> name_of('{"user:Name":"web","user:Team":"a"}'), name_of('{"user:Team":"a"}')
    ('web', None)
    """
    known = read_tags(tags)
    return next((known[key] for key in NAME_KEYS if key in known), None)


def tag_filter(said: str) -> TagFilter:
    r"""A tag as people ask for it: its key, or `key=value`; a `=` in a key is written `\=`.

    Raises InvalidError for one without a key.

    >>> tag_filter("user:Team")
    TagFilter(key='user:Team', value=None)
    >>> tag_filter("user:Query=a=b*"), tag_filter(r"a\=b=")
    (TagFilter(key='user:Query', value='a=b*'), TagFilter(key='a=b', value=''))
    """
    key, *value = re.split(r"(?<!\\)=", said, maxsplit=1)
    if not key:
        raise InvalidError(f"tag {said!r} names no key; write it as KEY or KEY=VALUE")
    return TagFilter(key=key.replace("\\=", "="), value=value[0] if value else None)


def _in(text: str, *values: str | None) -> bool:
    return any(value is not None and sought(text, value) for value in values)


def _is(wanted: str | None, value: str | None) -> bool:
    if wanted is None:
        return True
    return value is None if wanted in ("", NONE) else value == wanted
