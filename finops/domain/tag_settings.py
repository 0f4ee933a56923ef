"""Tag settings: the tags that spend is told by, those that are required, and other spellings."""

from collections.abc import Collection, Mapping
from typing import Self

from pydantic import model_validator

from finops.domain.errors import InvalidError
from finops.domain.tags import must_be_spelled
from finops.domain.values import Frozen

MOST_KEYS = 20
MOST_ALIASES = 500
LONGEST_VALUE = 256


class KeyAlias(Frozen):
    """Another spelling of a tag's key: who tagged *alias* meant *key*."""

    key: str
    alias: str

    @model_validator(mode="after")
    def _are_keys(self) -> Self:
        must_be_spelled(self.key)
        must_be_spelled(self.alias)
        return self


class ValueAlias(Frozen):
    """Another spelling of the value that a tag of *key* has."""

    key: str
    value: str
    alias: str

    @model_validator(mode="after")
    def _is_of_a_key(self) -> Self:
        must_be_spelled(self.key)
        if max(len(self.value), len(self.alias)) > LONGEST_VALUE:
            raise InvalidError(
                f"a value of {self.key} has more than the {LONGEST_VALUE} characters of a tag"
            )
        if {"*", "?"} & {*self.value}:
            raise InvalidError(
                f"the value {self.value} of {self.key} has * or ?, which no tag has and claim rules "
                "read as any letters; name the value in full"
            )
        return self


class TagSettings(Frozen):
    """*report_keys* are what spend is taken apart by, *required_keys* what every resource should have.

    Keys are as their owner spells them: `user:Team`. Aliases lead to them; claim rules, coverage and
    reports read tags as they are after it (`meant`).
    """

    report_keys: tuple[str, ...] = ()
    required_keys: tuple[str, ...] = ()
    key_aliases: tuple[KeyAlias, ...] = ()
    value_aliases: tuple[ValueAlias, ...] = ()

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        for what, keys in (("report", self.report_keys), ("required", self.required_keys)):
            if len(keys) > MOST_KEYS:
                raise InvalidError(f"there are {len(keys)} {what} keys; {MOST_KEYS} is the most")
            if len(set(keys)) < len(keys):
                raise InvalidError(f"name each of the {what} keys once")
            for key in keys:
                must_be_spelled(key)
                if (meant := self.key(key)) != key:
                    raise InvalidError(f"{key} is an alias; name what it means, {meant}")
        if len(self.key_aliases) + len(self.value_aliases) > MOST_ALIASES:
            raise InvalidError(f"there are more than {MOST_ALIASES} aliases")
        aliases = [one.alias for one in self.key_aliases]
        if len(set(aliases)) < len(aliases):
            raise InvalidError("a spelling of a key leads to two keys; keep one")
        if found := sorted(set(aliases) & {one.key for one in self.key_aliases}):
            raise InvalidError(f"{found[0]} is an alias and has aliases; let all lead to one key")
        spelled = [(one.key, one.alias) for one in self.value_aliases]
        if len(set(spelled)) < len(spelled):
            raise InvalidError("a spelling of a value leads to two values; keep one")
        wanted = {(one.key, one.value) for one in self.value_aliases}
        if found_values := sorted(set(spelled) & wanted):
            key, value = found_values[0]
            raise InvalidError(f"{value} of {key} is an alias and has aliases; let all lead to one")
        if misplaced := sorted({one.key for one in self.value_aliases} & set(aliases)):
            raise InvalidError(f"values are of {misplaced[0]}, which is an alias; name its key")
        return self

    @property
    def aliases(self) -> "TagAliases":
        """The table of other spellings, in its one order."""
        return TagAliases(
            keys=tuple(sorted(self.key_aliases, key=_order)),
            values=tuple(sorted(self.value_aliases, key=_order)),
        )

    def key(self, spelled: str) -> str:
        """What a key means.

        >>> TagSettings(key_aliases=(KeyAlias(key="user:Team", alias="user:team"),)).key("user:team")
        'user:Team'
        """
        return self.aliases.key(spelled)

    def meant(self, tags: Mapping[str, str]) -> dict[str, str]:
        """*tags* with keys and values that are meant. Who has a key already keeps its value."""
        return self.aliases.meant(tags)


class TagAliases(Frozen):
    """The table of other spellings by itself: as much of the settings as decides who pays.

    What it says is valid where the settings are that it comes from.
    """

    keys: tuple[KeyAlias, ...] = ()
    values: tuple[ValueAlias, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.keys or self.values)

    def key(self, spelled: str) -> str:
        """What a key means."""
        return next((one.key for one in self.keys if one.alias == spelled), spelled)

    def value(self, key: str, spelled: str) -> str:
        """What a value of *key*, which is none that an alias leads from, means."""
        found = (one.value for one in self.values if (one.key, one.alias) == (key, spelled))
        return next(found, spelled)

    def meant(self, tags: Mapping[str, str]) -> dict[str, str]:
        """*tags* with keys and values that are meant. Who has a key already keeps its value; of two
        other spellings the one that sorts first counts.
        """
        keys = {one.alias: one.key for one in self.keys}
        values = {(one.key, one.alias): one.value for one in self.values}
        found: dict[str, str] = {}
        for spelled in sorted(tags, key=lambda one: (one in keys, one)):
            key = keys.get(spelled, spelled)
            found.setdefault(key, values.get((key, tags[spelled]), tags[spelled]))
        return found

    def spellings(self, key: str) -> list[str]:
        """What *key*, which none leads from, is read from; the first one that a resource has counts."""
        return [key, *sorted(one.alias for one in self.keys if one.key == key)]

    def of(self, keys: Collection[str]) -> Self:
        """As much of it as says what a resource's tags of these keys are; or what the keys mean."""
        wanted = {self.key(key) for key in keys}
        return type(self)(
            keys=tuple(one for one in self.keys if one.key in wanted),
            values=tuple(one for one in self.values if one.key in wanted),
        )

    def beside(self, now: Self, keys: Collection[str]) -> Self:
        """This table, and what *now* says beyond it; of *keys*, which it was made for, nothing."""
        known = {*keys, *(self.key(key) for key in keys), *(one.alias for one in self.keys)}
        known |= {one.key for one in self.keys} | {one.key for one in self.values}
        keys_now = [one for one in now.keys if not known & {one.key, one.alias}]
        values_now = [one for one in now.values if one.key not in known]
        return type(self)(
            keys=tuple(sorted([*self.keys, *keys_now], key=_order)),
            values=tuple(sorted([*self.values, *values_now], key=_order)),
        )


def _order(one: KeyAlias | ValueAlias) -> tuple[str, str]:
    return (one.key, one.alias)
