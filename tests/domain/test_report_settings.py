"""Report settings say who gets what, in words that can be kept."""

from typing import Any

import pytest

from finops.domain.errors import InvalidError
from finops.domain.people import Role
from finops.domain.report_settings import (
    AccountFilter,
    Dimension,
    ReportGroup,
    ReportSettings,
    Rhythm,
    Threshold,
)

SHOP, DATA = "111122223333", "444455556666"


def group(**said: Any) -> ReportGroup:
    return ReportGroup(**({"name": "Finance", "recipients": ("ada@example.com",)} | said))


def test_until_somebody_says_otherwise_every_role_gets_both_reports() -> None:
    usual = ReportSettings()

    assert usual.roles == tuple(Role)
    assert usual.rhythms == (Rhythm.WEEKLY, Rhythm.MONTHLY)
    assert (usual.groups, usual.thresholds) == ((), ())


def test_an_address_is_kept_once_as_people_are_known_by_it() -> None:
    told = group(recipients=("Ada@Example.com", "bob@example.com", "ada@example.com"))

    assert told.recipients == ("ada@example.com", "bob@example.com")


@pytest.mark.parametrize(
    "said, words",
    [
        ({"recipients": ()}, "has 0 recipients; name 1 to 50"),
        (
            {"recipients": tuple(f"p{number}@example.com" for number in range(51))},
            "has 51 recipients",
        ),
        ({"recipients": ("finance",)}, "'finance' is no mail address; write it as name@"),
        ({"recipients": ("Ada <ada@example.com>",)}, "is no mail address"),
        ({"recipients": ("ada@example.com\nBcc: eve@example.com",)}, "is no mail address"),
        ({"name": " "}, "a name of 1 to 100 characters"),
        ({"name": "x" * 101}, "a name of 1 to 100 characters"),
        ({"rhythms": ()}, "name each rhythm of the group Finance once, and one at least"),
        ({"rhythms": (Rhythm.WEEKLY, Rhythm.WEEKLY)}, "each rhythm of the group Finance once"),
        (
            {"thresholds": (Threshold(dimension=Dimension.SERVICE, share=100),) * 51},
            "more than 50 thresholds",
        ),
    ],
)
def test_a_group_that_nothing_could_be_sent_to_is_refused(said: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        group(**said)


@pytest.mark.parametrize(
    "said, words",
    [
        ({"dimension": Dimension.SERVICE}, "needs an amount, a growth or a share"),
        ({"dimension": Dimension.TAG, "share": 100}, "a threshold on tags names the key"),
        (
            {"dimension": Dimension.REGION, "tag_key": "user:Team", "share": 100},
            "and no other does",
        ),
        (
            {"dimension": Dimension.TAG, "tag_key": "resourceTags/user:Team", "share": 100},
            "leave resourceTags/ out, as in user:Team",
        ),
        ({"dimension": Dimension.SERVICE, "amount": "0"}, "are more than 0"),
        ({"dimension": Dimension.SERVICE, "growth": "-5"}, "are more than 0"),
        ({"dimension": Dimension.SERVICE, "share": 0}, "above 0 and up to 10000"),
        ({"dimension": Dimension.SERVICE, "share": 10_001}, "is 10001 basis points"),
    ],
)
def test_a_threshold_that_no_row_could_reach_is_refused(said: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        Threshold(**said)


def test_a_filter_shows_some_accounts_or_all_but_some() -> None:
    assert [AccountFilter(only=(SHOP,)).shows(one) for one in (SHOP, DATA, None)] == [
        True,
        False,
        False,
    ]
    assert [AccountFilter(without=(SHOP,)).shows(one) for one in (SHOP, DATA, None)] == [
        False,
        True,
        True,
    ]
    assert AccountFilter().shows(SHOP)


def test_accounts_of_other_clouds_have_other_ids() -> None:
    assert AccountFilter(only=("projects/web-shop",)).shows("projects/web-shop")


def test_accounts_of_a_filter_are_kept_once_and_in_order() -> None:
    assert AccountFilter(only=(DATA, SHOP, DATA)).only == (SHOP, DATA)


@pytest.mark.parametrize(
    "said, words",
    [
        ({"only": (SHOP,), "without": (DATA,)}, "not both"),
        ({"only": ("11112222333",)}, "'11112222333' is no account id; write its twelve digits"),
        ({"without": ("1111-2222-3333",)}, "is no account id"),
        ({"without": ("",)}, "is no account id"),
        ({"without": ("x" * 129,)}, "1 to 128 characters"),
        ({"without": ("١١١١٢٢٢٢٣٣٣٣",)}, "is no account id"),
        ({"only": tuple(f"{number:012}" for number in range(1_001))}, "1000 is the most"),
    ],
)
def test_a_filter_of_what_is_no_account_is_refused(said: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        AccountFilter(**said)


@pytest.mark.parametrize(
    "said, words",
    [
        ({"groups": (group(), group(element="retail"))}, "have one name; name them apart"),
        ({"groups": tuple(group(name=f"g{n}") for n in range(101))}, "100 is the most"),
        ({"roles": (Role.PRODUCT_OWNER,) * 2}, "each of the roles"),
        ({"rhythms": (Rhythm.MONTHLY,) * 2}, "each rhythm of the reports once"),
        (
            {"thresholds": (Threshold(dimension=Dimension.SERVICE, share=100),) * 51},
            "more than 50 thresholds",
        ),
    ],
)
def test_settings_that_say_one_thing_twice_or_too_much_are_refused(
    said: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidError, match=words):
        ReportSettings(**said)
