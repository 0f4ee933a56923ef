"""Alert settings: levels that can be crossed, days that come, and channels that lead somewhere."""

from decimal import Decimal
from typing import Any

import pytest

from finops.domain.alert_settings import AlertSettings, AnomalySettings, Channel
from finops.domain.errors import InvalidError


def channel(**said: Any) -> Channel:
    return Channel(**({"name": "On call", "recipients": ("oncall@example.com",)} | said))


def test_until_somebody_says_otherwise_four_levels_of_the_schedule_are_told_of() -> None:
    assert AlertSettings().levels == (5_000, 8_000, 10_000, 12_000)
    assert AlertSettings().anomalies == AnomalySettings(
        spreads=Decimal(5), least=Decimal(100), weeks=4, new_spender=Decimal(100)
    )


def test_any_number_of_levels_up_to_twenty_is_taken_and_none_as_well() -> None:
    twenty = tuple(range(500, 10_500, 500))

    assert AlertSettings(levels=twenty).levels == twenty
    assert AlertSettings(levels=()).levels == ()


@pytest.mark.parametrize(
    "said, words",
    [
        ({"levels": (0,)}, "levels are above 0"),
        ({"levels": (100_001,)}, "up to 100000 basis points"),
        ({"levels": tuple(range(1, 22))}, "20 at most"),
        ({"levels": (8_000, 5_000)}, "each level once, the lowest first"),
        ({"levels": (8_000, 8_000)}, "each level once, the lowest first"),
        ({"credit_days": (0,)}, "1 to 365 days ahead"),
        ({"credit_days": (366,)}, "1 to 365 days ahead"),
        ({"credit_days": tuple(range(1, 22))}, "20 times at most"),
        ({"credit_days": (7, 7)}, "each number of days before the end of a credit once"),
        ({"late_hours": 5}, "late after 6 to 336 hours"),
        ({"late_hours": 337}, "late after 6 to 336 hours"),
        ({"channels": (channel(), channel(element="retail"))}, "two channels have one name"),
        ({"channels": tuple(channel(name=f"c{n}") for n in range(51))}, "50 at most"),
    ],
)
def test_what_would_never_or_always_be_told_of_is_refused(said: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        AlertSettings(**said)


@pytest.mark.parametrize(
    "said, words",
    [
        ({"spreads": 0}, "are more than 0"),
        ({"least": 0}, "are more than 0"),
        ({"new_spender": -1}, "are more than 0"),
        ({"weeks": 2}, "look back 3 to 12 weeks"),
        ({"weeks": 13}, "look back 3 to 12 weeks"),
    ],
)
def test_an_anomaly_that_every_day_or_none_would_be_is_refused(
    said: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidError, match=words):
        AnomalySettings(**said)


def test_a_channel_leads_to_addresses_or_to_a_webhook_or_to_both() -> None:
    assert channel(recipients=("Ada@Example.com",)).recipients == ("ada@example.com",)
    assert channel(recipients=(), webhook="ops").webhook == "ops"


@pytest.mark.parametrize(
    "said, words",
    [
        ({"recipients": ()}, "the channel On call needs recipients or a webhook"),
        ({"recipients": ("on call",)}, "'on call' is no mail address"),
        (
            {"recipients": tuple(f"p{number}@example.com" for number in range(51))},
            "has 51 recipients; 50 is the most",
        ),
        ({"name": ""}, "a name of 1 to 100 characters"),
    ],
)
def test_a_channel_that_leads_nowhere_is_refused(said: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        channel(**said)
