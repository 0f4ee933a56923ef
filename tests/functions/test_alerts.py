"""The doors to alerts: lists and tables, answers, a look asked for, channels, and the watch itself."""

import csv
import importlib
import io
import json
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from finops.domain.alerts import Alert, AlertKind, Crossing
from finops.domain.audit import Deed
from finops.domain.people import Person, Role
from finops.usecases.ports import Save
from finops.usecases.watch_spend import Watched
from tests.carding import WEEK, put_card
from tests.functions.conftest import Answer, ask, context
from tests.functions.routes import MINE, World, _channelled
from tests.usecases.organisation import LOANS, NOW, SEARCH, UNIT, WEB_SHOP, Organisation, act

JSON, CSV = {"Content-Type": "application/json"}, {"Accept": "text/csv"}


@pytest.fixture
def by(organisation: Organisation, staff: dict[Role, Person]) -> Person:
    return staff[Role.FINANCIAL_ADMIN]


def anomaly(product: str, day: date = date(2026, 3, 3), **said: Any) -> Crossing:
    usual: dict[str, Any] = {
        "kind": AlertKind.ANOMALY,
        "element": product,
        "month": f"{day:%Y-%m}",
        "currency": "USD",
        "service": "=AmazonEC2",
        "since": day,
        "day": day,
        "actual": 500 * UNIT,
        "limit": 20 * UNIT,
    }
    return Crossing(**(usual | said))


def raise_(organisation: Organisation, crossing: Crossing, at: datetime = NOW) -> Alert:
    deed = Deed(action="Raise", element=crossing.element)
    return organisation.alerts.save([Save(None, Alert.raised(crossing, at), deed)], act())[0]


def answered(alert: Alert, by: Person, version: int | None = None, **said: Any) -> Answer:
    etag = alert.version if version is None else version
    headers = JSON | {"If-Match": f'"{etag}"'}
    path = f"/alerts/{alert.alert_id}/answers"
    return ask("POST", path, by=by, headers=headers, body=json.dumps(said))


def test_alerts_are_listed_as_sentences_with_who_looks_after_them(
    organisation: Organisation, by: Person
) -> None:
    raise_(organisation, anomaly(WEB_SHOP))
    raise_(organisation, anomaly(LOANS), NOW + timedelta(hours=1))

    first, second = ask("GET", "/alerts", by=by).json["items"]

    assert first["sentence"] == (
        "Web shop cost 500.00 USD for =AmazonEC2 on 2026-03-03, usually 20.00"
    )
    assert first["owners"] == ["product@example.com"]
    assert second["owners"] == ["fin@example.com"]  # nobody holds the loans, nor what is above


def test_alerts_are_told_apart_by_element_kind_status_and_month(
    organisation: Organisation, by: Person
) -> None:
    mine = raise_(organisation, anomaly(WEB_SHOP))
    raise_(organisation, anomaly(LOANS, date(2026, 2, 3)))

    def listed(**asked: str) -> list[str]:
        return [one["element"] for one in ask("GET", "/alerts", asked, by=by).json["items"]]

    assert listed(element="retail") == [WEB_SHOP]
    assert listed(month="2026-02") == [LOANS]
    assert listed(kind="Pace") == []
    answered(mine, by, command="Resolve", reason="done")
    assert listed(status="Resolved") == [WEB_SHOP]
    assert listed(status="Open") == [LOANS]
    assert ask("GET", "/alerts", {"month": "March"}, by=by).status == 422


def test_a_table_of_alerts_has_no_formula(organisation: Organisation, by: Person) -> None:
    raise_(organisation, anomaly(WEB_SHOP))

    [row] = csv.DictReader(io.StringIO(ask("GET", "/alerts", by=by, headers=CSV).body))

    assert row["service"] == "'=AmazonEC2"
    assert (row["actual"], row["limit"]) == ("500.0000000000", "20.0000000000")
    assert row["owners"] == "product@example.com"


def test_who_has_a_scope_sees_and_counts_nothing_beyond_it(
    organisation: Organisation, staff: dict[Role, Person]
) -> None:
    owner = staff[Role.PRODUCT_OWNER]
    mine = raise_(organisation, anomaly(WEB_SHOP))
    other = raise_(organisation, anomaly(SEARCH))
    above = raise_(organisation, anomaly("retail.digital.storefront"))
    late = raise_(
        organisation, Crossing(kind=AlertKind.LATE_DATA, month="2026-03", payer="999988887777")
    )

    assert [one["alert_id"] for one in ask("GET", "/alerts", by=owner).json["items"]] == [
        mine.alert_id
    ]
    for one in (other, above, late):
        assert ask("GET", f"/alerts/{one.alert_id}", by=owner).status == 404
        assert answered(one, owner, command="Resolve", reason="x").status == 404


