"""Tag settings: aliases lead to one key and one value, and tags are read as they are meant."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.errors import InvalidError
from finops.domain.tag_settings import KeyAlias, TagSettings, ValueAlias

some = settings(max_examples=80, deadline=None, derandomize=True)
TEAM, STAGE = "user:Team", "user:Stage"
SPELLED = TagSettings(
    report_keys=(TEAM,),
    required_keys=(TEAM, STAGE),
    key_aliases=(KeyAlias(key=TEAM, alias="user:team"), KeyAlias(key=TEAM, alias="user:squad")),
    value_aliases=(ValueAlias(key=TEAM, value="web", alias="Web"),),
)


def test_another_spelling_of_a_key_and_of_its_value_are_read_as_they_are_meant() -> None:
    assert SPELLED.meant({"user:team": "Web", STAGE: "Web"}) == {TEAM: "web", STAGE: "Web"}
    assert SPELLED.key("user:squad") == TEAM
    assert SPELLED.key(STAGE) == STAGE


def test_who_has_a_key_already_keeps_its_value() -> None:
    assert SPELLED.meant({"user:squad": "ops", TEAM: "web"}) == {TEAM: "web"}


def test_of_two_other_spellings_the_one_that_sorts_first_counts() -> None:
    assert SPELLED.meant({"user:team": "web", "user:squad": "ops"}) == {TEAM: "ops"}


@some
@given(
    st.dictionaries(
        st.sampled_from([TEAM, "user:team", "user:squad", STAGE, "aws:createdBy"]),
        st.sampled_from(["web", "Web", "", "ops"]),
    )
)
def test_what_is_meant_means_itself_in_any_order(tags: dict[str, str]) -> None:
    meant = SPELLED.meant(tags)

    assert SPELLED.meant(meant) == meant
    assert SPELLED.meant(dict(reversed(tags.items()))) == meant


def key_alias(key: str, alias: str) -> KeyAlias:
    return KeyAlias(key=key, alias=alias)


def value_alias(value: str, alias: str, key: str = TEAM) -> ValueAlias:
    return ValueAlias(key=key, value=value, alias=alias)


@pytest.mark.parametrize(
    "said, words",
    [
        ({"report_keys": (TEAM, TEAM)}, "each of the report keys once"),
        ({"required_keys": (TEAM, TEAM)}, "each of the required keys once"),
        ({"required_keys": ("",)}, "is no key of a tag"),
        ({"required_keys": (" ",)}, "is no key of a tag"),
        ({"report_keys": ("x" * 151,)}, "1 to 150 characters"),
        ({"report_keys": ("resourceTags/user:Team",)}, "leave resourceTags/ out, as in user:Team"),
        ({"report_keys": tuple(f"user:{n}" for n in range(21))}, "21 report keys; 20 is the most"),
        (
            {"report_keys": ("user:team",), "key_aliases": (key_alias(TEAM, "user:team"),)},
            "user:team is an alias; name what it means, user:Team",
        ),
        (
            {"key_aliases": (key_alias(TEAM, "user:x"), key_alias(STAGE, "user:x"))},
            "leads to two keys; keep one",
        ),
        (
            {"key_aliases": (key_alias(TEAM, "user:x"), key_alias("user:x", "user:y"))},
            "user:x is an alias and has aliases; let all lead to one key",
        ),
        ({"key_aliases": (key_alias(TEAM, TEAM),)}, "is an alias and has aliases"),
        (
            {"value_aliases": (value_alias("web", "Web"), value_alias("ops", "Web"))},
            "leads to two values; keep one",
        ),
        (
            {"value_aliases": (value_alias("web", "Web"), value_alias("Web", "WEB"))},
            "Web of user:Team is an alias and has aliases",
        ),
        (
            {
                "key_aliases": (key_alias(TEAM, "user:team"),),
                "value_aliases": (value_alias("web", "Web", "user:team"),),
            },
            "values are of user:team, which is an alias; name its key",
        ),
        (
            {"key_aliases": tuple(key_alias(TEAM, f"user:{n}") for n in range(501))},
            "more than 500 aliases",
        ),
    ],
)
def test_what_leads_nowhere_or_to_two_places_is_refused(said: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        TagSettings(**said)


def test_an_alias_is_of_a_key_as_the_ledger_keeps_it_and_a_value_no_longer_than_aws_has_it() -> (
    None
):
    with pytest.raises(InvalidError, match="leave resourceTags/ out"):
        key_alias("resourceTags/user:Team", "user:team")
    with pytest.raises(InvalidError, match="256 characters of a tag"):
        value_alias("web", "x" * 257)
    assert value_alias("none", "").alias == ""


@pytest.mark.parametrize("value", ["*", "web?"])
def test_no_alias_makes_a_pattern_of_what_a_rule_says_in_full(value: str) -> None:
    """A rule for `x` would take every resource, were `x` to mean `*`."""
    with pytest.raises(InvalidError, match=r"user:Team.* has \* or \?"):
        value_alias(value, "x")
    assert value_alias("web", value).alias == value
