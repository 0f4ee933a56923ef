"""Claim rules: resources that a workload pays for because of their tag, name or service."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple, Self

from pydantic import model_validator

from finops.domain.errors import ConflictError, InvalidError, NotFoundError
from finops.domain.tag_settings import TagAliases
from finops.domain.values import Entity, Frozen

MOST_RULES = 500  # that are not over
MOST_KEPT = 10_000  # with those that are over, as far as one order names them
LONGEST_PATTERN = 500
MOST_STARS = 5


class Resource(NamedTuple):
    """What a rule may know of a resource; *tags* as the ledger keeps them."""

    account_id: str | None
    resource_id: str
    service: str | None
    tags: str | None

    def meant(self, aliases: TagAliases) -> Self:
        """With its tags as they are meant."""
        if not aliases or self.tags is None:
            return self
        return self._replace(tags=json.dumps(aliases.meant(read_tags(self.tags))))


class TagPattern(Frozen):
    """A tag by its key, as its owner spells it, and a pattern for its value.

    >>> TagPattern(key="user:Team", value="web-*").matches({"user:Team": "web-shop"})
    True
    """

    key: str
    value: str = "*"

    def matches(self, tags: Mapping[str, str]) -> bool:
        return self.key in tags and like(self.value, tags[self.key])

    def meant(self, aliases: TagAliases) -> Self:
        """The pattern for tags as they are meant: whatever spelling a rule was written in.

        A value without `*` and `?` is read by the table as a resource's would be; a pattern is for
        values that are meant.
        """
        key = aliases.key(self.key)
        is_text = "*" not in self.value and "?" not in self.value
        value = aliases.value(key, self.value) if is_text else self.value
        return self.model_copy(update={"key": key, "value": value})


class ClaimRule(Frozen):
    """Resources that are *workload_id*'s on the days [*start*, *end*): those all criteria fit.

    *name* is a pattern for the resource's id, *service* its code. An account narrows a rule and is
    no criterion: a whole account is what shares are for. Charges of no resource stay with the
    account's shares. Source: specification section 7.3.
    """

    rule_id: str
    workload_id: str
    product_id: str
    account_id: str | None = None
    tag: TagPattern | None = None
    name: str | None = None
    service: str | None = None
    start: date
    end: date | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.tag is None and self.name is None and self.service is None:
            raise InvalidError(
                "a claim rule needs a tag, a name pattern or a service; split a whole account by"
                " its shares"
            )
        for pattern in (self.name, self.tag.value if self.tag else None):
            if pattern is not None and (
                len(pattern) > LONGEST_PATTERN or pattern.count("*") > MOST_STARS
            ):
                raise InvalidError(
                    f"a pattern has at most {LONGEST_PATTERN} characters and {MOST_STARS} stars"
                )
        if "" in (self.name, self.service, self.tag.key if self.tag else None):
            raise InvalidError("an empty name, service or tag key fits nothing; leave it out")
        if self.end is not None and self.end < self.start:
            raise InvalidError(f"the rule would end on {self.end}, before it starts, {self.start}")
        return self

    def meant(self, aliases: TagAliases) -> Self:
        """This rule for resources whose tags are read as they are meant."""
        if not aliases or self.tag is None:
            return self
        return self.model_copy(update={"tag": self.tag.meant(aliases)})

    def covers(self, day: date) -> bool:
        return self.start <= day and (self.end is None or day < self.end)

    def fits(self, resource: Resource) -> bool:
        """Whether *resource* is what the rule is about, whatever the day."""
        return (
            self.account_id in (None, resource.account_id)
            and self.service in (None, resource.service)
            and (self.name is None or like(self.name, resource.resource_id))
            and (self.tag is None or self.tag.matches(read_tags(resource.tags)))
        )


class ClaimRules(Entity):
    """All claim rules in their order: of those that fit on a day, the first one counts.

    A rule that is over stays, so that the past can say why. A hand-made claim goes before any rule.
    """

    rules: tuple[ClaimRule, ...] = ()

    @property
    def tag_keys(self) -> frozenset[str]:
        """The keys of the tags that any of them asks for, as rules spell them."""
        return frozenset(rule.tag.key for rule in self.rules if rule.tag)

    def meant(self, aliases: TagAliases) -> Self:
        """These rules for resources whose tags are read as they are meant."""
        if not aliases:
            return self
        return self.model_copy(update={"rules": tuple(rule.meant(aliases) for rule in self.rules)})

    def first(self, resource: Resource, day: date) -> ClaimRule | None:
        """The rule that *resource* is under on *day*."""
        return next((rule for rule in self.rules if rule.covers(day) and rule.fits(resource)), None)

    def rule(self, rule_id: str) -> ClaimRule:
        """Raises NotFoundError for a rule that there is not."""
        found = next((rule for rule in self.rules if rule.rule_id == rule_id), None)
        if found is None:
            raise NotFoundError(f"there is no claim rule {rule_id}")
        return found

    def added(
        self, rule: ClaimRule, *, today: date, open_from: date, before: str | None = None
    ) -> Self:
        """These rules and *rule*, ahead of the rule *before*, or last.

        Raises InvalidError for a start before *open_from*, the first day of the open period, and
        ConflictError for a rule id that is taken, and where MOST_RULES are not over *today*.
        """
        if any(other.rule_id == rule.rule_id for other in self.rules):
            raise ConflictError(f"there is a claim rule {rule.rule_id} already")
        if sum(one.end is None or one.end > today for one in self.rules) >= MOST_RULES:
            raise ConflictError(
                f"there are {MOST_RULES} claim rules that are not over, which is the most; end one"
            )
        if rule.start < open_from:
            raise InvalidError(
                f"{rule.start} is before the open period; a rule starts on {open_from} or later"
            )
        place = len(self.rules) if before is None else self.rules.index(self.rule(before))
        return self.changed(rules=(*self.rules[:place], rule, *self.rules[place:]))

    def ended(self, rule_id: str, end: date, *, open_from: date) -> Self:
        """These rules with one that ends before the day *end*; closed months stay as they are."""
        old = self.rule(rule_id)
        if end < open_from:
            raise InvalidError(
                f"{end} is before the open period; a rule ends on {open_from} or later"
            )
        if old.end is not None and old.end <= end:
            raise ConflictError(f"claim rule {rule_id} ends on {old.end} already")
        new = old.model_copy(update={"end": max(old.start, end)})
        return self.changed(rules=tuple(new if rule is old else rule for rule in self.rules))

    def ordered(self, rule_ids: Sequence[str]) -> Self:
        """These rules in another order; *rule_ids* names each of them once."""
        if sorted(rule_ids) != sorted(rule.rule_id for rule in self.rules):
            raise InvalidError("name every claim rule once, in the order they are to be tried")
        return self.changed(rules=tuple(self.rule(rule_id) for rule_id in rule_ids))


def like(pattern: str, text: str) -> bool:
    r"""Whether the whole of *text* is as *pattern* says: `*` is any text, `?` any one character.

    >>> like("web-?", "web-1"), like("web-?", "web-12"), like("*a.b*", "xaxb"), like("[a]", "a")
    (True, False, False, False)
    """
    if not all(piece in text for piece in _pieces(pattern)):
        return False
    # Each star takes as little as it can; only the last one met has to be tried again.
    place = at = 0
    star: tuple[int, int] | None = None
    while at < len(text):
        sign = pattern[place : place + 1]
        if sign == "*":
            star = (place, at)
            place += 1
        elif sign and sign in ("?", text[at]):
            place, at = place + 1, at + 1
        elif star is not None:
            star = (star[0], star[1] + 1)
            place, at = star[0] + 1, star[1]
        else:
            return False
    return not pattern[place:].strip("*")


@lru_cache(maxsize=4096)
def _pieces(pattern: str) -> tuple[str, ...]:
    """What is literal in *pattern*: most texts are soon seen not to hold it."""
    return tuple(filter(None, re.split(r"[*?]", pattern)))


@lru_cache(maxsize=4096)
def read_tags(tags: str | None) -> Mapping[str, str]:
    """Tags as the ledger keeps them (`finops.domain.tags.canonical`), by key."""
    return MappingProxyType(json.loads(tags) if tags else {})
