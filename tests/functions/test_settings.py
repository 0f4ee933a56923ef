"""The door to settings: what is there, what is taken, and what is refused with its remedy."""

import json
from pathlib import Path
from typing import Any

import pytest

from finops.domain.audit import AuditRecord, Deed, sealed
from finops.domain.column_plans import Separator
from finops.domain.organisation_settings import ALL, OrganisationSettings
from finops.domain.people import Person, Role
from finops.usecases.audit import verify
from functions.settings_api.handler import (
    NewAccountFilter,
    NewAlertSettings,
    NewAnomalySettings,
    NewCardSettings,
    NewChannel,
    NewCloseSettings,
    NewGroup,
    NewReportSettings,
    NewTagSettings,
    NewThreshold,
)
from tests.functions.conftest import Answer, ask
from tests.functions.routes import ALERTS, CARDS, COST_REPORTS, FILES, TAGS
from tests.usecases.organisation import TODAY, WEB_SHOP, Organisation, act

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


def test_reports_tags_and_alerts_are_set_and_told_as_they_were_sent(
    organisation: Organisation, by: Person
) -> None:
    for number, (part, said) in enumerate(
        (("reports", COST_REPORTS), ("tags", TAGS), ("alerts", ALERTS))
    ):
        told = put(part, by, number, **said, reason="as finance asked")
        assert told.json[part] == said, part

    assert told.headers["ETag"] == '"3"'
    chain = list(organisation.audit.chain("settings#all"))
    assert [(one.action, one.event, one.reason) for one in chain] == [
        ("SetReports", "ReportSettingsChanged", "as finance asked"),
        ("SetTags", "TagSettingsChanged", "as finance asked"),
        ("SetAlerts", "AlertSettingsChanged", "as finance asked"),
    ]
    assert told.json["cards"]["tolerance"] == 200, "what was not named stays"


@pytest.mark.parametrize("part", ["reports", "tags", "alerts"])
def test_what_the_door_tells_of_a_part_can_be_sent_back_and_changes_nothing(
    organisation: Organisation, by: Person, part: str
) -> None:
    usual = ask("GET", "/settings", by=by).json[part]

    assert put(part, by, 0, **usual).headers["ETag"] == '"0"'
    assert put(part, by, None, **usual).status == 428
    assert put(part, by, 7, **usual).status == 409
    assert list(organisation.audit.chain("settings#all")) == []


@pytest.mark.parametrize(
    "said, words",
    [
        ({"groups": [COST_REPORTS["groups"][0] | {"element": "retail.nowhere"}]}, "groups: no"),
        ({"groups": [COST_REPORTS["groups"][0] | {"recipients": ["all"]}]}, "'all' is no mail"),
        ({"groups": [COST_REPORTS["groups"][0] | {"recipients": []}]}, "recipients"),
        ({"groups": [COST_REPORTS["groups"][0]] * 2}, "two groups of recipients have one name"),
        ({"groups": [COST_REPORTS["groups"][0] | {"colour": "pink"}]}, "colour"),
        ({"accounts": {"only": ["1111"]}}, "'1111' is no account id; write its twelve digits"),
        ({"accounts": {"only": ["1" * 12], "without": ["2" * 12]}}, "not both"),
        ({"roles": ["king"]}, "roles"),
        ({"rhythms": ["Daily"]}, "rhythms"),
        ({"thresholds": [{"dimension": "Service"}]}, "an amount, a growth or a share"),
        ({"thresholds": [{"dimension": "Service", "amount": "1e9"}]}, "amount"),
        ({"thresholds": [{"dimension": "Service", "amount": 5.5}]}, "amount"),
        ({"thresholds": [{"dimension": "Service", "amount": "0"}]}, "more than 0"),
        ({"thresholds": [{"dimension": "Tag", "share": 100}]}, "names the key"),
        ({"thresholds": [{"dimension": "Service", "share": 10_001}]}, "share"),
    ],
)
def test_what_is_wrong_about_reports_is_named(by: Person, said: dict[str, Any], words: str) -> None:
    told = put("reports", by, 0, **(COST_REPORTS | said))

    assert told.status == 422
    assert words in told.json["detail"]


@pytest.mark.parametrize(
    "said, words",
    [
        ({"report_keys": ["resourceTags/user:Team"]}, "leave resourceTags/ out, as in user:Team"),
        ({"required_keys": ["user:Team"] * 2}, "each of the required keys once"),
        ({"required_keys": [f"user:{number}" for number in range(21)]}, "required_keys"),
        ({"key_aliases": [{"key": "user:Team", "alias": ""}]}, "is no key of a tag"),
        ({"key_aliases": [{"key": "user:Team"}]}, "alias"),
        ({"value_aliases": [{"key": "user:team", "value": "a", "alias": "b"}]}, "name its key"),
    ],
)
def test_what_is_wrong_about_tags_is_named(by: Person, said: dict[str, Any], words: str) -> None:
    told = put("tags", by, 0, **(TAGS | said))

    assert told.status == 422
    assert words in told.json["detail"]


