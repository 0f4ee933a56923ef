"""What alerts say, and that a hostile name is shown and nothing else."""

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from finops.domain.alerts import Alert, AlertKind, CreditEnd, Crossing
from finops.usecases.alert_messages import (
    SHOWN,
    SLACK,
    TEAMS,
    Names,
    Room,
    alert_mail,
    room_message,
    said_in,
    sentence,
    slack_text,
    teams_text,
)
from tests.usecases.organisation import UNIT, Organisation, chart_csv
from tests.watching import PAPER

HERE = Path(__file__).parent
AT = datetime(2026, 3, 10, 9, tzinfo=UTC)
NASTY = '<script>alert(1)</script> & "co" <!channel> [x](http://evil) *b* @here'
NAMES_OF = ("Retail", "Digital", "Storefront", NASTY)
APP = "https://finops.example/?from=mail&in=one"


@pytest.fixture(scope="module")
def organisation() -> Organisation:
    made = Organisation()
    quoted = '"' + NASTY.replace('"', '""') + '"'
    made.drop(
        content=chart_csv(
            [("E1", "E2", "E3", "E4", "Annual")][:0] or [(*NAMES_OF[:3], quoted, "9")]
        )
    )
    return made


@pytest.fixture
def product(organisation: Organisation) -> str:
    return organisation.chart().products[0].id


@pytest.fixture
def names(organisation: Organisation) -> Names:
    return Names({2026: organisation.chart()})


def every_kind(product: str) -> list[Crossing]:
    of: dict[str, Any] = {"element": product, "month": "2026-03", "currency": "USD"}
    return [
        Crossing(
            kind=AlertKind.SCHEDULE_LEVEL,
            **of,
            level=8_000,
            schedule="number 1 of 2026",
            actual=812 * UNIT,
            limit=1_000 * UNIT,
        ),
        Crossing(
            kind=AlertKind.FORECAST_BREACH,
            **of,
            schedule="number 1 of 2026",
            actual=300 * UNIT,
            limit=1_000 * UNIT,
            expected=1_240 * UNIT,
            low=1_100 * UNIT,
            high=1_400 * UNIT,
        ),
        Crossing(
            kind=AlertKind.PACE,
            **of,
            schedule="number 1 of 2026",
            actual=400 * UNIT,
            expected=300 * UNIT,
            limit=1_000 * UNIT,
            day=date(2026, 3, 26),
        ),
        Crossing(
            kind=AlertKind.CREDIT_RUNNING_OUT,
            element=product,
            currency="USD",
            credit_id="c-1",
            credit_text=f"PROMO {NASTY}",
            credit_end=CreditEnd.RUN_OUT,
            credit_terms="1",
            within=7,
            day=date(2026, 3, 15),
            actual=12 * UNIT,
            limit=100 * UNIT,
        ),
        Crossing(
            kind=AlertKind.ANOMALY,
            **of,
            service="Amazon<EC2>",
            since=date(2026, 3, 9),
            day=date(2026, 3, 9),
            actual=500 * UNIT,
            limit=20 * UNIT,
        ),
        Crossing(
            kind=AlertKind.LATE_DATA,
            month="2026-03",
            payer="999988887777",
            delivered_at=datetime(2026, 3, 8, 6, tzinfo=UTC),
            within=36,
        ),
    ]


def alerts_of(product: str) -> list[Alert]:
    return [Alert.raised(one, AT) for one in every_kind(product)]


def test_each_kind_is_a_sentence_with_its_figures(product: str, names: Names) -> None:
    told = [sentence(one, names).replace(NASTY, "Shop") for one in every_kind(product)]

    assert told == [
        "Shop has reached 80 % of its schedule of 2026-03: 812.00 of 1,000.00 USD",
        "Shop is going to spend 1,240.00 USD (1,100.00 to 1,400.00) in 2026-03, of 1,000.00 planned",
        "Shop spent 400.00 instead of 300.00 USD so far; it passes its schedule of 2026-03 on 2026-03-26",  # noqa: E501  # a sentence
        "The credit PROMO Shop of Shop is used up on 2026-03-15, 12.00 USD left",
        "Shop cost 500.00 USD for Amazon<EC2> on 2026-03-09, usually 20.00",
        "No bill of payer 999988887777 was delivered since 2026-03-08 06:00 UTC",
    ]


