"""The door to settings: what is there, what is taken, and what is refused with its remedy."""

import json
from pathlib import Path
from typing import Any

import pytest

from finops.domain.column_plans import Separator
from finops.domain.organisation_settings import ALL
from finops.domain.people import Person, Role
from functions.settings_api.handler import NewCardSettings, NewCloseSettings
from tests.functions.conftest import Answer, ask
from tests.functions.routes import CARDS, FILES
from tests.usecases.organisation import WEB_SHOP, Organisation

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def by(organisation: Organisation, staff: dict[Role, Person]) -> Person:
    return staff[Role.FINANCIAL_ADMIN]


def put(of: str, by: Person, version: int | None = 0, **said: Any) -> Answer:
    headers = JSON if version is None else JSON | {"If-Match": f'"{version}"'}
    return ask("PUT", f"/settings/{of}", by=by, headers=headers, body=json.dumps(said))


def test_until_somebody_changes_them_they_are_the_usual_ones(by: Person) -> None:
    told = ask("GET", "/settings", by=by)

    assert told.headers["ETag"] == '"0"'
    assert told.json["cards"] == {
        "approves_zero": True,
        "month_days": "Thirty",
        "accept_after": None,
        "tolerance": 200,
        "remind_after": [2, 4],
        "escalate_after": [7, 10, 14],
    }
    assert told.json["close"]["accounts"]["payable"] == "Accounts payable"


def test_cards_and_the_close_are_set_one_after_the_other(
    organisation: Organisation, by: Person
) -> None:
    assert put("cards", by, 0, **CARDS).headers["ETag"] == '"1"'
    told = put("close", by, 1, **FILES, reason="as finance asked")

    assert told.headers["ETag"] == '"2"'
    assert told.json == ask("GET", "/settings", by=by).json
    assert told.json["cards"] == CARDS
    assert told.json["close"]["rates"] == FILES["rates"]
    assert told.json["close"]["cost_centres"] == {"retail": "CC-1"}
    kept = organisation.settings_kept.find(ALL)
    assert kept is not None
    assert kept.close.plans[0].separator is Separator.SEMICOLON
    assert [one.action for one in organisation.audit.chain("settings#all")] == [
        "SetCards",
        "SetClose",
    ]


def test_the_same_again_changes_nothing(organisation: Organisation, by: Person) -> None:
    put("cards", by, 0, **CARDS)

    assert put("cards", by, 1, **CARDS).headers["ETag"] == '"1"'
    assert len(list(organisation.audit.chain("settings#all"))) == 1


def test_who_comes_second_is_told_what_is_there_now(by: Person) -> None:
    put("cards", by, 0, **CARDS)

    late = put("close", by, 0, **FILES)

    assert (late.status, late.json["current"]["version"]) == (409, 1)
    assert put("cards", by, None, **CARDS).status == 428


@pytest.mark.parametrize(
    "said, words",
    [
        ({"remind_after": [4, 2]}, "days one after the other"),
        ({"remind_after": [0]}, "remind_after"),
        ({"accept_after": 0}, "accept_after"),
        ({"tolerance": -1}, "tolerance"),
        ({"month_days": "Workdays"}, "month_days"),
        ({"colour": "pink"}, "colour"),
    ],
)
def test_what_is_wrong_about_cards_is_named(by: Person, said: dict[str, Any], words: str) -> None:
    told = put("cards", by, 0, **(CARDS | said))

    assert told.status == 422
    assert words in told.json["detail"]


@pytest.mark.parametrize(
    "said, words",
    [
        ({"cost_centres": {"retail.nowhere": "1"}}, "retail.nowhere; finops chart show lists"),
        ({"plans": [{"kind": "Journal", "columns": [{"name": "shoe"}]}]}, "it has"),
        ({"plans": [{"kind": "Journal"}, {"kind": "Journal"}]}, "two column plans; keep one"),
        ({"plans": [{"kind": "Poem"}]}, "plans"),
        ({"rates": FILES["rates"], "reporting_currency": None}, "which currency"),
        ({"rates": [FILES["rates"][0] | {"rate": "0"}]}, "more than zero"),
        ({"rates": [FILES["rates"][0] | {"rate": "1,08"}]}, "rate"),
        ({"accounts": {"lunch": "7"}}, "lunch"),
    ],
)
def test_what_is_wrong_about_the_close_is_named(
    by: Person, said: dict[str, Any], words: str
) -> None:
    told = put("close", by, 0, **(FILES | said))

    assert told.status == 422
    assert words in told.json["detail"]


def test_every_level_may_have_a_cost_centre_and_the_whole_enterprise_too(by: Person) -> None:
    centres = {"enterprise": "CC-0", "retail.digital": "CC-2", WEB_SHOP: "CC-4"}

    told = put("close", by, 0, **(FILES | {"cost_centres": centres}))

    assert told.json["close"]["cost_centres"] == centres


def test_a_request_that_is_sent_twice_is_done_once(organisation: Organisation, by: Person) -> None:
    headers = JSON | {"If-Match": '"0"', "Idempotency-Key": "k-1"}
    first, again = (
        ask("PUT", "/settings/cards", by=by, headers=headers, body=json.dumps(CARDS))
        for _ in range(2)
    )

    assert (first.json, again.headers["Idempotency-Replayed"]) == (again.json, "true")
    assert len(list(organisation.audit.chain("settings#all"))) == 1


def test_the_page_on_settings_explains_every_field_and_its_example_is_taken(by: Person) -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    fields = [*NewCardSettings.model_fields, *NewCloseSettings.model_fields]
    example = page.partition("```json\n")[2].partition("```")[0]

    assert [name for name in fields if name != "reason" and f"`{name}`" not in page] == []
    said = json.loads(example) | {"cost_centres": {"retail": "CC-100", WEB_SHOP: "CC-117"}}
    assert put("close", by, 0, **said).status == 200
