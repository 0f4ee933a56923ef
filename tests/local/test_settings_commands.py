"""`finops settings`: what is not said stays as it was; days and percentages as people write them."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from finops.domain.errors import InvalidError
from finops.domain.organisation_settings import OrganisationSettings
from finops.local.commands import people
from finops.local.commands import settings as commands
from finops.usecases.settings_views import organisation_settings

BOTH = ["user:Team", "user:Stage"]
KNOWN = organisation_settings(OrganisationSettings(version=3))


class Kept:
    """An API that knows settings; *told* is what it was told of them, by path."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}
        self.etag: str | None = None

    def get(self, *path: str) -> Any:
        return KNOWN

    def read(self, *path: str) -> Any:
        return SimpleNamespace(body=KNOWN, etag='"3"')

    def put(self, *path: str, body: dict[str, Any], etag: str) -> dict[str, Any]:
        self.told["/".join(path)] = body
        self.etag = etag
        return KNOWN


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Kept:
    one = Kept()
    monkeypatch.setattr(commands, "api_of", lambda *said, **usually: one)
    return one


def run(*words: str) -> str:
    result = CliRunner().invoke(commands.app, list(words))
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_of_cards_only_what_is_said_changes(api: Kept) -> None:
    run("set", "cards", "--accept-after", "3", "--tolerance", "7.5%", "--reason", "as agreed")

    assert api.told["settings/cards"] == KNOWN["cards"] | {
        "accept_after": 3,
        "tolerance": 750,
        "reason": "as agreed",
    }
    assert api.etag == '"3"'


def test_never_switches_off(api: Kept) -> None:
    run("set", "cards", "--accept-after", "never", "--remind-after", "never")

    told = api.told["settings/cards"]
    assert (told["accept_after"], told["remind_after"]) == (None, [])


@pytest.mark.parametrize(
    "option, said",
    [
        ("--accept-after", "soon"),
        ("--accept-after", "1,2"),
        ("--remind-after", "2;4"),
        ("--tolerance", "a lot"),
        ("--tolerance", "-2%"),
    ],
)
def test_what_is_no_day_and_no_percentage_is_named(api: Kept, option: str, said: str) -> None:
    with pytest.raises(InvalidError, match=f"{option} .*write"):
        run("set", "cards", f"{option}={said}")
    assert api.told == {}


def test_a_file_of_the_close_says_what_changes(api: Kept, tmp_path: Path) -> None:
    file = tmp_path / "close.json"
    file.write_text(json.dumps({"cost_centres": {"retail": "CC-1"}}))

    run("set", "close", str(file))

    told = api.told["settings/close"]
    assert told == KNOWN["close"] | {"cost_centres": {"retail": "CC-1"}, "reason": None}


def test_what_show_tells_can_be_sent_back(api: Kept, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(run("show", "--json"))

    run("set", "close", str(file))

    assert api.told["settings/close"] == KNOWN["close"] | {"reason": None}


@pytest.mark.parametrize("content", ["no json", "[1]", '{"close": 1}'])
def test_a_file_that_is_something_else_is_named(api: Kept, tmp_path: Path, content: str) -> None:
    file = tmp_path / "close.json"
    file.write_text(content)

    with pytest.raises(InvalidError, match=r"close\.json"):
        run("set", "close", str(file))
    with pytest.raises(InvalidError, match=r"absent\.json.*name a file"):
        run("set", "close", str(tmp_path / "absent.json"))


@pytest.mark.parametrize(
    "words, told",
    [
        (["reports", "--rhythms", "Weekly"], {"rhythms": ["Weekly"]}),
        (["reports", "--roles", "none"], {"roles": []}),
        (["reports", "--roles", "product_owner"], {"roles": ["product_owner"]}),
        (["tags", "--required-keys", "user:Team, user:Stage"], {"required_keys": BOTH}),
        (["tags", "--report-keys", "none"], {"report_keys": []}),
        (["alerts", "--levels", "50%,80,99.5%"], {"levels": [5_000, 8_000, 9_950]}),
        (["alerts", "--levels", "none", "--no-pace"], {"levels": [], "pace": False}),
        (["alerts", "--credit-days", "14"], {"credit_days": [14]}),
        (["alerts", "--no-forecast", "--late-hours", "48"], {"forecast": False, "late_hours": 48}),
    ],
)
def test_an_option_changes_what_it_says_and_nothing_else(
    api: Kept, words: list[str], told: dict[str, Any]
) -> None:
    run("set", *words, "--reason", "as agreed")

    part = words[0]
    assert api.told == {f"settings/{part}": KNOWN[part] | told | {"reason": "as agreed"}}
    assert api.etag == '"3"'


def test_an_option_wins_over_the_file_beside_it(api: Kept, tmp_path: Path) -> None:
    file = tmp_path / "alerts.json"
    file.write_text(json.dumps({"levels": [5_000], "late_hours": 24}))

    run("set", "alerts", str(file), "--levels", "90%")

    told = api.told["settings/alerts"]
    assert (told["levels"], told["late_hours"]) == ([9_000], 24)


@pytest.mark.parametrize("part", ["reports", "tags", "alerts"])
def test_what_show_tells_of_a_part_can_be_sent_back(api: Kept, tmp_path: Path, part: str) -> None:
    file = tmp_path / "settings.json"
    file.write_text(run("show", "--json"))

    run("set", part, str(file))

    assert api.told[f"settings/{part}"] == KNOWN[part] | {"reason": None}


@pytest.mark.parametrize(
    "words, told",
    [
        (["reports"], "say what changes: a FILE.json, or an option of reports"),
        (["reports", "--rhythms", "Daily"], "--rhythms 'Daily': write some of Weekly, Monthly"),
        (["reports", "--roles", "king"], "--roles 'king': write some of financial_admin"),
        (["tags", "--report-keys", "a,,b"], "--report-keys 'a,,b': write them with commas"),
        (["alerts", "--levels", "most"], "--levels 'most': write a percentage"),
        (["alerts", "--credit-days", "soon"], "--credit-days 'soon': write days"),
    ],
)
def test_an_option_that_says_nothing_of_the_kind_is_named(
    api: Kept, words: list[str], told: str
) -> None:
    with pytest.raises(InvalidError, match=told):
        run("set", *words)
    assert api.told == {}


def test_settings_are_shown_in_words(api: Kept) -> None:
    told = run("show")

    for words in ("approve themselves", "for 30 days", "never", "after 2, 4 days", "Rounding"):
        assert words in told
    plain = " ".join(told.split())
    for words in ("Weekly, Monthly", "50 %, 80 %, 100 %, 120 %", "after 36 hours", "all", "none"):
        assert words in plain


def test_a_task_on_a_card_is_shown_with_its_week_and_amount(
    capsys: pytest.CaptureFixture[str],
) -> None:
    of_cards = {
        "kind": "AcceptCard",
        "year": 2026,
        "element": "a.b.c.shop",
        "name": "Shop",
        "since": "2026-03-09T06:00:00+00:00",
        "is_escalated": True,
        "account_id": None,
        "credit_id": None,
        "notice": None,
        "start": "2026-03-01",
        "currency": "USD",
        "amount": "78.0000000000",
        "pace": "far over budget",
        "due": "2026-03-16T06:00:00+00:00",
        "acting_for": "ada@example.com",
        "savings": None,
    }

    people.show_tasks([of_cards])

    told = " ".join(capsys.readouterr().out.split())
    for words in ("a.b.c.shop", "2026-03-01", "78.00", "far over", "2026-03-16", "ada@example.com"):
        assert words in told