def test_an_alert_is_explained_given_away_and_resolved(
    organisation: Organisation, by: Person, staff: dict[Role, Person]
) -> None:
    alert = raise_(organisation, anomaly(WEB_SHOP))

    assert answered(alert, by, command="Acknowledge").status == 422
    known = answered(alert, by, command="Acknowledge", reason="a load test")
    assert (known.status, known.json["status"]) == (200, "Acknowledged")
    given = answered(alert, by, 2, command="Assign", to="Portfolio@example.com")
    assert given.json["assigned_to"] == "portfolio@example.com"
    told = ask("GET", f"/alerts/{alert.alert_id}", by=by)
    assert (told.headers["ETag"], told.json["owners"]) == ('"3"', ["portfolio@example.com"])
    done = answered(alert, staff[Role.PORTFOLIO_OWNER], 3, command="Resolve", reason="done")
    assert [one["command"] for one in done.json["answers"]] == ["Acknowledge", "Assign", "Resolve"]
    events = [one.event for one in organisation.records.chains[alert.entity]]
    assert events == [
        None,
        "SpendAlertAcknowledged",
        "SpendAlertAssigned",
        "SpendAlertResolved",
    ]


def test_an_alert_is_given_to_nobody_who_does_not_see_it(
    organisation: Organisation, by: Person
) -> None:
    organisation.hire("loans@example.com", Role.PRODUCT_OWNER, [LOANS])
    alert = raise_(organisation, anomaly(WEB_SHOP))

    for to in ("loans@example.com", "nobody@example.com"):
        refused = answered(alert, by, command="Assign", to=to)
        assert refused.status == 422
        assert "is nobody who sees this alert" in refused.json["detail"]
    assert answered(alert, by, command="Assign").status == 422
    assert answered(alert, by, command="Resolve", reason="x", to="fin@example.com").status == 422


def test_the_second_of_two_answers_is_told_what_is_there(
    organisation: Organisation, by: Person
) -> None:
    alert = raise_(organisation, anomaly(WEB_SHOP))
    answered(alert, by, command="Acknowledge", reason="mine")

    late = answered(alert, by, command="Acknowledge", reason="no, mine")

    assert (late.status, late.json["current"]["status"]) == (409, "Acknowledged")


def test_a_look_that_is_asked_for_is_on_record_as_the_event_that_starts_it(
    organisation: Organisation, by: Person, staff: dict[Role, Person]
) -> None:
    told = ask("POST", "/alerts/checks", by=by, headers=JSON, body="{}")

    assert told.status == 202
    [record] = organisation.records.chains[f"alert-check#{told.json['check_id']}"]
    assert record.event == "AlertCheckAsked"
    owner = staff[Role.PRODUCT_OWNER]
    assert ask("POST", "/alerts/checks", by=owner, headers=JSON, body="{}").status == 403


def test_a_channel_is_tried_and_says_what_became_of_each(
    organisation: Organisation, by: Person
) -> None:
    none: Any = None
    _channelled(World(none, organisation, {}), MINE)
    organisation.mails.bounces = {"desk@example.com"}

    told = ask("POST", "/alerts/channels/desk/tests", by=by, headers=JSON, body="{}").json

    assert told["results"] == [
        {
            "target": "desk@example.com",
            "is_sent": False,
            "why": "RuntimeError: desk@example.com bounces",
        },
        {"target": "chat", "is_sent": True, "why": None},
    ]
    assert ask("POST", "/alerts/channels/x/tests", by=by, headers=JSON, body="{}").status == 404


# On cards -------------------------------------------------------------------------------------------


def test_a_card_lists_the_unusual_days_of_its_product_and_week(
    organisation: Organisation, by: Person
) -> None:
    put_card(organisation)
    first = WEEK
    mine = raise_(organisation, anomaly(WEB_SHOP, first))
    raise_(organisation, anomaly(SEARCH, first))
    raise_(organisation, anomaly(WEB_SHOP, WEEK + timedelta(days=7)))
    raise_(organisation, anomaly(WEB_SHOP, first, currency="EUR"))
    answered(mine, by, command="Acknowledge", reason="a load test")

    [listed] = ask("GET", "/spend-cards", {"month": f"{first:%Y-%m}"}, by=by).json["items"]
    card = ask("GET", f"/spend-cards/{WEB_SHOP}/{first}", by=by).json

    assert listed["anomalies"] == 1
    [one] = card["anomalies"]
    assert (one["alert_id"], one["status"], one["reason"]) == (
        mine.alert_id,
        "Acknowledged",
        "a load test",
    )
    assert one["owners"] == ["product@example.com"]


# The watch ------------------------------------------------------------------------------------------


def test_the_watch_fails_where_some_part_did_and_says_how_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    door = importlib.import_module("functions.watch_spend.handler")
    asked: list[Any] = []

    def watched(at: datetime, request_id: str, **said: Any) -> Watched:
        asked.append((at, said["month"]))
        failed = (("credits", "RuntimeError: away"),) if said["month"] else ()
        return Watched(raised=("a",), sent=("mail:a@example.com",), failed=failed)

    monkeypatch.setattr(door, "watch_spend", watched)
    monkeypatch.setattr(door, "now", lambda: datetime(2026, 3, 10, tzinfo=UTC))
    ports = ("watch_sources", "alerts", "settings_kept", "outlets")
    monkeypatch.setattr(door, "wiring", SimpleNamespace(**{n: lambda: None for n in ports}))

    assert door.handler({}, context("watch_spend")) == {"raised": 1, "settled": 0, "sent": 1}
    with pytest.raises(door.WatchFailedError, match="1 parts or messages failed"):
        door.handler({"billing_period": "2026-03"}, context("watch_spend"))
    assert asked[1] == (datetime(2026, 3, 10, tzinfo=UTC), "2026-03")