@pytest.mark.parametrize("end", ["html", "txt"])
def test_the_mail_is_as_it_was(product: str, names: Names, end: str) -> None:
    """FINOPS_WRITE_GOLDEN=1 writes it anew."""
    mail = alert_mail("ada@example.com", "Ada", alerts_of(product), names, PAPER)
    now = (mail.html if end == "html" else f"Subject: {mail.subject}\n\n{mail.text}") + "\n"
    golden = HERE / f"alert_mail.golden.{end}"
    if os.environ.get("FINOPS_WRITE_GOLDEN"):
        golden.write_text(now)

    assert golden.read_text() == now


def test_a_mail_names_fifty_alerts_of_a_kind_and_counts_the_others(
    product: str, names: Names
) -> None:
    first = every_kind(product)[0]
    many = [Alert.raised(first.model_copy(update={"schedule": str(n)}), AT) for n in range(52)]
    mail = alert_mail("ada@example.com", "Ada", many, names, PAPER)

    assert sum(one.alert_id in mail.text for one in many) == 50
    assert "… and 2 more" in mail.text


def test_a_hostile_name_is_no_markup_in_a_mail(product: str, names: Names) -> None:
    mail = alert_mail("ada@example.com", "Ada", alerts_of(product), names, PAPER)

    assert "<script>" not in mail.html
    assert "&lt;script&gt;" in mail.html
    assert "\n" not in mail.subject


def texts(message: Any) -> list[str]:
    """All that a message says."""
    if isinstance(message, dict):
        own = [message["text"]] if isinstance(message.get("text"), str) else []
        return own + [one for part in message.values() for one in texts(part)]
    if isinstance(message, list):
        return [one for part in message for one in texts(part)]
    return []


def test_no_mention_and_no_link_reaches_slack(product: str, names: Names) -> None:
    message = room_message(alerts_of(product), names, Room(SLACK, APP))

    said = texts(message)
    assert len(said) > 6
    assert not any("<" in one or ">" in one for one in said)
    assert any("&lt;!channel&gt;" in one for one in said)
    sections = [one for one in message["blocks"] if one["type"] == "section"]
    assert all(one["text"]["verbatim"] for one in sections)
    [link] = [one for one in message["blocks"] if one["type"] == "actions"]
    assert link["elements"][0]["url"] == APP
    assert len(message["blocks"][0]["text"]["text"]) <= 150


def test_a_headline_for_slack_ends_before_an_entity_not_in_it() -> None:
    message = said_in(Room(SLACK, None), "a" + "&" * 139, [])
    assert message["blocks"][0]["text"]["text"] == "a" + "&amp;" * 29


def test_teams_shows_names_without_reading_them(product: str, names: Names) -> None:
    message = room_message(alerts_of(product), names, Room(TEAMS, None))

    [attachment] = message["attachments"]
    card = attachment["content"]
    assert (message["type"], card["type"], card["version"]) == ("message", "AdaptiveCard", "1.4")
    assert "actions" not in card
    assert "entities" not in json.dumps(card)
    assert not any("<" in one or ">" in one for one in texts(card))
    assert any(r"\[x\]\(http://evil\)" in one for one in texts(card))


def test_a_room_hears_of_some_and_how_many_more(product: str, names: Names) -> None:
    first = every_kind(product)[0]
    many = [
        Alert.raised(first.model_copy(update={"schedule": str(n)}), AT) for n in range(SHOWN + 3)
    ]

    message = room_message(many, names, Room(SLACK, None))

    assert len(message["blocks"]) == SHOWN + 2
    assert message["blocks"][-1]["text"]["text"] == "… and 3 more"
    assert message["text"] == f"{SHOWN + 3} alerts"


def test_signs_of_each_room_are_taken_from_names() -> None:
    assert slack_text("a & b") == "a &amp; b"
    assert teams_text("1. a_b\n# c") == r"1\. a\_b \# c"
    assert "\n" not in json.dumps(said_in(Room(TEAMS, None), "a\nb", ["c\nd"]))