@pytest.mark.parametrize(
    "said, words",
    [
        ({"levels": [10_000, 8_000]}, "each level once, the lowest first"),
        ({"levels": [0]}, "levels"),
        ({"credit_days": [366]}, "credit_days"),
        ({"late_hours": 5}, "late_hours"),
        ({"anomalies": ALERTS["anomalies"] | {"weeks": 2}}, "weeks"),
        ({"anomalies": ALERTS["anomalies"] | {"least": "0"}}, "more than 0"),
        ({"anomalies": ALERTS["anomalies"] | {"spreads": "many"}}, "spreads"),
        ({"channels": [ALERTS["channels"][0] | {"element": "retail.nowhere"}]}, "channels: no"),
        ({"channels": [ALERTS["channels"][0] | {"recipients": ["all"]}]}, "'all' is no mail"),
        ({"channels": [ALERTS["channels"][0] | {"recipients": []}]}, "recipients or a webhook"),
        (
            {"channels": [ALERTS["channels"][0] | {"webhook": "pager"}]},
            "'pager', which this deployment does not know; it knows chat, ops (webhooks in",
        ),
    ],
)
def test_what_is_wrong_about_alerts_is_named(
    by: Person, monkeypatch: pytest.MonkeyPatch, said: dict[str, Any], words: str
) -> None:
    monkeypatch.setenv("WEBHOOK_NAMES", "ops chat")

    told = put("alerts", by, 0, **(ALERTS | said))

    assert told.status == 422
    assert words in told.json["detail"]


def test_a_channel_goes_to_a_webhook_that_the_deployment_knows(
    by: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    to_chat = ALERTS | {"channels": [{"name": "Chat", "element": "retail", "webhook": "chat"}]}

    refused = put("alerts", by, 0, **to_chat)
    monkeypatch.setenv("WEBHOOK_NAMES", "ops chat")
    taken = put("alerts", by, 0, **to_chat)

    assert "it knows none yet" in refused.json["detail"]
    assert taken.json["alerts"]["channels"] == [
        {"name": "Chat", "element": "retail", "recipients": [], "webhook": "chat"}
    ]


@pytest.mark.parametrize("part", ["reports", "tags", "alerts"])
def test_only_who_may_change_settings_sets_them(
    organisation: Organisation, staff: dict[Role, Person], part: str
) -> None:
    said = {"reports": COST_REPORTS, "tags": TAGS, "alerts": ALERTS}[part]

    assert put(part, staff[Role.VENDOR_MANAGER], 0, **said).status == 403
    assert put(part, staff[Role.PRODUCT_OWNER], 0, **said).status == 403


def test_what_was_set_is_read_as_it_was_saved(organisation: Organisation, by: Person) -> None:
    for number, (part, said) in enumerate(
        (("reports", COST_REPORTS), ("tags", TAGS), ("alerts", ALERTS))
    ):
        put(part, by, number, **said)
    kept = organisation.settings_kept.find(ALL)

    assert kept is not None
    assert OrganisationSettings.model_validate_json(kept.model_dump_json()) == kept


def test_settings_that_were_saved_before_a_part_was_there_are_read_with_its_usual_ones() -> None:
    saved = '{"settings_id":"all","cards":{"tolerance":300},"close":{}}'

    read = OrganisationSettings.model_validate_json(saved)

    assert read.cards.tolerance == 300
    assert (read.reports, read.tags, read.alerts) == (
        OrganisationSettings().reports,
        OrganisationSettings().tags,
        OrganisationSettings().alerts,
    )


def test_settings_that_were_saved_before_a_part_was_there_stay_whole_in_the_trail(
    organisation: Organisation, by: Person
) -> None:
    put("cards", by, 0, **CARDS)
    [record] = organisation.records.chains["settings#all"]
    known = organisation.settings_kept.find(ALL)
    assert known is not None
    parts = {"reports", "tags", "alerts"}
    told = {name: said for name, said in json.loads(record.after).items() if name not in parts}
    old = resealed(record, after=json.dumps(told, sort_keys=True, separators=(",", ":")))
    organisation.records.chains["settings#all"] = [old]
    organisation.records.states["settings#all"] = known.changed(head=old.hash)

    assert put("tags", by, 1, **TAGS).status == 200
    checked = verify(None, TODAY, None, by=by, audit=organisation.audit, books=organisation.books)

    assert "settings#all" in organisation.records.chains
    assert list(checked.findings) == []


def test_the_page_on_settings_explains_every_field_and_its_examples_are_taken(by: Person) -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    models = (
        *(NewCardSettings, NewCloseSettings, NewReportSettings, NewGroup, NewThreshold),
        *(NewAccountFilter, NewTagSettings, NewAlertSettings, NewAnomalySettings, NewChannel),
    )
    fields = [name for model in models for name in model.model_fields]
    close, reports, tags, alerts = (
        json.loads(part.partition("```")[0]) for part in page.split("```json\n")[1:]
    )

    assert [name for name in fields if name != "reason" and f"`{name}`" not in page] == []
    close["cost_centres"] = {"retail": "CC-100", WEB_SHOP: "CC-117"}
    alerts["channels"][0]["webhook"] = None
    told = [
        put(part, by, number, **said)
        for number, (part, said) in enumerate(
            (("close", close), ("reports", reports), ("tags", tags), ("alerts", alerts))
        )
    ]
    assert [one.status for one in told] == [200] * 4, [one.json for one in told]


def resealed(record: AuditRecord, *, after: str) -> AuditRecord:
    """*record* as it would have been sealed, had it said *after*."""
    return sealed(
        record.entity,
        number=record.sequence,
        previous=record.previous,
        before=record.before,
        after=after,
        act=act(),
        deed=Deed(action=record.action, event=record.event),
    )
