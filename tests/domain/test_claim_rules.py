"""The first rule that fits takes a resource; what fits is anchored and minds its case."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.claim_rules import (
    MOST_RULES,
    ClaimRule,
    ClaimRules,
    Resource,
    TagPattern,
    like,
)
from finops.domain.errors import ConflictError, InvalidError, NotFoundError
from tests.ledger.bill_files import WEB, tagged

some = settings(max_examples=300, deadline=None, derandomize=True)

DAY = date(2026, 9, 10)
WEB_1 = Resource(WEB, "i-web-1", "AmazonEC2", tagged(**{"user:Team": "web"}))


def rule(number: int = 1, **told: Any) -> ClaimRule:
    given: dict[str, Any] = {
        "rule_id": f"r{number}",
        "workload_id": f"w{number}",
        "product_id": f"P{number}",
        "start": date(2026, 9, 1),
    }
    criteria = {"name", "tag", "service"} & told.keys()
    return ClaimRule(**given | ({} if criteria else {"name": "*"}) | told)


def rules(*listed: ClaimRule) -> ClaimRules:
    return ClaimRules(rules=listed)


# -- what fits --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told, fits",
    [
        ({"name": "i-web-*"}, True),
        ({"name": "web"}, False),  # anchored
        ({"name": "I-WEB-*"}, False),
        ({"service": "AmazonEC2"}, True),
        ({"service": "AmazonEC"}, False),
        ({"tag": TagPattern(key="user:Team", value="web")}, True),
        ({"tag": TagPattern(key="user:Team")}, True),
        ({"tag": TagPattern(key="user:team", value="web")}, False),
        ({"tag": TagPattern(key="user:Team", value="we")}, False),
        ({"name": "*", "account_id": WEB}, True),
        ({"name": "*", "account_id": "1"}, False),
        ({"name": "i-*", "service": "AmazonS3"}, False),  # all of them
    ],
)
def test_a_rule_fits_a_resource_by_all_its_criteria(told: dict[str, Any], fits: bool) -> None:
    assert rule(**told).fits(WEB_1) is fits


def test_a_resource_without_tags_or_service_fits_no_rule_about_them() -> None:
    bare = Resource(WEB, "i-1", None, None)

    assert not rule(tag=TagPattern(key="user:Team")).fits(bare)
    assert not rule(service="AmazonEC2").fits(bare)
    assert rule(name="*").fits(bare)


@some
@given(st.text("a*?.[%_\n", max_size=8), st.text("ab.[%_\n", max_size=8))
def test_a_pattern_says_what_a_regular_expression_of_it_says(pattern: str, text: str) -> None:
    parts = {"*": ".*", "?": "."}
    expression = "".join(parts.get(sign, re.escape(sign)) for sign in pattern)

    assert like(pattern, text) == bool(re.fullmatch(expression, text, re.DOTALL))


def test_a_pattern_of_many_stars_ends() -> None:
    assert not like("*a" * 200, "a" * 199 + "b" * 5_000)


# -- which one counts -------------------------------------------------------------------------


def test_the_first_rule_that_fits_on_a_day_counts() -> None:
    tenth = DAY + timedelta(1)
    of = rules(rule(1, name="no"), rule(2, end=tenth), rule(3), rule(4))

    assert of.first(WEB_1, DAY) == of.rules[1]
    assert of.first(WEB_1, tenth) == of.rules[2]
    assert of.first(WEB_1, date(2026, 8, 31)) is None


@pytest.mark.parametrize(
    "told, reason",
    [
        ({"name": None}, "needs a tag, a name pattern or a service"),
        ({"name": None, "account_id": WEB}, "needs a tag"),
        ({"name": ""}, "an empty name"),
        ({"tag": TagPattern(key="")}, "tag key fits nothing"),
        ({"name": "x" * 501}, "at most 500 characters"),
        ({"name": "*a*b*c*d*e*"}, "5 stars"),
        ({"end": date(2026, 8, 31)}, "before it starts"),
    ],
)
def test_a_rule_that_fits_nothing_or_all_is_refused(told: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidError, match=reason):
        rule(**told)


# -- their history ----------------------------------------------------------------------------

OPEN = date(2026, 9, 1)


def test_a_rule_is_added_last_or_before_another() -> None:
    of = rules(rule(1), rule(2))

    assert of.added(rule(3), today=OPEN, open_from=OPEN).rules == (rule(1), rule(2), rule(3))
    assert of.added(rule(3), today=OPEN, open_from=OPEN, before="r2").rules == (
        rule(1),
        rule(3),
        rule(2),
    )
    with pytest.raises(NotFoundError, match="no claim rule r9"):
        of.added(rule(3), today=OPEN, open_from=OPEN, before="r9")
    with pytest.raises(ConflictError, match="r1 already"):
        of.added(rule(1), today=OPEN, open_from=OPEN)
    with pytest.raises(InvalidError, match="2026-09-01 is before the open period"):
        of.added(rule(3), today=OPEN, open_from=date(2026, 10, 1))


def test_rules_that_are_over_leave_room_for_others() -> None:
    of = rules(*(rule(n) for n in range(MOST_RULES)))

    with pytest.raises(ConflictError, match="500 claim rules that are not over"):
        of.added(rule(MOST_RULES), today=DAY, open_from=OPEN)
    ended = of.ended("r0", DAY, open_from=OPEN)
    with pytest.raises(ConflictError, match="500 claim rules"):
        ended.added(rule(MOST_RULES), today=DAY - timedelta(1), open_from=OPEN)
    assert len(ended.added(rule(MOST_RULES), today=DAY, open_from=OPEN).rules) == MOST_RULES + 1


def test_a_rule_ends_in_the_open_period_and_stays() -> None:
    of = rules(rule(1), rule(2)).ended("r1", DAY, open_from=OPEN)

    assert of.rules[0].end == DAY
    assert of.first(WEB_1, DAY) == rule(2)
    assert of.first(WEB_1, DAY - timedelta(1)) == of.rules[0]
    with pytest.raises(InvalidError, match="before the open period"):
        of.ended("r2", date(2026, 8, 31), open_from=OPEN)
    with pytest.raises(ConflictError, match="ends on 2026-09-10 already"):
        of.ended("r1", DAY, open_from=OPEN)
    assert of.ended("r1", DAY - timedelta(1), open_from=OPEN).rules[0].end == date(2026, 9, 9)


def test_a_rule_that_ends_before_it_starts_covers_no_day() -> None:
    late = rule(1, start=date(2026, 10, 1))

    of = rules(late).ended("r1", DAY, open_from=OPEN)

    assert of.rules[0].end == late.start
    assert of.first(WEB_1, late.start) is None


def test_rules_are_put_in_another_order_all_of_them() -> None:
    of = rules(rule(1), rule(2))

    assert of.ordered(["r2", "r1"]).first(WEB_1, DAY) == rule(2)
    for names in (["r1"], ["r1", "r1"], ["r1", "r2", "r3"]):
        with pytest.raises(InvalidError, match="name every claim rule once"):
            of.ordered(names)
